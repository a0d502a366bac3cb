//! The mapping of IIS's key files to MachineGuid, as their names have it.
//!
//! Names suggest and do not prove: which file belongs to the metabase is decided by pairing (KB884872; KB889073 shows the same
//! events with another cause).

use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::Context;
use crate::facts::machine_keys::folders::Folders;
use crate::facts::machine_keys::listing::{ListedKey, Listing};
use crate::facts::machine_keys::machine_guid::MachineGuid;

/// `crypto.c23_files`: the names, if every place that can hold them could be read.
pub(crate) fn c23_files(context: &Context<'_>, folders: &Folders, listing: &Listing) -> Fact {
    if let Some(unseen) = listing.unseen(folders) {
        return Fact::Unknown(unseen.clone());
    }
    let names = Value::texts(listing.iis_keys().map(|listed| listed.key.name.clone()));
    let mut places = listing.iis_keys().map(|listed| place(context, listed));
    match places.next() {
        Some(first) => Fact::found_in(names, first, places),
        None => Fact::found(names, folders.searched(context)),
    }
}

/// `crypto.c23_former_files`, for a complete listing: the names that do not end in MachineGuid.
pub(crate) fn former_files(
    context: &Context<'_>,
    listing: &Listing,
    guid: &MachineGuid,
) -> Result<Fact, Unknown> {
    let former = || {
        let all = listing.iis_keys();
        all.filter(|listed| listed.key.matches_machine_guid != Some(true))
    };
    if listing.iis_keys().next().is_some() {
        guid.as_ref().map_err(Clone::clone)?;
    }
    let names = Value::texts(former().map(|listed| listed.key.name.clone()));
    let mut places = former().map(|listed| place(context, listed));
    if let Some(first) = places.next() {
        return Ok(Fact::found_in(names, first, places));
    }
    let other = listing.iis_keys().next();
    let nowhere = || Evidence::at(context.installation.locator.clone());
    let seen = other.map_or_else(nowhere, |key| place(context, key));
    Ok(Fact::found(names, seen))
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

/// Evidence for a key file.
pub(crate) fn place(context: &Context<'_>, listed: &ListedKey) -> Evidence {
    context.file_evidence(&listed.path(), Some(&listed.metadata))
}
