//! `goldseal timeline` on a sample image with event logs of `testdata/event_logs` beside it: what the recipes of both say
//! happened, in order, and the whole report as `testdata/timeline/xpe_sealed_twice.json` keeps it (`GOLDSEAL_BLESS=1`
//! writes it anew; read the difference).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test is the point of a test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

/// The sample and the logs, in a folder of their own.
struct Sample {
    folder: tempfile::TempDir,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Sample {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = root().join("testdata/cases/xpe_sealed_twice");
        for name in ["golden.vhd", "parent.vhd"] {
            let packed = fs::File::open(case.join(format!("{name}.zst"))).unwrap();
            let mut reader = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
            let mut image = fs::File::create(folder.path().join(name)).unwrap();
            std::io::copy(&mut reader, &mut image).unwrap();
        }
        for name in ["kb884872_system.evt", "clone_application.evt"] {
            let log = root().join("testdata/event_logs").join(name);
            fs::copy(log, folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn run(&self, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS")
            .args(["timeline", "golden.vhd"])
            .args(["--event-log", "kb884872_system.evt"])
            .args(["--event-log", "clone_application.evt"])
            .args(more)
            .output()
            .unwrap()
    }

    fn json(&self, more: &[&str]) -> Json {
        let output = self.run(&[&["--format", "json"], more].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn entries(&self, more: &[&str]) -> Vec<Json> {
        self.json(more)["entries"].as_array().unwrap().clone()
    }
}

fn golden() -> PathBuf {
    root().join("testdata/timeline/xpe_sealed_twice.json")
}

#[test]
fn the_whole_report_is_the_one_that_was_reviewed() {
    let report = Sample::open().json(&[]);
    let text = format!("{report:#}\n").replace(
        &format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION")),
        "\"version\": \"VERSION\"",
    );
    if std::env::var_os("GOLDSEAL_BLESS").is_some() {
        fs::write(golden(), text).unwrap();
        return;
    }
    assert_eq!(text, fs::read_to_string(golden()).unwrap());
}

/// From the recipe of the image and from `scripts/make_event_logs.py`: the build date, both runs of the tool, the boots,
/// the failure of KB884872 and both reinstalls of MSDTC.
#[test]
fn what_the_recipes_say_stands_in_the_order_of_time() {
    let entries = Sample::open().entries(&[]);
    let place = |time: &str, text: &str| {
        let found = entries.iter().position(|entry| {
            entry["time"].as_str().unwrap().starts_with(time)
                && entry["text"].as_str().unwrap().contains(text)
        });
        found.unwrap_or_else(|| panic!("no entry {time} {text}"))
    };
    let order = [
        place("2005-03-01T08:00:00Z", "the event log was started"),
        place("2005-03-01T08:01:00Z", "EVT-116-W3SVC"),
        place("2008-10-01", "the image was built"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(entries[order[2]]["certainty"], "date_only");
    let runs = entries.iter().filter(|entry| entry["source"] == "prefetch");
    assert!(runs.count() >= 1);
    let msdtc = entries.iter().filter(|entry| {
        entry["kind"] == "seal" && entry["text"].as_str().unwrap().starts_with("MSDTC was")
    });
    assert_eq!(msdtc.count(), 4);
}

#[test]
fn filters_by_source_kind_time_and_text_keep_what_they_name() {
    let sample = Sample::open();
    let all = sample.entries(&[]);
    let by_source = sample.entries(&["--source", "event_log", "--source", "prefetch"]);
    let wanted: Vec<&Json> = all
        .iter()
        .filter(|entry| entry["source"] == "event_log" || entry["source"] == "prefetch")
        .collect();
    assert_eq!(by_source.iter().collect::<Vec<_>>(), wanted);
    let early = sample.entries(&["--to", "2005-03-01"]);
    assert!(!early.is_empty());
    assert!(
        early
            .iter()
            .all(|entry| entry["time"].as_str().unwrap() < "2005-03-02")
    );
    let failures = sample.entries(&["--kind", "failure", "--text", "/lm/smtpsvc"]);
    assert_eq!(failures.len(), 1);
    let wrong = sample.run(&["--source", "diary"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn the_report_fits_the_schema_that_the_program_prints() {
    let module = Command::new("/usr/bin/python3")
        .args(["-c", "import jsonschema"])
        .output();
    if !module.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none_or(|value| value != "true"),
            "python3-jsonschema is needed by this test"
        );
        eprintln!("skipped: python3-jsonschema is not installed");
        return;
    }
    let sample = Sample::open();
    let schema = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["schema", "timeline"])
        .output()
        .unwrap();
    let paths = ["schema.json", "report.json"].map(|name| sample.folder.path().join(name));
    fs::write(&paths[0], schema.stdout).unwrap();
    fs::write(&paths[1], sample.run(&["--format", "json"]).stdout).unwrap();
    let script = "import json,sys,jsonschema\n\
                  s=json.load(open(sys.argv[1])); d=json.load(open(sys.argv[2]))\n\
                  jsonschema.Draft202012Validator.check_schema(s)\n\
                  jsonschema.Draft202012Validator(s).validate(d)\n";
    let output = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .args(&paths)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
