//! Block devices: positioned reads of bytes, from a host file, from memory, or from a part of another device.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::image::host::note_read;

/// A sequence of bytes of known length that can be read at any position.
pub trait BlockDevice: Send + Sync + fmt::Debug {
    /// Length in bytes.
    fn len_bytes(&self) -> u64;

    /// The position of the first byte that cannot be had: the length, unless a copy of the device was cut off.
    fn whole_up_to(&self) -> u64 {
        self.len_bytes()
    }

    /// Fills `buf` with the bytes at `offset`; a range that leaves the device is an [`ErrorKind::OutOfBounds`].
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// Where the byte at `offset` lies in the one file that was named, for a write. A device that is not kept byte for
    /// byte in one file says why.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the bytes are not kept as they are in one file, or belong to another one.
    fn place_of(&self, offset: u64) -> Result<Placed> {
        Err(Error::unsupported(format!(
            "the byte at 0x{offset:08x} is not kept as it is in one file"
        )))
    }
}

/// Where bytes of a device lie in the file that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Offset in that file.
    pub file_offset: u64,
    /// How many bytes lie there in one piece; at least 1.
    pub len: u64,
}

impl Placed {
    /// The place of a device that is its own file.
    fn itself(offset: u64, device_len: u64) -> Result<Self> {
        check_range(offset, 1, device_len)?;
        Ok(Self {
            file_offset: offset,
            len: device_len.saturating_sub(offset),
        })
    }
}

/// A shared device.
pub type Device = Arc<dyn BlockDevice>;

/// The bytes `len` at `offset` as a vector; the caller has compared `len` with a limit.
pub fn read_vec(device: &dyn BlockDevice, offset: u64, len: usize) -> Result<Vec<u8>> {
    check_range(offset, len, device.len_bytes())?;
    let mut bytes = vec![0; len];
    device.read_exact_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Refuses a range that leaves a device of `device_len` bytes.
pub fn check_range(offset: u64, len: usize, device_len: u64) -> Result<()> {
    let end = u64::try_from(len)
        .ok()
        .and_then(|len| offset.checked_add(len));
    match end {
        Some(end) if end <= device_len => Ok(()),
        _ => Err(Error::new(
            ErrorKind::OutOfBounds,
            format!("read of {len} bytes at 0x{offset:08x} leaves a device of {device_len} bytes"),
        )),
    }
}

/// Counts the bytes and the requests that were read from host files in one run.
#[derive(Debug, Default)]
pub struct ReadCounter {
    bytes: AtomicU64,
    requests: AtomicU64,
}

impl ReadCounter {
    /// Adds one request of `len` bytes.
    pub fn add(&self, len: usize) {
        self.bytes
            .fetch_add(u64::try_from(len).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Requests made so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// A file or block device of the host, opened read-only.
#[derive(Debug)]
pub struct FileDevice {
    file: File,
    len_bytes: u64,
    counter: Arc<ReadCounter>,
}

impl FileDevice {
    /// Wraps a file that an image is read from: no result of this run may be written over it.
    pub fn of_image(file: File, len_bytes: u64, counter: Arc<ReadCounter>) -> Self {
        note_read(&file);
        Self::new(file, len_bytes, counter)
    }

    /// Wraps an open file of known length; reads are added to `counter`.
    pub fn new(file: File, len_bytes: u64, counter: Arc<ReadCounter>) -> Self {
        Self {
            file,
            len_bytes,
            counter,
        }
    }
}

impl BlockDevice for FileDevice {
    fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes)?;
        self.counter.add(buf.len());
        self.file.read_exact_at(buf, offset).map_err(|error| {
            Error::with_source(
                ErrorKind::Io,
                format!("read of {} bytes at 0x{offset:08x}", buf.len()),
                error,
            )
        })
    }

    fn place_of(&self, offset: u64) -> Result<Placed> {
        Placed::itself(offset, self.len_bytes)
    }
}

/// A device in memory, for tests and for small things that were unpacked.
#[derive(Debug)]
pub struct MemoryDevice {
    bytes: Vec<u8>,
}

impl MemoryDevice {
    /// A device over `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }
}

impl BlockDevice for MemoryDevice {
    fn len_bytes(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes())?;
        let source = usize::try_from(offset)
            .ok()
            .and_then(|start| self.bytes.get(start..)?.get(..buf.len()));
        if let Some(source) = source {
            buf.copy_from_slice(source);
        }
        Ok(())
    }

    fn place_of(&self, offset: u64) -> Result<Placed> {
        Placed::itself(offset, self.len_bytes())
    }
}

/// A part of another device: a partition, a volume.
#[derive(Debug)]
pub struct SliceDevice {
    base: Device,
    start: u64,
    len_bytes: u64,
}

impl SliceDevice {
    /// The `len_bytes` bytes at `start` of `base`; a part that leaves the base is refused.
    pub fn new(base: Device, start: u64, len_bytes: u64) -> Result<Self> {
        match start.checked_add(len_bytes) {
            Some(end) if end <= base.len_bytes() => Ok(Self {
                base,
                start,
                len_bytes,
            }),
            _ => Err(Error::new(
                ErrorKind::OutOfBounds,
                format!(
                    "part of {len_bytes} bytes at 0x{start:08x} leaves a device of {} bytes",
                    base.len_bytes()
                ),
            )),
        }
    }
}

impl BlockDevice for SliceDevice {
    fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes)?;
        self.base
            .read_exact_at(self.start.saturating_add(offset), buf)
    }

    fn place_of(&self, offset: u64) -> Result<Placed> {
        check_range(offset, 1, self.len_bytes)?;
        let below = self.base.place_of(self.start.saturating_add(offset))?;
        Ok(Placed {
            len: below.len.min(self.len_bytes.saturating_sub(offset)),
            ..below
        })
    }
}

/// A cursor over a device for parsers that ask for `Read + Seek`; cheap to clone, one a thread.
#[derive(Debug, Clone)]
pub struct DeviceReader {
    device: Device,
    position: u64,
}

impl DeviceReader {
    /// A cursor at the start of `device`.
    pub fn new(device: Device) -> Self {
        Self {
            device,
            position: 0,
        }
    }
}

impl std::io::Read for DeviceReader {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let left = self.device.len_bytes().saturating_sub(self.position);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let Some(part) = buf.get_mut(..len) else {
            return Ok(0);
        };
        self.device
            .read_exact_at(self.position, part)
            .map_err(std::io::Error::other)?;
        self.position = self
            .position
            .saturating_add(u64::try_from(len).unwrap_or(0));
        Ok(len)
    }
}

impl std::io::Seek for DeviceReader {
    fn seek(&mut self, target: std::io::SeekFrom) -> std::io::Result<u64> {
        let position = match target {
            std::io::SeekFrom::Start(position) => Some(position),
            std::io::SeekFrom::End(delta) => self.device.len_bytes().checked_add_signed(delta),
            std::io::SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position =
            position.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_cannot_be_read_past_its_end() {
        let base: Device = Arc::new(MemoryDevice::new((0..=255).collect()));
        let slice = SliceDevice::new(base.clone(), 16, 32).unwrap();
        assert_eq!(read_vec(&slice, 30, 2).unwrap(), [46, 47]);
        assert_eq!(
            read_vec(&slice, 31, 2).unwrap_err().kind(),
            ErrorKind::OutOfBounds
        );
        assert!(SliceDevice::new(base, 250, 10).is_err());
    }
}
