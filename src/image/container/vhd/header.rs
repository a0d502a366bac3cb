//! The header of a dynamic or differencing VHD: its block table and, if it has one, its parent.
//!
//! Specification: "Virtual Hard Disk Image Format Specification" 1.0, sections "Dynamic Disk Header Format" and "Parent
//! Locator Entries".

use crate::base::bytes;
use crate::base::guid::Guid;
use crate::base::utf16;
use crate::error::{Error, ErrorKind, Result};
use crate::image::container::vhd::SECTOR;
use crate::image::container::vhd::footer::{Footer, check_sum};
use crate::image::device::{BlockDevice, read_vec};

/// Length of the header.
const HEADER_LEN: usize = 1024;
/// The bytes that begin a header.
const COOKIE: &[u8; 8] = b"cxsparse";
/// Offset of the checksum in the header.
const CHECKSUM_AT: usize = 36;
/// Where the parent locator entries begin, and the length of one.
const LOCATORS_AT: usize = 576;
const LOCATOR_LEN: usize = 24;
const LOCATORS: usize = 8;
/// Longest name that a parent locator may hold, in bytes.
const LOCATOR_BYTES_MAX: usize = 64 << 10;
/// Most blocks of a disk: 2 TiB in the smallest blocks that Windows writes, twice over.
const BLOCKS_MAX: u64 = 8 << 20;
/// Smallest and largest block, in bytes.
const BLOCK_BYTES_MIN: u32 = 4 << 10;
const BLOCK_BYTES_MAX: u32 = 256 << 20;

/// The header, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Where the block allocation table stands.
    pub table_offset: u64,
    /// Number of its entries.
    pub table_entries: u32,
    /// Length of a block in bytes, a power of two.
    pub block_bytes: u32,
    /// The parent of a differencing disk.
    pub parent: ParentNames,
}

/// By what a differencing disk names its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentNames {
    /// The identity of the parent.
    pub unique_id: Guid,
    /// The time that the child remembers of its parent, in seconds since 2000-01-01 UTC.
    pub time_stamp: u32,
    /// Paths of the parent as Windows writes them, relative ones first.
    pub paths: Vec<String>,
}

impl Header {
    /// Reads the header that `footer` points to.
    ///
    /// # Errors
    /// A header that is not there or breaks the rules.
    pub fn read(device: &dyn BlockDevice, footer: &Footer) -> Result<Self> {
        let at = footer.data_offset;
        let raw = read_vec(device, at, HEADER_LEN).map_err(|error| error.at("vhd header"))?;
        if raw.get(..COOKIE.len()) != Some(COOKIE.as_slice()) {
            return Err(Error::corrupt(format!(
                "vhd header at 0x{at:08x}: begins with other bytes than \"cxsparse\""
            )));
        }
        check_sum(&raw, CHECKSUM_AT, "vhd header", at)?;
        let short = || Error::corrupt(format!("vhd header at 0x{at:08x}: too short"));
        let header = Self {
            table_offset: bytes::u64_be(&raw, 16).ok_or_else(short)?,
            table_entries: bytes::u32_be(&raw, 28).ok_or_else(short)?,
            block_bytes: bytes::u32_be(&raw, 32).ok_or_else(short)?,
            parent: ParentNames {
                unique_id: Guid::from_text_order(bytes::array(&raw, 40).ok_or_else(short)?),
                time_stamp: bytes::u32_be(&raw, 56).ok_or_else(short)?,
                paths: parent_paths(device, &raw),
            },
        };
        header.check(footer, at)?;
        Ok(header)
    }

    fn check(&self, footer: &Footer, at: u64) -> Result<()> {
        let size = self.block_bytes;
        if !size.is_power_of_two() || !(BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&size) {
            return Err(Error::corrupt(format!(
                "vhd header at 0x{at:08x}: block size should be a power of two from {BLOCK_BYTES_MIN} to \
                 {BLOCK_BYTES_MAX} bytes, is {size}"
            )));
        }
        let needed = footer.current_size.div_ceil(u64::from(size));
        if needed > BLOCKS_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "vhd of {} bytes: {needed} blocks, at most {BLOCKS_MAX} are read",
                    footer.current_size
                ),
            ));
        }
        if u64::from(self.table_entries) < needed {
            return Err(Error::corrupt(format!(
                "vhd header at 0x{at:08x}: table should have {needed} entries, has {}",
                self.table_entries
            )));
        }
        Ok(())
    }
}

/// The paths of the parent: relative locators, absolute ones, and the name in the header. A locator that cannot be read
/// names nothing; the identity decides in the end whether a file is the parent.
fn parent_paths(device: &dyn BlockDevice, header: &[u8]) -> Vec<String> {
    let mut relative = Vec::new();
    let mut absolute = Vec::new();
    for index in 0..LOCATORS {
        let at = LOCATORS_AT.saturating_add(index.saturating_mul(LOCATOR_LEN));
        let Some(entry) = bytes::slice(header, at, LOCATOR_LEN) else {
            continue;
        };
        match entry.get(..4) {
            Some(b"W2ru") => relative.extend(locator_text(device, entry)),
            Some(b"W2ku") => absolute.extend(locator_text(device, entry)),
            _ => {}
        }
    }
    relative.extend(absolute);
    let name = bytes::slice(header, 64, 512).unwrap_or_default();
    let name: Vec<u8> = name
        .chunks_exact(2)
        .flat_map(|pair| pair.iter().rev().copied())
        .collect();
    relative.push(utf16::decode_le_z(&name));
    relative.retain(|path| !path.is_empty());
    relative
}

fn locator_text(device: &dyn BlockDevice, entry: &[u8]) -> Option<String> {
    let len = usize::try_from(bytes::u32_be(entry, 8)?).ok()?;
    let offset = bytes::u64_be(entry, 16)?;
    if len == 0 || len > LOCATOR_BYTES_MAX || offset < SECTOR {
        return None;
    }
    let raw = read_vec(device, offset, len).ok()?;
    Some(utf16::decode_le_z(&raw))
}
