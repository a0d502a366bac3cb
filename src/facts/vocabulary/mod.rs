//! The fact vocabulary: which facts there are, of what type, and what each means.
//!
//! Rules may name these facts and no others; collectors put these facts and no others. docs/facts.md is generated from
//! this table. A fact is one row in the file of its group.

mod crypto;
mod embedded;
mod events;
mod execution;
mod hotfix;
mod identities;
mod iis;
mod services;
mod setup_logs;
mod sysprep;
mod windows;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::evidence::{Fact, Value, Version};
use crate::facts::{Facts, sources};

/// The type of a fact's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FactType {
    /// Yes or no.
    Bool,
    /// A count, a number, a flag word.
    Int,
    /// A word or a text.
    Text,
    /// A version, compared part by part.
    Version,
    /// A list of texts.
    List,
    /// Named values.
    Map,
}

impl FactType {
    /// The word used in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "yes/no",
            Self::Int => "integer",
            Self::Text => "text",
            Self::Version => "version",
            Self::List => "list",
            Self::Map => "map",
        }
    }

    /// The type in a sentence: "a version in quotes, such as ...".
    pub fn described(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "an integer",
            Self::Text => "a text in quotes",
            Self::Version => "a version in quotes, such as \"5.0\"",
            Self::List => "a list",
            Self::Map => "a map of named values",
        }
    }

    /// Whether a value is of this type.
    pub fn holds(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Bool, Value::Bool(_))
                | (Self::Int, Value::Int(_))
                | (Self::Text, Value::Text(_))
                | (Self::Version, Value::Version(_))
                | (Self::List, Value::List(_))
                | (Self::Map, Value::Map(_))
        )
    }
}

/// How sure a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Stated by the maker.
    Primary,
    /// Stated in other texts or in public code.
    Secondary,
    /// Seen on real data, or computed.
    Measured,
    /// Concluded from a primary text.
    Inference,
    /// An engineering rule of this project.
    Own,
    /// Not verified in a text; it never decides a verdict alone.
    Memory,
}

impl Grade {
    /// All grades, the surest first.
    pub const ALL: [Self; 6] = [
        Self::Primary,
        Self::Secondary,
        Self::Measured,
        Self::Inference,
        Self::Own,
        Self::Memory,
    ];

    /// The word used in rule files and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Measured => "measured",
            Self::Inference => "inference",
            Self::Own => "own",
            Self::Memory => "memory",
        }
    }

    /// The grade of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grade| grade.as_str() == word)
    }
}

/// One fact of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactDefinition {
    /// The id, `group.name`.
    pub id: &'static str,
    /// The type of its value.
    pub kind: FactType,
    /// All values that a text can have, if they are a closed set.
    pub words: &'static [&'static str],
    /// Set if every readable installation has it: "absent" then decides nothing and a condition takes it as unknown.
    pub always: bool,
    /// What it means.
    pub description: &'static str,
    /// Where it is read.
    pub place: &'static str,
    /// Ids of the sources.
    pub sources: &'static [&'static str],
    /// How sure the reading is.
    pub grade: Grade,
}

const GROUPS: [(&str, &[FactDefinition]); 11] = [
    ("Windows", windows::FACTS),
    ("Internet Explorer and IIS", iis::FACTS),
    ("Machine keys", crypto::FACTS),
    ("Services and roles", services::FACTS),
    ("Sysprep and set-up", sysprep::FACTS),
    ("Embedded", embedded::FACTS),
    ("Identities and the image", identities::FACTS),
    ("Runs of the tools that seal", execution::FACTS),
    ("Hotfixes", hotfix::FACTS),
    ("Event logs", events::FACTS),
    ("Set-up logs", setup_logs::FACTS),
];

/// All facts, group by group.
pub fn all() -> impl Iterator<Item = &'static FactDefinition> {
    GROUPS.iter().flat_map(|(_, facts)| facts.iter())
}

/// The fact of that id.
pub fn find(id: &str) -> Option<&'static FactDefinition> {
    all().find(|fact| fact.id == id)
}

/// Reads the value of a fact from the command line: `yes`, `no`, an integer, a version, a text, or items with commas
/// between them.
///
/// # Errors
///
/// What was expected and what was found.
pub fn parse_value(fact: &FactDefinition, text: &str) -> Result<Value, String> {
    let expected = |what: &str| format!("{} is {what}, this is {text:?}", fact.id);
    match fact.kind {
        FactType::Bool => match text.to_ascii_lowercase().as_str() {
            "yes" | "true" => Ok(Value::Bool(true)),
            "no" | "false" => Ok(Value::Bool(false)),
            _ => Err(expected("yes or no")),
        },
        FactType::Int => text
            .parse()
            .map(Value::Int)
            .map_err(|_| expected("an integer")),
        FactType::Version => Version::parse(text)
            .map(Value::Version)
            .ok_or_else(|| expected("a version, integers with dots between them")),
        FactType::Text if fact.words.is_empty() || fact.words.contains(&text) => {
            Ok(Value::text(text))
        }
        FactType::Text => Err(expected(&format!("one of {}", fact.words.join(", ")))),
        FactType::List => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Ok(Value::texts(items))
        }
        FactType::Map => Err(expected("a map, which cannot be given on the command line")),
    }
}

