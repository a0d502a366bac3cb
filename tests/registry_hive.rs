//! Hives and logs made byte by byte: what a look-up says of damage, what a replay takes and refuses.
//!
//! The writer in `support/hive_builder.rs` is independent of the reader and follows the public format description.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails loudly"
)]

#[path = "support/hive_case.rs"]
mod hive_case;

use goldseal::artifact::registry::{Hive, HiveLog, KeyValue};
use goldseal::base::limits::Limits;
use goldseal::error::{ErrorKind, Result};
use goldseal::evidence::HiveState;
use hive_case::hive_builder::{self, HiveBuilder, Key, NONE};

fn open(bytes: Vec<u8>) -> Hive {
    Hive::parse(bytes, &[], &Limits::default()).unwrap()
}

/// A hive of version 1.`minor` whose root key has these values.
fn with_values(minor: u32, make: impl FnOnce(&mut HiveBuilder) -> Vec<u32>) -> Hive {
    let mut builder = HiveBuilder::new(minor);
    let values = make(&mut builder);
    let root = builder.folder(b"root", &[], &values);
    open(builder.finish(root))
}

fn value(hive: &Hive, name: &str) -> Result<Option<KeyValue>> {
    hive.root().unwrap().value(name)
}

fn is_found(hive: &Hive, path: &str) -> bool {
    hive.key(path).unwrap().is_some()
}

// ---- subkeys ---------------------------------------------------------------------------------------------------------

#[test]
fn a_key_is_found_in_a_list_that_is_not_in_order() {
    let mut builder = HiveBuilder::new(5);
    let names: [&[u8]; 5] = [b"zeta", b"Alpha", b"mid", b"beta", b"omega"];
    let keys: Vec<u32> = names.map(|name| builder.folder(name, &[], &[])).to_vec();
    let root = builder.folder(b"root", &keys, &[]);
    let hive = open(builder.finish(root));
    for name in ["ZETA", "alpha", "Mid", "beta", "omega"] {
        assert!(is_found(&hive, name), "{name}");
    }
    assert!(!is_found(&hive, "gamma"));
}

#[test]
fn a_damaged_item_makes_a_miss_an_error_and_hides_no_other() {
    for (what, make) in [
        ("no offset", (|_| NONE) as fn(&mut HiveBuilder) -> u32),
        ("past the end", |_| 0x7fff_0000),
        ("no key node", |builder| builder.cell(b"xx")),
        ("a free cell", |_| 0),
    ] {
        let mut builder = HiveBuilder::new(5);
        let first = builder.folder(b"alpha", &[], &[]);
        let damaged = make(&mut builder);
        let last = builder.folder(b"omega", &[], &[]);
        let root = builder.folder(b"root", &[first, damaged, last], &[]);
        let hive = open(builder.finish(root));
        assert!(is_found(&hive, "alpha"), "{what}");
        assert!(is_found(&hive, "omega"), "{what}");
        let error = hive.key("mid").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
        assert!(hive.root().unwrap().subkeys().is_err(), "{what}");
    }
}

#[test]
fn a_list_shorter_than_its_key_says_makes_a_miss_an_error() {
    let mut builder = HiveBuilder::new(5);
    let only = builder.folder(b"alpha", &[], &[]);
    let list = builder.list(*b"lf", &[only]);
    let root = builder.key(&Key {
        subkey_count: 2,
        subkey_list: list,
        ..Key::named(b"root")
    });
    let hive = open(builder.finish(root));
    assert!(is_found(&hive, "alpha"));
    let error = hive.key("beta").unwrap_err();
    assert!(
        error.to_string().contains("list should hold 2, holds 1"),
        "{error}"
    );
}

