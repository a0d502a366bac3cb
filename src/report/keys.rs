//! The report of `keys`: the machine keys against MachineGuid.

use serde::Serialize;

use crate::base::filetime::FileTime;
use crate::facts::{Collected, KeysView, MachineKey};
use crate::image::Installation;
use crate::report::browse::time_rows;
use crate::report::fact_text::{evidence_line, fact_line};
use crate::report::inspect::heading;
use crate::report::table::{Block, Grid, Paint};
use crate::report::{ImageInfo, InstallationInfo, SCHEMA_VERSION, Style, Tool, printable};

/// Columns of the labels.
const LABEL_WIDTH: usize = 14;

/// The machine keys of an installation.
#[derive(Debug, Serialize)]
pub struct KeysReport<'c> {
    schema_version: &'static str,
    tool: Tool,
    image: ImageInfo,
    installation: InstallationInfo,
    #[serde(flatten)]
    keys: KeysView<'c>,
}

impl<'c> KeysReport<'c> {
    /// Puts together what was collected of the keys.
    pub fn new(
        mut image: ImageInfo,
        installation: &Installation,
        collected: &'c Collected,
    ) -> Self {
        let keys = KeysView::new(collected);
        // What is listed as not read is not said twice.
        let is_listed = |note: &&String| {
            let mut unread = keys.unread.iter();
            unread.any(|place| **note == format!("{}: {}", place.location, place.detail))
        };
        let notes = collected.notes.iter().filter(|note| !is_listed(note));
        image.notes.extend(notes.cloned());
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            installation: InstallationInfo::new(installation),
            keys,
        }
    }
}

/// The keys for people.
pub fn keys_text(report: &KeysReport<'_>, style: &Style) -> String {
    let mut text = heading(&report.image, &report.installation, style);
    let keys = &report.keys;
    let mut summary = Block::new(style, 0, LABEL_WIDTH);
    summary.row("MachineGuid", &fact_line(&keys.machine_guid, None));
    for evidence in keys.machine_guid.evidence() {
        summary.row("", &format!("<- {}", evidence_line(evidence)));
    }
    summary.row(
        "plan",
        &format!("{}: {}", keys.plan.decision.as_str(), keys.plan.reason),
    );
    for action in &keys.plan.actions {
        summary.row("", &format!("{} -> {}", action.from, action.to));
    }
    text.push('\n');
    text.push_str(&summary.render(0));
    text.push_str(&metabase_table(report, style));
    text.push_str(&guid_table(report, style));
    text.push_str(&not_read(report, style));
    for key in keys.machine_keys {
        text.push_str(&key_block(key, style));
    }
    let count = keys.machine_keys.len();
    match keys.unread.len() {
        0 => text.push_str(&format!("\n{count} key files\n")),
        _ => text.push_str(&format!(
            "\n{count} key files were listed; how many there are is not known\n"
        )),
    }
    text
}

fn not_read(report: &KeysReport<'_>, style: &Style) -> String {
    if report.keys.unread.is_empty() {
        return String::new();
    }
    let title = style.paint(
        Paint::Strong,
        "Not read: keys that are not listed may be there",
    );
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for place in report.keys.unread {
        block.row(&words(place.reason), &place.location);
        block.row("", &place.detail);
    }
    format!("\n{title}\n{}", block.render(2))
}

fn metabase_table(report: &KeysReport<'_>, style: &Style) -> String {
    if report.keys.metabases.is_empty() {
        return String::new();
    }
    let headings = [
        "metabase",
        "in use",
        "session keys",
        "properties",
        "signed by",
    ];
    let mut grid = Grid::new(style, &headings);
    for metabase in &report.keys.metabases {
        let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let signed_by = match metabase.outcome {
            "paired" => inferred(&metabase.signed_by.join(", "), metabase.by_inference),
            "not_paired" => "no key in this image".to_owned(),
            outcome => match &metabase.fault {
                Some(fault) => format!("{}: {fault}", words(outcome)),
                None => words(outcome),
            },
        };
        grid.row(&[
            metabase.path.clone(),
            match metabase.live {
                Some(true) => "yes",
                Some(false) => "a copy",
                None => "unknown",
            }
            .to_owned(),
            count(metabase.session_key_blobs),
            count(metabase.data_blobs),
            signed_by,
        ]);
    }
    format!("\n{}", grid.render())
}

fn inferred(what: &str, by_inference: bool) -> String {
    if by_inference {
        format!("{what} (by inference)")
    } else {
        what.to_owned()
    }
}

/// A word of the report, for people.
fn words(word: &str) -> String {
    word.replace('_', " ")
}

fn guid_table(report: &KeysReport<'_>, style: &Style) -> String {
    if report.keys.guids.is_empty() {
        return String::new();
    }
    let headings = [
        "GUID in the names",
        "files",
        "is MachineGuid",
        "first created",
        "last created",
    ];
    let mut grid = Grid::new(style, &headings);
    for count in &report.keys.guids {
        let cells = [
            count.guid.clone(),
            count.files.to_string(),
            yes_no(count.is_machine_guid).to_owned(),
            time(count.created_first),
            time(count.created_last),
        ];
        grid.row(&cells);
    }
    format!("\n{}", grid.render())
}

fn time(time: Option<FileTime>) -> String {
    time.map_or_else(|| "not given".to_owned(), |time| time.to_string())
}

fn yes_no(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}

/// One key file. There may be very many: the lines are short, and are not laid out by a table.
fn key_block(key: &MachineKey, style: &Style) -> String {
    let mut text = format!("\n{}\n", style.paint(Paint::Strong, &printable(&key.name)));
    let mut row = |label: &str, value: &str| {
        text.push_str(&format!("  {label:<LABEL_WIDTH$}  {}\n", printable(value)));
    };
    row(
        "container",
        key.container_name
            .as_deref()
            .unwrap_or("not known by its hash"),
    );
    row("of MachineGuid", yes_no(key.matches_machine_guid));
    row("path", &key.path);
    row("size", &format!("{} bytes", key.size_bytes));
    if let Some(record) = key.mft_record {
        row("MFT record", &record.to_string());
    }
    for (label, time) in time_rows(&key.times) {
        row(label, &time);
    }
    row("well formed", yes_no(key.proof.well_formed));
    row("name fits", yes_no(key.proof.name_consistent));
    row("master key", yes_no(key.proof.master_key_present));
    for (label, key) in [
        ("signs with", &key.proof.signature_key),
        ("exchanges", &key.proof.exchange_key),
    ] {
        if let Some(key) = key {
            row(label, &format!("RSA {} bits, {}", key.bits, key.sha256));
        }
    }
    row("live metabase", &words(key.proof.signed_metabase));
    for path in &key.proof.paired_with {
        row("signed", &inferred(path, key.proof.by_inference));
    }
    row("access list", key.proof.acl);
    if let Some(opens) = &key.proof.opens {
        let links: Vec<String> = opens
            .links()
            .iter()
            .map(|(link, answer)| words(&format!("{link} {}", answer.as_str())))
            .collect();
        row("opens", &links.join(", "));
        if let Some(reason) = &opens.reason {
            row("", reason);
        }
    }
    text
}
