//! Rules over facts: every rule of the catalogue is decided for every installation, and none of them silently.
//!
//! A rule is data, one TOML file in `catalogue/`. Its `scope` says what it applies to, its `when` what the bad state is;
//! both are three-valued. [`run`] gives one finding a rule; [`Verdicts`] answers the two questions from them.
//!
//! # Getting started
//!
//! ```
//! use goldseal::facts::Facts;
//! use goldseal::rules::{self, Catalogue, Verdict, Verdicts};
//!
//! let catalogue = Catalogue::built_in()?;
//! let findings = rules::run(&catalogue, &Facts::new());
//! assert_eq!(findings.len(), catalogue.rules().len());
//! assert_eq!(Verdicts::of(&findings).clone, Verdict::Inconclusive);
//! # Ok::<(), goldseal::rules::RuleFileError>(())
//! ```

mod built_in;
mod catalogue;
#[cfg(test)]
mod catalogue_tests;
mod condition;
mod documentation;
mod finding;
mod identity_file;
mod message;
mod op;
mod raw_condition;
mod rule;
mod rule_file;
mod truth;
mod typed;
mod verdict;

use crate::facts::Facts;

pub use catalogue::Catalogue;
pub use condition::{CONDITION_DEPTH_MAX, Condition, Decision, Test};
pub use documentation::catalogue_page;
pub use finding::{Finding, Outcome, Support};
pub use message::Template;
pub use op::Op;
pub use rule::{Example, Occasion, Question, Rule, Severity};
pub use rule_file::{RULE_FILE_BYTES_MAX, RuleFileError, example_facts, parse as parse_rule};
pub use truth::Truth;
pub use verdict::{Verdict, Verdicts, warned};

/// Whether a rule asks for facts of a group (`evt.`): one that they would decide, or one that fired and shows them.
pub fn ask_for(catalogue: &Catalogue, facts: &Facts, group: &str) -> bool {
    let is_in_group = |id: &String| id.starts_with(group);
    catalogue.rules().iter().any(|rule| {
        let finding = finding::decide(rule, facts);
        match finding.outcome {
            Outcome::Unknown => finding.missing.iter().any(is_in_group),
            Outcome::Fired => rule.evidence.iter().any(is_in_group),
            _ => false,
        }
    })
}

/// Decides every rule of the catalogue, in the order of their ids.
pub fn run(catalogue: &Catalogue, facts: &Facts) -> Vec<Finding> {
    let rules = catalogue.rules().iter();
    rules.map(|rule| finding::decide(rule, facts)).collect()
}
