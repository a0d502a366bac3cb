//! The report of `repair`: what would be done, why, every byte that would change, and what every check says before and after.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::base::bytes::hex;
use crate::base::filetime::FileTime;
use crate::evidence::Fact;
use crate::image::Installation;
use crate::repair::{
    Action, ByteRange, Checked, FullHash, Gate, Neighbour, NotDone, Refusal, Removal, RepairPlan,
    Wanted,
};
use crate::report::check_text::verdict_word;
use crate::report::fact_text::{evidence_line, fact_line};
use crate::report::inspect::heading;
use crate::report::table::{Block, Paint};
use crate::report::{ImageInfo, InstallationInfo, SCHEMA_VERSION, Style, Tool};
use crate::rules::{Finding, Outcome, Verdicts};

/// Columns of the labels.
const LABEL_WIDTH: usize = 10;
/// The facts that a plan rests on.
const EVIDENCE: &[&str] = &[
    "crypto.machine_guid",
    "crypto.machinekeys_dir",
    "crypto.c23_files",
    "crypto.c23_state",
    "key.repair_plan",
];

/// A refusal in a report.
#[derive(Debug, Serialize)]
pub struct RefusalInfo {
    gate: &'static str,
    message: String,
}

/// A file that goes, in a report.
#[derive(Debug, Serialize)]
struct RemovalInfo {
    #[serde(flatten)]
    removal: Removal,
    /// Where its content is copied to before it goes.
    copied_to: Option<String>,
}

/// What `check` says, once.
#[derive(Debug, Serialize)]
pub struct Side {
    verdict: Verdicts,
    findings: Vec<Finding>,
}

/// What `check` says of another installation of the image, before and after.
#[derive(Debug, Serialize)]
struct NeighbourInfo {
    index: usize,
    system_root: String,
    before: Verdicts,
    after: Verdicts,
    /// The rules that say something else afterwards.
    changes: Vec<Change>,
}

/// A rule that says something else afterwards.
#[derive(Debug, Serialize)]
struct Change {
    rule: String,
    before: Outcome,
    after: Outcome,
    message: String,
}

impl NeighbourInfo {
    fn new(neighbour: &Neighbour<'_>) -> Self {
        Self {
            index: neighbour.index,
            system_root: neighbour.system_root.clone(),
            before: neighbour.before.verdicts(),
            after: neighbour.after.verdicts(),
            changes: neighbour
                .changes()
                .map(|(was, is)| Change::new(was, is))
                .collect(),
        }
    }
}

impl Change {
    fn new(was: &Finding, is: &Finding) -> Self {
        let message = if is.message.is_empty() {
            &is.title
        } else {
            &is.message
        };
        Self {
            rule: is.rule.clone(),
            before: was.outcome,
            after: is.outcome,
            message: message.clone(),
        }
    }
}

/// What is done to an image, or would be.
#[derive(Debug, Serialize)]
pub struct RepairReport {
    schema_version: &'static str,
    tool: Tool,
    image: ImageInfo,
    installation: InstallationInfo,
    /// `none`, `rename_only`, `swap`, `delete_and_rename`, `named`, `saved` or `undecided`.
    decision: String,
    reason: String,
    refusal: Option<RefusalInfo>,
    removals: Vec<RemovalInfo>,
    actions: Vec<Action>,
    /// Key files that `--all-containers` leaves as they are.
    not_done: Vec<NotDone>,
    /// The change time that `--touch` sets.
    touch: Option<FileTime>,
    /// SHA-256 of the whole image, with `--full-hash`.
    full_hash: Option<FullHash>,
    warnings: Vec<String>,
    sectors: usize,
    changed_bytes: usize,
    changes: Vec<ByteRange>,
    evidence: BTreeMap<&'static str, Fact>,
    before: Side,
    after: Option<Side>,
    /// The other installations of the image, where something would be changed.
    neighbours: Vec<NeighbourInfo>,
    written: Option<String>,
}

