//! What tests of NTFS volumes share: a walk over the whole tree, and a volume whose MFT has an attribute list.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use goldseal::artifact::descriptor_accounts::{Role, named_sids};
use goldseal::base::win_path::WinPath;
use goldseal::image::filesystem::ntfs::NtfsVolume;
use goldseal::image::filesystem::ntfs::security_stream::Walked;
use goldseal::image::filesystem::{FileSystem, Metadata};

/// The folder of key files on the built volumes.
pub(crate) const MACHINE_KEYS: &str =
    "Documents and Settings\\All Users\\Application Data\\Microsoft\\Crypto\\RSA\\MachineKeys";

/// All files and directories of a volume with their metadata; an error panics.
pub(crate) fn walk(volume: &dyn FileSystem) -> Vec<(WinPath, Metadata)> {
    let mut found = Vec::new();
    let mut folders = vec![WinPath::root()];
    while let Some(folder) = folders.pop() {
        let entries = volume.read_dir_metadata(&folder).unwrap().unwrap();
        for (name, metadata) in entries {
            let path = folder.child(&name);
            let metadata = metadata.unwrap_or_else(|error| panic!("{path}: {error}"));
            if metadata.is_dir && metadata.reparse_tag.is_none() {
                folders.push(path.clone());
            }
            found.push((path, metadata));
        }
    }
    found
}

/// Every SID of every descriptor in `$Secure`, one line each: offset, security id, role, SID; and what the walk met.
pub(crate) fn stored_sids(volume: &NtfsVolume) -> (Vec<String>, Walked) {
    let mut lines = Vec::new();
    let walked = volume
        .stored_descriptors(64 << 20, &mut |stored| {
            for (role, sid) in named_sids(stored.bytes).unwrap() {
                let role = match role {
                    Role::Owner => "owner",
                    Role::Group => "group",
                    Role::Entry => "entry",
                };
                lines.push(format!("{} {} {role} {sid}", stored.offset, stored.id));
            }
        })
        .unwrap();
    (lines, walked)
}

/// The same lines from the bytes of `$SDS`, by `scripts/descriptors.py`.
pub(crate) fn listed_sids(stream: &[u8]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/descriptors.py");
    let mut child = Command::new("python3")
        .arg(script)
        .arg("list")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stream).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// `$SDS` as ntfs-3g reads it.
pub(crate) fn sds_by_ntfscat(image: &Path) -> Vec<u8> {
    let output = Command::new("ntfscat")
        .args(["-f", "-i", "9", "-a", "0x80", "-n", "$SDS"])
        .arg(image)
        .output()
        .unwrap();
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{:?}",
        output.stderr
    );
    output.stdout
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

pub(crate) fn unfix(record: &mut [u8]) {
    let array = u16_at(record, 4);
    for stride in 0..record.len() / 512 {
        let saved = array + 2 + stride * 2;
        record.copy_within(saved..saved + 2, stride * 512 + 510);
    }
}

pub(crate) fn fix(record: &mut [u8]) {
    let array = u16_at(record, 4);
    for stride in 0..record.len() / 512 {
        record.copy_within(
            stride * 512 + 510..stride * 512 + 512,
            array + 2 + stride * 2,
        );
        record.copy_within(array..array + 2, stride * 512 + 510);
    }
}

/// The attributes of a record without fix-ups: type and bytes.
pub(crate) fn attributes(record: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut list = Vec::new();
    let mut at = u16_at(record, 0x14);
    while u32_at(record, at) != 0xffff_ffff {
        let len = u32_at(record, at + 4);
        list.push((u32_at(record, at), record[at..at + len].to_vec()));
        at += len;
    }
    list
}

pub(crate) fn with_attributes(record: &mut [u8], list: &[Vec<u8>]) {
    let mut at = u16_at(record, 0x14);
    for attribute in list {
        record[at..at + attribute.len()].copy_from_slice(attribute);
        at += attribute.len();
    }
    record[at..at + 8].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    record[0x18..0x1c].copy_from_slice(&u32::try_from(at + 8).unwrap().to_le_bytes());
}

/// A mapping of `clusters` from `lcn` in one run.
fn pairs(clusters: u64, lcn: u64) -> Vec<u8> {
    let mut run = vec![0x44];
    run.extend(&clusters.to_le_bytes()[..4]);
    run.extend(&lcn.to_le_bytes()[..4]);
    run.resize(16, 0);
    run
}

