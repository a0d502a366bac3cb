//! The other containers of a repair (`--all-containers`): key files that carry the GUID of the proved file get the names that end
//! in MachineGuid too.
//!
//! The proof speaks of one file; its GUID says under which MachineGuid the others were made. Only a file of exactly that GUID is
//! renamed, and only to a name that is free. Every other key file is listed with the reason why it is left.

use serde::Serialize;

use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::Value;
use crate::facts::{Collected, MachineKey};
use crate::image::{Image, Installation};
use crate::repair::plan::RepairPlan;
use crate::repair::wanted::{Action, Wanted};

/// Most files that are renamed beside the proved one.
const OTHERS_MAX: usize = 256;

/// A key file that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotDone {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The renames of the other containers, and the files that are left. `wanted` is what the proof asks for, whose first action is
/// that of the proved file.
pub fn others(
    image: &Image,
    installation: &Installation,
    collected: &Collected,
    wanted: &Wanted,
) -> (Vec<Action>, Vec<NotDone>) {
    let (mut actions, mut left) = (Vec::new(), Vec::new());
    let guid = machine_guid(collected);
    let proved = wanted.actions.first().and_then(|action| {
        let keys = collected.machine_keys.iter();
        keys.filter_map(|key| Some((key, key.guid.as_deref()?)))
            .find(|(key, _)| key.path == action.from)
            .map(|(_, guid)| guid)
    });
    for key in &collected.machine_keys {
        let is_in_plan = wanted.actions.iter().any(|action| action.from == key.path)
            || wanted
                .removals
                .iter()
                .any(|removal| removal.path == key.path);
        if is_in_plan {
            continue;
        }
        match rename(key, proved, guid.as_deref(), collected)
            .and_then(|action| try_alone(image, installation, action))
        {
            Ok(action) if actions.len() < OTHERS_MAX => actions.push(action),
            Ok(_) => left.push(NotDone {
                path: key.path.clone(),
                reason: format!(
                    "one repair renames at most {OTHERS_MAX} other files; name it with --set-name"
                ),
            }),
            Err(reason) => left.push(NotDone {
                path: key.path.clone(),
                reason,
            }),
        }
    }
    (actions, left)
}

/// MachineGuid as the registry spells it.
pub(crate) fn machine_guid(collected: &Collected) -> Option<String> {
    match collected.facts.get("crypto.machine_guid")?.get() {
        Ok(Some((Value::Text(guid), _))) => Some(guid.clone()),
        _ => None,
    }
}

/// The rename of one file, or why there is none.
fn rename(
    key: &MachineKey,
    proved: Option<&str>,
    machine_guid: Option<&str>,
    collected: &Collected,
) -> Result<Action, String> {
    let (Some(proved), Some(machine_guid)) = (proved, machine_guid) else {
        return Err("no file is proved that carries another GUID than MachineGuid".to_owned());
    };
    let guid = key
        .guid
        .as_deref()
        .ok_or("its name does not end in a GUID")?;
    if eq_name(guid, machine_guid) {
        return Err("carries MachineGuid already".to_owned());
    }
    if !eq_name(guid, proved) {
        return Err(format!(
            "carries another GUID ({guid}) than the proved file ({proved})"
        ));
    }
    let stem = key
        .name
        .strip_suffix(guid)
        .ok_or("its name does not end in its GUID")?;
    let path = WinPath::new(&key.path);
    let folder = path.parent().ok_or("lies in no folder")?;
    let to = folder.child(&format!("{stem}{machine_guid}"));
    let taken = collected
        .machine_keys
        .iter()
        .find(|other| WinPath::new(&other.path).eq_ignore_case(&to));
    match taken {
        Some(other) => Err(format!(
            "its new name is that of another file ({})",
            other.name
        )),
        None => Ok(Action {
            from: key.path.clone(),
            to: to.to_string(),
        }),
    }
}

/// Asks every gate for this file alone, so that one that can't be renamed does not stop the others.
fn try_alone(image: &Image, installation: &Installation, action: Action) -> Result<Action, String> {
    match RepairPlan::make(image, installation, &Wanted::names(vec![action.clone()])) {
        Ok(_) => Ok(action),
        Err(refusal) => Err(refusal.to_string()),
    }
}
