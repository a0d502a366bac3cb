//! Expected states: the procedure of the hotfix table (fixed, partly, not, prerequisite missing, not applicable).

use crate::evidence::{Evidence, Fact, Value};
use crate::facts::hotfix::collect;
use crate::facts::hotfix::table::{FILES, Role};
use crate::facts::test_hive::TestHive;
use crate::facts::test_image::{TestImage, detail, expect, first_evidence, pe};

const STATE: &str = "hotfix.kb884872";
const DISAGREES: &str = "hotfix.registry_disagrees";
/// Below every row of the table.
const OLD: [u16; 4] = [5, 0, 2195, 6601];

/// Windows 2000 of a service pack with an empty registry and the files of the table that `version` gives.
fn windows_2000(
    service_pack: i64,
    registry: TestHive,
    version: impl Fn(&str, [u16; 4], Role) -> Option<[u16; 4]>,
) -> TestImage {
    let mut image = TestImage::new("5.0", "none")
        .fact("os.build", Value::Int(2195))
        .fact("os.sp", Value::Int(service_pack))
        .file("WINDOWS\\system32\\config\\SOFTWARE", registry.bytes());
    for file in FILES {
        if let Some(version) = version(file.path, file.fixed, file.role) {
            image = image.file(&format!("WINDOWS\\{}", file.path), pe(version));
        }
    }
    image
}

/// Every file at the version of its row.
fn all_fixed(service_pack: i64, registry: TestHive) -> TestImage {
    windows_2000(service_pack, registry, |_, fixed, _| Some(fixed))
}

fn is(path: &str, name: &str) -> bool {
    path.ends_with(name)
}

fn hotfix_key() -> TestHive {
    TestHive::new().number(
        "Microsoft\\Windows NT\\CurrentVersion\\Hotfix\\KB884872",
        "Installed",
        1,
    )
}

/// The article: 45 rows, 42 different files, four providers among them.
#[test]
fn the_table_has_the_42_files_of_the_article() {
    assert_eq!(FILES.len(), 42);
    let core: Vec<&str> = FILES
        .iter()
        .filter(|file| file.role == Role::Core)
        .map(|file| file.path)
        .collect();
    let names = ["dssbase", "dssenh", "rsabase", "rsaenh"];
    assert_eq!(core, names.map(|name| format!("system32\\{name}.dll")));
}

#[test]
fn all_files_at_their_versions_are_fixed_with_one_line_a_file() {
    let facts = all_fixed(4, hotfix_key()).collect(&[collect]);
    expect(&facts, &[(STATE, "fixed"), (DISAGREES, "no")]);
    let evidence: &[Evidence] = facts.get(STATE).unwrap().evidence();
    assert_eq!(evidence.len(), 42);
    assert_eq!(
        evidence[0].raw.as_deref(),
        Some("5.0.2195.6972, fixed from 5.0.2195.6972 on: fixed")
    );
}

#[test]
fn a_later_version_is_fixed_too_and_parts_are_compared_as_numbers() {
    let facts = windows_2000(4, hotfix_key(), |path, fixed, _| {
        Some(if is(path, "rsaenh.dll") {
            [5, 0, 2195, 10_000]
        } else {
            fixed
        })
    })
    .collect(&[collect]);
    expect(&facts, &[(STATE, "fixed")]);
}

#[test]
fn one_older_provider_is_not_fixed_whatever_else_is_missing() {
    let facts = windows_2000(4, TestHive::new(), |path, _, _| {
        is(path, "rsaenh.dll").then_some(OLD)
    })
    .collect(&[collect]);
    expect(&facts, &[(STATE, "not_fixed"), (DISAGREES, "no")]);
    let line = first_evidence(&facts, STATE);
    assert_eq!(
        line.raw.as_deref(),
        Some("5.0.2195.6601, fixed from 5.0.2195.6972 on: older")
    );
    assert!(line.locator.to_string().ends_with("rsaenh.dll"));
}

#[test]
fn one_older_companion_is_partly_fixed() {
    let facts = windows_2000(4, hotfix_key(), |path, fixed, _| {
        Some(if is(path, "msgina.dll") { OLD } else { fixed })
    })
    .collect(&[collect]);
    expect(&facts, &[(STATE, "partly_fixed"), (DISAGREES, "yes")]);
}

#[test]
fn companions_that_are_not_there_do_not_count() {
    let facts = windows_2000(4, hotfix_key(), |_, fixed, role| {
        (role == Role::Core).then_some(fixed)
    })
    .collect(&[collect]);
    expect(&facts, &[(STATE, "fixed")]);
}

#[test]
fn a_missing_provider_leaves_the_state_unknown_and_is_named() {
    let facts = windows_2000(4, hotfix_key(), |path, fixed, _| {
        (!is(path, "dssenh.dll")).then_some(if is(path, "msgina.dll") { OLD } else { fixed })
    })
    .collect(&[collect]);
    expect(
        &facts,
        &[
            (STATE, "unknown:not_provided"),
            (DISAGREES, "unknown:not_provided"),
        ],
    );
    assert!(detail(&facts, STATE).starts_with("not there; this file decides"));
}

