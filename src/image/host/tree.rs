//! A directory of the host, looked into without ever leaving it.
//!
//! Every open goes through openat2(2) with `RESOLVE_BENEATH`: a symbolic link inside the tree that stays inside is
//! followed, one that leads out, and every absolute one, is refused by the kernel in the same step that opens the file.
//! Where the system has no openat2, paths are opened one component at a time and no link is followed at all.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::image::host::file::{READ_ONLY, io_error, without_access_time};
use crate::image::host::path_text;

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostEntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a pipe, a socket.
    Other,
}

/// An entry of a directory of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// The name.
    pub name: OsString,
    /// What it is, links not followed.
    pub kind: HostEntryKind,
    /// Length in bytes of a regular file, otherwise 0.
    pub len_bytes: u64,
}

/// An open directory and all that lies below it.
#[derive(Debug)]
pub struct HostTree {
    root: OwnedFd,
    path: PathBuf,
}

impl HostTree {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// What is not there, may not be read, or is no directory.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = READ_ONLY.union(OFlags::DIRECTORY);
        let root = without_access_time(flags, |flags| rustix::fs::open(path, flags, Mode::empty()))
            .map_err(|errno| io_error(path, errno))?;
        Ok(Self {
            root,
            path: path.to_owned(),
        })
    }

    /// The path by which the directory was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What lies at `relative`; a link is followed where it stays inside.
    pub fn entry(&self, relative: &Path) -> Result<Option<HostEntry>> {
        let Some(fd) = self.open_at(relative, OFlags::PATH.union(OFlags::CLOEXEC))? else {
            return Ok(None);
        };
        let stat = rustix::fs::fstat(&fd).map_err(|errno| self.error(relative, errno))?;
        let name = relative.file_name().unwrap_or_default().to_owned();
        Ok(Some(describe(name, stat.st_mode, stat.st_size)))
    }

    /// Whether `relative` itself is a symbolic link.
    pub fn is_link(&self, relative: &Path) -> Result<bool> {
        let parent = relative.parent().unwrap_or(Path::new(""));
        let Some(name) = relative.file_name() else {
            return Ok(false);
        };
        let directory = match self.resolve(parent, OFlags::PATH.union(OFlags::CLOEXEC)) {
            Ok(directory) => directory,
            // A parent that is not there holds no link; one behind a link that leads out is told when it is opened.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::XDEV | Errno::LOOP) => return Ok(false),
            Err(errno) => return Err(self.error(relative, errno)),
        };
        match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Symlink),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.error(relative, errno)),
        }
    }

    /// The regular file at `relative` and its length, opened read-only; `None` if nothing is there.
    pub fn open_file(&self, relative: &Path) -> Result<Option<(File, u64)>> {
        match self.entry(relative)? {
            None => return Ok(None),
            Some(entry) if entry.kind == HostEntryKind::File => {}
            Some(_) => {
                return Err(Error::unsupported(format!(
                    "{}: not a regular file",
                    path_text(&self.path.join(relative))
                )));
            }
        }
        let Some(fd) = self.open_reading(relative, READ_ONLY)? else {
            return Ok(None);
        };
        let stat = rustix::fs::fstat(&fd).map_err(|errno| self.error(relative, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::unsupported(format!(
                "{}: not a regular file",
                path_text(&self.path.join(relative))
            )));
        }
        Ok(Some((
            File::from(fd),
            u64::try_from(stat.st_size).unwrap_or(0),
        )))
    }

    /// The entries of the directory at `relative`, in the order of their bytes; more than `entries_max` is an error.
    pub fn list(&self, relative: &Path, entries_max: usize) -> Result<Option<Vec<HostEntry>>> {
        let flags = READ_ONLY.union(OFlags::DIRECTORY);
        let Some(fd) = self.open_reading(relative, flags)? else {
            return Ok(None);
        };
        let fail = |errno| self.error(relative, errno);
        let mut entries = Vec::new();
        for item in rustix::fs::Dir::read_from(&fd).map_err(fail)? {
            let item = item.map_err(fail)?;
            let name = item.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if entries.len() >= entries_max {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "{}: more than {entries_max} entries",
                        path_text(&self.path.join(relative))
                    ),
                ));
            }
            match rustix::fs::statat(&fd, item.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => entries.push(describe(
                    OsString::from_vec(name.to_vec()),
                    stat.st_mode,
                    stat.st_size,
                )),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(fail(errno)),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(entries))
    }

    fn open_reading(&self, relative: &Path, flags: OFlags) -> Result<Option<OwnedFd>> {
        match without_access_time(flags, |flags| self.resolve(relative, flags)) {
            Ok(fd) => Ok(Some(fd)),
            Err(errno) => self.refusal(relative, errno),
        }
    }

    fn open_at(&self, relative: &Path, flags: OFlags) -> Result<Option<OwnedFd>> {
        match self.resolve(relative, flags) {
            Ok(fd) => Ok(Some(fd)),
            Err(errno) => self.refusal(relative, errno),
        }
    }

    /// Opens `relative` without leaving the tree.
    fn resolve(&self, relative: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let target = if relative.as_os_str().is_empty() {
            Path::new(".")
        } else {
            relative
        };
        let how = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
        match rustix::fs::openat2(&self.root, target, flags, Mode::empty(), how) {
            Err(Errno::NOSYS | Errno::AGAIN) => self.resolve_by_component(target, flags),
            // Inside a sandbox the call may be forbidden as a whole, which shows as EPERM for O_PATH too.
            Err(Errno::PERM) if flags.contains(OFlags::PATH) => {
                self.resolve_by_component(target, flags)
            }
            result => result,
        }
    }

    fn resolve_by_component(&self, target: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let walk = OFlags::PATH.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
        let mut directory = rustix::fs::openat(&self.root, ".", walk, Mode::empty())?;
        let mut parts = target.components().peekable();
        while let Some(part) = parts.next() {
            let name: &OsStr = match part {
                Component::Normal(name) => name,
                Component::CurDir => OsStr::new("."),
                _ => return Err(Errno::XDEV),
            };
            let last = parts.peek().is_none();
            let flags = if last {
                flags.union(OFlags::NOFOLLOW)
            } else {
                walk.union(OFlags::DIRECTORY)
            };
            directory = rustix::fs::openat(&directory, name, flags, Mode::empty())?;
        }
        let stat = rustix::fs::fstat(&directory)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            return Err(Errno::LOOP);
        }
        Ok(directory)
    }

    /// Tells what is not there from what could not be seen.
    fn refusal<T>(&self, relative: &Path, errno: Errno) -> Result<Option<T>> {
        match errno {
            Errno::NOENT if !self.is_dangling(relative) => Ok(None),
            Errno::NOTDIR => Ok(None),
            Errno::NOENT | Errno::XDEV | Errno::LOOP => Err(Error::unsupported(format!(
                "{}: a symbolic link on this path leads out of {} or nowhere, and is not followed",
                path_text(&self.path.join(relative)),
                path_text(&self.path)
            ))),
            errno => Err(self.error(relative, errno)),
        }
    }

    /// Whether a component of `relative` is a symbolic link that leads nowhere; then "not there" is said by the link and
    /// not by the tree.
    fn is_dangling(&self, relative: &Path) -> bool {
        let mut prefix = PathBuf::new();
        for part in relative.components() {
            prefix.push(part);
            if self.is_link(&prefix).unwrap_or(true)
                && self
                    .resolve(&prefix, OFlags::PATH.union(OFlags::CLOEXEC))
                    .is_err()
            {
                return true;
            }
        }
        false
    }

    fn error(&self, relative: &Path, errno: Errno) -> Error {
        io_error(&self.path.join(relative), errno)
    }
}

fn describe(name: OsString, mode: u32, size: i64) -> HostEntry {
    let kind = match FileType::from_raw_mode(mode) {
        FileType::RegularFile => HostEntryKind::File,
        FileType::Directory => HostEntryKind::Directory,
        FileType::Symlink => HostEntryKind::Link,
        _ => HostEntryKind::Other,
    };
    let len_bytes = match kind {
        HostEntryKind::File => u64::try_from(size).unwrap_or(0),
        _ => 0,
    };
    HostEntry {
        name,
        kind,
        len_bytes,
    }
}

/// Whether a name from an image can be the name of one file of the host.
pub(crate) fn is_plain_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    !bytes.is_empty()
        && bytes != b"."
        && bytes != b".."
        && !bytes.contains(&b'/')
        && !bytes.contains(&0)
}
