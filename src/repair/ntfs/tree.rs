//! The whole `$I30` index of a directory as a list of entries in their order and the slots they stand in.
//!
//! An edit never changes the shape of the tree: it puts another list of entries into the slots (see `layout`). So the tree
//! is read whole and strictly, and whatever is not as Windows and ntfs-3g write it is damage that stops the repair: each
//! block is reached once, calls itself by its number, is marked in use and no other is; keys ascend by the collation of the
//! volume; all leaves have one depth. Layout: `layout.h` and `index.c` of ntfs-3g.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::base::bytes;
use crate::image::device::read_vec;
use crate::image::filesystem::ntfs::attribute::{self, Form};
use crate::image::filesystem::ntfs::block::ProtectedBlock;
use crate::image::filesystem::ntfs::directory::{Directory, INDEX_NAME};
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::names::{FileName, NAME_OFFSET};
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::stream::{Placement, Stream};
use crate::image::filesystem::ntfs::upcase::UpcaseTable;
use crate::repair::gate::{Gate, Planned, Refusal};

/// `$BITMAP`: of an index, one bit a block.
pub(super) const BITMAP: u32 = 0xb0;
/// Offset of the index header in `$INDEX_ROOT`.
const ROOT_HEADER: usize = 0x10;
/// Offset of the index header in a block.
pub(super) const BLOCK_HEADER: usize = 0x18;
/// Length of an entry without key.
pub(super) const ENTRY_HEAD: usize = 0x10;
/// Length of the number of a sub-node at the end of an entry.
pub(super) const CHILD: usize = 8;
/// Entry or header flag: has a sub-node.
pub(super) const FLAG_CHILD: u16 = 1;
/// Entry flag: the last of its node.
pub(super) const FLAG_LAST: u16 = 2;
/// Most levels of a tree; 100,000 names make 4.
const DEPTH_MAX: usize = 20;
/// Most blocks of one directory: 16 million names.
const BLOCKS_MAX: usize = 1_000_000;
/// Largest bitmap of an index, in bytes.
const BITMAP_BYTES_MAX: u64 = 1 << 20;

/// An entry, by its place in [`Tree::entries`].
pub(super) type EntryId = usize;
/// A node, by its place in [`Tree::nodes`]; the root is 0.
pub(super) type NodeId = usize;

/// A name of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The file.
    pub(super) reference: FileReference,
    /// A copy of its `$FILE_NAME`.
    pub(super) key: Vec<u8>,
    /// The bytes behind the key that fill the entry up.
    pub(super) padding: Vec<u8>,
    /// The two bytes at +0x0e.
    pub(super) reserved: u16,
}

impl Entry {
    /// Length in a leaf.
    pub(super) fn len(&self) -> usize {
        ENTRY_HEAD
            .saturating_add(self.key.len())
            .saturating_add(self.padding.len())
    }

    /// The name, UTF-16LE.
    pub(super) fn name(&self) -> &[u8] {
        self.key.get(NAME_OFFSET..).unwrap_or_default()
    }

    /// 0 POSIX, 1 Win32, 2 DOS, 3 both.
    pub(super) fn name_space(&self) -> u8 {
        bytes::u8(&self.key, 0x41).unwrap_or(u8::MAX)
    }

    /// What must agree with the file's own `$FILE_NAME`: parent, length of the name, name space, name.
    pub(super) fn identity(key: &[u8]) -> Option<(u64, &[u8])> {
        Some((bytes::u64_le(key, 0)?, key.get(0x40..)?))
    }
}

/// A node of the tree.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The number of its block; `None` for the root.
    pub(super) vcn: Option<u64>,
    /// Its block; `None` for the root, which lies in an MFT record.
    pub(super) block: Option<ProtectedBlock>,
    /// Its entries without the last one, in order.
    pub(super) entries: Vec<EntryId>,
    /// The blocks before each entry, in an inner node.
    pub(super) children: Vec<u64>,
    /// The block behind all entries, in an inner node.
    pub(super) last_child: Option<u64>,
    /// Offset of the first entry from the index header.
    pub(super) first: usize,
    /// Bytes that entries may fill, the last one included.
    pub(super) room: usize,
    /// Its level, the root being 0.
    pub(super) depth: usize,
}

impl Node {
    /// Whether it has no sub-nodes.
    pub(super) fn is_leaf(&self) -> bool {
        self.last_child.is_none()
    }

    /// Length of the last entry.
    pub(super) fn last_len(&self) -> usize {
        if self.is_leaf() {
            ENTRY_HEAD
        } else {
            ENTRY_HEAD.saturating_add(CHILD)
        }
    }

