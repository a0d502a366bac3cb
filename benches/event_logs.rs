//! Search of 100 MB of event logs: seconds of processor time for a search by id and for one by text.
//!
//! `cargo bench --bench event_logs`. The old format is made of records as Windows writes them; for the new one
//! `GOLDSEAL_EVTX=System.evtx` names a log whose chunks are repeated.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured"
)]

#[path = "support/cpu_time.rs"]
mod cpu_time;

use cpu_time::cpu_time;
use goldseal::artifact::event_log::{self, Query, Text};

const BYTES: usize = 100_000_000;
const EVTX_HEADER_BYTES: usize = 4096;

fn main() {
    search("evt", &evt());
    match std::env::var_os("GOLDSEAL_EVTX") {
        None => println!("evtx: GOLDSEAL_EVTX names no log"),
        Some(path) => search("evtx", &evtx(&std::fs::read(path).unwrap())),
    }
}

fn search(name: &str, log: &[u8]) {
    let by_id = Query::for_ids([116, 7023, 7024]);
    let by_text = Query {
        text: Some(Text::new("no event says this")),
        ..Query::default()
    };
    for (what, query) in [("id", by_id), ("text", by_text)] {
        let mut found = 0_u64;
        let start = cpu_time();
        let summary = event_log::read(log, &query, &mut |_| found += 1).unwrap();
        let spent = cpu_time().saturating_sub(start);
        println!(
            "{name}: {:.0} MB, {} records searched by {what}: {found} found, {:.2} s of processor time",
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

fn evtx(log: &[u8]) -> Vec<u8> {
    let (header, chunks) = log.split_at(EVTX_HEADER_BYTES);
    let mut long = header.to_vec();
    while long.len() < BYTES {
        long.extend_from_slice(chunks);
    }
    long
}
