//! The cause: one word, one sentence, and what would mend it.
//!
//! The wording follows the overall verdicts of the chain of proof: what the file named for MachineGuid is worth (L1), which
//! file signed the metabase (L5), whether its master key is here (L6) and whether it opens (L7 to L9).

use serde::Serialize;

use crate::diagnosis::hindrance::{self, Hindrance};
use crate::evidence::{Fact, Value};
use crate::facts::Collected;
use crate::facts::machine_keys::Decision;

/// Why IIS can or cannot open its metabase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// IIS uses no metabase here.
    NoMetabase,
    /// The metabase is missing, empty or unreadable.
    MetabaseBroken,
    /// IIS can open its metabase.
    Healthy,
    /// The key that signed the metabase has another name; a rename mends it.
    WrongName,
    /// The key that signed the metabase has another name, and which rename would mend it is not decided.
    WrongNameUndecided,
    /// No key in the image signed the metabase.
    ForeignMetabase,
    /// The key that signed the metabase cannot be opened by this installation.
    KeyDoesNotOpen,
    /// The right key is there and opens the metabase, and Windows may not open its file.
    Access,
    /// The right key is there and opens the metabase, and something else stops IIS.
    Blocked,
    /// It could not be decided.
    Undecided,
}

/// A text fact, if it was found.
fn word<'c>(collected: &'c Collected, id: &str) -> Option<&'c str> {
    match collected.facts.get(id)?.get() {
        Ok(Some((Value::Text(word), _))) => Some(word),
        _ => None,
    }
}

fn yes_no(collected: &Collected, id: &str) -> Option<bool> {
    match collected.facts.get(id)?.get() {
        Ok(Some((Value::Bool(answer), _))) => Some(*answer),
        _ => None,
    }
}

/// A fact as text for a sentence.
fn said(collected: &Collected, id: &str) -> String {
    match collected.facts.get(id).map(Fact::get) {
        Some(Ok(Some((value, _)))) => value.to_string(),
        Some(Ok(None)) => "none".to_owned(),
        Some(Err(_)) | None => "unknown".to_owned(),
    }
}

/// Whether a list fact was found and has an element.
fn has_any(collected: &Collected, id: &str) -> bool {
    matches!(
        collected.facts.get(id).map(Fact::get),
        Some(Ok(Some((Value::List(list), _)))) if !list.is_empty()
    )
}

impl Cause {
    /// The cause that the facts show, with what hinders IIS whatever its keys.
    pub(crate) fn of(collected: &Collected, hindrances: &[Hindrance]) -> Self {
        if yes_no(collected, "iis.metabase_in_use") == Some(false) {
            return Self::NoMetabase;
        }
        if matches!(
            word(collected, "iis.metabase_state"),
            Some("missing" | "empty" | "unreadable")
        ) {
            return Self::MetabaseBroken;
        }
        let opens = yes_no(collected, "key.opens_metabase");
        match (word(collected, "key.pairing"), opens) {
            (Some("none"), _) => Self::ForeignMetabase,
            (Some("machine_guid" | "other"), Some(false)) => Self::KeyDoesNotOpen,
            (Some("machine_guid"), Some(true)) => hindered(hindrances),
            (Some("other"), _) => match collected.plan.decision {
                Decision::RenameOnly | Decision::Swap => Self::WrongName,
                _ => Self::WrongNameUndecided,
            },
            _ => Self::Undecided,
        }
    }

