//! Reads a rule file: TOML in, a checked [`Rule`] out, or the line and the reason why not.
//!
//! A rule names facts of the vocabulary only, compares each with a value of its type, and uses words that the program
//! knows; whatever else stands in a file is refused, never skipped. docs/rules.md describes the form.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::facts::Facts;
use crate::facts::vocabulary::{self, Grade};
use crate::rules::finding::{self, Outcome};
use crate::rules::message::Template;
use crate::rules::raw_condition::{self, Fault, RawCondition};
use crate::rules::rule::{Example, Occasion, Question, Rule, Severity};
use crate::rules::typed;

/// How large a rule file may be, in bytes.
pub const RULE_FILE_BYTES_MAX: usize = 256 * 1024;

/// Why a rule file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFileError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub reason: String,
}

impl fmt::Display for RuleFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

impl std::error::Error for RuleFileError {}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: Spanned<String>,
    title: Spanned<String>,
    severity: Spanned<String>,
    questions: Option<Spanned<Vec<Spanned<String>>>>,
    statement: Spanned<String>,
    scope: Option<Spanned<RawCondition>>,
    when: Spanned<RawCondition>,
    message: Spanned<String>,
    #[serde(default)]
    evidence: Vec<Spanned<String>>,
    remedy: Spanned<String>,
    confidence: Spanned<String>,
    confidence_note: Option<String>,
    sources: Spanned<Vec<Spanned<String>>>,
    contexts: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    supersedes: Vec<Spanned<String>>,
    note: Option<String>,
    #[serde(default)]
    example: Vec<Spanned<RawExample>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExample {
    name: String,
    #[serde(default)]
    facts: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    absent: Vec<Spanned<String>>,
    #[serde(default)]
    incomplete: Vec<Spanned<String>>,
    expect: Spanned<String>,
}

/// Reads one rule.
///
/// # Errors
///
/// The line and the reason, for a file that is not TOML, has unknown or missing keys, or names something unknown.
pub fn parse(file: &str, text: &str) -> Result<Rule, RuleFileError> {
    let refuse = |fault: Fault| RuleFileError {
        file: file.to_owned(),
        line: line_of(text, &fault.span),
        reason: fault.reason,
    };
    if text.len() > RULE_FILE_BYTES_MAX {
        let reason = format!(
            "a rule file has at most {RULE_FILE_BYTES_MAX} bytes, this one has {}",
            text.len()
        );
        return Err(refuse(Fault::new(0..0, reason)));
    }
    let raw: RawRule = toml::from_str(text).map_err(|error| {
        let reason = error.message().trim().to_owned();
        refuse(Fault::new(error.span().unwrap_or(0..0), reason))
    })?;
    let lines: Vec<usize> = raw
        .example
        .iter()
        .map(|example| line_of(text, &example.span()))
        .collect();
    let rule = convert(raw).map_err(refuse)?;
    for (example, line) in rule.examples.iter().zip(lines) {
        check_example(&rule, example).map_err(|reason| RuleFileError {
            file: file.to_owned(),
            line,
            reason,
        })?;
    }
    Ok(rule)
}

/// The line of a position, from 1.
pub(crate) fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().iter().take(span.start);
    before
        .filter(|byte| **byte == b'\n')
        .count()
        .saturating_add(1)
}

fn convert(raw: RawRule) -> Result<Rule, Fault> {
    let message = Template::parse(raw.message.get_ref())
        .map_err(|reason| Fault::new(raw.message.span(), reason))?;
    for id in message.facts() {
        known_fact(id, raw.message.span())?;
    }
    let mut evidence = Vec::new();
    for id in raw.evidence {
        known_fact(id.get_ref(), id.span())?;
        evidence.push(id.into_inner());
    }
    let confidence = Grade::parse(raw.confidence.get_ref()).ok_or_else(|| {
        let words = words(Grade::ALL.map(Grade::as_str));
        unknown_word("confidence", &raw.confidence, &words)
    })?;
    let severity = word(
        &raw.severity,
        "severity",
        [Severity::Blocks, Severity::Warns, Severity::Informs],
        Severity::as_str,
    )?;
    if severity == Severity::Blocks && confidence == Grade::Memory {
        let reason = "a rule that rests on memory alone never blocks; use warns or informs";
        return Err(Fault::new(raw.severity.span(), reason));
    }
    Ok(Rule {
        id: rule_id(&raw.id)?,
        title: said(raw.title, "title")?,
        severity,
        questions: list(raw.questions, "question", Question::ALL, Question::as_str)?,
        statement: said(raw.statement, "statement")?,
        scope: raw
            .scope
            .map(|scope| raw_condition::convert(scope, 0))
            .transpose()?,
        when: raw_condition::convert(raw.when, 0)?,
        message,
        evidence,
        remedy: said(raw.remedy, "remedy")?,
        confidence,
        confidence_note: raw.confidence_note,
        sources: sources(raw.sources)?,
        contexts: list(
            raw.contexts,
            "context",
            [Occasion::CloneCheck, Occasion::Forensic],
            Occasion::as_str,
        )?,
        supersedes: raw
            .supersedes
            .iter()
            .map(rule_id)
            .collect::<Result<_, _>>()?,
        note: raw.note,
        examples: raw
            .example
            .into_iter()
            .map(example)
            .collect::<Result<_, _>>()?,
    })
}

