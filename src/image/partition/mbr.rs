//! The master boot record: four primary entries, and logical partitions through the chain of extended boot records.
//!
//! Specification: "How Basic Disks and Volumes Work", Microsoft, section "Master Boot Record"; an extended boot record
//! counts its logical partition from itself and the next record from the start of the extended partition.

use std::collections::BTreeSet;

use crate::base::bytes;
use crate::base::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, read_vec};
use crate::image::partition::{Kind, Partition, Scheme, Table};

/// The MBR scheme.
pub static SCHEME: Scheme = Scheme {
    name: "mbr",
    probe,
    read,
};

/// Length of the record, whatever the sector of the disk is.
const RECORD_LEN: usize = 512;
/// Where the disk signature, the entries and the end mark stand.
const SIGNATURE_AT: usize = 0x1B8;
const ENTRIES_AT: usize = 0x1BE;
const ENTRY_LEN: usize = 16;
const MARK_AT: usize = 0x1FE;
const MARK: u16 = 0xAA55;
/// Lengths of a sector. The table does not say in which of them it counts.
const SECTOR: u64 = 512;
const LARGE_SECTOR: u64 = 4096;
/// Where the boot sector of NTFS and of FAT says how long a sector is.
const BYTES_PER_SECTOR_AT: usize = 11;
/// Types: extended partitions, dynamic disks, the protective entry of a GPT.
const EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];
const LDM: u8 = 0x42;
/// The type of the entry that covers a disk with a GPT.
pub(super) const PROTECTIVE: u8 = 0xEE;
/// The number of the first logical partition.
const FIRST_LOGICAL: usize = 5;

/// An entry as it stands in a record.
#[derive(Debug, Clone, Copy)]
struct Entry {
    status: u8,
    kind: u8,
    start: u64,
    sectors: u64,
}

impl Entry {
    fn is_empty(self) -> bool {
        self.kind == 0 || self.sectors == 0
    }

    fn is_extended(self) -> bool {
        EXTENDED.contains(&self.kind)
    }
}

/// The four entries of a record, or `None` if it has no end mark.
fn entries(record: &[u8]) -> Option<[Entry; 4]> {
    if bytes::u16_le(record, MARK_AT)? != MARK {
        return None;
    }
    let entry = |index: usize| {
        let at = ENTRIES_AT.checked_add(index.checked_mul(ENTRY_LEN)?)?;
        Some(Entry {
            status: bytes::u8(record, at)?,
            kind: bytes::u8(record, at.checked_add(4)?)?,
            start: u64::from(bytes::u32_le(record, at.checked_add(8)?)?),
            sectors: u64::from(bytes::u32_le(record, at.checked_add(12)?)?),
        })
    };
    Some([entry(0)?, entry(1)?, entry(2)?, entry(3)?])
}

fn read_record(device: &dyn BlockDevice, at: u64) -> Result<Vec<u8>> {
    read_vec(device, at, RECORD_LEN)
}

/// The length of the sectors in which the entries count: 4096 where, counted so, a volume of such sectors begins at an entry
/// and, counted in 512 bytes, nothing begins at any; else 512.
fn sector_bytes(device: &dyn BlockDevice, entries: &[Entry]) -> u64 {
    let used = || entries.iter().filter(|entry| !entry.is_empty());
    let head = |entry: &Entry, sector: u64| {
        let record = read_record(device, entry.start.saturating_mul(sector)).ok()?;
        (bytes::u16_le(&record, MARK_AT)? == MARK).then_some(record)
    };
    if used().any(|entry| head(entry, SECTOR).is_some()) {
        return SECTOR;
    }
    let begins_volume = |entry: &Entry| {
        head(entry, LARGE_SECTOR)
            .and_then(|record| bytes::u16_le(&record, BYTES_PER_SECTOR_AT))
            .is_some_and(|sector| u64::from(sector) == LARGE_SECTOR)
    };
    let begins_chain = |entry: &Entry| entry.is_extended() && head(entry, LARGE_SECTOR).is_some();
    if used().any(|entry| begins_volume(entry) || begins_chain(entry)) {
        LARGE_SECTOR
    } else {
        SECTOR
    }
}

