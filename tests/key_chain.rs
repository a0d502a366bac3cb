//! The synthetic chains of `testdata/keys`, from the boot key to the properties of a metabase.
//!
//! `scripts/key_chain.py` made them in another language with its own ciphers, from descriptions of the formats; its
//! `manifest.json` beside each chain says what must be found. First other programs must agree with the manifest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use goldseal::artifact::machine_key::CapiFile;
use serde_json::Value as Json;

/// The chains of whole installations.
const CHAINS: [&str; 3] = ["w2k", "xp", "vista"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn keys() -> PathBuf {
    root().join("testdata/keys")
}

fn manifest(chain: &str) -> Json {
    let text = fs::read(keys().join(chain).join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().unwrap()
}

fn read(chain: &str, entry: &Json) -> Vec<u8> {
    let path = Path::new(chain).join(entry["path"].as_str().unwrap());
    fs::read(keys().join(path)).unwrap()
}

#[test]
fn impacket_and_dpapick3_open_what_the_chains_state_and_refuse_the_wrong_half() {
    let python = std::env::var("GOLDSEAL_KEY_PYTHON").map_or_else(
        |_| root().join("target/key-tools/bin/python3"),
        PathBuf::from,
    );
    if !support::tool(python.to_str().unwrap()) {
        return;
    }
    let output = Command::new(python)
        .arg(root().join("scripts/check_key_chain.py"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_key_file_of_the_chains_names_its_container_pairs_and_master_key() {
    for chain in CHAINS {
        for entry in list(&manifest(chain), "key_files") {
            let bytes = read(chain, entry);
            let file = CapiFile::parse(&bytes, bytes.len() as u64).unwrap();
            let pairs = entry["pairs"].as_object().unwrap();
            let masters: Vec<String> = file
                .master_keys
                .unwrap()
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(
                (
                    file.container_name.as_deref(),
                    file.has_signature_pair,
                    file.has_exchange_pair,
                    masters.iter().map(String::as_str).collect::<Vec<_>>()
                ),
                (
                    entry["container"].as_str(),
                    pairs.contains_key("signature"),
                    pairs.contains_key("exchange"),
                    vec![entry["master_key"].as_str().unwrap()]
                ),
                "{chain}: {}",
                entry["name"]
            );
        }
    }
}
