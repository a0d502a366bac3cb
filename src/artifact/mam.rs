//! MAM files: prefetch of Windows 10 and later, compressed with LZ77 and Huffman codes.
//!
//! Eight bytes of header (`MAM`, the method, the length when whole), a CRC-32 if the method says so, then one stream whose
//! blocks of 65536 bytes each begin with the lengths of their codes and may refer back into earlier blocks.
//!
//! Specification: libscca, "Windows Prefetch File (PF) format", compressed file; the method is [MS-XCA] 2.1 and 2.2,
//! LZ77+Huffman.

use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};

/// What a compressed file begins with.
pub const SIGNATURE: &[u8; 3] = b"MAM";
/// Largest content that is unpacked, in bytes; prefetch files of real machines are below 2 MiB.
pub const CONTENT_BYTES_MAX: usize = 16 << 20;

/// LZ77+Huffman, without and with a checksum behind the header.
const METHOD_HUFFMAN: u8 = 4;
const WITH_CHECKSUM: u8 = 0x80;
/// Length of the header.
const HEADER_LEN: usize = 8;
/// Symbols of a block: 256 literals, 256 matches by length and distance.
const SYMBOLS: usize = 512;
/// Length of the table of code lengths: four bits a symbol.
const TABLE_LEN: usize = SYMBOLS / 2;
/// Longest code in bits.
const CODE_BITS_MAX: u32 = 15;
/// Content of a block in bytes.
const BLOCK_LEN: usize = 65536;
/// What every match length is longer by.
const MATCH_LEN_MIN: usize = 3;

/// Whether the bytes begin as a compressed file does.
pub fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// Unpacks a compressed file.
///
/// # Errors
/// [`ErrorKind::InvalidFormat`] for another signature, [`ErrorKind::Unsupported`] for another method,
/// [`ErrorKind::LimitExceeded`] above [`CONTENT_BYTES_MAX`], [`ErrorKind::Corrupt`] for a stream that breaks the rules.
pub fn unpack(file: &[u8]) -> Result<Vec<u8>> {
    if !is_compressed(file) {
        return Err(Error::new(
            ErrorKind::InvalidFormat,
            "the signature MAM is not there",
        ));
    }
    let short = || Error::corrupt("MAM header: 8 bytes expected, the file ends before");
    let method = bytes::u8(file, 3).ok_or_else(short)?;
    let len = bytes::u32_le(file, 4).ok_or_else(short)?;
    if method & !WITH_CHECKSUM != METHOD_HUFFMAN {
        return Err(Error::unsupported(format!(
            "MAM header: method 0x{method:02x}, only 0x04 and 0x84 (LZ77 and Huffman codes) are read"
        )));
    }
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if len > CONTENT_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("MAM header: {len} bytes when unpacked, at most {CONTENT_BYTES_MAX} are"),
        ));
    }
    let start = if method & WITH_CHECKSUM == 0 {
        HEADER_LEN
    } else {
        HEADER_LEN.saturating_add(4)
    };
    decompress(file.get(start..).unwrap_or_default(), len)
}

/// Unpacks a stream of LZ77+Huffman to exactly `len` bytes.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for a stream that ends too early, has codes that are no full set, or refers to before its begin.
pub fn decompress(stream: &[u8], len: usize) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(len.min(CONTENT_BYTES_MAX));
    let mut position = 0;
    while out.len() < len {
        let table = bytes::slice(stream, position, TABLE_LEN).ok_or_else(|| ends(position))?;
        let codes = Codes::new(table).ok_or_else(|| {
            Error::corrupt(format!(
                "codes at 0x{position:08x}: the lengths are no full set of codes"
            ))
        })?;
        let mut bits = Bits::new(stream, position.saturating_add(TABLE_LEN));
        let block_end = out.len().saturating_add(BLOCK_LEN).min(len);
        block(&codes, &mut bits, &mut out, block_end, len)?;
        position = bits.position;
    }
    out.truncate(len);
    Ok(out)
}

fn ends(position: usize) -> Error {
    Error::corrupt(format!(
        "the compressed stream ends at 0x{position:08x} before its content does"
    ))
}

