//! From what the user named to the bytes of files: containers, partitions, file systems, installations.

mod assemble;
pub mod container;
pub mod device;
pub mod filesystem;
pub mod host;
mod input;
pub mod installation;
pub mod overlay;
pub mod partition;
pub mod source;

use std::sync::Arc;

use crate::base::limits::Limits;
use crate::base::win_path::WinPath;
use crate::error::Result;
use crate::evidence::Locator;
use crate::image::device::{Device, ReadCounter};
use crate::image::filesystem::FileSystem;
use crate::image::overlay::Patch;

pub use installation::{DiskFacts, Installation};
pub use source::Source;

/// Which files of the host an image may make the program open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackingFiles {
    /// Only files in the directory of the image.
    #[default]
    SameDirectory,
    /// Any file.
    Anywhere,
}

/// How an image is opened.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The limits of this run.
    pub limits: Limits,
    /// Which files of the host an image may name.
    pub backing_files: BackingFiles,
    /// Changes that are laid over the disk in memory: everything above it is seen as if they were written.
    pub overlay: Vec<Patch>,
    /// Names that are laid over a directory in memory: the file at the first path is seen at the second.
    pub renames: Vec<(WinPath, WinPath)>,
}

/// A volume of the image and what was found on it.
#[derive(Debug)]
pub struct Volume {
    /// The chain of layers as the report lists it, without the file system where that could not be opened.
    pub layers: Vec<String>,
    /// The chain down to the volume, as evidence shows it.
    pub locator: Locator,
    /// Where the volume starts on the disk, in bytes; 0 where it is the whole disk, or a directory.
    pub start_bytes: u64,
    /// The file system, or why there is none to read.
    pub filesystem: Result<Arc<dyn FileSystem>>,
}

/// An opened image.
#[derive(Debug)]
pub struct Image {
    /// What the user named, as typed.
    pub source: String,
    /// Size of what was named, in bytes: of the files of a disk image, 0 for a directory.
    pub size_bytes: u64,
    /// The layers of the image down to where its volumes part.
    pub layers: Vec<String>,
    /// Whether the virtual machine of this disk was saved and not shut down.
    pub is_saved: bool,
    /// Warnings about the image as a whole.
    pub notes: Vec<String>,
    /// The volumes, in the order of the partition table.
    pub volumes: Vec<Volume>,
    /// The Windows installations, in the order of volumes and then of names.
    pub installations: Vec<Installation>,
    /// The disk inside the container, or the bytes themselves; `None` for a directory and for loose files.
    pub disk: Option<Device>,
    /// Counts what is read from host files.
    pub counter: Arc<ReadCounter>,
}

impl Image {
    /// Opens what the user named and finds the Windows installations in it.
    ///
    /// # Errors
    /// What cannot be opened at all. A volume that cannot be read, or an image without Windows, is not an error here.
    pub fn open(source: &Source, options: &Options) -> Result<Self> {
        assemble::open(source, options)
    }

    /// The volume of an installation; `None` where artefacts named by option stand in for it.
    pub fn volume_of(&self, installation: &Installation) -> Option<&Volume> {
        self.volumes.iter().find(|volume| {
            volume
                .filesystem
                .as_ref()
                .is_ok_and(|filesystem| Arc::ptr_eq(filesystem, &installation.filesystem))
        })
    }

    /// Opens the disk or volume in `device`, which is shown as `name`. It has no place on the host, so parents that it
    /// names are not found.
    ///
    /// # Errors
    /// As [`Image::open`].
    pub fn from_device(name: &str, device: Device, options: &Options) -> Result<Self> {
        let counter = Arc::new(ReadCounter::default());
        assemble::of_device(name, None, device, "file", options, &counter)
    }
}