/// Parts `$MFT:$DATA` of a volume of 4-KiB clusters and 1-KiB records: the first seven clusters stay in record 0, the rest is
/// mapped by record `extension`, and record 0 gets an attribute list.
pub(crate) fn split_mft(volume: &mut [u8], extension: usize) {
    const RECORD: usize = 1024;
    const FIRST: u64 = 7;
    let mft_lcn = u64::from_le_bytes(volume[0x30..0x38].try_into().unwrap());
    let mirror_lcn = u64::from_le_bytes(volume[0x38..0x40].try_into().unwrap());
    let start = usize::try_from(mft_lcn).unwrap() * 4096;
    let mut base = volume[start..start + RECORD].to_vec();
    unfix(&mut base);
    let list = attributes(&base);
    let position = list.iter().position(|(kind, _)| *kind == 0x80).unwrap();
    let data = list[position].1.clone();
    let highest = u64::from_le_bytes(data[0x18..0x20].try_into().unwrap());
    let pairs_at = u16_at(&data, 0x20);
    assert_eq!(
        data[pairs_at + usize::from(data[pairs_at] & 15) + usize::from(data[pairs_at] >> 4) + 1],
        0,
        "one run"
    );
    let mut first = data[..0x40].to_vec();
    first[0x18..0x20].copy_from_slice(&(FIRST - 1).to_le_bytes());
    first[0x20] = 0x40;
    first.extend(pairs(FIRST, mft_lcn));
    let mut second = vec![0_u8; 0x40];
    second[0] = 0x80;
    second[8] = 1;
    second[0x10..0x18].copy_from_slice(&FIRST.to_le_bytes());
    second[0x18..0x20].copy_from_slice(&highest.to_le_bytes());
    second[0x20] = 0x40;
    second.extend(pairs(highest + 1 - FIRST, mft_lcn + FIRST));
    for part in [&mut first, &mut second] {
        let len = u32::try_from(part.len()).unwrap();
        part[4..8].copy_from_slice(&len.to_le_bytes());
    }
    let sequence = 1_u64 << 48;
    let extension_reference = (sequence | extension as u64).to_le_bytes();
    let mut entries = Vec::new();
    for (kind, attribute) in &list {
        entries.extend(list_entry(*kind, 0, sequence, u16_at(attribute, 0x0e)));
        if *kind == 0x80 {
            entries.extend(list_entry(
                0x80,
                FIRST,
                u64::from_le_bytes(extension_reference),
                0,
            ));
        }
    }
    let mut list_attribute = vec![0_u8; 0x18];
    list_attribute[0] = 0x20;
    list_attribute[0x0e] = 0x40;
    list_attribute[0x10..0x14]
        .copy_from_slice(&u32::try_from(entries.len()).unwrap().to_le_bytes());
    list_attribute[0x14] = 0x18;
    list_attribute.extend(&entries);
    let len = u32::try_from(list_attribute.len()).unwrap();
    list_attribute[4..8].copy_from_slice(&len.to_le_bytes());
    let mut new_list: Vec<Vec<u8>> = list.iter().map(|(_, bytes)| bytes.clone()).collect();
    new_list[position] = first;
    new_list.insert(1, list_attribute);
    with_attributes(&mut base, &new_list);
    base[0x28] = 0x41;
    fix(&mut base);
    volume[start..start + RECORD].copy_from_slice(&base);
    let mirror = usize::try_from(mirror_lcn).unwrap() * 4096;
    volume[mirror..mirror + RECORD].copy_from_slice(&base);
    let place = start + extension * RECORD;
    let mut record = volume[place..place + RECORD].to_vec();
    unfix(&mut record);
    record[0x10..0x12].copy_from_slice(&1_u16.to_le_bytes());
    record[0x12..0x14].fill(0);
    record[0x16..0x18].copy_from_slice(&1_u16.to_le_bytes());
    record[0x20..0x28].copy_from_slice(&sequence.to_le_bytes());
    record[0x28..0x2a].copy_from_slice(&1_u16.to_le_bytes());
    with_attributes(&mut record, &[second]);
    fix(&mut record);
    volume[place..place + RECORD].copy_from_slice(&record);
}

fn list_entry(kind: usize, lowest_vcn: u64, reference: u64, id: usize) -> Vec<u8> {
    let mut entry = vec![0_u8; 32];
    entry[..4].copy_from_slice(&u32::try_from(kind).unwrap().to_le_bytes());
    entry[4] = 32;
    entry[7] = 0x1a;
    entry[8..16].copy_from_slice(&lowest_vcn.to_le_bytes());
    entry[16..24].copy_from_slice(&reference.to_le_bytes());
    entry[24..26].copy_from_slice(&u16::try_from(id).unwrap().to_le_bytes());
    entry
}
