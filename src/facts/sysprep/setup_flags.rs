//! The flags of `SYSTEM\Setup` that say whether set-up runs at the next boot.
//!
//! `SystemSetupInProgress` is documented (Q216684). `SetupType` says when `CmdLine` runs: 0 never, 1 then restart, 2 then
//! log on. The other flags belong to mini-setup and to the welcome phase.

use std::collections::BTreeMap;

use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::{Context, Facts, HiveName};

/// The key, without control set.
pub(crate) const KEY: &str = "Setup";
/// Numbers of the key that are reported.
const NUMBERS: [&str; 8] = [
    "SystemSetupInProgress",
    "SetupType",
    "MiniSetupInProgress",
    "OobeInProgress",
    "FactoryPreInstallInProgress",
    "AuditInProgress",
    "SetupPhase",
    "RestartSetup",
];

/// Collects sysprep.setup_flags and sysprep.setup_flags.SystemSetupInProgress.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("sysprep.setup_flags", all(context));
    facts.put(
        "sysprep.setup_flags.SystemSetupInProgress",
        number(context, "SystemSetupInProgress")
            .map(|(value, evidence)| Fact::found(i64::from(value), evidence)),
    );
}

fn all(context: &Context<'_>) -> Result<Fact, Unknown> {
    let Some(key) = context.key(HiveName::System, KEY)? else {
        return Ok(context.absent(HiveName::System, KEY, None));
    };
    let mut flags = BTreeMap::new();
    for name in NUMBERS {
        if let Some(found) = context.number(HiveName::System, KEY, name)? {
            flags.insert(name.to_owned(), Value::Int(i64::from(found.value)));
        }
    }
    if let Some(found) = context.text(HiveName::System, KEY, "CmdLine")? {
        flags.insert("CmdLine".to_owned(), Value::Text(found.value));
    }
    Ok(Fact::found(Value::Map(flags), key.evidence))
}

/// A flag; one that is not there is 0.
pub(crate) fn number(context: &Context<'_>, name: &str) -> Result<(u32, Evidence), Unknown> {
    Ok(match context.number(HiveName::System, KEY, name)? {
        Some(found) => (found.value, found.evidence),
        None => (
            0,
            context.absent_evidence(HiveName::System, KEY, Some(name)),
        ),
    })
}

/// Whether `SetupType` and `CmdLine` make set-up run at the next boot, and where that stands.
pub(crate) fn command(context: &Context<'_>) -> Result<(bool, Vec<Evidence>), Unknown> {
    let (kind, kind_evidence) = number(context, "SetupType")?;
    let line = context.text(HiveName::System, KEY, "CmdLine")?;
    let has_line = line
        .as_ref()
        .is_some_and(|found| !found.value.trim().is_empty());
    let line_evidence = match line {
        Some(found) => {
            let text = found.value;
            found.evidence.raw(text)
        }
        None => context.absent_evidence(HiveName::System, KEY, Some("CmdLine")),
    };
    Ok((
        kind != 0 && has_line,
        vec![kind_evidence.raw(kind.to_string()), line_evidence],
    ))
}

/// Whether `CmdLine` holds that text (in lower case).
pub(crate) fn command_names(context: &Context<'_>, text: &str) -> Result<bool, Unknown> {
    let line = context.text(HiveName::System, KEY, "CmdLine")?;
    Ok(line.is_some_and(|found| found.value.to_ascii_lowercase().contains(text)))
}
