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

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use chrono::NaiveDateTime;
use goldseal::artifact::event_log::{
    self, EventRecord, EventTime, LogKind, LogSummary, Query, Text,
};

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

fn corpus_logs(ending: &str) -> Vec<String> {
    corpus::names("eventlogs")
        .into_iter()
        .filter(|name| name.trim_end_matches(".zst").ends_with(ending))
        .collect()
}

/// One event as both readers show it: number, time, source, id with qualifiers, computer, strings.
type Row = (u64, String, String, u64, String, Vec<String>);

fn row(record: &EventRecord) -> Row {
    let id = u64::from(record.qualifiers.unwrap_or(0)) << 16 | u64::from(record.event_id);
    let strings = record
        .strings
        .iter()
        .map(|string| string.text.replace('\r', ""))
        .collect();
    (
        record.record,
        record
            .time
            .and_then(EventTime::to_rfc3339)
            .unwrap_or_default(),
        record
            .provider
            .clone()
            .unwrap_or_else(|| record.source.clone()),
        id,
        record.computer.clone(),
        strings,
    )
}

/// What `evtexport` (libevt) shows of a log.
fn libevt(bytes: &[u8], mode: &str) -> Vec<Row> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let output = Command::new("evtexport")
        .args(["-t", "system", "-m", mode])
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let blocks = text.split("Event number\t\t\t: ").skip(1);
    blocks.map(libevt_row).collect()
}

fn libevt_row(block: &str) -> Row {
    let mut lines = block.trim_end_matches('\n').split('\n');
    let number = lines.next().unwrap().parse().unwrap();
    let mut row: Row = (
        number,
        String::new(),
        String::new(),
        0,
        String::new(),
        Vec::new(),
    );
    let mut in_string = false;
    for line in lines {
        let (key, value) = line.split_once("\t: ").unwrap_or((line, ""));
        let key = key.trim_end();
        let is_string = key.starts_with("String: ");
        match key {
            "Creation time" => {
                let time = NaiveDateTime::parse_from_str(value, "%b %d, %Y %H:%M:%S UTC").unwrap();
                row.1 = time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
            }
            "Source name" => value.clone_into(&mut row.2),
            "Event identifier" => {
                row.3 = u64::from_str_radix(&value.split(' ').next().unwrap()[2..], 16).unwrap();
            }
            "Computer name" => value.clone_into(&mut row.4),
            _ if is_string => row.5.push(value.to_owned()),
            _ if in_string => {
                let last = row.5.last_mut().unwrap();
                last.push('\n');
                last.push_str(line);
            }
            _ => {}
        }
        in_string = is_string || (in_string && !row.5.is_empty());
    }
    row
}

fn trimmed(mut row: Row) -> Row {
    for string in &mut row.5 {
        *string = string.trim_end().to_owned();
    }
    row
}

fn agrees_with_libevt(name: &str, bytes: &[u8]) {
    let (_, records) = read(bytes);
    let of = |recovered: bool| {
        let chosen = records
            .iter()
            .filter(move |record| record.recovered == recovered);
        chosen
            .map(|record| trimmed(row(record)))
            .collect::<BTreeSet<Row>>()
    };
    let theirs: BTreeSet<Row> = libevt(bytes, "items").into_iter().map(trimmed).collect();
    assert_eq!(of(false), theirs, "{name}: live records");
    let recovered: BTreeSet<Row> = libevt(bytes, "recovered")
        .into_iter()
        .map(trimmed)
        .collect();
    assert!(of(true).is_subset(&recovered), "{name}: recovered records");
}

#[test]
fn every_evt_of_the_corpus_has_the_records_that_libevt_finds() {
    if corpus::folder().is_none() || !support::tool("evtexport") {
        return;
    }
    let logs = corpus_logs(".evt");
    assert_eq!(logs.len(), 3);
    for name in logs {
        agrees_with_libevt(&name, &corpus::read(&name));
    }
}

