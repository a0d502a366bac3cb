//! A repair of a Windows tree in a directory of the host, as its users call it.
//!
//! The tree is copied file by file from the sample image of KB884872.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "integration tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value as Json;

#[path = "support/kb884872.rs"]
mod kb884872;
#[path = "support/tree.rs"]
mod tree;

use kb884872::{CURRENT, FIRST, SECOND, pair};

struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        tree::copy_out(&kb884872::to_rename(), &folder.path().join("tree"));
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("tree.goldseal-journal")
    }

    fn repair(&self, more: &[&str]) -> (i32, Json) {
        kb884872::repair(&self.root(), more)
    }

    fn undo(&self) -> i32 {
        kb884872::undo(&self.journal()).status.code().unwrap()
    }

    fn files(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        tree::files(&self.root())
    }
}

/// The files with two names exchanged, or one given up for the other.
fn renamed(
    files: &BTreeMap<PathBuf, (Vec<u8>, SystemTime)>,
    names: &[(&str, &str)],
) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let name = |path: &Path| {
        let own = path.file_name().unwrap().to_str().unwrap();
        let new = names.iter().find(|(from, _)| *from == own);
        path.with_file_name(new.map_or(own, |(_, to)| to))
    };
    files
        .iter()
        .map(|(path, file)| (name(path), file.clone()))
        .collect()
}

#[test]
fn a_preview_changes_no_file_and_shows_the_verdict_after() {
    let tree = Tree::new();
    let before = tree.files();
    let (code, report) = tree.repair(&["--set-name", &pair(FIRST, CURRENT)]);
    assert_eq!(code, 0, "{report}");
    assert!(tree.files() == before);
    let files = |side: &str| {
        let findings = report[side]["findings"].as_array().unwrap().clone();
        let finding = findings.iter().find(|finding| finding["rule"] == "KEY-001");
        finding.unwrap()["outcome"].clone()
    };
    assert_ne!(files("before"), files("after"));
}

#[test]
fn a_rename_changes_one_name_and_no_time_and_undo_gives_it_back() {
    let tree = Tree::new();
    let before = tree.files();
    let name = pair(FIRST, CURRENT);
    let (code, report) = tree.repair(&["--set-name", &name, "--apply", "--in-place"]);
    assert_eq!(code, 0, "{report}");
    assert!(tree.files() == renamed(&before, &[(FIRST, CURRENT)]));
    assert_eq!(tree.undo(), 0);
    assert!(tree.files() == before);
    assert_eq!(tree.undo(), 0);
}

#[test]
fn a_swap_exchanges_two_names_and_undo_exchanges_them_again() {
    let tree = Tree::new();
    let before = tree.files();
    let (one, two) = (pair(FIRST, SECOND), pair(SECOND, FIRST));
    let args = [
        "--set-name",
        &one,
        "--set-name",
        &two,
        "--apply",
        "--in-place",
    ];
    let (code, report) = tree.repair(&args);
    assert_eq!(code, 0, "{report}");
    assert!(tree.files() == renamed(&before, &[(FIRST, SECOND), (SECOND, FIRST)]));
    assert_eq!(tree.undo(), 0);
    assert!(tree.files() == before);
}

#[test]
fn an_undo_stops_where_a_file_was_changed_since() {
    let tree = Tree::new();
    let name = pair(FIRST, CURRENT);
    tree.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let path = tree
        .files()
        .into_keys()
        .find(|path| path.ends_with(CURRENT))
        .unwrap();
    fs::write(&path, "of another program").unwrap();
    let before = tree.files();
    assert_eq!(tree.undo(), 4);
    assert!(tree.files() == before);
}

#[test]
fn a_name_that_differs_in_case_only_is_taken() {
    let tree = Tree::new();
    let path = tree
        .files()
        .into_keys()
        .find(|path| path.ends_with(FIRST))
        .unwrap();
    fs::write(path.with_file_name(CURRENT.to_uppercase()), "").unwrap();
    let (code, report) = tree.repair(&["--set-name", &pair(FIRST, CURRENT)]);
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("name_taken"))
    );
}

#[test]
fn a_journal_beside_another_tree_changes_no_name_of_the_first() {
    let tree = Tree::new();
    let name = pair(FIRST, CURRENT);
    tree.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let before = tree.files();
    let other = tree.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let journal = tree.folder.path().join("other.goldseal-journal");
    fs::copy(tree.journal(), &journal).unwrap();
    for more in [&[][..], &["--image", other.to_str().unwrap()]] {
        let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .arg("undo")
            .arg(&journal)
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(4), "{output:?}");
    }
    assert!(tree.files() == before);
}
