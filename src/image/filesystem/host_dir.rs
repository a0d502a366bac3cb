//! A directory of the host that holds a Windows tree: a mounted volume, or one that was copied file by file.
//!
//! Windows compares names without case and the host does not: a name is taken as it is written where the host has it so,
//! and otherwise the one name that differs in case only; two of those are an error, for either could be meant. The host
//! gives neither NTFS times, nor attributes, nor security descriptors, and none of them is made up.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::base::limits::Limits;
use crate::base::win_path::{WinPath, fold_name};
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::ReadCounter;
use crate::image::filesystem::{DirEntry, FileSystem, FileTimes, LocalTimes, Metadata};
use crate::image::host::note_read;
use crate::image::host::{HostEntry, HostEntryKind, HostTree, is_plain_name, path_text};

/// IO_REPARSE_TAG_SYMLINK, given for a symbolic link of the host.
const TAG_SYMLINK: u32 = 0xA000_000C;
/// Most entries of all listings that are kept together.
const CACHED_ENTRIES_MAX: usize = 200_000;

/// A directory of the host as a file system of the image.
#[derive(Debug)]
pub struct HostDir {
    tree: HostTree,
    entries_max: usize,
    counter: Arc<ReadCounter>,
    listings: Mutex<Listings>,
}

#[derive(Debug, Default)]
struct Listings {
    by_path: BTreeMap<PathBuf, Arc<Listing>>,
    entries: usize,
}

/// The names of a directory, by their folded form.
#[derive(Debug, Default)]
struct Listing {
    entries: Vec<HostEntry>,
    by_folded: BTreeMap<String, Vec<usize>>,
}

impl HostDir {
    /// The tree below the directory at `path`.
    ///
    /// # Errors
    /// A directory that cannot be opened.
    pub fn open(path: &Path, limits: &Limits, counter: Arc<ReadCounter>) -> Result<Self> {
        Ok(Self {
            tree: HostTree::open(path)?,
            entries_max: limits.directory_entries_max,
            counter,
            listings: Mutex::default(),
        })
    }

    /// The host path below the directory that `path` stands for, or `None` if it is not there.
    fn resolve(&self, path: &WinPath) -> Result<Option<PathBuf>> {
        let mut host = PathBuf::new();
        for name in path.components() {
            let exact = OsString::from(name);
            if !is_plain_name(&exact) {
                return Ok(None);
            }
            let candidate = host.join(&exact);
            if self.is_there(&candidate)? {
                host = candidate;
                continue;
            }
            let Some(listing) = self.listing(&host)? else {
                return Ok(None);
            };
            match listing.find(name, &host, self.tree.path())? {
                Some(found) => host.push(found),
                None => return Ok(None),
            }
        }
        Ok(Some(host))
    }

    /// Whether a name is there exactly so, as a file, a directory or a link.
    fn is_there(&self, candidate: &Path) -> Result<bool> {
        Ok(self.tree.is_link(candidate)? || self.tree.entry(candidate)?.is_some())
    }

    fn listing(&self, host: &Path) -> Result<Option<Arc<Listing>>> {
        let mut kept = self
            .listings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(listing) = kept.by_path.get(host) {
            return Ok(Some(Arc::clone(listing)));
        }
        match self.tree.entry(host)? {
            Some(entry) if entry.kind == HostEntryKind::Directory => {}
            _ => return Ok(None),
        }
        let Some(entries) = self.tree.list(host, self.entries_max)? else {
            return Ok(None);
        };
        let listing = Arc::new(Listing::new(entries));
        if kept.entries.saturating_add(listing.entries.len()) > CACHED_ENTRIES_MAX {
            *kept = Listings::default();
        }
        kept.entries = kept.entries.saturating_add(listing.entries.len());
        kept.by_path.insert(host.to_owned(), Arc::clone(&listing));
        Ok(Some(listing))
    }

    fn describe(&self, host: &Path) -> Result<Option<Metadata>> {
        let Some(entry) = self.tree.entry(host)? else {
            return Ok(None);
        };
        let is_link = self.tree.is_link(host)?;
        Ok(Some(Metadata {
            name: entry.name.to_string_lossy().into_owned(),
            short_name: None,
            is_dir: entry.kind == HostEntryKind::Directory,
            size_bytes: entry.len_bytes,
            attributes: None,
            times: FileTimes::default(),
            local_times: LocalTimes::default(),
            mft_record: None,
            reparse_tag: is_link.then_some(TAG_SYMLINK),
            streams: Vec::new(),
        }))
    }

