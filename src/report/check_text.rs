//! The report of `check` for people: verdict first, then what blocks, why, the evidence, and what to do.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{Fact, Value};
use crate::facts::Facts;
use crate::report::across_text::across_line;
use crate::report::fact_text::{fact_line, least, value_line};
use crate::report::inspect::heading;
use crate::report::table::{Block, Paint};
use crate::report::{CheckReport, ErrorReport, Style, printable};
use crate::rules::{Finding, Outcome, Question, Severity, Verdict};

/// Columns of the labels inside a finding.
const LABEL_WIDTH: usize = 8;
/// Most pieces of evidence shown for one finding without `--verbose`.
const EVIDENCE_SHOWN: usize = 6;

/// An image that could not be checked, for people.
pub fn error_text(report: &ErrorReport, style: &Style) -> String {
    let mut text = format!(
        "{}\n",
        style.paint(Paint::Strong, &printable(&report.image.source))
    );
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    block.row("error", &report.error.message);
    for note in &report.image.notes {
        block.row("note", note);
    }
    text.push_str(&block.render(2));
    text
}

/// The report on one installation, for people.
pub fn check_text(report: &CheckReport, style: &Style) -> String {
    let mut text = heading(&report.image, &report.installation, style);
    text.push_str(&format!("{}\n\n", printable(&windows_line(&report.facts))));
    text.push_str(&format!(
        "  clone: {}    seal: {}\n",
        verdict_word(report.verdict.clone, style),
        verdict_word(report.verdict.seal, style)
    ));
    if let Some(line) = asserted_line(&report.facts) {
        text.push_str(&format!(
            "  {}\n",
            style.paint(Paint::Doubtful, &printable(&line))
        ));
    }
    if let Some(line) = report.across_images.as_ref().and_then(across_line) {
        text.push_str(&format!(
            "  {}\n",
            style.paint(Paint::Bad, &printable(&line))
        ));
    }
    let select = |outcome, severity| {
        report
            .findings
            .iter()
            .filter(move |finding| finding.outcome == outcome && finding.severity == severity)
    };
    section(
        &mut text,
        style,
        Paint::Bad,
        "Blocks",
        select(Outcome::Fired, Severity::Blocks),
    );
    let undecided: Vec<&Finding> = select(Outcome::Unknown, Severity::Blocks).collect();
    undecided_list(&mut text, style, "Blocks, not decided", &undecided);
    section(
        &mut text,
        style,
        Paint::Doubtful,
        "Warns",
        select(Outcome::Fired, Severity::Warns),
    );
    informs(&mut text, style, select(Outcome::Fired, Severity::Informs));
    let doubtful: Vec<&Finding> = select(Outcome::Unknown, Severity::Warns)
        .chain(select(Outcome::Unknown, Severity::Informs))
        .collect();
    undecided_list(&mut text, style, "Warns or informs, not decided", &doubtful);
    causes(&mut text, style, &undecided, &doubtful, &report.facts);
    rest(&mut text, style, &report.findings);
    text
}

/// What the verdict takes on the word of the operator, if anything.
fn asserted_line(facts: &Facts) -> Option<String> {
    let asserted: Vec<String> = facts
        .iter()
        .filter_map(|(id, fact)| match fact {
            Fact::Found {
                value,
                asserted: true,
                ..
            } => Some(format!("{id} is {}", value_line(value))),
            _ => None,
        })
        .collect();
    (!asserted.is_empty()).then(|| {
        format!(
            "on the word of the operator (--assert), not shown by the image: {}",
            asserted.join("; ")
        )
    })
}

/// The Windows of the installation in one line; what is not known is said.
fn windows_line(facts: &Facts) -> String {
    let shown = |id: &str| match facts.get(id) {
        Some(Fact::Found { value, .. }) => Some(value.to_string()),
        _ => None,
    };
    let product = match facts.get("os.names") {
        Some(Fact::Found {
            value: Value::Map(names),
            ..
        }) => names.get("ProductName").map(ToString::to_string),
        _ => None,
    };
    let version = shown("os.version");
    let name = match (product, &version) {
        (Some(product), _) => product,
        (None, Some(version)) => format!("Windows NT {version}"),
        (None, None) => return "Windows of unknown version".to_owned(),
    };
    let mut parts = vec![name];
    parts.extend(version.map(|version| format!("version {version}")));
    parts.extend(shown("os.build").map(|build| format!("build {build}")));
    parts.extend(
        shown("os.sp")
            .filter(|pack| pack != "0")
            .map(|pack| format!("Service Pack {pack}")),
    );
    parts.extend(shown("iis.major_minor").map(|version| format!("IIS {version}")));
    parts.extend(shown("ie.version").map(|version| format!("Internet Explorer {version}")));
    parts.join(", ")
}

pub(crate) fn verdict_word(verdict: Verdict, style: &Style) -> String {
    match verdict {
        Verdict::Safe => style.paint(Paint::Good, "SAFE"),
        Verdict::Unsafe => style.paint(Paint::Bad, "UNSAFE"),
        Verdict::Inconclusive => style.paint(Paint::Doubtful, "INCONCLUSIVE"),
    }
}

