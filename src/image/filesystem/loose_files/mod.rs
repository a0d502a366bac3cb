//! Loose artefacts: single files and folders, shown at the places where a Windows installation has them.
//!
//! The Windows folder is called `WINDOWS`. What was not given is not absent: every other path answers
//! [`ErrorKind::NotFound`], which a fact reports as `not_provided`. With a base (artefacts named beside an image) every
//! other path is asked of the image. The places:
//!
//! - a hive: `system32\config\NAME`, and its logs `NAME.LOG`, `.LOG1`, `.LOG2` beside it, from the folder of the hive;
//! - a metabase: `system32\inetsrv\MetaBase.xml` or `MetaBase.bin`, or `system32\inetsrv\config\applicationHost.config`,
//!   as its content tells; beside an image that has it not there, or where the content tells nothing, wherever the image
//!   has one;
//! - minioc.inf: `inf\minioc.inf`;
//! - an event log: `system32\config\NAME` for the old format and `system32\winevt\Logs\NAME` for the new one;
//! - the folder of machine keys: every path that ends in `Microsoft\Crypto\RSA\MachineKeys` and lies in the data of all
//!   users as the SOFTWARE hive's age has it: below `ProgramData` where SOFTWARE names that folder, or is not given, and
//!   otherwise anywhere outside of the Windows folder and of `ProgramData` (profile folders have localised names).

mod folder;
mod places;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::limits::Limits;
use crate::base::win_path::{WinPath, eq_name, fold_name};
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::ReadCounter;
use crate::image::filesystem::host_dir::HostDir;
use crate::image::filesystem::{DirEntry, FileSystem, Metadata, NamedMetadata};
use crate::image::host::path_text;
use crate::image::source::LooseArtifacts;

use places::Collected;

/// The Windows folder of a set of loose artefacts.
pub fn system_root() -> WinPath {
    WinPath::new("WINDOWS")
}

/// The installation of an image that loose artefacts are laid over.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its file system.
    pub filesystem: Arc<dyn FileSystem>,
    /// Its Windows folder.
    pub system_root: WinPath,
}

/// Loose artefacts as a file system.
#[derive(Debug)]
pub struct LooseFiles {
    base: Option<Base>,
    files: BTreeMap<String, Place>,
    key_folder: Option<KeyFolder>,
}

/// A place at which an artefact is shown.
#[derive(Debug)]
struct Place {
    path: WinPath,
    /// The folder of the host that holds the file, and its name there; `None` where the folder was looked into and has it not.
    file: Option<(Arc<HostDir>, WinPath)>,
    shown_as: String,
}

/// The folder of machine keys.
#[derive(Debug)]
struct KeyFolder {
    directory: HostDir,
    shown_as: PathBuf,
    rule: KeyFolderRule,
}

/// At which paths the folder of machine keys is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyFolderRule {
    /// Below `ProgramData`.
    ProgramData,
    /// Anywhere but below the Windows folder and `ProgramData`.
    AllUsers,
    /// At these paths: where the image has it, from the root of the volume and from the folder that holds the Windows folder.
    At(Vec<WinPath>),
}

/// The end of the path of the folder of machine keys.
const KEYS_TAIL: [&str; 4] = ["Microsoft", "Crypto", "RSA", "MachineKeys"];

/// What a path means here.
enum Meaning<'a> {
    File(&'a Place),
    Folder,
    Keys(&'a KeyFolder, WinPath),
    Base(&'a Base),
    NotGiven,
}

impl LooseFiles {
    /// The artefacts that were named by option, over an installation or alone.
    ///
    /// # Errors
    /// An artefact that was named and is not there.
    pub fn from_options(
        artifacts: &LooseArtifacts,
        base: Option<Base>,
        limits: Limits,
        counter: &Arc<ReadCounter>,
    ) -> Result<Self> {
        let mut collected = Collected::new(limits, Arc::clone(counter));
        collected.add_options(artifacts, base.as_ref())?;
        Self::new(collected, base)
    }

    /// The artefacts of a folder that holds hives directly, or `None` if it holds none.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn from_folder(
        path: &std::path::Path,
        limits: Limits,
        counter: &Arc<ReadCounter>,
    ) -> Result<Option<Self>> {
        let Some(artifacts) = folder::recognise(path, &limits)? else {
            return Ok(None);
        };
        let mut collected = Collected::new(limits, Arc::clone(counter));
        collected.add_options(&artifacts, None)?;
        Self::new(collected, None).map(Some)
    }

    fn new(collected: Collected, base: Option<Base>) -> Result<Self> {
        let root = base
            .as_ref()
            .map_or_else(system_root, |base| base.system_root.clone());
        let mut files = BTreeMap::new();
        let names_program_data = collected.software_names_program_data()?;
        for found in collected.files {
            let path = root.join(&found.tail);
            let place = Place {
                path: path.clone(),
                file: found.file,
                shown_as: found.shown_as,
            };
            files.insert(key(&path), place);
        }
        let key_folder = collected.key_folder.map(|(directory, shown_as)| {
            let rule = match &base {
                Some(base) => KeyFolderRule::At(key_folders_in(base)),
                None if names_program_data == Some(false) => KeyFolderRule::AllUsers,
                None => KeyFolderRule::ProgramData,
            };
            KeyFolder {
                directory,
                shown_as,
                rule,
            }
        });
        Ok(Self {
            base,
            files,
            key_folder,
        })
    }

    fn meaning(&self, path: &WinPath) -> Meaning<'_> {
        if let Some(place) = self.files.get(&key(path)) {
            return Meaning::File(place);
        }
        if let Some(folder) = &self.key_folder
            && let Some(inside) = folder.inside(path)
        {
            return Meaning::Keys(folder, inside);
        }
        if let Some(base) = &self.base {
            return Meaning::Base(base);
        }
        let is_parent = self
            .files
            .values()
            .filter(|place| place.file.is_some())
            .any(|place| is_above(path, &place.path));
        if is_parent {
            Meaning::Folder
        } else {
            Meaning::NotGiven
        }
    }
}

