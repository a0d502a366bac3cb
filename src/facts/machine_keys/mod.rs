//! Facts about MachineGuid, the machine key files and the stores of IIS that need them (crypto.*, key.*, iis.metabase_*).
//!
//! Windows finds a key by its file name, and that name ends in MachineGuid (KB884872). So the facts are: what MachineGuid
//! says, which files there are in every folder that can hold them, and whether those of IIS carry it.

mod access;
mod account_secrets;
mod folders;
mod iis_config;
mod iis_stores;
mod keys_view;
mod listing;
pub(crate) mod live_metabase;
mod machine_guid;
mod mapping;
mod master_keys;
mod metabases;
mod opening;
mod opens;
mod pairing;
mod repair_plan;
mod sealed;
#[cfg(test)]
mod tests;
mod volume_path;
mod web_configs;

use serde::Serialize;

use crate::artifact::machine_key::RsaPublic;
use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::{Context, Facts, HiveName};
use crate::image::filesystem::FileTimes;
use crate::proof::key_file;
use crate::proof::opens::Opens;

pub use crate::artifact::machine_key::IIS_KEY_HASH;
pub use keys_view::{GuidCount, KeysView, MetabaseView, Unread};
pub use metabases::{Metabase, Signer};
pub use repair_plan::{Decision, Plan, PlanAction};
pub use sealed::{NO_NAME_LASTS, copies_get_another_guid};
pub(crate) use volume_path::{in_own_root, on_volume};

/// A machine key file, as the report lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineKey {
    /// The name of the file.
    pub name: String,
    /// Its path inside the image.
    pub path: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The part of the name before the underscore: the hash of the container's name.
    pub container_hash: Option<String>,
    /// The container, if its hash or the name in clear inside the file tells it.
    pub container_name: Option<String>,
    /// The part of the name after the underscore: the MachineGuid under which the key was made.
    pub guid: Option<String>,
    /// Whether that GUID is the MachineGuid of the registry; `None` if either is unknown.
    pub matches_machine_guid: Option<bool>,
    /// The eight NTFS times.
    pub times: FileTimes,
    /// Number of the MFT record, on NTFS.
    pub mft_record: Option<u64>,
    /// What is proved of the file.
    pub proof: Proof,
}

/// What is proved of a key file; links that were not tested are `null` or `unknown`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// The structure of the file holds.
    pub well_formed: Option<bool>,
    /// The container name in clear hashes to the name of the file.
    pub name_consistent: Option<bool>,
    /// The file holds a signature and an exchange pair; link L4 tells of it.
    #[serde(skip)]
    pub both_pairs: Option<bool>,
    /// The DPAPI master key that the private key needs is in this image.
    pub master_key_present: Option<bool>,
    /// Whether this key signed the live metabase.
    pub signed_metabase: &'static str,
    /// Whether that rests on blobs carved from a binary metabase.
    pub by_inference: bool,
    /// Every metabase file that this key signed.
    pub paired_with: Vec<String>,
    /// Owner and access list of the file: `ok`, `weak`, `broken` or `unknown`.
    pub acl: &'static str,
    /// The public half of the signature pair, where the file was opened and has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_key: Option<Fingerprint>,
    /// The public half of the exchange pair, where the file was opened and has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange_key: Option<Fingerprint>,
    /// What opens of the file, where that was asked for ([`crate::facts::collect_proving_keys`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens: Option<Opens>,
}

/// What a public key is compared by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    /// Length of the modulus in bits.
    pub bits: u32,
    /// SHA-256 of the modulus, most significant byte first.
    pub sha256: String,
}

impl Fingerprint {
    fn of(key: &RsaPublic) -> Self {
        Self {
            bits: key.bits,
            sha256: key_file::fingerprint(key),
        }
    }
}

impl Proof {
    /// Nothing was tested.
    pub(crate) fn untested() -> Self {
        Self {
            well_formed: None,
            name_consistent: None,
            both_pairs: None,
            master_key_present: None,
            signed_metabase: "unknown",
            by_inference: false,
            paired_with: Vec::new(),
            acl: "unknown",
            signature_key: None,
            exchange_key: None,
            opens: None,
        }
    }
}

/// What was listed beside the facts.
#[derive(Debug, Clone, Default)]
pub struct KeyMaterial {
    /// Every machine key file, in the order of path and name.
    pub machine_keys: Vec<MachineKey>,
    /// The metabase files, the live one first.
    pub metabases: Vec<Metabase>,
    /// What would mend the mapping.
    pub plan: Plan,
    /// Files and folders of keys that could not be read.
    pub unread: Vec<Unread>,
    /// Those of them that do not bear on IIS, and copies of the metabase that could not be seen.
    pub notes: Vec<String>,
}

