//! The lines of a text log, with number and offset, whatever its encoding.
//!
//! Set-up of XP and 2003 writes the ANSI code page or UTF-16, that of Vista and later UTF-8 with or without a byte order
//! mark, some tools UTF-16. A redirection appends in its own encoding to a file of another one, and a mark may lie. So
//! each line is looked at by itself: its zero bytes tell UTF-16, ASCII without any tells 8 bits, and where neither does,
//! the mark or the begin of the file decides. Bytes that are no UTF-8 are read as windows-1252: what is looked for is
//! ASCII and reads alike in every code page.

use std::borrow::Cow;

use memchr::memchr;

use crate::base::utf16;

/// Longest line that is read, in bytes; of a longer one the rest is left out.
pub const LINE_BYTES_MAX: usize = 16 << 10;
/// How many bytes at the begin of a line are looked at for its encoding.
const SNIFF_BYTES: usize = 64;
/// From this length on a line of ASCII is one of 8 bits in a file of UTF-16 too; a shorter one may be two or three letters
/// of another script.
const NARROW_BYTES_MIN: usize = 16;
/// How many bytes of ASCII stand before the end of a line of 8 bits.
const NARROW_TAIL: usize = 8;

/// How the text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextEncoding {
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
    /// UTF-8 or an ANSI code page, told apart by the line.
    EightBit,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// The text without its end of line, and without zeros and a byte order mark at its ends.
    pub text: Cow<'a, str>,
}

/// The lines of a file; see [`lines`].
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    number: u64,
    encoding: TextEncoding,
}

/// The lines of a file, in their order. Any bytes are lines.
pub fn lines(bytes: &[u8]) -> Lines<'_> {
    let (encoding, at) = encoding(bytes);
    Lines {
        bytes,
        at,
        number: 0,
        encoding,
    }
}

