//! An index: the B-tree of names of a directory, and the one of `$Secure`, read node by node.
//!
//! A look-up reads one node a level. Every node that is read is checked: signature, fix-ups, its own number, the end of its
//! entries, the order of its keys and that they lie between the keys of the node above. So damage on the way is an error
//! and "not there" is said only of a tree that is whole where the name would stand. Layout: `index.c` of ntfs-3g.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};
use crate::image::filesystem::ntfs::attribute;
use crate::image::filesystem::ntfs::block::ProtectedBlock;
use crate::image::filesystem::ntfs::boot_sector::is_index_block_size;
use crate::image::filesystem::ntfs::cache::Cache;
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::stream::{Placement, Stream, len_u64};

/// The signature of an index block.
const SIGNATURE: &[u8; 4] = b"INDX";
/// Offset of the index header in `$INDEX_ROOT`.
const ROOT_HEADER: usize = 0x10;
/// Offset of the index header in an index block.
const BLOCK_HEADER: usize = 0x18;
/// Largest `$INDEX_ROOT`: it lies in one MFT record.
const ROOT_BYTES_MAX: u64 = 4096;
/// Most blocks that one look-up or walk reads.
const BLOCKS_MAX: usize = 4_000_000;
/// Entry or header flag: has a sub-node.
const FLAG_CHILD: u16 = 1;
/// Entry flag: the last of its node; it has no key.
const FLAG_LAST: u16 = 2;

/// Compares two keys.
pub type KeyOrder<'a> = &'a dyn Fn(&[u8], &[u8]) -> Ordering;

/// An entry with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// In a directory the file; in other indexes offset and length of the data.
    pub reference: FileReference,
    /// The key.
    pub key: Vec<u8>,
    /// The data behind the key, in an index that is not a directory.
    pub data: Vec<u8>,
}

/// An opened index.
#[derive(Debug)]
pub struct Index {
    place: String,
    root: Arc<ProtectedBlock>,
    root_value: (usize, usize),
    allocation: Option<Stream>,
    block_bytes: usize,
    vcn_bytes: u64,
    is_key: fn(&[u8]) -> bool,
}

/// A node in memory: the bytes that hold it and where its index header is.
#[derive(Debug, Clone)]
struct Node {
    block: Arc<ProtectedBlock>,
    header: usize,
    end: usize,
    first: usize,
    has_children: bool,
}

/// An entry as it stands in its node.
#[derive(Debug, Clone, Copy)]
struct RawEntry<'a> {
    reference: FileReference,
    key: &'a [u8],
    data: &'a [u8],
    child: Option<u64>,
    is_last: bool,
    len: usize,
}

/// A sub-tree still to be searched, with the keys it must lie between.
struct Pending {
    vcn: u64,
    above: Option<Vec<u8>>,
    below: Option<Vec<u8>>,
}

impl Index {
    /// Opens the index `name` (UTF-16LE) of a file; `None` if it has no such index. `is_key` checks the layout of a key.
    pub fn open(
        mft: &Mft,
        file: &NtfsFile,
        name: &[u8],
        is_key: fn(&[u8]) -> bool,
    ) -> Result<Option<Self>> {
        let number = file.base().number();
        let place = format!("MFT record {number}: index");
        let Some(root) = file.stream(mft, attribute::INDEX_ROOT, name)? else {
            return Ok(None);
        };
        let value = root
            .resident()
            .ok_or_else(|| Error::corrupt(format!("{place}: root should be resident, is not")))?;
        let block_bytes = bytes::u32_le(value, 8).unwrap_or(0);
        if !is_index_block_size(u64::from(block_bytes)) {
            return Err(Error::corrupt(format!(
                "{place}: block should have 512 bytes to 64 KiB, has {block_bytes} bytes"
            )));
        }
        let (record, offset) = match root.placement(0, root.size().min(ROOT_BYTES_MAX))? {
            Placement::InRecord { record, offset } => (mft.record(record)?, offset),
            Placement::OnDisk(_) => {
                return Err(Error::corrupt(format!("{place}: root is not resident")));
            }
        };
        let cluster_bytes = mft.geometry().cluster_bytes;
        // A block smaller than a cluster is counted in units of 512 bytes.
        let vcn_bytes = if cluster_bytes <= u64::from(block_bytes) {
            cluster_bytes
        } else {
            512
        };
        Ok(Some(Self {
            root: Arc::new(record.block().clone()),
            root_value: (offset, value.len()),
            allocation: file.stream(mft, attribute::INDEX_ALLOCATION, name)?,
            block_bytes: usize::try_from(block_bytes).unwrap_or(0),
            vcn_bytes,
            is_key,
            place,
        }))
    }

