//! The message of a finding: a text with the ids of facts in braces, filled in from what was collected.

use std::fmt;

use crate::evidence::{Fact, Value};
use crate::facts::Facts;

/// A text such as `service pack {os.sp} is installed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
}

impl Template {
    /// A template; every opening brace needs its closing one.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let template = Self {
            text: text.to_owned(),
        };
        for piece in template.pieces() {
            if let Piece::Text(text) = piece
                && text.contains(['{', '}'])
            {
                return Err(format!("brace without its partner in {text:?}"));
            }
        }
        Ok(template)
    }

    /// The ids of the facts that are filled in.
    pub fn facts(&self) -> Vec<&str> {
        let pieces = self.pieces().into_iter();
        pieces
            .filter_map(|piece| match piece {
                Piece::Fact(id) => Some(id),
                Piece::Text(_) => None,
            })
            .collect()
    }

    /// The text with the facts filled in.
    pub fn fill(&self, facts: &Facts) -> String {
        let pieces = self.pieces().into_iter();
        pieces
            .map(|piece| match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Fact(id) => say(facts.get(id), facts.incomplete(id).is_some()),
            })
            .collect()
    }

    fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((id, behind)) = after.split_once('}') else {
                break;
            };
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Fact(id));
            rest = behind;
        }
        pieces.push(Piece::Text(rest));
        pieces
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

enum Piece<'t> {
    Text(&'t str),
    Fact(&'t str),
}

fn say(fact: Option<&Fact>, is_incomplete: bool) -> String {
    match fact {
        Some(Fact::Found {
            value: Value::Int(number),
            ..
        }) if is_incomplete => format!("at least {number}"),
        Some(Fact::Found { value, .. }) => value.to_string(),
        Some(Fact::Absent(_)) => "(not there)".to_owned(),
        Some(Fact::Unknown(_)) | None => "(unknown)".to_owned(),
    }
}

/// Why a rule is not decided: each missing fact with its reason.
pub(crate) fn undecided(missing: &[String], facts: &Facts) -> String {
    let reasons = missing.iter().map(|id| match facts.get(id) {
        Some(fact @ Fact::Found { value, .. }) if facts.incomplete(id).is_some() => {
            let why = facts
                .incomplete(id)
                .map_or("", |unknown| unknown.detail.as_str());
            match value {
                Value::Int(_) => format!("{id} is {}: {why}", say(Some(fact), true)),
                _ => format!("{id} may not be all: {why}"),
            }
        }
        Some(Fact::Unknown(unknown)) => {
            format!(
                "{id} is unknown ({}): {}",
                unknown.reason.as_str(),
                unknown.detail
            )
        }
        Some(Fact::Absent(_)) => format!("{id} should be there and is not"),
        Some(Fact::Found { value, .. }) => format!("{id} has an unexpected value, {value}"),
        None => format!("{id} is not read"),
    });
    format!("not decided: {}", reasons.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Evidence, Locator};

    #[test]
    fn facts_are_filled_in() {
        let mut facts = Facts::new();
        let place = Evidence::at(Locator::new("test"));
        facts.put("os.sp", Fact::found(5_i64, place.clone()));
        facts.put("ie.version", Fact::Absent(place));
        let template =
            Template::parse("SP {os.sp}, IE {ie.version}, IIS {iis.major_minor}.").unwrap();
        assert_eq!(
            template.fill(&facts),
            "SP 5, IE (not there), IIS (unknown)."
        );
        assert_eq!(template.facts(), ["os.sp", "ie.version", "iis.major_minor"]);
    }

    #[test]
    fn a_brace_without_its_partner_is_refused() {
        assert!(Template::parse("SP {os.sp").is_err());
        assert!(Template::parse("SP os.sp}").is_err());
        assert!(Template::parse("no fact at all").is_ok());
    }
}
