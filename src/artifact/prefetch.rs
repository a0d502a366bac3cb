//! Prefetch files: which program ran, how often, and when last.
//!
//! Versions 17 (XP, 2003), 23 (Vista, 7), 26 (8, 8.1), 30 (10) and 31 (11); the last two mostly compressed (see
//! [`crate::artifact::mam`]). From 26 on the last eight runs are kept. Since Windows 10 1903 the run count stands eight
//! bytes earlier; the offset of the first section tells the two forms of version 30 apart.
//!
//! Specification: libscca, "Windows Prefetch File (PF) format".

use std::borrow::Cow;

use crate::artifact::mam;
use crate::base::bytes;
use crate::base::filetime::FileTime;
use crate::error::{Error, ErrorKind, Result};

/// Where the signature `SCCA` stands.
const SIGNATURE_OFFSET: usize = 4;
/// Where the name of the program stands, in UTF-16 with a NUL.
const NAME_OFFSET: usize = 16;
/// Length of the name in bytes.
const NAME_LEN: usize = 60;
/// Where the hash of the program's path stands.
const HASH_OFFSET: usize = 76;
/// Where the offset of the first section stands; it is the length of the header too.
const FIRST_SECTION_OFFSET: usize = 84;
/// The first section of version 30 since Windows 10 1903, and of 31.
const FIRST_SECTION_1903: u32 = 0x128;
/// The first section of version 30 before.
const FIRST_SECTION_OLD: u32 = 0x130;

/// What a prefetch file tells of its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefetch {
    /// The version of the format.
    pub version: u32,
    /// The name of the program, at most 29 characters.
    pub name: String,
    /// The hash of its path, as in the name of the file.
    pub hash: u32,
    /// How often it ran.
    pub run_count: u32,
    /// When it ran last, the latest first: one time up to version 23, eight at most later.
    pub last_runs: Vec<FileTime>,
}

/// Where a version keeps its figures.
struct Layout {
    last_runs: usize,
    last_runs_max: usize,
    run_count: usize,
}

/// Reads a prefetch file, compressed or not.
///
/// # Errors
/// [`ErrorKind::InvalidFormat`] for what is no prefetch file, [`ErrorKind::Unsupported`] for a version that is not known,
/// [`ErrorKind::Corrupt`] for one that ends too early, and what unpacking fails with.
pub fn parse(file: &[u8]) -> Result<Prefetch> {
    let content = if mam::is_compressed(file) {
        Cow::Owned(mam::unpack(file)?)
    } else {
        Cow::Borrowed(file)
    };
    read(&content)
}

fn read(content: &[u8]) -> Result<Prefetch> {
    if bytes::slice(content, SIGNATURE_OFFSET, 4) != Some(b"SCCA") {
        return Err(Error::new(
            ErrorKind::InvalidFormat,
            "the signature SCCA is expected at 0x00000004 and is not there",
        ));
    }
    let word = |offset: usize| {
        bytes::u32_le(content, offset).ok_or_else(|| {
            Error::corrupt(format!(
                "prefetch: 4 bytes expected at 0x{offset:08x}, the file ends before"
            ))
        })
    };
    let version = word(0)?;
    let layout = layout(version, word(FIRST_SECTION_OFFSET)?)?;
    let run_count = word(layout.run_count)?;
    let mut last_runs = Vec::new();
    for index in 0..layout.last_runs_max {
        let offset = layout.last_runs.saturating_add(index.saturating_mul(8));
        match bytes::u64_le(content, offset) {
            Some(0) => {}
            Some(time) => last_runs.push(FileTime(time)),
            None => word(offset.saturating_add(4)).map(drop)?,
        }
    }
    Ok(Prefetch {
        version,
        name: name(content),
        hash: word(HASH_OFFSET)?,
        run_count,
        last_runs,
    })
}

fn layout(version: u32, first_section: u32) -> Result<Layout> {
    let (last_runs, last_runs_max, run_count) = match (version, first_section) {
        (17, _) => (0x78, 1, 0x90),
        (23, _) => (0x80, 1, 0x98),
        (26, _) | (30, FIRST_SECTION_OLD) => (0x80, 8, 0xd0),
        (30 | 31, FIRST_SECTION_1903) => (0x80, 8, 0xc8),
        (30 | 31, other) => {
            return Err(Error::unsupported(format!(
                "prefetch version {version}: the first section is expected at 0x{FIRST_SECTION_1903:x} or 0x{FIRST_SECTION_OLD:x} and is at 0x{other:x}"
            )));
        }
        (other, _) => {
            return Err(Error::unsupported(format!(
                "prefetch version {other}, known are 17, 23, 26, 30 and 31"
            )));
        }
    };
    Ok(Layout {
        last_runs,
        last_runs_max,
        run_count,
    })
}

/// The name up to its NUL; what stands behind it may be left over from another name.
fn name(content: &[u8]) -> String {
    let field = bytes::slice(content, NAME_OFFSET, NAME_LEN).unwrap_or_default();
    let units: Vec<u16> = field
        .chunks_exact(2)
        .filter_map(|pair| bytes::u16_le(pair, 0))
        .take_while(|unit| *unit != 0)
        .collect();
    String::from_utf16_lossy(&units)
}
