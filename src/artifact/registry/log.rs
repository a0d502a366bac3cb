//! Recovery of a dirty hive from its transaction logs, in memory.
//!
//! A log is applied only where it belongs to the hive: its base block is whole, names the same hive and its sequence
//! numbers fit. Where one log could not be read or is damaged, a gap before the next may hide entries, so that nothing is
//! applied across it. Specification: "Windows registry file format specification", "Format of transaction log files".

use std::ops::Range;

use crate::artifact::registry::HiveLog;
use crate::artifact::registry::base_block::{self, BASE_BLOCK_BYTES, BaseBlock, SECTOR_BYTES};
use crate::artifact::registry::{log_new, log_old};
use crate::base::bytes;
use crate::base::limits::Limits;
use crate::evidence::HiveState;

const HBIN_TIMESTAMP_OFFSET: usize = BASE_BLOCK_BYTES + 20;

/// What recovery did to the bytes of a hive.
#[derive(Debug)]
pub(crate) struct Recovery {
    pub(crate) state: HiveState,
    /// One sentence each, for the report.
    pub(crate) notes: Vec<String>,
    /// The parts of the file that came from a log: sorted, apart from each other.
    pub(crate) ranges: Vec<Range<usize>>,
}

/// What is known of the primary file before a log is looked at.
#[derive(Debug)]
pub(crate) struct Primary {
    /// Its first sector as it stands.
    sector: Vec<u8>,
    /// Its base block, if the checksum is right.
    pub(crate) base_block: Option<BaseBlock>,
    /// Last-written times that a log may carry: that of the base block and, if its checksum is wrong, of the first bin.
    pub(crate) written: Vec<u64>,
}

impl Primary {
    fn read(file: &[u8]) -> Option<Self> {
        let found = BaseBlock::parse(file).ok();
        let base_block = found.filter(BaseBlock::is_checksum_right);
        let mut written: Vec<u64> = found.iter().map(|block| block.written).collect();
        if base_block.is_none() {
            if bytes::slice(file, BASE_BLOCK_BYTES, 4) != Some(b"hbin") {
                return None;
            }
            written.extend(bytes::u64_le(file, HBIN_TIMESTAMP_OFFSET));
        }
        Some(Self {
            sector: file.get(..SECTOR_BYTES)?.to_vec(),
            base_block,
            written,
        })
    }

    /// Why a log with this base block is not a log of the hive.
    fn stranger(&self, log: &[u8], block: &BaseBlock) -> Option<String> {
        if self.base_block.is_some() {
            return (!base_block::is_same_hive(&self.sector, log))
                .then(|| "its base block names another hive".to_owned());
        }
        // The damaged base block is replaced by that of the log, so the log must be of this hive by its time; hives of
        // Windows 10 carry the time zero, which says nothing, and there the name must do.
        if !self.written.contains(&block.written)
            || (block.written == 0 && !base_block::is_same_name(&self.sector, log))
        {
            return Some(
                "nothing in the damaged base block shows that it is of this hive".to_owned(),
            );
        }
        let as_primary = BaseBlock {
            file_type: 0,
            ..*block
        };
        as_primary
            .check_readable()
            .err()
            .map(|error| error.to_string())
    }
}

/// A log with a sound base block that belongs to the hive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'l> {
    pub(crate) name: &'l str,
    pub(crate) bytes: &'l [u8],
    pub(crate) base_block: BaseBlock,
    pub(crate) sector_bytes: usize,
}

