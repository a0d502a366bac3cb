//! Whether IIS is installed: a version, a service and a program file, all three, in three-valued logic.

use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Evidence, Fact, Locator, Unknown, UnknownReason};
use crate::facts::iis::SERVICES;
use crate::facts::iis::version::INETSTP;
use crate::facts::read::{look_for, system_drive};
use crate::facts::services::image_path::{Home, Program, place, program as program_of};
use crate::facts::services::{Service, find, services_key};
use crate::facts::{Context, Facts, HiveName};

/// The activation service alone also serves programs other than IIS.
const ACTIVATION: &str = "WAS";
/// Program files of which one must be there.
const PROGRAMS: [&str; 3] = ["inetinfo.exe", "w3svc.dll", "iisw3adm.dll"];

/// One of the three parts.
type Part = Result<(bool, Evidence), Unknown>;

/// Yes if all three parts are there. No if one is missing, whatever could not be read, unless the others show an IIS: such
/// signs contradict each other, as they do on a damaged image, and the answer is unknown.
pub(crate) fn installed(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let service = service(context);
    let shows_program = matches!(&service, Ok((Some(service), _))
        if service.image_path.is_some() && !eq_name(&service.name, ACTIVATION));
    let image_path = match &service {
        Ok((Some(service), _)) => service.image_path.clone(),
        _ => None,
    };
    let version = version(facts);
    let service: Part = service.map(|(service, evidence)| (service.is_some(), evidence));
    let program = program(context, facts, image_path.as_deref());
    let contradiction = match (is_there(&version), is_there(&service), is_there(&program)) {
        (Some(false), Some(true), Some(true) | None) if shows_program => "no version",
        (Some(true) | None, Some(true), Some(false)) if shows_program => "no program file",
        (Some(true), Some(false), Some(true)) => "no service",
        _ => "",
    };
    let missing = [&version, &service, &program]
        .into_iter()
        .flatten()
        .find(|(there, _)| !there);
    if let Some((_, evidence)) = missing {
        if contradiction.is_empty() {
            return Ok(Fact::found(false, evidence.clone()));
        }
        return Err(Unknown::new(
            UnknownReason::Corrupt,
            format!(
                "the signs of IIS contradict each other: {contradiction} is there, the rest is"
            ),
            evidence.locator.clone(),
        ));
    }
    Ok(Fact::found_in(true, version?.1, [service?.1, program?.1]))
}

/// Whether a part is there; `None` if it could not be read.
fn is_there(part: &Part) -> Option<bool> {
    part.as_ref().ok().map(|(there, _)| *there)
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

/// Services of which one must be there, in the order in which they are looked for.
fn shown_by() -> impl Iterator<Item = &'static str> {
    SERVICES
        .iter()
        .filter(|service| service.shows_iis)
        .map(|service| service.key)
}

/// The first of the services that is there, and where it or their absence shows.
fn service(context: &Context<'_>) -> Result<(Option<Service>, Evidence), Unknown> {
    for name in shown_by() {
        if let Some((service, evidence)) = find(context, name)? {
            let evidence = evidence.raw(service.to_string());
            return Ok((Some(service), evidence));
        }
    }
    let key = services_key(context)?;
    let searched = shown_by().map(|name| {
        context
            .place(HiveName::System, &format!("{key}\\{name}"), None)
            .to_string()
    });
    let evidence = context
        .absent_evidence(HiveName::System, &key, None)
        .searched(searched.collect());
    Ok((None, evidence))
}

fn is_among(folder: &WinPath, folders: &[WinPath]) -> bool {
    folders.iter().any(|known| known.eq_ignore_case(folder))
}

/// A program file in `system32\inetsrv`, in `InetStp!InstallPath`, or beside the program of the service: IIS 1.0 lies in
/// `INETSRV\server` of the root (Q148188). A path on another drive cannot be looked into, so its files are unknown and not
/// absent.
fn program(context: &Context<'_>, facts: &Facts, image_path: Option<&str>) -> Part {
    let mut folders = vec![context.installation.windows("system32\\inetsrv")];
    let mut out_of_sight = None;
    let home = Home::of(context, system_drive(facts));
    if let Some(path) = context.text(HiveName::Software, INETSTP, "InstallPath")? {
        match place(&path.value, &home) {
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
    if let Some(Program::InVolume(file)) = image_path.map(|path| program_of(path, &home)) {
        folders.extend(file.parent().filter(|folder| !is_among(folder, &folders)));
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
