//! The `web.config` files below the folders of the sites, within a bound.
//!
//! A site may hold millions of files, so only folders are walked and only files of that one name are read. What the search
//! leaves out (a folder on another volume or a server, a link, what lies behind the bound) is said and not taken for empty.

use std::collections::{BTreeSet, VecDeque};

use crate::artifact::metabase::encrypted_values;
use crate::base::win_path::{WinPath, fold_name};
use crate::evidence::{Evidence, Locator, Unknown, UnknownReason};
use crate::facts::Context;
use crate::facts::machine_keys::iis_config::FileValues;
use crate::facts::machine_keys::volume_path::on_volume;
use crate::image::filesystem::DirEntry;

/// How far a search goes, all sites together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Most folders that are walked.
    pub(crate) folders: usize,
    /// Most `web.config` files that are read.
    pub(crate) files: usize,
}

/// The bounds of every run.
pub(crate) const BOUNDS: Bounds = Bounds {
    folders: 10_000,
    files: 1_000,
};
/// FILE_ATTRIBUTE_REPARSE_POINT.
const ATTRIBUTE_REPARSE: u32 = 0x400;
const WEB_CONFIG: &str = "web.config";

/// What the search found.
#[derive(Debug, Default)]
pub(crate) struct WebConfigs {
    /// Files with encrypted values.
    pub(crate) files: Vec<FileValues>,
    /// The folders of sites that were searched, and the files that were read.
    pub(crate) searched: Vec<Evidence>,
    /// The first place that was not searched.
    pub(crate) unsearched: Option<Unknown>,
}

/// Searches the folders that the configuration at `place` names, and keeps at most `values_max` values of all files.
pub(crate) fn search(
    context: &Context<'_>,
    folders: &[String],
    place: &Locator,
    values_max: usize,
    bounds: Bounds,
) -> WebConfigs {
    let mut search = Search {
        context,
        bounds,
        found: WebConfigs::default(),
        queue: VecDeque::new(),
        seen: BTreeSet::new(),
        files: 0,
        values_left: values_max,
    };
    for folder in folders {
        match on_volume(context, folder, place) {
            Err(unknown) => search.not_searched(unknown),
            Ok(path) => search.start(path),
        }
    }
    search.run();
    search.found
}

struct Search<'c, 'i> {
    context: &'c Context<'i>,
    bounds: Bounds,
    found: WebConfigs,
    queue: VecDeque<WinPath>,
    /// Folders that were queued, by their folded paths: sites share folders.
    seen: BTreeSet<String>,
    files: usize,
    /// How many values more are kept.
    values_left: usize,
}

impl Search<'_, '_> {
    fn start(&mut self, path: WinPath) {
        let place = self.context.installation.place(&path);
        match self.context.metadata(&path) {
            Err(unknown) => self.not_searched(unknown),
            // A site whose folder is not there has no files.
            Ok(None) => self.found.searched.push(Evidence::at(place)),
            Ok(Some(metadata)) if metadata.has_attribute(ATTRIBUTE_REPARSE) == Some(true) => {
                self.not_searched(link(place));
            }
            Ok(Some(_)) => {
                self.found.searched.push(Evidence::at(place));
                self.enqueue(path);
            }
        }
    }

    fn enqueue(&mut self, path: WinPath) {
        if self.seen.contains(&fold_name(&path.to_string())) {
            return;
        }
        if self.seen.len() >= self.bounds.folders {
            let place = self.context.installation.place(&path);
            return self.not_searched(Unknown::new(
                UnknownReason::LimitExceeded,
                format!("the sites have more than {} folders", self.bounds.folders),
                place,
            ));
        }
        self.seen.insert(fold_name(&path.to_string()));
        self.queue.push_back(path);
    }

    fn run(&mut self) {
        while let Some(folder) = self.queue.pop_front() {
            match self.context.installation.filesystem.read_dir(&folder) {
                Err(error) => {
                    let place = self.context.installation.place(&folder);
                    self.not_searched(Unknown::from_error(&error, place));
                }
                Ok(entries) => {
                    for entry in entries.unwrap_or_default() {
                        self.entry(&folder, &entry);
                    }
                }
            }
        }
    }

    fn entry(&mut self, folder: &WinPath, entry: &DirEntry) {
        let path = folder.child(&entry.name);
        let is_config = fold_name(&entry.name) == fold_name(WEB_CONFIG);
        let is_link = entry
            .attributes
            .is_some_and(|bits| bits & ATTRIBUTE_REPARSE != 0);
        if is_link && (entry.is_dir || is_config) {
            let place = self.context.installation.place(&path);
            self.not_searched(link(place));
        } else if entry.is_dir {
            self.enqueue(path);
        } else if is_config {
            self.read(path);
        }
    }

