//! Every record of the logs that tells of identity, sealing, failure, boot, update or upgrade, one by one.

use crate::artifact::event_log::{EventRecord, EventTime};
use crate::base::redact;
use crate::evidence::{Evidence, Unknown};
use crate::facts::Context;
use crate::facts::event_logs::failures::of_metabase;
use crate::facts::event_logs::names::{ServiceNames, Subject, is_failure};
use crate::facts::event_logs::reach::LogReach;
use crate::facts::event_logs::read::Logs;
use crate::facts::event_logs::signatures::SIGNATURES;

/// The longest strings of a record in its text, in characters.
const TEXT_CHARS_MAX: usize = 160;

/// What a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// A known failure, or a failure of IIS or one of its neighbours.
    Failure,
    /// The event log service has started or stopped.
    Boot,
    /// The computer has another name.
    Rename,
    /// An update was installed.
    Update,
    /// Set-up has installed or upgraded Windows.
    Install,
    /// MSDTC was installed or removed.
    Msdtc,
    /// A log was cleared.
    Cleared,
}

/// A record and what it tells.
#[derive(Debug, Clone)]
pub(crate) struct HistoryEntry {
    pub(crate) time: Option<EventTime>,
    pub(crate) what: Happened,
    pub(crate) text: String,
    pub(crate) evidence: Evidence,
}

/// Reads the logs: what they tell in the order of the records, and what of them could not be seen or is in doubt.
pub(crate) fn history(context: &Context<'_>) -> (Vec<HistoryEntry>, Vec<Unknown>) {
    let logs = Logs::read(context);
    let entries = logs
        .seen()
        .filter_map(|seen| {
            let (what, text) = told(&seen.record, logs.names())?;
            Some(HistoryEntry {
                time: seen.record.time,
                what,
                text,
                evidence: logs.evidence(seen, 1),
            })
        })
        .collect();
    let unseen = logs.unseen().iter().map(|(_, unknown)| unknown.clone());
    let gaps = logs.reach().iter().filter_map(LogReach::unknown);
    let missing = unseen.chain(gaps).chain(logs.clock().iter().cloned());
    (entries, missing.collect())
}

fn told(record: &EventRecord, names: &ServiceNames) -> Option<(Happened, String)> {
    let label = format!("{} {}", record.source, record.event_id);
    if let Some(signature) = SIGNATURES.iter().find(|known| known.is(record, names)) {
        return Some((
            Happened::Failure,
            with_strings(&format!("{} ({label})", signature.id), record),
        ));
    }
    let is = |source: &str, id: u32| record.is(source, id);
    if is_failure(record) || of_metabase(record).is_some() {
        let service = match names.subject(record) {
            _ if of_metabase(record).is_some() => record.source.as_str(),
            Subject::Known(service) => service,
            Subject::Unclear => "that may be one of IIS",
            Subject::Other => return None,
        };
        let label = format!("service {service} failed ({label})");
        return Some((Happened::Failure, with_strings(&label, record)));
    }
    let string = |index| record.string(index).unwrap_or("?");
    if is("EventLog", 6011) {
        let text = format!(
            "the computer was renamed {} -> {} ({label})",
            string(0),
            string(1)
        );
        return Some((Happened::Rename, cut(&text)));
    }
    if is("NtServicePack", 4377) {
        return Some((
            Happened::Update,
            cut(&format!("{} was installed ({label})", string(1))),
        ));
    }
    let plain = [
        (
            "EventLog",
            6005,
            Happened::Boot,
            "the event log was started",
        ),
        (
            "EventLog",
            6006,
            Happened::Boot,
            "the event log was stopped",
        ),
        ("EventLog", 6009, Happened::Boot, "Windows was booted"),
        ("MSDTC", 4104, Happened::Msdtc, "MSDTC was installed"),
        ("MSDTC", 4105, Happened::Msdtc, "MSDTC was removed"),
        (
            "Microsoft-Windows-Setup",
            2003,
            Happened::Install,
            "set-up installed Windows",
        ),
        (
            "Microsoft-Windows-Eventlog",
            104,
            Happened::Cleared,
            "a log was cleared",
        ),
    ];
    let (_, id, what, text) = plain
        .into_iter()
        .find(|(source, id, _, _)| is(source, *id))?;
    // `MSDTC Client 2` 4104 is another event: the provider must not stand in for the source.
    if matches!(id, 4104 | 4105) && !record.source.eq_ignore_ascii_case("MSDTC") {
        return None;
    }
    let text = format!("{text} ({label})");
    Some((
        what,
        if what == Happened::Boot {
            text
        } else {
            with_strings(&text, record)
        },
    ))
}

fn with_strings(label: &str, record: &EventRecord) -> String {
    let strings: Vec<&str> = record
        .strings
        .iter()
        .map(|string| string.text.trim())
        .filter(|text| !text.is_empty())
        .collect();
    if strings.is_empty() {
        return label.to_owned();
    }
    let strings = redact::secret_list(strings);
    cut(&format!("{label}: {}", strings.join("; ")))
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
