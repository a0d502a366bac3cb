//! What a record tells of its file: names, times, attributes, size, streams, reparse tag.

use crate::base::bytes;
use crate::base::utf16;
use crate::error::{Error, ErrorKind, Result};
use crate::image::filesystem::ntfs::attribute::{
    DATA, FILE_NAME, REPARSE_POINT, STANDARD_INFORMATION,
};
use crate::image::filesystem::ntfs::directory::Link;
use crate::image::filesystem::ntfs::file::{Found, NtfsFile};
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::names::{FileName, StandardInformation};
use crate::image::filesystem::{ATTRIBUTE_DIRECTORY, FileTimes, LocalTimes, Metadata};

/// Most `$FILE_NAME` attributes and most named streams of one file. Windows allows 1024 hard links, each with an 8.3 name.
const NAMES_MAX: usize = 4096;

/// A file with the attributes that describe it. Read once, it describes the file under each of its names.
#[derive(Debug)]
pub struct Described {
    file: NtfsFile,
    found: Vec<Found>,
}

impl Described {
    /// Finds the attributes of `file`.
    pub fn new(mft: &Mft, file: NtfsFile) -> Result<Self> {
        let found = file.select(mft, |kind, _, lowest_vcn| {
            lowest_vcn == 0
                && matches!(
                    kind,
                    STANDARD_INFORMATION | FILE_NAME | DATA | REPARSE_POINT
                )
        })?;
        for kind in [FILE_NAME, DATA] {
            let mut count = 0_usize;
            for part in &found {
                count = count.saturating_add(usize::from(part.attribute()?.kind == kind));
            }
            if count > NAMES_MAX {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "MFT record {}: {count} attributes of type 0x{kind:02x}, at most {NAMES_MAX} are read",
                        file.base().number()
                    ),
                ));
            }
        }
        Ok(Self { file, found })
    }

    /// The file itself.
    pub fn file(&self) -> &NtfsFile {
        &self.file
    }
}

/// Describes the file that `link` of a directory means, or the root directory if there is no link.
///
/// # Errors
/// A record that does not have the name of the link is [`ErrorKind::Corrupt`].
pub fn describe(mft: &Mft, described: &Described, link: Option<&Link>) -> Result<Metadata> {
    let (file, found) = (&described.file, &described.found);
    let number = file.base().number();
    let mut standard = None;
    let mut names = Vec::new();
    let mut size_bytes = 0;
    let mut streams = Vec::new();
    let mut reparse_tag = None;
    for part in found {
        let attribute = part.attribute()?;
        match attribute.kind {
            STANDARD_INFORMATION => {
                standard = attribute.resident().and_then(StandardInformation::parse);
            }
            FILE_NAME => names.push(parse_name(number, part)?),
            DATA if attribute.name.is_empty() => size_bytes = attribute.size(),
            DATA => streams.push(utf16::decode_le(attribute.name)),
            _ => reparse_tag = Some(read_tag(mft, file)?),
        }
    }
    let standard = standard.ok_or_else(|| {
        Error::corrupt(format!(
            "MFT record {number}: $STANDARD_INFORMATION is missing or damaged"
        ))
    })?;
    let chosen = choose_names(number, &names, link)?;
    let is_dir = file.base().is_directory();
    let [si_created, si_modified, si_mft_changed, si_accessed] = standard.times.map(Some);
    let [fn_created, fn_modified, fn_mft_changed, fn_accessed] = chosen.long.times.map(Some);
    streams.sort();
    Ok(Metadata {
        name: link.map_or_else(String::new, |_| utf16::decode_le(chosen.long.name)),
        short_name: chosen.short.map(|name| utf16::decode_le(name.name)),
        is_dir,
        size_bytes: if is_dir { 0 } else { size_bytes },
        attributes: Some(standard.attributes | if is_dir { ATTRIBUTE_DIRECTORY } else { 0 }),
        times: FileTimes {
            si_created,
            si_modified,
            si_mft_changed,
            si_accessed,
            fn_created,
            fn_modified,
            fn_mft_changed,
            fn_accessed,
        },
        local_times: LocalTimes::default(),
        mft_record: Some(number),
        reparse_tag,
        streams,
    })
}

