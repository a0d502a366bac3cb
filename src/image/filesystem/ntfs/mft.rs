//! The MFT: where each record lies, over all extents of `$MFT:$DATA`, and the copy of its first records.
//!
//! The `ntfs` crate finds no record behind the first group of extents when `$MFT` has an attribute list, and reads a
//! record as one contiguous run although 512-byte clusters can part it. This locator does neither.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{Device, read_vec};
use crate::image::filesystem::ntfs::attribute::{self, ListEntry};
use crate::image::filesystem::ntfs::boot_sector::Geometry;
use crate::image::filesystem::ntfs::cache::Cache;
use crate::image::filesystem::ntfs::file;
use crate::image::filesystem::ntfs::record::MftRecord;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::runs::{self, DiskRange, Extent};
use crate::image::filesystem::ntfs::stream::{EXTENTS_MAX, Part, Placement, Stream, len_u64};

/// Records kept in memory.
const RECORDS_CACHED: usize = 512;
/// Attribute lists kept in memory.
const LISTS_CACHED: usize = 32;
/// Records that `$MFTMirr` holds at least.
const MIRROR_RECORDS: u64 = 4;
/// Most MFT records of a volume: NTFS itself has 2^32 - 1.
const RECORDS_MAX: u64 = u32::MAX as u64;

/// Locates and reads MFT records.
#[derive(Debug)]
pub struct Mft {
    device: Device,
    geometry: Geometry,
    stream: Stream,
    records: u64,
    cache: Cache<MftRecord>,
    lists: Cache<Vec<ListEntry>>,
    from_mirror: Mutex<BTreeSet<u64>>,
}

impl Mft {
    /// Finds the extents of the MFT from its record 0, or from the copy of it.
    pub fn open(device: Device, geometry: Geometry) -> Result<Self> {
        let (record, is_copy) = first_record(&device, &geometry)?;
        let stream = locate(&device, &geometry, &record)?;
        let record_bytes = len_u64(geometry.record_bytes);
        let records = stream.size().checked_div(record_bytes).unwrap_or(0);
        if records == 0 || records > RECORDS_MAX {
            return Err(Error::corrupt(format!(
                "$MFT: {} bytes should hold 1 to {RECORDS_MAX} records",
                stream.size()
            )));
        }
        let from_mirror = if is_copy {
            BTreeSet::from([0])
        } else {
            BTreeSet::new()
        };
        Ok(Self {
            device,
            geometry,
            stream,
            records,
            cache: Cache::new(RECORDS_CACHED),
            lists: Cache::new(LISTS_CACHED),
            from_mirror: Mutex::new(from_mirror),
        })
    }

