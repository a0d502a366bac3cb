//! Writing a plan into the image itself: a raw volume or disk, a block device, a fixed VHD, allocated blocks of a dynamic VHD.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::bytes::hex;
use crate::base::contain::contain;
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::read_vec;
use crate::image::{Image, Installation, Options, Source};
use crate::repair::files::{JOURNAL_ENDING, JournalFile, journal_beside, open_image};
use crate::repair::full_hash;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::{Entry, Header, Identity, Journal, State, digest};
use crate::repair::medium::Medium;
use crate::repair::plan::RepairPlan;
use crate::repair::pointer::has_place;
use crate::repair::status;
use crate::repair::write;
use crate::repair::{children, directory};

/// The layers that a disk may have above its file to be written in place.
const CONTAINERS: &[&str] = &["vhd:fixed", "vhd:dynamic"];

/// What the library can't know: it has no clock.
#[derive(Debug, Clone)]
pub struct Run {
    /// Tells runs apart.
    pub id: String,
    /// Seconds since 1970, UTC.
    pub created: u64,
}

/// The journal of a plan for an image that is to be written in place.
///
/// # Errors
/// [`Gate::Container`] for an image that is not written into, or on which other disks build, with the way out.
pub fn journal(
    image: &Image,
    installation: &Installation,
    plan: &RepairPlan,
    run: &Run,
) -> Planned<Journal> {
    let journal = placed(image, installation, plan, run)?;
    children::check(Path::new(&image.source))?;
    Ok(journal)
}

/// The journal of a plan for an image: where each of its sectors lies in the file.
///
/// # Errors
/// [`Gate::Container`] for an image that is kept in another way than byte for byte in one file.
pub(crate) fn placed(
    image: &Image,
    installation: &Installation,
    plan: &RepairPlan,
    run: &Run,
) -> Planned<Journal> {
    let refuse = |what: &str| {
        Refusal::new(
            Gate::Container,
            format!(
                "{}: {what}; write a repaired copy instead (--to NEW)",
                image.source
            ),
        )
    };
    match image.layers.as_slice() {
        [first] if first == "directory" && !plan.moves.is_empty() => {}
        [first] if first == "file" => {}
        [first, container] if first == "file" && CONTAINERS.contains(&container.as_str()) => {}
        [first, ..] if first == "split" => {
            return Err(refuse("a split image is not written into"));
        }
        [.., container] => {
            return Err(refuse(&format!("a {container} is not written into")));
        }
        [] => return Err(refuse("has no layers")),
    }
    let mut entries = Vec::new();
    for patch in &plan.sectors {
        let mut done = 0_usize;
        while done < patch.after.len() {
            let disk_offset = patch
                .offset
                .saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
            let disk = image.disk.as_ref();
            let placed = disk
                .ok_or_else(|| refuse("has no disk"))?
                .place_of(disk_offset)
                .map_err(|error| refuse(&error.chain()))?;
            let left = patch.after.len().saturating_sub(done);
            let len = usize::try_from(placed.len).unwrap_or(usize::MAX).min(left);
            let end = done.saturating_add(len);
            if len == 0 {
                return Err(refuse("a sector has no place in the file"));
            }
            entries.push(Entry {
                file_offset: placed.file_offset,
                disk_offset,
                before: patch.before.get(done..end).unwrap_or_default().to_vec(),
                after: patch.after.get(done..end).unwrap_or_default().to_vec(),
            });
            done = end;
        }
    }
    let volume_start = image
        .volume_of(installation)
        .map_or(0, |volume| volume.start_bytes);
    let path = Path::new(&image.source);
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok(Journal {
        header: Header {
            version: Header::VERSION,
            tool: concat!("goldseal ", env!("CARGO_PKG_VERSION")).to_owned(),
            run_id: run.id.clone(),
            created: run.created,
            image: absolute.to_string_lossy().into_owned(),
            image_bytes: image.size_bytes,
            layers: installation.layers.clone(),
            volume_start,
            serial: installation
                .filesystem
                .as_ntfs()
                .map_or(0, |volume| volume.mft().geometry().serial),
            removals: plan.removals.clone(),
            backups: plan.backups_absolute(),
            identity: identity(image, installation, volume_start)?,
            actions: plan.actions.clone(),
            moves: plan.moves.clone(),
            full: None,
            old_sha256: digest(entries.iter().map(|entry| entry.before.as_slice())),
            new_sha256: digest(entries.iter().map(|entry| entry.after.as_slice())),
        },
        entries,
        states: Vec::new(),
    })
}

