//! The report of `timeline`: what happened, oldest first, each entry with source, certainty and place.

use serde::Serialize;

use crate::evidence::Evidence;
use crate::image::Installation;
use crate::report::inspect::heading;
use crate::report::table::{Block, Grid};
use crate::report::{ImageInfo, InstallationInfo, SCHEMA_VERSION, Style, Tool};
use crate::timeline::{Certainty, Entry, Timeline, Unseen};

/// Columns of the label of a source.
const LABEL_WIDTH: usize = 18;

/// The timeline of one installation.
#[derive(Debug, Serialize)]
pub struct TimelineReport {
    schema_version: &'static str,
    tool: Tool,
    image: ImageInfo,
    installation: InstallationInfo,
    unseen: Vec<UnseenInfo>,
    entries: Vec<Entry>,
}

/// A source that could not be read.
#[derive(Debug, Serialize)]
struct UnseenInfo {
    source: &'static str,
    reason: &'static str,
    detail: String,
    evidence: Evidence,
}

impl From<Unseen> for UnseenInfo {
    fn from(unseen: Unseen) -> Self {
        Self {
            source: unseen.source.as_str(),
            reason: unseen.unknown.reason.as_str(),
            detail: unseen.unknown.detail,
            evidence: unseen.unknown.evidence,
        }
    }
}

impl TimelineReport {
    /// Puts together what was read.
    pub fn new(
        mut image: ImageInfo,
        installation: &Installation,
        notes: &[String],
        timeline: Timeline,
    ) -> Self {
        image.notes.extend(notes.iter().cloned());
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            installation: InstallationInfo::new(installation),
            unseen: timeline.unseen.into_iter().map(UnseenInfo::from).collect(),
            entries: timeline.entries,
        }
    }
}

/// The JSON Schema of the report of `timeline`.
pub fn timeline_schema() -> &'static str {
    include_str!("timeline.schema.json")
}

/// The timeline for people: `~` marks local time of a zone that nobody wrote down.
pub fn timeline_text(report: &TimelineReport, style: &Style) -> String {
    let mut text = heading(&report.image, &report.installation, style);
    text.push_str(&format!("{} entries\n", report.entries.len()));
    if !report.unseen.is_empty() {
        let mut block = Block::new(style, 2, LABEL_WIDTH);
        for unseen in &report.unseen {
            block.row(
                unseen.source,
                &format!("unknown ({}): {}", unseen.reason, unseen.detail),
            );
            block.row("", &format!("<- {}", unseen.evidence.locator));
        }
        text.push('\n');
        text.push_str(&block.render(2));
    }
    if report.entries.is_empty() {
        return text;
    }
    let mut headings = vec!["time", "source", "kind", "what happened"];
    if style.verbose {
        headings.push("place");
    }
    let mut grid = Grid::new(style, &headings);
    for entry in &report.entries {
        let mut cells = vec![
            shown_time(entry),
            entry.source.as_str().to_owned(),
            entry.kind.as_str().to_owned(),
            entry.text.clone(),
        ];
        if style.verbose {
            cells.push(place(&entry.evidence));
        }
        grid.row(&cells);
    }
    text.push('\n');
    text.push_str(&grid.render());
    let is_local = |entry: &Entry| {
        let certainty = entry.moment.certainty();
        !matches!(certainty, Certainty::Utc | Certainty::Unknown)
    };
    if report.entries.iter().any(is_local) {
        text.push_str(
            "~ the clock of the machine, in a zone that the source does not name: up to 14 hours off in this order\n",
        );
    }
    text
}

/// Whole seconds are enough to read; the JSON has the rest.
fn shown_time(entry: &Entry) -> String {
    let time = entry.moment.text();
    match (entry.moment.certainty(), time.split_once('.')) {
        (Certainty::Utc, Some((seconds, _))) => format!("{seconds}Z"),
        (Certainty::Utc, None) => time.to_owned(),
        (Certainty::Unknown, _) => "-".to_owned(),
        _ => format!("{time}~"),
    }
}

fn place(evidence: &Evidence) -> String {
    let mut place = evidence.locator.to_string();
    if let Some(line) = evidence.line {
        place.push_str(&format!(", line {line}"));
    }
    if let Some(offset) = evidence.offset {
        place.push_str(&format!(", 0x{offset:08x}"));
    }
    place
}
