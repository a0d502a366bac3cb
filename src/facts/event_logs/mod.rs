//! The event logs of an installation: where they lie, and what they show (evt.*).
//!
//! Logs are large and mostly about other things, so they are read only where somebody asks: `collect` does, and
//! `not_read` says that nobody did. A log shows what it shows; what it does not show is "not in the log", and a log
//! that could not be read leaves the facts that rest on it unknown, or incomplete where another log shows something.

mod failures;
mod files;
mod history;
mod marks;
mod msdtc;
mod names;
mod order;
mod reach;
mod read;
mod shown;
#[cfg(test)]
mod signature_logs_tests;
mod signatures;
#[cfg(test)]
mod tests;

pub use crate::artifact::event_log::EventTime;
pub use failures::{Failure, Failures};
pub use files::{LogFile, LogFiles, find, read};
pub(crate) use history::{Happened, history};
pub(crate) use marks::{CloneMarks, Mark};
pub use msdtc::Mended;
pub use reach::LogReach;
#[cfg(test)]
pub(crate) use shown::collect;
pub(crate) use shown::{collect_all, not_read};
pub(crate) use signatures::SIGNATURE_IDS;

/// The facts of this group.
pub(crate) const IDS: [&str; 8] = [
    "evt.boots",
    "evt.computer_names",
    "evt.msdtc_reinstalls",
    "evt.renames",
    "evt.service_failures",
    "evt.signatures",
    "evt.updates",
    "evt.upgraded",
];
