//! `goldseal repair` as its users call it, on the sample image of KB884872: the wrong names of two key files of IIS.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "integration tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

/// The two key files of the sample.
const FIRST: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4";
const SECOND: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_90817263-5443-4627-9180-706f5e4d3c2b";
/// A name for the first that ends in the MachineGuid of the sample.
const CURRENT: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_e2d8f1c3-6b7a-4895-a4b3-c2d1e0f9a8b7";

/// A copy of the sample image in a folder of its own.
struct Sample {
    folder: tempfile::TempDir,
}

impl Sample {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/cases/w2k_kb884872_mismatch/golden.vhd");
        fs::copy(source, folder.path().join("golden.vhd")).unwrap();
        Self { folder }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("golden.vhd")
    }

    fn goldseal(&self, command: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .arg(command)
            .arg(self.image())
            .args(more)
            .output()
            .unwrap()
    }

    fn repair(&self, more: &[&str]) -> (i32, Json) {
        let output = self.goldseal("repair", &[more, &["--format", "json"]].concat());
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Json::Null);
        (output.status.code().unwrap(), report)
    }
}

fn pair(old: &str, new: &str) -> String {
    format!("{old}={new}")
}

#[test]
fn a_preview_writes_nothing() {
    let sample = Sample::new();
    let before = (
        fs::read(sample.image()).unwrap(),
        fs::metadata(sample.image()).unwrap().modified().unwrap(),
    );
    let (code, report) = sample.repair(&["--set-name", &pair(FIRST, CURRENT)]);
    assert_eq!(code, 0, "{report}");
    let after = (
        fs::read(sample.image()).unwrap(),
        fs::metadata(sample.image()).unwrap().modified().unwrap(),
    );
    assert!(before == after);
    assert_eq!(fs::read_dir(sample.folder.path()).unwrap().count(), 1);
}

#[test]
fn a_preview_tells_every_byte_and_what_the_checks_say_of_them() {
    let sample = Sample::new();
    let (_, report) = sample.repair(&["--set-name", &pair(FIRST, CURRENT)]);
    for change in report["changes"].as_array().unwrap() {
        let length = usize::try_from(change["length"].as_u64().unwrap()).unwrap();
        for side in ["before", "after"] {
            assert_eq!(change[side].as_str().unwrap().len(), length * 2);
        }
    }
    let finding = |side: &str| {
        let findings = report[side]["findings"].as_array().unwrap().clone();
        let facts = findings.iter().find(|finding| finding["rule"] == "KEY-001");
        facts.unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    assert_ne!(finding("before"), finding("after"), "{report}");
}

#[test]
fn what_the_proof_does_not_decide_is_refused() {
    let sample = Sample::new();
    let (code, report) = sample.repair(&[]);
    assert_eq!(code, 4);
    assert_eq!(report["refusal"]["gate"], "undecided");
}

#[test]
fn a_name_that_another_file_has_is_not_given() {
    let sample = Sample::new();
    let (code, report) = sample.repair(&["--set-name", &pair(FIRST, SECOND)]);
    assert_eq!(code, 4);
    assert_eq!(report["refusal"]["gate"], "name_taken");
}

#[test]
fn an_option_that_is_not_built_yet_is_wrong_usage() {
    let sample = Sample::new();
    let output = sample.goldseal("repair", &["--delete-bogus", "--backup-dir", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not built yet"));
}
