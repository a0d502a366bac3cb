//! Results are not written over what a repair or an undo needs, nor over what they are read from.
//!
//! Three things stand against it, for a path alone tells too little: a disk has parents and parts that no command line names.
//! - Before anything is opened: `--output` names no image or artefact of the command line, and nothing inside a directory that
//!   is one. Two paths name the same file where device and inode agree, so links of either kind are seen.
//! - A command that writes takes its output before it does anything else, as a new file or in place of an earlier report: the
//!   image, a copy, a journal or a plan then cannot be the same file.
//! - When the results are written: the file is none that this process has read, and none that a repair keeps.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use goldseal::image::host::was_read;
use goldseal::repair::is_kept_file;

use crate::cli::Failure;
use crate::cli::args::{Command, SourceArgs};
use crate::cli::open::host_identity;
use crate::cli::output::Output;

/// Bytes at the start of a file that tell what it is.
const HEAD_BYTES: u64 = 512;

/// Refuses an output that is one of the files that the command reads, and takes that of a command that writes.
pub(crate) fn check(command: &Command, output: &mut Output) -> Result<(), Failure> {
    let Some(path) = output.path().map(Path::to_owned) else {
        return Ok(());
    };
    let places = identities_around(&path);
    let read = sources(command)
        .into_iter()
        .find(|source| host_identity(source).is_some_and(|known| places.contains(&known)));
    if let Some(source) = read {
        return Err(Failure::Usage(format!(
            "--output {} would write over {}, which is read",
            path.display(),
            source.display()
        )));
    }
    if writes(command) {
        take(&path, output)?;
    }
    Ok(())
}

/// Takes the output of a command that writes: a new file, or one that holds a report. A pipe or a terminal is nothing to take.
fn take(path: &Path, output: &mut Output) -> Result<(), Failure> {
    match File::create_new(path) {
        Ok(file) => output.take(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
            if is_file && !head(path).is_some_and(|head| is_report(&head)) {
                return Err(Failure::Usage(format!(
                    "--output {} is there already and holds no report; a command that writes to an image takes another name",
                    path.display()
                )));
            }
        }
        Err(error) => {
            return Err(Failure::Failed(format!(
                "--output {}: {error}",
                path.display()
            )));
        }
    }
    Ok(())
}

/// The start of a file; `None` where it cannot be read.
fn head(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let file = File::open(path).ok()?;
    file.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    Some(head)
}

/// Whether a file that begins so can be a report: it is text, which no image, hive or key file begins with, and nothing that
/// a repair keeps.
fn is_report(head: &[u8]) -> bool {
    let is_text =
        |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b);
    head.iter().all(is_text) && !is_kept_file(head)
}

/// The output of a command that only reads: a new file, or one that is not needed by anything that was read.
///
/// # Errors
/// A file that this process has read, a block device, and what a repair keeps.
pub(crate) fn open_to_replace(path: &Path) -> Result<File, Failure> {
    let refuse = |why: &str| Failure::Usage(format!("--output {} {why}", path.display()));
    if let Ok(metadata) = std::fs::metadata(path) {
        if metadata.file_type().is_block_device() {
            return Err(refuse("is a block device; results go into a file"));
        }
        if was_read(&metadata) {
            return Err(refuse("is a part of the image, which is read"));
        }
        // A file that may be written and not read is none that a repair keeps.
        if metadata.is_file() && head(path).is_some_and(|head| is_kept_file(&head)) {
            return Err(refuse(
                "is the journal, plan or patch of a repair; take another name",
            ));
        }
    }
    File::create(path)
        .map_err(|error| Failure::Failed(format!("--output {}: {error}", path.display())))
}

/// Removes the new file of a command that ended without results.
pub(crate) fn remove_taken(path: &Path) {
    // What cannot be removed stays as an empty file; the reason why the command ended matters more.
    let _ = std::fs::remove_file(path);
}

/// What tells a path apart: the file, if it is there, and every directory above it.
fn identities_around(path: &Path) -> Vec<(u64, u64)> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    };
    // A folder that is not there is an error of the writing.
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let file = host_identity(path);
    let folders = folder.ancestors().filter_map(host_identity);
    file.into_iter().chain(folders).collect()
}

/// Whether a command writes more than its results.
fn writes(command: &Command) -> bool {
    match command {
        Command::Undo(_) => true,
        Command::Repair(args) => args.apply || args.plan_out.is_some() || args.patch_out.is_some(),
        _ => false,
    }
}

/// The files of directories whose content is read.
fn files_in(folders: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    let entries = folders.iter().filter_map(|folder| folder.read_dir().ok());
    entries
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
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
        Command::Check(args) => {
            let mut paths: Vec<PathBuf> = with_loose(&args.images, &args.source);
            paths.extend(files_in(&args.rules));
            paths
        }
        Command::Inspect(args) => {
            let mut paths: Vec<PathBuf> = optional(&args.image.image, &args.image.source);
            paths.extend(files_in(&args.identities.rules));
            paths
        }
        Command::Keys(args) => optional(&args.image, &args.source),
        Command::Diagnose(args) => optional(&args.image.image, &args.image.source),
        Command::Events(args) => optional(&args.image, &args.place),
        Command::Timeline(args) => {
            let mut paths: Vec<PathBuf> = optional(&args.image, &args.place);
            paths.extend(files_in(&args.identities.rules));
            paths
        }
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
        Command::Rules(args) => files_in(&args.rules).collect(),
        Command::Explain(args) => files_in(&args.rules).collect(),
        _ => Vec::new(),
    }
}
