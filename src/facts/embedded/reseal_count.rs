//! How often the image was sealed: xpe.reseal_count, a minimum with its evidence, and xpe.seal_episodes.
//!
//! No counter of runs of fbreseal is documented, so seals are counted by what they leave. Runs leave lines in the log of the
//! First Boot Agent, prefetch files of fbreseal.exe and starts in UserAssist. Boots of a clone leave MSDTC removed and
//! installed again in the Application log, a rename in the System log and key files of another MachineGuid; each such boot
//! was that of a sealed image, and an armed image is one seal that was not booted yet. Runs and boots may speak of the same
//! seal, so the largest number counts and they are not added up.
//!
//! A SID of another machine or domain in the profile list or in `$Secure` is a former identity or a domain: it has no time, so
//! it belongs to no seal in particular and counts for none. What is undecided names it.
//!
//! What a boot left within 24 hours is one boot. MSDTC reinstalled tells of one alone, unless an update was installed in
//! the same hour; a rename does only beside new key files, since operators rename too. Two seals are proof. Fewer are not:
//! a write filter or a cleared log leaves no trace at all, and nothing says that fbreseal clears none. Then the fact stays
//! unknown and says what was found.

use std::collections::BTreeSet;

use crate::artifact::fba_log;
use crate::base::redact;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::embedded::clone_boots::{self, CloneBoot};
use crate::facts::embedded::{is_fbreseal_kind, user_assist};
use crate::facts::event_logs::CloneMarks;
use crate::facts::machine_keys::MachineKey;
use crate::facts::{Context, Facts};

/// The log, below the Windows folder.
const LOG: &str = "FBA\\FBALOG.TXT";
/// From this number on the count is proved.
const PROVED: i64 = 2;

/// Traces of one kind and the number of runs that they prove.
struct Traces {
    runs: i64,
    what: &'static str,
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

/// Collects xpe.reseal_count and xpe.seal_episodes; sysprep.sealed, exec.fbreseal_runs, exec.fbreseal_starts and the foreign
/// SIDs must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts, logs: Option<Logs<'_>>) {
    let (count, episodes) = if is_fbreseal_kind(facts) {
        count(context, facts, logs)
    } else {
        let root = context
            .installation
            .place(&context.installation.system_root);
        let place = Evidence::at(root).raw("fbreseal does not belong to this Windows");
        (
            Fact::found(0_i64, place.clone()),
            Fact::found(Value::List(Vec::new()), place),
        )
    };
    facts.put("xpe.reseal_count", count);
    facts.put("xpe.seal_episodes", episodes);
}

fn count(context: &Context<'_>, facts: &Facts, logs: Option<Logs<'_>>) -> (Fact, Fact) {
    let mut kinds = Vec::new();
    let mut unseen = Vec::new();
    let log = context.installation.windows(LOG);
    match log_runs(context) {
        Ok(Some(traces)) => kinds.push(traces),
        Ok(None) => {}
        Err(unknown) => unseen.push(unknown),
    }
    match facts.get("exec.fbreseal_runs") {
        Some(Fact::Found {
            value: Value::Int(runs),
            evidence,
            ..
        }) => kinds.push(Traces {
            runs: *runs,
            what: "runs in prefetch files",
            evidence: evidence.clone(),
        }),
        Some(Fact::Unknown(unknown)) => unseen.push(unknown.clone()),
        _ => {}
    }
    let starts = user_assist::fbreseal_starts(facts);
    unseen.extend(starts.unseen);
    kinds.push(Traces {
        runs: starts.count,
        what: "starts in UserAssist",
        evidence: starts.evidence,
    });
    let mut boots = logs.map_or_else(Vec::new, |logs| {
        clone_boots::find(context, logs.marks, logs.keys)
    });
    let mut what = "boots of a clone";
    if let Some(Fact::Found {
        value: Value::Bool(true),
        evidence,
        ..
    }) = facts.get("sysprep.sealed")
    {
        boots.push(CloneBoot::armed(evidence));
        what = match boots.len() {
            1 => "armed for the next boot",
            _ => "boots of a clone, and a seal that waits for its boot",
        };
    }
    let mut episodes = Episodes::default();
    for traces in &kinds {
        episodes.runs(traces);
    }
    for boot in &boots {
        episodes.add(boot.text.clone(), boot.evidence.first());
    }
    kinds.push(Traces {
        runs: i64::try_from(boots.len()).unwrap_or(i64::MAX),
        what,
        evidence: boots.into_iter().flat_map(|boot| boot.evidence).collect(),
    });
    kinds.retain(|traces| traces.runs > 0);
    // The largest first; of equal ones the order above.
    kinds.sort_by_key(|traces| std::cmp::Reverse(traces.runs));
    let runs = kinds.first().map_or(0, |traces| traces.runs);
    let told = told(&kinds);
    let mut evidence = kinds.into_iter().flat_map(|traces| traces.evidence);
    let place = Evidence::at(context.installation.place(&log));
    let counted = match evidence.next() {
        Some(first) if runs >= PROVED => Fact::found_in(runs, first, evidence),
        first => Fact::Unknown(Unknown {
            reason: UnknownReason::Unsupported,
            detail: undecided(runs, &told, &unseen, facts, logs),
            evidence: first.unwrap_or_else(|| place.clone()),
        }),
    };
    (counted, episodes.fact(place))
}

