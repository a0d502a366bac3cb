//! A pointer beside an image whose journal lies elsewhere (`--journal FILE`), so that a repair that was cut off is still noticed.
//!
//! It is there from before the first write until the journal is marked as ended, under the name of the image and
//! `.goldseal-journal-at`: a line that says what it is, and the path of the journal. A block device has no folder of its own to
//! keep it in: there the journal has to be remembered by the user, and the plan says so.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

use crate::error::{Error, ErrorKind, Result};
use crate::repair::files::{beside, journal_beside, sync_directory, write_new};

/// What is put behind the name of an image to name the pointer.
const ENDING: &str = ".goldseal-journal-at";
/// First line of a pointer.
pub(crate) const HEAD: &[u8] = b"goldseal-journal-at 1\n";
/// Longest pointer that is read: the head and the longest path of the system.
const BYTES_MAX: u64 = 4096 + 64;

/// The place of a pointer, and of the journal that it points to.
#[derive(Debug)]
pub(crate) struct Pointer {
    place: PathBuf,
    journal: PathBuf,
}

fn fail(path: &Path, what: &str, error: impl Into<std::io::Error>) -> Error {
    Error::with_source(
        ErrorKind::Io,
        format!("{}: {what}", path.to_string_lossy()),
        error.into(),
    )
}

/// Whether an image has a place for a file beside it.
pub(crate) fn has_place(image: &Path) -> bool {
    let is_device =
        std::fs::metadata(image).is_ok_and(|metadata| metadata.file_type().is_block_device());
    !is_device && beside(image, ENDING).is_some()
}

impl Pointer {
    /// The pointer that an image needs for this journal; `None` where the journal lies beside it, or nothing can.
    ///
    /// # Errors
    /// A journal in a folder that is not there.
    pub(crate) fn needed(image: &Path, journal: &Path) -> Result<Option<Self>> {
        let folder = match journal.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = folder
            .canonicalize()
            .map_err(|error| fail(folder, "folder of the journal", error))?;
        let name = journal
            .file_name()
            .ok_or_else(|| Error::corrupt("the journal has no name"))?;
        let journal = folder.join(name);
        if !has_place(image) || journal_beside(image).as_ref() == Some(&journal) {
            return Ok(None);
        }
        Ok(beside(image, ENDING).map(|place| Self { place, journal }))
    }

    /// Puts the pointer there and returns when it is safe. One of a repair that has ended is replaced.
    ///
    /// # Errors
    /// A folder that can't be written to.
    pub(crate) fn set(&self) -> Result<()> {
        if read(&self.place)?.as_ref() == Some(&self.journal) {
            return Ok(());
        }
        // One of another journal is of a repair that has ended: who writes to the image has looked at that before.
        let _ = rustix::fs::unlink(&self.place);
        let mut content = HEAD.to_vec();
        content.extend(self.journal.as_os_str().as_bytes());
        content.push(b'\n');
        write_new(&self.place, &content).map_err(|error| {
            error.at(
                "the journal lies elsewhere, and a pointer to it could not be put beside the image",
            )
        })
    }

    /// Whether it is there.
    pub(crate) fn is_set(&self) -> bool {
        matches!(read(&self.place), Ok(Some(journal)) if journal == self.journal)
    }

    /// Takes the pointer away if it names this journal. One that stays points to a journal that has ended, and is harmless.
    pub(crate) fn clear(&self) {
        if !self.is_set() {
            return;
        }
        let _ = rustix::fs::unlink(&self.place);
        let _ = sync_directory(&self.place);
    }
}

/// The journal that a pointer beside an image names; `None` where there is no pointer.
///
/// # Errors
/// A pointer that can't be read.
pub(crate) fn of_image(image: &Path) -> Result<Option<PathBuf>> {
    match beside(image, ENDING) {
        Some(place) if has_place(image) => read(&place),
        _ => Ok(None),
    }
}

fn read(place: &Path) -> Result<Option<PathBuf>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let fd = match rustix::fs::open(place, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(errno) => return Err(fail(place, "pointer to a journal", errno)),
    };
    let stat = rustix::fs::fstat(&fd).map_err(|errno| fail(place, "pointer", errno))?;
    let damaged = || {
        Error::corrupt(format!(
            "{}: is no pointer to a journal",
            place.to_string_lossy()
        ))
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(damaged());
    }
    let mut content = Vec::new();
    File::from(fd)
        .take(BYTES_MAX)
        .read_to_end(&mut content)
        .map_err(|error| fail(place, "pointer", error))?;
    let path = content
        .strip_prefix(HEAD)
        .and_then(|rest| rest.strip_suffix(b"\n"))
        .filter(|path| path.starts_with(b"/"))
        .ok_or_else(damaged)?;
    Ok(Some(PathBuf::from(OsStr::from_bytes(path))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_elsewhere_is_pointed_to_and_one_beside_the_image_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("golden.img");
        let other = folder.path().join("other");
        std::fs::write(&image, []).unwrap();
        std::fs::create_dir(&other).unwrap();
        let journal = journal_beside(&image).unwrap();
        assert!(Pointer::needed(&image, &journal).unwrap().is_none());
        let journal = other.canonicalize().unwrap().join("journal");
        let pointer = Pointer::needed(&image, &journal).unwrap().unwrap();
        assert_eq!(of_image(&image).unwrap(), None);
        for _ in 0..2 {
            pointer.set().unwrap();
            assert_eq!(of_image(&image).unwrap(), Some(journal.clone()));
        }
        pointer.clear();
        assert!(!pointer.is_set());
    }

    #[test]
    fn what_is_no_pointer_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("golden.img");
        std::fs::write(&image, []).unwrap();
        let place = beside(&image, ENDING).unwrap();
        for content in ["", "goldseal-journal-at 1\nrelative\n", "other\n/a\n"] {
            std::fs::write(&place, content).unwrap();
            assert!(of_image(&image).is_err(), "{content}");
        }
    }
}
