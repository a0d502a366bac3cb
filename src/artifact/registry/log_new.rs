//! Transaction logs since Windows 8.1: entries (`HvLE`) with pages, each guarded by two Marvin32 hashes.
//!
//! LOG1 and LOG2 are used in the order of their sequence numbers. The first entry must not be older than the hive; after
//! it each entry must carry the next number, and the first that does not, or is damaged, ends the replay.
//! Specification: "Windows registry file format specification", section "New format".

use std::ops::Range;

use crate::artifact::registry::base_block::{self, BASE_BLOCK_BYTES, Consistent};
use crate::artifact::registry::log::{self, Candidate, Primary};
use crate::artifact::registry::marvin32;
use crate::base::bytes;

const ENTRY_HEADER_BYTES: usize = 40;
const HASHED_HEADER_BYTES: usize = 32;
const PAGE_REFERENCE_BYTES: usize = 8;
const ALIGNMENT_BYTES: usize = 512;
const BIN_ALIGNMENT_BYTES: usize = 4096;

/// What bounds a replay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions {
    /// Most bytes of hive bins that the hive may grow to.
    pub(crate) bins_bytes_max: usize,
    /// Whether a log could not be read, so that a gap in the sequence may hide entries.
    pub(crate) is_any_lost: bool,
}

/// One log entry, checked.
#[derive(Debug, Clone, Copy)]
struct Entry<'l> {
    flags: u32,        // 8
    sequence: u32,     // 12
    bins_bytes: u32,   // 16
    page_count: usize, // 20
    body: &'l [u8],    // 40: references, then pages
    len: usize,
}

/// How the replay of one log ended.
enum End {
    /// No more entries in this log.
    Exhausted,
    /// The entry that should have come next is damaged.
    Damaged(String),
}

/// How far the replay has come.
struct Progress {
    /// The sequence number that the next entry must have; before the first, the least it may have.
    next: u32,
    last: Option<Applied>,
    ranges: Vec<Range<usize>>,
}

/// What the last applied entry leaves for the base block.
#[derive(Clone, Copy)]
struct Applied {
    sequence: u32,
    bins_bytes: u32,
    flags: u32,
}

/// Applies the entries of `logs` to `file`; the ranges that were written, or `None` if no entry was applied.
pub(crate) fn apply(
    file: &mut Vec<u8>,
    primary: &Primary,
    logs: &mut [Candidate<'_>],
    notes: &mut Vec<String>,
    conditions: Conditions,
) -> Option<Vec<Range<usize>>> {
    logs.sort_by_key(|log| log.base_block.primary_sequence);
    let mut progress = Progress {
        next: 0,
        last: None,
        ranges: Vec::new(),
    };
    if let Some(base_block) = primary.base_block {
        progress.next = base_block.secondary_sequence;
    } else {
        let first = logs.first()?;
        // With a damaged base block only an unbroken set of logs tells where the replay must begin.
        if conditions.is_any_lost || !log_starts_well(first, conditions.bins_bytes_max) {
            return None;
        }
        progress.next = first.base_block.primary_sequence;
        log::heal_base_block(file, first, notes);
        progress.ranges.push(0..base_block::SECTOR_BYTES);
    }
    for log in logs.iter() {
        apply_log(file, log, &mut progress, notes, conditions);
    }
    let last = progress.last?;
    base_block::make_consistent(
        file,
        Consistent {
            sequence: last.sequence,
            bins_bytes: last.bins_bytes,
            flags: Some(last.flags),
        },
    );
    Some(progress.ranges)
}

fn log_starts_well(log: &Candidate<'_>, bins_bytes_max: usize) -> bool {
    matches!(
        entry(log.bytes, log.sector_bytes, bins_bytes_max),
        Ok(Some(entry)) if entry.sequence == log.base_block.primary_sequence
    )
}

/// Applies one log and notes what became of it.
fn apply_log(
    file: &mut Vec<u8>,
    log: &Candidate<'_>,
    progress: &mut Progress,
    notes: &mut Vec<String>,
    conditions: Conditions,
) {
    let mut refuse = |why: String| notes.push(format!("{} not applied: {why}", log.name));
    let mut expected = log.base_block.primary_sequence;
    let mut position = log.sector_bytes;
    let mut applied: Option<(u32, u32)> = None;
    let end = loop {
        let entry = match entry(log.bytes, position, conditions.bins_bytes_max) {
            Ok(Some(entry)) if entry.sequence == expected => entry,
            // What follows with another number is left over from an earlier use of the file.
            Ok(_) => break End::Exhausted,
            Err(why) => break End::Damaged(why),
        };
        position = position.saturating_add(entry.len);
        expected = expected.saturating_add(1);
        if entry.sequence < progress.next {
            continue;
        }
        let is_gap = entry.sequence > progress.next;
        if is_gap && (progress.last.is_some() || conditions.is_any_lost) {
            return refuse(format!(
                "its entry {} does not follow: {} should come next",
                entry.sequence, progress.next
            ));
        }
        write(file, &entry, &mut progress.ranges);
        progress.next = entry.sequence.saturating_add(1);
        progress.last = Some(Applied {
            sequence: entry.sequence,
            bins_bytes: entry.bins_bytes,
            flags: entry.flags,
        });
        applied = Some((
            applied.map_or(entry.sequence, |(first, _)| first),
            entry.sequence,
        ));
    };
    match (applied, end) {
        (Some((first, last)), End::Exhausted) => {
            notes.push(format!("{} applied: entries {first} to {last}", log.name));
        }
        (Some((first, last)), End::Damaged(why)) => notes.push(format!(
            "{} applied: entries {first} to {last}, then {why}",
            log.name
        )),
        (None, End::Damaged(why)) => refuse(why),
        (None, End::Exhausted) => refuse(format!("it holds no entry {} or later", progress.next)),
    }
}

/// The entry at `position`, checked; `None` if no entry begins there.
fn entry(log: &[u8], position: usize, bins_bytes_max: usize) -> Result<Option<Entry<'_>>, String> {
    if bytes::slice(log, position, 4) != Some(b"HvLE") {
        return Ok(None);
    }
    let at = format_args!("log entry at 0x{position:08x}").to_string();
    let short = || format!("{at}: header should be {ENTRY_HEADER_BYTES} bytes");
    let header = bytes::slice(log, position, ENTRY_HEADER_BYTES).ok_or_else(short)?;
    let word = |offset| bytes::u32_le(header, offset).ok_or_else(short);
    let number = |offset| word(offset).map(|word| usize::try_from(word).unwrap_or(usize::MAX));
    let len = number(4)?;
    let body = position
        .checked_add(ENTRY_HEADER_BYTES)
        .and_then(|start| bytes::slice(log, start, len.checked_sub(ENTRY_HEADER_BYTES)?))
        .filter(|_| len % ALIGNMENT_BYTES == 0)
        .ok_or_else(|| {
            format!(
                "{at}: {len} bytes should be whole sectors and lie within the log of {} bytes",
                log.len()
            )
        })?;
    let bins_bytes = number(16)?;
    if bins_bytes % BIN_ALIGNMENT_BYTES != 0 || bins_bytes > bins_bytes_max {
        return Err(format!(
            "{at}: hive bins of {bins_bytes} bytes should be whole pages and at most {bins_bytes_max} bytes"
        ));
    }
    let hashes = bytes::u64_le(header, 24).zip(bytes::u64_le(header, 32));
    let covered = header.get(..HASHED_HEADER_BYTES).unwrap_or_default();
    let computed = (
        marvin32::hash(marvin32::REGISTRY_SEED, body),
        marvin32::hash(marvin32::REGISTRY_SEED, covered),
    );
    if hashes != Some(computed) {
        return Err(format!("{at}: its hashes are wrong"));
    }
    let entry = Entry {
        flags: word(8)?,
        sequence: word(12)?,
        bins_bytes: word(16)?,
        page_count: number(20)?,
        body,
        len,
    };
    check_pages(&entry, bins_bytes).map_err(|why| format!("{at}: {why}"))?;
    Ok(Some(entry))
}

