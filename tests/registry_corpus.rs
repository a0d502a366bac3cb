//! Hives of the shared corpus: every file opened, facts of python-registry, replay as yarp and Windows do it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

#[path = "support/corpus.rs"]
mod corpus;

use goldseal::artifact::registry::{Hive, HiveLog, Key, KeyValue};
use goldseal::base::limits::Limits;
use goldseal::error::ErrorKind;
use goldseal::evidence::HiveState;
use serde_json::Value;

/// The files of the corpus that hold a log and no hive.
fn is_log(name: &str) -> bool {
    name.contains(".log1") || name.contains(".log2") || name.contains("oldlogwithremnantdata")
}

/// The logs beside a hive.
fn logs_of(name: &str) -> Vec<HiveLog> {
    let stem = name.trim_end_matches(".zst").trim_end_matches(".xz");
    corpus::names("hives")
        .into_iter()
        .filter(|other| is_log(other) && other.starts_with(&format!("{stem}.log")))
        .map(|other| HiveLog::new(other.clone(), corpus::read(&other)))
        .collect()
}

fn open(name: &str, logs: &[HiveLog]) -> goldseal::error::Result<Hive> {
    Hive::parse(corpus::read(name), logs, &Limits::default())
}

#[test]
fn every_log_is_refused_as_a_hive() {
    if corpus::folder().is_none() {
        return;
    }
    for name in corpus::names("hives").iter().filter(|name| is_log(name)) {
        let kind = open(name, &[]).unwrap_err().kind();
        assert!(
            matches!(kind, ErrorKind::Unsupported | ErrorKind::InvalidFormat),
            "{name}: {kind:?}"
        );
    }
}

#[test]
fn files_that_are_no_hive_are_refused_with_their_reason() {
    if corpus::folder().is_none() {
        return;
    }
    for (name, kind, text) in [
        ("hives/ez_not_a_hive", ErrorKind::InvalidFormat, "is \"MZ"),
        (
            "hives/win95_system.dat.zst",
            ErrorKind::InvalidFormat,
            "is \"CREG\"",
        ),
        (
            "hives/yarp_badbaseblockhive_badbaseblockhive.zst",
            ErrorKind::Unsupported,
            "version should be 1.2 to 1.6, is 1.1",
        ),
    ] {
        let error = open(name, &[]).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(text), "{name}: {error}");
    }
}

/// Names of hives that are refused; each has a test of its own above.
const REFUSED: [&str; 3] = [
    "hives/ez_not_a_hive",
    "hives/win95_system.dat.zst",
    "hives/yarp_badbaseblockhive_badbaseblockhive.zst",
];

