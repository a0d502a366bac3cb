//! A Windows installation found on a volume, by its hives and not by the name of its folder.

use std::sync::Arc;

use crate::base::win_path::WinPath;
use crate::evidence::Locator;
use crate::image::filesystem::FileSystem;

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
    /// The place of a path inside the installation's volume.
    pub fn place(&self, path: &WinPath) -> Locator {
        self.locator.step(path)
    }

    /// A path below the Windows folder.
    pub fn windows(&self, tail: &str) -> WinPath {
        self.system_root.join(tail)
    }
}
