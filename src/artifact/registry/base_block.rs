//! The base block: the first 4,096 bytes of a hive, and the first 512 of a transaction log.
//!
//! Its checksum and sequence numbers say whether the hive is consistent; its version says how large values are stored.
//! Specification: "Windows registry file format specification", section "Base block".

use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};

/// Length of the base block; offsets of cells count from its end.
pub(crate) const BASE_BLOCK_BYTES: usize = 4096;

/// Length of the part of the base block that the checksum covers and that a log keeps a copy of.
pub(crate) const SECTOR_BYTES: usize = 512;

const CHECKSUM_OFFSET: usize = 508;
const PRIMARY_SEQUENCE_OFFSET: usize = 4;
const SECONDARY_SEQUENCE_OFFSET: usize = 8;
const FILE_TYPE_OFFSET: usize = 28;
const BINS_BYTES_OFFSET: usize = 40;
const FLAGS_OFFSET: usize = 144;
const FILE_NAME: std::ops::Range<usize> = 48..112;
const RESOURCE_MANAGER_ID: std::ops::Range<usize> = 112..128;

/// Minor versions that are read: NT 3.5 and 3.51 write 2, NT 4.0 3, Windows XP 5, delta hives of Windows 10 are 6.
const MINOR_VERSIONS: std::ops::RangeInclusive<u32> = 2..=6;

/// The fields of a base block that matter here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseBlock {
    pub(crate) primary_sequence: u32,   // 4
    pub(crate) secondary_sequence: u32, // 8
    pub(crate) written: u64,            // 12
    pub(crate) major: u32,              // 20
    pub(crate) minor: u32,              // 24
    pub(crate) file_type: u32,          // 28: 0 primary, 1 or 2 old log, 6 new log
    pub(crate) file_format: u32,        // 32: 1 direct memory load
    pub(crate) root_cell: u32,          // 36
    pub(crate) bins_bytes: u32,         // 40
    pub(crate) clustering: u32,         // 44: sector size / 512
    pub(crate) checksum_stored: u32,    // 508
    pub(crate) checksum_computed: u32,
}

impl BaseBlock {
    /// Reads the base block at the start of `file`.
    pub(crate) fn parse(file: &[u8]) -> Result<Self> {
        let short = || {
            Error::new(
                ErrorKind::InvalidFormat,
                format!(
                    "base block at 0x00000000: should be 512 bytes, file holds {}",
                    file.len()
                ),
            )
        };
        let sector = bytes::slice(file, 0, SECTOR_BYTES).ok_or_else(short)?;
        if !sector.starts_with(b"regf") {
            let found = String::from_utf8_lossy(sector.get(..4).unwrap_or_default())
                .escape_debug()
                .to_string();
            return Err(Error::new(
                ErrorKind::InvalidFormat,
                format!("base block at 0x00000000: signature should be \"regf\", is \"{found}\""),
            ));
        }
        let word = |offset| bytes::u32_le(sector, offset).ok_or_else(short);
        Ok(Self {
            primary_sequence: word(PRIMARY_SEQUENCE_OFFSET)?,
            secondary_sequence: word(SECONDARY_SEQUENCE_OFFSET)?,
            written: bytes::u64_le(sector, 12).ok_or_else(short)?,
            major: word(20)?,
            minor: word(24)?,
            file_type: word(FILE_TYPE_OFFSET)?,
            file_format: word(32)?,
            root_cell: word(36)?,
            bins_bytes: word(BINS_BYTES_OFFSET)?,
            clustering: word(44)?,
            checksum_stored: word(CHECKSUM_OFFSET)?,
            checksum_computed: checksum(sector),
        })
    }

    /// Whether the stored checksum is that of the bytes before it.
    pub(crate) fn is_checksum_right(&self) -> bool {
        self.checksum_stored == self.checksum_computed
    }

