//! Facts about Transaction Server of NT 4.0 (mts.*): its packages, and components of the package of IIS that IIS does not know.
//!
//! Each web application that runs in the process of IIS 4.0 is a component of the package "IIS In-Process Applications", and
//! its class id stands in the metabase as `AppWamClsid`, a string that is not encrypted. Q243342 compares the two lists by
//! hand; so does this. The tree of `MetaBase.bin` has no public description, so an id counts as known if the file holds its
//! text anywhere: one that is missing is missing for certain, one that is there is known by inference.

use std::collections::BTreeSet;

use crate::base::guid::Guid;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::machine_keys::live_metabase;
use crate::facts::read::subkey_names;
use crate::facts::{Context, Facts, HiveName};

/// The packages of Transaction Server in SOFTWARE.
pub(crate) const PACKAGES: &str = "Microsoft\\Transaction Server\\Packages";
/// The package "IIS In-Process Applications" (Q246309).
const IN_PROCESS: &str = "{3D14228C-FBE1-11d0-995D-00C04FD919C1}";
/// The component that comes with the package, `IISWAM.W3SVC` (Q246309); it is of no web application.
const OF_THE_PACKAGE: &str = "{99169CB0-A707-11d0-989D-00C04FD919C1}";
/// Characters of a class id with its braces.
const CLSID_CHARS: usize = 38;

/// Collects this group; iis.* must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("mts.package_names", package_names(context));
    facts.put(
        "mts.in_process_package",
        context.key_exists_fact(HiveName::Software, &format!("{PACKAGES}\\{IN_PROCESS}")),
    );
    let orphans = orphan_components(context, facts);
    facts.put("mts.orphan_components", orphans);
}

/// The names of all packages of Transaction Server, in the order of their keys.
fn package_names(context: &Context<'_>) -> Result<Fact, Unknown> {
    let Some((keys, evidence)) = subkey_names(context, PACKAGES)? else {
        let absent = context.absent_evidence(HiveName::Software, PACKAGES, None);
        return Ok(Fact::found(Value::List(Vec::new()), absent));
    };
    let mut names = Vec::new();
    for key in keys {
        let path = format!("{PACKAGES}\\{key}");
        names.extend(context.text(HiveName::Software, &path, "Name")?);
    }
    Ok(Fact::found(
        Value::texts(names.into_iter().map(|name| name.value)),
        evidence,
    ))
}

/// The number of components of the in-process package whose class id the metabase does not hold; 0 where the package has none
/// but its own.
fn orphan_components(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let path = format!("{PACKAGES}\\{IN_PROCESS}\\Components");
    let Some((components, evidence)) = subkey_names(context, &path)? else {
        let absent = context.absent_evidence(HiveName::Software, &path, None);
        return Ok(Fact::found(0_i64, absent));
    };
    let applications: Vec<&String> = components
        .iter()
        .filter(|id| !id.eq_ignore_ascii_case(OF_THE_PACKAGE))
        .collect();
    if applications.is_empty() {
        return Ok(Fact::found(0_i64, evidence));
    }
    let (known, metabase) = ids_in_metabase(context, facts, applications.len(), &evidence)?;
    let orphans: Vec<Evidence> = applications
        .into_iter()
        .filter(|id| Guid::parse(id).is_none_or(|guid| !known.contains(&guid)))
        .map(|id| evidence.clone().raw(format!("{id} is not in the metabase")))
        .collect();
    let count = i64::try_from(orphans.len()).unwrap_or(i64::MAX);
    let mut orphans = orphans.into_iter();
    Ok(match orphans.next() {
        Some(first) => Fact::found_in(count, first, orphans.chain([metabase])),
        None => Fact::found_in(count, evidence, [metabase]),
    })
}

