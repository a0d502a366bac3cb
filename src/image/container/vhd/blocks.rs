//! The blocks of a dynamic or differencing VHD, and the disk that they make up.
//!
//! [`BlockMap::map`] is the one place that turns a position on the disk into a position in the file; reading goes through
//! it, and so can writing. A block is a bitmap of its sectors followed by the sectors. In a differencing disk a clear bit
//! means that the parent has the sector; in a dynamic one the bits are not asked, for an allocated block is written whole
//! and its sectors begin as zeros. Specification: "Virtual Hard Disk Image Format Specification" 1.0, sections "Block
//! Allocation Table and Data Blocks".

use std::sync::{Arc, Mutex};

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::container::vhd::SECTOR;
use crate::image::container::vhd::footer::{DiskType, Footer};
use crate::image::container::vhd::header::Header;
use crate::image::device::{BlockDevice, Device, Placed, check_range, read_vec};

/// The table entry of a block that is not allocated.
const UNALLOCATED: u32 = 0xFFFF_FFFF;
/// Longest extent of a differencing disk: its length is counted sector by sector, on every read.
const RUN_BYTES_MAX: u64 = 64 << 10;
/// How many entries of the table are read at once.
const TABLE_CHUNK: usize = 64 << 10;

/// Where a stretch of the disk is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where its bytes are.
    pub place: Place,
    /// How many bytes of the disk lie there in one piece.
    pub len: u64,
}

/// Where bytes of the disk are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the file, at this offset.
    File(u64),
    /// Nowhere: they are zero.
    Zero,
    /// On the parent, at the same position.
    Parent,
}

/// The block table of one VHD file.
#[derive(Debug)]
pub struct BlockMap {
    file: Device,
    table: Vec<u32>,
    disk_bytes: u64,
    block_bytes: u64,
    bitmap_bytes: u64,
    whole_up_to: u64,
    is_differencing: bool,
    last_bitmap: Mutex<Option<(u32, Arc<Vec<u8>>)>>,
}

impl BlockMap {
    /// Reads the block table.
    ///
    /// # Errors
    /// A table that does not lie inside the file.
    pub fn read(file: Device, footer: &Footer, header: &Header) -> Result<Self> {
        let block_bytes = u64::from(header.block_bytes);
        let entries = footer.current_size.div_ceil(block_bytes);
        let table = read_table(file.as_ref(), header.table_offset, entries)?;
        let bitmap_bytes = block_bytes
            .div_ceil(SECTOR)
            .div_ceil(8)
            .next_multiple_of(SECTOR);
        Ok(Self {
            whole_up_to: first_missing(
                &table,
                file.len_bytes(),
                bitmap_bytes,
                block_bytes,
                footer.current_size,
            ),
            file,
            table,
            disk_bytes: footer.current_size,
            block_bytes,
            bitmap_bytes,
            is_differencing: footer.disk_type == DiskType::Differencing,
            last_bitmap: Mutex::new(None),
        })
    }

    /// Where the bytes from `offset` on are kept; the extent ends where that changes.
    ///
    /// # Errors
    /// A position past the end of the disk, or a block that does not lie inside the file.
    pub fn map(&self, offset: u64) -> Result<Extent> {
        check_range(offset, 1, self.disk_bytes)?;
        let in_block = offset.checked_rem(self.block_bytes).unwrap_or(0);
        let left = self
            .block_bytes
            .saturating_sub(in_block)
            .min(self.disk_bytes.saturating_sub(offset));
        let index = offset.checked_div(self.block_bytes).unwrap_or(0);
        let sector = usize::try_from(index)
            .ok()
            .and_then(|index| self.table.get(index).copied())
            .unwrap_or(UNALLOCATED);
        if sector == UNALLOCATED {
            let place = if self.is_differencing {
                Place::Parent
            } else {
                Place::Zero
            };
            return Ok(Extent { place, len: left });
        }
        let data = u64::from(sector)
            .saturating_mul(SECTOR)
            .saturating_add(self.bitmap_bytes);
        let in_file = Place::File(data.saturating_add(in_block));
        if !self.is_differencing {
            return Ok(Extent {
                place: in_file,
                len: left,
            });
        }
        let bitmap = self.bitmap(sector)?;
        let (own, len) = run_of_bits(&bitmap, in_block, left.min(RUN_BYTES_MAX));
        let place = if own { in_file } else { Place::Parent };
        Ok(Extent { place, len })
    }

