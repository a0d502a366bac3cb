//! `goldseal diagnose` and the `keys` report on the sample images: the causes, sentences and remedies that a reader would
//! give by hand from the recipes of the samples.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test is the point of a test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// The image of a sample, unpacked, in a folder of its own.
struct Sample {
    folder: tempfile::TempDir,
    name: String,
}

impl Sample {
    fn open(case: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/cases")
            .join(case);
        let image = fs::read_dir(&source)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with("golden.")
            })
            .unwrap();
        let name = image.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(unpacked) = name.strip_suffix(".zst") else {
            fs::copy(&image, folder.path().join(&name)).unwrap();
            return Self { folder, name };
        };
        let mut reader =
            ruzstd::decoding::StreamingDecoder::new(fs::File::open(&image).unwrap()).unwrap();
        let mut target = fs::File::create(folder.path().join(unpacked)).unwrap();
        std::io::copy(&mut reader, &mut target).unwrap();
        Self {
            folder,
            name: unpacked.to_owned(),
        }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    fn json(&self, command: &str) -> Json {
        self.json_with(command, &[])
    }

    fn json_with(&self, command: &str, more: &[&str]) -> Json {
        let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args([command, "--format", "json"])
            .args(more)
            .arg(self.image())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn diagnosis(&self) -> Json {
        self.json("diagnose")["diagnosis"].clone()
    }
}

/// The cause, parts of the sentence, and parts of the remedy.
fn check(case: &str, cause: &str, sentence: &[&str], remedy: &[&str]) {
    let diagnosis = Sample::open(case).diagnosis();
    assert_eq!(diagnosis["cause"], cause, "{diagnosis}");
    let said = diagnosis["sentence"].as_str().unwrap();
    for part in sentence {
        assert!(said.contains(part), "{case}: {said}");
    }
    let steps = diagnosis["remedy"].to_string();
    for part in remedy {
        assert!(steps.contains(part), "{case}: {steps}");
    }
    assert_eq!(
        remedy.is_empty(),
        diagnosis["remedy"].as_array().unwrap().is_empty()
    );
}

#[test]
fn a_healthy_server_can_open_its_metabase_and_needs_no_remedy() {
    check(
        "w2k3_iis6",
        "healthy",
        &[
            "IIS can open its metabase",
            "Tested: L1, L2, L3, L4, L5, L6, L10",
            "not tested: L0, L7-L9",
        ],
        &[],
    );
}

#[test]
fn a_reset_machine_guid_is_mended_by_exactly_this_rename() {
    check(
        "w2k_kb884872_mismatch",
        "wrong_name",
        &[
            "c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4 signed it",
            "renaming that file repairs it",
            "L5 (by inference)",
        ],
        &[
            "rename c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4 to c2319c42033a5ca7f44e731bfd3fa2b5_e2d8f1c3-6b7a-4895-a4b3-c2d1e0f9a8b7",
        ],
    );
}

#[test]
fn a_bogus_new_key_and_the_right_old_one_exchange_names() {
    check(
        "w2k_kb884872_swap",
        "wrong_name",
        &["renaming that file repairs it"],
        &["one exchange of names"],
    );
}

#[test]
fn a_metabase_of_another_installation_is_told_with_the_copies_that_open() {
    check(
        "w2k3_backup_paired",
        "foreign_metabase",
        &[
            "metabase and keys belong to different installations",
            "MetaBack\\nightly.MD0",
        ],
        &["Restore a copy", "nightly.MD0"],
    );
}

#[test]
fn a_key_without_its_master_key_is_not_mended_by_a_rename() {
    check(
        "w2k3_key_without_master_key",
        "key_does_not_open",
        &["a rename would not help"],
        &["DPAPI master key"],
    );
}

#[test]
fn one_name_in_two_folders_is_left_open() {
    check(
        "xp_key_in_two_folders",
        "undecided",
        &["is not decided"],
        &["--assert key.pairing"],
    );
}

#[test]
fn without_a_metabase_no_key_is_needed() {
    check(
        "win10_sealed_oobe",
        "no_metabase",
        &["IIS uses no metabase"],
        &[],
    );
}

