//! Split raw images, and disks that are cut.

use std::fs;
use std::io::Read;
use std::path::Path;

use goldseal::ErrorKind;

use crate::support::tool;
use crate::{open, run, text};

/// A FAT volume with a Windows tree, split into parts of 1 MiB.
fn parts(folder: &Path) -> bool {
    if !tool("mkfs.fat") || !tool("mcopy") {
        return false;
    }
    let whole = folder.join("whole");
    fs::write(&whole, vec![0; 4 << 20]).unwrap();
    run("mkfs.fat", &["-F", "12", text(&whole)]);
    let config = folder.join("WINNT/system32/config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("SYSTEM"), vec![7; 1_500_000]).unwrap();
    run(
        "mcopy",
        &["-s", "-i", text(&whole), text(&folder.join("WINNT")), "::"],
    );
    let bytes = fs::read(&whole).unwrap();
    for (index, part) in bytes.chunks(1 << 20).enumerate() {
        fs::write(folder.join(format!("disk.{:03}", index + 1)), part).unwrap();
    }
    true
}

#[test]
fn a_split_image_is_opened_by_its_first_part() {
    let folder = tempfile::tempdir().unwrap();
    if !parts(folder.path()) {
        return;
    }
    let image = open(&folder.path().join("disk.001")).unwrap();
    assert_eq!(
        (image.layers.as_slice(), image.size_bytes),
        (["split".to_owned()].as_slice(), 4 << 20)
    );
    let installation = &image.installations[0];
    let hive = installation.windows("system32\\config\\SYSTEM");
    assert_eq!(
        installation
            .filesystem
            .read(&hive, 2 << 20)
            .unwrap()
            .unwrap(),
        vec![7; 1_500_000]
    );
    assert_eq!(installation.layers, ["split", "fat:12"]);
}

#[test]
fn a_gap_between_the_parts_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    if !parts(folder.path()) {
        return;
    }
    fs::remove_file(folder.path().join("disk.002")).unwrap();
    let error = open(&folder.path().join("disk.001")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("part 002"), "{error}");
}

#[test]
fn a_later_part_points_to_the_first_one() {
    let folder = tempfile::tempdir().unwrap();
    if !parts(folder.path()) {
        return;
    }
    let error = open(&folder.path().join("disk.003")).unwrap_err();
    assert!(
        error.to_string().contains("name the first one") && error.to_string().contains("disk.001"),
        "{error}"
    );
}

#[test]
fn bytes_of_no_known_kind_say_what_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise");
    fs::write(&path, vec![0x5A; 70_000]).unwrap();
    let error = open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidFormat);
    for word in ["NTFS", "FAT", "GPT", "MBR", "VHD"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    fs::write(&path, b"").unwrap();
    assert_eq!(open(&path).unwrap_err().kind(), ErrorKind::InvalidFormat);
}

#[test]
fn parts_whose_numbers_have_another_width_are_of_another_image() {
    let folder = tempfile::tempdir().unwrap();
    if !parts(folder.path()) {
        return;
    }
    for number in 1..=5 {
        let name = format!("disk.{number:04}");
        fs::write(folder.path().join(name), [0; 512]).unwrap();
    }
    let image = open(&folder.path().join("disk.001")).unwrap();
    assert_eq!(image.size_bytes, 4 << 20);
    assert!(image.notes.is_empty(), "{:?}", image.notes);
}

/// Whether the notes of an image say that its volume is cut off.
fn is_said_to_be_cut(path: &Path) -> bool {
    let notes = open(path).unwrap().notes;
    notes
        .iter()
        .any(|note| note.contains("the image is cut off"))
}

#[test]
fn a_split_image_without_its_last_part_is_said_to_be_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    if !parts(folder.path()) {
        return;
    }
    let first = folder.path().join("disk.001");
    assert!(!is_said_to_be_cut(&first));
    fs::remove_file(folder.path().join("disk.004")).unwrap();
    assert!(is_said_to_be_cut(&first));
}

#[test]
fn an_ntfs_volume_that_ends_too_early_is_said_to_be_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(crate::block_device::VOLUME)
        .read_to_end(&mut bytes)
        .unwrap();
    fs::write(&path, &bytes).unwrap();
    assert!(!is_said_to_be_cut(&path));
    bytes.truncate(bytes.len() - (128 << 10));
    fs::write(&path, &bytes).unwrap();
    assert!(is_said_to_be_cut(&path));
}
