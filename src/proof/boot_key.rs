//! The boot key ("syskey"): the first secret of the chain, hidden in the class names of four keys.
//!
//! Each of `Control\Lsa\JD`, `Skew1`, `GBG` and `Data` has a class name of eight hexadecimal digits in UTF-16; the 16 bytes
//! they spell, put in another order, are the key. Public description: moyix.blogspot.com "SysKey and the SAM" (2008), in
//! agreement with the readers of impacket and dissect.target. It is in the image only if `Control\Lsa!SecureBoot` is 1;
//! with 2 an operator types a password at every start, with 3 a floppy disk holds it.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// The keys below `Control\Lsa` whose class names hold the boot key, in the order in which they are joined.
pub const KEY_NAMES: [&str; 4] = ["JD", "Skew1", "GBG", "Data"];

/// Where each byte of the boot key stands in the joined class names.
const ORDER: [usize; 16] = [8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7];

/// The boot key of a system.
#[derive(Clone)]
pub struct BootKey(Zeroizing<[u8; 16]>);

impl BootKey {
    /// Puts the boot key together from the class names of [`KEY_NAMES`], in that order, each in UTF-16.
    ///
    /// # Errors
    /// A class name that is not eight hexadecimal digits.
    pub fn from_class_names(names: [&[u8]; 4]) -> Result<Self> {
        let mut joined = Zeroizing::new([0_u8; 16]);
        for ((part, name), key) in joined.chunks_exact_mut(4).zip(names).zip(KEY_NAMES) {
            spell(name, part).ok_or_else(|| {
                Error::corrupt(format!(
                    "Control\\Lsa\\{key}: the class name should be 8 hexadecimal digits, is {} bytes of something else",
                    name.len()
                ))
            })?;
        }
        let mut key = Zeroizing::new([0_u8; 16]);
        for (byte, place) in key.iter_mut().zip(ORDER) {
            *byte = joined.get(place).copied().unwrap_or(0);
        }
        Ok(Self(key))
    }

    /// The 16 bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for BootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BootKey(..)")
    }
}

/// Writes the four bytes that eight digits in UTF-16 spell.
fn spell(name: &[u8], part: &mut [u8]) -> Option<()> {
    if name.len() != 16 {
        return None;
    }
    for (byte, digits) in part.iter_mut().zip(name.chunks_exact(4)) {
        let &[high, 0, low, 0] = digits else {
            return None;
        };
        let digit = |character: u8| u8::try_from(char::from(character).to_digit(16)?).ok();
        *byte = (digit(high)? << 4) | digit(low)?;
    }
    Some(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::bytes::hex;
    use crate::base::utf16;

    /// A boot key of class names as text.
    pub(crate) fn boot_key(names: [&str; 4]) -> Result<BootKey> {
        let names = names.map(utf16::encode_le);
        let [a, b, c, d] = &names;
        BootKey::from_class_names([a, b, c, d])
    }

    /// The Windows XP of dissect.target (tests/plugins/os/windows/test_lsa.py).
    pub(crate) const WINDOWS_XP: [&str; 4] = ["8397b619", "9dfad6c8", "36ec555b", "0e1eaddb"];
    /// The Windows 10 of the same file.
    pub(crate) const WINDOWS_10: [&str; 4] = ["51fe8c74", "3e14f655", "7bf5e093", "3b03ce4f"];

    #[test]
    fn the_class_names_of_dissect_target_give_its_boot_keys() {
        let xp = boot_key(WINDOWS_XP).unwrap();
        assert_eq!(hex(xp.bytes()), "36fa9db65bec1e1983d6970ead55dbc8");
        let ten = boot_key(WINDOWS_10).unwrap();
        assert_eq!(hex(ten.bytes()), "7b143e8c93f5037451f6fe3bcee04f55");
    }

    #[test]
    fn class_names_that_are_no_eight_digits_are_corrupt_and_are_not_shown() {
        for wrong in ["", "51fe8c7", "51fe8c744", "51fe8c7g", "51fe8c7\u{ff14}"] {
            let error = boot_key(["51fe8c74", wrong, "7bf5e093", "3b03ce4f"]).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("Skew1") && !said.contains("51fe"), "{said}");
        }
    }

    #[test]
    fn the_debug_output_shows_nothing_of_it() {
        let key = boot_key(WINDOWS_XP).unwrap();
        assert_eq!(format!("{key:?} {key:#?}"), "BootKey(..) BootKey(..)");
    }
}