impl KeyFolder {
    /// The path inside the folder that `path` means, if it lies in it.
    fn inside(&self, path: &WinPath) -> Option<WinPath> {
        let parts = path.components();
        for depth in [parts.len(), parts.len().checked_sub(1)?] {
            let (head, tail) = parts.split_at_checked(depth)?;
            let first = depth.checked_sub(KEYS_TAIL.len())?;
            let ends = head.get(first..)?.iter().zip(KEYS_TAIL);
            if ends.clone().all(|(part, wanted)| eq_name(part, wanted)) && self.applies(head) {
                let inside = WinPath::root();
                return Some(tail.iter().fold(inside, |path, part| path.child(part)));
            }
        }
        None
    }

    fn applies(&self, folder: &[String]) -> bool {
        let first = folder.first().map_or("", String::as_str);
        match &self.rule {
            KeyFolderRule::ProgramData => eq_name(first, "ProgramData"),
            KeyFolderRule::AllUsers => !eq_name(first, "ProgramData") && !eq_name(first, "WINDOWS"),
            KeyFolderRule::At(places) => places.iter().any(|place| {
                folder.len() == place.components().len()
                    && folder
                        .iter()
                        .zip(place.components())
                        .all(|(a, b)| eq_name(a, b))
            }),
        }
    }
}

/// The folder of machine keys of an installation, below the root of the volume and below the folder that holds its tree.
fn key_folders_in(base: &Base) -> Vec<WinPath> {
    let mut roots = vec![WinPath::root()];
    roots.extend(base.system_root.parent().filter(|root| !root.is_root()));
    roots.iter().map(|root| keys_below(base, root)).collect()
}

/// The first of the usual places below `root` that the image has, else the last.
fn keys_below(base: &Base, root: &WinPath) -> WinPath {
    let tail = KEYS_TAIL.join("\\");
    let mut candidates = vec![root.child("ProgramData").join(&tail)];
    for profiles in ["Documents and Settings", "Dokumente und Einstellungen"] {
        for data in ["Application Data", "Anwendungsdaten"] {
            let folder = root.child(profiles).join("All Users").child(data);
            candidates.push(folder.join(&tail));
        }
    }
    let is_there = |path: &&WinPath| matches!(base.filesystem.metadata(path), Ok(Some(_)));
    candidates
        .iter()
        .find(is_there)
        .or_else(|| {
            let depth = root.components().len();
            let has_top = |path: &&WinPath| {
                path.components()
                    .get(depth)
                    .is_some_and(|top| is_there(&&root.child(top)))
            };
            candidates.iter().find(has_top)
        })
        .cloned()
        .unwrap_or_else(|| root.child("ProgramData").join(&tail))
}

fn key(path: &WinPath) -> String {
    fold_name(&path.to_string())
}

/// Whether `above` is a folder in which `path` lies, at any depth.
fn is_above(above: &WinPath, path: &WinPath) -> bool {
    above.components().len() < path.components().len()
        && above
            .components()
            .iter()
            .zip(path.components())
            .all(|(a, b)| eq_name(a, b))
}

fn not_given(path: &WinPath) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("{path}: was not among the files that were given"),
    )
}

impl FileSystem for LooseFiles {
    fn layer(&self) -> String {
        match &self.base {
            Some(base) => base.filesystem.layer(),
            None => "loose".to_owned(),
        }
    }

