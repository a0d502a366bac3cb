//! What the Session Manager runs at the next boot: `BootExecute` and `SetupExecute`.
//!
//! Sysprep and fbreseal arm the change of the SID here: KB256407 for BootExecute on NT Embedded 4.0, published hives of
//! sealed XP Embedded images for SetupExecute. Names of values differ in case between versions.

use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::gather::empty_evidence;
use crate::facts::{Context, Facts, HiveName};

const KEY: &str = "Control\\Session Manager";
const VALUES: [&str; 2] = ["BootExecute", "SetupExecute"];

/// One entry and the value that holds it.
#[derive(Debug, Clone)]
pub(crate) struct BootEntry {
    pub(crate) text: String,
    pub(crate) evidence: Evidence,
}

impl BootEntry {
    /// Whether a word of the entry is that program (in lower case), with or without folder and `.exe`.
    pub(crate) fn names(&self, program: &str) -> bool {
        let word_end = |c: char| c.is_whitespace() || matches!(c, '\\' | '/' | '"');
        self.text.split(word_end).any(|word| {
            let word = word.to_ascii_lowercase();
            word.strip_suffix(".exe").unwrap_or(&word) == program
        })
    }
}

/// All entries, and the evidence of the values that hold none.
pub(crate) fn entries(context: &Context<'_>) -> Result<(Vec<BootEntry>, Vec<Evidence>), Unknown> {
    let key = context.in_control_set(KEY)?;
    let (mut entries, mut empty) = (Vec::new(), Vec::new());
    for name in VALUES {
        match context.texts(HiveName::System, &key, name)? {
            None => empty.push(context.absent_evidence(HiveName::System, &key, Some(name))),
            Some(found) if found.value.is_empty() => empty.push(found.evidence),
            Some(found) => entries.extend(found.value.into_iter().map(|text| BootEntry {
                evidence: found.evidence.clone().raw(text.clone()),
                text,
            })),
        }
    }
    Ok((entries, empty))
}

/// Collects sysprep.boot_execute.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("sysprep.boot_execute", boot_execute(context));
}

fn boot_execute(context: &Context<'_>) -> Result<Fact, Unknown> {
    let (entries, empty) = entries(context)?;
    let texts = Value::texts(entries.iter().map(|entry| entry.text.clone()));
    let mut evidence = entries.into_iter().map(|entry| entry.evidence);
    if let Some(first) = evidence.next() {
        return Ok(Fact::found_in(texts, first, evidence));
    }
    let place = context.place(HiveName::System, &context.in_control_set(KEY)?, None);
    Ok(Fact::found(texts, empty_evidence(empty, &place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Locator;

    fn names(text: &str) -> bool {
        let entry = BootEntry {
            text: text.to_owned(),
            evidence: Evidence::at(Locator::new("test")),
        };
        entry.names("setupcl")
    }

    #[test]
    fn a_program_is_a_whole_word_of_its_entry() {
        for text in [
            "setupcl",
            "autocheck SETUPCL.EXE",
            "\\??\\C:\\WINNT\\setupcl.exe -x",
        ] {
            assert!(names(text), "{text}");
        }
        for text in ["setupclean.exe", "mysetupcl", "autocheck autochk *"] {
            assert!(!names(text), "{text}");
        }
    }
}
