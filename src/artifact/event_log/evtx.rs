//! The log of Vista and later (`.evtx`): chunks of 64 KiB behind a header, read through the `evtx` crate.
//!
//! The chunks are walked here and not by the crate, so that a header that is stale or wrong, a chunk that is damaged and a
//! file that ends early cost no more than themselves, and so that each record has its offset in the file. The crate runs
//! in the fence, one chunk at a time, and keeps a budget for what a record may grow to.
//!
//! Specification: libevtx, "Windows XML Event Log (EVTX) format".

use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};

use crate::artifact::event_log::query::Query;
use crate::artifact::event_log::reach::RecordMark;
use crate::artifact::event_log::record::{EventRecord, EventTime};
use crate::artifact::event_log::xml_filter::XmlFilter;
use crate::artifact::event_log::{LogKind, LogSummary, xml};
use crate::base::bytes::{slice, u16_le, u32_le};
use crate::base::contain::contain;
use crate::base::filetime::FileTime;
use crate::error::Error;

/// The signature of the file.
const FILE_SIGNATURE: &[u8] = b"ElfFile\0";
/// The signature of a chunk.
const CHUNK_SIGNATURE: &[u8] = b"ElfChnk\0";
/// Size of the header block, in bytes.
const HEADER_BYTES: usize = 4096;
/// Size of a chunk, in bytes.
const CHUNK_BYTES: usize = 65_536;
/// Where the first record of the first chunk lies, behind the headers of file and chunk.
const FIRST_RECORD: u64 = 4096 + 512;
/// Size of the header of a record, in bytes.
const RECORD_HEADER_BYTES: u64 = 24;
/// Flag of the header: the log was not closed.
const FLAG_DIRTY: u32 = 1;
/// 100-nanosecond steps from 1601-01-01 to 1970-01-01.
const UNIX_EPOCH_STEPS: i128 = 116_444_736_000_000_000;

/// Whether the bytes are such a log: by their header, or by the first chunk where the header is damaged.
pub(crate) fn is_evtx(bytes: &[u8]) -> bool {
    bytes.starts_with(FILE_SIGNATURE)
        || slice(bytes, HEADER_BYTES, CHUNK_SIGNATURE.len()) == Some(CHUNK_SIGNATURE)
}

/// Reads every record that `query` asks for.
pub(crate) fn read(bytes: &[u8], query: &Query, sink: &mut dyn FnMut(EventRecord)) -> LogSummary {
    let mut summary = LogSummary::new(LogKind::Evtx);
    if bytes.starts_with(FILE_SIGNATURE) {
        summary.dirty = u32_le(bytes, 120).is_some_and(|flags| flags & FLAG_DIRTY != 0);
        let chunks = usize::from(u16_le(bytes, 42).unwrap_or(0));
        let end = chunks
            .saturating_mul(CHUNK_BYTES)
            .saturating_add(HEADER_BYTES);
        summary.truncated = !summary.dirty && end > bytes.len();
    } else {
        summary.note("offset 0x00000000: expected the header of a log (ElfFile), found none");
    }
    let settings = Arc::new(
        ParserSettings::new()
            .num_threads(1)
            .indent(false)
            .recover_records(true),
    );
    let mut filter = query.xml_filter();
    let chunks = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut start = HEADER_BYTES;
    for chunk in chunks.chunks(CHUNK_BYTES) {
        if chunk.iter().any(|byte| *byte != 0) {
            // The crate may panic half way: what it gave before stays.
            let read = contain("evtx", || {
                let wanted = Wanted {
                    query,
                    filter: filter.as_mut(),
                };
                read_chunk(chunk, start, &settings, wanted, &mut summary, sink)
            });
            if let Err(error) = read {
                summary.damage(format!("chunk at 0x{start:08x}: {error}"));
            }
        }
        start = start.saturating_add(CHUNK_BYTES);
    }
    summary.reach.end(FIRST_RECORD);
    summary
}

