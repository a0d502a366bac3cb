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

use goldseal::base::limits::Limits;
use goldseal::evidence::{Fact, Value};
use goldseal::facts::{self, Facts};
use goldseal::image::{Image, Options, Source};
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

/// The recipes that say what a diagnosis of their image must be, by case.
fn recipes() -> Vec<(String, toml::Table)> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases");
    let mut names: Vec<String> = fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let recipe = |name: String| {
        let path = format!("testdata/cases/{name}/recipe.toml");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let table: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
        (name, table)
    };
    names.into_iter().map(recipe).collect()
}

fn texts(table: &toml::Table, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(toml::Value::as_array);
    list.into_iter()
        .flatten()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

/// Every difference between a diagnosis and what the recipe says of it by hand.
fn differences(expected: &toml::Table, diagnosis: &Json) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, expected: Json, found: Json| {
        if expected != found {
            wrong.push(format!("{what} should be {expected}, is {found}"));
        }
    };
    let json = |value: &toml::Value| serde_json::to_value(value).unwrap();
    same(
        "cause",
        json(&expected["cause"]),
        diagnosis["cause"].clone(),
    );
    let of = |list: &str, key: &str| -> Vec<String> {
        let list = diagnosis[list].as_array().unwrap();
        list.iter()
            .map(|item| item[key].as_str().unwrap().to_owned())
            .collect()
    };
    let commands = of("commands", "command");
    if expected.contains_key("commands") {
        same(
            "commands",
            texts(expected, "commands").into(),
            commands.into(),
        );
    }
    same(
        "key files by creation",
        texts(expected, "key_files").into(),
        of("key_files", "name").into(),
    );
    let files = diagnosis["key_files"].as_array().unwrap();
    let nearest = files.iter().find(|file| file["nearest_problem"] == true);
    same(
        "the file nearest to the problem",
        expected.get("nearest").map_or(Json::Null, json),
        nearest.map_or(Json::Null, |file| file["name"].clone()),
    );
    same(
        "problem time",
        expected.get("began").map_or(Json::Null, json),
        diagnosis["problem"]["time"].clone(),
    );
    same(
        "agreement of times and pairing",
        expected.get("times_agree").map_or(Json::Null, json),
        diagnosis["times_agree"].clone(),
    );
    same(
        "what copies will meet",
        texts(expected, "after_cloning").into(),
        of("after_cloning", "rule").into(),
    );
    if let Some(code) = expected.get("last_code") {
        let failures = diagnosis["problem"]["failures"].as_array().unwrap();
        let has = failures
            .iter()
            .any(|failure| failure["service"] == "IISADMIN" && failure["code_shown"] == json(code));
        same(
            "a failure of IISADMIN with that code",
            true.into(),
            has.into(),
        );
    }
    for (list, name, value) in [
        ("alternatives", "cause", "standing"),
        ("checks", "check", "state"),
    ] {
        let items = diagnosis[list].as_array().unwrap();
        for (key, state) in expected
            .get(list)
            .and_then(toml::Value::as_table)
            .into_iter()
            .flatten()
        {
            let found = items.iter().find(|item| item[name] == key.as_str());
            let found = found.map_or(Json::Null, |item| item[value].clone());
            same(&format!("{list}: {key}"), json(state), found);
        }
    }
    for (key, text) in [
        ("sentence", diagnosis["sentence"].to_string()),
        ("remedy", diagnosis["remedy"].to_string()),
        ("logs_say", diagnosis["links"][0]["detail"].to_string()),
    ] {
        for part in texts(expected, key) {
            if !text.contains(&part) {
                wrong.push(format!("{key} should say {part:?}, is {text}"));
            }
        }
    }
    if texts(expected, "remedy").is_empty() && diagnosis["remedy"] != serde_json::json!([]) {
        wrong.push(format!(
            "nothing has to be done, and the remedy is {}",
            diagnosis["remedy"]
        ));
    }
    wrong
}

