//! Partition schemes: how a disk is divided into volumes.
//!
//! A scheme is told by its content. A disk whose first sector is the boot sector of a file system has no scheme: it is one
//! volume, and that is asked before any scheme is.

pub mod gpt;
pub mod mbr;
pub mod span;

use crate::base::limits::Limits;
use crate::error::Result;
use crate::image::device::BlockDevice;

/// A partition scheme.
#[derive(Debug)]
pub struct Scheme {
    /// The name, as locators show it.
    pub name: &'static str,
    /// Whether the disk is divided by this scheme.
    pub probe: fn(&dyn BlockDevice) -> Result<bool>,
    /// Reads the table.
    pub read: fn(&dyn BlockDevice, &Limits) -> Result<Table>,
}

/// What a partition is for, as far as its type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It may hold a file system.
    Data,
    /// It belongs to a dynamic disk of Windows (LDM).
    Ldm,
    /// It belongs to a pool of Storage Spaces.
    StorageSpaces,
    /// It is reserved by Microsoft and holds no file system.
    Reserved,
}

/// One entry of a partition table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number: of the entry, from 1; logical partitions of an MBR from 5.
    pub number: usize,
    /// What it is for.
    pub kind: Kind,
    /// Its type as the table gives it: `0x07`, or a GUID.
    pub type_text: String,
    /// Where it starts, in bytes.
    pub start_bytes: u64,
    /// Its length in bytes.
    pub len_bytes: u64,
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The partitions, in the order of the table.
    pub partitions: Vec<Partition>,
    /// The disk signature of the MBR, if there is an MBR.
    pub mbr_signature: Option<u32>,
    /// Length of a sector, of which the table counts.
    pub sector_bytes: u64,
    /// What was noticed: damage, a cycle, a partition that leaves the disk.
    pub notes: Vec<String>,
}

/// All schemes, in the order in which they are asked.
pub static SCHEMES: &[&Scheme] = &[&gpt::SCHEME, &mbr::SCHEME];

/// The scheme that divides the disk, with its table, or `None` if there is none.
///
/// # Errors
/// A disk whose table is claimed by a scheme and cannot be read.
pub fn read(device: &dyn BlockDevice, limits: &Limits) -> Result<Option<(&'static Scheme, Table)>> {
    for scheme in SCHEMES {
        if (scheme.probe)(device)? {
            let table = (scheme.read)(device, limits)?;
            return Ok(Some((scheme, table)));
        }
    }
    Ok(None)
}
