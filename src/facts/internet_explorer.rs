//! Facts about Internet Explorer (ie.*).
//!
//! `svcVersion` is read first (Internet Explorer 10 and later, where `Version` stays at 9.x), then `Version`.
//! "5.01 or later" compares integers with 5.00.2919.6307: version 5.01 is stored as 5.00.x, so neither the minor number nor
//! the text order decides, and three builds that call themselves 5.01 are pre-releases (Q164539, Q326779).

use crate::evidence::{Evidence, Fact, Unknown, Version};
use crate::facts::read::corrupt;
use crate::facts::{Context, Facts, HiveName};

/// The key in SOFTWARE.
const KEY: &str = "Microsoft\\Internet Explorer";
/// The first release of 5.01.
const FIRST_5_01: [u64; 4] = [5, 0, 2919, 6307];
/// Pre-releases of 5.01.
const PRERELEASES: [[u64; 4]; 3] = [[5, 0, 2516, 1900], [5, 0, 2919, 800], [5, 0, 2919, 3800]];

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let read = read(context);
    facts.put("ie.version", read.clone().map(version_fact));
    facts.put(
        "ie.at_least_5_01",
        read.map(|found| {
            let (answer, evidence) = match found {
                Read::Version(version, evidence) => {
                    let answer = at_least_5_01(&version);
                    (answer, evidence.raw(version.to_string()))
                }
                Read::None(evidence) => (Answer::No, evidence),
            };
            Fact::found(answer.as_str(), evidence)
        }),
    );
}

/// What the registry says.
#[derive(Debug, Clone)]
enum Read {
    Version(Version, Evidence),
    /// No version in a readable hive: Internet Explorer 3 or older, or none at all.
    None(Evidence),
}

fn version_fact(read: Read) -> Fact {
    match read {
        // Stored with leading zeros (5.00.2919.6307); shown as plain integers, the stored text stays in the evidence.
        Read::Version(version, evidence) => Fact::found(
            Version::from_parts(version.parts()),
            evidence.raw(version.to_string()),
        ),
        Read::None(evidence) => Fact::Absent(evidence),
    }
}

fn read(context: &Context<'_>) -> Result<Read, Unknown> {
    let mut searched = Vec::new();
    for name in ["svcVersion", "Version"] {
        match context.text(HiveName::Software, KEY, name)? {
            Some(found) if !found.value.trim().is_empty() => {
                return match parse(&found.value) {
                    Some(version) => Ok(Read::Version(version, found.evidence)),
                    None => Err(corrupt(
                        format!(
                            "version should be up to four integers with dots, is \"{}\"",
                            found.value
                        ),
                        found.evidence,
                    )),
                };
            }
            _ => searched.push(
                context
                    .place(HiveName::Software, KEY, Some(name))
                    .to_string(),
            ),
        }
    }
    let mut evidence = context
        .absent_evidence(HiveName::Software, KEY, Some("Version"))
        .searched(searched);
    if let Some(old) = context.text(HiveName::Software, KEY, "IVer")? {
        evidence = evidence.raw(format!("IVer = {}: older than 4.0", old.value));
    }
    Ok(Read::None(evidence))
}

/// One to four unsigned integers with dots.
fn parse(text: &str) -> Option<Version> {
    let text = text.trim();
    let digits_and_dots = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    Version::parse(text).filter(|version| digits_and_dots && version.parts().len() <= 4)
}

/// The answer to "5.01 or later".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Prerelease,
}

impl Answer {
    fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Prerelease => "prerelease",
        }
    }
}

fn at_least_5_01(version: &Version) -> Answer {
    if PRERELEASES
        .iter()
        .any(|build| *version == Version::from_parts(build))
    {
        Answer::Prerelease
    } else if *version >= Version::from_parts(&FIRST_5_01) {
        Answer::Yes
    } else {
        Answer::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published cases: version, then `yes`, `no`, `prerelease`, or `unknown` for what is no version.
    const CASES: &[(&str, &str)] = &[
        ("4.72.3612.1713", "no"),
        ("5.00.2014.0216", "no"),
        ("5.00.2314.1003", "no"),
        ("5.00.2614.3500", "no"),
        ("5.00.2516.1900", "prerelease"),
        ("5.00.2919.800", "prerelease"),
        ("5.00.2919.3800", "prerelease"),
        ("5.00.2919.6307", "yes"),
        ("5.00.2920.0000", "yes"),
        ("5.0.2920.0", "yes"),
        ("5.00.3103.1000", "yes"),
        ("5.00.3700.1000", "yes"),
        ("5.50.4134.0600", "yes"),
        ("6.00.2600.0000", "yes"),
        ("6.0.2900.5512", "yes"),
        ("7.0.5730.13", "yes"),
        ("8.0.6001.18702", "yes"),
        ("9.0.8112.16421", "yes"),
        ("9.10.9200.16384", "yes"),
        ("9.11.9600.16384", "yes"),
        ("11.0.9600.16384", "yes"),
        ("garbage", "unknown"),
        ("5.00.2919.6307.1", "unknown"),
        ("+5.0", "unknown"),
        ("5.00.", "unknown"),
    ];

    #[test]
    fn the_rule_for_5_01_answers_every_published_case() {
        for (version, expected) in CASES {
            let answer =
                parse(version).map_or("unknown", |version| at_least_5_01(&version).as_str());
            assert_eq!(answer, *expected, "{version}");
        }
    }
}
