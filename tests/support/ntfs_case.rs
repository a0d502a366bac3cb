//! The small NTFS volume of testdata with damage that a list of bytes describes: for the mutation test and for fuzzing.
//!
//! Each five bytes of the list are one change: which 512 bytes with a structure in them (two bytes), where in them (two
//! bytes), the new value. Damage to arbitrary bytes of a volume would mostly hit what nothing reads.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the volume is our own, of 2 MiB"
)]

use std::io::Read;
use std::sync::{Arc, OnceLock};

use goldseal::base::win_path::WinPath;
use goldseal::error::Result;
use goldseal::image::device::{BlockDevice, check_range};
use goldseal::image::filesystem::FileSystem;
use goldseal::image::filesystem::ntfs::NtfsVolume;

/// Made by `scripts/make_small_ntfs.sh`.
const VOLUME: &[u8] = include_bytes!("../../testdata/ntfs/small.img.gz");
/// Length of a record of the volume, and where a record of NTFS 3.1 holds its own number.
const RECORD_BYTES: usize = 1024;
const RECORD_NUMBER_AT: usize = 0x2c;
/// Most bytes of one file or stream that are read.
const BYTES_MAX: u64 = 1 << 20;
/// Most directories of one copy that are walked.
const FOLDERS_MAX: usize = 50;
/// Of the files whose own record is whole, one in so many is looked at; which ones depends on the damage.
const WHOLE_FILES_SKIPPED: usize = 16;

/// The volume, and the places in it that hold structures.
struct Base {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(VOLUME)
            .read_to_end(&mut bytes)
            .unwrap();
        let mut places = vec![0];
        for at in (512..bytes.len()).step_by(512) {
            let is_structure =
                |at: usize| matches!(bytes.get(at..at + 4), Some(b"FILE" | b"INDX" | b"RSTR"));
            // The second half of a record or block counts too.
            if is_structure(at) || is_structure(at - 512) {
                places.push(at);
            }
        }
        Base { bytes, places }
    })
}

/// The volume with a few bytes replaced.
#[derive(Debug)]
struct Damaged {
    changes: Vec<(usize, u8)>,
}

impl BlockDevice for Damaged {
    fn len_bytes(&self) -> u64 {
        base().bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes())?;
        let start = offset as usize;
        buf.copy_from_slice(&base().bytes[start..start + buf.len()]);
        for (at, value) in &self.changes {
            if let Some(byte) = at.checked_sub(start).and_then(|place| buf.get_mut(place)) {
                *byte = *value;
            }
        }
        Ok(())
    }
}

/// The number of the MFT record that byte `at` of the whole volume lies in, if it lies in one.
fn record_at(at: usize) -> Option<u64> {
    let start = at / RECORD_BYTES * RECORD_BYTES;
    let record = base().bytes.get(start..start + RECORD_BYTES)?;
    let number = record.get(RECORD_NUMBER_AT..RECORD_NUMBER_AT + 4)?;
    record
        .starts_with(b"FILE")
        .then(|| u64::from(u32::from_le_bytes(number.try_into().unwrap())))
}

/// The bytes that `input` changes, and their new values.
fn changes(input: &[u8]) -> Vec<(usize, u8)> {
    let places = &base().places;
    input
        .chunks_exact(5)
        .take(64)
        .map(|change| {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % places.len();
            let inside = usize::from(u16::from_le_bytes([change[2], change[3]])) % 512;
            (places[place] + inside, change[4])
        })
        .collect()
}

/// The volume with the damage that `input` describes, if it can be opened.
pub(crate) fn open(input: &[u8]) -> Option<NtfsVolume> {
    let changes = changes(input);
    NtfsVolume::open(Arc::new(Damaged { changes })).ok()
}

/// Opens and walks the volume with the damage that `input` describes; whether it could be opened.
pub(crate) fn run(input: &[u8]) -> bool {
    let changes = changes(input);
    let damaged_records = changes
        .iter()
        .filter_map(|(at, _)| record_at(*at))
        .collect::<Vec<_>>();
    let turn = changes.iter().map(|(at, _)| *at).sum();
    let Some(volume) = open(input) else {
        return false;
    };
    let _ = volume.notes();
    walk(&volume, &damaged_records, turn);
    let _ = volume.stored_descriptors(BYTES_MAX, &mut |_| ());
    let _ = volume.encrypted_files(BYTES_MAX);
    true
}

fn walk(volume: &NtfsVolume, damaged_records: &[u64], mut turn: usize) {
    let mut folders = vec![WinPath::root()];
    let mut walked = 0;
    while let Some(folder) = folders.pop() {
        walked += 1;
        if walked > FOLDERS_MAX {
            return;
        }
        let entries = volume
            .read_dir_metadata(&folder)
            .ok()
            .flatten()
            .unwrap_or_default();
        for (name, metadata) in entries {
            let path = folder.child(&name);
            turn = turn.wrapping_add(1);
            let is_damaged = metadata.as_ref().map_or(true, |metadata| {
                metadata
                    .mft_record
                    .is_none_or(|record| damaged_records.contains(&record))
            });
            if !is_damaged && !turn.is_multiple_of(WHOLE_FILES_SKIPPED) {
                if metadata.is_ok_and(|metadata| metadata.is_dir) {
                    folders.push(path);
                }
                continue;
            }
            let _ = volume.metadata(&path);
            let _ = volume.read(&path, BYTES_MAX);
            let _ = volume.security_descriptor(&path);
            let Ok(metadata) = metadata else { continue };
            for stream in &metadata.streams {
                let _ = volume.read_stream(&path, stream, BYTES_MAX);
            }
            if metadata.is_dir {
                folders.push(path);
            }
        }
    }
}
