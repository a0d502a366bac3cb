//! What a small image with every kind of source gives.

use crate::facts::Collected;
use crate::facts::test_hive::TestHive;
use crate::facts::test_image::TestImage;
use crate::timeline::{Certainty, Filter, Kind, Source, Timeline};

const ASSIGNED: &str = "2005-03-01 09:00:00, Info                         capisp.dll::CryptoSysPrep_Specialize: \
                        assigned CAPI machine guid \"44d42aa2-dee4-4023-bea5-d2f166bbb42c\"\r\n";

fn log(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/event_logs/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

fn image() -> TestImage {
    let software = TestHive::new()
        .number(
            "Microsoft\\Windows NT\\CurrentVersion",
            "InstallDate",
            1_109_635_200,
        )
        .bytes();
    let system = TestHive::new()
        .number("Select", "Current", 1)
        .text(
            "ControlSet001\\Control\\Session Manager\\Environment",
            "WEBUILDDATE",
            "2/28/2005",
        )
        .bytes();
    let prefetch = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/prefetch/v17.pf");
    TestImage::new("5.1", "xpe")
        .file("WINDOWS\\system32\\config\\SOFTWARE", software)
        .file("WINDOWS\\system32\\config\\SYSTEM", system)
        .file(
            "WINDOWS\\system32\\config\\SysEvent.Evt",
            log("kb884872_system.evt"),
        )
        .file(
            "WINDOWS\\system32\\config\\AppEvent.Evt",
            log("clone_application.evt"),
        )
        .file("WINDOWS\\Panther\\setupact.log", ASSIGNED)
        .file(
            "WINDOWS\\Prefetch\\FBRESEAL.EXE-2F1E3C44.pf",
            std::fs::read(prefetch).unwrap(),
        )
}

fn read(filter: &Filter) -> Timeline {
    let mut timeline = Timeline::default();
    image().with(|context, _| {
        timeline = Timeline::read(context, &Collected::default(), filter);
    });
    timeline
}

#[test]
fn entries_of_every_source_stand_in_one_order() {
    let timeline = read(&Filter::default());
    let readings: Vec<_> = timeline
        .entries
        .iter()
        .map(|entry| entry.moment.reading())
        .collect();
    assert!(readings.is_sorted());
    let of = |source: Source| {
        timeline
            .entries
            .iter()
            .filter(|entry| entry.source == source)
            .count()
    };
    for source in [
        Source::EventLog,
        Source::SetupLog,
        Source::Registry,
        Source::Prefetch,
    ] {
        assert!(of(source) > 0, "{source:?}");
    }
    let place = |text: &str| {
        let mut entries = timeline.entries.iter();
        entries
            .position(|entry| entry.text.starts_with(text))
            .unwrap()
    };
    let built = place("the image was built");
    let installed = place("Windows was installed");
    let failed = place("EVT-116-W3SVC");
    let assigned = place("set-up assigned MachineGuid");
    assert!(built < installed && installed < failed && failed < assigned);
    let certainty = |index: usize| timeline.entries[index].moment.certainty();
    assert_eq!(certainty(built), Certainty::DateOnly);
    assert_eq!(certainty(installed), Certainty::Utc);
    assert_eq!(certainty(assigned), Certainty::LocalUnknownZone);
    assert_eq!(
        timeline.entries[assigned].moment.text(),
        "2005-03-01T09:00:00"
    );
}

#[test]
fn a_filter_keeps_what_it_asks_for() {
    let filter = Filter {
        kinds: vec![Kind::Seal],
        sources: vec![Source::EventLog],
        ..Filter::default()
    };
    let texts: Vec<String> = read(&filter)
        .entries
        .into_iter()
        .map(|entry| entry.text)
        .collect();
    assert_eq!(
        texts,
        [
            "MSDTC was removed (MSDTC 4105)",
            "MSDTC was installed (MSDTC 4104)",
            "MSDTC was removed (MSDTC 4105)",
            "MSDTC was installed (MSDTC 4104)",
        ]
    );
}

#[test]
fn a_source_that_cannot_be_read_is_named() {
    let broken = TestImage::new("5.1", "xpe").broken("WINDOWS\\Panther\\setupact.log");
    broken.with(|context, _| {
        let timeline = Timeline::read(context, &Collected::default(), &Filter::default());
        let unseen: Vec<Source> = timeline.unseen.iter().map(|unseen| unseen.source).collect();
        assert!(unseen.contains(&Source::SetupLog), "{unseen:?}");
        assert_eq!(timeline.entries, []);
    });
}
