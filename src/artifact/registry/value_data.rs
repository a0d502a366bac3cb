//! The data of a value: in the record itself, in one cell, or in the segments of a `db` record.
//!
//! `nt-hive` takes every value above 16,344 bytes for a `db` record; hives of version 1.3 keep such values in one cell.
//! Specification: "Windows registry file format specification", sections "Key value" and "Big data".

use std::ops::Range;

use crate::artifact::registry::cells;
use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};

/// Most bytes of a segment, and of a value in one cell where the version has big data.
const SEGMENT_BYTES_MAX: usize = 16_344;

/// This bit of the size says that the data lies in the offset field.
const RESIDENT: u32 = 0x8000_0000;

/// The size and offset fields of a value record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataFields {
    /// The size as stored.
    pub(crate) size: u32,
    /// The offset as stored.
    pub(crate) offset: u32,
    /// Where the offset field lies in the file.
    pub(crate) field_offset: usize,
}

/// The data and the ranges of the file that it was read from.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) bytes: Vec<u8>,
    pub(crate) places: Vec<Range<usize>>,
}

/// Reads the data that `fields` describe; `has_big_data` is a matter of the hive's version.
pub(crate) fn read(hive: &[u8], fields: DataFields, has_big_data: bool) -> Result<Data> {
    let size = usize::try_from(fields.size & !RESIDENT).unwrap_or(usize::MAX);
    if fields.size & RESIDENT != 0 {
        return resident(fields, size);
    }
    if size == 0 {
        return Ok(Data {
            bytes: Vec::new(),
            places: Vec::new(),
        });
    }
    if size > hive.len() {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "value data of record field at 0x{:08x}: {size} bytes should fit the hive of {} bytes",
                fields.field_offset,
                hive.len()
            ),
        ));
    }
    if has_big_data && size > SEGMENT_BYTES_MAX {
        return segments(hive, fields.offset, size);
    }
    let mut data = Data {
        bytes: Vec::with_capacity(size),
        places: Vec::with_capacity(1),
    };
    take(hive, fields.offset, size, &mut data)?;
    Ok(data)
}

/// Data of at most four bytes in the offset field.
fn resident(fields: DataFields, size: usize) -> Result<Data> {
    let field = fields.offset.to_le_bytes();
    let bytes = field.get(..size).ok_or_else(|| {
        Error::corrupt(format!(
            "resident value data at 0x{:08x}: should be at most 4 bytes, is {size}",
            fields.field_offset
        ))
    })?;
    Ok(Data {
        bytes: bytes.to_vec(),
        places: Vec::new(),
    })
}

/// Data in the segments of the `db` record in the cell at `offset`.
fn segments(hive: &[u8], offset: u32, size: usize) -> Result<Data> {
    let record = cells::cell(hive, offset)?;
    record.expect_signature(*b"db")?;
    let count = usize::from(record.u16(2)?);
    let needed = size.div_ceil(SEGMENT_BYTES_MAX);
    if count < needed {
        return Err(Error::corrupt(format!(
            "big data at 0x{:08x}: should have {needed} segments for {size} bytes, has {count}",
            record.offset
        )));
    }
    let list = cells::cell(hive, record.u32(4)?)?;
    let mut data = Data {
        bytes: Vec::with_capacity(size),
        places: Vec::with_capacity(needed),
    };
    for index in 0..needed {
        let segment = list.u32(index.saturating_mul(4))?;
        let wanted = size.saturating_sub(data.bytes.len()).min(SEGMENT_BYTES_MAX);
        take(hive, segment, wanted, &mut data)?;
    }
    Ok(data)
}

/// Appends the first `size` bytes of the cell at `offset`.
fn take(hive: &[u8], offset: u32, size: usize, data: &mut Data) -> Result<()> {
    let cell = cells::cell(hive, offset)?;
    let bytes = bytes::slice(cell.data, 0, size).ok_or_else(|| {
        Error::corrupt(format!(
            "value data at 0x{:08x}: cell should hold {size} bytes, holds {}",
            cell.offset,
            cell.data.len()
        ))
    })?;
    data.bytes.extend_from_slice(bytes);
    data.places
        .push(cell.offset..cell.offset.saturating_add(size));
    Ok(())
}