#[test]
fn the_links_come_in_the_order_of_the_chain_and_an_untested_one_says_why() {
    let diagnosis = Sample::open("w2k_kb884872_mismatch").diagnosis();
    let links = diagnosis["links"].as_array().unwrap();
    let names: Vec<&str> = links
        .iter()
        .map(|link| link["link"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "L0", "L1", "L2", "L3", "L4", "L5", "L5'", "L6", "L7-L9", "L10"
        ]
    );
    for link in links {
        assert!(!link["detail"].as_str().unwrap().is_empty(), "{link}");
    }
}

#[test]
fn the_first_link_tells_what_the_logs_say_and_that_it_is_no_proof() {
    let log = [
        "--event-log",
        "testdata/event_logs/kb884872_system.evt",
        "--event-log",
        "testdata/event_logs/clone_application.evt",
    ];
    let report = Sample::open("w2k_kb884872_mismatch").json_with("diagnose", &log);
    let link = &report["diagnosis"]["links"][0];
    assert_eq!(link["state"], "open");
    let detail = link["detail"].as_str().unwrap();
    assert!(
        detail.contains("2005-03-01T08:01:02Z: Service Control Manager 7024, IIS Admin Service, code 0x80090006 NTE_BAD_SIGNATURE"),
        "{detail}"
    );
    assert!(!detail.contains("Windows Time"), "{detail}");
}

#[test]
fn the_report_of_keys_shows_who_signed_what_and_the_plan() {
    let report = Sample::open("w2k_kb884872_swap").json("keys");
    let old = "c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4";
    for metabase in report["metabases"].as_array().unwrap() {
        assert_eq!(metabase["outcome"], "paired");
        assert_eq!(metabase["signed_by"], serde_json::json!([old]));
        assert_eq!(metabase["by_inference"], true);
    }
    assert_eq!(report["plan"]["decision"], "swap");
    assert_eq!(report["plan"]["actions"].as_array().unwrap().len(), 2);
    let key = report["machine_keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == old)
        .unwrap();
    assert_eq!(key["proof"]["signed_metabase"], "paired");
    assert_eq!(key["proof"]["paired_with"].as_array().unwrap().len(), 2);
    assert_eq!(key["proof"]["signature_key"]["bits"], 512);
}

#[test]
fn the_schema_of_a_diagnosis_names_what_a_diagnosis_has() {
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["schema", "diagnose"])
        .output()
        .unwrap();
    let schema: Json = serde_json::from_slice(&output.stdout).unwrap();
    let diagnosis = Sample::open("w2k_kb884872_swap").diagnosis();
    let keys = |json: &Json| -> Vec<String> { json.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(
        keys(&schema["$defs"]["diagnosis"]["properties"]),
        keys(&diagnosis)
    );
    let states = schema["$defs"]["link"]["properties"]["state"]["enum"]
        .as_array()
        .unwrap();
    for link in diagnosis["links"].as_array().unwrap() {
        assert!(states.contains(&link["state"]), "{link}");
    }
}

#[test]
fn diagnoses_fit_the_schema_that_the_program_prints() {
    let has_module = Command::new("/usr/bin/python3")
        .args(["-c", "import jsonschema"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_module {
        assert!(
            std::env::var_os("CI").is_none_or(|value| value != "true"),
            "python3-jsonschema is needed by this test"
        );
        eprintln!("skipped: python3-jsonschema is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let schema = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["schema", "diagnose"])
        .output()
        .unwrap();
    fs::write(folder.path().join("schema.json"), schema.stdout).unwrap();
    let log = ["--event-log", "testdata/event_logs/kb884872_system.evt"];
    let mut reports: Vec<Json> = ["w2k3_iis6", "xpe_race_service", "srv2016_encrypted_config"]
        .iter()
        .map(|case| Sample::open(case).json("diagnose"))
        .collect();
    reports.push(Sample::open("w2k_kb884872_swap").json_with("diagnose", &log));
    fs::write(
        folder.path().join("reports.json"),
        Json::from(reports).to_string(),
    )
    .unwrap();
    let script = "import json,jsonschema\n\
                  s=json.load(open('schema.json')); v=jsonschema.Draft202012Validator\n\
                  v.check_schema(s)\n\
                  [v(s).validate(d) for d in json.load(open('reports.json'))]\n";
    let output = Command::new("/usr/bin/python3")
        .current_dir(folder.path())
        .args(["-c", script])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