/// The `$STANDARD_INFORMATION` of a file.
pub fn standard_information(mft: &Mft, file: &NtfsFile) -> Result<StandardInformation> {
    let found = file.attributes(mft, STANDARD_INFORMATION)?;
    let parsed = match found.first() {
        Some(part) => part
            .attribute()?
            .resident()
            .and_then(StandardInformation::parse),
        None => None,
    };
    parsed.ok_or_else(|| {
        Error::corrupt(format!(
            "MFT record {}: $STANDARD_INFORMATION is missing or damaged",
            file.base().number()
        ))
    })
}

/// Checks that a file has the name by which a directory led to it.
pub fn check_link(mft: &Mft, file: &NtfsFile, link: &Link) -> Result<()> {
    let number = file.base().number();
    let found = file.attributes(mft, FILE_NAME)?;
    let mut names = Vec::new();
    for part in &found {
        names.push(parse_name(number, part)?);
    }
    choose_names(number, &names, Some(link)).map(|_| ())
}

/// The reparse tag of a file; `None` if it is no reparse point.
pub fn reparse_tag(mft: &Mft, file: &NtfsFile) -> Result<Option<u32>> {
    if file.attributes(mft, REPARSE_POINT)?.is_empty() {
        return Ok(None);
    }
    read_tag(mft, file).map(Some)
}

fn read_tag(mft: &Mft, file: &NtfsFile) -> Result<u32> {
    let damaged = || {
        Error::corrupt(format!(
            "MFT record {}: reparse point is damaged",
            file.base().number()
        ))
    };
    let stream = file.stream(mft, REPARSE_POINT, b"")?.ok_or_else(damaged)?;
    let head = stream.read_vec(mft.device().as_ref(), 0, 4)?;
    bytes::u32_le(&head, 0).ok_or_else(damaged)
}

fn parse_name(number: u64, part: &Found) -> Result<FileName<'_>> {
    part.attribute()?
        .resident()
        .and_then(|value| FileName::parse(value, false))
        .ok_or_else(|| Error::corrupt(format!("MFT record {number}: $FILE_NAME is damaged")))
}

/// The long name of a link and its 8.3 partner.
struct Chosen<'a> {
    long: FileName<'a>,
    short: Option<FileName<'a>>,
}

fn choose_names<'a>(
    number: u64,
    names: &[FileName<'a>],
    link: Option<&Link>,
) -> Result<Chosen<'a>> {
    let Some(link) = link else {
        let long = names.first().copied();
        return long
            .map(|long| Chosen { long, short: None })
            .ok_or_else(|| Error::corrupt(format!("MFT record {number}: has no $FILE_NAME")));
    };
    let here = |name: &&FileName<'a>| name.parent.record() == link.parent.record();
    let own = names
        .iter()
        .filter(here)
        .find(|name| name.name == link.name && name.parent.sequence() == link.parent.sequence());
    let Some(own) = own else {
        return Err(Error::corrupt(format!(
            "index entry {} of directory {}: MFT record {number} should have that name, has {}",
            link.text(),
            link.parent,
            list_names(names)
        )));
    };
    let partner = names
        .iter()
        .filter(here)
        .find(|name| matches!((own.name_space, name.name_space), (1, 2) | (2, 1)));
    Ok(match partner {
        Some(partner) if own.is_dos() => Chosen {
            long: *partner,
            short: Some(*own),
        },
        partner => Chosen {
            long: *own,
            short: partner.copied(),
        },
    })
}

fn list_names(names: &[FileName<'_>]) -> String {
    let list: Vec<String> = names
        .iter()
        .take(4)
        .map(|name| format!("{} in {}", utf16::decode_le(name.name), name.parent))
        .collect();
    if list.is_empty() {
        return "none".to_owned();
    }
    list.join(", ")
}
