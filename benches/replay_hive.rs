//! Replay of transaction logs over a hive of 64 MiB, and look-ups in it: MB of hive a second, look-ups a second.
//!
//! `cargo bench --bench replay_hive`. Two logs of the new format rewrite half of the hive and then an eighth of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured"
)]

#[path = "support/cpu_time.rs"]
mod cpu_time;
#[path = "../tests/support/hive_builder.rs"]
mod hive_builder;

use std::hint::black_box;
use std::time::Instant;

use cpu_time::cpu_time;
use goldseal::artifact::registry::{Hive, HiveLog};
use goldseal::base::limits::Limits;
use goldseal::evidence::HiveState;
use hive_builder::HiveBuilder;

const HIVE_BYTES: usize = 64 << 20;
const PAGE_BYTES: usize = 4096;
const ROUNDS: u32 = 5;

fn main() {
    let hive = hive();
    let logs = [log(&hive, "S.LOG1", 1, 2), log(&hive, "S.LOG2", 2, 8)];
    let copies: Vec<Vec<u8>> = (0..ROUNDS).map(|_| hive.clone()).collect();
    let (wall, cpu) = (Instant::now(), cpu_time());
    for copy in copies {
        let opened = Hive::parse(copy, &logs, &Limits::default()).unwrap();
        assert_eq!(opened.state(), HiveState::Replayed, "{:?}", opened.notes());
    }
    let (wall, cpu) = (
        wall.elapsed() / ROUNDS,
        cpu_time().saturating_sub(cpu) / ROUNDS,
    );
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!(
        "replay: {:.0} MB of hive, {:.0} MB of logs: {:.0} MB/s of processor time, {:.0} MB/s of wall time",
        megabytes(hive.len()),
        megabytes(
            logs.iter()
                .map(|log| log.bytes.as_ref().unwrap().len())
                .sum()
        ),
        megabytes(hive.len()) / cpu.as_secs_f64(),
        megabytes(hive.len()) / wall.as_secs_f64()
    );
    lookups(&hive);
}

/// A dirty hive with 500 services and the rest in values.
fn hive() -> Vec<u8> {
    let mut builder = HiveBuilder::new(5);
    let mut names: Vec<String> = (0..500).map(|n| format!("service{n:03}")).collect();
    names.sort();
    let services: Vec<u32> = names
        .iter()
        .map(|name| {
            let value = builder.value(b"ImagePath", 2, &[b'x'; 64]);
            builder.folder(name.as_bytes(), &[], &[value])
        })
        .collect();
    let block = vec![7; 16_000];
    let values: Vec<u32> = (0..HIVE_BYTES / 16_100)
        .map(|n| builder.value(format!("v{n}").as_bytes(), 3, &block))
        .collect();
    let bulk = builder.folder(b"Bulk", &[], &values);
    let services = builder.folder(b"Services", &services, &[]);
    let root = builder.folder(b"root", &[bulk, services], &[]);
    let mut hive = builder.finish(root);
    hive_builder::set_sequences(&mut hive, 2, 1);
    hive
}

/// A log that rewrites one page in every `one_in`.
fn log(hive: &[u8], name: &str, sequence: u32, one_in: usize) -> HiveLog {
    let pages: Vec<(u32, &[u8])> = hive[PAGE_BYTES..]
        .chunks_exact(PAGE_BYTES)
        .enumerate()
        .filter(|(index, _)| index % one_in == 0)
        .map(|(index, page)| ((index * PAGE_BYTES) as u32, page))
        .collect();
    let entries: Vec<&[(u32, &[u8])]> = vec![&pages];
    HiveLog::new(name, hive_builder::new_log(hive, sequence, &entries))
}

fn lookups(hive: &[u8]) {
    let opened = Hive::parse(hive.to_vec(), &[], &Limits::default()).unwrap();
    let rounds = 20_000_u32;
    let start = cpu_time();
    for _ in 0..rounds {
        let key = opened.key("Services\\service321").unwrap().unwrap();
        black_box(key.value("ImagePath").unwrap().unwrap());
    }
    let found = cpu_time().saturating_sub(start) / rounds;
    let start = cpu_time();
    for _ in 0..rounds {
        assert!(black_box(opened.key("Services\\absent").unwrap()).is_none());
    }
    let missed = cpu_time().saturating_sub(start) / rounds;
    println!("look-up of a value: {found:.1?}; of a key that is absent among 500: {missed:.1?}");
}
