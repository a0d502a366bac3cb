//! Results are not written over what they are read from: `--output` must not name an image or an artefact of the same
//! command line.
//!
//! Two paths name the same file where device and inode agree, so links of either kind are seen.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::cli::Failure;
use crate::cli::args::{Command, OneImage};

/// Refuses an output that is one of the files that the command reads.
pub(crate) fn check(command: &Command, output: Option<&Path>) -> Result<(), Failure> {
    let Some(output) = output else {
        return Ok(());
    };
    // What is not there yet is nothing that is read.
    let Some(target) = identity(output) else {
        return Ok(());
    };
    match sources(command)
        .into_iter()
        .find(|source| identity(source) == Some(target))
    {
        None => Ok(()),
        Some(source) => Err(Failure::Usage(format!(
            "--output {} would write over {}, which is read",
            output.display(),
            source.display()
        ))),
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// The image of a command that looks at one, and what is named beside it.
fn one_image(args: &OneImage) -> Vec<&Path> {
    args.image
        .iter()
        .map(AsRef::as_ref)
        .chain(args.source.artifacts())
        .collect()
}

/// Every path of the command line that is read.
fn sources(command: &Command) -> Vec<&Path> {
    match command {
        Command::Check(args) => args
            .images
            .iter()
            .map(AsRef::as_ref)
            .chain(args.source.artifacts())
            .collect(),
        Command::Inspect(args) | Command::Keys(args) => one_image(args),
        Command::Diagnose(args) => one_image(&args.image),
        Command::Events(args) => args
            .image
            .iter()
            .map(AsRef::as_ref)
            .chain(args.place.artifacts())
            .collect(),
        Command::Timeline(args) => args
            .image
            .iter()
            .map(AsRef::as_ref)
            .chain(args.place.artifacts())
            .collect(),
        Command::Repair(args) => vec![&args.image],
        Command::Undo(args) => std::iter::once(args.journal.as_path())
            .chain(args.image.as_deref())
            .collect(),
        Command::Ls(args) | Command::Cat(args) | Command::Stat(args) => vec![&args.image],
        Command::Reg(args) => args
            .words
            .iter()
            .take(1)
            .map(AsRef::as_ref)
            .chain(args.source.artifacts())
            .collect(),
        _ => Vec::new(),
    }
}
