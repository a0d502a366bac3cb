//! The version of IIS, from `SOFTWARE\Microsoft\InetStp`.

use crate::evidence::{Fact, Unknown, Version};
use crate::facts::read::{corrupt, is_version, windows_version};
use crate::facts::{Context, Facts, HiveName};

/// The key of set-up.
pub(crate) const INETSTP: &str = "Microsoft\\InetStp";
/// The key of IIS 3.0 and older.
const OLD_KEY: &str = "Microsoft\\Inetsrv\\CurrentVersion";

/// `MajorVersion` and `MinorVersion`, else the first number of `VersionString`; IIS 3.0 and older are known by
/// `Inetsrv\CurrentVersion!ServiceName`, which tells no number: 3.0 stands for them on NT 4.0, and 1.0 before.
pub(crate) fn major_minor(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let number = |name| context.number(HiveName::Software, INETSTP, name);
    let (major, minor) = (number("MajorVersion")?, number("MinorVersion")?);
    let half = match (major, minor) {
        (Some(major), Some(minor)) => {
            let version = Version::from_parts(&[u64::from(major.value), u64::from(minor.value)]);
            return Ok(Fact::found_in(version, major.evidence, [minor.evidence]));
        }
        (half, None) | (None, half) => half,
    };
    if let Some(text) = context.text(HiveName::Software, INETSTP, "VersionString")? {
        return match version_in(&text.value) {
            Some(version) => Ok(Fact::found(version, text.evidence.raw(text.value))),
            None => Err(corrupt(
                format!("version should hold integer.integer, is \"{}\"", text.value),
                text.evidence,
            )),
        };
    }
    if let Some(half) = half {
        return Err(corrupt(
            "MajorVersion and MinorVersion should both be there, one is missing",
            half.evidence,
        ));
    }
    if let Some(name) = context.text(HiveName::Software, OLD_KEY, "ServiceName")? {
        let (windows, _) = windows_version(facts)?;
        let version = if windows < Version::from_parts(&[4, 0]) {
            Version::from_parts(&[1, 0])
        } else {
            Version::from_parts(&[3, 0])
        };
        let note = format!(
            "{}: IIS 3.0 or older; the number is not recorded",
            name.value
        );
        return Ok(Fact::found(version, name.evidence.raw(note)));
    }
    let searched = [
        context.place(HiveName::Software, INETSTP, Some("MajorVersion")),
        context.place(HiveName::Software, INETSTP, Some("VersionString")),
        context.place(HiveName::Software, OLD_KEY, Some("ServiceName")),
    ];
    let evidence = context
        .absent_evidence(HiveName::Software, INETSTP, Some("MajorVersion"))
        .searched(searched.iter().map(ToString::to_string).collect());
    Ok(Fact::Absent(evidence))
}

/// The first `integer.integer` of a text such as `Version 10.0`.
fn version_in(text: &str) -> Option<Version> {
    let start = text.find(|character: char| character.is_ascii_digit())?;
    let number = text.get(start..)?;
    let end = number
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(number.len());
    let version = Version::parse(number.get(..end)?.trim_end_matches('.'))?;
    match version.parts() {
        [major, minor, ..] => Some(Version::from_parts(&[*major, *minor])),
        _ => None,
    }
}

/// Whether the collected version of IIS is 4.0.
pub(crate) fn is_4_0(version: &Version) -> bool {
    is_version(version, 4, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_version_before_the_number_is_stripped() {
        let read = |text| version_in(text).map(|version| version.to_string());
        assert_eq!(read("Version 10.0").as_deref(), Some("10.0"));
        assert_eq!(read("4.0").as_deref(), Some("4.0"));
        assert_eq!(read("Version 8.5.9600").as_deref(), Some("8.5"));
        assert_eq!(read("Version 7"), None);
        assert_eq!(read("none"), None);
    }
}
