//! The mapping of IIS's key files to MachineGuid, and whether it needs a repair.
//!
//! Names alone prove a mapping wrong (no file carries MachineGuid) or leave nothing to do (one file, and it does). Between
//! the two the metabase decides, which names, times and events never do (KB884872; KB889073 shows the same events).

use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::Context;
use crate::facts::machine_keys::folders::Folders;
use crate::facts::machine_keys::listing::{ListedKey, Listing};
use crate::facts::machine_keys::machine_guid::MachineGuid;

/// `crypto.c23_files`: the names, if every place that can hold them could be read.
pub(crate) fn c23_files(context: &Context<'_>, folders: &Folders, listing: &Listing) -> Fact {
    if let Some(unseen) = folders.unseen.first().or(listing.unread.first()) {
        return Fact::Unknown(unseen.clone());
    }
    let names = Value::texts(listing.iis_keys().map(|listed| listed.key.name.clone()));
    let mut places = listing.iis_keys().map(|listed| place(context, listed));
    match places.next() {
        Some(first) => Fact::found_in(names, first, places),
        None => Fact::found(names, folders.searched(context)),
    }
}

/// `crypto.c23_state`, for a complete listing.
pub(crate) fn c23_state(
    context: &Context<'_>,
    listing: &Listing,
    guid: &MachineGuid,
) -> Result<Fact, Unknown> {
    let evidence: Vec<Evidence> = listing
        .iis_keys()
        .map(|listed| place(context, listed))
        .collect();
    let mut places = evidence.into_iter();
    let Some(first) = places.next() else {
        return Ok(Fact::found(
            Value::text("none"),
            Evidence::at(context.installation.locator.clone()),
        ));
    };
    guid.as_ref().map_err(Clone::clone)?;
    let total = listing.iis_keys().count();
    let matching = listing
        .iis_keys()
        .filter(|listed| listed.key.matches_machine_guid == Some(true))
        .count();
    let state = match (matching, total) {
        (0, _) => "mismatch",
        (1, 1) => "match_only",
        // Two files of one name in two folders are not decided by their name either.
        _ => "match_plus_older",
    };
    Ok(Fact::found_in(Value::text(state), first, places))
}

/// `key.repair_plan`: `none` where nothing needs a new name, else unknown.
pub(crate) fn repair_plan(state: &Fact, listing: &Listing) -> Fact {
    let undecided = |reason, detail: &str, evidence: &Evidence| {
        Fact::Unknown(Unknown {
            reason,
            detail: detail.to_owned(),
            evidence: evidence.clone(),
        })
    };
    let (value, evidence) = match state.get() {
        Err(unknown) => return Fact::Unknown(unknown),
        Ok(None) => return state.clone(),
        Ok(Some(found)) => found,
    };
    match value {
        Value::Text(text) if text == "none" => Fact::found(Value::text("none"), evidence.clone()),
        Value::Text(text) if text == "match_only" => match listing.iis_keys().find_map(fault) {
            Some((reason, detail)) => undecided(reason, &detail, evidence),
            None => Fact::found(Value::text("none"), evidence.clone()),
        },
        Value::Text(text) if text == "mismatch" => undecided(
            UnknownReason::Unsupported,
            "no key file of IIS carries MachineGuid, and which of them signed the metabase is not tested by this version",
            evidence,
        ),
        _ => undecided(
            UnknownReason::Unsupported,
            "the pairing of key and metabase is not tested by this version",
            evidence,
        ),
    }
}

/// Why a file that is named rightly may still not open the metabase.
fn fault(listed: &ListedKey) -> Option<(UnknownReason, String)> {
    let name = &listed.key.name;
    let proof = &listed.key.proof;
    if let Some(fault) = &listed.fault {
        return Some((fault.reason, format!("{name}: {}", fault.detail)));
    }
    if proof.name_consistent == Some(false) {
        return Some((
            UnknownReason::Unsupported,
            format!("{name} holds the key of another container"),
        ));
    }
    if proof.master_key_present == Some(false) {
        return Some((
            UnknownReason::Unsupported,
            format!("{name} needs a DPAPI master key that is not in the image"),
        ));
    }
    None
}

fn place(context: &Context<'_>, listed: &ListedKey) -> Evidence {
    context.file_evidence(&listed.path(), Some(&listed.metadata))
}
