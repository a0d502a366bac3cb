//! Whether IIS is installed: a version, a service and a program file, all three, in three-valued logic.

use crate::evidence::{Evidence, Fact, Locator, Unknown, UnknownReason};
use crate::facts::iis::version::INETSTP;
use crate::facts::read::{look_for, system_drive};
use crate::facts::services::image_path::{Program, place};
use crate::facts::services::{find, services_key};
use crate::facts::{Context, Facts, HiveName};

/// Services of which one must be there. HTTPFilter serves others than IIS too.
const SERVICES: [&str; 7] = [
    "W3SVC", "IISADMIN", "MSFTPSVC", "SMTPSVC", "NntpSvc", "FTPSVC", "WAS",
];
/// Program files of which one must be there.
const PROGRAMS: [&str; 3] = ["inetinfo.exe", "w3svc.dll", "iisw3adm.dll"];

/// One of the three parts.
type Part = Result<(bool, Evidence), Unknown>;

/// No if any part is missing, whatever could not be read; else unknown if any part could not be read; else yes.
pub(crate) fn installed(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let parts = [version(facts), service(context), program(context, facts)];
    if let Some((_, missing)) = parts.iter().flatten().find(|(there, _)| !there) {
        return Ok(Fact::found(false, missing.clone()));
    }
    let [version, service, program] = parts;
    Ok(Fact::found_in(true, version?.1, [service?.1, program?.1]))
}

fn version(facts: &Facts) -> Part {
    match facts.get("iis.major_minor") {
        Some(Fact::Unknown(unknown)) => Err(unknown.clone()),
        Some(fact) => {
            let evidence = fact.evidence().first().cloned();
            let there = matches!(fact, Fact::Found { .. });
            Ok((
                there,
                evidence.unwrap_or_else(|| Evidence::at(Locator::default())),
            ))
        }
        None => Err(Unknown::new(
            UnknownReason::NotProvided,
            "iis.major_minor was not collected",
            Locator::default(),
        )),
    }
}

fn service(context: &Context<'_>) -> Part {
    for name in SERVICES {
        if let Some((service, evidence)) = find(context, name)? {
            return Ok((true, evidence.raw(service.to_string())));
        }
    }
    let key = services_key(context)?;
    let searched = SERVICES.map(|name| {
        context
            .place(HiveName::System, &format!("{key}\\{name}"), None)
            .to_string()
    });
    let evidence = context
        .absent_evidence(HiveName::System, &key, None)
        .searched(searched.to_vec());
    Ok((false, evidence))
}

/// A program file in `system32\inetsrv` or in `InetStp!InstallPath`. A path on another drive cannot be looked into, so its
/// files are unknown and not absent.
fn program(context: &Context<'_>, facts: &Facts) -> Part {
    let mut folders = vec![context.installation.windows("system32\\inetsrv")];
    let mut out_of_sight = None;
    if let Some(path) = context.text(HiveName::Software, INETSTP, "InstallPath")? {
        let own = system_drive(facts);
        match place(
            &path.value,
            &context.installation.system_root,
            own.as_deref(),
        ) {
            Program::InVolume(folder) => folders.push(folder),
            Program::None => {}
            Program::Elsewhere(folder) => {
                out_of_sight = Some(Unknown {
                    reason: UnknownReason::NotProvided,
                    detail: format!("{folder} is not on this volume"),
                    evidence: path.evidence,
                });
            }
        }
    }
    let mut searched = Vec::new();
    for folder in &folders {
        for name in PROGRAMS {
            let (there, evidence) = look_for(context, &folder.child(name))?;
            if there {
                return Ok((true, evidence));
            }
            searched.push(evidence.locator.to_string());
        }
    }
    match (out_of_sight, folders.first()) {
        (Some(unknown), _) => Err(unknown),
        (None, Some(folder)) => {
            let place = context.installation.place(folder);
            Ok((false, Evidence::at(place).searched(searched)))
        }
        (None, None) => Ok((false, Evidence::at(context.installation.locator.clone()))),
    }
}