/// The encoding and the length of the byte order mark.
fn encoding(bytes: &[u8]) -> (TextEncoding, usize) {
    match bytes {
        [0xff, 0xfe, ..] => (TextEncoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => (TextEncoding::Utf16Be, 2),
        [0xef, 0xbb, 0xbf, ..] => (TextEncoding::EightBit, 3),
        _ => (sniff(bytes).unwrap_or(TextEncoding::EightBit), 0),
    }
}

/// The encoding of the line that `bytes` begin with, where the line itself tells.
fn sniff(bytes: &[u8]) -> Option<TextEncoding> {
    let head = bytes.get(..SNIFF_BYTES.min(bytes.len())).unwrap_or(bytes);
    let head = match head {
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => rest,
        _ => head,
    };
    let line = match memchr(b'\n', head) {
        Some(end) => head.get(..end).unwrap_or(head),
        None => head,
    };
    // Three of four characters are Latin.
    let is_most =
        |count: usize| line.len() >= 4 && count.saturating_mul(8) >= line.len().saturating_mul(3);
    let count =
        |wanted: fn(&[u8]) -> bool| line.chunks_exact(2).filter(|pair| wanted(pair)).count();
    if is_most(count(|pair| matches!(pair, [low, 0] if is_ascii(*low)))) {
        return Some(TextEncoding::Utf16Le);
    }
    if is_most(count(|pair| matches!(pair, [0, low] if is_ascii(*low)))) {
        return Some(TextEncoding::Utf16Be);
    }
    // No character of UTF-16 consists of a carriage return and a line feed.
    let is_whole = line.len() >= 2 && line.ends_with(b"\r") && line.len() < head.len();
    let is_narrow = is_whole || line.len() >= NARROW_BYTES_MIN;
    (is_narrow && line.iter().all(|byte| is_ascii(*byte))).then_some(TextEncoding::EightBit)
}

/// Whether a byte is one of a line of ASCII.
fn is_ascii(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r')
}

impl<'a> Lines<'a> {
    /// The encoding of the file, by its mark or its begin; a line may have another one.
    pub fn encoding(&self) -> TextEncoding {
        self.encoding
    }

    /// The encoding of the line that begins at `at`.
    fn encoding_at(&self, at: usize) -> TextEncoding {
        let rest = self.bytes.get(at..).unwrap_or_default();
        sniff(rest).unwrap_or(self.encoding)
    }

    /// Where the line that begins at `at` ends, and where the next one begins.
    fn end(&self, at: usize, encoding: TextEncoding) -> (usize, usize) {
        let mut from = at;
        while let Some(hit) = self.bytes.get(from..).and_then(|rest| memchr(b'\n', rest)) {
            let hit = from.saturating_add(hit);
            let (begin, len) = match encoding {
                TextEncoding::EightBit => (hit, 1),
                TextEncoding::Utf16Le => (hit, 2),
                TextEncoding::Utf16Be => (hit.saturating_sub(1), 2),
            };
            let other = match encoding {
                TextEncoding::EightBit => Some(&0),
                TextEncoding::Utf16Le => self.bytes.get(hit.saturating_add(1)),
                TextEncoding::Utf16Be => self.bytes.get(begin),
            };
            let aligned = begin >= at && begin.saturating_sub(at).is_multiple_of(len);
            if aligned && other == Some(&0) {
                return (begin, begin.saturating_add(len));
            }
            // Text of 8 bits was appended to a line that has no end.
            let tail = self.bytes.get(hit.saturating_sub(NARROW_TAIL).max(at)..hit);
            if tail.is_some_and(|tail| {
                tail.len() == NARROW_TAIL && tail.iter().all(|byte| is_ascii(*byte))
            }) {
                return (hit, hit.saturating_add(1));
            }
            from = hit.saturating_add(1);
        }
        (self.bytes.len(), self.bytes.len())
    }

    fn decode(bytes: &'a [u8], encoding: TextEncoding) -> Cow<'a, str> {
        let bytes = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
        let text = match encoding {
            TextEncoding::Utf16Le => Cow::Owned(utf16::decode_le(bytes)),
            TextEncoding::Utf16Be => {
                let mut swapped = bytes.to_vec();
                swapped.chunks_exact_mut(2).for_each(<[u8]>::reverse);
                Cow::Owned(utf16::decode_le(&swapped))
            }
            TextEncoding::EightBit => match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => {
                    encoding_rs::WINDOWS_1252
                        .decode_without_bom_handling(bytes)
                        .0
                }
            },
        };
        let is_end = |character| matches!(character, '\0' | '\r' | '\u{1a}' | '\u{feff}');
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_end)),
            Cow::Owned(text) => Cow::Owned(text.trim_matches(is_end).to_owned()),
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let begin = self.at;
        let encoding = self.encoding_at(begin);
        let (end, next) = self.end(begin, encoding);
        self.at = next;
        self.number = self.number.saturating_add(1);
        Some(Line {
            number: self.number,
            offset: u64::try_from(begin).unwrap_or(u64::MAX),
            text: Self::decode(self.bytes.get(begin..end).unwrap_or_default(), encoding),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u64, u64, String)> {
        lines(bytes)
            .map(|line| (line.number, line.offset, line.text.into_owned()))
            .collect()
    }

    fn wide(text: &str) -> Vec<u8> {
        utf16::encode_le(text)
    }

    #[test]
    fn every_encoding_gives_the_same_lines() {
        let text = "one\r\ntwo ü\n\nfour";
        let expected = ["one", "two ü", "", "four"];
        let little = [vec![0xff, 0xfe], wide(text)].concat();
        let mut big = [vec![0xff, 0xfe], wide(text)].concat();
        big.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        let ansi: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let marked = [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat();
        for bytes in [text.as_bytes(), &ansi, &marked, &little, &big] {
            let texts: Vec<String> = read(bytes).into_iter().map(|line| line.2).collect();
            assert_eq!(texts, expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn a_line_has_its_number_and_its_offset_in_the_file() {
        let little = [vec![0xff, 0xfe], wide("ab\nc")].concat();
        assert_eq!(
            read(&little),
            [(1, 2, "ab".to_owned()), (2, 8, "c".to_owned())]
        );
        assert_eq!(
            read(b"ab\nc"),
            [(1, 0, "ab".to_owned()), (2, 3, "c".to_owned())]
        );
    }

    #[test]
    fn utf_16_without_a_mark_is_known_and_a_newline_across_two_units_is_none() {
        let text = wide("GUI mode\nU+0A0D \u{0a0d}\u{000d} here");
        let texts: Vec<String> = read(&text).into_iter().map(|line| line.2).collect();
        assert_eq!(texts, ["GUI mode", "U+0A0D \u{0a0d}\r here"]);
    }

    #[test]
    fn zeros_of_a_crash_are_no_text_and_a_long_line_is_cut() {
        assert_eq!(read(b"one\n\0\0\0\0")[1].2, "");
        let long = vec![b'a'; LINE_BYTES_MAX + 10];
        assert_eq!(read(&long)[0].2.len(), LINE_BYTES_MAX);
        assert_eq!(read(&[]), []);
    }
}