/// The serial number of a volume and its place in the file; `None` for a directory.
fn identity(
    image: &Image,
    installation: &Installation,
    volume_start: u64,
) -> Planned<Option<Identity>> {
    let Some(disk) = &image.disk else {
        return Ok(None);
    };
    let (at, len) = match installation.filesystem.layer().as_str() {
        "fat:32" => (0x43, 4),
        "fat:12" | "fat:16" => (0x27, 4),
        _ => (0x48, 8),
    };
    let at = volume_start.saturating_add(at);
    Ok(Some(Identity {
        file_offset: disk.place_of(at)?.file_offset,
        bytes: hex(&read_vec(disk.as_ref(), at, len)?),
    }))
}

/// Writes a journal's change into the image at `path`, journal first. `prepare` is called when all else is ready, before
/// anything is written; `check` looks at the image once it is written.
///
/// # Errors
/// A gate, before anything is written; or a failure whose message says in which state the image is.
pub fn apply(
    path: &Path,
    journal_path: &Path,
    mut journal: Journal,
    prepare: &mut dyn FnMut() -> Planned<()>,
    check: &mut dyn FnMut() -> Result<()>,
) -> Planned<()> {
    let full = journal.header.full.clone();
    let check: &mut dyn FnMut() -> Result<()> = &mut || {
        check_full(path, full.as_ref().and_then(|full| full.after.as_ref()))?;
        check()
    };
    let mut store = JournalFile::new(journal_path, path)?;
    let failed = |failure: write::Failure, journal: &str| {
        let gate = match &failure {
            write::Failure::Untouched(error) if error.kind() == ErrorKind::PreconditionFailed => {
                Gate::ImageChanged
            }
            write::Failure::Untouched(error) | write::Failure::PutBack(error)
                if error.kind() == ErrorKind::Unsupported =>
            {
                Gate::FileSystem
            }
            write::Failure::Untouched(_) => Gate::Unreadable,
            _ => Gate::Failed,
        };
        Refusal::new(gate, failure.into_error(journal).chain())
    };
    let result = if journal.header.moves.is_empty() {
        let mut image = open_image(path)?;
        // Planning and preview took their time, and from here on the image is locked.
        crate::repair::in_use::check_locked(path)?;
        check_length(&image, &journal)?;
        // Asked before, and now nobody else can begin.
        status::check(path)?;
        let before = journal.header.full.as_ref().map(|full| &full.before);
        check_full(path, before).map_err(|error| full_refusal(&error))?;
        prepare()?;
        write::apply(&mut image, &mut store, &mut journal, check)
    } else {
        prepare()?;
        write::rename(&mut store, &mut journal, check)
    };
    if journal.state().is_some() {
        store.ended();
    }
    result.map_err(|failure| failed(failure, &undo_arguments(path, journal_path)))
}

/// Compares the digest of the whole image, where one is known.
fn check_full(path: &Path, expected: Option<&String>) -> Result<()> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let found = full_hash::of_file(path)?;
    if found == *expected {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::PreconditionFailed,
        format!(
            "the SHA-256 of the whole image should be {expected}, is {found}: something else changed it"
        ),
    ))
}

fn full_refusal(error: &Error) -> Refusal {
    let gate = match error.kind() {
        ErrorKind::PreconditionFailed => Gate::ImageChanged,
        _ => Gate::Unreadable,
    };
    Refusal::new(gate, error.chain())
}

fn check_length(image: &dyn Medium, journal: &Journal) -> Planned<()> {
    if image.len_bytes()? == journal.header.image_bytes {
        return Ok(());
    }
    Err(Refusal::new(
        Gate::ImageChanged,
        format!(
            "the image has {} bytes, and the plan was made for {}; nothing was written",
            image.len_bytes()?,
            journal.header.image_bytes
        ),
    ))
}

