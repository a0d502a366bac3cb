//! How far back the logs go, and whether they were emptied: what a log does not show it may never have held.
//!
//! A ring that is full forgets its oldest records; that is told, and what the log shows stays what it shows. A log that was
//! emptied is another thing: what it does not show says nothing, so facts that rest on it are unknown. That it was emptied is
//! known by
//! - no record at all;
//! - event 104 of Vista and later, which names the log that was cleared;
//! - a log that was never full (its oldest record is number 1, or the first in the file) and begins days after Windows was
//!   installed. Up to Server 2003 nothing else tells: the one event of clearing, 517, is in the Security log and speaks of
//!   the Security log only.

use chrono::TimeDelta;
use serde::Serialize;

use crate::artifact::event_log::{EventRecord, EventTime, LogSummary, RecordMark};
use crate::base::filetime::FileTime;
use crate::evidence::{Evidence, Unknown, UnknownReason};
use crate::facts::event_logs::files::LogFile;
use crate::facts::{Context, HiveName};

/// The key with the time at which Windows was installed.
const CURRENT_VERSION: &str = "Microsoft\\Windows NT\\CurrentVersion";
/// A log that begins within this time of the installation begins with it.
const OF_SETUP: TimeDelta = TimeDelta::days(2);
/// Event 104 and the first record behind it may be written in either order.
const ONE_MOMENT: TimeDelta = TimeDelta::minutes(1);

/// How far back one of the two logs goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogReach {
    /// `System` or `Application`.
    pub log: &'static str,
    /// How many records it counts.
    pub records: u64,
    /// When its oldest record was written; `None` where it has none, or the record has no time.
    pub begins: Option<EventTime>,
    /// The number of its oldest record.
    pub oldest_record: Option<u64>,
    /// When its newest record was written.
    pub ends: Option<EventTime>,
    /// Why what it does not show says nothing: it was emptied.
    pub gap: Option<String>,
    /// Set if older records were overwritten since the log was full.
    pub has_wrapped: bool,
    /// The place of the log.
    #[serde(skip)]
    pub evidence: Evidence,
}

/// One file of a log as it was read.
#[derive(Debug, Clone)]
pub(crate) struct ReadFile {
    pub(crate) logs: Vec<&'static str>,
    pub(crate) summary: LogSummary,
    pub(crate) evidence: Evidence,
}

impl ReadFile {
    pub(crate) fn new(file: &LogFile, logs: Vec<&'static str>, summary: LogSummary) -> Self {
        Self {
            logs,
            summary,
            evidence: file.evidence.clone(),
        }
    }
}

impl LogReach {
    /// How far back a log goes by all of its files; `None` where none was read.
    pub(crate) fn of(
        log: &'static str,
        files: &[ReadFile],
        cleared: Option<EventTime>,
        installed: Option<EventTime>,
    ) -> Option<Self> {
        let files = files.iter().filter(|file| file.logs.contains(&log));
        let (mut reach, mut oldest): (Option<Self>, Option<(RecordMark, bool)>) = (None, None);
        let mut recovered = 0_u64;
        for file in files {
            let of_file = &file.summary.reach;
            recovered = recovered.saturating_add(file.summary.recovered);
            let known = reach.get_or_insert_with(|| Self::empty(log, file.evidence.clone()));
            if known.records == 0 {
                known.evidence = file.evidence.clone();
            }
            known.records = known.records.saturating_add(of_file.live);
            let ends = of_file.newest.and_then(|mark| mark.written);
            known.ends = [known.ends, ends]
                .into_iter()
                .flatten()
                .max_by_key(order_of);
            if let Some(mark) = of_file.oldest {
                let is_older = oldest.is_none_or(|(known, _)| {
                    mark.written.map(|time| order_of(&time))
                        < known.written.map(|time| order_of(&time))
                });
                if is_older {
                    oldest = Some((mark, of_file.never_wrapped));
                }
            }
        }
        let mut reach = reach?;
        let never_wrapped = oldest.is_some_and(|(_, never_wrapped)| never_wrapped);
        reach.begins = oldest.and_then(|(mark, _)| mark.written);
        reach.oldest_record = oldest.map(|(mark, _)| mark.record);
        reach.has_wrapped = oldest.is_some() && !never_wrapped;
        reach.gap = reach.gap_by(cleared, installed.filter(|_| never_wrapped), recovered);
        Some(reach)
    }

