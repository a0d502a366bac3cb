//! Event logs against other readers: libevt and libevtx on every log of the corpus, and synthetic logs by what their
//! generator (`scripts/make_event_logs.py`) put into them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

#[path = "support/corpus.rs"]
mod corpus;
mod support;
#[path = "support/tree.rs"]
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::DateTime;
use goldseal::artifact::event_log::{
    self, EventRecord, EventTime, Level, LogKind, LogSummary, Query, Text,
};
use goldseal::base::filetime::FileTime;
use serde_json::{Value as Json, json};

fn read(bytes: &[u8]) -> (LogSummary, Vec<EventRecord>) {
    let mut records = Vec::new();
    let summary =
        event_log::read(bytes, &Query::default(), &mut |record| records.push(record)).unwrap();
    (summary, records)
}

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/event_logs");
    std::fs::read(folder.join(name)).unwrap()
}

/// The logs of the corpus by the ending of their names, in whatever folder and compression.
fn corpus_logs(ending: &str) -> Vec<String> {
    corpus::all_names()
        .into_iter()
        .filter(|name| {
            let name = name.to_ascii_lowercase();
            name.ends_with(ending) || name.contains(&format!("{ending}."))
        })
        .collect()
}

/// Whether the Python modules of libevt and libevtx are there; on a build machine they have to be.
fn has_reference() -> bool {
    let found = Command::new("/usr/bin/python3")
        .args(["-c", "import pyevt, pyevtx"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let on_build_machine = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        found || !on_build_machine,
        "python3-libevt and python3-libevtx are needed by this test"
    );
    if !found {
        support::skipped("python3-libevt or python3-libevtx is not installed");
    }
    found
}

/// Every record as libevt or libevtx reads it, by `scripts/event_log_reference.py`.
fn reference(bytes: &[u8]) -> Vec<Json> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/event_log_reference.py");
    let output = Command::new("/usr/bin/python3")
        .arg(script)
        .arg(file.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A record of `.evt` with every field that is shown, as the reference spells it.
fn evt_fields(record: &EventRecord) -> Json {
    let seconds = |time: Option<EventTime>| match time {
        Some(EventTime::Seconds(seconds)) => seconds,
        other => panic!("{other:?}"),
    };
    let level = match record.level {
        Level::None => 0,
        Level::Error => 1,
        Level::Warning => 2,
        Level::Information => 4,
        Level::AuditSuccess => 8,
        Level::AuditFailure => 16,
        other => panic!("{other:?}"),
    };
    let strings: Vec<&str> = record.strings.iter().map(|string| &*string.text).collect();
    assert_eq!((&record.channel, &record.provider), (&None, &None));
    json!({
        "offset": record.offset,
        "record": record.record,
        "time": seconds(record.time),
        "written": seconds(record.written),
        "source": record.source,
        "computer": record.computer,
        "event_id": record.event_id,
        "qualifiers": record.qualifiers,
        "level": level,
        "user_sid": record.user_sid,
        "strings": strings,
        "data": hex(&record.data),
        "recovered": record.recovered,
    })
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
    bytes.iter().flat_map(digits).flatten().collect()
}

/// Holds that both lists have the same records, and shows the fields in which they differ.
fn assert_same(name: &str, ours: &[Json], theirs: &[Json]) {
    assert_eq!(ours.len(), theirs.len(), "{name}: number of records");
    let sorted = |list: &[Json]| {
        let mut list: Vec<(String, Json)> = list
            .iter()
            .map(|record| {
                (
                    format!("{} {}", record["record"], record["written"]),
                    record.clone(),
                )
            })
            .collect();
        list.sort_by(|one, other| one.0.cmp(&other.0));
        list
    };
    let mut differences = Vec::new();
    for ((key, here), (other, there)) in sorted(ours).into_iter().zip(sorted(theirs)) {
        assert_eq!(key, other, "{name}: a record that only one of both has");
        for (field, value) in here.as_object().unwrap() {
            if *value != there[field] {
                differences.push(format!(
                    "{key} {field}: {value} here, {} there",
                    there[field]
                ));
            }
        }
    }
    differences.truncate(6);
    assert!(differences.is_empty(), "{name}: {differences:#?}");
}

/// Every field of every live record is that of libevt, and every recovered record is one that libevt recovers too.
fn agrees_with_libevt(name: &str, bytes: &[u8]) {
    let (summary, records) = read(bytes);
    assert_eq!(summary.kind, LogKind::Evt);
    let (recovered, live): (Vec<Json>, Vec<Json>) = records
        .iter()
        .map(evt_fields)
        .partition(|record| record["recovered"] == true);
    let (also, theirs): (Vec<Json>, Vec<Json>) = reference(bytes)
        .into_iter()
        .partition(|record| record["recovered"] == true);
    assert_same(name, &live, &theirs);
    for record in recovered {
        assert!(also.contains(&record), "{name}: {record}");
    }
}

#[test]
fn every_field_of_every_evt_of_the_corpus_is_that_of_libevt() {
    if corpus::folder().is_none() || !has_reference() {
        return;
    }
    for name in corpus_logs(".evt") {
        agrees_with_libevt(&name, &corpus::read(&name));
    }
}

#[test]
fn a_log_that_comes_into_the_corpus_is_noticed() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let (old, new) = (corpus_logs(".evt"), corpus_logs(".evtx"));
    // Change these with what the page docs/formats/event-logs.md says of them.
    assert_eq!((old.len(), new.len()), (3, 11));
    let named: BTreeSet<String> = old.into_iter().chain(new).collect();
    let mut lying = BTreeSet::new();
    for kind in std::fs::read_dir(&folder).unwrap().flatten() {
        let files = std::fs::read_dir(kind.path()).into_iter().flatten();
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.to_ascii_lowercase().contains(".evt") {
                lying.insert(format!("{}/{name}", kind.file_name().to_string_lossy()));
            }
        }
    }
    assert_eq!(lying, named);
}

