//! VHD against qemu-img, and VHD files that lie.

use goldseal::ErrorKind;
use goldseal::image::BackingFiles;
use goldseal::image::container;
use goldseal::image::device::{Device, read_vec};

use crate::support::tool;
use crate::{all_bytes, context, memory, open_container, pattern, run, text};

const LEN: usize = 9 * 1024 * 1024 + 512;

/// The bytes of a VHD that qemu-img makes of [`pattern`], with what they should read as.
fn made_by_qemu(subformat: &str, folder: &std::path::Path) -> Option<Vec<u8>> {
    if !tool("qemu-img") {
        return None;
    }
    let raw = folder.join("disk.raw");
    std::fs::write(&raw, pattern(LEN)).unwrap();
    let options = format!("subformat={subformat},force_size=on");
    let vhd = folder.join("disk.vhd");
    run(
        "qemu-img",
        &[
            "convert",
            "-f",
            "raw",
            "-O",
            "vpc",
            "-o",
            &options,
            text(&raw),
            text(&vhd),
        ],
    );
    Some(std::fs::read(vhd).unwrap())
}

fn reads_back(subformat: &str) {
    let folder = tempfile::tempdir().unwrap();
    if made_by_qemu(subformat, folder.path()).is_none() {
        return;
    }
    let opened = open_container(&folder.path().join("disk.vhd")).unwrap();
    assert_eq!(opened.layer, format!("vhd:{subformat}"));
    assert_eq!(opened.notes, Vec::<String>::new());
    assert!(all_bytes(&opened.device) == pattern(LEN));
}

#[test]
fn a_dynamic_vhd_of_qemu_img_reads_as_the_disk_it_was_made_of() {
    reads_back("dynamic");
}

#[test]
fn a_fixed_vhd_of_qemu_img_reads_as_the_disk_it_was_made_of() {
    reads_back("fixed");
}

#[test]
fn a_read_may_begin_and_end_anywhere_in_a_dynamic_vhd() {
    let folder = tempfile::tempdir().unwrap();
    if made_by_qemu("dynamic", folder.path()).is_none() {
        return;
    }
    let opened = open_container(&folder.path().join("disk.vhd")).unwrap();
    let expected = pattern(LEN);
    for (offset, len) in [(1, 1), (511, 2), (2_097_151, 2_097_154), (LEN - 1, 1)] {
        let found = read_vec(opened.device.as_ref(), offset as u64, len).unwrap();
        assert!(found == expected[offset..offset + len], "{offset} {len}");
    }
    let past = read_vec(opened.device.as_ref(), LEN as u64 - 1, 2);
    assert_eq!(past.unwrap_err().kind(), ErrorKind::OutOfBounds);
}

/// Opens a dynamic VHD of qemu-img after `change`.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Option<goldseal::Result<container::Opened>> {
    let folder = tempfile::tempdir().unwrap();
    let mut vhd = made_by_qemu("dynamic", folder.path())?;
    change(&mut vhd);
    let context = context(None, BackingFiles::SameDirectory);
    Some(container::open(&memory(vhd), &context).map(|opened| opened.expect("claimed as a VHD")))
}

#[test]
fn the_copy_of_the_footer_stands_in_for_a_damaged_one_and_is_noted() {
    let opened = changed(|vhd| {
        let at = vhd.len() - 512 + 50;
        vhd[at] ^= 0xFF;
    });
    let Some(opened) = opened else { return };
    let opened = opened.unwrap();
    assert!(all_bytes(&opened.device) == pattern(LEN));
    assert!(
        opened.notes[0].contains("copy of the vhd footer"),
        "{:?}",
        opened.notes
    );
}

/// A cut device gives every byte before the place that it names, and not the one there.
pub(crate) fn ends_where_it_says(device: &Device) {
    let end = device.whole_up_to();
    assert!(0 < end && end < device.len_bytes(), "{end}");
    let held = usize::try_from(end).unwrap();
    assert!(read_vec(device.as_ref(), 0, held).is_ok());
    assert!(read_vec(device.as_ref(), end, 1).is_err());
}

#[test]
fn a_vhd_that_was_cut_off_is_read_by_the_copy_of_its_footer_up_to_the_cut() {
    let opened = changed(|vhd| {
        let len = vhd.len() - (3 << 20);
        vhd.truncate(len);
    });
    let Some(opened) = opened else { return };
    let device = opened.unwrap().device;
    assert!(read_vec(device.as_ref(), 0, 4096).unwrap() == pattern(LEN)[..4096]);
    let cut = read_vec(device.as_ref(), 0, LEN).unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::OutOfBounds);
    ends_where_it_says(&device);
}

#[test]
fn damage_in_both_footers_is_an_error_that_names_the_checksum() {
    let opened = changed(|vhd| {
        let at = vhd.len() - 512 + 50;
        vhd[at] ^= 0xFF;
        vhd[50] ^= 0xFF;
    });
    let Some(opened) = opened else { return };
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("checksum should be 0x"),
        "{error}"
    );
}

#[test]
fn a_damaged_header_is_an_error_that_names_its_place() {
    let Some(opened) = changed(|vhd| vhd[512 + 30] ^= 0xFF) else {
        return;
    };
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("vhd header at 0x00000200"),
        "{error}"
    );
}

#[test]
fn a_block_outside_of_the_file_is_an_error_when_it_is_read() {
    let Some(opened) = changed(|vhd| vhd[1536..1540].copy_from_slice(&[0x7F; 4])) else {
        return;
    };
    let device = opened.unwrap().device;
    let error = read_vec(device.as_ref(), 0, 512).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfBounds);
    assert!(
        error.to_string().contains("vhd block for 0x00000000"),
        "{error}"
    );
}

#[test]
fn every_format_that_is_told_apart_and_not_read_says_so_in_one_line() {
    let made: [(&str, &[u8], &str); 4] = [
        ("vhdx", b"vhdxfile", "VHDX"),
        ("wim", b"MSWIM\0\0\0", "WIM"),
        ("gzip", b"\x1f\x8b\x08\0", "gzip"),
        ("hive", b"regf", "--system"),
    ];
    for (name, magic, word) in made {
        let mut bytes = magic.to_vec();
        bytes.resize(65_536, 0);
        let context = context(None, BackingFiles::SameDirectory);
        let error = container::open(&memory(bytes), &context).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
        assert!(error.to_string().contains(word), "{name}: {error}");
        assert!(!error.to_string().contains('\n'), "{name}: {error}");
    }
}