/// Capital letters, digits and hyphens: `KEY-001`.
fn rule_id(id: &Spanned<String>) -> Result<String, Fault> {
    let text = id.get_ref();
    let fits = (3..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-');
    if fits {
        Ok(text.clone())
    } else {
        let reason =
            format!("an id has 3 to 32 capital letters, digits and hyphens, this is {text:?}");
        Err(Fault::new(id.span(), reason))
    }
}

fn said(text: Spanned<String>, what: &str) -> Result<String, Fault> {
    if text.get_ref().trim().is_empty() {
        return Err(Fault::new(text.span(), format!("the {what} is empty")));
    }
    Ok(text.into_inner())
}

fn sources(raw: Spanned<Vec<Spanned<String>>>) -> Result<Vec<String>, Fault> {
    let span = raw.span();
    let sources = raw
        .into_inner()
        .into_iter()
        .map(|source| said(source, "source"))
        .collect::<Result<Vec<_>, _>>()?;
    if sources.is_empty() {
        return Err(Fault::new(span, "a rule names at least one source"));
    }
    Ok(sources)
}

fn known_fact(id: &str, span: Range<usize>) -> Result<(), Fault> {
    match vocabulary::find(id) {
        Some(_) => Ok(()),
        None => Err(Fault::new(span, format!("unknown fact {id:?}"))),
    }
}

/// The item of a word.
fn word<T: Copy, const N: usize>(
    raw: &Spanned<String>,
    what: &str,
    known: [T; N],
    as_str: fn(T) -> &'static str,
) -> Result<T, Fault> {
    let found = known.iter().find(|item| as_str(**item) == raw.get_ref());
    found
        .copied()
        .ok_or_else(|| unknown_word(what, raw, &words(known.map(as_str))))
}

/// The items of a list of words; all of them if there is no list.
fn list<T: Copy, const N: usize>(
    raw: Option<Spanned<Vec<Spanned<String>>>>,
    what: &str,
    known: [T; N],
    as_str: fn(T) -> &'static str,
) -> Result<Vec<T>, Fault> {
    let Some(raw) = raw else {
        return Ok(known.to_vec());
    };
    if raw.get_ref().is_empty() {
        return Err(Fault::new(
            raw.span(),
            format!("a rule names at least one {what}"),
        ));
    }
    let items = raw.get_ref().iter();
    items.map(|item| word(item, what, known, as_str)).collect()
}

fn words<const N: usize>(words: [&'static str; N]) -> String {
    words.join(", ")
}

fn unknown_word(what: &str, raw: &Spanned<String>, known: &str) -> Fault {
    let reason = format!(
        "unknown {what} {:?}, expected one of {known}",
        raw.get_ref()
    );
    Fault::new(raw.span(), reason)
}

fn example(raw: Spanned<RawExample>) -> Result<Example, Fault> {
    let raw = raw.into_inner();
    let mut facts = Vec::new();
    for (id, value) in raw.facts {
        let Some(fact) = vocabulary::find(&id) else {
            return Err(Fault::new(value.span(), format!("unknown fact {id:?}")));
        };
        let span = value.span();
        let value = typed::value(fact.kind, value.get_ref())
            .ok_or_else(|| Fault::new(span, format!("{id} is {}", fact.kind.described())))?;
        facts.push((id, value));
    }
    let mut absent = Vec::new();
    for id in raw.absent {
        known_fact(id.get_ref(), id.span())?;
        absent.push(id.into_inner());
    }
    let mut incomplete = Vec::new();
    for id in raw.incomplete {
        if !facts.iter().any(|(known, _)| known == id.get_ref()) {
            let reason = format!("{:?} is not among the facts of the example", id.get_ref());
            return Err(Fault::new(id.span(), reason));
        }
        incomplete.push(id.into_inner());
    }
    Ok(Example {
        name: raw.name,
        facts,
        absent,
        incomplete,
        expect: word(&raw.expect, "outcome", Outcome::ALL, Outcome::as_str)?,
    })
}

/// Runs one example of the rule.
fn check_example(rule: &Rule, example: &Example) -> Result<(), String> {
    let facts = example_facts(example);
    let found = finding::decide(rule, &facts);
    if found.outcome == example.expect {
        return Ok(());
    }
    Err(format!(
        "example {:?} expects {}, the rule answers {} ({})",
        example.name,
        example.expect.as_str(),
        found.outcome.as_str(),
        found.message
    ))
}

/// The facts of an example; those that it does not name are unknown.
pub fn example_facts(example: &Example) -> Facts {
    use crate::evidence::{Evidence, Fact, Locator, Unknown, UnknownReason};
    let place = Evidence::at(Locator::new("example"));
    let mut facts = Facts::new();
    for (id, value) in &example.facts {
        facts.put(id, Fact::found(value.clone(), place.clone()));
    }
    for id in &example.absent {
        facts.put(id, Fact::Absent(place.clone()));
    }
    for id in &example.incomplete {
        let reason = UnknownReason::NotProvided;
        let unknown = Unknown::new(reason, "more may be", place.locator.clone());
        facts.mark_incomplete(id, unknown);
    }
    facts
}
