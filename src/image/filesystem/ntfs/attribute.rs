//! The header of an attribute in an MFT record, resident or not, and the entries of an attribute list.
//!
//! Layout: `layout.h` of ntfs-3g, `ATTR_RECORD` and `ATTR_LIST_ENTRY`.

use std::collections::BTreeSet;

use crate::base::bytes;
use crate::image::filesystem::ntfs::reference::FileReference;

/// `$STANDARD_INFORMATION`.
pub const STANDARD_INFORMATION: u32 = 0x10;
/// `$ATTRIBUTE_LIST`.
pub const ATTRIBUTE_LIST: u32 = 0x20;
/// `$FILE_NAME`.
pub const FILE_NAME: u32 = 0x30;
/// `$SECURITY_DESCRIPTOR`.
pub const SECURITY_DESCRIPTOR: u32 = 0x50;
/// `$VOLUME_INFORMATION`.
pub const VOLUME_INFORMATION: u32 = 0x70;
/// `$DATA`.
pub const DATA: u32 = 0x80;
/// `$INDEX_ROOT`.
pub const INDEX_ROOT: u32 = 0x90;
/// `$INDEX_ALLOCATION`.
pub const INDEX_ALLOCATION: u32 = 0xa0;
/// `$REPARSE_POINT`.
pub const REPARSE_POINT: u32 = 0xc0;
/// Ends the attributes of a record.
pub const END: u32 = 0xffff_ffff;

/// Attribute flag: compressed; the low byte names the method, 1 is LZNT1.
pub const FLAG_COMPRESSION_MASK: u16 = 0x00ff;
/// Attribute flag: encrypted by EFS.
pub const FLAG_ENCRYPTED: u16 = 0x4000;

/// An attribute as it stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Type code.
    pub kind: u32,
    /// Number of the attribute, unique in its record.
    pub id: u16,
    /// Compressed, encrypted, sparse.
    pub flags: u16,
    /// Offset of the header in the record.
    pub offset: usize,
    /// Length of header and value in the record.
    pub len: usize,
    /// The name, UTF-16LE; empty if it has none.
    pub name: &'a [u8],
    /// Where the value is.
    pub form: Form<'a>,
}

impl<'a> Attribute<'a> {
    /// The value, if it is in the record.
    pub fn resident(&self) -> Option<&'a [u8]> {
        match self.form {
            Form::Resident { value, .. } => Some(value),
            Form::NonResident(_) => None,
        }
    }

    /// First cluster of the stream that this header maps; 0 if it is resident.
    pub fn lowest_vcn(&self) -> u64 {
        match self.form {
            Form::Resident { .. } => 0,
            Form::NonResident(header) => header.lowest_vcn,
        }
    }

    /// Length of the value in bytes.
    pub fn size(&self) -> u64 {
        match self.form {
            Form::Resident { value, .. } => u64::try_from(value.len()).unwrap_or(u64::MAX),
            Form::NonResident(header) => header.size,
        }
    }
}

/// Where the value of an attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<'a> {
    /// In the record.
    Resident {
        /// Offset of the value in the record.
        value_offset: usize,
        /// The value.
        value: &'a [u8],
    },
    /// In clusters.
    NonResident(NonResident<'a>),
}

/// The header of a non-resident attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonResident<'a> {
    /// First cluster of the stream that this header maps.
    pub lowest_vcn: u64,
    /// The cluster after the last one that this header maps.
    pub next_vcn: u64,
    /// log2 of the clusters of a compression unit; 0 if there are none.
    pub compression_unit: u8,
    /// Length of the stream in bytes; counts only in the header whose lowest cluster is 0, as do the next two.
    pub size: u64,
    /// Length that was written; behind it the stream reads as zeros.
    pub initialized: u64,
    /// The mapping pairs.
    pub pairs: &'a [u8],
}

/// Parses the attribute whose header is at `offset` of `record`; `None` if it leaves the record or breaks its layout.
pub fn parse(record: &[u8], offset: usize) -> Option<Attribute<'_>> {
    let kind = bytes::u32_le(record, offset)?;
    let len = usize::try_from(bytes::u32_le(record, offset.checked_add(4)?)?).ok()?;
    if len < 0x18 || len % 8 != 0 {
        return None;
    }
    let header = bytes::slice(record, offset, len)?;
    let name_len = usize::from(bytes::u8(header, 9)?).checked_mul(2)?;
    let name_offset = usize::from(bytes::u16_le(header, 0x0a)?);
    let name = if name_len == 0 {
        &[]
    } else {
        bytes::slice(header, name_offset, name_len)?
    };
    let form = match bytes::u8(header, 8)? {
        0 => parse_resident(header, offset)?,
        1 => Form::NonResident(parse_non_resident(header)?),
        _ => return None,
    };
    Some(Attribute {
        kind,
        id: bytes::u16_le(header, 0x0e)?,
        flags: bytes::u16_le(header, 0x0c)?,
        offset,
        len,
        name,
        form,
    })
}

