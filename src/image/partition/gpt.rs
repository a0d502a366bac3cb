//! The GUID partition table: the header behind the protective MBR, or its copy in the last sector.
//!
//! Both copies carry checksums of themselves and of their entries; the first whose two checksums hold is used, and what is
//! wrong with the other is noted. Specification: UEFI 2.10, section 5.3.

use crate::base::bytes;
use crate::base::guid::Guid;
use crate::base::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, read_vec};
use crate::image::partition::mbr;
use crate::image::partition::{Kind, Partition, Scheme, Table};

/// The GPT scheme.
pub static SCHEME: Scheme = Scheme {
    name: "gpt",
    probe,
    read,
};

/// The bytes that begin a header.
const MAGIC: &[u8; 8] = b"EFI PART";
/// Sectors that disks have.
const SECTORS: [u64; 2] = [512, 4096];
/// Shortest header, and where its checksum stands.
const HEADER_LEN_MIN: usize = 92;
const CRC_AT: usize = 16;
/// Shortest entry, and the most bytes that all entries may have.
const ENTRY_LEN_MIN: usize = 128;
const ENTRIES_BYTES_MAX: usize = 4 << 20;

/// Types that hold no file system of their own.
const LDM_METADATA: &str = "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3";
const LDM_DATA: &str = "af9b60a0-1431-4f62-bc68-3311714a69ad";
const STORAGE_SPACES: &str = "e75caf8f-f680-4cee-afa3-b001e56efc2d";
const MICROSOFT_RESERVED: &str = "e3c9e316-0b5c-4db8-817d-f92df00215ae";

/// Whether the entry that covers a disk with a GPT is there.
fn is_protected(device: &dyn BlockDevice) -> Result<bool> {
    Ok(mbr::types(device)?.is_some_and(|types| types.contains(&mbr::PROTECTIVE)))
}

/// Where headers may stand, with the sector of the disk that this implies.
fn places(device: &dyn BlockDevice) -> Vec<(u64, u64)> {
    let last = SECTORS
        .iter()
        .filter_map(|sector| Some((device.len_bytes().checked_sub(*sector)?, *sector)));
    SECTORS
        .iter()
        .map(|sector| (*sector, *sector))
        .chain(last)
        .collect()
}

fn has_header(device: &dyn BlockDevice, at: u64) -> Result<bool> {
    let end = at.saturating_add(8);
    Ok(end <= device.len_bytes() && read_vec(device, at, MAGIC.len())? == MAGIC)
}

