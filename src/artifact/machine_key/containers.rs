//! Containers whose hash can be told back to a name.
//!
//! Only names that a public listing confirms beside their hash, or whose program names them, are here; a name from memory
//! alone would put a wrong label on a key.

use crate::artifact::machine_key::file_name::NameRule;

/// The container that IIS 4 to 6 sign and open the metabase with.
pub const IIS_CONTAINER: &str = "Microsoft Internet Information Server";

/// A container with a known hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Container {
    /// The hash in the file name.
    pub hash: &'static str,
    /// The name of the container.
    pub name: &'static str,
    /// The rule that leads from the name to the hash.
    pub rule: NameRule,
}

/// Known containers, in the order of their hashes.
const CONTAINERS: [Container; 12] = [
    capi("6de9cb26d2b98c01ec4e9e8b34824aa2", "iisConfigurationKey"),
    capi("76944fb33636aeddb9590521c2e8815a", "iisWasKey"),
    cng("597367cc37b886d7ee6c493e3befb421", "iisCngWasKey"),
    cng("7096db7aeb75c0d3497ecd56d355a695", "Google Chromekey1"),
    capi("7a436fe806e483969f48a894af2fe9a1", "MS IIS DCOM Server"),
    capi(
        "bedbf0b4da5f8061b6444baedf4c00b1",
        "WMSvc Certificate Key Container",
    ),
    capi("c2319c42033a5ca7f44e731bfd3fa2b5", IIS_CONTAINER),
    capi(
        "d6d986f09a1ee04e24c949879fdb506c",
        "NetFrameworkConfigurationKey",
    ),
    cng(
        "de7cf8a7901d2ad13e5c67c29e5d1662",
        "Microsoft Connected Devices Platform device certificate",
    ),
    cng("f0e91f6485ac2d09485e4ec18135601e", "iisCngConfigurationKey"),
    capi("f515ddc66062954646728bb3ac394c94", "MS IIS DCOM Client"),
    capi("f686aace6942fb7f7ceb231212eef4a4", "TSSecKeySet1"),
];

const fn capi(hash: &'static str, name: &'static str) -> Container {
    Container {
        hash,
        name,
        rule: NameRule::Capi,
    }
}

const fn cng(hash: &'static str, name: &'static str) -> Container {
    Container {
        hash,
        name,
        rule: NameRule::Cng,
    }
}

/// The known container of a hash (in lower case).
pub fn known_container(hash: &str) -> Option<&'static Container> {
    CONTAINERS.iter().find(|container| container.hash == hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::machine_key::container_hash;

    #[test]
    fn every_hash_of_the_table_is_that_of_its_name() {
        for container in CONTAINERS {
            assert_eq!(
                container_hash(container.name, container.rule).as_deref(),
                Some(container.hash),
                "{}",
                container.name
            );
        }
    }
}
