//! Facts about services, their dependency graph and start order (svc.*).
//!
//! A service whose key cannot be read leaves the facts about the whole graph unknown: a list that may be short is no answer.

pub(crate) mod entry;
mod faults;
mod graph;
pub(crate) mod image_path;
mod of_windows;
mod race;
mod table;

use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::read::system_drive;
use crate::facts::services::entry::Start;
use crate::facts::services::graph::Graph;
use crate::facts::services::image_path::{Home, Program, program};
use crate::facts::services::table::Table;
use crate::facts::{Context, Facts, HiveName};

pub(crate) use crate::facts::services::entry::Service;
pub(crate) use crate::facts::services::table::{find, services_key};

/// Most services of a list whose own key is named as evidence.
const EVIDENCE_MAX: usize = 64;

/// The services without which IIS does not serve.
pub(crate) const SERVE: [&str; 4] = ["IISADMIN", "W3SVC", "WAS", "HTTPFilter"];

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let home = Home::of(context, system_drive(facts));
    let table = Table::read(context);
    facts.put(
        "svc.race_candidates",
        table
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|table| race_candidates(context, table, &home)),
    );
    for (id, chosen) in [
        ("svc.graph_faults", Chosen::All),
        ("svc.graph_errors", Chosen::Errors),
        ("svc.iis_errors", Chosen::ErrorsOfIis),
    ] {
        facts.put(
            id,
            table
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|table| graph_faults(context, table, chosen)),
        );
    }
    facts.put(
        "svc.psysdup2_without_file",
        psysdup2_without_file(context, &home),
    );
}

/// Which faults of the graph are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// All of them.
    All,
    /// Those that keep an auto-start service from starting.
    Errors,
    /// Those of them that a service has without which IIS does not serve, or one that such a service waits for.
    ErrorsOfIis,
}

/// The chosen faults of the graph as one line each.
fn graph_faults(context: &Context<'_>, table: &Table, chosen: Chosen) -> Result<Fact, Unknown> {
    table.whole()?;
    let graph = Graph::new(&table.services, &table.group_order);
    let faults = faults::faults(&graph);
    let for_iis = graph.waited_for_by_name(SERVE.iter().filter_map(|name| graph.find(name)));
    let is_for_iis = |service: &str| {
        let index = graph.find(service);
        index.is_some_and(|index| for_iis.get(index) == Some(&true))
    };
    let chosen: Vec<&faults::Fault> = faults
        .iter()
        .filter(|fault| match chosen {
            Chosen::All => true,
            Chosen::Errors => fault.is_error,
            Chosen::ErrorsOfIis => fault.is_error && is_for_iis(&fault.service),
        })
        .collect();
    let keys = evidence_of(context, chosen.iter().map(|fault| fault.service.as_str()))?;
    Ok(Fact::found_in(
        Value::texts(chosen.iter().map(|fault| fault.text.as_str())),
        table.evidence.clone(),
        table.order_evidence.iter().cloned().chain(keys),
    ))
}

/// Third-party auto-start services that do not reach MSDTC through their dependencies; none where there is no MSDTC.
fn race_candidates(context: &Context<'_>, table: &Table, home: &Home) -> Result<Fact, Unknown> {
    table.whole()?;
    let graph = Graph::new(&table.services, &table.group_order);
    let mut third_party = Vec::with_capacity(table.services.len());
    for service in &table.services {
        third_party.push(race::is_auto_start(service) && is_third_party(context, service, home)?);
    }
    let candidates = race::candidates(&graph, &third_party);
    let keys = evidence_of(
        context,
        candidates.iter().map(|service| service.name.as_str()),
    )?;
    Ok(Fact::found_in(
        Value::texts(candidates.iter().map(|service| service.name.as_str())),
        table.evidence.clone(),
        keys,
    ))
}

/// Whether a service is not of the operating system, by [`of_windows::is_third_party`]; the DLL of a shared host process
/// counts as its program.
fn is_third_party(context: &Context<'_>, service: &Service, home: &Home) -> Result<bool, Unknown> {
    let root = &context.installation.system_root;
    let resolve = |path: &str| program(path, home);
    let host = service.image_path.as_deref().map(resolve);
    let is_host = matches!(&host, Some(Program::InVolume(path))
        if path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("svchost.exe")));
    let own = if is_host {
        let key = format!("{}\\{}\\Parameters", services_key(context)?, service.name);
        context
            .text(HiveName::System, &key, "ServiceDll")?
            .map(|dll| resolve(&dll.value))
            .or(host)
    } else {
        host
    };
    Ok(of_windows::is_third_party(
        &service.name,
        own.as_ref(),
        root,
    ))
}

/// Evidence for the keys of the named services, the first of them if they are many.
fn evidence_of<'a>(
    context: &Context<'_>,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<Evidence>, Unknown> {
    let mut list = Vec::new();
    for name in names.take(EVIDENCE_MAX) {
        if let Some((service, evidence)) = find(context, name)? {
            list.push(evidence.raw(service.to_string()));
        }
    }
    Ok(list)
}

/// Whether `Psysdup2`, left behind by the Sysprep of NT 4.0, starts automatically without its file (Q198417).
fn psysdup2_without_file(context: &Context<'_>, home: &Home) -> Result<Fact, Unknown> {
    let Some((service, evidence)) = find(context, "Psysdup2")? else {
        let key = format!("{}\\Psysdup2", services_key(context)?);
        let absent = context.absent_evidence(HiveName::System, &key, None);
        return Ok(Fact::found(false, absent));
    };
    if service.start != Some(Start::Auto) {
        return Ok(Fact::found(false, evidence.raw(service.to_string())));
    }
    let path = service.image_path.as_deref().unwrap_or("");
    match program(path, home) {
        Program::InVolume(file) => {
            let (there, place) = crate::facts::read::look_for(context, &file)?;
            Ok(Fact::found_in(
                !there,
                evidence.raw(service.to_string()),
                [place],
            ))
        }
        Program::None => Ok(Fact::found(true, evidence.raw("no ImagePath"))),
        Program::Elsewhere(path) => Err(Unknown {
            reason: UnknownReason::NotProvided,
            detail: format!("{path} does not lie on this volume"),
            evidence,
        }),
    }
}