/// Collects this group and lists the key files and metabases; whether the image is sealed is asked of the facts.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) -> KeyMaterial {
    let guid = machine_guid::collect(context, facts);
    let folders = folders::find(context);
    put_folders(context, facts, &folders);
    let mut master_keys = master_keys::MasterKeys::default();
    let mut listing = listing::list(context, &folders, &guid, &mut master_keys);
    facts.put(
        "key.master_keys",
        master_keys.fact(context, &folders, &listing),
    );
    let access = access::judge(context, facts, &folders, &mut listing);
    facts.put("crypto.machinekeys_acl", access.acl);
    facts.put("crypto.machinekeys_efs", access.efs);
    let names = mapping::c23_files(context, &folders, &listing);
    let state = names
        .get()
        .map(|_| ())
        .and_then(|()| mapping::c23_state(context, &listing, &guid));
    let state = Fact::from(state);
    let former = names
        .get()
        .map(|_| ())
        .and_then(|()| mapping::former_files(context, &listing, &guid));
    facts.put("crypto.c23_former_files", former);
    facts.put("crypto.c23_files", names);
    facts.put(
        "crypto.registry_key_containers",
        registry_containers(context),
    );
    facts.put("crypto.default_csp_override", csp_override(context));
    let live = live_metabase::find(context, facts);
    let mut pairing = pairing::Pairing::test(context, &live, &folders, &mut listing);
    facts.put("iis.metabase_in_use", live_metabase::in_use(&live));
    if let Some(state) = pairing.metabases.state.take() {
        facts.put("iis.metabase_state", state);
    }
    let opens = opens::collect(context, facts, &live, &folders, &mut listing);
    facts.put("key.opens", opens);
    let paired = pairing.state(context, facts, &live, &listing);
    pairing.put(context, facts, &paired, &listing);
    let mut plan = repair_plan::decide(context, &state, &paired, &listing, &guid);
    if copies_get_another_guid(facts) && paired.is_signed_here() {
        plan = plan.of_sealed();
    }
    facts.put("key.repair_plan", plan.fact(&state));
    facts.put("crypto.c23_state", state);
    iis_stores::collect(context, facts);
    let elsewhere = folders
        .unseen_elsewhere
        .iter()
        .chain(&listing.unread_elsewhere);
    let notes = elsewhere
        .map(note)
        .chain(pairing.metabases.notes.iter().cloned())
        .collect();
    let metabases = pairing.view(&listing);
    let unread = unread(&folders, &listing);
    let all_seen = listing.unseen(&folders).is_none();
    let machine_keys = listing.keys();
    iis_config::collect(context, facts, &machine_keys, all_seen);
    KeyMaterial {
        machine_keys,
        metabases,
        plan,
        unread,
        notes,
    }
}

/// Each once: several paths can lead to one place.
fn unread(folders: &folders::Folders, listing: &listing::Listing) -> Vec<Unread> {
    let mut list: Vec<Unread> = Vec::new();
    let all = folders
        .unseen
        .iter()
        .chain(&listing.unread)
        .chain(&folders.unseen_elsewhere)
        .chain(&listing.unread_elsewhere);
    for unknown in all {
        let unread = Unread::of(unknown);
        if !list.contains(&unread) {
            list.push(unread);
        }
    }
    list
}

fn note(unknown: &Unknown) -> String {
    format!("{}: {}", unknown.evidence.locator, unknown.detail)
}

fn put_folders(context: &Context<'_>, facts: &mut Facts, folders: &folders::Folders) {
    let list = |machine_keys_only: bool| -> Fact {
        let chosen: Vec<_> = folders
            .list
            .iter()
            .filter(|folder| {
                !machine_keys_only || folder.kind == folders::FolderKind::RsaMachineKeys
            })
            .collect();
        if chosen.is_empty()
            && let Some(unseen) = folders.unseen.first()
        {
            return Fact::Unknown(unseen.clone());
        }
        let paths = Value::texts(chosen.iter().map(|folder| folder.path.to_string()));
        let mut places = chosen
            .iter()
            .map(|folder| context.file_evidence(&folder.path, Some(&folder.metadata)));
        match places.next() {
            Some(first) => Fact::found_in(paths, first, places),
            None => Fact::found(paths, folders.searched(context)),
        }
    };
    facts.put("crypto.machinekeys_dir", list(true));
    facts.put("crypto.key_folders", list(false));
}

/// Names of the containers that NT 4.0 keeps in the registry; nothing more is claimed of them.
fn registry_containers(context: &Context<'_>) -> Fact {
    const KEY: &str = "Microsoft\\Cryptography\\MachineKeys";
    let read = || -> Result<Fact, Unknown> {
        let Some(found) = context.key(HiveName::Software, KEY)? else {
            let locator = context.place(HiveName::Software, KEY, None);
            let searched = vec![locator.to_string()];
            return Ok(Fact::found(
                Value::List(Vec::new()),
                Evidence::at(locator).searched(searched),
            ));
        };
        let fail = |error: crate::error::Error| {
            Unknown::from_error(&error, found.evidence.locator.clone())
        };
        let keys = found.key.subkeys().map_err(fail)?;
        let names: crate::error::Result<Vec<String>> = keys
            .iter()
            .map(crate::artifact::registry::Key::name)
            .collect();
        Ok(Fact::found(
            Value::texts(names.map_err(fail)?),
            found.evidence,
        ))
    };
    read().into()
}

/// Q311861: a key of the default user that names another default provider.
fn csp_override(context: &Context<'_>) -> Fact {
    context.key_exists_fact(
        HiveName::Default,
        "Software\\Microsoft\\Cryptography\\Providers\\Type 001",
    )
}
