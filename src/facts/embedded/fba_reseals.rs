//! What the log of the First Boot Agent says of reseals: xpe.fba_reseals.
//!
//! The log is the history of the agent (MSDN ms932908), but no form of its lines is documented, so what its words say is
//! told and counted apart: it may warn and never adds to xpe.reseal_count, which rules block for.

use crate::artifact::fba_log::{self, ResealLine};
use crate::base::redact;
use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::embedded::clone_boots::Told;
use crate::facts::embedded::is_fbreseal_kind;
use crate::facts::{Context, Facts};

/// The log, below the Windows folder.
const LOG: &str = "FBA\\FBALOG.TXT";
const RESEALS: &str = "xpe.fba_reseals";

/// Collects xpe.fba_reseals; os.embedded_kind must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let fact = if is_fbreseal_kind(facts) {
        reseals(context).into()
    } else {
        let root = context
            .installation
            .place(&context.installation.system_root);
        let place = Evidence::at(root).raw("fbreseal does not belong to this Windows");
        Fact::found(0_i64, place)
    };
    facts.put(RESEALS, fact);
}

/// The runs of the agent whose log says that the image was resealed.
fn reseals(context: &Context<'_>) -> Result<Fact, Unknown> {
    let path = context.installation.windows(LOG);
    let Some(lines) = lines(context)? else {
        let place = context.file_evidence(&path, None);
        return Ok(Fact::found(0_i64, place.raw("the log is not there")));
    };
    let (lines, places): (Vec<ResealLine>, Vec<Evidence>) = lines.into_iter().unzip();
    let done = fba_log::reseals_done(&lines);
    let mut evidence = lines.iter().zip(&places).filter_map(|(line, place)| {
        let is_counted = done.iter().any(|counted| counted.line == line.line);
        is_counted.then(|| place.clone())
    });
    let number = i64::try_from(done.len()).unwrap_or(i64::MAX);
    if let Some(first) = evidence.next() {
        let others: Vec<Evidence> = evidence.collect();
        return Ok(Fact::found_in(number, first, others));
    }
    let metadata = context.metadata(&path)?;
    let place = context.file_evidence(&path, metadata.as_ref());
    Ok(Fact::found(0_i64, place))
}

/// The lines that mention a reseal, each with its place; `None` where there is no log.
pub(crate) fn lines(context: &Context<'_>) -> Result<Option<Vec<(ResealLine, Evidence)>>, Unknown> {
    let path = context.installation.windows(LOG);
    let Some(bytes) = context.read(&path)? else {
        return Ok(None);
    };
    let metadata = context.metadata(&path)?;
    let lines = fba_log::reseal_lines(&bytes).into_iter().map(|line| {
        let mut place = context
            .file_evidence(&path, metadata.as_ref())
            .raw(redact::secrets(&line.text).into_owned());
        place.line = Some(line.line);
        place.offset = Some(line.offset);
        (line, place)
    });
    Ok(Some(lines.collect()))
}

/// The lines as hints at seals, or that the log was not seen.
pub(crate) fn hints(facts: &Facts) -> Vec<Told> {
    match facts.get(RESEALS) {
        Some(Fact::Found {
            value: Value::Int(1..),
            evidence,
            ..
        }) => evidence
            .iter()
            .map(|place| Told {
                text: format!(
                    "FBALOG.TXT, not counted, its form is not documented: {}",
                    place.raw.as_deref().unwrap_or_default()
                ),
                evidence: vec![place.clone()],
            })
            .collect(),
        _ => Vec::new(),
    }
}
