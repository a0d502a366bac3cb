//! When the problem began: told by the operator, or by the first failure of IIS in the event logs.
//!
//! KB884872 asks for this time first, since the bogus key file is made at that moment. A time is never a proof: it marks a
//! file in the list and decides nothing.

use serde::Serialize;

use crate::base::filetime::FileTime;
use crate::diagnosis::ask;
use crate::diagnosis::codes;
use crate::diagnosis::events;
use crate::diagnosis::history::{self, Kinship, kinship};
use crate::evidence::Fact;
use crate::facts::Collected;
use crate::facts::event_logs::{EventTime, Failure};

/// The longest NetBIOS name of a computer.
const NETBIOS_CHARS_MAX: usize = 15;
/// Most kinds of failures that a diagnosis lists.
const LISTED_MAX: usize = 50;

/// Who says when the problem began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The operator.
    Given,
    /// The event logs.
    Events,
    /// Nobody.
    Unknown,
}

/// When the problem began, and what the logs tell of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// When it began, with a fraction only where its source has one; `None` where nobody says.
    pub time: Option<EventTime>,
    /// Who says so.
    pub source: TimeSource,
    /// What the time is, or why there is none.
    pub reason: String,
    /// Failures of IIS and its neighbours, in the order of time, and after them those of other services.
    pub failures: Vec<LoggedFailure>,
    /// How many more failures the logs tell of: kinds beyond those listed, and records of kinds that were not kept. All of
    /// IIS and its neighbours come first.
    pub failures_not_listed: u64,
}

/// A kind of failure, as a diagnosis shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedFailure {
    /// What the logs tell.
    #[serde(flatten)]
    pub failure: Failure,
    /// The code with its name and meaning, where the event gives one.
    pub code_shown: Option<String>,
    /// What the event means, where that is more than that a service failed.
    pub meaning: Option<&'static str>,
    /// What to do about it.
    pub remedy: Option<&'static str>,
    /// `iis`, `neighbour` or `other`.
    pub belongs_to: Kinship,
    /// Whether the last record names another computer than this one: logs come along with a copy, and names change.
    pub other_computer: Option<bool>,
    /// The place of the last record.
    pub location: String,
}

impl Problem {
    /// The problem time that was given, or that the logs tell.
    pub(crate) fn of(collected: &Collected, given: Option<FileTime>) -> Self {
        let failures = listed(collected);
        let first = [Kinship::Iis, Kinship::Neighbour]
            .iter()
            .find_map(|kin| first_of(&failures, *kin));
        let (time, source, reason) = match (given, first) {
            (Some(time), _) => (
                Some(given_time(time)),
                TimeSource::Given,
                "given with --problem-time".to_owned(),
            ),
            (None, Some((time, failure))) => (
                Some(time),
                TimeSource::Events,
                format!(
                    "the first failure of {} that the logs still tell of: {} {}",
                    if failure.belongs_to == Kinship::Iis {
                        "IIS"
                    } else {
                        "a neighbour of IIS"
                    },
                    failure.failure.source,
                    failure.failure.event_id
                ) + doubt(failure),
            ),
            (None, None) => (None, TimeSource::Unknown, why_unknown(collected, &failures)),
        };
        Self {
            time,
            source,
            reason,
            failures_not_listed: not_listed(collected),
            failures,
        }
    }

    /// The last failure of a service of IIS, with its time.
    pub(crate) fn last_of_iis(&self) -> Option<&LoggedFailure> {
        self.failures
            .iter()
            .filter(|failure| failure.belongs_to == Kinship::Iis)
            .max_by_key(|failure| (time(failure.failure.last), failure.has_key_code()))
    }

    /// The failure of IIS that says most: one with a code of keys, else the last.
    pub(crate) fn telling_of_iis(&self) -> Option<&LoggedFailure> {
        let with_code = self
            .failures
            .iter()
            .rfind(|failure| failure.belongs_to == Kinship::Iis && failure.has_key_code());
        with_code.or_else(|| self.last_of_iis())
    }

    /// The last failure of a neighbour.
    pub(crate) fn last_of_neighbour(&self) -> Option<&LoggedFailure> {
        self.failures
            .iter()
            .filter(|failure| is_of_neighbour(failure))
            .max_by_key(|failure| time(failure.failure.last))
    }

    /// Failures of services that are neither of IIS nor neighbours, with the same event as those that IIS is known by.
    pub(crate) fn look_alikes(&self) -> impl Iterator<Item = &LoggedFailure> {
        self.failures.iter().filter(|failure| {
            failure.belongs_to == Kinship::Other
                && !failure.failure.service_unclear
                && matches!(failure.failure.event_id, 7023 | 7024 | 116)
        })
    }
}

impl Problem {
    /// Failures of services that the logs name in a language that is not known: they may be of IIS.
    pub(crate) fn unclear(&self) -> impl Iterator<Item = &LoggedFailure> {
        self.failures
            .iter()
            .filter(|failure| failure.failure.service_unclear)
    }
}

