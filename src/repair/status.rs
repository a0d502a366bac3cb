//! Whether the journal beside an image says that a repair was not finished.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, FileDevice, ReadCounter};
use crate::image::host::open_image_file;
use crate::repair::directory;
use crate::repair::files::{journal_beside, read_journal};
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::State;
use crate::repair::medium::Medium;
use crate::repair::pointer;
use crate::repair::write::{Extent, extent};

/// An image that can only be read.
struct ReadOnly(FileDevice);

impl Medium for ReadOnly {
    fn len_bytes(&self) -> Result<u64> {
        Ok(self.0.len_bytes())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.read_exact_at(offset, buf)
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> Result<()> {
        Err(Error::unsupported("opened for reading only"))
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What stands against trusting or writing the image, in one sentence; `None` where no journal lies beside it and none is
/// pointed to, or one that is finished.
pub fn warning(image: &Path) -> Option<String> {
    let beside = journal_beside(image).and_then(|journal| of_journal(image, &journal, false));
    beside.or_else(|| match pointer::of_image(image) {
        Ok(None) => None,
        Ok(Some(journal)) => of_journal(image, &journal, true),
        Err(error) => Some(format!(
            "what should say where the journal of a repair lies can't be read, so it is not known whether a repair was \
             finished: {}",
            error.chain()
        )),
    })
}

/// What a journal says of an image.
fn of_journal(image: &Path, journal_path: &Path, is_pointed_to: bool) -> Option<String> {
    let journal = match read_journal(journal_path) {
        Ok(None) if is_pointed_to => {
            return Some(format!(
                "a repair of the image was begun with the journal {}, which is not there, so it is not known whether the repair \
                 was finished; put the journal back there, or remove the pointer beside the image if it is known",
                journal_path.to_string_lossy()
            ));
        }
        Ok(None) => return None,
        Ok(Some(journal)) => journal,
        Err(error) => {
            return Some(format!(
                "a journal of the image can't be read, so it is not known whether a repair was finished: {}",
                error.chain()
            ));
        }
    };
    let name = undo_arguments_of(image, journal_path, is_pointed_to);
    let found = if journal.header.moves.is_empty() {
        let Ok(opened) = open_image_file(image) else {
            return of_unopened(image, journal_path, is_pointed_to, journal.state());
        };
        let device = FileDevice::new(
            opened.file,
            opened.len_bytes,
            Arc::new(ReadCounter::default()),
        );
        extent(&ReadOnly(device), &journal)
    } else {
        directory::confine(&journal.header.moves, image)
            .and_then(|()| directory::extent(&journal.header.moves))
    };
    match (found, journal.state()) {
        (Ok(Extent::Mixed), Some(State::Committed | State::RolledBack)) => Some(format!(
            "the image holds a part of a repair that had ended, as {name} says: something else changed it since, and no undo is \
             made of that; take a copy of the image from before, and move the journal away"
        )),
        (Ok(Extent::Mixed), _) => Some(format!(
            "the image is half-changed: a repair was begun and not finished, and what is read may be wrong; \
             `goldseal undo {name}` puts it back"
        )),
        (Ok(Extent::New), Some(State::Committed)) | (Ok(Extent::Old), _) => None,
        (Ok(Extent::New), Some(State::RolledBack)) => Some(format!(
            "the image holds a repair that its journal says was put back, in this image or in a copy; \
             `goldseal undo {name}` puts this one back"
        )),
        (Ok(Extent::New), _) => Some(format!(
            "a repair was written and not checked to its end; `goldseal undo {name}` puts the image back"
        )),
        // An image that was changed since by its owner is none of a journal's business.
        (Err(error), Some(State::Committed | State::RolledBack))
            if error.kind() == ErrorKind::PreconditionFailed =>
        {
            None
        }
        (Err(error), _) => Some(format!(
            "the journal {name} is of a repair that was not finished, and the image does not fit it: {}",
            error.chain()
        )),
    }
}

/// What is said of the journal of an image that cannot be compared with it.
fn of_unopened(
    image: &Path,
    journal: &Path,
    is_pointed_to: bool,
    state: Option<State>,
) -> Option<String> {
    let undo = undo_arguments_of(image, journal, is_pointed_to);
    match state {
        Some(State::Committed | State::RolledBack) => None,
        _ => Some(format!(
            "a repair of the image was begun and not finished, as its journal says; once the image can be opened, \
             `goldseal undo {undo}` puts back what was written"
        )),
    }
}

/// The arguments of `undo` for a journal that lies beside the image, or that the image is pointed to.
fn undo_arguments_of(image: &Path, journal: &Path, is_pointed_to: bool) -> String {
    let name = journal.to_string_lossy();
    if is_pointed_to {
        format!("{name} --image {}", image.to_string_lossy())
    } else {
        name.into_owned()
    }
}

/// The error of an image that does not open, with what its journal says of it: a repair may be why.
pub fn explain(image: &Path, error: Error) -> Error {
    let Some(note) = warning(image).or_else(|| ended(image)) else {
        return error;
    };
    Error::new(error.kind(), format!("{}; {note}", error.chain()))
}

/// What is said of the journal of a repair that had ended, where the image does not open.
fn ended(image: &Path) -> Option<String> {
    let beside = journal_beside(image).map(|journal| (journal, false));
    let pointed_to = || Some((pointer::of_image(image).ok()??, true));
    let (place, journal, is_pointed_to) = beside
        .into_iter()
        .chain(pointed_to())
        .find_map(|(place, is)| Some((place.clone(), read_journal(&place).ok()??, is)))?;
    (journal.state() == Some(State::Committed)).then(|| {
        format!(
            "a repair of the image was made and had ended, as its journal says; `goldseal undo {}` takes it back",
            undo_arguments_of(image, &place, is_pointed_to)
        )
    })
}

/// Another journal than this one that the image is pointed to and that is of an unfinished repair, in one sentence.
pub(crate) fn other_unfinished(image: &Path, journal: &Path) -> Option<String> {
    let other = match pointer::of_image(image) {
        Ok(other) => other?,
        Err(error) => return Some(error.chain()),
    };
    let is_this = matches!(
        (other.canonicalize(), journal.canonicalize()),
        (Ok(other), Ok(this)) if other == this
    );
    if is_this {
        return None;
    }
    of_journal(image, &other, true)
}

/// Refuses to write an image beside which an unfinished journal lies.
///
/// # Errors
/// A refusal at [`Gate::Journal`].
pub fn check(image: &Path) -> Planned<()> {
    match warning(image) {
        None => Ok(()),
        Some(text) => Err(Refusal::new(Gate::Journal, text)),
    }
}
