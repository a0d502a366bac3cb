//! What else it could be: every known cause of the same symptoms, with what rules it out.
//!
//! The events of KB884872 have several causes (KB889073 describes the same ones), so a cause is told together with those
//! that it is not. One is ruled out only by something that was tested; where nothing was, it stays open.

use serde::Serialize;

use crate::diagnosis::ask;
use crate::diagnosis::cause::Cause;
use crate::diagnosis::checks::{self, Check, CheckState};
use crate::diagnosis::hindrance::Hindrance;
use crate::diagnosis::history;
use crate::diagnosis::links::{Link, LinkState};
use crate::diagnosis::problem::Problem;
use crate::facts::Collected;
use crate::facts::event_logs::LogReach;

/// How an alternative stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is the cause that was found.
    Cause,
    /// It is there beside the cause.
    AlsoThere,
    /// It is not the cause.
    RuledOut,
    /// It could not be decided.
    Open,
    /// It cannot occur on this installation.
    NotApplicable,
}

impl Standing {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cause => "the cause",
            Self::AlsoThere => "also there",
            Self::RuledOut => "ruled out",
            Self::Open => "open",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// One cause that the symptoms could have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alternative {
    /// A word for programs.
    pub cause: &'static str,
    /// What it is.
    pub title: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// What says so.
    pub by: String,
}

/// What the alternatives are judged by.
pub(crate) struct Seen<'s> {
    pub(crate) collected: &'s Collected,
    pub(crate) links: &'s [Link],
    pub(crate) checks: &'s [Check],
    pub(crate) hindrances: &'s [Hindrance],
    pub(crate) problem: &'s Problem,
    pub(crate) cause: Cause,
}

/// All of them, the keys first.
pub(crate) fn of(seen: &Seen<'_>) -> Vec<Alternative> {
    vec![
        alternative(
            "wrong_name",
            "MachineGuid was changed and the right key has the old name (KB884872, or generalizing)",
            wrong_name(seen),
        ),
        alternative(
            "foreign_metabase",
            "the metabase is of another installation: restored, copied, or IIS set up anew",
            foreign(seen),
        ),
        alternative(
            "key_does_not_open",
            "the right key is there and cannot be opened: its master key is missing or another",
            key_does_not_open(seen),
        ),
        alternative(
            "metabase_broken",
            "the metabase is missing or damaged",
            by_check(seen, "metabase", seen.cause == Cause::MetabaseBroken),
        ),
        alternative(
            "access",
            "Windows may not open the key file: access list or owner",
            by_check(seen, "access", seen.cause == Cause::Access),
        ),
        alternative(
            "efs",
            "the key file is encrypted by EFS",
            by_check(seen, "efs", seen.cause == Cause::Access),
        ),
        alternative(
            "iischema_update",
            "Iischema-update.md0 in MetaBack (KB889073): the same event 116",
            iischema(seen),
        ),
        alternative(
            "service_order",
            "a service that IIS needs is disabled, missing or waits for itself",
            service_order(seen),
        ),
        alternative(
            "provider",
            "the profile of the system names another default key provider (Q311861)",
            may_hinder(seen, "provider"),
        ),
        alternative(
            "msdtc",
            "MSDTC cannot start: it is disabled, or its log is missing",
            msdtc(seen),
        ),
        alternative(
            "cluster",
            "the cluster starts IIS, or fails to",
            cluster(seen),
        ),
        alternative(
            "other_service",
            "the events are of another service",
            other_service(seen),
        ),
    ]
}

fn alternative(
    cause: &'static str,
    title: &'static str,
    (standing, by): (Standing, String),
) -> Alternative {
    Alternative {
        cause,
        title,
        standing,
        by,
    }
}

fn uses_no_metabase(seen: &Seen<'_>) -> Option<(Standing, String)> {
    let uses_none = ask::yes_no(seen.collected, "iis.metabase_in_use") == Some(false);
    uses_none.then(|| {
        (
            Standing::NotApplicable,
            "IIS uses no metabase here".to_owned(),
        )
    })
}

fn link<'s>(seen: &Seen<'s>, name: &str) -> Option<&'s Link> {
    seen.links.iter().find(|link| link.link == name)
}

