//! Partition tables against fdisk, sgdisk and the Sleuth Kit, and tables that lie.

use std::path::Path;

use goldseal::ErrorKind;
use goldseal::base::limits::Limits;
use goldseal::image::partition::{self, Kind, Table};

use crate::support::tool;
use crate::{memory, run, text};

const DISK: usize = 64 << 20;

fn read(bytes: &[u8]) -> goldseal::Result<Option<(&'static str, Table)>> {
    let device = memory(bytes.to_vec());
    let read = partition::read(device.as_ref(), &Limits::default())?;
    Ok(read.map(|(scheme, table)| (scheme.name, table)))
}

fn starts(table: &Table) -> Vec<(usize, u64, u64)> {
    let sector = table.sector_bytes;
    let triple =
        |p: &partition::Partition| (p.number, p.start_bytes / sector, p.len_bytes / sector);
    table.partitions.iter().map(triple).collect()
}

/// A disk that fdisk divides by a script of sfdisk, with sectors of this length.
fn made_by_fdisk(script: &str, sector: &str) -> Option<Vec<u8>> {
    if !tool("fdisk") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (disk, input) = (folder.path().join("disk"), folder.path().join("script"));
    std::fs::write(&disk, vec![0; DISK]).unwrap();
    std::fs::write(&input, script).unwrap();
    // Command I loads a script, w writes the table.
    let (disk_text, input_text) = (text(&disk), text(&input));
    let command = format!("printf 'I\n{input_text}\nw\n' | fdisk -b {sector} {disk_text}");
    run("sh", &["-c", &command]);
    Some(std::fs::read(disk).unwrap())
}

const LOGICAL: &str = "label: dos\nlabel-id: 0x1b2162a0\n\
    start=63, size=20000, type=7, bootable\n\
    start=20480, size=100000, type=f\n\
    start=20992, size=8192, type=6\n\
    start=40000, size=4096, type=7\n\
    start=60000, size=1000, type=83\n";

#[test]
fn logical_partitions_are_numbered_from_five_in_the_order_of_the_chain() {
    // fdisk numbers entries in the order of the script: the extended one is the second primary.
    let Some(disk) = made_by_fdisk(LOGICAL, "512") else {
        return;
    };
    let (scheme, table) = read(&disk).unwrap().unwrap();
    assert_eq!(scheme, "mbr");
    assert_eq!(table.mbr_signature, Some(0x1b21_62a0));
    let expected = vec![
        (1, 63, 20_000),
        (5, 20_992, 8_192),
        (6, 40_000, 4_096),
        (7, 60_000, 1_000),
    ];
    assert_eq!(starts(&table), expected);
}

#[test]
fn an_mbr_that_counts_in_sectors_of_4096_bytes_is_known_by_what_begins_at_its_entries() {
    let script = "label: dos\nstart=64, size=2000, type=7\nstart=2560, size=10000, type=f\nstart=2600, size=400, type=7\n";
    let Some(mut disk) = made_by_fdisk(script, "4096") else {
        return;
    };
    let expected = vec![(1, 64, 2000), (5, 2600, 400)];
    let (_, table) = read(&disk).unwrap().unwrap();
    assert_eq!(
        (table.sector_bytes, starts(&table)),
        (4096, expected.clone())
    );
    // The chain is gone; the boot sector of a volume shows the same.
    disk[2560 * 4096 + 510..][..2].fill(0);
    disk[64 * 4096 + 11..][..2].copy_from_slice(&4096_u16.to_le_bytes());
    disk[64 * 4096 + 510..][..2].copy_from_slice(&[0x55, 0xAA]);
    let (_, table) = read(&disk).unwrap().unwrap();
    assert_eq!(
        (table.sector_bytes, starts(&table)),
        (4096, expected[..1].to_vec())
    );
    // Neither is there: the entries count in 512 bytes.
    disk[64 * 4096 + 510..][..2].fill(0);
    let (_, table) = read(&disk).unwrap().unwrap();
    assert_eq!(table.sector_bytes, 512);
}

#[test]
fn a_chain_of_logical_partitions_that_returns_to_itself_is_cut_with_a_note() {
    let Some(mut disk) = made_by_fdisk(LOGICAL, "512") else {
        return;
    };
    // The link of the first extended record points back to that record.
    let record = 20_480 * 512;
    disk[record + 0x1CE + 8..][..4].copy_from_slice(&0_u32.to_le_bytes());
    let (_, table) = read(&disk).unwrap().unwrap();
    assert_eq!(starts(&table), [(1, 63, 20_000), (5, 20_992, 8_192)]);
    assert!(
        table.notes[0].contains("was cut there"),
        "{:?}",
        table.notes
    );
}

const GPT: &str = "label: gpt\nfirst-lba: 40\n\
    start=64, size=512, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n\
    start=1024, size=256, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE\n\
    start=2048, size=4096, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n";

const GPT_STARTS: [(usize, u64, u64); 3] = [(1, 64, 512), (2, 1024, 256), (3, 2048, 4096)];

#[test]
fn a_gpt_is_read_with_sectors_of_512_and_of_4096_bytes() {
    for sector in ["512", "4096"] {
        let Some(disk) = made_by_fdisk(GPT, sector) else {
            return;
        };
        let (scheme, table) = read(&disk).unwrap().unwrap();
        assert_eq!(
            (scheme, table.sector_bytes.to_string().as_str()),
            ("gpt", sector)
        );
        assert_eq!(starts(&table), GPT_STARTS, "{sector}");
        assert_eq!(table.partitions[1].kind, Kind::Reserved);
        assert_eq!(table.notes, Vec::<String>::new(), "{sector}");
    }
}