    /// Length of an entry in this node.
    pub(super) fn len_of(&self, entry: &Entry) -> usize {
        if self.is_leaf() {
            entry.len()
        } else {
            entry.len().saturating_add(CHILD)
        }
    }
}

/// Block, level and links of a node.
type Shape = (Option<u64>, usize, Vec<u64>, Option<u64>);

/// Where the root of the index stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RootPlace {
    /// The MFT record: of the directory, or an extension of it.
    pub(super) record: u64,
    /// Offset of the attribute in the record.
    pub(super) attribute: usize,
    /// Offset of the value in the record.
    pub(super) value: usize,
    /// Length of the value.
    pub(super) len: usize,
}

/// The index of a directory, read whole.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The directory.
    pub(super) directory: FileReference,
    /// All entries that were read, and those that an edit adds.
    pub(super) entries: Vec<Entry>,
    /// All nodes, the root first.
    pub(super) nodes: Vec<Node>,
    /// The entries in their order.
    pub(super) order: Vec<EntryId>,
    /// The node of each of them.
    pub(super) slots: Vec<NodeId>,
    /// Where the root stands.
    pub(super) root: RootPlace,
}

fn damaged(directory: FileReference, what: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        Gate::Damaged,
        format!(
            "index of directory {directory}: {what}; let Windows check the volume (chkdsk) before it is repaired here"
        ),
    )
}

impl Tree {
    /// Reads and checks the index of a directory.
    pub(super) fn load(mft: &Mft, file: &NtfsFile, upcase: &UpcaseTable) -> Planned<Self> {
        let directory = Directory::open(mft, file)?;
        let reference = directory.reference();
        let bad = |what: String| damaged(reference, what);
        let (root, root_node, entries) = read_root(mft, file).map_err(bad)?;
        let mut tree = Self {
            directory: reference,
            entries,
            nodes: vec![root_node],
            order: Vec::new(),
            slots: Vec::new(),
            root,
        };
        tree.walk(mft, &directory).map_err(bad)?;
        tree.check_order(upcase).map_err(bad)?;
        tree.check_bitmap(mft, file, &directory)
            .map_err(|what| damaged(reference, what))?;
        Ok(tree)
    }

    /// The entry at a place of the order.
    pub(super) fn at(&self, place: usize) -> Option<&Entry> {
        self.entries.get(*self.order.get(place)?)
    }

