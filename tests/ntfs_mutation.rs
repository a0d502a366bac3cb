//! A small volume with random damage, opened and walked: every outcome is a result, none a panic or a hang.

use std::sync::Arc;

use goldseal::base::win_path::WinPath;
use goldseal::error::Result;
use goldseal::image::device::{BlockDevice, check_range};
use goldseal::image::filesystem::FileSystem;
use goldseal::image::filesystem::ntfs::NtfsVolume;

#[path = "support/corpus.rs"]
mod corpus;

/// How many damaged copies are tried; each differs, and each run tries the same ones.
const COPIES: u64 = 300;
/// Most bytes of one file or stream that are read.
const BYTES_MAX: u64 = 256 << 10;
/// Most directories of one copy that are walked.
const FOLDERS_MAX: usize = 200;

/// A volume with a few bytes replaced.
#[derive(Debug)]
struct Damaged {
    bytes: Arc<Vec<u8>>,
    changes: Vec<(u64, u8)>,
}

impl BlockDevice for Damaged {
    fn len_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes())?;
        let start = usize::try_from(offset).unwrap();
        buf.copy_from_slice(&self.bytes[start..start + buf.len()]);
        for (at, value) in &self.changes {
            if let Some(byte) = at
                .checked_sub(offset)
                .and_then(|place| buf.get_mut(place as usize))
            {
                *byte = *value;
            }
        }
        Ok(())
    }
}

/// Numbers that are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }
}

fn walk(volume: &NtfsVolume) {
    let mut folders = vec![WinPath::root()];
    let mut walked = 0;
    while let Some(folder) = folders.pop() {
        walked += 1;
        if walked > FOLDERS_MAX {
            return;
        }
        for (name, metadata) in volume
            .read_dir_metadata(&folder)
            .ok()
            .flatten()
            .unwrap_or_default()
        {
            let path = folder.child(&name);
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

#[test]
fn damage_of_any_kind_ends_in_results() {
    if corpus::folder().is_none() {
        return;
    }
    let bytes = Arc::new(corpus::read("images/ntfs_crate_testfs1.zst"));
    // Damage is put where structures are: the boot sector, MFT records and index blocks.
    let places: Vec<u64> = (0..bytes.len() as u64 / 512)
        .filter(|sector| {
            let at = *sector as usize * 512;
            *sector == 0 || matches!(&bytes[at..at + 4], b"FILE" | b"INDX" | b"RSTR")
        })
        .collect();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut opened = 0;
    for _ in 0..COPIES {
        let mut changes = Vec::new();
        for _ in 0..=numbers.below(6) {
            let place = places[numbers.below(places.len() as u64) as usize];
            // The words that fix-ups protect are left alone, or most damage ends as a torn write.
            let at = place * 512 + numbers.below(510);
            let value = match numbers.below(4) {
                0 => 0,
                1 => 0xff,
                _ => numbers.below(256) as u8,
            };
            changes.push((at, value));
        }
        let device = Arc::new(Damaged {
            bytes: bytes.clone(),
            changes,
        });
        if let Ok(volume) = NtfsVolume::open(device) {
            let _ = volume.notes();
            walk(&volume);
            opened += 1;
        }
    }
    assert!(opened > COPIES / 2, "{opened}");
}
