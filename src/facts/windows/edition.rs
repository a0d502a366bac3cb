//! Product type, suites, display names, and whether the installation was upgraded from NT 4.0.

use std::collections::BTreeMap;

use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Unknown, Value, Version};
use crate::facts::read::{
    CURRENT_VERSION, corrupt, look_for, missing, system_drive, windows_version,
};
use crate::facts::services::image_path::{Home, Program, place};
use crate::facts::{Context, Facts, HiveName};

/// `Control\ProductOptions` of the current control set.
fn product_options(context: &Context<'_>) -> Result<String, Unknown> {
    context.in_control_set("Control\\ProductOptions")
}

/// `ProductType`: `WinNT`, `ServerNT` or `LanmanNT` (Q152078), in this spelling whatever the case in the hive.
pub(crate) fn product_type(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = product_options(context)?;
    let found = context
        .text(HiveName::System, &key, "ProductType")?
        .ok_or_else(|| missing(context, HiveName::System, &key, "ProductType"))?;
    let known = ["WinNT", "ServerNT", "LanmanNT"]
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(found.value.trim()));
    match known {
        Some(name) => Ok(Fact::found(name, found.evidence)),
        None => Err(corrupt(
            format!(
                "product type should be WinNT, ServerNT or LanmanNT, is \"{}\"",
                found.value
            ),
            found.evidence,
        )),
    }
}

/// The names in `ProductSuite`; an empty list where there is no such value.
pub(crate) fn product_suite(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = product_options(context)?;
    Ok(
        match context.texts(HiveName::System, &key, "ProductSuite")? {
            Some(found) => Fact::found(Value::texts(found.value), found.evidence),
            None => Fact::found(
                Value::List(Vec::new()),
                context.absent_evidence(HiveName::System, &key, Some("ProductSuite")),
            ),
        },
    )
}

/// The names that are shown to people; those that are not there are left out.
pub(crate) fn names(context: &Context<'_>) -> Result<Fact, Unknown> {
    let mut names = BTreeMap::new();
    for name in [
        "ProductName",
        "EditionID",
        "InstallationType",
        "ReleaseId",
        "DisplayVersion",
    ] {
        if let Some(text) = context.text(HiveName::Software, CURRENT_VERSION, name)? {
            names.insert(name.to_owned(), Value::Text(text.value));
        }
    }
    for name in ["UBR", "InstallDate"] {
        if let Some(number) = context.number(HiveName::Software, CURRENT_VERSION, name)? {
            names.insert(name.to_owned(), Value::from(number.value));
        }
    }
    let evidence = match context.key(HiveName::Software, CURRENT_VERSION)? {
        Some(key) => key.evidence,
        None => context.absent_evidence(HiveName::Software, CURRENT_VERSION, None),
    };
    Ok(Fact::found(Value::Map(names), evidence))
}

/// Whether a Windows 2000 or later keeps its profiles in `%SystemRoot%\Profiles`, as an upgrade from NT 4.0 does
/// (Q295162, Q271865). `ProfilesDirectory` decides; where it is absent, the folder `Profiles\All Users` does.
pub(crate) fn upgraded_from_nt4(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let (version, version_evidence) = windows_version(facts)?;
    if version < Version::from_parts(&[5, 0]) {
        return Ok(Fact::found(false, version_evidence));
    }
    let key = format!("{CURRENT_VERSION}\\ProfileList");
    let profiles = context.installation.windows("Profiles");
    if let Some(found) = context.text(HiveName::Software, &key, "ProfilesDirectory")? {
        let there = match place(&found.value, &Home::of(context, system_drive(facts))) {
            Program::InVolume(folder) => folder.eq_ignore_case(&profiles),
            Program::Elsewhere(_) | Program::None => false,
        };
        let folder = folder_evidence(context, &profiles);
        return Ok(Fact::found_in(
            there,
            found.evidence.raw(found.value),
            folder,
        ));
    }
    let (there, evidence) = look_for(context, &profiles.child("All Users"))?;
    let absent = context.absent_evidence(HiveName::Software, &key, Some("ProfilesDirectory"));
    Ok(Fact::found_in(there, evidence, [absent]))
}

fn folder_evidence(context: &Context<'_>, profiles: &WinPath) -> Option<Evidence> {
    let (there, evidence) = look_for(context, &profiles.child("All Users")).ok()?;
    there.then_some(evidence)
}
