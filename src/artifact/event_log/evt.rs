//! The legacy log (`.evt`): a ring of records behind a header that is right only in a log that was closed.
//!
//! Records are found by their signature, and a record counts if its length stands at both of its ends. A record that
//! reaches over the end of the file goes on behind the header. The record that marks the end of the log, rewritten with
//! each event, says which part of the ring is live; the header says so only if the log is clean.
//!
//! Specification: Windows SDK, EVENTLOGRECORD; libevt, "Windows Event Log (EVT) format", sections 2 to 4.

use std::borrow::Cow;

use memchr::memmem;

use crate::artifact::event_log::query::Query;
use crate::artifact::event_log::reach::RecordMark;
use crate::artifact::event_log::record::{EventRecord, EventString, EventTime, Level};
use crate::artifact::event_log::{LogKind, LogSummary};
use crate::artifact::security_descriptor::Sid;
use crate::base::bytes::{slice, u16_le, u32_le};
use crate::base::utf16;

/// The signature of header and records, `LfLe`.
const SIGNATURE: &[u8; 4] = b"LfLe";
/// Offset of the signature in a record and in the header.
const SIGNATURE_OFFSET: usize = 4;
/// Size of the header, in bytes.
const HEADER_BYTES: usize = 48;
/// Size of a record without names, strings and data, in bytes.
const RECORD_BYTES_MIN: usize = 56;
/// Size of the length behind a record, in bytes.
const LENGTH_BYTES: usize = 4;
/// Most insertion strings of a record; Windows allows 256.
const STRINGS_MAX: usize = 4096;
/// Flag of the header: the log was not closed.
const FLAG_DIRTY: u32 = 1;
/// Begin of the record that marks the end of the log: its length and four constants.
const END_MARK: [u8; 20] = [
    0x28, 0, 0, 0, 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x22, 0x22, 0x33, 0x33, 0x33, 0x33, 0x44,
    0x44, 0x44, 0x44,
];

/// Whether the bytes begin with the header of such a log.
pub(crate) fn has_header(bytes: &[u8]) -> bool {
    slice(bytes, SIGNATURE_OFFSET, 4) == Some(SIGNATURE)
        && u32_le(bytes, 0).and_then(|size| usize::try_from(size).ok()) == Some(HEADER_BYTES)
}

/// Reads every record that `query` asks for.
pub(crate) fn read(bytes: &[u8], query: &Query, sink: &mut dyn FnMut(EventRecord)) -> LogSummary {
    let mut summary = LogSummary::new(LogKind::Evt);
    let header = has_header(bytes);
    if header {
        summary.dirty = u32_le(bytes, 36).is_some_and(|flags| flags & FLAG_DIRTY != 0);
        // Only a log that was closed says where its records end.
        let reaches = |offset| {
            u32_le(bytes, offset).and_then(|end| usize::try_from(end).ok()) > Some(bytes.len())
        };
        summary.truncated = !summary.dirty && (reaches(16) || reaches(20));
    } else {
        summary.note("offset 0x00000000: expected the header of a log, found none");
    }
    let live = Live::of(bytes, header && !summary.dirty);
    if live.is_none() {
        summary.note("neither header nor end mark says which records are live");
    }
    let mut next = 0_usize;
    for hit in memmem::find_iter(bytes, SIGNATURE) {
        let Some(start) = hit.checked_sub(SIGNATURE_OFFSET) else {
            continue;
        };
        if start < next || (start == 0 && header) {
            continue;
        }
        let Some(record) = record_at(bytes, start, header) else {
            summary.damage_of(|| {
                format!("record at 0x{start:08x}: its length does not stand at both of its ends")
            });
            continue;
        };
        next = start.saturating_add(record.len());
        let recovered = live.is_some_and(|live| !live.contains(start));
        summary.count(recovered);
        if !recovered {
            summary.reach.see(mark_of(&record, start));
        }
        if !query.wants_id(u32::from(u16_le(&record, 20).unwrap_or(0))) {
            continue;
        }
        let event = parse(&record, start, recovered);
        if event.damaged {
            summary.damage(format!(
                "record at 0x{start:08x}: strings or data lie outside of it"
            ));
        }
        if query.wants(&event) {
            sink(event);
        }
    }
    summary.reach.end(offset_u64(HEADER_BYTES));
    summary
}

/// Number, time of writing and place of a record.
fn mark_of(record: &[u8], start: usize) -> RecordMark {
    let written = EventTime::Seconds(u32_le(record, 16).unwrap_or(0));
    RecordMark {
        record: u64::from(u32_le(record, 8).unwrap_or(0)),
        written: written.to_rfc3339().map(|_| written),
        offset: offset_u64(start),
    }
}

fn offset_u64(offset: usize) -> u64 {
    u64::try_from(offset).unwrap_or(u64::MAX)
}

/// The bytes of the record at `start` with the length behind them, put together if it reaches over the end of the file.
fn record_at(bytes: &[u8], start: usize, header: bool) -> Option<Cow<'_, [u8]>> {
    let length = usize::try_from(u32_le(bytes, start)?).ok()?;
    if length < RECORD_BYTES_MIN.checked_add(LENGTH_BYTES)? {
        return None;
    }
    let record = match slice(bytes, start, length) {
        Some(whole) => Cow::Borrowed(whole),
        None if header => {
            let first = bytes.get(start..)?;
            let rest = length.checked_sub(first.len())?;
            let end = HEADER_BYTES.checked_add(rest)?;
            // Looked at before anything is copied: any number of signatures may claim to be of a record as long as the log.
            if end > start || !ends_with(bytes, first, end, length) {
                return None;
            }
            Cow::Owned([first, slice(bytes, HEADER_BYTES, rest)?].concat())
        }
        None => return None,
    };
    let copy = u32_le(&record, length.checked_sub(LENGTH_BYTES)?)?;
    (usize::try_from(copy).ok()? == length).then_some(record)
}

