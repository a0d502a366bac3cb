//! Windows installations are found by their hives, wherever their folder lies and whatever it is called.

use std::fs;
use std::path::Path;

use goldseal::image::{Image, Options};
use goldseal::report::ImageInfo;

use crate::fat::{fat16_chain, made};
use crate::{memory, open};

fn hive(root: &Path, folder: &str, name: &str) {
    let config = root.join(folder).join("system32/config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join(name), "regf").unwrap();
}

fn roots(image: &Image) -> Vec<String> {
    image
        .installations
        .iter()
        .map(|installation| installation.system_root.to_string())
        .collect()
}

#[test]
fn all_windows_folders_of_the_root_are_found_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINNT", "system");
    hive(folder.path(), "Fenster", "SOFTWARE");
    fs::create_dir_all(folder.path().join("I386/system32/config")).unwrap();
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), ["Fenster", "WINNT"]);
    assert_eq!(image.installations[1].index, 1);
}

#[test]
fn an_installation_that_was_put_aside_is_found_and_noted() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "Windows", "SYSTEM");
    hive(folder.path(), "Windows.old/WINDOWS", "SYSTEM");
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), ["Windows", "Windows.old\\WINDOWS"]);
    assert!(
        image
            .notes
            .iter()
            .any(|note| note.contains("Windows.old\\WINDOWS")),
        "{:?}",
        image.notes
    );
}

#[test]
fn a_directory_that_is_itself_the_windows_folder_works_as_well() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINDOWS", "SYSTEM");
    let image = open(&folder.path().join("WINDOWS")).unwrap();
    assert_eq!(roots(&image), [""]);
}

#[test]
fn a_tree_without_hives_holds_no_installation() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("WINDOWS/system32/config")).unwrap();
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), Vec::<String>::new());
}

#[test]
fn a_linked_folder_is_not_searched() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINDOWS", "SYSTEM");
    std::os::unix::fs::symlink("WINDOWS", folder.path().join("Other")).unwrap();
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), ["WINDOWS"]);
}

#[test]
fn evidence_names_the_directory_and_the_path_in_it() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINDOWS", "SYSTEM");
    let image = open(folder.path()).unwrap();
    let installation = &image.installations[0];
    let place = installation.place(&installation.windows("system32\\config\\SYSTEM"));
    let expected = format!(
        "{} > WINDOWS\\system32\\config\\SYSTEM",
        folder.path().display()
    );
    assert_eq!(place.to_string(), expected);
    assert_eq!(installation.layers, ["directory"]);
}

/// A disk with a FAT16 volume that holds Windows and is marked as not closed cleanly, and a second partition of `0x55`.
fn disk_with_a_volume_that_cannot_be_read() -> Option<Image> {
    const START: usize = 1 << 20;
    const LEN: usize = 32 << 20;
    let folder = tempfile::tempdir().unwrap();
    let mut volume = made("16", 32, folder.path())?;
    let (table, _) = fat16_chain(folder.path(), &volume);
    volume[table + 3] &= 0x7F;
    let mut disk = vec![0; START];
    for (at, start, len) in [(0x1be, START, LEN), (0x1ce, START + LEN, START)] {
        disk[at + 4] = 7;
        for (field, bytes) in [(8, start), (12, len)] {
            let sectors = u32::try_from(bytes / 512).unwrap().to_le_bytes();
            disk[at + field..at + field + 4].copy_from_slice(&sectors);
        }
    }
    disk[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    disk.extend(volume);
    disk.resize(START + LEN + START, 0x55);
    Some(Image::from_device("disk", memory(disk), &Options::default()).unwrap())
}

#[test]
fn a_volume_that_cannot_be_read_beside_an_installation_is_noted() {
    let Some(image) = disk_with_a_volume_that_cannot_be_read() else {
        return;
    };
    assert_eq!(roots(&image), ["WINNT"]);
    let notes: Vec<&String> = image
        .notes
        .iter()
        .filter(|note| note.contains("mbr:2"))
        .collect();
    assert!(
        matches!(notes.as_slice(), [note] if note.contains("is not seen")),
        "{:?}",
        image.notes
    );
}

#[test]
fn a_note_on_a_volume_is_in_the_report_once() {
    let Some(image) = disk_with_a_volume_that_cannot_be_read() else {
        return;
    };
    let info = ImageInfo::of_installation(&image, &image.installations[0]);
    let notes = info.notes.iter();
    assert_eq!(
        notes
            .filter(|note| note.contains("not closed cleanly"))
            .count(),
        1,
        "{:?}",
        info.notes
    );
}

#[test]
fn folders_of_data_are_left_out_with_one_note_for_all() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINDOWS", "SYSTEM");
    for parent in ["Data", "More"] {
        for index in 0..70 {
            fs::create_dir_all(folder.path().join(parent).join(index.to_string())).unwrap();
        }
    }
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), ["WINDOWS"]);
    let notes = image.notes.join("\n");
    assert!(
        notes.contains("2 folders of the root") && image.notes.len() == 1,
        "{notes}"
    );
}
