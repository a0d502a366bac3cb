//! The state of the volume: dirty flag, log, hibernation, damage that was worked around.
//!
//! Each can mean that what is read is not what Windows would see. What cannot be determined gets a note of its own.

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::device::{BlockDevice, read_vec};
use crate::image::filesystem::VolumeNote;
use crate::image::filesystem::ntfs::attribute::{DATA, VOLUME_INFORMATION};
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::log_file::{self, LogState};
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::reference::FileReference;

/// The MFT record of `$LogFile`.
const LOG_FILE_RECORD: u64 = 2;
/// The MFT record of `$Volume`.
const VOLUME_RECORD: u64 = 3;

/// Flags of `$VOLUME_INFORMATION`, the word of their note and what they say.
const VOLUME_FLAGS: [(u16, &str, &str); 7] = [
    (
        0x0001,
        "dirty",
        "the volume is marked dirty: Windows would check it at the next start",
    ),
    (
        0x0002,
        "resize_log",
        "the volume is marked for a new size of its log",
    ),
    (
        0x0004,
        "upgrade_on_mount",
        "the volume is marked to be upgraded by the next Windows that mounts it",
    ),
    (
        0x0010,
        "delete_usn_underway",
        "the change journal of the volume is being deleted",
    ),
    (
        0x0020,
        "repair_object_ids",
        "the object ids of the volume are marked for repair",
    ),
    (
        0x4000,
        "chkdsk_underway",
        "a check of the volume was begun and not ended",
    ),
    (0x8000, "modified_by_chkdsk", "chkdsk changed the volume"),
];

/// Version and flags of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeInformation {
    /// Major version.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
    /// VOLUME_* flags.
    pub flags: u16,
}

impl VolumeInformation {
    /// Reads it from record 3; versions other than 1.2, 3.0 and 3.1 are refused.
    pub fn read(mft: &Mft) -> Result<Self> {
        let volume = NtfsFile::open(mft, FileReference(VOLUME_RECORD))?;
        let found = volume.attributes(mft, VOLUME_INFORMATION)?;
        let parsed = match found.first() {
            Some(part) => part.attribute()?.resident().and_then(Self::parse),
            None => None,
        };
        let parsed = parsed
            .ok_or_else(|| Error::corrupt("$Volume: $VOLUME_INFORMATION is missing or damaged"))?;
        match (parsed.major, parsed.minor) {
            (1, 2) | (3, 0 | 1) => Ok(parsed),
            (major, minor) => Err(Error::unsupported(format!(
                "$Volume: NTFS version should be 1.2, 3.0 or 3.1, is {major}.{minor}"
            ))),
        }
    }

    fn parse(value: &[u8]) -> Option<Self> {
        Some(Self {
            major: bytes::u8(value, 8)?,
            minor: bytes::u8(value, 9)?,
            flags: bytes::u16_le(value, 0x0a)?,
        })
    }

    /// A note for each flag that is set.
    pub fn notes(self) -> Vec<VolumeNote> {
        VOLUME_FLAGS
            .iter()
            .filter(|(flag, _, _)| self.flags & flag != 0)
            .map(|(_, kind, text)| note(kind, *text))
            .collect()
    }
}

/// Makes a note.
pub fn note(kind: &'static str, text: impl Into<String>) -> VolumeNote {
    VolumeNote {
        kind,
        text: text.into(),
    }
}

/// The note of the log; none if it is clean.
pub fn log_note(mft: &Mft) -> Option<VolumeNote> {
    let head = read_log_head(mft);
    match head.map(|head| log_file::judge(&head)) {
        Ok(LogState::Clean) => None,
        Ok(LogState::InUse) => Some(note(
            "log_not_clean",
            "$LogFile is not clean: changes may be pending that Windows would make at the next start",
        )),
        Ok(LogState::FastStart) => Some(note(
            "log_not_clean",
            "$LogFile is of version 2.0: Windows was shut down by fast start and keeps changes in its hibernated session",
        )),
        Ok(LogState::Damaged) => Some(note(
            "log_not_clean",
            "$LogFile has no restart page that can be read",
        )),
        Err(error) => Some(note(
            "log_not_clean",
            format!("$LogFile can't be read: {}", error.chain()),
        )),
    }
}

fn read_log_head(mft: &Mft) -> Result<Vec<u8>> {
    let log = NtfsFile::open(mft, FileReference(LOG_FILE_RECORD))?;
    let stream = log
        .stream(mft, DATA, b"")?
        .ok_or_else(|| Error::corrupt("$LogFile: has no $DATA"))?;
    let len = usize::try_from(stream.size())
        .unwrap_or(usize::MAX)
        .min(log_file::HEAD_BYTES);
    stream.read_vec(mft.device().as_ref(), 0, len)
}

