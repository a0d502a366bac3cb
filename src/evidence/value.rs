//! The value of a fact: few types, ordered, comparable in conditions and shown in reports.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// A version: integers compared part by part, a missing part counting as zero; shown as it was written.
#[derive(Debug, Clone)]
pub struct Version {
    parts: Vec<u64>,
    text: String,
}

impl Version {
    /// Parses integers separated by dots (`5.00.2919.6307`); anything else is no version.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let parts = text
            .split('.')
            .map(|part| part.parse::<u64>().ok())
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            parts,
            text: text.to_owned(),
        })
    }

    /// A version of the given parts.
    pub fn from_parts(parts: &[u64]) -> Self {
        let text = parts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(".");
        Self {
            parts: parts.to_vec(),
            text,
        }
    }

    /// The integers.
    pub fn parts(&self) -> &[u64] {
        &self.parts
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.parts.len().max(other.parts.len());
        let part = |version: &Self, index: usize| version.parts.get(index).copied().unwrap_or(0);
        (0..longest)
            .map(|index| part(self, index).cmp(&part(other, index)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The value of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A count, a build number, a flag word.
    Int(i64),
    /// A word or a text.
    Text(String),
    /// A version, compared part by part.
    Version(Version),
    /// Values in the order of their source.
    List(Vec<Value>),
    /// Named values, in the order of their names.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(true) => f.write_str("yes"),
            Self::Bool(false) => f.write_str("no"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Version(version) => write!(f, "{version}"),
            Self::List(items) if items.is_empty() => f.write_str("(none)"),
            Self::List(items) => f.write_str(
                &items
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            Self::Map(items) if items.is_empty() => f.write_str("(none)"),
            Self::Map(items) => {
                let pairs = items.iter().map(|(name, value)| match value {
                    Self::Map(_) => format!("{name} {{{value}}}"),
                    _ => format!("{name}={value}"),
                });
                f.write_str(&pairs.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Version(version) => serializer.collect_str(version),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(items) => serializer.collect_map(items),
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Version> for Value {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_part_by_part_and_not_as_text() {
        let version = |text| Version::parse(text).unwrap();
        assert!(version("5.00.2919.800") < version("5.00.2919.6307"));
        assert!(version("5.0") == version("5.00.0.0"));
        assert!(version("10.0") > version("6.3"));
        assert!(Version::parse("5.0a").is_none());
        assert_eq!(version("5.00.2919.6307").to_string(), "5.00.2919.6307");
    }
}
