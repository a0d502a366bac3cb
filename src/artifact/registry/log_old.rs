//! Transaction logs before Windows 8.1: a bitmap (`DIRT`) of 512-byte pages, then the pages.
//!
//! The log is applied as a whole or not at all: every page must be there, and every hive bin whose header a page brings
//! must be sound. Specification: "Windows registry file format specification", section "Old format".

use std::ops::Range;

use crate::artifact::registry::base_block::{self, BASE_BLOCK_BYTES, Consistent};
use crate::artifact::registry::log::{self, Candidate, Primary};
use crate::base::bytes;

const PAGE_BYTES: usize = 512;
const BIN_ALIGNMENT_BYTES: usize = 4096;
const BITMAP_SIGNATURE: &[u8] = b"DIRT";

/// A run of pages: where they lie in the log and in the file.
#[derive(Debug)]
struct Run {
    source: usize,
    target: Range<usize>,
}

/// Applies the log that fits `file`; the ranges that were written, or `None` if none fits.
pub(crate) fn apply(
    file: &mut Vec<u8>,
    primary: &Primary,
    logs: &[Candidate<'_>],
    notes: &mut Vec<String>,
    bins_bytes_max: usize,
) -> Option<Vec<Range<usize>>> {
    let mut fit: Vec<&Candidate<'_>> = Vec::new();
    for log in logs {
        match misfit(log, primary) {
            Some(why) => notes.push(format!("{} not applied: {why}", log.name)),
            None => fit.push(log),
        }
    }
    fit.sort_by_key(|log| std::cmp::Reverse(log.base_block.secondary_sequence));
    let mut applied = None;
    for log in fit {
        if applied.is_some() {
            notes.push(format!("{} not applied: a later log was", log.name));
            continue;
        }
        match runs(file, log, bins_bytes_max) {
            Err(why) => notes.push(format!("{} not applied: {why}", log.name)),
            Ok(runs) => applied = Some(write(file, log, &runs, primary, notes)),
        }
    }
    applied
}

/// Why the log is not for the state in which the primary file is.
fn misfit(log: &Candidate<'_>, primary: &Primary) -> Option<String> {
    let block = &log.base_block;
    if !primary.written.contains(&block.written) {
        let of_hive: Vec<String> = primary
            .written
            .iter()
            .map(|time| format!("0x{time:016x}"))
            .collect();
        return Some(format!(
            "its last-written time 0x{:016x} should be that of the hive, {}",
            block.written,
            of_hive.join(" or ")
        ));
    }
    let expected = primary.base_block?;
    let range = expected.secondary_sequence..=expected.primary_sequence;
    (!range.contains(&block.secondary_sequence)).then(|| {
        format!(
            "its sequence number {} should be {} to {}",
            block.secondary_sequence,
            range.start(),
            range.end()
        )
    })
}

/// Reads the bitmap and checks the pages it calls for.
fn runs(file: &[u8], log: &Candidate<'_>, bins_bytes_max: usize) -> Result<Vec<Run>, String> {
    let start = log.sector_bytes;
    if bytes::slice(log.bytes, start, BITMAP_SIGNATURE.len()) != Some(BITMAP_SIGNATURE) {
        return Err(format!(
            "dirty vector at 0x{start:08x}: signature should be \"DIRT\""
        ));
    }
    let bins_bytes = usize::try_from(log.base_block.bins_bytes).unwrap_or(usize::MAX);
    if bins_bytes % BIN_ALIGNMENT_BYTES != 0 || bins_bytes > bins_bytes_max {
        return Err(format!(
            "hive bins of {bins_bytes} bytes should be whole pages and at most {bins_bytes_max} bytes"
        ));
    }
    let bitmap_start = start.saturating_add(BITMAP_SIGNATURE.len());
    let bitmap_bytes = bins_bytes / PAGE_BYTES / 8;
    let bitmap = bytes::slice(log.bytes, bitmap_start, bitmap_bytes).ok_or_else(|| {
        format!("dirty vector at 0x{start:08x}: should hold {bitmap_bytes} bytes within the log")
    })?;
    let pages_start = bitmap_start
        .saturating_add(bitmap_bytes)
        .next_multiple_of(log.sector_bytes);
    let runs = runs_of(bitmap, pages_start);
    let Some(last) = runs.last() else {
        return Err("it marks no page as dirty".to_owned());
    };
    let end = last.source.saturating_add(last.target.len());
    if end > log.bytes.len() {
        return Err(format!(
            "its pages should end at 0x{end:08x}, the log ends at 0x{:08x}",
            log.bytes.len()
        ));
    }
    check_bins(file, log.bytes, &runs, bins_bytes)?;
    Ok(runs)
}

/// The runs of bits that are set.
fn runs_of(bitmap: &[u8], pages_start: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut source = pages_start;
    let bits = bitmap
        .iter()
        .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    for (index, is_dirty) in bits.enumerate() {
        if !is_dirty {
            continue;
        }
        let start = BASE_BLOCK_BYTES.saturating_add(index.saturating_mul(PAGE_BYTES));
        let end = start.saturating_add(PAGE_BYTES);
        match runs.last_mut() {
            Some(last) if last.target.end == start => last.target.end = end,
            _ => runs.push(Run {
                source,
                target: start..end,
            }),
        }
        source = source.saturating_add(PAGE_BYTES);
    }
    runs
}

/// Walks the hive bins as they will be and checks each header that comes from the log.
fn check_bins(file: &[u8], log: &[u8], runs: &[Run], bins_bytes: usize) -> Result<(), String> {
    let mut position = 0_usize;
    while position < bins_bytes {
        let place = BASE_BLOCK_BYTES.saturating_add(position);
        let index = runs.partition_point(|run| run.target.end <= place);
        let from_log = runs
            .get(index)
            .filter(|run| run.target.start <= place)
            .map(|run| {
                run.source
                    .saturating_add(place.saturating_sub(run.target.start))
            });
        let header = match from_log {
            Some(source) => bytes::slice(log, source, 12),
            None => bytes::slice(file, place, 12),
        };
        match header.and_then(|header| bin_bytes(header, position)) {
            Some(size) => position = position.saturating_add(size),
            None if from_log.is_some() => {
                return Err(format!("its hive bin for 0x{place:08x} is damaged"));
            }
            // Damage of the primary file outside of the log: the log is not to blame for it.
            None => return Ok(()),
        }
    }
    Ok(())
}

/// The size of the bin whose header this is, if the header is sound.
fn bin_bytes(header: &[u8], position: usize) -> Option<usize> {
    let offset = usize::try_from(bytes::u32_le(header, 4)?).ok()?;
    let size = usize::try_from(bytes::u32_le(header, 8)?).ok()?;
    let is_sound = header.starts_with(b"hbin")
        && offset == position
        && size != 0
        && size % BIN_ALIGNMENT_BYTES == 0;
    is_sound.then_some(size)
}

/// Writes the pages and makes the base block consistent.
fn write(
    file: &mut Vec<u8>,
    log: &Candidate<'_>,
    runs: &[Run],
    primary: &Primary,
    notes: &mut Vec<String>,
) -> Vec<Range<usize>> {
    let mut ranges = Vec::with_capacity(runs.len().saturating_add(1));
    if primary.base_block.is_none() {
        log::heal_base_block(file, log, notes);
        ranges.push(0..base_block::SECTOR_BYTES);
    }
    let bins_bytes = usize::try_from(log.base_block.bins_bytes).unwrap_or(0);
    let end = BASE_BLOCK_BYTES.saturating_add(bins_bytes);
    if file.len() < end {
        file.resize(end, 0);
    }
    let mut pages = 0_usize;
    for run in runs {
        let len = run.target.len();
        if let (Some(target), Some(source)) = (
            file.get_mut(run.target.clone()),
            bytes::slice(log.bytes, run.source, len),
        ) {
            target.copy_from_slice(source);
            ranges.push(run.target.clone());
            pages = pages.saturating_add(len / PAGE_BYTES);
        }
    }
    base_block::make_consistent(
        file,
        Consistent {
            sequence: log.base_block.secondary_sequence,
            bins_bytes: log.base_block.bins_bytes,
            flags: None,
        },
    );
    notes.push(format!(
        "{} applied: {pages} pages of sequence {}",
        log.name, log.base_block.secondary_sequence
    ));
    ranges
}