    /// Whether the bitmap of the allocated block that holds `offset` calls its sector written.
    fn is_written(&self, offset: u64) -> Result<bool> {
        let index = offset.checked_div(self.block_bytes).unwrap_or(0);
        let in_block = offset.checked_rem(self.block_bytes).unwrap_or(0);
        let sector = usize::try_from(index)
            .ok()
            .and_then(|index| self.table.get(index).copied())
            .unwrap_or(UNALLOCATED);
        if sector == UNALLOCATED {
            return Ok(false);
        }
        let bitmap = self.bitmap(sector)?;
        Ok(run_of_bits(&bitmap, in_block, SECTOR).0)
    }

    fn bitmap(&self, sector: u32) -> Result<Arc<Vec<u8>>> {
        let mut last = self
            .last_bitmap
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((of, bitmap)) = last.as_ref()
            && *of == sector
        {
            return Ok(Arc::clone(bitmap));
        }
        let at = u64::from(sector).saturating_mul(SECTOR);
        let len = usize::try_from(self.bitmap_bytes).unwrap_or(usize::MAX);
        let bitmap = read_vec(self.file.as_ref(), at, len)
            .map_err(|error| Error::corrupt(format!("vhd block at 0x{at:08x}: bitmap: {error}")))?;
        let bitmap = Arc::new(bitmap);
        *last = Some((sector, Arc::clone(&bitmap)));
        Ok(bitmap)
    }
}

/// Whether the sector of `in_block` has its bit set, and for how many bytes the following sectors agree with it. The
/// first sector of a block is the highest bit of the first byte.
fn run_of_bits(bitmap: &[u8], in_block: u64, left: u64) -> (bool, u64) {
    let bit = |sector: u64| {
        let byte = usize::try_from(sector / 8).ok();
        let byte = byte
            .and_then(|index| bitmap.get(index))
            .copied()
            .unwrap_or(0);
        byte & (0x80 >> (sector % 8)) != 0
    };
    let mut sector = in_block / SECTOR;
    let own = bit(sector);
    let mut len = SECTOR.saturating_sub(in_block % SECTOR);
    while len < left {
        sector = sector.saturating_add(1);
        if bit(sector) != own {
            break;
        }
        len = len.saturating_add(SECTOR);
    }
    (own, len.min(left))
}

fn read_table(file: &dyn BlockDevice, offset: u64, entries: u64) -> Result<Vec<u32>> {
    let entries = usize::try_from(entries).unwrap_or(usize::MAX);
    let len = entries.saturating_mul(4);
    check_range(offset, len, file.len_bytes()).map_err(|_| {
        Error::corrupt(format!(
            "vhd block table at 0x{offset:08x}: {entries} entries leave a file of {} bytes",
            file.len_bytes()
        ))
    })?;
    let mut table = Vec::with_capacity(entries);
    let mut done = 0_usize;
    while done < len {
        let step = len.saturating_sub(done).min(TABLE_CHUNK);
        let at = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
        let raw = read_vec(file, at, step)?;
        table.extend(
            raw.chunks_exact(4)
                .map(|entry| bytes::u32_be(entry, 0).unwrap_or(UNALLOCATED)),
        );
        done = done.saturating_add(step);
    }
    Ok(table)
}

/// The first position of the disk whose block does not lie inside the file as a whole; the length of the disk if all do.
fn first_missing(
    table: &[u32],
    file_bytes: u64,
    bitmap_bytes: u64,
    block_bytes: u64,
    disk_bytes: u64,
) -> u64 {
    let mut start = 0_u64;
    for sector in table {
        let len = block_bytes.min(disk_bytes.saturating_sub(start));
        let end = u64::from(*sector)
            .saturating_mul(SECTOR)
            .saturating_add(bitmap_bytes)
            .saturating_add(len);
        if *sector != UNALLOCATED && end > file_bytes {
            return start.saturating_add(len.saturating_sub(end.saturating_sub(file_bytes)));
        }
        start = start.saturating_add(block_bytes);
    }
    disk_bytes
}

