//! The footer of a VHD: what kind of disk it is, how large, and its identity.
//!
//! It stands in the last sector; dynamic and differencing disks keep a copy in the first. Specification: "Virtual Hard
//! Disk Image Format Specification" 1.0, section "Hard Disk Footer Format".

use crate::base::bytes;
use crate::base::guid::Guid;
use crate::error::{Error, Result};
use crate::image::container::vhd::{FOOTER_LEN, OLD_FOOTER_LEN};
use crate::image::device::{BlockDevice, read_vec};

/// The bytes that begin a footer.
pub const COOKIE: &[u8; 8] = b"conectix";
/// Offset of the checksum in the footer.
const CHECKSUM_AT: usize = 64;

/// What kind of disk a VHD is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskType {
    /// The sectors stand in the file as they stand on the disk.
    Fixed,
    /// Blocks are allocated when they are first written.
    Dynamic,
    /// Blocks hold the sectors that differ from a parent.
    Differencing,
}

impl DiskType {
    /// The layer as the report lists it.
    pub fn layer(self) -> &'static str {
        match self {
            Self::Fixed => "vhd:fixed",
            Self::Dynamic => "vhd:dynamic",
            Self::Differencing => "vhd:differencing",
        }
    }
}

/// The footer, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// Where the dynamic header stands; all ones in a fixed disk.
    pub data_offset: u64,
    /// When the disk was made or last changed its footer, in seconds since 2000-01-01 UTC.
    pub time_stamp: u32,
    /// Length of the disk in bytes.
    pub current_size: u64,
    /// The kind of disk.
    pub disk_type: DiskType,
    /// The identity of the disk.
    pub unique_id: Guid,
    /// Whether the virtual machine was saved, not shut down.
    pub saved_state: bool,
}

impl Footer {
    /// Parses a footer and checks its checksum; `at` is where it stands.
    ///
    /// # Errors
    /// Bytes that are no footer, or a footer that breaks the rules.
    pub fn parse(raw: &[u8], at: u64) -> Result<Self> {
        if raw.get(..COOKIE.len()) != Some(COOKIE.as_slice()) {
            return Err(Error::corrupt(format!(
                "vhd footer at 0x{at:08x}: begins with other bytes than \"conectix\""
            )));
        }
        check_sum(raw, CHECKSUM_AT, "vhd footer", at)?;
        let short = || Error::corrupt(format!("vhd footer at 0x{at:08x}: too short"));
        let version = bytes::u32_be(raw, 12).ok_or_else(short)?;
        if version >> 16 != 1 {
            return Err(Error::unsupported(format!(
                "vhd footer at 0x{at:08x}: format version should be 1.0, is 0x{version:08x}"
            )));
        }
        let disk_type = match bytes::u32_be(raw, 60).ok_or_else(short)? {
            2 => DiskType::Fixed,
            3 => DiskType::Dynamic,
            4 => DiskType::Differencing,
            other => {
                return Err(Error::unsupported(format!(
                    "vhd footer at 0x{at:08x}: disk type should be 2, 3 or 4, is {other}"
                )));
            }
        };
        Ok(Self {
            data_offset: bytes::u64_be(raw, 16).ok_or_else(short)?,
            time_stamp: bytes::u32_be(raw, 24).ok_or_else(short)?,
            current_size: bytes::u64_be(raw, 48).ok_or_else(short)?,
            disk_type,
            unique_id: Guid::from_text_order(bytes::array(raw, 68).ok_or_else(short)?),
            saved_state: bytes::u8(raw, 84) == Some(1),
        })
    }

    /// The footer of a device: the one at its end or, where that is damaged, the copy at its start. A note says which.
    ///
    /// # Errors
    /// The error of the footer at the end, where the copy is no better.
    pub fn read(device: &dyn BlockDevice) -> Result<(Self, Option<String>)> {
        let at_end = Self::read_at_end(device);
        let error = match at_end {
            Ok(footer) => return Ok((footer, None)),
            Err(error) => error,
        };
        let len = usize::try_from(device.len_bytes()).unwrap_or(usize::MAX);
        let copy = read_vec(device, 0, len.min(FOOTER_LEN))?;
        match Self::parse(&copy, 0) {
            Ok(footer) if footer.disk_type != DiskType::Fixed => {
                let note = format!("the copy of the vhd footer at 0x00000000 was used: {error}");
                Ok((footer, Some(note)))
            }
            _ => Err(error),
        }
    }

    fn read_at_end(device: &dyn BlockDevice) -> Result<Self> {
        let mut first_error = None;
        for len in [FOOTER_LEN, OLD_FOOTER_LEN] {
            let Some(at) = device
                .len_bytes()
                .checked_sub(u64::try_from(len).unwrap_or(u64::MAX))
            else {
                continue;
            };
            match Self::parse(&read_vec(device, at, len)?, at) {
                Ok(footer) => return Ok(footer),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| {
            Error::corrupt(format!(
                "a vhd of {} bytes has no room for its footer",
                device.len_bytes()
            ))
        }))
    }
}

/// Checks the ones' complement of the sum of all bytes but those of the checksum itself.
pub(super) fn check_sum(raw: &[u8], checksum_at: usize, what: &str, at: u64) -> Result<()> {
    let stored = bytes::u32_be(raw, checksum_at)
        .ok_or_else(|| Error::corrupt(format!("{what} at 0x{at:08x}: too short")))?;
    let own = checksum_at..checksum_at.saturating_add(4);
    let sum = raw
        .iter()
        .enumerate()
        .filter(|(index, _)| !own.contains(index))
        .fold(0_u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)));
    if stored == !sum {
        Ok(())
    } else {
        Err(Error::corrupt(format!(
            "{what} at 0x{at:08x}: checksum should be 0x{:08x}, is 0x{stored:08x}",
            !sum
        )))
    }
}
