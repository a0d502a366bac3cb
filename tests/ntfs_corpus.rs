//! Every NTFS volume of the shared corpus: written by Windows, by Linux ntfs3, by mkntfs, and damaged on purpose.
//!
//! What is right comes from the Sleuth Kit (`fls`, `icat`) run on the same bytes, or from the description in the manifest.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "integration tests"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use goldseal::base::win_path::WinPath;
use goldseal::error::{ErrorKind, Result};
use goldseal::image::device::{BlockDevice, FileDevice, ReadCounter, check_range};
use goldseal::image::filesystem::ntfs::NtfsVolume;
use goldseal::image::filesystem::ntfs::boot_sector::Geometry;
use goldseal::image::filesystem::ntfs::log_file::{HEAD_BYTES, LogState, judge};
use goldseal::image::filesystem::{FileSystem, Metadata};
use goldseal::image::{Image, Options};

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/ntfs.rs"]
mod ntfs;
mod support;

/// Bytes that are kept or left out together.
const PIECE: usize = 4096;

/// A device that keeps only the pieces that are not zero.
#[derive(Debug, Default)]
struct SparseDevice {
    len: u64,
    pieces: BTreeMap<u64, Vec<u8>>,
}

impl SparseDevice {
    fn load(mut source: impl Read, start: u64) -> Self {
        std::io::copy(&mut source.by_ref().take(start), &mut std::io::sink()).unwrap();
        let mut device = Self::default();
        loop {
            let mut piece = Vec::new();
            source
                .by_ref()
                .take(PIECE as u64)
                .read_to_end(&mut piece)
                .unwrap();
            if piece.is_empty() {
                return device;
            }
            device.len += piece.len() as u64;
            if piece.iter().any(|byte| *byte != 0) {
                piece.resize(PIECE, 0);
                device.pieces.insert((device.len - 1) / PIECE as u64, piece);
            }
        }
    }

    /// Writes the volume as a sparse file, for the tools.
    fn save(&self, path: &Path) {
        let file = std::fs::File::create(path).unwrap();
        file.set_len(self.len).unwrap();
        for (number, piece) in &self.pieces {
            let at = number * PIECE as u64;
            let len = (self.len - at).min(PIECE as u64) as usize;
            std::os::unix::fs::FileExt::write_all_at(&file, &piece[..len], at).unwrap();
        }
    }
}

impl BlockDevice for SparseDevice {
    fn len_bytes(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len)?;
        for (place, byte) in buf.iter_mut().enumerate() {
            let at = offset + place as u64;
            let piece = self.pieces.get(&(at / PIECE as u64));
            *byte = piece.map_or(0, |piece| piece[(at % PIECE as u64) as usize]);
        }
        Ok(())
    }
}

/// The volume of a corpus file that begins at `start` of what is packed in it.
fn volume(name: &str, start: u64) -> Option<SparseDevice> {
    let path = corpus::folder()?.join(name);
    let file = std::fs::File::open(path).unwrap();
    if name
        .rsplit_once('.')
        .is_some_and(|(_, ending)| ending == "gz")
    {
        return Some(SparseDevice::load(
            flate2::read::GzDecoder::new(file),
            start,
        ));
    }
    Some(SparseDevice::load(corpus::read(name).as_slice(), start))
}

fn open(device: SparseDevice) -> Result<NtfsVolume> {
    NtfsVolume::open(Arc::new(device))
}

/// Compares paths, sizes and contents of a whole volume with `fls` and `icat`; gives the number of files compared.
fn check(name: &str, start: u64) -> usize {
    volume(name, start).map_or(usize::MAX, |device| check_device(name, device))
}

