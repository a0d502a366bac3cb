//! What `keys` shows: MachineGuid, the GUIDs of all key files, the metabases, the files, and what would mend the mapping.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::evidence::{Fact, Locator, Unknown, UnknownReason, Value};
use crate::facts::{Collected, MachineKey};

/// The keys of one installation, in the order of the report.
#[derive(Debug, Serialize)]
pub struct KeysView<'c> {
    /// `crypto.machine_guid`.
    pub machine_guid: Fact,
    /// The GUIDs of the files, the most frequent first, then in their order.
    pub guids: Vec<GuidCount>,
    /// The metabase files.
    pub metabases: Vec<MetabaseView>,
    /// All key files.
    pub machine_keys: &'c [MachineKey],
    /// What would mend the mapping.
    pub plan: Plan,
}

/// How many files carry a GUID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuidCount {
    /// The GUID, in lower case.
    pub guid: String,
    /// The number of files.
    pub files: usize,
    /// Whether it is MachineGuid; `None` if that is unknown.
    pub is_machine_guid: Option<bool>,
}

/// A metabase file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetabaseView {
    /// Its path inside the image.
    pub path: String,
    /// `bin` or `xml`.
    pub kind: &'static str,
    /// Number of session keys in it; `None` if they were not looked for.
    pub session_key_blobs: Option<u64>,
    /// Number of encrypted properties in it; `None` if they were not looked for.
    pub data_blobs: Option<u64>,
    /// Names of the key files that signed it.
    pub signed_by: Vec<String>,
    /// Whether that rests on blobs carved from a binary file.
    pub by_inference: bool,
}

/// What would mend the mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// `none`, `rename_only`, `swap` or `undecided`.
    pub decision: String,
    /// The renames, in their order.
    pub actions: Vec<PlanAction>,
    /// Why.
    pub reason: String,
}

/// One rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanAction {
    /// The path of the file as it is.
    pub from: String,
    /// The path that it needs.
    pub to: String,
}

impl<'c> KeysView<'c> {
    /// The view of what was collected from one installation.
    pub fn new(collected: &'c Collected) -> Self {
        Self {
            machine_guid: fact(collected, "crypto.machine_guid"),
            guids: guids(&collected.machine_keys),
            metabases: collected
                .metabases
                .iter()
                .map(|metabase| MetabaseView {
                    path: metabase.path.clone(),
                    kind: metabase.kind.as_str(),
                    session_key_blobs: None,
                    data_blobs: None,
                    signed_by: Vec::new(),
                    by_inference: false,
                })
                .collect(),
            machine_keys: &collected.machine_keys,
            plan: plan(collected),
        }
    }
}

fn fact(collected: &Collected, id: &str) -> Fact {
    collected.facts.get(id).cloned().unwrap_or_else(|| {
        Fact::Unknown(Unknown::new(
            UnknownReason::NotProvided,
            format!("{id} was not collected"),
            Locator::new(id),
        ))
    })
}

fn guids(keys: &[MachineKey]) -> Vec<GuidCount> {
    let mut counts: BTreeMap<&str, GuidCount> = BTreeMap::new();
    for key in keys {
        let Some(guid) = &key.guid else { continue };
        let count = counts.entry(guid).or_insert_with(|| GuidCount {
            guid: guid.clone(),
            files: 0,
            is_machine_guid: key.matches_machine_guid,
        });
        count.files = count.files.saturating_add(1);
    }
    let mut counts: Vec<GuidCount> = counts.into_values().collect();
    counts.sort_by_key(|count| Reverse(count.files));
    counts
}

fn plan(collected: &Collected) -> Plan {
    let (decision, reason) = match fact(collected, "key.repair_plan").get() {
        Err(unknown) => ("undecided".to_owned(), unknown.detail),
        Ok(None) => ("none".to_owned(), "there are no key files".to_owned()),
        Ok(Some((Value::Text(decision), _))) => (decision.clone(), reason(collected)),
        Ok(Some((other, _))) => (
            "undecided".to_owned(),
            format!("key.repair_plan is {other}"),
        ),
    };
    Plan {
        decision,
        actions: Vec::new(),
        reason,
    }
}

/// Why no file needs another name.
fn reason(collected: &Collected) -> String {
    let state = fact(collected, "crypto.c23_state");
    match state.get() {
        Ok(Some((Value::Text(state), _))) if state == "none" => {
            "there is no key file of IIS 4 to 6".to_owned()
        }
        _ => "the only key file of IIS carries MachineGuid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::machine_keys::Proof;
    use crate::image::filesystem::FileTimes;

    fn key(guid: &str, matches: bool) -> MachineKey {
        MachineKey {
            name: String::new(),
            path: String::new(),
            size_bytes: 0,
            container_hash: None,
            container_name: None,
            guid: Some(guid.to_owned()),
            matches_machine_guid: Some(matches),
            times: FileTimes::default(),
            mft_record: None,
            proof: Proof::untested(),
        }
    }

    #[test]
    fn guids_come_most_files_first_and_then_in_their_order() {
        let keys = [
            key("c", false),
            key("b", true),
            key("a", false),
            key("b", true),
        ];
        let shown: Vec<_> = guids(&keys)
            .into_iter()
            .map(|count| (count.guid, count.files, count.is_machine_guid))
            .collect();
        assert_eq!(
            shown,
            [
                ("b".to_owned(), 2, Some(true)),
                ("a".to_owned(), 1, Some(false)),
                ("c".to_owned(), 1, Some(false)),
            ]
        );
    }
}