/// A dynamic disk, or a differencing one over its parent.
#[derive(Debug)]
pub struct BlockDisk {
    map: BlockMap,
    parent: Option<Device>,
}

impl BlockDisk {
    /// The disk of `map`, over `parent` if it is a differencing one.
    pub fn new(map: BlockMap, parent: Option<Device>) -> Self {
        Self { map, parent }
    }

    /// The first position between two that is the parent's, `otherwise` if there is none.
    fn first_of_parent(&self, from: u64, until: u64, otherwise: u64) -> u64 {
        let mut position = from;
        while position < until {
            match self.map.map(position) {
                Ok(extent) if extent.place != Place::Parent => {
                    position = position.saturating_add(extent.len.max(1));
                }
                _ => return position,
            }
        }
        otherwise
    }

    /// Reads from the parent; past its end the disk is zero.
    fn read_parent(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        buf.fill(0);
        let Some(parent) = &self.parent else {
            return Ok(());
        };
        let there = parent.len_bytes().saturating_sub(offset);
        let len = usize::try_from(there).unwrap_or(usize::MAX).min(buf.len());
        match buf.get_mut(..len) {
            Some(part) if !part.is_empty() => parent.read_exact_at(offset, part),
            _ => Ok(()),
        }
    }
}

impl BlockDevice for BlockDisk {
    fn len_bytes(&self) -> u64 {
        self.map.disk_bytes
    }

    fn whole_up_to(&self) -> u64 {
        let own = self.map.whole_up_to;
        // Past the end of its parent the disk is zero; past the end of a copy of the parent it is lost, unless the child has it.
        match &self.parent {
            Some(parent) if parent.whole_up_to() < parent.len_bytes() => {
                self.first_of_parent(parent.whole_up_to(), own.min(parent.len_bytes()), own)
            }
            _ => own,
        }
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes())?;
        let mut position = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let extent = self.map.map(position)?;
            let len = usize::try_from(extent.len)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            let (part, after) = rest.split_at_mut_checked(len).unwrap_or((&mut [], &mut []));
            match extent.place {
                Place::Zero => part.fill(0),
                Place::Parent => self.read_parent(position, part)?,
                Place::File(at) => self.map.file.read_exact_at(at, part).map_err(|error| {
                    Error::with_source(
                        error.kind(),
                        format!("vhd block for 0x{position:08x} of the disk"),
                        error,
                    )
                })?,
            }
            position = position.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            rest = after;
        }
        Ok(())
    }

    /// Only allocated blocks of a dynamic disk, and of these only sectors that its own bitmap calls written: other readers
    /// may ask it.
    fn place_of(&self, offset: u64) -> Result<Placed> {
        let extent = self.map.map(offset)?;
        match extent.place {
            _ if self.map.is_differencing => Err(Error::unsupported(
                "a differencing vhd is not written into; write a repaired copy instead (--to NEW)",
            )),
            Place::File(at) if self.map.is_written(offset)? => {
                let below = self.map.file.place_of(at)?;
                let in_sector = offset.checked_rem(SECTOR).unwrap_or(0);
                Ok(Placed {
                    len: below
                        .len
                        .min(extent.len)
                        .min(SECTOR.saturating_sub(in_sector)),
                    ..below
                })
            }
            Place::File(_) => Err(Error::unsupported(format!(
                "dynamic vhd: the sector at 0x{offset:08x} is not marked as written in the bitmap of its block; write a \
                 repaired copy instead (--to NEW)"
            ))),
            Place::Zero | Place::Parent => Err(Error::unsupported(format!(
                "dynamic vhd: the block at 0x{offset:08x} is not allocated; write a repaired copy instead (--to NEW)"
            ))),
        }
    }
}
