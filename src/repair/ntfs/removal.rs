//! A file that goes as a whole: what it has to be like, and what is freed.
//!
//! Its names go from the index (see `layout`); its MFT record is marked as not in use and keeps its `$FILE_NAME`, as Windows
//! leaves it; the bits of the record and of its clusters are cleared. The clusters keep their bytes. A file that something
//! elsewhere refers to by another way than its names here (a hard link, an object id, a reparse point) is refused, for that
//! would be left pointing at a free record. Order and fields: `ntfs_delete` and `ntfs_mft_record_free` of ntfs-3g.

use crate::base::bytes;
use crate::error::Error;
use crate::image::filesystem::ntfs::attribute::{self, Form};
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::record::MftRecord;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::runs;
use crate::image::filesystem::ntfs::stream::{Placement, Stream};
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::ntfs::staged::Staged;
use crate::repair::ntfs::subject::{NAME_SPACE_DOS, Subject};
use crate::repair::ntfs::touch::without_array;
use crate::repair::ntfs::tree::{Entry, Tree, name_text};

/// Most clusters of a file that is removed: 64 MiB in clusters of 512 bytes; a key file has one or none.
const CLUSTERS_MAX: u64 = 128 << 10;
/// The MFT record of `$MFT`.
const MFT_RECORD: u64 = 0;
/// The MFT record of `$Bitmap`.
const BITMAP_RECORD: u64 = 6;
/// `$BITMAP`: of `$MFT`, one bit a record.
const BITMAP: u32 = 0xb0;
/// Offsets in an MFT record: sequence number, number of names, flags.
const SEQUENCE: usize = 0x10;
const LINK_COUNT: usize = 0x12;
const FLAGS: usize = 0x16;
/// Offset of the bytes charged to a quota in `$STANDARD_INFORMATION`, which has none up to NTFS 1.2.
const QUOTA_CHARGED: usize = 0x38;
/// Record flag: in use.
const FLAG_IN_USE: u16 = 1;
/// The attributes that nothing outside the record refers to: `$STANDARD_INFORMATION`, `$FILE_NAME`, `$SECURITY_DESCRIPTOR`,
/// `$DATA`, `$EA_INFORMATION`, `$EA`.
const OWN_ATTRIBUTES: &[u32] = &[0x10, 0x30, 0x50, 0x80, 0xd0, 0xe0];

/// What goes with a file.
#[derive(Debug)]
pub(super) struct Removal {
    /// The places of its names in the order of the index.
    pub(super) places: Vec<usize>,
    /// Its MFT record.
    pub(super) record: u64,
    /// Its clusters, in ascending order.
    pub(super) clusters: Vec<u64>,
    /// What an engineer has to know.
    pub(super) warning: Option<String>,
    name: String,
}

impl Removal {
    /// Checks that the file at `place` can go, and finds all that goes with it.
    pub(super) fn check(mft: &Mft, tree: &Tree, place: usize, subject: &Subject) -> Planned<Self> {
        let entry = tree
            .at(place)
            .ok_or_else(|| Refusal::new(Gate::NotThere, "an entry that was found is gone"))?;
        let name = name_text(entry.name());
        let refuse = |gate: Gate, what: &str| Refusal::new(gate, format!("{name}: {what}"));
        check_kinds(&subject.file).map_err(|(gate, what)| refuse(gate, &what))?;
        let places = names(mft, tree, place, &subject.file)
            .map_err(|refusal| refuse(refusal.gate, &refusal.text))?;
        let clusters =
            clusters(mft, &subject.file).map_err(|refusal| refuse(refusal.gate, &refusal.text))?;
        Ok(Self {
            places,
            record: subject.file.base().number(),
            clusters,
            warning: quota(mft, &subject.file)?,
            name,
        })
    }

    /// Frees the record and its clusters.
    pub(super) fn free(&self, mft: &Mft, staged: &mut Staged) -> Planned<()> {
        let what = format!("{} is freed", self.name);
        let block = staged.record(mft, self.record, &what)?;
        free_record(block.bytes_mut())
            .ok_or_else(|| Error::corrupt(format!("MFT record {}: cut short", self.record)))?;
        let records = bitmap(mft, MFT_RECORD, BITMAP)?;
        clear(mft, staged, &records, self.record, "bitmap of MFT records")?;
        let clusters = bitmap(mft, BITMAP_RECORD, attribute::DATA)?;
        for cluster in &self.clusters {
            clear(mft, staged, &clusters, *cluster, "bitmap of clusters")?;
        }
        Ok(())
    }
}

