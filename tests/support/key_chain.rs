//! The chains of `testdata/keys` with their manifests.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::path::{Path, PathBuf};

use goldseal::artifact::machine_key::RsaPublic;
use goldseal::artifact::metabase::{MetabaseBlobs, MetabaseKind};
use goldseal::proof::key_file;
use goldseal::proof::pairing::{Effort, Outcome, pair};
use goldseal::proof::signature::PublicKey;
use serde_json::Value as Json;

/// The chains of whole installations.
pub(crate) const CHAINS: [&str; 3] = ["w2k", "xp", "vista"];

/// The folder of all chains.
pub(crate) fn keys() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/keys")
}

/// A file of a chain.
pub(crate) fn file(chain: &str, path: &str) -> Vec<u8> {
    fs::read(keys().join(chain).join(path)).unwrap()
}

/// What must be found in a chain.
pub(crate) fn manifest(chain: &str) -> Json {
    serde_json::from_slice(&file(chain, "manifest.json")).unwrap()
}

/// A list of the manifest.
pub(crate) fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().unwrap()
}

/// The file of an entry of the manifest.
pub(crate) fn read(chain: &str, entry: &Json) -> Vec<u8> {
    file(chain, entry["path"].as_str().unwrap())
}

/// The form of a metabase of the manifest.
pub(crate) fn kind(entry: &Json) -> MetabaseKind {
    match entry["kind"].as_str().unwrap() {
        "bin" => MetabaseKind::Binary,
        _ => MetabaseKind::Xml,
    }
}

/// The live metabase of a chain.
pub(crate) fn live(manifest: &Json) -> &Json {
    let metabases = list(manifest, "metabases").iter();
    metabases
        .into_iter()
        .find(|entry| entry["live"] == true)
        .unwrap()
}

/// The key file that signed the live metabase.
pub(crate) fn own_key(manifest: &Json) -> &Json {
    let name = &live(manifest)["paired_with"][0];
    list(manifest, "key_files")
        .iter()
        .find(|entry| entry["name"] == *name)
        .unwrap()
}

/// The signature key of a key file, if it can be read and computed with.
pub(crate) fn signature_key(file: &[u8]) -> Option<(RsaPublic, PublicKey)> {
    let public = key_file::signature_key(file).ok()??;
    let key = PublicKey::new(&public).ok()?;
    Some((public, key))
}

/// What one key has to do with the bytes of a metabase; an unreadable metabase is paired with nothing.
pub(crate) fn outcome(key: &PublicKey, kind: MetabaseKind, metabase: &[u8]) -> Option<Outcome> {
    let blobs = MetabaseBlobs::read(kind, metabase).ok()?;
    let signed = pair(std::slice::from_ref(key), &blobs, &mut Effort::default());
    Some(signed[0].outcome)
}
