//! GUIDs as text: MachineGuid, owner GUIDs of key files, identifiers in the registry.

use std::fmt;

/// A GUID, compared and ordered by value; shown in lower case without braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

/// Positions of the hyphens in the 36 characters of a GUID.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Guid {
    /// Parses `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in any case, with or without braces around it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text
            .strip_prefix('{')
            .and_then(|inner| inner.strip_suffix('}'))
            .unwrap_or(text);
        if text.len() != 36 || !text.is_ascii() {
            return None;
        }
        let mut digits = [0_u8; 32];
        let mut places = digits.iter_mut();
        for (index, character) in text.bytes().enumerate() {
            if HYPHENS.contains(&index) {
                if character != b'-' {
                    return None;
                }
            } else {
                *places.next()? = u8::try_from(char::from(character).to_digit(16)?).ok()?;
            }
        }
        let mut bytes = [0_u8; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = (high << 4) | low;
        }
        Some(Self(bytes))
    }

    /// The GUID of 16 bytes in the order of the disk: the first three fields are little-endian.
    pub fn from_disk_order(b: [u8; 16]) -> Self {
        Self([
            b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13],
            b[14], b[15],
        ])
    }

    /// The GUID of 16 bytes in the order in which its text shows them.
    pub fn from_text_order(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_any_case_and_braces_is_one_guid() {
        let plain = Guid::parse("1b2162a0-ed5a-4d56-bd8a-8f2f65406b82").unwrap();
        assert_eq!(
            Guid::parse("{1B2162A0-ED5A-4D56-BD8A-8F2F65406B82}"),
            Some(plain)
        );
        assert_eq!(plain.to_string(), "1b2162a0-ed5a-4d56-bd8a-8f2f65406b82");
    }

    #[test]
    fn malformed_text_is_no_guid() {
        for text in [
            "",
            "1b2162a0-ed5a-4d56-bd8a-8f2f65406b8",
            "1b2162a0-ed5a-4d56-bd8a-8f2f65406b8g",
            "1b2162a0xed5a-4d56-bd8a-8f2f65406b82",
        ] {
            assert_eq!(Guid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn disk_order_swaps_the_first_three_fields() {
        let disk = [
            0xa0, 0x62, 0x21, 0x1b, 0x5a, 0xed, 0x56, 0x4d, 0xbd, 0x8a, 0x8f, 0x2f, 0x65, 0x40,
            0x6b, 0x82,
        ];
        assert_eq!(
            Guid::from_disk_order(disk).to_string(),
            "1b2162a0-ed5a-4d56-bd8a-8f2f65406b82"
        );
    }
}
