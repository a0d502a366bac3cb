//! The facts of an installation, by the ids that rules and reports name.
//!
//! `collect` cannot fail as a whole: one broken hive leaves its facts unknown and the others found.

pub mod context;
pub(crate) mod embedded;
pub mod event_logs;
mod execution;
mod gather;
pub(crate) mod hotfix;
pub mod identities;
pub(crate) mod iis;
pub(crate) mod image;
mod internet_explorer;
pub mod machine_keys;
pub mod os_support;
mod programs;
mod read;
mod roles;
pub(crate) mod services;
pub(crate) mod setup_logs;
pub mod shared_identities;
pub mod sources;
mod sysprep;
#[cfg(test)]
pub(crate) mod test_hive;
#[cfg(test)]
pub(crate) mod test_image;
mod transaction_server;
pub mod vocabulary;
mod windows;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::base::limits::Limits;
use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::image::Installation;

pub use context::{Context, HiveName};
pub use machine_keys::{KeyMaterial, KeysView, MachineKey, Metabase, Plan, Unread};

/// What was collected from one installation.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    /// The facts by their ids.
    pub facts: Facts,
    /// Every machine key file, in the order of path and name.
    pub machine_keys: Vec<MachineKey>,
    /// Folders and files of keys that could not be read: what is not listed may be there.
    pub unread_keys: Vec<Unread>,
    /// The metabase files, the live one first.
    pub metabases: Vec<Metabase>,
    /// What would mend the mapping of IIS's key files.
    pub plan: Plan,
    /// What the event logs tell of services that failed, in the order of time; empty where the logs were not read.
    pub failures: event_logs::Failures,
    /// Notes on the installation as a whole (a dirty hive, a log that did not fit).
    pub notes: Vec<String>,
}

/// Reads all facts of an installation; no private key is opened.
pub fn collect(installation: &Installation, limits: Limits) -> Collected {
    collect_in(&Context::new(installation, limits), |_| false)
}

/// As [`collect`], and opens the private keys of IIS to prove which of them open the metabase (`key.opens`,
/// [`machine_keys::Proof::opens`]). What is decrypted is wiped; only the answers are kept.
pub fn collect_proving_keys(installation: &Installation, limits: Limits) -> Collected {
    collect_in(&Context::new(installation, limits).proving_keys(), |_| {
        false
    })
}

/// Collects what `context` allows, and reads event and set-up logs if `wants_logs` says so of the facts that stand without them.
/// [`collect`] and [`collect_proving_keys`] leave the logs alone; their facts are then unknown.
pub fn collect_in(context: &Context<'_>, wants_logs: impl FnOnce(&Facts) -> bool) -> Collected {
    let mut facts = Facts::new();
    windows::collect(context, &mut facts);
    internet_explorer::collect(context, &mut facts);
    services::collect(context, &mut facts);
    iis::collect(context, &mut facts);
    roles::collect(context, &mut facts);
    transaction_server::collect(context, &mut facts);
    sysprep::collect(context, &mut facts);
    // Whether a new name of a key file would last depends on whether the image is sealed.
    let keys = machine_keys::collect(context, &mut facts);
    execution::collect(context, &mut facts);
    identities::collect(context, &mut facts);
    embedded::collect(context, &mut facts);
    image::collect(context, &mut facts);
    hotfix::collect(context, &mut facts);
    event_logs::not_read(context, &mut facts);
    setup_logs::not_read(context, &mut facts);
    let mut log_notes = Vec::new();
    let failures = if wants_logs(&facts) {
        setup_logs::collect(context, &mut facts);
        let told = event_logs::collect_all(context, &mut facts);
        sysprep::look_at_logs(context, &mut facts);
        embedded::count_with_logs(context, &mut facts, &told.marks, &keys.machine_keys);
        log_notes = told.notes;
        told.failures
    } else {
        event_logs::Failures::default()
    };
    Collected {
        facts,
        machine_keys: keys.machine_keys,
        unread_keys: keys.unread,
        metabases: keys.metabases,
        plan: keys.plan,
        failures,
        notes: context
            .notes()
            .into_iter()
            .chain(keys.notes)
            .chain(log_notes)
            .collect(),
    }
}