fn parse_resident(header: &[u8], offset: usize) -> Option<Form<'_>> {
    let value_len = usize::try_from(bytes::u32_le(header, 0x10)?).ok()?;
    let value_at = usize::from(bytes::u16_le(header, 0x14)?);
    Some(Form::Resident {
        value_offset: offset.checked_add(value_at)?,
        value: bytes::slice(header, value_at, value_len)?,
    })
}

fn parse_non_resident(header: &[u8]) -> Option<NonResident<'_>> {
    let lowest_vcn = bytes::u64_le(header, 0x10)?;
    let highest_vcn = bytes::u64_le(header, 0x18)?;
    let pairs_offset = usize::from(bytes::u16_le(header, 0x20)?);
    // An empty stream has a highest cluster of -1.
    let next_vcn = highest_vcn.wrapping_add(1);
    if next_vcn < lowest_vcn || pairs_offset < 0x40 {
        return None;
    }
    Some(NonResident {
        lowest_vcn,
        next_vcn,
        compression_unit: bytes::u8(header, 0x22)?,
        size: bytes::u64_le(header, 0x30)?,
        initialized: bytes::u64_le(header, 0x38)?,
        pairs: header.get(pairs_offset..)?,
    })
}

/// An entry of an attribute list: which record holds which attribute, or which part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListEntry {
    /// Type code.
    pub kind: u32,
    /// The name, UTF-16LE.
    pub name: Vec<u8>,
    /// First cluster that the header in that record maps.
    pub lowest_vcn: u64,
    /// The record that holds the header.
    pub record: FileReference,
    /// Number of the attribute in that record.
    pub id: u16,
}

/// Parses an attribute list; the error says what is wrong. An attribute that is named twice would be read as two.
pub fn parse_list(list: &[u8]) -> std::result::Result<Vec<ListEntry>, String> {
    let mut entries = Vec::new();
    let mut offset = 0_usize;
    while offset < list.len() {
        let (entry, len) = parse_list_entry(list, offset)
            .ok_or_else(|| format!("attribute list entry at 0x{offset:04x} is damaged"))?;
        entries.push(entry);
        offset = offset.saturating_add(len);
    }
    let mut seen = BTreeSet::new();
    match entries.iter().find(|entry| !seen.insert(*entry)) {
        Some(twice) => Err(format!(
            "attribute list names attribute 0x{:02x} number {} in record {} twice",
            twice.kind, twice.id, twice.record
        )),
        None => Ok(entries),
    }
}

fn parse_list_entry(list: &[u8], offset: usize) -> Option<(ListEntry, usize)> {
    let len = usize::from(bytes::u16_le(list, offset.checked_add(4)?)?);
    // Windows leaves out the padding of the last entry.
    if len < 0x1a {
        return None;
    }
    let entry = bytes::slice(list, offset, len)?;
    let name_len = usize::from(bytes::u8(entry, 6)?).checked_mul(2)?;
    let name_offset = usize::from(bytes::u8(entry, 7)?);
    let name = if name_len == 0 {
        &[]
    } else {
        bytes::slice(entry, name_offset, name_len)?
    };
    let parsed = ListEntry {
        kind: bytes::u32_le(entry, 0)?,
        name: name.to_vec(),
        lowest_vcn: bytes::u64_le(entry, 8)?,
        record: FileReference(bytes::u64_le(entry, 0x10)?),
        id: bytes::u16_le(entry, 0x18)?,
    };
    Some((parsed, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_list_that_names_an_attribute_twice_is_refused() {
        let mut list = vec![0_u8; 0x20];
        list[0] = 0x30;
        list[4] = 0x20;
        list[7] = 0x1a;
        let mut other = list.clone();
        other[0x18] = 1;
        assert_eq!(
            parse_list(&[list.clone(), other].concat()).unwrap().len(),
            2
        );
        let error = parse_list(&[list.clone(), list].concat()).unwrap_err();
        assert!(error.contains("twice"), "{error}");
    }

    #[test]
    fn a_value_that_leaves_its_attribute_is_refused() {
        let mut record = vec![0_u8; 64];
        record[0] = 0x10;
        record[4] = 0x20;
        record[0x10] = 8;
        record[0x14] = 0x18;
        assert!(parse(&record, 0).is_some());
        record[0x10] = 9;
        assert!(parse(&record, 0).is_none());
        record[4] = 0x48;
        assert!(parse(&record, 0).is_none());
    }

    #[test]
    fn a_list_entry_of_length_zero_ends_in_an_error() {
        assert!(parse_list(&[0_u8; 32]).is_err());
        assert_eq!(parse_list(&[]).unwrap(), []);
    }
}
