//! NTFS, read-only: versions 1.2, 3.0 and 3.1, all cluster, sector and record sizes.
//!
//! Our own locator, codecs and streams: the `ntfs` crate returns shortened or raw content for files with an attribute list
//! and for compressed files, and gives up on a fragmented MFT. What can't be read is named and never guessed: EFS, WOF,
//! deduplicated files and every other reparse point whose stream is not its content. The codecs undo and redo fix-ups and
//! tell positions on disk, so that a write path can build on them.
//!
//! Layout: `layout.h` of ntfs-3g; measured on volumes that mkntfs, ntfs-3g, Linux ntfs3 and Windows wrote.

pub mod attribute;
mod batch;
pub mod block;
pub mod boot_sector;
pub mod cache;
pub mod description;
pub mod directory;
pub mod encrypted;
pub mod file;
pub mod index;
pub mod log_file;
pub mod lznt1;
pub mod mft;
pub mod names;
pub mod record;
pub mod reference;
pub mod reparse;
pub mod runs;
pub mod security;
pub mod security_stream;
pub mod state;
pub mod stream;
pub mod upcase;

use std::sync::Arc;

use crate::base::utf16;
use crate::base::win_path::WinPath;
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::Device;
use crate::image::filesystem::ntfs::block::ProtectedBlock;
use crate::image::filesystem::ntfs::boot_sector::BootSector;
use crate::image::filesystem::ntfs::cache::Cache;
use crate::image::filesystem::ntfs::description::Described;
use crate::image::filesystem::ntfs::directory::{Directory, Link};
use crate::image::filesystem::ntfs::encrypted::Encrypted;
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::security_stream::{StoredDescriptor, Walked};
use crate::image::filesystem::ntfs::state::VolumeInformation;
use crate::image::filesystem::ntfs::stream::Stream;
use crate::image::filesystem::ntfs::upcase::{UPCASE_BYTES, UpcaseTable};
use crate::image::filesystem::{
    ATTRIBUTE_ENCRYPTED, ATTRIBUTE_REPARSE, DirEntry, FileSystem, Metadata, VolumeExtent,
    VolumeNote,
};

/// The MFT record of the root directory.
const ROOT_RECORD: u64 = 5;
/// The MFT record of `$UpCase`.
const UPCASE_RECORD: u64 = 10;
/// Directories kept open.
const DIRECTORIES_CACHED: usize = 64;
/// Index blocks kept in memory.
const BLOCKS_CACHED: usize = 256;

/// An opened NTFS volume.
#[derive(Debug)]
pub struct NtfsVolume {
    mft: Mft,
    upcase: UpcaseTable,
    information: VolumeInformation,
    boot_sector_is_backup: bool,
    directories: Cache<Directory>,
    blocks: Cache<ProtectedBlock>,
}

/// A file that a path led to, and the name that led to it; the root has none.
#[derive(Debug, Clone)]
pub struct Located {
    /// The file.
    pub file: NtfsFile,
    /// The name in its directory.
    pub link: Option<Link>,
}

