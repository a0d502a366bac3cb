//! Results are not written over what they are read from: `--output` must not name an image or an artefact of the same
//! command line.
//!
//! Two paths name the same file where device and inode agree, so links of either kind are seen.

use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::cli::args::{Command, SourceArgs};
use crate::cli::open::host_identity;

/// Refuses an output that is one of the files that the command reads.
pub(crate) fn check(command: &Command, output: Option<&Path>) -> Result<(), Failure> {
    let Some(output) = output else {
        return Ok(());
    };
    // What is not there yet is nothing that is read.
    let Some(target) = host_identity(output) else {
        return Ok(());
    };
    match sources(command)
        .into_iter()
        .find(|source| host_identity(source) == Some(target))
    {
        None => Ok(()),
        Some(source) => Err(Failure::Usage(format!(
            "--output {} would write over {}, which is read",
            output.display(),
            source.display()
        ))),
    }
}

/// Every path of the command line that is read.
fn sources(command: &Command) -> Vec<PathBuf> {
    let with_loose = |paths: &[PathBuf], source: &SourceArgs| {
        let loose = source.loose();
        paths
            .iter()
            .map(PathBuf::as_path)
            .chain(loose.paths())
            .map(Path::to_owned)
            .collect()
    };
    let optional = |image: &Option<PathBuf>, source| with_loose(image.as_slice(), source);
    match command {
        Command::Check(args) => with_loose(&args.images, &args.source),
        Command::Inspect(args) => optional(&args.image.image, &args.image.source),
        Command::Keys(args) => optional(&args.image, &args.source),
        Command::Diagnose(args) => optional(&args.image.image, &args.image.source),
        Command::Events(args) => optional(&args.image, &args.place),
        Command::Timeline(args) => optional(&args.image, &args.place),
        Command::Repair(args) => [&args.plan, &args.patch]
            .into_iter()
            .flatten()
            .chain([&args.image])
            .cloned()
            .collect(),
        Command::Undo(args) => args.image.iter().chain([&args.journal]).cloned().collect(),
        Command::Ls(args) | Command::Cat(args) | Command::Stat(args) => vec![args.image.clone()],
        Command::Reg(args) => {
            let image: Vec<PathBuf> = args.words.iter().take(1).map(PathBuf::from).collect();
            with_loose(&image, &args.source)
        }
        _ => Vec::new(),
    }
}