/// The class ids that the live metabase holds as text, and its evidence.
fn ids_in_metabase(
    context: &Context<'_>,
    facts: &Facts,
    components: usize,
    package: &Evidence,
) -> Result<(BTreeSet<Guid>, Evidence), Unknown> {
    let nothing_to_compare = |detail: &str, evidence: Evidence| Unknown {
        reason: UnknownReason::NotProvided,
        detail: format!("{components} components, and {detail}"),
        evidence,
    };
    let Ok(live) = live_metabase::find(context, facts)? else {
        let why = "IIS uses no metabase that they could be compared with";
        return Err(nothing_to_compare(why, package.clone()));
    };
    let metadata = context.metadata(&live.path)?;
    let evidence = context.file_evidence(&live.path, metadata.as_ref());
    match context.read(&live.path)? {
        None => Err(nothing_to_compare("the metabase is not there", evidence)),
        Some(bytes) if bytes.iter().all(|byte| *byte == 0) => {
            Err(nothing_to_compare("the metabase is empty", evidence))
        }
        Some(bytes) => Ok((
            ids_in(&bytes),
            evidence.raw("looked for class ids as text; its tree has no public description"),
        )),
    }
}

/// Every class id in braces that the bytes hold as text, in UTF-16 or in one byte a character.
fn ids_in(bytes: &[u8]) -> BTreeSet<Guid> {
    let mut ids = BTreeSet::new();
    let braces = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'{');
    for (at, _) in braces {
        let rest = bytes.get(at..).unwrap_or_default();
        for width in [1, 2] {
            let text: String = rest
                .chunks_exact(width)
                .take(CLSID_CHARS)
                .map_while(|unit| match unit {
                    [byte] | [byte, 0] if byte.is_ascii_graphic() => Some(char::from(*byte)),
                    _ => None,
                })
                .collect();
            ids.extend(Guid::parse(&text).filter(|_| text.len() == CLSID_CHARS));
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::utf16;
    use crate::evidence::Version;
    use crate::facts::test_hive::TestHive;
    use crate::facts::test_image::{TestImage, detail, shown};

    const KNOWN: &str = "{60735342-438C-11D4-A35F-00C04F765674}";
    const ORPHAN: &str = "{6073535D-438C-11D4-A35F-00C04F765674}";
    const METABASE: &str = "WINDOWS\\system32\\inetsrv\\MetaBase.bin";

    /// An NT 4.0 with IIS 4.0 whose in-process package has these components.
    fn image(components: &[&str]) -> TestImage {
        let mut hive = TestHive::new();
        for id in components {
            hive = hive.key(&format!("{PACKAGES}\\{IN_PROCESS}\\Components\\{id}"));
        }
        TestImage::new("4.0", "none")
            .file("WINDOWS\\system32\\config\\SOFTWARE", hive.bytes())
            .fact("iis.installed", Value::Bool(true))
            .fact(
                "iis.major_minor",
                Value::Version(Version::from_parts(&[4, 0])),
            )
    }

    fn orphans(image: TestImage) -> Facts {
        image.collect(&[collect])
    }

    #[test]
    fn a_component_whose_class_id_the_metabase_lacks_is_an_orphan() {
        let metabase = utf16::encode_le(&format!("x{}y", KNOWN.to_ascii_lowercase()));
        let image = image(&[OF_THE_PACKAGE, KNOWN, ORPHAN]).file(METABASE, metabase);
        assert_eq!(shown(&orphans(image), "mts.orphan_components"), "1");
    }

    #[test]
    fn a_class_id_in_single_bytes_is_known_too() {
        let image = image(&[KNOWN]).file(METABASE, KNOWN.as_bytes());
        assert_eq!(shown(&orphans(image), "mts.orphan_components"), "0");
    }

    #[test]
    fn the_component_of_the_package_itself_needs_no_metabase() {
        let facts = orphans(image(&[OF_THE_PACKAGE]));
        assert_eq!(shown(&facts, "mts.orphan_components"), "0");
    }

    #[test]
    fn without_a_metabase_nothing_is_said_of_components() {
        let missing = orphans(image(&[KNOWN]));
        let why = detail(&missing, "mts.orphan_components");
        assert_eq!(why, "1 components, and the metabase is not there");
        let empty = orphans(image(&[KNOWN]).file(METABASE, [0; 64]));
        let why = detail(&empty, "mts.orphan_components");
        assert_eq!(why, "1 components, and the metabase is empty");
    }
}