#[test]
fn every_hive_says_what_python_registry_said_of_it() {
    if corpus::folder().is_none() {
        return;
    }
    let facts = corpus::facts();
    let mut opened = 0;
    for name in corpus::names("hives") {
        if is_log(&name) || REFUSED.contains(&name.as_str()) {
            continue;
        }
        let hive = open(&name, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_hive(&name, &hive, &facts[&name]);
        opened += 1;
    }
    assert!(opened >= 40, "{opened} hives opened");
}

fn check_hive(name: &str, hive: &Hive, facts: &Value) {
    let header = &facts["hdr"];
    let is_clean = header["dirty"] == false && header["checksum_ok"] == true;
    let state = if is_clean {
        HiveState::Clean
    } else {
        HiveState::Dirty
    };
    assert_eq!(hive.state(), state, "{name}");
    assert_eq!(Hive::needs_logs(hive.bytes()), !is_clean, "{name}");
    if name == "hives/yarp_comphive.zst" {
        // python-registry decodes names of one byte a character as Windows-1252 and shows two keys of one name; Windows
        // shortens a name only where each UTF-16 unit is below 0x100, so that the byte 0x9f is U+009F.
        assert_eq!(names(&hive.root().unwrap()), ["\u{9f}", "\u{178}"]);
    } else if let Some(expected) = facts["root_subkeys"].as_array() {
        assert_eq!(
            names(&hive.root().unwrap()),
            texts(expected),
            "{name}: root"
        );
    }
    check_values(name, hive, facts);
}

/// The groups of values in `facts.json` and the key that each was read from.
fn check_values(name: &str, hive: &Hive, facts: &Value) {
    let set = facts["Select"]["Current"]
        .as_u64()
        .map_or(String::new(), |number| format!("ControlSet{number:03}"));
    let mut groups = vec![
        ("Select", "Select".to_owned()),
        ("Setup", "Setup".to_owned()),
        ("SysprepStatus", "Setup\\Status\\SysprepStatus".to_owned()),
    ];
    for (group, tail) in [
        ("ComputerName", "ComputerName\\ComputerName"),
        ("ProductOptions", "ProductOptions"),
        ("TZ", "TimeZoneInformation"),
        ("WindowsPhase", "Windows"),
    ] {
        groups.push((group, format!("{set}\\Control\\{tail}")));
    }
    if let Some(services) = facts["services"].as_object() {
        let root = hive.key(&format!("{set}\\Services")).unwrap().unwrap();
        let count = facts["service_count"].as_u64().unwrap();
        assert_eq!(root.subkeys().unwrap().len() as u64, count, "{name}");
        for (service, values) in services {
            check_group(name, hive, &format!("{set}\\Services\\{service}"), values);
        }
    }
    for (group, path) in groups {
        check_group(name, hive, &path, &facts[group]);
    }
    if let Some(secrets) = facts["lsa_secrets"].as_array() {
        let key = hive.key("Policy\\Secrets").unwrap().unwrap();
        assert_eq!(names(&key), texts(secrets), "{name}: secrets");
    }
}

fn check_group(name: &str, hive: &Hive, path: &str, values: &Value) {
    let Some(values) = values.as_object() else {
        return;
    };
    let key = hive
        .key(path)
        .unwrap()
        .unwrap_or_else(|| panic!("{name}: {path} should be there"));
    for (value_name, expected) in values {
        let value = key.value(value_name).unwrap();
        let value = value.unwrap_or_else(|| panic!("{name}: {path}!{value_name}"));
        assert_eq!(
            as_json(&value, expected),
            *expected,
            "{name}: {path}!{value_name}"
        );
    }
}

/// The value in the form in which python-registry gives it.
fn as_json(value: &KeyValue, like: &Value) -> Value {
    match like {
        Value::Number(_) => value.dword().map_or(Value::Null, Value::from),
        Value::String(_) => value.string().map_or(Value::Null, Value::from),
        Value::Array(list) => {
            // It keeps the empty strings at the end of a REG_MULTI_SZ.
            let mut strings = value.strings().unwrap_or_default();
            strings.resize(list.len().max(strings.len()), String::new());
            Value::from(strings)
        }
        _ => Value::Null,
    }
}

fn names(key: &Key<'_>) -> Vec<String> {
    let subkeys = key.subkeys().unwrap();
    subkeys.iter().map(|key| key.name().unwrap()).collect()
}

fn texts(list: &[Value]) -> Vec<String> {
    list.iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn dirty_hives_are_replayed_to_the_bytes_that_yarp_makes() {
    if corpus::folder().is_none() {
        return;
    }
    let facts = corpus::facts();
    let mut replayed = 0;
    for name in corpus::names("hives") {
        let oracle = &facts[&name]["replay"];
        let Some(expected) = oracle["sha256_after_base_block"].as_str() else {
            continue;
        };
        let hive = open(&name, &logs_of(&name)).unwrap();
        let state = if oracle["recovered"] == true {
            replayed += 1;
            HiveState::Replayed
        } else {
            HiveState::Clean
        };
        assert_eq!(hive.state(), state, "{name}: {:?}", hive.notes());
        let after = &hive.bytes()[4096..];
        let size = oracle["size_after_base_block"].as_u64().unwrap();
        assert_eq!(after.len() as u64, size, "{name}: {:?}", hive.notes());
        assert_eq!(
            corpus::sha256(after),
            expected,
            "{name}: {:?}",
            hive.notes()
        );
        assert!(!Hive::needs_logs(hive.bytes()), "{name}");
    }
    assert_eq!(replayed, 6);
}

/// Hives that Windows itself recovered from the same dirty hive.
#[test]
fn dirty_hives_are_replayed_to_the_keys_that_windows_makes() {
    if corpus::folder().is_none() {
        return;
    }
    for (dirty, recovered) in [
        (
            "hives/yarp_newdirtyhive1_newdirtyhive.zst",
            "hives/yarp_newdirtyhive1_recoveredhive_windows10.zst",
        ),
        (
            "hives/yarp_olddirtyhive_olddirtyhive.zst",
            "hives/yarp_olddirtyhive_recoveredhive_windows7.zst",
        ),
    ] {
        let ours = open(dirty, &logs_of(dirty)).unwrap();
        let windows = open(recovered, &[]).unwrap();
        assert_eq!(tree(&ours), tree(&windows), "{dirty}");
    }
}

fn tree(hive: &Hive) -> Vec<String> {
    let mut lines = Vec::new();
    for key in hive.walk() {
        let key = key.unwrap();
        // Windows writes a new name for the root key when it loads a hive under another one.
        let is_root = lines.is_empty();
        lines.push(if is_root {
            String::new()
        } else {
            key.name().unwrap()
        });
        for value in key.values().unwrap() {
            let digest = corpus::sha256(&value.data);
            lines.push(format!("{} {} {digest}", value.name, value.kind));
        }
    }
    lines
}

#[test]
fn a_log_with_a_wrong_checksum_leaves_the_hive_dirty_and_is_named() {
    if corpus::folder().is_none() {
        return;
    }
    let name = "hives/yarp_badloghive1_badloghive.zst";
    let hive = open(name, &logs_of(name)).unwrap();
    assert_eq!(hive.state(), HiveState::Dirty);
    let notes = hive.notes().join("\n");
    assert!(
        notes.contains("log1 not applied: base block checksum"),
        "{notes}"
    );
}

#[test]
fn logs_of_another_machine_are_not_applied() {
    if corpus::folder().is_none() {
        return;
    }
    let logs = logs_of("hives/logs_only_new_log_1_system");
    assert_eq!(logs.len(), 2);
    for name in [
        "hives/yarp_newdirtyhive1_newdirtyhive.zst",
        "hives/amcache_win11.hve.zst",
        "hives/win10_1709_dirty_system.xz",
        "hives/win10_security_dirty_nologs.xz",
    ] {
        let hive = open(name, &logs).unwrap();
        assert_eq!(hive.state(), HiveState::Dirty, "{name}: {:?}", hive.notes());
        assert_eq!(hive.bytes(), corpus::read(name), "{name}");
    }
}

#[test]
fn a_list_that_python_registry_cannot_read_is_an_error_and_hides_nothing() {
    if corpus::folder().is_none() {
        return;
    }
    let hive = open("hives/plaso_corrupt_sub_key_list.hiv", &[]).unwrap();
    let root = hive.root().unwrap();
    assert_eq!(root.subkeys().unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(
        root.subkey("no such key").unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

/// Damage that the walk meets, by hive; every other hive of the corpus is walked without any.
const DAMAGED: [&str; 5] = [
    "hives/yarp_badlisthive.zst",
    "hives/artemis_ntuser_bad.zst",
    "hives/plaso_corrupt_sub_key_list.hiv",
    "hives/corrupted_system_hive.xz",
    "hives/yarp_truncatedhive",
];

#[test]
fn every_key_of_a_sound_hive_is_found_again_by_its_path() {
    if corpus::folder().is_none() {
        return;
    }
    for name in corpus::names("hives") {
        if is_log(&name) || REFUSED.contains(&name.as_str()) || DAMAGED.contains(&name.as_str()) {
            continue;
        }
        let hive = open(&name, &logs_of(&name)).unwrap();
        for key in hive.walk() {
            let key = key.unwrap_or_else(|error| panic!("{name}: {error}"));
            key.class_name().unwrap();
            let offset = usize::try_from(key.offset().unwrap()).unwrap();
            assert_eq!(&hive.bytes()[offset..offset + 2], b"nk", "{name}");
            for value in key
                .values()
                .unwrap_or_else(|error| panic!("{name}: {error}"))
            {
                let offset = usize::try_from(value.offset.unwrap()).unwrap();
                assert_eq!(&hive.bytes()[offset..offset + 2], b"vk", "{name}");
            }
            for subkey in key.subkeys().unwrap() {
                let wanted = subkey.name().unwrap();
                assert!(key.subkey(&wanted).unwrap().is_some(), "{name}: {wanted}");
            }
        }
    }
}

#[test]
fn damaged_hives_give_errors_beside_what_can_be_read() {
    if corpus::folder().is_none() {
        return;
    }
    for name in DAMAGED {
        let hive = open(name, &[]).unwrap();
        assert!(hive.walk().any(|key| key.is_err()), "{name}");
        assert!(hive.walk().any(|key| key.is_ok()), "{name}");
    }
}
