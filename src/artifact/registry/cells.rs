//! Cells: the pieces of the hive bins that hold every record, found by their offset from the end of the base block.
//!
//! All offsets in a hive come through here, so that no record is read past its cell and no cell past the hive.
//! Specification: "Windows registry file format specification", section "Cell".

use crate::artifact::registry::base_block::BASE_BLOCK_BYTES;
use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};

/// The offset that stands for "none".
pub(crate) const NO_CELL: u32 = u32::MAX;

/// The content of an allocated cell and where it lies in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell<'h> {
    /// The bytes behind the size field.
    pub(crate) data: &'h [u8],
    /// Offset of `data` in the file.
    pub(crate) offset: usize,
}

impl Cell<'_> {
    /// The 16-bit field at `at`.
    pub(crate) fn u16(&self, at: usize) -> Result<u16> {
        bytes::u16_le(self.data, at).ok_or_else(|| self.short(at, 2))
    }

    /// The 32-bit field at `at`.
    pub(crate) fn u32(&self, at: usize) -> Result<u32> {
        bytes::u32_le(self.data, at).ok_or_else(|| self.short(at, 4))
    }

    /// The 64-bit field at `at`.
    pub(crate) fn u64(&self, at: usize) -> Result<u64> {
        bytes::u64_le(self.data, at).ok_or_else(|| self.short(at, 8))
    }

    /// Checks the two letters that name the record.
    pub(crate) fn expect_signature(&self, expected: [u8; 2]) -> Result<()> {
        let found = self.data.get(..2).unwrap_or_default();
        if found == expected {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "record at 0x{:08x}: signature should be \"{}\", is \"{}\"",
            self.offset,
            expected.escape_ascii(),
            found.escape_ascii()
        )))
    }

    fn short(&self, at: usize, len: usize) -> Error {
        Error::corrupt(format!(
            "record at 0x{:08x}: cell should hold {} bytes, holds {}",
            self.offset,
            at.saturating_add(len),
            self.data.len()
        ))
    }
}

/// The allocated cell at `offset` from the end of the base block of `hive`.
pub(crate) fn cell(hive: &[u8], offset: u32) -> Result<Cell<'_>> {
    if offset == NO_CELL {
        return Err(Error::corrupt(
            "cell offset should be a place in the hive, is 0xffffffff",
        ));
    }
    let out_of_bounds = |start: usize, len: usize| {
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "cell at 0x{start:08x}: {len} bytes should lie within the hive of {} bytes",
                hive.len()
            ),
        )
    };
    let start = usize::try_from(offset)
        .ok()
        .and_then(|offset| offset.checked_add(BASE_BLOCK_BYTES))
        .unwrap_or(usize::MAX);
    let size = bytes::u32_le(hive, start)
        .ok_or_else(|| out_of_bounds(start, 4))?
        .cast_signed();
    if size >= 0 {
        return Err(Error::corrupt(format!(
            "cell at 0x{start:08x}: should be allocated, is free with {size} bytes"
        )));
    }
    let size = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
    let data = size
        .checked_sub(4)
        .and_then(|len| bytes::slice(hive, start.checked_add(4)?, len))
        .ok_or_else(|| out_of_bounds(start, size))?;
    Ok(Cell {
        data,
        offset: start.saturating_add(4),
    })
}

/// The file offset of the record in the cell at `offset`.
pub(crate) fn record_offset(offset: u32) -> u64 {
    u64::from(offset).saturating_add(4100)
}
