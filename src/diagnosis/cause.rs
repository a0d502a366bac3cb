//! The cause: one word, one sentence, and what would mend it.
//!
//! The wording follows the overall verdicts of the chain of proof: what the file named for MachineGuid is worth (L1), which
//! file signed the metabase (L5), whether its master key is here (L6) and whether it opens (L7 to L9).

use serde::Serialize;

use crate::diagnosis::Request;
use crate::diagnosis::ask::{said, word, yes_no};
use crate::diagnosis::checks::{self, Check};
use crate::diagnosis::codes;
use crate::diagnosis::hindrance::{self, Hindrance};
use crate::diagnosis::history::Kinship;
use crate::diagnosis::key_files::KeyFile;
use crate::diagnosis::problem::{LoggedFailure, Problem};
use crate::diagnosis::questions::{reason, unseen};
use crate::diagnosis::sealed;
use crate::evidence::{Fact, Value};
use crate::facts::Collected;
use crate::facts::event_logs::EventTime;
use crate::facts::machine_keys::{Decision, copies_get_another_guid};

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
    /// The image is sealed: every copy gets another MachineGuid and no longer finds the key that IIS needs.
    SealedKeysLost,
    /// No key in the image signed the metabase.
    ForeignMetabase,
    /// The key that signed the metabase cannot be opened by this installation.
    KeyDoesNotOpen,
    /// The right key is there and opens the metabase, and Windows may not open its file.
    Access,
    /// The right key is there and opens the metabase, and something else stops IIS.
    Blocked,
    /// The right key is there and opens the metabase; what the logs tell of is a service beside IIS.
    Neighbour,
    /// The right key is there and opens the metabase, and the logs tell of failures of IIS that nothing here explains.
    Unexplained,
    /// It could not be decided.
    Undecided,
}

impl Cause {
    /// The cause that the facts show, with what hinders IIS whatever its keys.
    pub(crate) fn of(seen: &Seen<'_>) -> Self {
        let collected = seen.collected;
        if uses_no_metabase(collected) {
            return match hindered(seen) {
                Self::Healthy if sealed::loses_encrypted_config(collected) => Self::SealedKeysLost,
                Self::Healthy => Self::NoMetabase,
                other => other,
            };
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
            (Some("machine_guid" | "other"), _) if copies_get_another_guid(&collected.facts) => {
                Self::SealedKeysLost
            }
            (Some("machine_guid"), Some(true)) => match hindered(seen) {
                Self::Healthy if unseen(collected).is_some() => Self::Undecided,
                other => other,
            },
            (Some("other"), _) => match collected.plan.decision {
                Decision::RenameOnly | Decision::Swap => Self::WrongName,
                _ => Self::WrongNameUndecided,
            },
            _ => Self::Undecided,
        }
    }

    /// The facts that this cause rests on beside those that every diagnosis shows.
    pub(crate) fn shown(self) -> &'static [&'static str] {
        match self {
            Self::SealedKeysLost => &["sysprep.sealed", "os.version", "iis.config_encrypted"],
            _ => &[],
        }
    }

    /// The sentence, without the links and without the full stop.
    pub(crate) fn sentence(self, seen: &Seen<'_>) -> String {
        let (collected, hindrances) = (seen.collected, &relevant(seen)[..]);
        let files = || said(collected, "key.paired_files");
        match self {
            Self::NoMetabase => keys_are_right(seen) + &unclear(seen),
            Self::MetabaseBroken => format!(
                "The metabase is {}; no service of IIS starts, whatever the keys",
                said(collected, "iis.metabase_state")
            ),
            Self::Healthy => format!(
                "IIS can open its metabase: {} carries MachineGuid and signed it{}",
                files(),
                unclear(seen)
            ),
            Self::Neighbour => format!(
                "{}; what the logs tell of is a service beside IIS: {}",
                keys_are_right(seen),
                seen.problem
                    .last_of_neighbour()
                    .map(told)
                    .unwrap_or_default()
            ),
            Self::Unexplained => format!(
                "{}, and {}; the logs tell that it failed and not whether it still does (it may have been mended since, or fail for a reason that an image does not show): {}{}",
                keys_are_right(seen),
                doubts(seen),
                seen.problem.telling_of_iis().map(told).unwrap_or_default(),
                older_than_key(seen)
            ),
            Self::WrongName => format!(
                "IIS cannot open its metabase: {} signed it and does not carry MachineGuid {}; {}",
                files(),
                said(collected, "crypto.machine_guid"),
                repaired_by_rename(seen)
            ),
            Self::WrongNameUndecided => format!(
                "IIS cannot open its metabase: {} signed it and does not carry MachineGuid {}; which rename would repair it is not decided: {}",
                files(),
                said(collected, "crypto.machine_guid"),
                collected.plan.reason
            ),
            Self::SealedKeysLost => sealed::sentence(seen),
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
                "{}, so no key is the cause; what keeps IIS from starting is another thing: {}",
                keys_are_right(seen),
                hindrance::said(hindrances)
            ),
            Self::Undecided => format!(
                "Whether IIS can open its metabase is not decided: {}{}",
                reason(collected),
                also_hindered(hindrances)
            ),
        }
    }
}

