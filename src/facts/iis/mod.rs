//! Facts about Internet Information Services and the Option Pack (iis.*).
//!
//! `InetStp` alone proves nothing: IIS 2 and 3 and left-overs of failed set-ups have it too. Installed means three things at
//! once: a version, a service, a program file.

mod installed;
mod option_pack;
mod services;
mod version;

pub(crate) use services::{SERVICES, is_service};

use std::collections::BTreeMap;

use crate::evidence::{Evidence, Fact, Unknown, Value, Version};
use crate::facts::programs;
use crate::facts::read::{earlier_version, windows_version};
use crate::facts::services::entry::Service;
use crate::facts::services::{find, services_key};
use crate::facts::{Context, Facts, HiveName};

/// Versions of Windows and the versions of IIS that belong to them (from memory).
const PAIRS: [(&str, &[&str]); 11] = [
    ("3.51", &["1.0"]),
    ("4.0", &["2.0", "3.0", "4.0"]),
    ("5.0", &["5.0"]),
    ("5.1", &["5.1"]),
    ("5.2", &["6.0"]),
    ("6.0", &["7.0"]),
    ("6.1", &["7.5"]),
    ("6.2", &["8.0"]),
    ("6.3", &["8.5"]),
    ("10.0", &["10.0"]),
    ("3.5", &["1.0"]),
];

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("iis.major_minor", version::major_minor(context, facts));
    facts.put("iis.services", installed_services(context));
    facts.put("iis.installed", installed::installed(context, facts));
    facts.put("iis.file_versions", programs::iis(context));
    facts.put("iis.os_pair_ok", os_pair_ok(facts));
    facts.put("iis.ntop", option_pack::option_pack(context, facts));
    facts.put(
        "iis.installed_after_sp",
        option_pack::installed_after_service_pack(context, facts),
    );
}

/// The services of IIS that are there. An empty key (Windows 7 has one of W3SVC without IIS, measured) is none.
fn installed_services(context: &Context<'_>) -> Result<Fact, Unknown> {
    let mut map = BTreeMap::new();
    let mut places: Vec<Evidence> = Vec::new();
    for known in &SERVICES {
        if let Some((service, evidence)) = find(context, known.key)? {
            map.insert(known.key.to_owned(), describe(&service));
            places.push(evidence);
        }
    }
    let mut places = places.into_iter();
    let first = match places.next() {
        Some(first) => first,
        None => context.absent_evidence(HiveName::System, &services_key(context)?, None),
    };
    Ok(Fact::found_in(Value::Map(map), first, places))
}

/// The map of one service; what its key does not say is left out.
fn describe(service: &Service) -> Value {
    let mut map = BTreeMap::new();
    if let Some(start) = service.start {
        map.insert("start".to_owned(), Value::Int(start.number()));
    }
    if let Some(kind) = service.kind {
        map.insert("type".to_owned(), Value::from(kind));
    }
    if let Some(path) = &service.image_path {
        map.insert("image_path".to_owned(), Value::text(path));
    }
    let depends_on = service.depends_on.iter().map(ToString::to_string);
    map.insert("depends_on".to_owned(), Value::texts(depends_on));
    Value::Map(map)
}

/// Whether the version of IIS belongs to the version of Windows; absent where there is no IIS or no known pair for this
/// Windows.
fn os_pair_ok(facts: &Facts) -> Result<Fact, Unknown> {
    let (windows, windows_evidence) = windows_version(facts)?;
    let Some((iis, iis_evidence)) = earlier_version(facts, "iis.major_minor")? else {
        let place = facts
            .get("iis.major_minor")
            .and_then(|fact| fact.evidence().first());
        return Ok(Fact::Absent(place.cloned().unwrap_or(windows_evidence)));
    };
    let is =
        |text: &str, version: &Version| Version::parse(text).is_some_and(|row| row == *version);
    let Some((_, versions)) = PAIRS.iter().find(|(row, _)| is(row, &windows)) else {
        return Ok(Fact::Absent(windows_evidence));
    };
    let ok = versions.iter().any(|version| is(version, &iis));
    Ok(Fact::found_in(
        ok,
        iis_evidence.raw(format!("IIS {iis} on Windows {windows}")),
        [windows_evidence],
    ))
}
