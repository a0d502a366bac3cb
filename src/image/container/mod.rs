//! Disk image formats: each presents the disk inside it as a block device.
//!
//! A format is told by its content, never by the name of its file. The first format whose probe says yes is opened, and
//! once it has claimed the bytes its failure to open is the error of the image.

pub mod recognised;
pub mod vhd;

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::limits::Limits;
use crate::error::Result;
use crate::image::BackingFiles;
use crate::image::device::{BlockDevice, Device, ReadCounter};

/// A disk image format.
#[derive(Debug)]
pub struct Format {
    /// The name, as locators show it.
    pub name: &'static str,
    /// Whether the bytes are of this format.
    pub probe: fn(&dyn BlockDevice) -> Result<bool>,
    /// Opens the disk inside.
    pub open: fn(&Device, &Context) -> Result<Opened>,
}

/// What a format may need beside the bytes: where the image lies, for its parents.
#[derive(Debug, Clone)]
pub struct Context {
    /// The path of the file that is opened, if it is a file of the host.
    pub path: Option<PathBuf>,
    /// Which files of the host the image may name.
    pub backing_files: BackingFiles,
    /// The limits of this run.
    pub limits: Limits,
    /// Counts what is read from host files.
    pub counter: Arc<ReadCounter>,
}

/// A disk inside an image format.
#[derive(Debug)]
pub struct Opened {
    /// The bytes of the disk.
    pub device: Device,
    /// The layer as the report lists it: `vhd:dynamic`.
    pub layer: String,
    /// The step as a locator shows it: `vhd`.
    pub step: &'static str,
    /// Whether the virtual machine of the disk was saved and not shut down.
    pub is_saved: bool,
    /// What was noticed while opening.
    pub notes: Vec<String>,
}

/// All formats, in the order in which they are asked. Bytes that none of them claims are a raw disk or volume.
pub static FORMATS: &[&Format] = &[&vhd::FORMAT, &recognised::FORMAT];

/// Opens the disk inside `device`, or `None` if the bytes are of no format that is known here.
///
/// # Errors
/// Bytes that are of a known format and cannot be opened.
pub fn open(device: &Device, context: &Context) -> Result<Option<Opened>> {
    for format in FORMATS {
        if (format.probe)(device.as_ref())? {
            return (format.open)(device, context).map(Some);
        }
    }
    Ok(None)
}