/// Unpacks one block, up to `end`; its last match may go on up to `len`.
fn block(
    codes: &Codes,
    bits: &mut Bits<'_>,
    out: &mut Vec<u8>,
    end: usize,
    len: usize,
) -> Result<()> {
    while out.len() < end {
        let (symbol, code_len) = codes.decode(bits.peek(CODE_BITS_MAX));
        bits.skip(u32::from(code_len));
        match u8::try_from(symbol) {
            Ok(literal) => out.push(literal),
            Err(_) => copy_match(symbol.saturating_sub(256), bits, out, len)?,
        }
        if bits.is_over() {
            return Err(ends(bits.position));
        }
    }
    Ok(())
}

/// Appends a match; its symbol holds four bits of length and the number of bits of its distance.
fn copy_match(symbol: u16, bits: &mut Bits<'_>, out: &mut Vec<u8>, end: usize) -> Result<()> {
    let mut len = usize::from(symbol % 16);
    let distance_bits = u32::from(symbol / 16);
    if len == 15 {
        len = bits.long_match_len().ok_or_else(|| ends(bits.position))?;
    }
    let len = len.saturating_add(MATCH_LEN_MIN);
    let distance =
        (1_usize << distance_bits) | usize::try_from(bits.peek(distance_bits)).unwrap_or(0);
    bits.skip(distance_bits);
    let from = out.len().checked_sub(distance).ok_or_else(|| {
        Error::corrupt(format!(
            "a match at 0x{:08x} of the content goes back {distance} bytes, before its begin",
            out.len()
        ))
    })?;
    // A length is at most what was announced.
    let len = len.min(end.saturating_sub(out.len()));
    for index in from..from.saturating_add(len) {
        let byte = out.get(index).copied().unwrap_or(0);
        out.push(byte);
    }
    Ok(())
}

/// The codes of a block: for each 15 bits that can stand in the stream the symbol and the length of its code.
struct Codes {
    by_prefix: Vec<(u16, u8)>,
}

impl Codes {
    /// `None` where the lengths leave codes over or give some twice.
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut by_prefix = Vec::with_capacity(1 << CODE_BITS_MAX);
        let length_of = |symbol: u16| {
            let pair = lengths.get(usize::from(symbol / 2)).copied().unwrap_or(0);
            if symbol.is_multiple_of(2) {
                pair & 0x0f
            } else {
                pair >> 4
            }
        };
        for code_len in 1_u8..=15 {
            let prefixes = 1_usize << CODE_BITS_MAX.saturating_sub(u32::from(code_len));
            for symbol in (0_u16..512).filter(|symbol| length_of(*symbol) == code_len) {
                let len = by_prefix.len().saturating_add(prefixes);
                if len > 1 << CODE_BITS_MAX {
                    return None;
                }
                by_prefix.resize(len, (symbol, code_len));
            }
        }
        (by_prefix.len() == 1 << CODE_BITS_MAX).then_some(Self { by_prefix })
    }

    fn decode(&self, prefix: u32) -> (u16, u8) {
        let index = usize::try_from(prefix).unwrap_or(usize::MAX);
        self.by_prefix
            .get(index)
            .copied()
            .unwrap_or((0, CODE_LEN_MAX))
    }
}

/// [`CODE_BITS_MAX`] as the type of a code length.
const CODE_LEN_MAX: u8 = 15;

/// The bits of a block, most significant first in words of 16; bytes of long lengths stand between the words.
struct Bits<'s> {
    stream: &'s [u8],
    /// Where the next word is read.
    position: usize,
    /// Bits that were read, from the most significant bit on.
    buffer: u32,
    /// How many of them are more than 16.
    extra: i32,
    /// Words that were asked for behind the end of the stream.
    behind: u32,
}

impl<'s> Bits<'s> {
    fn new(stream: &'s [u8], position: usize) -> Self {
        let mut bits = Self {
            stream,
            position,
            buffer: 0,
            extra: 16,
            behind: 0,
        };
        bits.buffer = u32::from(bits.word()) << 16;
        bits.buffer |= u32::from(bits.word());
        bits
    }

    fn word(&mut self) -> u16 {
        let word = bytes::u16_le(self.stream, self.position);
        self.position = self.position.saturating_add(2);
        if word.is_none() {
            self.behind = self.behind.saturating_add(1);
        }
        word.unwrap_or(0)
    }