/// What breaks the vocabulary among collected facts: an unknown id, a value of another type, a word of another set.
pub fn violations(facts: &Facts) -> Vec<String> {
    let known: BTreeMap<&str, &FactDefinition> = all().map(|fact| (fact.id, fact)).collect();
    let mut found = Vec::new();
    for (id, fact) in facts.iter() {
        let Some(definition) = known.get(id) else {
            found.push(format!("{id} is not in the vocabulary"));
            continue;
        };
        match fact {
            Fact::Found { value, .. } if !definition.kind.holds(value) => {
                found.push(format!(
                    "{id} is {}, found {value:?}",
                    definition.kind.described()
                ));
            }
            Fact::Found {
                value: Value::Text(text),
                ..
            } if !definition.words.is_empty() && !definition.words.contains(&text.as_str()) => {
                found.push(format!(
                    "{id} is one of {:?}, found {text:?}",
                    definition.words
                ));
            }
            Fact::Found {
                value: Value::List(items),
                ..
            } if !definition.words.is_empty()
                && !items.iter().all(|item| matches!(item, Value::Text(text) if definition.words.contains(&text.as_str()))) =>
            {
                found.push(format!(
                    "{id} holds none but {:?}, found {items:?}",
                    definition.words
                ));
            }
            Fact::Absent(_) if definition.always => {
                found.push(format!("{id} is never absent: it is found, or unknown"));
            }
            _ => {}
        }
    }
    found
}

impl FactDefinition {
    /// The fact in full as Markdown, without a heading.
    pub fn documentation(&self) -> String {
        let mut page = format!("{}\n\n", self.description);
        item(&mut page, "Type", self.kind.as_str());
        if !self.words.is_empty() {
            item(&mut page, "Values", &self.words.join(", "));
        }
        if self.always {
            item(&mut page, "Absent", "never; it is found, or unknown");
        }
        item(&mut page, "Read from", self.place);
        item(&mut page, "Confidence", self.grade.as_str());
        for id in self.sources {
            item(&mut page, "Source", &sources::described(id));
        }
        page
    }
}

/// The whole of docs/facts.md.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    for (title, facts) in GROUPS {
        let _ = writeln!(page, "\n## {title}");
        for fact in facts {
            let _ = writeln!(page, "\n### {}\n", fact.id);
            page.push_str(&fact.documentation());
        }
    }
    page
}

const INTRODUCTION: &str = include_str!("introduction.md");

fn item(page: &mut String, name: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "- {name}: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Evidence, Locator};

    #[test]
    fn no_id_is_given_twice() {
        let mut ids: Vec<&str> = all().map(|fact| fact.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn every_fact_names_its_meaning_its_place_and_known_sources() {
        for fact in all() {
            assert!(
                !fact.description.is_empty(),
                "{} has no description",
                fact.id
            );
            assert!(!fact.place.is_empty(), "{} has no place", fact.id);
            assert!(!fact.sources.is_empty(), "{} has no source", fact.id);
            for source in fact.sources {
                assert!(
                    sources::find(source).is_some(),
                    "{}: source {source}",
                    fact.id
                );
            }
        }
    }

    #[test]
    fn a_value_from_the_command_line_has_the_type_of_its_fact() {
        let parse = |id: &str, text: &str| parse_value(find(id).unwrap(), text);
        assert_eq!(parse("xpe.reseal_count", "1"), Ok(Value::Int(1)));
        assert_eq!(parse("iis.installed", "yes"), Ok(Value::Bool(true)));
        assert_eq!(
            parse("filter.enabled", "ewf, fbwf"),
            Ok(Value::texts(["ewf", "fbwf"]))
        );
        assert!(parse("xpe.reseal_count", "once").is_err());
        assert!(parse("key.repair_plan", "swop").is_err());
        assert!(parse("iis.services", "W3SVC").is_err());
    }

    #[test]
    fn a_fact_of_another_type_violates_the_vocabulary() {
        let mut facts = Facts::new();
        let place = Evidence::at(Locator::new("test"));
        facts.put("os.sp", Fact::found("6", place.clone()));
        facts.put("os.spp", Fact::found(6_i64, place.clone()));
        facts.put("os.version", Fact::Absent(place.clone()));
        facts.put("os.build", Fact::found(1381_i64, place));
        assert_eq!(violations(&facts).len(), 3);
    }
}
