//! Questions to the facts, for sentences: the word of a fact, its answer, its text, and why it is not known.

use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::Collected;

/// A text fact, if it was found.
pub(crate) fn word<'c>(collected: &'c Collected, id: &str) -> Option<&'c str> {
    match value(collected, id)? {
        Value::Text(word) => Some(word),
        _ => None,
    }
}

/// A yes or no, if it was found.
pub(crate) fn yes_no(collected: &Collected, id: &str) -> Option<bool> {
    match value(collected, id)? {
        Value::Bool(answer) => Some(*answer),
        _ => None,
    }
}

/// The texts of a list that was found.
pub(crate) fn list<'c>(collected: &'c Collected, id: &str) -> Option<Vec<&'c str>> {
    match value(collected, id)? {
        Value::List(items) => Some(
            items
                .iter()
                .filter_map(|item| match item {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
        ),
        _ => None,
    }
}

/// The value of a fact that was found.
pub(crate) fn value<'c>(collected: &'c Collected, id: &str) -> Option<&'c Value> {
    match collected.facts.get(id)? {
        Fact::Found { value, .. } => Some(value),
        Fact::Absent(_) | Fact::Unknown(_) => None,
    }
}

/// Whether this is Windows XP (5.1).
pub(crate) fn is_xp(collected: &Collected) -> bool {
    match value(collected, "os.version") {
        Some(Value::Version(version)) => version.parts() == [5, 1],
        _ => false,
    }
}

/// A fact as text for a sentence.
pub(crate) fn said(collected: &Collected, id: &str) -> String {
    match collected.facts.get(id).map(Fact::get) {
        Some(Ok(Some((value, _)))) => value.to_string(),
        Some(Ok(None)) => "none".to_owned(),
        Some(Err(_)) | None => "unknown".to_owned(),
    }
}

/// Why a fact is not known, if it is not.
pub(crate) fn unknown<'c>(collected: &'c Collected, id: &str) -> Option<&'c Unknown> {
    match collected.facts.get(id)? {
        Fact::Unknown(unknown) => Some(unknown),
        Fact::Found { .. } | Fact::Absent(_) => None,
    }
}

/// The deciding place of a fact.
pub(crate) fn place(collected: &Collected, id: &str) -> String {
    first_evidence(collected, id)
        .map(|evidence| evidence.locator.to_string())
        .unwrap_or_default()
}

/// The evidence of the deciding place of a fact.
pub(crate) fn first_evidence<'c>(collected: &'c Collected, id: &str) -> Option<&'c Evidence> {
    collected.facts.get(id)?.evidence().first()
}