/// What tells of a seal, one text each.
#[derive(Debug, Default)]
struct Episodes {
    texts: Vec<String>,
    evidence: Vec<Evidence>,
}

impl Episodes {
    fn runs(&mut self, traces: &Traces) {
        if traces.runs > 0 {
            let text = format!("{}: {}", traces.what, traces.runs);
            self.add(text, traces.evidence.first());
        }
    }

    fn add(&mut self, text: String, evidence: Option<&Evidence>) {
        if let Some(evidence) = evidence {
            self.texts.push(text);
            self.evidence.push(evidence.clone());
        }
    }

    fn fact(self, place: Evidence) -> Fact {
        let mut evidence = self.evidence.into_iter();
        match evidence.next() {
            Some(first) => Fact::found_in(Value::texts(self.texts), first, evidence),
            None => Fact::found(Value::List(Vec::new()), place),
        }
    }
}

fn told(kinds: &[Traces]) -> String {
    let texts: Vec<String> = kinds
        .iter()
        .map(|traces| format!("{}: {}", traces.what, traces.runs))
        .collect();
    texts.join(", ")
}

fn undecided(
    runs: i64,
    told: &str,
    unseen: &[Unknown],
    facts: &Facts,
    logs: Option<Logs<'_>>,
) -> String {
    let mut text = if told.is_empty() {
        "at least 0 seals, no trace was found".to_owned()
    } else {
        format!("at least {runs} ({told})")
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
    let former = former_identities(facts);
    if !former.is_empty() {
        let former: Vec<&str> = former.into_iter().collect();
        text.push_str(&format!(
            "; SIDs of former identities or domains, which count for no seal: {}",
            former.join(", ")
        ));
    }
    if let Some(first) = unseen.first() {
        text = format!(
            "{text}; not seen: {}: {}",
            first.evidence.locator, first.detail
        );
    }
    text.push_str("; traces that are not there prove nothing");
    text
}

/// Other machines and domains by their SIDs, of profiles and of owners and access lists.
fn former_identities(facts: &Facts) -> BTreeSet<&str> {
    let value = |id| match facts.get(id) {
        Some(Fact::Found { value, .. }) => Some(value),
        _ => None,
    };
    let mut all = BTreeSet::new();
    if let Some(Value::List(profiles)) = value("id.foreign_sids") {
        all.extend(profiles.iter().filter_map(|sid| match sid {
            Value::Text(sid) => sid.rsplit_once('-').map(|(domain, _)| domain),
            _ => None,
        }));
    }
    if let Some(Value::Map(domains)) = value("id.foreign_acl_sids") {
        all.extend(domains.keys().map(String::as_str));
    }
    all
}

/// Runs of the First Boot Agent whose log tells of a reseal.
fn log_runs(context: &Context<'_>) -> Result<Option<Traces>, Unknown> {
    let evidence = fba_reseals(context)?;
    Ok(evidence.map(|evidence| Traces {
        runs: i64::try_from(evidence.len()).unwrap_or(i64::MAX),
        what: "runs in FBALOG.TXT",
        evidence,
    }))
}

/// The first line that tells of a reseal in each run of the First Boot Agent; `None` where there is no log.
pub(crate) fn fba_reseals(context: &Context<'_>) -> Result<Option<Vec<Evidence>>, Unknown> {
    let path = context.installation.windows(LOG);
    let Some(bytes) = context.read(&path)? else {
        return Ok(None);
    };
    let metadata = context.metadata(&path)?;
    let lines = fba_log::reseal_lines(&bytes);
    let places = fba_log::episodes(&lines).into_iter().map(|line| {
        let mut place = context
            .file_evidence(&path, metadata.as_ref())
            .raw(redact::secrets(&line.text).into_owned());
        place.line = Some(line.line);
        place.offset = Some(line.offset);
        place
    });
    Ok(Some(places.collect()))
}