impl RepairReport {
    /// What was decided, without a plan yet.
    pub fn new(
        image: ImageInfo,
        installation: &Installation,
        before: Checked,
        decision: &str,
        reason: &str,
    ) -> Self {
        let facts = &before.collected.facts;
        let evidence = EVIDENCE
            .iter()
            .filter_map(|id| Some((*id, facts.get(id)?.clone())))
            .collect();
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            installation: InstallationInfo::new(installation),
            decision: decision.to_owned(),
            reason: reason.to_owned(),
            refusal: None,
            removals: Vec::new(),
            actions: Vec::new(),
            not_done: Vec::new(),
            touch: None,
            full_hash: None,
            warnings: Vec::new(),
            sectors: 0,
            changed_bytes: 0,
            changes: Vec::new(),
            evidence,
            before: Side {
                verdict: before.verdicts(),
                findings: before.findings,
            },
            after: None,
            neighbours: Vec::new(),
            written: None,
        }
    }

    /// Adds what was asked for.
    pub fn ask(&mut self, wanted: &Wanted) {
        self.actions.clone_from(&wanted.actions);
        self.removals = removals(&wanted.removals, &[]);
    }

    /// Adds the key files that are left as they are.
    pub fn leave(&mut self, list: Vec<NotDone>) {
        self.not_done = list;
    }

    /// Adds why it is not done.
    pub fn refuse(&mut self, refusal: &Refusal) {
        self.refusal = Some(RefusalInfo {
            gate: refusal.gate.as_str(),
            message: refusal.text.clone(),
        });
    }

    /// Adds the plan, and what every check says of the image seen through it.
    pub fn plan(
        &mut self,
        plan: &RepairPlan,
        after: &Checked,
        neighbours: &[Neighbour<'_>],
        full: Option<&FullHash>,
    ) {
        self.neighbours = neighbours.iter().map(NeighbourInfo::new).collect();
        self.touch = plan.touch;
        self.full_hash = full.cloned();
        self.actions.clone_from(&plan.actions);
        self.removals = removals(&plan.removals, &plan.backups);
        self.warnings.clone_from(&plan.warnings);
        self.sectors = plan.sectors.len();
        self.changed_bytes = plan.changed_bytes();
        self.changes.clone_from(&plan.ranges);
        self.after = Some(Side {
            verdict: after.verdicts(),
            findings: after.findings.clone(),
        });
    }

    /// Adds the digests of the whole image as they are now known.
    pub fn full_hash(&mut self, full: &FullHash) {
        self.full_hash = Some(full.clone());
    }

    /// Adds where it was written.
    pub fn written(&mut self, what: String) {
        self.written = Some(what);
    }
}

fn removals(list: &[Removal], backups: &[PathBuf]) -> Vec<RemovalInfo> {
    let info = |(at, removal): (usize, &Removal)| RemovalInfo {
        removal: removal.clone(),
        copied_to: backups
            .get(at)
            .map(|path| path.to_string_lossy().into_owned()),
    };
    list.iter().enumerate().map(info).collect()
}

/// The report for people.
pub fn repair_text(report: &RepairReport, style: &Style) -> String {
    let mut text = heading(&report.image, &report.installation, style);
    let mut block = Block::new(style, 0, LABEL_WIDTH);
    block.row("decision", &report.decision);
    block.row("why", &report.reason);
    if let Some(refusal) = &report.refusal {
        block.row(
            "refused",
            &format!("{} ({})", refusal.message, refusal.gate),
        );
    }
    for warning in &report.warnings {
        block.row("warning", warning);
    }
    for (id, fact) in &report.evidence {
        block.row("evidence", &format!("{id}: {}", fact_line(fact, None)));
        for evidence in fact.evidence() {
            block.row("", &format!("<- {}", evidence_line(evidence)));
        }
    }
    text.push('\n');
    text.push_str(&block.render(0));
    actions(&mut text, report, style);
    not_done(&mut text, report, style);
    changes(&mut text, report, style);
    verdicts(&mut text, report, style);
    match &report.written {
        Some(written) => text.push_str(&format!("\n{written}\n")),
        // What failed on the way has said what state it left.
        None if failed_on_the_way(report) => {}
        None => text.push_str("\nNothing was written.\n"),
    }
    text
}

