//! The report of `inspect`: every fact with its place.

use serde::Serialize;

use crate::facts::{Collected, Facts, MachineKey};
use crate::image::Installation;
use crate::report::fact_text::{evidence_line, fact_line};
use crate::report::table::{Block, Paint};
use crate::report::{ImageInfo, InstallationInfo, SCHEMA_VERSION, Style, Tool, printable};

/// Columns of the label of a fact.
const LABEL_WIDTH: usize = 32;

/// Every fact of an installation.
#[derive(Debug, Serialize)]
pub struct InspectReport {
    schema_version: &'static str,
    tool: Tool,
    image: ImageInfo,
    installation: InstallationInfo,
    facts: Facts,
    machine_keys: Vec<MachineKey>,
}

impl InspectReport {
    /// Puts together what was collected.
    pub fn new(mut image: ImageInfo, installation: &Installation, collected: Collected) -> Self {
        image.notes.extend(collected.notes);
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            installation: InstallationInfo::new(installation),
            facts: collected.facts,
            machine_keys: collected.machine_keys,
        }
    }
}

/// The report for people.
pub fn inspect_text(report: &InspectReport, style: &Style) -> String {
    let mut text = heading(&report.image, &report.installation, style);
    let mut group = "";
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for (id, fact) in report.facts.iter() {
        let prefix = id.split('.').next().unwrap_or("");
        if prefix != group {
            if !group.is_empty() {
                text.push_str(&block.render(2));
                block = Block::new(style, 2, LABEL_WIDTH);
            }
            group = prefix;
            text.push_str(&format!("\n{}\n", style.paint(Paint::Strong, group)));
        }
        block.row(id, &fact_line(fact, report.facts.incomplete(id)));
        for evidence in fact.evidence() {
            block.row("", &format!("<- {}", evidence_line(evidence)));
            if style.verbose {
                for place in &evidence.searched {
                    block.row("", &format!("   searched {place}"));
                }
            }
        }
    }
    text.push_str(&block.render(2));
    text.push_str(&format!(
        "\n{} machine key files; `goldseal keys` lists them\n",
        report.machine_keys.len()
    ));
    text
}

/// The image, the installation and the notes, as every table begins.
pub(crate) fn heading(image: &ImageInfo, installation: &InstallationInfo, style: &Style) -> String {
    let mut text = format!(
        "{}  installation {} in {}  ({})\n",
        style.paint(Paint::Strong, &printable(&image.source)),
        installation.index,
        printable(if installation.system_root.is_empty() {
            "\\"
        } else {
            &installation.system_root
        }),
        printable(&image.layers.join(" > ")),
    );
    let mut notes = Block::new(style, 0, 4);
    for note in &image.notes {
        notes.row("note", note);
    }
    if !image.notes.is_empty() {
        text.push_str(&notes.render(0));
    }
    text
}
