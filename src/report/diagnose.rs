//! The report of `diagnose`: the cause and what to do first, then what it rests on.
//!
//! It is read at three in the morning: who reads only the first screen has the cause, the commands and what is not decided.

use serde::Serialize;

use crate::diagnosis::{
    Cause, CheckState, Diagnosis, KeyFile, Kinship, LinkState, LoggedFailure, Standing,
};
use crate::image::Installation;
use crate::report::inspect::heading;
use crate::report::table::{Block, Grid, Paint};
use crate::report::{ImageInfo, InstallationInfo, SCHEMA_VERSION, Style, Tool};

/// Columns of the labels.
const LABEL_WIDTH: usize = 22;
/// Columns of the labels of short sections.
const NARROW: usize = 16;
/// Most failures that the text lists; JSON has all.
const FAILURES_SHOWN: usize = 10;

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
        Cause::Undecided | Cause::WrongNameUndecided | Cause::Neighbour | Cause::Unexplained => {
            Paint::Doubtful
        }
        _ => Paint::Bad,
    };
    let mut sentence = Block::new(style, 0, 0);
    sentence.row("", &diagnosis.sentence);
    text.push('\n');
    text.push_str(&style.paint(paint, "diagnosis"));
    text.push('\n');
    text.push_str(&sentence.render(0));
    for (title, section) in [
        ("what to do", remedy(diagnosis, style)),
        ("commands", commands(diagnosis, style)),
        ("not decided", questions(diagnosis, style)),
        ("on copies of this image", after_cloning(diagnosis, style)),
        (
            "when it began, and what the logs tell",
            problem(diagnosis, style),
        ),
        (
            "key files of IIS, the oldest first",
            key_files(diagnosis, style),
        ),
        ("what else it could be", alternatives(diagnosis, style)),
        ("what IIS needs beside its key", checks(diagnosis, style)),
        ("the chain of proof", links(diagnosis, style)),
        ("facts and rules", facts(diagnosis, style)),
    ] {
        if !section.is_empty() {
            text.push('\n');
            text.push_str(&style.paint(Paint::Strong, title));
            text.push('\n');
            text.push_str(&section);
        }
    }
    text
}

fn remedy(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut block = Block::new(style, 2, 4);
    for (number, step) in (1_usize..).zip(&diagnosis.remedy) {
        block.row(&format!("{number}."), step);
    }
    rendered(&block, diagnosis.remedy.is_empty())
}

fn rendered(block: &Block, is_empty: bool) -> String {
    if is_empty {
        String::new()
    } else {
        block.render(2)
    }
}

/// Each command in a line of its own, so that it can be copied.
fn commands(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut text = String::new();
    let mut said = "";
    for command in &diagnosis.commands {
        text.push_str("  ");
        text.push_str(&crate::report::printable(&command.command));
        text.push('\n');
        let mut block = Block::new(style, 6, 0);
        let when = if command.when == said {
            continue;
        } else {
            &command.when
        };
        said = when;
        let sources = if command.sources.is_empty() {
            String::new()
        } else {
            format!(" ({})", command.sources.join(", "))
        };
        block.row("", &format!("{}, {when}{sources}", command.place.as_str()));
        text.push_str(&block.render(4));
    }
    text
}

fn questions(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut block = Block::new(style, 2, NARROW);
    for question in &diagnosis.open_questions {
        block.row("question", &question.question);
        block.row("  why open", &question.why);
        block.row("  decided by", &question.decided_by);
    }
    rendered(&block, diagnosis.open_questions.is_empty())
}

fn after_cloning(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut block = Block::new(style, 2, NARROW);
    for forecast in &diagnosis.after_cloning {
        block.row(&forecast.rule, &forecast.message);
        block.row("  do", &forecast.remedy);
    }
    rendered(&block, diagnosis.after_cloning.is_empty())
}

fn problem(diagnosis: &Diagnosis, style: &Style) -> String {
    let problem = &diagnosis.problem;
    let mut block = Block::new(style, 2, NARROW);
    let time = problem
        .time
        .and_then(crate::facts::event_logs::EventTime::to_rfc3339)
        .unwrap_or_else(|| "unknown".to_owned());
    block.row("began", &format!("{time}: {}", problem.reason));
    for failure in problem.failures.iter().take(FAILURES_SHOWN) {
        block.row(label(failure), &failure_line(failure));
        block.row("", &format!("<- {}", failure.location));
        for (label, text) in [("  means", failure.meaning), ("  do", failure.remedy)] {
            if let Some(text) = text {
                block.row(label, text);
            }
        }
    }
    let left_out = usize::try_from(problem.failures_not_listed).unwrap_or(usize::MAX);
    let more = problem
        .failures
        .len()
        .saturating_sub(FAILURES_SHOWN)
        .saturating_add(left_out);
    if more > 0 {
        block.row("", &format!("and {more} more"));
    }
    block.render(2)
}

