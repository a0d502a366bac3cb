//! The entries of a directory as they lie on the volume: 32 bytes each, with their positions.
//!
//! A write path has to know where each entry lies; the reader does not. Specification: "FAT: General Overview of On-Disk
//! Format" 1.03, section "FAT Directory Structure".

use std::sync::Arc;

use crate::base::bytes;
use crate::base::win_path::WinPath;
use crate::error::{Error, Result};
use crate::image::device::{Device, read_vec};
use crate::image::filesystem::fat::{FatVolume, SLOT_LEN};

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Where it lies on the volume.
    pub offset: u64,
    /// Its bytes.
    pub bytes: [u8; SLOT_LEN],
}

impl FatVolume {
    /// The device of the volume.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The entries of the directory at `path` up to the one that ends it, free ones included; `None` if there is no such
    /// directory.
    ///
    /// # Errors
    /// A directory that can't be read.
    pub fn slots(&self, path: &WinPath) -> Result<Option<Vec<Slot>>> {
        let Some(node) = self.node(path)? else {
            return Ok(None);
        };
        let first = match &node.entry {
            Some(entry) if !entry.is_dir() => return Ok(None),
            Some(entry) => Some(entry.first_cluster),
            None => self.geometry.root_cluster,
        };
        let parts = match first {
            Some(first) => {
                let starts = self.chains.of_directory(first)?;
                let len = self.geometry.cluster_bytes;
                starts.into_iter().map(|start| (start, len)).collect()
            }
            None => vec![(self.geometry.root_start, self.geometry.root_len)],
        };
        let mut slots = Vec::new();
        for (start, len) in parts {
            let len = usize::try_from(len)
                .map_err(|_| Error::corrupt("a directory has parts of more than 4 GiB"))?;
            let content = read_vec(Arc::as_ref(&self.device), start, len)?;
            for (index, slot) in content.chunks_exact(SLOT_LEN).enumerate() {
                if slot.first() == Some(&0) {
                    return Ok(Some(slots));
                }
                let inside = u64::try_from(index.saturating_mul(SLOT_LEN)).unwrap_or(u64::MAX);
                slots.push(Slot {
                    offset: start.saturating_add(inside),
                    bytes: bytes::array(slot, 0)
                        .ok_or_else(|| Error::corrupt("an entry is too short"))?,
                });
            }
        }
        Ok(Some(slots))
    }
}
