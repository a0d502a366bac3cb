//! The outward face: exit codes, options and documents that scripts rely on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test is the point of a test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

/// The sample that the README names: unsafe for both questions.
const UNSAFE: &str = "testdata/cases/w2k_kb884872_mismatch/golden.vhd";
/// A folder of loose hives whose SOFTWARE hive is corrupt: nothing can be decided.
const INCONCLUSIVE: &str = "testdata/cases/software_corrupt/image";
/// A Windows tree that is sealed: safe to clone, not to be sealed again.
const SEALED: &str = "testdata/cases/dirty_hives_logs_change_verdict/image";

fn goldseal(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .unwrap()
}

fn exit(arguments: &[&str]) -> i32 {
    goldseal(arguments).status.code().unwrap()
}

fn json(arguments: &[&str]) -> Json {
    serde_json::from_slice(&goldseal(arguments).stdout).unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(goldseal(arguments).stdout).unwrap()
}

fn stderr(arguments: &[&str]) -> String {
    String::from_utf8(goldseal(arguments).stderr).unwrap()
}

#[test]
fn the_exit_code_answers_the_question_that_was_asked() {
    assert_eq!(exit(&["check", UNSAFE]), 1);
    assert_eq!(exit(&["check", SEALED]), 0);
    assert_eq!(exit(&["check", "--for", "seal", SEALED]), 1);
    assert_eq!(exit(&["check", INCONCLUSIVE]), 3);
    assert_eq!(exit(&["check", "testdata/cases/no such image"]), 4);
}

#[test]
fn of_several_images_the_worst_decides() {
    assert_eq!(exit(&["check", SEALED, INCONCLUSIVE]), 3);
    assert_eq!(exit(&["check", INCONCLUSIVE, UNSAFE]), 1);
    assert_eq!(exit(&["check", UNSAFE, "Cargo.toml"]), 4);
}

/// A folder with a rule of an organisation that fires on the sealed sample, of that severity.
fn rules_of_an_organisation(severity: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules/catalogue/SYS-009.toml");
    let text = fs::read_to_string(built_in).unwrap();
    let (rule, _examples) = text.split_once("[[example]]").unwrap();
    let rule = rule.replace("\"SYS-009\"", "\"ORG-001\"").replace(
        "severity = \"informs\"",
        &format!("severity = \"{severity}\""),
    );
    fs::write(folder.path().join("ORG-001.toml"), rule).unwrap();
    folder
}

#[test]
fn a_warning_fails_where_that_was_asked_for() {
    let folder = rules_of_an_organisation("warns");
    let rules = ["check", "--rules", folder.path().to_str().unwrap()];
    assert_eq!(exit(&[&rules[..], &[SEALED]].concat()), 0);
    assert_eq!(
        exit(&[&rules[..], &["--fail-on", "warns", SEALED]].concat()),
        1
    );
}

#[test]
fn a_rule_of_an_organisation_decides_the_verdict_as_a_built_in_one() {
    let folder = rules_of_an_organisation("blocks");
    assert_eq!(
        exit(&["check", "--rules", folder.path().to_str().unwrap(), SEALED]),
        1
    );
}

