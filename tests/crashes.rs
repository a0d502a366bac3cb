//! Inputs that once broke a parser, replayed on the stable toolchain: one module for each kind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails loudly"
)]

use std::path::PathBuf;

/// The inputs of one kind, in the order of their names.
fn inputs(kind: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/crashes")
        .join(kind);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths
        .into_iter()
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

#[path = "support/hive_case.rs"]
mod hive_case;

mod registry {
    use crate::{hive_case, inputs};

    /// Hives and logs in the form that `support/hive_case.rs` unpacks.
    #[test]
    fn hives_that_broke_the_reader_are_read_or_refused() {
        hive_case::silence_contained_panics();
        for (_, input) in inputs("registry") {
            hive_case::run(&input);
        }
    }
}
