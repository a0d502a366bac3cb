//! Whole chain: every sample installation of `testdata/cases`, opened by the program as its users open it.
//!
//! Three things are tested for each. What the recipe says by hand (`[[expect]]`: verdicts, exit code, rules, facts; written
//! from the articles and not from output of the program) must hold. And the whole report must equal `expected.json`
//! beside the recipe; after a review of the difference, `GOLDSEAL_BLESS=1 cargo test --test cases` writes it anew.
//!
//! The images were made by other programs; `scripts/make_samples.py` says which.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test is the point of a test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use goldseal::base::limits::Limits;
use goldseal::facts::vocabulary;
use goldseal::image::{Image, Options, Source};
use goldseal::rules::Catalogue;
use serde_json::Value as Json;
use toml::Value as Toml;

/// A case unpacked into a folder of its own.
struct Case {
    name: &'static str,
    recipe: toml::Table,
    folder: tempfile::TempDir,
}

impl Case {
    fn open(name: &'static str) -> Self {
        let source = cases().join(name);
        let recipe = fs::read_to_string(source.join("recipe.toml"))
            .unwrap()
            .parse()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(&source).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap();
            match file.strip_suffix(".zst") {
                Some(image) => unpack(&path, &folder.path().join(image)),
                None if path.is_dir() => copy_tree(&path, &folder.path().join(file)),
                None => drop(fs::copy(&path, folder.path().join(file)).unwrap()),
            }
        }
        Self {
            name,
            recipe,
            folder,
        }
    }

    fn image(&self) -> &str {
        self.recipe["image"].as_str().unwrap()
    }

    fn run(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldseal"));
        command
            .current_dir(self.folder.path())
            .env_remove("COLUMNS")
            .env("NO_COLOR", "1");
        command
            .arg("check")
            .args(more)
            .arg(self.image())
            .output()
            .unwrap()
    }

    /// The reports, one an installation, and the exit code.
    fn check(&self, more: &[&str]) -> (Vec<Json>, i32) {
        let arguments: Vec<&str> = ["--format", "json"].iter().chain(more).copied().collect();
        let output = self.run(&arguments);
        let reports = match serde_json::from_slice(&output.stdout) {
            Ok(Json::Array(reports)) => reports,
            Ok(report) => vec![report],
            Err(error) => panic!(
                "{}: no report ({error}): {}",
                self.name,
                String::from_utf8_lossy(&output.stderr)
            ),
        };
        (reports, output.status.code().unwrap())
    }

    fn golden(&self, file: &str) -> PathBuf {
        cases().join(self.name).join(file)
    }
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases")
}