    /// The sentence, without the links and without the full stop.
    pub(crate) fn sentence(self, collected: &Collected, hindrances: &[Hindrance]) -> String {
        let files = || said(collected, "key.paired_files");
        match self {
            Self::NoMetabase => {
                "IIS uses no metabase here, so no machine key is needed to open one".to_owned()
            }
            Self::MetabaseBroken => format!(
                "The metabase is {}; no service of IIS starts, whatever the keys",
                said(collected, "iis.metabase_state")
            ),
            Self::Healthy => format!(
                "IIS can open its metabase: {} carries MachineGuid and signed it",
                files()
            ),
            Self::WrongName => format!(
                "IIS cannot open its metabase: {} signed it and does not carry MachineGuid {}; renaming that file repairs it",
                files(),
                said(collected, "crypto.machine_guid")
            ),
            Self::WrongNameUndecided => format!(
                "IIS cannot open its metabase: {} signed it and does not carry MachineGuid {}; which rename would repair it is not decided: {}",
                files(),
                said(collected, "crypto.machine_guid"),
                collected.plan.reason
            ),
            Self::ForeignMetabase => {
                let copies = copies_said(collected);
                format!(
                    "IIS cannot open its metabase: no key in this image signed it, metabase and keys belong to different installations{copies}"
                )
            }
            Self::KeyDoesNotOpen => format!(
                "IIS cannot open its metabase: {} signed it, and this installation cannot open that key; a rename would not help",
                files()
            ),
            Self::Access => format!(
                "IIS cannot open its metabase: {} carries MachineGuid and signed it, and Windows may not open the file: {}",
                files(),
                hindrance::said(hindrances)
            ),
            Self::Blocked => format!(
                "{} carries MachineGuid, signed the metabase and opens it, and IIS does not start all the same: {}",
                files(),
                hindrance::said(hindrances)
            ),
            Self::Undecided => format!(
                "Whether IIS can open its metabase is not decided: {}",
                reason(collected)
            ),
        }
    }

    /// What would mend it, step by step.
    pub(crate) fn remedy(self, collected: &Collected, hindrances: &[Hindrance]) -> Vec<String> {
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
            Self::WrongName => {
                for action in &collected.plan.actions {
                    steps.push(format!("Rename {} to {}", action.from, action.to));
                }
                if collected.plan.decision == Decision::Swap {
                    steps.push("The two renames are one exchange of names: nothing is lost by it".to_owned());
                }
                steps.push(
                    "`goldseal repair IMAGE` shows this plan and what every check would say afterwards"
                        .to_owned(),
                );
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
            Self::Access | Self::Blocked => steps.extend(hindrance::remedies(hindrances)),
            Self::Undecided => steps.push(format!(
                "What would decide it: {}",
                what_would_decide(collected)
            )),
        }
        steps
    }
}

/// What holds where the right key is in its place.
fn hindered(hindrances: &[Hindrance]) -> Cause {
    if hindrances.iter().any(|hindrance| hindrance.is_access) {
        Cause::Access
    } else if hindrances.is_empty() {
        Cause::Healthy
    } else {
        Cause::Blocked
    }
}

/// What is known of the copies, behind the sentence on a foreign metabase.
fn copies_said(collected: &Collected) -> String {
    match collected.facts.get("key.opened_copies").map(Fact::get) {
        Some(Ok(Some((Value::List(list), _)))) if list.is_empty() => {
            "; no copy of the metabase in this image is opened by a key that is here".to_owned()
        }
        Some(Ok(Some((copies, _)))) => format!("; a key here opens the copy {copies}"),
        Some(Err(unknown)) => format!(
            "; whether a key here opens a copy of it is not known: {}",
            unknown.detail
        ),
        Some(Ok(None)) | None => String::new(),
    }
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

/// Why nothing was decided, from the fact that decides first.
fn reason(collected: &Collected) -> String {
    for id in ["iis.metabase_in_use", "key.pairing", "key.opens_metabase"] {
        if let Some(Fact::Unknown(unknown)) = collected.facts.get(id) {
            return unknown.detail.clone();
        }
    }
    "no fact on the pairing of key and metabase was found".to_owned()
}

fn what_would_decide(collected: &Collected) -> String {
    let was_read = collected
        .metabases
        .iter()
        .any(|metabase| metabase.is_live && metabase.session_key_blobs > Some(0));
    if was_read && matches!(collected.facts.get("key.pairing"), Some(Fact::Unknown(_))) {
        return "a look at a running copy of the image; `goldseal check --assert key.pairing=...` then takes your word for it".to_owned();
    }
    for (id, what) in [
        (
            "iis.metabase_in_use",
            "the hives SOFTWARE and SYSTEM of this installation",
        ),
        (
            "key.pairing",
            "a metabase with a signed session key, and every key file of its container",
        ),
        (
            "key.opens_metabase",
            "the folder system32\\Microsoft\\Protect\\S-1-5-18 with the master keys",
        ),
    ] {
        if let Some(Fact::Unknown(_)) = collected.facts.get(id) {
            return what.to_owned();
        }
    }
    "a complete image".to_owned()
}
