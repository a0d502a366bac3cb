//! What would mend the mapping of IIS's key files (`key.repair_plan`), decided by pairing.
//!
//! In this order: no key file, or nothing to test, leaves it to the names; the file named for MachineGuid is paired: `none`,
//! whatever older files lie beside it; another file is paired, whole, and its master key is in the image: `swap` if the name
//! that it needs is taken by an unpaired file, else `rename_only`; everything else is `undecided`, with the reason, a sealed
//! image of Vista and later included, whose copies get another MachineGuid. Times corroborate and are shown; they never decide (KB884872 calls the newest file bogus, and a copied image has no times).

use serde::Serialize;

use crate::artifact::machine_key::IIS_KEY_HASH;
use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Evidence, Fact, Value};
use crate::facts::Context;
use crate::facts::machine_keys::folders::FolderKind;
use crate::facts::machine_keys::listing::{ListedKey, Listing, SignatureKey};
use crate::facts::machine_keys::machine_guid::{MachineGuid, is_well_formed};
use crate::facts::machine_keys::opening::opens;
use crate::facts::machine_keys::pairing::State;
use crate::facts::machine_keys::sealed::NO_NAME_LASTS;
use crate::image::filesystem::ATTRIBUTE_ENCRYPTED;
use crate::proof::opens::Answer;

/// What would mend the mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What to do.
    pub decision: Decision,
    /// The renames; the two of a swap are one exchange of names.
    pub actions: Vec<PlanAction>,
    /// Why.
    pub reason: String,
}

/// What to do with the key files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// No file needs another name.
    None,
    /// The paired file needs another name, and it is free.
    RenameOnly,
    /// The paired file and the one that has its name exchange names.
    Swap,
    /// It is not known, or no rename would help.
    #[default]
    Undecided,
}

impl Decision {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::RenameOnly => "rename_only",
            Self::Swap => "swap",
            Self::Undecided => "undecided",
        }
    }
}

/// One rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanAction {
    /// The path of the file as it is.
    pub from: String,
    /// The path that it needs.
    pub to: String,
}

impl Plan {
    fn none(reason: impl Into<String>) -> Self {
        Self {
            decision: Decision::None,
            actions: Vec::new(),
            reason: reason.into(),
        }
    }

    fn undecided(reason: impl Into<String>) -> Self {
        Self {
            decision: Decision::Undecided,
            actions: Vec::new(),
            reason: reason.into(),
        }
    }

    /// The same for a sealed image, whose copies get another MachineGuid each: a new name is not what mends it.
    pub(crate) fn of_sealed(self) -> Self {
        Self {
            decision: match self.decision {
                Decision::None => Decision::None,
                Decision::RenameOnly | Decision::Swap | Decision::Undecided => Decision::Undecided,
            },
            actions: Vec::new(),
            reason: format!("{}; {NO_NAME_LASTS}", self.reason),
        }
    }

    /// `key.repair_plan`, with the places of the key files, which `names` has; unknown where the files could not be listed.
    pub(crate) fn fact(&self, names: &Fact) -> Fact {
        match names {
            Fact::Found { evidence, .. } => {
                let mut places = evidence.iter().cloned();
                let first = places
                    .next()
                    .unwrap_or_else(|| Evidence::at(crate::evidence::Locator::new("key files")));
                Fact::found_in(
                    Value::text(self.decision.as_str()),
                    first.raw(&self.reason),
                    places,
                )
            }
            other => other.clone(),
        }
    }
}