fn check_device(name: &str, device: SparseDevice) -> usize {
    if !support::tool("fls") || !support::tool("icat") {
        return usize::MAX;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("volume.raw");
    device.save(&image);
    let volume = open(device).unwrap();
    let ours = ntfs::walk(&volume);
    let theirs = fls(&image);
    let mut compared = 0;
    for (path, metadata) in &ours {
        let key = path.components().join("/");
        // fls shows the parts of the volume's own files in ways of its own.
        if metadata.mft_record.unwrap() < 24 || key.starts_with("$Extend") {
            continue;
        }
        assert!(theirs.contains(&key), "{name}: fls does not list {key}");
        if metadata.is_dir || metadata.reparse_tag.is_some() || metadata.size_bytes > 4 << 20 {
            continue;
        }
        let record = metadata.mft_record.unwrap();
        let content = volume.read(path, 4 << 20);
        assert!(
            content.unwrap().unwrap() == icat(&image, &format!("{record}-128")),
            "{name}: content of {key}"
        );
        for stream in &metadata.streams {
            assert!(
                volume
                    .read_stream(path, stream, 64 << 20)
                    .unwrap()
                    .is_some(),
                "{key}:{stream}"
            );
        }
        assert!(volume.security_descriptor(path).is_ok(), "{name}: {key}");
        compared += 1;
    }
    let seen: Vec<String> = ours
        .iter()
        .map(|(path, _)| path.components().join("/"))
        .collect();
    for path in theirs.iter().filter(|path| !path.starts_with('$')) {
        assert!(seen.contains(path), "{name}: {path} of fls was not seen");
    }
    compared
}

/// The allocated files and directories that `fls` lists, without streams and without its own additions.
fn fls(image: &Path) -> Vec<String> {
    let mut command = Command::new("fls");
    let output = command
        .args(["-f", "ntfs", "-r", "-p", "-u"])
        .arg(image)
        .output()
        .unwrap()
        .stdout;
    assert!(!output.is_empty());
    String::from_utf8_lossy(&output)
        .lines()
        .filter_map(|line| {
            let (kind, path) = line.split_once(":\t")?;
            // A deleted file whose entry is left in the slack of an index has no type of its name ("-/r").
            if kind.starts_with('-') {
                return None;
            }
            let address = kind.split_whitespace().last()?;
            let attribute = address.split('-').nth(1)?;
            let is_stream = path.rsplit('/').next()?.contains(':');
            let is_own = path.starts_with("$OrphanFiles") || path.starts_with("$Extend/");
            (matches!(attribute, "128" | "144" | "48") && !is_stream && !is_own)
                .then(|| path.to_owned())
        })
        .collect()
}

fn icat(image: &Path, address: &str) -> Vec<u8> {
    Command::new("icat")
        .args(["-f", "ntfs"])
        .arg(image)
        .arg(address)
        .output()
        .unwrap()
        .stdout
}

/// The Sleuth Kit 4.11 does not open volumes of 2-MiB clusters; `ntfscat` of ntfs-3g does.
#[test]
fn a_volume_of_2_mib_clusters_reads_as_ntfs_3g_does() {
    let Some(device) = volume("images/ntfs_1gib_2m.raw.gz", 128 * 512) else {
        return;
    };
    if !support::tool("ntfscat") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("volume.raw");
    device.save(&image);
    let volume = open(device).unwrap();
    assert_eq!(volume.mft().geometry().cluster_bytes, 2 << 20);
    let mut compared = 0;
    for (path, metadata) in ntfs::walk(&volume) {
        let record = metadata.mft_record.unwrap();
        if metadata.is_dir || record < 24 || path.to_string().starts_with("$Extend") {
            continue;
        }
        let ours = volume.read(&path, 64 << 20).unwrap().unwrap();
        let mut command = Command::new("ntfscat");
        let output = command
            .args(["-f", "-i", &record.to_string()])
            .arg(&image)
            .output()
            .unwrap();
        assert!(ours == output.stdout, "{path}: {output:?}");
        compared += 1;
    }
    assert!(compared > 0);
}

#[test]
fn a_volume_with_forged_times_reads_as_the_sleuth_kit_does() {
    assert!(check("images/ntfs_si_vs_fn.raw.gz", 128 * 512) > 0);
}

#[test]
fn a_volume_of_linux_ntfs3_reads_as_the_sleuth_kit_does() {
    assert!(check("images/dfir_ntfs3.raw.gz", 0) > 0);
}

#[test]
fn a_volume_with_a_large_index_reads_as_the_sleuth_kit_does() {
    assert!(check("images/dfir_ntfs_index.raw.gz", 128 * 512) > 0);
}

#[test]
fn a_volume_of_windows_in_a_fixed_vhd_reads_as_the_sleuth_kit_does() {
    assert!(check("images/orc_ntfs.vhd.zst", 128 * 512) > 0);
}

#[test]
fn the_volume_of_the_ntfs_crate_reads_as_the_sleuth_kit_does() {
    assert!(check("images/ntfs_crate_testfs1.zst", 0) > 0);
}

/// Volumes of Windows, of Linux ntfs3 and of mkntfs, with the number of SIDs in `$SDS` that belong to accounts.
#[test]
fn the_sids_of_all_stored_descriptors_are_those_of_a_second_reader() {
    if !support::tool("ntfscat") || !support::tool("python3") {
        return;
    }
    for (name, start, accounts) in [
        ("images/orc_ntfs.vhd.zst", 128 * 512, 15),
        ("images/ntfs_si_vs_fn.raw.gz", 128 * 512, 4),
        ("images/ntfs_1gib_2m.raw.gz", 128 * 512, 0),
        ("images/dfir_ntfs_index.raw.gz", 128 * 512, 12),
        ("images/dfir_ntfs3.raw.gz", 0, 0),
        ("images/ntfs_crate_testfs1.zst", 0, 0),
    ] {
        let Some(device) = volume(name, start) else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("volume.raw");
        device.save(&image);
        let (ours, walked) = ntfs::stored_sids(&open(device).unwrap());
        assert_eq!(
            ours,
            ntfs::listed_sids(&ntfs::sds_by_ntfscat(&image)),
            "{name}"
        );
        assert_eq!((walked.from_copy, walked.damaged), (0, 0), "{name}");
        let of_accounts = ours.iter().filter(|line| line.contains(" S-1-5-21-"));
        assert_eq!(of_accounts.count(), accounts, "{name}");
    }
}

#[test]
fn forged_creation_times_stay_apart() {
    let Some(device) = volume("images/ntfs_si_vs_fn.raw.gz", 128 * 512) else {
        return;
    };
    let volume = open(device).unwrap();
    let apart = |metadata: &Metadata| metadata.times.si_created != metadata.times.fn_created;
    let forged = ntfs::walk(&volume)
        .into_iter()
        .filter(|(_, metadata)| metadata.mft_record.unwrap() > 24 && apart(metadata))
        .count();
    assert!(forged > 0);
}

#[test]
fn streams_of_files_and_directories_are_read_from_a_cut_image() {
    let Some(device) = volume("images/grr_mbr_ntfs_ads.dd.zst", 63 * 512) else {
        return;
    };
    // The image ends long before the volume does; what lies inside of it is read, the rest is an error.
    let volume = open(device).unwrap();
    let mut streams = 0;
    for (path, metadata) in ntfs::walk(&volume) {
        for stream in &metadata.streams {
            match volume.read_stream(&path, stream, 1 << 20) {
                Ok(content) => streams += usize::from(content.is_some()),
                Err(error) => assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::OutOfBounds | ErrorKind::LimitExceeded
                    ),
                    "{path}:{stream}: {error}"
                ),
            }
        }
    }
    assert!(streams > 0, "{streams}");
}

