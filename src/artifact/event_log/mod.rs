//! Event logs of Windows: `.evt` (NT 4.0 to Server 2003) and `.evtx` (Vista and later), as one kind of record.
//!
//! A log tells what happened: services that failed and with which code, names that changed, services that were installed
//! anew. Records are found by their signature and not by what a header claims, so a log that was not closed, has wrapped
//! around or lies about itself is read all the same; what a record breaks is counted and never guessed. The localised text
//! of an event is not in the log and is not needed: source, id, insertion strings and data say it.
//!
//! Specifications: `[MS-EVEN]` and the EVENTLOGRECORD structure of the Windows SDK; libevt, "Windows Event Log (EVT)
//! format"; libevtx, "Windows XML Event Log (EVTX) format". The page is docs/formats/event-logs.md.

mod event_fields;
mod evt;
mod evtx;
mod plain_xml;
mod query;
mod reach;
mod record;
mod xml;
mod xml_filter;

use crate::error::{Error, ErrorKind, Result};

pub use query::{Query, Text};
pub use reach::{ClockStep, Reach, RecordMark};
pub use record::{EventRecord, EventString, EventTime, Level};

/// Most notes on one log; what is beyond is counted only.
const NOTES_MAX: usize = 16;

/// The format of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// `.evt`: NT 3.1 to Server 2003.
    Evt,
    /// `.evtx`: Vista and later.
    Evtx,
}

/// What is said of a log as a whole.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LogSummary {
    /// The format.
    pub kind: LogKind,
    /// Set if Windows did not close the log: what its header says is stale.
    pub dirty: bool,
    /// Set if the file is shorter than its header says: records at its end are missing.
    pub truncated: bool,
    /// Records that were read, whether they were asked for or not.
    pub records: u64,
    /// Of those, records that the log itself counts no more: overwritten in part, cleared, or older than its oldest.
    pub recovered: u64,
    /// Records and chunks that break the rules of the format and were left out or read in part.
    pub damaged: u64,
    /// What was noticed, each with its offset.
    pub notes: Vec<String>,
    /// How far back the records go that the log counts, and where its clock runs backwards.
    #[serde(skip)]
    pub reach: Reach,
}

impl LogSummary {
    fn new(kind: LogKind) -> Self {
        Self {
            kind,
            dirty: false,
            truncated: false,
            records: 0,
            recovered: 0,
            damaged: 0,
            notes: Vec::new(),
            reach: Reach::default(),
        }
    }

    fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note.into());
        }
    }

    /// Counts something that breaks the rules.
    fn damage(&mut self, note: impl Into<String>) {
        self.damaged = self.damaged.saturating_add(1);
        self.note(note);
    }

    /// As `damage`, of which there may be very many: only what is kept is put into words.
    fn damage_of(&mut self, note: impl FnOnce() -> String) {
        if self.notes.len() < NOTES_MAX {
            self.damage(note());
        } else {
            self.damaged = self.damaged.saturating_add(1);
        }
    }

    fn count(&mut self, recovered: bool) {
        self.records = self.records.saturating_add(1);
        self.recovered = self.recovered.saturating_add(u64::from(recovered));
    }
}

/// Reads a log, told apart by content, and hands every record that `query` asks for to `sink`, in the order of the file.
///
/// # Errors
/// Bytes that are neither kind of log. Damage inside a log is counted in the summary and is no error.
pub fn read(bytes: &[u8], query: &Query, sink: &mut dyn FnMut(EventRecord)) -> Result<LogSummary> {
    if evtx::is_evtx(bytes) {
        return Ok(evtx::read(bytes, query, sink));
    }
    let is_evt = evt::has_header(bytes);
    let summary = evt::read(bytes, query, sink);
    if !is_evt && summary.records == 0 {
        return Err(Error::new(
            ErrorKind::InvalidFormat,
            "expected an event log (LfLe or ElfFile), found neither header nor record",
        ));
    }
    Ok(summary)
}
