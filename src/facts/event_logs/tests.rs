//! What the synthetic logs of `testdata/event_logs` show in an installation.

use crate::evidence::Value;
use crate::facts::event_logs::{IDS, not_read};
use crate::facts::test_hive::TestHive;
use crate::facts::test_image::{TestImage, detail, expect, first_evidence};
use crate::facts::{Context, Facts};

const SYSTEM: &str = "WINDOWS\\system32\\config\\SysEvent.Evt";
const APPLICATION: &str = "WINDOWS\\system32\\config\\AppEvent.Evt";

fn collect(context: &Context<'_>, facts: &mut Facts) {
    drop(super::collect(context, facts));
}

fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/event_logs/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

/// Windows 2000 with these two logs.
fn image(system: &str, application: &str) -> TestImage {
    TestImage::new("5.0", "none")
        .file(SYSTEM, sample(system))
        .file(APPLICATION, sample(application))
}

fn list(facts: &Facts, id: &str) -> Value {
    facts.get(id).unwrap().get().unwrap().unwrap().0.clone()
}

#[test]
fn the_failure_of_kb884872_is_known_by_source_id_strings_and_data() {
    let facts = image("kb884872_system.evt", "clone_application.evt").collect(&[collect]);
    assert_eq!(
        list(&facts, "evt.signatures"),
        Value::texts([
            "EVT-116-W3SVC",
            "EVT-116-SMTPSVC",
            "EVT-7023-W3SVC-PATH",
            "EVT-IISADMIN-80090006",
            "EVT-4101-MSDTC",
            "EVT-4440-COMPLUS",
        ])
    );
    assert_eq!(
        list(&facts, "evt.service_failures"),
        Value::texts(["7023 W3SVC", "7024 IISADMIN", "7001 W3SVC"])
    );
    assert!(facts.incomplete("evt.signatures").is_none());
    let first = first_evidence(&facts, "evt.signatures");
    assert_eq!(
        first.raw.as_deref(),
        Some("2005-03-01T08:01:00Z; W3SVC 116; /LM/W3SVC/; data 03000000")
    );
    assert!(first.locator.to_string().ends_with("record 3"));
}

#[test]
fn names_boots_updates_and_reinstalls_are_read() {
    let facts = image("kb884872_system.evt", "clone_application.evt").collect(&[collect]);
    assert_eq!(
        list(&facts, "evt.renames"),
        Value::texts(["GOLDEN -> CLONE1"])
    );
    assert_eq!(list(&facts, "evt.updates"), Value::texts(["KB884872"]));
    assert_eq!(
        list(&facts, "evt.computer_names"),
        Value::texts(["GOLDEN", "CLONE1"])
    );
    // Event 4104 of another source than MSDTC is not a pair.
    expect(
        &facts,
        &[
            ("evt.boots", "1"),
            ("evt.msdtc_reinstalls", "2"),
            ("evt.upgraded", "absent"),
        ],
    );
}

#[test]
fn a_dirty_log_shows_what_a_clean_one_shows() {
    let clean = image("kb884872_system.evt", "clone_application.evt").collect(&[collect]);
    let dirty = image("dirty.evt", "clone_application.evt").collect(&[collect]);
    for id in IDS {
        assert_eq!(clean.get(id), dirty.get(id), "{id}");
    }
}

#[test]
fn a_log_that_is_missing_leaves_what_rests_on_it_open() {
    let facts = TestImage::new("5.0", "none")
        .file(SYSTEM, sample("kb884872_system.evt"))
        .collect(&[collect]);
    expect(&facts, &[("evt.msdtc_reinstalls", "unknown:not_provided")]);
    assert!(facts.incomplete("evt.signatures").is_some());
    assert!(facts.incomplete("evt.renames").is_none());
}

#[test]
fn logs_that_show_nothing_are_an_empty_list_only_if_both_were_read() {
    let both = image("wrapped.evt", "german_system.evt").collect(&[collect]);
    expect(&both, &[("evt.renames", "(none)")]);
    let broken = TestImage::new("5.0", "none")
        .broken(SYSTEM)
        .file(APPLICATION, sample("german_system.evt"))
        .collect(&[collect]);
    expect(
        &broken,
        &[
            ("evt.signatures", "unknown:unreadable"),
            ("evt.boots", "unknown:unreadable"),
        ],
    );
    let none = TestImage::new("5.0", "none").collect(&[collect]);
    for id in IDS {
        expect(&none, &[(id, "unknown:not_provided")]);
    }
}

#[test]
fn logs_that_nobody_asked_for_are_unknown_and_say_so() {
    let facts = image("kb884872_system.evt", "clone_application.evt").collect(&[not_read]);
    for id in IDS {
        assert!(detail(&facts, id).contains("were not read"), "{id}");
    }
}

#[test]
fn a_log_that_is_cut_off_or_damaged_is_not_taken_for_whole() {
    let whole = sample("kb884872_system.evt");
    let cut = TestImage::new("5.0", "none")
        .file(SYSTEM, &whole[..1000])
        .collect(&[collect]);
    expect(
        &cut,
        &[
            ("evt.updates", "unknown:corrupt"),
            ("evt.boots", "unknown:corrupt"),
        ],
    );
    assert!(detail(&cut, "evt.boots").contains("shorter than its header"));
    let damaged = image("lying.evt", "clone_application.evt").collect(&[collect]);
    expect(&damaged, &[("evt.boots", "unknown:corrupt")]);
    assert!(damaged.incomplete("evt.signatures").is_some());
}

#[test]
fn a_log_that_the_registry_names_elsewhere_leaves_the_one_at_the_usual_place_incomplete() {
    let registered = |file: &str| {
        let system = TestHive::new()
            .number("Select", "Current", 1)
            .text("ControlSet001\\Services\\EventLog\\System", "File", file)
            .bytes();
        let software = TestHive::new()
            .text(
                "Microsoft\\Windows NT\\CurrentVersion",
                "SystemRoot",
                "C:\\WINDOWS",
            )
            .bytes();
        image("kb884872_system.evt", "clone_application.evt")
            .file("WINDOWS\\system32\\config\\SYSTEM", system)
            .file("WINDOWS\\system32\\config\\SOFTWARE", software)
            .collect(&[collect])
    };
    for file in ["D:\\Logs\\SysEvent.Evt", "C:\\Logs\\SysEvent.Evt"] {
        let facts = registered(file);
        assert!(facts.incomplete("evt.renames").is_some(), "{file}");
        expect(&facts, &[("evt.boots", "unknown:not_provided")]);
    }
    let facts = registered("%SystemRoot%\\system32\\config\\SysEvent.Evt");
    assert!(facts.incomplete("evt.renames").is_none());
}