/// Checks that every page lies within the entry and within the hive bins.
fn check_pages(entry: &Entry<'_>, bins_bytes: usize) -> Result<(), &'static str> {
    let mut used = entry
        .page_count
        .checked_mul(PAGE_REFERENCE_BYTES)
        .filter(|used| *used <= entry.body.len())
        .ok_or("page references should lie within the entry")?;
    for (offset, len) in references(entry) {
        let is_whole = len != 0 && len % ALIGNMENT_BYTES == 0 && offset % ALIGNMENT_BYTES == 0;
        if !is_whole || offset.checked_add(len).is_none_or(|end| end > bins_bytes) {
            return Err("a page should be whole sectors within the hive bins");
        }
        used = used
            .checked_add(len)
            .filter(|used| *used <= entry.body.len())
            .ok_or("pages should lie within the entry")?;
    }
    Ok(())
}

/// Offset from the start of the hive bins and length of each page.
fn references<'l>(entry: &Entry<'l>) -> impl Iterator<Item = (usize, usize)> + use<'l> {
    let table = entry
        .page_count
        .checked_mul(PAGE_REFERENCE_BYTES)
        .and_then(|len| entry.body.get(..len))
        .unwrap_or_default();
    table.chunks_exact(PAGE_REFERENCE_BYTES).map(|reference| {
        let field = |offset| {
            bytes::u32_le(reference, offset)
                .and_then(|value| usize::try_from(value).ok())
                .unwrap_or(usize::MAX)
        };
        (field(0), field(4))
    })
}

/// Writes the pages of a checked entry, growing the hive where the entry says so.
fn write(file: &mut Vec<u8>, entry: &Entry<'_>, ranges: &mut Vec<Range<usize>>) {
    let bins_bytes = usize::try_from(entry.bins_bytes).unwrap_or(0);
    let end = BASE_BLOCK_BYTES.saturating_add(bins_bytes);
    if file.len() < end {
        file.resize(end, 0);
    }
    let mut source = entry.page_count.saturating_mul(PAGE_REFERENCE_BYTES);
    for (offset, len) in references(entry) {
        let start = BASE_BLOCK_BYTES.saturating_add(offset);
        let place = start..start.saturating_add(len);
        if let (Some(target), Some(page)) = (
            file.get_mut(place.clone()),
            bytes::slice(entry.body, source, len),
        ) {
            target.copy_from_slice(page);
            ranges.push(place);
        }
        source = source.saturating_add(len);
    }
}
