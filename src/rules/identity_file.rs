//! Reads a file of identities: further rows for the table of [`IdentityPlace`], in the directory of an organisation's rules.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::facts::HiveName;
use crate::facts::identities::{IdentityPlace, Store};
use crate::rules::rule_file::{RULE_FILE_BYTES_MAX, RuleFileError, line_of};

/// Most characters of a name.
const NAME_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    identity: Vec<Spanned<RawIdentity>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentity {
    name: String,
    hive: Option<String>,
    key: Option<String>,
    value: Option<String>,
    #[serde(default)]
    subkeys: bool,
    file: Option<String>,
    entry: Option<String>,
    #[serde(default = "yes")]
    agent: bool,
    #[serde(default)]
    shown: bool,
}

fn yes() -> bool {
    true
}

/// Whether a file holds identities and not a rule.
pub(crate) fn is_identity_file(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[[identity]]")
}

/// The identities of a file, each with its line.
///
/// # Errors
///
/// The line and the reason, for a file that is not TOML, has unknown keys, or names no place.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<(IdentityPlace, usize)>, RuleFileError> {
    let refuse = |line, reason| RuleFileError {
        file: file.to_owned(),
        line,
        reason,
    };
    if text.len() > RULE_FILE_BYTES_MAX {
        let reason = format!(
            "at most {RULE_FILE_BYTES_MAX} bytes are read, this file has {}",
            text.len()
        );
        return Err(refuse(1, reason));
    }
    let raw: RawFile = toml::from_str(text).map_err(|error| {
        let line = line_of(text, &error.span().unwrap_or(0..0));
        refuse(line, error.message().trim().to_owned())
    })?;
    let rows = raw.identity.into_iter().map(|row| {
        let line = line_of(text, &row.span());
        let place = convert(row.into_inner()).map_err(|reason| refuse(line, reason))?;
        Ok((place, line))
    });
    rows.collect()
}

fn convert(raw: RawIdentity) -> Result<IdentityPlace, String> {
    if raw.name.trim().is_empty() || raw.name.chars().count() > NAME_MAX {
        return Err(format!("name: 1 to {NAME_MAX} characters are expected"));
    }
    let store = match (raw.key, raw.value, raw.subkeys, raw.file, raw.entry) {
        (Some(key), Some(value), false, None, None) => Store::Value {
            hive: hive(raw.hive.as_deref())?,
            key,
            value,
        },
        (Some(key), None, true, None, None) => Store::Subkeys {
            hive: hive(raw.hive.as_deref())?,
            key,
        },
        (None, None, false, Some(file), Some(entry)) if raw.hive.is_none() => {
            if Path::new(&file).is_absolute() || file.contains(':') || file.contains("..") {
                return Err(format!(
                    "file {file}: a path below the Windows folder is expected"
                ));
            }
            Store::Entry { file, entry }
        }
        _ => {
            return Err(
                "expected key and value, key and subkeys = true, or file and entry".to_owned(),
            );
        }
    };
    Ok(IdentityPlace {
        name: raw.name,
        store,
        is_agent: raw.agent,
        is_shown: raw.shown,
    })
}

fn hive(word: Option<&str>) -> Result<HiveName, String> {
    match word {
        None | Some("SOFTWARE") => Ok(HiveName::Software),
        Some("SYSTEM") => Ok(HiveName::System),
        Some(other) => Err(format!("hive {other}: SOFTWARE or SYSTEM is expected")),
    }
}
