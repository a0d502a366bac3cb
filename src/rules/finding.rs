//! What a rule says of an installation: one finding a rule, whatever the outcome.

use serde::Serialize;

use crate::evidence::{Fact, Value};
use crate::facts::Facts;
use crate::rules::condition::Decision;
use crate::rules::message;
use crate::rules::rule::{Question, Rule, Severity};
use crate::rules::truth::Truth;

/// How a rule was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The bad state is there.
    Fired,
    /// The bad state is not there.
    Clear,
    /// The rule is not about this installation.
    NotApplicable,
    /// What was seen does not decide it.
    Unknown,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 4] = [Self::Fired, Self::Clear, Self::NotApplicable, Self::Unknown];

    /// The word used in rule files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Clear => "clear",
            Self::NotApplicable => "not_applicable",
            Self::Unknown => "unknown",
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_exact(at_least: &bool) -> bool {
    !at_least
}

/// One fact that a finding rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Support {
    /// The id of the fact.
    pub fact: String,
    /// Its value; `None` for a fact that is absent.
    pub value: Option<Value>,
    /// Whether the value is a number that is a minimum.
    #[serde(skip_serializing_if = "is_exact")]
    pub at_least: bool,
    /// The deciding place, or the one that was searched.
    pub location: String,
}

/// What one rule says; serialised with the keys and in the order of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The id of the rule.
    pub rule: String,
    /// The bad state in a few words.
    pub title: String,
    /// What the rule claims when it fires.
    pub severity: Severity,
    /// The questions that it serves.
    pub questions: Vec<Question>,
    /// How it was decided.
    pub outcome: Outcome,
    /// The state, the consequence, or why it could not be decided.
    pub message: String,
    /// What to do about the bad state.
    pub remedy: String,
    /// Ids of the sources.
    pub sources: Vec<String>,
    /// The facts that the outcome rests on.
    pub evidence: Vec<Support>,
    /// The facts that would have decided an unknown outcome.
    pub missing: Vec<String>,
}

impl Finding {
    /// Whether it serves that question.
    pub fn serves(&self, question: Question) -> bool {
        self.questions.contains(&question)
    }
}

/// Decides one rule.
pub(crate) fn decide(rule: &Rule, facts: &Facts) -> Finding {
    let scope = rule.scope.as_ref().map_or(
        Decision {
            truth: Truth::True,
            missing: Vec::new(),
        },
        |scope| scope.decide(facts),
    );
    let when = rule.when.decide(facts);
    let outcome = match (scope.truth, when.truth) {
        (Truth::False, _) => Outcome::NotApplicable,
        (_, Truth::False) => Outcome::Clear,
        (Truth::True, Truth::True) => Outcome::Fired,
        _ => Outcome::Unknown,
    };
    let missing = match outcome {
        Outcome::Unknown => join(scope.missing, when.missing),
        _ => Vec::new(),
    };
    let message = match outcome {
        Outcome::Fired => rule.message.fill(facts),
        Outcome::Clear => "not the case here".to_owned(),
        Outcome::NotApplicable => "does not apply to this installation".to_owned(),
        Outcome::Unknown => message::undecided(&missing, facts),
    };
    Finding {
        rule: rule.id.clone(),
        title: rule.title.clone(),
        severity: rule.severity,
        questions: rule.questions.clone(),
        outcome,
        message,
        remedy: rule.remedy.clone(),
        sources: rule.sources.clone(),
        evidence: support(rule, outcome, facts),
        missing,
    }
}

fn join(mut first: Vec<String>, second: Vec<String>) -> Vec<String> {
    for id in second {
        if !first.contains(&id) {
            first.push(id);
        }
    }
    first
}

/// The facts that were seen: of the scope alone if that decided, else of both conditions and those the rule shows.
fn support(rule: &Rule, outcome: Outcome, facts: &Facts) -> Vec<Support> {
    let ids = if outcome == Outcome::NotApplicable {
        rule.scope.iter().flat_map(|scope| scope.facts()).collect()
    } else {
        let mut ids = rule.facts();
        for id in &rule.evidence {
            if !ids.contains(&id.as_str()) {
                ids.push(id);
            }
        }
        ids
    };
    ids.into_iter()
        .filter_map(|id| seen(id, facts.get(id)?, facts.incomplete(id).is_some()))
        .collect()
}

fn seen(id: &str, fact: &Fact, is_incomplete: bool) -> Option<Support> {
    let value = match fact {
        Fact::Found { value, .. } => Some(value.clone()),
        Fact::Absent(_) => None,
        Fact::Unknown(_) => return None,
    };
    let place = fact.evidence().first()?;
    Some(Support {
        fact: id.to_owned(),
        at_least: is_incomplete && matches!(value, Some(Value::Int(_))),
        value,
        location: place.locator.to_string(),
    })
}