/// The types of the entries of the first sector, if it is a record.
pub(super) fn types(device: &dyn BlockDevice) -> Result<Option<[u8; 4]>> {
    if device.len_bytes() < SECTOR {
        return Ok(None);
    }
    let record = read_record(device, 0)?;
    Ok(entries(&record).map(|entries| entries.map(|entry| entry.kind)))
}

/// The disk signature of the first sector, if it is a record.
pub(super) fn signature(device: &dyn BlockDevice) -> Result<Option<u32>> {
    if device.len_bytes() < SECTOR {
        return Ok(None);
    }
    let record = read_record(device, 0)?;
    Ok(entries(&record).and_then(|_| bytes::u32_le(&record, SIGNATURE_AT)))
}

fn probe(device: &dyn BlockDevice) -> Result<bool> {
    if device.len_bytes() < SECTOR {
        return Ok(false);
    }
    let record = read_record(device, 0)?;
    let Some(entries) = entries(&record) else {
        return Ok(false);
    };
    // A boot sector of a file system carries the same mark and has code where the entries would be.
    Ok(entries.iter().all(|entry| matches!(entry.status, 0 | 0x80))
        && entries.iter().any(|entry| !entry.is_empty()))
}

fn read(device: &dyn BlockDevice, limits: &Limits) -> Result<Table> {
    let record = read_record(device, 0)?;
    let Some(entries) = entries(&record) else {
        return Err(Error::corrupt("mbr: the mark 55 AA is not at 0x000001fe"));
    };
    let mut table = Table {
        mbr_signature: bytes::u32_le(&record, SIGNATURE_AT),
        sector_bytes: sector_bytes(device, &entries),
        ..Table::default()
    };
    for (index, entry) in entries.iter().enumerate() {
        if !entry.is_empty() && !entry.is_extended() {
            let number = index.saturating_add(1);
            table
                .partitions
                .push(partition(number, *entry, entry.start, table.sector_bytes));
        }
    }
    let mut next_number = FIRST_LOGICAL;
    for entry in entries.iter().filter(|entry| !entry.is_empty()) {
        if entry.is_extended() {
            read_chain(device, *entry, limits, &mut table, &mut next_number)?;
        }
    }
    Ok(table)
}

fn partition(number: usize, entry: Entry, start: u64, sector: u64) -> Partition {
    Partition {
        number,
        kind: if entry.kind == LDM {
            Kind::Ldm
        } else {
            Kind::Data
        },
        type_text: format!("0x{:02x}", entry.kind),
        start_bytes: start.saturating_mul(sector),
        len_bytes: entry.sectors.saturating_mul(sector),
    }
}

/// Reads the logical partitions of one extended partition; a cycle and a record that is not there end it with a note.
fn read_chain(
    device: &dyn BlockDevice,
    extended: Entry,
    limits: &Limits,
    table: &mut Table,
    next_number: &mut usize,
) -> Result<()> {
    let mut visited = BTreeSet::new();
    let mut sector = extended.start;
    loop {
        let at = sector.saturating_mul(table.sector_bytes);
        if !visited.insert(sector) {
            table.notes.push(format!(
                "mbr: the chain of logical partitions returns to 0x{at:08x} and was cut there"
            ));
            return Ok(());
        }
        if visited.len() > limits.partitions_max || table.partitions.len() >= limits.partitions_max
        {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("mbr: more than {} partitions", limits.partitions_max),
            ));
        }
        let record = match read_record(device, at) {
            Ok(record) => record,
            Err(error) if error.kind() == ErrorKind::OutOfBounds => {
                table.notes.push(format!(
                    "mbr: the extended boot record at 0x{at:08x} lies outside of the disk; logical partitions from there on \
                     are not seen"
                ));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some([logical, next, ..]) = entries(&record) else {
            table.notes.push(format!(
                "mbr: the extended boot record at 0x{at:08x} has no mark 55 AA; logical partitions from there on are not seen"
            ));
            return Ok(());
        };
        if !logical.is_empty() && !logical.is_extended() {
            let start = sector.saturating_add(logical.start);
            table
                .partitions
                .push(partition(*next_number, logical, start, table.sector_bytes));
            *next_number = next_number.saturating_add(1);
        }
        if next.is_empty() || !next.is_extended() {
            return Ok(());
        }
        sector = extended.start.saturating_add(next.start);
    }
}
