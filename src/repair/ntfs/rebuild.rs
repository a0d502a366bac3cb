//! The index of a directory built anew in the blocks that it has, where no layout of its slots has room.
//!
//! Every level is packed greedily: what no longer fits a node becomes the entry above it, and the node before is its
//! sub-node. For a given order that needs the fewest leaves, so what was filled to two thirds nearly always fits. Nothing is
//! allocated on the volume: blocks that are left over are marked free in the bitmap of the index, and free ones that are
//! needed get a header of their own. A directory whose index has no block can't grow one. It rewrites every node, so it is
//! the last resort.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::image::device::read_vec;
use crate::image::filesystem::ntfs::block::{ProtectedBlock, STRIDE_BYTES};
use crate::image::filesystem::ntfs::directory::{Directory, INDEX_NAME};
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::index::Index;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::stream::{Placement, Stream};
use crate::repair::ntfs::staged::Staged;
use crate::repair::ntfs::store;
use crate::repair::ntfs::tree::{BITMAP, BLOCK_HEADER, EntryId, Node, Tree};

/// The signature of an index block.
const SIGNATURE: &[u8; 4] = b"INDX";
/// Where a new block has its update sequence array.
const ARRAY: usize = 0x28;

/// The new nodes of an index.
#[derive(Debug)]
pub(super) struct Rebuilt {
    root: Node,
    nodes: Vec<Node>,
    /// The blocks by their number, and whether they are used now and then.
    bits: Vec<(u64, bool, bool)>,
}

/// A block that the index may use.
struct Free {
    number: u64,
    block: ProtectedBlock,
    first: usize,
    room: usize,
    /// Whether it is a node of the index as it is.
    is_used: bool,
}

/// An entry of a level, and the sub-node before it.
type Placed = (EntryId, Option<u64>);

/// Packs `list` into the blocks of the index.
///
/// # Errors
/// Why it does not fit.
pub(super) fn of(
    mft: &Mft,
    tree: &Tree,
    list: &[EntryId],
    root_spare: usize,
) -> Result<Rebuilt, String> {
    let old_root = tree.nodes.first().ok_or("has no root")?;
    let mut pool = pool(mft, tree)?;
    let before: Vec<(u64, bool)> = pool
        .iter()
        .map(|free| (free.number, free.is_used))
        .collect();
    // Those that are in use come first, so that fewer bits change.
    pool.sort_by_key(|free| (!free.is_used, free.number));
    let mut pool = pool.into_iter();
    let root_room = old_root
        .entries
        .iter()
        .filter_map(|id| tree.entries.get(*id))
        .map(|entry| old_root.len_of(entry))
        .fold(old_root.last_len(), usize::saturating_add)
        .saturating_add(root_spare);
    let mut nodes = Vec::new();
    let mut level: Vec<Placed> = list.iter().map(|id| (*id, None)).collect();
    let mut last_child = None;
    while size(tree, &level, last_child.is_none()) > root_room {
        let (above, end) = pack(tree, &level, last_child, &mut pool, &mut nodes)?;
        level = above;
        last_child = Some(end);
    }
    let mut root = node(&level, last_child);
    root.first = old_root.first;
    let used: BTreeSet<u64> = nodes.iter().filter_map(|node: &Node| node.vcn).collect();
    let bits = before
        .into_iter()
        .map(|(number, is)| (number, is, used.contains(&number)))
        .collect();
    Ok(Rebuilt { root, nodes, bits })
}

/// Writes the nodes and the bitmap of the index.
pub(super) fn store(
    mft: &Mft,
    tree: &Tree,
    new: &Rebuilt,
    staged: &mut Staged,
) -> crate::error::Result<()> {
    let file = NtfsFile::open(mft, tree.directory)?;
    let bitmap = file.stream(mft, BITMAP, INDEX_NAME)?;
    let per_block = per_block(Directory::open(mft, &file)?.index());
    // The bitmap first: writing the root moves what stands behind it in the record.
    for (number, was, is) in &new.bits {
        if was != is {
            let bitmap = bitmap.as_ref().ok_or_else(|| {
                Error::corrupt(format!(
                    "directory {}: index without bitmap",
                    tree.directory
                ))
            })?;
            let bit = number.checked_div(per_block).unwrap_or(0);
            put_bit(mft, staged, tree, bitmap, bit, *is)?;
        }
    }
    for node in &new.nodes {
        store::node(mft, tree, node, &node.entries, staged)?;
    }
    store::node(mft, tree, &new.root, &new.root.entries, staged)
}

impl Rebuilt {
    /// Number of blocks that are used.
    pub(super) fn blocks(&self) -> usize {
        self.nodes.len()
    }
}

/// Numbers that a block takes up.
fn per_block(index: &Index) -> u64 {
    u64::try_from(index.block_bytes())
        .unwrap_or(u64::MAX)
        .checked_div(index.vcn_bytes())
        .unwrap_or(1)
        .max(1)
}

