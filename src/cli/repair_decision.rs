//! What a repair is asked to do: by the names of `--set-name`, by the proof, or by a saved plan.

use goldseal::base::win_path::WinPath;
use goldseal::evidence::{Fact, Value};
use goldseal::facts::machine_keys::{NO_NAME_LASTS, copies_get_another_guid};
use goldseal::facts::{Collected, KeysView};
use goldseal::image::Installation;
use goldseal::image::filesystem::FileSystem;
use goldseal::repair::saved::Saved;
use goldseal::repair::{Action, Gate, Planned, Refusal, Wanted, bogus};

use crate::cli::Failure;
use crate::cli::args::RepairArgs;

/// What is to be done, and why.
pub(crate) struct Decision {
    /// The decision in one word, as the report has it.
    pub(crate) word: String,
    /// Why, in a sentence.
    pub(crate) reason: String,
    /// What is to be done, or why nothing can be.
    pub(crate) wanted: Planned<Wanted>,
    /// What an engineer has to know of it.
    pub(crate) warnings: Vec<String>,
}

/// The pairs of `--set-name`.
pub(crate) fn wanted_names(given: &[String]) -> Result<Vec<(&str, &str)>, Failure> {
    let pair = |text: &'_ String| -> Result<(usize, usize), Failure> {
        let at = text.find('=').filter(|at| *at > 0);
        at.map(|at| (at, at.saturating_add(1)))
            .ok_or_else(|| Failure::Usage(format!("--set-name {text}: expected OLD=NEW")))
    };
    given
        .iter()
        .map(|text| {
            let (end, start) = pair(text)?;
            Ok((
                text.get(..end).unwrap_or_default(),
                text.get(start..).unwrap_or_default(),
            ))
        })
        .collect()
}

/// What is to be done: what the user named, or what the proof says.
pub(crate) fn decide(
    args: &RepairArgs,
    names: &[(&str, &str)],
    installation: &Installation,
    collected: &Collected,
) -> Decision {
    if names.is_empty() {
        let mut decision = by_proof(collected);
        if args.delete_bogus {
            decision.remove_bogus(installation, collected);
        }
        return decision;
    }
    let actions: Planned<Vec<Action>> = names
        .iter()
        .map(|(old, new)| named(old, new, installation, collected))
        .collect();
    Decision {
        word: "named".to_owned(),
        reason: "the names were given with --set-name; no proof was asked".to_owned(),
        wanted: actions.map(Wanted::names),
        warnings: warnings(collected),
    }
}

/// What the proof says; what it does not decide is refused.
fn by_proof(collected: &Collected) -> Decision {
    let plan = KeysView::new(collected).plan;
    let actions: Vec<Action> = plan
        .actions
        .iter()
        .map(|action| Action {
            from: action.from.clone(),
            to: action.to.clone(),
        })
        .collect();
    let actions = match plan.decision.as_str() {
        "none" => Ok(Vec::new()),
        "rename_only" | "swap" if !actions.is_empty() => Ok(actions),
        _ if is_sealed_with_another_name(collected) => Err(Refusal::new(
            Gate::Sealed,
            format!("{}; `goldseal diagnose` says what to do", plan.reason),
        )),
        _ => Err(Refusal::new(
            Gate::Undecided,
            format!(
                "the proof decides on no new name: {}{}",
                plan.reason,
                if plan.reason.contains("a rename would not help") {
                    ""
                } else {
                    "; who knows the right file can name it with --set-name OLD=NEW"
                }
            ),
        )),
    };
    Decision {
        word: plan.decision.as_str().to_owned(),
        reason: plan.reason.clone(),
        wanted: actions.map(Wanted::names),
        warnings: warnings(collected),
    }
}

/// Whether the image is sealed and the key that signed the metabase has another name than MachineGuid asks for.
fn is_sealed_with_another_name(collected: &Collected) -> bool {
    let pairing = collected.facts.get("key.pairing").map(Fact::get);
    let is_other = matches!(pairing, Some(Ok(Some((Value::Text(word), _)))) if word == "other");
    is_other && copies_get_another_guid(&collected.facts)
}

/// What an engineer has to know of names that are given in this image.
fn warnings(collected: &Collected) -> Vec<String> {
    let is_sealed = copies_get_another_guid(&collected.facts);
    is_sealed
        .then(|| NO_NAME_LASTS.to_owned())
        .into_iter()
        .collect()
}

impl Decision {
    /// Turns an exchange of names into a removal of the bogus file and a rename. Nothing else is ever removed.
    fn remove_bogus(&mut self, installation: &Installation, collected: &Collected) {
        let Ok(wanted) = &self.wanted else { return };
        match bogus::remove(wanted, installation, collected) {
            Ok(None) => self
                .reason
                .push_str("; no file has the name that another one needs, so none is removed"),
            Ok(Some(wanted)) => {
                self.wanted = Ok(wanted);
                "delete_and_rename".clone_into(&mut self.word);
            }
            Err(refusal) => self.wanted = Err(refusal),
        }
    }
}

/// What a saved plan asks for; what it removes has to be what the proof of this image removes.
pub(crate) fn from_saved(
    saved: &Saved,
    installation: &Installation,
    collected: &Collected,
) -> Decision {
    let wanted = saved.wanted();
    let checked = if wanted.removals.is_empty() {
        Ok(())
    } else {
        by_proof(collected)
            .wanted
            .and_then(|proved| bogus::check_saved(&wanted, &proved, installation, collected))
    };
    let reason = if wanted.removals.is_empty() {
        "the plan was read from a file; no proof was asked"
    } else {
        "the plan was read from a file; what it removes was asked of the proof once more"
    };
    Decision {
        word: "saved".to_owned(),
        reason: reason.to_owned(),
        wanted: checked.map(|()| wanted),
        warnings: warnings(collected),
    }
}

/// One pair of `--set-name` as paths.
fn named(
    old: &str,
    new: &str,
    installation: &Installation,
    collected: &Collected,
) -> Planned<Action> {
    let from = if old.contains(['\\', '/']) {
        stored_path(installation.filesystem.as_ref(), old)?
    } else {
        let mut keys = collected.machine_keys.iter().filter(|key| key.name == old);
        match (keys.next(), keys.next()) {
            (Some(key), None) => key.path.clone(),
            (None, _) => {
                return Err(Refusal::new(
                    Gate::NotThere,
                    format!(
                        "{old}: no machine key has exactly this name; `goldseal keys` lists them"
                    ),
                ));
            }
            (Some(_), Some(_)) => {
                return Err(Refusal::new(
                    Gate::Name,
                    format!("{old}: several folders have a key of this name; give its path"),
                ));
            }
        }
    };
    if new.contains(['\\', '/']) {
        return Err(Refusal::new(
            Gate::Name,
            format!("{new}: a name without a path is wanted; the file stays in its folder"),
        ));
    }
    let folder = from.rsplit_once('\\').map_or("", |(folder, _)| folder);
    Ok(Action {
        to: WinPath::new(folder).child(new).to_string(),
        from,
    })
}

/// A path with its last name as it is stored.
fn stored_path(filesystem: &dyn FileSystem, path: &str) -> Planned<String> {
    let path = WinPath::new(path);
    let metadata = filesystem
        .metadata(&path)?
        .ok_or_else(|| Refusal::new(Gate::NotThere, format!("{path}: not there")))?;
    let mut components = path.components().to_vec();
    components.pop();
    components.push(metadata.name);
    Ok(components.join("\\"))
}
