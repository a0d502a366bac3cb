//! The gates of NTFS volumes, each by a volume that is whole but for the one thing that the gate is about.
//!
//! The volume is the small one of testdata; its records are changed byte by byte, and files are put into it by ntfscp.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "integration tests"
)]

use std::fs;
use std::io::Read;
use std::process::Command;
use std::sync::Arc;

use goldseal::base::win_path::WinPath;
use goldseal::image::device::{Device, MemoryDevice};
use goldseal::image::filesystem::FileSystem;
use goldseal::image::filesystem::ntfs::NtfsVolume;
use goldseal::repair::ntfs::{VolumePlan, plan};
use goldseal::repair::{Edit, Gate, Planned};

#[path = "support/ntfs.rs"]
mod ntfs;
mod support;

/// Length of an MFT record of the volume.
const RECORD: usize = 1024;
const FOLDER: &str = "Windows\\System32";
const FROM: &str = "some_longer_name_of_a_file_5.txt";
const TO: &str = "some_longer_name_of_a_file_X.txt";

fn volume() -> Vec<u8> {
    let packed: &[u8] = include_bytes!("../testdata/ntfs/small.img.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn device(bytes: Vec<u8>) -> Device {
    Arc::new(MemoryDevice::new(bytes))
}

fn rename(folder: &str, from: &str, to: &str) -> Edit {
    Edit::Rename {
        directory: WinPath::new(folder),
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

fn planned(bytes: Vec<u8>) -> Planned<VolumePlan> {
    plan(&device(bytes), &[rename(FOLDER, FROM, TO)])
}

/// The gate at which the usual rename is refused; `None` where it is planned.
fn gate(bytes: Vec<u8>) -> Option<Gate> {
    planned(bytes).err().map(|refusal| refusal.gate)
}

/// Changes an MFT record, and its copy where `$MFTMirr` holds it.
fn change_record(bytes: &mut [u8], number: usize, change: impl Fn(&mut [u8])) {
    let cluster = 512 * usize::from(bytes[13]);
    let place = |bytes: &[u8], at: usize| {
        let lcn = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        usize::try_from(lcn).unwrap() * cluster
    };
    // The MFT of this volume is in one piece as far as its records are changed here.
    let start = place(bytes, 0x30) + number * RECORD;
    let mut record = bytes[start..start + RECORD].to_vec();
    assert_eq!(&record[..4], b"FILE");
    ntfs::unfix(&mut record);
    change(&mut record);
    ntfs::fix(&mut record);
    bytes[start..start + RECORD].copy_from_slice(&record);
    if number < 4 {
        let mirror = place(bytes, 0x38) + number * RECORD;
        bytes[mirror..mirror + RECORD].copy_from_slice(&record);
    }
}

/// Sets flags in `$VOLUME_INFORMATION`.
fn set_flags(bytes: &mut [u8], flags: u16) {
    change_record(bytes, 3, |record| {
        let mut list = ntfs::attributes(record);
        let (_, attribute) = list.iter_mut().find(|(kind, _)| *kind == 0x70).unwrap();
        let at = ntfs::u16_at(attribute, 0x14) + 10;
        attribute[at..at + 2].copy_from_slice(&flags.to_le_bytes());
        let list: Vec<Vec<u8>> = list.into_iter().map(|(_, bytes)| bytes).collect();
        ntfs::with_attributes(record, &list);
    });
}

#[test]
fn a_whole_volume_is_planned_for() {
    assert_eq!(gate(volume()), None);
}

#[test]
fn each_flag_of_the_volume_has_its_gate() {
    for (flags, expected) in [
        (0x0001, Some(Gate::Dirty)),
        (0x0002, Some(Gate::VolumeFlags)),
        (0x0004, Some(Gate::VolumeFlags)),
        (0x0010, Some(Gate::VolumeFlags)),
        (0x0020, Some(Gate::VolumeFlags)),
        (0x4000, Some(Gate::VolumeFlags)),
        // No flag that is known.
        (0x0100, Some(Gate::VolumeFlags)),
        // Mounted by NT 4.0; no 8.3 names are made.
        (0x0008, None),
        (0x0080, None),
    ] {
        let mut bytes = volume();
        set_flags(&mut bytes, flags);
        assert_eq!(gate(bytes), expected, "0x{flags:04x}");
    }
}

#[test]
fn a_volume_that_chkdsk_changed_is_warned_of() {
    let mut bytes = volume();
    set_flags(&mut bytes, 0x8000);
    let plan = planned(bytes).unwrap();
    assert!(plan.warnings.iter().any(|text| text.contains("chkdsk")));
}

#[test]
fn a_file_in_a_transaction_is_refused() {
    let mut bytes = volume();
    let number = {
        let volume = NtfsVolume::open(device(bytes.clone())).unwrap();
        let path = WinPath::new(FOLDER).child(FROM);
        volume.metadata(&path).unwrap().unwrap().mft_record.unwrap()
    };
    change_record(&mut bytes, usize::try_from(number).unwrap(), |record| {
        let mut list: Vec<Vec<u8>> = ntfs::attributes(record)
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect();
        // $TXF_DATA: a resident logged stream of that name, with a value of 56 bytes.
        let mut attribute = vec![0_u8; 0x18];
        attribute[..4].copy_from_slice(&0x100_u32.to_le_bytes());
        let name: Vec<u8> = "$TXF_DATA"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        attribute[9] = 9;
        attribute[0x0a] = 0x18;
        attribute[0x0e] = 0x30;
        attribute[0x10] = 56;
        attribute.extend(name);
        attribute.resize(attribute.len().next_multiple_of(8), 0);
        attribute[0x14] = u8::try_from(attribute.len()).unwrap();
        attribute.extend([0; 56]);
        let len = u32::try_from(attribute.len()).unwrap();
        attribute[4..8].copy_from_slice(&len.to_le_bytes());
        list.push(attribute);
        ntfs::with_attributes(record, &list);
        record[0x28] = 0x31;
    });
    assert_eq!(gate(bytes), Some(Gate::Transaction));
}

#[test]
fn two_names_of_one_file_are_not_exchanged_and_one_of_them_is_renamed() {
    let swap = Edit::Swap {
        directory: WinPath::new("Windows"),
        first: "link_number_10".to_owned(),
        second: "link_number_11".to_owned(),
    };
    let refusal = plan(&device(volume()), &[swap]).unwrap_err();
    assert_eq!(refusal.gate, Gate::HardLinks);
    let rename = rename("Windows", "link_number_10", "link_number_xx");
    let planned = plan(&device(volume()), &[rename]).unwrap();
    assert!(!planned.patches.is_empty());
}

/// The volume with a hibernation file of that content, which ntfscp puts there.
fn with_hibernation_file(content: &[u8]) -> Option<Vec<u8>> {
    if !support::tool("ntfscp") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("volume.img");
    let file = folder.path().join("file");
    fs::write(&image, volume()).unwrap();
    fs::write(&file, content).unwrap();
    let output = Command::new("ntfscp")
        .args(["-q", "-f"])
        .args([&image, &file])
        .arg("hiberfil.sys")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(fs::read(image).unwrap())
}

#[test]
fn each_state_of_the_hibernation_file_has_its_answer() {
    for (head, len, expected) in [
        ("hibr", 8192, Some(Gate::Hibernated)),
        ("HIBR", 8192, Some(Gate::Hibernated)),
        ("", 8192, None),
        ("wake", 8192, None),
        ("WAKE", 8192, None),
        // Not known, and too short to be one of this volume.
        ("RSTR", 8192, Some(Gate::Hibernated)),
        ("", 100, Some(Gate::Hibernated)),
    ] {
        let mut content = head.as_bytes().to_vec();
        content.resize(len, 0);
        let Some(bytes) = with_hibernation_file(&content) else {
            return;
        };
        assert_eq!(gate(bytes), expected, "{head:?} {len}");
    }
}