    fn read_at_most(&self, path: &WinPath, wanted: Wanted) -> Result<Option<Vec<u8>>> {
        let Some(host) = self.resolve(path)? else {
            return Ok(None);
        };
        let Some((file, len_bytes)) = self.tree.open_file(&host)? else {
            return Ok(None);
        };
        note_read(&file);
        let len = match wanted {
            Wanted::All { bytes_max } if len_bytes > bytes_max => {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!("{path}: {len_bytes} bytes, at most {bytes_max} are read"),
                ));
            }
            Wanted::All { .. } => usize::try_from(len_bytes).unwrap_or(usize::MAX),
            Wanted::Part { offset, len } => usize::try_from(len_bytes.saturating_sub(offset))
                .unwrap_or(usize::MAX)
                .min(len),
        };
        let offset = match wanted {
            Wanted::All { .. } => 0,
            Wanted::Part { offset, .. } => offset,
        };
        let mut bytes = vec![0; len];
        self.counter.add(len);
        file.read_exact_at(&mut bytes, offset).map_err(|error| {
            Error::with_source(
                ErrorKind::Io,
                format!("{}: {len} bytes at 0x{offset:08x}", path_text(&host)),
                error,
            )
        })?;
        Ok(Some(bytes))
    }
}

/// How much of a file is wanted.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    All { bytes_max: u64 },
    Part { offset: u64, len: usize },
}

impl Listing {
    fn new(entries: Vec<HostEntry>) -> Self {
        let mut by_folded: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            if let Some(name) = entry.name.to_str() {
                by_folded.entry(fold_name(name)).or_default().push(index);
            }
        }
        Self { entries, by_folded }
    }

    /// The one name that is `name` but for its case.
    fn find(&self, name: &str, host: &Path, root: &Path) -> Result<Option<OsString>> {
        let same = self.by_folded.get(&fold_name(name));
        let names: Vec<&OsString> = same
            .into_iter()
            .flatten()
            .filter_map(|index| self.entries.get(*index).map(|entry| &entry.name))
            .collect();
        match names.as_slice() {
            [] => Ok(None),
            [single] => Ok(Some((*single).clone())),
            several => {
                let texts: Vec<String> = several
                    .iter()
                    .map(|name| name.to_string_lossy().into_owned())
                    .collect();
                Err(Error::unsupported(format!(
                    "{}: {} differ in case only, and {name} could be either",
                    path_text(&root.join(host)),
                    texts.join(" and ")
                )))
            }
        }
    }
}

impl FileSystem for HostDir {
    fn layer(&self) -> String {
        "directory".to_owned()
    }

    fn host_path(&self, path: &WinPath) -> Result<Option<PathBuf>> {
        let host = self.resolve(path)?;
        Ok(host.map(|host| self.tree.path().join(host)))
    }

    fn metadata(&self, path: &WinPath) -> Result<Option<Metadata>> {
        match self.resolve(path)? {
            Some(host) => self.describe(&host),
            None => Ok(None),
        }
    }

    fn read_dir(&self, path: &WinPath) -> Result<Option<Vec<DirEntry>>> {
        let Some(host) = self.resolve(path)? else {
            return Ok(None);
        };
        let Some(listing) = self.listing(&host)? else {
            return Ok(None);
        };
        let mut entries: Vec<DirEntry> = listing
            .entries
            .iter()
            .map(|entry| DirEntry {
                name: entry.name.to_string_lossy().into_owned(),
                is_dir: entry.kind == HostEntryKind::Directory,
                size_bytes: entry.len_bytes,
                attributes: None,
            })
            .collect();
        entries.sort_by_cached_key(|entry| (fold_name(&entry.name), entry.name.clone()));
        Ok(Some(entries))
    }

    fn read(&self, path: &WinPath, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        self.read_at_most(path, Wanted::All { bytes_max })
    }

    fn read_head(&self, path: &WinPath, len: usize) -> Result<Option<Vec<u8>>> {
        self.read_at(path, 0, len)
    }

    fn read_at(&self, path: &WinPath, offset: u64, len: usize) -> Result<Option<Vec<u8>>> {
        self.read_at_most(path, Wanted::Part { offset, len })
    }
}
