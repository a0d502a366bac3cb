//! A block under update-sequence protection: undoing the fix-ups after reading and making them again before writing.
//!
//! MFT records, index blocks and restart pages keep the last two bytes of every 512 in an array and put a sequence number
//! there, so that a torn write shows. The stride is 512 also on 4096-byte sectors. Never patch such a block as it lies on
//! disk: decode, edit, encode. Layout: `mst.c` and `layout.h` of ntfs-3g.

use std::fmt::Display;

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::filesystem::ntfs::runs::DiskRange;

/// Bytes that one update sequence word protects.
pub const STRIDE_BYTES: usize = 512;
/// The signature that chkdsk puts on a block it found torn.
const SIGNATURE_TORN: &[u8] = b"BAAD";

/// A block with its fix-ups undone and the places on disk it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedBlock {
    bytes: Vec<u8>,
    ranges: Vec<DiskRange>,
}

impl ProtectedBlock {
    /// Undoes the fix-ups of a block as it lies on disk; `ranges` is where it lies, in order.
    ///
    /// # Errors
    /// A wrong signature, an impossible update sequence array and a torn write are [`crate::error::ErrorKind::Corrupt`].
    pub fn decode(
        mut raw: Vec<u8>,
        signature: &[u8; 4],
        ranges: Vec<DiskRange>,
        place: impl Display,
    ) -> Result<Self> {
        let at = position_text(&ranges);
        undo_fixups(&mut raw, signature)
            .map_err(|what| Error::corrupt(format!("{place}{at}: {what}")))?;
        Ok(Self { bytes: raw, ranges })
    }

    /// The bytes without fix-ups.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes without fix-ups, to be edited before [`ProtectedBlock::encode`]. Length and array must stay.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Where the block lies on the volume, in order.
    pub fn ranges(&self) -> &[DiskRange] {
        &self.ranges
    }

    /// The block as it is written: with the next update sequence number, which is neither 0 nor 0xffff.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let number =
            sequence_number(&self.bytes).map_or(1, |number| match number.wrapping_add(1) {
                0 | 0xffff => 1,
                next => next,
            });
        self.encode_with(number)
    }

    /// The block as it lies on disk now, byte for byte if nothing was edited.
    pub fn encode_unchanged(&self) -> Result<Vec<u8>> {
        self.encode_with(sequence_number(&self.bytes).unwrap_or(1))
    }

    fn encode_with(&self, number: u16) -> Result<Vec<u8>> {
        let mut raw = self.bytes.clone();
        redo_fixups(&mut raw, number).ok_or_else(|| {
            Error::corrupt(format!(
                "block{}: update sequence array was damaged by an edit",
                position_text(&self.ranges)
            ))
        })?;
        Ok(raw)
    }
}

fn position_text(ranges: &[DiskRange]) -> String {
    ranges
        .first()
        .map(|range| format!(" at 0x{:08x}", range.position))
        .unwrap_or_default()
}

/// Offset and count of words of the update sequence array, checked against the length of the block.
fn array_place(block: &[u8]) -> Option<(usize, usize)> {
    let offset = usize::from(bytes::u16_le(block, 4)?);
    let count = usize::from(bytes::u16_le(block, 6)?);
    let strides = block.len() / STRIDE_BYTES;
    let end = offset.checked_add(count.checked_mul(2)?)?;
    let fits = block.len().is_multiple_of(STRIDE_BYTES)
        && count == strides.checked_add(1)?
        && offset % 2 == 0
        && offset >= 8
        && (end <= STRIDE_BYTES - 2);
    fits.then_some((offset, strides))
}

fn sequence_number(block: &[u8]) -> Option<u16> {
    let (offset, _) = array_place(block)?;
    bytes::u16_le(block, offset)
}

/// Offset of the protected word of a stride, and of its saved value in the array.
fn word_places(array: usize, stride: usize) -> Option<(usize, usize)> {
    let word = stride
        .checked_add(1)?
        .checked_mul(STRIDE_BYTES)?
        .checked_sub(2)?;
    let saved = array.checked_add(stride.checked_add(1)?.checked_mul(2)?)?;
    Some((word, saved))
}

