//! The bytes of a partition, with its full length even where the disk ends before it.
//!
//! A copy of a disk that was cut off still has volumes whose start can be read. What is missing is an error when it is read
//! and never zeros.

use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, Device, check_range};

/// A partition of a disk.
#[derive(Debug)]
pub struct PartitionDevice {
    disk: Device,
    start: u64,
    len_bytes: u64,
}

impl PartitionDevice {
    /// The `len_bytes` bytes at `start` of `disk`; the start has to lie on the disk.
    ///
    /// # Errors
    /// A start outside of the disk.
    pub fn new(disk: Device, start: u64, len_bytes: u64) -> Result<Self> {
        if start >= disk.len_bytes() || start.checked_add(len_bytes).is_none() {
            return Err(Error::new(
                ErrorKind::OutOfBounds,
                format!(
                    "the partition should start at 0x{start:08x}, and the disk has {} bytes",
                    disk.len_bytes()
                ),
            ));
        }
        Ok(Self {
            disk,
            start,
            len_bytes,
        })
    }

    /// How many bytes at the end of the partition lie past the end of the disk, or of what a copy of it holds.
    pub fn missing_bytes(&self) -> u64 {
        self.len_bytes.saturating_sub(self.whole_up_to())
    }
}

impl BlockDevice for PartitionDevice {
    fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn whole_up_to(&self) -> u64 {
        let held = self.disk.whole_up_to().saturating_sub(self.start);
        held.min(self.len_bytes)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes)?;
        self.disk
            .read_exact_at(self.start.saturating_add(offset), buf)
    }
}
