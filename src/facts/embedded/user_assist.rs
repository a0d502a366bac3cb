//! How often the users started fbreseal from Explorer, as exec.fbreseal_starts says.

use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::Facts;

/// The fact with the starts by all users.
const STARTS: &str = "exec.fbreseal_starts";

/// The starts by all users, and what could not be seen.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    pub(crate) count: i64,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) unseen: Vec<Unknown>,
}

/// The sum over all profiles.
pub(crate) fn fbreseal_starts(facts: &Facts) -> Starts {
    let mut starts = Starts::default();
    match facts.get(STARTS) {
        Some(Fact::Found {
            value: Value::Int(count),
            evidence,
            ..
        }) => {
            starts.count = *count;
            starts.evidence.clone_from(evidence);
        }
        Some(Fact::Unknown(unknown)) => starts.unseen.push(unknown.clone()),
        _ => {}
    }
    starts.unseen.extend(facts.incomplete(STARTS).cloned());
    starts
}