/// The sparse file `member` of an archive of the corpus, as a device.
fn from_archive(name: &str, member: &str) -> Option<FileDevice> {
    let archive = corpus::folder()?.join(name);
    if !support::tool("tar") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    let file = std::fs::File::open(folder.path().join(member)).unwrap();
    let len = file.metadata().unwrap().len();
    Some(FileDevice::new(file, len, Arc::new(ReadCounter::default())))
}

/// Walks a damaged volume, a sparse file of up to 390 GiB; gives the errors met.
fn walk_damaged(name: &str) -> Option<Vec<String>> {
    let device = from_archive(name, "ntfs.img")?;
    let volume = match NtfsVolume::open(Arc::new(device)) {
        Ok(volume) => volume,
        Err(error) => return Some(vec![error.to_string()]),
    };
    let mut errors = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut folders = vec![WinPath::root()];
    while let Some(folder) = folders.pop() {
        let entries = match volume.read_dir_metadata(&folder) {
            Ok(entries) => entries.unwrap_or_default(),
            Err(error) => {
                errors.push(error.to_string());
                continue;
            }
        };
        for (name, metadata) in entries {
            let path = folder.child(&name);
            match metadata {
                Ok(metadata) if metadata.is_dir => {
                    if seen.insert(metadata.mft_record) {
                        folders.push(path);
                    }
                }
                Ok(_) => {
                    let read = volume.read(&path, 64 << 20);
                    errors.extend(read.err().map(|error| error.to_string()));
                }
                Err(error) => errors.push(error.to_string()),
            }
        }
    }
    Some(errors)
}

