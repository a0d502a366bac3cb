//! The configuration files of IIS 7 and later, with the key files of `testdata/keys/vista` beside them.

use std::path::PathBuf;

use super::*;

const CONFIG: &str = "WINNT\\system32\\inetsrv\\config\\applicationHost.config";

fn vista() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/keys/vista")
}

fn vista_config() -> String {
    std::fs::read_to_string(vista().join("applicationHost.config")).unwrap()
}

/// The configuration with the key files whose containers are named by these hashes.
fn with_keys(config: &str, hashes: &[&str]) -> Collected {
    let mut fs = with_software(software()).file(CONFIG, config);
    for entry in std::fs::read_dir(vista().join("MachineKeys")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if hashes.iter().any(|hash| name.starts_with(hash)) {
            fs = fs.file(
                &format!("{MACHINE_KEYS}\\{name}"),
                std::fs::read(entry.path()).unwrap(),
            );
        }
    }
    collected(fs, Some("7.5"))
}

/// The word for the session key of a provider.
fn session_key(collected: &Collected, provider: &str) -> String {
    let fact = collected.facts.get("iis.config_providers").unwrap();
    let json = serde_json::to_value(fact).unwrap();
    let provider = &json["value"][format!("applicationHost.config!{provider}")];
    provider["session_key"].as_str().unwrap().to_owned()
}

const CONFIGURATION_KEY: &str = "6de9cb26d2b98c01ec4e9e8b34824aa2";
const WAS_KEY: &str = "76944fb33636aeddb9590521c2e8815a";

#[test]
fn session_keys_of_providers_are_plausible_for_the_key_files_that_made_them() {
    let found = with_keys(&vista_config(), &[CONFIGURATION_KEY, WAS_KEY]);
    assert_eq!(session_key(&found, "AesProvider"), "plausible");
    assert_eq!(session_key(&found, "IISWASOnlyAesProvider"), "plausible");
    assert_eq!(session_key(&found, "IISWASOnlyRsaProvider"), "none");
}

#[test]
fn a_container_without_a_key_file_is_told_from_one_that_cannot_have_made_the_key() {
    let found = with_keys(&vista_config(), &[WAS_KEY]);
    assert_eq!(session_key(&found, "AesProvider"), "no_key_file");
    // The first published key of asprangers.com, cut to 64 bytes of block: no modulus of 1024 bits made it.
    let (head, rest) = {
        let config = vista_config();
        let (head, rest) = config.split_once("sessionKey=\"").unwrap();
        (head.to_owned(), rest.split_once('"').unwrap().1.to_owned())
    };
    let with = |key: &str| {
        let config = format!("{head}sessionKey=\"{key}\"{rest}");
        session_key(
            &with_keys(&config, &[CONFIGURATION_KEY, WAS_KEY]),
            "AesProvider",
        )
    };
    let short = "AQIAAA5mAAAApAAAitO83VeqvKDRboksTP0uTVHgRDjrJEwOrnMjBTQQSGgCybl2eeUkjNZOSwXKuydOOZxf/4NY46+XU7Y3w3OmXA==";
    assert_eq!(with(short), "impossible");
    assert_eq!(with("AQIAAA5m"), "malformed");
    assert_eq!(with("not base64"), "malformed");
}

#[test]
fn values_in_web_config_are_listed_with_their_places_and_without_content() {
    let config = "<configuration><system.applicationHost><sites><site><application>\
        <virtualDirectory physicalPath=\"%SystemDrive%\\inetpub\\wwwroot\"/></application></site></sites>\
        </system.applicationHost></configuration>";
    let value = "<configuration><b c=\"[enc:AesProvider:c2VjcmV0:enc]\"/></configuration>";
    let fs = with_software(software())
        .file(CONFIG, config)
        .file("inetpub\\wwwroot\\shop\\web.config", value);
    let found = collected(fs, Some("7.5"));
    assert_eq!(shown(&found, "iis.config_encrypted"), "yes");
    let fact =
        serde_json::to_value(found.facts.get("iis.config_encrypted_values").unwrap()).unwrap();
    assert_eq!(
        fact["value"],
        serde_json::json!(["inetpub\\wwwroot\\shop\\web.config: configuration/b!c (AesProvider)"])
    );
    assert!(
        !serde_json::to_string(&found.facts)
            .unwrap()
            .contains("c2VjcmV0")
    );
}

#[test]
fn a_site_on_another_volume_is_unknown_and_not_free_of_encrypted_values() {
    let with = |folder: &str| {
        let config = format!(
            "<configuration><system.applicationHost><sites><site><application>\
             <virtualDirectory physicalPath=\"{folder}\"/></application></site></sites></system.applicationHost></configuration>"
        );
        let fs = with_software(software()).file(CONFIG, config);
        let found = collected(fs, Some("7.5"));
        (
            shown(&found, "iis.config_encrypted"),
            shown(&found, "iis.config_encrypted_values"),
        )
    };
    let unknown = "unknown:not_provided".to_owned();
    assert_eq!(with("\\\\server\\share"), (unknown.clone(), unknown));
    assert_eq!(with("%SystemDrive%\\none").0, "no");
}
