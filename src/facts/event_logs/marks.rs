//! What boots of a clone leave in the logs, for the count of seals.

use crate::artifact::event_log::EventTime;
use crate::base::filetime::FileTime;
use crate::evidence::Evidence;
use crate::facts::event_logs::msdtc::Reinstall;
use crate::facts::event_logs::read::{Logs, Seen};

/// One trace with its time.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) time: FileTime,
    pub(crate) text: String,
    pub(crate) evidence: Evidence,
}

/// The traces of boots of a clone, and why there may have been more.
#[derive(Debug, Clone, Default)]
pub(crate) struct CloneMarks {
    /// MSDTC was removed and installed again.
    pub(crate) reinstalls: Vec<Mark>,
    /// The computer was renamed.
    pub(crate) renames: Vec<Mark>,
    /// When updates were installed: they reinstall MSDTC too.
    pub(crate) updates: Vec<FileTime>,
    /// When MSDTC met another one of the same identity, for which installing it anew is the remedy.
    pub(crate) duplicates: Vec<FileTime>,
    /// Logs that could not be seen, or were emptied.
    pub(crate) gaps: Vec<String>,
}

impl CloneMarks {
    /// The traces in the logs.
    pub(crate) fn of(logs: &Logs) -> Self {
        let mark = |seen: &Seen, text: String| {
            Some(Mark {
                time: seen.record.time?.filetime(),
                text,
                evidence: logs.evidence(seen, 1),
            })
        };
        let rename = |seen: &Seen| {
            let (old, new) = (seen.record.string(0)?, seen.record.string(1)?);
            mark(seen, format!("renamed {old} -> {new}"))
        };
        let unseen = logs
            .unseen()
            .iter()
            .map(|(log, unknown)| format!("the {log} log was not seen: {}", unknown.detail));
        let emptied = logs.reach().iter().filter_map(|reach| reach.gap.clone());
        let gaps = unseen.chain(emptied).collect();
        // A clock that is set at the first start of a clone stands at the same time again with each.
        let installed_again = |pair: &Reinstall<'_>| {
            let installed = pair.installed.record.time?.filetime();
            let removed = pair.removed.record.time.map(EventTime::filetime);
            Some(Mark {
                time: removed.map_or(installed, |removed| removed.max(installed)),
                text: "MSDTC removed and installed again".to_owned(),
                evidence: logs.evidence(pair.installed, 1),
            })
        };
        let times = |seen: &Seen| seen.record.time.map(EventTime::filetime);
        Self {
            reinstalls: logs
                .reinstalls()
                .iter()
                .filter_map(installed_again)
                .collect(),
            renames: logs.of("EventLog", 6011).filter_map(rename).collect(),
            updates: logs.of("NtServicePack", 4377).filter_map(times).collect(),
            duplicates: ["MSDTC", "MSDTC Client"]
                .into_iter()
                .flat_map(|source| logs.of(source, 4101))
                .filter_map(times)
                .collect(),
            gaps,
        }
    }
}
