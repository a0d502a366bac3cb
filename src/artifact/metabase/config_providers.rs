//! What an IIS 7 configuration file says of its protection: the providers and, for the search of further files, the folders
//! of the sites.
//!
//! A provider names the key container that its values need; AES providers carry their own session key, wrapped for that
//! container. Sources: asprangers.com, "MachineKeys on IIS 7.x : Inside Out"; blogs.iis.net, "CNG Data Encryption" (IIS 10).

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

use crate::artifact::metabase::xml::walk;
use crate::base::base64;
use crate::error::{Error, ErrorKind, Result};

/// The elements that hold providers, from the root.
const PROVIDERS: [&str; 4] = ["configuration", "configProtectedData", "providers", "add"];
/// The elements that name a folder of a site, from the root.
const VIRTUAL_DIRECTORY: [&str; 6] = [
    "configuration",
    "system.applicationHost",
    "sites",
    "site",
    "application",
    "virtualDirectory",
];
/// Most providers and most folders that are believed of one file.
const ENTRIES_MAX: usize = 10_000;

/// What kind of keys a provider uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// An AES session key of its own, wrapped for an RSA container.
    Aes,
    /// An RSA container.
    Rsa,
    /// A container of CNG (IIS 10): its layout has no public description.
    Cng,
    /// Something else.
    Other,
}

impl ProviderKind {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes => "aes",
            Self::Rsa => "rsa",
            Self::Cng => "cng",
            Self::Other => "other",
        }
    }

    /// By the class that the provider names; one that names none is told by its own name, as IIS 7 leaves the class of its
    /// RSA provider empty.
    fn of(class: &str, name: &str) -> Self {
        let class = if class.is_empty() { name } else { class };
        let class = class.to_ascii_lowercase();
        [("aes", Self::Aes), ("cng", Self::Cng), ("rsa", Self::Rsa)]
            .into_iter()
            .find(|(word, _)| class.contains(word))
            .map_or(Self::Other, |(_, kind)| kind)
    }
}

/// The session key of a provider, as far as its text goes; the bytes are for [`crate::artifact::simple_blob`].
#[derive(Clone, PartialEq, Eq)]
pub enum SessionKey {
    /// The provider has none.
    None,
    /// The decoded bytes.
    Bytes(Vec<u8>),
    /// The text is no base64.
    NoBase64,
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => formatter.write_str("None"),
            Self::NoBase64 => formatter.write_str("NoBase64"),
            Self::Bytes(bytes) => write!(formatter, "{} bytes", bytes.len()),
        }
    }
}

/// A provider of encrypted values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProvider {
    /// Its name, as encrypted values name it.
    pub name: String,
    /// What keys it uses.
    pub kind: ProviderKind,
    /// The key container, if it names one.
    pub container: Option<String>,
    /// Its session key.
    pub session_key: SessionKey,
}

/// The providers of a configuration file, in its order.
///
/// # Errors
/// What is no well-formed XML, and a file with more providers than can be meant.
pub fn providers(bytes: &[u8]) -> Result<Vec<ConfigProvider>> {
    let mut providers = Vec::new();
    walk(bytes, |path, tag| {
        if is_at(path, &PROVIDERS) {
            within_limit(providers.len(), "providers")?;
            let session_key = match attribute(tag, "sessionKey")? {
                None => SessionKey::None,
                Some(text) => base64::decode(&text).map_or(SessionKey::NoBase64, SessionKey::Bytes),
            };
            let name = attribute(tag, "name")?.unwrap_or_default();
            let class = attribute(tag, "type")?.unwrap_or_default();
            providers.push(ConfigProvider {
                kind: ProviderKind::of(&class, &name),
                name,
                container: attribute(tag, "keyContainerName")?.filter(|name| !name.is_empty()),
                session_key,
            });
        }
        Ok(())
    })?;
    Ok(providers)
}

/// The folders of the sites that `applicationHost.config` names, as it writes them, in its order.
///
/// # Errors
/// What is no well-formed XML, and a file with more folders than can be meant.
pub fn site_folders(bytes: &[u8]) -> Result<Vec<String>> {
    let mut folders = Vec::new();
    walk(bytes, |path, tag| {
        if is_at(path, &VIRTUAL_DIRECTORY)
            && let Some(folder) = attribute(tag, "physicalPath")?
        {
            within_limit(folders.len(), "folders of sites")?;
            folders.push(folder);
        }
        Ok(())
    })?;
    Ok(folders)
}

fn is_at(path: &[String], place: &[&str]) -> bool {
    path.iter().map(String::as_str).eq(place.iter().copied())
}

fn within_limit(count: usize, what: &str) -> Result<()> {
    if count >= ENTRIES_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("configuration: should have at most {ENTRIES_MAX} {what}, has more"),
        ));
    }
    Ok(())
}

/// The value of an attribute with its entities resolved.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>> {
    let Some(attribute) = tag
        .attributes()
        .flatten()
        .find(|attribute| attribute.key.as_ref() == name)
    else {
        return Ok(None);
    };
    attribute
        .normalized_value(XmlVersion::Implicit1_0)
        .map(|value| Some(value.into_owned()))
        .map_err(|error| Error::corrupt(format!("attribute {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = br#"<configuration><configProtectedData><providers>
        <add name="IISWASOnlyRsaProvider" type="" keyContainerName="iisWasKey" useMachineContainer="true" />
        <add name="IISCngProvider" type="Microsoft.ApplicationHost.CngProtectedConfigurationProvider" keyContainerName="iisCngConfigurationKey" />
        <add name="AesProvider" type="Microsoft.ApplicationHost.AesProtectedConfigurationProvider" keyContainerName="iisConfigurationKey" sessionKey="AQIAAA==" />
        <add name="Broken" type="AesX" keyContainerName="" sessionKey="?" />
        </providers></configProtectedData>
        <system.applicationHost><sites><site name="a"><application path="/">
        <virtualDirectory path="/" physicalPath="%SystemDrive%\inetpub\a &amp; b" /></application></site>
        <siteDefaults><virtualDirectory physicalPath="C:\not" /></siteDefaults></sites></system.applicationHost>
        <location path="x"><providers><add name="elsewhere" /></providers></location></configuration>"#;

    #[test]
    fn providers_have_kind_container_and_session_key() {
        let found = providers(TEXT).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.kind,
                    one.container.as_deref(),
                    &one.session_key,
                )
            })
            .collect();
        let bytes = SessionKey::Bytes(vec![1, 2, 0, 0]);
        assert_eq!(
            found,
            [
                (
                    "IISWASOnlyRsaProvider",
                    ProviderKind::Rsa,
                    Some("iisWasKey"),
                    &SessionKey::None
                ),
                (
                    "IISCngProvider",
                    ProviderKind::Cng,
                    Some("iisCngConfigurationKey"),
                    &SessionKey::None
                ),
                (
                    "AesProvider",
                    ProviderKind::Aes,
                    Some("iisConfigurationKey"),
                    &bytes
                ),
                ("Broken", ProviderKind::Aes, None, &SessionKey::NoBase64),
            ]
        );
    }

    #[test]
    fn folders_of_sites_have_their_entities_resolved() {
        assert_eq!(
            site_folders(TEXT).unwrap(),
            ["%SystemDrive%\\inetpub\\a & b"]
        );
    }

    #[test]
    fn the_debug_form_of_a_session_key_holds_none_of_it() {
        assert_eq!(
            format!("{:?}", SessionKey::Bytes(vec![7; 140])),
            "140 bytes"
        );
    }
}