/// The bitmap of MFT records, or of clusters.
pub(super) fn bitmaps(mft: &Mft) -> Planned<(Stream, Stream)> {
    Ok((
        bitmap(mft, MFT_RECORD, BITMAP)?,
        bitmap(mft, BITMAP_RECORD, attribute::DATA)?,
    ))
}

fn bitmap(mft: &Mft, record: u64, kind: u32) -> Planned<Stream> {
    let file = NtfsFile::open(mft, FileReference(record))?;
    let stream = file.stream(mft, kind, b"")?;
    stream.ok_or_else(|| {
        Refusal::new(
            Gate::Damaged,
            format!("MFT record {record}: has no bitmap (attribute 0x{kind:02x})"),
        )
    })
}

/// Refuses what something outside the record refers to.
fn check_kinds(file: &NtfsFile) -> Result<(), (Gate, String)> {
    let failed = |error: Error| (Gate::Damaged, error.chain());
    for attribute in file.base().attributes() {
        let attribute = attribute.map_err(failed)?;
        match attribute.kind {
            attribute::ATTRIBUTE_LIST => {
                return Err((
                    Gate::AttributeList,
                    "has an attribute list (its attributes lie in several MFT records), and such a file is not removed"
                        .to_owned(),
                ));
            }
            kind if !OWN_ATTRIBUTES.contains(&kind) => {
                return Err((
                    Gate::Referenced,
                    format!(
                        "has attribute 0x{kind:02x} (an object id, a reparse point or the like), which an index elsewhere refers to"
                    ),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The places of all names of the file; a name elsewhere is a hard link.
fn names(mft: &Mft, tree: &Tree, place: usize, file: &NtfsFile) -> Planned<Vec<usize>> {
    let own = tree
        .at(place)
        .ok_or_else(|| Refusal::new(Gate::NotThere, "is gone"))?;
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for found in file.attributes(mft, attribute::FILE_NAME)? {
        let value = found.attribute()?.resident().unwrap_or_default().to_vec();
        let is_own = Entry::identity(&value) == Entry::identity(&own.key);
        let is_partner = bytes::u8(&value, 0x41) == Some(NAME_SPACE_DOS)
            && own.name_space() == 1
            && bytes::u64_le(&value, 0) == Some(tree.directory.0);
        if !is_own && !is_partner {
            return Err(Refusal::new(
                Gate::HardLinks,
                "has further names (hard links); only a file with one name is removed",
            ));
        }
        kept.push(value);
    }
    let number = file.base().number();
    let here = tree
        .order
        .iter()
        .enumerate()
        .filter_map(|(place, id)| Some((place, tree.entries.get(*id)?)))
        .filter(|(_, entry)| entry.reference.record() == number);
    let mut places = Vec::new();
    for (place, entry) in here {
        let matching = kept
            .iter()
            .filter(|value| Entry::identity(value) == Entry::identity(&entry.key));
        if matching.count() != 1 || entry.reference != own.reference {
            return Err(Refusal::new(
                Gate::Damaged,
                format!(
                    "its directory has the name {} for it, which its record does not hold once",
                    name_text(entry.name())
                ),
            ));
        }
        places.push(place);
    }
    if places.len() != kept.len() || kept.len() > 2 {
        return Err(Refusal::new(
            Gate::Damaged,
            format!(
                "its record holds {} names of its directory, which has {} of them",
                kept.len(),
                places.len()
            ),
        ));
    }
    Ok(places)
}

/// A file that counts towards the quota of its owner is not taken off it here.
fn quota(mft: &Mft, file: &NtfsFile) -> Planned<Option<String>> {
    let found = file.attributes(mft, attribute::STANDARD_INFORMATION)?;
    let charged = match found.first() {
        Some(found) => found.attribute()?.resident().and_then(charged),
        None => None,
    };
    Ok(charged.map(|charged| {
        format!(
            "the removed file counts {charged} bytes towards the quota of its owner; that count is too high until Windows \
             scans the volume again"
        )
    }))
}

/// The bytes that `$STANDARD_INFORMATION` of NTFS 3 charges to the quota of the owner.
fn charged(value: &[u8]) -> Option<u64> {
    bytes::u64_le(value, QUOTA_CHARGED).filter(|charged| *charged != 0)
}

/// The clusters of all streams. A hole has none.
fn clusters(mft: &Mft, file: &NtfsFile) -> Planned<Vec<u64>> {
    let mut list = Vec::new();
    for found in file.select(mft, |_, _, _| true)? {
        let Form::NonResident(header) = found.attribute()?.form else {
            continue;
        };
        let extents = runs::decode(header.pairs, header.lowest_vcn, mft.geometry().clusters)
            .map_err(|what| Refusal::new(Gate::Damaged, what))?;
        for extent in extents {
            let Some(lcn) = extent.lcn else { continue };
            let so_far = u64::try_from(list.len()).unwrap_or(u64::MAX);
            if so_far.saturating_add(extent.clusters) > CLUSTERS_MAX {
                return Err(Refusal::new(
                    Gate::NotAFile,
                    format!("has more than {CLUSTERS_MAX} clusters, too many for a key file"),
                ));
            }
            list.extend(lcn..lcn.saturating_add(extent.clusters));
        }
    }
    list.sort_unstable();
    let len = list.len();
    list.dedup();
    if list.len() != len {
        return Err(Refusal::new(
            Gate::Damaged,
            "a cluster belongs to it more than once",
        ));
    }
    Ok(list)
}

/// Marks a record as free: the next sequence number, no name counted, not in use.
fn free_record(content: &mut [u8]) -> Option<()> {
    let sequence = next_sequence(bytes::u16_le(content, SEQUENCE)?);
    let flags = bytes::u16_le(content, FLAGS)? & !FLAG_IN_USE;
    for (offset, value) in [(SEQUENCE, sequence), (LINK_COUNT, 0), (FLAGS, flags)] {
        let place = content.get_mut(offset..offset.checked_add(2)?)?;
        place.copy_from_slice(&value.to_le_bytes());
    }
    Some(())
}

/// The sequence number of a record that was freed: 0 stays 0, and the largest is followed by 1.
fn next_sequence(now: u16) -> u16 {
    match now {
        0 => 0,
        u16::MAX => 1,
        other => other.saturating_add(1),
    }
}

/// Clears a bit that has to be set.
fn clear(mft: &Mft, staged: &mut Staged, bitmap: &Stream, bit: u64, what: &str) -> Planned<()> {
    let Placement::OnDisk(ranges) = bitmap.placement(bit / 8, 1)? else {
        return Err(Refusal::new(
            Gate::SystemRecord,
            format!("{what}: lies in an MFT record of the file system itself, which is kept twice"),
        ));
    };
    let position = ranges
        .first()
        .map(|range| range.position)
        .ok_or_else(|| Error::corrupt(format!("{what}: has no place")))?;
    let byte = staged.bitmap_byte(mft.device(), position, what)?;
    let mask = 1_u8 << (bit % 8);
    if *byte & mask == 0 {
        return Err(Refusal::new(
            Gate::Damaged,
            format!(
                "{what}: bit {bit} should be set and is not; let Windows check the volume (chkdsk)"
            ),
        ));
    }
    *byte &= !mask;
    Ok(())
}

/// Whether `after` is the record `before`, freed and otherwise as it was.
pub(super) fn is_freed(before: &MftRecord, after: &MftRecord) -> bool {
    let mut expected = before.block().bytes().to_vec();
    let mut found = after.block().bytes().to_vec();
    without_array(&mut expected);
    without_array(&mut found);
    free_record(&mut expected).is_some() && expected == found && !after.is_in_use()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_to_a_quota_is_seen_where_the_volume_can_hold_one() {
        let mut value = vec![0_u8; 72];
        assert_eq!(charged(&value), None);
        value[0x39] = 5;
        assert_eq!(charged(&value), Some(0x500));
        value.truncate(48);
        assert_eq!(charged(&value), None);
    }

    #[test]
    fn a_freed_record_has_the_next_sequence_number_no_name_and_no_use() {
        for (now, next) in [(0_u16, 0_u16), (1, 2), (0xfffe, 0xffff), (0xffff, 1)] {
            let mut record = vec![0x77_u8; 64];
            record[SEQUENCE..SEQUENCE + 2].copy_from_slice(&now.to_le_bytes());
            record[FLAGS..FLAGS + 2].copy_from_slice(&0x0009_u16.to_le_bytes());
            let mut expected = record.clone();
            free_record(&mut record).unwrap();
            expected[SEQUENCE..SEQUENCE + 2].copy_from_slice(&next.to_le_bytes());
            expected[LINK_COUNT..LINK_COUNT + 2].fill(0);
            expected[FLAGS] = 8;
            assert_eq!(record, expected);
        }
    }
}
