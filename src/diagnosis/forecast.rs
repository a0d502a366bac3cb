//! What will fail on copies of the image although nothing is wrong here: rules that speak of the first boot of a clone.

use serde::Serialize;

use crate::diagnosis::ask;
use crate::facts::Collected;
use crate::rules::{Finding, Outcome};

/// Rules that tell what a clone loses.
const RULES: [&str; 5] = ["IIS-010", "IIS-012", "IIS-020", "SVG-003", "XPE-003"];

/// Something that a copy will meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The rule that says so.
    pub rule: String,
    /// What it says.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// What copies will meet, in the order of the rules; what hinders IIS here already is not among it.
pub(crate) fn of(collected: &Collected, findings: &[Finding]) -> Vec<Forecast> {
    findings
        .iter()
        .filter(|finding| {
            finding.outcome == Outcome::Fired
                && RULES.contains(&finding.rule.as_str())
                && !(finding.rule == "IIS-010" && has_met_iischema_update(collected))
        })
        .map(|finding| Forecast {
            rule: finding.rule.clone(),
            message: finding.message.clone(),
            remedy: finding.remedy.clone(),
        })
        .collect()
}

/// Whether the logs tell of the failure that KB889073 describes: event 116. The file alone does not: on a master that was
/// never sealed IIS starts with it.
pub(crate) fn has_met_iischema_update(collected: &Collected) -> bool {
    let events = ask::list(collected, "evt.signatures").unwrap_or_default();
    ["EVT-116-W3SVC", "EVT-116-SMTPSVC"]
        .iter()
        .any(|id| events.contains(id))
}

/// Whether the installation is known never to have been sealed.
pub(crate) fn was_never_sealed(collected: &Collected) -> bool {
    ask::yes_no(collected, "sysprep.sealed") == Some(false)
        && matches!(
            collected.facts.get("sysprep.clone_tag"),
            Some(crate::evidence::Fact::Absent(_))
        )
}
