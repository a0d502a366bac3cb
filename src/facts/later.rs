//! Facts about facts whose sources this version does not read; each is unknown and says so.
//!
//! Judging KB884872 takes the versions inside program files, and the failure events take the event logs. Where the
//! question cannot arise the fact is found: KB884872 is for Windows 2000 alone.

use crate::evidence::{Fact, Unknown, UnknownReason, Value};
use crate::facts::read::{is_version, not_read, windows_version};
use crate::facts::{Context, Facts};

/// Where event logs lie below the Windows folder: up to 5.2, and from 6.0 on.
const LOG_FOLDERS: [&str; 2] = ["system32\\config", "system32\\winevt\\Logs"];

/// Collects this group; os.version must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    for (id, elsewhere) in [
        ("hotfix.kb884872", Value::text("not_applicable")),
        ("hotfix.registry_disagrees", Value::Bool(false)),
    ] {
        let fact = only_windows_2000(context, facts, elsewhere);
        facts.put(id, fact);
    }
    facts.put("evt.signatures", Fact::Unknown(event_logs(context)));
}

/// The value for every other Windows; unknown on Windows 2000.
fn only_windows_2000(
    context: &Context<'_>,
    facts: &Facts,
    elsewhere: Value,
) -> Result<Fact, Unknown> {
    let (version, evidence) = windows_version(facts)?;
    let place = context.installation.windows("system32");
    if is_version(&version, 5, 0) {
        return Ok(not_read(context, &place, "the version of a program file"));
    }
    Ok(Fact::found(elsewhere, evidence))
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
    fn the_hotfix_of_windows_2000_does_not_apply_elsewhere() {
        let with = |version| TestImage::new(version, "none").collect(&[collect]);
        for version in ["4.0", "5.1", "10.0"] {
            expect(
                &with(version),
                &[
                    ("hotfix.kb884872", "not_applicable"),
                    ("hotfix.registry_disagrees", "no"),
                ],
            );
        }
        expect(
            &with("5.0"),
            &[
                ("hotfix.kb884872", "unknown:unsupported"),
                ("hotfix.registry_disagrees", "unknown:unsupported"),
            ],
        );
    }

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
