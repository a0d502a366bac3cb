//! The order of the records of all logs: that in which they were written, and not that of the clock.
//!
//! Within a log records are numbered as they are written. The clock can be set back in between (a device without a battery
//! starts in 1980 or 2002), so times decide only between logs. Records whose times do not fit into the longest run of times
//! that never fall stand where their numbers put them, and their times are in doubt if they are off by a day or more.

use crate::facts::event_logs::read::Seen;

/// Times that are off by less than this are not in doubt: events are written later than they happen, and set-up runs with
/// the time zone of its medium.
const DOUBT_MIN: u64 = 24 * 3600 * 10_000_000;

/// Puts records in order and drops copies: of a record that a ring has kept, and of a log that is there twice.
pub(crate) fn order(seen: &mut Vec<Seen>) {
    drop_copies(seen);
    seen.sort_by_key(|one| {
        let record = &one.record;
        // What the log counts no more is older than what it counts.
        (one.file, !record.recovered, record.record, record.offset)
    });
    let files = seen.chunk_by_mut(|one, next| one.file == next.file);
    let mut keys: Vec<u64> = Vec::new();
    for file in files {
        let times: Vec<Option<u64>> = file.iter().map(time).collect();
        let fitted = fitted(&times);
        for (one, (fitted, time)) in file.iter_mut().zip(fitted.iter().zip(&times)) {
            one.clock_doubted = time.is_some_and(|time| fitted.doubts(time));
        }
        keys.extend(fitted.iter().map(|fitted| fitted.from));
    }
    let mut keyed: Vec<(u64, Seen)> = keys.into_iter().zip(seen.drain(..)).collect();
    // A stable sort: the order of numbers within a log stays, since its keys never fall.
    keyed.sort_by_key(|(key, _)| *key);
    seen.extend(keyed.into_iter().map(|(_, one)| one));
}

fn time(seen: &Seen) -> Option<u64> {
    let time = seen.record.time?;
    time.to_rfc3339().map(|_| time.filetime().0)
}

/// Records that say the same of the same moment under the same number are one, whatever file they are in.
fn drop_copies(seen: &mut Vec<Seen>) {
    seen.sort_by(|left, right| {
        let key = |one: &Seen| {
            let record = &one.record;
            let time = record.time.map_or(0, |time| time.filetime().0);
            (record.record, time, record.event_id)
        };
        // The first of equal ones is kept: one that its log counts.
        let rank = |one: &Seen| (one.record.recovered, one.file, one.record.offset);
        key(left)
            .cmp(&key(right))
            .then_with(|| left.record.source.cmp(&right.record.source))
            .then_with(|| left.record.computer.cmp(&right.record.computer))
            .then_with(|| rank(left).cmp(&rank(right)))
    });
    seen.dedup_by(|later, earlier| {
        let (one, other) = (&later.record, &earlier.record);
        let is_same = one.record == other.record
            && one.time == other.time
            && one.event_id == other.event_id
            && one.source == other.source
            && one.computer == other.computer;
        // In one file the number says enough: a part of a copy may be overwritten.
        is_same
            && (later.file == earlier.file
                || (one.strings == other.strings && one.data == other.data))
    });
}

/// Where a time belongs: not before `from`, not after `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fitted {
    from: u64,
    to: u64,
}

impl Fitted {
    fn doubts(self, time: u64) -> bool {
        self.from.saturating_sub(time) >= DOUBT_MIN || time.saturating_sub(self.to) >= DOUBT_MIN
    }
}

/// For each time where it belongs by its place: a time of the longest run that never falls is right, any other lies between
/// those of the run in front of it and behind it.
fn fitted(times: &[Option<u64>]) -> Vec<Fitted> {
    let is_in_run = longest_run(times);
    let in_run = |index: usize| is_in_run.get(index).copied().unwrap_or(false);
    let mut found: Vec<Fitted> = Vec::with_capacity(times.len());
    let mut last = 0;
    for (index, time) in times.iter().enumerate() {
        if let (Some(time), true) = (time, in_run(index)) {
            last = *time;
        }
        found.push(Fitted {
            from: last,
            to: u64::MAX,
        });
    }
    let mut next = u64::MAX;
    for (index, (fitted, time)) in found.iter_mut().zip(times).enumerate().rev() {
        if let (Some(time), true) = (time, in_run(index)) {
            next = *time;
        }
        fitted.to = next;
    }
    found
}

