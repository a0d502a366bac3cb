//! The boot sector of an NTFS volume: its geometry, and the copy of it in the last sector.
//!
//! Cluster sizes above 64 KiB are written as a negative power of two since Windows 10; a reader that takes the byte as a
//! count sees a cluster of 124 KiB. Layout: `layout.h` of ntfs-3g, `NTFS_BOOT_SECTOR`.

use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, read_vec};

/// Length of the part of the boot sector that is read.
const BOOT_SECTOR_BYTES: usize = 512;
/// The OEM identifier at 0x03.
const OEM_NTFS: &[u8] = b"NTFS    ";
/// The OEM identifier of a BitLocker volume.
const OEM_BITLOCKER: &[u8] = b"-FVE-FS-";
/// The sector sizes that a volume may have.
const SECTOR_BYTES: [u64; 4] = [512, 1024, 2048, 4096];
/// The largest cluster.
const CLUSTER_BYTES_MAX: u64 = 2 << 20;
/// The MFT record sizes that are read.
const RECORD_BYTES: [u64; 4] = [512, 1024, 2048, 4096];
/// The largest index block.
const INDEX_BLOCK_BYTES_MAX: u64 = 64 << 10;

/// The sizes and places that the boot sector tells; all are checked against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of a sector.
    pub sector_bytes: u64,
    /// Bytes of a cluster, a power of two from 512 to 2 MiB.
    pub cluster_bytes: u64,
    /// Whole clusters of the volume.
    pub clusters: u64,
    /// Cluster of MFT record 0.
    pub mft_lcn: u64,
    /// Cluster of the copy of the first MFT records.
    pub mirror_lcn: u64,
    /// Bytes of an MFT record.
    pub record_bytes: usize,
    /// Bytes of a directory index block, as the volume's default.
    pub index_block_bytes: usize,
    /// The volume serial number.
    pub serial: u64,
}

impl Geometry {
    /// Parses a boot sector of at least 512 bytes; `place` names it in errors.
    pub fn parse(sector: &[u8], place: &str) -> Result<Self> {
        let oem = bytes::slice(sector, 0x03, 8).unwrap_or_default();
        if oem == OEM_BITLOCKER {
            return Err(Error::new(
                ErrorKind::Encrypted,
                format!("{place}: the volume is encrypted by BitLocker"),
            ));
        }
        if oem != OEM_NTFS {
            return Err(Error::new(
                ErrorKind::InvalidFormat,
                format!("{place}: identifier at 0x00000003 should be \"NTFS    \""),
            ));
        }
        Self::parse_fields(sector, place)
            .unwrap_or_else(|| Err(Error::corrupt(format!("{place}: shorter than 512 bytes"))))
    }

    fn parse_fields(sector: &[u8], place: &str) -> Option<Result<Self>> {
        let sector_bytes = u64::from(bytes::u16_le(sector, 0x0b)?);
        let sectors_per_cluster = power_or_count(bytes::u8(sector, 0x0d)?);
        let sectors = bytes::u64_le(sector, 0x28)?;
        let mft_lcn = bytes::u64_le(sector, 0x30)?;
        let mirror_lcn = bytes::u64_le(sector, 0x38)?;
        let record_code = bytes::u8(sector, 0x40)?;
        let index_code = bytes::u8(sector, 0x44)?;
        let serial = bytes::u64_le(sector, 0x48)?;
        let bad = |what: String| Some(Err(Error::corrupt(format!("{place}: {what}"))));
        if !SECTOR_BYTES.contains(&sector_bytes) {
            return bad(format!(
                "sector size should be 512 to 4096 bytes, is {sector_bytes} bytes"
            ));
        }
        let cluster_bytes = sector_bytes.saturating_mul(sectors_per_cluster);
        if !cluster_bytes.is_power_of_two() || cluster_bytes > CLUSTER_BYTES_MAX {
            return bad(format!(
                "cluster size should be a power of two of at most 2 MiB, is {cluster_bytes} bytes"
            ));
        }
        let clusters = sectors / sectors_per_cluster;
        if clusters == 0 || clusters.checked_mul(cluster_bytes).is_none() {
            return bad(format!("number of sectors should fit, is {sectors}"));
        }
        if mft_lcn >= clusters {
            return bad(format!(
                "cluster of the MFT should be below {clusters}, is {mft_lcn}"
            ));
        }
        let record_bytes = structure_bytes(record_code, cluster_bytes);
        if !RECORD_BYTES.contains(&record_bytes) {
            return bad(format!(
                "MFT record should have 512 to 4096 bytes, has {record_bytes} bytes"
            ));
        }
        let index_block_bytes = structure_bytes(index_code, cluster_bytes);
        if !is_index_block_size(index_block_bytes) {
            return bad(format!(
                "index block should have 512 bytes to 64 KiB, has {index_block_bytes} bytes"
            ));
        }
        Some(Ok(Self {
            sector_bytes,
            cluster_bytes,
            clusters,
            mft_lcn,
            mirror_lcn,
            record_bytes: usize::try_from(record_bytes).ok()?,
            index_block_bytes: usize::try_from(index_block_bytes).ok()?,
            serial,
        }))
    }

