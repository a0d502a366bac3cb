//! Every known event in the logs of `scripts/make_signature_logs.py`, and what only looks like one. What a record must be known
//! as stands in the name of its computer.

use std::collections::BTreeSet;

use crate::artifact::event_log::{self, EventRecord, Query};
use crate::evidence::Value;
use crate::facts::event_logs::collect_all;
use crate::facts::event_logs::names::ServiceNames;
use crate::facts::event_logs::signatures::SIGNATURES;
use crate::facts::test_image::{TestImage, expect};
use crate::facts::{Context, Facts};

/// Events that exist before Vista only, and from Vista on only.
const OLD_ONLY: [&str; 1] = ["EVT-7000-PSYSDUP2"];
const NEW_ONLY: [&str; 2] = ["EVT-4454-MSDTC", "EVT-6167-LSASRV"];

fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/event_logs/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

fn records(name: &str) -> Vec<EventRecord> {
    let mut records = Vec::new();
    let summary = event_log::read(&sample(name), &Query::default(), &mut |record| {
        records.push(record);
    });
    let summary = summary.unwrap();
    assert_eq!((summary.damaged, summary.recovered), (0, 0), "{name}");
    records
}

/// The known events that a record is.
fn known(record: &EventRecord) -> Vec<&'static str> {
    let names = ServiceNames::default();
    let known = SIGNATURES.iter().filter(|known| known.is(record, &names));
    known.map(|known| known.id).collect()
}

#[test]
fn every_known_event_is_known_in_both_formats_and_in_every_spelling() {
    for (name, missing) in [
        ("signatures.evt", NEW_ONLY.as_slice()),
        ("signatures.evtx", OLD_ONLY.as_slice()),
    ] {
        let mut seen = BTreeSet::new();
        for record in records(name) {
            assert_eq!(
                known(&record),
                [record.computer.as_str()],
                "{name}: {record:?}"
            );
            seen.insert(record.computer);
        }
        let not_seen: Vec<&str> = SIGNATURES
            .iter()
            .map(|signature| signature.id)
            .filter(|id| !seen.contains(*id))
            .collect();
        assert_eq!(
            BTreeSet::from_iter(not_seen),
            missing.iter().copied().collect(),
            "{name}"
        );
    }
}

#[test]
fn what_differs_from_a_known_event_in_one_thing_is_not_that_event() {
    for name in ["lookalikes.evt", "lookalikes.evtx"] {
        let records = records(name);
        assert!(records.len() > 45, "{name}");
        for record in records {
            assert_eq!(record.computer, "NONE");
            assert!(known(&record).is_empty(), "{name}: {record:?}");
        }
    }
}

/// The facts of an installation with that System log and an Application log of look-alikes.
fn facts(log: &str, ending: &str) -> Facts {
    let (system, application) = if ending == "evt" {
        ("config\\SysEvent.Evt", "config\\AppEvent.Evt")
    } else {
        (
            "winevt\\Logs\\System.evtx",
            "winevt\\Logs\\Application.evtx",
        )
    };
    TestImage::new("5.0", "none")
        .file(
            &format!("WINDOWS\\system32\\{system}"),
            sample(&format!("{log}.{ending}")),
        )
        .file(
            &format!("WINDOWS\\system32\\{application}"),
            sample(&format!("lookalikes.{ending}")),
        )
        .collect(&[|context: &Context<'_>, facts: &mut Facts| drop(collect_all(context, facts))])
}

fn list(facts: &Facts, id: &str) -> Vec<String> {
    match facts.get(id).unwrap().get().unwrap().unwrap().0 {
        Value::List(items) => items.iter().map(Value::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_failure_of_a_service_is_told_and_no_other_event() {
    for ending in ["evt", "evtx"] {
        let expected: Vec<String> = records(&format!("failures.{ending}"))
            .into_iter()
            .map(|record| record.computer)
            .filter(|line| line != "NONE")
            .collect();
        assert_eq!(expected.len(), 13);
        let told = list(&facts("failures", ending), "evt.service_failures");
        let told: Vec<String> = told
            .into_iter()
            .filter(|line| line.ends_with("W3SVC"))
            .collect();
        assert_eq!(told, expected, "{ending}");
    }
}

#[test]
fn renames_boots_reinstalls_updates_and_upgrades_are_known_by_their_source() {
    let old = facts("history", "evt");
    assert_eq!(list(&old, "evt.renames"), ["GOLDEN -> CLONE1"]);
    assert_eq!(list(&old, "evt.updates"), ["KB884872"]);
    expect(&old, &[("evt.boots", "1"), ("evt.msdtc_reinstalls", "1")]);
    let new = facts("history", "evtx");
    assert_eq!(list(&new, "evt.renames"), ["GOLDEN -> CLONE1"]);
    assert_eq!(list(&new, "evt.updates"), Vec::<String>::new());
    expect(&new, &[("evt.boots", "1"), ("evt.upgraded", "yes")]);
}
