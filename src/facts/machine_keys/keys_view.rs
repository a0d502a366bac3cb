//! What `keys` shows: MachineGuid, the GUIDs of all key files, the metabases, the files, and what would mend the mapping.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::filetime::FileTime;
use crate::evidence::{Fact, Locator, Unknown, UnknownReason};
use crate::facts::{Collected, MachineKey, Plan};

/// The keys of one installation, in the order of the report.
#[derive(Debug, Serialize)]
pub struct KeysView<'c> {
    /// `crypto.machine_guid`.
    pub machine_guid: Fact,
    /// The GUIDs of the files, the most frequent first, then in their order.
    pub guids: Vec<GuidCount>,
    /// The metabase files.
    pub metabases: Vec<MetabaseView>,
    /// Folders and files of keys that could not be read: what is not listed may be there.
    pub unread: &'c [Unread],
    /// All key files.
    pub machine_keys: &'c [MachineKey],
    /// What would mend the mapping.
    pub plan: &'c Plan,
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
    /// When the first of the files was created (`$STANDARD_INFORMATION`), where the source gives times.
    pub created_first: Option<FileTime>,
    /// When the last of them was.
    pub created_last: Option<FileTime>,
}

/// A folder or file of keys that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Its place.
    pub location: String,
    /// Why it could not be read.
    pub reason: &'static str,
    /// The same in words.
    pub detail: String,
}

impl Unread {
    pub(crate) fn of(unknown: &Unknown) -> Self {
        Self {
            location: unknown.evidence.locator.to_string(),
            reason: unknown.reason.as_str(),
            detail: unknown.detail.clone(),
        }
    }
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
    /// Whether IIS reads it when it starts; `None` if that is not known.
    pub live: Option<bool>,
    /// `paired`, `not_paired`, `no_blob`, `clear_text`, `portable` or `unknown`.
    pub outcome: &'static str,
    /// Why that is not `paired` or `not_paired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
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
                    session_key_blobs: metabase.session_key_blobs,
                    data_blobs: metabase.data_blobs,
                    signed_by: metabase
                        .signed_by
                        .iter()
                        .map(|signer| signer.name.clone())
                        .collect(),
                    by_inference: metabase.by_inference,
                    live: (metabase.is_live || !metabase.may_be_live).then_some(metabase.is_live),
                    outcome: metabase.outcome,
                    fault: metabase.fault.clone(),
                })
                .collect(),
            unread: &collected.unread_keys,
            machine_keys: &collected.machine_keys,
            plan: &collected.plan,
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
            created_first: None,
            created_last: None,
        });
        count.files = count.files.saturating_add(1);
        if let Some(created) = key.times.si_created {
            count.created_first = Some(
                count
                    .created_first
                    .map_or(created, |first| first.min(created)),
            );
            count.created_last = count.created_last.max(Some(created));
        }
    }
    let mut counts: Vec<GuidCount> = counts.into_values().collect();
    counts.sort_by_key(|count| Reverse(count.files));
    counts
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
