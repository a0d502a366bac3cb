//! FAT volumes of mkfs.fat and mtools, read back; and volumes whose chains lie.

use std::path::Path;
use std::sync::Arc;

use goldseal::ErrorKind;
use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::image::filesystem::{FileSystem, volume};

use crate::support::tool;
use crate::{memory, pattern, run, text};

const CONFIG: &str = "WINNT\\system32\\config";

/// A volume of `bits` with a Windows tree in it, made by mkfs.fat and mtools.
pub(crate) fn made(bits: &str, mib: usize, folder: &Path) -> Option<Vec<u8>> {
    if !tool("mkfs.fat") || !tool("mcopy") {
        return None;
    }
    let image = folder.join("volume");
    std::fs::write(&image, vec![0; mib << 20]).unwrap();
    run("mkfs.fat", &["-F", bits, text(&image)]);
    let tree = folder.join("WINNT");
    let config = tree.join("system32/config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("SYSTEM"), pattern(700_001)).unwrap();
    std::fs::write(config.join("software"), b"").unwrap();
    let keys = tree.join("Ein langer Name mit Ümlaut");
    std::fs::create_dir_all(&keys).unwrap();
    for index in 0..300 {
        let name = format!("c2319c42033a5ca7f44e731bfd3fa2b5_{index:036}");
        std::fs::write(keys.join(name), index.to_string()).unwrap();
    }
    run("mcopy", &["-s", "-i", text(&image), text(&tree), "::"]);
    run(
        "mattrib",
        &[
            "-i",
            text(&image),
            "+h",
            "+s",
            "::WINNT/system32/config/SYSTEM",
        ],
    );
    Some(std::fs::read(image).unwrap())
}

fn open(bytes: Vec<u8>) -> goldseal::Result<Arc<dyn FileSystem>> {
    volume::open(&memory(bytes), &Limits::default())
}

fn all_sizes(check: impl Fn(&dyn FileSystem, &str)) {
    for (bits, mib) in [("12", 4), ("16", 32), ("32", 64)] {
        let folder = tempfile::tempdir().unwrap();
        let Some(bytes) = made(bits, mib, folder.path()) else {
            return;
        };
        check(open(bytes).unwrap().as_ref(), bits);
    }
}

#[test]
fn the_layer_names_the_width_of_the_table() {
    all_sizes(|fs, bits| assert_eq!(fs.layer(), format!("fat:{bits}")));
}

#[test]
fn a_file_reads_as_it_was_written_and_its_name_has_no_case() {
    all_sizes(|fs, bits| {
        let path = WinPath::new("winnt\\SYSTEM32\\config\\system");
        assert!(
            fs.read(&path, 1 << 20).unwrap().unwrap() == pattern(700_001),
            "{bits}"
        );
        assert!(
            fs.read_head(&path, 5000).unwrap().unwrap() == pattern(700_001)[..5000],
            "{bits}"
        );
        let empty = WinPath::new(CONFIG).child("SOFTWARE");
        assert_eq!(fs.read(&empty, 10).unwrap(), Some(Vec::new()), "{bits}");
    });
}

#[test]
fn attributes_are_given_and_times_are_not() {
    all_sizes(|fs, bits| {
        let metadata = fs
            .metadata(&WinPath::new(CONFIG).child("SYSTEM"))
            .unwrap()
            .unwrap();
        assert_eq!(metadata.attributes, Some(0x26), "{bits}");
        assert_eq!(metadata.size_bytes, 700_001);
        assert_eq!(metadata.times.si_created, None);
    });
}

#[test]
fn a_folder_of_long_names_lists_all_of_them_and_finds_each_by_its_short_name_too() {
    all_sizes(|fs, bits| {
        let folder = WinPath::new("WINNT\\Ein langer Name mit Ümlaut");
        let entries = fs.read_dir(&folder).unwrap().unwrap();
        assert_eq!(entries.len(), 300, "{bits}");
        let metadata = fs
            .metadata(&folder.child(&entries[7].name))
            .unwrap()
            .unwrap();
        let short = metadata.short_name.unwrap();
        assert!(short.len() <= 12 && short.contains('~'), "{short}");
        assert_eq!(fs.read(&folder.child(&short), 10).unwrap().unwrap(), b"7");
    });
}

#[test]
fn what_is_not_there_is_absent_and_a_file_is_no_folder() {
    all_sizes(|fs, _| {
        assert_eq!(fs.metadata(&WinPath::new("WINDOWS")).unwrap(), None);
        assert_eq!(
            fs.read_dir(&WinPath::new(CONFIG).child("SYSTEM")).unwrap(),
            None
        );
        assert_eq!(fs.read(&WinPath::new(CONFIG), 10).unwrap(), None);
        assert_eq!(
            fs.metadata(&WinPath::new(CONFIG).join("SYSTEM\\x"))
                .unwrap(),
            None
        );
    });
}

#[test]
fn a_file_above_the_limit_is_an_error_and_not_cut() {
    all_sizes(|fs, _| {
        let error = fs
            .read(&WinPath::new(CONFIG).child("SYSTEM"), 700_000)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    });
}

#[test]
fn security_descriptors_and_streams_are_unsupported_and_not_absent() {
    all_sizes(|fs, _| {
        let path = WinPath::new(CONFIG);
        assert_eq!(
            fs.security_descriptor(&path).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(
            fs.read_stream(&path, "x", 1).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
    });
}

/// Where the table of a FAT16 volume of mkfs.fat starts, and the first cluster of `SYSTEM` by mtools.
pub(crate) fn fat16_chain(folder: &Path, bytes: &[u8]) -> (usize, u32) {
    let reserved = usize::from(u16::from_le_bytes([bytes[14], bytes[15]]));
    let path = "::WINNT/system32/config/SYSTEM";
    let shown = run("mshowfat", &["-i", text(&folder.join("volume")), path]);
    let digits: String = shown
        .split('<')
        .nth(1)
        .unwrap()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    (reserved * 512, digits.parse().unwrap())
}

/// The error of reading `SYSTEM` after `entry` of its chain, counted from its first cluster, was set to `value`.
fn error_of_chain(entry: u32, value: impl Fn(u32) -> u16) -> Option<goldseal::Error> {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = made("16", 32, folder.path())?;
    let (table, first) = fat16_chain(folder.path(), &bytes);
    let at = table + 2 * (first + entry) as usize;
    bytes[at..at + 2].copy_from_slice(&value(first).to_le_bytes());
    let fs = open(bytes).unwrap();
    Some(
        fs.read(&WinPath::new(CONFIG).child("SYSTEM"), 1 << 20)
            .unwrap_err(),
    )
}

#[test]
fn a_chain_that_ends_too_early_is_corrupt_and_not_a_short_file() {
    let Some(error) = error_of_chain(20, |_| 0xFFFF) else {
        return;
    };
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("ends after 21"), "{error}");
}

#[test]
fn a_chain_that_returns_to_itself_is_corrupt() {
    let Some(error) = error_of_chain(20, |first| u16::try_from(first).unwrap() + 3) else {
        return;
    };
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("returns to cluster"), "{error}");
}

#[test]
fn a_chain_into_a_free_cluster_is_corrupt() {
    let Some(error) = error_of_chain(20, |_| 0) else {
        return;
    };
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("found 0"), "{error}");
}

