//! LZNT1: the compression of NTFS streams, one compression unit at a time.
//!
//! A unit is a row of chunks; each chunk has a 16-bit header (bit 15 compressed, low 12 bits length - 1) and stands for
//! 4,096 bytes. Specification: [MS-XCA] section 2.5.

use crate::base::bytes;

/// Bytes that a chunk stands for.
const CHUNK_BYTES: usize = 4096;

/// Decompresses `input` to exactly `len` bytes; what the input leaves out is zero. The error says what is wrong.
pub fn decompress(input: &[u8], len: usize) -> std::result::Result<Vec<u8>, String> {
    let mut output = Vec::with_capacity(len);
    let mut offset = 0_usize;
    while output.len() < len {
        let Some(header) = bytes::u16_le(input, offset).filter(|header| *header != 0) else {
            break;
        };
        let chunk_len = usize::from(header & 0x0fff).saturating_add(1);
        let chunk = bytes::slice(input, offset.saturating_add(2), chunk_len).ok_or_else(|| {
            format!("compressed chunk at 0x{offset:04x} of {chunk_len} bytes leaves its unit")
        })?;
        let start = output.len();
        if header & 0x8000 == 0 {
            output.extend_from_slice(chunk);
        } else {
            decompress_chunk(chunk, start, &mut output).ok_or_else(|| {
                format!("compressed chunk at 0x{offset:04x} refers outside of itself")
            })?;
        }
        offset = offset.saturating_add(2).saturating_add(chunk_len);
        output.resize(start.saturating_add(CHUNK_BYTES), 0);
    }
    output.resize(len, 0);
    Ok(output)
}

/// Appends what one compressed chunk stands for; `None` if a back reference leaves the chunk.
fn decompress_chunk(chunk: &[u8], start: usize, output: &mut Vec<u8>) -> Option<()> {
    let mut offset = 0_usize;
    while let Some(tags) = bytes::u8(chunk, offset) {
        offset = offset.checked_add(1)?;
        for bit in 0..8 {
            if offset >= chunk.len() {
                return Some(());
            }
            if tags & (1 << bit) == 0 {
                output.push(bytes::u8(chunk, offset)?);
                offset = offset.checked_add(1)?;
            } else {
                let token = bytes::u16_le(chunk, offset)?;
                offset = offset.checked_add(2)?;
                copy_back(token, start, output)?;
            }
            if output.len() > start.checked_add(CHUNK_BYTES)? {
                return None;
            }
        }
    }
    Some(())
}

/// Resolves one back reference; the split between distance and length moves with the place in the chunk.
fn copy_back(token: u16, start: usize, output: &mut Vec<u8>) -> Option<()> {
    let done = output.len().checked_sub(start)?;
    let mut length_bits = 12_u32;
    let mut reach = 16_usize;
    while reach < done {
        reach = reach.checked_mul(2)?;
        length_bits = length_bits.checked_sub(1)?;
    }
    let distance = usize::from(token.checked_shr(length_bits)?).checked_add(1)?;
    let length_mask = 1_u16.checked_shl(length_bits)?.checked_sub(1)?;
    let length = usize::from(token & length_mask).checked_add(3)?;
    if distance > done || done.checked_add(length)? > CHUNK_BYTES {
        return None;
    }
    for _ in 0..length {
        let byte = bytes::u8(output, output.len().checked_sub(distance)?)?;
        output.push(byte);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of [MS-XCA] section 3.2.
    const VECTOR: [u8; 59] = [
        0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2, 0x47,
        0x01, 0xa0, 0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0, 0x45, 0x20,
        0x05, 0x24, 0x13, 0x88, 0x05, 0xb4, 0x02, 0x4a, 0x44, 0xef, 0x03, 0x58, 0x02, 0x8c, 0x09,
        0x16, 0x01, 0x48, 0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00, 0x04, 0x01, 0x18, 0x90, 0x00,
    ];

    #[test]
    fn the_published_example_is_decompressed() {
        let expected = b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0";
        assert_eq!(decompress(&VECTOR, expected.len()).unwrap(), expected);
    }

    #[test]
    fn a_short_chunk_is_filled_with_zeros_up_to_the_next() {
        let input = [0x00, 0x30, 0x41, 0x00, 0x30, 0x42, 0, 0];
        let output = decompress(&input, 8192).unwrap();
        assert_eq!((output[0], output[1], output[4096]), (0x41, 0, 0x42));
    }

    #[test]
    fn damaged_input_is_an_error() {
        let cut = &VECTOR[..40];
        assert!(decompress(cut, 142).is_err());
        assert!(decompress(&[0x02, 0xb0, 0x01, 0x00, 0x10], 4096).is_err());
    }
}
