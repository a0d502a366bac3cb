//! The volume as `fatfs` wants it: `Read`, `Write` and `Seek` over a device that is never written.
//!
//! `fatfs` reads a directory in pieces of one to eleven bytes, so pieces come out of a few windows in memory. What it
//! writes (the marks it sets when it is closed) is thrown away.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

use crate::error::{Error, ErrorKind};
use crate::image::device::Device;

/// Length of a window, and how many are kept.
const WINDOW_LEN: u64 = 4096;
const WINDOWS: usize = 8;

/// Windows on a device, shared by `fatfs` and the code that watches where it reads.
#[derive(Debug, Clone)]
pub(super) struct SharedWindow {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    device: Device,
    windows: RefCell<Vec<(u64, Vec<u8>)>>,
    error: RefCell<Option<Error>>,
    last_end: Cell<u64>,
    bytes_left: Cell<u64>,
}

impl SharedWindow {
    pub(super) fn new(device: Device, bytes_max: u64) -> Self {
        Self {
            inner: Rc::new(Inner {
                device,
                windows: RefCell::default(),
                error: RefCell::default(),
                last_end: Cell::new(0),
                bytes_left: Cell::new(bytes_max),
            }),
        }
    }

    /// Where the last read of `fatfs` ended.
    pub(super) fn last_end(&self) -> u64 {
        self.inner.last_end.get()
    }

    /// The error of the device, or of the budget, that `fatfs` was given as an error of the system.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.inner.error.take()
    }

    /// Fills `buf` from `offset`, out of the windows.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut position = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let len = self.read_some(position, rest)?;
            if len == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            position = position.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            rest = rest.get_mut(len..).unwrap_or(&mut []);
        }
        Ok(())
    }

    /// Copies what one window has of the bytes at `offset`; nothing at the end of the device.
    fn read_some(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.device.len_bytes();
        if offset >= len || buf.is_empty() {
            return Ok(0);
        }
        let start = offset.saturating_sub(offset % WINDOW_LEN);
        let mut windows = self.inner.windows.borrow_mut();
        if !windows.iter().any(|(at, _)| *at == start) {
            let want = len.saturating_sub(start).min(WINDOW_LEN);
            let mut raw = vec![0; usize::try_from(want).unwrap_or(0)];
            let read = self.inner.device.read_exact_at(start, &mut raw);
            read.map_err(|error| self.keep(error))?;
            if windows.len() >= WINDOWS {
                windows.remove(0);
            }
            windows.push((start, raw));
        }
        let window = windows.iter().find(|(at, _)| *at == start);
        let inside = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let there = window
            .and_then(|(_, raw)| raw.get(inside..))
            .unwrap_or_default();
        let count = there.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), there.get(..count)) {
            to.copy_from_slice(from);
        }
        self.spend(count)?;
        Ok(count)
    }

    fn spend(&self, count: usize) -> io::Result<()> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        match self.inner.bytes_left.get().checked_sub(count) {
            Some(left) => {
                self.inner.bytes_left.set(left);
                Ok(())
            }
            None => Err(self.keep(Error::new(
                ErrorKind::LimitExceeded,
                "a directory takes more reading than a FAT volume can need",
            ))),
        }
    }

    fn keep(&self, error: Error) -> io::Error {
        let text = error.to_string();
        self.inner.error.replace(Some(error));
        io::Error::other(text)
    }
}

/// The disk that `fatfs` owns.
#[derive(Debug)]
pub(super) struct FatfsDevice {
    window: SharedWindow,
    position: u64,
}

impl FatfsDevice {
    pub(super) fn new(window: SharedWindow) -> Self {
        Self {
            window,
            position: 0,
        }
    }
}

impl Read for FatfsDevice {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.window.read_some(self.position, buf)?;
        self.position = self
            .position
            .saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        self.window.inner.last_end.set(self.position);
        Ok(len)
    }
}

impl Write for FatfsDevice {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.position = self
            .position
            .saturating_add(u64::try_from(buf.len()).unwrap_or(u64::MAX));
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for FatfsDevice {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(delta) => {
                let len = self.window.inner.device.len_bytes();
                len.checked_add_signed(delta)
            }
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
