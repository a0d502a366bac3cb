//! The layout of a FAT volume, from its boot sector.
//!
//! Specification: "FAT: General Overview of On-Disk Format" 1.03, sections "Boot Sector and BPB" and "FAT Type
//! Determination".

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::device::{BlockDevice, read_vec};

/// Length of the boot sector that is looked at.
const BOOT_LEN: usize = 512;
/// The numbers of clusters from which on a volume is FAT16 and FAT32.
const FAT16_CLUSTERS_MIN: u64 = 4_085;
const FAT32_CLUSTERS_MIN: u64 = 65_525;
/// The first cluster that holds data.
pub(super) const FIRST_CLUSTER: u32 = 2;

/// Where the parts of a FAT volume lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bits of an entry of the table: 12, 16 or 32.
    pub(super) bits: u32,
    /// Where the first table starts, in bytes.
    pub(super) tables_start: u64,
    /// Number of tables that are kept alike; 1 where only one is in use.
    pub(super) tables_alike: u64,
    /// Where the root folder lies and its length, in bytes; on FAT32 it has none of its own.
    pub(super) root_start: u64,
    /// Length of the root folder in bytes.
    pub(super) root_len: u64,
    /// Where the table that is in use starts, in bytes.
    pub(super) table_start: u64,
    /// Length of that table in bytes.
    pub(super) table_len: u64,
    /// Where the first cluster starts, in bytes.
    pub(super) data_start: u64,
    /// Length of a cluster in bytes.
    pub(super) cluster_bytes: u64,
    /// Number of clusters.
    pub(super) clusters: u32,
    /// The first cluster of the root folder, on FAT32.
    pub(super) root_cluster: Option<u32>,
}

/// The fields of the boot sector.
struct Fields {
    sector: u64,
    per_cluster: u64,
    reserved: u64,
    tables: u64,
    root_entries: u64,
    sectors: u64,
    per_table_16: u64,
    per_table_32: u64,
    flags: u16,
    root_cluster: u32,
}

fn fields(head: &[u8]) -> Option<Fields> {
    let small = |at| bytes::u16_le(head, at).map(u64::from);
    let large = |at| bytes::u32_le(head, at).map(u64::from);
    let sectors_16 = small(19)?;
    Some(Fields {
        sector: small(11)?,
        per_cluster: u64::from(bytes::u8(head, 13)?),
        reserved: small(14)?,
        tables: u64::from(bytes::u8(head, 16)?),
        root_entries: small(17)?,
        sectors: if sectors_16 == 0 {
            large(32)?
        } else {
            sectors_16
        },
        per_table_16: small(22)?,
        per_table_32: large(36)?,
        flags: bytes::u16_le(head, 40)?,
        root_cluster: bytes::u32_le(head, 44)?,
    })
}

impl Fields {
    fn per_table(&self) -> u64 {
        if self.per_table_16 == 0 {
            self.per_table_32
        } else {
            self.per_table_16
        }
    }
}

/// Whether the first sector is the boot sector of a FAT volume: every field that has few lawful values has one of them.
pub(super) fn probe(head: &[u8]) -> bool {
    let Some(fields) = fields(head) else {
        return false;
    };
    let jump = bytes::u8(head, 0);
    let media = bytes::u8(head, 21);
    bytes::u16_le(head, 510) == Some(0xAA55)
        && matches!(jump, Some(0xEB | 0xE9))
        && matches!(fields.sector, 512 | 1024 | 2048 | 4096)
        && fields.per_cluster.is_power_of_two()
        && fields.reserved > 0
        && matches!(fields.tables, 1 | 2)
        && matches!(media, Some(0xF0 | 0xF8..=0xFF))
        && fields.sectors > 0
        && fields.per_table() > 0
}

