//! What a comparison of several images shows, for people: behind the reports, and one line in each of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::shared_identities::{self, AcrossImages};
use crate::report::table::{Block, Paint};
use crate::report::{CheckReport, Entry, Style};

/// Columns of the names of identities.
const LABEL_WIDTH: usize = 20;
/// Most installations named for one identity without `--verbose`.
const NAMED: usize = 8;
/// What shared identities mean.
const MEANING: &str = "Images that share an identity are one machine at two times (snapshots, backups), or clones that were \
                       not made different. It is the proof of bad clones only if both ran, or will run, as machines of \
                       their own. Where an image is sealed, its copies get new ones of what sealing renews.";
/// What two copies of one image mean.
const SAME: &str = "Their registry is the same byte for byte: one image given more than once, or copies of which none was \
                    started since. Nothing is proved between them.";

/// The comparison of all images that were given; nothing where they share nothing.
pub fn across_text(entries: &[Entry], style: &Style) -> String {
    let reports: Vec<&CheckReport> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Check(report) => Some(&**report),
            Entry::Error(_) => None,
        })
        .collect();
    let mut text = shared(&reports, style);
    text.push_str(&same(&reports, style));
    text
}

/// The line in the report of one installation.
pub(crate) fn across_line(across: &AcrossImages) -> Option<String> {
    let names: Vec<&str> = across
        .shared_identities
        .iter()
        .map(|shared| shared.identity.as_str())
        .collect();
    (!names.is_empty()).then(|| format!("shared with other images: {}", names.join(", ")))
}

/// Who shares what, in the order of identities, values and sources.
fn shared(reports: &[&CheckReport], style: &Style) -> String {
    let mut groups: BTreeMap<(usize, &str, String), (&str, Vec<String>)> = BTreeMap::new();
    for (report, across) in compared(reports) {
        for shared in &across.shared_identities {
            let key = (
                shared_identities::rank(&shared.fact),
                shared.identity.as_str(),
                shared_identities::folded(&shared.value),
            );
            let group = groups
                .entry(key)
                .or_insert_with(|| (shared.value.as_str(), Vec::new()));
            group.1.push(name(report));
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for ((_, identity, _), (value, names)) in &mut groups {
        names.sort();
        block.row(identity, &format!("{value}\n{}", listed(names, style)));
    }
    block.row("meaning", MEANING);
    section(
        "Identities that images share",
        Paint::Bad,
        &block.render(2),
        style,
    )
}

/// The images that are the same.
fn same(reports: &[&CheckReport], style: &Style) -> String {
    let mut groups: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for (report, across) in compared(reports) {
        if across.same_image.others > 0 {
            let group = (across.image_class, report.installation.index);
            groups.entry(group).or_default().push(name(report));
        }
    }
    let groups: BTreeSet<Vec<String>> = groups
        .into_values()
        .map(|mut names| {
            names.sort();
            names
        })
        .collect();
    if groups.is_empty() {
        return String::new();
    }
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for names in &groups {
        block.row("same image", &listed(names, style));
    }
    block.row("meaning", SAME);
    section(
        "Images that are the same",
        Paint::Strong,
        &block.render(2),
        style,
    )
}

fn compared<'r>(
    reports: &'r [&CheckReport],
) -> impl Iterator<Item = (&'r CheckReport, &'r AcrossImages)> {
    reports
        .iter()
        .filter_map(|report| Some((*report, report.across_images.as_ref()?)))
}

/// An installation as the lists name it.
fn name(report: &CheckReport) -> String {
    let sealed = match shared_identities::is_sealed(&report.facts) {
        Some(true) => ", sealed",
        Some(false) => "",
        None => ", not known whether sealed",
    };
    format!(
        "{} installation {}{sealed}",
        report.image.source, report.installation.index
    )
}

/// The first names, one a line, and how many more there are.
fn listed(names: &[String], style: &Style) -> String {
    let shown = if style.verbose { usize::MAX } else { NAMED };
    let mut lines: Vec<String> = names.iter().take(shown).cloned().collect();
    let more = names.len().saturating_sub(shown);
    if more > 0 {
        lines.push(format!("and {more} more, with --verbose"));
    }
    lines.join("\n")
}

fn section(title: &str, paint: Paint, body: &str, style: &Style) -> String {
    format!("\n{}\n{body}", style.paint(paint, title))
}
