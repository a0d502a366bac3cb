//! Values of an IIS 7 configuration file that are encrypted with keys of the machine: `[enc:PROVIDER:...:enc]`.
//!
//! KB942060 wants none of them in an image that is to be sealed. What stands between the marks is never handed out.

use crate::artifact::metabase::xml::walk;
use crate::error::Result;

/// How an encrypted value begins.
const OPENING: &str = "[enc:";
/// How it ends.
const CLOSING: &str = ":enc]";
/// The attribute in which a provider keeps its own wrapped key.
const SESSION_KEY: &str = "sessionKey";
/// The element that names another place for the configuration.
const REDIRECTION: &str = "configurationRedirection";

/// Longest path of an element that is kept; those of IIS have some hundred characters.
const ELEMENT_CHARS_MAX: usize = 1_024;

/// Where an encrypted value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedValue {
    /// The names of the elements from the root, joined by slashes; cut where it is very long.
    pub element: String,
    /// The name of the attribute.
    pub attribute: String,
    /// The provider that the value names.
    pub provider: String,
}

/// The encrypted values of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncryptedValues {
    /// The first of them, in the order of the file, as many as were asked for.
    pub kept: Vec<EncryptedValue>,
    /// How many there are in all.
    pub count: u64,
}

/// Counts the encrypted values of a configuration file and keeps the first `kept_max` of them.
///
/// # Errors
/// What is no well-formed XML, and XML beyond a limit.
pub fn encrypted_values(bytes: &[u8], kept_max: usize) -> Result<EncryptedValues> {
    let mut values = EncryptedValues::default();
    walk(bytes, |path, tag| {
        for attribute in tag.attributes().flatten() {
            let name = attribute.key.as_ref();
            if name != SESSION_KEY
                && let Some(provider) = provider_of(&attribute.value)
            {
                values.count = values.count.saturating_add(1);
                if values.kept.len() < kept_max {
                    values.kept.push(EncryptedValue {
                        element: shown(path),
                        attribute: name.to_owned(),
                        provider: provider.to_owned(),
                    });
                }
            }
        }
        Ok(())
    })?;
    Ok(values)
}

/// The names joined by slashes, up to [`ELEMENT_CHARS_MAX`].
fn shown(path: &[String]) -> String {
    let joined = path.iter().enumerate().flat_map(|(depth, name)| {
        let slash = (depth > 0).then_some('/');
        slash.into_iter().chain(name.chars())
    });
    joined.take(ELEMENT_CHARS_MAX).collect()
}

/// Whether the file (`redirection.config`) says that the configuration in use lies at another place: the element
/// `configurationRedirection` with `enabled` true.
///
/// # Errors
/// What is no well-formed XML.
pub fn is_redirected(bytes: &[u8]) -> Result<bool> {
    let mut redirected = false;
    walk(bytes, |path, tag| {
        let is_element = path.last().is_some_and(|name| name == REDIRECTION);
        redirected |= is_element
            && tag.attributes().flatten().any(|attribute| {
                attribute.key.as_ref() == "enabled"
                    && attribute.value.trim().eq_ignore_ascii_case("true")
            });
        Ok(())
    })?;
    Ok(redirected)
}

/// The provider of an encrypted value.
fn provider_of(value: &str) -> Option<&str> {
    let inner = value.trim().strip_prefix(OPENING)?.strip_suffix(CLOSING)?;
    Some(inner.split_once(':').map_or("", |(provider, _)| provider))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_an_application_pool_is_found_and_its_content_is_not_kept() {
        let text = br#"<configuration><system.applicationHost><applicationPools><add name="p">
            <processModel userName="u" password="[enc:IISWASOnlyAesProvider:c2VjcmV0:enc]" /></add></applicationPools>
            </system.applicationHost></configuration>"#;
        let values = encrypted_values(text, 9).unwrap().kept;
        assert_eq!(
            values,
            [EncryptedValue {
                element: "configuration/system.applicationHost/applicationPools/add/processModel"
                    .to_owned(),
                attribute: "password".to_owned(),
                provider: "IISWASOnlyAesProvider".to_owned(),
            }]
        );
    }

    #[test]
    fn session_keys_comments_and_text_are_no_encrypted_values() {
        let text = br#"<configuration><!-- <a b="[enc:AesProvider:AA==:enc]"/> --><configProtectedData><providers>
            <add name="AesProvider" sessionKey="[enc:X:AA==:enc]"/><add sessionKey="AQIAAA5mAAAApAAA"/>
            </providers></configProtectedData><a b="about [enc: values"/></configuration>"#;
        assert_eq!(encrypted_values(text, 9).unwrap().count, 0);
    }

    #[test]
    fn a_file_that_is_no_xml_is_an_error_and_not_free_of_values() {
        assert!(encrypted_values(b"<configuration><a", 9).is_err());
    }

    #[test]
    fn values_behind_the_bound_are_counted_and_not_kept() {
        let text = format!("<a>{}</a>", "<b c=\"[enc:x:y:enc]\"/>".repeat(5));
        let values = encrypted_values(text.as_bytes(), 2).unwrap();
        assert_eq!((values.kept.len(), values.count), (2, 5));
    }

    #[test]
    fn the_path_that_is_kept_of_a_value_is_bounded() {
        let name = "n".repeat(100_000);
        let text = format!("<{name}><b c=\"[enc:x:y:enc]\"/></{name}>");
        let values = encrypted_values(text.as_bytes(), 1).unwrap();
        assert_eq!(values.kept[0].element.len(), ELEMENT_CHARS_MAX);
    }

    /// 16,000 elements inside each other, each with a value: 400 KB whose paths alone would be 256 MB.
    #[test]
    fn values_in_elements_that_nest_without_end_are_refused() {
        let text = "<a b=\"[enc:x:y:enc]\">".repeat(16_000) + &"</a>".repeat(16_000);
        let error = encrypted_values(text.as_bytes(), 10_000).unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::LimitExceeded);
    }
}
