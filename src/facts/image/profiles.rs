//! The profile list: users.profile_count, and where the folders of the users lie.

use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Unknown};
use crate::facts::machine_keys::in_own_root;
use crate::facts::{Context, Facts, HiveName};

/// The key of the profile list.
pub(crate) const KEY: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
/// How the SIDs of accounts of machines and domains begin.
const ACCOUNTS: &str = "S-1-5-21-";

/// A profile of the list.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) sid: String,
    /// Its folder on this volume, if the list names one.
    pub(crate) folder: Option<WinPath>,
    pub(crate) evidence: Evidence,
}

impl Profile {
    /// Whether it is that of an ordinary account and not of a service.
    pub(crate) fn is_account(&self) -> bool {
        self.sid
            .get(..ACCOUNTS.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(ACCOUNTS))
    }
}

/// Collects users.profile_count.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("users.profile_count", count(context));
}

fn count(context: &Context<'_>) -> Result<Fact, Unknown> {
    let accounts: Vec<Profile> = all(context)?
        .into_iter()
        .filter(Profile::is_account)
        .collect();
    let count = i64::try_from(accounts.len()).unwrap_or(i64::MAX);
    let mut evidence = accounts.into_iter().map(|profile| profile.evidence);
    Ok(match evidence.next() {
        Some(first) => Fact::found_in(count, first, evidence),
        None => Fact::found(
            count,
            context.absent_evidence(HiveName::Software, KEY, None),
        ),
    })
}

/// All profiles, in the order of the list.
pub(crate) fn all(context: &Context<'_>) -> Result<Vec<Profile>, Unknown> {
    let Some(list) = context.key(HiveName::Software, KEY)? else {
        return Ok(Vec::new());
    };
    let fail = |error| Unknown::from_error(&error, list.evidence.locator.clone());
    let mut profiles = Vec::new();
    for key in list.key.subkeys().map_err(fail)? {
        let sid = key.name().map_err(fail)?;
        let path = format!("{KEY}\\{sid}");
        let folder = context
            .text(HiveName::Software, &path, "ProfileImagePath")?
            .map(|found| folder_of(context, &found.value));
        let opened = context.hive(HiveName::Software)?;
        let place = context.place(HiveName::Software, &path, None);
        profiles.push(Profile {
            evidence: context.evidence_in(opened, place, &key, None),
            sid,
            folder,
        });
    }
    Ok(profiles)
}

/// The folder with `%SystemRoot%` put in; `%SystemDrive%` and a drive letter are the root of its drive.
fn folder_of(context: &Context<'_>, text: &str) -> WinPath {
    let after = |variable: &str| {
        text.get(..variable.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(variable))
            .then(|| text.get(variable.len()..).unwrap_or(""))
    };
    if let Some(tail) = after("%SystemRoot%") {
        return context.installation.windows(tail);
    }
    in_own_root(context, after("%SystemDrive%").unwrap_or(text))
}
