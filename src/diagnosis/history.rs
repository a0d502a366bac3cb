//! Link L0: what the logs tell of services that failed. History, and no proof: a log says that something happened, and the
//! same event has several causes; what it does not say it may have lost.

use serde::Serialize;

use crate::diagnosis::ask;
use crate::diagnosis::codes;
use crate::diagnosis::links::LinkState;
use crate::evidence::Fact;
use crate::facts::Collected;
use crate::facts::event_logs::{EventTime, Failure, LogReach};
use crate::facts::iis;

/// The neighbours of the services of IIS.
const NEIGHBOURS: [&str; 1] = ["MSDTC"];
/// Most failures that the link names.
const NAMED_MAX: usize = 4;

/// How a failure belongs to IIS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kinship {
    /// A service of IIS.
    Iis,
    /// A service or a log that IIS works with: MSDTC, COM+.
    Neighbour,
    /// Something else.
    Other,
}

/// How a failure belongs to IIS.
pub(crate) fn kinship(failure: &Failure) -> Kinship {
    let is_of = |services: &[&str]| {
        failure
            .service
            .is_some_and(|service| services.contains(&service))
    };
    let source = failure.source.to_ascii_uppercase();
    if failure.service.is_some_and(iis::is_service) || iis::is_service(&source) {
        Kinship::Iis
    } else if is_of(&NEIGHBOURS) || source.starts_with("MSDTC") || source.starts_with("COM") {
        Kinship::Neighbour
    } else {
        Kinship::Other
    }
}

/// When it happened last, in words.
pub(crate) fn last_time(failure: &Failure) -> String {
    shown(failure.last)
}

fn shown(time: Option<EventTime>) -> String {
    time.and_then(EventTime::to_rfc3339)
        .unwrap_or_else(|| "at an unknown time".to_owned())
}

/// How far back the logs go that were read, to be put behind what they do not tell; empty where none was read.
pub(crate) fn reach(collected: &Collected) -> String {
    let told: Vec<String> = collected
        .failures
        .reach
        .iter()
        .map(LogReach::told)
        .collect();
    if told.is_empty() {
        String::new()
    } else {
        format!(" ({})", told.join("; "))
    }
}

/// One failure in words: when, what, with which code, how often.
pub(crate) fn told(failure: &Failure) -> String {
    let mut text = format!(
        "{}: {} {}",
        shown(failure.first),
        failure.source,
        failure.event_id
    );
    if !failure.subject.is_empty() {
        text.push_str(&format!(", {}", failure.subject));
    }
    if let Some(code) = failure.code {
        text.push_str(&format!(", code {}", codes::shown(code)));
    }
    if failure.count > 1 {
        text.push_str(&format!(
            " ({} times, last {})",
            failure.count,
            shown(failure.last)
        ));
    }
    text
}

/// The state of the link and what the logs tell: MachineGuids that set-up assigned, and failures.
pub(crate) fn link(collected: &Collected) -> (LinkState, String) {
    let assigned = assigned(collected);
    let (state, failed) = failures(collected);
    match (assigned, state) {
        (None, _) => (state, failed),
        (Some(assigned), LinkState::NotTested) => (
            LinkState::Open,
            format!("{assigned}; event logs: not tested, {failed}"),
        ),
        (Some(assigned), _) => (LinkState::Open, format!("{assigned}; {failed}")),
    }
}

/// The last MachineGuid that set-up says it assigned, against that of the registry.
fn assigned(collected: &Collected) -> Option<String> {
    const ASSIGNED: &str = "setuplog.machine_guids";
    let guids = ask::list(collected, ASSIGNED)?;
    let last = guids.last()?;
    let line = collected
        .facts
        .get(ASSIGNED)
        .and_then(|fact| fact.evidence().last())
        .and_then(|evidence| evidence.raw.as_deref())
        .unwrap_or_default();
    let is_present = match ask::word(collected, "crypto.machine_guid") {
        Some(guid) if guid.eq_ignore_ascii_case(last) => "which is MachineGuid now",
        Some(_) => "and MachineGuid is another one now: it was changed since",
        None => "and MachineGuid is not known",
    };
    let times = match guids.len() {
        1 => String::new(),
        count => format!(", the last of {count}"),
    };
    Some(format!(
        "CryptoSysPrep_Specialize of set-up assigned {last}{times}, {is_present} ({line})"
    ))
}

fn failures(collected: &Collected) -> (LinkState, String) {
    let mut near: Vec<&Failure> = collected
        .failures
        .kinds
        .iter()
        .filter(|failure| kinship(failure) != Kinship::Other)
        .collect();
    // The codes of keys say most; then IIS comes before its neighbours. Otherwise the order of time stays.
    near.sort_by_key(|failure| {
        let has_key_code = failure.code.is_some_and(codes::is_of_keys);
        (!has_key_code, kinship(failure))
    });
    if near.is_empty() {
        return match collected.facts.get("evt.signatures").map(Fact::get) {
            Some(Ok(_)) => (
                LinkState::Open,
                format!(
                    "the event logs tell of no failure of IIS or MSDTC{}; what they do not tell they may have lost",
                    reach(collected)
                ),
            ),
            Some(Err(unknown)) => (LinkState::NotTested, unknown.detail),
            None => (
                LinkState::NotTested,
                "the event logs were not read".to_owned(),
            ),
        };
    }
    let mut shown: Vec<String> = near.iter().take(NAMED_MAX).map(|one| told(one)).collect();
    let unseen = collected.facts.incomplete("evt.signatures");
    if near.len() > NAMED_MAX {
        shown.push(format!("and {} more", near.len().saturating_sub(NAMED_MAX)));
    }
    // Another log could not be read: what it would tell is missing.
    shown.extend(unseen.map(|unknown| format!("not all logs: {}", unknown.detail)));
    (LinkState::Open, shown.join("; "))
}
