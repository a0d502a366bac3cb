//! What was found and judged, as documents: structures that serialise to the JSON of the contract, and tables for people.
//!
//! Nothing here reads an image, a clock or the environment: the same findings give the same bytes.

mod across_text;
mod browse;
mod check;
mod check_text;
mod diagnose;
mod events;
mod fact_text;
mod inspect;
mod keys;
mod printable;
mod registry;
mod repair;
mod rules;
mod table;
mod timeline;

pub use across_text::across_text;
pub use browse::{FileReport, ListReport, list_text, stat_text};
pub use check::{CheckReport, Entry, ErrorReport, ImageInfo, InstallationInfo, Tool};
pub use check_text::{check_text, error_text};
pub use diagnose::{DiagnoseReport, diagnose_schema, diagnose_text};
pub use events::{EventEntry, EventsReport, LogEntry, events_text};
pub use inspect::{InspectReport, inspect_text};
pub use keys::{KeysReport, keys_text};
pub use printable::{printable, printable_json};
pub use registry::{KeyReport, ValueReport, key_text, value_text};
pub use repair::{RefusalInfo, RepairReport, Side, repair_text};
pub use rules::{FactReport, RuleReport, RulesReport, rules_text};
pub use table::Style;
pub use timeline::{TimelineReport, timeline_schema, timeline_text};

/// Version of the reports: a change of meaning raises the first number, an addition the second.
pub const SCHEMA_VERSION: &str = "1.3";

/// The JSON Schema of the report of `check`.
pub fn schema() -> &'static str {
    include_str!("schema.json")
}