/// Whether it is known that IIS uses no metabase.
pub(crate) fn uses_no_metabase(collected: &Collected) -> bool {
    yes_no(collected, "iis.metabase_in_use") == Some(false)
}

/// What hinders IIS: where it uses no metabase its services only, and nothing where there is no IIS.
pub(crate) fn relevant(seen: &Seen<'_>) -> Vec<Hindrance> {
    if !uses_no_metabase(seen.collected) {
        return seen.hindrances.to_vec();
    }
    let has_iis = yes_no(seen.collected, "iis.installed") == Some(true);
    let of_start = |one: &&Hindrance| has_iis && hindrance::is_of_start(one);
    seen.hindrances.iter().filter(of_start).cloned().collect()
}

/// What holds where no key is at fault.
fn hindered(seen: &Seen<'_>) -> Cause {
    let hindrances = relevant(seen);
    if hindrances.iter().any(|hindrance| hindrance.is_access) {
        return Cause::Access;
    }
    if !hindrances.is_empty() {
        return Cause::Blocked;
    }
    match (seen.problem.last_of_iis(), seen.problem.last_of_neighbour()) {
        (Some(_), _) => Cause::Unexplained,
        (None, Some(_)) => Cause::Neighbour,
        (None, None) => Cause::Healthy,
    }
}

/// What is proved of the keys, where they are not the cause.
fn keys_are_right(seen: &Seen<'_>) -> String {
    if uses_no_metabase(seen.collected) {
        let encrypted = yes_no(seen.collected, "iis.config_encrypted") == Some(true);
        let needs = if encrypted {
            ", but its configuration holds encrypted values that need the keys of IIS 7 and later (L5')"
        } else {
            ""
        };
        return format!("IIS uses no metabase here, so no key of IIS 4 to 6 is needed{needs}");
    }
    format!(
        "{} carries MachineGuid and signed the metabase",
        said(seen.collected, "key.paired_files")
    )
}

/// What is not as it should be although no cause is proved, for a sentence that claims no more.
fn doubts(seen: &Seen<'_>) -> String {
    let doubts: Vec<&str> = checks::doubtful(seen.checks)
        .map(|check| check.detail.as_str())
        .collect();
    if doubts.is_empty() {
        return "nothing here hinders IIS now".to_owned();
    }
    format!(
        "nothing here is proved to hinder IIS now; not as it should be, and possibly the cause: {}",
        doubts.join("; ")
    )
}

/// Failures in the logs of services whose names are not known, which may be of IIS.
fn unclear(seen: &Seen<'_>) -> String {
    seen.problem.unclear().next().map_or_else(String::new, |one| {
        format!(
            "; the logs tell of a service that failed and name it in a language that is not known here, so it may be one of IIS: {}",
            told(one)
        )
    })
}

/// What the times say where every failure of IIS in the logs is older than the key that signed the metabase. They suggest
/// and decide nothing.
fn older_than_key(seen: &Seen<'_>) -> &'static str {
    let last = seen
        .problem
        .failures
        .iter()
        .filter(|one| one.belongs_to == Kinship::Iis)
        .map(|one| one.failure.last.map(EventTime::filetime))
        .collect::<Option<Vec<_>>>()
        .and_then(|times| times.into_iter().max());
    let mut signers = seen
        .keys
        .iter()
        .filter(|key| key.signed_metabase == "paired")
        .filter_map(|key| key.created);
    if last.is_some_and(|last| signers.any(|created| created > last)) {
        "; by its time the key file was made after all of them, for example by a new set-up of IIS, or copied back"
    } else {
        ""
    }
}

/// A failure behind a sentence.
fn told(failure: &LoggedFailure) -> String {
    let one = &failure.failure;
    let time = one
        .last
        .and_then(EventTime::to_rfc3339)
        .unwrap_or_else(|| "at an unknown time".to_owned());
    let code = one
        .code
        .map_or_else(String::new, |code| format!(" with {}", codes::shown(code)));
    format!(
        "{} ({} {}), last {time}{code}",
        if one.subject.is_empty() {
            &one.source
        } else {
            &one.subject
        },
        one.source,
        one.event_id
    )
}

/// What is a fault whichever key is the right one.
fn also_hindered(hindrances: &[Hindrance]) -> String {
    let others = hindrance::beside_names(hindrances);
    if others.is_empty() {
        return String::new();
    }
    format!(
        "; a fault whichever key is the right one: {}",
        hindrance::said(&others)
    )
}

/// What a rename is worth.
fn repaired_by_rename(seen: &Seen<'_>) -> String {
    let others = hindrance::beside_names(seen.hindrances);
    if others.is_empty() {
        "renaming that file repairs it".to_owned()
    } else {
        format!(
            "renaming that file is needed and not enough: {}",
            hindrance::said(&others)
        )
    }
}

/// What a cause is decided and told by.
pub(crate) struct Seen<'s> {
    /// What was collected.
    pub(crate) collected: &'s Collected,
    /// What hinders IIS whatever its keys.
    pub(crate) hindrances: &'s [Hindrance],
    /// The state of what IIS needs beside the key.
    pub(crate) checks: &'s [Check],
    /// When the problem began.
    pub(crate) problem: &'s Problem,
    /// The key files of IIS.
    pub(crate) keys: &'s [KeyFile],
    /// What was asked.
    pub(crate) request: &'s Request<'s>,
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
