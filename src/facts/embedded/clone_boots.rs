//! Boots of a clone, by what they leave within a day: MSDTC reinstalled, another name, key files of another MachineGuid.
//!
//! Each of these has other causes too: operators rename, and reinstall MSDTC where it misbehaves, as after event 4101 and
//! with the very commands that are the known work-around. So no trace proves a boot alone, and neither does MSDTC reinstalled
//! right after a start of Windows: that is when those commands run from RunOnce. MSDTC reinstalled proves one beside a rename
//! or new key files in the same hour; a rename does beside new key files. The others are told and not counted.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::base::filetime::FileTime;
use crate::base::win_path::WinPath;
use crate::evidence::Evidence;
use crate::facts::Context;
use crate::facts::embedded::times::Times;
use crate::facts::event_logs::{CloneMarks, Mark};
use crate::facts::machine_keys::MachineKey;

/// What lies within this time of the first trace is one boot.
const ONE_BOOT: TimeDelta = TimeDelta::hours(24);
/// An update that was installed within this time explains that MSDTC was reinstalled.
const OF_AN_UPDATE: TimeDelta = TimeDelta::hours(1);
/// Another trace within this time belongs to the boot at which MSDTC was reinstalled.
const BESIDE: TimeDelta = TimeDelta::hours(1);

/// Steps of a `FileTime`.
const TICKS_PER_SECOND: u64 = 10_000_000;
/// Most traces that the text of a boot names.
const TEXTS_MAX: usize = 16;

/// A seal, or what may be one, with what tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// When, and what tells of it.
    pub(crate) text: String,
    /// The places, at least one.
    pub(crate) evidence: Vec<Evidence>,
}

/// What the traces tell, each in the order of time.
#[derive(Debug, Default)]
pub(crate) struct Boots {
    /// Boots of a clone that are proved.
    pub(crate) proved: Vec<Told>,
    /// Traces that may be of one.
    pub(crate) doubtful: Vec<Told>,
}

/// What a trace is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    Reinstall(Reinstall),
    Rename,
    NewKeys,
}

/// What is known of a reinstallation of MSDTC beside its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reinstall {
    /// Event 4101 stands between it and the one before it.
    OfADuplicate,
    Alone,
}

/// Whether anything is there that the boot of a clone leaves, proved or not.
pub(crate) fn is_any(marks: &CloneMarks) -> bool {
    !marks.renames.is_empty() || !reinstalls(marks).is_empty()
}

/// The boots that the traces prove, and the traces that prove none.
pub(crate) fn find(context: &Context<'_>, marks: &CloneMarks, keys: &[MachineKey]) -> Boots {
    let renames = marks.renames.iter().cloned();
    let mut traces: Vec<(Trace, Mark)> = reinstalls(marks)
        .into_iter()
        .chain(renames.map(|mark| (Trace::Rename, mark)))
        .chain(
            new_keys(context, keys)
                .into_iter()
                .map(|mark| (Trace::NewKeys, mark)),
        )
        .collect();
    traces.sort_by_key(|(_, mark)| mark.time);
    let mut boots = Boots::default();
    for day in days(traces) {
        if proves(&day) {
            boots.proved.push(told("boot of a clone", &day));
        } else {
            boots.doubtful.push(told(why_not(&day), &day));
        }
    }
    boots
}

/// The traces by what lies within a day of the first of them.
fn days(traces: Vec<(Trace, Mark)>) -> Vec<Vec<(Trace, Mark)>> {
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
    days
}

fn apart(one: FileTime, other: FileTime) -> TimeDelta {
    one.since(other).map_or(TimeDelta::MAX, |delta| delta.abs())
}

/// The reinstallations of MSDTC that no update explains.
fn reinstalls(marks: &CloneMarks) -> Vec<(Trace, Mark)> {
    let updates = Times::new(marks.updates.iter().copied());
    let duplicates = Times::new(marks.duplicates.iter().copied());
    let mut before = FileTime(0);
    let mut found = Vec::new();
    let mut by_time: Vec<&Mark> = marks.reinstalls.iter().collect();
    by_time.sort_by_key(|mark| mark.time);
    for mark in by_time {
        let behind = FileTime(before.0.saturating_add(1));
        let reinstall = if duplicates.is_any(&behind, &mark.time) {
            Reinstall::OfADuplicate
        } else {
            Reinstall::Alone
        };
        if !is_near(&updates, mark, OF_AN_UPDATE) {
            found.push((Trace::Reinstall(reinstall), mark.clone()));
        }
        before = mark.time;
    }
    found
}

/// Whether one of the times is no further from a trace than that.
fn is_near(times: &Times<FileTime>, mark: &Mark, within: TimeDelta) -> bool {
    let ticks = u64::try_from(within.num_seconds())
        .unwrap_or(0)
        .saturating_mul(TICKS_PER_SECOND);
    let from = FileTime(mark.time.0.saturating_sub(ticks));
    let to = FileTime(mark.time.0.saturating_add(ticks));
    times.is_any(&from, &to)
}

