//! All security descriptors of `$Secure:$SDS`, in the order in which they lie, whether a file uses them or not.
//!
//! Windows adds descriptors and never takes one away, so that the stream remembers owners and entries that no file has any
//! more. It is a row of blocks of 256 KiB, each followed by its copy; a descriptor begins at a multiple of 16 behind a header
//! that holds its own offset and hash, and none crosses the end of a block. The stream ends with the copy of its last block,
//! which tells how far that is filled (measured on six volumes that Windows wrote). Only the first copies are read, and a
//! second one where the first is damaged. Layout: `security.c` and `layout.h` of ntfs-3g.

use crate::error::{Error, ErrorKind, Result};
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::security::{
    self, COPY_DISTANCE, HEADER_BYTES, Header, descriptors,
};
use crate::image::filesystem::ntfs::stream::len_u64;

/// Distance from one block to the next, its copy between them.
const BLOCK_DISTANCE: u64 = 2 * COPY_DISTANCE;
/// Descriptors begin at multiples of this.
const ALIGNMENT: usize = 16;
/// Of damaged entries at most this many times the bytes of a block are hashed.
const HASHED_TIMES_MAX: usize = 8;

/// A descriptor as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredDescriptor<'a> {
    /// Its security id.
    pub id: u32,
    /// Where its header lies in `$SDS`, in the copy which was read.
    pub offset: u64,
    /// Whether the second copy was read, because the first is damaged.
    pub is_copy: bool,
    /// The descriptor, self-relative.
    pub bytes: &'a [u8],
}

/// What a walk over all descriptors met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walked {
    /// Number of descriptors.
    pub descriptors: u64,
    /// Those of them that were read from the second copy.
    pub from_copy: u64,
    /// Number of places that are damaged in both copies.
    pub damaged: u64,
    /// The first of these places.
    pub first_damaged: Option<u64>,
}

/// Shows every descriptor to `visit`; the filled part of the blocks must not be longer than `bytes_max`.
pub(crate) fn walk(
    mft: &Mft,
    bytes_max: u64,
    visit: &mut dyn FnMut(&StoredDescriptor<'_>),
) -> Result<Walked> {
    let stream = descriptors(mft, &security::open(mft)?)?;
    let read = |offset, len| stream.read_vec(mft.device().as_ref(), offset, len);
    walk_stream(stream.size(), &read, bytes_max, visit)
}

/// As [`NtfsVolume::stored_descriptors`](crate::image::filesystem::ntfs::NtfsVolume::stored_descriptors), over any stream of
/// `size` bytes whose parts `read` gives.
///
/// # Errors
/// [`ErrorKind::LimitExceeded`] where more than `bytes_max` bytes are filled, or too much is damaged to be told apart.
pub fn walk_stream(
    size: u64,
    read: ReadPart<'_>,
    bytes_max: u64,
    visit: &mut dyn FnMut(&StoredDescriptor<'_>),
) -> Result<Walked> {
    let blocks = size.div_ceil(BLOCK_DISTANCE);
    let starts = (0..blocks).map(|block| block.saturating_mul(BLOCK_DISTANCE));
    let mut filled_bytes = 0_u64;
    for start in starts.clone() {
        filled_bytes = filled_bytes.saturating_add(filled(size, start));
        if filled_bytes > bytes_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "$Secure: $SDS: {size} bytes with their second copies; of the first at most {bytes_max} are read"
                ),
            ));
        }
    }
    let mut walked = Walked::default();
    for start in starts {
        let len = usize::try_from(filled(size, start)).unwrap_or(usize::MAX);
        Block { read, start, len }.walk(&mut walked, visit)?;
    }
    Ok(walked)
}

/// Gives the bytes of a part of a stream: offset and length.
pub type ReadPart<'r> = &'r dyn Fn(u64, usize) -> Result<Vec<u8>>;

