//! What would mend it, step by step.
//!
//! A step is only what follows from the cause that was proved; what may hinder IIS besides, and is not proved to, is put beside
//! it and never in its place.

use crate::diagnosis::ask::{said, word, yes_no};
use crate::diagnosis::cause::{Cause, Seen, relevant, uses_no_metabase};
use crate::diagnosis::checks::{self, Check};
use crate::diagnosis::commands::repair_note;
use crate::diagnosis::hindrance;
use crate::diagnosis::questions::what_would_decide;
use crate::diagnosis::sealed;
use crate::evidence::{Fact, Value};
use crate::facts::Collected;
use crate::facts::machine_keys::Decision;

impl Cause {
    /// What would mend it, step by step.
    pub(crate) fn remedy(self, seen: &Seen<'_>) -> Vec<String> {
        let (collected, hindrances) = (seen.collected, &relevant(seen)[..]);
        let mut steps = Vec::new();
        match self {
            Self::NoMetabase | Self::Healthy => {}
            Self::MetabaseBroken | Self::ForeignMetabase => {
                steps.extend(copies(collected));
                steps.push(
                    "Restore metabase, machine keys and Protect folder together from one backup of the same installation"
                        .to_owned(),
                );
                steps.push(ANEW.to_owned());
            }
            Self::SealedKeysLost => {
                steps.extend(sealed::steps(collected));
                steps.extend(hindrance::remedies(&hindrance::beside_sealing(hindrances)));
            }
            Self::WrongName => {
                for action in &collected.plan.actions {
                    steps.push(renamed(&action.from, &action.to));
                }
                if collected.plan.decision == Decision::Swap {
                    steps.push("The two renames are one exchange of names: nothing is lost by it".to_owned());
                }
                steps.extend(repair_note(collected, self, seen.request));
                steps.extend(hindrance::remedies(&hindrance::beside_names(hindrances)));
                steps.extend(hotfix(collected));
            }
            Self::WrongNameUndecided => steps.push(format!(
                "Decide first what the proof leaves open ({}), then name the file with `goldseal repair IMAGE --set-name OLD=NEW`",
                collected.plan.reason
            )),
            Self::KeyDoesNotOpen => {
                steps.extend(copies(collected));
                steps.push(
                    "Restore the key file and the DPAPI master key that it names (system32\\Microsoft\\Protect\\S-1-5-18) from a backup of the same installation"
                        .to_owned(),
                );
                steps.push(ANEW.to_owned());
            }
            Self::Neighbour => {
                let mend = remedies_of_checks(seen);
                steps.push(if mend.is_empty() {
                    "Leave keys and metabase as they are; mend the service that the logs name, then start IIS again"
                        .to_owned()
                } else {
                    "Leave keys and metabase as they are".to_owned()
                });
                steps.extend(mend);
            }
            Self::Unexplained => {
                steps.extend(remedies_of_checks(seen));
                steps.extend(keys_of_iis_7(seen));
                steps.push(format!(
                    "{}Start a copy of the image and read its logs anew",
                    if uses_no_metabase(collected) {
                        "Rename nothing: no key of IIS 4 to 6 is needed here. "
                    } else {
                        "Rename nothing: the right key is in its place. "
                    }
                ));
            }
            Self::Access | Self::Blocked => steps.extend(hindrance::remedies(hindrances)),
            Self::Undecided => {
                steps.push(format!(
                    "What would decide it: {}",
                    what_would_decide(seen)
                ));
                steps.extend(hindrance::remedies(&hindrance::beside_names(hindrances)));
            }
        }
        steps
    }
}

/// Whether a list fact was found and has an element.
fn has_any(collected: &Collected, id: &str) -> bool {
    matches!(
        collected.facts.get(id).map(Fact::get),
        Some(Ok(Some((Value::List(list), _)))) if !list.is_empty()
    )
}

/// What to do about the checks that may hinder IIS and came out badly; the log of MSDTC has its command.
fn remedies_of_checks(seen: &Seen<'_>) -> Vec<String> {
    let remedy = |check: &Check| match check.check {
        "provider" => Some(
            "Export the key of the other default key provider out of the DEFAULT hive and delete it, then restart (Q311861, KEY-006)",
        ),
        "msdtc" => Some(
            "Let MSDTC start again: its Start is 4 (disabled), 2 starts it by itself and 3 when it is asked for",
        ),
        _ => None,
    };
    checks::doubtful(seen.checks)
        .filter_map(remedy)
        .map(str::to_owned)
        .collect()
}

/// What to look at where IIS 7 or later failed with a code of keys: its configuration has keys of its own.
fn keys_of_iis_7(seen: &Seen<'_>) -> Option<String> {
    let failed = seen.problem.telling_of_iis()?;
    let is_of_config = failed.has_key_code()
        && uses_no_metabase(seen.collected)
        && yes_no(seen.collected, "iis.config_encrypted") != Some(false);
    is_of_config.then(|| {
        "The code tells of a key, and the configuration of IIS 7 and later has keys of its own: see whether the files of iisConfigurationKey and iisWasKey carry MachineGuid (`goldseal keys`); set the encrypted values anew (KB942060)".to_owned()
    })
}

/// One rename: the folder once, where it is the same.
fn renamed(from: &str, to: &str) -> String {
    match (from.rsplit_once('\\'), to.rsplit_once('\\')) {
        (Some((folder, old)), Some((target, new))) if folder == target => {
            format!("In {folder} rename {old} to {new}")
        }
        _ => format!("Rename {from} to {to}"),
    }
}

/// On Windows 2000 the cause comes back without the hotfix.
fn hotfix(collected: &Collected) -> Option<String> {
    let missing = matches!(
        word(collected, "hotfix.kb884872"),
        Some("not_fixed" | "partly_fixed" | "prerequisite_missing")
    );
    missing.then(|| {
        "Install the hotfix of KB884872 afterwards (Service Pack 3 or later comes first): it repairs nothing, and without it MachineGuid can be reset again under load".to_owned()
    })
}

/// The last resort.
const ANEW: &str =
    "If neither is there: remove IIS and set it up anew; its configuration is then lost";

/// The copies of the metabase that would do.
fn copies(collected: &Collected) -> Option<String> {
    has_any(collected, "key.opened_copies").then(|| {
        format!(
            "Restore a copy of the metabase that a key in this image opens: {}",
            said(collected, "key.opened_copies")
        )
    })
}
