//! The cache of program compatibility: paths of programs that were started or looked at, with the times of their files.
//!
//! Value `AppCompatCache` of `SYSTEM\{cs}\Control\Session Manager\AppCompatibility` (XP) or `...\AppCompatCache` (later). An
//! entry proves that the path was seen; since Windows 8 nothing in it tells a start from a look. The time is that of the
//! file's last change and not of a run.
//!
//! Specification: Mandiant, "Leveraging the Application Compatibility Cache in Forensic Investigations" (XP to 7); plaso,
//! `appcompatcache.yaml` and "Application Compatibility Cache" of libyal/winreg-kb (all generations).

use crate::base::bytes;
use crate::base::filetime::FileTime;
use crate::error::{Error, ErrorKind, Result};

/// Most entries of a cache; Windows keeps 96 to 1024.
pub const ENTRIES_MAX: usize = 8192;

/// Signatures of the header up to Windows 7.
const XP: u32 = 0xdead_beef;
const SERVER_2003: u32 = 0xbadc_0ffe;
const WINDOWS_7: u32 = 0xbadc_0fee;
/// Header lengths, which stand where the signature stood, from Windows 8 on.
const WINDOWS_8: u32 = 0x80;
const WINDOWS_10: [u32; 2] = [0x30, 0x34];
const WINDOWS_8_HEADER_LEN: usize = 0x80;
/// Flags before the time in an entry of Windows 8.
const FLAGS_LEN: usize = 8;
/// Length of the XP header and of its entries, and of the path in one.
const XP_HEADER_LEN: usize = 400;
const XP_ENTRY_LEN: usize = 552;
const XP_PATH_LEN: usize = 528;
/// Signatures of entries: Windows 8, and 8.1 and later.
const ENTRY_8: &[u8; 4] = b"00ts";
const ENTRY_81: &[u8; 4] = b"10ts";

/// A program of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedProgram {
    /// The path as stored, often with `\??\` before it.
    pub path: String,
    /// When the file was changed last.
    pub modified: Option<FileTime>,
}

/// Reads the cache, the latest entry first.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a header that is not known, [`ErrorKind::Corrupt`] for entries that leave the value,
/// [`ErrorKind::LimitExceeded`] above [`ENTRIES_MAX`].
pub fn parse(value: &[u8]) -> Result<Vec<CachedProgram>> {
    match bytes::u32_le(value, 0) {
        Some(XP) => xp(value),
        Some(SERVER_2003) => table(value, 8, &FORMS_2003),
        Some(WINDOWS_7) => table(value, 128, &FORMS_7),
        Some(WINDOWS_8) => list(value, WINDOWS_8_HEADER_LEN),
        Some(header) if WINDOWS_10.contains(&header) => {
            list(value, usize::try_from(header).unwrap_or(0))
        }
        other => Err(Error::unsupported(format!(
            "AppCompatCache: the header begins with {other:x?}, which is of no known Windows"
        ))),
    }
}

fn ends(offset: usize) -> Error {
    Error::corrupt(format!(
        "AppCompatCache: the entry at 0x{offset:08x} leaves the value"
    ))
}

fn count(value: &[u8]) -> Result<usize> {
    let count = bytes::u32_le(value, 4).ok_or_else(|| ends(4))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > ENTRIES_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("AppCompatCache: {count} entries, at most {ENTRIES_MAX} are read"),
        ));
    }
    Ok(count)
}

fn text(units: &[u8]) -> String {
    let units: Vec<u16> = units
        .chunks_exact(2)
        .filter_map(|pair| bytes::u16_le(pair, 0))
        .collect();
    String::from_utf16_lossy(&units)
}

fn time(value: u64) -> Option<FileTime> {
    (value != 0).then_some(FileTime(value))
}

/// XP of 32 bits: entries of one length, each with its path. (XP of 64 bits is Server 2003.)
fn xp(value: &[u8]) -> Result<Vec<CachedProgram>> {
    let mut programs = Vec::new();
    for index in 0..count(value)? {
        let offset = XP_HEADER_LEN.saturating_add(index.saturating_mul(XP_ENTRY_LEN));
        let entry = bytes::slice(value, offset, XP_ENTRY_LEN).ok_or_else(|| ends(offset))?;
        let path = text(entry.get(..XP_PATH_LEN).unwrap_or_default());
        let path = path.split('\0').next().unwrap_or_default().to_owned();
        let modified = bytes::u64_le(entry, XP_PATH_LEN).and_then(time);
        programs.push(CachedProgram { path, modified });
    }
    Ok(programs)
}

/// Where an entry of a table keeps the offset of its path and the time; its length comes first.
struct Form {
    len: usize,
    wide: bool,
    path: usize,
    modified: usize,
}

