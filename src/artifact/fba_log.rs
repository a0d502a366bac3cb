//! The log of the First Boot Agent of XP Embedded, `\WINDOWS\FBA\FBALOG.TXT`: its lines about resealing.
//!
//! The place is documented (MSDN ms932908), the form of a line is not: from memory it is a time of day without a date,
//! then `[Function] message`. So a line is kept as it stands, none is an error, and little is asked of it: whether it
//! mentions a reseal, whether it says that one is done, which time of day it begins with, and whether it says that the
//! agent starts, which parts one run from the next. A line that says of a reseal that it was skipped, failed or is about to
//! begin is no reseal that was done.

use chrono::NaiveTime;

use crate::artifact::text_log::lines;

/// Most lines that are kept; as many mean that there may be more.
pub const LINES_MAX: usize = 100_000;
/// The longest text of a line that is kept, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// Words that say that something was done, in lower case.
const DONE: [&str; 10] = [
    "complete",
    "completed",
    "done",
    "finished",
    "resealed",
    "succeeded",
    "success",
    "successful",
    "successfully",
    "succesfully",
];
/// Words beside which nothing was done.
const NOT_DONE: [&str; 20] = [
    "abort",
    "aborted",
    "already",
    "cancelled",
    "canceled",
    "cannot",
    "disabled",
    "error",
    "fail",
    "failed",
    "failure",
    "never",
    "no",
    "not",
    "skip",
    "skipped",
    "skipping",
    "t",
    "unable",
    "without",
];

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
    /// Whether it says that the image was resealed, by its words.
    pub done: bool,
    /// The time of day that it begins with, if it does.
    pub time: Option<NaiveTime>,
}

/// The lines that mention a reseal, in the order of the file; the first [`LINES_MAX`] of them.
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
                done: is_done(&folded),
                time: time_of_day(line.text.trim_start()),
            });
        }
    }
    found
}

/// The first line of every run that says that a reseal is done.
pub fn reseals_done(lines: &[ResealLine]) -> Vec<&ResealLine> {
    let mut first: Vec<&ResealLine> = Vec::new();
    for line in lines.iter().filter(|line| line.done) {
        if first.last().is_none_or(|last| last.run != line.run) {
            first.push(line);
        }
    }
    first
}

/// Whether the words say that it was done, and none that it was not.
fn is_done(folded: &str) -> bool {
    let has = |known: &[&str]| {
        folded
            .split(|character: char| !character.is_ascii_alphanumeric())
            .any(|word| known.contains(&word))
    };
    has(&DONE) && !has(&NOT_DONE)
}

/// `1:02:03 AM`, or `13:02:03`.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let mut words = text.split_whitespace();
    let (clock, half) = (words.next()?, words.next().unwrap_or_default());
    let is_half = ["AM", "PM"]
        .iter()
        .any(|known| half.eq_ignore_ascii_case(known));
    if is_half {
        NaiveTime::parse_from_str(&format!("{clock} {half}"), "%I:%M:%S %p").ok()
    } else {
        NaiveTime::parse_from_str(clock, "%H:%M:%S").ok()
    }
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
                            7:05:00 PM - [Exec] reseal phase 12000 done\r\n7:05:01 PM - [Exec] Machine Resealed!\r\n";

    #[test]
    fn the_lines_of_one_run_that_tell_of_a_reseal_done_are_one() {
        let lines = reseal_lines(TWO_RUNS.as_bytes());
        let numbers: Vec<u64> = lines.iter().map(|line| line.line).collect();
        assert_eq!(numbers, [2, 3, 5, 6]);
        let done: Vec<u64> = reseals_done(&lines).iter().map(|line| line.line).collect();
        assert_eq!(done, [3, 5]);
        assert_eq!(lines[2].time, NaiveTime::from_hms_opt(19, 5, 0));
    }

    #[test]
    fn a_reseal_that_begins_is_skipped_or_fails_is_not_done() {
        for text in [
            "Reseal phase skipped: cmiResealPhase=0",
            "reseal not done",
            "Resealing the image",
            "Reseal phase done: error 0x00000005",
            "the reseal was abandoned",
            "couldn't be resealed",
            "No reseal requested, phase complete",
        ] {
            let lines = reseal_lines(format!("9:14:40 AM - [FBA] {text}\n").as_bytes());
            assert!(!lines[0].done, "{text}");
        }
        assert!(reseal_lines(b"Reseal completed successfully.")[0].done);
    }

    #[test]
    fn a_log_of_another_form_has_no_line() {
        assert_eq!(reseal_lines(b"\xffwhatever\n\n12"), []);
    }
}
