//! What the registry records of KB884872, held against the files.
//!
//! Places: the key of the update below its service pack (the scheme that KB922979 states for Update Rollup 1), the value
//! `Installed` of the Hotfix key (Q238552). Update Rollup 1 came later and may carry the files too: with its record a fixed
//! image without a record of its own is no contradiction.

use crate::artifact::registry::KeyValue;
use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::gather::empty_evidence;
use crate::facts::read::CURRENT_VERSION;
use crate::facts::{Context, HiveName};

/// Each service pack of Windows 2000 that updates were made for has a key here.
const UPDATES: &str = "Microsoft\\Updates\\Windows 2000";
/// Names of the update's record.
const OWN: [&str; 2] = ["KB884872", "Q884872"];
/// The name of the later collection's record.
const ROLLUP: &str = "Update Rollup 1";

/// Records that were found, and the places without one.
#[derive(Debug, Default)]
struct Records {
    found: Vec<Evidence>,
    looked: Vec<Evidence>,
}

/// The fact hotfix.registry_disagrees; `state` is hotfix.kb884872.
pub(crate) fn disagrees(
    context: &Context<'_>,
    state: &Result<Fact, Unknown>,
) -> Result<Fact, Unknown> {
    let state = state.as_ref().map_err(Clone::clone)?;
    let Some((Value::Text(word), files)) = state.get()? else {
        return Ok(state.clone());
    };
    if !["fixed", "partly_fixed", "not_fixed"].contains(&word.as_str()) {
        return Ok(Fact::found(false, files.clone()));
    }
    let own = records(context, &OWN)?;
    let disagrees = match (word.as_str(), own.found.is_empty()) {
        ("fixed", true) => records(context, &[ROLLUP])?.found.is_empty(),
        ("fixed", false) => false,
        (_, no_record) => !no_record,
    };
    let mut found = own.found.into_iter();
    let first = match found.next() {
        Some(first) => first,
        None => empty_evidence(
            own.looked,
            &context.place(HiveName::Software, UPDATES, None),
        ),
    };
    let files = files.clone().raw(format!("the files are {word}"));
    Ok(Fact::found_in(disagrees, first, found.chain([files])))
}

/// The records of an update by any of its names.
fn records(context: &Context<'_>, names: &[&str]) -> Result<Records, Unknown> {
    let mut records = Records::default();
    let packs = service_packs(context)?;
    for name in names {
        for pack in &packs {
            let path = format!("{UPDATES}\\{pack}\\{name}");
            if let Some(key) = context.key(HiveName::Software, &path)? {
                records.found.push(key.evidence);
            } else {
                let place = context.absent_evidence(HiveName::Software, &path, None);
                records.looked.push(place);
            }
        }
        let path = format!("{CURRENT_VERSION}\\Hotfix\\{name}");
        let is_installed = |value: &KeyValue| value.dword().map(|number| number == 1);
        match context.typed(HiveName::Software, &path, "Installed", is_installed)? {
            Some(found) if found.value => records.found.push(found.evidence),
            _ => records.looked.push(context.absent_evidence(
                HiveName::Software,
                &path,
                Some("Installed"),
            )),
        }
    }
    Ok(records)
}

/// The service packs below the updates key.
fn service_packs(context: &Context<'_>) -> Result<Vec<String>, Unknown> {
    let Some(updates) = context.key(HiveName::Software, UPDATES)? else {
        return Ok(Vec::new());
    };
    let place = updates.evidence.locator.clone();
    let fail = |error| Unknown::from_error(&error, place.clone());
    let mut names = Vec::new();
    for pack in updates.key.subkeys().map_err(fail)? {
        names.push(pack.name().map_err(fail)?);
    }
    Ok(names)
}
