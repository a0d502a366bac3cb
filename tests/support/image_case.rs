//! One input of each fuzz target of the image layers; the tests of kept inputs run the same code.
#![allow(dead_code, reason = "each target uses its part")]

use std::sync::Arc;

use goldseal::base::contain;
use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::image::container::{self, Context};
use goldseal::image::device::{Device, MemoryDevice, ReadCounter};
use goldseal::image::filesystem::{FileSystem, volume};
use goldseal::image::{BackingFiles, Image, Options, partition};

/// Most entries that are looked at in one input.
const ENTRIES_MAX: usize = 300;
/// Most bytes that are read of one file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Keeps the panics that the fence catches from ending the run; every other one ends it.
pub(crate) fn silence_contained_panics() {
    let ending = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !contain::is_contained() {
            ending(info);
        }
    }));
}

fn device(bytes: Vec<u8>) -> Device {
    Arc::new(MemoryDevice::new(bytes))
}

/// A container of any bytes.
pub(crate) fn vhd(input: &[u8]) {
    let Some((flags, bytes)) = input.split_first() else {
        return;
    };
    let mut bytes = bytes.to_vec();
    if flags & 1 != 0 {
        let len = bytes.len();
        for (start, size, at) in [
            (len.wrapping_sub(512), 512, 64),
            (0, 512, 64),
            (512, 1024, 36),
        ] {
            if let Some(part) = bytes.get_mut(start..).and_then(|tail| tail.get_mut(..size)) {
                sum(part, at);
            }
        }
    }
    let context = Context {
        path: None,
        backing_files: BackingFiles::SameDirectory,
        limits: Limits::default(),
        counter: Arc::new(ReadCounter::default()),
    };
    if let Ok(Some(opened)) = container::open(&device(bytes), &context) {
        let len = opened.device.len_bytes();
        let mut buffer = vec![0; 70_000];
        for offset in [0, 511, len / 2, len.saturating_sub(70_000), len] {
            let _ = opened.device.read_exact_at(offset, &mut buffer);
        }
    }
}

fn sum(part: &mut [u8], at: usize) {
    if let Some(field) = part.get_mut(at..at + 4) {
        field.fill(0);
    }
    let sum = part
        .iter()
        .fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    if let Some(field) = part.get_mut(at..at + 4) {
        field.copy_from_slice(&(!sum).to_be_bytes());
    }
}

/// A partition table of any bytes.
pub(crate) fn partition_table(input: &[u8]) {
    let Some((flags, bytes)) = input.split_first() else {
        return;
    };
    let mut bytes = bytes.to_vec();
    if flags & 1 != 0 {
        gpt_sums(&mut bytes);
    }
    let device = device(bytes);
    let _ = partition::read(device.as_ref(), &Limits::default());
}

/// Makes the checksums of a GPT header in the second sector right.
fn gpt_sums(bytes: &mut [u8]) {
    let field = |bytes: &[u8], at: usize| -> Option<usize> {
        let raw: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(raw)).ok()
    };
    let Some((lba, count, size)) = field(bytes, 512 + 72)
        .zip(field(bytes, 512 + 80))
        .zip(field(bytes, 512 + 84))
        .map(|((lba, count), size)| (lba, count, size))
    else {
        return;
    };
    let entries = lba
        .checked_mul(512)
        .zip(count.checked_mul(size))
        .and_then(|(at, len)| bytes.get(at..at.checked_add(len)?));
    let Some(entries_sum) = entries.map(crc32) else {
        return;
    };
    if let Some(place) = bytes.get_mut(512 + 88..512 + 92) {
        place.copy_from_slice(&entries_sum.to_le_bytes());
    }
    if let Some(place) = bytes.get_mut(512 + 16..512 + 20) {
        place.fill(0);
    }
    let Some(header_sum) = bytes.get(512..512 + 92).map(crc32) else {
        return;
    };
    if let Some(place) = bytes.get_mut(512 + 16..512 + 20) {
        place.copy_from_slice(&header_sum.to_le_bytes());
    }
}

/// CRC-32 of IEEE 802.3, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 0 {
                crc >> 1
            } else {
                crc >> 1 ^ 0xEDB8_8320
            }
        })
    })
}

/// A FAT volume of any bytes: all of it is walked.
pub(crate) fn fat(input: &[u8]) {
    let mut bytes = input.to_vec();
    if bytes.len() < 512 {
        return;
    }
    for (at, value) in [(0, 0xEB), (510, 0x55), (511, 0xAA), (21, 0xF8)] {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    }
    if let Ok(filesystem) = volume::open(&device(bytes), &Limits::default()) {
        walk(filesystem.as_ref());
    }
}

fn walk(filesystem: &dyn FileSystem) {
    let mut waiting = vec![WinPath::root()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let Ok(Some(entries)) = filesystem.read_dir(&path) else {
            continue;
        };
        for entry in entries {
            seen += 1;
            if seen > ENTRIES_MAX {
                return;
            }
            let child = path.child(&entry.name);
            let _ = filesystem.metadata(&child);
            if entry.is_dir {
                waiting.push(child);
            } else {
                let _ = filesystem.read(&child, FILE_BYTES_MAX);
                let _ = filesystem.read_head(&child, 100);
            }
        }
    }
}

/// An image of any bytes.
pub(crate) fn whole_chain(input: &[u8]) {
    let options = Options::default();
    let Ok(image) = Image::from_device("input", device(input.to_vec()), &options) else {
        return;
    };
    for installation in &image.installations {
        let _ = goldseal::facts::collect(installation, options.limits);
    }
    for filesystem in image
        .volumes
        .iter()
        .filter_map(|volume| volume.filesystem.as_ref().ok())
    {
        walk(filesystem.as_ref());
    }
}