/// Which times belong to a longest run that never falls.
fn longest_run(times: &[Option<u64>]) -> Vec<bool> {
    // For each length the run that ends lowest: its last time and where that stands.
    let mut ends: Vec<(u64, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(times.len());
    for (index, time) in times.iter().enumerate() {
        let Some(time) = *time else {
            before.push(None);
            continue;
        };
        let length = ends.partition_point(|(end, _)| *end <= time);
        let previous = length.checked_sub(1).and_then(|shorter| ends.get(shorter));
        before.push(previous.map(|(_, index)| *index));
        match ends.get_mut(length) {
            Some(end) => *end = (time, index),
            None => ends.push((time, index)),
        }
    }
    let mut is_in_run = vec![false; times.len()];
    let mut next = ends.last().map(|(_, index)| *index);
    while let Some(index) = next {
        if let Some(flag) = is_in_run.get_mut(index) {
            *flag = true;
        }
        next = before.get(index).copied().flatten();
    }
    is_in_run
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::event_log::{EventRecord, EventTime, Level};

    const DAY: u32 = 86_400;
    const START: u32 = 1_109_664_000;

    fn seen(file: usize, number: u64, seconds: u32) -> Seen {
        let record = EventRecord {
            time: Some(EventTime::Seconds(seconds)),
            written: None,
            channel: None,
            source: "EventLog".to_owned(),
            provider: None,
            event_id: 6005,
            qualifiers: None,
            level: Level::Information,
            computer: "GOLDEN".to_owned(),
            user_sid: None,
            record: number,
            strings: Vec::new(),
            data: Vec::new(),
            offset: number * 100,
            recovered: false,
            damaged: false,
        };
        Seen {
            file,
            record,
            clock_doubted: false,
        }
    }

    fn ordered(mut seen: Vec<Seen>) -> Vec<(usize, u64, bool)> {
        order(&mut seen);
        seen.iter()
            .map(|one| (one.file, one.record.record, one.clock_doubted))
            .collect()
    }

    #[test]
    fn a_clock_that_was_set_back_moves_no_record_and_puts_its_time_in_doubt() {
        let log = vec![
            seen(0, 1, START),
            seen(0, 2, START + DAY),
            // 1980, and a time without a value.
            seen(0, 3, 315_532_860),
            seen(0, 4, 0),
            seen(0, 5, START + 2 * DAY),
            // The other log tells of the time between.
            seen(1, 1, START + DAY + 5),
        ];
        assert_eq!(
            ordered(log),
            [
                (0, 1, false),
                (0, 2, false),
                (0, 3, true),
                (0, 4, false),
                (1, 1, false),
                (0, 5, false),
            ]
        );
    }

    #[test]
    fn a_single_time_in_the_future_is_in_doubt_and_not_what_follows() {
        let log = vec![
            seen(0, 1, START),
            seen(0, 2, START + 900 * DAY),
            seen(0, 3, START + DAY),
            seen(0, 4, START + 2 * DAY),
        ];
        let doubted: Vec<bool> = ordered(log).iter().map(|one| one.2).collect();
        assert_eq!(doubted, [false, true, false, false]);
    }

    #[test]
    fn hours_are_not_in_doubt() {
        let log = vec![
            seen(0, 1, START + 36_000),
            seen(0, 2, START),
            seen(0, 3, START + 10),
        ];
        assert_eq!(ordered(log), [(0, 1, false), (0, 2, false), (0, 3, false)]);
    }

    #[test]
    fn a_second_copy_of_a_log_counts_once_and_another_log_does_not() {
        let mut other = seen(1, 1, START);
        other.record.source = "MSDTC".to_owned();
        let log = vec![
            seen(0, 1, START),
            seen(0, 2, START + 1),
            other,
            seen(2, 1, START),
            seen(2, 2, START + 1),
            seen(2, 3, START + 2),
        ];
        let numbers: Vec<(usize, u64)> = ordered(log).iter().map(|one| (one.0, one.1)).collect();
        assert_eq!(numbers, [(0, 1), (1, 1), (0, 2), (2, 3)]);
    }
}
