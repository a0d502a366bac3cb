//! Writing a node of an index: its new entries into its block, or into the root in an MFT record.
//!
//! What lies behind the last entry is left as it is: fewer bytes change. The root is exactly as long as its entries, so the
//! attributes behind it move when its length changes; the record has to have room for that, which the layout has checked.

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::filesystem::ntfs::mft::Mft;
use crate::repair::ntfs::layout::Layout;
use crate::repair::ntfs::staged::Staged;
use crate::repair::ntfs::tree::{CHILD, EntryId, FLAG_CHILD, FLAG_LAST, Node, RootPlace, Tree};

/// Offset of the index header in a block.
const BLOCK_HEADER: usize = 0x18;
/// Offset of the index header in `$INDEX_ROOT`.
const ROOT_HEADER: usize = 0x10;
/// Offset of the flags in an index header.
const HEADER_FLAGS: usize = 0x0c;
/// Offset of the number of bytes used in an MFT record.
const RECORD_USED: usize = 0x18;

/// Writes the nodes of a layout.
pub(super) fn layout(mft: &Mft, tree: &Tree, layout: &Layout, staged: &mut Staged) -> Result<()> {
    for (id, list) in layout {
        let node = tree
            .nodes
            .get(*id)
            .ok_or_else(|| Error::corrupt("node is missing"))?;
        self::node(mft, tree, node, list, staged)?;
    }
    Ok(())
}

/// Writes one node with the entries of `list`.
pub(super) fn node(
    mft: &Mft,
    tree: &Tree,
    node: &Node,
    list: &[EntryId],
    staged: &mut Staged,
) -> Result<()> {
    let body =
        body(tree, node, list).ok_or_else(|| Error::corrupt("an entry is longer than 64 KiB"))?;
    let stored = if let Some(block) = &node.block {
        let what = format!(
            "index block {} of directory {}",
            node.vcn.unwrap_or(0),
            tree.directory
        );
        store_block(staged.block(block, what).bytes_mut(), node, &body)
    } else {
        let what = format!("index root of directory {}", tree.directory);
        let record = staged.record(mft, tree.root.record, &what)?;
        store_root(record.bytes_mut(), tree.root, node, &body)
    };
    stored.ok_or_else(|| {
        Error::corrupt(format!(
            "index of directory {}: new entries do not fit",
            tree.directory
        ))
    })
}

/// Bytes of the record that holds the root which no attribute uses.
pub(super) fn root_spare(mft: &Mft, tree: &Tree) -> Result<usize> {
    let record = mft.record(tree.root.record)?;
    let content = record.block().bytes();
    let used = bytes::u32_le(content, RECORD_USED).and_then(|used| usize::try_from(used).ok());
    Ok(used.map_or(0, |used| content.len().saturating_sub(used)))
}

/// The entries of a node as they are written, the last one included.
fn body(tree: &Tree, node: &Node, list: &[EntryId]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    let node_flag = if node.is_leaf() { 0 } else { FLAG_CHILD };
    for (place, id) in list.iter().enumerate() {
        let entry = tree.entries.get(*id)?;
        body.extend(entry.reference.0.to_le_bytes());
        body.extend(u16::try_from(node.len_of(entry)).ok()?.to_le_bytes());
        body.extend(u16::try_from(entry.key.len()).ok()?.to_le_bytes());
        body.extend(node_flag.to_le_bytes());
        body.extend(entry.reserved.to_le_bytes());
        body.extend(&entry.key);
        body.extend(&entry.padding);
        if !node.is_leaf() {
            body.extend(node.children.get(place)?.to_le_bytes());
        }
    }
    body.extend(0_u64.to_le_bytes());
    body.extend(u16::try_from(node.last_len()).ok()?.to_le_bytes());
    body.extend(0_u16.to_le_bytes());
    body.extend((node_flag | FLAG_LAST).to_le_bytes());
    body.extend(0_u16.to_le_bytes());
    if let Some(child) = node.last_child {
        body.extend(child.to_le_bytes());
    }
    debug_assert!(body.len() % CHILD == 0);
    Some(body)
}

fn put(content: &mut [u8], offset: usize, value: &[u8]) -> Option<()> {
    content
        .get_mut(offset..offset.checked_add(value.len())?)?
        .copy_from_slice(value);
    Some(())
}

fn put_len(content: &mut [u8], offset: usize, value: usize) -> Option<()> {
    put(content, offset, &u32::try_from(value).ok()?.to_le_bytes())
}

/// The flags of an index header.
fn flags(node: &Node) -> [u8; 1] {
    [u8::from(!node.is_leaf())]
}

