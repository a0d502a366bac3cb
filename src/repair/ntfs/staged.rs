//! Blocks of the volume that an edit has changed in memory, and the sectors that they make.
//!
//! MFT records and index blocks are edited without their fix-ups and encoded once at the end, each with the next update
//! sequence number. What comes out are whole sectors of 512 bytes: that is the unit a write can tear, so the journal keeps
//! them whole.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::error::{Error, Result};
use crate::image::device::{BlockDevice, Device, read_vec};
use crate::image::filesystem::ntfs::block::{ProtectedBlock, STRIDE_BYTES};
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::overlay::Patch;

/// Bytes of a sector in plans and journals.
pub(crate) const SECTOR_BYTES: usize = 512;
const _: () = assert!(SECTOR_BYTES == STRIDE_BYTES);

/// Changed sectors of a volume by their position, each with the structure it belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sectors(pub(crate) BTreeMap<u64, Sector>);

/// A changed sector.
#[derive(Debug, Clone)]
pub(crate) struct Sector {
    /// Its new bytes.
    pub(crate) after: Vec<u8>,
    /// What it is a part of.
    pub(crate) what: String,
    /// Whether it is of a bitmap: those are written last, so that what was freed is never seen as free too early.
    pub(crate) is_bitmap: bool,
}

impl Sectors {
    /// Adds the sectors of a later edit.
    pub(crate) fn merge(&mut self, later: Sectors) {
        self.0.extend(later.0);
    }

    /// The sectors as patches against `base`, in the order in which they are written; a sector that ends as it began is
    /// left out.
    pub(crate) fn patches(&self, base: &dyn BlockDevice) -> Result<Vec<Patch>> {
        let mut patches = Vec::new();
        let mut ordered: Vec<_> = self.0.iter().collect();
        ordered.sort_by_key(|(_, sector)| sector.is_bitmap);
        for (position, sector) in ordered {
            let before = read_vec(base, *position, sector.after.len())?;
            if before != sector.after {
                patches.push(Patch {
                    offset: *position,
                    before,
                    after: sector.after.clone(),
                });
            }
        }
        Ok(patches)
    }
}

/// The blocks that an edit has changed so far.
#[derive(Debug, Default)]
pub(super) struct Staged {
    blocks: BTreeMap<u64, (ProtectedBlock, String)>,
    bitmaps: BTreeMap<u64, (Vec<u8>, String)>,
}

impl Staged {
    /// The MFT record `number`, to be edited.
    pub(super) fn record(
        &mut self,
        mft: &Mft,
        number: u64,
        what: &str,
    ) -> Result<&mut ProtectedBlock> {
        let record = mft.record(number)?;
        Ok(self.block(record.block(), format!("MFT record {number}, {what}")))
    }

    /// A block, to be edited; one that was edited before is the edited one.
    pub(super) fn block(&mut self, block: &ProtectedBlock, what: String) -> &mut ProtectedBlock {
        let key = block.ranges().first().map_or(0, |range| range.position);
        let (staged, _) = self
            .blocks
            .entry(key)
            .or_insert_with(|| (block.clone(), what));
        staged
    }

    /// The sector of a bitmap that holds the byte at `position`, and the place of the byte in it.
    pub(super) fn bitmap_byte(
        &mut self,
        device: &Device,
        position: u64,
        what: &str,
    ) -> Result<&mut u8> {
        let stride = u64::try_from(SECTOR_BYTES).unwrap_or(u64::MAX);
        let inside = position.checked_rem(stride).unwrap_or(0);
        let start = position.saturating_sub(inside);
        let (sector, _) = match self.bitmaps.entry(start) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let sector = read_vec(device.as_ref(), start, SECTOR_BYTES)?;
                entry.insert((sector, what.to_owned()))
            }
        };
        usize::try_from(inside)
            .ok()
            .and_then(|inside| sector.get_mut(inside))
            .ok_or_else(|| Error::corrupt(format!("{what}: has no byte at 0x{position:08x}")))
    }

    /// The sectors that differ from those on `device`.
    pub(super) fn sectors(&self, device: &Device) -> Result<Sectors> {
        let mut sectors = Sectors::default();
        for (block, what) in self.blocks.values() {
            let encoded = block.encode()?;
            let mut rest = encoded.as_slice();
            for range in block.ranges() {
                let len = usize::try_from(range.len).unwrap_or(usize::MAX);
                let (part, after) = rest
                    .split_at_checked(len)
                    .filter(|_| range.position % 512 == 0 && range.len % 512 == 0)
                    .ok_or_else(|| {
                        Error::corrupt(format!("{what}: does not fill whole sectors"))
                    })?;
                rest = after;
                for (index, chunk) in part.chunks(SECTOR_BYTES).enumerate() {
                    let offset =
                        u64::try_from(index.saturating_mul(SECTOR_BYTES)).unwrap_or(u64::MAX);
                    let position = range.position.saturating_add(offset);
                    if read_vec(device.as_ref(), position, chunk.len())? != chunk {
                        let after = chunk.to_vec();
                        let what = what.clone();
                        let sector = Sector {
                            after,
                            what,
                            is_bitmap: false,
                        };
                        sectors.0.insert(position, sector);
                    }
                }
            }
        }
        for (position, (after, what)) in &self.bitmaps {
            let sector = Sector {
                after: after.clone(),
                what: what.clone(),
                is_bitmap: true,
            };
            if sectors.0.insert(*position, sector).is_some() {
                return Err(Error::corrupt(format!(
                    "{what}: its sector at 0x{position:08x} is one of a record or an index too"
                )));
            }
        }
        Ok(sectors)
    }
}
