//! The file version of a program: the fixed part of the version resource of a PE file.
//!
//! Crates that read this resource want the whole program in memory. An image has programs of many megabytes and only a few
//! hundred bytes of each are asked for, so this reader asks for what it needs and holds one page of it. `pelite`, the one
//! that would fit, is the second implementation of the tests: docs/ARCHITECTURE.md says why it is no more than that.
//!
//! Specification: Microsoft PE Format (COFF header, section table, `.rsrc`); VS_VERSIONINFO and VS_FIXEDFILEINFO of the
//! Windows SDK. Version: dwFileVersionMS and dwFileVersionLS, as Explorer and installers compare it.

use std::fmt;

use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};

/// What is asked of a file: up to that many bytes from an offset, fewer where the file ends.
pub type ReadAt<'r> = dyn FnMut(u64, usize) -> Result<Vec<u8>> + 'r;

/// How much is read at once.
const PAGE_LEN: usize = 4096;
/// Most bytes before the PE header; the loader of Windows takes more, no linker makes them.
const PE_HEADER_OFFSET_MAX: u32 = 1 << 20;
/// Most sections, as the PE format page states for the loader.
const SECTIONS_MAX: u16 = 96;
/// Most entries of one resource directory.
const ENTRIES_MAX: usize = 4096;
/// RT_VERSION.
const TYPE_VERSION: u32 = 16;
/// VS_VERSION_INFO, the one name of a version resource.
const NAME_VERSION: u32 = 1;
/// dwSignature of VS_FIXEDFILEINFO.
const FIXED_SIGNATURE: u32 = 0xfeef_04bd;
/// Length of VS_FIXEDFILEINFO.
const FIXED_LEN: u16 = 52;
/// Where VS_FIXEDFILEINFO stands: three words, the key of 16 characters, padding to four bytes.
const FIXED_OFFSET: usize = 40;
/// Set in an entry of a resource directory that leads to a directory or has a name.
const HIGH_BIT: u32 = 0x8000_0000;

/// A file version of four parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileVersion(pub [u16; 4]);

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

/// A section as the section table places it.
#[derive(Debug, Clone, Copy)]
struct Section {
    address: u32,
    len: u32,
    file_offset: u32,
}

/// Reads the file version; `None` for a program without a version resource or without the fixed part of it.
///
/// # Errors
/// [`ErrorKind::InvalidFormat`] for what is no program, [`ErrorKind::Unsupported`] for a program of 16 bits or of OS/2,
/// [`ErrorKind::Corrupt`] for a PE file that points out of itself, and what `read` fails with.
pub fn file_version(read: &mut ReadAt<'_>) -> Result<Option<FileVersion>> {
    let mut file = Pages {
        read,
        offset: 0,
        page: Vec::new(),
    };
    let Some((directory, sections)) = resources(&mut file)? else {
        return Ok(None);
    };
    let Some(data) = version_data(&mut file, directory, &sections)? else {
        return Ok(None);
    };
    fixed_info(&mut file, data)
}

/// The file with the page that was read last.
struct Pages<'a, 'r> {
    read: &'a mut ReadAt<'r>,
    offset: u64,
    page: Vec<u8>,
}

impl Pages<'_, '_> {
    /// Exactly `len` bytes at `offset`; `what` names them in the error.
    fn get(&mut self, offset: u64, len: usize, what: &str) -> Result<&[u8]> {
        let inside = |start: u64, page: &[u8]| {
            let from = usize::try_from(offset.checked_sub(start)?).ok()?;
            bytes::slice(page, from, len).is_some().then_some(from)
        };
        if inside(self.offset, &self.page).is_none() {
            self.page = (self.read)(offset, len.max(PAGE_LEN))?;
            self.offset = offset;
        }
        inside(self.offset, &self.page)
            .and_then(|from| bytes::slice(&self.page, from, len))
            .ok_or_else(|| {
                Error::corrupt(format!(
                    "{what} at 0x{offset:08x}: {len} bytes expected, the file ends before"
                ))
            })
    }
}