#[test]
fn an_index_root_with_an_empty_leaf_hides_no_key() {
    let mut builder = HiveBuilder::new(5);
    let keys = [
        builder.folder(b"alpha", &[], &[]),
        builder.folder(b"omega", &[], &[]),
    ];
    let leaves = [
        builder.list(*b"li", &keys[..1]),
        builder.list(*b"lh", &[]),
        builder.list(*b"lf", &keys[1..]),
    ];
    let index = builder.list(*b"ri", &leaves);
    let root = builder.key(&Key {
        subkey_count: 2,
        subkey_list: index,
        ..Key::named(b"root")
    });
    let hive = open(builder.finish(root));
    assert!(is_found(&hive, "alpha"));
    assert!(is_found(&hive, "omega"));
    assert!(!is_found(&hive, "mid"));
}

#[test]
fn names_of_every_form_are_found() {
    let mut builder = HiveBuilder::new(5);
    let cyrillic: Vec<u8> = "Привет".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut keys = vec![
        builder.folder(b"zero\0key", &[], &[]),
        builder.folder(&[0xe4, 0xf6], &[], &[]),
        builder.folder(b"", &[], &[]),
    ];
    keys.push(builder.key(&Key {
        is_compressed: false,
        ..Key::named(&cyrillic)
    }));
    let root = builder.folder(b"root", &keys, &[]);
    let hive = open(builder.finish(root));
    let root = hive.root().unwrap();
    for name in ["ZERO\0KEY", "ÄÖ", "", "ПРИВЕТ"] {
        assert!(root.subkey(name).unwrap().is_some(), "{name:?}");
    }
    assert!(root.subkey("zero").unwrap().is_none());
}

#[test]
fn a_key_tells_its_offset_its_time_and_its_class() {
    let mut builder = HiveBuilder::new(5);
    let key = builder.key(&Key {
        class: Some("a1b2c3d4"),
        ..Key::named(b"JD")
    });
    let root = builder.folder(b"root", &[key], &[]);
    let hive = open(builder.finish(root));
    let found = hive.key("jd").unwrap().unwrap();
    assert_eq!(found.name().unwrap(), "JD");
    assert_eq!(found.class_name().unwrap().unwrap(), "a1b2c3d4");
    assert_eq!(found.written().unwrap().0, hive_builder::WRITTEN);
    assert_eq!(found.offset(), Some(u64::from(key) + 4100));
    assert_eq!(hive.root().unwrap().class_name().unwrap(), None);
}

#[test]
fn a_key_that_is_its_own_subkey_ends_the_walk_with_an_error() {
    let mut builder = HiveBuilder::new(5);
    let list = builder.list(*b"lh", &[NONE]);
    let root = builder.key(&Key {
        subkey_count: 1,
        subkey_list: list,
        ..Key::named(b"root")
    });
    let mut bytes = builder.finish(root);
    hive_builder::put(&mut bytes, 4096 + list as usize + 8, root);
    let hive = open(bytes);
    let items: Vec<_> = hive.walk().collect();
    assert_eq!(items.len(), 2);
    assert!(items[0].is_ok() && items[1].is_err());
    let deep = ["root"; 600].join("\\");
    assert_eq!(
        hive.key(&deep).unwrap_err().kind(),
        ErrorKind::LimitExceeded
    );
}

#[test]
fn keys_that_all_list_each_other_end_the_walk_in_bounded_time() {
    let mut builder = HiveBuilder::new(5);
    let list = builder.list(*b"li", &[NONE; 2000]);
    let keys: Vec<u32> = (0..2000)
        .map(|_| {
            builder.key(&Key {
                subkey_count: 2000,
                subkey_list: list,
                ..Key::named(b"k")
            })
        })
        .collect();
    let mut bytes = builder.finish(keys[0]);
    for (index, key) in keys.iter().enumerate() {
        hive_builder::put(&mut bytes, 4096 + list as usize + 8 + 4 * index, *key);
    }
    let hive = open(bytes);
    assert!(hive.walk().count() < 10_000);
}

// ---- values ----------------------------------------------------------------------------------------------------------

