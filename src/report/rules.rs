//! The reports of `rules` and `explain`: the catalogue in a list, one rule or one fact in full.

use serde::Serialize;

use crate::facts::vocabulary::FactDefinition;
use crate::report::table::Grid;
use crate::report::{SCHEMA_VERSION, Style};
use crate::rules::{Catalogue, Condition, Question, Rule, Severity};

/// One rule in the list.
#[derive(Debug, Serialize)]
struct RuleInfo {
    id: String,
    title: String,
    severity: Severity,
    questions: Vec<Question>,
    sources: Vec<String>,
}

/// The list of all rules.
#[derive(Debug, Serialize)]
pub struct RulesReport {
    schema_version: &'static str,
    rules: Vec<RuleInfo>,
}

impl RulesReport {
    /// The rules of a catalogue in the order of their ids.
    pub fn new(catalogue: &Catalogue) -> Self {
        let rules = catalogue.rules().iter().map(|rule| RuleInfo {
            id: rule.id.clone(),
            title: rule.title.clone(),
            severity: rule.severity,
            questions: rule.questions.clone(),
            sources: rule.sources.clone(),
        });
        Self {
            schema_version: SCHEMA_VERSION,
            rules: rules.collect(),
        }
    }
}

/// The list for people.
pub fn rules_text(report: &RulesReport, style: &Style) -> String {
    let mut grid = Grid::new(style, &["rule", "severity", "answers", "fires when"]);
    for rule in &report.rules {
        let questions: Vec<&str> = rule
            .questions
            .iter()
            .map(|question| question.as_str())
            .collect();
        grid.row(&[
            rule.id.clone(),
            rule.severity.as_str().to_owned(),
            questions.join(", "),
            rule.title.clone(),
        ]);
    }
    let mut text = grid.render();
    text.push_str(&format!(
        "{} rules; `goldseal explain ID` shows one in full\n",
        report.rules.len()
    ));
    text
}

/// One rule in full.
#[derive(Debug, Serialize)]
pub struct RuleReport<'r> {
    schema_version: &'static str,
    id: &'r str,
    title: &'r str,
    severity: Severity,
    questions: &'r [Question],
    statement: &'r str,
    scope: Option<String>,
    when: String,
    remedy: &'r str,
    confidence: &'static str,
    sources: &'r [String],
    supersedes: &'r [String],
    superseded_by: Vec<&'r str>,
    note: Option<&'r str>,
}

impl<'r> RuleReport<'r> {
    /// The rule of a catalogue; its conditions are given in words.
    pub fn new(catalogue: &'r Catalogue, rule: &'r Rule) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            id: &rule.id,
            title: &rule.title,
            severity: rule.severity,
            questions: &rule.questions,
            statement: &rule.statement,
            scope: rule.scope.as_ref().map(Condition::in_words),
            when: rule.when.in_words(),
            remedy: &rule.remedy,
            confidence: rule.confidence.as_str(),
            sources: &rule.sources,
            supersedes: &rule.supersedes,
            superseded_by: catalogue.superseded_by(&rule.id),
            note: rule.note.as_deref(),
        }
    }
}

/// One fact of the vocabulary in full.
#[derive(Debug, Serialize)]
pub struct FactReport {
    schema_version: &'static str,
    id: &'static str,
    kind: &'static str,
    words: &'static [&'static str],
    description: &'static str,
    place: &'static str,
    sources: &'static [&'static str],
    grade: &'static str,
}

impl FactReport {
    /// The definition of a fact.
    pub fn new(fact: &FactDefinition) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            id: fact.id,
            kind: fact.kind.as_str(),
            words: fact.words,
            description: fact.description,
            place: fact.place,
            sources: fact.sources,
            grade: fact.grade.as_str(),
        }
    }
}