/// Undoes the fix-ups in place; the error says what is wrong with the block.
pub fn undo_fixups(block: &mut [u8], signature: &[u8; 4]) -> std::result::Result<(), String> {
    let found = bytes::slice(block, 0, 4).unwrap_or_default();
    if found == SIGNATURE_TORN {
        return Err("marked as torn (signature \"BAAD\")".to_owned());
    }
    if found != signature {
        return Err(format!(
            "signature should be \"{}\", is \"{}\"",
            signature.escape_ascii(),
            found.escape_ascii()
        ));
    }
    let Some((array, strides)) = array_place(block) else {
        return Err(format!(
            "update sequence array at 0x{:04x} of {} words does not fit a block of {} bytes",
            bytes::u16_le(block, 4).unwrap_or(0),
            bytes::u16_le(block, 6).unwrap_or(0),
            block.len()
        ));
    };
    let number = bytes::array::<2>(block, array).unwrap_or_default();
    for stride in 0..strides {
        let torn = || {
            format!(
                "torn write in stride {stride}: update sequence number should be 0x{:04x}",
                u16::from_le_bytes(number)
            )
        };
        let (word, saved) = word_places(array, stride).ok_or_else(torn)?;
        if bytes::array::<2>(block, word) != Some(number) {
            return Err(torn());
        }
        let value = bytes::array::<2>(block, saved).ok_or_else(torn)?;
        put(block, word, value).ok_or_else(torn)?;
    }
    Ok(())
}

/// Makes the fix-ups in place with `number`.
fn redo_fixups(block: &mut [u8], number: u16) -> Option<()> {
    let (array, strides) = array_place(block)?;
    put(block, array, number.to_le_bytes())?;
    for stride in 0..strides {
        let (word, saved) = word_places(array, stride)?;
        let value = bytes::array::<2>(block, word)?;
        put(block, saved, value)?;
        put(block, word, number.to_le_bytes())?;
    }
    Some(())
}

fn put(block: &mut [u8], offset: usize, value: [u8; 2]) -> Option<()> {
    block
        .get_mut(offset..offset.checked_add(2)?)?
        .copy_from_slice(&value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn raw(number: u16) -> Vec<u8> {
        let mut block: Vec<u8> = (0..1024_u32)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        block[..4].copy_from_slice(b"FILE");
        block[4..8].copy_from_slice(&[0x30, 0, 3, 0]);
        block[0x30..0x32].copy_from_slice(&number.to_le_bytes());
        block[0x32..0x36].copy_from_slice(&[0xaa, 0xbb, 0xcc, 0xdd]);
        for end in [510, 1022] {
            block[end..end + 2].copy_from_slice(&number.to_le_bytes());
        }
        block
    }

    #[test]
    fn undone_and_made_again_the_block_is_the_same_on_disk() {
        let block = ProtectedBlock::decode(raw(7), b"FILE", Vec::new(), "record").unwrap();
        assert_eq!(block.bytes()[510..512], [0xaa, 0xbb]);
        assert_eq!(block.bytes()[1022..1024], [0xcc, 0xdd]);
        assert_eq!(block.encode_unchanged().unwrap(), raw(7));
    }

    #[test]
    fn the_next_sequence_number_skips_zero_and_ffff() {
        for (now, next) in [(1, 2), (0xfffe, 1), (0xffff, 1)] {
            let block = ProtectedBlock::decode(raw(now), b"FILE", Vec::new(), "record").unwrap();
            assert_eq!(block.encode().unwrap(), raw(next), "{now:#x}");
        }
    }

    #[test]
    fn a_torn_write_names_its_place() {
        let mut torn = raw(7);
        torn[1022] ^= 1;
        let range = DiskRange {
            position: 0xc000,
            len: 1024,
        };
        let error = ProtectedBlock::decode(torn, b"FILE", vec![range], "MFT record 3").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(
            error.to_string(),
            "MFT record 3 at 0x0000c000: torn write in stride 1: update sequence number should be 0x0007"
        );
    }

    #[test]
    fn an_array_that_does_not_fit_is_refused() {
        for (offset, count) in [(0x30_u16, 2_u16), (0x30, 4), (0x1fc, 3), (0x31, 3), (0, 3)] {
            let mut block = raw(7);
            block[4..6].copy_from_slice(&offset.to_le_bytes());
            block[6..8].copy_from_slice(&count.to_le_bytes());
            assert!(ProtectedBlock::decode(block, b"FILE", Vec::new(), "record").is_err());
        }
    }
}
