//! Search of 100 MB of event logs: seconds of processor time for every kind of search.
//!
//! `cargo bench --bench event_logs`. The old format is made of records as Windows writes them. For the new one the chunks of
//! all logs of the test corpus are repeated, if it lies beside the project, or of those that `GOLDSEAL_EVTX` names
//! (`a.evtx:b.evtx`). An argument chooses searches by a part of their names. What is found is counted and dropped: its output is no part of the search.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured"
)]

#[path = "../tests/support/corpus.rs"]
mod corpus;
#[path = "support/cpu_time.rs"]
mod cpu_time;

use cpu_time::cpu_time;
use goldseal::artifact::event_log::{self, Query, Text};
use goldseal::base::filetime::FileTime;

const BYTES: usize = 100_000_000;
const EVTX_HEADER_BYTES: usize = 4096;
const EVTX_CHUNK_BYTES: usize = 65_536;

fn main() {
    search("evt", &evt());
    let logs = match std::env::var("GOLDSEAL_EVTX") {
        Ok(paths) => paths
            .split(':')
            .map(|path| std::fs::read(path).unwrap())
            .collect(),
        Err(_) => corpus_logs(),
    };
    if logs.is_empty() {
        println!("evtx: there is no corpus, and GOLDSEAL_EVTX names no log");
    } else {
        search("evtx", &evtx(&logs));
    }
}

fn corpus_logs() -> Vec<Vec<u8>> {
    let names = corpus::names("eventlogs").into_iter();
    names
        .filter(|name| name.contains(".evtx"))
        .map(|name| corpus::read(&name))
        .collect()
}

/// Every kind of search: what it is called, and what is asked for.
fn queries() -> Vec<(&'static str, Query)> {
    let text = |text: &str| Query {
        text: Some(Text::new(text)),
        ..Query::default()
    };
    let source = |name: &str| Query {
        sources: vec![name.to_owned()],
        ..Query::default()
    };
    let since = |steps: u64| Query {
        since: Some(FileTime(steps)),
        ..Query::default()
    };
    // 1980 and 2100.
    let (early, late) = (119_600_064_000_000_000, 157_469_184_000_000_000);
    vec![
        ("id", Query::for_ids([116, 7023, 7024])),
        ("source", source("NtServicePack")),
        ("source of many events", source("Service Control Manager")),
        ("time, none", since(late)),
        ("time, all", since(early)),
        ("rare text", text("no event says this")),
        ("text in every event", text("e")),
        ("word in most events", text("event")),
        ("text beyond ASCII", text("ß")),
        ("text of white space", text(" ")),
        (
            "source, time and text in every event",
            Query {
                sources: vec!["Service Control Manager".to_owned()],
                ..Query {
                    text: Some(Text::new("e")),
                    ..since(early)
                }
            },
        ),
        ("nothing, all are found", Query::default()),
    ]
}

fn search(name: &str, log: &[u8]) {
    let chosen = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let chosen = chosen.unwrap_or_default();
    let queries = queries().into_iter();
    for (what, query) in queries.filter(|(what, _)| what.contains(&chosen)) {
        let mut found = 0_u64;
        let start = cpu_time();
        let summary = event_log::read(log, &query, &mut |_| found += 1).unwrap();
        let spent = cpu_time().saturating_sub(start);
        println!(
            "{name}: {:.0} MB, {} records, by {what}: {found} found, {:.2} s of processor time",
            log.len() as f64 / 1e6,
            summary.records,
            spent.as_secs_f64()
        );
    }
}

/// A log that is not closed, of service events.
fn evt() -> Vec<u8> {
    let text = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16().chain([0]);
        units.flat_map(u16::to_le_bytes).collect()
    };
    let names = [text("Service Control Manager"), text("GOLDEN-IMAGE")].concat();
    let strings = [text("World Wide Web Publishing Service"), text("running")].concat();
    let at_strings = 56 + names.len();
    let end = at_strings + strings.len();
    let padding = (4 - end % 4) % 4;
    let length = u32::try_from(end + padding + 4).unwrap();
    let at_strings = u32::try_from(at_strings).unwrap();
    let mut log = [48_u32, 0x654c_664c, 1, 1, 48, 48, 1, 0, 0, 1, 0, 48]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect::<Vec<u8>>();
    let mut number = 0_u32;
    while log.len() < BYTES {
        number += 1;
        let words = [
            length,
            0x654c_664c,
            number,
            1_109_664_000 + number,
            1_109_664_000 + number,
            0x4000_1b7c,
        ];
        log.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        log.extend([4_u16, 2, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
        let words = [0, at_strings, 0, at_strings, 0, at_strings];
        log.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        log.extend_from_slice(&names);
        log.extend_from_slice(&strings);
        log.resize(log.len() + padding, 0);
        log.extend_from_slice(&length.to_le_bytes());
    }
    log
}

/// The chunks of logs, one log behind the other, over and over.
fn evtx(logs: &[Vec<u8>]) -> Vec<u8> {
    let mut long = logs[0][..EVTX_HEADER_BYTES].to_vec();
    while long.len() < BYTES {
        for log in logs {
            let chunks = log[EVTX_HEADER_BYTES..].chunks_exact(EVTX_CHUNK_BYTES);
            for chunk in chunks.filter(|chunk| chunk.iter().any(|byte| *byte != 0)) {
                long.extend_from_slice(chunk);
            }
        }
    }
    long
}
