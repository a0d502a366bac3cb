//! How a FAT volume was left: the marks in the boot sector and in the second entry of the table, and whether its tables agree.
//!
//! Specification: "FAT: General Overview of On-Disk Format" 1.03, section "FAT Volume Initialization" (`ClnShutBitMask`,
//! `HrdErrBitMask`); the byte behind the drive number in the boot sector is that of NT ([secondary] `dosfstools`,
//! `boot.c`: `FAT_STATE_DIRTY`).

use crate::base::bytes;
use crate::error::Result;
use crate::image::device::read_vec;
use crate::image::filesystem::fat::FatVolume;

/// How much of two tables is compared at once.
const CHUNK: u64 = 1 << 20;
/// The byte of NT in the boot sector, on FAT12 and FAT16 and on FAT32, and its bits.
const MARKS_AT: u64 = 0x25;
const MARKS_AT_32: u64 = 0x41;
const MARK_DIRTY: u8 = 1;
const MARK_ERRORS: u8 = 2;

/// How a volume was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Closed {
    /// It was not closed.
    pub is_dirty: bool,
    /// Reads or writes failed while it was in use.
    pub has_errors: bool,
    /// Where two tables differ, as a position on the volume.
    pub tables_differ_at: Option<u64>,
}

impl FatVolume {
    /// How the volume was left.
    ///
    /// # Errors
    /// A boot sector or table that can't be read.
    pub fn closed(&self) -> Result<Closed> {
        let geometry = &self.geometry;
        let marks_at = if geometry.is_fat32() {
            MARKS_AT_32
        } else {
            MARKS_AT
        };
        let marks = read_vec(self.device.as_ref(), marks_at, 1)?;
        let marks = bytes::u8(&marks, 0).unwrap_or(0);
        let head = read_vec(self.device.as_ref(), geometry.table_start, 8)?;
        // Set means that all is well; FAT12 has no room for these bits.
        let (is_clean, is_good) = match geometry.bits {
            32 => {
                let entry = bytes::u32_le(&head, 4).unwrap_or(0);
                (entry & 0x0800_0000 != 0, entry & 0x0400_0000 != 0)
            }
            16 => {
                let entry = bytes::u16_le(&head, 2).unwrap_or(0);
                (entry & 0x8000 != 0, entry & 0x4000 != 0)
            }
            _ => (true, true),
        };
        Ok(Closed {
            is_dirty: marks & MARK_DIRTY != 0 || !is_clean,
            has_errors: marks & MARK_ERRORS != 0 || !is_good,
            tables_differ_at: self.tables_differ_at()?,
        })
    }

    /// Where a table differs from the first one. The first two entries hold marks and may differ.
    fn tables_differ_at(&self) -> Result<Option<u64>> {
        let geometry = &self.geometry;
        let used = u64::from(geometry.clusters)
            .saturating_add(2)
            .saturating_mul(u64::from(geometry.bits))
            .div_ceil(8)
            .min(geometry.table_len);
        let marks = u64::from(geometry.bits / 4);
        for table in 1..geometry.tables_alike {
            let start = geometry
                .tables_start
                .saturating_add(table.saturating_mul(geometry.table_len));
            let mut done = marks;
            while done < used {
                let len = used.saturating_sub(done).min(CHUNK);
                let len_bytes = usize::try_from(len).unwrap_or(0);
                let read = |from: u64| {
                    read_vec(self.device.as_ref(), from.saturating_add(done), len_bytes)
                };
                let (first, other) = (read(geometry.tables_start)?, read(start)?);
                if let Some(at) = first.iter().zip(&other).position(|(a, b)| a != b) {
                    let at = u64::try_from(at).unwrap_or(0);
                    return Ok(Some(start.saturating_add(done).saturating_add(at)));
                }
                done = done.saturating_add(len);
            }
        }
        Ok(None)
    }
}
