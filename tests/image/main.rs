//! Images of every kind that is read, and of every kind that is refused: containers, partition tables, file systems,
//! directories of the host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test fails loudly"
)]

#[path = "../support/corpus.rs"]
mod corpus;
#[path = "../support/image_case.rs"]
mod image_case;
#[path = "../support/mod.rs"]
mod support;

mod block_device;
mod containers;
mod corpus_images;
mod crashes;
mod differencing;
mod directories;
mod fat;
mod installations;
mod loose;
mod partitions;
mod reparse;
mod split;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use goldseal::base::limits::Limits;
use goldseal::image::container::{self, Context, Opened};
use goldseal::image::device::{Device, FileDevice, MemoryDevice, ReadCounter, read_vec};
use goldseal::image::{BackingFiles, Image, Options, Source};

/// Runs an outside tool and gives what it printed.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Bytes that repeat nowhere, with stretches of zeros between them.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = vec![0_u8; len];
    for (index, word) in bytes.chunks_mut(8).enumerate() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if (index / 40_000) % 3 != 1 {
            word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
        }
    }
    bytes
}

fn memory(bytes: Vec<u8>) -> Device {
    Arc::new(MemoryDevice::new(bytes))
}

fn file_device(path: &Path) -> Device {
    let file = std::fs::File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    Arc::new(FileDevice::new(file, len, Arc::default()))
}

fn context(path: Option<&Path>, backing_files: BackingFiles) -> Context {
    Context {
        path: path.map(Path::to_owned),
        backing_files,
        limits: Limits::default(),
        counter: Arc::new(ReadCounter::default()),
    }
}

/// Opens the container in a file.
fn open_container(path: &Path) -> goldseal::Result<Opened> {
    let context = context(Some(path), BackingFiles::SameDirectory);
    container::open(&file_device(path), &context).map(|opened| opened.expect("a known format"))
}

fn all_bytes(device: &Device) -> Vec<u8> {
    let len = usize::try_from(device.len_bytes()).unwrap();
    read_vec(device.as_ref(), 0, len).unwrap()
}

fn open(path: &Path) -> goldseal::Result<Image> {
    Image::open(&Source::from_path(path), &Options::default())
}