    /// Whether a write to the hive was begun and not ended.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.is_checksum_right() || self.primary_sequence != self.secondary_sequence
    }

    /// Checks that this is the base block of a primary file of a version that is read here.
    pub(crate) fn check_readable(&self) -> Result<()> {
        let refuse = |what: String| {
            Err(Error::new(
                ErrorKind::Unsupported,
                format!("base block at 0x00000000: {what}"),
            ))
        };
        if self.major != 1 || !MINOR_VERSIONS.contains(&self.minor) {
            return refuse(format!(
                "version should be 1.2 to 1.6, is {}.{}",
                self.major, self.minor
            ));
        }
        if self.file_type != 0 {
            return refuse(format!(
                "file type should be 0 (primary file), is {}",
                self.file_type
            ));
        }
        if self.file_format != 1 {
            return refuse(format!("file format should be 1, is {}", self.file_format));
        }
        if self.root_cell == u32::MAX {
            return Err(Error::corrupt(
                "base block at 0x00000000: root cell should be an offset, is 0xffffffff",
            ));
        }
        Ok(())
    }

    /// Whether values above 16,344 bytes lie in a `db` record: versions above 1.3.
    pub(crate) fn has_big_data(&self) -> bool {
        self.minor > 3
    }

    /// The size of a sector of the log that begins with this base block, if it is a sane one.
    pub(crate) fn sector_bytes(&self) -> Option<usize> {
        let factor = usize::try_from(self.clustering).ok()?;
        matches!(factor, 1..=8).then_some(factor.saturating_mul(SECTOR_BYTES))
    }
}

/// The XOR-32 checksum of the first 508 bytes; 0 and 0xFFFFFFFF are never stored.
pub(crate) fn checksum(sector: &[u8]) -> u32 {
    let covered = sector.get(..CHECKSUM_OFFSET).unwrap_or(sector);
    let sum = covered
        .chunks_exact(4)
        .filter_map(|word| bytes::u32_le(word, 0))
        .fold(0, |sum, word| sum ^ word);
    match sum {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}

/// Whether two base blocks name the same hive: version, root cell, file name and, if both have one, resource manager.
pub(crate) fn is_same_hive(primary: &[u8], log: &[u8]) -> bool {
    let equal = |range: std::ops::Range<usize>| {
        primary.get(range.clone()).is_some() && primary.get(range.clone()) == log.get(range)
    };
    let is_unset = |file: &[u8]| {
        file.get(RESOURCE_MANAGER_ID)
            .is_none_or(|id| id.iter().all(|byte| *byte == 0))
    };
    equal(20..28)
        && equal(32..40)
        && is_same_name(primary, log)
        && (is_unset(primary) || is_unset(log) || equal(RESOURCE_MANAGER_ID))
}

/// Whether two base blocks carry the same file name.
pub(crate) fn is_same_name(primary: &[u8], log: &[u8]) -> bool {
    primary.get(FILE_NAME).is_some() && primary.get(FILE_NAME) == log.get(FILE_NAME)
}

/// What recovery writes into the base block of the hive in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Consistent {
    /// Both sequence numbers.
    pub(crate) sequence: u32,
    /// Size of the hive bins data.
    pub(crate) bins_bytes: u32,
    /// The flags of the last log entry; old logs have none.
    pub(crate) flags: Option<u32>,
}

/// Makes the base block of a recovered hive consistent: sequence numbers, size, flags, checksum.
pub(crate) fn make_consistent(file: &mut [u8], with: Consistent) {
    put(file, PRIMARY_SEQUENCE_OFFSET, with.sequence);
    put(file, SECONDARY_SEQUENCE_OFFSET, with.sequence);
    put(file, FILE_TYPE_OFFSET, 0);
    put(file, BINS_BYTES_OFFSET, with.bins_bytes);
    if let Some(flags) = with.flags {
        put(file, FLAGS_OFFSET, flags);
    }
    let sum = checksum(file);
    put(file, CHECKSUM_OFFSET, sum);
}

fn put(file: &mut [u8], offset: usize, value: u32) {
    if let Some(place) = offset
        .checked_add(4)
        .and_then(|end| file.get_mut(offset..end))
    {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_zero_and_all_ones_are_replaced() {
        assert_eq!(checksum(&[0; 512]), 1);
        let mut ones = [0; 512];
        ones[..4].copy_from_slice(&[0xff; 4]);
        assert_eq!(checksum(&ones), 0xffff_fffe);
    }

    #[test]
    fn a_windows_95_registry_is_no_hive() {
        let mut file = vec![0; 8192];
        file[..4].copy_from_slice(b"CREG");
        let error = BaseBlock::parse(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidFormat);
        assert!(error.to_string().contains("is \"CREG\""), "{error}");
    }
}
