//! The logs of device installation: `setupapi.log` of 2000 to 2003, `inf\\setupapi.*.log` of Vista and later.

use crate::artifact::text_log::lines;
use crate::artifact::text_log::setup_api::{self, BURSTS_MAX, Burst};
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Unknown, UnknownReason};
use crate::facts::Context;

/// Folders below the Windows folder that hold such logs.
const FOLDERS: [&str; 2] = ["", "inf"];

/// Most logs that are read.
const FILES_MAX: usize = 256;

/// Devices that were installed one after the other.
#[derive(Debug, Clone)]
pub(crate) struct DeviceBurst {
    /// What the log says of them.
    pub(crate) burst: Burst,
    /// The place of the first section.
    pub(crate) evidence: Evidence,
}

/// What the logs tell, by time, and what could not be read.
#[derive(Debug, Default)]
pub(crate) struct DeviceLogs {
    pub(crate) bursts: Vec<DeviceBurst>,
    pub(crate) read: Vec<Evidence>,
    pub(crate) unseen: Vec<Unknown>,
}

/// Reads all logs of the installation.
pub(crate) fn read_devices(context: &Context<'_>) -> DeviceLogs {
    let mut logs = DeviceLogs::default();
    for folder in FOLDERS {
        let folder = match folder {
            "" => context.installation.system_root.clone(),
            tail => context.installation.windows(tail),
        };
        let entries = context.installation.filesystem.read_dir(&folder);
        let entries = entries
            .map_err(|error| Unknown::from_error(&error, context.installation.place(&folder)));
        match entries {
            Err(unknown) if unknown.reason == UnknownReason::NotProvided => {}
            Err(unknown) => logs.unseen.push(unknown),
            Ok(entries) => {
                for entry in entries.unwrap_or_default() {
                    if logs.read.len() >= FILES_MAX {
                        logs.unseen.push(Unknown::new(
                            UnknownReason::LimitExceeded,
                            format!("more than {FILES_MAX} logs are there"),
                            context.installation.place(&folder),
                        ));
                        break;
                    }
                    if !entry.is_dir && is_log(&entry.name) {
                        let path = folder.child(&entry.name);
                        if let Err(unknown) = read_file(context, &path, &mut logs) {
                            logs.unseen.push(unknown);
                        }
                    }
                }
            }
        }
    }
    logs.bursts.sort_by_key(|burst| burst.burst.first);
    logs
}

/// `setupapi.log`, `setupapi.dev.log`, and older ones that Windows keeps (`setupapi.dev.20200101_120000.log`,
/// `setupapi.log.0.old`).
fn is_log(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.strip_prefix("setupapi.")
        .is_some_and(|rest| rest.split('.').any(|part| part == "log"))
}

fn read_file(context: &Context<'_>, path: &WinPath, logs: &mut DeviceLogs) -> Result<(), Unknown> {
    let Some(bytes) = context.read(path)? else {
        return Ok(());
    };
    let metadata = context.metadata(path)?;
    let file = context.file_evidence(path, metadata.as_ref());
    let bursts = setup_api::bursts(lines(&bytes));
    if bursts.len() >= BURSTS_MAX {
        logs.unseen.push(Unknown {
            reason: UnknownReason::LimitExceeded,
            detail: format!("the first {BURSTS_MAX} groups of sections are read"),
            evidence: file.clone(),
        });
    }
    for burst in bursts {
        let mut evidence = file.clone();
        evidence.line = Some(burst.line);
        evidence.offset = Some(burst.offset);
        logs.bursts.push(DeviceBurst { burst, evidence });
    }
    logs.read.push(file);
    Ok(())
}
