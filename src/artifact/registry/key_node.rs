//! The key node record (`nk`), read from our own buffer.
//!
//! Specification: "Windows registry file format specification", section "Key node".

use crate::artifact::registry::cells::{self, Cell};
use crate::artifact::registry::names::RawName;
use crate::base::bytes;
use crate::error::{Error, Result};

const NAME_OFFSET: usize = 76;
const FLAG_COMPRESSED_NAME: u16 = 0x0020;
const FLAG_PREDEFINED_HANDLE: u16 = 0x0040;

/// A key node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyNode<'h> {
    cell: Cell<'h>,
    flags: u16,                   // 2
    pub(crate) written: u64,      // 4
    pub(crate) subkey_count: u32, // 20
    pub(crate) subkey_list: u32,  // 28
    pub(crate) value_count: u32,  // 36
    pub(crate) value_list: u32,   // 40
    class_name: u32,              // 48
    pub(crate) name: RawName<'h>, // 72 (length), 76
    class_name_bytes: u16,        // 74
}

impl<'h> KeyNode<'h> {
    /// Reads the key node in the cell at `offset`.
    pub(crate) fn read(hive: &'h [u8], offset: u32) -> Result<Self> {
        let cell = cells::cell(hive, offset)?;
        cell.expect_signature(*b"nk")?;
        let flags = cell.u16(2)?;
        let name_bytes = usize::from(cell.u16(72)?);
        let name = bytes::slice(cell.data, NAME_OFFSET, name_bytes).ok_or_else(|| {
            Error::corrupt(format!(
                "key node at 0x{:08x}: name of {name_bytes} bytes should lie within the cell of {}",
                cell.offset,
                cell.data.len()
            ))
        })?;
        Ok(Self {
            cell,
            flags,
            written: cell.u64(4)?,
            subkey_count: cell.u32(20)?,
            subkey_list: cell.u32(28)?,
            value_count: cell.u32(36)?,
            value_list: cell.u32(40)?,
            class_name: cell.u32(48)?,
            name: RawName {
                bytes: name,
                is_compressed: flags & FLAG_COMPRESSED_NAME != 0,
            },
            class_name_bytes: cell.u16(74)?,
        })
    }

    /// Offset of the record in the file.
    pub(crate) fn offset(&self) -> usize {
        self.cell.offset
    }

    /// Whether the fields of the value list hold a predefined handle instead.
    pub(crate) fn is_predefined_handle(&self) -> bool {
        self.flags & FLAG_PREDEFINED_HANDLE != 0
    }

    /// The bytes of the class name, if there is one.
    pub(crate) fn class_name(&self, hive: &'h [u8]) -> Result<Option<&'h [u8]>> {
        if self.class_name == cells::NO_CELL || self.class_name_bytes == 0 {
            return Ok(None);
        }
        let cell = cells::cell(hive, self.class_name)?;
        let len = usize::from(self.class_name_bytes);
        bytes::slice(cell.data, 0, len).map(Some).ok_or_else(|| {
            Error::corrupt(format!(
                "class name at 0x{:08x}: {len} bytes should lie within the cell of {}",
                cell.offset,
                cell.data.len()
            ))
        })
    }
}
