//! What the Application log tells of MSDTC: installed anew, started, told that another machine has its identity.
//!
//! MSDTC is removed (4105) and installed again (4104) by every boot of a clone, and by hand: that is what mends event 4101.
//! Both stand within minutes of each other; a removal and an installation a year later are two things. Event 4104 of `MSDTC
//! Client 2` is another event.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::Serialize;

use crate::artifact::event_log::{EventRecord, EventTime, Level};
use crate::facts::event_logs::read::{Logs, Seen};

/// The source of these events.
const MSDTC: &str = "MSDTC";
/// The longest time between removal and installation of one pair.
const PAIR_MAX: TimeDelta = TimeDelta::minutes(10);
/// Most records between the two if the clock was set back there.
const RECORDS_BETWEEN_MAX: u64 = 16;
/// Events that say that MSDTC has started, each in its versions of Windows (`MSDTC 2` from Windows 7 on).
const STARTED: [(&str, u32); 4] = [
    (MSDTC, 4097),
    (MSDTC, 2444),
    (MSDTC, 4193),
    ("MSDTC 2", 4202),
];

/// What mended a failure, as far as the logs tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// What happened.
    pub what: &'static str,
    /// When; `None` where the record has no time.
    pub time: Option<EventTime>,
    /// The number of the record.
    pub record: u64,
}

/// MSDTC removed and installed again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reinstall<'l> {
    /// The removal.
    pub(crate) removed: &'l Seen,
    /// The installation, and where it stands among all records.
    pub(crate) installed: &'l Seen,
    index: usize,
}

/// Renames of computers, the old name and the new one in lower case.
type Renames = BTreeSet<(String, String)>;

/// Everything that mends failures of MSDTC.
#[derive(Debug, Default)]
pub(crate) struct Recoveries {
    starts: Vec<(usize, String, Mended)>,
    installs: Vec<(usize, String, Mended)>,
}

impl Logs {
    /// Each pair of removal and installation, in the order of the logs.
    pub(crate) fn reinstalls(&self) -> Vec<Reinstall<'_>> {
        reinstalls(self.seen())
    }

    /// What mends failures of MSDTC.
    pub(crate) fn recoveries(&self) -> Recoveries {
        let mended = |seen: &Seen, what| {
            let record = &seen.record;
            let mended = Mended {
                what,
                time: record.time.filter(|time| time.to_rfc3339().is_some()),
                record: record.record,
            };
            (record.computer.clone(), mended)
        };
        let starts = self.seen().enumerate().filter(|(_, seen)| {
            let record = &seen.record;
            // 4193 is the number of an error too.
            record.level == Level::Information
                && STARTED.iter().any(|(source, id)| {
                    record.event_id == *id && record.source.eq_ignore_ascii_case(source)
                })
        });
        let starts = starts.map(|(index, seen)| {
            let (computer, mended) = mended(seen, "MSDTC has started");
            (index, computer, mended)
        });
        let installs = self.reinstalls();
        let installs = installs.iter().map(|pair| {
            let (computer, mended) =
                mended(pair.installed, "MSDTC was removed and installed again");
            (pair.index, computer, mended)
        });
        Recoveries {
            starts: starts.collect(),
            installs: installs.collect(),
        }
    }
}

impl Recoveries {
    /// What mended a failure of MSDTC whose last record is that one.
    pub(crate) fn of(&self, index: usize, record: &EventRecord) -> Option<Mended> {
        let behind = |list: &[(usize, String, Mended)]| {
            list.iter()
                .find(|(at, computer, _)| {
                    *at > index && computer.eq_ignore_ascii_case(&record.computer)
                })
                .map(|(at, _, mended)| (*at, mended.clone()))
        };
        let (start, install) = (behind(&self.starts), behind(&self.installs));
        match record.event_id {
            // An identity that another machine has is mended by a new one only.
            4101 => install,
            // That a step of sealing failed stays so.
            4454 => None,
            _ => [start, install]
                .into_iter()
                .flatten()
                .min_by_key(|(at, _)| *at),
        }
        .map(|(_, mended)| mended)
    }
}

