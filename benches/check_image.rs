//! The whole chain on one image, from opening to the verdict: time, bytes read, and how it parts into its steps.
//!
//! `cargo bench --bench check_image` takes a sample; `GOLDSEAL_IMAGE=disk.img cargo bench --bench check_image` another image.
//! `scripts/bench` sets the whole program beside other programs.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured"
)]

use std::time::{Duration, Instant};

use goldseal::base::limits::Limits;
use goldseal::facts;
use goldseal::image::{Image, Options, Source};
use goldseal::rules::{self, Catalogue, Verdicts};

const SAMPLE: &str = "testdata/cases/w2k_kb884872_mismatch/golden.vhd";
const ROUNDS: u32 = 100;

fn main() {
    let image = std::env::var("GOLDSEAL_IMAGE").unwrap_or_else(|_| SAMPLE.to_owned());
    let source = Source::from_path(&image);
    let loading = Instant::now();
    let catalogue = Catalogue::built_in().unwrap();
    let loaded = loading.elapsed();
    let [mut open, mut collect, mut judge] = [Duration::ZERO; 3];
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let opened = Image::open(&source, &Options::default()).unwrap();
        open += started.elapsed();
        for installation in &opened.installations {
            let started = Instant::now();
            let collected = facts::collect(installation, Limits::default());
            collect += started.elapsed();
            let started = Instant::now();
            let findings = rules::run(&catalogue, &collected.facts);
            std::hint::black_box(Verdicts::of(&findings));
            judge += started.elapsed();
        }
        bytes = opened.counter.bytes();
    }
    let millis = |time: Duration| time.as_secs_f64() * 1000.0 / f64::from(ROUNDS);
    println!(
        "{image}: {bytes} bytes read; catalogue loaded in {:.2} ms",
        loaded.as_secs_f64() * 1000.0
    );
    println!(
        "open {:.2} ms, collect {:.2} ms, judge {:.2} ms",
        millis(open),
        millis(collect),
        millis(judge)
    );
}
