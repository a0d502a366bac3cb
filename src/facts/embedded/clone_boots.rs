//! Boots of a clone, by what they leave within a day: MSDTC reinstalled, another name, key files of another MachineGuid.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::base::filetime::FileTime;
use crate::base::win_path::WinPath;
use crate::evidence::Evidence;
use crate::facts::Context;
use crate::facts::event_logs::{CloneMarks, Mark};
use crate::facts::machine_keys::MachineKey;

/// What lies within this time of the first trace is one boot.
const ONE_BOOT: TimeDelta = TimeDelta::hours(24);
/// An update that was installed within this time explains that MSDTC was reinstalled.
const OF_AN_UPDATE: TimeDelta = TimeDelta::hours(1);

/// Most traces that the text of a boot names.
const TEXTS_MAX: usize = 16;

/// One boot of a clone.
#[derive(Debug, Clone)]
pub(crate) struct CloneBoot {
    /// When, and what tells of it.
    pub(crate) text: String,
    /// The places, at least one.
    pub(crate) evidence: Vec<Evidence>,
}

impl CloneBoot {
    /// The boot that an armed image waits for.
    pub(crate) fn armed(evidence: &[Evidence]) -> Self {
        Self {
            text: "armed for the next boot".to_owned(),
            evidence: evidence.to_vec(),
        }
    }
}

/// What a trace is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    Reinstall,
    Rename,
    NewKeys,
}

/// The boots that the traces prove, in the order of time.
pub(crate) fn find(
    context: &Context<'_>,
    marks: &CloneMarks,
    keys: &[MachineKey],
) -> Vec<CloneBoot> {
    let near_update = |mark: &&Mark| {
        let near = |update: &FileTime| apart(mark.time, *update) <= OF_AN_UPDATE;
        !marks.updates.iter().any(near)
    };
    let reinstalls = marks.reinstalls.iter().filter(near_update).cloned();
    let renames = marks.renames.iter().cloned();
    let mut traces: Vec<(Trace, Mark)> = reinstalls
        .map(|mark| (Trace::Reinstall, mark))
        .chain(renames.map(|mark| (Trace::Rename, mark)))
        .chain(
            new_keys(context, keys)
                .into_iter()
                .map(|mark| (Trace::NewKeys, mark)),
        )
        .collect();
    traces.sort_by_key(|(_, mark)| mark.time);
    let mut days: Vec<Vec<(Trace, Mark)>> = Vec::new();
    for trace in traces {
        let first = days.last().and_then(|day| day.first());
        match first {
            Some((_, first)) if apart(first.time, trace.1.time) <= ONE_BOOT => {
                if let Some(day) = days.last_mut() {
                    day.push(trace);
                }
            }
            _ => days.push(vec![trace]),
        }
    }
    days.iter()
        .filter(|day| proves(day))
        .map(|day| boot(day))
        .collect()
}

fn apart(one: FileTime, other: FileTime) -> TimeDelta {
    one.since(other).map_or(TimeDelta::MAX, |delta| delta.abs())
}

/// A reinstall alone; a rename only beside new keys.
fn proves(day: &[(Trace, Mark)]) -> bool {
    let has = |wanted| day.iter().any(|(trace, _)| *trace == wanted);
    has(Trace::Reinstall) || (has(Trace::Rename) && has(Trace::NewKeys))
}

fn boot(day: &[(Trace, Mark)]) -> CloneBoot {
    let mut texts: Vec<&str> = Vec::new();
    for (_, mark) in day {
        if texts.len() < TEXTS_MAX && !texts.contains(&mark.text.as_str()) {
            texts.push(&mark.text);
        }
    }
    let first = day.first().and_then(|(_, mark)| mark.time.to_rfc3339());
    CloneBoot {
        text: format!(
            "{}: boot of a clone: {}",
            first.unwrap_or_default(),
            texts.join(", ")
        ),
        evidence: day.iter().map(|(_, mark)| mark.evidence.clone()).collect(),
    }
}

/// The first key file of every MachineGuid but that of the oldest files.
fn new_keys(context: &Context<'_>, keys: &[MachineKey]) -> Vec<Mark> {
    let mut first: BTreeMap<String, (FileTime, &MachineKey)> = BTreeMap::new();
    for key in keys {
        // $FN is kept where tools set the other back.
        let created = key.times.fn_created.or(key.times.si_created);
        if let (Some(guid), Some(created)) = (&key.guid, created) {
            let entry = first
                .entry(guid.to_ascii_lowercase())
                .or_insert((created, key));
            if created < entry.0 {
                *entry = (created, key);
            }
        }
    }
    let mut groups: Vec<(FileTime, &MachineKey)> = first.into_values().collect();
    groups.sort_by_key(|(created, key)| (*created, key.name.clone()));
    let mark = |(time, key): (FileTime, &MachineKey)| {
        let mut evidence = Evidence::at(context.installation.place(&WinPath::new(&key.path)));
        evidence.mft_record = key.mft_record;
        let guid = key.guid.as_deref().unwrap_or_default();
        Mark {
            time,
            text: format!("first key file of MachineGuid {guid}"),
            evidence,
        }
    };
    groups.into_iter().skip(1).map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Locator;
    use crate::facts::test_image::TestImage;

    const HOUR: u64 = 36_000_000_000;
    const START: u64 = 127_541_088_000_000_000;

    fn mark(hour: u64, text: &str) -> Mark {
        Mark {
            time: FileTime(START + hour * HOUR),
            text: text.to_owned(),
            evidence: Evidence::at(Locator::new(text)),
        }
    }

    fn boots(marks: &CloneMarks) -> Vec<String> {
        let mut found = Vec::new();
        TestImage::new("5.1", "xpe").with(|context, _| found = find(context, marks, &[]));
        found.into_iter().map(|boot| boot.text).collect()
    }

    #[test]
    fn reinstalls_within_a_day_are_one_boot_and_later_ones_another() {
        let marks = CloneMarks {
            reinstalls: vec![mark(0, "dtc"), mark(1, "dtc"), mark(30, "dtc")],
            renames: vec![mark(2, "A -> B")],
            ..CloneMarks::default()
        };
        let found = boots(&marks);
        assert_eq!(found.len(), 2);
        assert!(
            found[0].ends_with("boot of a clone: dtc, A -> B"),
            "{found:?}"
        );
    }

    #[test]
    fn a_rename_alone_and_a_reinstall_by_an_update_prove_no_boot() {
        let marks = CloneMarks {
            reinstalls: vec![mark(0, "dtc")],
            renames: vec![mark(2, "A -> B"), mark(3, "B -> C")],
            updates: vec![FileTime(START + HOUR / 2)],
            ..CloneMarks::default()
        };
        assert_eq!(boots(&marks), Vec::<String>::new());
    }
}
