//! Why IIS does or does not start here: the links of the chain of proof, the sentence that follows from them, the remedy.
//!
//! A diagnosis says only what was proved. Every link of the chain is listed, tested or not, and the sentence names them, so
//! that nobody takes an untested link for a passed one.

mod cause;
mod codes;
mod hindrance;
mod history;
mod links;

use serde::Serialize;

pub use cause::Cause;
pub use links::{Link, LinkState};

use crate::evidence::{Fact, Value};
use crate::facts::{Collected, Plan};
use crate::rules::{Finding, Outcome};

/// What was found out of one installation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The cause, as a word for programs.
    pub cause: Cause,
    /// The overall sentence, with the links that were tested and those that were not.
    pub sentence: String,
    /// Every link of the chain, in its order.
    pub links: Vec<Link>,
    /// The facts that the sentence rests on.
    pub evidence: Vec<Support>,
    /// What would mend it, step by step; empty where nothing has to be done.
    pub remedy: Vec<String>,
    /// The renames that the proof asks for.
    pub plan: Plan,
    /// Rules on keys and on IIS that fired or could not be decided, by id.
    pub findings: Vec<RelatedFinding>,
}

/// A fact that a diagnosis rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Support {
    /// The id of the fact.
    pub fact: String,
    /// Its value; `None` for one that is absent or unknown.
    pub value: Option<Value>,
    /// The deciding place.
    pub location: String,
}

/// A finding that belongs to the picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RelatedFinding {
    /// The id of the rule.
    pub rule: String,
    /// `fired` or `unknown`.
    pub outcome: Outcome,
    /// What the rule says.
    pub message: String,
}

/// Groups of rules whose findings belong to a diagnosis of IIS and its neighbours.
const GROUPS: [&str; 5] = ["KEY-", "IIS-", "SVC-", "CLU-", "HFX-"];
/// Facts that every diagnosis shows.
const SHOWN: [&str; 10] = [
    "iis.major_minor",
    "iis.metabase_state",
    "crypto.machine_guid",
    "crypto.c23_files",
    "key.pairing",
    "key.paired_files",
    "key.opens_metabase",
    "key.opened_copies",
    "key.master_keys",
    "crypto.machinekeys_acl",
];

/// Puts together what facts and findings say of an installation.
pub fn diagnose(collected: &Collected, findings: &[Finding]) -> Diagnosis {
    let links = links::of(collected);
    let hindrances = hindrance::of(&links, findings);
    let cause = Cause::of(collected, &hindrances);
    Diagnosis {
        cause,
        sentence: format!(
            "{}. {}",
            cause.sentence(collected, &hindrances),
            tested(&links)
        ),
        evidence: SHOWN
            .iter()
            .filter_map(|id| support(collected, id))
            .collect(),
        remedy: cause.remedy(collected, &hindrances),
        plan: collected.plan.clone(),
        findings: findings.iter().filter_map(related).collect(),
        links,
    }
}

/// Which links were tested and which were not, in one sentence.
fn tested(links: &[Link]) -> String {
    let named = |wanted: fn(LinkState) -> bool| -> Vec<String> {
        links
            .iter()
            .filter(|link| wanted(link.state))
            .map(|link| {
                let inference = if link.by_inference {
                    " (by inference)"
                } else {
                    ""
                };
                format!("{}{inference}", link.link)
            })
            .collect()
    };
    let yes = named(|state| !matches!(state, LinkState::NotTested | LinkState::NotApplicable));
    let no = named(|state| state == LinkState::NotTested);
    let list = |links: &[String]| match links {
        [] => "none".to_owned(),
        links => links.join(", "),
    };
    format!("Tested: {}; not tested: {}", list(&yes), list(&no))
}

fn support(collected: &Collected, id: &str) -> Option<Support> {
    let fact = collected.facts.get(id)?;
    let place = |fact: &Fact| {
        fact.evidence()
            .first()
            .map(|evidence| evidence.locator.to_string())
            .unwrap_or_default()
    };
    match fact {
        Fact::Found { value, .. } => Some(Support {
            fact: id.to_owned(),
            value: Some(value.clone()),
            location: place(fact),
        }),
        Fact::Unknown(unknown) => Some(Support {
            fact: id.to_owned(),
            value: None,
            location: format!("{}: {}", unknown.evidence.locator, unknown.detail),
        }),
        Fact::Absent(_) => None,
    }
}

fn related(finding: &Finding) -> Option<RelatedFinding> {
    let is_open = matches!(finding.outcome, Outcome::Fired | Outcome::Unknown);
    let belongs = GROUPS.iter().any(|group| finding.rule.starts_with(group));
    (is_open && belongs).then(|| RelatedFinding {
        rule: finding.rule.clone(),
        outcome: finding.outcome,
        message: finding.message.clone(),
    })
}