/// All facts of one installation, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    facts: BTreeMap<String, Fact>,
    incomplete: BTreeMap<String, Unknown>,
}

impl Facts {
    /// No facts yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a fact; a later one of the same id replaces it, and what was said of its completeness.
    pub fn put(&mut self, id: &str, fact: impl Into<Fact>) {
        self.facts.insert(id.to_owned(), fact.into());
        self.incomplete.remove(id);
    }

    /// The fact of that id, if it was collected.
    pub fn get(&self, id: &str) -> Option<&Fact> {
        self.facts.get(id)
    }

    /// Says of a fact that was found, and put already, that it may be more, and why that could not be seen: of a list that
    /// further elements may belong to it, of a number that it is a minimum.
    pub fn mark_incomplete(&mut self, id: &str, unknown: Unknown) {
        self.incomplete.insert(id.to_owned(), unknown);
    }

    /// Why a list that was found may not be all, or a number is a minimum, if so.
    pub fn incomplete(&self, id: &str) -> Option<&Unknown> {
        self.incomplete.get(id)
    }

    /// All facts in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.facts.iter().map(|(id, fact)| (id.as_str(), fact))
    }

    /// Takes the operator's word for a fact that the image cannot show. Only an unknown is replaced, or a number that is a
    /// minimum by one that is not below it; the answer tells.
    pub fn assert(&mut self, id: &str, value: Value, evidence: Evidence) -> bool {
        let mut places = vec![evidence];
        match self.facts.get(id) {
            Some(Fact::Unknown(_)) | None => {}
            Some(fact) if self.is_below(id, &value) => {
                places.extend(fact.evidence().iter().cloned());
            }
            Some(_) => return false,
        }
        let fact = Fact::Found {
            value,
            evidence: places,
            asserted: true,
        };
        self.put(id, fact);
        true
    }

    /// Whether the fact is a minimum that leaves room for that number.
    fn is_below(&self, id: &str, number: &Value) -> bool {
        match (self.facts.get(id), number) {
            (
                Some(Fact::Found {
                    value: Value::Int(least),
                    ..
                }),
                Value::Int(number),
            ) => self.incomplete(id).is_some() && least <= number,
            _ => false,
        }
    }
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let told = |(id, fact)| (id, Told(fact, self.incomplete.get(id)));
        serializer.collect_map(self.facts.iter().map(told))
    }
}

/// A fact, and why it may be more.
struct Told<'f>(&'f Fact, Option<&'f Unknown>);

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_with(self.1, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Locator, UnknownReason};

    fn place(name: &str) -> Evidence {
        Evidence::at(Locator::new(name))
    }

    fn at_least(number: i64) -> Facts {
        let mut facts = Facts::new();
        facts.put("a", Fact::found(number, place("trace")));
        let why = Unknown::new(UnknownReason::NotProvided, "no counter", Locator::new("x"));
        facts.mark_incomplete("a", why);
        facts
    }

    #[test]
    fn the_operator_may_say_what_a_minimum_is_but_not_less_than_it() {
        let mut facts = at_least(2);
        assert!(!facts.assert("a", Value::Int(1), place("word")));
        assert!(facts.incomplete("a").is_some());
        assert!(facts.assert("a", Value::Int(2), place("word")));
        assert!(facts.incomplete("a").is_none());
        assert!(!facts.assert("a", Value::Int(3), place("word")));
    }

    #[test]
    fn a_minimum_says_so_in_json_and_gives_the_reason() {
        assert_eq!(
            serde_json::to_value(at_least(2)).unwrap(),
            serde_json::json!({"a": {
                "state": "found", "value": 2, "at_least": true,
                "incomplete": {"reason": "not_provided", "detail": "no counter", "evidence": {"location": "x"}},
                "evidence": {"location": "trace"}
            }})
        );
    }
}