/// The notes of MFT records that were read from the copy, or whose copy differs.
pub fn mirror_notes(mft: &Mft) -> Vec<VolumeNote> {
    let mut notes = Vec::new();
    let from_mirror = mft.records_from_mirror();
    for number in 0..4_u64 {
        if from_mirror.contains(&number) {
            notes.push(note(
                "mft_damaged",
                format!("MFT record {number} is damaged; its copy in $MFTMirr was read"),
            ));
            continue;
        }
        let text = match (mft.record(number), mft.mirror_record(number)) {
            (Ok(first), Ok(copy)) if first.block().bytes() == copy.block().bytes() => continue,
            (Ok(_), Ok(_)) => format!("MFT record {number} differs from its copy in $MFTMirr"),
            (Ok(_), Err(error)) => format!("$MFTMirr: {}", error.chain()),
            (Err(error), _) => error.to_string(),
        };
        notes.push(note("mft_damaged", text));
    }
    notes
}

/// What the head of `hiberfil.sys` says; `None` if Windows was not hibernated.
pub fn hibernation_note(head: &[u8], size: u64) -> Option<VolumeNote> {
    let signature = head.get(..4).unwrap_or_default();
    if matches!(signature, b"hibr" | b"HIBR" | b"RSTR") {
        return Some(note(
            "hibernated",
            "hiberfil.sys holds a hibernated session: the volume is not as Windows left it on disk",
        ));
    }
    if matches!(signature, b"wake" | b"WAKE")
        || (size >= 4096 && head.iter().all(|byte| *byte == 0))
    {
        return None;
    }
    let text = if size < 4096 {
        format!("hiberfil.sys has {size} bytes: Windows may be hibernated on another volume")
    } else {
        format!(
            "hiberfil.sys begins with \"{}\": whether Windows is hibernated is unknown",
            signature.escape_ascii()
        )
    };
    Some(note("hibernation_unknown", text))
}

/// The note of a volume that holds shadow copies (Volume Snapshot Service): the header at 0x1E00 begins with the
/// identifier of VSS, 3808876b-c176-4e48-b7ae-04046e6cc752 ("Volume Shadow Snapshot format" of libvshadow).
pub fn shadow_copy_note(device: &dyn BlockDevice) -> Option<VolumeNote> {
    const HEADER: u64 = 0x1E00;
    const VSS: [u8; 16] = [
        0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e, 0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7,
        0x52,
    ];
    match read_vec(device, HEADER, VSS.len()) {
        Ok(found) if found == VSS => Some(note(
            "shadow_copies",
            "the volume holds shadow copies (VSS), which are not read; what is said is of the volume as it stands, \
             and vshadowmount gives the copies as volumes of their own",
        )),
        Ok(_) => None,
        Err(error) => Some(note(
            "shadow_copies_unknown",
            format!(
                "whether the volume holds shadow copies could not be seen: {}",
                error.chain()
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::device::MemoryDevice;

    #[test]
    fn shadow_copies_are_told_by_their_header_and_an_unreadable_place_is_not_none() {
        let mut bytes = vec![0; 0x2000];
        let kind = |bytes: &[u8]| {
            shadow_copy_note(&MemoryDevice::new(bytes.to_vec())).map(|note| note.kind)
        };
        assert_eq!(kind(&bytes), None);
        let identifier = 0x3808_876b_u32.to_le_bytes();
        bytes[0x1E00..0x1E04].copy_from_slice(&identifier);
        assert_eq!(kind(&bytes), None);
        bytes[0x1E04..0x1E10].copy_from_slice(b"\x76\xc1\x48\x4e\xb7\xae\x04\x04\x6e\x6c\xc7\x52");
        assert_eq!(kind(&bytes), Some("shadow_copies"));
        assert_eq!(kind(&bytes[..0x1E08]), Some("shadow_copies_unknown"));
    }

    fn check(head: &[u8], expected: Option<&str>) {
        let mut page = vec![0_u8; 4096];
        page[..head.len()].copy_from_slice(head);
        assert_eq!(
            hibernation_note(&page, 1 << 30).map(|note| note.kind),
            expected
        );
    }

    #[test]
    fn the_head_of_the_hibernation_file_tells_the_session() {
        check(b"hibr", Some("hibernated"));
        check(b"HIBR", Some("hibernated"));
        check(b"wake", None);
        check(b"", None);
        check(b"\x81\x81\x81\x81", Some("hibernation_unknown"));
        assert!(hibernation_note(&[], 0).is_some());
    }

    #[test]
    fn every_volume_flag_has_its_note() {
        let information = VolumeInformation {
            major: 3,
            minor: 1,
            flags: 0xffff,
        };
        let kinds: Vec<_> = information
            .notes()
            .into_iter()
            .map(|note| note.kind)
            .collect();
        assert_eq!(kinds.len(), VOLUME_FLAGS.len());
        assert_eq!(kinds.first(), Some(&"dirty"));
    }
}