    /// The position of a cluster of the volume; beyond its end there is none.
    pub fn position(&self, lcn: u64) -> Option<u64> {
        if lcn >= self.clusters {
            return None;
        }
        lcn.checked_mul(self.cluster_bytes)
    }
}

/// Whether an index block may have that size.
pub fn is_index_block_size(len: u64) -> bool {
    len.is_power_of_two() && (512..=INDEX_BLOCK_BYTES_MAX).contains(&len)
}

/// Sectors of a cluster: a count up to 128, above that a negative power of two.
fn power_or_count(code: u8) -> u64 {
    if code <= 0x80 {
        return u64::from(code).max(1);
    }
    let power = u32::from(code.wrapping_neg());
    1_u64.checked_shl(power).unwrap_or(u64::MAX)
}

/// Bytes of a record or block: a count of clusters if positive, else a negative power of two.
fn structure_bytes(code: u8, cluster_bytes: u64) -> u64 {
    if code < 0x80 {
        return u64::from(code).saturating_mul(cluster_bytes);
    }
    let power = u32::from(code.wrapping_neg());
    1_u64.checked_shl(power).unwrap_or(u64::MAX)
}

/// A boot sector that was found, and whether it is the copy at the end of the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSector {
    /// What it tells.
    pub geometry: Geometry,
    /// Whether the first sector could not be used.
    pub is_backup: bool,
}

/// The boot sectors of a volume that can be used, best first.
///
/// # Errors
/// The error of the first sector, if the last one can't be used either; BitLocker at once.
pub fn find(device: &dyn BlockDevice) -> Result<Vec<BootSector>> {
    let primary = read_vec(device, 0, BOOT_SECTOR_BYTES)
        .and_then(|sector| Geometry::parse(&sector, "boot sector at 0x00000000"));
    if let Err(error) = &primary
        && matches!(error.kind(), ErrorKind::Encrypted | ErrorKind::Io)
    {
        return primary.map(|_| Vec::new());
    }
    let backup = find_backup(device);
    let mut found = Vec::new();
    let error = match primary {
        Ok(geometry) => {
            found.push(BootSector {
                geometry,
                is_backup: false,
            });
            None
        }
        Err(error) => Some(error),
    };
    if let Some(geometry) = backup
        && found.first().is_none_or(|first| first.geometry != geometry)
    {
        found.push(BootSector {
            geometry,
            is_backup: true,
        });
    }
    match error {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// The copy in the last sector of the device, which is the sector after the last one that the copy counts.
fn find_backup(device: &dyn BlockDevice) -> Option<Geometry> {
    SECTOR_BYTES.iter().find_map(|sector_bytes| {
        let position = device.len_bytes().checked_sub(*sector_bytes)?;
        let sector = read_vec(device, position, BOOT_SECTOR_BYTES).ok()?;
        let place = format!("boot sector at 0x{position:08x}");
        let geometry = Geometry::parse(&sector, &place).ok()?;
        (geometry.sector_bytes == *sector_bytes).then_some(geometry)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::device::MemoryDevice;

    fn sector(spc: u8, record: u8) -> Vec<u8> {
        let mut bytes = vec![0_u8; 512];
        bytes[3..11].copy_from_slice(OEM_NTFS);
        bytes[0x0b..0x0d].copy_from_slice(&512_u16.to_le_bytes());
        bytes[0x0d] = spc;
        bytes[0x28..0x30].copy_from_slice(&1_000_000_u64.to_le_bytes());
        bytes[0x30..0x38].copy_from_slice(&2_u64.to_le_bytes());
        bytes[0x38..0x40].copy_from_slice(&3_u64.to_le_bytes());
        bytes[0x40] = record;
        bytes[0x44] = 0xf4;
        bytes
    }

    #[test]
    fn clusters_above_64_kib_are_a_negative_power_of_two() {
        for (code, expected) in [(8, 4096), (0x80, 65_536), (0xf8, 131_072), (0xf4, 2 << 20)] {
            let geometry = Geometry::parse(&sector(code, 0xf6), "boot").unwrap();
            assert_eq!(geometry.cluster_bytes, expected, "{code:#x}");
            assert_eq!(geometry.record_bytes, 1024);
            assert_eq!(geometry.index_block_bytes, 4096);
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for (spc, record) in [
            (3, 0xf6),
            (0xf3, 0xf6),
            (0x81, 0xf6),
            (8, 0),
            (8, 0xe0),
            (8, 0x7f),
        ] {
            assert!(
                Geometry::parse(&sector(spc, record), "boot").is_err(),
                "{spc} {record}"
            );
        }
    }

    #[test]
    fn the_last_sector_stands_in_for_a_damaged_first() {
        let mut bytes = vec![0_u8; 64 << 10];
        let end = bytes.len() - 512;
        bytes[end..].copy_from_slice(&sector(8, 0xf6));
        let found = find(&MemoryDevice::new(bytes)).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].is_backup);
    }
}
