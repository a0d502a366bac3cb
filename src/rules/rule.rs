//! A rule: one entry of the catalogue.

use serde::{Serialize, Serializer};

use crate::evidence::Value;
use crate::facts::vocabulary::Grade;
use crate::rules::condition::Condition;
use crate::rules::finding::Outcome;
use crate::rules::message::Template;

/// What a rule that fires claims about the clone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Unsupported or known to fail.
    Blocks,
    /// May fail.
    Warns,
    /// Worth knowing.
    Informs,
}

impl Severity {
    /// The word used in rule files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Warns => "warns",
            Self::Informs => "informs",
        }
    }
}

/// One of the two questions that a verdict answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// May copies of this image be deployed as it stands?
    Clone,
    /// May this image be sealed now?
    Seal,
}

impl Question {
    /// Both questions.
    pub const ALL: [Self; 2] = [Self::Clone, Self::Seal];

    /// The word used in rule files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Seal => "seal",
        }
    }
}

/// On which occasion a rule speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Before an image is sealed or copied.
    CloneCheck,
    /// When a damaged machine is examined: a blocking rule then explains a failure, a warning one contributes to it.
    Forensic,
}

impl Occasion {
    /// The word used in rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloneCheck => "clone_check",
            Self::Forensic => "forensic",
        }
    }
}

/// One entry of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The id (`KEY-001`), also the name of its file.
    pub id: String,
    /// The bad state in a few words.
    pub title: String,
    /// What it claims when it fires.
    pub severity: Severity,
    /// The questions that it serves.
    pub questions: Vec<Question>,
    /// The knowledge behind the rule.
    pub statement: String,
    /// What the rule applies to; everything if there is none.
    pub scope: Option<Condition>,
    /// The bad state.
    pub when: Condition,
    /// What is said when it fires.
    pub message: Template,
    /// Facts shown beside those of the conditions.
    pub evidence: Vec<String>,
    /// What to do.
    pub remedy: String,
    /// How sure the knowledge is.
    pub confidence: Grade,
    /// What the grade stands for, where one word is too coarse.
    pub confidence_note: Option<String>,
    /// Ids of the sources.
    pub sources: Vec<String>,
    /// The occasions on which it speaks.
    pub contexts: Vec<Occasion>,
    /// Ids of older rules that it replaces.
    pub supersedes: Vec<String>,
    /// A decision or a limit that the reader must know.
    pub note: Option<String>,
    /// Worked examples.
    pub examples: Vec<Example>,
}

/// A worked example of a rule: these facts, that outcome. Facts that are not named are unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// The facts that are found.
    pub facts: Vec<(String, Value)>,
    /// The facts that are absent.
    pub absent: Vec<String>,
    /// Which of the facts may be more than they say: lists with further elements, numbers that are minima.
    pub incomplete: Vec<String>,
    /// What the rule must answer.
    pub expect: Outcome,
}

impl Rule {
    /// The ids of all facts that decide the rule: first those of `when`, then those of `scope`, each once.
    pub fn facts(&self) -> Vec<&str> {
        let mut ids = self.when.facts();
        for id in self.scope.iter().flat_map(Condition::facts) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
