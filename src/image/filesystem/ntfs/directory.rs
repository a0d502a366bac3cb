//! A directory: look-up and listing of names over its `$I30` index.
//!
//! Names that are equal but for case can stand side by side (POSIX name space): the exact name wins, and without one the
//! look-up is refused, not answered with the first.

use std::collections::BTreeSet;

use crate::base::utf16;
use crate::error::{Error, ErrorKind, Result};
use crate::image::filesystem::ntfs::attribute::FILE_NAME;
use crate::image::filesystem::ntfs::block::ProtectedBlock;
use crate::image::filesystem::ntfs::cache::Cache;
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::index::Index;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::names::{FileName, NAME_OFFSET};
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::upcase::UpcaseTable;

/// `$I30` in UTF-16LE: the name of the index of names.
pub const INDEX_NAME: &[u8] = b"$\0I\x003\x000\0";
/// Collation rule of names.
const COLLATION_FILE_NAME: u32 = 1;
/// Most entries of one directory.
const ENTRIES_MAX: usize = 2_000_000;

/// An opened directory.
#[derive(Debug)]
pub struct Directory {
    reference: FileReference,
    index: Index,
}

/// A name of a directory and the file it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The file.
    pub file: FileReference,
    /// The directory.
    pub parent: FileReference,
    /// The name, UTF-16LE.
    pub name: Vec<u8>,
    /// Whether it is the 8.3 partner of a long name.
    pub is_dos: bool,
    /// Whether the directory says it is a directory.
    pub is_directory: bool,
    /// Length of the unnamed stream, as the directory says.
    pub size: u64,
    /// FILE_ATTRIBUTE_* bits, as the directory says.
    pub attributes: u32,
}

impl Link {
    fn new(file: FileReference, name: &FileName<'_>) -> Self {
        Self {
            file,
            parent: name.parent,
            name: name.name.to_vec(),
            is_dos: name.is_dos(),
            is_directory: name.is_directory(),
            size: name.size,
            attributes: name.file_attributes(),
        }
    }

    /// The name as text.
    pub fn text(&self) -> String {
        utf16::decode_le(&self.name)
    }
}

fn is_file_name(key: &[u8]) -> bool {
    FileName::parse(key, true).is_some()
}

fn name_of(key: &[u8]) -> &[u8] {
    key.get(NAME_OFFSET..).unwrap_or_default()
}

impl Directory {
    /// Opens the directory whose file is `file`; a file that is none is refused.
    pub fn open(mft: &Mft, file: &NtfsFile) -> Result<Self> {
        let number = file.base().number();
        let index = Index::open(mft, file, INDEX_NAME, is_file_name)?.ok_or_else(|| {
            Error::corrupt(format!("MFT record {number}: directory without $I30 index"))
        })?;
        let (kind, collation) = index.kind();
        if kind != FILE_NAME || collation != COLLATION_FILE_NAME {
            return Err(Error::corrupt(format!(
                "MFT record {number}: $I30 should index 0x30 by rule 1, indexes 0x{kind:02x} by rule {collation}"
            )));
        }
        Ok(Self {
            reference: file.reference(),
            index,
        })
    }

    /// The directory's own reference.
    pub fn reference(&self) -> FileReference {
        self.reference
    }

    /// The index of names.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Looks up a name (UTF-16LE) without regard to case, long or 8.3.
    pub fn find(
        &self,
        mft: &Mft,
        cache: &Cache<ProtectedBlock>,
        upcase: &UpcaseTable,
        name: &[u8],
    ) -> Result<Option<Link>> {
        let order = |a: &[u8], b: &[u8]| upcase.compare(name_of(a), name_of(b));
        let target = |key: &[u8]| upcase.compare(name_of(key), name);
        let hits = self.index.find(mft, cache, &order, &target)?;
        let mut links = Vec::new();
        for hit in &hits {
            let key = FileName::parse(&hit.key, true)
                .ok_or_else(|| Error::corrupt("index key is no $FILE_NAME"))?;
            self.check_parent(hit.reference, &key)?;
            links.push(Link::new(hit.reference, &key));
        }
        if let Some(exact) = links.iter().find(|link| link.name == name) {
            return Ok(Some(exact.clone()));
        }
        let files: BTreeSet<FileReference> = links.iter().map(|link| link.file).collect();
        if files.len() > 1 {
            return Err(Error::unsupported(format!(
                "{}: {} names of directory {} differ from it in case only",
                utf16::decode_le(name),
                links.len(),
                self.reference
            )));
        }
        links.sort_by_key(|link| link.is_dos);
        Ok(links.into_iter().next())
    }

    /// All names in their order, without the name `.` that the root directory has in itself; an 8.3 name is left out where its file has a long one here.
    pub fn list(
        &self,
        mft: &Mft,
        cache: &Cache<ProtectedBlock>,
        upcase: &UpcaseTable,
    ) -> Result<Vec<Link>> {
        let order = |a: &[u8], b: &[u8]| upcase.compare(name_of(a), name_of(b));
        let mut links: Vec<Link> = Vec::new();
        let mut dos_names = 0_usize;
        self.index.walk(mft, cache, &order, &mut |file, key| {
            let key = FileName::parse(key, true)
                .ok_or_else(|| Error::corrupt("index key is no $FILE_NAME"))?;
            self.check_parent(file, &key)?;
            if links.len() >= ENTRIES_MAX {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "directory {}: more than {ENTRIES_MAX} entries",
                        self.reference
                    ),
                ));
            }
            if file == self.reference {
                return Ok(());
            }
            let link = Link::new(file, &key);
            if links.last().is_some_and(|last| last.name == link.name) {
                return Err(Error::corrupt(format!(
                    "directory {}: the name {} is there twice",
                    self.reference,
                    link.text()
                )));
            }
            dos_names = dos_names.saturating_add(usize::from(link.is_dos));
            links.push(link);
            Ok(())
        })?;
        if dos_names > 0 {
            let long: BTreeSet<FileReference> = links
                .iter()
                .filter(|link| !link.is_dos)
                .map(|link| link.file)
                .collect();
            links.retain(|link| !link.is_dos || !long.contains(&link.file));
        }
        Ok(links)
    }

    /// Checks that the key of an entry says it belongs here.
    fn check_parent(&self, file: FileReference, key: &FileName<'_>) -> Result<()> {
        let parent = key.parent;
        let fits = parent.record() == self.reference.record()
            && (parent.sequence() == 0 || parent.sequence() == self.reference.sequence());
        if fits {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "index entry {} of file {file}: parent should be {}, is {parent}",
            utf16::decode_le(key.name),
            self.reference
        )))
    }
}
