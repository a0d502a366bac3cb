//! A Windows installation found on a volume, by its hives and not by the name of its folder.

use std::sync::Arc;

use crate::base::limits::Limits;
use crate::base::win_path::WinPath;
use crate::evidence::Locator;
use crate::image::filesystem::{ATTRIBUTE_REPARSE, DirEntry, FileSystem};

/// One Windows tree.
#[derive(Debug, Clone)]
pub struct Installation {
    /// Its number in the image, from 0, in the order of volumes and then of names.
    pub index: usize,
    /// The Windows folder, from the root of its volume: `WINNT`, `WINDOWS`.
    pub system_root: WinPath,
    /// The file system that holds it.
    pub filesystem: Arc<dyn FileSystem>,
    /// The chain of layers from what the user named down to that file system.
    pub locator: Locator,
    /// The chain as the report lists it: `file`, `vhd:dynamic`, `mbr:1`, `ntfs:3.1`.
    pub layers: Vec<String>,
    /// The disk that holds the volume, where there is one.
    pub disk: Option<DiskFacts>,
    /// The Windows folders of the other installations on this volume: what lies beside them may be theirs.
    pub neighbours: Vec<WinPath>,
}

/// What a disk says of itself that a fact compares with the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFacts {
    /// The disk signature of the MBR at 0x1B8, if there is an MBR.
    pub mbr_signature: Option<u32>,
    /// Number of partitions that hold data.
    pub partitions: usize,
    /// Where the installation's partition starts on its disk, in bytes.
    pub partition_start_bytes: u64,
}

impl Installation {
    /// The place of a path inside the installation's volume, or the file of the host that stands for it.
    pub fn place(&self, path: &WinPath) -> Locator {
        match self.filesystem.origin(path) {
            Some(host_file) => Locator::new(host_file),
            None => self.locator.step(path),
        }
    }

    /// A path below the Windows folder.
    pub fn windows(&self, tail: &str) -> WinPath {
        self.system_root.join(tail)
    }
}

/// What a search of a volume for installations gave.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The Windows folders, in the order of their names.
    pub(crate) system_roots: Vec<WinPath>,
    /// What was noticed: a folder that could not be seen, an old installation.
    pub(crate) notes: Vec<String>,
}

/// Where the hives of an installation lie, below its Windows folder.
const CONFIG: &str = "system32\\config";
/// Either of these makes a folder a Windows folder, whatever its bytes are.
const HIVES: [&str; 2] = ["SYSTEM", "SOFTWARE"];
/// Most folders below the folders of the root that are asked for hives; each costs a record and an index block.
const SECOND_LEVEL_MAX: usize = 500;
/// A folder of the root with more folders than this holds data, and is not searched for installations that were put aside.
const SUBFOLDERS_MAX: usize = 64;

/// Finds the Windows folders of a volume: its root, the folders of its root, and the folders below those.
pub(crate) fn find(filesystem: &dyn FileSystem, limits: &Limits) -> Found {
    let mut found = Found::default();
    let root = WinPath::root();
    found.ask(filesystem, &root);
    if !found.system_roots.is_empty() {
        return found;
    }
    let first = found.folders(filesystem, &root, limits);
    let mut others = Vec::new();
    for folder in first {
        if !found.ask(filesystem, &folder) {
            others.push(folder);
        }
    }
    let mut asked = 0_usize;
    let mut data: Vec<WinPath> = Vec::new();
    for parent in others {
        let folders = found.folders(filesystem, &parent, limits);
        if folders.len() > SUBFOLDERS_MAX {
            data.push(parent);
            continue;
        }
        for folder in folders {
            asked = asked.saturating_add(1);
            if asked > SECOND_LEVEL_MAX {
                found.notes.push(format!(
                    "more than {SECOND_LEVEL_MAX} folders on the second level; those from {folder} on were not searched for \
                     Windows installations"
                ));
                found.note_data(&data);
                found.sort();
                return found;
            }
            if found.ask(filesystem, &folder) {
                found.notes.push(format!(
                    "{folder} is not a folder of the root: an installation that an upgrade has put aside, or a copy"
                ));
            }
        }
    }
    found.note_data(&data);
    found.sort();
    found
}

impl Found {
    /// One note for all folders that were left out as data.
    fn note_data(&mut self, folders: &[WinPath]) {
        let Some(first) = folders.first() else {
            return;
        };
        self.notes.push(format!(
            "{} folders of the root hold more than {SUBFOLDERS_MAX} folders each and were not searched for Windows \
             installations below them (the first is {first})",
            folders.len()
        ));
    }

    fn sort(&mut self) {
        self.system_roots
            .sort_by_cached_key(|path| crate::base::win_path::fold_name(&path.to_string()));
    }

    /// Whether `folder` is a Windows folder; if so it is taken down.
    fn ask(&mut self, filesystem: &dyn FileSystem, folder: &WinPath) -> bool {
        let config = folder.join(CONFIG);
        match filesystem.metadata(&config) {
            Ok(Some(metadata)) if metadata.is_dir => {}
            Ok(_) => return false,
            Err(error) => {
                self.notes.push(format!(
                    "{config} could not be seen, so it is not known whether it holds hives: {}",
                    error.chain()
                ));
                return false;
            }
        }
        // A hive that is there and cannot be described is still a hive that is there.
        let is_windows = HIVES.iter().any(|name| {
            !matches!(filesystem.metadata(&config.child(name)), Ok(None))
                && !matches!(filesystem.metadata(&config.child(name)), Ok(Some(found)) if found.is_dir)
        });
        if is_windows {
            self.system_roots.push(folder.clone());
        }
        is_windows
    }

    /// The folders in `parent` that are no reparse points.
    fn folders(
        &mut self,
        filesystem: &dyn FileSystem,
        parent: &WinPath,
        limits: &Limits,
    ) -> Vec<WinPath> {
        match filesystem.read_dir(parent) {
            Ok(entries) => entries
                .unwrap_or_default()
                .into_iter()
                .filter(|entry| entry.is_dir && !is_reparse_point(entry))
                .take(limits.tree_entries_max)
                .map(|entry| parent.child(&entry.name))
                .filter(|path| !is_of_ntfs(path))
                .collect(),
            Err(error) => {
                let place = if parent.is_root() {
                    "the root folder".to_owned()
                } else {
                    parent.to_string()
                };
                self.notes.push(format!(
                    "{place} could not be listed, so installations in it are not seen: {}",
                    error.chain()
                ));
                Vec::new()
            }
        }
    }
}

fn is_reparse_point(entry: &DirEntry) -> bool {
    entry
        .attributes
        .is_some_and(|bits| bits & ATTRIBUTE_REPARSE != 0)
}

/// Whether the folder is one of the file system's own, which cannot hold an installation.
fn is_of_ntfs(path: &WinPath) -> bool {
    path.file_name()
        .is_some_and(|name| name == "." || name == "$Extend")
}
