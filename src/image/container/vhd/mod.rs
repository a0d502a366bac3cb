//! VHD, the disk format of Virtual PC, Virtual Server and Hyper-V: fixed, dynamic and differencing.
//!
//! Own code, for a repair has to write into the format later: [`blocks::BlockMap`] turns a position on the disk into a
//! position in the file. Specification: "Virtual Hard Disk Image Format Specification", version 1.0, Microsoft 2006.

pub mod blocks;
mod chain;
pub mod footer;
pub mod header;

use crate::error::Result;
use crate::image::container::{Context, Format, Opened};
use crate::image::device::{BlockDevice, Device, read_vec};

/// The VHD formats.
pub static FORMAT: Format = Format {
    name: "vhd",
    probe,
    open,
};

/// Length of the footer and of its copy at the start.
pub(crate) const FOOTER_LEN: usize = 512;
/// Length of the footer that versions before Virtual PC 2004 wrote.
pub(crate) const OLD_FOOTER_LEN: usize = 511;
/// Length of a sector, of which the format counts.
pub(crate) const SECTOR: u64 = 512;

fn probe(device: &dyn BlockDevice) -> Result<bool> {
    let len = device.len_bytes();
    for (offset, needed) in [
        (len.checked_sub(512), 512),
        (len.checked_sub(511), 511),
        (Some(0), 1024),
    ] {
        if let Some(offset) = offset
            && len >= needed
            && read_vec(device, offset, footer::COOKIE.len())? == footer::COOKIE
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn open(device: &Device, context: &Context) -> Result<Opened> {
    chain::open(device, context)
}