/// Whether a record that begins with `first`, the end of the file, and ends at `end` behind the header, ends with its length.
fn ends_with(bytes: &[u8], first: &[u8], end: usize, length: usize) -> bool {
    let behind = bytes.get(HEADER_BYTES..end).unwrap_or_default();
    let from_first = LENGTH_BYTES.saturating_sub(behind.len()).min(first.len());
    let of_first = first.get(first.len().saturating_sub(from_first)..);
    let of_rest = behind.get(behind.len().saturating_sub(LENGTH_BYTES)..);
    let copy = [of_first.unwrap_or_default(), of_rest.unwrap_or_default()].concat();
    u32_le(&copy, 0).and_then(|copy| usize::try_from(copy).ok()) == Some(length)
}

/// The part of the ring that the log counts, by where its records begin; it may go over the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Live {
    begin: u32,
    end: u32,
}

impl Live {
    fn contains(self, start: usize) -> bool {
        let Ok(start) = u32::try_from(start) else {
            return false;
        };
        if self.begin <= self.end {
            (self.begin..self.end).contains(&start)
        } else {
            start >= self.begin || start < self.end
        }
    }

    /// From the header of a clean log, else from the newest end mark.
    fn of(bytes: &[u8], clean: bool) -> Option<Self> {
        if clean {
            let (begin, end) = (u32_le(bytes, 16)?, u32_le(bytes, 20)?);
            return Some(Self { begin, end });
        }
        memmem::find_iter(bytes, &END_MARK)
            .filter_map(|at| {
                let field = |offset: usize| u32_le(bytes, at.checked_add(offset)?);
                let live = Self {
                    begin: field(20)?,
                    end: field(24)?,
                };
                Some((field(28)?, live))
            })
            .max_by_key(|(current, _)| *current)
            .map(|(_, live)| live)
    }
}

/// The record; `bytes` holds all of it, with the length behind.
fn parse(bytes: &[u8], start: usize, recovered: bool) -> EventRecord {
    let body = bytes
        .get(..bytes.len().saturating_sub(LENGTH_BYTES))
        .unwrap_or(bytes);
    let word = |offset| u32_le(body, offset).unwrap_or(0);
    let half = |offset| u16_le(body, offset).unwrap_or(0);
    let (source, after_source) = text_at(body, RECORD_BYTES_MIN).unwrap_or_default();
    let (computer, after_computer) = text_at(body, after_source).unwrap_or_default();
    let (strings, strings_whole) = strings(body, word(36), half(26));
    let (data, data_whole) = data(body, word(52), word(48));
    let (user_sid, sid_whole) = user_sid(body, word(44), word(40));
    let id = word(20);
    EventRecord {
        time: Some(EventTime::Seconds(word(12))),
        written: Some(EventTime::Seconds(word(16))),
        channel: None,
        source,
        provider: None,
        event_id: id & 0xffff,
        qualifiers: u16::try_from(id >> 16).ok(),
        level: Level::of_event_type(half(24)),
        computer,
        user_sid,
        record: u64::from(word(8)),
        strings,
        data,
        offset: offset_u64(start),
        recovered,
        damaged: after_source == 0
            || after_computer == 0
            || !(strings_whole && data_whole && sid_whole),
    }
}

/// The UTF-16 text at `offset` up to its NUL, and where it ends; `None` if there is no NUL.
fn text_at(body: &[u8], offset: usize) -> Option<(String, usize)> {
    let rest = body.get(offset..)?;
    let units = rest.chunks_exact(2).position(|unit| unit == [0, 0])?;
    let len = units.checked_mul(2)?;
    Some((
        utf16::decode_le(rest.get(..len)?),
        offset.checked_add(len)?.checked_add(2)?,
    ))
}

/// The insertion strings, and whether all of them are there.
fn strings(body: &[u8], offset: u32, count: u16) -> (Vec<EventString>, bool) {
    let count = usize::from(count);
    let mut strings = Vec::new();
    let mut at = usize::try_from(offset).unwrap_or(usize::MAX);
    if count > 0 && at < RECORD_BYTES_MIN {
        return (strings, false);
    }
    while strings.len() < count.min(STRINGS_MAX) {
        let Some((text, next)) = text_at(body, at) else {
            return (strings, false);
        };
        strings.push(EventString { name: None, text });
        at = next;
    }
    let whole = strings.len() == count;
    (strings, whole)
}

/// The data, and whether all of it is there.
fn data(body: &[u8], offset: u32, len: u32) -> (Vec<u8>, bool) {
    match part(body, offset, len) {
        Some(bytes) => (bytes.to_vec(), true),
        None => (Vec::new(), false),
    }
}

/// The SID of the user if the record has one, and whether all of it is there.
fn user_sid(body: &[u8], offset: u32, len: u32) -> (Option<String>, bool) {
    if len == 0 {
        return (None, true);
    }
    let sid = part(body, offset, len).and_then(|bytes| Sid::parse(bytes, 0).ok());
    (sid.as_ref().map(Sid::to_string), sid.is_some())
}

/// Bytes of a record behind its fixed fields.
fn part(body: &[u8], offset: u32, len: u32) -> Option<&[u8]> {
    if len == 0 {
        return Some(&[]);
    }
    let offset = usize::try_from(offset).ok()?;
    let len = usize::try_from(len).ok()?;
    (offset >= RECORD_BYTES_MIN).then_some(())?;
    slice(body, offset, len)
}