    /// The places of all entries in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().filter_map(|id| self.entries.get(*id))
    }

    /// The blocks of the tree, for the comparison of its shape.
    pub(super) fn shape(&self) -> BTreeSet<Shape> {
        let shape = |node: &Node| (node.vcn, node.depth, node.children.clone(), node.last_child);
        self.nodes.iter().map(shape).collect()
    }

    /// Walks the tree in order and reads every block of it.
    fn walk(&mut self, mft: &Mft, directory: &Directory) -> Result<(), String> {
        let mut visited = BTreeSet::new();
        let mut leaf_depth = None;
        // Each frame: a node, the next of its entries, whether the sub-node before it was walked.
        let mut frames: Vec<(NodeId, usize, bool)> = vec![(0, 0, false)];
        while let Some((id, next, child_done)) = frames.pop() {
            let node = self.nodes.get(id).ok_or("node is missing")?;
            let child = match node.children.get(next) {
                Some(child) => Some(*child),
                None => node.last_child,
            };
            if let Some(vcn) = child.filter(|_| !child_done) {
                let depth = node.depth.saturating_add(1);
                if !visited.insert(vcn) {
                    return Err(format!("block {vcn} is reached twice"));
                }
                if depth > DEPTH_MAX || visited.len() > BLOCKS_MAX {
                    return Err(format!(
                        "more than {DEPTH_MAX} levels or {BLOCKS_MAX} blocks"
                    ));
                }
                let child = self.read_block(mft, directory, vcn, depth)?;
                self.nodes.push(child);
                frames.push((id, next, true));
                frames.push((self.nodes.len().saturating_sub(1), 0, false));
                continue;
            }
            if node.is_leaf() && *leaf_depth.get_or_insert(node.depth) != node.depth {
                return Err("its leaves have different depths".to_owned());
            }
            let Some(entry) = node.entries.get(next) else {
                continue;
            };
            self.order.push(*entry);
            self.slots.push(id);
            frames.push((id, next.saturating_add(1), false));
        }
        Ok(())
    }

    fn read_block(
        &mut self,
        mft: &Mft,
        directory: &Directory,
        vcn: u64,
        depth: usize,
    ) -> Result<Node, String> {
        let placement = directory
            .index()
            .block_placement(vcn)
            .map_err(|error| error.chain())?;
        let Placement::OnDisk(ranges) = placement else {
            return Err("its blocks lie in an MFT record".to_owned());
        };
        let mut raw = Vec::new();
        for range in &ranges {
            let len = usize::try_from(range.len).unwrap_or(usize::MAX);
            let part = read_vec(mft.device().as_ref(), range.position, len);
            raw.extend(part.map_err(|error| error.chain())?);
        }
        let block = ProtectedBlock::decode(raw, b"INDX", ranges, format_args!("block {vcn}"))
            .map_err(|error| error.chain())?;
        let content = block.bytes();
        let own = bytes::u64_le(content, 0x10);
        if own != Some(vcn) {
            return Err(format!("block {vcn} calls itself {own:?}"));
        }
        let allocated = bytes::u32_le(content, BLOCK_HEADER.saturating_add(8));
        let expected = content.len().saturating_sub(BLOCK_HEADER);
        if allocated.and_then(|len| usize::try_from(len).ok()) != Some(expected) {
            return Err(format!(
                "block {vcn} should have room for {expected} bytes, has {allocated:?}"
            ));
        }
        let mut node = parse_node(content, BLOCK_HEADER, &mut self.entries)
            .map_err(|what| format!("block {vcn}: {what}"))?;
        if node.is_leaf() && node.entries.is_empty() {
            return Err(format!("block {vcn} is an empty leaf"));
        }
        node.vcn = Some(vcn);
        node.depth = depth;
        node.block = Some(block);
        Ok(node)
    }

    /// Keys ascend strictly, and each says that it belongs to this directory.
    fn check_order(&self, upcase: &UpcaseTable) -> Result<(), String> {
        let mut before: Option<&Entry> = None;
        for entry in self.iter() {
            if let Some(before) = before
                && upcase.collate(before.name(), entry.name()) != Ordering::Less
            {
                return Err(format!(
                    "{} should not follow {}",
                    name_text(entry.name()),
                    name_text(before.name())
                ));
            }
            let parent = bytes::u64_le(&entry.key, 0).unwrap_or(0);
            if parent != self.directory.0 {
                return Err(format!(
                    "{} calls {} its directory",
                    name_text(entry.name()),
                    FileReference(parent)
                ));
            }
            before = Some(entry);
        }
        Ok(())
    }

    /// Every block that is reached is marked in use, and no other.
    fn check_bitmap(
        &self,
        mft: &Mft,
        file: &NtfsFile,
        directory: &Directory,
    ) -> Result<(), String> {
        let index = directory.index();
        let block_bytes = u64::try_from(index.block_bytes()).unwrap_or(u64::MAX);
        let per_block = block_bytes
            .checked_div(index.vcn_bytes())
            .unwrap_or(1)
            .max(1);
        let blocks = index
            .allocation()
            .map_or(0, Stream::size)
            .checked_div(block_bytes)
            .unwrap_or(0);
        let bitmap = match file
            .stream(mft, BITMAP, INDEX_NAME)
            .map_err(|error| error.chain())?
        {
            Some(stream) => stream
                .read_all(mft.device().as_ref(), BITMAP_BYTES_MAX)
                .map_err(|error| error.chain())?,
            None => Vec::new(),
        };
        let mut reached = BTreeSet::new();
        for vcn in self.nodes.iter().filter_map(|node| node.vcn) {
            if vcn.checked_rem(per_block) != Some(0) {
                return Err(format!("block {vcn} does not begin where a block may"));
            }
            reached.insert(vcn.checked_div(per_block).unwrap_or(u64::MAX));
        }
        let bits = u64::try_from(bitmap.len()).unwrap_or(0).saturating_mul(8);
        for block in 0..bits.max(blocks) {
            let byte = usize::try_from(block / 8)
                .ok()
                .and_then(|at| bytes::u8(&bitmap, at))
                .unwrap_or(0);
            let is_set = byte >> (block % 8) & 1 == 1;
            if is_set != reached.contains(&block) {
                return Err(format!(
                    "block {} is {} and {} in its bitmap",
                    block,
                    if is_set { "not reached" } else { "reached" },
                    if is_set { "in use" } else { "free" }
                ));
            }
        }
        match reached.last() {
            Some(last) if *last >= blocks => Err(format!("block {last} lies behind the last one")),
            _ => Ok(()),
        }
    }
}