impl LoggedFailure {
    fn new(collected: &Collected, failure: &Failure) -> Self {
        let known = events::known(failure.signature);
        Self {
            meaning: known.map(|(meaning, _)| meaning),
            remedy: known.map(|(_, remedy)| remedy),
            other_computer: ask::word(collected, "id.computer_name")
                .filter(|_| !failure.computer.is_empty())
                .map(|name| !is_this_computer(name, &failure.computer)),
            code_shown: failure.code.map(codes::shown),
            belongs_to: kinship(failure),
            location: failure.evidence.locator.to_string(),
            failure: failure.clone(),
        }
    }

    /// Whether it may hold still: it is of this computer, as far as that is known, and nothing in the logs mended it since.
    pub(crate) fn still_stands(&self) -> bool {
        self.other_computer != Some(true) && self.failure.mended.is_none()
    }

    /// Whether it ended with a code of the key provider or of the metabase.
    pub(crate) fn has_key_code(&self) -> bool {
        self.failure.code.is_some_and(codes::is_of_keys)
    }
}

/// Whether a neighbour failed. That a log was made under another name (COM+ 4440), that another machine has the same
/// identity (MSDTC 4101), or that Sysprep failed at it (4454) is no failure to start.
fn is_of_neighbour(failure: &LoggedFailure) -> bool {
    failure.belongs_to == Kinship::Neighbour
        && events::is_failure_to_run(failure.failure.event_id)
        && failure.still_stands()
}

/// Whether a record is of the computer of that name: `.evtx` names it with its domain, and a NetBIOS name is cut.
fn is_this_computer(name: &str, logged: &str) -> bool {
    let host = logged.split('.').next().unwrap_or(logged);
    let cut = match host.get(..NETBIOS_CHARS_MAX) {
        Some(cut) if name.len() == NETBIOS_CHARS_MAX => cut,
        _ => host,
    };
    name.eq_ignore_ascii_case(cut)
}

/// The time as a number to compare; no time comes before all others.
fn time(time: Option<EventTime>) -> Option<FileTime> {
    time.map(EventTime::filetime).filter(|time| time.0 > 0)
}

/// What is said of a time that the clock of a log does not support.
fn doubt(failure: &LoggedFailure) -> &'static str {
    if failure.failure.clock_doubted {
        "; the clock was set there, and the time does not fit the order of the records"
    } else {
        ""
    }
}

/// A time that was given, in whole seconds if it is one.
fn given_time(time: FileTime) -> EventTime {
    let seconds = time
        .to_utc()
        .filter(|time| time.timestamp_subsec_nanos() == 0)
        .and_then(|time| u32::try_from(time.timestamp()).ok());
    seconds.map_or(EventTime::Fine(time), EventTime::Seconds)
}

fn listed(collected: &Collected) -> Vec<LoggedFailure> {
    let mut failures: Vec<LoggedFailure> = collected
        .failures
        .kinds
        .iter()
        .map(|failure| LoggedFailure::new(collected, failure))
        .collect();
    failures.sort_by_key(|failure| failure.belongs_to == Kinship::Other);
    failures.truncate(LISTED_MAX);
    failures
}

fn not_listed(collected: &Collected) -> u64 {
    let beyond = collected.failures.kinds.len().saturating_sub(LISTED_MAX);
    u64::try_from(beyond)
        .unwrap_or(u64::MAX)
        .saturating_add(collected.failures.not_kept)
}

fn first_of(failures: &[LoggedFailure], kin: Kinship) -> Option<(EventTime, &LoggedFailure)> {
    failures
        .iter()
        .filter(|failure| failure.belongs_to == kin)
        .filter(|failure| kin == Kinship::Iis || is_of_neighbour(failure))
        .filter(|failure| time(failure.failure.first).is_some())
        .filter_map(|failure| Some((failure.failure.first?, failure)))
        // A time that does not fit the order of its log is the last resort.
        .min_by_key(|(time, failure)| (failure.failure.clock_doubted, time.filetime()))
}

fn why_unknown(collected: &Collected, failures: &[LoggedFailure]) -> String {
    if failures.iter().any(|one| one.belongs_to == Kinship::Iis) {
        return "the event logs tell of failures of IIS, and of none with a time that can be told; --problem-time gives the time".to_owned();
    }
    match collected.facts.get("evt.service_failures").map(Fact::get) {
        Some(Err(unknown)) => format!(
            "the event logs do not tell it: {}; --problem-time gives it",
            unknown.detail
        ),
        Some(Ok(_)) => format!(
            "the event logs tell of no failure of IIS{}; --problem-time gives the time",
            history::reach(collected)
        ),
        None => "the event logs were not read; --problem-time gives the time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_this_computer_with_or_without_its_domain() {
        assert!(is_this_computer("GOLDEN", "golden"));
        assert!(is_this_computer("GOLDEN", "golden.corp.example"));
        assert!(is_this_computer(
            "WIN-0123456789A",
            "win-0123456789abc.corp.example"
        ));
        assert!(!is_this_computer("GOLDEN", "GOLDEN2"));
        assert!(!is_this_computer("GOLDEN", "MASTER.golden"));
    }
}
