//! `goldseal undo`: put an image back as it was before a repair.

use goldseal::repair::in_place;
use goldseal::repair::write::Undone;
use goldseal::report::printable;
use serde::Serialize;

use crate::cli::args::UndoArgs;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

/// What an undo did, for programs.
#[derive(Serialize)]
struct Document<'d> {
    schema_version: &'static str,
    image: &'d str,
    journal: String,
    /// `put_back` or `already_old`.
    undone: &'static str,
    sectors: usize,
    warnings: &'d [String],
}

pub(crate) fn run(args: &UndoArgs, output: &mut Output) -> Result<Exit, Failure> {
    let report = in_place::undo(&args.journal, args.image.as_deref())
        .map_err(|refusal| Failure::Failed(refusal.to_string()))?;
    for warning in &report.warnings {
        output.note(warning);
    }
    let (word, sentence) = match report.undone {
        Undone::PutBack => ("put_back", "has been put back as it was before the repair"),
        Undone::AlreadyOld => (
            "already_old",
            "is as it was before the repair; there was nothing to put back",
        ),
    };
    if output.is_json() {
        output.json(&Document {
            schema_version: goldseal::report::SCHEMA_VERSION,
            image: &report.image,
            journal: args.journal.to_string_lossy().into_owned(),
            undone: word,
            sectors: report.journal.entries.len(),
            warnings: &report.warnings,
        })?;
    } else {
        output.text(&format!("{} {sentence}.\n", printable(&report.image)));
        let header = &report.journal.header;
        for (removal, copy) in header.removals.iter().zip(&header.backups) {
            let copy = copy.to_string_lossy();
            let line = format!("{} (its copy {copy} is left as it is)", removal.path);
            output.text(&format!("  {}\n", printable(&line)));
        }
        for action in &header.actions {
            output.text(&format!("  {}\n", printable(&action.from)));
        }
    }
    Ok(Exit::Safe)
}
