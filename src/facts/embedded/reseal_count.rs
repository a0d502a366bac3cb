//! How often the image was sealed: xpe.reseal_count, a minimum with its evidence.
//!
//! No counter of runs of fbreseal is documented, so runs are counted by what they leave. Strong traces that are read:
//! runs of the First Boot Agent whose log tells of a reseal, runs of fbreseal.exe in its prefetch files, and its starts in
//! UserAssist; an armed image is one seal. They may speak of the same run, so the largest number counts and they are not
//! added up. Two are proof. Fewer are not: event logs, which would show a second run, are not read for it by this version,
//! and a write filter or a cleared log leaves no trace at all. Then the fact stays unknown and says what was found.

use crate::artifact::fba_log;
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::embedded::{is_fbreseal_kind, user_assist};
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

/// Collects xpe.reseal_count; sysprep.sealed, exec.fbreseal_runs and exec.fbreseal_starts must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    if is_fbreseal_kind(facts) {
        let fact = count(context, facts);
        facts.put("xpe.reseal_count", fact);
        return;
    }
    facts.put(
        "xpe.reseal_count",
        Fact::found(
            0_i64,
            Evidence::at(
                context
                    .installation
                    .place(&context.installation.system_root),
            )
            .raw("fbreseal does not belong to this Windows"),
        ),
    );
}

fn count(context: &Context<'_>, facts: &Facts) -> Fact {
    let mut kinds = Vec::new();
    let mut unseen = Vec::new();
    let log = context.installation.windows(LOG);
    match log_runs(context, &log) {
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
    if let Some(Fact::Found {
        value: Value::Bool(true),
        evidence,
        ..
    }) = facts.get("sysprep.sealed")
    {
        kinds.push(Traces {
            runs: 1,
            what: "armed for the next boot",
            evidence: evidence.clone(),
        });
    }
    kinds.retain(|traces| traces.runs > 0);
    // The largest first; of equal ones the order above.
    kinds.sort_by_key(|traces| std::cmp::Reverse(traces.runs));
    let runs = kinds.first().map_or(0, |traces| traces.runs);
    let told = told(&kinds);
    let mut evidence = kinds.into_iter().flat_map(|traces| traces.evidence);
    match evidence.next() {
        Some(first) if runs >= PROVED => Fact::found_in(runs, first, evidence),
        first => Fact::Unknown(Unknown {
            reason: UnknownReason::Unsupported,
            detail: undecided(runs, &told, &unseen),
            evidence: first.unwrap_or_else(|| Evidence::at(context.installation.place(&log))),
        }),
    }
}

fn told(kinds: &[Traces]) -> String {
    let texts: Vec<String> = kinds
        .iter()
        .map(|traces| format!("{}: {}", traces.what, traces.runs))
        .collect();
    texts.join(", ")
}

fn undecided(runs: i64, told: &str, unseen: &[Unknown]) -> String {
    let mut text = if told.is_empty() {
        "at least 0 seals, no trace was found".to_owned()
    } else {
        format!("at least {runs} ({told})")
    };
    text.push_str(
        "; event logs, which would show a further one, are not read for it by this version",
    );
    if let Some(first) = unseen.first() {
        text = format!(
            "{text}; not seen: {}: {}",
            first.evidence.locator, first.detail
        );
    }
    text
}

/// Runs of the First Boot Agent whose log tells of a reseal.
fn log_runs(context: &Context<'_>, path: &WinPath) -> Result<Option<Traces>, Unknown> {
    let Some(bytes) = context.read(path)? else {
        return Ok(None);
    };
    let metadata = context.metadata(path)?;
    let lines = fba_log::reseal_lines(&bytes)
        .map_err(|error| Unknown::from_error(&error, context.installation.place(path)))?;
    let evidence: Vec<Evidence> = fba_log::episodes(&lines)
        .into_iter()
        .map(|line| {
            let mut place = context
                .file_evidence(path, metadata.as_ref())
                .raw(line.text.clone());
            place.line = Some(line.line);
            place
        })
        .collect();
    Ok(Some(Traces {
        runs: i64::try_from(evidence.len()).unwrap_or(i64::MAX),
        what: "runs in FBALOG.TXT",
        evidence,
    }))
}