    /// Whether bits were used that the stream does not have: fewer are left than were made up for its end.
    fn is_over(&self) -> bool {
        let left = self.extra.saturating_add(16);
        i64::from(left) < i64::from(self.behind).saturating_mul(16)
    }

    /// The next bits, at most 15.
    fn peek(&self, count: u32) -> u32 {
        if count == 0 {
            0
        } else {
            self.buffer >> 32_u32.saturating_sub(count)
        }
    }

    fn skip(&mut self, count: u32) {
        self.buffer = self.buffer.checked_shl(count).unwrap_or(0);
        self.extra = self
            .extra
            .saturating_sub(i32::try_from(count).unwrap_or(i32::MAX));
        if self.extra < 0 {
            let shift = self.extra.unsigned_abs();
            let word = u32::from(self.word());
            self.buffer |= word.checked_shl(shift).unwrap_or(0);
            self.extra = self.extra.saturating_add(16);
        }
    }

    /// A length of 15 or more: one byte more; 255 stands for a word that follows, and 0 in it for a double word.
    fn long_match_len(&mut self) -> Option<usize> {
        let byte = bytes::u8(self.stream, self.position)?;
        self.position = self.position.saturating_add(1);
        if byte < 255 {
            return Some(usize::from(byte).saturating_add(15));
        }
        let word = bytes::u16_le(self.stream, self.position)?;
        self.position = self.position.saturating_add(2);
        if word > 0 {
            return (word >= 15).then_some(usize::from(word));
        }
        let long = bytes::u32_le(self.stream, self.position)?;
        self.position = self.position.saturating_add(4);
        usize::try_from(long).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lengths: &[(usize, u8)]) -> Vec<u8> {
        let mut table = vec![0; TABLE_LEN];
        for (symbol, len) in lengths {
            table[symbol / 2] |= if symbol.is_multiple_of(2) {
                *len
            } else {
                len << 4
            };
        }
        table
    }

    /// The first example of [MS-XCA] 3.2: 26 letters and the end symbol, codes of four and five bits.
    #[test]
    fn the_alphabet_of_the_specification_is_unpacked() {
        let mut lengths: Vec<(usize, u8)> = (0..26)
            .map(|at| (97 + at, if at < 22 { 5 } else { 4 }))
            .collect();
        lengths.push((256, 4));
        let mut stream = table(&lengths);
        stream.extend([
            0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b, 0xe9, 0x19, 0x5f, 0xf9, 0xd6, 0x7c, 0xdf,
            0x8d, 0x04, 0, 0, 0, 0,
        ]);
        assert_eq!(
            decompress(&stream, 26).unwrap(),
            b"abcdefghijklmnopqrstuvwxyz"
        );
    }

    /// The second example of [MS-XCA] 3.2: "abc" a hundred times is three letters and one match of 297 bytes.
    #[test]
    fn the_long_match_of_the_specification_is_unpacked() {
        let mut stream = table(&[(97, 3), (98, 3), (99, 2), (256, 2), (287, 2)]);
        stream.extend([0xa8, 0xdc, 0x00, 0x00, 0xff, 0x26, 0x01]);
        assert_eq!(decompress(&stream, 300).unwrap(), b"abc".repeat(100));
    }

    #[test]
    fn codes_that_are_no_full_set_are_corrupt() {
        for lengths in [vec![(97, 1)], vec![(97, 1), (98, 1), (99, 1)], vec![]] {
            let mut stream = table(&lengths);
            stream.extend([0; 8]);
            assert_eq!(
                decompress(&stream, 1).unwrap_err().kind(),
                ErrorKind::Corrupt
            );
        }
    }

    #[test]
    fn a_match_before_the_begin_is_corrupt() {
        // The first symbol is a match: distance 1 at content offset 0.
        let mut stream = table(&[(256, 1), (97, 1)]);
        stream.extend([0xff; 8]);
        assert_eq!(
            decompress(&stream, 9).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_memory_is_taken() {
        let file = [b'M', b'A', b'M', 4, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(unpack(&file).unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert_eq!(
            unpack(b"MAM\x03\x01\0\0\0").unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(
            unpack(b"SCCA").unwrap_err().kind(),
            ErrorKind::InvalidFormat
        );
    }
}
