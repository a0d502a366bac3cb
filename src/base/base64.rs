//! Base64 of RFC 4648, section 4: strict, for values that a program wrote.
//!
//! Trailing bits that are not zero, missing padding and foreign letters are refused: a value that decodes in two ways is not
//! one that can be compared.

/// The bytes that `text` stands for; `None` where it is no base64. White space between the letters is passed over, as XML
/// may break a value into lines.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    let groups = letters.len() / 4;
    for (number, group) in letters.chunks_exact(4).enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || (padding > 0 && number.saturating_add(1) != groups) {
            return None;
        }
        let mut word = 0_u32;
        for byte in group {
            let value = if *byte == b'=' { 0 } else { value_of(*byte)? };
            word = word << 6 | u32::from(value);
        }
        // An equals sign before the end of the group was taken for a zero: it is no letter.
        if group
            .iter()
            .take(4_usize.saturating_sub(padding))
            .any(|byte| *byte == b'=')
        {
            return None;
        }
        let [_, first, second, third] = word.to_be_bytes();
        let (kept, rest) = match padding {
            0 => (&[first, second, third][..], 0),
            1 => (&[first, second][..], third),
            _ => (&[first][..], second | third),
        };
        if rest != 0 {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}

/// The six bits of a letter.
fn value_of(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(letter.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(letter.wrapping_sub(b'0').wrapping_add(52)),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_decode() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9v\r\n\tYmFy", "foobar"),
        ] {
            assert_eq!(decode(text).unwrap(), bytes.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zh==", "Zm9=", "Zm-v", "=Zg=", "Z=g=",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