#[test]
fn a_damaged_value_before_the_wanted_one_does_not_hide_it() {
    let hive = with_values(5, |builder| {
        vec![
            builder.cell(b"xx"),
            NONE,
            builder.value(b"wanted", 4, &7_u32.to_le_bytes()),
        ]
    });
    assert_eq!(value(&hive, "Wanted").unwrap().unwrap().dword(), Some(7));
    assert_eq!(
        value(&hive, "absent").unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    assert!(hive.root().unwrap().values().is_err());
}

#[test]
fn a_value_list_shorter_than_its_key_says_makes_a_miss_an_error() {
    let mut builder = HiveBuilder::new(5);
    let only = builder.value(b"only", 3, b"12345678");
    let list = builder.offsets(&[only]);
    let root = builder.key(&Key {
        value_count: 40,
        value_list: list,
        ..Key::named(b"root")
    });
    let hive = open(builder.finish(root));
    assert!(value(&hive, "only").unwrap().is_some());
    assert!(value(&hive, "other").is_err());
}

#[test]
fn the_default_value_is_found_by_the_empty_name() {
    let hive = with_values(5, |builder| {
        vec![
            builder.value(b"first", 3, b"1"),
            builder.value(b"", 1, b"d\0e\0f\0\0\0"),
        ]
    });
    let found = value(&hive, "").unwrap().unwrap();
    assert_eq!(found.string().unwrap(), "def");
    let offset = found.offset.unwrap() as usize;
    assert_eq!(&hive.bytes()[offset..offset + 2], b"vk");
}

/// 16,344 bytes are the most of a segment; values above it are stored by version.
#[test]
fn large_values_are_read_as_the_version_stores_them() {
    let data: Vec<u8> = (0..50_000_u32).map(|n| (n % 251) as u8).collect();
    for size in [16_344, 16_345, 32_688, 50_000] {
        let data = &data[..size];
        let old = with_values(3, |builder| vec![builder.value(b"v", 3, data)]);
        assert_eq!(value(&old, "v").unwrap().unwrap().data, data, "1.3 {size}");
        let new = with_values(5, |builder| {
            vec![if size > 16_344 {
                builder.big_value(b"v", 3, data)
            } else {
                builder.value(b"v", 3, data)
            }]
        });
        assert_eq!(value(&new, "v").unwrap().unwrap().data, data, "1.5 {size}");
    }
}

#[test]
fn a_large_value_in_one_cell_is_refused_where_the_version_has_segments() {
    let hive = with_values(5, |builder| vec![builder.value(b"v", 3, &vec![7; 20_000])]);
    let error = value(&hive, "v").unwrap_err();
    assert!(error.to_string().contains("should be \"db\""), "{error}");
}

#[test]
fn lengths_that_lie_are_errors() {
    for (what, size) in [
        ("longer than its cell", 13),
        ("longer than the hive", 0x7fff_ffff),
        ("resident and above 4 bytes", 0x8000_0005),
    ] {
        let hive = with_values(3, |builder| {
            let data = builder.cell(b"12345678");
            vec![builder.value_record(b"v", true, 3, size, data)]
        });
        assert_eq!(
            value(&hive, "v").unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{what}"
        );
    }
}

#[test]
fn resident_data_is_as_long_as_it_says() {
    for size in 0..=4_u32 {
        let hive = with_values(5, |builder| {
            let data = u32::from_le_bytes(*b"abcd");
            vec![builder.value_record(b"v", true, 3, 0x8000_0000 | size, data)]
        });
        let found = value(&hive, "v").unwrap().unwrap();
        assert_eq!(found.data, &b"abcd"[..size as usize]);
    }
}

#[test]
fn types_that_have_no_name_keep_their_number() {
    let hive = with_values(5, |builder| vec![builder.value(b"v", 0xffff_0012, b"x")]);
    assert_eq!(value(&hive, "v").unwrap().unwrap().kind, 0xffff_0012);
}

#[test]
fn values_that_share_one_cell_cannot_multiply_memory() {
    let hive = with_values(3, |builder| {
        let data = builder.cell(&vec![1; 100_000]);
        (0..5000)
            .map(|_| builder.value_record(b"v", true, 3, 100_000, data))
            .collect()
    });
    let error = hive.root().unwrap().values().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

// ---- base block ------------------------------------------------------------------------------------------------------

#[test]
fn what_is_no_readable_hive_is_refused_by_its_base_block() {
    let sound = {
        let mut builder = HiveBuilder::new(5);
        let root = builder.folder(b"root", &[], &[]);
        builder.finish(root)
    };
    for (what, offset, number, kind) in [
        ("version 1.1", 24, 1, ErrorKind::Unsupported),
        ("version 1.7", 24, 7, ErrorKind::Unsupported),
        ("version 2.5", 20, 2, ErrorKind::Unsupported),
        ("a log", 28, 6, ErrorKind::Unsupported),
        ("another format", 32, 0, ErrorKind::Unsupported),
        ("no root cell", 36, NONE, ErrorKind::Corrupt),
        ("root cell past the end", 36, 0x10_0000, ErrorKind::Corrupt),
        ("no signature", 0, 0, ErrorKind::InvalidFormat),
    ] {
        let mut bytes = sound.clone();
        hive_builder::put(&mut bytes, offset, number);
        hive_builder::fix_checksum(&mut bytes);
        let error = Hive::parse(bytes, &[], &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
    }
    for len in [0, 3, 4, 511, 4096, 8191] {
        let error = Hive::parse(sound[..len].to_vec(), &[], &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidFormat, "{len} bytes");
    }
    let mut limits = Limits::default();
    limits.hive_bytes_max = 8191;
    let error = Hive::parse(sound, &[], &limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_wrong_checksum_makes_a_hive_dirty() {
    let (mut hive, _) = dirty();
    hive_builder::set_sequences(&mut hive, 9, 9);
    assert!(!Hive::needs_logs(&hive));
    hive[200] ^= 1;
    assert!(Hive::needs_logs(&hive));
    let opened = open(hive);
    assert_eq!(opened.state(), HiveState::Dirty);
    assert!(opened.notes()[0].contains("checksum should be"));
}

// ---- logs ------------------------------------------------------------------------------------------------------------

/// A dirty hive (sequence numbers 10 and 9) with the value `v` of four bytes `old!`, and the place of these in the bins.
fn dirty() -> (Vec<u8>, usize) {
    let mut builder = HiveBuilder::new(5);
    let data = builder.cell(b"old!");
    let padding = builder.cell(&[0; 6000]);
    let other = builder.value_record(b"far", true, 3, 6000, padding);
    let value = builder.value_record(b"v", true, 3, 4, data);
    let root = builder.folder(b"root", &[], &[value, other]);
    let mut hive = builder.finish(root);
    hive_builder::set_sequences(&mut hive, 10, 9);
    (hive, data as usize + 4)
}

/// The first page of the bins with the value changed.
fn page(hive: &[u8], place: usize, text: [u8; 4]) -> Vec<u8> {
    let mut page = hive[4096..4608].to_vec();
    page[place..place + 4].copy_from_slice(&text);
    page
}

fn replay(hive: &[u8], logs: &[HiveLog]) -> (HiveState, Vec<u8>, String) {
    let opened = Hive::parse(hive.to_vec(), logs, &Limits::default()).unwrap();
    let found = value(&opened, "v").unwrap().unwrap();
    (opened.state(), found.data, opened.notes().join("\n"))
}

fn check_replay(logs: &[HiveLog], state: HiveState, data: &[u8], note: &str) {
    let (hive, _) = dirty();
    let (found_state, found, notes) = replay(&hive, logs);
    assert_eq!(found_state, state, "{notes}");
    assert_eq!(found, data, "{notes}");
    assert!(notes.contains(note), "{notes}");
}

/// A log of the new format whose entries each set the value.
fn new_log(name: &str, first: u32, texts: &[[u8; 4]]) -> HiveLog {
    let (hive, place) = dirty();
    let pages: Vec<Vec<u8>> = texts.iter().map(|text| page(&hive, place, *text)).collect();
    let entries: Vec<[(u32, &[u8]); 1]> = pages.iter().map(|page| [(0, &page[..])]).collect();
    let entries: Vec<&[(u32, &[u8])]> = entries.iter().map(|entry| &entry[..]).collect();
    HiveLog::new(name, hive_builder::new_log(&hive, first, &entries))
}

#[test]
fn both_logs_are_applied_in_the_order_of_their_sequence_numbers() {
    let first = new_log("S.LOG2", 9, &[*b"ent1", *b"ent2"]);
    let second = new_log("S.LOG1", 11, &[*b"ent3"]);
    for logs in [[first.clone(), second.clone()], [second, first]] {
        check_replay(
            &logs,
            HiveState::Replayed,
            b"ent3",
            "S.LOG2 applied: entries 9 to 10\nS.LOG1 applied: entries 11 to 11",
        );
    }
}

#[test]
fn entries_older_than_the_hive_are_passed_over() {
    let log = new_log("S.LOG1", 7, &[*b"ent1", *b"ent2", *b"ent3"]);
    check_replay(&[log], HiveState::Replayed, b"ent3", "entries 9 to 9");
    let stale = new_log("S.LOG1", 7, &[*b"ent1", *b"ent2"]);
    check_replay(&[stale], HiveState::Dirty, b"old!", "no entry 9 or later");
}

#[test]
fn a_gap_between_the_logs_ends_the_replay() {
    let logs = [
        new_log("S.LOG1", 9, &[*b"ent1"]),
        new_log("S.LOG2", 11, &[*b"ent3"]),
    ];
    check_replay(
        &logs,
        HiveState::Replayed,
        b"ent1",
        "S.LOG2 not applied: its entry 11 does not follow: 10 should come next",
    );
}

#[test]
fn a_damaged_entry_ends_the_replay() {
    let mut log = new_log("S.LOG1", 9, &[*b"ent1", *b"ent2", *b"ent3"]);
    let bytes = log.bytes.as_mut().unwrap();
    let second_entry = 512 + 1024;
    bytes[second_entry + 600] ^= 1;
    check_replay(
        &[log],
        HiveState::Replayed,
        b"ent1",
        "entries 9 to 9, then log entry at 0x00000600: its hashes are wrong",
    );
}

#[test]
fn an_entry_that_leaves_the_hive_bins_is_not_applied() {
    let (hive, _) = dirty();
    let bins = u32::from_le_bytes(hive[40..44].try_into().unwrap());
    let page = [0; 512];
    for (what, offset, bins) in [
        ("page past the bins", bins, bins),
        ("page at an odd place", 100, bins),
        ("bins above the limit", 0, 0xffff_f000),
        ("bins of half a page", 0, bins + 512),
    ] {
        let mut log = hive_builder::new_log(&hive, 9, &[]);
        log.extend_from_slice(&hive_builder::log_entry(9, bins, &[(offset, &page)]));
        let (state, data, notes) = replay(&hive, &[HiveLog::new("S.LOG1", log)]);
        assert_eq!(state, HiveState::Dirty, "{what}: {notes}");
        assert_eq!(data, b"old!", "{what}");
    }
}

#[test]
fn a_hive_grows_where_a_log_entry_says_so() {
    let (hive, _) = dirty();
    let bins = u32::from_le_bytes(hive[40..44].try_into().unwrap());
    let mut log = hive_builder::new_log(&hive, 9, &[]);
    let added = [0x55; 4096];
    log.extend_from_slice(&hive_builder::log_entry(9, bins + 4096, &[(bins, &added)]));
    let opened = Hive::parse(
        hive.clone(),
        &[HiveLog::new("S.LOG1", log)],
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(opened.state(), HiveState::Replayed);
    assert_eq!(opened.bytes().len(), hive.len() + 4096);
    assert_eq!(opened.bytes()[hive.len()..], added);
    assert!(!Hive::needs_logs(opened.bytes()));
}

#[test]
fn a_log_that_cannot_be_read_is_named_and_nothing_is_applied_across_it() {
    let lost = HiveLog::unreadable("S.LOG1", "sector 7 is bad");
    check_replay(
        &[lost.clone(), new_log("S.LOG2", 11, &[*b"ent3"])],
        HiveState::Dirty,
        b"old!",
        "S.LOG1 not applied: it could not be read (sector 7 is bad)",
    );
    check_replay(
        &[lost],
        HiveState::Dirty,
        b"old!",
        "what the hive says may be stale",
    );
}

#[test]
fn a_log_that_names_another_hive_is_not_applied() {
    let mut log = new_log("S.LOG1", 9, &[*b"ent1"]);
    let bytes = log.bytes.as_mut().unwrap();
    bytes[48] = b'X';
    hive_builder::fix_checksum(bytes);
    check_replay(
        &[log],
        HiveState::Dirty,
        b"old!",
        "S.LOG1 not applied: its base block names another hive",
    );
}

#[test]
fn a_clean_hive_takes_nothing_from_its_logs() {
    let (mut hive, _) = dirty();
    hive_builder::set_sequences(&mut hive, 9, 9);
    let (state, data, notes) = replay(&hive, &[new_log("S.LOG1", 9, &[*b"ent1"])]);
    assert_eq!(
        (state, data.as_slice(), notes.as_str()),
        (HiveState::Clean, &b"old!"[..], "")
    );
}

#[test]
fn a_value_knows_whether_it_came_from_a_log() {
    let (hive, place) = dirty();
    let opened = Hive::parse(
        hive,
        &[new_log("S.LOG1", 9, &[*b"ent1"])],
        &Limits::default(),
    )
    .unwrap();
    assert!(value(&opened, "v").unwrap().unwrap().from_log);
    assert!(opened.is_from_log(4096 + place as u64));
    assert!(opened.is_from_log(4607) && !opened.is_from_log(4608));
    // The record of this value lies behind the page of the log, and its data reaches into it.
    assert!(value(&opened, "far").unwrap().unwrap().from_log);
    assert!(!opened.is_from_log(opened.root().unwrap().offset().unwrap()));
}

fn old_log(sequence: u32) -> Vec<u8> {
    let (hive, place) = dirty();
    let page = page(&hive, place, *b"dirt");
    hive_builder::old_log(&hive, sequence, &[(0, &page)])
}

#[test]
fn an_old_log_is_applied_as_a_whole_or_not_at_all() {
    let log = |bytes: Vec<u8>| [HiveLog::new("S.LOG", bytes)];
    check_replay(
        &log(old_log(10)),
        HiveState::Replayed,
        b"dirt",
        "S.LOG applied: 1 pages",
    );
    let mut truncated = old_log(10);
    truncated.truncate(truncated.len() - 1);
    check_replay(
        &log(truncated),
        HiveState::Dirty,
        b"old!",
        "S.LOG not applied: its pages should end",
    );
    let mut bad_bin = old_log(10);
    let page = bad_bin.len() - 512;
    bad_bin[page] = b'X';
    check_replay(
        &log(bad_bin),
        HiveState::Dirty,
        b"old!",
        "its hive bin for 0x00001000 is damaged",
    );
    check_replay(
        &log(old_log(11)),
        HiveState::Dirty,
        b"old!",
        "its sequence number 11 should be 9 to 10",
    );
}

#[test]
fn a_destroyed_base_block_is_restored_from_a_log_that_has_the_time_of_the_hive() {
    let (mut hive, place) = dirty();
    for offset in [12, 4096 + 20] {
        hive[offset..offset + 8].copy_from_slice(&hive_builder::WRITTEN.to_le_bytes());
    }
    hive_builder::fix_checksum(&mut hive);
    let page = page(&hive, place, *b"dirt");
    let old = hive_builder::old_log(&hive, 10, &[(0, &page)]);
    let new = hive_builder::new_log(&hive, 9, &[&[(0, &page)]]);
    hive[..512].fill(0);
    assert!(Hive::needs_logs(&hive));
    for log in [old, new] {
        let (state, data, notes) = replay(&hive, &[HiveLog::new("S.LOG", log.clone())]);
        assert_eq!(state, HiveState::Replayed, "{notes}");
        assert_eq!(data, b"dirt");
        assert!(notes.contains("base block restored from S.LOG"), "{notes}");
        let mut stranger = hive.clone();
        stranger[4096 + 20] ^= 1;
        let error = Hive::parse(stranger, &[HiveLog::new("S.LOG", log)], &Limits::default());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("S.LOG not applied"), "{error}");
    }
}

// ---- mutation --------------------------------------------------------------------------------------------------------

/// Numbers that look random and are the same in every run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// A hive with each kind of list and value, and logs for it.
fn rich() -> (Vec<u8>, Vec<HiveLog>) {
    let mut builder = HiveBuilder::new(5);
    let values = [
        builder.value(b"a", 1, b"a\0\0\0"),
        builder.big_value(b"big", 3, &vec![3; 20_000]),
        builder.value_record(b"", true, 4, 0x8000_0004, 5),
    ];
    let leaves: Vec<u32> = (0..4)
        .map(|leaf| {
            let keys: Vec<u32> = (0..4)
                .map(|key| builder.folder(format!("k{leaf}{key}").as_bytes(), &[], &values))
                .collect();
            builder.list(*b"lh", &keys)
        })
        .collect();
    let index = builder.list(*b"ri", &leaves);
    let root = builder.key(&Key {
        subkey_count: 16,
        subkey_list: index,
        class: Some("class"),
        ..Key::named(b"root")
    });
    let mut hive = builder.finish(root);
    hive_builder::set_sequences(&mut hive, 10, 9);
    let page = hive[4096..8192].to_vec();
    let logs = vec![
        HiveLog::new(
            "S.LOG",
            hive_builder::old_log(&hive, 10, &[(0, &page[..512])]),
        ),
        HiveLog::new("S.LOG1", hive_builder::new_log(&hive, 9, &[&[(0, &page)]])),
        HiveLog::new("S.LOG2", hive_builder::new_log(&hive, 10, &[&[(0, &page)]])),
    ];
    (hive, logs)
}

fn mutate(bytes: &mut [u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(8) {
        let place = numbers.below(bytes.len() / 4) * 4;
        let extreme = [0, 1, 0x7f, 0x80, 0xff];
        match numbers.below(3) {
            0 => bytes[place..place + 4].fill(extreme[numbers.below(5)]),
            1 => bytes[place] ^= 1 << numbers.below(8),
            _ => {
                let from = numbers.below(bytes.len() / 4) * 4;
                bytes.copy_within(from..from + 4, place);
            }
        }
    }
}

#[test]
fn mutated_hives_and_logs_end_in_an_answer_or_an_error() {
    hive_case::silence_contained_panics();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (hive, logs) = rich();
    let mut opened = 0;
    for round in 0..4000 {
        let (mut hive, mut logs) = (hive.clone(), logs.clone());
        match round % 4 {
            // Without the logs, so that they do not repair the hive.
            0 => {
                mutate(&mut hive[4096..], &mut numbers);
                logs.clear();
            }
            1 => mutate(&mut hive, &mut numbers),
            2 => {
                let log = numbers.below(3);
                mutate(logs[log].bytes.as_mut().unwrap(), &mut numbers);
            }
            _ => hive.truncate(numbers.below(hive.len())),
        }
        if let Ok(hive) = Hive::parse(hive, &logs, &Limits::default()) {
            opened += 1;
            hive_case::exercise(&hive);
        }
    }
    assert!(opened > 2000, "{opened} opened");
}
