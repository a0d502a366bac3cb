//! Where the System and Application logs of an installation lie, and the reading of one of them.
//!
//! The registry names the file of a log (`Services\EventLog\System!File`); the usual places are looked into besides, since
//! an upgrade leaves the old log behind. Logs that were named one by one are read whatever their name is.

use crate::artifact::event_log::{self, EventRecord, LogSummary, Query};
use crate::base::win_path::{WinPath, eq_name, fold_name};
use crate::evidence::{Evidence, Unknown, UnknownReason};
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
    for (log, usual) in LOGS {
        match named_by_registry(context, log) {
            Ok(Some(path)) => logs.take(context, log, path),
            Ok(None) => {}
            // A registry that is not at hand leaves the usual places.
            Err(unknown) if unknown.reason == UnknownReason::NotProvided => {}
            Err(unknown) => logs.unseen.push((log.to_owned(), unknown)),
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
    logs
}

/// The file that the registry names for a log.
fn named_by_registry(context: &Context<'_>, log: &str) -> Result<Option<WinPath>, Unknown> {
    let key = context.in_control_set(&format!("Services\\EventLog\\{log}"))?;
    let Some(found) = context.text(HiveName::System, &key, "File")? else {
        return Ok(None);
    };
    on_volume(context, &found.value, &found.evidence.locator).map(Some)
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
