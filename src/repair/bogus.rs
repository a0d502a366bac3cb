//! The one file that a repair may remove (`--delete-bogus`): a key file of IIS that has the name which the proved one needs, and
//! that signed nothing.
//!
//! A saved plan is held to the same: what it removes has to be what the proof of this image removes, whatever the file says.

use crate::artifact::machine_key::IIS_KEY_HASH;
use crate::base::win_path::WinPath;
use crate::facts::{Collected, MachineKey};
use crate::image::Installation;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::others::machine_guid;
use crate::repair::wanted::{Action, Removal, Wanted};

/// Turns an exchange of names that the proof asks for into a removal of the bogus file and a rename; `None` where the proof asks
/// for no exchange, and then nothing is removed.
///
/// # Errors
/// A bogus file that a metabase or a copy of one still needs, that is no key file of IIS, or that can't be copied whole.
pub fn remove(
    wanted: &Wanted,
    installation: &Installation,
    collected: &Collected,
) -> Planned<Option<Wanted>> {
    let [right, bogus] = wanted.actions.as_slice() else {
        return Ok(None);
    };
    if right.to != bogus.from || bogus.to != right.from {
        return Ok(None);
    }
    let mut keys = collected.machine_keys.iter();
    let key = keys
        .find(|key| key.path == bogus.from)
        .ok_or_else(|| Refusal::new(Gate::NotThere, format!("{}: no machine key", bogus.from)))?;
    check(key)?;
    let filesystem = installation.filesystem.as_ref();
    let removal = Removal::of(filesystem, &bogus.from)?;
    // In a directory of the host the file takes over the name that is there, by an exchange; Windows compares without case.
    let is_host = filesystem.host_path(&WinPath::root())?.is_some();
    let guid = machine_guid(collected).filter(|_| !is_host);
    let to = guid.map_or_else(|| right.to.clone(), |guid| spelled(&right.to, &guid));
    Ok(Some(Wanted {
        removals: vec![removal],
        actions: vec![Action {
            from: right.from.clone(),
            to,
        }],
        touch: wanted.touch,
    }))
}

/// Refuses a file that is needed, or that is not of IIS.
fn check(key: &MachineKey) -> Planned<()> {
    let refuse = |gate: Gate, what: String| {
        Err(Refusal::new(
            gate,
            format!(
                "{}: {what}; leave it in the image by the exchange of names (without --delete-bogus)",
                key.path
            ),
        ))
    };
    if key.container_hash.as_deref() != Some(IIS_KEY_HASH) {
        return refuse(Gate::Name, "is no key file of IIS".to_owned());
    }
    if !key.proof.paired_with.is_empty() {
        return refuse(
            Gate::Referenced,
            format!(
                "signed {}, which can't be opened without it",
                key.proof.paired_with.join(", ")
            ),
        );
    }
    if key.proof.signed_metabase != "not_paired" {
        return refuse(
            Gate::Undecided,
            "is not proved to have signed no metabase".to_owned(),
        );
    }
    Ok(())
}

/// A path whose name ends in MachineGuid as the registry spells it.
fn spelled(path: &str, guid: &str) -> String {
    let stem = path
        .len()
        .checked_sub(guid.len())
        .and_then(|at| path.split_at_checked(at))
        .filter(|(_, end)| end.eq_ignore_ascii_case(guid));
    stem.map_or_else(|| path.to_owned(), |(stem, _)| format!("{stem}{guid}"))
}

/// Refuses a saved plan that removes anything but what the proof of this image removes.
///
/// # Errors
/// [`Gate::Undecided`]; and as [`remove`].
pub fn check_saved(
    saved: &Wanted,
    proved: &Wanted,
    installation: &Installation,
    collected: &Collected,
) -> Planned<()> {
    if saved.removals.is_empty() {
        return Ok(());
    }
    let own = remove(proved, installation, collected)?;
    let is_own = own.is_some_and(|own| {
        own.removals == saved.removals
            && own
                .actions
                .iter()
                .all(|action| saved.actions.contains(action))
    });
    if is_own {
        return Ok(());
    }
    Err(Refusal::new(
        Gate::Undecided,
        "the saved plan removes a file that the proof of this image does not call bogus; only that one is ever removed",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guid_is_written_as_the_registry_spells_it() {
        assert_eq!(spelled("d\\c23_ab-CD", "AB-cd"), "d\\c23_AB-cd");
        assert_eq!(spelled("d\\c23_other", "AB-cd"), "d\\c23_other");
        assert_eq!(spelled("x", "AB-cd"), "x");
    }
}
