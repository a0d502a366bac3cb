//! Pairing of 2,000 key files with a MetaBase.xml of 30 MB and 10,000 properties, and carving of a binary file: CPU time.
//!
//! `cargo bench --bench pair_metabase`. Bars: at most 1 s for the pairing, at least 1 GB/s for the carving. The material is
//! made from `testdata/keys`: foreign keys are the own one with another modulus, which costs the same to try.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured"
)]

#[path = "support/cpu_time.rs"]
mod cpu_time;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cpu_time::cpu_time;
use goldseal::artifact::metabase::MetabaseBlobs;
use goldseal::proof::key_file;
use goldseal::proof::pairing::{Effort, Outcome, pair};
use goldseal::proof::signature::PublicKey;

const KEYS: usize = 2_000;
const PROPERTIES: usize = 10_000;
const METABASE_BYTES: usize = 30 << 20;
const CARVED_BYTES: usize = 512 << 20;
const ROUNDS: usize = 3;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/keys")
}

/// The key files: one signed the metabase, the last.
fn key_files() -> Vec<Vec<u8>> {
    let own = std::fs::read(own_key()).unwrap();
    let offset = 40 + 38 + 20 + 20;
    (1..=KEYS)
        .map(|number| {
            let mut file = own.clone();
            if number < KEYS {
                file[offset + 8..offset + 16].copy_from_slice(&(number as u64).to_le_bytes());
            }
            file
        })
        .collect()
}

/// The key file that signed the live metabase of the chain `xp`.
fn own_key() -> PathBuf {
    let text = std::fs::read(folder().join("xp/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let live = manifest["metabases"].as_array().unwrap().iter();
    let mut live = live.filter(|entry| entry["live"] == true);
    let name = live.next().unwrap()["paired_with"][0].as_str().unwrap();
    folder().join("xp/MachineKeys").join(name)
}

fn metabase() -> Vec<u8> {
    let text = std::fs::read_to_string(folder().join("xp/MetaBase.xml")).unwrap();
    let (head, rest) = text.split_once("</IIS_Global>").unwrap();
    let values: Vec<&str> = rest
        .split('"')
        .filter(|value| value.starts_with("49634462"))
        .collect();
    let mut large = format!("{head}</IIS_Global>");
    for number in 0..PROPERTIES {
        let end = large.len() + (METABASE_BYTES - large.len()) / (PROPERTIES - number);
        let value = values[number % values.len()];
        write!(
            large,
            "<IIsWebVirtualDir Location=\"/LM/W3SVC/{number}\" UNCPassword=\"{value}\" DefaultDoc=\""
        )
        .unwrap();
        let missing = end.saturating_sub(large.len() + 4);
        large.extend(std::iter::repeat_n('x', missing));
        large.push_str("\"/>\n");
    }
    large.push_str("</MBProperty></configuration>");
    large.into_bytes()
}

fn main() {
    let (files, metabase) = (key_files(), metabase());
    for _ in 0..ROUNDS {
        let started = cpu_time();
        let keys: Vec<PublicKey> = files
            .iter()
            .filter_map(|file| PublicKey::new(&key_file::signature_key(file).ok()??).ok())
            .collect();
        let blobs = MetabaseBlobs::of_xml(&metabase).unwrap();
        let read = cpu_time().saturating_sub(started).as_secs_f64();
        let signed = pair(&keys, &blobs, &mut Effort::default());
        let took = cpu_time().saturating_sub(started).as_secs_f64();
        let paired = signed
            .iter()
            .filter(|signed| signed.outcome == Outcome::Paired)
            .count();
        println!(
            "pair: {} keys, {} bytes, {} properties, {paired} paired: {took:.3} s (XML {read:.3} s); bar 1 s",
            keys.len(),
            metabase.len(),
            blobs.data().len()
        );
    }
    for (what, binary) in [("noise", noise()), ("false heads", false_heads())] {
        for _ in 0..ROUNDS {
            let started = cpu_time();
            let blobs = MetabaseBlobs::carve(&binary);
            let took = cpu_time().saturating_sub(started).as_secs_f64();
            println!(
                "carve: {what}, {} bytes, {} session keys, {} properties: {:.2} GB/s; bar 1 GB/s",
                binary.len(),
                blobs.session_keys().len(),
                blobs.data().len(),
                binary.len() as f64 / took / 1e9
            );
        }
    }
}

/// Noise with a metabase in every megabyte.
fn noise() -> Vec<u8> {
    let live = std::fs::read(folder().join("w2k/MetaBase.bin")).unwrap();
    let mut binary = Vec::with_capacity(CARVED_BYTES);
    let mut noise = 1_u64;
    while binary.len() < CARVED_BYTES {
        if binary.len() % (1 << 20) < 8 {
            binary.extend_from_slice(&live);
        }
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        binary.extend_from_slice(&noise.to_le_bytes());
    }
    binary
}

/// Nothing but what begins as a blob and is none: the slowest file there is.
fn false_heads() -> Vec<u8> {
    b"IcKb....IcDb....IcPbIcHb".repeat(CARVED_BYTES / 24)
}
