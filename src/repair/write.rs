//! The order of a write: compare, journal, write, sync, read back, check, commit; and the way back.
//!
//! At every point a crash leaves a journal from which [`undo`] leads to all-old, and a journal that says committed is of an
//! image that is all-new. Each sector is old, new or torn between the two; anything else was written by somebody else and
//! stops everything. Writing the same sectors again is harmless, so both directions can be begun anew.

use crate::error::{Error, ErrorKind, Result};
use crate::repair::directory;
use crate::repair::gate::{Gate, Refusal};
use crate::repair::journal::{Entry, Journal, State};
use crate::repair::medium::Medium;

/// Where a journal is kept.
pub trait JournalStore {
    /// Keeps the body under its own name; returns when it is safe. It is there whole or not at all.
    fn create(&mut self, body: &[u8]) -> Result<()>;

    /// Takes away what [`JournalStore::create`] made, for nothing was written that it would be needed for.
    fn discard(&mut self) -> Result<()>;

    /// Writes a state at its place and returns when it is safe.
    fn put_state(&mut self, offset: u64, state: &[u8]) -> Result<()>;

    /// The name for messages.
    fn name(&self) -> String;
}

/// How much of a change an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every sector is old.
    Old,
    /// Every sector is new.
    New,
    /// Some are new, or torn between old and new.
    Mixed,
}

/// What a look at the image shows after a failure.
#[derive(Debug)]
pub enum Left {
    /// All-old, all-new, or a part of each.
    Seen(Extent),
    /// Something that is neither, or nothing that can be read.
    Unknown(Error),
}

impl Left {
    fn text(&self, journal: &str) -> String {
        match self {
            Self::Seen(Extent::Old) => {
                "every byte that was written has been put back, as far as can be read; whether the disk keeps it is not known"
                    .to_owned()
            }
            Self::Seen(Extent::New) => format!(
                "the image holds the whole repair; `goldseal undo {journal}` puts it back"
            ),
            Self::Seen(Extent::Mixed) => format!(
                "the image is half-changed; `goldseal undo {journal}` puts it back, once what failed is mended"
            ),
            Self::Unknown(error) => format!(
                "the image may be half-changed, and how far cannot be told ({}); `goldseal undo {journal}` puts it back, once \
                 what failed is mended",
                error.chain()
            ),
        }
    }
}

/// Why a write did not end as it should.
#[derive(Debug)]
pub enum Failure {
    /// Nothing was written.
    Untouched(Error),
    /// It was written and put back.
    PutBack(Error),
    /// Neither: the journal is needed.
    HalfApplied(Error, Left),
    /// Written and checked; only the journal could not be marked.
    Unmarked(Error),
}

impl Failure {
    /// The message that says what state the image is in.
    pub fn into_error(self, journal: &str) -> Error {
        let (what, error) = match self {
            Self::Untouched(error) => ("nothing was written".to_owned(), error),
            Self::PutBack(error) => (
                "what was written has been put back; the image is as it was".to_owned(),
                error,
            ),
            Self::HalfApplied(error, left) => (left.text(journal), error),
            Self::Unmarked(error) => (
                format!(
                    "the image was changed and checked, but {journal} could not be marked; `goldseal undo` still works"
                ),
                error,
            ),
        };
        error.at(what)
    }
}

/// Why an undo did not end as it should.
#[derive(Debug)]
pub enum UndoFailure {
    /// Something else has changed the image, or it is another one: nothing was written.
    Changed(Error),
    /// The image or the journal could not be read or written to: nothing was written to the image.
    Untouched(Error),
    /// A write failed on the way, and this is what is there now.
    OnTheWay(Error, Left),
    /// The image was put back; only the journal could not be marked.
    Unmarked(Error),
}

