//! The records of both logs that facts are made of, in the order in which they were written.

use crate::artifact::event_log::{EventRecord, EventTime, LogSummary, Query};
use crate::evidence::{Evidence, Unknown, UnknownReason};
use crate::facts::Context;
use crate::facts::event_logs::failures::FAILURES;
use crate::facts::event_logs::files::{self, LogFile, LogFiles};
use crate::facts::event_logs::names::{SCM, ServiceNames};
use crate::facts::event_logs::order::order;
use crate::facts::event_logs::reach::{self, LogReach, ReadFile};
use crate::facts::event_logs::signatures::SIGNATURES;

/// Ids that are read beside those of the signatures and of failures: names, boots, installs, starts of MSDTC, updates,
/// upgrades, cleared logs.
const FURTHER_IDS: [u32; 15] = [
    104, 116, 2003, 2444, 4097, 4104, 4105, 4193, 4202, 4377, 6005, 6006, 6008, 6009, 6011,
];
/// Most records that are kept for the facts.
const RECORDS_MAX: usize = 200_000;
/// The two logs.
const LOGS: [&str; 2] = ["System", "Application"];

/// A record and the log that it is from.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) file: usize,
    pub(crate) record: EventRecord,
    /// Set if its time is off by a day or more from where its number puts it.
    pub(crate) clock_doubted: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    files: Vec<LogFile>,
    seen: Vec<Seen>,
    /// For each of System and Application, why it could not be seen.
    unseen: Vec<(&'static str, Unknown)>,
    /// How far back each log goes that was read.
    reach: Vec<LogReach>,
    /// What is said of clocks that run backwards.
    clock: Vec<Unknown>,
    names: ServiceNames,
    /// Why failures may be those of a service of IIS.
    unclear: Option<Unknown>,
}

