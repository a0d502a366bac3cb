//! UTF-16LE text as Windows stores it: registry strings, file names.

/// Decodes little-endian UTF-16; lone surrogates become U+FFFD, an odd last byte is dropped.
pub fn decode_le(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| {
        u16::from_le_bytes([
            pair.first().copied().unwrap_or(0),
            pair.get(1).copied().unwrap_or(0),
        ])
    });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Decodes little-endian UTF-16 up to the first NUL.
pub fn decode_le_z(bytes: &[u8]) -> String {
    let text = decode_le(bytes);
    match text.split_once('\0') {
        Some((head, _)) => head.to_owned(),
        None => text,
    }
}

/// Encodes as little-endian UTF-16 without a terminator.
pub fn encode_le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_first_nul_and_odd_bytes_are_dropped() {
        assert_eq!(decode_le_z(b"a\0b\0\0\0c\0"), "ab");
        assert_eq!(decode_le(b"a\0b"), "a");
        assert_eq!(decode_le(&[0x00, 0xd8]), "\u{fffd}");
        assert_eq!(
            decode_le(&encode_le("Anwendungsdaten ü")),
            "Anwendungsdaten ü"
        );
    }
}