#[test]
fn each_sample_gets_the_diagnosis_that_its_recipe_gives_by_hand() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, recipe) in recipes() {
        let Some(expected) = recipe.get("diagnose").and_then(toml::Value::as_table) else {
            continue;
        };
        seen += 1;
        let sample = Sample::open(&name);
        let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .current_dir(sample.folder.path())
            .args(["diagnose", "--format", "json", &sample.name])
            .output()
            .unwrap();
        let report: Json = serde_json::from_slice(&output.stdout).unwrap();
        for difference in differences(expected, &report["diagnosis"]) {
            wrong.push(format!("{name}: {difference}"));
        }
    }
    assert!(seen >= 9, "{seen} recipes say what their diagnosis is");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_text_of_a_diagnosis_is_the_reviewed_one() {
    for (name, recipe) in recipes() {
        if recipe.get("diagnose_text").is_none() {
            continue;
        }
        let sample = Sample::open(&name);
        let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .current_dir(sample.folder.path())
            .env_remove("COLUMNS")
            .env("NO_COLOR", "1")
            .args(["diagnose", &sample.name])
            .output()
            .unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/cases")
            .join(&name)
            .join("expected.diagnose.txt");
        let found = String::from_utf8(output.stdout).unwrap();
        if std::env::var_os("GOLDSEAL_BLESS").is_some() {
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(expected == found, "{}: {found}", path.display());
    }
}

#[test]
fn the_commands_do_what_the_diagnosis_says_when_they_are_typed_as_they_stand() {
    let sample = Sample::open("w2k_kb884872_full");
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .current_dir(sample.folder.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    let commands = sample.diagnosis()["commands"].clone();
    let named = |place: &str| -> Vec<String> {
        let commands = commands.as_array().unwrap().iter();
        commands
            .filter(|command| command["place"] == place)
            .map(|command| command["command"].as_str().unwrap().to_owned())
            .collect()
    };
    let words = |command: &str| -> Vec<String> {
        let words = command.strip_prefix("goldseal ").unwrap().split(' ');
        words.map(str::to_owned).collect()
    };
    for command in &named("host") {
        let words = words(command);
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        if command.ends_with("--in-place") {
            continue;
        }
        let output = run(&arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{command}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let before = run(&["diagnose", "--format", "json", &sample.name]);
    let after = run(&["diagnose", "--format", "json", "NEW"]);
    let cause = |output: std::process::Output| {
        let report: Json = serde_json::from_slice(&output.stdout).unwrap();
        report["diagnosis"]["cause"].clone()
    };
    assert_eq!(cause(before), "wrong_name");
    // The logs still tell of the failure; the keys are mended, and nothing more is to be renamed.
    assert_eq!(cause(after), "unexplained");
}

#[test]
fn before_sealing_the_check_warns_of_what_the_copies_will_meet() {
    let sample = Sample::open("srv2016_iis6compat_unsealed");
    let check = |more: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .current_dir(sample.folder.path())
            .args(["check", "--for", "seal"])
            .args(more)
            .arg(&sample.name)
            .output()
            .unwrap()
    };
    let output = check(&[]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("IIS-020") && text.contains("0x80090006"),
        "{text}"
    );
    assert_eq!(check(&["--fail-on", "warns"]).status.code(), Some(1));
}

/// `goldseal repair` of a sample of Server 2016, sealed: exit code and report.
fn repair_of_sealed(more: &[&str]) -> (Option<i32>, Json) {
    let sample = Sample::open("srv2016_iis6compat_modevm");
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["repair", "--format", "json"])
        .args(more)
        .arg(sample.image())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), report)
}

#[test]
fn a_rename_in_a_sealed_image_is_refused_for_it_does_not_last() {
    let (code, report) = repair_of_sealed(&[]);
    assert_eq!(code, Some(4));
    assert_eq!(report["refusal"]["gate"], "sealed");
    let why = report["refusal"]["message"].as_str().unwrap();
    assert!(
        why.contains("no name of a key file in this image lasts"),
        "{why}"
    );
    assert_eq!(report["actions"].as_array().unwrap().len(), 0);
}

#[test]
fn a_rename_that_an_expert_names_in_a_sealed_image_is_warned_of_and_makes_nothing_safe() {
    let name = |guid: &str| format!("c2319c42033a5ca7f44e731bfd3fa2b5_{guid}");
    let names = format!(
        "{}={}",
        name("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"),
        name("77e6d5c4-b3a2-4910-8f7e-6d5c4b3a2918")
    );
    let (code, report) = repair_of_sealed(&["--set-name", &names]);
    assert_eq!(code, Some(0));
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("no name of a key file in this image lasts"),
        "{warnings}"
    );
    let outcome = |rule: &str| {
        let findings = report["after"]["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["rule"] == rule);
        finding.unwrap()["outcome"].clone()
    };
    assert_eq!(outcome("KEY-001"), "clear");
    assert_eq!(outcome("KEY-010"), "fired");
    assert_eq!(report["after"]["verdict"]["clone"], "unsafe");
}

#[test]
fn the_way_out_that_an_undecided_diagnosis_names_decides() {
    let sample = Sample::open("nt40_fat16");
    let run = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .current_dir(sample.folder.path())
            .args(words)
            .output()
            .unwrap()
    };
    assert_eq!(run(&["check", &sample.name]).status.code(), Some(3));
    let report = run(&["diagnose", "--format", "json", &sample.name]);
    let report: Json = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["diagnosis"]["cause"], "undecided");
    let step = report["diagnosis"]["remedy"][0].as_str().unwrap();
    let command = step.split('`').nth(1).unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert_eq!(run(&words).status.code(), Some(0), "{command}");
}

