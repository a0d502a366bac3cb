//! Whether the installation was upgraded from an earlier Windows: setup.upgraded, setup.upgraded_from.
//!
//! Set-up of Vista and later keeps each earlier system in `SYSTEM\Setup\Source OS (Updated on ...)`, as measured. The
//! key `Setup\Upgrade`, the value `Setup!Upgrade` 0 and `Setup\BuildUpdate` stand on clean installations too and mean
//! nothing.

use crate::artifact::registry::Key;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::sysprep::generation::{self, Generation};
use crate::facts::{Context, Facts, HiveName};

const KEY: &str = "Setup";
/// How the names of the keys of earlier systems begin.
const SOURCE_OS: &str = "source os";

/// An earlier system.
#[derive(Debug)]
struct SourceOs {
    installed: Option<u32>,
    text: String,
    evidence: Evidence,
}

/// Collects setup.upgraded and setup.upgraded_from.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let generation = generation::of(facts);
    match sources(context) {
        Err(unknown) => {
            facts.put("setup.upgraded", Fact::Unknown(unknown.clone()));
            facts.put("setup.upgraded_from", Fact::Unknown(unknown));
        }
        Ok(found) if found.is_empty() => {
            let evidence = context
                .absent_evidence(HiveName::System, KEY, None)
                .searched(vec![format!(
                    "{} > Source OS (...)",
                    context.place(HiveName::System, KEY, None)
                )]);
            let is_recorded = generation.and_then(|generation| match generation {
                Generation::Vista => Ok(evidence),
                Generation::BeforeVista | Generation::Embedded => Err(Unknown {
                    reason: UnknownReason::Unsupported,
                    detail: "set-up before Vista keeps no Source OS key, and other traces of an upgrade are not \
                             read by this version"
                        .to_owned(),
                    evidence,
                }),
            });
            facts.put(
                "setup.upgraded",
                is_recorded
                    .clone()
                    .map(|evidence| Fact::found(false, evidence)),
            );
            facts.put(
                "setup.upgraded_from",
                is_recorded.map(|evidence| Fact::found(Value::List(Vec::new()), evidence)),
            );
        }
        Ok(found) => {
            let texts = Value::texts(found.iter().map(|source| source.text.clone()));
            let evidence: Vec<Evidence> = found.into_iter().map(|source| source.evidence).collect();
            if let Some((first, others)) = evidence.split_first() {
                facts.put(
                    "setup.upgraded",
                    Fact::found_in(true, first.clone(), others.iter().cloned()),
                );
                facts.put(
                    "setup.upgraded_from",
                    Fact::found_in(texts, first.clone(), others.iter().cloned()),
                );
            }
        }
    }
}

/// Takes the word of the logs for an upgrade that left no Source OS key (Microsoft-Windows-Setup 2003); evt.upgraded must be
/// there. What the logs do not tell they may have lost, so they never deny one. Answers whether that changed the fact.
pub(crate) fn look_at_logs(facts: &mut Facts) -> bool {
    let is_upgrade = |fact: &Fact| matches!(fact.get(), Ok(Some((Value::Bool(true), _))));
    let Some(told) = facts.get("evt.upgraded").filter(|fact| is_upgrade(fact)) else {
        return false;
    };
    if facts.get("setup.upgraded").is_some_and(is_upgrade) {
        return false;
    }
    let told = told.clone();
    facts.put("setup.upgraded", told);
    true
}

/// The earlier systems, the one that was installed first in front.
fn sources(context: &Context<'_>) -> Result<Vec<SourceOs>, Unknown> {
    let Some(setup) = context.key(HiveName::System, KEY)? else {
        return Ok(Vec::new());
    };
    let fail = |error| Unknown::from_error(&error, setup.evidence.locator.clone());
    let mut found = Vec::new();
    for key in setup.key.subkeys().map_err(fail)? {
        let name = key.name().map_err(fail)?;
        if name.to_ascii_lowercase().starts_with(SOURCE_OS) {
            found.push(source(context, &key, &name)?);
        }
    }
    found.sort_by_key(|source| source.installed);
    Ok(found)
}

fn source(context: &Context<'_>, key: &Key<'_>, name: &str) -> Result<SourceOs, Unknown> {
    let path = format!("{KEY}\\{name}");
    let product = context.text(HiveName::System, &path, "ProductName")?;
    let build = context.text(HiveName::System, &path, "CurrentBuild")?;
    let installed = context.number(HiveName::System, &path, "InstallDate")?;
    let mut text = product.map_or_else(|| name.to_owned(), |found| found.value);
    if let Some(build) = build {
        text = format!("{text} build {}", build.value);
    }
    let place = context.place(HiveName::System, &path, None);
    let evidence = match context.hive(HiveName::System) {
        Ok(opened) => context.evidence_in(opened, place, key, None),
        Err(unknown) => return Err(unknown),
    };
    Ok(SourceOs {
        installed: installed.map(|found| found.value),
        text,
        evidence,
    })
}
