//! Where the logs of set-up and Sysprep lie, and the reading of them.
//!
//! Set-up of XP and 2003 writes into the Windows folder; that of Vista and later into Panther folders, one a phase: of
//! set-up itself, of the answer file at the first boot (UnattendGC), of Sysprep, and of an upgrade in `$Windows.~BT`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::NaiveDateTime;

use crate::artifact::text_log::lines;
use crate::artifact::text_log::panther::{self, SetupEvent};
use crate::base::redact;
use crate::base::win_path::{WinPath, fold_name};
use crate::evidence::{Evidence, Unknown, UnknownReason};
use crate::facts::Context;
use crate::facts::machine_keys::in_own_root;

/// Folders below the Windows folder that hold such logs.
const IN_WINDOWS: [&str; 4] = [
    "",
    "Panther",
    "System32\\Sysprep",
    "System32\\Sysprep\\Panther",
];
/// Folders from the root of the drive of Windows.
const IN_ROOT: [&str; 3] = [
    "$Windows.~BT\\Sources\\Panther",
    "$Windows.~BT\\Sources\\Rollback",
    "Panther",
];
/// Most logs that are read.
const FILES_MAX: usize = 256;
/// Most folders below a Panther folder that are looked into.
const SUBFOLDERS_MAX: usize = 64;
/// Most events that are kept of all logs.
const EVENTS_MAX: usize = 100_000;
/// The longest text of a line in evidence, in characters.
const RAW_CHARS_MAX: usize = 200;

/// A line that tells something.
#[derive(Debug, Clone)]
pub(crate) struct ToldLine {
    /// The local time, of a zone that the log does not name.
    pub(crate) time: Option<NaiveDateTime>,
    /// What it tells.
    pub(crate) event: SetupEvent,
    /// The place of the line, with the line.
    pub(crate) evidence: Evidence,
}

/// What the logs tell.
#[derive(Debug, Default)]
pub(crate) struct SetupLogs {
    /// The lines that tell something, by time; those without a time first, in the order of files and lines.
    pub(crate) lines: Vec<ToldLine>,
    /// The logs that were read.
    pub(crate) read: Vec<Evidence>,
    /// What could not be read.
    pub(crate) unseen: Vec<Unknown>,
}

/// The line as evidence, without what may be a secret: of an option nothing but its name.
fn shown(line: &str, event: &SetupEvent) -> String {
    let line = match event {
        SetupEvent::Option(name) => {
            let head = line.split(['\'', '"']).next().unwrap_or_default();
            Cow::Owned(format!("{head}'{name}'"))
        }
        _ => redact::secrets(line.trim()),
    };
    line.trim().chars().take(RAW_CHARS_MAX).collect()
}

/// Reads all logs of the installation.
pub(crate) fn read(context: &Context<'_>) -> SetupLogs {
    let mut logs = SetupLogs::default();
    for path in find(context, &mut logs) {
        if let Err(unknown) = read_file(context, &path, &mut logs) {
            logs.unseen.push(unknown);
        }
    }
    // A line stands in setupact.log and, if it is an error, in setuperr.log too.
    logs.lines.sort_by_key(|line| line.time);
    logs
}

fn find(context: &Context<'_>, logs: &mut SetupLogs) -> Vec<WinPath> {
    let folders = IN_WINDOWS
        .iter()
        .map(|tail| match *tail {
            "" => context.installation.system_root.clone(),
            tail => context.installation.windows(tail),
        })
        .chain(IN_ROOT.iter().map(|path| in_own_root(context, path)));
    let mut found = Vec::new();
    for folder in folders {
        let below = take_logs(context, &folder, &mut found, logs);
        let is_panther = folder
            .file_name()
            .is_some_and(|name| fold_name(name) == fold_name("Panther"));
        if is_panther {
            for name in below.into_iter().take(SUBFOLDERS_MAX) {
                take_logs(context, &folder.child(&name), &mut found, logs);
            }
        }
    }
    let mut known: BTreeSet<String> = BTreeSet::new();
    found.retain(|path: &WinPath| known.insert(fold_name(&path.to_string())));
    if found.len() > FILES_MAX {
        logs.unseen.push(Unknown::new(
            UnknownReason::LimitExceeded,
            format!("{} logs are there, {FILES_MAX} are read", found.len()),
            context.installation.locator.clone(),
        ));
        found.truncate(FILES_MAX);
    }
    found
}

/// Takes the logs of a folder, and gives the names of the folders below.
fn take_logs(
    context: &Context<'_>,
    folder: &WinPath,
    found: &mut Vec<WinPath>,
    logs: &mut SetupLogs,
) -> Vec<String> {
    let entries = match context.installation.filesystem.read_dir(folder) {
        Ok(entries) => entries.unwrap_or_default(),
        Err(error) => {
            let unknown = Unknown::from_error(&error, context.installation.place(folder));
            if unknown.reason != UnknownReason::NotProvided {
                logs.unseen.push(unknown);
            }
            return Vec::new();
        }
    };
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.is_dir);
    for entry in files {
        if is_log(&entry.name) {
            found.push(folder.child(&entry.name));
        }
    }
    folders.into_iter().map(|entry| entry.name).collect()
}

/// `setupact.log`, `setuperr.log`, and the copies that set-up keeps of them (`setupact.001.log`).
fn is_log(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.rsplit_once('.').is_some_and(|(stem, ending)| {
        ending == "log" && (stem.starts_with("setupact") || stem.starts_with("setuperr"))
    })
}

fn read_file(context: &Context<'_>, path: &WinPath, logs: &mut SetupLogs) -> Result<(), Unknown> {
    let Some(bytes) = context.read(path)? else {
        return Ok(());
    };
    let metadata = context.metadata(path)?;
    let file = context.file_evidence(path, metadata.as_ref());
    for (line, time, event) in panther::events(lines(&bytes)) {
        if logs.lines.len() >= EVENTS_MAX {
            return Err(Unknown {
                reason: UnknownReason::LimitExceeded,
                detail: format!("more than {EVENTS_MAX} lines of set-up logs tell of Sysprep"),
                evidence: file,
            });
        }
        let mut evidence = file.clone().raw(shown(&line.text, &event));
        evidence.line = Some(line.number);
        evidence.offset = Some(line.offset);
        logs.lines.push(ToldLine {
            time,
            event,
            evidence,
        });
    }
    logs.read.push(file);
    Ok(())
}