#[test]
fn a_companion_that_cannot_be_read_denies_fixed_and_not_partly_fixed() {
    let with = |old: &'static str| {
        windows_2000(4, hotfix_key(), move |path, fixed, _| {
            Some(if is(path, old) { OLD } else { fixed })
        })
        .broken("WINDOWS\\system32\\user32.dll")
        .collect(&[collect])
    };
    expect(&with("nothing"), &[(STATE, "unknown:unreadable")]);
    expect(&with("msgina.dll"), &[(STATE, "partly_fixed")]);
    expect(&with("rsabase.dll"), &[(STATE, "not_fixed")]);
}

#[test]
fn copies_in_dllcache_do_not_count() {
    let facts = windows_2000(4, TestHive::new(), |_, _, role| {
        (role == Role::Core).then_some(OLD)
    })
    .file(
        "WINDOWS\\system32\\dllcache\\rsaenh.dll",
        pe([5, 0, 2195, 6972]),
    )
    .collect(&[collect]);
    expect(&facts, &[(STATE, "not_fixed")]);
}

#[test]
fn below_service_pack_3_the_prerequisite_is_missing() {
    let facts = all_fixed(2, TestHive::new()).collect(&[collect]);
    expect(
        &facts,
        &[(STATE, "prerequisite_missing"), (DISAGREES, "no")],
    );
}

#[test]
fn an_unknown_service_pack_leaves_the_state_unknown() {
    let facts = TestImage::new("5.0", "none")
        .fact("os.build", Value::Int(2195))
        .collect(&[collect]);
    expect(&facts, &[(STATE, "unknown:not_provided")]);
}

#[test]
fn the_hotfix_is_for_windows_2000_alone() {
    for version in ["4.0", "5.1", "10.0"] {
        let facts = TestImage::new(version, "none").collect(&[collect]);
        expect(&facts, &[(STATE, "not_applicable"), (DISAGREES, "no")]);
    }
    let beta = TestImage::new("5.0", "none")
        .fact("os.build", Value::Int(2128))
        .collect(&[collect]);
    expect(&beta, &[(STATE, "not_applicable")]);
}

#[test]
fn a_record_of_either_kind_without_the_files_disagrees() {
    let update = TestHive::new().key("Microsoft\\Updates\\Windows 2000\\SP5\\KB884872");
    for registry in [hotfix_key(), update] {
        let facts = windows_2000(4, registry, |_, _, _| Some(OLD)).collect(&[collect]);
        expect(&facts, &[(STATE, "not_fixed"), (DISAGREES, "yes")]);
    }
}

#[test]
fn files_without_a_record_disagree_unless_the_rollup_is_recorded() {
    let rollup = TestHive::new().key("Microsoft\\Updates\\Windows 2000\\SP5\\Update Rollup 1");
    for (registry, disagrees) in [(TestHive::new(), "yes"), (rollup, "no")] {
        let facts = all_fixed(4, registry).collect(&[collect]);
        expect(&facts, &[(STATE, "fixed"), (DISAGREES, disagrees)]);
    }
}

#[test]
fn without_a_registry_the_state_is_known_and_the_disagreement_is_not() {
    let facts = all_fixed(4, TestHive::new())
        .broken("WINDOWS\\system32\\config\\SOFTWARE")
        .collect(&[collect]);
    expect(&facts, &[(STATE, "fixed")]);
    assert!(matches!(facts.get(DISAGREES), Some(Fact::Unknown(_))));
}

/// How many files show what, by hotfix.kb884872_files.
fn sum(facts: &crate::facts::Facts) -> String {
    crate::facts::hotfix::summary(facts).unwrap()
}

#[test]
fn every_file_has_its_line_where_one_cannot_be_read_and_another_that_decides_is_missing() {
    let unreadable = all_fixed(4, hotfix_key())
        .broken("WINDOWS\\system32\\user32.dll")
        .collect(&[collect]);
    expect(&unreadable, &[(STATE, "unknown:unreadable")]);
    let said = "of 42 files 41 at or above their versions, 1 not seen";
    assert_eq!(sum(&unreadable), said);
    assert!(detail(&unreadable, STATE).contains(said));
    assert_eq!(crate::facts::hotfix::lines(&unreadable).len(), 42);

    let one_missing = windows_2000(4, hotfix_key(), |path, fixed, _| {
        (!is(path, "rsaenh.dll")).then_some(fixed)
    })
    .collect(&[collect]);
    expect(&one_missing, &[(STATE, "unknown:not_provided")]);
    let said = "of 42 files 41 at or above their versions, 1 not there";
    assert_eq!(sum(&one_missing), said);
}

#[test]
fn fixed_says_how_many_files_were_there() {
    let facts = windows_2000(4, hotfix_key(), |_, fixed, role| {
        (role == Role::Core).then_some(fixed)
    })
    .collect(&[collect]);
    expect(&facts, &[(STATE, "fixed")]);
    let said = "of 42 files 4 at or above their versions, 38 not there";
    assert_eq!(sum(&facts), said);
}

#[test]
fn before_service_pack_3_the_files_have_their_lines_too() {
    let facts = windows_2000(2, TestHive::new(), |_, _, _| Some(OLD)).collect(&[collect]);
    expect(&facts, &[(STATE, "prerequisite_missing")]);
    assert_eq!(sum(&facts), "of 42 files 42 older");
    let lines = crate::facts::hotfix::lines(&facts);
    let rsaenh = "rsaenh.dll: 5.0.2195.6601, fixed from 5.0.2195.6972 on: older";
    assert!(lines.contains(&rsaenh.to_owned()), "{lines:?}");
}
