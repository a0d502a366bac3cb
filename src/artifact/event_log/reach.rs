//! How far back a log goes, and where its clock was set back.
//!
//! What a log does not show it may never have held: a ring forgets, and a log that was cleared begins anew. So every record
//! is looked at for its number and time, whether it is asked for or not. Records are numbered in the order in which they
//! were written; where the times run against that order the clock was set.
//!
//! Specification: Windows SDK, "Event Log Records" (numbers) and "Event Log File Format" (a log does not wrap from when it
//! is created or cleared until it is full).

use crate::artifact::event_log::record::EventTime;

/// Steps back of the clock that are less than this are common: set-up runs with the time zone of its medium (3 and 10 hours in
/// logs of Windows 10 and Server 2022), and events are written later than they happen.
const STEP_MIN: u64 = 24 * 3600 * 10_000_000;
/// Most steps that are kept; what is beyond is counted only.
const STEPS_MAX: usize = 16;

/// A record by its number, and when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMark {
    /// The number of the record.
    pub record: u64,
    /// When it was written; `None` where the record has no time.
    pub written: Option<EventTime>,
    /// Where it lies in its file, in bytes.
    pub offset: u64,
}

/// Two records, one behind the other, with times that run backwards by a day or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStep {
    /// The number of the later record.
    pub record: u64,
    /// The time of the record in front of it.
    pub from: EventTime,
    /// Its own time.
    pub to: EventTime,
}

/// What the records that a log counts say of its begin, its end and its clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// How many records the log counts.
    pub live: u64,
    /// The record with the lowest number.
    pub oldest: Option<RecordMark>,
    /// The record with the highest number.
    pub newest: Option<RecordMark>,
    /// Where the clock runs backwards, in the order of the file.
    pub steps: Vec<ClockStep>,
    /// How often it does, also beyond those that are kept.
    pub step_count: u64,
    /// Set if no record was overwritten since the log was made or cleared: the oldest is its first.
    pub never_wrapped: bool,
    previous: Option<RecordMark>,
    first_in_file: Option<RecordMark>,
}

impl Reach {
    /// Takes note of a record that the log counts; records come in the order of the file.
    pub(crate) fn see(&mut self, mark: RecordMark) {
        self.live = self.live.saturating_add(1);
        if self.oldest.is_none_or(|oldest| mark.record < oldest.record) {
            self.oldest = Some(mark);
        }
        if self.newest.is_none_or(|newest| mark.record > newest.record) {
            self.newest = Some(mark);
        }
        if let Some(previous) = self.previous {
            self.compare(previous, mark);
        } else {
            self.first_in_file = Some(mark);
        }
        self.previous = Some(mark);
    }

    /// Ends the log; `begin` is where the first record behind the header of the file lies.
    pub(crate) fn end(&mut self, begin: u64) {
        // A ring goes on at the begin of the file.
        if let (Some(last), Some(first)) = (self.previous, self.first_in_file) {
            self.compare(last, first);
        }
        self.never_wrapped = self
            .oldest
            .is_some_and(|oldest| oldest.record == 1 || oldest.offset == begin);
    }

    fn compare(&mut self, earlier: RecordMark, later: RecordMark) {
        if earlier.record.checked_add(1) != Some(later.record) {
            return;
        }
        let (Some(from), Some(to)) = (earlier.written, later.written) else {
            return;
        };
        let back = from.filetime().0.checked_sub(to.filetime().0);
        if back.is_none_or(|back| back < STEP_MIN) {
            return;
        }
        self.step_count = self.step_count.saturating_add(1);
        if self.steps.len() < STEPS_MAX {
            self.steps.push(ClockStep {
                record: later.record,
                from,
                to,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(record: u64, hours: u32, offset: u64) -> RecordMark {
        RecordMark {
            record,
            written: Some(EventTime::Seconds(1_109_664_000 + hours * 3600)),
            offset,
        }
    }

    fn reach(marks: &[RecordMark]) -> Reach {
        let mut reach = Reach::default();
        for one in marks {
            reach.see(*one);
        }
        reach.end(48);
        reach
    }

    #[test]
    fn a_ring_is_compared_across_the_end_of_its_file() {
        // 4 and 5 stand in front of 2 and 3; between 3 and 4 the clock was set back, between 5 and 2 nothing happened.
        let ring = reach(&[
            mark(4, 10, 48),
            mark(5, 20, 100),
            mark(2, 70, 300),
            mark(3, 80, 400),
        ]);
        let steps: Vec<u64> = ring.steps.iter().map(|step| step.record).collect();
        assert_eq!(steps, [4]);
        assert_eq!(ring.oldest.map(|mark| mark.record), Some(2));
        assert_eq!(ring.newest.map(|mark| mark.record), Some(5));
        assert!(!ring.never_wrapped);
    }

    #[test]
    fn hours_are_no_step_and_a_day_is() {
        assert_eq!(reach(&[mark(1, 25, 48), mark(2, 2, 100)]).step_count, 0);
        assert_eq!(reach(&[mark(1, 25, 48), mark(2, 1, 100)]).step_count, 1);
    }

    #[test]
    fn a_log_whose_oldest_record_lies_behind_the_header_was_never_full() {
        assert!(reach(&[mark(4711, 1, 48)]).never_wrapped);
        assert!(reach(&[mark(1, 1, 4096)]).never_wrapped);
        assert!(!reach(&[mark(4711, 1, 4096)]).never_wrapped);
        assert!(!reach(&[]).never_wrapped);
    }
}
