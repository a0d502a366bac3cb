//! The report of `events`: the logs that were read, and the events that were asked for, oldest first.

use std::borrow::Cow;

use serde::Serialize;

use crate::artifact::event_log::{EventRecord, EventTime, LogSummary};
use crate::base::redact;
use crate::evidence::{Evidence, Unknown};
use crate::facts::event_logs::LogFile;
use crate::image::Installation;
use crate::report::fact_text::evidence_line;
use crate::report::inspect::heading;
use crate::report::table::{Block, Grid};
use crate::report::{ImageInfo, InstallationInfo, SCHEMA_VERSION, Style, Tool};

/// Columns of the label of a log.
const LABEL_WIDTH: usize = 12;
/// Most bytes of data that the table shows.
const DATA_BYTES_SHOWN: usize = 16;

/// Events of one installation.
#[derive(Debug, Serialize)]
pub struct EventsReport {
    schema_version: &'static str,
    tool: Tool,
    image: ImageInfo,
    installation: InstallationInfo,
    logs: Vec<LogEntry>,
    events: Vec<EventEntry>,
}

/// One log: what is said of it as a whole, or why it could not be read.
#[derive(Debug, Serialize)]
pub struct LogEntry {
    log: String,
    evidence: Evidence,
    #[serde(flatten)]
    summary: Option<LogSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<UnknownInfo>,
}

#[derive(Debug, Serialize)]
struct UnknownInfo {
    reason: &'static str,
    detail: String,
}

/// One event and the log it is from.
#[derive(Debug, Serialize)]
pub struct EventEntry {
    log: String,
    #[serde(flatten)]
    record: EventRecord,
}

impl LogEntry {
    /// A log that is there, and what came of reading it.
    pub fn new(file: &LogFile, read: Result<LogSummary, Unknown>) -> Self {
        match read {
            Ok(summary) => Self {
                log: file.log.clone(),
                evidence: file.evidence.clone(),
                summary: Some(summary),
                unknown: None,
            },
            Err(unknown) => Self::unseen(&file.log, &unknown),
        }
    }

    /// A log that could not be seen.
    pub fn unseen(log: &str, unknown: &Unknown) -> Self {
        Self {
            log: log.to_owned(),
            evidence: unknown.evidence.clone(),
            summary: None,
            unknown: Some(UnknownInfo {
                reason: unknown.reason.as_str(),
                detail: unknown.detail.clone(),
            }),
        }
    }

    /// Whether the log was read.
    pub fn was_read(&self) -> bool {
        self.summary.is_some()
    }

    fn line(&self) -> String {
        let Some(summary) = &self.summary else {
            return self.unknown.as_ref().map_or_else(String::new, |unknown| {
                format!("unknown ({}): {}", unknown.reason, unknown.detail)
            });
        };
        let mut line = format!("{} records", summary.records);
        if summary.recovered > 0 {
            line.push_str(&format!(
                ", of which the log counts {} no more",
                summary.recovered
            ));
        }
        if summary.damaged > 0 {
            line.push_str(&format!(
                ", {} damaged (--verbose says where)",
                summary.damaged
            ));
        }
        if summary.truncated {
            line.push_str(", the file is shorter than its header says");
        }
        if summary.dirty {
            line.push_str(", not closed");
        }
        line
    }
}

impl EventEntry {
    /// An event of that log.
    pub fn new(log: &str, mut record: EventRecord) -> Self {
        let texts = record.strings.iter().map(|string| string.text.as_str());
        let shown: Vec<String> = redact::secret_list(texts)
            .into_iter()
            .map(Cow::into_owned)
            .collect();
        for (string, shown) in record.strings.iter_mut().zip(shown) {
            let is_secret = string.name.as_deref().is_some_and(redact::is_secret_name);
            string.text = if is_secret && !string.text.trim().is_empty() {
                redact::HIDDEN.to_owned()
            } else {
                shown
            };
        }
        Self {
            log: log.to_owned(),
            record,
        }
    }

    fn order(&self) -> (u64, &str, u64, u64) {
        let time = self.record.time.map_or(0, |time| time.filetime().0);
        (time, &self.log, self.record.record, self.record.offset)
    }

    fn strings(&self) -> String {
        let mut parts: Vec<String> = self
            .record
            .strings
            .iter()
            .map(|string| match &string.name {
                Some(name) => format!("{name}={}", string.text.trim_end()),
                None => string.text.trim_end().to_owned(),
            })
            .collect();
        if !self.record.data.is_empty() {
            let shown = self
                .record
                .data
                .iter()
                .take(DATA_BYTES_SHOWN)
                .map(|byte| format!("{byte:02x}"))
                .collect::<Vec<_>>()
                .join(" ");
            let more = if self.record.data.len() > DATA_BYTES_SHOWN {
                " ..."
            } else {
                ""
            };
            parts.push(format!("data {shown}{more}"));
        }
        parts.join("; ")
    }
}

impl EventsReport {
    /// Puts together what was read.
    pub fn new(
        image: ImageInfo,
        installation: &Installation,
        logs: Vec<LogEntry>,
        mut events: Vec<EventEntry>,
    ) -> Self {
        events.sort_by(|left, right| left.order().cmp(&right.order()));
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            installation: InstallationInfo::new(installation),
            logs,
            events,
        }
    }
}

/// The report for people.
pub fn events_text(report: &EventsReport, style: &Style) -> String {
    let mut text = heading(&report.image, &report.installation, style);
    text.push_str(&format!("{} events\n\n", report.events.len()));
    if report.logs.is_empty() {
        text.push_str("  no event log is there\n");
    }
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for log in &report.logs {
        block.row(&log.log, &log.line());
        block.row("", &format!("<- {}", evidence_line(&log.evidence)));
        if style.verbose {
            for note in log.summary.iter().flat_map(|summary| &summary.notes) {
                block.row("", note);
            }
        }
    }
    text.push_str(&block.render(2));
    if report.events.is_empty() {
        return text;
    }
    let mut grid = Grid::new(
        style,
        &["time", "record", "level", "source", "id", "strings"],
    );
    for event in &report.events {
        let record = &event.record;
        let time = record.time.and_then(EventTime::to_rfc3339);
        // Whole seconds are enough to read; the JSON has the rest.
        let time = time.map(|time| match time.split_once('.') {
            Some((seconds, _)) => format!("{seconds}Z"),
            None => time,
        });
        let mut number = record.record.to_string();
        if record.recovered {
            number.push('*');
        }
        grid.row(&[
            time.unwrap_or_else(|| "-".to_owned()),
            number,
            record.level.as_str().to_owned(),
            record.source.clone(),
            record.event_id.to_string(),
            event.strings(),
        ]);
    }
    text.push('\n');
    text.push_str(&grid.render());
    if report.events.iter().any(|event| event.record.recovered) {
        text.push_str("* the log itself counts the record no more\n");
    }
    text
}