impl Logs {
    /// Reads the System and Application logs.
    pub(crate) fn read(context: &Context<'_>) -> Self {
        let LogFiles { files, unseen } = files::find(context);
        let signature_ids = SIGNATURES.iter().flat_map(|signature| signature.events);
        let query = Query::for_ids(signature_ids.copied().chain(FURTHER_IDS).chain(FAILURES));
        let mut seen: Vec<Seen> = Vec::new();
        let mut failed: Vec<(String, Unknown)> = unseen;
        let mut read: Vec<ReadFile> = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let mut channels: Vec<&'static str> = known_log(&file.log).into_iter().collect();
            let mut is_full = false;
            let result = files::read(context, file, &query, &mut |record| {
                if known_log(&file.log).is_none() {
                    tell_log(&record, &mut channels);
                }
                if seen.len() < RECORDS_MAX {
                    seen.push(Seen {
                        file: index,
                        record,
                        clock_doubted: false,
                    });
                } else {
                    is_full = true;
                }
            });
            match result {
                Ok(summary) => {
                    if let Some(unknown) = in_part(file, &summary, is_full) {
                        let named = channels
                            .iter()
                            .map(|log| ((*log).to_owned(), unknown.clone()));
                        failed.extend(named);
                    }
                    read.push(ReadFile::new(file, channels, summary));
                }
                Err(unknown) => failed.push((file.log.clone(), unknown)),
            }
        }
        order(&mut seen);
        let mut logs = Self {
            clock: reach::clock_notes(&read),
            names: ServiceNames::of(context),
            files,
            seen,
            ..Self::default()
        };
        logs.take_reach(&read, reach::installed(context));
        logs.take_unseen(context, &failed, &read);
        logs.settle_names(context);
        logs
    }

    fn take_reach(&mut self, read: &[ReadFile], installed: Option<EventTime>) {
        for log in LOGS {
            let cleared = self
                .seen
                .iter()
                .filter_map(|seen| reach::cleared(&seen.record))
                .filter(|(cleared, _)| cleared.eq_ignore_ascii_case(log))
                .map(|(_, time)| time)
                .next_back();
            self.reach
                .extend(LogReach::of(log, read, cleared, installed));
        }
    }

    fn take_unseen(
        &mut self,
        context: &Context<'_>,
        failed: &[(String, Unknown)],
        read: &[ReadFile],
    ) {
        for log in LOGS {
            let failure = failed.iter().find(|(name, _)| name == log);
            if let Some((_, unknown)) = failure {
                self.unseen.push((log, unknown.clone()));
            } else if !read.iter().any(|file| file.logs.contains(&log)) {
                self.unseen.push((log, not_there(context, log)));
            }
        }
    }

    fn settle_names(&mut self, context: &Context<'_>) {
        let records = self.seen.iter().map(|seen| &seen.record);
        let why = self.names.settle(context, records);
        self.unclear = why.map(|detail| Unknown {
            reason: UnknownReason::Unsupported,
            detail,
            evidence: self.nothing_in("System"),
        });
    }

    /// The records in the order in which they were written.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &Seen> + Clone {
        self.seen.iter()
    }

    /// A record by its place in that order.
    pub(crate) fn at(&self, index: usize) -> Option<&Seen> {
        self.seen.get(index)
    }

    /// The file that a record is from.
    pub(crate) fn file_of(&self, seen: &Seen) -> Option<&LogFile> {
        self.files.get(seen.file)
    }

    /// The names of the services.
    pub(crate) fn names(&self) -> &ServiceNames {
        &self.names
    }

    /// The logs that could not be seen, with the reason.
    pub(crate) fn unseen(&self) -> &[(&'static str, Unknown)] {
        &self.unseen
    }

    /// How far back each log goes that was read.
    pub(crate) fn reach(&self) -> &[LogReach] {
        &self.reach
    }

    /// What is said of clocks that run backwards.
    pub(crate) fn clock(&self) -> &[Unknown] {
        &self.clock
    }

    /// Why failures may be those of a service of IIS, if they may.
    pub(crate) fn unclear(&self) -> Option<&Unknown> {
        self.unclear.as_ref()
    }

    /// Why a log does not tell what did not happen: it could not be seen, or was emptied.
    pub(crate) fn why_unseen(&self, log: &str) -> Option<Unknown> {
        let unseen = self.unseen.iter().find(|(name, _)| *name == log);
        unseen.map(|(_, unknown)| unknown.clone()).or_else(|| {
            let reach = self.reach.iter().find(|reach| reach.log == log);
            reach.and_then(LogReach::unknown)
        })
    }

    /// The evidence that a log shows nothing of a kind: its place, and how far back it goes.
    pub(crate) fn nothing_in(&self, log: &str) -> Evidence {
        if let Some(reach) = self.reach.iter().find(|reach| reach.log == log) {
            let place = reach.evidence.locator.to_string();
            return reach
                .evidence
                .clone()
                .searched(vec![place])
                .raw(reach.told());
        }
        let of_log = self.files.iter().filter(|file| file.log == log);
        let mut places = of_log.chain(&self.files).map(|file| file.evidence.clone());
        let first = places
            .next()
            .unwrap_or_else(|| Evidence::at(crate::evidence::Locator::new("event log")));
        let place = first.locator.to_string();
        first.searched(vec![place])
    }

    /// The records of a source and id.
    pub(crate) fn of(&self, source: &'static str, id: u32) -> impl Iterator<Item = &Seen> {
        self.seen
            .iter()
            .filter(move |seen| seen.record.is(source, id))
    }
}

/// A log that was named by option tells by its records which one it is.
fn tell_log(record: &EventRecord, logs: &mut Vec<&'static str>) {
    let mut add = |log: &'static str| {
        if !logs.contains(&log) {
            logs.push(log);
        }
    };
    if let Some(log) = record.channel.as_deref().and_then(known_log) {
        add(log);
    }
    if record.is("EventLog", 6005) || record.is(SCM, record.event_id) {
        add("System");
    }
    let is_of_application = ["MSDTC", "COM+"]
        .iter()
        .any(|name| record.source.eq_ignore_ascii_case(name));
    if is_of_application {
        add("Application");
    }
}

/// Why a log that was read may hold more than was seen.
fn in_part(file: &LogFile, summary: &LogSummary, is_full: bool) -> Option<Unknown> {
    let (reason, detail) = if is_full {
        let detail =
            format!("more than {RECORDS_MAX} records are of the kinds that are looked for");
        (UnknownReason::LimitExceeded, detail)
    } else if summary.truncated {
        let detail = "the file is shorter than its header says".to_owned();
        (UnknownReason::Corrupt, detail)
    } else if summary.damaged > 0 {
        let detail = format!("{} records or chunks are damaged", summary.damaged);
        (UnknownReason::Corrupt, detail)
    } else {
        return None;
    };
    Some(Unknown {
        reason,
        detail,
        evidence: file.evidence.clone(),
    })
}

fn known_log(name: &str) -> Option<&'static str> {
    ["System", "Application"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

fn not_there(context: &Context<'_>, log: &str) -> Unknown {
    let folder = context.installation.windows("system32\\config");
    Unknown::new(
        UnknownReason::NotProvided,
        format!("no event log {log} is there"),
        context.installation.place(&folder),
    )
}
