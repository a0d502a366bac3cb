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
use crate::image::filesystem::ntfs::stream::{Stream, len_u64};

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
    let blocks = stream.size().div_ceil(BLOCK_DISTANCE);
    let starts = (0..blocks).map(|block| block.saturating_mul(BLOCK_DISTANCE));
    let filled_bytes = starts.clone().fold(0_u64, |sum, start| {
        sum.saturating_add(filled(stream.size(), start))
    });
    if filled_bytes > bytes_max {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "$Secure: $SDS: {filled_bytes} bytes of descriptors, at most {bytes_max} are read"
            ),
        ));
    }
    let mut walked = Walked::default();
    for start in starts {
        let len = usize::try_from(filled(stream.size(), start)).unwrap_or(usize::MAX);
        let block = Block {
            mft,
            stream: &stream,
            start,
            len,
        };
        block.walk(&mut walked, visit)?;
    }
    Ok(walked)
}

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
struct Block<'s> {
    mft: &'s Mft,
    stream: &'s Stream,
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
        let device = self.mft.device().as_ref();
        let start = self.place(at).saturating_add(COPY_DISTANCE);
        let tail = self
            .stream
            .read_vec(device, start, self.len.saturating_sub(at));
        tail.is_ok_and(|tail| tail.iter().all(|byte| *byte == 0))
    }

    /// The copy of the block that lies `distance` behind it; one that can't be read holds nothing.
    fn read(&self, distance: u64) -> Copied {
        let start = self.start.saturating_add(distance);
        let device = self.mft.device().as_ref();
        let read = self.stream.read_vec(device, start, self.len);
        match read {
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
}
