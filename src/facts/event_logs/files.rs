//! Where the System and Application logs of an installation lie, and the reading of one of them.
//!
//! The registry names the file of a log (`Services\EventLog\System!File`); the usual places are looked into besides, since
//! an upgrade leaves the old log behind. Logs that were named one by one are read whatever their name is.

use crate::artifact::event_log::{self, EventRecord, LogSummary, Query};
use crate::base::win_path::{WinPath, eq_name, fold_name};
use crate::evidence::{Evidence, Unknown, UnknownReason};
use crate::facts::context::Typed;
use crate::facts::machine_keys::on_volume;
use crate::facts::{Context, HiveName};

/// The logs that are read, with their usual files up to 5.2 and from 6.0 on.
const LOGS: [(&str, [&str; 2]); 2] = [
    (
        "System",
        [
            "system32\\config\\SysEvent.Evt",
            "system32\\winevt\\Logs\\System.evtx",
        ],
    ),
    (
        "Application",
        [
            "system32\\config\\AppEvent.Evt",
            "system32\\winevt\\Logs\\Application.evtx",
        ],
    ),
];
/// Where loose logs are put.
const FOLDERS: [&str; 2] = ["system32\\config", "system32\\winevt\\Logs"];

/// A log that is there.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// `System` or `Application`, or the name of the file where it tells neither.
    pub log: String,
    /// The file.
    pub path: WinPath,
    /// The place of the file.
    pub evidence: Evidence,
}

/// The logs of an installation.
#[derive(Debug, Clone, Default)]
pub struct LogFiles {
    /// Those that are there.
    pub files: Vec<LogFile>,
    /// The logs that could not be looked for, each with the reason.
    pub unseen: Vec<(String, Unknown)>,
}

impl LogFiles {
    /// Whether a file of that log is there.
    pub fn has(&self, log: &str) -> bool {
        self.files.iter().any(|file| file.log == log)
    }

    fn take(&mut self, context: &Context<'_>, log: &str, path: WinPath) {
        if self
            .files
            .iter()
            .any(|known| eq_name(&known.path.to_string(), &path.to_string()))
        {
            return;
        }
        match context.metadata(&path) {
            Err(unknown) if unknown.reason == UnknownReason::NotProvided => {}
            Err(unknown) => self.unseen.push((log.to_owned(), unknown)),
            Ok(Some(metadata)) if !metadata.is_dir => {
                let evidence = context.file_evidence(&path, Some(&metadata));
                self.files.push(LogFile {
                    log: log.to_owned(),
                    path,
                    evidence,
                });
            }
            Ok(_) => {}
        }
    }
}

/// Finds the logs of the installation.
pub fn find(context: &Context<'_>) -> LogFiles {
    let mut logs = LogFiles::default();
    let mut named: Vec<(&str, Unknown)> = Vec::new();
    for (log, usual) in LOGS {
        // A registry that is not at hand leaves the usual places.
        match file_value(context, log) {
            Ok(Some(found)) => take_registered(context, log, &found, &mut logs, &mut named),
            Ok(None) => {}
            Err(unknown) if unknown.reason == UnknownReason::NotProvided => {}
            Err(unknown) => named.push((log, unknown)),
        }
        for tail in usual {
            logs.take(context, log, context.installation.windows(tail));
        }
    }
    for folder in FOLDERS {
        take_named(context, folder, &mut logs);
    }
    for (log, _) in LOGS {
        if logs.has(log) {
            logs.unseen.retain(|(unseen, _)| unseen != log);
        }
    }
    // What the registry names is the log: one at the usual place does not stand in for it.
    let named = named.into_iter();
    logs.unseen
        .extend(named.map(|(log, unknown)| (log.to_owned(), unknown)));
    logs
}

/// What the registry names as the file of a log.
fn file_value(context: &Context<'_>, log: &str) -> Result<Option<Typed<String>>, Unknown> {
    let key = context.in_control_set(&format!("Services\\EventLog\\{log}"))?;
    context.text(HiveName::System, &key, "File")
}

/// Takes the file that the registry names. One that lies on another volume, or is not there while another one lies at the
/// usual place, is missing.
fn take_registered(
    context: &Context<'_>,
    log: &'static str,
    found: &Typed<String>,
    logs: &mut LogFiles,
    named: &mut Vec<(&'static str, Unknown)>,
) {
    let path = match on_volume(context, &found.value, &found.evidence.locator) {
        Ok(path) => path,
        Err(unknown) => return named.push((log, unknown)),
    };
    if matches!(context.metadata(&path), Ok(None)) {
        let usual = LOGS.iter().filter(|(name, _)| *name == log);
        let mut usual = usual.flat_map(|(_, tails)| tails);
        let is_elsewhere = usual.any(|tail| {
            let other = context.installation.windows(tail);
            matches!(context.metadata(&other), Ok(Some(_)))
        });
        if is_elsewhere {
            let detail = "the registry names this log and it is not there; the one at the usual place may be older";
            let place = context.installation.place(&path);
            named.push((log, Unknown::new(UnknownReason::NotProvided, detail, place)));
        }
        return;
    }
    logs.take(context, log, path);
}

/// Logs that were named one by one on the command line.
fn take_named(context: &Context<'_>, folder: &str, logs: &mut LogFiles) {
    let folder = fold_name(&context.installation.windows(folder).to_string());
    for path in context.installation.filesystem.named_files() {
        let name = path.file_name().unwrap_or("").to_owned();
        let is_inside = fold_name(&path.to_string()).starts_with(&folder);
        if is_inside && !is_hive(&name) {
            logs.take(context, &log_of(&name), path);
        }
    }
}

/// Whether a name in the folder of hives is that of a hive or of one of its logs.
fn is_hive(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    HiveName::ALL
        .iter()
        .any(|hive| eq_name(hive.file_name(), stem))
}

/// The log that a file is by its name.
fn log_of(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if lower.contains("sysevent") || lower.starts_with("system") {
        "System".to_owned()
    } else if lower.contains("appevent") || lower.starts_with("application") {
        "Application".to_owned()
    } else {
        name.to_owned()
    }
}

/// Reads the records of a log that `query` asks for.
///
/// # Errors
/// A file that cannot be read, is too large, or is no log.
pub fn read(
    context: &Context<'_>,
    file: &LogFile,
    query: &Query,
    sink: &mut dyn FnMut(EventRecord),
) -> Result<LogSummary, Unknown> {
    let fail = |error: &crate::error::Error| Unknown {
        evidence: file.evidence.clone(),
        ..Unknown::from_error(error, file.evidence.locator.clone())
    };
    let bytes = context
        .installation
        .filesystem
        .read(&file.path, context.limits.event_log_bytes_max)
        .map_err(|error| fail(&error))?
        .unwrap_or_default();
    event_log::read(&bytes, query, sink).map_err(|error| fail(&error))
}