/// Length of a node with these entries.
fn size(tree: &Tree, level: &[Placed], is_leaf: bool) -> usize {
    let like = node(&[], (!is_leaf).then_some(0));
    level
        .iter()
        .filter_map(|(id, _)| tree.entries.get(*id))
        .map(|entry| like.len_of(entry))
        .fold(like.last_len(), usize::saturating_add)
}

fn node(level: &[Placed], last_child: Option<u64>) -> Node {
    Node {
        entries: level.iter().map(|(id, _)| *id).collect(),
        children: level.iter().filter_map(|(_, child)| *child).collect(),
        last_child,
        ..Node::default()
    }
}

/// Packs one level into blocks; gives the level above and its last sub-node.
fn pack(
    tree: &Tree,
    level: &[Placed],
    last_child: Option<u64>,
    pool: &mut impl Iterator<Item = Free>,
    nodes: &mut Vec<Node>,
) -> Result<(Vec<Placed>, u64), String> {
    let is_leaf = last_child.is_none();
    let empty = size(tree, &[], is_leaf);
    let mut above: Vec<Placed> = Vec::new();
    let mut current: Vec<Placed> = Vec::new();
    let mut free = pool.next().ok_or("has too few blocks")?;
    let mut len = empty;
    let last = level.len().saturating_sub(1);
    for (place, placed) in level.iter().enumerate() {
        let own = size(tree, &[*placed], is_leaf).saturating_sub(empty);
        if len.saturating_add(own) <= free.room {
            current.push(*placed);
            len = len.saturating_add(own);
            continue;
        }
        // It goes above, and what stands before it in the tree ends this node. The last one needs a node behind it, so the
        // one before it goes above instead.
        let (up, child, rest) = if place == last {
            let (up, child) = current.pop().ok_or("an entry does not fit a block")?;
            (up, child, vec![*placed])
        } else {
            (placed.0, placed.1, Vec::new())
        };
        if current.is_empty() {
            return Err("an entry does not fit a block".to_owned());
        }
        let number = close(free, &current, child, nodes);
        above.push((up, Some(number)));
        len = size(tree, &rest, is_leaf);
        current = rest;
        free = pool.next().ok_or("has too few blocks")?;
    }
    let end = close(free, &current, last_child, nodes);
    Ok((above, end))
}

/// Makes a node of a block; gives its number.
fn close(free: Free, entries: &[Placed], last_child: Option<u64>, nodes: &mut Vec<Node>) -> u64 {
    let mut node = node(entries, last_child);
    node.vcn = Some(free.number);
    node.first = free.first;
    node.room = free.room;
    node.block = Some(free.block);
    nodes.push(node);
    free.number
}

/// All blocks of the index, used or not, that have a place on the disk.
fn pool(mft: &Mft, tree: &Tree) -> Result<Vec<Free>, String> {
    let chain = |error: Error| error.chain();
    let file = NtfsFile::open(mft, tree.directory).map_err(chain)?;
    let directory = Directory::open(mft, &file).map_err(chain)?;
    let index = directory.index();
    let block_bytes = u64::try_from(index.block_bytes()).unwrap_or(u64::MAX);
    let allocated = index.allocation().map_or(0, Stream::size);
    let blocks = allocated.checked_div(block_bytes).unwrap_or(0);
    let used: BTreeMap<u64, &Node> = tree
        .nodes
        .iter()
        .filter_map(|node| Some((node.vcn?, node)))
        .collect();
    let mut pool = Vec::new();
    for block in 0..blocks {
        let number = block.saturating_mul(per_block(index));
        if let Some((node, block)) = used
            .get(&number)
            .and_then(|node| Some((node, node.block.as_ref()?)))
        {
            pool.push(Free {
                number,
                block: block.clone(),
                first: node.first,
                room: node.room,
                is_used: true,
            });
            continue;
        }
        // A block behind what was ever written has no place.
        let Ok(Placement::OnDisk(ranges)) = index.block_placement(number) else {
            continue;
        };
        let is_readable = ranges.iter().all(|range| {
            let len = usize::try_from(range.len).unwrap_or(usize::MAX);
            read_vec(mft.device().as_ref(), range.position, len).is_ok()
        });
        if !is_readable {
            continue;
        }
        let (raw, first) =
            new_block(index.block_bytes(), number).ok_or("has blocks of an odd size")?;
        let room = raw.len().saturating_sub(BLOCK_HEADER).saturating_sub(first);
        let block = ProtectedBlock::decode(raw, SIGNATURE, ranges, format_args!("block {number}"))
            .map_err(chain)?;
        pool.push(Free {
            number,
            block,
            first,
            room,
            is_used: false,
        });
    }
    Ok(pool)
}

