//! A file system in memory: collectors are tested on it with the few files they need.

use std::collections::BTreeMap;

use crate::base::win_path::{WinPath, fold_name};
use crate::error::{Error, ErrorKind, Result};
use crate::image::filesystem::{DirEntry, FileSystem, FileTimes, LocalTimes, Metadata};

/// A file of [`MemoryFileSystem`].
#[derive(Debug, Clone)]
struct File {
    path: WinPath,
    content: Result2,
    attributes: u32,
    times: FileTimes,
    security: Option<Vec<u8>>,
}

/// Content, or the error that reading it gives.
type Result2 = std::result::Result<Vec<u8>, (ErrorKind, String)>;

/// Files by path; directories exist where a file lies below them or where they were added.
#[derive(Debug, Default)]
pub struct MemoryFileSystem {
    files: BTreeMap<String, File>,
    directories: BTreeMap<String, WinPath>,
    broken_directories: BTreeMap<String, (ErrorKind, String)>,
}

impl MemoryFileSystem {
    /// An empty file system.
    pub fn new() -> Self {
        let mut fs = Self::default();
        fs.add_parents(&WinPath::root());
        fs
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.add(path, Ok(content.into()));
        self
    }

    /// Adds a file that cannot be read.
    #[must_use]
    pub fn broken_file(mut self, path: &str, kind: ErrorKind, text: &str) -> Self {
        self.add(path, Err((kind, text.to_owned())));
        self
    }

    /// Adds an empty directory.
    #[must_use]
    pub fn directory(mut self, path: &str) -> Self {
        let path = WinPath::new(path);
        self.add_parents(&path);
        self.directories.insert(key(&path), path);
        self
    }

    /// Adds a directory that cannot be listed.
    #[must_use]
    pub fn broken_directory(self, path: &str, kind: ErrorKind, text: &str) -> Self {
        let mut fs = self.directory(path);
        fs.broken_directories
            .insert(key(&WinPath::new(path)), (kind, text.to_owned()));
        fs
    }

    /// Sets attributes, times and security descriptor of a file that was added before.
    #[must_use]
    pub fn with(
        mut self,
        path: &str,
        attributes: u32,
        times: FileTimes,
        security: Option<Vec<u8>>,
    ) -> Self {
        if let Some(file) = self.files.get_mut(&key(&WinPath::new(path))) {
            file.attributes = attributes;
            file.times = times;
            file.security = security;
        }
        self
    }

    fn add(&mut self, path: &str, content: Result2) {
        let path = WinPath::new(path);
        self.add_parents(&path);
        let file = File {
            path: path.clone(),
            content,
            attributes: 0x20,
            times: FileTimes::default(),
            security: None,
        };
        self.files.insert(key(&path), file);
    }

    fn add_parents(&mut self, path: &WinPath) {
        let mut parent = path.parent();
        self.directories
            .entry(String::new())
            .or_insert_with(WinPath::root);
        while let Some(directory) = parent {
            parent = directory.parent();
            self.directories.entry(key(&directory)).or_insert(directory);
        }
    }
}

fn key(path: &WinPath) -> String {
    fold_name(&path.to_string())
}

impl FileSystem for MemoryFileSystem {
    fn layer(&self) -> String {
        "memory".to_owned()
    }

    fn metadata(&self, path: &WinPath) -> Result<Option<Metadata>> {
        let key = key(path);
        if let Some(file) = self.files.get(&key) {
            let size = file.content.as_ref().map_or(0, Vec::len);
            return Ok(Some(Metadata {
                name: file.path.file_name().unwrap_or("").to_owned(),
                short_name: None,
                is_dir: false,
                size_bytes: u64::try_from(size).unwrap_or(u64::MAX),
                attributes: Some(file.attributes),
                times: file.times,
                local_times: LocalTimes::default(),
                mft_record: None,
                reparse_tag: None,
                streams: Vec::new(),
            }));
        }
        Ok(self
            .directories
            .get(&key)
            .map(|directory| Metadata::bare_directory(directory.file_name().unwrap_or(""))))
    }

    fn read_dir(&self, path: &WinPath) -> Result<Option<Vec<DirEntry>>> {
        if !self.directories.contains_key(&key(path)) {
            return Ok(None);
        }
        if let Some((kind, text)) = self.broken_directories.get(&key(path)) {
            return Err(Error::new(*kind, text.clone()));
        }
        let paths = self
            .files
            .values()
            .map(|file| &file.path)
            .chain(self.directories.values());
        let mut names: Vec<String> = paths
            .filter(|candidate| {
                candidate
                    .parent()
                    .is_some_and(|parent| parent.eq_ignore_case(path))
            })
            .filter_map(|candidate| candidate.file_name().map(str::to_owned))
            .collect();
        names.sort_by_key(|name| fold_name(name));
        let mut entries = Vec::new();
        for name in names {
            if let Some(metadata) = self.metadata(&path.child(&name))? {
                entries.push(DirEntry {
                    name,
                    is_dir: metadata.is_dir,
                    size_bytes: metadata.size_bytes,
                    attributes: metadata.attributes,
                });
            }
        }
        Ok(Some(entries))
    }

    fn read(&self, path: &WinPath, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.files.get(&key(path)) else {
            return Ok(None);
        };
        match &file.content {
            Ok(bytes) if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max => {
                Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "{path}: {} bytes, at most {bytes_max} are read",
                        bytes.len()
                    ),
                ))
            }
            Ok(bytes) => Ok(Some(bytes.clone())),
            Err((kind, text)) => Err(Error::new(*kind, text.clone())),
        }
    }

    fn read_head(&self, path: &WinPath, len: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.read(path, u64::MAX)?.map(|mut bytes| {
            bytes.truncate(len);
            bytes
        }))
    }

    fn security_descriptor(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        match self.files.get(&key(path)) {
            None => Ok(None),
            Some(file) => file.security.clone().map(Some).ok_or_else(|| {
                Error::unsupported(format!(
                    "{path}: this file system keeps no security descriptors"
                ))
            }),
        }
    }
}
