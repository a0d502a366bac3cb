//! What a repair writes to: bytes at positions, and a promise that they are kept.
//!
//! The one trait through which an image or a journal is ever written. Its real form is a file of the host; in tests it is a
//! device that stops, tears or reorders its writes.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::Advice;

use crate::error::{Error, ErrorKind, Result};

/// Bytes that can be read and written at any position.
pub trait Medium {
    /// Length in bytes.
    fn len_bytes(&self) -> Result<u64>;

    /// Fills `buf` with the bytes at `offset`.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// Writes `bytes` at `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Returns when everything that was written is kept, whatever happens next.
    fn sync(&mut self) -> Result<()>;

    /// Lets go of what is cached, so that the next read asks the disk. It may do nothing.
    fn forget_cached(&mut self) {}
}

/// A file or block device of the host, opened for writing.
#[derive(Debug)]
pub(crate) struct FileMedium {
    file: File,
    name: String,
    len_bytes: u64,
}

impl FileMedium {
    /// Wraps a file that was opened for reading and writing.
    pub(crate) fn new(file: File, name: String, len_bytes: u64) -> Self {
        Self {
            file,
            name,
            len_bytes,
        }
    }

    fn error(&self, what: &str, offset: u64, error: std::io::Error) -> Error {
        Error::with_source(
            ErrorKind::Io,
            format!("{}: {what} at 0x{offset:08x}", self.name),
            error,
        )
    }
}

impl Medium for FileMedium {
    fn len_bytes(&self) -> Result<u64> {
        Ok(self.len_bytes)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(buf, offset)
            .map_err(|error| self.error("read", offset, error))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|error| self.error("write", offset, error))
    }

    fn sync(&mut self) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|error| self.error("sync", 0, error))
    }

    fn forget_cached(&mut self) {
        // Only advice: where the system does not take it, the read is of what it keeps itself.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}
