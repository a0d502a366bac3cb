//! File references: the number of an MFT record and the sequence number it must have.

use std::fmt;

/// 48 bits of record number, 16 bits of sequence number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileReference(pub u64);

impl FileReference {
    /// Number of the MFT record.
    pub fn record(self) -> u64 {
        self.0 & 0xffff_ffff_ffff
    }

    /// The sequence number that the record must have; 0 is not compared.
    pub fn sequence(self) -> u16 {
        u16::try_from(self.0 >> 48).unwrap_or(0)
    }
}

impl fmt::Display for FileReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.record(), self.sequence())
    }
}
