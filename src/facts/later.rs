//! Facts about facts whose sources this version does not read; each is unknown and says so.
//!
//! The failure events take the event logs.

use crate::evidence::{Fact, Unknown, UnknownReason};
use crate::facts::{Context, Facts};

/// Where event logs lie below the Windows folder: up to 5.2, and from 6.0 on.
const LOG_FOLDERS: [&str; 2] = ["system32\\config", "system32\\winevt\\Logs"];

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("evt.signatures", Fact::Unknown(event_logs(context)));
}

/// Says whether there are logs that a later version could read.
fn event_logs(context: &Context<'_>) -> Unknown {
    for folder in LOG_FOLDERS {
        let path = context.installation.windows(folder);
        let place = context.installation.place(&path);
        match context.installation.filesystem.read_dir(&path) {
            Err(error) => return Unknown::from_error(&error, place),
            Ok(entries) => {
                let is_log = |name: &str| {
                    name.rsplit_once('.').is_some_and(|(_, ending)| {
                        ["evt", "evtx"]
                            .iter()
                            .any(|known| known.eq_ignore_ascii_case(ending))
                    })
                };
                let log = entries
                    .unwrap_or_default()
                    .into_iter()
                    .find(|entry| !entry.is_dir && is_log(&entry.name));
                if let Some(log) = log {
                    return Unknown::new(
                        UnknownReason::Unsupported,
                        "event logs are not read by this version",
                        context.installation.place(&path.child(&log.name)),
                    );
                }
            }
        }
    }
    let [folder, _] = LOG_FOLDERS;
    Unknown::new(
        UnknownReason::NotProvided,
        "no event log is there",
        context
            .installation
            .place(&context.installation.windows(folder)),
    )
}

#[cfg(test)]
mod tests {
    use crate::facts::later::collect;
    use crate::facts::test_image::{TestImage, expect};

    #[test]
    fn event_logs_that_are_there_are_not_read_and_missing_ones_not_provided() {
        let none = TestImage::new("5.1", "none").collect(&[collect]);
        expect(&none, &[("evt.signatures", "unknown:not_provided")]);
        let logs = TestImage::new("6.1", "none")
            .file("WINDOWS\\system32\\winevt\\Logs\\System.evtx", "")
            .collect(&[collect]);
        expect(&logs, &[("evt.signatures", "unknown:unsupported")]);
    }
}
