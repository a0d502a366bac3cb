//! A second reader for NTFS: the crate `ntfs`, for what it does right (look-up by `$I30` and `$UpCase`, structured values).
//!
//! The program does not call the crate: it cannot tell names apart that differ in case only, fails where `$MFT` has an
//! attribute list and returns wrong content for some files. Where both can answer, they must agree; content is compared
//! with ntfs-3g instead (`ntfs_differential.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test is the point of a test"
)]

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use goldseal::base::win_path::WinPath;
use goldseal::image::device::MemoryDevice;
use goldseal::image::filesystem::ntfs::NtfsVolume;
use goldseal::image::filesystem::{FileSystem, Metadata};
use ntfs::indexes::NtfsFileNameIndex;
use ntfs::structured_values::NtfsStandardInformation;
use ntfs::{Ntfs, NtfsFile};

/// Raw volumes among the samples, one of Windows NT 4.0 and one of XP Embedded.
const VOLUMES: [&str; 2] = ["nt40_sp6a_iis4_ie501", "xpe_armed_never_booted"];

struct Crate {
    reader: Cursor<Vec<u8>>,
    ntfs: Ntfs,
}

impl Crate {
    fn open(bytes: Vec<u8>) -> Self {
        let mut reader = Cursor::new(bytes);
        let mut ntfs = Ntfs::new(&mut reader).unwrap();
        ntfs.read_upcase_table(&mut reader).unwrap();
        Self { reader, ntfs }
    }

    /// The file that the crate finds for a path.
    fn find(&mut self, path: &WinPath) -> Option<NtfsFile<'_>> {
        let mut record = 5;
        for name in path.components() {
            let file = self.ntfs.file(&mut self.reader, record).unwrap();
            let index = file.directory_index(&mut self.reader).unwrap();
            let mut finder = index.finder();
            let entry =
                NtfsFileNameIndex::find(&mut finder, &self.ntfs, &mut self.reader, name)?.unwrap();
            record = entry.file_reference().file_record_number();
        }
        Some(self.ntfs.file(&mut self.reader, record).unwrap())
    }

    fn standard_information(&mut self, path: &WinPath) -> (u64, [u64; 4], u32) {
        let file = self
            .find(path)
            .unwrap_or_else(|| panic!("{path}: the crate does not find it"));
        let value: NtfsStandardInformation = file.info().unwrap();
        let times = [
            value.creation_time().nt_timestamp(),
            value.modification_time().nt_timestamp(),
            value.mft_record_modification_time().nt_timestamp(),
            value.access_time().nt_timestamp(),
        ];
        (
            file.file_record_number(),
            times,
            value.file_attributes().bits(),
        )
    }
}

fn volume(case: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/cases")
        .join(case)
        .join("golden.img.zst");
    let packed = std::fs::read(path).unwrap();
    let mut raw = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed.as_slice())
        .unwrap()
        .read_to_end(&mut raw)
        .unwrap();
    raw
}

/// Every path of the volume with what our reader says of it.
fn walk(volume: &NtfsVolume) -> Vec<(WinPath, Metadata)> {
    let mut waiting = vec![WinPath::root()];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for (name, metadata) in volume.read_dir_metadata(&folder).unwrap().unwrap() {
            let (path, metadata) = (folder.child(&name), metadata.unwrap());
            if metadata.is_dir && !(folder.is_root() && name.starts_with('$')) {
                waiting.push(path.clone());
            }
            found.push((path, metadata));
        }
    }
    found
}

#[test]
fn the_crate_finds_the_same_record_times_and_attributes_for_every_path() {
    for case in VOLUMES {
        let bytes = volume(case);
        let ours = NtfsVolume::open(Arc::new(MemoryDevice::new(bytes.clone()))).unwrap();
        let mut theirs = Crate::open(bytes);
        let files = walk(&ours);
        assert!(files.len() > 20, "{case}: {} files", files.len());
        for (path, metadata) in files {
            let (record, times, attributes) = theirs.standard_information(&path);
            assert_eq!(metadata.mft_record, Some(record), "{path}");
            let of_ours = metadata.times;
            let of_ours = [
                of_ours.si_created,
                of_ours.si_modified,
                of_ours.si_mft_changed,
                of_ours.si_accessed,
            ];
            assert_eq!(of_ours.map(|time| time.unwrap().0), times, "{path}");
            // The bits for a directory and a view index are in the name's copy of the attributes only; each reader adds it in its own way.
            let without_directory = |bits: u32| bits & !0x3000_0010;
            assert_eq!(
                without_directory(metadata.attributes.unwrap()),
                without_directory(attributes),
                "{path}"
            );
        }
    }
}

#[test]
fn both_find_a_path_in_any_case_and_neither_finds_one_that_is_not_there() {
    let bytes = volume(VOLUMES[0]);
    let ours = NtfsVolume::open(Arc::new(MemoryDevice::new(bytes.clone()))).unwrap();
    let mut theirs = Crate::open(bytes);
    for path in [
        "winnt\\SYSTEM32\\Config\\software",
        "WINNT\\system32\\no such file",
        "WINNT\\SYSTEM32\\CONFIG",
    ] {
        let path = WinPath::new(path);
        let by_us = ours
            .metadata(&path)
            .unwrap()
            .and_then(|metadata| metadata.mft_record);
        let by_them = theirs.find(&path).map(|file| file.file_record_number());
        assert_eq!(by_us, by_them, "{path}");
    }
}
