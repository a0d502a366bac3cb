//! Listing of a large directory with all eight times, and look-ups of a path: CPU time and bytes read.
//!
//! `GOLDSEAL_NTFS_IMAGE=volume.img GOLDSEAL_NTFS_DIR='a\b' cargo bench --bench list_directory`. Without an image it says so.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured"
)]

use std::sync::Arc;
use std::time::Instant;

use goldseal::base::win_path::WinPath;
use goldseal::image::device::{FileDevice, ReadCounter};
use goldseal::image::filesystem::FileSystem;
use goldseal::image::filesystem::ntfs::NtfsVolume;

const ROUNDS: usize = 5;

fn main() {
    let Ok(image) = std::env::var("GOLDSEAL_NTFS_IMAGE") else {
        println!("skipped: GOLDSEAL_NTFS_IMAGE names no volume");
        return;
    };
    let folder = WinPath::new(&std::env::var("GOLDSEAL_NTFS_DIR").unwrap_or_default());
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let counter = Arc::new(ReadCounter::default());
        let file = std::fs::File::open(&image).unwrap();
        let len = file.metadata().unwrap().len();
        let device = Arc::new(FileDevice::new(file, len, counter.clone()));
        let volume = NtfsVolume::open(device).unwrap();
        let opened = counter.bytes();
        let started = Instant::now();
        let entries = volume.read_dir_metadata(&folder).unwrap().unwrap();
        let took = started.elapsed().as_secs_f64();
        let damaged = entries
            .iter()
            .filter(|(_, metadata)| metadata.is_err())
            .count();
        println!(
            "list: {} files ({damaged} damaged) in {took:.3} s, {} bytes in {} reads; opening read {opened} bytes",
            entries.len(),
            counter.bytes() - opened,
            counter.requests()
        );
        seconds.push(took);
        let started = Instant::now();
        let step = entries.len() / 1000 + 1;
        let mut found = 0;
        for (name, _) in entries.iter().step_by(step) {
            found += usize::from(volume.metadata(&folder.child(name)).unwrap().is_some());
        }
        let micros = started.elapsed().as_secs_f64() * 1e6;
        println!(
            "look-up: {:.1} microseconds a path, {found} paths",
            micros / found.max(1) as f64
        );
    }
    seconds.sort_by(f64::total_cmp);
    println!("median: {:.3} s", seconds[seconds.len() / 2]);
}