fn failed_on_the_way(report: &RepairReport) -> bool {
    let refusal = report.refusal.as_ref();
    refusal.is_some_and(|refusal| refusal.gate == Gate::Failed.as_str())
}

fn actions(text: &mut String, report: &RepairReport, style: &Style) {
    if report.actions.is_empty() && report.removals.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", style.paint(Paint::Strong, "Actions")));
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for info in &report.removals {
        if let Some(place) = &info.copied_to {
            block.row("copy out", &info.removal.path);
            block.row("to", place);
        }
        block.row("delete", &info.removal.path);
        let size = format!(
            "{} bytes, SHA-256 {}",
            info.removal.size_bytes, info.removal.sha256
        );
        block.row("", &size);
    }
    for action in &report.actions {
        block.row("rename", &action.from);
        block.row("to", &action.to);
    }
    if let Some(time) = report.touch {
        let text = format!("change time of these files and their folder: {time}");
        block.row("set", &text);
    }
    if let Some(full) = &report.full_hash {
        block.row("SHA-256", &format!("{} of the image before", full.before));
        if let Some(after) = &full.after {
            block.row("", &format!("{after} after"));
        }
    }
    text.push_str(&block.render(2));
}

fn not_done(text: &mut String, report: &RepairReport, style: &Style) {
    if report.not_done.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", style.paint(Paint::Strong, "Not done")));
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for left in &report.not_done {
        block.row("file", &left.path);
        block.row("why", &left.reason);
    }
    text.push_str(&block.render(2));
}

fn changes(text: &mut String, report: &RepairReport, style: &Style) {
    if report.changes.is_empty() {
        return;
    }
    let title = format!(
        "Changes: {} bytes in {} sectors of 512 bytes",
        report.changed_bytes, report.sectors
    );
    text.push_str(&format!("\n{}\n", style.paint(Paint::Strong, &title)));
    let mut what = "";
    for range in &report.changes {
        if range.what != what {
            what = &range.what;
            text.push_str(&format!("  {}\n", crate::report::printable(what)));
        }
        text.push_str(&format!(
            "    0x{:08x}  {} bytes\n      - {}\n      + {}\n",
            range.offset,
            range.length,
            hex(&range.before),
            hex(&range.after)
        ));
    }
}

fn verdicts(text: &mut String, report: &RepairReport, style: &Style) {
    text.push_str(&format!("\n{}\n", style.paint(Paint::Strong, "Verdict")));
    text.push_str(&verdict_row("before", report.before.verdict, style));
    let Some(after) = &report.after else {
        return;
    };
    text.push_str(&verdict_row("after", after.verdict, style));
    let both = report.before.findings.iter().zip(&after.findings);
    let changes: Vec<Change> = both
        .filter(|(was, is)| was.outcome != is.outcome || was.message != is.message)
        .map(|(was, is)| Change::new(was, is))
        .collect();
    text.push_str(&change_rows(&changes, style));
    for other in &report.neighbours {
        let title = format!("Installation {} in {}", other.index, other.system_root);
        text.push_str(&format!(
            "\n{}\n",
            style.paint(Paint::Strong, &crate::report::printable(&title))
        ));
        text.push_str(&verdict_row("before", other.before, style));
        text.push_str(&verdict_row("after", other.after, style));
        text.push_str(&change_rows(&other.changes, style));
    }
}

fn verdict_row(name: &str, verdict: Verdicts, style: &Style) -> String {
    format!(
        "  {name:<8}clone: {}    seal: {}\n",
        verdict_word(verdict.clone, style),
        verdict_word(verdict.seal, style)
    )
}

fn change_rows(changes: &[Change], style: &Style) -> String {
    if changes.is_empty() {
        return "  no rule has another result\n".to_owned();
    }
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for change in changes {
        let line = format!(
            "{} -> {}: {}",
            change.before.as_str(),
            change.after.as_str(),
            change.message
        );
        block.row(&change.rule, &line);
    }
    block.render(2)
}