impl UndoFailure {
    /// The message that says what state the image is in.
    pub fn into_error(self, journal: &str) -> Error {
        let (what, error) = match self {
            Self::Changed(error) | Self::Untouched(error) => {
                ("nothing was written".to_owned(), error)
            }
            Self::OnTheWay(error, left) => (left.text(journal), error),
            Self::Unmarked(error) => (
                format!("the image has been put back, but {journal} could not be marked"),
                error,
            ),
        };
        error.at(what)
    }

    /// A look at the image that failed before anything was written.
    fn looking(error: Error) -> Self {
        if error.kind() == ErrorKind::PreconditionFailed {
            Self::Changed(error)
        } else {
            Self::Untouched(error)
        }
    }
}

/// The state of one sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Old,
    New,
    Torn,
    Foreign,
}

fn found(entry: &Entry, bytes: &[u8]) -> Found {
    if bytes == entry.before {
        return Found::Old;
    }
    if bytes == entry.after {
        return Found::New;
    }
    let is_mixture = bytes
        .iter()
        .zip(entry.before.iter().zip(&entry.after))
        .all(|(byte, (old, new))| byte == old || byte == new);
    if is_mixture {
        Found::Torn
    } else {
        Found::Foreign
    }
}

fn read(image: &dyn Medium, entry: &Entry) -> Result<Vec<u8>> {
    let mut bytes = vec![0; entry.before.len()];
    image.read_at(entry.file_offset, &mut bytes)?;
    Ok(bytes)
}

/// The first places of a list, and how many there are beside them.
fn some_of(places: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = places
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if places.len() > SHOWN {
        text.push_str(&format!(" and {} more", places.len().saturating_sub(SHOWN)));
    }
    text
}

/// How much of the change the image holds.
///
/// # Errors
/// A sector that is neither old nor new nor torn between them: the image was changed by something else, or is another one.
pub fn extent(image: &dyn Medium, journal: &Journal) -> Result<Extent> {
    if image.len_bytes()? != journal.header.image_bytes {
        return Err(Error::new(
            ErrorKind::PreconditionFailed,
            format!(
                "the image has {} bytes, and the journal is of one of {} bytes",
                image.len_bytes()?,
                journal.header.image_bytes
            ),
        ));
    }
    let (mut old, mut new) = (0_usize, 0_usize);
    let mut foreign = Vec::new();
    for entry in &journal.entries {
        match found(entry, &read(image, entry)?) {
            Found::Old => old = old.saturating_add(1),
            Found::New => new = new.saturating_add(1),
            Found::Torn => {}
            Found::Foreign => foreign.push(format!("0x{:08x}", entry.file_offset)),
        }
    }
    if !foreign.is_empty() {
        return Err(Error::new(
            ErrorKind::PreconditionFailed,
            format!(
                "{} of {} sectors hold neither their old nor their new bytes (at {} of the file): something else changed the \
                 image, or it is another one",
                foreign.len(),
                journal.entries.len(),
                some_of(&foreign)
            ),
        ));
    }
    Ok(match journal.entries.len() {
        all if all == old => Extent::Old,
        all if all == new => Extent::New,
        _ => Extent::Mixed,
    })
}

/// Writes the change of `journal`, which has no state yet, to `image`. `check` looks at the written image.
///
/// # Errors
/// [`Failure`] says in which state the image is.
pub fn apply(
    image: &mut dyn Medium,
    store: &mut dyn JournalStore,
    journal: &mut Journal,
    check: &mut dyn FnMut() -> Result<()>,
) -> std::result::Result<(), Failure> {
    all_old(image, journal).map_err(Failure::Untouched)?;
    let body = journal.body_with_room().map_err(Failure::Untouched)?;
    store.create(&body).map_err(Failure::Untouched)?;
    // The journal may have taken long to reach the disk.
    if let Err(error) = all_old(image, journal) {
        return Err(Failure::Untouched(not_needed(store, error)));
    }
    let written = put(image, journal, |entry| &entry.after).and_then(|()| check());
    if let Err(error) = written {
        return Err(match roll_back(image, store, journal) {
            Ok(()) => Failure::PutBack(error),
            Err(second) => Failure::HalfApplied(both(&error, &second), left(image, journal)),
        });
    }
    mark(store, journal, State::Committed).map_err(Failure::Unmarked)
}

