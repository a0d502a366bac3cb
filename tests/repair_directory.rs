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

const ASIDE: &str = "Windows.old";

/// The tree of the sample, and the same once more as an upgrade puts it aside: installation 0 there, 1 in the root.
fn with_one_put_aside() -> Tree {
    let tree = Tree::new();
    tree::copy_out(&kb884872::to_rename(), &tree.root().join(ASIDE));
    tree
}

/// Outcome of every rule for an installation.
fn outcomes(tree: &Tree, installation: &str) -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .arg("check")
        .arg(tree.root())
        .args(["--installation", installation, "--format", "json"])
        .output()
        .unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    let outcome = |finding: &Json| (text(&finding["rule"]), text(&finding["outcome"]));
    findings.iter().map(outcome).collect()
}

#[test]
fn of_several_installations_the_one_to_repair_has_to_be_named() {
    let tree = with_one_put_aside();
    let before = tree.files();
    for more in [&[][..], &["--apply", "--in-place"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .arg("repair")
            .arg(tree.root())
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(4), "{more:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        for word in [
            "several_installations",
            "0: ",
            "Windows.old\\WINNT",
            "1: ",
            "--installation N",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    assert!(before == tree.files());
}

#[test]
fn the_repair_of_an_installation_that_was_put_aside_leaves_the_live_one_as_it_is() {
    let tree = with_one_put_aside();
    let (before, files) = (outcomes(&tree, "1"), tree.files());
    let fired = ("KEY-001".to_owned(), "fired".to_owned());
    assert!(before.contains(&fired) && outcomes(&tree, "0").contains(&fired));
    let (code, report) = tree.repair(&["--installation", "0", "--apply", "--in-place"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["neighbours"][0]["index"], 1);
    assert_eq!(report["neighbours"][0]["changes"], serde_json::json!([]));
    assert!(outcomes(&tree, "0").contains(&("KEY-001".to_owned(), "clear".to_owned())));
    assert_eq!(before, outcomes(&tree, "1"));
    let live = |files: BTreeMap<PathBuf, (Vec<u8>, SystemTime)>| {
        let all = files.into_iter();
        all.filter(|(path, _)| !path.starts_with(tree.root().join(ASIDE)))
            .collect::<Vec<_>>()
    };
    assert!(live(files) == live(tree.files()));
}

/// The gate and the message of a refused change of the installation that was put aside.
fn refused(tree: &Tree, old: &str, new: &str) -> String {
    let before = tree.files();
    let named = pair(old, new);
    let (code, report) = tree.repair(&[
        "--installation",
        "0",
        "--set-name",
        &named,
        "--apply",
        "--in-place",
    ]);
    assert_eq!(code, 4, "{report}");
    assert_eq!(report["refusal"]["gate"], "other_installation", "{report}");
    assert!(before == tree.files());
    report["refusal"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_file_of_another_installation_is_not_renamed() {
    let tree = with_one_put_aside();
    let text = refused(&tree, &format!("{}\\{FIRST}", kb884872::FOLDER), CURRENT);
    assert!(text.contains("installation 1 in WINNT"), "{text}");
    assert!(text.contains("is a key file of it too"), "{text}");
}

#[test]
fn a_change_after_which_another_installation_fails_a_rule_is_refused() {
    let tree = with_one_put_aside();
    let text = refused(
        &tree,
        "WINNT\\system32\\inetsrv\\MetaBase.bin",
        "MetaBase.bix",
    );
    assert!(text.contains("there goes from clear to unknown"), "{text}");
}

#[test]
fn key_files_named_by_option_stand_in_for_those_of_an_installation_that_was_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    tree::copy_out(&kb884872::to_rename(), &root.join(ASIDE));
    let inside = root.join(ASIDE).join(kb884872::FOLDER.replace('\\', "/"));
    let keys = folder.path().join("keys");
    fs::rename(&inside, &keys).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .arg("keys")
        .arg(&root)
        .args(["--format", "json", "--machine-keys"])
        .arg(&keys)
        .output()
        .unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let listed = report["machine_keys"].as_array().unwrap();
    assert!(listed.iter().any(|key| key["name"] == FIRST), "{report}");
}