fn probe(device: &dyn BlockDevice) -> Result<bool> {
    if is_protected(device)? {
        return Ok(true);
    }
    // A table that an MBR has replaced is a leftover; one without any MBR is the table of a disk whose first sector is lost.
    if mbr::types(device)?.is_some_and(|types| types.iter().any(|kind| *kind != 0)) {
        return Ok(false);
    }
    for (at, sector) in places(device) {
        if has_header(device, at)? && read_copy(device, at, sector).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One copy of the table whose checksums hold.
#[derive(Debug)]
struct Copy {
    sector: u64,
    entries: Vec<u8>,
    entry_len: usize,
}

fn read(device: &dyn BlockDevice, limits: &Limits) -> Result<Table> {
    let mut notes = Vec::new();
    let (mut primary, mut backup): (Option<Copy>, Option<Copy>) = (None, None);
    let mut damage: Vec<String> = Vec::new();
    for (at, sector) in places(device) {
        if !has_header(device, at)? {
            continue;
        }
        match read_copy(device, at, sector) {
            Ok(copy) if at == sector => primary = primary.or(Some(copy)),
            Ok(copy) => backup = backup.or(Some(copy)),
            Err(error) => damage.push(error.to_string()),
        }
    }
    match (&primary, &backup) {
        (Some(primary), Some(backup)) if primary.entries != backup.entries => {
            notes.push("gpt: the two copies of the table differ; the first one is used".to_owned());
        }
        (Some(_), None) => notes.push(format!(
            "gpt: the copy of the table at the end of the disk is missing or damaged{}",
            listed(&damage)
        )),
        (None, Some(_)) => notes.push(format!(
            "gpt: the table at the start of the disk is missing or damaged, its copy at the end is used{}",
            listed(&damage)
        )),
        _ => {}
    }
    let Some(copy) = primary.or(backup) else {
        return Err(Error::corrupt(format!(
            "gpt: the disk is marked as one with a GPT, and neither the table at its start nor the copy at its end can be \
             used{}",
            listed(&damage)
        )));
    };
    if !is_protected(device)? {
        notes.push("gpt: the protective MBR is missing".to_owned());
    }
    Ok(Table {
        partitions: partitions(&copy, limits)?,
        mbr_signature: mbr::signature(device)?,
        sector_bytes: copy.sector,
        notes,
    })
}

fn listed(damage: &[String]) -> String {
    if damage.is_empty() {
        String::new()
    } else {
        format!(" ({})", damage.join("; "))
    }
}

fn read_copy(device: &dyn BlockDevice, at: u64, sector: u64) -> Result<Copy> {
    let len = usize::try_from(sector).unwrap_or(usize::MAX);
    let mut header = read_vec(device, at, len)?;
    let bad = |what: String| Error::corrupt(format!("gpt header at 0x{at:08x}: {what}"));
    let short = || bad("too short".to_owned());
    let header_len = bytes::u32_le(&header, 12).ok_or_else(short)?;
    let header_len = usize::try_from(header_len).unwrap_or(usize::MAX);
    if !(HEADER_LEN_MIN..=len).contains(&header_len) {
        return Err(bad(format!(
            "length should be from {HEADER_LEN_MIN} to {len} bytes, is {header_len}"
        )));
    }
    let stored = bytes::u32_le(&header, CRC_AT).ok_or_else(short)?;
    let own_lba = bytes::u64_le(&header, 24).ok_or_else(short)?;
    let entries_lba = bytes::u64_le(&header, 72).ok_or_else(short)?;
    let count = bytes::u32_le(&header, 80).ok_or_else(short)?;
    let entry_len = bytes::u32_le(&header, 84).ok_or_else(short)?;
    let entries_stored = bytes::u32_le(&header, 88).ok_or_else(short)?;
    if let Some(field) = header.get_mut(CRC_AT..CRC_AT.saturating_add(4)) {
        field.fill(0);
    }
    let computed = crc32fast::hash(header.get(..header_len).unwrap_or_default());
    if stored != computed {
        return Err(bad(format!(
            "checksum should be 0x{computed:08x}, is 0x{stored:08x}"
        )));
    }
    if own_lba.checked_mul(sector) != Some(at) {
        return Err(bad(format!(
            "its own sector should be {}, is {own_lba}",
            at / sector
        )));
    }
    let entry_len = usize::try_from(entry_len).unwrap_or(usize::MAX);
    let entries_len = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(entry_len);
    if entry_len < ENTRY_LEN_MIN || entries_len > ENTRIES_BYTES_MAX {
        return Err(bad(format!(
            "{count} entries of {entry_len} bytes; an entry has at least {ENTRY_LEN_MIN}, all at most {ENTRIES_BYTES_MAX}"
        )));
    }
    let entries_at = entries_lba.saturating_mul(sector);
    let entries = read_vec(device, entries_at, entries_len)
        .map_err(|error| bad(format!("entries: {error}")))?;
    let computed = crc32fast::hash(&entries);
    if entries_stored != computed {
        return Err(bad(format!(
            "checksum of the entries at 0x{entries_at:08x} should be 0x{computed:08x}, is 0x{entries_stored:08x}"
        )));
    }
    Ok(Copy {
        sector,
        entries,
        entry_len,
    })
}

fn partitions(copy: &Copy, limits: &Limits) -> Result<Vec<Partition>> {
    let mut list = Vec::new();
    for (index, entry) in copy.entries.chunks_exact(copy.entry_len).enumerate() {
        let Some(type_bytes) = bytes::array::<16>(entry, 0) else {
            continue;
        };
        if type_bytes == [0; 16] {
            continue;
        }
        if list.len() >= limits.partitions_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("gpt: more than {} partitions", limits.partitions_max),
            ));
        }
        let type_text = Guid::from_disk_order(type_bytes).to_string();
        let first = bytes::u64_le(entry, 32).unwrap_or(0);
        let last = bytes::u64_le(entry, 40).unwrap_or(0);
        let sectors = last
            .checked_sub(first)
            .map_or(0, |more| more.saturating_add(1));
        list.push(Partition {
            number: index.saturating_add(1),
            kind: kind(&type_text),
            type_text,
            start_bytes: first.saturating_mul(copy.sector),
            len_bytes: sectors.saturating_mul(copy.sector),
        });
    }
    Ok(list)
}

fn kind(type_text: &str) -> Kind {
    match type_text {
        LDM_METADATA | LDM_DATA => Kind::Ldm,
        STORAGE_SPACES => Kind::StorageSpaces,
        MICROSOFT_RESERVED => Kind::Reserved,
        _ => Kind::Data,
    }
}