#[test]
fn the_copy_at_the_end_stands_in_for_a_damaged_gpt_and_is_noted() {
    for sector in [512, 4096] {
        let Some(mut disk) = made_by_fdisk(GPT, &sector.to_string()) else {
            return;
        };
        disk[2 * sector + 40] ^= 0xFF;
        let (_, table) = read(&disk).unwrap().unwrap();
        assert_eq!(starts(&table), GPT_STARTS, "{sector}");
        let note = &table.notes[0];
        assert!(
            note.contains("its copy at the end is used") && note.contains("checksum"),
            "{note}"
        );
    }
}

#[test]
fn a_damaged_copy_of_the_gpt_is_noted() {
    let Some(mut disk) = made_by_fdisk(GPT, "512") else {
        return;
    };
    let at = disk.len() - 512 + 30;
    disk[at] ^= 0xFF;
    let (_, table) = read(&disk).unwrap().unwrap();
    assert_eq!(starts(&table), GPT_STARTS);
    assert!(
        table.notes[0].contains("copy of the table at the end"),
        "{:?}",
        table.notes
    );
}

#[test]
fn a_gpt_without_a_sound_copy_is_corrupt_and_not_without_partitions() {
    let Some(mut disk) = made_by_fdisk(GPT, "512") else {
        return;
    };
    disk[512 + 30] ^= 0xFF;
    let at = disk.len() - 512 + 30;
    disk[at] ^= 0xFF;
    assert_eq!(read(&disk).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_gpt_whose_first_sector_is_lost_is_still_found() {
    let Some(mut disk) = made_by_fdisk(GPT, "512") else {
        return;
    };
    disk[..512].fill(0);
    let (scheme, table) = read(&disk).unwrap().unwrap();
    assert_eq!((scheme, starts(&table)), ("gpt", GPT_STARTS.to_vec()));
    assert!(
        table
            .notes
            .iter()
            .any(|note| note.contains("protective MBR")),
        "{:?}",
        table.notes
    );
}

#[test]
fn a_gpt_that_an_mbr_has_replaced_is_not_taken() {
    let (Some(mut disk), Some(mbr)) = (made_by_fdisk(GPT, "512"), made_by_fdisk(LOGICAL, "512"))
    else {
        return;
    };
    disk[..512].copy_from_slice(&mbr[..512]);
    let (scheme, _) = read(&disk).unwrap().unwrap();
    assert_eq!(scheme, "mbr");
}

#[test]
fn sgdisk_and_this_reader_agree_on_a_table() {
    if !tool("sgdisk") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::write(&disk, vec![0; DISK]).unwrap();
    run(
        "sgdisk",
        &[
            "-n",
            "3:4096:8191",
            "-n",
            "7:20000:30000",
            "-t",
            "7:0700",
            text(&disk),
        ],
    );
    let (_, table) = read(&std::fs::read(&disk).unwrap()).unwrap().unwrap();
    assert_eq!(
        starts(&table),
        [(3, 4096, 4096), (7, 18_432, 11_569)].map(|e| shown_by_sgdisk(&disk, e))
    );
}

/// The entry as sgdisk prints it, which may have aligned what was asked for.
fn shown_by_sgdisk(disk: &Path, (number, _, _): (usize, u64, u64)) -> (usize, u64, u64) {
    let shown = run("sgdisk", &["-i", &number.to_string(), text(disk)]);
    let field = |name: &str| -> u64 {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(2).unwrap().parse().unwrap()
    };
    (
        number,
        field("First sector"),
        field("Last sector") - field("First sector") + 1,
    )
}

#[test]
fn the_sleuth_kit_and_this_reader_agree_on_the_corpus() {
    if crate::corpus::folder().is_none() {
        return;
    }
    let facts = crate::corpus::facts();
    for name in [
        "images/dfir_mbr-512-p1e2.bin.gz",
        "images/dfir_gpt-512-3p.raw.gz",
        "images/dfir_ntfs_index.raw.gz",
        "images/grr_mbr_ntfs_ads.dd.zst",
        "images/ldm-2003r2-simple-1.img.zst",
    ] {
        let (_, table) = read(&crate::corpus::read(name)).unwrap().unwrap();
        let mut found: Vec<(u64, u64)> = starts(&table).iter().map(|(_, s, l)| (*s, *l)).collect();
        found.sort_unstable();
        let mmls = facts[name]["mmls"].as_str().unwrap();
        let expected: Vec<(u64, u64)> = mmls.lines().filter_map(mmls_line).collect();
        assert_eq!(found, expected, "{name}");
    }
}

/// Start and length of a line of mmls that is a partition: its slot is a number and not `Meta` or `-------`.
fn mmls_line(line: &str) -> Option<(u64, u64)> {
    let cells: Vec<&str> = line.split_whitespace().collect();
    let is_partition =
        cells.first()?.ends_with(':') && cells.get(1)?.starts_with(|c: char| c.is_ascii_digit());
    is_partition.then(|| (cells[2].parse().unwrap(), cells[4].parse().unwrap()))
}
