//! `applicationHost.config` of a machine that IIS 10 wrote, and the synthetic one beside its key files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use goldseal::artifact::machine_key::{CapiFile, NameRule, RsaPublic, container_hash};
use goldseal::artifact::metabase::{
    ConfigProvider, ProviderKind, SessionKey, encrypted_values, providers, site_folders,
};
use goldseal::artifact::simple_blob::{AES_128, Plausibility, SimpleBlob};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn session_key(provider: &ConfigProvider) -> &[u8] {
    match &provider.session_key {
        SessionKey::Bytes(bytes) => bytes,
        other => panic!("{} has {other:?}", provider.name),
    }
}

/// The real file: github.com/mattgillard/iis-reverse-proxy, CC0.
fn real() -> Option<Vec<u8>> {
    let path = root().join("../shared/corpus/iis/applicationhost_iis10_cc0.config");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(fs::read(path).unwrap())
}

#[test]
fn a_real_iis_10_has_cng_providers_and_aes_session_keys_for_2048_bits() {
    let Some(text) = real() else { return };
    let found = providers(&text).unwrap();
    let kinds: Vec<_> = found
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.kind,
                one.container.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("IISWASOnlyRsaProvider", ProviderKind::Rsa, "iisWasKey"),
            (
                "IISCngProvider",
                ProviderKind::Cng,
                "iisCngConfigurationKey"
            ),
            ("IISWASOnlyCngProvider", ProviderKind::Cng, "iisCngWasKey"),
            ("AesProvider", ProviderKind::Aes, "iisConfigurationKey"),
            ("IISWASOnlyAesProvider", ProviderKind::Aes, "iisWasKey"),
        ]
    );
    for provider in &found[3..] {
        let blob = SimpleBlob::parse(session_key(provider)).unwrap();
        assert_eq!((blob.key_algorithm, blob.block.len()), (AES_128, 256));
    }
}

#[test]
fn a_real_iis_10_without_passwords_has_no_encrypted_value_and_one_site_folder() {
    let Some(text) = real() else { return };
    assert_eq!(encrypted_values(&text, 9).unwrap().count, 0);
    assert_eq!(
        site_folders(&text).unwrap(),
        ["%SystemDrive%\\inetpub\\wwwroot"]
    );
}

/// The exchange key of the synthetic container.
fn key_of(container: &str) -> RsaPublic {
    let hash = container_hash(container, NameRule::Capi).unwrap();
    let folder = root().join("testdata/keys/vista/MachineKeys");
    let path: PathBuf = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(&hash)
        })
        .unwrap();
    let bytes = fs::read(path).unwrap();
    let file = CapiFile::parse(&bytes, bytes.len() as u64).unwrap();
    RsaPublic::parse(CapiFile::part(&bytes, &file.exchange.public).unwrap()).unwrap()
}

#[test]
fn a_session_key_is_plausible_for_the_container_that_its_provider_names() {
    let text = fs::read(root().join("testdata/keys/vista/applicationHost.config")).unwrap();
    let found = providers(&text).unwrap();
    for provider in found.iter().filter(|one| one.kind == ProviderKind::Aes) {
        let key = key_of(provider.container.as_deref().unwrap());
        let blob = SimpleBlob::parse(session_key(provider)).unwrap();
        assert_eq!(
            blob.plausible_for(&key),
            Plausibility::Plausible,
            "{}",
            provider.name
        );
    }
}