/// Each pair of removal and installation among these records. They are walked twice, however many pairs there are.
fn reinstalls<'l>(records: impl Iterator<Item = &'l Seen> + Clone) -> Vec<Reinstall<'l>> {
    let renames = renames(records.clone());
    let mut removed = None;
    let mut pairs = Vec::new();
    for (index, seen) in records.enumerate() {
        let is_msdtc = seen.record.source.eq_ignore_ascii_case(MSDTC);
        match seen.record.event_id {
            4105 if is_msdtc => removed = Some(seen),
            4104 if is_msdtc => {
                let taken = removed.take();
                if let Some(removed) = taken.filter(|removed| is_pair(removed, seen, &renames)) {
                    pairs.push(Reinstall {
                        removed,
                        installed: seen,
                        index,
                    });
                }
            }
            _ => {}
        }
    }
    pairs
}

fn renames<'l>(records: impl Iterator<Item = &'l Seen>) -> Renames {
    let names = |seen: &Seen| {
        let name = |index: usize| Some(seen.record.string(index)?.to_ascii_lowercase());
        Some((name(0)?, name(1)?))
    };
    records
        .filter(|seen| seen.record.is("EventLog", 6011))
        .filter_map(names)
        .collect()
}

fn is_pair(removed: &Seen, installed: &Seen, renames: &Renames) -> bool {
    let (one, other) = (&removed.record, &installed.record);
    is_soon(removed, installed) && is_one_computer(&one.computer, &other.computer, renames)
}

/// Whether two names are those of one computer: the same, or the log tells of the change.
fn is_one_computer(one: &str, other: &str, renames: &Renames) -> bool {
    one.eq_ignore_ascii_case(other)
        || one.is_empty()
        || other.is_empty()
        || renames.contains(&(one.to_ascii_lowercase(), other.to_ascii_lowercase()))
}

/// Whether an installation follows a removal within minutes. Where the clock was set back in between the numbers of the
/// records decide.
fn is_soon(removed: &Seen, installed: &Seen) -> bool {
    let (one, other) = (&removed.record, &installed.record);
    let times = (one.time, other.time);
    if let (Some(removed), Some(installed)) = times {
        let (removed, installed) = (removed.filetime(), installed.filetime());
        if let Some(between) = installed.since(removed)
            && between >= TimeDelta::zero()
        {
            return between <= PAIR_MAX;
        }
    }
    removed.file == installed.file
        && other
            .record
            .checked_sub(one.record)
            .is_some_and(|between| between <= RECORDS_BETWEEN_MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::artifact::event_log::EventString;

    fn seen(source: &str, event_id: u32, computer: &str, names: &[&str]) -> Seen {
        let string = |name: &&str| EventString {
            name: None,
            text: (*name).to_owned(),
        };
        Seen {
            file: 0,
            record: EventRecord {
                time: None,
                written: None,
                channel: None,
                source: source.to_owned(),
                provider: None,
                event_id,
                qualifiers: None,
                level: Level::Information,
                computer: computer.to_owned(),
                user_sid: None,
                record: 1,
                strings: names.iter().map(string).collect(),
                data: Vec::new(),
                offset: 0,
                recovered: false,
                damaged: false,
            },
            clock_doubted: false,
        }
    }

    /// `count` removals on one computer, each with an installation on another one.
    fn of_two_computers(count: usize) -> Vec<Seen> {
        let pair = || {
            [
                seen(MSDTC, 4105, "GOLDEN", &[]),
                seen(MSDTC, 4104, "Clone1", &[]),
            ]
        };
        (0..count).flat_map(|_| pair()).collect()
    }

    #[test]
    fn a_pair_on_two_computers_is_one_where_the_log_tells_of_the_change() {
        let mut records = of_two_computers(1);
        assert_eq!(reinstalls(records.iter()).len(), 0);
        // The service that writes it starts later than MSDTC.
        records.push(seen("EventLog", 6011, "CLONE1", &["golden", "CLONE1"]));
        assert_eq!(reinstalls(records.iter()).len(), 1);
    }

    #[test]
    fn pairs_are_found_in_proportion_to_the_records() {
        let records = of_two_computers(500);
        let looked_at = Cell::new(0_usize);
        let counted = records
            .iter()
            .inspect(|_| looked_at.set(looked_at.get() + 1));
        assert_eq!(reinstalls(counted).len(), 0);
        assert_eq!(looked_at.get(), 2 * records.len());
    }
}
