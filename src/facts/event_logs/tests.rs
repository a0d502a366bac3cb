//! What the synthetic logs of `testdata/event_logs` show in an installation.

use crate::evidence::Value;
use crate::facts::event_logs::{CloneMarks, Failures, IDS, collect_all, not_read};
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

/// What the logs tell of failures and of boots of clones.
fn told(image: TestImage) -> (Failures, CloneMarks) {
    let mut answer = (Failures::default(), CloneMarks::default());
    image.with(|context, facts| {
        let told = collect_all(context, facts);
        answer = (told.failures, told.marks);
    });
    answer
}

#[test]
fn event_116_is_a_failure_of_iis_whatever_its_code_and_known_only_with_code_3() {
    let (failures, _) = told(image("clock_system.evt", "clone_application.evt"));
    let denied = failures.kinds.iter().find(|kind| kind.event_id == 116);
    let denied = denied.unwrap();
    assert_eq!((denied.service, denied.code), (Some("W3SVC"), Some(5)));
    assert_eq!(denied.signature, None);
}

#[test]
fn a_clock_that_was_set_back_does_not_move_when_a_failure_began() {
    let mut notes = Vec::new();
    image("clock_system.evt", "clone_application.evt").with(|context, facts| {
        notes = collect_all(context, facts).notes;
    });
    let (failures, _) = told(image("clock_system.evt", "clone_application.evt"));
    let of_iis = failures.kinds.iter().find(|kind| kind.event_id == 7024);
    let of_iis = of_iis.unwrap();
    // The second record is of 1980 by the clock and the later one by its number.
    assert_eq!(of_iis.count, 2);
    let time = |time: Option<super::EventTime>| time.unwrap().to_rfc3339().unwrap();
    assert_eq!(time(of_iis.first), "2005-03-01T08:01:02Z");
    assert_eq!(time(of_iis.last), "2005-03-01T08:01:02Z");
    assert!(of_iis.evidence.locator.to_string().ends_with("record 4"));
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].contains("first at record 4, from 2005-03-01T08:01:02Z to 1980-01-01T00:01:00Z"),
        "{notes:?}"
    );
}

#[test]
fn msdtc_is_reinstalled_where_both_events_stand_together() {
    let sample = || image("kb884872_system.evt", "msdtc_application.evt");
    // Behind 4101, and across the clock that was set back; a removal and an installation a year apart are none.
    expect(
        &sample().collect(&[collect]),
        &[("evt.msdtc_reinstalls", "2")],
    );
    let (_, marks) = told(sample());
    let times: Vec<String> = marks
        .reinstalls
        .iter()
        .map(|mark| mark.time.to_rfc3339().unwrap())
        .collect();
    assert_eq!(
        times,
        [
            "2005-03-01T08:02:10.0000000Z",
            // The clock was set back to 2002 behind the removal.
            "2007-03-01T08:01:00.0000000Z",
        ]
    );
    assert_eq!(marks.duplicates.len(), 1);
}

#[test]
fn a_failure_of_msdtc_is_mended_by_what_the_log_tells_later() {
    let (failures, _) = told(image("kb884872_system.evt", "msdtc_application.evt"));
    let mended = |id: u32| {
        let mut kinds = failures.kinds.iter();
        let kind = kinds.find(|kind| kind.event_id == id).unwrap();
        kind.mended.as_ref().map(|one| (one.what, one.record))
    };
    assert_eq!(
        mended(4101),
        Some(("MSDTC was removed and installed again", 3))
    );
    assert_eq!(mended(4163), Some(("MSDTC has started", 9)));
    // The double was met after both reinstalls.
    let (failures, _) = told(image("kb884872_system.evt", "clone_application.evt"));
    let double = failures.kinds.iter().find(|kind| kind.event_id == 4101);
    assert_eq!(double.unwrap().mended, None);
}

