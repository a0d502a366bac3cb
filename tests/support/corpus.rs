//! Files of the shared corpus, decompressed and checked against the hashes of its manifest.
//!
//! The corpus lies beside the project and is no part of it; a test that finds none says so and ends.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The folder of the corpus, if it is there.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if folder.join("MANIFEST.tsv").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not there", folder.display());
    None
}

/// The names of the files of one kind (`hives`, `pe`), in the order of the manifest.
pub(crate) fn names(kind: &str) -> Vec<String> {
    all_names()
        .into_iter()
        .filter(|path| path.starts_with(&format!("{kind}/")))
        .collect()
}

/// The names of all files.
pub(crate) fn all_names() -> Vec<String> {
    manifest().into_iter().map(|row| row.path).collect()
}

/// What `facts.json` says of the files, by name.
pub(crate) fn facts() -> serde_json::Value {
    let path = folder().unwrap().join("facts.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The content of a file as the manifest names it, without its outer compression.
pub(crate) fn read(name: &str) -> Vec<u8> {
    let packed = std::fs::read(folder().unwrap().join(name)).unwrap();
    let raw = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("zst") => {
            let mut raw = Vec::new();
            ruzstd::decoding::StreamingDecoder::new(packed.as_slice())
                .unwrap()
                .read_to_end(&mut raw)
                .unwrap();
            raw
        }
        Some("xz") => {
            let mut raw = Vec::new();
            lzma_rs::xz_decompress(&mut packed.as_slice(), &mut raw).unwrap();
            raw
        }
        Some("gz") => {
            let mut raw = Vec::new();
            flate2::read::GzDecoder::new(packed.as_slice())
                .read_to_end(&mut raw)
                .unwrap();
            raw
        }
        Some("bz2") => {
            let mut raw = Vec::new();
            bzip2_rs::DecoderReader::new(packed.as_slice())
                .read_to_end(&mut raw)
                .unwrap();
            raw
        }
        _ => packed,
    };
    let row = manifest().into_iter().find(|row| row.path == name).unwrap();
    assert_eq!(sha256(&raw), row.raw_sha256, "{name} as unpacked here");
    raw
}

/// The SHA-256 of `bytes` in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
    Sha256::digest(bytes)
        .iter()
        .flat_map(digits)
        .flatten()
        .collect()
}

/// What other programs read in traces of programs (`scripts/corpus_traces.py`): the cells of each row of `kind`, without it.
pub(crate) fn traces(kind: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/corpus_traces.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().map(|line| line.split('\t').map(str::to_owned));
    rows.filter_map(|mut cells| (cells.next()? == kind).then(|| cells.collect()))
        .collect()
}

/// Every hive of the corpus that opens as its file has it, without logs, with its name.
pub(crate) fn hives() -> impl Iterator<Item = (String, goldseal::artifact::registry::Hive)> {
    names("hives").into_iter().filter_map(|name| {
        let file = read(&name);
        let limits = goldseal::base::limits::Limits::default();
        let hive = goldseal::artifact::registry::Hive::parse(file, &[], &limits).ok()?;
        Some((name, hive))
    })
}

struct Row {
    path: String,
    raw_sha256: String,
}

fn manifest() -> Vec<Row> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            Row {
                path: cells[0].to_owned(),
                raw_sha256: cells[3].to_owned(),
            }
        })
        .collect()
}