#[test]
fn the_synthetic_logs_are_read_as_libevt_reads_them() {
    if !has_reference() {
        return;
    }
    for name in [
        "kb884872_system.evt",
        "clone_application.evt",
        "wrapped.evt",
        "dirty.evt",
        "german_system.evt",
        "clock_system.evt",
        "msdtc_application.evt",
    ] {
        agrees_with_libevt(name, &sample(name));
    }
}

#[test]
fn a_dirty_log_that_has_wrapped_gives_all_its_records() {
    if corpus::folder().is_none() {
        return;
    }
    // 6063 live records and 438 recovered ones by libevt; one of those is cut off.
    let (summary, records) = read(&corpus::read("eventlogs/xp_sysevent.evt.zst"));
    assert!(summary.dirty);
    assert_eq!((summary.records, summary.recovered), (6500, 437));
    assert_eq!(records.len(), 6500);
    assert_eq!(summary.damaged, 1);
}

/// A record of `.evtx` with every field that is shown, as the reference spells it.
fn evtx_fields(record: &EventRecord) -> Json {
    let fine = |time: Option<EventTime>| match time {
        Some(EventTime::Fine(time)) => Some(time),
        None => None,
        other => panic!("{other:?}"),
    };
    let level = match record.level {
        Level::None => "0",
        Level::Critical => "1",
        Level::Error => "2",
        Level::Warning => "3",
        Level::Information => "4",
        Level::Verbose => "5",
        other => panic!("{other:?}"),
    };
    let strings: Vec<Json> = record
        .strings
        .iter()
        .map(|string| json!([string.name, same_spelling(&string.text)]))
        .collect();
    json!({
        "record": record.record.to_string(),
        "time": fine(record.time).and_then(FileTime::to_rfc3339),
        "written": fine(record.written).map(|time| time.0),
        "source": record.source,
        "provider": record.provider.as_ref().unwrap_or(&record.source),
        "computer": record.computer,
        "channel": record.channel,
        "event_id": record.event_id.to_string(),
        "qualifiers": record.qualifiers.map(|number| number.to_string()),
        "level": level,
        "user_sid": record.user_sid,
        "strings": strings,
        "data": hex(&record.data),
    })
}

