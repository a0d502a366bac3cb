//! Value lists and value records (`vk`), read one by one so that a damaged one hides no other.
//!
//! Specification: "Windows registry file format specification", sections "Key values list" and "Key value".

use crate::artifact::registry::cells::{self, Cell};
use crate::artifact::registry::key_node::KeyNode;
use crate::artifact::registry::names::RawName;
use crate::artifact::registry::value_data::DataFields;
use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};

/// A value record takes at least this much of a hive: its cell header and its fields.
const VALUE_BYTES_MIN: usize = 24;

/// Most values of one key that are read.
const VALUES_MAX: usize = 1 << 20;

const NAME_OFFSET: usize = 20;
const FLAG_COMPRESSED_NAME: u16 = 0x0001;

/// A value record without its data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValueRecord<'h> {
    /// Offset of the record in the file.
    pub(crate) offset: usize,
    /// Its length with the name.
    pub(crate) len: usize,
    /// The name; empty for the default value.
    pub(crate) name: RawName<'h>,
    /// The number of the type.
    pub(crate) kind: u32,
    /// Where the data is.
    pub(crate) data: DataFields,
}

impl<'h> ValueRecord<'h> {
    fn read(hive: &'h [u8], offset: u32) -> Result<Self> {
        let cell = cells::cell(hive, offset)?;
        cell.expect_signature(*b"vk")?;
        let name_bytes = usize::from(cell.u16(2)?); // 2
        let size = cell.u32(4)?; // 4
        let data_offset = cell.u32(8)?; // 8
        let kind = cell.u32(12)?; // 12
        let flags = cell.u16(16)?; // 16
        // Without a name the record may end before the spare field at 18.
        let name = if name_bytes == 0 {
            &[]
        } else {
            name(&cell, name_bytes)?
        };
        Ok(Self {
            offset: cell.offset,
            len: NAME_OFFSET.saturating_add(name_bytes),
            name: RawName {
                bytes: name,
                is_compressed: flags & FLAG_COMPRESSED_NAME != 0,
            },
            kind,
            data: DataFields {
                size,
                offset: data_offset,
                field_offset: cell.offset.saturating_add(8),
            },
        })
    }
}

fn name<'h>(cell: &Cell<'h>, len: usize) -> Result<&'h [u8]> {
    bytes::slice(cell.data, NAME_OFFSET, len).ok_or_else(|| {
        Error::corrupt(format!(
            "value record at 0x{:08x}: name of {len} bytes should lie within the cell of {}",
            cell.offset,
            cell.data.len()
        ))
    })
}

/// Goes through the values of `node` and hands each item to `visit` until it answers `false`; damage is an item too.
pub(crate) fn each<'h>(
    hive: &'h [u8],
    node: &KeyNode<'h>,
    mut visit: impl FnMut(Result<ValueRecord<'h>>) -> bool,
) {
    let (list, count) = match list(hive, node) {
        Ok(Some(list)) => list,
        Ok(None) => return,
        Err(error) => {
            visit(Err(error));
            return;
        }
    };
    for index in 0..count {
        let offset = list.u32(index.saturating_mul(4));
        let is_short = offset.is_err();
        let record = offset.and_then(|offset| ValueRecord::read(hive, offset));
        if !visit(record) || is_short {
            return;
        }
    }
}

/// The cell of the list and the number of values, `None` if the key has no values.
fn list<'h>(hive: &'h [u8], node: &KeyNode<'h>) -> Result<Option<(Cell<'h>, usize)>> {
    if node.is_predefined_handle() {
        return Err(Error::unsupported(format!(
            "key node at 0x{:08x}: is a predefined handle and has no values",
            node.offset()
        )));
    }
    let count = usize::try_from(node.value_count).unwrap_or(usize::MAX);
    if count == 0 {
        return Ok(None);
    }
    let count_max = VALUES_MAX.min(hive.len() / VALUE_BYTES_MIN);
    if count > count_max {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "values of key node at 0x{:08x}: should be at most {count_max} in a hive of {} bytes, are {count}",
                node.offset(),
                hive.len()
            ),
        ));
    }
    Ok(Some((cells::cell(hive, node.value_list)?, count)))
}
