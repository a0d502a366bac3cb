//! The log of the First Boot Agent of XP Embedded, `\WINDOWS\FBA\FBALOG.TXT`: how often it tells of a reseal.
//!
//! The place is documented (MSDN ms932908), the form of a line is not: from memory it is a time of day without a date,
//! then `[Function] message`. So a line is kept as it stands, none is an error, and only two things are asked of it:
//! whether it mentions a reseal, and whether it says that the agent starts, which parts one run from the next.

use crate::artifact::text_log::lines;

/// Most lines that are kept.
const LINES_MAX: usize = 100_000;
/// The longest text of a line that is kept, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// A line that mentions a reseal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResealLine {
    /// Its number, from 1.
    pub line: u64,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// The line as it stands, its first 200 characters.
    pub text: String,
    /// The run of the agent that wrote it, counted from 0 by the lines that say that the agent starts.
    pub run: usize,
}

/// The lines that mention a reseal, in the order of the file.
pub fn reseal_lines(bytes: &[u8]) -> Vec<ResealLine> {
    let mut run = 0_usize;
    let mut found = Vec::new();
    for line in lines(bytes) {
        let folded = line.text.to_ascii_lowercase();
        if is_start(&folded) {
            run = run.saturating_add(1);
        }
        if folded.contains("reseal") && found.len() < LINES_MAX {
            found.push(ResealLine {
                line: line.number,
                offset: line.offset,
                text: line.text.trim().chars().take(TEXT_CHARS_MAX).collect(),
                run,
            });
        }
    }
    found
}

/// The first reseal line of every run that has one.
pub fn episodes(lines: &[ResealLine]) -> Vec<&ResealLine> {
    let mut first: Vec<&ResealLine> = Vec::new();
    for line in lines {
        if first.last().is_none_or(|last| last.run != line.run) {
            first.push(line);
        }
    }
    first
}

/// Whether a line says that the agent starts.
fn is_start(folded: &str) -> bool {
    (folded.contains("fba") || folded.contains("first boot agent"))
        && ["start", "begin", "launch"]
            .iter()
            .any(|word| folded.contains(word))
        && !folded.contains("reseal")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_RUNS: &str = "1:02:03 AM - [main] FBA starting\r\n1:09:10 AM - [Exec] running fbreseal.exe\r\n\
                            1:09:12 AM - [Exec] Reseal phase 12000 done\r\n7:00:00 PM - [main] FBA starting\r\n\
                            7:05:00 PM - [Exec] reseal phase 12000 done\r\n";

    #[test]
    fn reseal_lines_of_one_run_are_one_episode() {
        let lines = reseal_lines(TWO_RUNS.as_bytes());
        assert_eq!(lines.iter().map(|l| l.line).collect::<Vec<_>>(), [2, 3, 5]);
        let numbers: Vec<u64> = episodes(&lines).iter().map(|l| l.line).collect();
        assert_eq!(numbers, [2, 5]);
    }

    #[test]
    fn a_log_of_another_form_has_no_episode() {
        assert_eq!(reseal_lines(b"\xffwhatever\n\n12"), []);
    }
}