    /// Type of the attribute that is indexed, and the collation rule.
    pub fn kind(&self) -> (u32, u32) {
        let value = self
            .root
            .bytes()
            .get(self.root_value.0..)
            .unwrap_or_default();
        (
            bytes::u32_le(value, 0).unwrap_or(0),
            bytes::u32_le(value, 4).unwrap_or(0),
        )
    }

    /// Bytes of a block.
    pub fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Bytes that a block number counts by: a cluster, or 512 where a block is smaller than a cluster.
    pub fn vcn_bytes(&self) -> u64 {
        self.vcn_bytes
    }

    /// The stream of the blocks; an index that fits its root has none.
    pub fn allocation(&self) -> Option<&Stream> {
        self.allocation.as_ref()
    }

    fn corrupt(&self, what: impl std::fmt::Display) -> Error {
        Error::corrupt(format!("{}: {what}", self.place))
    }

    fn root_node(&self) -> Result<Node> {
        let (offset, len) = self.root_value;
        let header = offset.saturating_add(ROOT_HEADER);
        let end = offset.saturating_add(len);
        Self::node_at(self.root.clone(), header, end)
            .ok_or_else(|| self.corrupt("header of the root is damaged"))
    }

    /// Where the block `vcn` lies on the volume, for a patch.
    pub fn block_placement(&self, vcn: u64) -> Result<Placement> {
        let allocation = self
            .allocation
            .as_ref()
            .ok_or_else(|| self.corrupt(format_args!("block {vcn} without $INDEX_ALLOCATION")))?;
        let offset = vcn.saturating_mul(self.vcn_bytes);
        let len = len_u64(self.block_bytes);
        allocation
            .placement(offset, len)
            .map_err(|error| self.corrupt(format_args!("block {vcn}: {error}")))
    }

    /// Reads and checks the block `vcn`.
    fn block_node(&self, mft: &Mft, cache: &Cache<ProtectedBlock>, vcn: u64) -> Result<Node> {
        let Placement::OnDisk(ranges) = self.block_placement(vcn)? else {
            return Err(self.corrupt("$INDEX_ALLOCATION is resident"));
        };
        let key = ranges.first().map_or(u64::MAX, |range| range.position);
        let cached = cache
            .get(key)
            .filter(|block| block.ranges() == ranges.as_slice());
        let block = if let Some(block) = cached {
            block
        } else {
            let mut raw = vec![0; self.block_bytes];
            let mut rest = raw.as_mut_slice();
            for range in &ranges {
                let len = usize::try_from(range.len).unwrap_or(usize::MAX);
                let Some((part, after)) = rest.split_at_mut_checked(len) else {
                    return Err(self.corrupt("block is longer than its place"));
                };
                mft.device().read_exact_at(range.position, part)?;
                rest = after;
            }
            let place = format_args!("{} block {vcn}", self.place);
            let block = Arc::new(ProtectedBlock::decode(
                raw,
                SIGNATURE,
                ranges.clone(),
                place,
            )?);
            cache.put(key, block.clone());
            block
        };
        let own = bytes::u64_le(block.bytes(), 0x10);
        if own != Some(vcn) {
            return Err(self.corrupt(format_args!(
                "block {vcn} at 0x{key:08x} calls itself {}",
                own.unwrap_or(0)
            )));
        }
        let end = block.bytes().len();
        Self::node_at(block, BLOCK_HEADER, end).ok_or_else(|| {
            self.corrupt(format_args!(
                "header of block {vcn} at 0x{key:08x} is damaged"
            ))
        })
    }

