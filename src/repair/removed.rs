//! A file of a host directory that another file's name is taken from and that is then removed, and its way back.
//!
//! The two files exchange names first, which the host does whole or not at all; then the one that goes is unlinked under the
//! other's old name. So at every point each file is whole under one of two names, or in its copy. The way back puts the copy
//! under a temporary name with mode, owner and times as they were, gives it its name, and exchanges again. What a copy can't
//! bring back (hard links, extended attributes) stops a removal. Specifications: rename(2), unlink(2), utimensat(2).

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::repair::backup;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::digest;

/// Behind the name of a file while it is brought back.
const TEMPORARY: &str = ".goldseal-undo";
/// The bits of a mode that are brought back, and those that no journal may set.
const PERMISSION_BITS: u32 = 0o777;
const SPECIAL_BITS: u32 = 0o7000;
/// The extended attribute that a host with SELinux gives every file by itself.
const SELINUX: &[u8] = b"security.selinux";
/// Longest list of extended attributes that is read.
const ATTRIBUTES_BYTES_MAX: usize = 64 << 10;

/// A file that goes, with what is needed to bring it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Its path in the tree.
    pub path: String,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Where its content was copied to.
    pub backup: PathBuf,
    /// Its mode.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Time of last access: seconds since 1970 and nanoseconds.
    pub accessed: (i64, i64),
    /// Time of last change of its content, likewise.
    pub modified: (i64, i64),
}

impl Removed {
    /// What is to be known of the file `name`, whose content has that digest, before it is removed.
    ///
    /// # Errors
    /// [`Gate::HardLinks`], and [`Gate::Referenced`] for extended attributes.
    pub(crate) fn plan(
        directory: &File,
        name: &str,
        path: String,
        sha256: String,
    ) -> Planned<Self> {
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| failed(name, errno))?;
        if stat.st_nlink != 1 {
            return Err(Refusal::new(
                Gate::HardLinks,
                format!(
                    "{name}: has further names (hard links); only a file with one name is removed"
                ),
            ));
        }
        if stat.st_mode & SPECIAL_BITS != 0 {
            return Err(Refusal::new(
                Gate::Referenced,
                format!(
                    "{name}: has mode {:o}; a set-user, set-group or sticky bit is not brought back, so the file is not removed",
                    stat.st_mode & 0o7777
                ),
            ));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(directory, name, flags, Mode::empty())
            .map_err(|errno| failed(name, errno))?;
        let mut list = vec![0; ATTRIBUTES_BYTES_MAX];
        let len = match rustix::fs::flistxattr(&file, &mut list) {
            Ok(len) => len,
            Err(Errno::NOTSUP) => 0,
            Err(errno) => return Err(failed(name, errno).into()),
        };
        let names = list.get(..len).unwrap_or_default();
        if let Some(other) = names
            .split(|byte| *byte == 0)
            .find(|name| !name.is_empty() && *name != SELINUX)
        {
            return Err(Refusal::new(
                Gate::Referenced,
                format!(
                    "{name}: has extended attributes ({}), which a copy of its content would not bring back; exchange the names \
                     instead (without --delete-bogus)",
                    other.escape_ascii()
                ),
            ));
        }
        Ok(Self::from_stat(&stat, path, sha256))
    }

    fn from_stat(stat: &Stat, path: String, sha256: String) -> Self {
        let nanos = |nanos| i64::try_from(nanos).unwrap_or(0);
        Self {
            path,
            sha256,
            backup: PathBuf::new(),
            mode: stat.st_mode & PERMISSION_BITS,
            uid: stat.st_uid,
            gid: stat.st_gid,
            accessed: (stat.st_atime, nanos(stat.st_atime_nsec)),
            modified: (stat.st_mtime, nanos(stat.st_mtime_nsec)),
        }
    }

    /// Brings the file back under `name`, which nothing has.
    ///
    /// # Errors
    /// A copy that is not there or has another content: nothing is changed. What the host refuses.
    pub(crate) fn restore(&self, directory: &File, name: &str) -> Result<()> {
        let content = self.content()?;
        let temporary = format!("{name}{TEMPORARY}");
        match rustix::fs::unlinkat(directory, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(&temporary, errno)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(directory, &temporary, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| failed(&temporary, errno))?;
        let mut file = File::from(fd);
        self.fill(&mut file, &content)
            .map_err(|error| Error::with_source(ErrorKind::Io, temporary.clone(), error))?;
        rustix::fs::renameat_with(
            directory,
            &temporary,
            directory,
            name,
            RenameFlags::NOREPLACE,
        )
        .map_err(|errno| failed(name, errno))
    }

    /// The content of the copy.
    ///
    /// # Errors
    /// A copy that is not there, or has another content.
    pub(crate) fn content(&self) -> Result<Vec<u8>> {
        let shown = self.backup.to_string_lossy();
        let content = backup::read_own(&self.backup)?.ok_or_else(|| {
            Error::new(
                ErrorKind::PreconditionFailed,
                format!(
                    "{shown}: the copy of {} is not there, so it is not brought back",
                    self.path
                ),
            )
        })?;
        if digest(std::iter::once(content.as_slice())) == self.sha256 {
            return Ok(content);
        }
        Err(Error::new(
            ErrorKind::PreconditionFailed,
            format!(
                "{shown}: is not the copy of {} any more (its SHA-256 is another one), so it is not brought back",
                self.path
            ),
        ))
    }

    fn fill(&self, file: &mut File, content: &[u8]) -> std::io::Result<()> {
        file.write_all(content)?;
        let stat = rustix::fs::fstat(&*file)?;
        if (stat.st_uid, stat.st_gid) != (self.uid, self.gid) {
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            rustix::fs::fchown(&*file, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(&*file, Mode::from_raw_mode(self.mode))?;
        let time = |(seconds, nanos): (i64, i64)| Timespec {
            tv_sec: seconds,
            tv_nsec: nanos,
        };
        let times = Timestamps {
            last_access: time(self.accessed),
            last_modification: time(self.modified),
        };
        rustix::fs::futimens(&*file, &times)?;
        file.sync_all()
    }

    /// Whether the journal may name this place and this mode.
    pub(crate) fn is_plain(&self) -> bool {
        self.mode & !PERMISSION_BITS == 0
            && self.backup.is_absolute()
            && self.backup != Path::new("/")
    }
}

fn failed(name: &str, errno: Errno) -> Error {
    Error::with_source(ErrorKind::Io, name.to_owned(), std::io::Error::from(errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_sets_no_bit_but_those_of_reading_writing_and_running() {
        let with_mode = |mode| Removed {
            path: String::new(),
            sha256: String::new(),
            backup: PathBuf::from("/copy"),
            mode,
            uid: 0,
            gid: 0,
            accessed: (0, 0),
            modified: (0, 0),
        };
        assert!(with_mode(0o755).is_plain());
        for mode in [0o4755, 0o2755, 0o1755, 0o10_0755] {
            assert!(!with_mode(mode).is_plain(), "{mode:o}");
        }
    }
}
