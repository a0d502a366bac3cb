//! A file: its base record, the extension records that its attribute list names, and the attributes over all of them.
//!
//! Parts of an attribute are matched by record, type, name, first cluster and number. Matching them by number alone, as the
//! `ntfs` crate does, loses parts: numbers are unique in one record only.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::image::device::Device;
use crate::image::filesystem::ntfs::attribute::{self, Attribute, ListEntry};
use crate::image::filesystem::ntfs::boot_sector::Geometry;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::record::MftRecord;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::stream::{Part, Stream};

/// Largest attribute list; Windows keeps to 256 KiB.
const ATTRIBUTE_LIST_BYTES_MAX: u64 = 256 << 10;

/// A file or directory that was opened by its reference.
#[derive(Debug, Clone)]
pub struct NtfsFile {
    base: Arc<MftRecord>,
    list: Option<Arc<Vec<ListEntry>>>,
}

/// An attribute that was found, with the record that holds it.
#[derive(Debug, Clone)]
pub struct Found {
    record: Arc<MftRecord>,
    offset: usize,
}

impl Found {
    /// The attribute.
    pub fn attribute(&self) -> Result<Attribute<'_>> {
        self.record.attribute_at(self.offset)
    }

    /// The record that holds it.
    pub fn record(&self) -> &Arc<MftRecord> {
        &self.record
    }
}

impl NtfsFile {
    /// Opens the file that `reference` means.
    pub fn open(mft: &Mft, reference: FileReference) -> Result<Self> {
        let base = mft.resolve(reference)?;
        Self::from_record(mft, base)
    }

    /// Opens the file whose base record was read.
    pub fn from_record(mft: &Mft, base: Arc<MftRecord>) -> Result<Self> {
        if base.base().0 != 0 {
            return Err(Error::corrupt(format!(
                "MFT record {}: should be a base record, is an extension of {}",
                base.number(),
                base.base()
            )));
        }
        let list = mft.attribute_list(&base)?;
        Ok(Self { base, list })
    }

    /// The base record.
    pub fn base(&self) -> &Arc<MftRecord> {
        &self.base
    }

    /// The file's own reference.
    pub fn reference(&self) -> FileReference {
        FileReference((u64::from(self.base.sequence()) << 48) | self.base.number())
    }

    /// All attributes of type `kind`; parts of one stream count singly.
    pub fn attributes(&self, mft: &Mft, kind: u32) -> Result<Vec<Found>> {
        self.select(mft, |found_kind, _, _| found_kind == kind)
    }

    /// The attributes whose type, name and first cluster `wanted` takes; the others are not followed.
    pub fn select(
        &self,
        mft: &Mft,
        wanted: impl Fn(u32, &[u8], u64) -> bool,
    ) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let Some(list) = &self.list else {
            for attribute in self.base.attributes() {
                let attribute = attribute?;
                if wanted(attribute.kind, attribute.name, attribute.lowest_vcn()) {
                    found.push(Found {
                        record: self.base.clone(),
                        offset: attribute.offset,
                    });
                }
            }
            return Ok(found);
        };
        for entry in list.iter() {
            if wanted(entry.kind, &entry.name, entry.lowest_vcn) {
                found.push(self.follow(mft, entry)?);
            }
        }
        Ok(found)
    }

    /// The attribute that an entry of the attribute list means.
    fn follow(&self, mft: &Mft, entry: &ListEntry) -> Result<Found> {
        let record = if entry.record.record() == self.base.number() {
            self.base.check_reference(entry.record)?;
            self.base.clone()
        } else {
            let record = mft.record(entry.record.record())?;
            check_extension(&record, entry.record, &self.base)?;
            record
        };
        let mut place = None;
        for attribute in record.attributes() {
            let attribute = attribute?;
            if attribute.kind == entry.kind
                && attribute.id == entry.id
                && attribute.name == entry.name
                && attribute.lowest_vcn() == entry.lowest_vcn
            {
                place = Some(attribute.offset);
                break;
            }
        }
        match place {
            Some(offset) => Ok(Found { record, offset }),
            None => Err(Error::corrupt(format!(
                "MFT record {}: attribute list names attribute 0x{:02x} number {} in record {}, which is not there",
                self.base.number(),
                entry.kind,
                entry.id,
                entry.record
            ))),
        }
    }

    /// The stream of type `kind` and that exact name (UTF-16LE); `None` if the file has none.
    pub fn stream(&self, mft: &Mft, kind: u32, name: &[u8]) -> Result<Option<Stream>> {
        let found = self.select(mft, |found_kind, found_name, _| {
            found_kind == kind && found_name == name
        })?;
        if found.is_empty() {
            return Ok(None);
        }
        let mut parts = Vec::new();
        for part in &found {
            parts.push(Part {
                record: part.record.number(),
                attribute: part.attribute()?,
            });
        }
        let place = format!("MFT record {}: attribute 0x{kind:02x}", self.base.number());
        Stream::assemble(place, &parts, mft.geometry()).map(Some)
    }
}

/// Checks that a record is the extension that `reference` means and that it belongs to `base`.
pub fn check_extension(
    record: &MftRecord,
    reference: FileReference,
    base: &MftRecord,
) -> Result<()> {
    record.check_reference(reference)?;
    let owner = record.base();
    let sequence_fits = owner.sequence() == 0 || owner.sequence() == base.sequence();
    if owner.0 == 0 || owner.record() != base.number() || !sequence_fits {
        return Err(Error::corrupt(format!(
            "MFT record {}: should be an extension of {}-{}, is one of {owner}",
            record.number(),
            base.number(),
            base.sequence()
        )));
    }
    Ok(())
}

/// The attribute list of a base record, resident or not; `None` if it has none.
pub fn attribute_list(
    device: &Device,
    geometry: &Geometry,
    base: &MftRecord,
) -> Result<Option<Vec<ListEntry>>> {
    let mut parts = Vec::new();
    for attribute in base.attributes() {
        let attribute = attribute?;
        if attribute.kind == attribute::ATTRIBUTE_LIST {
            parts.push(Part {
                record: base.number(),
                attribute,
            });
        } else if attribute.kind > attribute::ATTRIBUTE_LIST {
            break;
        }
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let place = format!("MFT record {}: attribute list", base.number());
    let content = Stream::assemble(place.clone(), &parts, geometry)?
        .read_all(device.as_ref(), ATTRIBUTE_LIST_BYTES_MAX)?;
    attribute::parse_list(&content)
        .map(Some)
        .map_err(|what| Error::new(ErrorKind::Corrupt, format!("{place}: {what}")))
}
