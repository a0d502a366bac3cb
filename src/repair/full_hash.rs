//! SHA-256 of a whole image before and after a repair (`--full-hash`), for evidence.
//!
//! What it will be afterwards is known before: the file is read once more through the planned sectors. So a journal can hold
//! both before anything is written.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::bytes::hex;
use crate::error::Result;
use crate::image::device::{BlockDevice, Device, FileDevice, ReadCounter};
use crate::image::host::open_image_file;
use crate::image::overlay::{OverlayDevice, Patch};
use crate::repair::journal::Journal;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;

/// The SHA-256 of a whole image file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullHash {
    /// As it is before the repair.
    pub before: String,
    /// As it is after it; `None` where that is not known yet: a copy that is not written.
    pub after: Option<String>,
}

fn device(path: &Path) -> Result<Device> {
    let opened = open_image_file(path)?;
    Ok(Arc::new(FileDevice::new(
        opened.file,
        opened.len_bytes,
        Arc::new(ReadCounter::default()),
    )))
}

/// The digest of a file as it is.
///
/// # Errors
/// A file that can't be read whole.
pub fn of_file(path: &Path) -> Result<String> {
    of_device(device(path)?.as_ref())
}

/// The digests of the image at `path` before and after the change of `journal`.
///
/// # Errors
/// A file that can't be read whole, or does not hold the old bytes.
pub fn of_journal(path: &Path, journal: &Journal) -> Result<FullHash> {
    let base = device(path)?;
    let patches: Vec<Patch> = journal
        .entries
        .iter()
        .map(|entry| Patch {
            offset: entry.file_offset,
            before: entry.before.clone(),
            after: entry.after.clone(),
        })
        .collect();
    let changed = OverlayDevice::new(Arc::clone(&base), &patches)?;
    Ok(FullHash {
        before: of_device(base.as_ref())?,
        after: Some(of_device(&changed)?),
    })
}

fn of_device(device: &dyn BlockDevice) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let (mut offset, len) = (0_u64, device.len_bytes());
    while offset < len {
        let left = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let Some(chunk) = buffer.get_mut(..left.min(CHUNK)) else {
            break;
        };
        device.read_exact_at(offset, chunk)?;
        hash.update(&*chunk);
        offset = offset.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
    }
    Ok(hex(&hash.finalize()))
}