fn detail(seen: &Seen<'_>, name: &str) -> String {
    link(seen, name).map_or_else(String::new, |link| format!("{name}: {}", link.detail))
}

fn wrong_name(seen: &Seen<'_>) -> (Standing, String) {
    if let Some(none) = uses_no_metabase(seen) {
        return none;
    }
    match ask::word(seen.collected, "key.pairing") {
        Some("machine_guid" | "other") if seen.cause == Cause::SealedKeysLost => (
            Standing::Cause,
            format!(
                "L5: {} signed the metabase; the image is sealed and every copy gets another MachineGuid, so the name is wrong there",
                ask::said(seen.collected, "key.paired_files")
            ),
        ),
        Some("other") => (
            if matches!(seen.cause, Cause::WrongName | Cause::WrongNameUndecided) {
                Standing::Cause
            } else {
                Standing::AlsoThere
            },
            format!(
                "L5: {} signed the metabase and does not carry MachineGuid",
                ask::said(seen.collected, "key.paired_files")
            ),
        ),
        Some("machine_guid") => (
            Standing::RuledOut,
            format!(
                "L5: {} carries MachineGuid and signed the metabase",
                ask::said(seen.collected, "key.paired_files")
            ),
        ),
        Some(_) => (
            Standing::RuledOut,
            "L5: no key file here signed the metabase, so none has a wrong name only".to_owned(),
        ),
        None => (Standing::Open, detail(seen, "L5")),
    }
}

fn foreign(seen: &Seen<'_>) -> (Standing, String) {
    if let Some(none) = uses_no_metabase(seen) {
        return none;
    }
    match ask::word(seen.collected, "key.pairing") {
        Some("none") => (
            Standing::Cause,
            "L5: no key file in this image signed the metabase".to_owned(),
        ),
        Some(_) => (
            Standing::RuledOut,
            format!(
                "L5: the metabase carries the signature of {}, which is here",
                ask::said(seen.collected, "key.paired_files")
            ),
        ),
        None => (Standing::Open, detail(seen, "L5")),
    }
}

fn key_does_not_open(seen: &Seen<'_>) -> (Standing, String) {
    if let Some(none) = uses_no_metabase(seen) {
        return none;
    }
    if seen.cause == Cause::KeyDoesNotOpen {
        return (Standing::Cause, detail(seen, "L6"));
    }
    let state = |name| link(seen, name).map(|link| link.state);
    match (state("L6"), state("L7-L9")) {
        _ if ask::word(seen.collected, "key.pairing") == Some("none") => (
            Standing::NotApplicable,
            "L5: the right key is not here".to_owned(),
        ),
        (_, Some(LinkState::Holds)) => (Standing::RuledOut, detail(seen, "L7-L9")),
        (Some(LinkState::Holds), _) => (
            Standing::Open,
            "L6: its master key is in the image; whether it opens is not tested (--prove-keys)"
                .to_owned(),
        ),
        _ => (Standing::Open, detail(seen, "L6")),
    }
}

/// A cause that one check decides.
fn by_check(seen: &Seen<'_>, name: &str, is_cause: bool) -> (Standing, String) {
    let Some(check) = checks::find(seen.checks, name) else {
        return (Standing::Open, String::new());
    };
    let standing = match check.state {
        CheckState::Ok => Standing::RuledOut,
        CheckState::Bad if is_cause => Standing::Cause,
        CheckState::Bad => Standing::AlsoThere,
        CheckState::Unknown => Standing::Open,
        CheckState::NotApplicable => Standing::NotApplicable,
    };
    (standing, check.detail.clone())
}

fn is_blocked_by(seen: &Seen<'_>, rule: &str) -> bool {
    seen.cause == Cause::Blocked && seen.hindrances.iter().any(|one| one.id == rule)
}

fn iischema(seen: &Seen<'_>) -> (Standing, String) {
    match by_check(seen, "iischema_update", is_blocked_by(seen, "IIS-010")) {
        // The file alone does not say that it keeps IIS from starting.
        (Standing::AlsoThere, by) => (Standing::Open, by),
        judged => judged,
    }
}

