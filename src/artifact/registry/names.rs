//! Names of keys and values as they lie in the hive: one byte a character (Latin-1) or UTF-16LE.
//!
//! Names are compared in place, without case, so that a scan of a long list allocates nothing.

use crate::base::utf16;
use crate::base::win_path;

/// A name in a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawName<'h> {
    /// The bytes.
    pub(crate) bytes: &'h [u8],
    /// Whether each byte is one character (the COMP_NAME flag).
    pub(crate) is_compressed: bool,
}

impl RawName<'_> {
    /// The name as text; lone surrogates become U+FFFD.
    pub(crate) fn decode(&self) -> String {
        if self.is_compressed {
            self.bytes.iter().copied().map(char::from).collect()
        } else {
            utf16::decode_le(self.bytes)
        }
    }

    /// Whether this is `wanted`, without regard to case.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        if self.is_compressed {
            if wanted.is_ascii() {
                return wanted.as_bytes().eq_ignore_ascii_case(self.bytes)
                    || (!self.bytes.is_ascii() && win_path::eq_name(&self.decode(), wanted));
            }
            return win_path::eq_name(&self.decode(), wanted);
        }
        // A character is one or two units, and as many or more bytes of UTF-8; half a unit at the end is no character.
        self.bytes.len() / 2 <= wanted.len() && win_path::eq_name(&self.decode(), wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], is_compressed: bool, wanted: &str, expected: bool) {
        let name = RawName {
            bytes,
            is_compressed,
        };
        assert_eq!(name.is(wanted), expected, "{name:?} against {wanted:?}");
    }

    #[test]
    fn names_of_both_encodings_compare_without_case() {
        check(b"Select", true, "SELECT", true);
        check(b"Select", true, "Selec", false);
        check(&[0xfc], true, "Ü", true);
        check(&[0xff], true, "\u{178}", true);
        check(&utf16::encode_le("Привет"), false, "ПРИВЕТ", true);
        check(&utf16::encode_le("日本"), false, "日本", true);
        check(b"zero\0key", true, "ZERO\0KEY", true);
        check(b"zero\0key", true, "zero", false);
        check(&[], true, "", true);
        check(&[], false, "", true);
        check(&[0x41], false, "", true);
        check(&[0x41, 0, 0x41], false, "a", true);
    }
}
