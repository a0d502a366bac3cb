//! Which embedded Windows this is.
//!
//! No single trace proves it: `minioc.inf` comes with other systems too, and `WPA\PosReady!Installed` is widely set by
//! hand on plain Windows XP to get updates. So two questions are asked, and the second only where the first is yes.
//!
//! 1. Is the build an embedded one? Yes if any of these holds:
//!    (a) `EmbeddedNT` is in `Control\ProductOptions!ProductSuite`;
//!    (b) the key `Control\WindowsEmbedded\ProductVersion` exists in the current control set;
//!    (c) on NT 5.1, the folder `FBA` and the file `inf\minioc.inf` both exist in the Windows folder;
//!    (d) on NT 6.1, `EditionID` is `Embedded`.
//! 2. Which one? By version: 4.0 is `nt_embedded`; 5.1 is `posready2009` if `WPA\PosReady!Installed` is 1, else `wepos` if
//!    `WPA\WEPOS!Installed` is 1, else `wes2009` if `WPA\WES!Installed` is 1, else `xpe`; 6.1 is `wes7`; any other version
//!    is `other`.
//!
//! `none` is the answer where all these places were readable and none of (a) to (d) holds.

use crate::evidence::{Evidence, Fact, Unknown};
use crate::facts::read::{
    CURRENT_VERSION, earlier_list_has, is_version, look_for, windows_version,
};
use crate::facts::{Context, Facts, HiveName};

/// The WPA keys of NT 5.1 and the kind each tells, the deciding one first.
const WPA_KINDS: [(&str, &str); 3] = [
    ("PosReady", "posready2009"),
    ("WEPOS", "wepos"),
    ("WES", "wes2009"),
];

/// The kind, by the combination above.
pub(crate) fn kind(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let (version, version_evidence) = windows_version(facts)?;
    let is_5_1 = is_version(&version, 5, 1);
    let mut signs = Vec::new();
    signs.extend(earlier_list_has(facts, "os.product_suite", "EmbeddedNT")?);
    let key = context.in_control_set("Control\\WindowsEmbedded\\ProductVersion")?;
    if let Some(found) = context.key(HiveName::System, &key)? {
        signs.push(found.evidence);
    }
    if is_version(&version, 6, 1) {
        signs.extend(embedded_edition(context)?);
    }
    let files = if is_5_1 {
        match component_files(context) {
            Ok((both, evidence)) => {
                if both && signs.is_empty() {
                    signs.extend(evidence.first().cloned());
                }
                evidence
            }
            // The files can only add a sign; they matter where there is no other.
            Err(unknown) if signs.is_empty() => return Err(unknown),
            Err(_) => Vec::new(),
        }
    } else {
        Vec::new()
    };
    let keys = if is_5_1 {
        wpa_keys(context)?
    } else {
        Vec::new()
    };
    let mut others: Vec<Evidence> = keys.iter().map(|(_, evidence)| evidence.clone()).collect();
    others.extend(files);
    let mut signs = signs.into_iter();
    let Some(first) = signs.next() else {
        let searched = context.absent_evidence(HiveName::System, &key, None);
        return Ok(Fact::found_in("none", searched, others));
    };
    let kind = if is_5_1 {
        keys.first().map_or("xpe", |(kind, _)| kind)
    } else if is_version(&version, 4, 0) {
        "nt_embedded"
    } else if is_version(&version, 6, 1) {
        "wes7"
    } else {
        "other"
    };
    let rest = signs.chain(others).chain([version_evidence]);
    Ok(Fact::found_in(kind, first, rest))
}

/// Evidence that `EditionID` is `Embedded`.
fn embedded_edition(context: &Context<'_>) -> Result<Option<Evidence>, Unknown> {
    let edition = context.text(HiveName::Software, CURRENT_VERSION, "EditionID")?;
    Ok(edition
        .filter(|found| found.value.eq_ignore_ascii_case("Embedded"))
        .map(|found| found.evidence.raw(found.value)))
}

/// The kinds whose WPA key says `Installed` = 1.
fn wpa_keys(context: &Context<'_>) -> Result<Vec<(&'static str, Evidence)>, Unknown> {
    let mut keys = Vec::new();
    for (name, kind) in WPA_KINDS {
        let key = format!("WPA\\{name}");
        let installed = context.number(HiveName::System, &key, "Installed")?;
        keys.extend(
            installed
                .filter(|found| found.value == 1)
                .map(|found| (kind, found.evidence)),
        );
    }
    Ok(keys)
}

/// Whether the FBA folder and `minioc.inf` are both there, and evidence for those that are.
fn component_files(context: &Context<'_>) -> Result<(bool, Vec<Evidence>), Unknown> {
    let mut there = Vec::new();
    let mut both = true;
    for tail in ["FBA", "inf\\minioc.inf"] {
        let (found, evidence) = look_for(context, &context.installation.windows(tail))?;
        both &= found;
        if found {
            there.push(evidence);
        }
    }
    Ok((both, there))
}
