//! What the Application log tells of MSDTC: installed anew, started, told that another machine has its identity.
//!
//! MSDTC is removed (4105) and installed again (4104) by every boot of a clone, and by hand: that is what mends event 4101.
//! Both stand within minutes of each other; a removal and an installation a year later are two things. Event 4104 of `MSDTC
//! Client 2` is another event.

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

/// Everything that mends failures of MSDTC.
#[derive(Debug, Default)]
pub(crate) struct Recoveries {
    starts: Vec<(usize, String, Mended)>,
    installs: Vec<(usize, String, Mended)>,
}

impl Logs {
    /// Each pair of removal and installation, in the order of the logs.
    pub(crate) fn reinstalls(&self) -> Vec<Reinstall<'_>> {
        let mut removed = None;
        let mut pairs = Vec::new();
        for (index, seen) in self.seen().enumerate() {
            let is_msdtc = seen.record.source.eq_ignore_ascii_case(MSDTC);
            match seen.record.event_id {
                4105 if is_msdtc => removed = Some(seen),
                4104 if is_msdtc => {
                    let taken = removed.take();
                    if let Some(removed) = taken.filter(|removed| self.is_pair(removed, seen)) {
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

    fn is_pair(&self, removed: &Seen, installed: &Seen) -> bool {
        let (one, other) = (&removed.record, &installed.record);
        self.is_one_computer(&one.computer, &other.computer) && is_soon(removed, installed)
    }

    /// Whether two names are those of one computer: the same, or the log tells of the change.
    fn is_one_computer(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
            || one.is_empty()
            || other.is_empty()
            || self.of("EventLog", 6011).any(|seen| {
                let is = |index: usize, name: &str| {
                    seen.record
                        .string(index)
                        .is_some_and(|text| text.eq_ignore_ascii_case(name))
                };
                is(0, one) && is(1, other)
            })
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
