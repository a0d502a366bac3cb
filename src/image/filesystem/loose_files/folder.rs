//! A folder of loose files: hives that lie directly in it, and what else of an installation lies beside them.

use std::path::{Path, PathBuf};

use crate::base::limits::Limits;
use crate::base::win_path::eq_name;
use crate::error::{Error, Result};
use crate::image::host::{HostEntry, HostEntryKind, HostTree, path_text};
use crate::image::source::LooseArtifacts;

/// The artefacts of the folder at `path`, if one of them is a hive and the folder is not itself a Windows tree.
///
/// # Errors
/// A folder that cannot be listed, or one with two files that differ in case only.
pub(super) fn recognise(path: &Path, limits: &Limits) -> Result<Option<LooseArtifacts>> {
    let tree = HostTree::open(path)?;
    let entries = tree
        .list(Path::new(""), limits.directory_entries_max)?
        .unwrap_or_default();
    let file = |name: &str| single(path, &entries, name, HostEntryKind::File);
    let mut artifacts = LooseArtifacts {
        system: file("SYSTEM")?,
        software: file("SOFTWARE")?,
        security: file("SECURITY")?,
        sam: file("SAM")?,
        default_hive: file("DEFAULT")?,
        ..LooseArtifacts::default()
    };
    if !artifacts.is_any() {
        return Ok(None);
    }
    artifacts.metabase = match file("MetaBase.xml")? {
        Some(xml) => Some(xml),
        None => match file("MetaBase.bin")? {
            Some(bin) => Some(bin),
            None => file("applicationHost.config")?,
        },
    };
    artifacts.minioc = file("minioc.inf")?;
    artifacts.machine_keys = single(path, &entries, "MachineKeys", HostEntryKind::Directory)?;
    artifacts.event_logs = entries
        .iter()
        .filter(|entry| entry.kind == HostEntryKind::File && is_event_log(entry))
        .map(|entry| path.join(&entry.name))
        .collect();
    Ok(Some(artifacts))
}

fn is_event_log(entry: &HostEntry) -> bool {
    Path::new(&entry.name).extension().is_some_and(|ending| {
        ending.eq_ignore_ascii_case("evt") || ending.eq_ignore_ascii_case("evtx")
    })
}

/// The one entry of that name, in any case; the exact one where there are several.
fn single(
    folder: &Path,
    entries: &[HostEntry],
    wanted: &str,
    kind: HostEntryKind,
) -> Result<Option<PathBuf>> {
    let same: Vec<&HostEntry> = entries
        .iter()
        .filter(|entry| {
            entry.kind == kind
                && entry
                    .name
                    .to_str()
                    .is_some_and(|name| eq_name(name, wanted))
        })
        .collect();
    let exact = same
        .iter()
        .find(|entry| entry.name.to_str() == Some(wanted));
    match (same.as_slice(), exact) {
        ([], _) => Ok(None),
        ([entry], _) | (_, Some(entry)) => Ok(Some(folder.join(&entry.name))),
        ([first, second, ..], None) => Err(Error::unsupported(format!(
            "{}: {} and {} differ in case only, and {wanted} could be either",
            path_text(folder),
            first.name.to_string_lossy(),
            second.name.to_string_lossy()
        ))),
    }
}