#[test]
fn a_given_problem_time_marks_another_key_file() {
    let given = ["--problem-time", "2003-06-10T07:00:05Z"];
    let report = Sample::open("w2k_kb884872_full").json_with("diagnose", &given);
    let problem = &report["diagnosis"]["problem"];
    assert_eq!(problem["source"], "given");
    assert_eq!(problem["time"], "2003-06-10T07:00:05Z");
    let files = report["diagnosis"]["key_files"].as_array().unwrap();
    assert_eq!(files[0]["nearest_problem"], true);
    assert_eq!(files[0]["seconds_from_problem"], -5);
    // A time decides nothing.
    assert_eq!(report["diagnosis"]["cause"], "wrong_name");
    assert_eq!(report["diagnosis"]["plan"]["decision"], "swap");
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
fn a_log_that_was_overwritten_or_cut_off_rules_nothing_out() {
    let sample = Sample::open("w2k3_iis6");
    let wrapped = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/event_logs/wrapped.evt");
    let cut = sample.folder.path().join("cut.evt");
    let bytes = fs::read(&wrapped).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 48]).unwrap();
    let standing = |logs: &[&Path]| {
        let options: Vec<&str> = logs
            .iter()
            .flat_map(|log| ["--event-log", log.to_str().unwrap()])
            .collect();
        let report = sample.json_with("diagnose", &options);
        let alternatives = report["diagnosis"]["alternatives"].as_array().unwrap();
        let other = alternatives
            .iter()
            .find(|one| one["cause"] == "other_service");
        assert_eq!(other.unwrap()["standing"], "open");
        other.unwrap()["by"].as_str().unwrap().to_owned()
    };
    let by = standing(&[&wrapped]);
    assert!(by.contains("older ones were overwritten"), "{by}");
    let by = standing(&[&wrapped, &cut]);
    assert!(by.contains("not all of the logs was seen"), "{by}");
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

/// The metabase of the sample was signed by the key file that EFS encrypts; ntfs-3g made the file.
#[test]
fn a_key_file_that_efs_encrypts_is_renamed_neither_by_proof_nor_by_name() {
    let sample = Sample::open("w2k_kb884872_efs");
    let before = fs::read(sample.image()).unwrap();
    let name = "c2319c42033a5ca7f44e731bfd3fa2b5_";
    let pair = format!(
        "{name}4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4={name}e2d8f1c3-6b7a-4895-a4b3-c2d1e0f9a8b7"
    );
    for (more, gate) in [
        (&[][..], "undecided"),
        (&["--set-name", &pair], "efs"),
        (&["--apply", "--in-place"], "undecided"),
        (&["--apply", "--in-place", "--set-name", &pair], "efs"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .args(["repair", "--format", "json"])
            .arg(sample.image())
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(4), "{more:?}");
        let report: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["refusal"]["gate"], gate, "{more:?}");
        assert!(fs::read(sample.image()).unwrap() == before, "{more:?}");
    }
}

#[test]
fn encrypted_files_in_folders_of_users_are_seen_where_the_mft_is_too_large_to_search() {
    let sample = Sample::open("w2k_kb884872_efs");
    let image = Image::open(&Source::from_path(sample.image()), &Options::default()).unwrap();
    let mut limits = Limits::default();
    let collected = |limits| facts::collect(&image.installations[0], limits).facts;
    let (value, places, rest) = efs_files(&collected(limits));
    assert_eq!((value, places.len(), rest), (Value::Int(2), 2, None));
    limits.mft_search_bytes_max = 1;
    let (value, places, rest) = efs_files(&collected(limits));
    assert_eq!((value, places.len()), (Value::Int(1), 1));
    assert!(
        places[0].ends_with("My Documents\\letter.txt"),
        "{places:?}"
    );
    assert!(rest.unwrap().contains("goldseal inspect"));
}

/// The number of encrypted files, where they are, and why it is a minimum if it is one.
fn efs_files(facts: &Facts) -> (Value, Vec<String>, Option<String>) {
    let Some(Fact::Found {
        value, evidence, ..
    }) = facts.get("fs.efs_files")
    else {
        panic!("not seen");
    };
    let places = evidence.iter().map(|place| place.locator.to_string());
    let rest = facts.incomplete("fs.efs_files");
    let rest = rest.map(|unknown| unknown.detail.clone());
    (value.clone(), places.collect(), rest)
}

#[test]
fn no_encrypted_file_in_the_folders_that_are_looked_at_leaves_their_number_unknown() {
    let sample = Sample::open("w2k_kb884872_swap");
    let image = Image::open(&Source::from_path(sample.image()), &Options::default()).unwrap();
    let mut limits = Limits::default();
    limits.mft_search_bytes_max = 1;
    let collected = facts::collect(&image.installations[0], limits);
    let Some(Fact::Unknown(unknown)) = collected.facts.get("fs.efs_files") else {
        panic!("{:?}", collected.facts.get("fs.efs_files"));
    };
    assert_eq!(unknown.reason.as_str(), "limit_exceeded");
    assert!(
        unknown.detail.contains("goldseal inspect"),
        "{}",
        unknown.detail
    );
}
