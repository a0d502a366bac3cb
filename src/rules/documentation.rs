//! The text that documents a rule, shared by docs/rules.md and `explain`.

use std::fmt::Write as _;

use crate::facts::sources;
use crate::rules::catalogue::Catalogue;
use crate::rules::condition::{Condition, Test};
use crate::rules::rule::Rule;

impl Condition {
    /// The condition in words, such as `os.version == 4.0 and not (os.sp >= 6 or os.nt4_sp6a == yes)`.
    pub fn in_words(&self) -> String {
        match self {
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => joined(parts, " or "),
            Self::Not(part) => format!("not {}", part.bracketed()),
            Self::Test(test) => test.in_words(),
        }
    }

    fn bracketed(&self) -> String {
        match self {
            Self::All(parts) | Self::Any(parts) if parts.len() > 1 => {
                format!("({})", self.in_words())
            }
            Self::Not(_) => format!("({})", self.in_words()),
            _ => self.in_words(),
        }
    }
}

fn joined(parts: &[Condition], word: &str) -> String {
    match parts {
        [part] => part.in_words(),
        _ => parts
            .iter()
            .map(Condition::bracketed)
            .collect::<Vec<_>>()
            .join(word),
    }
}

impl Test {
    fn in_words(&self) -> String {
        let values = self
            .operands
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let op = self.op.as_str();
        match self.operands.len() {
            0 => format!("{} {op}", self.fact),
            1 if !matches!(
                self.op,
                crate::rules::Op::In | crate::rules::Op::ContainsAny
            ) =>
            {
                format!("{} {op} {}", self.fact, values.join(", "))
            }
            _ => format!("{} {op} [{}]", self.fact, values.join(", ")),
        }
    }
}

impl Rule {
    /// The rule in full as Markdown, without a heading: statement, conditions, message, remedy, sources, examples.
    pub fn documentation(&self, catalogue: &Catalogue) -> String {
        let mut page = String::new();
        line(&mut page, &self.statement);
        line(&mut page, "");
        item(&mut page, "Severity", self.severity.as_str());
        item(
            &mut page,
            "Questions",
            &self
                .questions
                .iter()
                .map(|question| question.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        );
        item(
            &mut page,
            "Asked",
            &self
                .contexts
                .iter()
                .map(|context| context.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        );
        let scope = self
            .scope
            .as_ref()
            .map_or("every installation".to_owned(), |scope| {
                code(&scope.in_words())
            });
        item(&mut page, "Applies to", &scope);
        item(&mut page, "Fires when", &code(&self.when.in_words()));
        item(&mut page, "Says", &self.message.to_string());
        if !self.evidence.is_empty() {
            item(&mut page, "Shows besides", &code(&self.evidence.join(", ")));
        }
        item(&mut page, "Remedy", &self.remedy);
        let confidence = match &self.confidence_note {
            Some(note) => format!("{} ({note})", self.confidence.as_str()),
            None => self.confidence.as_str().to_owned(),
        };
        item(&mut page, "Confidence", &confidence);
        if !self.supersedes.is_empty() {
            item(&mut page, "Replaces", &self.supersedes.join(", "));
        }
        let newer = catalogue.superseded_by(&self.id);
        if !newer.is_empty() {
            item(&mut page, "Replaced by", &newer.join(", "));
        }
        if let Some(note) = &self.note {
            item(&mut page, "Note", note);
        }
        for id in &self.sources {
            item(&mut page, "Source", &sources::described(id));
        }
        page
    }
}

/// The whole of docs/rules.md.
pub fn catalogue_page(catalogue: &Catalogue) -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str(
        "\n## All rules\n\n| id | severity | questions | title |\n| --- | --- | --- | --- |\n",
    );
    for rule in catalogue.rules() {
        let questions = rule
            .questions
            .iter()
            .map(|question| question.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let anchor = rule.id.to_ascii_lowercase();
        line(
            &mut page,
            &format!(
                "| [{}](#{anchor}) | {} | {questions} | {} |",
                rule.id,
                rule.severity.as_str(),
                rule.title
            ),
        );
    }
    for rule in catalogue.rules() {
        line(
            &mut page,
            &format!("\n## {}\n\n**{}**\n", rule.id, rule.title),
        );
        page.push_str(&rule.documentation(catalogue));
    }
    page
}

const INTRODUCTION: &str = include_str!("introduction.md");

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

fn item(page: &mut String, name: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "- {name}: {text}");
}

fn code(text: &str) -> String {
    format!("`{text}`")
}