/// A block without entries as it lies on the disk, and the offset of its first entry from the index header.
fn new_block(len: usize, number: u64) -> Option<(Vec<u8>, usize)> {
    let words = len.checked_div(STRIDE_BYTES)?.checked_add(1)?;
    let array_end = ARRAY.checked_add(words.checked_mul(2)?)?;
    let entries = array_end.checked_next_multiple_of(8)?;
    let first = entries.checked_sub(BLOCK_HEADER)?;
    let allocated = len.checked_sub(BLOCK_HEADER)?;
    let mut raw = vec![0; len];
    let mut put = |offset: usize, value: &[u8]| {
        let end = offset.checked_add(value.len())?;
        raw.get_mut(offset..end)?.copy_from_slice(value);
        Some(())
    };
    put(0, SIGNATURE)?;
    put(4, &u16::try_from(ARRAY).ok()?.to_le_bytes())?;
    put(6, &u16::try_from(words).ok()?.to_le_bytes())?;
    put(0x10, &number.to_le_bytes())?;
    put(BLOCK_HEADER, &u32::try_from(first).ok()?.to_le_bytes())?;
    put(
        BLOCK_HEADER.checked_add(8)?,
        &u32::try_from(allocated).ok()?.to_le_bytes(),
    )?;
    Some((raw, first))
}

/// Sets or clears a bit of the bitmap of the index, which lies in the record of the directory or on the disk.
fn put_bit(
    mft: &Mft,
    staged: &mut Staged,
    tree: &Tree,
    bitmap: &Stream,
    bit: u64,
    is_set: bool,
) -> crate::error::Result<()> {
    let what = format!("index bitmap of directory {}", tree.directory);
    let byte = match bitmap.placement(bit / 8, 1)? {
        Placement::InRecord { record, offset } => {
            let block = staged.record(mft, record, &what)?;
            block
                .bytes_mut()
                .get_mut(offset)
                .ok_or_else(|| Error::corrupt(format!("{what}: leaves its record")))?
        }
        Placement::OnDisk(ranges) => {
            let position = ranges
                .first()
                .map(|range| range.position)
                .ok_or_else(|| Error::corrupt(format!("{what}: has no place")))?;
            staged.bitmap_byte(mft.device(), position, &what)?
        }
    };
    let mask = 1_u8 << (bit % 8);
    if is_set {
        *byte |= mask;
    } else {
        *byte &= !mask;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::bytes;
    use crate::image::filesystem::ntfs::reference::FileReference;
    use crate::repair::ntfs::tree::Entry;

    #[test]
    fn a_new_block_is_one_that_a_reader_takes() {
        for len in [512, 1024, 4096, 65536] {
            let (raw, first) = new_block(len, 24).unwrap();
            assert_eq!(first % 8, 0);
            let block = ProtectedBlock::decode(raw, SIGNATURE, Vec::new(), "block").unwrap();
            assert_eq!(bytes::u64_le(block.bytes(), 0x10), Some(24));
            assert!(block.encode().is_ok());
        }
    }

    fn entry(len: usize) -> Entry {
        Entry {
            reference: FileReference(0),
            key: vec![0; len],
            padding: Vec::new(),
            reserved: 0,
        }
    }

    /// Blocks of 200 bytes for entries.
    fn blocks(count: u64) -> impl Iterator<Item = Free> {
        (0..count).map(|number| {
            let (raw, first) = new_block(512, number).unwrap();
            let block = ProtectedBlock::decode(raw, SIGNATURE, Vec::new(), "block").unwrap();
            Free {
                number,
                block,
                first,
                room: 200,
                is_used: false,
            }
        })
    }

    /// A tree with that many entries of 40 bytes: four fit a leaf.
    fn tree(count: usize) -> (Tree, Vec<Placed>) {
        let tree = Tree {
            entries: (0..count).map(|_| entry(24)).collect(),
            ..Tree::default()
        };
        (tree, (0..count).map(|id| (id, None)).collect())
    }

    #[test]
    fn a_level_is_packed_with_one_entry_above_between_any_two_nodes_and_none_is_lost() {
        for count in 5..40 {
            let (tree, level) = tree(count);
            let mut nodes = Vec::new();
            let (above, end) = pack(&tree, &level, None, &mut blocks(99), &mut nodes).unwrap();
            assert_eq!(above.len() + 1, nodes.len(), "{count}");
            assert_eq!(nodes.last().unwrap().vcn, Some(end));
            let mut order = Vec::new();
            for (at, node) in nodes.iter().enumerate() {
                assert!(
                    !node.entries.is_empty() && node.entries.len() <= 4,
                    "{count}"
                );
                order.extend(&node.entries);
                if let Some((id, child)) = above.get(at) {
                    assert_eq!(*child, node.vcn);
                    order.push(*id);
                }
            }
            assert_eq!(order, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn too_few_blocks_are_told() {
        // Six leaves of four, and one entry between any two of them.
        let (tree, level) = tree(29);
        assert!(pack(&tree, &level, None, &mut blocks(5), &mut Vec::new()).is_err());
        assert!(pack(&tree, &level, None, &mut blocks(6), &mut Vec::new()).is_ok());
    }
}
