//! What the log of the First Boot Agent says of reseals: xpe.fba_reseals.
//!
//! The log is the history of the agent (MSDN ms932908), but no form of its lines is documented, so what its words say is
//! told and counted apart: it may warn and never adds to xpe.reseal_count, which rules block for.

use std::collections::BTreeMap;

use crate::artifact::fba_log::{self, LINES_MAX, ResealLine};
use crate::base::redact;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason};
use crate::facts::embedded::clone_boots::Told;
use crate::facts::embedded::is_fbreseal_kind;
use crate::facts::{Context, Facts};

/// The log, below the Windows folder.
const LOG: &str = "FBA\\FBALOG.TXT";
const RESEALS: &str = "xpe.fba_reseals";

/// Collects xpe.fba_reseals; os.embedded_kind must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    if is_fbreseal_kind(facts) {
        let (fact, more) = match lines(context) {
            Ok(lines) => reseals(context, lines),
            Err(unknown) => (Fact::Unknown(unknown), None),
        };
        facts.put(RESEALS, fact);
        if let Some(unknown) = more {
            facts.mark_incomplete(RESEALS, unknown);
        }
    } else {
        let root = context
            .installation
            .place(&context.installation.system_root);
        let place = Evidence::at(root).raw("fbreseal does not belong to this Windows");
        facts.put(RESEALS, Fact::found(0_i64, place));
    }
}

/// The runs of the agent whose log says that the image was resealed, and why there may be more: a run whose lines mention a
/// reseal in other words than those that are known may have been one.
fn reseals(
    context: &Context<'_>,
    lines: Option<Vec<(ResealLine, Evidence)>>,
) -> (Fact, Option<Unknown>) {
    let Some(lines) = lines else {
        let path = context.installation.windows(LOG);
        let place = context.file_evidence(&path, None);
        return (Fact::found(0_i64, place.raw("the log is not there")), None);
    };
    let (lines, places): (Vec<ResealLine>, Vec<Evidence>) = lines.into_iter().unzip();
    let done: BTreeMap<usize, u64> = fba_log::reseals_done(&lines)
        .into_iter()
        .map(|line| (line.run, line.line))
        .collect();
    let mut both = lines.iter().zip(&places);
    let open = both.find(|(line, _)| !done.contains_key(&line.run));
    let open = open.map(|(_, place)| Unknown {
        reason: UnknownReason::Unsupported,
        detail: format!(
            "a line that mentions a reseal in a run of the agent that does not say it was done; no form of the lines is documented: {}",
            place.raw.as_deref().unwrap_or_default()
        ),
        evidence: place.clone(),
    });
    let number = i64::try_from(done.len()).unwrap_or(i64::MAX);
    let mut evidence = lines
        .iter()
        .zip(&places)
        .filter(|(line, _)| done.get(&line.run) == Some(&line.line))
        .map(|(_, place)| place.clone());
    match (evidence.next(), open) {
        (Some(first), open) => {
            let others: Vec<Evidence> = evidence.collect();
            (Fact::found_in(number, first, others), open)
        }
        (None, Some(unknown)) => (Fact::Unknown(unknown), None),
        (None, None) => {
            let place = context.file_evidence(&context.installation.windows(LOG), None);
            (
                Fact::found(0_i64, place.raw("no line mentions a reseal")),
                None,
            )
        }
    }
}

/// The lines that mention a reseal, each with its place; `None` where there is no log.
pub(crate) fn lines(context: &Context<'_>) -> Result<Option<Vec<(ResealLine, Evidence)>>, Unknown> {
    let path = context.installation.windows(LOG);
    let Some(bytes) = context.read(&path)? else {
        return Ok(None);
    };
    let metadata = context.metadata(&path)?;
    let found = fba_log::reseal_lines(&bytes);
    if found.len() >= LINES_MAX {
        return Err(Unknown::new(
            UnknownReason::LimitExceeded,
            format!("{LINES_MAX} lines and more mention a reseal"),
            context.installation.place(&path),
        ));
    }
    let lines = found.into_iter().map(|line| {
        let mut place = context
            .file_evidence(&path, metadata.as_ref())
            .raw(redact::secrets(&line.text).into_owned());
        place.line = Some(line.line);
        place.offset = Some(line.offset);
        (line, place)
    });
    Ok(Some(lines.collect()))
}

/// Every line that mentions a reseal, as a hint at a seal.
pub(crate) fn hints(context: &Context<'_>) -> Result<Vec<Told>, Unknown> {
    let told = |(_, place): (ResealLine, Evidence)| Told {
        text: format!(
            "FBALOG.TXT, not counted, its form is not documented: {}",
            place.raw.as_deref().unwrap_or_default()
        ),
        evidence: vec![place],
    };
    let lines = lines(context)?.unwrap_or_default();
    Ok(lines.into_iter().map(told).collect())
}
