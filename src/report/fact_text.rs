//! A fact in one line, and the place it was read from.

use crate::evidence::{Evidence, Fact, HiveState, Unknown, Value};

/// The value of a fact, or the word for having none; `more` is why more may belong to what was found.
pub(crate) fn fact_line(fact: &Fact, more: Option<&Unknown>) -> String {
    match (fact, more) {
        (Fact::Found { value, .. }, Some(unknown)) => format!(
            "{}; {}: {} ({})",
            least(value),
            match value {
                Value::Int(_) => "may be more",
                _ => "may not be all",
            },
            unknown.detail,
            unknown.reason.as_str()
        ),
        _ => whole_line(fact),
    }
}

/// A value that may be more than it says.
pub(crate) fn least(value: &Value) -> String {
    match value {
        Value::Int(number) => format!("at least {number}"),
        value => value_line(value),
    }
}

fn whole_line(fact: &Fact) -> String {
    match fact {
        Fact::Found {
            value,
            asserted: false,
            ..
        } => value_line(value),
        Fact::Found {
            value,
            asserted: true,
            ..
        } => format!("{} (the operator's word)", value_line(value)),
        Fact::Absent(_) => "absent".to_owned(),
        Fact::Unknown(unknown) => {
            format!("unknown ({}): {}", unknown.reason.as_str(), unknown.detail)
        }
    }
}

/// A value in one line; an empty text is shown as such.
pub(crate) fn value_line(value: &Value) -> String {
    match value {
        Value::Text(text) if text.is_empty() => "(empty)".to_owned(),
        Value::Map(items) if items.values().any(|item| matches!(item, Value::Map(_))) => items
            .iter()
            .map(|(name, item)| format!("{name}: {item}"))
            .collect::<Vec<_>>()
            .join("\n"),
        value => value.to_string(),
    }
}

/// The place with all that it tells of itself, in one line.
pub(crate) fn evidence_line(evidence: &Evidence) -> String {
    let mut line = evidence.locator.to_string();
    let mut details = Vec::new();
    if let Some(number) = evidence.line {
        details.push(format!("line {number}"));
    }
    if let Some(offset) = evidence.offset {
        details.push(format!("offset 0x{offset:08x}"));
    }
    if let Some(record) = evidence.mft_record {
        details.push(format!("MFT record {record}"));
    }
    if let Some(time) = evidence
        .key_written
        .and_then(crate::base::filetime::FileTime::to_rfc3339)
    {
        details.push(format!("key written {time}"));
    }
    match evidence.hive_state {
        Some(HiveState::Dirty) => {
            details.push("hive dirty, its logs missing or not fitting".to_owned());
        }
        Some(HiveState::Replayed) if evidence.from_log == Some(true) => {
            details.push("from the log".to_owned());
        }
        Some(HiveState::Replayed) => details.push("hive recovered from its logs".to_owned()),
        _ => {}
    }
    if let Some(raw) = &evidence.raw {
        details.push(format!("reads \"{raw}\""));
    }
    if !details.is_empty() {
        line.push_str(&format!(" ({})", details.join(", ")));
    }
    line
}
