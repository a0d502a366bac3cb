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

/// Where an encrypted value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedValue {
    /// The names of the elements from the root, joined by slashes.
    pub element: String,
    /// The name of the attribute.
    pub attribute: String,
    /// The provider that the value names.
    pub provider: String,
}

/// All encrypted values of a configuration file, in its order.
///
/// # Errors
/// What is no well-formed XML.
pub fn encrypted_values(bytes: &[u8]) -> Result<Vec<EncryptedValue>> {
    let mut values = Vec::new();
    walk(bytes, |path, tag| {
        for attribute in tag.attributes().flatten() {
            let name = attribute.key.as_ref();
            if name != SESSION_KEY
                && let Some(provider) = provider_of(&attribute.value)
            {
                values.push(EncryptedValue {
                    element: path.join("/"),
                    attribute: name.to_owned(),
                    provider: provider.to_owned(),
                });
            }
        }
        Ok(())
    })?;
    Ok(values)
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
        let values = encrypted_values(text).unwrap();
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
        assert_eq!(encrypted_values(text).unwrap(), []);
    }

    #[test]
    fn a_file_that_is_no_xml_is_an_error_and_not_free_of_values() {
        assert!(encrypted_values(b"<configuration><a").is_err());
    }
}