/// What an engineer has to know before the image at `path` is written in place.
pub fn warnings(path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    let metadata = std::fs::metadata(path).ok();
    let names = metadata.filter(Metadata::is_file).map_or(1, |m| m.nlink());
    if names > 1 {
        warnings.push(format!(
            "{}: has {names} names (hard links); written in place, it changes under each of them",
            path.to_string_lossy()
        ));
    }
    if has_place(path) {
        return warnings;
    }
    warnings.push(format!(
        "{}: nothing can be put beside it, so a repair that is cut off is not noticed by other commands; keep the journal, and after a \
         crash begin with `goldseal undo JOURNAL --image {0}`",
        path.to_string_lossy()
    ));
    warnings
}

/// The arguments of `goldseal undo` for an image and its journal, wherever that lies.
pub fn undo_arguments(image: &Path, journal: &Path) -> String {
    let shown = journal.to_string_lossy();
    let place = journal
        .canonicalize()
        .unwrap_or_else(|_| journal.to_owned());
    if journal_beside(image).as_ref() == Some(&place) {
        return shown.into_owned();
    }
    format!("{shown} --image {}", image.to_string_lossy())
}

/// What an undo did, and to which image.
#[derive(Debug)]
pub struct UndoReport {
    /// The image.
    pub image: String,
    /// What was done.
    pub undone: write::Undone,
    /// The names that are the old ones again.
    pub journal: Journal,
    /// What an engineer has to know.
    pub warnings: Vec<String>,
}

/// The image that a journal lies beside, if its name says so and the image is there.
fn image_beside(journal: &Path) -> Option<PathBuf> {
    let name = journal
        .file_name()?
        .to_str()?
        .strip_suffix(JOURNAL_ENDING)?;
    let image = journal.with_file_name(name);
    image.exists().then_some(image)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| rustix::fs::stat(path).map(|stat| (stat.st_dev, stat.st_ino));
    matches!((place(one), place(other)), (Ok(one), Ok(other)) if one == other)
}

/// Puts an image back as a journal has it. `named` stands in for the path that the journal remembers.
///
/// # Errors
/// A journal that is damaged, an image that is in use, is another one or was changed by something else.
pub fn undo(journal_path: &Path, named: Option<&Path>) -> Planned<UndoReport> {
    let (mut store, mut journal) = JournalFile::open(journal_path)
        .map_err(|error| Refusal::new(Gate::Journal, error.chain()))?;
    let beside = image_beside(journal_path);
    let path = target(&journal, named, beside.as_deref())?;
    if let Some(text) = status::other_unfinished(path, journal_path) {
        return Err(Refusal::new(
            Gate::Journal,
            format!("another repair of the image comes first: {text}; nothing was written"),
        ));
    }
    store.of_image(path)?;
    let mut warnings = Vec::new();
    let undone = if journal.header.moves.is_empty() {
        crate::repair::in_use::check(path)?;
        let mut image = open_image(path)?;
        crate::repair::in_use::check_locked(path)?;
        warnings.extend(children_of(path, &journal)?);
        check_identity(&image, &journal)?;
        warnings.extend(check_volume(path, &journal, named.is_some())?);
        write::undo(&mut image, &mut store, &mut journal)
    } else {
        directory::confine(&journal.header.moves, path)?;
        write::undo_rename(&mut store, &mut journal)
    };
    warnings.extend(store.not_pointed());
    if undone.is_ok() {
        store.ended();
    }
    let undone = undone.map_err(|failure| {
        let gate = match &failure {
            write::UndoFailure::Changed(_) => Gate::ImageChanged,
            write::UndoFailure::Untouched(_)
            | write::UndoFailure::OnTheWay(..)
            | write::UndoFailure::Unmarked(_) => Gate::Failed,
        };
        let error = failure.into_error(&undo_arguments(path, journal_path));
        Refusal::new(gate, error.at(path.display()).chain())
    })?;
    let before = journal.header.full.as_ref().map(|full| &full.before);
    check_full(path, before)
        .map_err(|error| full_refusal(&error.at("the old sectors are in their places again")))?;
    Ok(UndoReport {
        image: path.to_string_lossy().into_owned(),
        undone,
        journal,
        warnings,
    })
}

