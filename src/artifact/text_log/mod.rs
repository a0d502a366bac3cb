//! The text logs that set-up, Sysprep and the First Boot Agent keep.
//!
//! They are written line by line, appended over years by programs of several versions and cut off by crashes. So a line is
//! the unit: one that is not understood is kept out of the answer and breaks nothing, and what is found has the number of
//! its line and its offset in the file. Their times are local, of a zone that the log does not name. The page is
//! docs/formats/setup-logs.md.

mod lines;
pub mod panther;
pub mod setup_api;

use chrono::{NaiveDateTime, Timelike};

pub use lines::{LINE_BYTES_MAX, Line, Lines, TextEncoding, lines};

/// A time that Windows can have written: its clock knows no second 60.
fn of_clock(time: NaiveDateTime) -> Option<NaiveDateTime> {
    (time.nanosecond() < 1_000_000_000).then_some(time)
}