    /// The volume.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The geometry of the volume.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The content of the MFT, as it lies on disk: with fix-ups.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Number of records that the MFT has room for.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The records of which the copy in `$MFTMirr` was read because the first was damaged.
    pub fn records_from_mirror(&self) -> Vec<u64> {
        self.from_mirror
            .lock()
            .map(|set| set.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Where record `number` lies.
    pub fn record_ranges(&self, number: u64) -> Result<Vec<DiskRange>> {
        ranges_in(&self.stream, &self.geometry, number)
    }

    /// Record `number`, in use or not.
    pub fn record(&self, number: u64) -> Result<Arc<MftRecord>> {
        if let Some(record) = self.cache.get(number) {
            return Ok(record);
        }
        let record = Arc::new(self.read_record(number)?);
        self.cache.put(number, record.clone());
        Ok(record)
    }

    /// The record that `reference` means: in use, of that sequence number.
    pub fn resolve(&self, reference: FileReference) -> Result<Arc<MftRecord>> {
        let record = self.record(reference.record())?;
        record.check_reference(reference)?;
        Ok(record)
    }

    /// The attribute list of a base record; `None` if it has none.
    pub fn attribute_list(&self, base: &MftRecord) -> Result<Option<Arc<Vec<ListEntry>>>> {
        if let Some(list) = self.lists.get(base.number()) {
            return Ok(Some(list));
        }
        let list = file::attribute_list(&self.device, &self.geometry, base)?.map(Arc::new);
        if let Some(list) = &list {
            self.lists.put(base.number(), list.clone());
        }
        Ok(list)
    }

    fn read_record(&self, number: u64) -> Result<MftRecord> {
        let first = read_at(&self.device, self.record_ranges(number)?, number);
        let Err(error) = first else { return first };
        if number >= MIRROR_RECORDS || error.kind() != ErrorKind::Corrupt {
            return Err(error);
        }
        let Ok(copy) = read_mirror(&self.device, &self.geometry, number) else {
            return Err(error);
        };
        if let Ok(mut set) = self.from_mirror.lock() {
            set.insert(number);
        }
        Ok(copy)
    }

    /// The copy of record `number` in `$MFTMirr`.
    pub fn mirror_record(&self, number: u64) -> Result<MftRecord> {
        read_mirror(&self.device, &self.geometry, number)
    }
}

/// Reads and decodes the record that lies at `ranges`.
fn read_at(device: &Device, ranges: Vec<DiskRange>, number: u64) -> Result<MftRecord> {
    let mut raw = Vec::new();
    for range in &ranges {
        let len = usize::try_from(range.len).unwrap_or(usize::MAX);
        let part = read_vec(device.as_ref(), range.position, len)
            .map_err(|error| error.at(format_args!("MFT record {number}")))?;
        raw.extend(part);
    }
    MftRecord::decode(number, raw, ranges)
}

fn read_mirror(device: &Device, geometry: &Geometry, number: u64) -> Result<MftRecord> {
    let len = len_u64(geometry.record_bytes);
    let position = geometry
        .position(geometry.mirror_lcn)
        .and_then(|start| start.checked_add(number.checked_mul(len)?))
        .ok_or_else(|| {
            Error::corrupt(format!(
                "$MFTMirr: cluster {} leaves the volume",
                geometry.mirror_lcn
            ))
        })?;
    read_at(device, vec![DiskRange { position, len }], number)
}

/// Record 0, and whether it is the copy.
fn first_record(device: &Device, geometry: &Geometry) -> Result<(MftRecord, bool)> {
    let position = geometry.position(geometry.mft_lcn).unwrap_or(u64::MAX);
    let range = DiskRange {
        position,
        len: len_u64(geometry.record_bytes),
    };
    let usable = |record: MftRecord| -> Result<MftRecord> {
        record.check_reference(FileReference(0))?;
        for attribute in record.attributes() {
            if attribute?.kind == attribute::DATA {
                return Ok(record);
            }
        }
        Err(Error::corrupt("MFT record 0: has no $DATA"))
    };
    match read_at(device, vec![range], 0).and_then(usable) {
        Ok(record) => Ok((record, false)),
        Err(error) => match read_mirror(device, geometry, 0).and_then(usable) {
            Ok(record) => Ok((record, true)),
            Err(_) => Err(error),
        },
    }
}

fn ranges_in(stream: &Stream, geometry: &Geometry, number: u64) -> Result<Vec<DiskRange>> {
    let len = len_u64(geometry.record_bytes);
    let outside = || {
        Error::new(
            ErrorKind::OutOfBounds,
            format!(
                "MFT record {number}: leaves an MFT of {} bytes",
                stream.size()
            ),
        )
    };
    let offset = number.checked_mul(len).ok_or_else(outside)?;
    if offset
        .checked_add(len)
        .is_none_or(|end| end > stream.size())
    {
        return Err(outside());
    }
    match stream.placement(offset, len)? {
        Placement::OnDisk(ranges) => Ok(ranges),
        Placement::InRecord { .. } => Err(Error::corrupt("$MFT: $DATA is resident")),
    }
}

/// The stream of the MFT from record 0, and from the extension records that its attribute list names.
fn locate(device: &Device, geometry: &Geometry, base: &MftRecord) -> Result<Stream> {
    let Some(list) = file::attribute_list(device, geometry, base)? else {
        return assemble(geometry, base, &[]);
    };
    let mut wanted: Vec<ListEntry> = list
        .into_iter()
        .filter(|entry| {
            entry.kind == attribute::DATA && entry.name.is_empty() && entry.record.record() != 0
        })
        .collect();
    wanted.sort_by_key(|entry| entry.lowest_vcn);
    wanted.dedup_by_key(|entry| entry.record);
    // An extension record of the MFT lies in a part of the MFT that the records before it map.
    let mut extensions: Vec<MftRecord> = Vec::new();
    let mut known = KnownExtents(Vec::new());
    known.add(geometry, base)?;
    for entry in wanted {
        let number = entry.record.record();
        let ranges = known.ranges(geometry, number)?;
        let record = read_at(device, ranges, number)?;
        file::check_extension(&record, entry.record, base)?;
        known.add(geometry, &record)?;
        extensions.push(record);
    }
    assemble(geometry, base, &extensions)
}

/// Puts the stream of the MFT together from the records that hold its parts.
fn assemble(geometry: &Geometry, base: &MftRecord, extensions: &[MftRecord]) -> Result<Stream> {
    let mut parts = Vec::new();
    for record in std::iter::once(base).chain(extensions) {
        for attribute in record.attributes() {
            let attribute = attribute?;
            if attribute.kind == attribute::DATA && attribute.name.is_empty() {
                parts.push(Part {
                    record: record.number(),
                    attribute,
                });
            }
        }
    }
    Stream::assemble("$MFT: $DATA".to_owned(), &parts, geometry)
}

/// The extents of the MFT that are known before all its extension records were read.
struct KnownExtents(Vec<Extent>);

impl KnownExtents {
    /// Adds what `record` maps. Each part has to begin where the ones before it end, so that a list that names the same
    /// records again and again ends at the first of them.
    fn add(&mut self, geometry: &Geometry, record: &MftRecord) -> Result<()> {
        let mut parts = Vec::new();
        for attribute in record.attributes() {
            let attribute = attribute?;
            if attribute.kind == attribute::DATA
                && attribute.name.is_empty()
                && let attribute::Form::NonResident(header) = attribute.form
            {
                parts.push(header);
            }
        }
        parts.sort_by_key(|header| header.lowest_vcn);
        for header in parts {
            let next = self.0.last().map_or(0, Extent::next_vcn);
            if header.lowest_vcn != next {
                return Err(Error::corrupt(format!(
                    "$MFT: $DATA: the part in record {} should begin at cluster {next}, begins at {}",
                    record.number(),
                    header.lowest_vcn
                )));
            }
            let run = runs::decode(header.pairs, header.lowest_vcn, geometry.clusters)
                .map_err(|what| Error::corrupt(format!("$MFT: $DATA: {what}")))?;
            self.0.extend(run);
        }
        if self.0.len() > EXTENTS_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("$MFT: $DATA: more than {EXTENTS_MAX} extents"),
            ));
        }
        Ok(())
    }

    /// Where record `number` lies, if the known extents hold it whole.
    fn ranges(&self, geometry: &Geometry, number: u64) -> Result<Vec<DiskRange>> {
        let record_bytes = len_u64(geometry.record_bytes);
        let missing = || {
            Error::corrupt(format!(
                "$MFT: extension record {number} lies in a part of the MFT that is not mapped before it"
            ))
        };
        let mut ranges: Vec<DiskRange> = Vec::new();
        let mut at = number.checked_mul(record_bytes).ok_or_else(missing)?;
        let end = at.checked_add(record_bytes).ok_or_else(missing)?;
        while at < end {
            let vcn = at / geometry.cluster_bytes;
            let inside = at % geometry.cluster_bytes;
            let extent = runs::find(&self.0, vcn).ok_or_else(missing)?;
            let lcn = extent
                .lcn
                .and_then(|lcn| lcn.checked_add(vcn.checked_sub(extent.vcn)?))
                .ok_or_else(missing)?;
            let len = geometry
                .cluster_bytes
                .saturating_sub(inside)
                .min(end.saturating_sub(at));
            let position = lcn
                .saturating_mul(geometry.cluster_bytes)
                .saturating_add(inside);
            ranges.push(DiskRange { position, len });
            at = at.saturating_add(len);
        }
        Ok(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record whose only attribute is an unnamed `$DATA` that maps three clusters from `lowest_vcn` on.
    fn record(number: u64, lowest_vcn: u64) -> MftRecord {
        let mut raw = vec![0; 1024];
        let mut put = |at: usize, bytes: &[u8]| raw[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"FILE");
        put(0x04, &[0x30, 0, 3, 0]);
        put(0x14, &[0x38, 0, 1, 0]);
        put(0x18, &0x88_u32.to_le_bytes());
        put(0x38, &attribute::DATA.to_le_bytes());
        put(0x3c, &0x48_u32.to_le_bytes());
        put(0x40, &[1]);
        put(0x48, &lowest_vcn.to_le_bytes());
        put(0x50, &(lowest_vcn + 2).to_le_bytes());
        put(0x58, &[0x40]);
        put(0x78, &[0x11, 3, 10, 0]);
        put(0x80, &attribute::END.to_le_bytes());
        MftRecord::decode(number, raw, Vec::new()).unwrap()
    }

    #[test]
    fn an_extension_of_the_mft_that_is_named_again_is_refused_at_once() {
        let geometry = Geometry {
            sector_bytes: 512,
            cluster_bytes: 4096,
            clusters: 100,
            mft_lcn: 10,
            mirror_lcn: 20,
            record_bytes: 1024,
            index_block_bytes: 4096,
            serial: 0,
        };
        let mut known = KnownExtents(Vec::new());
        known.add(&geometry, &record(0, 0)).unwrap();
        known.add(&geometry, &record(15, 3)).unwrap();
        let error = known.add(&geometry, &record(15, 3)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("should begin at cluster 6, begins at 3"),
            "{error}"
        );
    }
}
