//! How often the image was sealed: xpe.reseal_count, a minimum with its evidence, xpe.seal_episodes and xpe.seal_hints.
//!
//! No counter of runs of fbreseal is documented, so seals are counted by what they leave. Runs leave prefetch files of
//! fbreseal.exe and starts in UserAssist. Boots of a clone leave MSDTC removed and installed again in the Application log, a
//! rename in the System log and key files of another MachineGuid; each such boot was that of a sealed image, and an armed
//! image is one seal that was not booted yet. Runs and boots may speak of the same seal, so the largest number counts and
//! they are not added up; the traces of the smaller ones are hints. So are lines in the log of the First Boot Agent, whose
//! form is not documented, traces that have other causes too, and SIDs of other machines or domains in the profile list or in
//! `$Secure`: they have no time and belong to no seal in particular.
//!
//! The number is never exact: a write filter or a cleared log leaves no trace at all, and nothing says that fbreseal clears
//! none. It is found as a minimum, which decides what holds for every greater number too; without any trace it is unknown.

use std::collections::BTreeMap;

use crate::base::redact;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::embedded::clone_boots::{self, Boots, Told};
use crate::facts::embedded::{fba_reseals, is_fbreseal_kind};
use crate::facts::event_logs::CloneMarks;
use crate::facts::machine_keys::MachineKey;
use crate::facts::{Context, Facts};

const COUNT: &str = "xpe.reseal_count";
const EPISODES: &str = "xpe.seal_episodes";
const HINTS: &str = "xpe.seal_hints";
/// Facts that count runs of fbreseal, and by what.
const RUNS: [(&str, &str); 2] = [
    ("exec.fbreseal_runs", "prefetch files"),
    ("exec.fbreseal_starts", "UserAssist"),
];
/// Most seals that are listed, each in a text of its own.
const LISTED_MAX: i64 = 64;

/// The seals that traces of one kind prove.
struct Kind {
    what: String,
    number: i64,
    seals: Vec<Told>,
    evidence: Vec<Evidence>,
}

/// What the event logs and the key files tell, where the logs were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logs<'l> {
    /// What the logs show of boots of a clone.
    pub(crate) marks: &'l CloneMarks,
    /// The key files.
    pub(crate) keys: &'l [MachineKey],
}

/// Collects this group; sysprep.sealed, exec.fbreseal_runs, exec.fbreseal_starts, xpe.fba_reseals and the foreign SIDs must be
/// there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts, logs: Option<Logs<'_>>) {
    let root = context
        .installation
        .place(&context.installation.system_root);
    let place = Evidence::at(root);
    if !is_fbreseal_kind(facts) {
        let place = place.raw("fbreseal does not belong to this Windows");
        facts.put(COUNT, Fact::found(0_i64, place.clone()));
        facts.put(
            EPISODES,
            Fact::found(Value::List(Vec::new()), place.clone()),
        );
        facts.put(HINTS, Fact::found(Value::List(Vec::new()), place));
        return;
    }
    let boots = logs.map_or_else(Boots::default, |logs| {
        clone_boots::find(context, logs.marks, logs.keys)
    });
    let mut kinds: Vec<Kind> = RUNS
        .into_iter()
        .filter_map(|(id, by)| runs(facts, id, by))
        .collect();
    kinds.extend(of_boots(facts, boots.proved));
    // The largest first; of equal ones the order above.
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.number));
    let rest = rest(&kinds, facts, logs, &place);
    let mut kinds = kinds.into_iter();
    if let Some(kind) = kinds.next() {
        let mut evidence = kind.evidence.into_iter();
        let first = evidence.next().unwrap_or_else(|| place.clone());
        facts.put(COUNT, Fact::found_in(kind.number, first, evidence));
        facts.mark_incomplete(COUNT, rest.clone());
        facts.put(EPISODES, list(kind.seals, &place));
        facts.mark_incomplete(EPISODES, rest.clone());
    } else {
        facts.put(COUNT, Fact::Unknown(rest.clone()));
        facts.put(EPISODES, Fact::Unknown(rest.clone()));
    }
    let same = kinds.flat_map(|kind| kind.seals).map(|told| Told {
        text: format!(
            "of the seals that are counted, or of a further one: {}",
            told.text
        ),
        ..told
    });
    let (lines, unread) = match fba_reseals::hints(context) {
        Ok(lines) => (lines, None),
        Err(unknown) => (Vec::new(), Some(unknown)),
    };
    let hints: Vec<Told> = same
        .chain(boots.doubtful)
        .chain(lines)
        .chain(former_identities(facts))
        .collect();
    let has_seen_logs = logs.is_some_and(|logs| logs.marks.gaps.is_empty());
    if hints.is_empty() && !has_seen_logs {
        facts.put(HINTS, Fact::Unknown(rest));
    } else {
        facts.put(HINTS, list(hints, &place));
        let why = if has_seen_logs { unread } else { Some(rest) };
        if let Some(why) = why {
            facts.mark_incomplete(HINTS, why);
        }
    }
}

