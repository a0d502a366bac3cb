//! What the user named, before anything is opened.

use std::path::{Path, PathBuf};

/// What the user named.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The image: a file, a block device or a directory.
    pub image: Option<PathBuf>,
    /// Single artefacts named by option; they stand in for, or beside, the image.
    pub loose: LooseArtifacts,
}

/// Single artefacts named by option.
#[derive(Debug, Clone, Default)]
pub struct LooseArtifacts {
    /// `--system`.
    pub system: Option<PathBuf>,
    /// `--software`.
    pub software: Option<PathBuf>,
    /// `--security`.
    pub security: Option<PathBuf>,
    /// `--sam`.
    pub sam: Option<PathBuf>,
    /// `--default-hive`.
    pub default_hive: Option<PathBuf>,
    /// `--machine-keys`.
    pub machine_keys: Option<PathBuf>,
    /// `--metabase`.
    pub metabase: Option<PathBuf>,
    /// `--minioc`.
    pub minioc: Option<PathBuf>,
    /// `--event-log`, repeatable.
    pub event_logs: Vec<PathBuf>,
}

impl LooseArtifacts {
    /// The paths that were named, in the order of the fields.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [
            &self.system,
            &self.software,
            &self.security,
            &self.sam,
            &self.default_hive,
            &self.machine_keys,
            &self.metabase,
            &self.minioc,
        ]
        .into_iter()
        .flatten()
        .chain(&self.event_logs)
        .map(AsRef::as_ref)
    }

    /// Whether any artefact was named.
    pub fn is_any(&self) -> bool {
        self.paths().next().is_some()
    }
}

impl Source {
    /// An image at a path of the host.
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        Self {
            image: Some(path.as_ref().to_owned()),
            loose: LooseArtifacts::default(),
        }
    }

    /// What the user typed, for the report.
    pub fn as_typed(&self) -> String {
        match &self.image {
            Some(path) => path.to_string_lossy().into_owned(),
            None => "(loose files)".to_owned(),
        }
    }
}
