//! Changes laid over a device in memory: the image as it would be after a repair, without a byte of it being written.
//!
//! A [`Patch`] names a place on the disk, what it holds and what it is to hold. The preview of a repair opens the image once
//! more through such patches, so that every layer above sees them as it would see the written image.

use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, Device, Placed, check_range};

/// A change of bytes at one place; both sides have the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Position on the disk, in bytes.
    pub offset: u64,
    /// What must be there.
    pub before: Vec<u8>,
    /// What is to be there.
    pub after: Vec<u8>,
}

impl Patch {
    /// Number of bytes that change hands.
    pub fn len_bytes(&self) -> u64 {
        u64::try_from(self.after.len()).unwrap_or(u64::MAX)
    }

    /// The position behind the last byte.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len_bytes())
    }
}

/// A device seen through patches.
#[derive(Debug)]
pub struct OverlayDevice {
    base: Device,
    patches: Vec<Patch>,
}

impl OverlayDevice {
    /// Lays `patches` over `base`.
    ///
    /// # Errors
    /// Patches that overlap, leave the device, have sides of different length, or do not find their old bytes.
    pub fn new(base: Device, patches: &[Patch]) -> Result<Self> {
        let mut patches = patches.to_vec();
        patches.sort_by_key(|patch| patch.offset);
        let mut end = 0;
        for patch in &patches {
            let refused = |what: &str| {
                Error::new(
                    ErrorKind::PreconditionFailed,
                    format!("change at 0x{:08x} of the disk {what}", patch.offset),
                )
            };
            if patch.before.len() != patch.after.len() {
                return Err(refused("has sides of different length"));
            }
            if patch.offset < end {
                return Err(refused("overlaps the one before it"));
            }
            end = patch.end();
            let mut found = vec![0; patch.before.len()];
            base.read_exact_at(patch.offset, &mut found)?;
            if found != patch.before {
                return Err(refused(
                    "does not find the bytes it was made for: the image is another one, or was changed",
                ));
            }
        }
        Ok(Self { base, patches })
    }
}

impl BlockDevice for OverlayDevice {
    fn len_bytes(&self) -> u64 {
        self.base.len_bytes()
    }

    fn whole_up_to(&self) -> u64 {
        self.base.whole_up_to()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes())?;
        self.base.read_exact_at(offset, buf)?;
        let end = offset.saturating_add(u64::try_from(buf.len()).unwrap_or(u64::MAX));
        let first = self.patches.partition_point(|patch| patch.end() <= offset);
        let touched = self.patches.get(first..).unwrap_or_default();
        for patch in touched.iter().take_while(|patch| patch.offset < end) {
            let from = patch.offset.max(offset);
            let until = patch.end().min(end);
            let part = |start: u64| {
                let at = usize::try_from(from.saturating_sub(start)).ok()?;
                let to = usize::try_from(until.saturating_sub(start)).ok()?;
                Some(at..to)
            };
            let source = part(patch.offset).and_then(|range| patch.after.get(range));
            let target = part(offset).and_then(|range| buf.get_mut(range));
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn place_of(&self, offset: u64) -> Result<Placed> {
        self.base.place_of(offset)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::image::device::{MemoryDevice, read_vec};

    fn patch(offset: u64, before: &[u8], after: &[u8]) -> Patch {
        Patch {
            offset,
            before: before.to_vec(),
            after: after.to_vec(),
        }
    }

    fn base() -> Device {
        Arc::new(MemoryDevice::new((0..100).collect()))
    }

    #[test]
    fn a_read_sees_every_patch_that_it_touches_and_no_other_byte_changed() {
        let patches = [patch(10, &[10, 11], &[1, 2]), patch(20, &[20, 21], &[3, 4])];
        let overlay = OverlayDevice::new(base(), &patches).unwrap();
        let mut expected: Vec<u8> = (0..100).collect();
        expected[10..12].copy_from_slice(&[1, 2]);
        expected[20..22].copy_from_slice(&[3, 4]);
        for start in 0..30_u64 {
            for len in 0..20 {
                let at = usize::try_from(start).unwrap();
                let found = read_vec(&overlay, start, len).unwrap();
                assert_eq!(found, expected[at..at + len], "{start} {len}");
            }
        }
    }

    #[test]
    fn patches_that_do_not_fit_are_refused() {
        let wrong: [&[Patch]; 4] = [
            &[patch(10, &[9], &[1])],
            &[patch(10, &[10, 11], &[1, 2]), patch(11, &[11], &[5])],
            &[patch(99, &[99, 0], &[1, 2])],
            &[patch(10, &[10], &[1, 2])],
        ];
        for patches in wrong {
            assert!(OverlayDevice::new(base(), patches).is_err(), "{patches:?}");
        }
    }
}