/// Takes the journal away that was made for nothing, so that it does not stand in the way of the next repair.
fn not_needed(store: &mut dyn JournalStore, error: Error) -> Error {
    match store.discard() {
        Ok(()) => error,
        Err(second) => Error::new(
            error.kind(),
            format!(
                "{}; {} was made and is not needed, and could not be removed: {}",
                error.chain(),
                store.name(),
                second.chain()
            ),
        ),
    }
}

fn both(first: &Error, second: &Error) -> Error {
    Error::new(
        first.kind(),
        format!("{}; putting it back: {}", first.chain(), second.chain()),
    )
}

/// What the disk holds now, and not what the system still keeps of it.
fn left(image: &mut dyn Medium, journal: &Journal) -> Left {
    image.forget_cached();
    match extent(image, journal) {
        Ok(extent) => Left::Seen(extent),
        Err(error) => Left::Unknown(error),
    }
}

/// As [`left`], for names.
fn left_names(journal: &Journal) -> Left {
    match directory::extent(&journal.header.moves) {
        Ok(extent) => Left::Seen(extent),
        Err(error) => Left::Unknown(error),
    }
}

fn all_old(image: &dyn Medium, journal: &Journal) -> Result<()> {
    match extent(image, journal)? {
        Extent::Old => Ok(()),
        Extent::New | Extent::Mixed => Err(Refusal::new(
            Gate::ImageChanged,
            "the image is not the one that the plan was made for: some of its sectors already hold new bytes",
        )
        .into()),
    }
}

/// What an undo did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// The old bytes were written.
    PutBack,
    /// They were there already.
    AlreadyOld,
}

/// Puts the old bytes of a journal back.
///
/// # Errors
/// [`UndoFailure`] says in which state the image is. An undo that failed on the way can be begun anew.
pub fn undo(
    image: &mut dyn Medium,
    store: &mut dyn JournalStore,
    journal: &mut Journal,
) -> std::result::Result<Undone, UndoFailure> {
    let extent = extent(image, journal).map_err(UndoFailure::looking)?;
    if extent == Extent::Old {
        // What is read may still be on its way to the disk.
        image
            .sync()
            .map_err(|error| UndoFailure::OnTheWay(error, Left::Seen(Extent::Old)))?;
        // The journal is left as it is: the image may be a copy that was never repaired.
        return Ok(Undone::AlreadyOld);
    }
    let foreign = match journal.state() {
        Some(State::Committed) if extent == Extent::Mixed => {
            "the repair was ended, and now some of its sectors hold old bytes"
        }
        // All-new is a repaired copy beside the one that was put back.
        Some(State::RolledBack) if extent == Extent::Mixed => {
            "the repair was put back, and now some of its sectors hold new bytes"
        }
        _ => "",
    };
    if !foreign.is_empty() {
        return Err(UndoFailure::Changed(Error::new(
            ErrorKind::PreconditionFailed,
            format!("{foreign}: something else changed the image"),
        )));
    }
    begin_undo(store, journal)?;
    if let Err(error) = put(image, journal, |entry| &entry.before) {
        return Err(UndoFailure::OnTheWay(error, left(image, journal)));
    }
    mark(store, journal, State::RolledBack).map_err(UndoFailure::Unmarked)?;
    Ok(Undone::PutBack)
}

fn begin_undo(
    store: &mut dyn JournalStore,
    journal: &mut Journal,
) -> std::result::Result<(), UndoFailure> {
    if journal.state() == Some(State::Undoing) {
        return Ok(());
    }
    mark(store, journal, State::Undoing).map_err(UndoFailure::Untouched)
}

