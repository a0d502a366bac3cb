//! The key files of IIS in the order of their creation, with the one made nearest to the problem marked.
//!
//! KB884872 finds the bogus file by its time. Here that is a cross-check beside the pairing, which decides: a copied image
//! has other times, a restored file has none of its own, and after IIS was set up anew the newest file is the right one.

use serde::Serialize;

use crate::base::filetime::FileTime;
use crate::diagnosis::problem::Problem;
use crate::evidence::Fact;
use crate::facts::event_logs::EventTime;
use crate::facts::machine_keys::IIS_KEY_HASH;
use crate::facts::{Collected, MachineKey};

/// How far from the problem a file is still made near it, in seconds: a day.
const NEAR_SECONDS: u64 = 86_400;

/// A key file of IIS among those of its container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyFile {
    /// The name of the file.
    pub name: String,
    /// Its path inside the image.
    pub path: String,
    /// When it was made (`$STANDARD_INFORMATION`, else `$FILE_NAME`); `None` where the source has no such time.
    pub created: Option<FileTime>,
    /// Whether it carries MachineGuid; `None` if that is not known.
    pub carries_machine_guid: Option<bool>,
    /// Whether it signed the live metabase, as in `keys`.
    pub signed_metabase: &'static str,
    /// Whether it is the one made last; `None` where another one may be there that could not be read.
    pub newest: Option<bool>,
    /// Whether it is the one made nearest to the problem; `None` as above, and where the problem or the files have no time.
    pub nearest_problem: Option<bool>,
    /// Seconds from the problem to its creation, negative before it; `None` as above.
    pub seconds_from_problem: Option<i64>,
}

/// The key files of IIS 4 to 6, the oldest first; those without a time come last, in the order of their paths.
pub(crate) fn of(collected: &Collected, problem: &Problem) -> Vec<KeyFile> {
    let is_iis = |key: &&MachineKey| {
        key.container_hash.as_deref() == Some(IIS_KEY_HASH)
            && key.path.to_ascii_lowercase().contains("\\rsa\\")
    };
    let mut files: Vec<KeyFile> = collected
        .machine_keys
        .iter()
        .filter(is_iis)
        .map(|key| file(key, problem.time.map(EventTime::filetime)))
        .collect();
    files.sort_by_key(|file| (file.created.is_none(), file.created, file.path.clone()));
    let newest = files.iter().filter_map(|file| file.created).max();
    let nearest = files
        .iter()
        .filter_map(|file| Some((file.seconds_from_problem?.unsigned_abs(), file.created)))
        // Of two that are equally near the newer one.
        .min_by_key(|(distance, created)| (*distance, std::cmp::Reverse(*created)));
    // Of files that were not seen it is not known when they were made.
    let all_seen = !matches!(
        collected.facts.get("crypto.c23_files"),
        Some(Fact::Unknown(_))
    );
    for file in files.iter_mut().filter(|_| all_seen) {
        file.newest = Some(file.created.is_some() && file.created == newest);
        file.nearest_problem = nearest
            .filter(|_| file.created.is_some())
            .map(|(_, created)| file.created == created);
    }
    files
}

fn file(key: &MachineKey, problem: Option<FileTime>) -> KeyFile {
    let created = key.times.si_created.or(key.times.fn_created);
    KeyFile {
        name: key.name.clone(),
        path: key.path.clone(),
        created,
        carries_machine_guid: key.matches_machine_guid,
        signed_metabase: key.proof.signed_metabase,
        newest: None,
        nearest_problem: None,
        seconds_from_problem: created
            .zip(problem)
            .and_then(|(created, problem)| created.since(problem))
            .map(|distance| distance.num_seconds()),
    }
}

/// Whether the rule of time of KB884872 (the newest file near the problem is bogus) agrees with the pairing; `None` where
/// one of them says nothing.
pub(crate) fn times_agree(files: &[KeyFile]) -> Option<bool> {
    let marked = files
        .iter()
        .find(|file| file.nearest_problem == Some(true))?;
    let is_near = marked.seconds_from_problem?.unsigned_abs() <= NEAR_SECONDS;
    if !is_near || marked.newest != Some(true) || files.len() < 2 {
        return None;
    }
    match marked.signed_metabase {
        "paired" => Some(false),
        "not_paired" => files
            .iter()
            .any(|file| file.signed_metabase == "paired")
            .then_some(true),
        _ => None,
    }
}
