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
pub use encrypted_values::{EncryptedValue, encrypted_values, is_redirected};
pub use xml::check_well_formed;

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
    /// XML that breaks the rules of XML; the text says where.
    Malformed(String),
}

/// Judges the bytes of a metabase file of that kind.
pub fn content(kind: MetabaseKind, bytes: &[u8]) -> Content {
    if bytes.iter().all(|byte| *byte == 0) {
        return Content::Empty;
    }
    match kind {
        MetabaseKind::Binary => Content::Ok,
        MetabaseKind::Xml => match check_well_formed(bytes) {
            Ok(()) => Content::Ok,
            Err(error) => Content::Malformed(error.chain()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
