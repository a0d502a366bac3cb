//! The files of the host that a repair writes: the image, opened for writing and locked, and the journal beside it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, RenameFlags};

use crate::error::{Error, ErrorKind, Result};
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::{JOURNAL_BYTES_MAX, Journal};
use crate::repair::lock::{self, Lock};
use crate::repair::medium::FileMedium;
use crate::repair::pointer::Pointer;
use crate::repair::trust;
use crate::repair::write::JournalStore;

/// What is put behind the name of an image to name its journal.
pub(crate) const JOURNAL_ENDING: &str = ".goldseal-journal";

/// Most names that are tried for a temporary file.
const TEMPORARIES_MAX: u32 = 100;

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn io_error(path: &Path, what: &str, error: impl Into<std::io::Error>) -> Error {
    Error::with_source(
        ErrorKind::Io,
        format!("{}: {what}", text(path)),
        error.into(),
    )
}

/// Where the journal of an image lies if no other place was named.
pub fn journal_beside(image: &Path) -> Option<PathBuf> {
    beside(image, JOURNAL_ENDING)
}

/// The file beside an image whose name is that of the image and an ending.
pub(crate) fn beside(image: &Path, ending: &str) -> Option<PathBuf> {
    // A link to an image has the files of the image.
    let image = &image.canonicalize().unwrap_or_else(|_| image.to_owned());
    let mut name = image.file_name()?.to_owned();
    name.push(ending);
    Some(image.with_file_name(name))
}

/// The content of a regular file of the host of at most so many bytes; nothing else is waited for or read.
///
/// # Errors
/// What is not there, no regular file, or longer.
pub fn read_small(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|errno| io_error(path, "open", errno))?;
    let stat = rustix::fs::fstat(&fd).map_err(|errno| io_error(path, "file", errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::unsupported(format!(
            "{}: not a regular file",
            text(path)
        )));
    }
    let mut content = Vec::new();
    File::from(fd)
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| io_error(path, "read", error))?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("{}: longer than {bytes_max} bytes", text(path)),
        ));
    }
    Ok(content)
}

/// Opens an image for writing and locks it against every other writer.
///
/// # Errors
/// [`Gate::InUse`] where a lock is held or a block device is claimed; otherwise what the system says.
pub(crate) fn open_image(path: &Path) -> Planned<FileMedium> {
    let stat = rustix::fs::stat(path).map_err(|errno| io_error(path, "image", errno))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let mut flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    match kind {
        FileType::RegularFile => {}
        // The system gives a block device exclusively only where nothing is mounted from it.
        FileType::BlockDevice => flags |= OFlags::EXCL,
        _ => {
            return Err(Refusal::new(
                Gate::Container,
                format!("{}: neither a file nor a block device", text(path)),
            ));
        }
    }
    let in_use = |what: &str| Refusal::new(Gate::InUse, format!("{}: {what}", text(path)));
    let fd = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::BUSY) => return Err(in_use("the device is in use")),
        Err(errno) => return Err(io_error(path, "open for writing", errno).into()),
    };
    let mut file = File::from(fd);
    let is_other = rustix::fs::fstat(&file).map_or(true, |opened| {
        (opened.st_dev, opened.st_ino) != (stat.st_dev, stat.st_ino)
    });
    if is_other {
        return Err(in_use("was exchanged while it was opened"));
    }
    lock::take(&file, path, Lock::Exclusive)?;
    let len = file
        .seek(SeekFrom::End(0))
        .map_err(|error| io_error(path, "length", error))?;
    Ok(FileMedium::new(file, text(path), len))
}

/// A journal as a file of the host.
#[derive(Debug)]
pub(crate) struct JournalFile {
    path: PathBuf,
    file: Option<File>,
    /// What is put beside the image, where the journal is not.
    pointer: Option<Pointer>,
    /// Why it could not be put there for an undo, which is not stopped by that.
    not_pointed: Option<String>,
}

impl JournalFile {
    /// A journal that does not exist yet, of an image.
    ///
    /// # Errors
    /// [`Gate::Journal`] where something is there under this name: it is never overwritten.
    pub(crate) fn new(path: &Path, image: &Path) -> Planned<Self> {
        match rustix::fs::lstat(path) {
            Err(rustix::io::Errno::NOENT) => Ok(Self {
                path: path.to_owned(),
                file: None,
                pointer: Pointer::needed(image, path)?,
                not_pointed: None,
            }),
            Ok(_) => Err(Refusal::new(
                Gate::Journal,
                format!(
                    "{}: is there already and is never overwritten; `goldseal undo` puts an image back by it, and once it is not \
                     needed any more it can be moved away, or another place be named with --journal",
                    text(path)
                ),
            )),
            Err(errno) => Err(io_error(path, "journal", errno).into()),
        }
    }

    /// Opens a journal that is there and reads it.
    ///
    /// # Errors
    /// A journal that is damaged or can't be opened.
    pub(crate) fn open(path: &Path) -> Result<(Self, Journal)> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| io_error(path, "journal", errno))?;
        let file = File::from(fd);
        trust::check(&file, path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| io_error(path, "another program works with this journal", errno))?;
        let journal = parse(path, &file)?;
        let file = Self {
            path: path.to_owned(),
            file: Some(file),
            pointer: None,
            not_pointed: None,
        };
        Ok((file, journal))
    }

    /// Says of which image this journal is, for the pointer beside that image.
    ///
    /// # Errors
    /// As [`Pointer::needed`].
    pub(crate) fn of_image(&mut self, image: &Path) -> Result<()> {
        self.pointer = Pointer::needed(image, &self.path)?;
        Ok(())
    }

    /// Why nothing points to this journal although it should.
    pub(crate) fn not_pointed(&mut self) -> Option<String> {
        self.not_pointed.take()
    }

    /// Takes away what points to this journal, for the repair has ended.
    pub(crate) fn ended(&self) {
        if let Some(pointer) = &self.pointer {
            pointer.clear();
        }
    }
}

