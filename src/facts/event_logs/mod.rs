//! The event logs of an installation: where they lie, and what they show.

mod files;

pub use files::{LogFile, LogFiles, find, read};