    fn read(&mut self, path: WinPath) {
        let place = self.context.installation.place(&path);
        if self.files >= self.bounds.files {
            return self.not_searched(Unknown::new(
                UnknownReason::LimitExceeded,
                format!(
                    "the sites have more than {} web.config files",
                    self.bounds.files
                ),
                place,
            ));
        }
        self.files = self.files.saturating_add(1);
        let metadata = self.context.metadata(&path).ok().flatten();
        let evidence = self.context.file_evidence(&path, metadata.as_ref());
        self.found.searched.push(evidence.clone());
        match self.context.read(&path) {
            Err(unknown) => self.not_searched(unknown),
            Ok(None) => {}
            Ok(Some(bytes)) => match encrypted_values(&bytes, self.values_left) {
                Err(error) => self.not_searched(Unknown::from_error(&error, place)),
                Ok(values) if values.count == 0 => {}
                Ok(values) => {
                    self.values_left = self.values_left.saturating_sub(values.kept.len());
                    self.found.files.push(FileValues {
                        path,
                        values,
                        evidence,
                    });
                }
            },
        }
    }

    fn not_searched(&mut self, unknown: Unknown) {
        self.found.unsearched.get_or_insert(unknown);
    }
}

fn link(place: Locator) -> Unknown {
    Unknown::new(
        UnknownReason::Unsupported,
        "the folder of a site is a link, which is not followed",
        place,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::limits::Limits;
    use crate::image::Installation;
    use crate::image::filesystem::memory::MemoryFileSystem;

    const SECRET: &str =
        "<configuration><a password=\"[enc:AesProvider:c2VjcmV0:enc]\"/></configuration>";

    /// Values that are kept.
    const VALUES: usize = 1;

    /// The paths with values, and the reason of what was not searched.
    fn found(fs: MemoryFileSystem, bounds: Bounds) -> (Vec<String>, Option<String>) {
        let installation = Installation {
            index: 0,
            system_root: WinPath::new("WINNT"),
            filesystem: Arc::new(fs),
            locator: Locator::new("test"),
            layers: Vec::new(),
            disk: None,
            neighbours: Vec::new(),
        };
        let context = Context::new(&installation, Limits::default());
        let folders = ["%SystemDrive%\\web".to_owned(), "\\WEB".to_owned()];
        let found = search(&context, &folders, &Locator::new("test"), VALUES, bounds);
        (
            found
                .files
                .iter()
                .map(|file| file.path.to_string())
                .collect(),
            found.unsearched.map(|unknown| unknown.detail),
        )
    }

    fn site() -> MemoryFileSystem {
        MemoryFileSystem::new()
            .file("web\\a\\Web.Config", SECRET)
            .file("web\\b\\web.config", "<configuration/>")
            .file("web\\b\\web.config.bak", SECRET)
            .file("elsewhere\\web.config", SECRET)
    }

    #[test]
    fn only_web_config_below_the_folders_of_sites_is_read_and_once() {
        assert_eq!(
            found(site(), BOUNDS),
            (vec!["web\\a\\Web.Config".to_owned()], None)
        );
    }

    #[test]
    fn values_of_all_files_together_are_kept_up_to_the_bound_and_all_are_counted() {
        let installation = Installation {
            index: 0,
            system_root: WinPath::new("WINNT"),
            filesystem: Arc::new(site().file("web\\c\\web.config", SECRET)),
            locator: Locator::new("test"),
            layers: Vec::new(),
            disk: None,
            neighbours: Vec::new(),
        };
        let context = Context::new(&installation, Limits::default());
        let folders = ["%SystemDrive%\\web".to_owned()];
        let found = search(&context, &folders, &Locator::new("test"), VALUES, BOUNDS);
        let kept: Vec<_> = found
            .files
            .iter()
            .map(|file| (file.values.kept.len(), file.values.count))
            .collect();
        assert_eq!(kept, [(1, 1), (0, 1)]);
    }

    #[test]
    fn what_lies_behind_a_bound_is_said() {
        let folders = Bounds {
            folders: 2,
            ..BOUNDS
        };
        let (values, unsearched) = found(site(), folders);
        assert_eq!(
            (values.len(), unsearched.as_deref()),
            (1, Some("the sites have more than 2 folders"))
        );
        let files = Bounds { files: 1, ..BOUNDS };
        let (_, unsearched) = found(site(), files);
        assert_eq!(
            unsearched.as_deref(),
            Some("the sites have more than 1 web.config files")
        );
    }

    #[test]
    fn a_broken_folder_and_a_broken_file_are_said() {
        let kind = crate::error::ErrorKind::Io;
        let (values, unsearched) = found(
            site().broken_directory("web\\c", kind, "bad sector"),
            BOUNDS,
        );
        assert_eq!(values.len(), 1);
        assert!(unsearched.unwrap().contains("bad sector"));
        let (_, unsearched) = found(site().file("web\\c\\web.config", "<a"), BOUNDS);
        assert!(unsearched.unwrap().contains("XML"));
    }
}