    fn node_at(block: Arc<ProtectedBlock>, header: usize, limit: usize) -> Option<Node> {
        let content = block.bytes();
        let to_len = |offset: usize| usize::try_from(bytes::u32_le(content, offset)?).ok();
        let first = header.checked_add(to_len(header)?)?;
        let end = header.checked_add(to_len(header.checked_add(4)?)?)?;
        let flags = bytes::u8(content, header.checked_add(0x0c)?)?;
        let fits = first >= header.checked_add(0x10)?
            && first < end
            && end <= limit
            && first % 8 == header % 8;
        fits.then_some(Node {
            has_children: u16::from(flags) & FLAG_CHILD != 0,
            header,
            first,
            end,
            block,
        })
    }

    fn entry<'a>(&self, node: &'a Node, offset: usize) -> Result<RawEntry<'a>> {
        let entries = node.block.bytes().get(..node.end).unwrap_or_default();
        parse_entry(entries, offset)
            .filter(|entry| entry.child.is_some() == node.has_children)
            .filter(|entry| entry.is_last || (self.is_key)(entry.key))
            .ok_or_else(|| {
                self.corrupt(format_args!(
                    "entry at 0x{:04x} of {} is damaged",
                    offset.saturating_sub(node.header),
                    node_text(node)
                ))
            })
    }

    /// All entries whose key `target` calls equal. `target` tells the order of a key against what is looked for.
    pub fn find(
        &self,
        mft: &Mft,
        cache: &Cache<ProtectedBlock>,
        order: KeyOrder<'_>,
        target: &dyn Fn(&[u8]) -> Ordering,
    ) -> Result<Vec<IndexEntry>> {
        let mut hits = Vec::new();
        let mut pending = Vec::new();
        let mut visited = BTreeSet::new();
        let root = self.root_node()?;
        self.search_node(&root, (None, None), order, target, &mut hits, &mut pending)?;
        while let Some(next) = pending.pop() {
            if !visited.insert(next.vcn) || visited.len() > BLOCKS_MAX {
                return Err(self.corrupt(format_args!("block {} is reached twice", next.vcn)));
            }
            let node = self.block_node(mft, cache, next.vcn)?;
            let bounds = (next.above, next.below);
            self.search_node(&node, bounds, order, target, &mut hits, &mut pending)?;
        }
        Ok(hits)
    }

    /// Searches one node: takes the equal entries and queues the sub-trees that can hold more of them.
    fn search_node(
        &self,
        node: &Node,
        bounds: (Option<Vec<u8>>, Option<Vec<u8>>),
        order: KeyOrder<'_>,
        target: &dyn Fn(&[u8]) -> Ordering,
        hits: &mut Vec<IndexEntry>,
        pending: &mut Vec<Pending>,
    ) -> Result<()> {
        let (above, below) = bounds;
        let mut before = above.as_deref();
        let mut past = false;
        let mut offset = node.first;
        loop {
            let entry = self.entry(node, offset)?;
            let key = if entry.is_last {
                below.as_deref()
            } else {
                Some(entry.key)
            };
            if let (Some(before), Some(key)) = (before, key)
                && order(before, key) == Ordering::Greater
            {
                return Err(self.corrupt(format_args!(
                    "keys of {} are out of order at 0x{:04x}",
                    node_text(node),
                    offset.saturating_sub(node.header)
                )));
            }
            let found = if entry.is_last {
                Ordering::Greater
            } else {
                target(entry.key)
            };
            if let Some(vcn) = entry.child.filter(|_| !past && found != Ordering::Less) {
                pending.push(Pending {
                    vcn,
                    above: before.map(<[u8]>::to_vec),
                    below: key.map(<[u8]>::to_vec),
                });
            }
            if found == Ordering::Equal {
                hits.push(entry.to_owned_entry());
            }
            past |= found == Ordering::Greater;
            if entry.is_last {
                return Ok(());
            }
            before = Some(entry.key);
            offset = offset.saturating_add(entry.len);
        }
    }

    /// Calls `take` with every entry in order; what `take` returns as an error ends the walk.
    pub fn walk(
        &self,
        mft: &Mft,
        cache: &Cache<ProtectedBlock>,
        order: KeyOrder<'_>,
        take: &mut dyn FnMut(FileReference, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut visited = BTreeSet::new();
        let mut last: Vec<u8> = Vec::new();
        // Each frame: the node, the offset of its next entry, whether the sub-node of that entry was walked.
        let root = self.root_node()?;
        let first = root.first;
        let mut frames = vec![(root, first, false)];
        while let Some((node, offset, child_done)) = frames.last_mut() {
            let entry = self.entry(node, *offset)?;
            if let Some(vcn) = entry.child.filter(|_| !*child_done) {
                *child_done = true;
                if !visited.insert(vcn) {
                    return Err(self.corrupt(format_args!("block {vcn} is reached twice")));
                }
                if visited.len() > BLOCKS_MAX {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded,
                        format!("{}: more than {BLOCKS_MAX} blocks", self.place),
                    ));
                }
                let child = self.block_node(mft, cache, vcn)?;
                let first = child.first;
                frames.push((child, first, false));
                continue;
            }
            if entry.is_last {
                frames.pop();
                continue;
            }
            if !last.is_empty() && order(&last, entry.key) == Ordering::Greater {
                return Err(self.corrupt(format_args!(
                    "keys of {} are out of order at 0x{:04x}",
                    node_text(node),
                    offset.saturating_sub(node.header)
                )));
            }
            take(entry.reference, entry.key)?;
            last.clear();
            last.extend_from_slice(entry.key);
            *offset = offset.saturating_add(entry.len);
            *child_done = false;
        }
        Ok(())
    }
}