/// The file offset of the resource directory and the section table; `None` for a program without resources.
fn resources(file: &mut Pages<'_, '_>) -> Result<Option<(u64, Vec<Section>)>> {
    let pe = pe_header(file)?;
    let coff = file.get(pe, 24, "PE header")?;
    let count = bytes::u16_le(coff, 6).unwrap_or(0);
    let optional_len = bytes::u16_le(coff, 20).unwrap_or(0);
    if count > SECTIONS_MAX {
        return Err(Error::corrupt(format!(
            "PE header at 0x{pe:08x}: at most {SECTIONS_MAX} sections expected, {count} found"
        )));
    }
    let optional_offset = pe.saturating_add(24);
    let optional = file.get(
        optional_offset,
        usize::from(optional_len),
        "optional header",
    )?;
    let address = resource_address(optional, optional_offset)?;
    let table_offset = optional_offset.saturating_add(u64::from(optional_len));
    let table = file.get(
        table_offset,
        usize::from(count).saturating_mul(40),
        "section table",
    )?;
    let sections: Vec<Section> = table.chunks_exact(40).filter_map(section).collect();
    match address {
        None | Some(0) => Ok(None),
        Some(address) => Ok(Some((file_offset(address, &sections)?, sections))),
    }
}

/// The offset of the PE header, after a check of the DOS header.
fn pe_header(file: &mut Pages<'_, '_>) -> Result<u64> {
    let not_a_program = || {
        Error::new(
            ErrorKind::InvalidFormat,
            "a program begins with MZ, this file does not",
        )
    };
    let start = file
        .get(0, 2, "DOS header")
        .map_err(|error| match error.kind() {
            ErrorKind::Corrupt => not_a_program(),
            _ => error,
        })?;
    if start != b"MZ" {
        return Err(not_a_program());
    }
    let dos = file.get(0, 64, "DOS header")?;
    let offset = bytes::u32_le(dos, 60).unwrap_or(0);
    if offset > PE_HEADER_OFFSET_MAX {
        return Err(Error::corrupt(format!(
            "DOS header: the PE header is expected below 0x{PE_HEADER_OFFSET_MAX:08x}, 0x{offset:08x} found"
        )));
    }
    let offset = u64::from(offset);
    match file.get(offset, 4, "signature of the PE header")? {
        b"PE\0\0" => Ok(offset),
        [b'N', b'E', ..] => Err(Error::unsupported("a program of 16 bits (NE)")),
        [b'L', b'E' | b'X', ..] => Err(Error::unsupported("a program of OS/2 or a VxD (LE, LX)")),
        other => Err(Error::corrupt(format!(
            "PE header at 0x{offset:08x}: signature PE expected, {} found",
            bytes::hex(other)
        ))),
    }
}

/// The address of the resource directory; `None` where the optional header has no entry for it.
fn resource_address(optional: &[u8], offset: u64) -> Result<Option<u32>> {
    let directories = match bytes::u16_le(optional, 0) {
        Some(0x10b) => 96_usize,
        Some(0x20b) => 112,
        other => {
            return Err(Error::corrupt(format!(
                "optional header at 0x{offset:08x}: magic 0x10b or 0x20b expected, {other:x?} found"
            )));
        }
    };
    let count = bytes::u32_le(optional, directories.saturating_sub(4)).unwrap_or(0);
    if count <= 2 {
        return Ok(None);
    }
    Ok(bytes::u32_le(optional, directories.saturating_add(16)))
}

fn section(row: &[u8]) -> Option<Section> {
    let virtual_len = bytes::u32_le(row, 8)?;
    let raw_len = bytes::u32_le(row, 16)?;
    Some(Section {
        address: bytes::u32_le(row, 12)?,
        len: if virtual_len == 0 {
            raw_len
        } else {
            raw_len.min(virtual_len.saturating_add(PADDING))
        },
        // The loader rounds the offset down to a sector.
        file_offset: bytes::u32_le(row, 20)? & !0x1ff,
    })
}

/// Sections are as long in memory as in the file but for their padding to a page.
const PADDING: u32 = 0xfff;

/// Where an address of memory lies in the file.
fn file_offset(address: u32, sections: &[Section]) -> Result<u64> {
    sections
        .iter()
        .find_map(|section| {
            let inside = address.checked_sub(section.address)?;
            (inside < section.len)
                .then(|| u64::from(section.file_offset).saturating_add(u64::from(inside)))
        })
        .ok_or_else(|| {
            Error::corrupt(format!(
                "address 0x{address:08x} lies in no section of the file"
            ))
        })
}

