//! The catalogue: the rules that come with the program and those of an organisation.

use crate::facts::identities::{IdentityPlace, table};
use crate::rules::built_in;
use crate::rules::identity_file;
use crate::rules::rule::Rule;
use crate::rules::rule_file::{self, RuleFileError};

/// Rules in the order of their ids, and identities that rule files add to the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    rules: Vec<Rule>,
    identities: Vec<IdentityPlace>,
}

impl Catalogue {
    /// No rules, for those who want only their own.
    pub fn empty() -> Self {
        Self {
            rules: Vec::new(),
            identities: Vec::new(),
        }
    }

    /// The rules that come with the program, without their examples: the tests run those, a check need not.
    ///
    /// # Errors
    ///
    /// Names the file that is wrong; the tests keep that from happening.
    pub fn built_in() -> Result<Self, RuleFileError> {
        let files = built_in::FILES.iter();
        Self::empty().with_files(files.map(|(name, text)| (*name, without_examples(text))))
    }

    /// The rules that come with the program and their examples, each of which holds.
    ///
    /// # Errors
    ///
    /// Names the file that is wrong; the tests keep that from happening.
    pub fn built_in_with_examples() -> Result<Self, RuleFileError> {
        Self::empty().with_files(built_in::FILES.iter().copied())
    }

    /// These rules and those of further files, given as name and content.
    ///
    /// # Errors
    ///
    /// The file, the line and the reason: the file is no rule and no table of identities, one of its examples does not hold, or its id is taken.
    pub fn with_files<'f>(
        mut self,
        files: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Result<Self, RuleFileError> {
        for (name, text) in files {
            if identity_file::is_identity_file(text) {
                self.add_identities(name, text)?;
                continue;
            }
            let rule = rule_file::parse(name, text)?;
            match self.rules.binary_search_by(|known| known.id.cmp(&rule.id)) {
                Ok(_) => {
                    return Err(RuleFileError {
                        file: name.to_owned(),
                        line: 1,
                        reason: format!("the id {} is taken by another rule", rule.id),
                    });
                }
                Err(position) => self.rules.insert(position, rule),
            }
        }
        Ok(self)
    }

    fn add_identities(&mut self, file: &str, text: &str) -> Result<(), RuleFileError> {
        for (identity, line) in identity_file::parse(file, text)? {
            let known = table::built_in();
            let mut names = known.iter().chain(&self.identities);
            if names.any(|other| other.name.eq_ignore_ascii_case(&identity.name)) {
                return Err(RuleFileError {
                    file: file.to_owned(),
                    line,
                    reason: format!("the name {} is taken by another identity", identity.name),
                });
            }
            self.identities.push(identity);
        }
        Ok(())
    }

    /// The identities that files add to the table, in the order of the files.
    pub fn identities(&self) -> &[IdentityPlace] {
        &self.identities
    }

    /// All rules in the order of their ids.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of that id, whatever its case.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules
            .iter()
            .find(|rule| rule.id.eq_ignore_ascii_case(id))
    }

    /// The ids of the rules that replace that one.
    pub fn superseded_by(&self, id: &str) -> Vec<&str> {
        let newer = self
            .rules
            .iter()
            .filter(|rule| rule.supersedes.iter().any(|older| older == id));
        newer.map(|rule| rule.id.as_str()).collect()
    }
}

/// The file up to its examples, which are tables and so come last.
fn without_examples(text: &str) -> &str {
    text.split_once("\n[[example]]")
        .map_or(text, |(rule, _)| rule)
}