impl RawEntry<'_> {
    fn to_owned_entry(self) -> IndexEntry {
        IndexEntry {
            reference: self.reference,
            key: self.key.to_vec(),
            data: self.data.to_vec(),
        }
    }
}

fn node_text(node: &Node) -> String {
    if node.header == BLOCK_HEADER {
        let position = node
            .block
            .ranges()
            .first()
            .map_or(0, |range| range.position);
        return format!("the block at 0x{position:08x}");
    }
    "the root".to_owned()
}

/// Parses the entry at `offset`; `None` if it leaves its node or breaks the layout.
fn parse_entry(entries: &[u8], offset: usize) -> Option<RawEntry<'_>> {
    let head = bytes::u64_le(entries, offset)?;
    let len = usize::from(bytes::u16_le(entries, offset.checked_add(8)?)?);
    if len < 0x10 || len % 8 != 0 {
        return None;
    }
    let entry = bytes::slice(entries, offset, len)?;
    let key_len = usize::from(bytes::u16_le(entry, 0x0a)?);
    let flags = bytes::u16_le(entry, 0x0c)?;
    let is_last = flags & FLAG_LAST != 0;
    let end = if flags & FLAG_CHILD == 0 {
        len
    } else {
        len.checked_sub(8)?
    };
    let key = if is_last {
        &[]
    } else {
        bytes::slice(entry, 0x10, key_len)?
    };
    if 0x10_usize.checked_add(key.len())? > end || (key.is_empty() && !is_last) {
        return None;
    }
    let child = if flags & FLAG_CHILD == 0 {
        None
    } else {
        Some(bytes::u64_le(entry, end)?)
    };
    let (data_offset, data_len) = (bytes::u16_le(entry, 0)?, bytes::u16_le(entry, 2)?);
    let data =
        bytes::slice(entry, usize::from(data_offset), usize::from(data_len)).unwrap_or_default();
    Some(RawEntry {
        reference: FileReference(head),
        key,
        data,
        child,
        is_last,
        len,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_leave_their_node_are_refused() {
        let mut entry = vec![0_u8; 32];
        entry[8] = 32;
        entry[0x0a] = 8;
        assert!(parse_entry(&entry, 0).is_some());
        entry[0x0a] = 17;
        assert!(parse_entry(&entry, 0).is_none());
        entry[0x0a] = 9;
        entry[0x0c] = 1;
        assert!(parse_entry(&entry, 0).is_none());
        entry[8] = 40;
        assert!(parse_entry(&entry, 0).is_none());
        entry[8] = 0;
        assert!(parse_entry(&entry, 0).is_none());
    }
}
