//! Subkey lists (`lf`, `lh`, `li`, and `ri` over them), read item by item so that damage in one hides no other.
//!
//! Specification: "Windows registry file format specification", sections "Index leaf" to "Index root".

use crate::artifact::registry::cells::{self, Cell};
use crate::artifact::registry::key_node::KeyNode;
use crate::error::{Error, ErrorKind, Result};

/// A key node takes at least this much of a hive: its cell header and its fields.
pub(crate) const KEY_NODE_BYTES_MIN: usize = 80;

/// Most subkeys of one key that are read.
const SUBKEYS_MAX: usize = 1 << 20;

/// Goes through the subkeys of `node` and hands each item to `visit` until it answers `false`.
///
/// # Errors
/// Handed to `visit` as items. The end of the list is an item too if the list does not hold what the key node says.
pub(crate) fn each<'h>(
    hive: &'h [u8],
    node: &KeyNode<'h>,
    mut visit: impl FnMut(Result<(u32, KeyNode<'h>)>) -> bool,
) {
    if node.subkey_list == cells::NO_CELL {
        if node.subkey_count != 0 {
            visit(Err(wrong_count(node, 0)));
        }
        return;
    }
    let leaves = match leaves(hive, node.subkey_list) {
        Ok(leaves) => leaves,
        Err(error) => {
            visit(Err(error));
            return;
        }
    };
    let items_max = SUBKEYS_MAX.min(hive.len() / KEY_NODE_BYTES_MIN);
    let mut items = 0_usize;
    for leaf in leaves {
        let leaf = match leaf.and_then(|offset| Leaf::read(hive, offset)) {
            Ok(leaf) => leaf,
            Err(error) => {
                if !visit(Err(error)) {
                    return;
                }
                continue;
            }
        };
        for item in leaf.items() {
            items = items.saturating_add(1);
            if items > items_max {
                visit(Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "subkeys of key node at 0x{:08x}: should be at most {items_max} in a hive of {} bytes",
                        node.offset(),
                        hive.len()
                    ),
                )));
                return;
            }
            let read = item.and_then(|offset| Ok((offset, KeyNode::read(hive, offset)?)));
            if !visit(read) {
                return;
            }
        }
    }
    if usize::try_from(node.subkey_count) != Ok(items) {
        visit(Err(wrong_count(node, items)));
    }
}

fn wrong_count(node: &KeyNode<'_>, found: usize) -> Error {
    Error::corrupt(format!(
        "subkeys of key node at 0x{:08x}: list should hold {}, holds {found}",
        node.offset(),
        node.subkey_count
    ))
}

/// The offsets of the leaves below the list at `offset`: itself, or those of an index root.
fn leaves(hive: &[u8], offset: u32) -> Result<Vec<Result<u32>>> {
    let cell = cells::cell(hive, offset)?;
    if !cell.data.starts_with(b"ri") {
        return Ok(vec![Ok(offset)]);
    }
    let count = usize::from(cell.u16(2)?);
    Ok((0..count)
        .map(|index| cell.u32(index.saturating_mul(4).saturating_add(4)))
        .collect())
}

/// A list of key nodes.
struct Leaf<'h> {
    cell: Cell<'h>,
    item_bytes: usize,
    count: usize,
}

impl<'h> Leaf<'h> {
    fn read(hive: &'h [u8], offset: u32) -> Result<Self> {
        let cell = cells::cell(hive, offset)?;
        let item_bytes = match cell.data.get(..2) {
            Some(b"lf" | b"lh") => 8,
            Some(b"li") => 4,
            found => {
                return Err(Error::corrupt(format!(
                    "subkey list at 0x{:08x}: signature should be \"lf\", \"lh\" or \"li\", is \"{}\"",
                    cell.offset,
                    found.unwrap_or_default().escape_ascii()
                )));
            }
        };
        let count = usize::from(cell.u16(2)?);
        Ok(Self {
            cell,
            item_bytes,
            count,
        })
    }

    /// The offsets of the key nodes; one error ends them where the cell is shorter than the count.
    fn items(&self) -> impl Iterator<Item = Result<u32>> {
        let mut index = 0;
        std::iter::from_fn(move || {
            if index >= self.count {
                return None;
            }
            let item = self
                .cell
                .u32(index.saturating_mul(self.item_bytes).saturating_add(4));
            index = if item.is_err() {
                self.count
            } else {
                index.saturating_add(1)
            };
            Some(item)
        })
    }
}
