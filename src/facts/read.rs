//! What the collectors share: earlier facts by id, and the unknowns of values that must be there or make no sense.
//!
//! A value that every Windows has and that is missing means that the hive is not whole: unknown, never a default.

use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Locator, Unknown, UnknownReason, Value, Version};
use crate::facts::{Context, Facts, HiveName};

/// `SOFTWARE\Microsoft\Windows NT\CurrentVersion`.
pub(crate) const CURRENT_VERSION: &str = "Microsoft\\Windows NT\\CurrentVersion";

/// Most subkeys of a key that are looked through.
const SUBKEYS_MAX: usize = 65_536;

/// A value that every Windows of this kind has is not there.
pub(crate) fn missing(context: &Context<'_>, hive: HiveName, key: &str, value: &str) -> Unknown {
    Unknown {
        reason: UnknownReason::Corrupt,
        detail: "every Windows has this value and it is not there; the hive is not whole"
            .to_owned(),
        evidence: context.absent_evidence(hive, key, Some(value)),
    }
}

/// A value was read and what it says is not of the form expected.
pub(crate) fn corrupt(detail: impl Into<String>, evidence: Evidence) -> Unknown {
    Unknown {
        reason: UnknownReason::Corrupt,
        detail: detail.into(),
        evidence,
    }
}

/// A fact collected before: found, absent, or unknown; one that was not collected at all is unknown.
pub(crate) fn earlier<'f>(
    facts: &'f Facts,
    id: &str,
) -> Result<Option<(&'f Value, &'f Evidence)>, Unknown> {
    match facts.get(id) {
        Some(fact) => fact.get(),
        None => Err(Unknown::new(
            UnknownReason::NotProvided,
            format!("{id} was not collected"),
            Locator::new(id),
        )),
    }
}

/// An earlier fact that is a version, with its evidence.
pub(crate) fn earlier_version(
    facts: &Facts,
    id: &str,
) -> Result<Option<(Version, Evidence)>, Unknown> {
    Ok(match earlier(facts, id)? {
        Some((Value::Version(version), evidence)) => Some((version.clone(), evidence.clone())),
        _ => None,
    })
}

/// Whether an earlier list of texts holds `word`, without regard to case, and the evidence of the list.
pub(crate) fn earlier_list_has(
    facts: &Facts,
    id: &str,
    word: &str,
) -> Result<Option<Evidence>, Unknown> {
    Ok(match earlier(facts, id)? {
        Some((Value::List(items), evidence)) => items
            .iter()
            .any(|item| matches!(item, Value::Text(text) if text.eq_ignore_ascii_case(word)))
            .then(|| evidence.clone()),
        _ => None,
    })
}

/// The Windows version, `major.minor`, as collected before.
pub(crate) fn windows_version(facts: &Facts) -> Result<(Version, Evidence), Unknown> {
    earlier_version(facts, "os.version")?.ok_or_else(|| {
        Unknown::new(
            UnknownReason::Corrupt,
            "os.version is not a version",
            Locator::new("os.version"),
        )
    })
}

/// Whether `version` is exactly `major.minor`.
pub(crate) fn is_version(version: &Version, major: u64, minor: u64) -> bool {
    *version == Version::from_parts(&[major, minor])
}

/// Evidence for a file or directory that was looked for, and whether it is there.
pub(crate) fn look_for(context: &Context<'_>, path: &WinPath) -> Result<(bool, Evidence), Unknown> {
    let metadata = context.metadata(path)?;
    let mut evidence = context.file_evidence(path, metadata.as_ref());
    if metadata.is_none() {
        evidence.searched = vec![evidence.locator.to_string()];
    }
    Ok((metadata.is_some(), evidence))
}

/// The system drive (`C:`), where it is known.
pub(crate) fn system_drive(facts: &Facts) -> Option<String> {
    match facts.get("os.system_drive")?.get() {
        Ok(Some((Value::Text(drive), _))) => Some(drive.clone()),
        _ => None,
    }
}

/// The names of the subkeys at `path` of SOFTWARE and the evidence of the key; `None` where there is no such key.
pub(crate) fn subkey_names(
    context: &Context<'_>,
    path: &str,
) -> Result<Option<(Vec<String>, Evidence)>, Unknown> {
    let Some(found) = context.key(HiveName::Software, path)? else {
        return Ok(None);
    };
    let fail = |error| Unknown::from_error(&error, found.evidence.locator.clone());
    let keys = found.key.subkeys().map_err(fail)?;
    if keys.len() > SUBKEYS_MAX {
        return Err(Unknown {
            reason: UnknownReason::LimitExceeded,
            detail: format!("{} subkeys, at most {SUBKEYS_MAX} are read", keys.len()),
            evidence: found.evidence,
        });
    }
    let names = keys.iter().map(|key| key.name().map_err(fail));
    Ok(Some((
        names.collect::<Result<Vec<_>, _>>()?,
        found.evidence,
    )))
}
