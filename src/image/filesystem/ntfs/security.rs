//! `$Secure`: security descriptors by id, through the index `$SII` into the stream `$SDS`.
//!
//! Each descriptor stands twice, the second time 256 KiB further; each copy has a header with its hash, id, offset and
//! length. The second is read when the first is damaged. Layout: `security.c` and `layout.h` of ntfs-3g.

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::filesystem::ntfs::attribute::DATA;
use crate::image::filesystem::ntfs::block::ProtectedBlock;
use crate::image::filesystem::ntfs::cache::Cache;
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::index::Index;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::stream::Stream;

/// The MFT record of `$Secure`.
const SECURE_RECORD: u64 = 9;
/// `$SII` in UTF-16LE.
const INDEX_BY_ID: &[u8] = b"$\0S\0I\0I\0";
/// `$SDS` in UTF-16LE.
const STREAM: &[u8] = b"$\0S\0D\0S\0";
/// Bytes of the header before a descriptor.
pub(crate) const HEADER_BYTES: usize = 20;
/// Distance of the second copy.
pub(crate) const COPY_DISTANCE: u64 = 256 << 10;
/// Longest descriptor with its header; a block of the stream has 256 KiB.
const ENTRY_BYTES_MAX: u32 = 256 << 10;

/// The security descriptor of id `id`, self-relative.
pub fn descriptor(mft: &Mft, cache: &Cache<ProtectedBlock>, id: u32) -> Result<Vec<u8>> {
    let secure = open(mft)?;
    let corrupt = |what: String| Error::corrupt(format!("$Secure: security id {id}: {what}"));
    let index = Index::open(mft, &secure, INDEX_BY_ID, |key| key.len() == 4)?
        .ok_or_else(|| corrupt("index $SII is missing".to_owned()))?;
    let order = |a: &[u8], b: &[u8]| bytes::u32_le(a, 0).cmp(&bytes::u32_le(b, 0));
    let target = |key: &[u8]| bytes::u32_le(key, 0).cmp(&Some(id));
    let hits = index.find(mft, cache, &order, &target)?;
    let entry = hits
        .first()
        .ok_or_else(|| corrupt("is not in index $SII".to_owned()))?;
    let header = Header::parse(&entry.data)
        .filter(|header| header.id == id && header.is_possible())
        .ok_or_else(|| corrupt("entry of index $SII is damaged".to_owned()))?;
    let stream = descriptors(mft, &secure)?;
    read_copy(mft, &stream, header, header.offset)
        .or_else(|error| {
            let second = header.offset.saturating_add(COPY_DISTANCE);
            read_copy(mft, &stream, header, second).map_err(|_| error)
        })
        .map_err(|error| error.at(format_args!("$Secure: security id {id}")))
}

/// `$Secure`.
pub(crate) fn open(mft: &Mft) -> Result<NtfsFile> {
    NtfsFile::open(mft, FileReference(SECURE_RECORD))
}

/// The stream `$SDS` of `$Secure`.
pub(crate) fn descriptors(mft: &Mft, secure: &NtfsFile) -> Result<Stream> {
    secure
        .stream(mft, DATA, STREAM)?
        .ok_or_else(|| Error::corrupt("$Secure: stream $SDS is missing"))
}

/// The header of a descriptor, also the data of an entry of `$SII`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) hash: u32,
    pub(crate) id: u32,
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

impl Header {
    pub(crate) fn parse(data: &[u8]) -> Option<Self> {
        Some(Self {
            hash: bytes::u32_le(data, 0)?,
            id: bytes::u32_le(data, 4)?,
            offset: bytes::u64_le(data, 8)?,
            len: bytes::u32_le(data, 16)?,
        })
    }

    pub(crate) fn is_possible(self) -> bool {
        (20..=ENTRY_BYTES_MAX).contains(&self.len)
    }
}

/// The descriptor of the copy at `offset`, whose header and hash must agree with the index.
fn read_copy(mft: &Mft, stream: &Stream, expected: Header, offset: u64) -> Result<Vec<u8>> {
    let len = usize::try_from(expected.len).unwrap_or(usize::MAX);
    let entry = stream.read_vec(mft.device().as_ref(), offset, len)?;
    if Header::parse(&entry) != Some(expected) {
        return Err(Error::corrupt(format!(
            "header in $SDS at 0x{offset:08x} differs from index $SII"
        )));
    }
    let descriptor = entry.get(HEADER_BYTES..).unwrap_or_default();
    let found = hash(descriptor);
    if found != expected.hash {
        return Err(Error::corrupt(format!(
            "descriptor in $SDS at 0x{offset:08x}: hash should be 0x{:08x}, is 0x{found:08x}",
            expected.hash
        )));
    }
    Ok(descriptor.to_vec())
}

/// The hash of a descriptor: each 32-bit word is added to the sum turned left by three bits.
pub(crate) fn hash(descriptor: &[u8]) -> u32 {
    descriptor.chunks_exact(4).fold(0_u32, |sum, word| {
        let word = bytes::u32_le(word, 0).unwrap_or(0);
        sum.rotate_left(3).wrapping_add(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_turns_and_adds() {
        assert_eq!(hash(&[1, 0, 0, 0, 2, 0, 0, 0]), 10);
        assert_eq!(hash(&[0, 0, 0, 0x80, 0, 0, 0, 0]), 4);
    }
}
