//! The change time of files that were renamed, and of their directory, set as Windows' rename would set it.
//!
//! Only `$STANDARD_INFORMATION` +0x10 changes, and only where `--touch` asks for it: every other time is evidence. The copies of
//! the times in the index and in `$FILE_NAME` stay; Windows lets them lag too. Source: `ntfs_inode_update_times` of ntfs-3g.

use crate::base::bytes;
use crate::base::filetime::FileTime;
use crate::error::Error;
use crate::image::filesystem::ntfs::attribute::{self, Form};
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::record::MftRecord;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::ntfs::staged::Staged;
use crate::repair::ntfs::subject::check_writable_record;

/// Offset of the change time in `$STANDARD_INFORMATION`.
const CHANGED: usize = 0x10;
/// Length of a time.
const TIME_BYTES: usize = 8;

/// Sets the change time of a file or directory.
pub(super) fn set(
    mft: &Mft,
    file: &NtfsFile,
    time: FileTime,
    what: &str,
    staged: &mut Staged,
) -> Planned<()> {
    let number = file.base().number();
    check_writable_record(mft, number)
        .map_err(|text| Refusal::new(Gate::SystemRecord, format!("{what}: {text}")))?;
    let place = place(file.base())?;
    let label = format!("change time of {what}");
    let block = staged.record(mft, number, &label)?;
    match block
        .bytes_mut()
        .get_mut(place..place.saturating_add(TIME_BYTES))
    {
        Some(field) => {
            field.copy_from_slice(&time.0.to_le_bytes());
            Ok(())
        }
        None => Err(Error::corrupt(format!("MFT record {number}: cut short")).into()),
    }
}

/// Where the change time stands in the base record, which always holds `$STANDARD_INFORMATION`.
fn place(record: &MftRecord) -> Planned<usize> {
    for attribute in record.attributes() {
        let attribute = attribute?;
        if let (
            attribute::STANDARD_INFORMATION,
            Form::Resident {
                value_offset,
                value,
            },
        ) = (attribute.kind, attribute.form)
            && value.len() >= CHANGED.saturating_add(TIME_BYTES)
        {
            return Ok(value_offset.saturating_add(CHANGED));
        }
    }
    Err(Refusal::new(
        Gate::Damaged,
        format!(
            "MFT record {}: $STANDARD_INFORMATION is missing or damaged",
            record.number()
        ),
    ))
}

/// Whether `after` is the record `before` with that change time, and otherwise as it was.
pub(super) fn is_touched(before: &MftRecord, after: &MftRecord, time: FileTime) -> Planned<bool> {
    let place = place(before)?;
    let mut expected = before.block().bytes().to_vec();
    let mut found = after.block().bytes().to_vec();
    let end = place.saturating_add(TIME_BYTES);
    if let Some(field) = expected.get_mut(place..end) {
        field.copy_from_slice(&time.0.to_le_bytes());
    }
    without_array(&mut expected);
    without_array(&mut found);
    Ok(expected == found)
}

/// Blanks the update sequence array, which changes with every write.
pub(super) fn without_array(content: &mut [u8]) {
    let array = usize::from(bytes::u16_le(content, 4).unwrap_or(0));
    let words = usize::from(bytes::u16_le(content, 6).unwrap_or(0));
    let end = array.saturating_add(words.saturating_mul(2));
    if let Some(place) = content.get_mut(array..end) {
        place.fill(0);
    }
}
