//! Renames planned on every NTFS volume of the shared corpus, those written by Windows among them.
//!
//! Nothing is written. A plan reads and checks the whole index of a directory strictly, so this shows whether indexes that
//! Windows made are taken as whole.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "integration tests"
)]

use std::sync::Arc;

use goldseal::base::win_path::WinPath;
use goldseal::image::device::{Device, MemoryDevice};
use goldseal::image::filesystem::FileSystem;
use goldseal::image::filesystem::ntfs::NtfsVolume;
use goldseal::image::{Image, Options};
use goldseal::repair::Edit;
use goldseal::repair::ntfs::plan;

#[path = "support/corpus.rs"]
mod corpus;

/// Plans another name for every file of a volume; gives the number of plans.
fn plan_all(name: &str, ntfs: &NtfsVolume) -> usize {
    let mut planned = 0;
    let mut folders = vec![WinPath::root()];
    while let Some(folder) = folders.pop() {
        let entries = ntfs.read_dir_metadata(&folder).unwrap().unwrap();
        for (entry, metadata) in entries {
            let metadata = metadata.unwrap();
            // What belongs to the file system itself is refused, and tested elsewhere.
            if metadata.mft_record.unwrap() < 24 {
                continue;
            }
            if metadata.is_dir {
                folders.push(folder.child(&entry));
                continue;
            }
            let mut to = entry.clone();
            to.pop();
            to.push('~');
            let edit = Edit::Rename {
                directory: folder.clone(),
                from: entry,
                to,
            };
            let result = plan(ntfs.mft().device(), std::slice::from_ref(&edit));
            assert!(result.is_ok(), "{name} {edit:?}: {}", result.unwrap_err());
            planned += 1;
        }
    }
    planned
}

/// Windows 8 and later wrote `dfir_ntfs_index` and `orc_ntfs`, Linux ntfs3 `dfir_ntfs3`, mkntfs the last one.
#[test]
fn volumes_of_windows_and_linux_are_whole_to_the_strict_reader() {
    let volumes = [
        ("images/dfir_ntfs_index.raw.gz", 7),
        ("images/orc_ntfs.vhd.zst", 6),
        ("images/dfir_ntfs3.raw.gz", 2),
        ("images/ntfs_crate_testfs1.zst", 2),
    ];
    if corpus::folder().is_none() {
        return;
    }
    for (name, at_least) in volumes {
        let device: Device = Arc::new(MemoryDevice::new(corpus::read(name)));
        let image = Image::from_device(name, device, &Options::default()).unwrap();
        let volumes = image.volumes.iter();
        let planned: usize = volumes
            .filter_map(|volume| volume.filesystem.as_ref().ok()?.as_ntfs())
            .map(|ntfs| plan_all(name, ntfs))
            .sum();
        assert!(planned >= at_least, "{name}: {planned}");
    }
}
