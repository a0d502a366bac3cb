//! `goldseal repair` with `--touch` and `--full-hash`, as its users call it; digests are compared with those of sha256sum.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "integration tests"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use goldseal::base::win_path::WinPath;
use goldseal::image::filesystem::Metadata;
use goldseal::image::{Image, Options, Source};
use serde_json::Value as Json;

#[path = "support/kb884872.rs"]
mod kb884872;
mod support;

use kb884872::{CURRENT, FIRST, FOLDER, SECOND, Sample};

/// 2004-11-09T11:33:20Z.
const EPOCH: &str = "1100000000";
const TIME: &str = "2004-11-09T11:33:20.0000000Z";

impl Sample {
    fn repair_at(&self, epoch: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .arg("repair")
            .arg(self.image())
            .args(more)
            .args(["--format", "json"])
            .env("SOURCE_DATE_EPOCH", epoch)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    fn repair(&self, more: &[&str]) -> (i32, Json) {
        let output = self.repair_at(EPOCH, more);
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Json::Null);
        (output.status.code().unwrap(), report)
    }

    fn undo(&self) -> Output {
        kb884872::undo(&self.journal())
    }

    fn metadata(&self, path: &WinPath) -> Metadata {
        let image = Image::open(&Source::from_path(self.image()), &Options::default()).unwrap();
        let files = image.installations[0].filesystem.as_ref();
        files.metadata(path).unwrap().unwrap()
    }
}

fn name() -> String {
    format!("{FIRST}={CURRENT}")
}

/// The SHA-256 of a file, as sha256sum tells it.
fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn touch_sets_one_time_of_the_file_and_of_its_folder_and_no_other() {
    let sample = Sample::to_rename();
    let bytes = fs::read(sample.image()).unwrap();
    let folder = WinPath::new(FOLDER);
    let before = [
        sample.metadata(&folder.child(FIRST)).times,
        sample.metadata(&folder).times,
        sample.metadata(&folder.child(SECOND)).times,
    ];
    let name = name();
    let more = ["--set-name", &name, "--touch", "--apply", "--in-place"];
    let (code, report) = sample.repair(&more);
    assert_eq!((code, &report["touch"]), (0, &Json::from(TIME)), "{report}");
    let after = [
        sample.metadata(&folder.child(CURRENT)).times,
        sample.metadata(&folder).times,
        sample.metadata(&folder.child(SECOND)).times,
    ];
    for (at, (was, is)) in before.iter().zip(&after).enumerate() {
        let mut expected = *was;
        if at < 2 {
            let shown = is.si_mft_changed.unwrap().to_rfc3339();
            assert_eq!(shown.as_deref(), Some(TIME));
            expected.si_mft_changed = is.si_mft_changed;
        }
        assert_eq!(format!("{is:?}"), format!("{expected:?}"));
    }
    assert!(sample.undo().status.success());
    assert!(fs::read(sample.image()).unwrap() == bytes);
}

#[test]
fn without_touch_the_clock_changes_nothing_and_with_it_the_given_time_does() {
    let sample = Sample::to_rename();
    let name = name();
    let plain = ["--set-name", &name];
    let touched = ["--set-name", &name, "--touch"];
    let later = "1200000000";
    let shown = |epoch: &str, more: &[&str]| sample.repair_at(epoch, more).stdout;
    assert!(shown(EPOCH, &plain) == shown(later, &plain));
    assert!(shown(EPOCH, &touched) == shown(EPOCH, &touched));
    assert!(shown(EPOCH, &touched) != shown(later, &touched));
    let output = sample.repair_at("yesterday", &touched);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_saved_plan_keeps_the_time_that_its_preview_showed() {
    let sample = Sample::to_rename();
    let name = name();
    let more = ["--set-name", &name, "--touch", "--plan-out", "plan.json"];
    assert_eq!(sample.repair(&more).0, 0);
    let more = ["--plan", "plan.json", "--apply", "--in-place"];
    let output = sample.repair_at("1200000000", &more);
    assert!(output.status.success(), "{output:?}");
    let times = sample.metadata(&WinPath::new(FOLDER)).times;
    let shown = times.si_mft_changed.unwrap().to_rfc3339();
    assert_eq!(shown.as_deref(), Some(TIME));
}

#[test]
fn the_digests_of_the_whole_image_are_those_of_sha256sum_and_known_beforehand() {
    if !support::tool("sha256sum") {
        return;
    }
    let sample = Sample::to_rename();
    let name = name();
    let (_, preview) = sample.repair(&["--set-name", &name, "--full-hash"]);
    let before = sha256sum(&sample.image());
    assert_eq!(preview["full_hash"]["before"], before);
    let more = ["--set-name", &name, "--full-hash", "--apply", "--in-place"];
    let (code, report) = sample.repair(&more);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["full_hash"], preview["full_hash"]);
    assert_eq!(report["full_hash"]["after"], sha256sum(&sample.image()));
    assert!(sample.undo().status.success());
    assert_eq!(sha256sum(&sample.image()), before);
}

#[test]
fn the_digest_of_a_repaired_copy_is_that_of_sha256sum() {
    if !support::tool("sha256sum") {
        return;
    }
    let sample = Sample::to_rename();
    let name = name();
    let more = [
        "--set-name",
        &name,
        "--full-hash",
        "--apply",
        "--to",
        "new.vhd",
    ];
    let (code, report) = sample.repair(&more);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["full_hash"]["before"], sha256sum(&sample.image()));
    assert_eq!(
        report["full_hash"]["after"],
        sha256sum(&sample.place("new.vhd"))
    );
}

#[test]
fn an_undo_tells_where_something_else_in_the_image_was_changed() {
    let sample = Sample::to_rename();
    let before = fs::read(sample.image()).unwrap();
    let name = name();
    let more = ["--set-name", &name, "--full-hash", "--apply", "--in-place"];
    assert_eq!(sample.repair(&more).0, 0);
    // A byte of a time in the header of the disk: of no sector of the journal.
    let mut image = fs::read(sample.image()).unwrap();
    image[24] ^= 1;
    fs::write(sample.image(), &image).unwrap();
    let undone = sample.undo();
    assert_eq!(undone.status.code(), Some(4), "{undone:?}");
    let text = String::from_utf8_lossy(&undone.stderr);
    assert!(text.contains("old sectors are in their places"), "{text}");
    let after = fs::read(sample.image()).unwrap();
    let differing = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    assert_eq!(differing, 1);
}