/// What is asked for, and what tells quickly that an event is not.
struct Wanted<'q> {
    query: &'q Query,
    filter: Option<&'q mut XmlFilter>,
}

impl Wanted<'_> {
    /// Whether the event may be one that is asked for.
    fn may_be(&mut self, xml: &[u8]) -> bool {
        (self.query.ids.is_empty() || xml::id(xml).is_none_or(|id| self.query.wants_id(id)))
            && self
                .filter
                .as_mut()
                .is_none_or(|filter| filter.may_hold(xml))
    }
}

fn read_chunk(
    bytes: &[u8],
    start: usize,
    settings: &Arc<ParserSettings>,
    wanted: Wanted<'_>,
    summary: &mut LogSummary,
    sink: &mut dyn FnMut(EventRecord),
) -> Result<(), Error> {
    let mut wanted = wanted;
    let query = wanted.query;
    let mut whole = bytes.to_vec();
    if whole.len() < CHUNK_BYTES {
        summary.note(format!(
            "chunk at 0x{start:08x}: {} bytes of {CHUNK_BYTES}, the file ends",
            whole.len()
        ));
        whole.resize(CHUNK_BYTES, 0);
    }
    let broken = |error: &dyn std::error::Error| Error::corrupt(error.to_string());
    let mut data = EvtxChunkData::new(whole, false).map_err(|error| broken(&error))?;
    if !data.validate_checksum() {
        summary.note(format!("chunk at 0x{start:08x}: its checksums do not hold"));
    }
    let mut chunk = data
        .parse(Arc::clone(settings))
        .map_err(|error| broken(&error))?;
    let base = u64::try_from(start).unwrap_or(u64::MAX);
    for record in chunk.iter() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                summary.damage(format!("chunk at 0x{start:08x}: {error}"));
                continue;
            }
        };
        let offset = base.saturating_add(record.binxml_offset.saturating_sub(RECORD_HEADER_BYTES));
        let (number, recovered) = (record.event_record_id, record.recovered);
        let is_whole = ends_whole(bytes, offset.saturating_sub(base));
        let written = filetime(record.timestamp.as_nanosecond());
        match record.into_xml_bytes() {
            Err(error) => summary.damage(format!("record at 0x{offset:08x}: {error}")),
            Ok(text) => {
                summary.count(recovered);
                if !recovered {
                    summary.reach.see(RecordMark {
                        record: number,
                        written: written.map(EventTime::Fine),
                        offset,
                    });
                }
                if !wanted.may_be(&text.data) {
                    continue;
                }
                match xml::parse(&text.data) {
                    Err(error) => summary.damage(format!("record at 0x{offset:08x}: {error}")),
                    Ok(mut event) => {
                        // A log that was exported or forwarded numbers its records anew; the event keeps its number.
                        if event.record == 0 {
                            event.record = number;
                        }
                        event.offset = offset;
                        event.recovered = recovered;
                        event.damaged |= !is_whole;
                        event.written = written.map(EventTime::Fine);
                        if query.wants(&event) {
                            sink(event);
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Whether the length of the record at `offset` of its chunk stands at its end too; one that was cut or overwritten may
/// still render, with a part of its strings.
fn ends_whole(chunk: &[u8], offset: u64) -> bool {
    let length = |offset: usize| u32_le(chunk, offset);
    let copy = || {
        let start = usize::try_from(offset).ok()?;
        let size = length(start.checked_add(4)?)?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        Some(length(end.checked_sub(4)?)? == size)
    };
    copy().unwrap_or(false)
}

/// The FILETIME of nanoseconds since 1970.
fn filetime(nanoseconds: i128) -> Option<FileTime> {
    let steps = nanoseconds
        .checked_div_euclid(100)?
        .checked_add(UNIX_EPOCH_STEPS)?;
    u64::try_from(steps).ok().map(FileTime)
}