impl Geometry {
    /// Reads the boot sector.
    pub(super) fn read(device: &dyn BlockDevice) -> Result<Self> {
        let head = read_vec(device, 0, BOOT_LEN)?;
        let bad = |what: String| Error::corrupt(format!("fat boot sector at 0x00000000: {what}"));
        let fields = fields(&head).ok_or_else(|| bad("too short".to_owned()))?;
        if fields.sector == 0 || fields.per_cluster == 0 {
            return Err(bad("a sector and a cluster should have a length".to_owned()));
        }
        let root_sectors = fields
            .root_entries
            .saturating_mul(32)
            .div_ceil(fields.sector);
        let tables = fields.per_table().saturating_mul(fields.tables);
        let before_data = fields
            .reserved
            .saturating_add(tables)
            .saturating_add(root_sectors);
        let Some(data_sectors) = fields.sectors.checked_sub(before_data) else {
            return Err(bad(format!(
                "{} sectors should be more than the {before_data} before the first cluster",
                fields.sectors
            )));
        };
        let clusters = data_sectors.checked_div(fields.per_cluster).unwrap_or(0);
        let bits = match clusters {
            0..FAT16_CLUSTERS_MIN => 12,
            FAT16_CLUSTERS_MIN..FAT32_CLUSTERS_MIN => 16,
            _ => 32,
        };
        let is_written_as_32 = fields.per_table_16 == 0;
        if is_written_as_32 != (bits == 32) {
            let written = if is_written_as_32 {
                "FAT32"
            } else {
                "FAT12 or FAT16"
            };
            return Err(Error::unsupported(format!(
                "fat boot sector at 0x00000000: laid out as {written}, and its {clusters} clusters make it FAT{bits}; \
                 Windows writes no such volume"
            )));
        }
        let in_use = match fields.flags {
            flags if bits == 32 && flags & 0x80 != 0 => u64::from(flags & 0x0F),
            _ => 0,
        };
        if in_use >= fields.tables {
            return Err(bad(format!(
                "table {in_use} should be in use, counted from 0, and there are {}",
                fields.tables
            )));
        }
        let table_len = fields.per_table().saturating_mul(fields.sector);
        let is_one_in_use = bits == 32 && fields.flags & 0x80 != 0;
        Ok(Self {
            bits,
            tables_start: fields.reserved.saturating_mul(fields.sector),
            tables_alike: if is_one_in_use { 1 } else { fields.tables },
            root_start: fields
                .reserved
                .saturating_add(tables)
                .saturating_mul(fields.sector),
            root_len: fields.root_entries.saturating_mul(32),
            table_start: fields
                .reserved
                .saturating_mul(fields.sector)
                .saturating_add(table_len.saturating_mul(in_use)),
            table_len,
            data_start: before_data.saturating_mul(fields.sector),
            cluster_bytes: fields.sector.saturating_mul(fields.per_cluster),
            clusters: u32::try_from(clusters).unwrap_or(u32::MAX),
            root_cluster: (bits == 32).then_some(fields.root_cluster),
        })
    }

    pub(super) fn is_fat32(&self) -> bool {
        self.bits == 32
    }

    /// Where a cluster starts, if there is such a cluster.
    pub(super) fn cluster_start(&self, cluster: u32) -> Option<u64> {
        let index = cluster.checked_sub(FIRST_CLUSTER)?;
        (index < self.clusters).then(|| {
            self.data_start
                .saturating_add(u64::from(index).saturating_mul(self.cluster_bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::device::MemoryDevice;

    /// The boot sector of a FAT32 volume of 66,000 clusters with two tables, of which `flags` says which is in use.
    fn boot_sector(flags: u16) -> MemoryDevice {
        let mut head = vec![0; BOOT_LEN];
        head[11..16].copy_from_slice(&[0, 2, 1, 32, 0]);
        head[16] = 2;
        head[32..36].copy_from_slice(&(32 + 2 * 516 + 66_000_u32).to_le_bytes());
        head[36..40].copy_from_slice(&516_u32.to_le_bytes());
        head[40..42].copy_from_slice(&flags.to_le_bytes());
        MemoryDevice::new(head)
    }

    #[test]
    fn the_table_that_is_in_use_is_read_and_has_to_be_there() {
        let start = |flags| Geometry::read(&boot_sector(flags)).map(|volume| volume.table_start);
        assert_eq!(start(0).unwrap(), 32 * 512);
        assert_eq!(start(0x81).unwrap(), (32 + 516) * 512);
        let error = start(0x82).unwrap_err();
        assert!(error.to_string().contains("there are 2"), "{error}");
    }
}