/// A name for messages.
pub(super) fn name_text(name: &[u8]) -> String {
    crate::base::utf16::decode_le(name)
}

/// The root: where it stands, and its node.
fn read_root(mft: &Mft, file: &NtfsFile) -> Result<(RootPlace, Node, Vec<Entry>), String> {
    let found = file
        .select(mft, |kind, name, _| {
            kind == attribute::INDEX_ROOT && name == INDEX_NAME
        })
        .map_err(|error| error.chain())?;
    let [found] = found.as_slice() else {
        return Err(format!("{} roots, where one should be", found.len()));
    };
    let attribute = found.attribute().map_err(|error| error.chain())?;
    let Form::Resident {
        value_offset,
        value,
    } = attribute.form
    else {
        return Err("root is not resident".to_owned());
    };
    let place = RootPlace {
        record: found.record().number(),
        attribute: attribute.offset,
        value: value_offset,
        len: value.len(),
    };
    let mut entries = Vec::new();
    let node =
        parse_node(value, ROOT_HEADER, &mut entries).map_err(|what| format!("root: {what}"))?;
    Ok((place, node, entries))
}

/// Parses a node whose index header is at `header` of `content`, which ends with the node.
fn parse_node(content: &[u8], header: usize, entries: &mut Vec<Entry>) -> Result<Node, String> {
    let field = |offset: usize| {
        bytes::u32_le(content, header.saturating_add(offset))
            .and_then(|value| usize::try_from(value).ok())
            .ok_or("index header is cut short")
    };
    let (first, used, allocated) = (field(0)?, field(4)?, field(8)?);
    let has_children = match bytes::u8(content, header.saturating_add(0x0c)) {
        Some(0) => false,
        Some(1) => true,
        flags => return Err(format!("index header has flags {flags:?}")),
    };
    let fits = first >= 0x10
        && first % 8 == 0
        && used <= allocated
        && header.saturating_add(allocated) <= content.len()
        && first.saturating_add(ENTRY_HEAD) <= used;
    if !fits {
        return Err(format!(
            "index header with entries from {first} to {used} of {allocated} bytes"
        ));
    }
    let end = header.saturating_add(used);
    let body = content.get(..end).ok_or("entries leave the node")?;
    let mut node = Node {
        vcn: None,
        block: None,
        entries: Vec::new(),
        children: Vec::new(),
        last_child: None,
        first,
        room: allocated.saturating_sub(first),
        depth: 0,
    };
    let mut offset = header.saturating_add(first);
    loop {
        let damaged = || {
            format!(
                "entry at 0x{:04x} is damaged",
                offset.saturating_sub(header)
            )
        };
        let len = bytes::u16_le(body, offset.saturating_add(8)).map_or(0, usize::from);
        let entry = bytes::slice(body, offset, len)
            .filter(|_| len >= ENTRY_HEAD && len.is_multiple_of(8))
            .ok_or_else(damaged)?;
        let flags = bytes::u16_le(entry, 0x0c).unwrap_or(0);
        if flags & !(FLAG_CHILD | FLAG_LAST) != 0 || (flags & FLAG_CHILD != 0) != has_children {
            return Err(damaged());
        }
        let own_len = if has_children {
            len.checked_sub(CHILD).ok_or_else(damaged)?
        } else {
            len
        };
        let child = if has_children {
            Some(bytes::u64_le(entry, own_len).ok_or_else(damaged)?)
        } else {
            None
        };
        if flags & FLAG_LAST != 0 {
            if offset.saturating_add(len) != end || own_len != ENTRY_HEAD {
                return Err("its last entry does not end it".to_owned());
            }
            node.last_child = child;
            return Ok(node);
        }
        entries.push(parse_entry(entry, own_len).ok_or_else(damaged)?);
        node.entries.push(entries.len().saturating_sub(1));
        node.children.extend(child);
        offset = offset.saturating_add(len);
    }
}

/// Parses an entry with a key, without its sub-node.
fn parse_entry(entry: &[u8], own_len: usize) -> Option<Entry> {
    let key_len = usize::from(bytes::u16_le(entry, 0x0a)?);
    let key = bytes::slice(entry, ENTRY_HEAD, key_len)?;
    FileName::parse(key, true)?;
    let key_end = ENTRY_HEAD.checked_add(key_len)?;
    Some(Entry {
        reference: FileReference(bytes::u64_le(entry, 0)?),
        key: key.to_vec(),
        padding: entry.get(key_end..own_len)?.to_vec(),
        reserved: bytes::u16_le(entry, 0x0e)?,
    })
}