fn unpack(packed: &Path, image: &Path) {
    let mut decoder =
        ruzstd::decoding::StreamingDecoder::new(fs::File::open(packed).unwrap()).unwrap();
    std::io::copy(&mut decoder, &mut fs::File::create(image).unwrap()).unwrap();
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        // Empty folders are left out, as git keeps none: a fresh clone and a folder just built give one report.
        if entry.file_type().is_file() {
            let target = to.join(entry.path().strip_prefix(from).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn array<'a>(table: &'a toml::Table, key: &str) -> &'a [Toml] {
    table
        .get(key)
        .and_then(Toml::as_array)
        .map_or(&[], Vec::as_slice)
}

/// What the recipe states by hand holds; every difference is collected before the test fails.
fn holds_what_the_recipe_states(name: &'static str) {
    let case = Case::open(name);
    let (reports, exit) = case.check(&[]);
    let expected = array(&case.recipe, "expect");
    assert_eq!(
        reports.len(),
        expected.len(),
        "{name}: number of installations"
    );
    let mut wrong = Vec::new();
    for (report, expect) in reports.iter().zip(expected) {
        let expect = expect.as_table().unwrap();
        if expect["exit"].as_integer() != Some(i64::from(exit)) {
            wrong.push(format!("exit code should be {}, is {exit}", expect["exit"]));
        }
        verdicts(report, expect, &mut wrong);
        layers(report, expect, &mut wrong);
        outcomes(report, expect, &mut wrong);
        facts(report, expect, &mut wrong);
    }
    vouched(&case, &mut wrong);
    without_files(&case, &mut wrong);
    assert!(wrong.is_empty(), "{name}:\n  {}", wrong.join("\n  "));
}

fn verdicts(report: &Json, expect: &toml::Table, wrong: &mut Vec<String>) {
    for question in ["clone", "seal"] {
        let Some(verdict) = expect.get(question).and_then(Toml::as_str) else {
            continue;
        };
        let found = &report["verdict"][question];
        if found != verdict {
            wrong.push(format!(
                "{question} should be {verdict}, is {found}: {}",
                deciding(report, question)
            ));
        }
    }
}

/// The blocking rules that decided a verdict, for the message of a failing test.
fn deciding(report: &Json, question: &str) -> String {
    let findings = report["findings"].as_array().map_or(&[][..], Vec::as_slice);
    let of_question = |finding: &&Json| {
        finding["severity"] == "blocks"
            && (finding["outcome"] == "fired" || finding["outcome"] == "unknown")
            && finding["questions"]
                .as_array()
                .is_some_and(|list| list.iter().any(|item| item == question))
    };
    let named = |finding: &Json| {
        format!(
            "{} {} {}",
            finding["rule"], finding["outcome"], finding["missing"]
        )
    };
    findings
        .iter()
        .filter(of_question)
        .map(named)
        .collect::<Vec<_>>()
        .join(", ")
}

fn layers(report: &Json, expect: &toml::Table, wrong: &mut Vec<String>) {
    let stated: Vec<&str> = array(expect, "layers")
        .iter()
        .filter_map(Toml::as_str)
        .collect();
    let found = &report["image"]["layers"];
    if !stated.is_empty() && *found != serde_json::json!(stated) {
        wrong.push(format!("layers should be {stated:?}, are {found}"));
    }
}

fn outcomes(report: &Json, expect: &toml::Table, wrong: &mut Vec<String>) {
    for outcome in ["fired", "clear", "unknown", "not_applicable"] {
        for rule in array(expect, outcome).iter().filter_map(Toml::as_str) {
            let finding = report["findings"]
                .as_array()
                .and_then(|list| list.iter().find(|item| item["rule"] == rule));
            match finding {
                None => wrong.push(format!("{rule} is not in the report")),
                Some(finding) if finding["outcome"] != outcome => {
                    wrong.push(format!(
                        "{rule} should be {outcome}, is {} (missing {})",
                        finding["outcome"], finding["missing"]
                    ));
                }
                Some(_) => {}
            }
        }
    }
}

fn facts(report: &Json, expect: &toml::Table, wrong: &mut Vec<String>) {
    let Some(stated) = expect.get("facts").and_then(Toml::as_table) else {
        return;
    };
    for (id, value) in stated {
        let fact = &report["facts"][id];
        let right = match value {
            Toml::Table(table) if table.contains_key("unknown") => {
                fact["state"] == "unknown"
                    && Some(fact["reason"].as_str().unwrap_or_default())
                        == table["unknown"].as_str()
            }
            Toml::Table(table) if table.contains_key("absent") => fact["state"] == "absent",
            value => {
                fact["state"] == "found" && fact["value"] == serde_json::to_value(value).unwrap()
            }
        };
        if !right {
            wrong.push(format!("{id} should be {value}, is {fact}"));
        }
    }
}

/// `[[vouched]]`: with the operator's word for a fact the verdict is another one.
fn vouched(case: &Case, wrong: &mut Vec<String>) {
    for vouched in array(&case.recipe, "vouched") {
        let asserts = vouched["assert"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Toml::as_str);
        let arguments: Vec<&str> = asserts.flat_map(|assert| ["--assert", assert]).collect();
        compare(case.check(&arguments), vouched, "vouched", wrong);
    }
}

/// `[[without]]`: with these files taken away the verdict is another one.
fn without_files(case: &Case, wrong: &mut Vec<String>) {
    for without in array(&case.recipe, "without") {
        for file in without["files"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Toml::as_str)
        {
            fs::remove_file(
                case.folder
                    .path()
                    .join(case.image())
                    .join(file.replace('\\', "/")),
            )
            .unwrap();
        }
        compare(case.check(&[]), without, "without the files", wrong);
    }
}

fn compare((reports, exit): (Vec<Json>, i32), expect: &Toml, when: &str, wrong: &mut Vec<String>) {
    if reports[0]["verdict"]["clone"] != expect["clone"].as_str().unwrap() {
        let found = &reports[0]["verdict"]["clone"];
        wrong.push(format!(
            "{when}: clone should be {}, is {found}: {}",
            expect["clone"],
            deciding(&reports[0], "clone")
        ));
    }
    if expect["exit"].as_integer() != Some(i64::from(exit)) {
        wrong.push(format!(
            "{when}: exit code should be {}, is {exit}",
            expect["exit"]
        ));
    }
}

/// The whole report is the one that was reviewed. The version of the program is left out.
fn reports_as_reviewed(name: &'static str) {
    let case = Case::open(name);
    let (mut reports, _) = case.check(&[]);
    for report in &mut reports {
        report["tool"]["version"] = Json::from("VERSION");
        // In the order of the names, whatever order the program writes them in.
        report.sort_all_objects();
    }
    let report = serde_json::to_string_pretty(&reports).unwrap() + "\n";
    same_as_golden(&case.golden("expected.json"), &report);
    if case.recipe.get("text_report").is_some() {
        let text = String::from_utf8(case.run(&[]).stdout).unwrap();
        same_as_golden(
            &case.golden("expected.txt"),
            &text.replace(env!("CARGO_PKG_VERSION"), "VERSION"),
        );
    }
}

/// What is collected from the image keeps to the vocabulary: its ids, types and words.
fn keeps_to_the_vocabulary(name: &'static str) {
    let case = Case::open(name);
    let source = Source::from_path(case.folder.path().join(case.image()));
    let image = Image::open(&source, &Options::default()).unwrap();
    assert!(!image.installations.is_empty(), "{name}: no Windows");
    for installation in &image.installations {
        let collected = goldseal::facts::collect(installation, Limits::default());
        let none: [String; 0] = [];
        assert_eq!(vocabulary::violations(&collected.facts), none, "{name}");
    }
}

fn same_as_golden(path: &Path, found: &str) {
    if std::env::var_os("GOLDSEAL_BLESS").is_some() {
        fs::write(path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    let differing = expected
        .lines()
        .zip(found.lines())
        .enumerate()
        .find(|(_, (old, new))| old != new);
    let first = differing.map_or("one of them is longer".to_owned(), |(line, (old, new))| {
        format!("line {}:\n  expected {old}\n  found    {new}", line + 1)
    });
    assert!(
        expected == found,
        "{}: the report is not the reviewed one; {first}",
        path.display()
    );
}

/// Rules that no image can decide one way, each with the reason.
const NEVER_FIRED: &[(&str, &str)] = &[(
    "SYS-003",
    "nothing in an image proves that the machine was in production; only the operator can say so",
)];
const NEVER_CLEAR: &[(&str, &str)] = &[
    (
        "SYS-003",
        "nothing in an image proves that the machine never was in production; only the operator can say so",
    ),
    (
        "SYS-008",
        "every Windows within its scope has a limit of runs, and the rule states it",
    ),
    (
        "XPE-001",
        "a second seal may have left no trace: logs can be cleared, write filters drop what is written",
    ),
    (
        "XPE-002",
        "the same holds for a first seal that was booted since",
    ),
];

/// Every rule of the catalogue fires for one of the images and is clear for another, in its report and by what the recipe
/// states by hand: a fact that no reader ever yields would make a rule pass in silence.
#[test]
fn every_rule_is_seen_fired_and_clear() {
    if std::env::var_os("GOLDSEAL_BLESS").is_some() {
        // The reports are being written.
        return;
    }
    let mut reported: BTreeSet<(String, String)> = BTreeSet::new();
    let mut stated = reported.clone();
    for folder in fs::read_dir(cases()).unwrap() {
        let folder = folder.unwrap().path();
        let recipe: toml::Table = fs::read_to_string(folder.join("recipe.toml"))
            .unwrap()
            .parse()
            .unwrap();
        for expect in array(&recipe, "expect") {
            for outcome in ["fired", "clear"] {
                let rules = array(expect.as_table().unwrap(), outcome).iter();
                let rules = rules.map(|rule| rule.as_str().unwrap().to_owned());
                stated.extend(rules.map(|rule| (rule, outcome.to_owned())));
            }
        }
        let report = fs::read_to_string(folder.join("expected.json")).unwrap();
        let reports: Vec<Json> = serde_json::from_str(&report).unwrap();
        let findings = reports
            .iter()
            .flat_map(|report| report["findings"].as_array().unwrap());
        let word = |finding: &Json, key: &str| finding[key].as_str().unwrap().to_owned();
        reported.extend(findings.map(|one| (word(one, "rule"), word(one, "outcome"))));
    }
    let catalogue = Catalogue::built_in().unwrap();
    for (outcome, exceptions) in [("fired", NEVER_FIRED), ("clear", NEVER_CLEAR)] {
        let excepted: Vec<&str> = exceptions.iter().map(|(id, _)| *id).collect();
        for (source, seen) in [("reports", &reported), ("recipes", &stated)] {
            let missing: Vec<&str> = catalogue
                .rules()
                .iter()
                .map(|rule| rule.id.as_str())
                .filter(|id| !seen.contains(&((*id).to_owned(), outcome.to_owned())))
                .collect();
            assert_eq!(
                missing, excepted,
                "rules that are never {outcome} in the {source}"
            );
        }
    }
}

/// Three tests for each case; the module's name is the sentence.
macro_rules! cases {
    ($($sentence:ident: $name:literal,)*) => {
        $(mod $sentence {
            #[test]
            fn the_recipe_holds() {
                super::holds_what_the_recipe_states($name);
            }

            #[test]
            fn the_facts_keep_to_the_vocabulary() {
                super::keeps_to_the_vocabulary($name);
            }

            #[test]
            fn the_report_is_the_reviewed_one() {
                super::reports_as_reviewed($name);
            }
        })*

        #[test]
        fn every_case_folder_has_its_tests() {
            let mut folders: Vec<String> =
                fs::read_dir(cases()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            folders.sort();
            let mut tested = vec![$($name),*];
            tested.sort_unstable();
            assert_eq!(folders, tested);
        }
    };
}

cases! {
    nt4_with_sp6a_iis4_and_ie501_needs_someone_to_vouch_for_its_keys: "nt40_sp6a_iis4_ie501",
    nt4_with_sp5_and_iis4_is_blocked: "nt40_sp5",
    nt4_on_fat16_is_judged_like_nt4_on_ntfs: "nt40_fat16",
    windows_2000_with_iis5_and_ie501_may_be_cloned: "w2k_iis5",
    a_copy_that_lacks_its_last_part_is_not_safe: "w2k_last_part_lost",
    windows_2000_with_ie50_is_blocked: "w2k_iis5_ie50",
    windows_2000_with_a_prerelease_of_ie501_is_blocked: "w2k_iis5_ie_prerelease",
    windows_2000_with_keys_of_another_machine_guid_is_blocked: "w2k_kb884872_mismatch",
    windows_2000_whose_metabase_opens_with_the_old_key_only: "w2k_kb884872_swap",
    windows_2000_whose_machine_guid_was_reset_under_load_as_kb884872_tells: "w2k_kb884872_full",
    the_same_server_with_an_event_log_that_was_never_closed: "w2k_kb884872_dirty_log",
    windows_2000_whose_msdtc_is_disabled_and_whose_iis_is_whole: "w2k_msdtc_disabled",
    windows_2000_on_which_iis_was_set_up_anew: "w2k_iis_reinstalled",
    windows_2000_on_a_cluster_node_whose_msdtc_fails: "w2k_cluster_node",
    windows_2000_whose_key_file_may_only_be_read_is_blocked: "w2k_acl_read_only",
    windows_2000_with_the_same_events_of_other_services: "w2k_other_service_7023",
    xp_sp2_deployed_with_iischema_update_is_blocked: "xp_kb889073_deployed",
    an_armed_xp_embedded_image_needs_someone_to_vouch_for_one_seal: "xpe_armed_never_booted",
    xp_embedded_sealed_twice_is_blocked: "xpe_sealed_twice",
    xp_embedded_whose_former_sid_is_in_the_security_descriptors_only: "xpe_former_sid",
    windows_7_with_every_identity_that_clones_must_not_share: "win7_every_identity",
    windows_2000_whose_right_key_file_efs_encrypts: "w2k_kb884872_efs",
    xp_embedded_that_was_booted_as_a_clone_must_not_be_sealed_again: "xpe_booted_tool_put_back",
    xp_embedded_with_a_service_that_races_msdtc_is_warned_about: "xpe_race_service",
    server_2003_with_iis6_may_be_cloned: "w2k3_iis6",
    server_2003_whose_paired_key_lacks_its_master_key: "w2k3_key_without_master_key",
    server_2003_whose_backup_copies_alone_fit_its_key: "w2k3_backup_paired",
    xp_with_the_iis_key_of_one_name_in_two_folders: "xp_key_in_two_folders",
    german_xp_is_found_by_its_registry_and_not_by_english_names: "xp_german",
    windows_7_that_is_not_generalized_may_be_sealed_only: "win7_not_generalized",
    windows_10_sealed_to_oobe_may_be_cloned: "win10_sealed_oobe",
    upgraded_server_2022_in_a_domain_may_be_sealed_only: "srv2022_upgraded_domain",
    server_2016_generalized_with_old_iis6_keys_is_blocked: "srv2016_iis6compat_modevm",
    a_sealed_server_2016_that_still_holds_the_old_machine_guid_is_blocked: "srv2016_sealed_old_guid",
    server_2016_with_iis6_management_is_warned_before_sealing: "srv2016_iis6compat_unsealed",
    a_copy_of_a_sealed_server_2016_whose_iis_admin_fails: "srv2016_iis6compat_copy",
    server_2016_with_encrypted_values_in_its_configuration_is_blocked: "srv2016_encrypted_config",
    nt_351_with_iis1_is_blocked_and_one_without_is_not: "nt351_iis1",
    nt4_on_a_cluster_node_with_everything_wrong: "nt40_cluster_iissync",
    nt4_on_a_cluster_node_with_nothing_else_wrong: "nt40_cluster_sound",
    nt4_terminal_servers_with_the_option_pack_and_with_iis3: "nt40_terminal_servers",
    nt_embedded_with_cloning_switched_off_and_armed: "nt40_embedded_pws",
    windows_2000_domain_controller_on_a_cluster_node_with_everything_wrong: "w2k_cluster_controller",
    xp_embedded_sealed_with_everything_wrong_and_booted_since: "xpe_two_systems",
    server_2003_whose_ftp_was_lost_on_reseal: "w2k3_ftp_factory",
    windows_7_with_a_broken_seal_beside_windows_10_that_is_undeployable: "win7_beside_win10_broken_seals",
    two_installations_on_a_disk_are_judged_each_for_itself: "two_installations",
    a_damaged_software_hive_leaves_the_verdict_open: "software_corrupt",
    logs_of_dirty_hives_decide_the_verdict: "dirty_hives_logs_change_verdict",
}
