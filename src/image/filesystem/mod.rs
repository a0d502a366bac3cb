//! The read-only tree that every file system presents, and what a file is known by.

pub mod fat;
pub mod host_dir;
pub mod loose_files;
pub mod memory;
pub mod ntfs;
pub mod renamed;
pub mod volume;

use std::fmt;
use std::path::PathBuf;

use chrono::{NaiveDate, NaiveDateTime};

use crate::base::filetime::FileTime;
use crate::base::win_path::WinPath;
use crate::error::Result;
use crate::image::device::BlockDevice;

/// FILE_ATTRIBUTE_DIRECTORY.
pub const ATTRIBUTE_DIRECTORY: u32 = 0x10;
/// FILE_ATTRIBUTE_SPARSE_FILE.
pub const ATTRIBUTE_SPARSE: u32 = 0x200;
/// FILE_ATTRIBUTE_REPARSE_POINT.
pub const ATTRIBUTE_REPARSE: u32 = 0x400;
/// FILE_ATTRIBUTE_COMPRESSED.
pub const ATTRIBUTE_COMPRESSED: u32 = 0x800;
/// FILE_ATTRIBUTE_ENCRYPTED.
pub const ATTRIBUTE_ENCRYPTED: u32 = 0x4000;

/// The eight times of an NTFS file; a file system that does not give one leaves it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct FileTimes {
    /// `$STANDARD_INFORMATION` creation.
    pub si_created: Option<FileTime>,
    /// `$STANDARD_INFORMATION` modification.
    pub si_modified: Option<FileTime>,
    /// `$STANDARD_INFORMATION` change of the MFT record.
    pub si_mft_changed: Option<FileTime>,
    /// `$STANDARD_INFORMATION` access.
    pub si_accessed: Option<FileTime>,
    /// `$FILE_NAME` creation, of the long name.
    pub fn_created: Option<FileTime>,
    /// `$FILE_NAME` modification.
    pub fn_modified: Option<FileTime>,
    /// `$FILE_NAME` change of the MFT record.
    pub fn_mft_changed: Option<FileTime>,
    /// `$FILE_NAME` access.
    pub fn_accessed: Option<FileTime>,
}

/// Times on the clock of the machine, in a zone that the file system does not name: those of FAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LocalTimes {
    /// When the file was made in this directory.
    pub created: Option<NaiveDateTime>,
    /// When its content was written, to two seconds.
    pub modified: Option<NaiveDateTime>,
    /// The day on which it was opened last.
    pub accessed: Option<NaiveDate>,
}

/// A file or directory as its file system describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The name as stored (long name).
    pub name: String,
    /// The 8.3 name, if it has one of its own.
    pub short_name: Option<String>,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Length of the unnamed data stream in bytes; 0 for a directory.
    pub size_bytes: u64,
    /// FILE_ATTRIBUTE_* bits; `None` where the file system has none (a host directory).
    pub attributes: Option<u32>,
    /// The times that the file system gives.
    pub times: FileTimes,
    /// Times without a zone, on FAT.
    pub local_times: LocalTimes,
    /// Number of the MFT record, on NTFS.
    pub mft_record: Option<u64>,
    /// Reparse tag, if it is a reparse point.
    pub reparse_tag: Option<u32>,
    /// Names of alternate data streams; filled by `metadata`, left empty by `read_dir`.
    pub streams: Vec<String>,
}

impl Metadata {
    /// A directory of which nothing but the name is known.
    pub fn bare_directory(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            short_name: None,
            is_dir: true,
            size_bytes: 0,
            attributes: Some(ATTRIBUTE_DIRECTORY),
            times: FileTimes::default(),
            local_times: LocalTimes::default(),
            mft_record: None,
            reparse_tag: None,
            streams: Vec::new(),
        }
    }

    /// Whether all bits of `attribute` are set; `None` where the file system has no attributes.
    pub fn has_attribute(&self, attribute: u32) -> Option<bool> {
        self.attributes.map(|bits| bits & attribute == attribute)
    }
}

/// One entry of a directory, as the directory itself tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name as stored (long name).
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Length in bytes as the directory says; it may lag on NTFS.
    pub size_bytes: u64,
    /// FILE_ATTRIBUTE_* bits as the directory says.
    pub attributes: Option<u32>,
}

/// What the state of a volume means for what is read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeNote {
    /// A word for programs: `dirty`, `log_not_clean`, `hibernated`, `cut_off`, `mft_damaged`, `boot_sector_damaged` ...
    pub kind: &'static str,
    /// The sentence for people.
    pub text: String,
}

/// How long a volume is, and how much of it an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeExtent {
    /// Length of the volume in bytes, as its boot sector says.
    pub volume_bytes: u64,
    /// Position of the first byte that the image does not hold.
    pub held_bytes: u64,
}

impl VolumeExtent {
    /// The extent of a volume of `volume_bytes` on a device.
    pub(crate) fn new(device: &dyn BlockDevice, volume_bytes: u64) -> Self {
        Self {
            volume_bytes,
            held_bytes: device.whole_up_to(),
        }
    }