/// The record of the reference in the same fields: a FILETIME has seven digits of a second, and the source is the classic one.
fn evtx_reference(record: &Json) -> Json {
    let time = record["time"].as_str().unwrap();
    let classic = &record["event_source"];
    let is_named = classic.as_str().is_some_and(|name| !name.is_empty());
    let strings: Vec<Json> = record["strings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|string| json!([string[0], same_spelling(string[1].as_str().unwrap())]))
        .collect();
    json!({
        "record": record["record"],
        "time": format!("{}Z", &time[..27]),
        "written": record["written"],
        "source": if is_named { classic } else { &record["provider"] },
        "provider": record["provider"],
        "computer": record["computer"],
        "channel": record["channel"],
        "event_id": record["event_id"],
        "qualifiers": record["qualifiers"],
        "level": record["level"],
        "user_sid": record["user_sid"],
        "strings": strings,
        "data": record["data"],
    })
}

/// A text in the spelling that both readers can be brought to: libevtx writes hexadecimal numbers with leading zeroes, and times
/// with nine digits of a second, GUIDs in capitals, and of a negative number a minus and the bits
/// without that of the sign. Windows does none of this.
fn same_spelling(text: &str) -> String {
    let number = text
        .strip_prefix("0x")
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    if let Some(number) = number {
        return format!("0x{number:x}");
    }
    if let Some(number) = text.parse::<i32>().ok().filter(|number| *number < 0) {
        let without_sign = -(number & i32::MAX);
        return number.min(without_sign).to_string();
    }
    if text.len() == 38 && text.starts_with('{') && text.ends_with('}') {
        return text.to_lowercase();
    }
    let is_time = text.len() == 30 && DateTime::parse_from_rfc3339(text).is_ok();
    if is_time && text.ends_with("00Z") {
        return format!("{}Z", &text[..27]);
    }
    text.to_owned()
}

/// The live records of libevtx.
fn libevtx(bytes: &[u8]) -> Vec<Json> {
    let records = reference(bytes).into_iter();
    records
        .filter(|record| record["recovered"] == false)
        .collect()
}

#[test]
fn every_field_of_every_evtx_of_the_corpus_is_that_of_libevtx() {
    if corpus::folder().is_none() || !has_reference() {
        return;
    }
    for name in corpus_logs(".evtx") {
        let bytes = corpus::read(&name);
        let (summary, records) = read(&bytes);
        assert_eq!(summary.kind, LogKind::Evtx);
        let mut ours: Vec<Json> = records
            .iter()
            .filter(|record| !record.recovered)
            .map(evtx_fields)
            .collect();
        let theirs: Vec<Json> = libevtx(&bytes).iter().map(evtx_reference).collect();
        if name.contains("bad_chunk_magic") {
            // There libevtx has fewer: see the test of that log.
            let numbers: BTreeSet<String> = theirs
                .iter()
                .map(|record| record["record"].to_string())
                .collect();
            ours.retain(|record| numbers.contains(&record["record"].to_string()));
        }
        assert_same(&name, &ours, &theirs);
    }
}

#[test]
fn the_offset_of_a_record_is_where_it_lies() {
    if corpus::folder().is_none() {
        return;
    }
    for name in corpus_logs(".evtx") {
        let bytes = corpus::read(&name);
        for record in read(&bytes).1 {
            let at = usize::try_from(record.offset).unwrap();
            assert_eq!(&bytes[at..at + 4], b"**\0\0", "{name}: {at}");
            let written = u64::from_le_bytes(bytes[at + 16..at + 24].try_into().unwrap());
            let Some(EventTime::Fine(time)) = record.written else {
                panic!("{name}: {at}: no time");
            };
            assert_eq!(time.0, written, "{name}: {at}");
        }
    }
}

#[test]
fn a_damaged_chunk_costs_no_other_chunk() {
    if corpus::folder().is_none() {
        return;
    }
    // Chunks 6 and 10 have no signature, chunk 7 is damaged inside; evtx_dump 0.15.1 gives the same 301 records.
    let bytes = corpus::read("eventlogs/bad_chunk_magic.evtx.zst");
    let (summary, records) = read(&bytes);
    let live: BTreeSet<u64> = records
        .iter()
        .filter(|record| !record.recovered)
        .map(|record| record.record)
        .collect();
    assert_eq!(
        (live.len(), summary.damaged),
        (301, 3),
        "{:?}",
        summary.notes
    );
    // Three pages of the file are zeroes from their start on. Each cuts the record that lies across it; libevtx drops those.
    let cut: Vec<u64> = records
        .iter()
        .filter(|record| record.damaged)
        .map(|record| record.record)
        .collect();
    assert_eq!(cut, [46741, 47640, 45933]);
    if !has_reference() {
        return;
    }
    let theirs: BTreeSet<u64> = libevtx(&bytes)
        .iter()
        .map(|record| record["record"].as_str().unwrap().parse().unwrap())
        .collect();
    let more: Vec<u64> = live.difference(&theirs).copied().collect();
    // The 31 records behind the damage of chunk 7, which libevtx counts as recovered, and the three that are cut.
    let behind = 47675..=47705;
    let expected: BTreeSet<u64> = behind.chain(cut).collect();
    assert_eq!(more, Vec::from_iter(expected));
}

#[test]
fn a_header_that_is_wiped_and_a_file_that_ends_early_keep_their_records() {
    if corpus::folder().is_none() {
        return;
    }
    for name in [
        "eventlogs/testlogx.evtx",
        "eventlogs/system_log_cleared.evtx",
    ] {
        let mut bytes = corpus::read(name);
        let (_, whole) = read(&bytes);
        bytes[..4096].fill(0);
        bytes.truncate(bytes.len() - 20_000);
        let (summary, records) = read(&bytes);
        assert!(!summary.notes.is_empty());
        let live =
            |records: &[EventRecord]| records.iter().filter(|record| !record.recovered).count();
        assert_eq!(live(&records), live(&whole), "{name}");
    }
}

#[test]
fn a_record_that_goes_on_behind_the_header_is_put_together() {
    let (summary, records) = read(&sample("wrapped.evt"));
    assert_eq!(
        (summary.records, summary.recovered, summary.damaged),
        (4, 0, 0)
    );
    let over = records.iter().find(|record| record.record == 5).unwrap();
    assert_eq!(
        (over.string(0), over.string(1)),
        (Some("Psysdup2"), Some("%%2"))
    );
}

#[test]
fn what_a_record_says_falsely_of_itself_is_counted_and_not_guessed() {
    let (summary, records) = read(&sample("lying.evt"));
    assert_eq!(
        (summary.records, summary.damaged),
        (3, 3),
        "{:?}",
        summary.notes
    );
    let damaged: Vec<bool> = records.iter().map(|record| record.damaged).collect();
    assert_eq!(damaged, [false, true, true]);
    assert!(records[2].data.is_empty());
}

#[test]
fn a_stale_header_hides_no_record() {
    let (clean, first) = read(&sample("kb884872_system.evt"));
    let (dirty, second) = read(&sample("dirty.evt"));
    assert!(!clean.dirty && dirty.dirty);
    assert_eq!(first, second);
    assert_eq!(dirty.recovered, 0);
}

#[test]
fn any_damage_to_a_log_ends_in_records_or_an_error_and_never_in_a_panic() {
    let mut logs: Vec<Vec<u8>> = ["kb884872_system.evt", "wrapped.evt", "lying.evt"]
        .map(sample)
        .into();
    if corpus::folder().is_some() {
        logs.push(corpus::read("eventlogs/testlogx.evtx"));
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    for log in logs {
        let used = log.len().min(6000);
        for _ in 0..300 {
            let mut bytes = log.clone();
            for _ in 0..=random(8) {
                let at = random(used);
                bytes[at] = [0, 1, 0x7f, 0xff, 0x4c][random(5)];
            }
            bytes.truncate(random(bytes.len()).max(used / 2));
            let _ = event_log::read(&bytes, &Query::default(), &mut |_| {});
        }
    }
}

#[test]
fn bytes_that_are_no_log_are_refused() {
    for bytes in [&b""[..], b"regf", &[0xff; 5000], b"\x30\0\0\0LfL"] {
        assert!(event_log::read(bytes, &Query::default(), &mut |_| {}).is_err());
    }
}

/// Texts to look for in a log: what searches for texts are told apart by, and parts of what its records say, in other case.
fn needles(records: &[EventRecord]) -> Vec<String> {
    let fixed = [
        "no event says this",
        "e",
        " ",
        "\n",
        "&",
        "event",
        "data",
        "system",
        "service",
        "<",
        "quot;",
        "\u{fc}",
        "\u{df}",
        "k",
        "i\u{307}",
        "SERVICE CONTROL MANAGER",
    ];
    let mut found: Vec<String> = fixed.iter().map(|text| (*text).to_owned()).collect();
    let step = (records.len() / 5).max(1);
    for (index, record) in records.iter().step_by(step).enumerate() {
        found.push(record.computer.to_uppercase());
        found.push(record.source.to_lowercase());
        let texts = record.strings.iter().map(|string| string.text.as_str());
        let texts: Vec<&str> = texts.filter(|text| text.chars().count() > 4).collect();
        if let Some(text) = texts.get(index % texts.len().max(1)) {
            let chars: Vec<char> = text.chars().collect();
            let start = (index * 3) % (chars.len() - 4);
            let part: String = chars[start..].iter().take(12).collect();
            found.push(part.to_uppercase());
        }
    }
    found
}

/// Searches of every kind, and of several kinds at once, after what the records of a log say.
fn searches(records: &[EventRecord]) -> Vec<Query> {
    let mut found: Vec<Query> = needles(records)
        .iter()
        .map(|needle| Query {
            text: Some(Text::new(needle)),
            ..Query::default()
        })
        .collect();
    let step = (records.len() / 4).max(1);
    for record in records.iter().step_by(step) {
        let time = record.time.map(EventTime::filetime);
        let by_id = Query::for_ids([record.event_id, 7036]);
        let by_source = Query {
            sources: vec![record.source.to_uppercase(), "EventLog".to_owned()],
            ..Query::default()
        };
        let by_provider = Query {
            sources: record.provider.iter().cloned().collect(),
            ..Query::default()
        };
        let since = Query {
            since: time,
            ..Query::default()
        };
        let until = Query {
            until: time,
            ..Query::default()
        };
        let all = Query {
            sources: by_source.sources.clone(),
            since: time,
            until: time,
            text: Some(Text::new(&record.computer)),
            ..by_id.clone()
        };
        found.extend([by_id, by_source, by_provider, since, until, all]);
    }
    found
}

/// How much of a log is searched: the header and three chunks.
const SEARCHED_BYTES: usize = 4096 + 3 * 65_536;

#[test]
fn a_search_finds_what_reading_every_record_finds() {
    let mut logs: Vec<(String, Vec<u8>)> = [
        "kb884872_system.evt",
        "wrapped.evt",
        "lying.evt",
        "german_system.evt",
    ]
    .map(|name| (name.to_owned(), sample(name)))
    .into();
    for ending in [".evt", ".evtx"] {
        let names = corpus_logs(ending).into_iter();
        logs.extend(names.map(|name| (name.clone(), corpus::read(&name))));
    }
    for (name, mut bytes) in logs {
        // Enough of a large log: each search reads all of it.
        bytes.truncate(SEARCHED_BYTES);
        let (_, all) = read(&bytes);
        for query in searches(&all) {
            let mut found = Vec::new();
            event_log::read(&bytes, &query, &mut |record| found.push(record)).unwrap();
            let wanted: Vec<&EventRecord> =
                all.iter().filter(|record| query.wants(record)).collect();
            assert_eq!(
                found.iter().collect::<Vec<_>>(),
                wanted,
                "{name}: {query:?}"
            );
        }
    }
}

#[test]
fn a_ring_of_nothing_but_lying_signatures_is_read_in_linear_time() {
    // Each of 250,000 signatures claims a record that reaches over the end of 4 MB and up to itself: 500 GB to put together.
    let mut bytes = sample("wrapped.evt")[..48].to_vec();
    let end = 4_000_000_u32;
    while bytes.len() < usize::try_from(end).unwrap() {
        let start = u32::try_from(bytes.len()).unwrap();
        bytes.extend((end - start + start - 48).to_le_bytes());
        bytes.extend(b"LfLe");
        bytes.extend([0; 8]);
    }
    let (summary, records) = read(&bytes);
    assert!(records.is_empty());
    assert_eq!(summary.damaged, 249_997);
    assert_eq!(summary.notes.len(), 16);
}

#[test]
fn a_time_out_of_range_costs_no_other_record() {
    let bytes = sample("history.evtx");
    let (_, whole) = read(&bytes);
    for time in [u64::MAX, 1 << 63, 0] {
        let mut bytes = bytes.clone();
        let at = usize::try_from(whole[3].offset).unwrap();
        bytes[at + 16..at + 24].copy_from_slice(&time.to_le_bytes());
        let (summary, records) = read(&bytes);
        let lost = whole.len() - records.len();
        let others = whole.iter().filter(|record| record.record != 4);
        let found = records.iter().filter(|record| record.record != 4);
        assert!(others.eq(found), "{time}");
        // The record itself is read, or counted as damaged.
        assert_eq!(
            u64::try_from(lost).unwrap(),
            summary.damaged,
            "{time}: {:?}",
            summary.notes
        );
    }
}

/// Bytes of each of the logs that no check should read; they are holes and take no room.
const LOG_BYTES: u64 = 48 << 20;

/// A tree of Windows as a directory, with large logs in every place where logs are looked for.
struct Tree(tempfile::TempDir);

impl Tree {
    /// The tree of a sample whose image is packed.
    fn of_packed(sample: &str) -> Self {
        let packed = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/cases")
            .join(sample);
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        let mut raw =
            ruzstd::decoding::StreamingDecoder::new(std::fs::File::open(packed).unwrap()).unwrap();
        std::io::copy(&mut raw, &mut std::fs::File::create(&image).unwrap()).unwrap();
        let tree = tempfile::tempdir().unwrap();
        tree::copy_out(&image, tree.path());
        Self(tree)
    }

    /// The tree of a sample that is a directory.
    fn of_directory(sample: &str) -> Self {
        let tree = tempfile::tempdir().unwrap();
        let image = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/cases")
            .join(sample);
        tree::copy_out(&image, tree.path());
        Self(tree)
    }

    /// The file of that name.
    fn file(&self, name: &str) -> PathBuf {
        let entries = walkdir::WalkDir::new(self.0.path()).into_iter();
        let mut files = entries.map(|entry| entry.unwrap().into_path());
        files
            .find(|path| {
                path.is_file()
                    && path
                        .file_name()
                        .is_some_and(|found| found.eq_ignore_ascii_case(name))
            })
            .unwrap()
    }

    /// Puts logs where they are looked for, and says how many.
    fn add_logs(&self) -> usize {
        let mut added = 0;
        let folders: Vec<PathBuf> = walkdir::WalkDir::new(self.0.path())
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.eq_ignore_ascii_case("config"))
            })
            .collect();
        for config in folders {
            let system32 = config.parent().unwrap();
            let windows = system32.parent().unwrap();
            for log in [
                config.join("SysEvent.Evt"),
                config.join("AppEvent.Evt"),
                system32.join("winevt/Logs/System.evtx"),
                system32.join("winevt/Logs/Application.evtx"),
                windows.join("setupapi.log"),
                windows.join("Panther/setupact.log"),
                windows.join("System32/Sysprep/Panther/setupact.log"),
            ] {
                std::fs::create_dir_all(log.parent().unwrap()).unwrap();
                std::fs::File::create(log)
                    .unwrap()
                    .set_len(LOG_BYTES)
                    .unwrap();
                added += 1;
            }
        }
        added
    }

    /// How many bytes of files `check` reads, as the program counts them.
    fn bytes_read(&self, options: &[&str]) -> u64 {
        let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .args(["check", "--verbose"])
            .args(options)
            .arg(self.0.path())
            .output()
            .unwrap();
        let notes = String::from_utf8(output.stderr).unwrap();
        let (before, _) = notes.split_once(" bytes read in ").unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

#[test]
fn without_logs_check_reads_no_byte_of_a_log() {
    let tree = Tree::of_directory("dirty_hives_logs_change_verdict/image");
    let without = tree.bytes_read(&["--no-logs"]);
    assert!(tree.add_logs() > 0);
    assert_eq!(tree.bytes_read(&["--no-logs"]), without);
    // The count would show it: rules of this sample ask for logs.
    assert!(tree.bytes_read(&[]) > without + LOG_BYTES);
}

#[test]
fn where_no_rule_asks_for_logs_check_reads_no_byte_of_a_log() {
    // Without IIS no rule of NT 3.51 rests on a log; the hive lists its keys by their first four letters.
    let tree = Tree::of_packed("nt351_iis1/museum.img.zst");
    let system = tree.file("SYSTEM");
    let mut hive = std::fs::read(&system).unwrap();
    let at = hive.windows(5).position(|name| name == b"W3SVC").unwrap();
    hive[at..at + 5].copy_from_slice(b"W3SVX");
    std::fs::write(&system, hive).unwrap();
    let without = tree.bytes_read(&[]);
    assert!(tree.add_logs() > 0);
    assert_eq!(tree.bytes_read(&[]), without);
}

#[test]
fn facts_of_logs_that_were_left_out_are_unknown_and_name_the_option() {
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["check", "--no-logs", "--format", "json"])
        .arg("testdata/cases/dirty_hives_logs_change_verdict/image")
        .output()
        .unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let facts = report["facts"].as_object().unwrap();
    let of_logs = facts
        .iter()
        .filter(|(id, _)| id.starts_with("evt.") || id.starts_with("setuplog."));
    let mut seen = 0;
    for (id, fact) in of_logs {
        seen += 1;
        assert_eq!(fact["state"], "unknown", "{id}");
        assert!(fact.to_string().contains("--no-logs"), "{id}: {fact}");
    }
    assert!(seen > 8, "{seen}");
}

/// What `inspect` finds in one log of the corpus.
fn facts_of(name: &str) -> Json {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("system.evtx");
    std::fs::write(&log, corpus::read(name)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["inspect", "--format", "json", "--event-log"])
        .arg(&log)
        .output()
        .unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    report["facts"].clone()
}

#[test]
fn set_up_of_each_windows_says_that_it_was_no_upgrade() {
    if corpus::folder().is_none() {
        return;
    }
    // Event 2003 has `Install was an upgrade` in the first and `Installwasanupgrade` in the second, both false by libevtx.
    for name in [
        "eventlogs/server2008r2_dc_system.evtx.zst",
        "eventlogs/server2022_system.evtx.zst",
    ] {
        let facts = facts_of(name);
        assert_eq!(facts["evt.upgraded"]["value"], false, "{name}");
    }
}