fn check_damaged(name: &str, expected: &str) {
    let name = format!("images/corrupt_ntfs_{name}.tar.gz");
    let Some(errors) = walk_damaged(&name) else {
        return;
    };
    assert!(
        errors.iter().any(|error| error.contains(expected)),
        "{name}: {errors:#?}"
    );
}

#[test]
fn a_size_beyond_the_clusters_is_an_error() {
    check_damaged(
        "data_size_init_size_bigger_than_alloc_size_data_attr",
        "does not fit",
    );
}

#[test]
fn an_index_entry_of_another_name_is_an_error_that_names_it() {
    check_damaged("mismatch_index_filename", "should have that name");
}

#[test]
fn a_directory_without_its_root_attribute_is_an_error() {
    check_damaged(
        "root_attribute_missing_in_directory",
        "attribute list names attribute 0x90",
    );
}

#[test]
fn a_directory_loop_among_orphans_does_not_hang() {
    let _ = walk_damaged("images/corrupt_ntfs_infinite_loop_root_dir_in_orphaned_file.tar.gz");
}

#[test]
fn a_volume_with_shadow_copies_says_so_and_is_read() {
    let Some(device) = from_archive("images/dfir_vss_1_vol.tar.gz", "vss_1_vol.raw") else {
        return;
    };
    let image = Image::from_device("vss_1_vol", Arc::new(device), &Options::default()).unwrap();
    let volume = image.volumes.last().unwrap();
    assert_eq!(volume.layers, ["file", "gpt:2", "ntfs:3.1"]);
    let volume = volume.filesystem.as_ref().unwrap();
    let notes = volume.notes();
    assert!(
        notes.iter().any(|note| note.kind == "shadow_copies"),
        "{notes:?}"
    );
    assert!(volume.read_dir(&WinPath::root()).unwrap().is_some());
}

#[test]
fn boot_sectors_of_windows_are_understood() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    for (name, cluster, sector) in [
        ("dfir_128k.boot", 128 << 10, 512),
        ("dfir_4kn.boot", 4096, 4096),
    ] {
        let bytes = std::fs::read(folder.join("images").join(name)).unwrap();
        let geometry = Geometry::parse(&bytes, name).unwrap();
        assert_eq!(
            (geometry.cluster_bytes, geometry.sector_bytes),
            (cluster, sector),
            "{name}"
        );
    }
}

#[test]
fn the_log_of_a_windows_7_that_was_shut_down_is_clean() {
    if corpus::folder().is_none() {
        return;
    }
    let mut log = corpus::read("images/dfir_logfile_7.bin.zst");
    log.truncate(HEAD_BYTES);
    // Both restart areas have version 1.1, a client that is in use (0x3c) and the flag "volume is clean" (0x3e).
    assert_eq!(judge(&log), LogState::Clean);
    log[0x3e] = 0;
    log[0x103e] = 0;
    assert_eq!(judge(&log), LogState::InUse);
}

#[test]
fn bitlocker_is_named_and_not_opened() {
    let Some(device) = volume("images/bitlk-aes-xts-128.img.zst", 0) else {
        return;
    };
    assert_eq!(open(device).unwrap_err().kind(), ErrorKind::Encrypted);
}

#[test]
fn the_volume_of_a_zip_archive_reads_as_the_sleuth_kit_does() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    if !support::tool("unzip") {
        return;
    }
    let output = Command::new("unzip")
        .arg("-p")
        .arg(folder.join("images/tiny_ntfs_partition.zip"))
        .arg("SampleTinyNtfsVolume/partition.dd")
        .output()
        .unwrap();
    let device = SparseDevice::load(output.stdout.as_slice(), 0);
    assert!(check_device("tiny_ntfs_partition", device) > 0);
}
