//! From the command line to an opened image and one of its installations.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use goldseal::base::contain::contain;
use goldseal::base::limits::Limits;
use goldseal::facts::{self, Collected, Context, Facts};
use goldseal::image::{BackingFiles, Image, Installation, Options, Source};
use goldseal::repair::status;

use crate::cli::Failure;
use crate::cli::args::{ProveArgs, SourceArgs};
use crate::cli::output::Output;

/// The options under which images are opened.
pub(crate) fn options(allow_backing_anywhere: bool) -> Options {
    let mut options = Options::default();
    if allow_backing_anywhere {
        options.backing_files = BackingFiles::Anywhere;
    }
    options
}

/// The source for an image and the loose artefacts of the command line.
pub(crate) fn source(image: Option<&Path>, args: &SourceArgs) -> Source {
    Source {
        image: image.map(Path::to_owned),
        loose: args.loose(),
    }
}

/// What tells a file or directory of the host apart from every other: device and inode.
pub(crate) fn host_identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Opens one source; a parser that panics is an error of this image and not the end of the program.
pub(crate) fn open(source: &Source, options: &Options) -> goldseal::Result<Image> {
    let opened = contain(&source.as_typed(), || Image::open(source, options));
    let mut image = opened.map_err(|error| match source.image.as_deref() {
        Some(path) => status::explain(path, error),
        None => error,
    })?;
    // A repair that was begun and not finished leaves an image that must not be trusted.
    let unfinished = source.image.as_deref().and_then(status::warning);
    image.notes.extend(unfinished);
    Ok(image)
}

/// Opens the one image of a command, or what its loose artefacts stand for.
pub(crate) fn open_one(image: Option<&PathBuf>, args: &SourceArgs) -> Result<Image, Failure> {
    if image.is_none() && !args.loose().is_any() {
        return Err(Failure::Usage(
            "name an IMAGE, or artefacts by option (--system FILE ...)".to_owned(),
        ));
    }
    let source = source(image.map(PathBuf::as_path), args);
    Ok(open(&source, &options(args.allow_backing_anywhere))?)
}

/// Says the notes of an image on standard error, for commands whose results have no place for them.
pub(crate) fn say_notes(image: &Image, output: &Output) {
    for note in &image.notes {
        // Notes on a volume name the image themselves.
        if note.starts_with(&image.source) {
            output.note(note);
        } else {
            output.note(&format!("{}: {note}", image.source));
        }
    }
}

/// The installation that a command looks at: the one named, or the only one, or the first with a note.
pub(crate) fn installation<'i>(
    image: &'i Image,
    wanted: Option<usize>,
    output: &Output,
) -> Result<&'i Installation, Failure> {
    let Some(first) = image.installations.first() else {
        return Err(Failure::Failed(format!(
            "{}: {}",
            image.source,
            no_windows(image)
        )));
    };
    if let Some(number) = wanted {
        let named = image.installations.get(number);
        return named.ok_or_else(|| Failure::Usage(no_such_installation(image, number)));
    }
    if image.installations.len() > 1 {
        output.note(&format!(
            "{} holds {} installations; this is number 0, --installation N picks another",
            image.source,
            image.installations.len()
        ));
    }
    Ok(first)
}

/// What is said of an installation that was asked for and is not there.
pub(crate) fn no_such_installation(image: &Image, number: usize) -> String {
    format!(
        "--installation {number}: {} holds {} installations, counted from 0",
        image.source,
        image.installations.len()
    )
}

/// The facts of an installation; its private keys are opened only where that is asked for, and its event logs read only if
/// `wants_logs` says so of the other facts.
pub(crate) fn collect(
    installation: &Installation,
    prove: ProveArgs,
    wants_logs: impl FnOnce(&Facts) -> bool,
) -> Collected {
    facts::collect_in(&context(installation, prove), wants_logs)
}

/// What collectors ask; private keys are opened only where that is asked for.
pub(crate) fn context(installation: &Installation, prove: ProveArgs) -> Context<'_> {
    context_within(installation, prove, Limits::default())
}

/// As [`context`], within other limits.
pub(crate) fn context_within(
    installation: &Installation,
    prove: ProveArgs,
    limits: Limits,
) -> Context<'_> {
    let context = Context::new(installation, limits);
    if prove.prove_keys {
        context.proving_keys()
    } else {
        context
    }
}

/// What was looked for and what was met instead, where an image holds no Windows.
pub(crate) fn no_windows(image: &Image) -> String {
    let mut text =
        "no Windows installation found: no folder with system32\\config\\SYSTEM or SOFTWARE"
            .to_owned();
    for volume in &image.volumes {
        match &volume.filesystem {
            Ok(filesystem) => text.push_str(&format!(
                "; {}: {}, searched",
                volume.locator,
                filesystem.layer()
            )),
            // An error of a volume names its place itself.
            Err(error) => text.push_str(&format!("; {}", error.chain())),
        }
    }
    text
}

/// Says on standard error how much was read, with `--verbose`.
pub(crate) fn say_reads(image: &Image, output: &Output) {
    if output.is_verbose() {
        output.note(&format!(
            "{}: {} bytes read in {} requests",
            image.source,
            image.counter.bytes(),
            image.counter.requests()
        ));
    }
}