    fn origin(&self, path: &WinPath) -> Option<String> {
        match self.meaning(path) {
            Meaning::File(place) => Some(place.shown_as.clone()),
            Meaning::Keys(folder, inside) => {
                let mut shown = folder.shown_as.clone();
                shown.extend(inside.components());
                Some(path_text(&shown))
            }
            Meaning::Base(base) => base.filesystem.origin(path),
            Meaning::Folder | Meaning::NotGiven => None,
        }
    }

    fn named_files(&self) -> Vec<WinPath> {
        self.files
            .values()
            .filter(|place| place.file.is_some())
            .map(|place| place.path.clone())
            .collect()
    }

    fn metadata(&self, path: &WinPath) -> Result<Option<Metadata>> {
        match self.meaning(path) {
            Meaning::File(place) => {
                let Some((directory, name)) = &place.file else {
                    return Ok(None);
                };
                let found = directory.metadata(name)?;
                Ok(found.map(|metadata| Metadata {
                    name: place.path.file_name().unwrap_or("").to_owned(),
                    reparse_tag: None,
                    ..metadata
                }))
            }
            Meaning::Keys(folder, inside) if inside.is_root() => Ok(folder
                .directory
                .metadata(&inside)?
                .map(|metadata| Metadata {
                    name: path.file_name().unwrap_or("").to_owned(),
                    ..metadata
                })),
            Meaning::Keys(folder, inside) => folder.directory.metadata(&inside),
            Meaning::Base(base) => base.filesystem.metadata(path),
            Meaning::Folder => Ok(Some(Metadata {
                attributes: None,
                ..Metadata::bare_directory(path.file_name().unwrap_or(""))
            })),
            Meaning::NotGiven => Err(not_given(path)),
        }
    }

    fn read_dir(&self, path: &WinPath) -> Result<Option<Vec<DirEntry>>> {
        match self.meaning(path) {
            Meaning::Keys(folder, inside) => folder.directory.read_dir(&inside),
            Meaning::Base(base) => base.filesystem.read_dir(path),
            Meaning::File(place) if place.file.is_some() => Ok(None),
            // Only some of its files were given, so what else a folder holds is not known.
            Meaning::File(_) | Meaning::Folder | Meaning::NotGiven => Err(not_given(path)),
        }
    }

    fn read_dir_metadata(&self, path: &WinPath) -> Result<Option<Vec<NamedMetadata>>> {
        match self.meaning(path) {
            Meaning::Keys(folder, inside) => folder.directory.read_dir_metadata(&inside),
            Meaning::Base(base) => base.filesystem.read_dir_metadata(path),
            Meaning::File(_) | Meaning::Folder | Meaning::NotGiven => Err(not_given(path)),
        }
    }

    fn read(&self, path: &WinPath, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        match self.meaning(path) {
            Meaning::File(Place {
                file: Some((directory, name)),
                ..
            }) => directory.read(name, bytes_max),
            Meaning::File(_) | Meaning::Folder => Ok(None),
            Meaning::Keys(folder, inside) => folder.directory.read(&inside, bytes_max),
            Meaning::Base(base) => base.filesystem.read(path, bytes_max),
            Meaning::NotGiven => Err(not_given(path)),
        }
    }

    fn read_head(&self, path: &WinPath, len: usize) -> Result<Option<Vec<u8>>> {
        self.read_at(path, 0, len)
    }

    fn read_at(&self, path: &WinPath, offset: u64, len: usize) -> Result<Option<Vec<u8>>> {
        match self.meaning(path) {
            Meaning::File(Place {
                file: Some((directory, name)),
                ..
            }) => directory.read_at(name, offset, len),
            Meaning::File(_) | Meaning::Folder => Ok(None),
            Meaning::Keys(folder, inside) => folder.directory.read_at(&inside, offset, len),
            Meaning::Base(base) => base.filesystem.read_at(path, offset, len),
            Meaning::NotGiven => Err(not_given(path)),
        }
    }

    fn read_stream(&self, path: &WinPath, stream: &str, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        match self.meaning(path) {
            Meaning::Base(base) => base.filesystem.read_stream(path, stream, bytes_max),
            Meaning::NotGiven => Err(not_given(path)),
            _ => Err(Error::unsupported(format!(
                "{path}: a file of the host shows no alternate data streams"
            ))),
        }
    }

    fn security_descriptor(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        match self.meaning(path) {
            Meaning::Base(base) => base.filesystem.security_descriptor(path),
            Meaning::NotGiven => Err(not_given(path)),
            _ => Err(Error::unsupported(format!(
                "{path}: a file of the host shows no security descriptor of Windows"
            ))),
        }
    }
}