    fn empty(log: &'static str, evidence: Evidence) -> Self {
        Self {
            log,
            records: 0,
            begins: None,
            oldest_record: None,
            ends: None,
            gap: None,
            has_wrapped: false,
            evidence,
        }
    }

    fn gap_by(
        &self,
        cleared: Option<EventTime>,
        installed: Option<EventTime>,
        recovered: u64,
    ) -> Option<String> {
        let log = self.log;
        let old = match recovered {
            0 => String::new(),
            count => format!(", {count} that it counts no more are in its file"),
        };
        if self.records == 0 {
            return Some(format!("the {log} log holds no record{old}"));
        }
        let begins = self.begins?;
        // Records from before the time of clearing were not cleared then.
        if let Some(cleared) = cleared
            && since(begins, cleared)? >= -ONE_MOMENT
        {
            let cleared = shown(cleared);
            return Some(format!(
                "the {log} log was cleared at {cleared} (event 104){old}"
            ));
        }
        let installed = installed?;
        let late = since(begins, installed)?;
        (late > OF_SETUP).then(|| {
            format!(
                "the {log} log begins at {}, {} days after Windows was installed ({}), and was never full: it was cleared or \
                 made anew{old}",
                shown(begins),
                late.num_days(),
                shown(installed)
            )
        })
    }

    /// How far back it goes, in words.
    pub fn told(&self) -> String {
        if let Some(gap) = &self.gap {
            return gap.clone();
        }
        let begins = match self.begins {
            Some(begins) => shown(begins),
            None => "an unknown time".to_owned(),
        };
        let of = match self.oldest_record {
            Some(number) if self.has_wrapped => {
                format!("record {number}, older ones were overwritten")
            }
            Some(number) => format!("record {number}"),
            None => "no record".to_owned(),
        };
        format!("the {} log goes back to {begins} ({of})", self.log)
    }

    /// Why facts that rest on what it does not show are unknown.
    pub(crate) fn unknown(&self) -> Option<Unknown> {
        Some(Unknown {
            reason: UnknownReason::NotProvided,
            detail: self.gap.clone()?,
            evidence: self.evidence.clone(),
        })
    }
}

/// The log that an event 104 says was cleared, and when.
pub(crate) fn cleared(record: &EventRecord) -> Option<(&str, EventTime)> {
    if !record.is("Microsoft-Windows-Eventlog", 104) {
        return None;
    }
    let mut strings = record.strings.iter();
    let named = strings.find(|string| string.name.as_deref() == Some("Channel"));
    let log = match named {
        Some(named) => named.text.as_str(),
        None => record.string(2)?,
    };
    Some((log, record.time?))
}

/// When Windows was installed, as the registry says.
pub(crate) fn installed(context: &Context<'_>) -> Option<EventTime> {
    // A time that cannot be read leaves the rule out that asks for it.
    let found = context.number(HiveName::Software, CURRENT_VERSION, "InstallDate");
    let time = EventTime::Seconds(found.ok()??.value);
    time.to_rfc3339().map(|_| time)
}

/// What is said of logs whose clock runs backwards.
pub(crate) fn clock_notes(files: &[ReadFile]) -> Vec<Unknown> {
    let told = files.iter().filter_map(|file| {
        let reach = &file.summary.reach;
        let first = reach.steps.first()?;
        Some(Unknown {
            reason: UnknownReason::Corrupt,
            detail: format!(
                "the clock runs backwards by a day or more {} times, first at record {}, from {} to {}: what is in the log is \
                 taken in the order of the records",
                reach.step_count,
                first.record,
                shown(first.from),
                shown(first.to)
            ),
            evidence: file.evidence.clone(),
        })
    });
    told.collect()
}

fn order_of(time: &EventTime) -> FileTime {
    time.filetime()
}

fn since(later: EventTime, earlier: EventTime) -> Option<TimeDelta> {
    later.filetime().since(earlier.filetime())
}

fn shown(time: EventTime) -> String {
    time.to_rfc3339()
        .unwrap_or_else(|| "an unknown time".to_owned())
}