#[test]
fn one_image_is_an_object_and_more_are_an_array_in_their_order() {
    assert!(json(&["check", "--format", "json", UNSAFE]).is_object());
    let reports = json(&["check", "--format", "json", SEALED, "Cargo.toml", UNSAFE]);
    let sources: Vec<&str> = reports
        .as_array()
        .unwrap()
        .iter()
        .map(|report| report["image"]["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, [SEALED, "Cargo.toml", UNSAFE]);
    assert!(reports[1]["error"]["message"].is_string());
    assert!(reports[1].get("verdict").is_none());
}

#[test]
fn an_installation_that_one_of_several_images_lacks_leaves_the_others_reported() {
    let two = tempfile::tempdir().unwrap();
    for name in ["WINDOWS", "WINNT"] {
        let status = Command::new("cp")
            .args(["-r", &format!("{SEALED}/Windows")])
            .arg(two.path().join(name))
            .status()
            .unwrap();
        assert!(status.success());
    }
    let two = two.path().to_str().unwrap();
    let output = goldseal(&[
        "check",
        "--format",
        "json",
        "--installation",
        "1",
        SEALED,
        two,
    ]);
    assert_eq!(output.status.code(), Some(4));
    let reports: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(reports[0]["error"]["kind"], "no_such_installation");
    assert_eq!(reports[1]["installation"]["index"], 1);
}

#[test]
fn the_order_of_arguments_does_not_change_a_report() {
    let one = json(&["check", "--format", "json", UNSAFE, SEALED]);
    let other = json(&["check", "--format", "json", SEALED, UNSAFE]);
    assert_eq!(one[0], other[1]);
    assert_eq!(one[1], other[0]);
}

/// A copy of the sealed sample whose SYSTEM hive is another one: it is longer, as it may be once Windows ran.
fn started_since() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("cp")
        .args(["-r", &format!("{SEALED}/Windows")])
        .arg(folder.path().join("Windows"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success());
    let hive = folder.path().join("Windows/system32/config/SYSTEM");
    let mut bytes = fs::read(&hive).unwrap();
    bytes.extend([0; 4096]);
    fs::write(&hive, bytes).unwrap();
    folder
}

#[test]
fn identities_that_images_share_are_named_in_each_report_and_change_no_verdict() {
    let clone = started_since();
    let clone = clone.path().to_str().unwrap();
    let alone = json(&["check", "--format", "json", SEALED]);
    assert!(alone.get("across_images").is_none());
    let reports = json(&["check", "--format", "json", SEALED, clone]);
    assert_eq!(exit(&["check", SEALED, clone]), 0);
    for (report, other) in [(0, clone), (1, SEALED)] {
        let across = &reports[report]["across_images"];
        assert_eq!(across["compared_with"], 1);
        assert_eq!(across["same_image"]["others"], 0);
        let guid = &across["shared_identities"][0];
        assert_eq!(guid["fact"], "crypto.machine_guid");
        assert_eq!(guid["value"], "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
        let with = serde_json::json!([{"source": other, "index": 0, "sealed": true}]);
        assert_eq!(guid["with"], with);
        assert_eq!(reports[report]["verdict"], alone["verdict"]);
    }
    let text = String::from_utf8(goldseal(&["check", SEALED, clone]).stdout).unwrap();
    assert!(
        text.contains("shared with other images: MachineGuid"),
        "{text}"
    );
    assert!(text.contains("Identities that images share"), "{text}");
}

#[test]
fn an_identity_that_an_organisation_adds_is_read_and_compared() {
    let clone = started_since();
    let rules = tempfile::tempdir().unwrap();
    let row = "[[identity]]\nname = \"product name\"\nkey = 'Microsoft\\Windows NT\\CurrentVersion'\nvalue = \"ProductName\"\n";
    fs::write(rules.path().join("identities.toml"), row).unwrap();
    let report = json(&[
        "check",
        "--format",
        "json",
        "--rules",
        rules.path().to_str().unwrap(),
        SEALED,
        clone.path().to_str().unwrap(),
    ]);
    let agents = &report[0]["facts"]["id.agents"]["value"];
    assert_eq!(*agents, serde_json::json!(["product name"]));
    let shared = report[0]["across_images"]["shared_identities"]
        .as_array()
        .unwrap();
    let added = shared.last().unwrap();
    assert_eq!(added["identity"], "product name");
    assert!(added["value"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn an_identity_that_an_organisation_adds_is_shown_by_inspect_and_timeline() {
    let rules = tempfile::tempdir().unwrap();
    let row = "[[identity]]\nname = \"product name\"\nkey = 'Microsoft\\Windows NT\\CurrentVersion'\nvalue = \"ProductName\"\nshown = true\n";
    fs::write(rules.path().join("identities.toml"), row).unwrap();
    let rules = rules.path().to_str().unwrap();
    let without = json(&["inspect", "--format", "json", SEALED]);
    assert_eq!(
        without["facts"]["id.agents"]["value"],
        serde_json::json!([])
    );
    let report = json(&["inspect", "--format", "json", "--rules", rules, SEALED]);
    let facts = &report["facts"];
    assert_eq!(
        facts["id.agents"]["value"],
        serde_json::json!(["product name"])
    );
    let stored = &facts["id.stored"];
    let name = stored["value"]["product name"][0].as_str().unwrap();
    let place = &stored["evidence"];
    let timeline = ["timeline", "--format", "json", "--text", "product name"];
    assert_eq!(
        json(&[&timeline[..], &[SEALED]].concat())["entries"],
        serde_json::json!([])
    );
    let entries = json(&[&timeline[..], &["--rules", rules, SEALED]].concat());
    let entry = &entries["entries"][0];
    let text = format!("key of an identity written: product name: {name}");
    assert_eq!(entry["text"], text);
    assert_eq!(entry["time"], place["key_written"]);
    assert_eq!(entry["kind"], "identity");
}

#[test]
fn a_broken_file_of_identities_is_wrong_usage_wherever_it_is_named() {
    let rules = tempfile::tempdir().unwrap();
    fs::write(rules.path().join("a.toml"), "[[identity]]\nname = 1\n").unwrap();
    let rules = rules.path().to_str().unwrap();
    for command in ["check", "inspect", "timeline"] {
        assert_eq!(exit(&[command, "--rules", rules, SEALED]), 2, "{command}");
    }
}

#[test]
fn an_image_given_twice_shares_nothing_with_itself() {
    let reports = json(&["check", "--format", "json", SEALED, SEALED]);
    let across = &reports[0]["across_images"];
    assert_eq!(across["same_image"]["with"][0]["source"], SEALED);
    assert_eq!(across["shared_identities"], serde_json::json!([]));
    let text = String::from_utf8(goldseal(&["check", SEALED, SEALED]).stdout).unwrap();
    assert!(text.contains("Images that are the same"), "{text}");
    assert!(!text.contains("Identities that images share"), "{text}");
}

#[test]
fn wrong_usage_is_two() {
    for arguments in [
        &["check"] as &[&str],
        &["check", "--format", "sarif", UNSAFE],
        &["check", "--assert", "no.such.fact=1", UNSAFE],
        &["check", "--assert", "xpe.reseal_count=often", UNSAFE],
        &["check", "--installation", "7", UNSAFE],
        &["check", "--rules", "docs", UNSAFE],
        &["reg", UNSAFE, "HKCU\\Software"],
    ] {
        assert_eq!(exit(arguments), 2, "{arguments:?}");
    }
}

#[test]
fn what_is_not_there_is_one() {
    for arguments in [
        &["cat", UNSAFE, "WINNT\\no such file"] as &[&str],
        &["ls", UNSAFE, "no such folder"],
        &["stat", UNSAFE, "no such file"],
        &["reg", UNSAFE, "HKLM\\SOFTWARE\\No Such Key"],
        &[
            "reg",
            UNSAFE,
            "HKLM\\SOFTWARE\\Microsoft\\Cryptography",
            "NoSuchValue",
        ],
        &["explain", "KEY-999"],
    ] {
        assert_eq!(exit(arguments), 1, "{arguments:?}");
    }
}

#[test]
fn a_bad_rule_file_is_refused_with_its_place() {
    let folder = rules_of_an_organisation("loud");
    let arguments = ["check", "--rules", folder.path().to_str().unwrap(), UNSAFE];
    assert_eq!(exit(&arguments), 2);
    assert!(
        stderr(&arguments).contains("ORG-001.toml:3"),
        "{}",
        stderr(&arguments)
    );
}

#[test]
fn an_unwritable_output_is_four() {
    assert_eq!(
        exit(&["check", "--output", "/no such folder/report", SEALED]),
        4
    );
}

#[test]
fn the_output_option_leaves_standard_output_empty() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let output = goldseal(&[
        "check",
        "--format",
        "json",
        "--output",
        file.to_str().unwrap(),
        UNSAFE,
    ]);
    assert!(output.stdout.is_empty());
    let written: Json = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(written, json(&["check", "--format", "json", UNSAFE]));
}

#[test]
fn the_registry_is_read_by_either_spelling_of_a_key() {
    let short = json(&[
        "reg",
        "--format",
        "json",
        UNSAFE,
        "SYSTEM\\Select",
        "Current",
    ]);
    let long = json(&[
        "reg",
        "--format",
        "json",
        UNSAFE,
        "hklm\\system\\select",
        "current",
    ]);
    assert_eq!(short["data"], 1);
    assert_eq!(short["data"], long["data"]);
    let current = json(&[
        "reg",
        "--format",
        "json",
        UNSAFE,
        "HKLM\\SYSTEM\\CurrentControlSet\\Control",
    ]);
    assert!(
        current["evidence"]["location"]
            .as_str()
            .unwrap()
            .contains("ControlSet001")
    );
}

#[test]
fn a_file_of_the_image_comes_out_byte_by_byte() {
    let output = goldseal(&["cat", UNSAFE, "\\winnt\\SYSTEM32\\config\\software"]);
    assert_eq!(&output.stdout[..4], b"regf");
    let stat = json(&[
        "stat",
        "--format",
        "json",
        UNSAFE,
        "WINNT\\system32\\config\\SOFTWARE",
    ]);
    assert_eq!(stat["file"]["size_bytes"], output.stdout.len());
}

#[test]
fn the_keys_report_has_the_keys_of_the_contract_in_their_order() {
    let output = goldseal(&["keys", "--format", "json", UNSAFE]);
    let text = String::from_utf8(output.stdout).unwrap();
    let names = [
        "schema_version",
        "tool",
        "image",
        "installation",
        "machine_guid",
        "guids",
        "metabases",
        "machine_keys",
        "plan",
    ];
    let places: Vec<usize> = names
        .iter()
        .map(|name| text.find(&format!("\n  \"{name}\"")).expect(name))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn nothing_on_the_host_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("golden.vhd");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(UNSAFE), &copy).unwrap();
    let state = |path: &PathBuf| {
        let metadata = fs::metadata(path).unwrap();
        (
            metadata.modified().unwrap(),
            metadata.accessed().unwrap(),
            fs::read(path).unwrap(),
        )
    };
    // Old enough that a relatime mount would renew the access time.
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let times = fs::FileTimes::new().set_accessed(old).set_modified(old);
    let handle = fs::File::options().write(true).open(&copy).unwrap();
    handle.set_times(times).unwrap();
    drop(handle);
    let before = fs::metadata(&copy).unwrap().accessed().unwrap();
    for command in ["check", "inspect", "keys", "diagnose"] {
        goldseal(&[command, copy.to_str().unwrap()]);
    }
    goldseal(&["ls", copy.to_str().unwrap(), "WINNT"]);
    assert_eq!(fs::metadata(&copy).unwrap().accessed().unwrap(), before);
    let (modified, _, bytes) = state(&copy);
    assert_eq!(modified, old);
    assert_eq!(
        bytes,
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(UNSAFE)).unwrap()
    );
}

#[test]
fn reports_fit_the_schema_that_the_program_prints() {
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
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    let report = folder.path().join("report.json");
    fs::write(&schema, goldseal(&["schema"]).stdout).unwrap();
    let images = [UNSAFE, SEALED, INCONCLUSIVE, "Cargo.toml"];
    let arguments: Vec<&str> = ["check", "--prove-keys", "--format", "json"]
        .iter()
        .chain(&images)
        .copied()
        .collect();
    fs::write(&report, goldseal(&arguments).stdout).unwrap();
    let script = "import json,sys,jsonschema\n\
                  s=json.load(open(sys.argv[1])); d=json.load(open(sys.argv[2]))\n\
                  jsonschema.Draft202012Validator.check_schema(s)\n\
                  jsonschema.Draft202012Validator(s).validate(d)\n";
    let output = Command::new("/usr/bin/python3")
        .arg("-c")
        .arg(script)
        .arg(&schema)
        .arg(&report)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn cat_of_a_directory_says_so_and_not_that_it_is_not_there() {
    assert_eq!(exit(&["cat", UNSAFE, "WINNT"]), 4);
    assert!(stderr(&["cat", UNSAFE, "WINNT"]).contains("is a directory"));
}

#[test]
fn the_keys_report_has_the_notes_of_the_check() {
    let notes =
        |command: &str| json(&[command, "--format", "json", SEALED])["image"]["notes"].to_string();
    assert!(notes("check").contains("SOFTWARE"), "{}", notes("check"));
    assert_eq!(notes("keys"), notes("check"));
}

#[test]
fn results_are_not_written_over_what_they_were_read_from() {
    let folder = tempfile::tempdir().unwrap();
    let (image, link) = (folder.path().join("image"), folder.path().join("link"));
    fs::copy(UNSAFE, &image).unwrap();
    fs::hard_link(&image, &link).unwrap();
    let before = fs::read(&image).unwrap();
    let (image, link) = (image.to_str().unwrap(), link.to_str().unwrap());
    assert_eq!(exit(&["check", image, "--output", link]), 2);
    assert_eq!(exit(&["ls", image, "--output", image]), 2);
    let word = ["reg", image, "SOFTWARE", "--output", image];
    assert_eq!(exit(&word), 2);
    let hive = ["inspect", "--software", image, "--output", image];
    assert_eq!(exit(&hive), 2);
    let hives = folder.path().join("hives");
    fs::create_dir(&hives).unwrap();
    let hive_and_log = ["SOFTWARE", "SOFTWARE.LOG1"].map(|name| {
        let from = format!("{SEALED}/Windows/system32/config/{name}");
        let to = hives.join(name);
        fs::copy(from, &to).unwrap();
        to.to_str().unwrap().to_owned()
    });
    let [hive, log] = &hive_and_log;
    assert_eq!(exit(&["inspect", "--software", hive, "--output", log]), 2);
    let logged = fs::metadata(log).unwrap().len();
    assert!(logged > 4096 && fs::read(log).unwrap().starts_with(b"regf"));
    let rule = folder.path().join("rule.toml");
    fs::write(&rule, "").unwrap();
    let (rules, rule) = (folder.path().to_str().unwrap(), rule.to_str().unwrap());
    for command in ["check", "inspect", "timeline"] {
        let words = [command, image, "--rules", rules, "--output", rule];
        assert_eq!(exit(&words), 2, "{command}");
        assert!(stderr(&words).contains("which is read"), "{command}");
    }
    assert!(fs::read(image).unwrap() == before);
}

#[test]
fn results_are_not_written_over_a_part_of_the_image_that_nobody_named() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["disk.001", "disk.002"].map(|name| folder.path().join(name));
    for part in [&first, &second] {
        fs::write(part, vec![7; 8192]).unwrap();
    }
    let words = [&first, &second].map(|path| path.to_str().unwrap());
    let check = ["check", words[0], "--output", words[1]];
    assert_eq!(exit(&check), 2);
    assert!(stderr(&check).contains("a part of the image"));
    assert!(fs::read(&second).unwrap() == vec![7; 8192]);
}

#[test]
fn results_are_not_written_into_a_directory_that_is_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let config = image.join("WINDOWS/system32/config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("SYSTEM"), "a hive").unwrap();
    let (image, inside) = (image.to_str().unwrap(), config.join("report"));
    assert_eq!(
        exit(&["check", image, "--output", inside.to_str().unwrap()]),
        2
    );
    assert!(!inside.exists());
    let beside = folder.path().join("report");
    assert_ne!(
        exit(&["check", image, "--output", beside.to_str().unwrap()]),
        2
    );
    assert!(beside.exists());
}

#[test]
fn the_table_says_what_a_verdict_takes_on_the_word_of_the_operator() {
    let words = ["check", UNSAFE, "--assert", "image.in_production=no"];
    let line =
        "on the word of the operator (--assert), not shown by the image: image.in_production is no";
    assert!(stdout(&words).contains(line), "{}", stdout(&words));
    assert!(!stdout(&["check", UNSAFE]).contains("on the word of"));
    let twice = [&words[..], &["--assert", "image.in_production=yes"]].concat();
    let text = stdout(&twice);
    assert!(text.contains(line), "{text}");
    let refused = "--assert image.in_production=yes was not used: an earlier one says otherwise";
    assert!(text.contains(refused), "{text}");
}

#[test]
fn an_image_without_event_logs_has_none_and_that_is_an_answer() {
    let report = json(&["events", UNSAFE, "--format", "json"]);
    assert_eq!(
        (&report["logs"], &report["events"]),
        (&Json::Array(vec![]), &Json::Array(vec![]))
    );
    assert_eq!(exit(&["events", UNSAFE]), 0);
    assert!(stdout(&["events", UNSAFE]).contains("no event log is there"));
}

#[test]
fn every_table_begins_with_the_notes_of_its_image_even_if_standard_error_is_quiet() {
    for command in ["check", "inspect", "keys", "diagnose", "timeline", "events"] {
        let text = stdout(&[command, SEALED, "--quiet"]);
        assert!(text.contains("dirty"), "{command}: {text}");
        assert!(!stderr(&[command, SEALED]).contains("dirty"), "{command}");
    }
}

#[test]
fn the_example_of_the_readme_is_what_the_program_prints() {
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, behind) = readme.split_once("```text\n").unwrap();
    let (example, _) = behind.split_once("```").unwrap();
    let printed = String::from_utf8(goldseal(&["check", UNSAFE]).stdout).unwrap();
    assert!(
        printed.starts_with(example),
        "README.md shows\n{example}\nand the program prints\n{printed}"
    );
}