/// Makes the changes of names of `journal`, which has no state yet. `check` looks at the changed directory.
///
/// # Errors
/// [`Failure`] says in which state the directory is.
pub fn rename(
    store: &mut dyn JournalStore,
    journal: &mut Journal,
    check: &mut dyn FnMut() -> Result<()>,
) -> std::result::Result<(), Failure> {
    let is_old = directory::extent(&journal.header.moves).map_err(Failure::Untouched)?;
    if is_old != Extent::Old {
        return Err(Failure::Untouched(
            Refusal::new(
                Gate::ImageChanged,
                "some files have their new names already",
            )
            .into(),
        ));
    }
    let body = journal.body_with_room().map_err(Failure::Untouched)?;
    store.create(&body).map_err(Failure::Untouched)?;
    if let Err(error) = directory::put(&journal.header.moves, true) {
        // A change of a name is made whole or not at all.
        if matches!(left_names(journal), Left::Seen(Extent::Old)) {
            return Err(Failure::Untouched(not_needed(store, error)));
        }
        return Err(names_back(store, journal, &error));
    }
    if let Err(error) = check() {
        return Err(names_back(store, journal, &error));
    }
    mark(store, journal, State::Committed).map_err(Failure::Unmarked)
}

/// Gives the files of a journal their old names again.
///
/// # Errors
/// [`UndoFailure`] says in which state the directory is.
pub fn undo_rename(
    store: &mut dyn JournalStore,
    journal: &mut Journal,
) -> std::result::Result<Undone, UndoFailure> {
    let extent = directory::extent(&journal.header.moves).map_err(UndoFailure::looking)?;
    if extent == Extent::Old {
        return Ok(Undone::AlreadyOld);
    }
    begin_undo(store, journal)?;
    if let Err(error) = directory::put(&journal.header.moves, false) {
        return Err(UndoFailure::OnTheWay(error, left_names(journal)));
    }
    mark(store, journal, State::RolledBack).map_err(UndoFailure::Unmarked)?;
    Ok(Undone::PutBack)
}

/// Puts back what was begun. The image comes first: from a journal without a state it can be begun anew at any point, so
/// that it can't be marked stops nothing.
fn roll_back(
    image: &mut dyn Medium,
    store: &mut dyn JournalStore,
    journal: &mut Journal,
) -> Result<()> {
    put(image, journal, |entry| &entry.before)?;
    let _ = mark(store, journal, State::RolledBack);
    Ok(())
}

/// As [`roll_back`], for names; what became of a change that failed.
fn names_back(store: &mut dyn JournalStore, journal: &mut Journal, error: &Error) -> Failure {
    match directory::put(&journal.header.moves, false) {
        Ok(()) => {
            let _ = mark(store, journal, State::RolledBack);
            Failure::PutBack(Error::new(error.kind(), error.chain()))
        }
        Err(second) => Failure::HalfApplied(both(error, &second), left_names(journal)),
    }
}

/// Writes one side of every sector, makes it safe and reads it back.
fn put(image: &mut dyn Medium, journal: &Journal, side: impl Fn(&Entry) -> &Vec<u8>) -> Result<()> {
    for entry in &journal.entries {
        image.write_at(entry.file_offset, side(entry))?;
    }
    image.sync()?;
    image.forget_cached();
    for entry in &journal.entries {
        if read(image, entry)? != *side(entry) {
            return Err(Error::new(
                ErrorKind::Io,
                format!(
                    "the sector at 0x{:08x} of the file does not hold what was written to it",
                    entry.file_offset
                ),
            ));
        }
    }
    Ok(())
}

fn mark(store: &mut dyn JournalStore, journal: &mut Journal, state: State) -> Result<()> {
    let sector = Journal::state_sector(state, journal.states.len());
    store.put_state(journal.next_state_offset()?, &sector)?;
    journal.states.push(state);
    Ok(())
}