fn proves(day: &[(Trace, Mark)]) -> bool {
    let has = |wanted| day.iter().any(|(trace, _)| *trace == wanted);
    let others = Times::new(
        day.iter()
            .filter(|(trace, _)| matches!(trace, Trace::Rename | Trace::NewKeys))
            .map(|(_, mark)| mark.time),
    );
    let is_boot = |(trace, mark): &(Trace, Mark)| {
        *trace == Trace::Reinstall(Reinstall::Alone) && is_near(&others, mark, BESIDE)
    };
    day.iter().any(is_boot) || (has(Trace::Rename) && has(Trace::NewKeys))
}

/// What traces that prove no boot of a clone may be of.
fn why_not(day: &[(Trace, Mark)]) -> &'static str {
    let has = |wanted| day.iter().any(|(trace, _)| *trace == wanted);
    if has(Trace::Reinstall(Reinstall::OfADuplicate)) {
        "not counted, an operator may have done it because of event 4101"
    } else if has(Trace::Reinstall(Reinstall::Alone)) {
        "not counted, an operator may have done it, by hand or from RunOnce: nothing near it tells of the boot of a clone"
    } else {
        "not counted, it tells of no boot of a clone alone"
    }
}

fn told(what: &str, day: &[(Trace, Mark)]) -> Told {
    let mut texts: Vec<&str> = Vec::new();
    for (_, mark) in day {
        if texts.len() < TEXTS_MAX && !texts.contains(&mark.text.as_str()) {
            texts.push(&mark.text);
        }
    }
    let first = day.first().and_then(|(_, mark)| mark.time.to_rfc3339());
    Told {
        text: format!(
            "{}: {what}: {}",
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

    fn boots(marks: &CloneMarks) -> (Vec<String>, Vec<String>) {
        let mut found = Boots::default();
        TestImage::new("5.1", "xpe").with(|context, _| found = find(context, marks, &[]));
        let texts = |told: Vec<Told>| told.into_iter().map(|told| told.text).collect();
        (texts(found.proved), texts(found.doubtful))
    }

    /// How many boots are proved, and how many days hold traces that prove none.
    fn numbers(marks: &CloneMarks) -> (usize, usize) {
        let (proved, doubtful) = boots(marks);
        (proved.len(), doubtful.len())
    }

    #[test]
    fn what_lies_within_a_day_is_one_boot() {
        let marks = CloneMarks {
            reinstalls: vec![mark(0, "dtc"), mark(1, "dtc"), mark(30, "dtc")],
            renames: vec![mark(1, "A -> B"), mark(30, "B -> C")],
            ..CloneMarks::default()
        };
        let (proved, _) = boots(&marks);
        assert_eq!(proved.len(), 2);
        assert!(
            proved[0].ends_with("boot of a clone: dtc, A -> B"),
            "{proved:?}"
        );
    }

    #[test]
    fn a_reinstall_with_nothing_near_it_and_a_rename_alone_are_told_and_prove_no_boot() {
        let marks = CloneMarks {
            reinstalls: vec![mark(0, "dtc"), mark(100, "dtc")],
            renames: vec![mark(2, "A -> B"), mark(200, "B -> C")],
            ..CloneMarks::default()
        };
        assert_eq!(numbers(&marks), (0, 3));
    }

    #[test]
    fn a_reinstall_is_of_a_boot_where_a_rename_stands_within_the_hour_before_or_behind_it() {
        let renamed = |hour: u64| CloneMarks {
            reinstalls: vec![mark(5, "dtc")],
            renames: vec![mark(hour, "A -> B")],
            ..CloneMarks::default()
        };
        for (hour, expected) in [(3, (0, 1)), (4, (1, 0)), (6, (1, 0)), (7, (0, 1))] {
            assert_eq!(numbers(&renamed(hour)), expected, "{hour}");
        }
    }

    #[test]
    fn a_reinstall_after_event_4101_is_the_remedy_and_proves_no_boot() {
        let marks = CloneMarks {
            reinstalls: vec![mark(5, "dtc"), mark(105, "dtc")],
            renames: vec![mark(5, "A -> B"), mark(105, "B -> C")],
            duplicates: vec![mark(3, "").time],
            ..CloneMarks::default()
        };
        let (proved, doubtful) = boots(&marks);
        assert_eq!(proved.len(), 1);
        assert!(doubtful[0].contains("event 4101"), "{doubtful:?}");
    }

    #[test]
    fn a_reinstall_by_an_update_is_no_trace() {
        let marks = CloneMarks {
            reinstalls: vec![mark(0, "dtc")],
            updates: vec![FileTime(START + HOUR / 2)],
            ..CloneMarks::default()
        };
        assert_eq!(numbers(&marks), (0, 0));
        assert!(!is_any(&marks));
    }
}