/// One seal a run that a fact counts.
fn runs(facts: &Facts, id: &str, by: &str) -> Option<Kind> {
    let Some(Fact::Found {
        value: Value::Int(number),
        evidence,
        ..
    }) = facts.get(id)
    else {
        return None;
    };
    if *number <= 0 {
        return None;
    }
    let mut seals: Vec<Told> = Vec::new();
    let mut items: Vec<&Evidence> = Vec::new();
    for place in evidence {
        if !items.iter().any(|known| known.raw == place.raw) {
            items.push(place);
        }
    }
    // Each entry knows its last run only; of those before it the count is all there is.
    let known = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let earlier = number.saturating_sub(known).max(0);
    for run in 1..=earlier.min(LISTED_MAX) {
        seals.push(Told {
            text: format!("run {run} of {number} of fbreseal by {by}: no time of it is kept"),
            evidence: evidence.clone(),
        });
    }
    let listed = usize::try_from(LISTED_MAX).unwrap_or(usize::MAX);
    for (run, place) in (earlier.saturating_add(1)..=*number).zip(items.iter().take(listed)) {
        let said = redact::secrets(place.raw.as_deref().unwrap_or_default());
        seals.push(Told {
            text: format!("run {run} of {number} of fbreseal by {by}: {said}"),
            evidence: vec![(*place).clone()],
        });
    }
    Some(Kind {
        what: format!("runs of fbreseal by {by}: {number}"),
        number: *number,
        seals,
        evidence: evidence.clone(),
    })
}

/// One seal a boot of a clone, and one that waits for its boot.
fn of_boots(facts: &Facts, mut seals: Vec<Told>) -> Option<Kind> {
    let mut what = "boots of a clone";
    if let Some(Fact::Found {
        value: Value::Bool(true),
        evidence,
        ..
    }) = facts.get("sysprep.sealed")
    {
        what = match seals.len() {
            0 => "armed for the next boot",
            _ => "boots of a clone, and a seal that waits for its boot",
        };
        seals.push(Told {
            text: "armed for the next boot".to_owned(),
            evidence: evidence.clone(),
        });
    }
    let number = i64::try_from(seals.len()).unwrap_or(i64::MAX);
    (number > 0).then(|| Kind {
        what: format!("{what}: {number}"),
        number,
        evidence: seals
            .iter()
            .flat_map(|told| told.evidence.clone())
            .collect(),
        seals,
    })
}

fn list(told: Vec<Told>, place: &Evidence) -> Fact {
    let mut texts = Vec::new();
    let mut places = Vec::new();
    for one in told {
        texts.push(redact::secrets(&one.text).into_owned());
        places.extend(one.evidence.into_iter().next());
    }
    let mut places = places.into_iter();
    match places.next() {
        Some(first) => Fact::found_in(Value::texts(texts), first, places),
        None => Fact::found(Value::List(Vec::new()), place.clone()),
    }
}

/// Other machines and domains by their SIDs, of profiles and of owners and access lists.
fn former_identities(facts: &Facts) -> Vec<Told> {
    let mut all: BTreeMap<&str, &[Evidence]> = BTreeMap::new();
    if let Some(Fact::Found {
        value: Value::List(profiles),
        evidence,
        ..
    }) = facts.get("id.foreign_sids")
    {
        for sid in profiles {
            if let Value::Text(sid) = sid
                && let Some((domain, _)) = sid.rsplit_once('-')
            {
                all.entry(domain).or_insert(evidence);
            }
        }
    }
    if let Some(Fact::Found {
        value: Value::Map(domains),
        evidence,
        ..
    }) = facts.get("id.foreign_acl_sids")
    {
        for domain in domains.keys() {
            all.entry(domain).or_insert(evidence);
        }
    }
    let told = |(sid, evidence): (&str, &[Evidence])| Told {
        text: format!("SID of a former identity or a domain, not counted, it has no time: {sid}"),
        evidence: evidence.to_vec(),
    };
    all.into_iter().map(told).collect()
}

/// What keeps the number from being known.
fn rest(kinds: &[Kind], facts: &Facts, logs: Option<Logs<'_>>, place: &Evidence) -> Unknown {
    let mut text = match kinds {
        [] => "no trace of a seal was found, and Windows keeps no count of them".to_owned(),
        kinds => {
            let told: Vec<&str> = kinds.iter().map(|kind| kind.what.as_str()).collect();
            format!("{}; Windows keeps no count of seals", told.join(", "))
        }
    };
    match logs {
        None => text.push_str("; the event logs, which may show a further one, were not read"),
        Some(logs) => {
            for gap in &logs.marks.gaps {
                text.push_str(&format!("; {gap}"));
            }
        }
    }
    if let Some(Fact::Found {
        value: Value::List(filters),
        ..
    }) = facts.get("filter.enabled")
        && !filters.is_empty()
    {
        text.push_str("; a write filter is on, which drops every trace");
    }
    let mut reason = UnknownReason::NotProvided;
    let unseen = RUNS.iter().find_map(|(id, _)| match facts.get(id) {
        Some(Fact::Unknown(unknown)) => Some(unknown),
        _ => facts.incomplete(id),
    });
    if let Some(unknown) = unseen {
        reason = unknown.reason;
        text.push_str(&format!(
            "; not seen: {}: {}",
            unknown.evidence.locator, unknown.detail
        ));
    }
    text.push_str("; traces that are not there prove nothing");
    Unknown {
        reason,
        detail: text,
        evidence: place.clone(),
    }
}