fn questions_word(questions: &[Question]) -> &'static str {
    match questions {
        [Question::Clone] => "clone",
        [Question::Seal] => "seal",
        _ => "clone, seal",
    }
}

fn section<'f>(
    text: &mut String,
    style: &Style,
    paint: Paint,
    title: &str,
    findings: impl Iterator<Item = &'f Finding>,
) {
    let mut first = true;
    for finding in findings {
        if first {
            text.push_str(&format!("\n{}\n", style.paint(paint, title)));
            first = false;
        }
        text.push_str(&format!(
            "\n  {}  {}  [{}]\n",
            style.paint(Paint::Strong, &finding.rule),
            printable(&finding.title),
            questions_word(&finding.questions)
        ));
        text.push_str(&body(finding, style));
    }
}

fn body(finding: &Finding, style: &Style) -> String {
    let mut block = Block::new(style, 4, LABEL_WIDTH);
    block.row("why", &finding.message);
    let shown = if style.verbose {
        usize::MAX
    } else {
        EVIDENCE_SHOWN
    };
    for (index, evidence) in finding.evidence.iter().take(shown).enumerate() {
        let label = if index == 0 { "evidence" } else { "" };
        let value = evidence.value.as_ref().map_or_else(
            || "absent".to_owned(),
            if evidence.at_least { least } else { value_line },
        );
        block.row(
            label,
            &format!("{} = {value}\n<- {}", evidence.fact, evidence.location),
        );
    }
    if let Some(more) = finding
        .evidence
        .len()
        .checked_sub(shown)
        .filter(|more| *more > 0)
    {
        block.row("", &format!("and {more} more, with --verbose"));
    }
    if !finding.remedy.is_empty() {
        block.row("do", &finding.remedy);
    }
    block.row("sources", &finding.sources.join(", "));
    block.render(4)
}

fn informs<'f>(text: &mut String, style: &Style, findings: impl Iterator<Item = &'f Finding>) {
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    let mut any = false;
    for finding in findings {
        any = true;
        block.row(&finding.rule, &finding.message);
    }
    if any {
        text.push_str(&format!(
            "\n{}\n{}",
            style.paint(Paint::Strong, "Good to know"),
            block.render(2)
        ));
    }
}

fn undecided_list(text: &mut String, style: &Style, title: &str, findings: &[&Finding]) {
    if findings.is_empty() {
        return;
    }
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for finding in findings {
        let questions = questions_word(&finding.questions);
        let missing = finding.missing.join(", ");
        block.row(
            &finding.rule,
            &format!("{}  [{questions}]\nmissing {missing}", finding.title),
        );
    }
    text.push_str(&format!(
        "\n{}\n{}",
        style.paint(Paint::Doubtful, title),
        block.render(2)
    ));
}

/// Why the missing facts are missing: each cause once, with all facts that it keeps from being seen.
fn causes(
    text: &mut String,
    style: &Style,
    blocking: &[&Finding],
    others: &[&Finding],
    facts: &Facts,
) {
    let missing: BTreeSet<&str> = blocking
        .iter()
        .chain(others)
        .flat_map(|finding| finding.missing.iter().map(String::as_str))
        .collect();
    let mut causes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for id in missing {
        let cause = match facts.get(id) {
            Some(Fact::Unknown(unknown)) => {
                format!(
                    "{} ({})\n<- {}",
                    unknown.detail,
                    unknown.reason.as_str(),
                    unknown.evidence.locator
                )
            }
            Some(fact) => fact_line(fact, facts.incomplete(id)),
            None => "not collected by this version".to_owned(),
        };
        causes.entry(cause).or_default().push(id);
    }
    if causes.is_empty() {
        return;
    }
    let mut block = Block::new(style, 2, LABEL_WIDTH);
    for (cause, ids) in &causes {
        block.row("cause", cause);
        block.row("", &format!("hides {}", ids.join(", ")));
    }
    text.push_str(&format!(
        "\n{}\n{}",
        style.paint(Paint::Strong, "Why facts are missing"),
        block.render(2)
    ));
}

fn rest(text: &mut String, style: &Style, findings: &[Finding]) {
    let ids = |outcome| {
        findings
            .iter()
            .filter(move |finding| finding.outcome == outcome)
            .map(|finding| finding.rule.as_str())
            .collect::<Vec<_>>()
    };
    let clear = ids(Outcome::Clear);
    let outside = ids(Outcome::NotApplicable);
    text.push_str(&format!(
        "\n{} rules are clear, {} do not apply\n",
        clear.len(),
        outside.len()
    ));
    if style.verbose {
        let mut block = Block::new(style, 2, 14);
        block.row("clear", &clear.join(" "));
        block.row("do not apply", &outside.join(" "));
        text.push_str(&block.render(2));
    }
}