/// Reads a journal without being able to change it; `None` if there is none.
pub(crate) fn read_journal(path: &Path) -> Result<Option<Journal>> {
    match rustix::fs::lstat(path) {
        // What is no file is not even opened: a device may do something at that.
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
            return Err(Error::unsupported(format!(
                "{}: is no regular file",
                text(path)
            )));
        }
        _ => {}
    }
    match rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK,
        Mode::empty(),
    ) {
        Ok(fd) => parse(path, &File::from(fd)).map(Some),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(io_error(path, "journal", errno)),
    }
}

fn parse(path: &Path, file: &File) -> Result<Journal> {
    let mut content = Vec::new();
    file.take(JOURNAL_BYTES_MAX)
        .read_to_end(&mut content)
        .map_err(|error| io_error(path, "journal", error))?;
    Journal::parse(&content).map_err(|error| error.at(text(path)))
}

/// Makes the names in the directory of a file safe.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| io_error(directory, "sync", error))
}

impl JournalStore for JournalFile {
    fn create(&mut self, body: &[u8]) -> Result<()> {
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(format!(".{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = rustix::fs::open(&temporary, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| io_error(&temporary, "new journal", errno))?;
        let mut file = File::from(fd);
        // An undo that is begun while the repair still runs has to wait for it.
        let named = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| io_error(&temporary, "lock", errno))
            .and_then(|()| {
                file.write_all(body)
                    .and_then(|()| file.sync_all())
                    .map_err(|error| io_error(&temporary, "write", error))
            })
            .and_then(|()| rename_new(&temporary, &self.path));
        if let Err(error) = named {
            // Nothing was written to the image, so a journal that is not needed may not stay in the way.
            let _ = rustix::fs::unlink(&temporary);
            return Err(error);
        }
        self.file = Some(file);
        let safe = sync_directory(&self.path);
        if let Err(error) = safe.and_then(|()| self.pointer.as_ref().map_or(Ok(()), Pointer::set)) {
            let _ = self.discard();
            return Err(error);
        }
        Ok(())
    }

    fn discard(&mut self) -> Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let fail = |errno| io_error(&self.path, "remove", errno);
        let own = rustix::fs::fstat(&file).map_err(fail)?;
        let there = rustix::fs::lstat(&self.path).map_err(fail)?;
        // What another program has put there since is not ours to remove.
        if (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino) {
            rustix::fs::unlink(&self.path).map_err(fail)?;
        }
        self.ended();
        sync_directory(&self.path)
    }

    fn put_state(&mut self, offset: u64, state: &[u8]) -> Result<()> {
        // The first state of an undo: from here on the image may be half-changed.
        if let Some(Err(error)) = self.pointer.as_ref().map(Pointer::set) {
            self.not_pointed = Some(error.chain());
        }
        let file = self
            .file
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "the journal was not made yet"))?;
        file.write_all_at(state, offset)
            .and_then(|()| file.sync_all())
            .map_err(|error| io_error(&self.path, "write", error))
    }

    fn name(&self) -> String {
        text(&self.path)
    }
}

/// Writes a file that was not there before, readable by its owner only.
///
/// # Errors
/// A file that is there already, and whatever the host refuses.
pub fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    if rustix::fs::lstat(path).is_ok() {
        return Err(io_error(path, "new file", rustix::io::Errno::EXIST));
    }
    let (temporary, mut file) = temporary_beside(path)?;
    let named = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(|error| io_error(path, "write", error))
        .and_then(|()| rename_new(&temporary, path));
    if let Err(error) = named {
        // A part of a file would stand in the way of the next run, and be taken for the whole.
        let _ = rustix::fs::unlink(&temporary);
        return Err(error);
    }
    sync_directory(path)
}

/// A new file under a name that nothing uses, in the folder of `path`.
fn temporary_beside(path: &Path) -> Result<(PathBuf, File)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut number = 0_u32;
    loop {
        let name = format!(".goldseal-{}-{number}", std::process::id());
        let temporary = path.with_file_name(name);
        match rustix::fs::open(&temporary, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => return Ok((temporary, File::from(fd))),
            // Left by a process of that number that was killed.
            Err(rustix::io::Errno::EXIST) if number < TEMPORARIES_MAX => {
                number = number.saturating_add(1);
            }
            Err(errno) => return Err(io_error(path, "new file", errno)),
        }
    }
}

/// Gives a file a name that nothing has; never replaces.
pub(crate) fn rename_new(from: &Path, to: &Path) -> Result<()> {
    let here = rustix::fs::CWD;
    match rustix::fs::renameat_with(here, from, here, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // File systems without that call: a second name never replaces either.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            rustix::fs::link(from, to).map_err(|errno| io_error(to, "name", errno))?;
            rustix::fs::unlink(from).map_err(|errno| {
                // One name and not two, as with the call that is missing.
                let _ = rustix::fs::unlink(to);
                io_error(from, "remove", errno)
            })
        }
        Err(errno) => Err(io_error(to, "name", errno)),
    }
}
