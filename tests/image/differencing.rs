//! Differencing VHD files over a parent of qemu-img. The children are written here, from the published format, and what
//! they should read as is laid together here too.

use std::path::Path;

use goldseal::ErrorKind;
use goldseal::image::BackingFiles;
use goldseal::image::container;

use crate::support::tool;
use crate::{all_bytes, context, file_device, open_container, pattern, run, text};

const BLOCK: usize = 2 << 20;
const LEN: usize = 3 * BLOCK;

/// What a child remembers of its parent.
struct Parent<'a> {
    id: [u8; 16],
    relative: &'a str,
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    (!bytes
        .iter()
        .fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte))))
    .to_be_bytes()
}

/// A differencing VHD of [`LEN`] bytes whose sectors `own` are filled with `mark`.
fn child(id: [u8; 16], parent: &Parent<'_>, own: &[usize], mark: u8) -> Vec<u8> {
    let mut footer = vec![0_u8; 512];
    footer[..8].copy_from_slice(b"conectix");
    footer[8..16].copy_from_slice(&[0, 0, 0, 2, 0, 1, 0, 0]);
    footer[16..24].copy_from_slice(&512_u64.to_be_bytes());
    footer[40..48].copy_from_slice(&(LEN as u64).to_be_bytes());
    footer[48..56].copy_from_slice(&(LEN as u64).to_be_bytes());
    footer[60..64].copy_from_slice(&4_u32.to_be_bytes());
    footer[68..84].copy_from_slice(&id);
    let sum = checksum(&footer);
    footer[64..68].copy_from_slice(&sum);

    let mut header = vec![0_u8; 1024];
    header[..8].copy_from_slice(b"cxsparse");
    header[8..16].copy_from_slice(&[0xFF; 8]);
    header[16..24].copy_from_slice(&2048_u64.to_be_bytes());
    header[24..28].copy_from_slice(&0x0001_0000_u32.to_be_bytes());
    header[28..32].copy_from_slice(&3_u32.to_be_bytes());
    header[32..36].copy_from_slice(&(BLOCK as u32).to_be_bytes());
    header[40..56].copy_from_slice(&parent.id);
    let name: Vec<u8> = parent
        .relative
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    header[576..580].copy_from_slice(b"W2ru");
    header[580..584].copy_from_slice(&512_u32.to_be_bytes());
    header[584..588].copy_from_slice(&(name.len() as u32).to_be_bytes());
    header[592..600].copy_from_slice(&1536_u64.to_be_bytes());
    let sum = checksum(&header);
    header[36..40].copy_from_slice(&sum);

    let mut file = footer.clone();
    file.extend_from_slice(&header);
    file.extend_from_slice(&name);
    file.resize(2048, 0);
    let mut table = [u32::MAX; 3];
    let mut blocks = Vec::new();
    for (index, entry) in table.iter_mut().enumerate() {
        let first = index * BLOCK / 512;
        let inside: Vec<usize> = own
            .iter()
            .filter(|sector| (first..first + BLOCK / 512).contains(*sector))
            .map(|sector| sector - first)
            .collect();
        if inside.is_empty() {
            continue;
        }
        *entry = u32::try_from((2560 + blocks.len()) / 512).unwrap();
        let mut bitmap = vec![0_u8; 512];
        // What lies in a sector that is not the child's own must never be seen.
        let mut data = vec![0xEE_u8; BLOCK];
        for sector in inside {
            bitmap[sector / 8] |= 0x80 >> (sector % 8);
            data[sector * 512..][..512].fill(mark);
        }
        blocks.extend_from_slice(&bitmap);
        blocks.extend_from_slice(&data);
    }
    for entry in table {
        file.extend_from_slice(&entry.to_be_bytes());
    }
    file.resize(2560, 0);
    file.extend_from_slice(&blocks);
    file.extend_from_slice(&footer);
    file
}

/// A parent of qemu-img called `Base.vhd` in `folder`; its identity.
fn parent_of_qemu(folder: &Path) -> [u8; 16] {
    let raw = folder.join("disk.raw");
    let vhd = folder.join("Base.vhd");
    std::fs::write(&raw, pattern(LEN)).unwrap();
    let options = "subformat=dynamic,force_size=on";
    run(
        "qemu-img",
        &[
            "convert",
            "-f",
            "raw",
            "-O",
            "vpc",
            "-o",
            options,
            text(&raw),
            text(&vhd),
        ],
    );
    let bytes = std::fs::read(vhd).unwrap();
    bytes[68..84].try_into().unwrap()
}

const OWN: [usize; 6] = [0, 7, 8, 9, 4095, 5000];

fn laid_over(mut bytes: Vec<u8>, own: &[usize], mark: u8) -> Vec<u8> {
    for sector in own {
        bytes[sector * 512..][..512].fill(mark);
    }
    bytes
}

