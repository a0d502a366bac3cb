//! The name of a machine key file: `HASH_MACHINEGUID`.
//!
//! HASH is the MD5 of the container's lower-cased name with its terminator, printed as four little-endian 32-bit numbers.
//! CryptoAPI hashes the ANSI bytes and one NUL, CNG the UTF-16LE bytes and two. Source: jensign.com "UniqueKeyContainer";
//! the CNG rule is measured on the names that public listings and a test of dissect.target show.

use md5::{Digest, Md5};

use crate::base::guid::Guid;
use crate::base::{bytes, utf16};

/// The hash of "Microsoft Internet Information Server", the container of IIS 4 to 6.
pub const IIS_KEY_HASH: &str = "c2319c42033a5ca7f44e731bfd3fa2b5";

/// Digits of the hash.
const HASH_DIGITS: usize = 32;

/// How a container's name becomes the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameRule {
    /// CryptoAPI: ANSI bytes and one NUL.
    Capi,
    /// CNG: UTF-16LE and two NULs.
    Cng,
}

/// The name of a key file, taken apart; parts that do not have their form are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFileName<'n> {
    /// The 32 hexadecimal digits before the underscore, in lower case.
    pub container_hash: Option<String>,
    /// What stands behind the underscore that ends the hash, as spelled.
    pub suffix: Option<&'n str>,
    /// The GUID behind the underscore.
    pub guid: Option<Guid>,
}

impl<'n> KeyFileName<'n> {
    /// Takes a file name apart.
    pub fn parse(name: &'n str) -> Self {
        let none = Self {
            container_hash: None,
            suffix: None,
            guid: None,
        };
        let Some((hash, suffix)) = name.split_once('_') else {
            return none;
        };
        if hash.len() != HASH_DIGITS || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return none;
        }
        Self {
            container_hash: Some(hash.to_ascii_lowercase()),
            suffix: Some(suffix),
            // Windows writes no braces here; a name with braces is not one that it would look for.
            guid: Guid::parse(suffix).filter(|_| !suffix.starts_with('{')),
        }
    }

    /// Whether this is a key file of IIS 4 to 6.
    pub fn is_iis_key(&self) -> bool {
        self.container_hash.as_deref() == Some(IIS_KEY_HASH)
    }
}

/// The hash of a container's name under a rule.
///
/// CryptoAPI names are given as Windows has them in memory; letters outside of ASCII depend on the code page of the machine,
/// so for those the answer is `None`. The CNG rule lower-cases every letter.
pub fn container_hash(name: &str, rule: NameRule) -> Option<String> {
    let hashed = match rule {
        NameRule::Capi if !name.is_ascii() => return None,
        NameRule::Capi => {
            let mut text = name.to_ascii_lowercase().into_bytes();
            text.push(0);
            text
        }
        NameRule::Cng => {
            let mut text = utf16::encode_le(&name.to_lowercase());
            text.extend([0, 0]);
            text
        }
    };
    Some(shown(&Md5::digest(hashed)))
}

/// Four little-endian numbers in hexadecimal.
fn shown(digest: &[u8]) -> String {
    let words = [0, 4, 8, 12].map(|offset| bytes::u32_le(digest, offset).unwrap_or(0));
    words.map(|word| format!("{word:08x}")).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capi_hashes_equal_the_published_ones() {
        // KB884872 for the first, jensign.com "UniqueKeyContainer" for the second.
        for (name, hash) in [
            (
                "Microsoft Internet Information Server",
                "c2319c42033a5ca7f44e731bfd3fa2b5",
            ),
            ("MyCoolContainer", "52ab417621a9d74c73e3e0f1bc374e0a"),
        ] {
            assert_eq!(
                container_hash(name, NameRule::Capi).as_deref(),
                Some(hash),
                "{name}"
            );
        }
    }

    #[test]
    fn cng_hashes_equal_the_published_ones() {
        // Both pairs are asserted by a test of dissect.target.
        for (name, hash) in [
            (
                "Microsoft Connected Devices Platform device certificate",
                "de7cf8a7901d2ad13e5c67c29e5d1662",
            ),
            ("Google Chromekey1", "7096db7aeb75c0d3497ecd56d355a695"),
        ] {
            assert_eq!(
                container_hash(name, NameRule::Cng).as_deref(),
                Some(hash),
                "{name}"
            );
        }
    }

    #[test]
    fn a_name_in_any_case_has_the_same_parts() {
        let upper = "C2319C42033A5CA7F44E731BFD3FA2B5_1B2162A0-ED5A-4D56-BD8A-8F2F65406B82";
        let lower = upper.to_ascii_lowercase();
        let (a, b) = (KeyFileName::parse(upper), KeyFileName::parse(&lower));
        assert!(a.is_iis_key());
        assert_eq!(a.guid, b.guid);
        assert_eq!(a.container_hash, b.container_hash);
    }

    #[test]
    fn what_is_no_key_name_has_no_hash() {
        for name in [
            "",
            "desktop.ini",
            "c2319c42033a5ca7f44e731bfd3fa2b5",
            "c2319c42033a5ca7f44e731bfd3fa2b_1b2162a0-ed5a-4d56-bd8a-8f2f65406b82",
            "x2319c42033a5ca7f44e731bfd3fa2b5_1b2162a0-ed5a-4d56-bd8a-8f2f65406b82",
        ] {
            assert_eq!(KeyFileName::parse(name).container_hash, None, "{name}");
        }
    }

    #[test]
    fn a_suffix_that_is_no_guid_is_kept_as_spelled() {
        for suffix in [
            "",
            "1b2162a0-ed5a-4d56-bd8a-8f2f65406b82.bak",
            "{1b2162a0-ed5a-4d56-bd8a-8f2f65406b82}",
        ] {
            let name = format!("{IIS_KEY_HASH}_{suffix}");
            let parsed = KeyFileName::parse(&name);
            assert!(parsed.is_iis_key());
            assert_eq!(parsed.guid, None, "{suffix}");
            assert_eq!(parsed.suffix, Some(suffix));
        }
    }
}