/// The file offset of the version resource: type 16, its name 1 or else the first, the first language.
fn version_data(
    file: &mut Pages<'_, '_>,
    directory: u64,
    sections: &[Section],
) -> Result<Option<u64>> {
    let below = |target: u32| directory.saturating_add(u64::from(target & !HIGH_BIT));
    let Some(names) = entry(file, directory, &[TYPE_VERSION])? else {
        return Ok(None);
    };
    let Some(languages) = entry_or_first(file, below(leads_on(names)?), NAME_VERSION)? else {
        return Ok(None);
    };
    let Some(data) = entry_or_first(file, below(leads_on(languages)?), 0)? else {
        return Ok(None);
    };
    if data & HIGH_BIT != 0 {
        return Err(Error::corrupt(
            "the version resource has a fourth level of directories",
        ));
    }
    let address = file.get(below(data), 16, "entry of the version resource")?;
    let address = bytes::u32_le(address, 0).unwrap_or(0);
    file_offset(address, sections).map(Some)
}

/// A target that must be a directory.
fn leads_on(target: u32) -> Result<u32> {
    if target & HIGH_BIT == 0 {
        return Err(Error::corrupt(
            "the version resource has fewer than three levels of directories",
        ));
    }
    Ok(target)
}

fn entry_or_first(file: &mut Pages<'_, '_>, directory: u64, id: u32) -> Result<Option<u32>> {
    match entry(file, directory, &[id])? {
        Some(target) => Ok(Some(target)),
        None => entry(file, directory, &[]),
    }
}

/// The target of the entry with one of the ids, or of the first entry where no id is asked for.
fn entry(file: &mut Pages<'_, '_>, directory: u64, ids: &[u32]) -> Result<Option<u32>> {
    let head = file.get(directory, 16, "resource directory")?;
    let count = |offset| usize::from(bytes::u16_le(head, offset).unwrap_or(0));
    let count = count(12).saturating_add(count(14));
    if count > ENTRIES_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "resource directory at 0x{directory:08x}: {count} entries, at most {ENTRIES_MAX} are read"
            ),
        ));
    }
    let rows = file.get(
        directory.saturating_add(16),
        count.saturating_mul(8),
        "resource directory",
    )?;
    let row = rows
        .chunks_exact(8)
        .find(|row| ids.is_empty() || bytes::u32_le(row, 0).is_some_and(|id| ids.contains(&id)));
    Ok(row.and_then(|row| bytes::u32_le(row, 4)))
}

/// The fixed part of VS_VERSIONINFO; `None` where there is none.
fn fixed_info(file: &mut Pages<'_, '_>, offset: u64) -> Result<Option<FileVersion>> {
    let info = file.get(offset, FIXED_OFFSET, "version resource")?;
    let key: Vec<u8> = "VS_VERSION_INFO\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    if bytes::slice(info, 6, key.len()) != Some(key.as_slice()) {
        return Err(Error::corrupt(format!(
            "version resource at 0x{offset:08x}: the key VS_VERSION_INFO is not there"
        )));
    }
    let value_len = bytes::u16_le(info, 2).unwrap_or(0);
    if value_len == 0 {
        return Ok(None);
    }
    let fixed_offset = offset.saturating_add(40);
    let fixed = file.get(fixed_offset, usize::from(FIXED_LEN), "VS_FIXEDFILEINFO")?;
    let signature = bytes::u32_le(fixed, 0);
    if value_len < FIXED_LEN || signature != Some(FIXED_SIGNATURE) {
        return Err(Error::corrupt(format!(
            "VS_FIXEDFILEINFO at 0x{fixed_offset:08x}: {FIXED_LEN} bytes with signature 0x{FIXED_SIGNATURE:08x} expected, {value_len} bytes with {signature:x?} found"
        )));
    }
    let part = |offset| bytes::u16_le(fixed, offset).unwrap_or(0);
    Ok(Some(FileVersion([part(10), part(8), part(14), part(12)])))
}
