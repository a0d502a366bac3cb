//! The volume's own table of upper-case letters, and the order of names that follows from it.
//!
//! The table of NT 4 differs from later ones, and `_` sorts after `Z` only because letters are compared in upper case:
//! a table from a library gives another order. COLLATION_FILE_NAME: `ntfs_names_full_collate` of ntfs-3g.

use std::cmp::Ordering;

use crate::error::{Error, Result};

/// Bytes of `$UpCase`.
pub const UPCASE_BYTES: u64 = 131_072;

/// Upper case of each UTF-16 unit.
#[derive(Debug, Clone)]
pub struct UpcaseTable {
    units: Vec<u16>,
}

impl UpcaseTable {
    /// Parses the content of `$UpCase`.
    pub fn parse(content: &[u8]) -> Result<Self> {
        let units: Vec<u16> = units(content).collect();
        if units.len() != 65_536 {
            return Err(Error::corrupt(format!(
                "$UpCase: should have {UPCASE_BYTES} bytes, has {}",
                content.len()
            )));
        }
        Ok(Self { units })
    }

    fn upper(&self, unit: u16) -> u16 {
        self.units.get(usize::from(unit)).copied().unwrap_or(unit)
    }

    /// The order of two UTF-16LE names without regard to case.
    pub fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        let a = units(a).map(|unit| self.upper(unit));
        let b = units(b).map(|unit| self.upper(unit));
        a.cmp(b)
    }

    /// The order in which a directory keeps two UTF-16LE names: without regard to case, and by their own units where that
    /// finds them equal.
    pub fn collate(&self, a: &[u8], b: &[u8]) -> Ordering {
        self.compare(a, b).then_with(|| units(a).cmp(units(b)))
    }
}

/// The units of UTF-16LE bytes.
fn units(text: &[u8]) -> impl Iterator<Item = u16> + '_ {
    text.chunks_exact(2).map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::utf16;

    fn ascii() -> UpcaseTable {
        let units = (0..=u16::MAX).map(|unit| match unit {
            0x61..=0x7a => unit - 0x20,
            _ => unit,
        });
        UpcaseTable {
            units: units.collect(),
        }
    }

    #[test]
    fn underscore_sorts_after_letters_and_the_shorter_is_less() {
        let table = ascii();
        let names = ["A", "aa", "Ab", "a_", "B"].map(utf16::encode_le);
        for pair in names.windows(2) {
            assert_eq!(table.compare(&pair[0], &pair[1]), Ordering::Less);
        }
        assert_eq!(
            table.compare(&names[0], &utf16::encode_le("a")),
            Ordering::Equal
        );
    }

    #[test]
    fn a_short_table_is_refused() {
        assert!(UpcaseTable::parse(&[0; 1024]).is_err());
    }
}