#[test]
fn a_volume_that_was_not_closed_cleanly_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut bytes) = made("16", 32, folder.path()) else {
        return;
    };
    let (table, _) = fat16_chain(folder.path(), &bytes);
    bytes[table + 3] &= 0x7F;
    let notes = open(bytes).unwrap().notes();
    assert_eq!(
        notes.iter().map(|note| note.kind).collect::<Vec<_>>(),
        ["dirty"]
    );
}

#[test]
fn a_folder_that_lies_in_itself_is_corrupt_and_not_endless() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut bytes) = made("16", 32, folder.path()) else {
        return;
    };
    // The entry of SYSTEM32 in WINNT is given the first cluster of WINNT, which its entry `.` names.
    let own = bytes
        .windows(11)
        .position(|name| name == b".          ")
        .unwrap();
    let child = bytes
        .windows(11)
        .position(|name| name == b"SYSTEM32   ")
        .unwrap();
    let cluster = [bytes[own + 26], bytes[own + 27]];
    bytes[child + 26..child + 28].copy_from_slice(&cluster);
    let error = open(bytes)
        .unwrap()
        .metadata(&WinPath::new("WINNT\\system32"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("lies in"), "{error}");
}

#[test]
fn a_name_in_oem_characters_is_not_said_to_be_absent() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut bytes) = made("16", 32, folder.path()) else {
        return;
    };
    // SYSTEM has a short name only; code page 850 has 0x8e for the capital umlaut.
    let entry = bytes
        .windows(11)
        .position(|name| name == b"SYSTEM     ")
        .unwrap();
    bytes[entry + 1] = 0x8e;
    let volume = open(bytes).unwrap();
    let config = WinPath::new(CONFIG);
    let error = volume.metadata(&config.child("SÄSTEM")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(volume.metadata(&config.child("SAM")).unwrap().is_none());
}