fn store_block(content: &mut [u8], node: &Node, body: &[u8]) -> Option<()> {
    if body.len() > node.room {
        return None;
    }
    put(content, BLOCK_HEADER.checked_add(node.first)?, body)?;
    put(
        content,
        BLOCK_HEADER.checked_add(HEADER_FLAGS)?,
        &flags(node),
    )?;
    put_len(
        content,
        BLOCK_HEADER.checked_add(4)?,
        node.first.checked_add(body.len())?,
    )
}

/// Gives the root its new entries, moves the attributes behind it and keeps every length in step.
fn store_root(record: &mut [u8], place: RootPlace, node: &Node, body: &[u8]) -> Option<()> {
    let used = usize::try_from(bytes::u32_le(record, RECORD_USED)?).ok()?;
    let old_len = usize::try_from(bytes::u32_le(record, place.attribute.checked_add(4)?)?).ok()?;
    let header = place.value.checked_add(ROOT_HEADER)?;
    let entries_end = header.checked_add(node.first)?.checked_add(body.len())?;
    let value_len = entries_end.checked_sub(place.value)?;
    let attribute_end = entries_end.checked_next_multiple_of(8)?;
    let new_len = attribute_end.checked_sub(place.attribute)?;
    let old_end = place.attribute.checked_add(old_len)?;
    let behind = record.get(old_end..used)?.to_vec();
    let new_used = attribute_end.checked_add(behind.len())?;
    if new_used > record.len() {
        return None;
    }
    let allocated = bytes::u32_le(record, header.checked_add(8)?)?;
    let was_used = bytes::u32_le(record, header.checked_add(4)?)?;
    if allocated != was_used && value_len != place.len {
        // A root with room of its own is not written by Windows or ntfs-3g; its length is not guessed.
        return None;
    }
    put(record, header.checked_add(node.first)?, body)?;
    put(record, header.checked_add(HEADER_FLAGS)?, &flags(node))?;
    record.get_mut(entries_end..attribute_end)?.fill(0);
    put(record, attribute_end, &behind)?;
    record.get_mut(new_used..used.max(new_used))?.fill(0);
    put_len(record, place.attribute.checked_add(4)?, new_len)?;
    put_len(record, place.attribute.checked_add(0x10)?, value_len)?;
    let entries_used = node.first.checked_add(body.len())?;
    put_len(record, header.checked_add(4)?, entries_used)?;
    if allocated == was_used {
        put_len(record, header.checked_add(8)?, entries_used)?;
    }
    put_len(record, RECORD_USED, new_used)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with a root of one leaf entry at 0x40, an attribute of 16 bytes behind it, and the end.
    fn record() -> (Vec<u8>, RootPlace, Node) {
        let mut record = vec![0_u8; 1024];
        let value = 0x40 + 0x20;
        let used_entries = 0x10 + 0x60 + 0x10;
        let len = 0x20 + 0x10 + used_entries;
        put_len(&mut record, 0x44, len).unwrap();
        put_len(&mut record, 0x50, 0x10 + used_entries).unwrap();
        put_len(&mut record, value + 0x10, 0x10).unwrap();
        put_len(&mut record, value + 0x14, used_entries).unwrap();
        put_len(&mut record, value + 0x18, used_entries).unwrap();
        record[0x40 + len..0x40 + len + 16].fill(0xab);
        put_len(&mut record, RECORD_USED, 0x40 + len + 16).unwrap();
        let place = RootPlace {
            record: 40,
            attribute: 0x40,
            value,
            len: 0x10 + used_entries,
        };
        let node = Node {
            vcn: None,
            block: None,
            entries: vec![0],
            children: Vec::new(),
            last_child: None,
            first: 0x10,
            room: 0x70,
            ..Node::default()
        };
        (record, place, node)
    }

    #[test]
    fn what_stands_behind_the_root_moves_with_its_end() {
        for body_len in [0x10_usize, 0x70, 0x90, 0x108] {
            let (mut content, place, node) = record();
            let body = vec![0x11; body_len];
            store_root(&mut content, place, &node, &body).unwrap();
            let end = place.value + 0x20 + body_len;
            assert!(content[place.value + 0x20..end].iter().all(|b| *b == 0x11));
            assert!(content[end..end + 16].iter().all(|b| *b == 0xab));
            assert!(content[end + 16..].iter().all(|b| *b == 0));
            assert_eq!(
                bytes::u32_le(&content, RECORD_USED),
                u32::try_from(end + 16).ok()
            );
        }
    }

    #[test]
    fn a_root_that_would_leave_its_record_is_refused_and_the_record_is_left() {
        let (mut content, place, node) = record();
        let before = content.clone();
        assert!(store_root(&mut content, place, &node, &vec![0; 1000]).is_none());
        assert_eq!(content, before);
    }
}