/// Decides the plan from the names (`crypto.c23_state`) and the pairing.
pub(crate) fn decide(
    context: &Context<'_>,
    names: &Fact,
    state: &State,
    listing: &Listing,
    guid: &MachineGuid,
) -> Plan {
    let word = match names.get() {
        Ok(Some((Value::Text(word), _))) => word.as_str(),
        Ok(_) => return Plan::undecided("the key files of IIS were not judged by name"),
        Err(unknown) => return Plan::undecided(unknown.detail),
    };
    match state {
        _ if word == "none" => Plan::none("there is no key file of IIS 4 to 6"),
        State::NotInUse(_) => by_name(word, listing, "IIS uses no metabase here"),
        State::Unknown(unknown) => by_name(word, listing, &unknown.detail),
        State::None => Plan::undecided(
            "no key file in this image signed the metabase: a rename would not help",
        ),
        State::MachineGuid(keys) => healthy(&at(listing, keys)),
        State::Other(keys) => moved(context, listing, &at(listing, keys), guid),
    }
}

fn at<'l>(listing: &'l Listing, keys: &[usize]) -> Vec<&'l ListedKey> {
    keys.iter()
        .filter_map(|index| listing.list.get(*index))
        .collect()
}

/// The plan where nothing was proved.
fn by_name(word: &str, listing: &Listing, why: &str) -> Plan {
    match word {
        "match_only" => match listing.iis_keys().find_map(fault) {
            Some(fault) => Plan::undecided(fault),
            None => Plan::none(format!(
                "the only key file of IIS carries MachineGuid; its pairing was not tested: {why}"
            )),
        },
        "mismatch" => Plan::undecided(format!(
            "no key file of IIS carries MachineGuid, and which of them the metabase needs is not proved: {why}"
        )),
        _ => Plan::undecided(format!(
            "which key file of IIS the metabase needs is not proved: {why}"
        )),
    }
}

/// The plan where a file that carries MachineGuid is paired.
fn healthy(keys: &[&ListedKey]) -> Plan {
    let Some(key) = keys.first() else {
        return Plan::undecided("the paired file is not in the list");
    };
    // Which of several Windows opens is not known, so none may have a fault.
    match keys.iter().find_map(|key| fault(key)) {
        Some(fault) => Plan::undecided(fault),
        None => Plan::none(format!(
            "{} carries MachineGuid and signed the metabase",
            key.key.name
        )),
    }
}

/// The plan where the paired files carry another GUID.
fn moved(
    context: &Context<'_>,
    listing: &Listing,
    keys: &[&ListedKey],
    guid: &MachineGuid,
) -> Plan {
    let Some(key) = keys
        .iter()
        .min_by_key(|key| key.kind != FolderKind::RsaMachineKeys)
    else {
        return Plan::undecided("the paired file is not in the list");
    };
    if let Some(other) = keys.iter().find(|other| !is_same_content(key, other)) {
        return Plan::undecided(format!(
            "two key files of different content signed the metabase: {} and {}",
            key.key.path, other.key.path
        ));
    }
    if let Some(fault) = fault(key) {
        return Plan::undecided(fault);
    }
    if opens(key) != Some(true) {
        return Plan::undecided(format!(
            "{} signed the metabase, and whether its master key is in this image could not be tested",
            key.key.name
        ));
    }
    if !key.is_iis_key {
        return Plan::undecided(format!(
            "{} signed the metabase and does not have the name of a key file of IIS",
            key.key.path
        ));
    }
    let Some(guid) = guid
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .filter(|guid| is_well_formed(guid))
    else {
        return Plan::undecided("there is no valid MachineGuid to name the paired key file for");
    };
    let name = format!("{IIS_KEY_HASH}_{guid}");
    let path = key.path();
    let Some(target) = path.parent().map(|folder| folder.child(&name)) else {
        return Plan::undecided("the paired key file lies in no folder");
    };
    if let Some(rival) = rival(listing, key, &name) {
        return Plan::undecided(format!(
            "{} signed the metabase, and {} in another folder has the name that it needs; which of the two Windows would open is not known",
            key.key.path, rival.key.path
        ));
    }
    rename(context, listing, key, &path, &target)
}