/// What one log that was offered is.
enum Offered<'l> {
    /// It holds nothing: a log of length zero or of zeros lies beside many hives.
    Empty,
    Old(Candidate<'l>),
    New(Candidate<'l>),
    /// It is whole and not for this hive.
    Foreign(String),
    /// It could not be read or is damaged: what it held is not known.
    Lost(String),
}

/// Whether the primary file is dirty, or its base block is so damaged that only a log can tell.
pub(crate) fn is_dirty(file: &[u8]) -> bool {
    BaseBlock::parse(file).map_or(true, |base_block| base_block.is_dirty())
}

/// Recovers the dirty hive in `file` as far as its logs allow.
pub(crate) fn recover(file: &mut Vec<u8>, logs: &[HiveLog], limits: &Limits) -> Recovery {
    let mut notes = vec![dirty_note(file)];
    let Some(primary) = Primary::read(file) else {
        return dirty(notes);
    };
    let (mut old, mut new, mut is_any_lost) = (Vec::new(), Vec::new(), false);
    for log in logs {
        match classify(log, &primary) {
            Offered::Empty => {}
            Offered::Old(candidate) => old.push(candidate),
            Offered::New(candidate) => new.push(candidate),
            Offered::Foreign(why) => notes.push(format!("{} not applied: {why}", log.name)),
            Offered::Lost(why) => {
                is_any_lost = true;
                notes.push(format!("{} not applied: {why}", log.name));
            }
        }
    }
    let bins_bytes_max = usize::try_from(limits.hive_bytes_max)
        .unwrap_or(usize::MAX)
        .saturating_sub(BASE_BLOCK_BYTES);
    let mut applied = log_new::apply(
        file,
        &primary,
        &mut new,
        &mut notes,
        log_new::Conditions {
            bins_bytes_max,
            is_any_lost,
        },
    );
    if applied.is_none() {
        applied = log_old::apply(file, &primary, &old, &mut notes, bins_bytes_max);
    } else {
        for log in &old {
            notes.push(format!(
                "{} not applied: it is of the format before Windows 8.1 beside a newer log",
                log.name
            ));
        }
    }
    match applied {
        Some(ranges) => Recovery {
            state: HiveState::Replayed,
            notes,
            ranges: merge(ranges),
        },
        None => dirty(notes),
    }
}

fn dirty(mut notes: Vec<String>) -> Recovery {
    notes.push("no log was applied: what the hive says may be stale".to_owned());
    Recovery {
        state: HiveState::Dirty,
        notes,
        ranges: Vec::new(),
    }
}

fn dirty_note(file: &[u8]) -> String {
    match BaseBlock::parse(file) {
        Err(error) => error.to_string(),
        Ok(block) if !block.is_checksum_right() => format!(
            "the hive is dirty: base block checksum should be 0x{:08x}, is 0x{:08x}",
            block.checksum_computed, block.checksum_stored
        ),
        Ok(block) => format!(
            "the hive is dirty: sequence numbers are {} and {}",
            block.primary_sequence, block.secondary_sequence
        ),
    }
}

fn classify<'l>(log: &'l HiveLog, primary: &Primary) -> Offered<'l> {
    let bytes = match &log.bytes {
        Ok(bytes) => bytes.as_slice(),
        Err(why) => return Offered::Lost(format!("it could not be read ({why})")),
    };
    let head = bytes.get(..SECTOR_BYTES).unwrap_or(bytes);
    if head.iter().all(|byte| *byte == 0) {
        return Offered::Empty;
    }
    let base_block = match BaseBlock::parse(bytes) {
        Ok(base_block) => base_block,
        Err(error) => return Offered::Lost(error.to_string()),
    };
    if !base_block.is_checksum_right() {
        return Offered::Lost(format!(
            "base block checksum should be 0x{:08x}, is 0x{:08x}",
            base_block.checksum_computed, base_block.checksum_stored
        ));
    }
    let Some(sector_bytes) = base_block.sector_bytes() else {
        return Offered::Lost(format!(
            "clustering factor should be 1 to 8, is {}",
            base_block.clustering
        ));
    };
    if base_block.primary_sequence != base_block.secondary_sequence {
        return Offered::Lost(format!(
            "its sequence numbers {} and {} show that it was not written to its end",
            base_block.primary_sequence, base_block.secondary_sequence
        ));
    }
    if let Some(why) = primary.stranger(bytes, &base_block) {
        return Offered::Foreign(why);
    }
    let candidate = Candidate {
        name: &log.name,
        bytes,
        base_block,
        sector_bytes,
    };
    match base_block.file_type {
        1 | 2 => Offered::Old(candidate),
        6 => Offered::New(candidate),
        other => Offered::Foreign(format!("file type should be 1, 2 or 6 (log), is {other}")),
    }
}

/// Puts the log's copy of the base block in the place of the damaged one.
pub(crate) fn heal_base_block(file: &mut [u8], log: &Candidate<'_>, notes: &mut Vec<String>) {
    if let (Some(place), Some(copy)) = (file.get_mut(..SECTOR_BYTES), log.bytes.get(..SECTOR_BYTES))
    {
        place.copy_from_slice(copy);
        notes.push(format!("base block restored from {}", log.name));
    }
}

/// Sorts ranges and joins those that touch.
fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Whether one of the sorted `ranges` overlaps `wanted`.
pub(crate) fn overlaps(ranges: &[Range<usize>], wanted: &Range<usize>) -> bool {
    let index = ranges.partition_point(|range| range.end <= wanted.start);
    ranges
        .get(index)
        .is_some_and(|range| range.start < wanted.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one_and_overlap_is_found_at_their_edges() {
        let merged = merge(vec![8..12, 0..4, 4..6, 20..24, 9..10]);
        assert_eq!(merged, [0..6, 8..12, 20..24]);
        for (range, expected) in [
            (6..8, false),
            (5..7, true),
            (7..9, true),
            (12..20, false),
            (23..30, true),
            (24..30, false),
        ] {
            assert_eq!(overlaps(&merged, &range), expected, "{range:?}");
        }
    }
}