#[test]
fn the_synthetic_logs_are_read_as_libevt_reads_them() {
    if !support::tool("evtexport") {
        return;
    }
    for name in [
        "kb884872_system.evt",
        "clone_application.evt",
        "wrapped.evt",
        "dirty.evt",
        "german_system.evt",
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

/// What `evtxexport` (libevtx) shows of a log: number, time, provider, id, computer, and the strings of classic events.
fn libevtx(bytes: &[u8]) -> Vec<Row> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let output = Command::new("evtxexport")
        .args(["-m", "items", "-f", "xml"])
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let events = text.split("<Event xmlns").skip(1);
    events.map(libevtx_row).collect()
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    let rest = text.split_once(begin)?.1;
    Some(rest.split_once(end)?.0)
}

fn libevtx_row(event: &str) -> Row {
    let id_tag = event.split_once("<EventID").unwrap().1;
    let (attributes, rest) = id_tag.split_once('>').unwrap();
    let id: u64 = rest.split_once('<').unwrap().0.parse().unwrap();
    let qualifiers: u64 =
        between(attributes, "Qualifiers=\"", "\"").map_or(0, |text| text.parse().unwrap());
    let provider = between(event, "<Provider Name=\"", "\"").unwrap();
    // Nanoseconds, of which a FILETIME has no last two digits.
    let time = between(event, "SystemTime=\"", "\"").unwrap();
    let strings = if is_classic(provider) {
        // An empty element has no end tag.
        let event = event.replace('\r', "").replace("/>", "></Data>");
        let cells = event.split("<Data").skip(1);
        cells
            .map(|cell| {
                unescaped(
                    cell.split_once('>')
                        .unwrap()
                        .1
                        .split("</Data>")
                        .next()
                        .unwrap(),
                )
            })
            .collect()
    } else {
        Vec::new()
    };
    (
        between(event, "<EventRecordID>", "<")
            .unwrap()
            .parse()
            .unwrap(),
        format!("{}Z", time.get(..27).unwrap()),
        unescaped(provider),
        qualifiers << 16 | id,
        between(event, "<Computer>", "<").unwrap_or("").to_owned(),
        strings,
    )
}

fn is_classic(provider: &str) -> bool {
    ["Service Control Manager", "EventLog"].contains(&provider)
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[test]
fn every_evtx_of_the_corpus_has_the_records_that_libevtx_finds() {
    if corpus::folder().is_none() || !support::tool("evtxexport") {
        return;
    }
    let logs = corpus_logs(".evtx");
    assert_eq!(logs.len(), 11);
    for name in logs {
        let bytes = corpus::read(&name);
        let (summary, records) = read(&bytes);
        assert_eq!(summary.kind, LogKind::Evtx);
        let ours: BTreeSet<Row> = records
            .iter()
            .filter(|record| !record.recovered)
            .map(|record| {
                let mut row = trimmed(row(record));
                if !is_classic(&row.2) {
                    row.5.clear();
                }
                row
            })
            .collect();
        let theirs: BTreeSet<Row> = libevtx(&bytes).into_iter().map(trimmed).collect();
        let missed: Vec<&Row> = theirs.difference(&ours).take(3).collect();
        assert!(missed.is_empty(), "{name}: only libevtx has {missed:?}");
        if !name.contains("bad_chunk_magic") {
            let more: Vec<&Row> = ours.difference(&theirs).take(3).collect();
            assert!(more.is_empty(), "{name}: libevtx has not {more:?}");
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
    if !support::tool("evtxexport") {
        return;
    }
    let theirs: BTreeSet<u64> = libevtx(&bytes).into_iter().map(|row| row.0).collect();
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

/// Texts to look for in a log: words and parts of what its records say, in other case, and some that none says.
fn needles(records: &[EventRecord]) -> Vec<String> {
    let mut found = vec!["no event says this".to_owned(), "service".to_owned()];
    let step = (records.len() / 6).max(1);
    for (index, record) in records.iter().step_by(step).enumerate() {
        let texts: Vec<&str> = record
            .strings
            .iter()
            .map(|string| string.text.as_str())
            .filter(|text| text.chars().count() > 4)
            .collect();
        let Some(text) = texts.get(index % texts.len().max(1)) else {
            found.push(record.computer.to_uppercase());
            continue;
        };
        let chars: Vec<char> = text.chars().collect();
        let start = (index * 3) % (chars.len() - 4);
        let part: String = chars[start..].iter().take(12).collect();
        found.push(part.to_uppercase());
    }
    found
}

#[test]
fn a_search_by_text_finds_what_reading_every_record_finds() {
    if corpus::folder().is_none() {
        return;
    }
    for name in corpus_logs(".evtx") {
        let bytes = corpus::read(&name);
        let (_, all) = read(&bytes);
        for needle in needles(&all) {
            let query = Query {
                text: Some(Text::new(&needle)),
                ..Query::default()
            };
            let mut found = Vec::new();
            event_log::read(&bytes, &query, &mut |record| found.push(record)).unwrap();
            let wanted: Vec<&EventRecord> =
                all.iter().filter(|record| query.wants(record)).collect();
            assert_eq!(
                found.iter().collect::<Vec<_>>(),
                wanted,
                "{name}: {needle:?}"
            );
        }
    }
}
