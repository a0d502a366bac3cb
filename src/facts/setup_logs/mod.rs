//! The logs of set-up and Sysprep of an installation: where they lie, and what they tell (setuplog.*).
//!
//! They are read only where somebody asks, as the event logs are. Sysprep clears its own log when it runs, so what they
//! tell is a lower bound and never a count; and their times are local, of a zone that they do not name.

mod devices;
mod files;
mod told;

pub(crate) use devices::read_devices;
pub(crate) use files::read;
pub(crate) use told::{collect, not_read};

/// The facts of this group.
pub(crate) const IDS: [&str; 5] = [
    "setuplog.generalize_runs",
    "setuplog.machine_guids",
    "setuplog.mini_setups",
    "setuplog.sysprep_failures",
    "setuplog.sysprep_runs",
];