/// How many bytes of the block at `start` are filled in a stream of `size` bytes.
fn filled(size: u64, start: u64) -> u64 {
    let rest = size.saturating_sub(start);
    match rest.checked_sub(COPY_DISTANCE) {
        // Without any of the copy the block itself ends the stream.
        None | Some(0) => rest,
        Some(copy) => copy.min(COPY_DISTANCE),
    }
}

/// A copy of a block, where its zeros begin, and how far behind the block it lies.
struct Copied {
    bytes: Vec<u8>,
    written: usize,
    distance: u64,
}

/// A block that is walked.
struct Block<'r> {
    read: ReadPart<'r>,
    start: u64,
    len: usize,
}

impl Block<'_> {
    fn walk(
        &self,
        walked: &mut Walked,
        visit: &mut dyn FnMut(&StoredDescriptor<'_>),
    ) -> Result<()> {
        let first = self.read(0);
        let mut second = None;
        let mut hashed = 0;
        let mut at = 0_usize;
        let mut in_damage = false;
        while at.saturating_add(HEADER_BYTES) <= self.len {
            if first.written <= at && self.is_padding(second.as_ref(), at) {
                break;
            }
            let mut copy = &first;
            let mut found = self.entry(copy, at, &mut hashed)?;
            if found.is_none() {
                copy = second.get_or_insert_with(|| self.read(COPY_DISTANCE));
                found = self.entry(copy, at, &mut hashed)?;
            }
            let step = if let Some((header, descriptor)) = found {
                let descriptor = StoredDescriptor {
                    id: header.id,
                    offset: header.offset.saturating_add(copy.distance),
                    is_copy: copy.distance > 0,
                    bytes: descriptor,
                };
                walked.descriptors = walked.descriptors.saturating_add(1);
                let of_copy = u64::from(descriptor.is_copy);
                walked.from_copy = walked.from_copy.saturating_add(of_copy);
                visit(&descriptor);
                usize::try_from(header.len).unwrap_or(usize::MAX)
            } else {
                if !in_damage {
                    walked.damaged = walked.damaged.saturating_add(1);
                    walked.first_damaged.get_or_insert(self.place(at));
                }
                ALIGNMENT
            };
            in_damage = found.is_none();
            at = at
                .saturating_add(step)
                .checked_next_multiple_of(ALIGNMENT)
                .unwrap_or(usize::MAX);
        }
        Ok(())
    }

    fn place(&self, at: usize) -> u64 {
        self.start.saturating_add(len_u64(at))
    }

    /// Whether the copy, too, has only zeros from `at` to its end: the next descriptor did not fit there.
    fn is_padding(&self, second: Option<&Copied>, at: usize) -> bool {
        if let Some(second) = second {
            return second.written <= at;
        }
        let start = self.place(at).saturating_add(COPY_DISTANCE);
        let tail = (self.read)(start, self.len.saturating_sub(at));
        tail.is_ok_and(|tail| tail.iter().all(|byte| *byte == 0))
    }

    /// The copy of the block that lies `distance` behind it; one that can't be read holds nothing.
    fn read(&self, distance: u64) -> Copied {
        let start = self.start.saturating_add(distance);
        match (self.read)(start, self.len) {
            Ok(bytes) => Copied {
                written: bytes
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(0, |last| last.saturating_add(1)),
                bytes,
                distance,
            },
            // Of a second copy that can't be read nobody knows where its zeros begin.
            Err(_) => Copied {
                bytes: Vec::new(),
                written: if distance == 0 { 0 } else { usize::MAX },
                distance,
            },
        }
    }

    /// Header and content of the descriptor at `at`, if it is one: the header names its own place, and the hash fits.
    fn entry<'c>(
        &self,
        copy: &'c Copied,
        at: usize,
        hashed: &mut usize,
    ) -> Result<Option<(Header, &'c [u8])>> {
        let tail = copy.bytes.get(at..).unwrap_or_default();
        let Some(header) = Header::parse(tail)
            .filter(|header| header.is_possible() && header.offset == self.place(at))
        else {
            return Ok(None);
        };
        let end = usize::try_from(header.len).unwrap_or(usize::MAX);
        let Some(descriptor) = tail.get(HEADER_BYTES..end) else {
            return Ok(None);
        };
        if security::hash(descriptor) == header.hash {
            return Ok(Some((header, descriptor)));
        }
        *hashed = hashed.saturating_add(descriptor.len());
        if *hashed > self.len.saturating_mul(HASHED_TIMES_MAX) {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "$Secure: $SDS at 0x{:08x}: too many descriptors whose hash is wrong",
                    header.offset
                ),
            ));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_of_the_last_block_tells_how_far_it_is_filled() {
        assert_eq!(filled(0x4_00fc, 0), 0xfc);
        assert_eq!(filled(0x8_0000, 0), 0x4_0000);
        assert_eq!(filled(0xc_0100, 0x8_0000), 0x100);
        assert_eq!(filled(0x1234, 0), 0x1234);
        assert_eq!(filled(0x4_0000, 0), 0x4_0000);
    }

    /// A stream of one block with these descriptors, and its copy.
    fn stream(contents: &[&[u8]]) -> Vec<u8> {
        let mut block = Vec::new();
        for (id, content) in (256_u32..).zip(contents) {
            let offset = len_u64(block.len());
            let len = u32::try_from(HEADER_BYTES + content.len()).unwrap();
            block.extend(security::hash(content).to_le_bytes());
            block.extend(id.to_le_bytes());
            block.extend(offset.to_le_bytes());
            block.extend(len.to_le_bytes());
            block.extend(*content);
            block.resize(block.len().next_multiple_of(ALIGNMENT), 0);
        }
        let copy = block.clone();
        block.resize(usize::try_from(COPY_DISTANCE).unwrap(), 0);
        block.extend(copy);
        block
    }

    type Seen = Vec<(u32, u64, Vec<u8>)>;

    fn walked(stream: &[u8], is_readable: impl Fn(u64) -> bool) -> Result<(Seen, Walked)> {
        let read = |offset: u64, len: usize| {
            if !is_readable(offset) {
                return Err(Error::new(ErrorKind::Io, "bad sector"));
            }
            let start = usize::try_from(offset).unwrap();
            Ok(stream[start..start + len].to_vec())
        };
        let mut seen = Vec::new();
        let walked = walk_stream(len_u64(stream.len()), &read, 1 << 20, &mut |stored| {
            seen.push((stored.id, stored.offset, stored.bytes.to_vec()));
        })?;
        Ok((seen, walked))
    }

    #[test]
    fn a_first_copy_that_cannot_be_read_is_replaced_by_the_second() {
        let stream = stream(&[b"one.", b"two.four"]);
        let (seen, walked) = walked(&stream, |offset| offset >= COPY_DISTANCE).unwrap();
        let expected = [
            (256, COPY_DISTANCE, b"one.".to_vec()),
            (257, COPY_DISTANCE + 32, b"two.four".to_vec()),
        ];
        assert_eq!(seen, expected);
        assert_eq!((walked.from_copy, walked.damaged), (2, 0));
    }

    #[test]
    fn copies_that_cannot_be_read_are_damage_and_not_an_end() {
        let stream = stream(&[b"one."]);
        let (seen, walked) = walked(&stream, |_| false).unwrap();
        assert_eq!((seen.len(), walked.damaged), (0, 1));
        assert_eq!(walked.first_damaged, Some(0));
    }

    /// Each header claims all that is behind it, so that each wrong hash costs the whole block.
    #[test]
    fn wrong_hashes_end_the_walk_before_they_take_time() {
        let mut stream = stream(&[vec![7; 200_000].as_slice()]);
        let len = 200_000_u32;
        for at in (0..100_000).step_by(32) {
            for start in [0, usize::try_from(COPY_DISTANCE).unwrap()] {
                let header = &mut stream[start + at..start + at + HEADER_BYTES];
                header[8..16].copy_from_slice(&len_u64(at).to_le_bytes());
                header[16..].copy_from_slice(&(len - u32::try_from(at).unwrap()).to_le_bytes());
            }
        }
        let refused = walked(&stream, |_| true).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    }
}