/// A file in another folder that Windows may open instead.
fn rival<'l>(listing: &'l Listing, key: &ListedKey, name: &str) -> Option<&'l ListedKey> {
    let folder = key.path().parent();
    listing.iis_keys().find(|other| {
        eq_name(&other.key.name, name)
            && other.path().parent() != folder
            && (other.kind == FolderKind::RsaMachineKeys || key.kind != FolderKind::RsaMachineKeys)
    })
}

fn rename(
    context: &Context<'_>,
    listing: &Listing,
    key: &ListedKey,
    path: &WinPath,
    target: &WinPath,
) -> Plan {
    let shown = |key: &ListedKey| {
        let created = key.key.times.si_created.or(key.key.times.fn_created);
        created.map_or_else(String::new, |time| format!(", created {time}"))
    };
    let paired = format!(
        "{}{} signed the metabase and does not carry MachineGuid",
        key.key.name,
        shown(key)
    );
    let action = |from: &WinPath, to: &WinPath| PlanAction {
        from: from.to_string(),
        to: to.to_string(),
    };
    match context.metadata(target) {
        Err(unknown) => Plan::undecided(format!(
            "{paired}; whether the name that it needs is free could not be seen: {}",
            unknown.detail
        )),
        Ok(None) => Plan {
            decision: Decision::RenameOnly,
            reason: format!("{paired}; the name that it needs is free"),
            actions: vec![action(path, target)],
        },
        Ok(Some(_)) => {
            let holder = listing
                .iis_keys()
                .find(|other| other.path().eq_ignore_case(target));
            match holder {
                Some(holder) if is_unpaired(holder) => Plan {
                    decision: Decision::Swap,
                    reason: format!(
                        "{paired}; {}{} has the name that it needs and did not sign the metabase",
                        holder.key.name,
                        shown(holder)
                    ),
                    actions: vec![action(path, &holder.path()), action(&holder.path(), path)],
                },
                _ => Plan::undecided(format!(
                    "{paired}; the name that it needs is taken by something that could not be tried on the metabase"
                )),
            }
        }
    }
}

fn is_unpaired(key: &ListedKey) -> bool {
    key.key.proof.signed_metabase == "not_paired"
        && matches!(key.signature, SignatureKey::Key(_) | SignatureKey::None)
}

fn is_same_content(a: &ListedKey, b: &ListedKey) -> bool {
    let whole = |key: &ListedKey| key.head.len() as u64 == key.metadata.size_bytes;
    a.key.path == b.key.path || (whole(a) && whole(b) && a.head == b.head)
}

/// Why a file that is paired, or named rightly, may still not open the metabase.
fn fault(listed: &ListedKey) -> Option<String> {
    let name = &listed.key.name;
    let proof = &listed.key.proof;
    if listed.metadata.has_attribute(ATTRIBUTE_ENCRYPTED) == Some(true) {
        return Some(format!(
            "{name} is encrypted by EFS: a rename would not help"
        ));
    }
    if let Some(fault) = &listed.fault {
        return Some(format!("{name}: {}", fault.detail));
    }
    if proof.name_consistent == Some(false) {
        return Some(format!("{name} holds the key of another container"));
    }
    if proof.both_pairs == Some(false) {
        return Some(format!(
            "{name} does not hold both a signature and an exchange key: a rename would not help"
        ));
    }
    if proof.master_key_present == Some(false) {
        return Some(format!(
            "{name} needs a DPAPI master key that is not in the image: a rename would not help"
        ));
    }
    if let Some(opens) = proof.opens.as_ref().filter(|opens| opens.is_refuted()) {
        return Some(format!(
            "{name} does not open here, a rename would not help: {}",
            opens.reason.as_deref().unwrap_or("its proof says so")
        ));
    }
    if proof
        .opens
        .as_ref()
        .is_some_and(|opens| opens.property == Answer::No)
    {
        return Some(format!(
            "{name} opens the session key, and that opens no property of the metabase"
        ));
    }
    None
}
