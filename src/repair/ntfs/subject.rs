//! The file that gets another name: what its records have to be like, and where its name stands in them.
//!
//! The name is kept twice, in the file's record and in the index of its directory. Both have to agree before either is
//! touched, in everything but times and sizes, which Windows lets lag in the index.

use crate::image::filesystem::ATTRIBUTE_ENCRYPTED;
use crate::image::filesystem::ntfs::attribute::{self, FLAG_ENCRYPTED, Form};
use crate::image::filesystem::ntfs::description;
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::names::{FileName, NAME_OFFSET};
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::ntfs::tree::{Entry, name_text};

/// The first record that may belong to a file of the user.
pub(super) const FIRST_USER_RECORD: u64 = 24;
/// The MFT record of `$MFTMirr`.
const MIRROR_RECORD: u64 = 1;
/// `$TXF_DATA`: the file takes part in a transaction.
const TRANSACTION: u32 = 0x100;
/// Name space of an 8.3 name with a long partner.
pub(super) const NAME_SPACE_DOS: u8 = 2;
/// Name space of a name that is its own 8.3 name.
const NAME_SPACE_BOTH: u8 = 3;

/// The file, checked, and the place of the name in its records.
#[derive(Debug)]
pub(super) struct Subject {
    /// The file.
    pub(super) file: NtfsFile,
    /// The MFT record that holds the name: the base record, or an extension.
    pub(super) record: u64,
    /// Offset of the name in that record.
    pub(super) name_offset: usize,
}

impl Subject {
    /// Opens the file of an entry of `directory` and checks that it may get another name.
    pub(super) fn open(mft: &Mft, directory: FileReference, entry: &Entry) -> Planned<Self> {
        let name = name_text(entry.name());
        let number = entry.reference.record();
        let refuse = |gate: Gate, what: String| Refusal::new(gate, format!("{name}: {what}"));
        check_writable_record(mft, number).map_err(|what| refuse(Gate::SystemRecord, what))?;
        if entry.name_space() == NAME_SPACE_DOS {
            return Err(refuse(
                Gate::Name,
                "is the 8.3 name of a file; name its long name".to_owned(),
            ));
        }
        let file = NtfsFile::open(mft, entry.reference)?;
        if file.base().sequence() != entry.reference.sequence() {
            return Err(refuse(
                Gate::Damaged,
                format!(
                    "its index entry means {}, the record is {}",
                    entry.reference,
                    file.reference()
                ),
            ));
        }
        if file.base().is_directory() {
            return Err(refuse(Gate::NotAFile, "is a directory".to_owned()));
        }
        check_content(mft, &file).map_err(|(gate, what)| refuse(gate, what))?;
        let (record, name_offset) = find_name(mft, &file, directory, entry)
            .map_err(|refusal| refuse(refusal.gate, refusal.text))?;
        check_writable_record(mft, record).map_err(|what| refuse(Gate::SystemRecord, what))?;
        Ok(Self {
            file,
            record,
            name_offset,
        })
    }
}

/// Refuses a name that is its own 8.3 name.
pub(super) fn check_name_space(entry: &Entry) -> Planned<()> {
    if entry.name_space() != NAME_SPACE_BOTH {
        return Ok(());
    }
    Err(Refusal::new(
        Gate::Name,
        format!(
            "{}: is its own 8.3 name, which a rename would have to make anew",
            name_text(entry.name())
        ),
    ))
}

/// Refuses a record of the file system itself, and one that is kept twice.
pub(super) fn check_writable_record(mft: &Mft, number: u64) -> Result<(), String> {
    if number < FIRST_USER_RECORD {
        return Err(format!(
            "MFT record {number} belongs to the file system itself"
        ));
    }
    let mirrored = mirrored_records(mft).map_err(|error| error.chain())?;
    if number < mirrored {
        return Err(format!(
            "MFT record {number} is kept twice ($MFTMirr holds {mirrored}), and the copy is not written here"
        ));
    }
    Ok(())
}

/// Number of records that `$MFTMirr` holds.
fn mirrored_records(mft: &Mft) -> crate::error::Result<u64> {
    let mirror = NtfsFile::open(mft, FileReference(MIRROR_RECORD))?;
    let stream = mirror.stream(mft, attribute::DATA, b"")?;
    let record_bytes = u64::try_from(mft.geometry().record_bytes).unwrap_or(u64::MAX);
    Ok(stream
        .map_or(0, |stream| stream.size())
        .div_ceil(record_bytes.max(1)))
}

/// Refuses EFS and transactions, and a count of names that is wrong.
fn check_content(mft: &Mft, file: &NtfsFile) -> Result<(), (Gate, String)> {
    let failed = |error: crate::error::Error| {
        let refusal = Refusal::from(error);
        (refusal.gate, refusal.text)
    };
    let standard = description::standard_information(mft, file).map_err(failed)?;
    let streams = file.attributes(mft, attribute::DATA).map_err(failed)?;
    let mut encrypted = standard.attributes & ATTRIBUTE_ENCRYPTED != 0;
    for stream in &streams {
        encrypted |= stream.attribute().map_err(failed)?.flags & FLAG_ENCRYPTED != 0;
    }
    if encrypted {
        return Err((
            Gate::Efs,
            "is encrypted by EFS; another name would not make it readable".to_owned(),
        ));
    }
    if !file
        .attributes(mft, TRANSACTION)
        .map_err(failed)?
        .is_empty()
    {
        return Err((
            Gate::Transaction,
            "takes part in a transaction of NTFS ($TXF_DATA)".to_owned(),
        ));
    }
    let names = file.attributes(mft, attribute::FILE_NAME).map_err(failed)?;
    let links = usize::from(file.base().link_count());
    if links != names.len() {
        return Err((
            Gate::Damaged,
            format!("its record counts {links} names and holds {}", names.len()),
        ));
    }
    Ok(())
}

/// The one `$FILE_NAME` that agrees with the entry: its record and the offset of the name in it.
fn find_name(
    mft: &Mft,
    file: &NtfsFile,
    directory: FileReference,
    entry: &Entry,
) -> Planned<(u64, usize)> {
    let mut places = Vec::new();
    for found in file.attributes(mft, attribute::FILE_NAME)? {
        let attribute = found.attribute()?;
        let Form::Resident {
            value_offset,
            value,
        } = attribute.form
        else {
            return Err(Refusal::new(Gate::Damaged, "$FILE_NAME is not resident"));
        };
        let name = FileName::parse(value, false)
            .ok_or_else(|| Refusal::new(Gate::Damaged, "$FILE_NAME is damaged"))?;
        if name.parent.record() != directory.record() {
            continue;
        }
        // Also where it is the 8.3 name: a record that disagrees with its directory in any of its names is damaged.
        if name.parent != directory {
            return Err(Refusal::new(
                Gate::Damaged,
                format!(
                    "a $FILE_NAME of it means directory {}, the directory is {directory}",
                    name.parent
                ),
            ));
        }
        if name.name != entry.name() {
            continue;
        }
        if Entry::identity(value) != Entry::identity(&entry.key) {
            return Err(Refusal::new(
                Gate::Damaged,
                format!(
                    "$FILE_NAME and index entry differ (name space {} and {})",
                    name.name_space,
                    entry.name_space()
                ),
            ));
        }
        places.push((
            found.record().number(),
            value_offset.saturating_add(NAME_OFFSET),
        ));
    }
    match places.as_slice() {
        [place] => Ok(*place),
        _ => Err(Refusal::new(
            Gate::Damaged,
            format!("its records hold the name {} times", places.len()),
        )),
    }
}