/// What is put back: the image that was named, or the one that the journal lies beside. What a journal remembers is no leave to
/// write to a file anywhere on the host.
fn target<'p>(
    journal: &Journal,
    named: Option<&'p Path>,
    beside: Option<&'p Path>,
) -> Planned<&'p Path> {
    let remembered = &journal.header.image;
    let refuse = |gate: Gate, what: String| {
        Err(Refusal::new(
            gate,
            format!("{what}; say which is to be put back with --image PATH; nothing was written"),
        ))
    };
    match (named, beside) {
        (Some(named), _) => Ok(named),
        (None, None) => refuse(
            Gate::Journal,
            format!("the journal does not lie beside its image; it was written for {remembered}"),
        ),
        (None, Some(beside)) if beside.is_symlink() => refuse(
            Gate::Journal,
            format!(
                "the journal lies beside {}, which is a link",
                beside.to_string_lossy()
            ),
        ),
        (None, Some(beside)) if !is_same_file(beside, Path::new(remembered)) => refuse(
            Gate::ImageChanged,
            format!(
                "the journal lies beside {} and was written for {remembered}",
                beside.to_string_lossy()
            ),
        ),
        (None, Some(beside)) => Ok(beside),
    }
}

/// Refuses a file that is no image with the volume of the journal. One that the user named and that cannot be opened, for it
/// may be damaged, is taken with a warning: its serial number and every sector have been compared.
fn check_volume(path: &Path, journal: &Journal, is_named: bool) -> Planned<Option<String>> {
    let source = Source::from_path(path);
    let opened = contain(&source.as_typed(), || {
        Image::open(&source, &Options::default())
    });
    let header = &journal.header;
    match opened {
        Ok(image) => {
            let is_it = image.volumes.iter().any(|volume| {
                volume.start_bytes == header.volume_start && volume.layers == header.layers
            });
            if is_it
                || (is_named
                    && image
                        .volumes
                        .iter()
                        .any(|volume| volume.filesystem.is_err()))
            {
                return Ok(None);
            }
            Err(Refusal::new(
                Gate::ImageChanged,
                format!(
                    "{}: has no volume {} at 0x{:08x}, which the journal is of; nothing was written",
                    path.to_string_lossy(),
                    header.layers.join(" > "),
                    header.volume_start
                ),
            ))
        }
        Err(error) if is_named => Ok(Some(format!(
            "the image cannot be opened and was put back by its sectors alone: {}",
            error.chain()
        ))),
        Err(error) => Err(Refusal::new(
            Gate::Journal,
            format!(
                "the journal lies beside what cannot be opened as an image: {}; name it with --image PATH if it is one; nothing was \
                 written",
                error.chain()
            ),
        )),
    }
}

/// A disk that builds on a repaired image would no longer fit it. What was cut off is put back all the same: nothing can build
/// on half of it.
fn children_of(path: &Path, journal: &Journal) -> Planned<Option<String>> {
    match children::check(path) {
        Ok(()) => Ok(None),
        Err(refusal) if journal.state() == Some(State::Committed) => Err(refusal),
        Err(refusal) => Ok(Some(refusal.text)),
    }
}

/// Refuses an image whose volume is another one than that of the journal.
fn check_identity(image: &dyn Medium, journal: &Journal) -> Planned<()> {
    let Some(identity) = &journal.header.identity else {
        return Err(Refusal::new(
            Gate::Journal,
            "the journal does not say which volume it is of; nothing was written",
        ));
    };
    let mut found = vec![0; identity.bytes.len() / 2];
    image
        .read_at(identity.file_offset, &mut found)
        .map_err(|error| Refusal::new(Gate::Failed, error.at("nothing was written").chain()))?;
    if hex(&found) == identity.bytes {
        return Ok(());
    }
    Err(Refusal::new(
        Gate::ImageChanged,
        format!(
            "the serial number of the volume, at 0x{:08x} of the file, is {} and was {} when the journal was written: another \
             volume, or one that was formatted since; nothing was written",
            identity.file_offset,
            hex(&found),
            identity.bytes
        ),
    ))
}
