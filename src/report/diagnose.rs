//! The report of `diagnose`: the sentence, the links behind it, and what would mend it.

use serde::Serialize;

use crate::diagnosis::{Cause, Diagnosis, LinkState};
use crate::image::Installation;
use crate::report::inspect::heading;
use crate::report::table::{Block, Grid, Paint};
use crate::report::{ImageInfo, InstallationInfo, SCHEMA_VERSION, Style, Tool};

/// Columns of the labels.
const LABEL_WIDTH: usize = 22;

/// The diagnosis of an installation.
#[derive(Debug, Serialize)]
pub struct DiagnoseReport {
    schema_version: &'static str,
    tool: Tool,
    image: ImageInfo,
    installation: InstallationInfo,
    diagnosis: Diagnosis,
}

impl DiagnoseReport {
    /// Puts together what was found out of one installation.
    pub fn new(
        mut image: ImageInfo,
        installation: &Installation,
        notes: &[String],
        diagnosis: Diagnosis,
    ) -> Self {
        image.notes.extend(notes.iter().cloned());
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            installation: InstallationInfo::new(installation),
            diagnosis,
        }
    }
}

/// The JSON Schema of the report of `diagnose`.
pub fn diagnose_schema() -> &'static str {
    include_str!("diagnose.schema.json")
}

/// The diagnosis for people.
pub fn diagnose_text(report: &DiagnoseReport, style: &Style) -> String {
    let diagnosis = &report.diagnosis;
    let mut text = heading(&report.image, &report.installation, style);
    let paint = match diagnosis.cause {
        Cause::Healthy | Cause::NoMetabase => Paint::Good,
        Cause::Undecided | Cause::WrongNameUndecided => Paint::Doubtful,
        _ => Paint::Bad,
    };
    let mut sentence = Block::new(style, 0, 0);
    sentence.row("", &diagnosis.sentence);
    text.push('\n');
    text.push_str(&style.paint(paint, "diagnosis"));
    text.push('\n');
    text.push_str(&sentence.render(0));
    text.push_str(&links(report, style));
    text.push_str(&section(report, style));
    text
}

fn links(report: &DiagnoseReport, style: &Style) -> String {
    let mut grid = Grid::new(style, &["link", "question", "state", "what was seen"]);
    for link in &report.diagnosis.links {
        let state = match link.state {
            LinkState::Fails => link.state.as_str().to_uppercase(),
            _ => link.state.as_str().to_owned(),
        };
        grid.row(&[
            link.link.to_owned(),
            link.question.to_owned(),
            state,
            link.detail.clone(),
        ]);
    }
    format!("\n{}", grid.render())
}

fn section(report: &DiagnoseReport, style: &Style) -> String {
    let diagnosis = &report.diagnosis;
    let mut block = Block::new(style, 0, LABEL_WIDTH);
    for (number, step) in (1_usize..).zip(&diagnosis.remedy) {
        block.row(&format!("remedy {number}"), step);
    }
    for support in &diagnosis.evidence {
        let value = support
            .value
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string);
        block.row(&support.fact, &value);
        block.row("", &format!("<- {}", support.location));
    }
    for finding in &diagnosis.findings {
        block.row(
            &format!("{} {}", finding.rule, finding.outcome.as_str()),
            &finding.message,
        );
    }
    format!("\n{}", block.render(0))
}