fn label(failure: &LoggedFailure) -> &'static str {
    match failure.belongs_to {
        Kinship::Iis => "IIS",
        Kinship::Neighbour => "beside IIS",
        Kinship::Other => "other",
    }
}

fn failure_line(failure: &LoggedFailure) -> String {
    let one = &failure.failure;
    let time = |time: Option<crate::facts::event_logs::EventTime>| {
        time.and_then(crate::facts::event_logs::EventTime::to_rfc3339)
            .unwrap_or_else(|| "no time".to_owned())
    };
    let mut line = format!("{}  {} {}", time(one.first), one.source, one.event_id);
    if !one.subject.is_empty() {
        line.push_str(&format!(", {}", one.subject));
    }
    if let Some(code) = &failure.code_shown {
        line.push_str(&format!(", {code}"));
    }
    if one.count > 1 {
        line.push_str(&format!("; {} times, last {}", one.count, time(one.last)));
    }
    if let Some(mended) = &one.mended {
        line.push_str(&format!(
            "; since then: {} ({})",
            mended.what,
            time(mended.time)
        ));
    }
    if one.clock_doubted {
        line.push_str("; the time does not fit the order of the log");
    }
    if failure.other_computer == Some(true) {
        line.push_str(&format!(
            "; on another computer or under another name: {}",
            one.computer
        ));
    }
    line
}

fn key_files(diagnosis: &Diagnosis, style: &Style) -> String {
    if diagnosis.key_files.is_empty() {
        return String::new();
    }
    let mut block = Block::new(style, 2, 4);
    for (number, file) in (1_usize..).zip(&diagnosis.key_files) {
        let created = file
            .created
            .and_then(crate::base::filetime::FileTime::to_rfc3339)
            .unwrap_or_else(|| "no time".to_owned());
        block.row(&format!("{number}."), &file.name);
        block.row("", &format!("created {created}; {}", marks(file)));
    }
    let mut text = block.render(2);
    if let Some(agree) = diagnosis.times_agree {
        let mut block = Block::new(style, 2, 0);
        block.row(
            "",
            if agree {
                "KB884872 calls the newest file near the problem bogus; the pairing says the same"
            } else {
                "KB884872 calls the newest file near the problem bogus; here that very file signed the metabase, so the rule of time is wrong here: the pairing decides"
            },
        );
        text.push_str(&block.render(0));
    }
    text
}

/// What is known of a key file beside its time.
fn marks(file: &KeyFile) -> String {
    let mut marks = vec![match file.carries_machine_guid {
        Some(true) => "carries MachineGuid".to_owned(),
        Some(false) => "carries another GUID".to_owned(),
        None => "MachineGuid not known".to_owned(),
    }];
    marks.push(match file.signed_metabase {
        "paired" => "SIGNED THE METABASE".to_owned(),
        "not_paired" => "did not sign the metabase".to_owned(),
        other => format!("metabase: {}", other.replace('_', " ")),
    });
    if file.newest == Some(true) {
        marks.push("the newest".to_owned());
    }
    if file.nearest_problem == Some(true) {
        let distance = file.seconds_from_problem.unwrap_or(0);
        let side = if distance < 0 { "before" } else { "after" };
        marks.push(format!(
            "nearest to the problem ({} {side} it)",
            duration(distance.unsigned_abs())
        ));
    }
    marks.join("; ")
}

/// Seconds in the largest unit that says enough.
fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn alternatives(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut block = Block::new(style, 2, NARROW);
    let shown: Vec<_> = diagnosis
        .alternatives
        .iter()
        .filter(|one| style.verbose || one.standing != Standing::NotApplicable)
        .collect();
    for one in &shown {
        block.row(one.standing.as_str(), one.title);
        block.row("", &format!("by {}", one.by));
    }
    rendered(&block, shown.is_empty())
}

fn checks(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut block = Block::new(style, 2, NARROW);
    let shown: Vec<_> = diagnosis
        .checks
        .iter()
        .filter(|check| style.verbose || check.state != CheckState::NotApplicable)
        .collect();
    for check in &shown {
        let state = match check.state {
            CheckState::Bad => "BAD",
            state => state.as_str(),
        };
        let name = check.check.replace('_', " ");
        block.row(&name, &format!("{state}: {}", check.detail));
        if check.state == CheckState::Bad {
            block.row("", &format!("<- {}", check.location));
        }
        if style.verbose {
            for item in &check.items {
                block.row("", item);
            }
        }
    }
    rendered(&block, shown.is_empty())
}

fn links(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut grid = Grid::new(style, &["link", "question", "state", "what was seen"]);
    for link in &diagnosis.links {
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
    grid.render()
}

fn facts(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut block = Block::new(style, 0, LABEL_WIDTH);
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
    block.render(0)
}
