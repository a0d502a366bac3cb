//! Locks on an image: one that keeps writers and readers out while it is written, one that keeps writers out while it is copied.
//!
//! Two kinds are taken, for neither is seen by who uses the other: flock(2), and a lock on all bytes by fcntl(2), which qemu
//! and others use. The second is one of the open file (`F_OFD_SETLK`) and not of the process: a lock of the process is lost
//! as soon as it closes any other handle of the file, which every check of a written image does.

use std::fs::File;
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::repair::gate::{Gate, Planned, Refusal};

/// Who else may use the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Nobody; the file has to be open for writing.
    Exclusive,
    /// Readers.
    Shared,
}

/// Locks a file until it is closed.
///
/// # Errors
/// [`Gate::InUse`] where another program holds a lock, or the file system has none to give.
pub(crate) fn take(file: &File, path: &Path, lock: Lock) -> Planned<()> {
    let refuse =
        |what: String| Refusal::new(Gate::InUse, format!("{}: {what}", path.to_string_lossy()));
    let whole = match lock {
        Lock::Exclusive => FlockOperation::NonBlockingLockExclusive,
        Lock::Shared => FlockOperation::NonBlockingLockShared,
    };
    rustix::fs::flock(file, whole).map_err(|errno| match errno {
        Errno::WOULDBLOCK => refuse("another program holds a lock on it".to_owned()),
        errno => refuse(format!("cannot be locked: {errno}")),
    })?;
    let kind = match lock {
        Lock::Exclusive => libc::F_WRLCK,
        Lock::Shared => libc::F_RDLCK,
    };
    let all_bytes = libc::flock {
        l_type: short(kind),
        l_whence: short(libc::SEEK_SET),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&all_bytes)) {
        Ok(_) => Ok(()),
        Err(nix::Error::EAGAIN | nix::Error::EACCES) => Err(refuse(
            "another program holds a lock on a part of it".to_owned(),
        )),
        Err(errno) => Err(refuse(format!("its bytes cannot be locked: {errno}"))),
    }
}

/// A constant of the system in the width of the field that takes it.
fn short(value: libc::c_int) -> libc::c_short {
    libc::c_short::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> File {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).open(path).unwrap()
    }

    #[test]
    fn readers_share_a_file_and_a_writer_has_it_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path();
        let (one, two, three) = (open(path), open(path), open(path));
        take(&one, path, Lock::Shared).unwrap();
        take(&two, path, Lock::Shared).unwrap();
        assert_eq!(
            take(&three, path, Lock::Exclusive).unwrap_err().gate,
            Gate::InUse
        );
        drop((one, two));
        take(&three, path, Lock::Exclusive).unwrap();
        assert_eq!(
            take(&open(path), path, Lock::Shared).unwrap_err().gate,
            Gate::InUse
        );
    }
}
