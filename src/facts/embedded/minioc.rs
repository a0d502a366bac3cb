//! Post-clone actions in `minioc.inf`: xpe.sysprep_init_execute and xpe.minioc_faults.
//!
//! Section `[SysprepInitExecute]` lists what runs on the clone for MSDTC, COM+, SCE, IIS and Terminal Services ("Reseal
//! and IIS", XP Embedded team). An entry is read by the public convention `file.dll,EntryPoint`; the DLLs of components
//! are told by a table that rests on memory, so an unlisted one is "other" and no fault.

use std::collections::BTreeSet;

use crate::artifact::setup_inf::{Entry, Inf};
use crate::base::win_path::{WinPath, fold_name};
use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::embedded::is_fbreseal_kind;
use crate::facts::gather::Gather;
use crate::facts::{Context, Facts};

const FILE: &str = "inf\\minioc.inf";
const SECTION: &str = "SysprepInitExecute";
/// Where the DLL of an entry may lie, below the Windows folder.
const DLL_FOLDERS: [&str; 3] = ["system32", "system32\\inetsrv", "system32\\setup"];
/// How the names of the DLLs of IIS begin.
const IIS_DLLS: [&str; 3] = ["iis", "inetsrv", "infocomm"];

/// The file as it was read.
enum Minioc {
    NoFile(Evidence),
    NoSection(Evidence),
    Entries(Vec<Entry>, Evidence),
}

/// Collects the facts of this file; iis.installed must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let path = context.installation.windows(FILE);
    let (entries, faults) = match read(context, &path) {
        Err(unknown) => (Fact::Unknown(unknown.clone()), Fact::Unknown(unknown)),
        Ok(minioc) => (
            entries_fact(&minioc),
            faults_fact(context, facts, &path, &minioc),
        ),
    };
    facts.put("xpe.sysprep_init_execute", entries);
    facts.put("xpe.minioc_faults", faults);
}

fn read(context: &Context<'_>, path: &WinPath) -> Result<Minioc, Unknown> {
    let place = context.installation.place(path);
    let Some(bytes) = context.read(path)? else {
        return Ok(Minioc::NoFile(
            Evidence::at(place.clone()).searched(vec![place.to_string()]),
        ));
    };
    let metadata = context.metadata(path)?;
    let mut evidence = context.file_evidence(path, metadata.as_ref());
    let inf = Inf::parse(&bytes).map_err(|error| Unknown::from_error(&error, place.clone()))?;
    let section_place = place.step(format_args!("[{SECTION}]"));
    evidence.locator = section_place.clone();
    Ok(match inf.section(SECTION) {
        None => Minioc::NoSection(evidence.searched(vec![section_place.to_string()])),
        Some(section) => {
            evidence.line = Some(section.line);
            Minioc::Entries(section.entries.clone(), evidence)
        }
    })
}

fn entries_fact(minioc: &Minioc) -> Fact {
    match minioc {
        Minioc::NoFile(evidence) | Minioc::NoSection(evidence) => Fact::Absent(evidence.clone()),
        Minioc::Entries(entries, evidence) => {
            let texts = Value::texts(entries.iter().map(ToString::to_string));
            let lines = entries.iter().map(|entry| at_line(evidence, entry));
            Fact::found_in(texts, evidence.clone(), lines)
        }
    }
}

fn at_line(evidence: &Evidence, entry: &Entry) -> Evidence {
    let mut place = evidence.clone().raw(entry.to_string());
    place.line = Some(entry.line);
    place
}

fn faults_fact(context: &Context<'_>, facts: &Facts, path: &WinPath, minioc: &Minioc) -> Fact {
    let mut gather = Gather::default();
    match minioc {
        Minioc::NoFile(evidence) if is_fbreseal_kind(facts) => {
            gather.found("minioc.inf is not there", evidence.clone());
        }
        // Only the cloning tool of XP Embedded needs the file.
        Minioc::NoFile(evidence) => return Fact::Absent(evidence.clone()),
        Minioc::NoSection(evidence) => {
            gather.found(
                format!("section [{SECTION}] is not there"),
                evidence.clone(),
            );
        }
        Minioc::Entries(entries, evidence) => {
            look_at_entries(context, entries, evidence, &mut gather);
            look_for_iis(facts, entries, evidence, &mut gather);
        }
    }
    gather.list(&context.installation.place(path))
}

/// Entries that stand twice, and entries whose DLL is not there.
fn look_at_entries(
    context: &Context<'_>,
    entries: &[Entry],
    evidence: &Evidence,
    gather: &mut Gather,
) {
    let mut seen = BTreeSet::new();
    for entry in entries {
        let place = at_line(evidence, entry);
        if !seen.insert(fold_name(&entry.to_string())) {
            gather.found(format!("{entry} stands twice"), place);
            continue;
        }
        let Some(name) = dll_name(entry) else {
            gather.found(format!("{entry} names no DLL"), place);
            continue;
        };
        match is_installed(context, &name) {
            Err(unknown) => gather.unseen(unknown),
            Ok(true) => gather.nothing(place),
            Ok(false) => gather.found(format!("{name} is not installed"), place),
        }
    }
}

/// The name of the DLL without its folder.
fn dll_name(entry: &Entry) -> Option<String> {
    let name = WinPath::new(entry.field(0)?).file_name()?.to_owned();
    (!name.is_empty()).then_some(name)
}

fn is_installed(context: &Context<'_>, name: &str) -> Result<bool, Unknown> {
    for folder in DLL_FOLDERS {
        let path = context.installation.windows(folder).child(name);
        if context.metadata(&path)?.is_some_and(|file| !file.is_dir) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn look_for_iis(facts: &Facts, entries: &[Entry], evidence: &Evidence, gather: &mut Gather) {
    let has_entry = entries.iter().filter_map(dll_name).any(|name| {
        let folded = name.to_ascii_lowercase();
        IIS_DLLS.iter().any(|prefix| folded.starts_with(prefix))
    });
    if has_entry {
        return;
    }
    match facts.get("iis.installed") {
        Some(Fact::Unknown(unknown)) => gather.unseen(unknown.clone()),
        Some(Fact::Found {
            value: Value::Bool(true),
            ..
        }) => gather.found("IIS is installed and has no entry", evidence.clone()),
        _ => gather.nothing(evidence.clone()),
    }
}
