//! Which file system a volume holds: told by its first sectors.
//!
//! Those that are told apart and not read give one line that says what they are and what to do meanwhile. Signatures: the
//! boot sectors of NTFS, FAT, exFAT ("exFAT file system specification" of Microsoft), ReFS and BitLocker as published; LUKS and ext from theirs.

use std::sync::Arc;

use crate::base::bytes;
use crate::base::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, Device, read_vec};
use crate::image::filesystem::{FileSystem, fat, ntfs};

/// How many bytes of a volume are looked at to tell what it is.
const HEAD_LEN: usize = 4096;
const SECTOR_LEN: usize = 512;

/// A kind of file system.
#[derive(Debug)]
pub struct FsKind {
    /// The name, as locators show it.
    pub name: &'static str,
    /// Whether a volume that begins with these bytes is of this kind.
    pub probe: fn(&[u8]) -> bool,
    /// Opens it.
    pub open: fn(Device, &Limits) -> Result<Arc<dyn FileSystem>>,
}

/// All kinds, in the order in which they are asked.
pub static KINDS: &[&FsKind] = &[
    &BITLOCKER,
    &BITLOCKER_TO_GO,
    &EXFAT,
    &REFS,
    &LUKS,
    &NTFS,
    &fat::KIND,
    &LVM,
    &EXT,
    &XFS,
    &SWAP,
];

/// A damaged boot sector at the start leaves the copy in the last sector, which the driver asks for; see [`has_ntfs_copy`].
static NTFS: FsKind = FsKind {
    name: "ntfs",
    probe: |head| bytes::slice(head, 3, 8) == Some(b"NTFS    "),
    open: |device, _| Ok(Arc::new(ntfs::NtfsVolume::open(device)?)),
};

macro_rules! not_read {
    ($name:ident, $short:literal, $probe:expr, $kind:expr, $text:literal) => {
        static $name: FsKind = FsKind {
            name: $short,
            probe: $probe,
            open: |_, _| Err(Error::new($kind, $text)),
        };
    };
}

not_read!(
    BITLOCKER,
    "bitlocker",
    |head| bytes::slice(head, 3, 8) == Some(b"-FVE-FS-"),
    ErrorKind::Encrypted,
    "this is a volume encrypted by BitLocker, which is not supported yet; decrypt it first, for instance with dislocker, \
     and give the decrypted volume"
);
not_read!(
    BITLOCKER_TO_GO,
    "bitlocker",
    |head| bytes::slice(head, 0x1A8, 16)
        == Some(b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01"),
    ErrorKind::Encrypted,
    "this is a volume encrypted by BitLocker To Go, which is not supported yet; decrypt it first, for instance with \
     dislocker, and give the decrypted volume"
);
not_read!(
    EXFAT,
    "exfat",
    |head| bytes::slice(head, 3, 8) == Some(b"EXFAT   "),
    ErrorKind::Unsupported,
    "this is an exFAT volume, which is not supported yet; mount it read-only and give the directory"
);
not_read!(
    REFS,
    "refs",
    |head| bytes::slice(head, 3, 8) == Some(b"ReFS\0\0\0\0"),
    ErrorKind::Unsupported,
    "this is a ReFS volume, which is not supported yet; copy its Windows tree from a running Windows and give the directory"
);
not_read!(
    LUKS,
    "luks",
    |head| bytes::slice(head, 0, 6) == Some(b"LUKS\xba\xbe"),
    ErrorKind::Encrypted,
    "this is a volume encrypted by LUKS, which is not supported; open it with cryptsetup and give the opened device"
);
not_read!(
    LVM,
    "lvm",
    |head| bytes::slice(head, 512, 8) == Some(b"LABELONE"),
    ErrorKind::Unsupported,
    "this is a physical volume of Linux LVM, which holds no Windows by itself; give the logical volume"
);
not_read!(
    EXT,
    "ext",
    |head| bytes::u16_le(head, 0x438) == Some(0xEF53),
    ErrorKind::Unsupported,
    "this is an ext2, ext3 or ext4 volume of Linux, which holds no Windows"
);
not_read!(
    XFS,
    "xfs",
    |head| bytes::slice(head, 0, 4) == Some(b"XFSB"),
    ErrorKind::Unsupported,
    "this is an XFS volume of Linux, which holds no Windows"
);
not_read!(
    SWAP,
    "linux-swap",
    |head| bytes::slice(head, 4086, 10) == Some(b"SWAPSPACE2"),
    ErrorKind::Unsupported,
    "this is a swap area of Linux, which holds no Windows"
);

/// The kind of file system that a volume holds.
///
/// # Errors
/// A volume whose first sectors cannot be read.
pub fn recognise(device: &dyn BlockDevice) -> Result<Option<&'static FsKind>> {
    let len = usize::try_from(device.len_bytes())
        .unwrap_or(usize::MAX)
        .min(HEAD_LEN);
    let head = match read_vec(device, 0, len) {
        // A volume that was cut off may still have its first sector.
        Err(error) if error.kind() == ErrorKind::OutOfBounds => {
            read_vec(device, 0, len.min(SECTOR_LEN))?
        }
        head => head?,
    };
    Ok(KINDS.iter().find(|kind| (kind.probe)(&head)).copied())
}

/// Whether the last sector is the copy that NTFS keeps of its boot sector. On a whole disk it may be that of the last
/// partition, so a disk is asked only after its partition table was.
pub fn has_ntfs_copy(device: &dyn BlockDevice) -> bool {
    let Some(at) = device.len_bytes().checked_sub(512) else {
        return false;
    };
    read_vec(device, at, SECTOR_LEN).is_ok_and(|sector| (NTFS.probe)(&sector))
}

/// Opens the file system of a volume.
///
/// # Errors
/// A volume that holds none that is known here, or one that is not read or cannot be.
pub fn open(device: &Device, limits: &Limits) -> Result<Arc<dyn FileSystem>> {
    match recognise(device.as_ref())? {
        Some(kind) => (kind.open)(Arc::clone(device), limits),
        None if has_ntfs_copy(device.as_ref()) => (NTFS.open)(Arc::clone(device), limits),
        None => Err(Error::new(
            ErrorKind::InvalidFormat,
            "no file system is recognised here: looked for NTFS, FAT, exFAT, ReFS, BitLocker, LUKS, LVM, ext, XFS and swap",
        )),
    }
}
