//! Why IIS does or does not start here: the links of the chain of proof, the sentence that follows from them, the remedy.
//!
//! A diagnosis says only what was proved. Every link of the chain is listed, tested or not, and the sentence names them, so
//! that nobody takes an untested link for a passed one.

mod alternatives;
mod ask;
mod cause;
mod checks;
mod codes;
mod commands;
mod events;
mod forecast;
mod hindrance;
mod history;
mod key_files;
mod links;
mod problem;
mod questions;
mod remedy;
mod sealed;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use alternatives::{Alternative, Standing};
pub use cause::Cause;
pub use checks::{Check, CheckState};
pub use commands::{Command, Place};
pub use forecast::Forecast;
pub use history::Kinship;
pub use key_files::KeyFile;
pub use links::{Link, LinkState};
pub use problem::{LoggedFailure, Problem, TimeSource};
pub use questions::OpenQuestion;

use crate::base::filetime::FileTime;
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
    /// Commands that do it, in the order in which they are run.
    pub commands: Vec<Command>,
    /// When the problem began, and what the logs tell of it.
    pub problem: Problem,
    /// The key files of IIS 4 to 6, the oldest first.
    pub key_files: Vec<KeyFile>,
    /// Whether the rule of time (the newest key file near the problem is bogus) agrees with the pairing; `None` where one of
    /// them says nothing. The pairing decides.
    pub times_agree: Option<bool>,
    /// The state of what IIS needs beside the key.
    pub checks: Vec<Check>,
    /// What else it could be, and what rules it out.
    pub alternatives: Vec<Alternative>,
    /// What cannot be decided, and what would decide it.
    pub open_questions: Vec<OpenQuestion>,
    /// What copies will meet although it is no fault here.
    pub after_cloning: Vec<Forecast>,
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

/// What a diagnosis is asked with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'r> {
    /// The image as it was named, for commands that repair it; `None` where there is nothing that a repair could open.
    pub image: Option<&'r str>,
    /// Set if artefacts named by option stand in for those of the image: a repair would not see them.
    pub stand_ins: bool,
    /// Set if the image may name a parent disk outside of its own directory.
    pub allow_backing_anywhere: bool,
    /// The number of the installation, where the image holds several: a repair has to name it then.
    pub installation: Option<usize>,
    /// When the problem began, if the operator says so.
    pub problem_time: Option<FileTime>,
}

/// Puts together what facts and findings say of an installation.
pub fn diagnose(collected: &Collected, findings: &[Finding], request: &Request<'_>) -> Diagnosis {
    let links = links::of(collected);
    let checks = checks::of(collected);
    let problem = Problem::of(collected, request.problem_time);
    let key_files = key_files::of(collected, &problem);
    let hindrances = hindrance::of(collected, &links, &checks, findings);
    let seen = cause::Seen {
        collected,
        hindrances: &hindrances,
        checks: &checks,
        problem: &problem,
        keys: &key_files,
        request,
    };
    let cause = Cause::of(&seen);
    Diagnosis {
        cause,
        sentence: format!("{}. {}", cause.sentence(&seen), tested(&links)),
        evidence: SHOWN
            .iter()
            .chain(cause.shown())
            .filter_map(|id| support(collected, id))
            .collect(),
        remedy: cause.remedy(&seen),
        commands: commands::of(collected, cause, &problem, request),
        times_agree: key_files::times_agree(&key_files),
        alternatives: alternatives::of(&alternatives::Seen {
            collected,
            links: &links,
            checks: &checks,
            hindrances: &hindrances,
            problem: &problem,
            cause,
        }),
        open_questions: questions::of(&seen, cause, &links),
        after_cloning: forecast::of(collected, findings),
        plan: collected.plan.clone(),
        findings: findings.iter().filter_map(related).collect(),
        links,
        checks,
        problem,
        key_files,
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
