//! The configuration stores of IIS: `MetaBase.bin` (4.0 to 5.1), `MetaBase.xml` (6.0) and the `.config` files (7.0 on).
//!
//! Here is decided what shape a store is in, whether a value in it is encrypted, and which blobs it holds; what is encrypted
//! is handed out to proofs only.

mod blobs;
mod config_providers;
mod encrypted_values;
mod xml;

pub use blobs::MetabaseBlobs;
pub use config_providers::{ConfigProvider, ProviderKind, SessionKey, providers, site_folders};
pub use encrypted_values::{EncryptedValue, EncryptedValues, encrypted_values, is_redirected};
pub use xml::check_well_formed;

use crate::error::Result;

/// The form of a metabase file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetabaseKind {
    /// `MetaBase.bin`: a binary tree without a public description.
    Binary,
    /// `MetaBase.xml`.
    Xml,
}

impl MetabaseKind {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "bin",
            Self::Xml => "xml",
        }
    }
}

/// What the bytes of a metabase file are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// There is something that Windows could read.
    Ok,
    /// No byte, or none but zeros: what a crash leaves of a file that was being written.
    Empty,
    /// XML that breaks the rules of XML, or a binary file that ends in zeros; the text says where.
    Malformed(String),
}

/// Judges a metabase file by its bytes and by what came of reading its blobs.
pub fn content_of(bytes: &[u8], blobs: &Result<MetabaseBlobs<'_>>) -> Content {
    if bytes.iter().all(|byte| *byte == 0) {
        return Content::Empty;
    }
    match blobs {
        Ok(_) => Content::Ok,
        Err(error) => Content::Malformed(error.chain()),
    }
}

/// The form of a copy of a metabase, by its content: text that begins as XML does, or else binary.
pub fn kind_of(bytes: &[u8]) -> MetabaseKind {
    const BYTE_ORDER_MARKS: [&[u8]; 3] = [&[0xef, 0xbb, 0xbf], &[0xff, 0xfe], &[0xfe, 0xff]];
    let text = BYTE_ORDER_MARKS
        .iter()
        .find_map(|mark| bytes.strip_prefix(*mark))
        .unwrap_or(bytes);
    let first = text
        .iter()
        .find(|byte| **byte != 0 && !byte.is_ascii_whitespace());
    match first {
        Some(b'<') => MetabaseKind::Xml,
        _ => MetabaseKind::Binary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(kind: MetabaseKind, bytes: &[u8]) -> Content {
        content_of(bytes, &MetabaseBlobs::read(kind, bytes))
    }

    #[test]
    fn the_form_of_a_copy_is_told_by_its_content() {
        for (bytes, kind) in [
            (&b"<?xml version =\"1.0\"?>"[..], MetabaseKind::Xml),
            (b"\xef\xbb\xbf\r\n<configuration>", MetabaseKind::Xml),
            (b"\xff\xfe<\0a\0", MetabaseKind::Xml),
            (b"\x01\x02<", MetabaseKind::Binary),
            (b"", MetabaseKind::Binary),
        ] {
            assert_eq!(kind_of(bytes), kind, "{bytes:?}");
        }
    }

    #[test]
    fn a_file_of_zeros_is_empty() {
        assert_eq!(content(MetabaseKind::Binary, &[]), Content::Empty);
        assert_eq!(content(MetabaseKind::Xml, &[0; 4096]), Content::Empty);
    }

    #[test]
    fn a_binary_metabase_with_any_content_is_ok() {
        assert_eq!(content(MetabaseKind::Binary, &[0, 1]), Content::Ok);
    }

    #[test]
    fn a_cut_xml_metabase_is_malformed() {
        let whole =
            b"<configuration><MBProperty><IIS_Global Location=\".\"/></MBProperty></configuration>";
        assert_eq!(content(MetabaseKind::Xml, whole), Content::Ok);
        assert!(matches!(
            content(MetabaseKind::Xml, &whole[..40]),
            Content::Malformed(_)
        ));
    }
}