#[test]
fn a_log_that_holds_no_record_tells_nothing() {
    let facts = image("empty.evt", "clone_application.evt").collect(&[collect]);
    for id in ["evt.boots", "evt.renames", "evt.upgraded"] {
        expect(&facts, &[(id, "unknown:not_provided")]);
        assert_eq!(detail(&facts, id), "the System log holds no record");
    }
    assert!(facts.incomplete("evt.signatures").is_some());
    let (failures, marks) = told(image("empty.evt", "clone_application.evt"));
    assert_eq!(failures.reach[0].records, 0);
    assert_eq!(marks.gaps, ["the System log holds no record"]);
}

/// SOFTWARE of a Windows that was installed so many days before the first record of the samples.
fn installed_before(days: u32) -> Vec<u8> {
    let seconds = 1_109_664_000 - days * 86_400;
    TestHive::new()
        .number(
            "Microsoft\\Windows NT\\CurrentVersion",
            "InstallDate",
            seconds,
        )
        .bytes()
}

#[test]
fn a_log_that_was_never_full_and_begins_days_after_the_installation_was_emptied() {
    let software = "WINDOWS\\system32\\config\\SOFTWARE";
    let installed = |system: &str, days: u32| {
        image(system, "german_system.evt").file(software, installed_before(days))
    };
    let facts = installed("kb884872_system.evt", 1).collect(&[collect]);
    assert!(facts.incomplete("evt.renames").is_none());
    let facts = installed("kb884872_system.evt", 30).collect(&[collect]);
    assert!(facts.incomplete("evt.renames").is_some());
    expect(&facts, &[("evt.boots", "unknown:not_provided")]);
    let why = detail(&facts, "evt.boots");
    assert!(
        why.contains("begins at 2005-03-01T08:00:00Z, 30 days after Windows was installed"),
        "{why}"
    );
    assert!(why.ends_with("it shows 1"), "{why}");
    // A ring that was full has lost its begin by itself: what it shows stays, and how far back it goes is told.
    let facts = installed("wrapped.evt", 30).collect(&[collect]);
    expect(&facts, &[("evt.boots", "2"), ("evt.renames", "(none)")]);
    let raw = first_evidence(&facts, "evt.renames").raw.clone();
    assert_eq!(
        raw.as_deref(),
        Some(
            "the System log goes back to 2005-03-01T08:00:03Z (record 3, older ones were overwritten)"
        )
    );
}

#[test]
fn a_second_copy_of_a_log_counts_once() {
    let system = TestHive::new()
        .number("Select", "Current", 1)
        .text(
            "ControlSet001\\Services\\EventLog\\Application",
            "File",
            "%SystemRoot%\\Logs\\AppEvent.Evt",
        )
        .bytes();
    let facts = image("kb884872_system.evt", "clone_application.evt")
        .file(
            "WINDOWS\\Logs\\AppEvent.Evt",
            sample("clone_application.evt"),
        )
        .file("WINDOWS\\system32\\config\\SYSTEM", system)
        .collect(&[collect]);
    expect(&facts, &[("evt.msdtc_reinstalls", "2")]);
}

#[test]
fn failures_of_a_service_that_is_named_in_another_language_are_not_none() {
    let system = |display: &str| {
        TestHive::new()
            .number("Select", "Current", 1)
            .text("ControlSet001\\Services\\IISADMIN", "DisplayName", display)
            .bytes()
    };
    let facts = |display: &str| {
        image("german_system.evt", "clone_application.evt")
            .file("WINDOWS\\system32\\config\\SYSTEM", system(display))
            .collect(&[collect])
    };
    let place = facts("@%windir%\\system32\\inetsrv\\iisres.dll,-30007");
    expect(&place, &[("evt.service_failures", "unknown:unsupported")]);
    assert!(place.incomplete("evt.signatures").is_some());
    let text = facts("IIS-Verwaltungsdienst");
    expect(&text, &[("evt.service_failures", "7024 IISADMIN")]);
}