fn service_order(seen: &Seen<'_>) -> (Standing, String) {
    let is_cause = is_blocked_by(seen, "service_order") || is_blocked_by(seen, "services");
    let (standing, by) = by_check(seen, "services", is_cause);
    match standing {
        Standing::RuledOut => {
            let (order, said) = by_check(seen, "service_order", is_cause);
            (order, format!("{by}; {said}"))
        }
        _ => (standing, by),
    }
}

/// A check that does not say by itself whether it keeps IIS from starting.
fn may_hinder(seen: &Seen<'_>, name: &str) -> (Standing, String) {
    match by_check(seen, name, false) {
        (Standing::AlsoThere, by) => (Standing::Open, by),
        judged => judged,
    }
}

fn msdtc(seen: &Seen<'_>) -> (Standing, String) {
    let (standing, by) = may_hinder(seen, "msdtc");
    match standing {
        Standing::RuledOut => {
            let (log, said) = may_hinder(seen, "msdtc_log");
            (log, format!("{by}; {said}"))
        }
        _ => (standing, by),
    }
}

fn cluster(seen: &Seen<'_>) -> (Standing, String) {
    let (standing, by) = by_check(seen, "cluster", false);
    match standing {
        // That a cluster is there says nothing of whether it starts IIS.
        Standing::AlsoThere => (Standing::Open, by),
        _ => (standing, by),
    }
}

fn other_service(seen: &Seen<'_>) -> (Standing, String) {
    let others: Vec<String> = seen
        .problem
        .look_alikes()
        .map(|one| format!("{} {}", one.failure.event_id, one.failure.subject))
        .collect();
    if let Some(of_iis) = seen.problem.telling_of_iis() {
        return (
            Standing::RuledOut,
            format!(
                "the logs tell of IIS itself: {} {} {}",
                of_iis.failure.source, of_iis.failure.event_id, of_iis.failure.subject
            ),
        );
    }
    let neighbour = seen.problem.last_of_neighbour().map(|one| {
        format!(
            "{} {} {}",
            one.failure.source, one.failure.event_id, one.failure.subject
        )
    });
    let told: Vec<String> = neighbour.into_iter().chain(others).collect();
    let reach = history::reach(seen.collected);
    if !told.is_empty() {
        let standing = if seen.cause == Cause::Neighbour {
            Standing::Cause
        } else {
            Standing::AlsoThere
        };
        let told = told.join(", ");
        return (
            standing,
            format!("the logs tell of no failure of IIS, and of {told}{reach}"),
        );
    }
    match why_silence_says_nothing(seen) {
        Some(why) => (Standing::Open, why),
        None => (
            Standing::RuledOut,
            format!("the logs tell of no such event of any service that still stands{reach}"),
        ),
    }
}

/// Why logs that tell of no failure rule nothing out: they were not seen, or not whole, or do not go back far enough.
fn why_silence_says_nothing(seen: &Seen<'_>) -> Option<String> {
    const FAILURES: &str = "evt.service_failures";
    let failures = &seen.collected.failures;
    if let Some(unknown) = ask::unknown(seen.collected, FAILURES) {
        return Some(unknown.detail.clone());
    }
    if let Some(unclear) = seen.problem.unclear().next() {
        return Some(format!(
            "the logs name a service that failed in a language that is not known here, so it may be one of IIS: {} {}",
            unclear.failure.event_id, unclear.failure.subject
        ));
    }
    if failures.not_kept > 0 {
        return Some(format!(
            "{} failures of other services in the logs were not kept",
            failures.not_kept
        ));
    }
    if let Some(unseen) = seen.collected.facts.incomplete(FAILURES) {
        return Some(format!("not all of the logs was seen: {}", unseen.detail));
    }
    let begins_late = |reach: &&LogReach| {
        reach.gap.is_some() || reach.has_wrapped || begins_after(reach, seen.problem)
    };
    let short: Vec<String> = failures
        .reach
        .iter()
        .filter(begins_late)
        .map(LogReach::told)
        .collect();
    (!short.is_empty()).then(|| {
        format!(
            "the logs tell of no such event, and what was before they do not tell: {}",
            short.join("; ")
        )
    })
}

/// Whether a log begins after the problem did.
fn begins_after(reach: &LogReach, problem: &Problem) -> bool {
    let times = reach.begins.zip(problem.time);
    times.is_some_and(|(begins, problem)| begins.filetime() > problem.filetime())
}
