//! Opening one file of the host for reading.
//!
//! `O_NOATIME` keeps the access time as it is where the system allows that (own files, or a privileged user);
//! `O_NONBLOCK` keeps a named pipe from hanging the program. Specification: open(2).

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

use crate::error::{Error, ErrorKind, Result};
use crate::image::host::path_text;

/// What a host path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// A regular file.
    Regular,
    /// A block device.
    BlockDevice,
    /// A directory.
    Directory,
}

/// An open host file.
#[derive(Debug)]
pub struct OpenedHostFile {
    /// The file, opened read-only.
    pub file: File,
    /// What it is.
    pub kind: HostKind,
    /// Its length in bytes; 0 for a directory.
    pub len_bytes: u64,
}

/// Flags of every file that is opened.
pub(super) const READ_ONLY: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// Calls `open` with `O_NOATIME`, and again without it where the system refuses that to this user.
pub(super) fn without_access_time<T>(
    flags: OFlags,
    open: impl Fn(OFlags) -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    match open(flags.union(OFlags::NOATIME)) {
        Err(rustix::io::Errno::PERM) => open(flags),
        result => result,
    }
}

/// Opens what the user named: a file, a block device or a directory. Links are followed here, for the user chose the path.
///
/// # Errors
/// What is not there or may not be read, and what is neither of the three.
pub fn open_image_file(path: &Path) -> Result<OpenedHostFile> {
    let fd = without_access_time(READ_ONLY, |flags| {
        rustix::fs::open(path, flags, Mode::empty())
    })
    .map_err(|errno| io_error(path, errno))?;
    let stat = rustix::fs::fstat(&fd).map_err(|errno| io_error(path, errno))?;
    let mut file = File::from(fd);
    let (kind, len_bytes) = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => (HostKind::Regular, u64::try_from(stat.st_size).unwrap_or(0)),
        FileType::BlockDevice => {
            let len = file.seek(SeekFrom::End(0)).map_err(|error| {
                Error::with_source(ErrorKind::Io, format!("{}: length", path_text(path)), error)
            })?;
            (HostKind::BlockDevice, len)
        }
        FileType::Directory => (HostKind::Directory, 0),
        _ => {
            return Err(Error::unsupported(format!(
                "{}: neither a file, nor a block device, nor a directory",
                path_text(path)
            )));
        }
    };
    Ok(OpenedHostFile {
        file,
        kind,
        len_bytes,
    })
}

/// The error of a host operation on `path`.
pub(super) fn io_error(path: &Path, errno: rustix::io::Errno) -> Error {
    let kind = match errno {
        rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    };
    Error::with_source(kind, path_text(path), std::io::Error::from(errno))
}