impl NtfsVolume {
    /// Opens the volume that fills `device`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidFormat`] if neither the first nor the last sector is of NTFS, [`ErrorKind::Encrypted`] for
    /// BitLocker, [`ErrorKind::Corrupt`] if the MFT, `$Volume` or `$UpCase` can't be found from either boot sector.
    #[expect(clippy::needless_pass_by_value, reason = "a volume owns its device")]
    pub fn open(device: Device) -> Result<Self> {
        let mut first_error = None;
        for boot_sector in boot_sector::find(device.as_ref())? {
            match Self::open_with(device.clone(), boot_sector) {
                Ok(volume) => return Ok(volume),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error
            .unwrap_or_else(|| Error::new(ErrorKind::InvalidFormat, "no NTFS boot sector")))
    }

    fn open_with(device: Device, boot_sector: BootSector) -> Result<Self> {
        let mft = Mft::open(device, boot_sector.geometry)?;
        let information = VolumeInformation::read(&mft)?;
        let upcase = NtfsFile::open(&mft, FileReference(UPCASE_RECORD))?
            .stream(&mft, attribute::DATA, b"")?
            .ok_or_else(|| Error::corrupt("$UpCase: has no $DATA"))?
            .read_all(mft.device().as_ref(), UPCASE_BYTES)?;
        Ok(Self {
            upcase: UpcaseTable::parse(&upcase)?,
            mft,
            information,
            boot_sector_is_backup: boot_sector.is_backup,
            directories: Cache::new(DIRECTORIES_CACHED),
            blocks: Cache::new(BLOCKS_CACHED),
        })
    }

    /// The MFT, for a write path.
    pub fn mft(&self) -> &Mft {
        &self.mft
    }

    /// Version and flags of the volume.
    pub fn information(&self) -> VolumeInformation {
        self.information
    }

    /// The order of names on this volume.
    pub fn upcase(&self) -> &UpcaseTable {
        &self.upcase
    }

    /// The file or directory at `path`.
    ///
    /// # Errors
    /// A reparse point on the way (a junction) is [`ErrorKind::Unsupported`]: what is behind it was not looked at.
    pub fn locate(&self, path: &WinPath) -> Result<Option<Located>> {
        self.locate_inner(path)
            .map_err(|error| error.at(path_text(path)))
    }

    fn locate_inner(&self, path: &WinPath) -> Result<Option<Located>> {
        let mut at = Located {
            file: NtfsFile::open(&self.mft, FileReference(ROOT_RECORD))?,
            link: None,
        };
        for component in path.components() {
            if let Some(tag) = self.reparse_tag(&at.file)? {
                return Err(Error::unsupported(format!(
                    "{} is a reparse point (tag 0x{tag:08x}, {}) and is not followed",
                    at.link.as_ref().map_or_else(String::new, Link::text),
                    reparse::tag_name(tag)
                )));
            }
            if !at.file.base().is_directory() {
                return Ok(None);
            }
            let directory = self.directory(&at.file)?;
            let name = utf16::encode_le(component);
            let Some(link) = directory.find(&self.mft, &self.blocks, &self.upcase, &name)? else {
                if component.contains(char::REPLACEMENT_CHARACTER) {
                    return Err(Error::unsupported(format!(
                        "{component}: a name with U+FFFD may stand for one that is no valid UTF-16"
                    )));
                }
                return Ok(None);
            };
            at = self.open_link(link)?;
        }
        Ok(Some(at))
    }

    fn open_link(&self, link: Link) -> Result<Located> {
        let file = NtfsFile::open(&self.mft, link.file)
            .map_err(|error| error.at(format_args!("index entry {}", link.text())))?;
        description::check_link(&self.mft, &file, &link)?;
        Ok(Located {
            file,
            link: Some(link),
        })
    }

    /// The opened index of a directory.
    pub fn directory(&self, file: &NtfsFile) -> Result<Arc<Directory>> {
        let number = file.base().number();
        if let Some(directory) = self.directories.get(number) {
            return Ok(directory);
        }
        let directory = Arc::new(Directory::open(&self.mft, file)?);
        self.directories.put(number, directory.clone());
        Ok(directory)
    }

    fn reparse_tag(&self, file: &NtfsFile) -> Result<Option<u32>> {
        description::reparse_tag(&self.mft, file)
    }

    /// The stream of a file that its content is read from: not encrypted, not replaced by a reparse point.
    ///
    /// # Errors
    /// [`ErrorKind::Encrypted`] for EFS, [`ErrorKind::Unsupported`] for a reparse point, if the unnamed stream is asked for.
    pub fn content(&self, file: &NtfsFile, name: &[u8]) -> Result<Option<Stream>> {
        let number = file.base().number();
        let standard = description::standard_information(&self.mft, file)?;
        if standard.attributes & ATTRIBUTE_ENCRYPTED != 0 {
            return Err(Error::new(
                ErrorKind::Encrypted,
                format!("MFT record {number}: encrypted by EFS"),
            ));
        }
        if name.is_empty() {
            if let Some(tag) = self.reparse_tag(file)? {
                return Err(Error::unsupported(format!(
                    "MFT record {number}: content is behind a reparse point (tag 0x{tag:08x}, {})",
                    reparse::tag_name(tag)
                )));
            }
            if standard.attributes & ATTRIBUTE_REPARSE != 0 {
                return Err(Error::corrupt(format!(
                    "MFT record {number}: marked as a reparse point and has none"
                )));
            }
        }
        file.stream(&self.mft, attribute::DATA, name)
    }

    /// The unnamed stream of the file at `path`; `None` if there is no file.
    pub fn file_content(&self, path: &WinPath) -> Result<Option<Stream>> {
        let Some(located) = self.locate(path)? else {
            return Ok(None);
        };
        if located.file.base().is_directory() {
            return Ok(None);
        }
        let content = self.content(&located.file, b"").and_then(|stream| {
            stream.ok_or_else(|| {
                Error::corrupt(format!(
                    "MFT record {}: file without unnamed $DATA",
                    located.file.base().number()
                ))
            })
        });
        content.map(Some).map_err(|error| error.at(path_text(path)))
    }

    /// The name of a stream as the file has it, for a name in any case.
    fn stream_name(&self, file: &NtfsFile, wanted: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut equal = Vec::new();
        for part in file.select(&self.mft, |kind, name, vcn| {
            kind == attribute::DATA && vcn == 0 && !name.is_empty()
        })? {
            let name = part.attribute()?.name.to_vec();
            if name == wanted {
                return Ok(Some(name));
            }
            if self.upcase.compare(&name, wanted).is_eq() {
                equal.push(name);
            }
        }
        if equal.len() > 1 {
            return Err(Error::unsupported(format!(
                "{}: {} streams differ from it in case only",
                utf16::decode_le(wanted),
                equal.len()
            )));
        }
        Ok(equal.pop())
    }

    fn descriptor_of(&self, file: &NtfsFile) -> Result<Vec<u8>> {
        let standard = description::standard_information(&self.mft, file)?;
        if let Some(id) = standard.security_id {
            return security::descriptor(&self.mft, &self.blocks, id);
        }
        file.stream(&self.mft, attribute::SECURITY_DESCRIPTOR, b"")?
            .ok_or_else(|| {
                Error::corrupt(format!(
                    "MFT record {}: has neither a security id nor $SECURITY_DESCRIPTOR",
                    file.base().number()
                ))
            })?
            .read_all(self.mft.device().as_ref(), DESCRIPTOR_BYTES_MAX)
    }

    /// Shows every security descriptor that `$Secure` keeps to `visit`, those that no file uses any more included.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] before NTFS 3.0, which keeps them with each file; [`ErrorKind::LimitExceeded`] where
    /// `$SDS` holds more than `bytes_max` bytes of them.
    pub fn stored_descriptors(
        &self,
        bytes_max: u64,
        visit: &mut dyn FnMut(&StoredDescriptor<'_>),
    ) -> Result<Walked> {
        if self.information.major < 3 {
            return Err(Error::unsupported(format!(
                "{} keeps the security descriptor of each file in its record, which are not all read",
                self.layer()
            )));
        }
        security_stream::walk(&self.mft, bytes_max, visit)
    }

    /// The files that EFS encrypts, over all records of the MFT.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] where the MFT is larger than `bytes_max`.
    pub fn encrypted_files(&self, bytes_max: u64) -> Result<Encrypted> {
        encrypted::find(&self.mft, bytes_max)
    }

    fn hibernation_note(&self) -> Option<VolumeNote> {
        let path = WinPath::new("hiberfil.sys");
        let head = self.file_content(&path).and_then(|stream| {
            let Some(stream) = stream else {
                return Ok(None);
            };
            let len = usize::try_from(stream.size().min(4096)).unwrap_or(0);
            let head = stream.read_vec(self.mft.device().as_ref(), 0, len)?;
            Ok(Some((head, stream.size())))
        });
        match head {
            Ok(None) => None,
            Ok(Some((head, size))) => state::hibernation_note(&head, size),
            Err(error) => Some(state::note(
                "hibernation_unknown",
                format!("hiberfil.sys can't be read: {}", error.chain()),
            )),
        }
    }
}

/// Longest security descriptor in an attribute.
const DESCRIPTOR_BYTES_MAX: u64 = 256 << 10;

fn path_text(path: &WinPath) -> String {
    if path.is_root() {
        return "root directory".to_owned();
    }
    path.to_string()
}

impl FileSystem for NtfsVolume {
    fn as_ntfs(&self) -> Option<&NtfsVolume> {
        Some(self)
    }

    fn layer(&self) -> String {
        format!("ntfs:{}.{}", self.information.major, self.information.minor)
    }

    fn notes(&self) -> Vec<VolumeNote> {
        let mut notes = Vec::new();
        if self.boot_sector_is_backup {
            notes.push(state::note(
                "boot_sector_damaged",
                "the boot sector is damaged; its copy in the last sector was read",
            ));
        }
        notes.extend(self.extent().and_then(VolumeExtent::cut_note));
        notes.extend(state::mirror_notes(&self.mft));
        notes.extend(self.information.notes());
        notes.extend(state::log_note(&self.mft));
        notes.extend(self.hibernation_note());
        notes.extend(state::shadow_copy_note(self.mft.device().as_ref()));
        notes
    }

    fn extent(&self) -> Option<VolumeExtent> {
        let geometry = self.mft.geometry();
        let bytes = geometry.clusters.saturating_mul(geometry.cluster_bytes);
        Some(VolumeExtent::new(self.mft.device().as_ref(), bytes))
    }

    fn metadata(&self, path: &WinPath) -> Result<Option<Metadata>> {
        let Some(located) = self.locate(path)? else {
            return Ok(None);
        };
        Described::new(&self.mft, located.file)
            .and_then(|file| description::describe(&self.mft, &file, located.link.as_ref()))
            .map(Some)
            .map_err(|error| error.at(path_text(path)))
    }

    fn read_dir(&self, path: &WinPath) -> Result<Option<Vec<DirEntry>>> {
        let links = self.list(path)?;
        Ok(links.map(|links| {
            links
                .iter()
                .map(|link| DirEntry {
                    name: link.text(),
                    is_dir: link.is_directory,
                    size_bytes: if link.is_directory { 0 } else { link.size },
                    attributes: Some(link.attributes),
                })
                .collect()
        }))
    }

    fn read_dir_metadata(&self, path: &WinPath) -> Result<Option<Vec<(String, Result<Metadata>)>>> {
        let links = self.list(path)?;
        Ok(links.map(|links| batch::describe_all(&self.mft, &links)))
    }

    fn read(&self, path: &WinPath, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let Some(stream) = self.file_content(path)? else {
            return Ok(None);
        };
        stream
            .read_all(self.mft.device().as_ref(), bytes_max)
            .map(Some)
            .map_err(|error| error.at(path_text(path)))
    }

    fn read_head(&self, path: &WinPath, len: usize) -> Result<Option<Vec<u8>>> {
        self.read_at(path, 0, len)
    }

    fn read_at(&self, path: &WinPath, offset: u64, len: usize) -> Result<Option<Vec<u8>>> {
        let Some(stream) = self.file_content(path)? else {
            return Ok(None);
        };
        let offset = offset.min(stream.size());
        let rest = stream.size().saturating_sub(offset);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(len);
        stream
            .read_vec(self.mft.device().as_ref(), offset, len)
            .map(Some)
            .map_err(|error| error.at(path_text(path)))
    }

    fn read_stream(&self, path: &WinPath, stream: &str, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let Some(located) = self.locate(path)? else {
            return Ok(None);
        };
        let content = || {
            let wanted = utf16::encode_le(stream);
            let Some(name) = self.stream_name(&located.file, &wanted)? else {
                return Ok(None);
            };
            let Some(content) = self.content(&located.file, &name)? else {
                return Ok(None);
            };
            content
                .read_all(self.mft.device().as_ref(), bytes_max)
                .map(Some)
        };
        content().map_err(|error: Error| error.at(format_args!("{}:{stream}", path_text(path))))
    }

    fn security_descriptor(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        let Some(located) = self.locate(path)? else {
            return Ok(None);
        };
        self.descriptor_of(&located.file)
            .map(Some)
            .map_err(|error| error.at(path_text(path)))
    }
}

impl NtfsVolume {
    /// The names of the directory at `path`, in their order; `None` if there is no directory.
    fn list(&self, path: &WinPath) -> Result<Option<Vec<Link>>> {
        let Some(located) = self.locate(path)? else {
            return Ok(None);
        };
        let list = || {
            if let Some(tag) = self.reparse_tag(&located.file)? {
                return Err(Error::unsupported(format!(
                    "a reparse point (tag 0x{tag:08x}, {}), which is not followed",
                    reparse::tag_name(tag)
                )));
            }
            if !located.file.base().is_directory() {
                return Ok(None);
            }
            let directory = self.directory(&located.file)?;
            directory
                .list(&self.mft, &self.blocks, &self.upcase)
                .map(Some)
        };
        list().map_err(|error: Error| error.at(path_text(path)))
    }
}
