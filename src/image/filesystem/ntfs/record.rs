//! An MFT record: header and attributes over a block whose fix-ups are undone.
//!
//! Layout: `layout.h` of ntfs-3g, `MFT_RECORD`. Records of NTFS 1.2 and 3.0 end their header at 0x2a and carry no number.

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::filesystem::ntfs::attribute::{self, Attribute};
use crate::image::filesystem::ntfs::block::ProtectedBlock;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::runs::DiskRange;

/// The signature of an MFT record.
pub const SIGNATURE: &[u8; 4] = b"FILE";
/// Record flag: in use.
const FLAG_IN_USE: u16 = 1;
/// Record flag: a directory (has an index of names).
const FLAG_DIRECTORY: u16 = 2;

/// An MFT record that was read and checked as a block; its attributes are checked as they are walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MftRecord {
    number: u64,
    block: ProtectedBlock,
    first_attribute: usize,
    used: usize,
}

impl MftRecord {
    /// Decodes the record `number` from its bytes on disk.
    pub fn decode(number: u64, raw: Vec<u8>, ranges: Vec<DiskRange>) -> Result<Self> {
        let block =
            ProtectedBlock::decode(raw, SIGNATURE, ranges, format_args!("MFT record {number}"))?;
        let content = block.bytes();
        let first_attribute = bytes::u16_le(content, 0x14).map_or(0, usize::from);
        let used = bytes::u32_le(content, 0x18)
            .and_then(|used| usize::try_from(used).ok())
            .unwrap_or(usize::MAX);
        if used > content.len() || first_attribute < 0x2a || first_attribute > used {
            return Err(Error::corrupt(format!(
                "MFT record {number}: attributes from 0x{first_attribute:04x} to 0x{used:04x} do not fit {} bytes",
                content.len()
            )));
        }
        Ok(Self {
            number,
            block,
            first_attribute,
            used,
        })
    }

    /// Number of the record.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The block, for positions and for an edit.
    pub fn block(&self) -> &ProtectedBlock {
        &self.block
    }

    /// Sequence number: how often the record was used anew.
    pub fn sequence(&self) -> u16 {
        self.u16_at(0x10)
    }

    /// Number of names.
    pub fn link_count(&self) -> u16 {
        self.u16_at(0x12)
    }

    /// Whether the record describes a file.
    pub fn is_in_use(&self) -> bool {
        self.u16_at(0x16) & FLAG_IN_USE != 0
    }

    /// Whether the file is a directory.
    pub fn is_directory(&self) -> bool {
        self.u16_at(0x16) & FLAG_DIRECTORY != 0
    }

    /// The base record, if this is an extension record; 0 if it is a base record.
    pub fn base(&self) -> FileReference {
        FileReference(bytes::u64_le(self.block.bytes(), 0x20).unwrap_or(0))
    }

    fn u16_at(&self, offset: usize) -> u16 {
        bytes::u16_le(self.block.bytes(), offset).unwrap_or(0)
    }

    /// The attributes in their order; the first damaged one is an error and ends them.
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes {
            record: self,
            offset: Some(self.first_attribute),
        }
    }

    /// The attribute whose header is at `offset`.
    pub fn attribute_at(&self, offset: usize) -> Result<Attribute<'_>> {
        let used = self.block.bytes().get(..self.used).unwrap_or_default();
        attribute::parse(used, offset).ok_or_else(|| {
            Error::corrupt(format!(
                "MFT record {}: attribute at 0x{offset:04x} is damaged",
                self.number
            ))
        })
    }

    /// Checks that the record is the one that `reference` means.
    pub fn check_reference(&self, reference: FileReference) -> Result<()> {
        if !self.is_in_use() {
            return Err(Error::corrupt(format!(
                "MFT record {}: referred to as {reference} and not in use",
                self.number
            )));
        }
        if reference.sequence() != 0 && reference.sequence() != self.sequence() {
            return Err(Error::corrupt(format!(
                "MFT record {}: sequence number should be {}, is {}",
                self.number,
                reference.sequence(),
                self.sequence()
            )));
        }
        Ok(())
    }
}

/// Walks the attributes of a record.
#[derive(Debug)]
pub struct Attributes<'a> {
    record: &'a MftRecord,
    offset: Option<usize>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset.take()?;
        let used = self.record.block.bytes().get(..self.record.used)?;
        if bytes::u32_le(used, offset) == Some(attribute::END) {
            return None;
        }
        let result = self.record.attribute_at(offset);
        if let Ok(attribute) = &result {
            self.offset = offset.checked_add(attribute.len);
        }
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_whose_used_size_leaves_it_is_refused() {
        for (first, used) in [(0x38_u16, 1025_u32), (0x10, 64), (0x48, 0x40)] {
            let mut raw = vec![0_u8; 1024];
            raw[..4].copy_from_slice(SIGNATURE);
            raw[4..8].copy_from_slice(&[0x30, 0, 3, 0]);
            raw[0x14..0x16].copy_from_slice(&first.to_le_bytes());
            raw[0x18..0x1c].copy_from_slice(&used.to_le_bytes());
            assert!(MftRecord::decode(40, raw, Vec::new()).is_err());
        }
    }

    #[test]
    fn attributes_end_at_a_damaged_one() {
        let mut raw = vec![0_u8; 1024];
        raw[..4].copy_from_slice(SIGNATURE);
        raw[4..8].copy_from_slice(&[0x30, 0, 3, 0]);
        raw[0x14] = 0x38;
        raw[0x18] = 0x80;
        let record = MftRecord::decode(40, raw, Vec::new()).unwrap();
        let found: Vec<_> = record.attributes().collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].is_err());
    }
}