/// Server 2003 to 2008: 32 and 64 bits.
const FORMS_2003: [Form; 2] = [
    Form {
        len: 24,
        wide: false,
        path: 4,
        modified: 8,
    },
    Form {
        len: 32,
        wide: true,
        path: 8,
        modified: 16,
    },
];
/// Windows 7 and 2008 R2: 32 and 64 bits.
const FORMS_7: [Form; 2] = [
    Form {
        len: 32,
        wide: false,
        path: 4,
        modified: 8,
    },
    Form {
        len: 48,
        wide: true,
        path: 8,
        modified: 16,
    },
];

/// A table of entries whose paths lie behind it. Whether the entries are of 32 or 64 bits only they themselves tell: the form
/// counts in which the first path lies behind the table, or else there is none.
fn table(value: &[u8], header_len: usize, forms: &[Form]) -> Result<Vec<CachedProgram>> {
    let count = count(value)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let form = forms
        .iter()
        .find(|form| {
            let end = count
                .checked_mul(form.len)
                .and_then(|len| len.checked_add(header_len));
            let padded = form.wide && bytes::u32_le(value, header_len.saturating_add(4)) != Some(0);
            matches!((end, path_range(value, header_len, form)),
                (Some(end), Some((start, _))) if start >= end && !padded)
        })
        .ok_or_else(|| ends(header_len))?;
    let mut programs = Vec::new();
    for index in 0..count {
        let offset = header_len.saturating_add(index.saturating_mul(form.len));
        let (start, len) = path_range(value, offset, form).ok_or_else(|| ends(offset))?;
        let path = text(bytes::slice(value, start, len).ok_or_else(|| ends(offset))?);
        let modified = bytes::u64_le(value, offset.saturating_add(form.modified)).and_then(time);
        programs.push(CachedProgram { path, modified });
    }
    Ok(programs)
}

/// Offset and length of the path of the entry at `offset`.
fn path_range(value: &[u8], offset: usize, form: &Form) -> Option<(usize, usize)> {
    let len = usize::from(bytes::u16_le(value, offset)?);
    let place = offset.checked_add(form.path)?;
    let start = if form.wide {
        usize::try_from(bytes::u64_le(value, place)?).ok()?
    } else {
        usize::try_from(bytes::u32_le(value, place)?).ok()?
    };
    bytes::slice(value, offset, form.len)?;
    bytes::slice(value, start, len).map(|_| (start, len))
}

/// Windows 8 and later: entries one after the other, each with its signature and length.
fn list(value: &[u8], header_len: usize) -> Result<Vec<CachedProgram>> {
    let mut programs = Vec::new();
    let mut offset = header_len;
    while offset < value.len() {
        if programs.len() >= ENTRIES_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("AppCompatCache: more than {ENTRIES_MAX} entries"),
            ));
        }
        let signature = bytes::slice(value, offset, 4).ok_or_else(|| ends(offset))?;
        if signature != ENTRY_8 && signature != ENTRY_81 {
            return Err(Error::corrupt(format!(
                "AppCompatCache: an entry is expected at 0x{offset:08x}, its signature is {}",
                bytes::hex(signature)
            )));
        }
        let len = bytes::u32_le(value, offset.saturating_add(8)).ok_or_else(|| ends(offset))?;
        let body_offset = offset.saturating_add(12);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let body = bytes::slice(value, body_offset, len).ok_or_else(|| ends(offset))?;
        programs.push(listed(body, header_len).ok_or_else(|| ends(offset))?);
        offset = body_offset.saturating_add(len);
    }
    Ok(programs)
}

/// The body of one entry: length and path; on Windows 8 and 8.1 the name of a package and flags; the time; other data.
fn listed(body: &[u8], header_len: usize) -> Option<CachedProgram> {
    let len = usize::from(bytes::u16_le(body, 0)?);
    let path = text(bytes::slice(body, 2, len)?);
    let behind = len.checked_add(2)?;
    let modified = if header_len == WINDOWS_8_HEADER_LEN {
        // Readers differ on whether Windows 8.0 has the package; the form counts that fills the entry.
        let package = bytes::u16_le(body, behind)
            .and_then(|package| behind.checked_add(2)?.checked_add(usize::from(package)));
        [package, Some(behind)]
            .into_iter()
            .flatten()
            .find_map(|flags| time_behind(body, flags.checked_add(FLAGS_LEN)?))
            .and_then(time)
    } else {
        time(bytes::u64_le(body, behind)?)
    };
    Some(CachedProgram { path, modified })
}

/// The time at `offset`, if the length of the other data stands behind it and these end with the entry.
fn time_behind(body: &[u8], offset: usize) -> Option<u64> {
    let data = usize::try_from(bytes::u32_le(body, offset.checked_add(8)?)?).ok()?;
    let end = offset.checked_add(12)?.checked_add(data)?;
    (end == body.len()).then(|| bytes::u64_le(body, offset))?
}
