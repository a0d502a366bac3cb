//! Which files of the host this process has read, told by device and inode.
//!
//! One list for the whole process: a result must not be written over what any image of the run was read from, and a disk
//! has parents and parts that nobody named.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};

/// Device and inode of the files.
static READ: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

/// Remembers an open file. One that the host says nothing about is none that could be found again by its path.
pub(crate) fn note_read(file: &File) {
    if let Ok(metadata) = file.metadata() {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert((metadata.dev(), metadata.ino()));
    }
}

/// Whether this process has opened that file as an image or a part of one.
pub fn was_read(metadata: &Metadata) -> bool {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    read.contains(&(metadata.dev(), metadata.ino()))
}