    /// The note of a volume of which the image holds only the first part.
    pub fn cut_note(self) -> Option<VolumeNote> {
        (self.held_bytes < self.volume_bytes).then(|| VolumeNote {
            kind: "cut_off",
            text: format!(
                "the image is cut off: of the {} bytes of the volume, not all from 0x{:08x} on are there",
                self.volume_bytes, self.held_bytes
            ),
        })
    }
}

/// A name in a directory, and what is known of the entry or why it could not be read.
pub type NamedMetadata = (String, Result<Metadata>);

/// A read-only file system inside the image.
///
/// Every look-up answers three ways: `Ok(Some(_))` it is there, `Ok(None)` the place is readable and it is not there,
/// `Err(_)` it could not be seen. No implementation may turn the third into the second.
pub trait FileSystem: Send + Sync + fmt::Debug {
    /// The layer as the report names it: `ntfs:3.1`, `fat:16`, `directory`, `loose`.
    fn layer(&self) -> String;

    /// What is known of the state of the volume.
    fn notes(&self) -> Vec<VolumeNote> {
        Vec::new()
    }

    /// How much of the volume the image holds; `None` for a tree that is no volume.
    fn extent(&self) -> Option<VolumeExtent> {
        None
    }

    /// The NTFS volume behind this tree, for a write path that has to know records and blocks; `None` for all others.
    fn as_ntfs(&self) -> Option<&ntfs::NtfsVolume> {
        None
    }

    /// The FAT volume behind this tree, for a write path that has to know the entries of directories; `None` for all others.
    fn as_fat(&self) -> Option<&fat::FatVolume> {
        None
    }

    /// The file or directory of the host that `path` is, where the tree is a directory of the host; `Ok(None)` for others.
    fn host_path(&self, _path: &WinPath) -> Result<Option<PathBuf>> {
        Ok(None)
    }

    /// The file of the host that stands for `path`, where that is not a file inside the image: a loose artefact named by
    /// option, or a file of a folder of loose files.
    fn origin(&self, _path: &WinPath) -> Option<String> {
        None
    }

    /// The files that the user named one by one, by their places in the installation.
    fn named_files(&self) -> Vec<WinPath> {
        Vec::new()
    }

    /// The file or directory at `path`, without following a reparse point.
    fn metadata(&self, path: &WinPath) -> Result<Option<Metadata>>;

    /// The entries of the directory at `path`, in the order of their names.
    fn read_dir(&self, path: &WinPath) -> Result<Option<Vec<DirEntry>>>;

    /// The entries of the directory at `path` with full metadata, in the order of their names. An entry that cannot be
    /// read is an error of that entry.
    fn read_dir_metadata(&self, path: &WinPath) -> Result<Option<Vec<NamedMetadata>>> {
        let Some(entries) = self.read_dir(path)? else {
            return Ok(None);
        };
        let mut list = Vec::new();
        for entry in entries {
            let child = path.child(&entry.name);
            let metadata = self.metadata(&child).and_then(|found| {
                found.ok_or_else(|| {
                    crate::error::Error::corrupt(format!(
                        "{child}: listed by its directory and not found there"
                    ))
                })
            });
            list.push((entry.name, metadata));
        }
        Ok(Some(list))
    }

    /// The unnamed data stream of the file at `path`; larger than `bytes_max` is an error, never a cut.
    fn read(&self, path: &WinPath, bytes_max: u64) -> Result<Option<Vec<u8>>>;

    /// The first `len` bytes of the file at `path`, fewer if it is shorter.
    fn read_head(&self, path: &WinPath, len: usize) -> Result<Option<Vec<u8>>>;

    /// Up to `len` bytes from `offset` of the file at `path`, fewer where it ends before.
    fn read_at(&self, path: &WinPath, offset: u64, len: usize) -> Result<Option<Vec<u8>>> {
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        let head = self.read_head(path, skipped.saturating_add(len))?;
        Ok(head.map(|bytes| bytes.get(skipped..).unwrap_or_default().to_vec()))
    }

    /// A named data stream of the file at `path`.
    fn read_stream(
        &self,
        path: &WinPath,
        _stream: &str,
        _bytes_max: u64,
    ) -> Result<Option<Vec<u8>>> {
        refuse_if_there(self, path, "alternate data streams")
    }

    /// The self-relative security descriptor of the file or directory at `path`; `Ok(None)` where the path is not there.
    /// A file system that keeps none (FAT, a host directory) answers [`crate::error::ErrorKind::Unsupported`].
    fn security_descriptor(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        refuse_if_there(self, path, "security descriptors of Windows")
    }
}

/// What a file system answers that cannot show such things: unsupported where the path is there.
fn refuse_if_there<F: FileSystem + ?Sized>(
    filesystem: &F,
    path: &WinPath,
    what: &str,
) -> Result<Option<Vec<u8>>> {
    match filesystem.metadata(path)? {
        None => Ok(None),
        Some(_) => Err(crate::error::Error::unsupported(format!(
            "{path}: a tree of kind {} shows no {what}",
            filesystem.layer()
        ))),
    }
}