#[test]
fn a_child_gives_its_own_sectors_and_those_of_its_parent() {
    if !tool("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let id = parent_of_qemu(folder.path());
    let path = folder.path().join("child.vhd");
    // The name differs from that of the file in its case, as a copy to Linux often has it.
    let parent = Parent {
        id,
        relative: ".\\base.VHD",
    };
    std::fs::write(&path, child([1; 16], &parent, &OWN, 0xC1)).unwrap();
    let opened = open_container(&path).unwrap();
    assert_eq!(opened.layer, "vhd:differencing");
    assert!(all_bytes(&opened.device) == laid_over(pattern(LEN), &OWN, 0xC1));
}

#[test]
fn a_chain_of_three_files_is_laid_together_from_the_bottom() {
    if !tool("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let id = parent_of_qemu(folder.path());
    let middle = folder.path().join("middle.vhd");
    let top = folder.path().join("top.vhd");
    let of_base = Parent {
        id,
        relative: ".\\Base.vhd",
    };
    let of_middle = Parent {
        id: [1; 16],
        relative: ".\\middle.vhd",
    };
    std::fs::write(middle, child([1; 16], &of_base, &OWN, 0xC1)).unwrap();
    std::fs::write(&top, child([2; 16], &of_middle, &[8, 12_000], 0xC2)).unwrap();
    let opened = open_container(&top).unwrap();
    let expected = laid_over(laid_over(pattern(LEN), &OWN, 0xC1), &[8, 12_000], 0xC2);
    assert!(all_bytes(&opened.device) == expected);
}

/// The error of opening a child with this parent, in a folder that `prepare` fills.
fn refusal(parent: &Parent<'_>, prepare: impl FnOnce(&Path)) -> goldseal::Error {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let path = folder.path().join("child.vhd");
    std::fs::write(&path, child([1; 16], parent, &OWN, 0xC1)).unwrap();
    open_container(&path).unwrap_err()
}

#[test]
fn a_parent_that_is_not_there_is_named_with_what_to_do() {
    let parent = Parent {
        id: [9; 16],
        relative: ".\\gone.vhd",
    };
    let error = refusal(&parent, |_| {});
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    assert!(
        text.contains("gone.vhd") && text.contains("--allow-backing-anywhere"),
        "{text}"
    );
}

#[test]
fn a_file_with_the_name_of_the_parent_and_another_identity_is_refused() {
    let parent = Parent {
        id: [9; 16],
        relative: ".\\other.vhd",
    };
    let error = refusal(&parent, |folder| {
        let of_none = Parent {
            id: [8; 16],
            relative: ".\\none.vhd",
        };
        std::fs::write(folder.join("other.vhd"), child([3; 16], &of_none, &[], 0)).unwrap();
    });
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    assert!(error.to_string().contains("is another disk"), "{error}");
}

#[test]
fn a_disk_that_is_its_own_parent_is_refused() {
    let parent = Parent {
        id: [1; 16],
        relative: ".\\child.vhd",
    };
    let error = refusal(&parent, |_| {});
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn two_disks_that_are_parents_of_each_other_are_refused() {
    let parent = Parent {
        id: [2; 16],
        relative: ".\\second.vhd",
    };
    let error = refusal(&parent, |folder| {
        let back = Parent {
            id: [1; 16],
            relative: ".\\child.vhd",
        };
        std::fs::write(folder.join("second.vhd"), child([2; 16], &back, &[], 0)).unwrap();
    });
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_link_that_leads_to_a_parent_elsewhere_is_not_followed() {
    if !tool("qemu-img") {
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let id = parent_of_qemu(elsewhere.path());
    let parent = Parent {
        id,
        relative: ".\\base.vhd",
    };
    let error = refusal(&parent, |folder| {
        std::os::unix::fs::symlink(elsewhere.path().join("Base.vhd"), folder.join("base.vhd"))
            .unwrap();
    });
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[test]
fn a_parent_in_another_directory_is_opened_only_where_that_is_allowed() {
    if !tool("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (above, below) = (folder.path().join("bases"), folder.path().join("children"));
    std::fs::create_dir(&above).unwrap();
    std::fs::create_dir(&below).unwrap();
    let id = parent_of_qemu(&above);
    let path = below.join("child.vhd");
    let parent = Parent {
        id,
        relative: "..\\bases\\Base.vhd",
    };
    std::fs::write(&path, child([1; 16], &parent, &OWN, 0xC1)).unwrap();
    assert_eq!(
        open_container(&path).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let context = context(Some(&path), BackingFiles::Anywhere);
    let opened = container::open(&file_device(&path), &context)
        .unwrap()
        .unwrap();
    assert!(all_bytes(&opened.device) == laid_over(pattern(LEN), &OWN, 0xC1));
}

#[test]
fn a_child_of_a_parent_that_was_cut_off_is_whole_as_far_as_it_holds_what_is_lost() {
    if !tool("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let id = parent_of_qemu(folder.path());
    let base = folder.path().join("Base.vhd");
    let bytes = std::fs::read(&base).unwrap();
    std::fs::write(&base, &bytes[..bytes.len() - (3 << 20)]).unwrap();
    let of_base = Parent {
        id,
        relative: ".\\Base.vhd",
    };
    let path = folder.path().join("child.vhd");
    let open_over = |own: &[usize]| {
        std::fs::write(&path, child([1; 16], &of_base, own, 0xC1)).unwrap();
        open_container(&path).unwrap().device
    };
    let plain = open_over(&OWN);
    crate::containers::ends_where_it_says(&plain);
    let first_lost = usize::try_from(plain.whole_up_to() / 512).unwrap();
    let longer = open_over(&[first_lost, first_lost + 1]);
    crate::containers::ends_where_it_says(&longer);
    assert_eq!(longer.whole_up_to() / 512, plain.whole_up_to() / 512 + 2);
}
