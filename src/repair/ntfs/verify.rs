//! The check of an edit on the volume seen through it, before anything is written.
//!
//! The new index is read by the same strict reader as the old one. Then: same blocks and links, the list of names differs
//! exactly by the edit, each new name leads to its file, and that file has the same content, streams and times. The record
//! of a removed file is free, and the bitmaps differ by its bits only.

use std::collections::BTreeSet;

use crate::base::utf16;
use crate::base::win_path::WinPath;
use crate::image::filesystem::ntfs::NtfsVolume;
use crate::image::filesystem::ntfs::attribute::{self, Form};
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::names::NAME_OFFSET;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::image::filesystem::ntfs::stream::Stream;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::ntfs::edit::{self, Edit};
use crate::repair::ntfs::removal::{self, Removal};
use crate::repair::ntfs::subject::Subject;
use crate::repair::ntfs::touch;
use crate::repair::ntfs::tree::{NodeId, Tree};

/// Longest content that is compared byte by byte; key files have a few kilobytes.
const CONTENT_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a bitmap that are compared at once.
const BITMAP_BYTES: usize = 1 << 20;

/// A fault of the edit itself: not of the image, so it is said as such.
fn fault(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        Gate::Damaged,
        format!("the planned change was checked and is not right, so it is not made: {what}"),
    )
}

/// Checks the edited volume against the one before.
pub(super) fn check(
    before: &NtfsVolume,
    old: &Tree,
    after: &NtfsVolume,
    edit: &Edit,
    is_rebuilt: bool,
) -> Planned<()> {
    let new = edit::load(after, edit.directory())?;
    if !is_rebuilt && old.shape() != new.shape() {
        return Err(fault("the tree has another shape"));
    }
    if expected_names(old, edit) != names(&new) {
        return Err(fault("the list of names differs by more than the edit"));
    }
    for (from, to) in edit.names() {
        check_file(before, old, from, after, &new, &edit.directory().child(to))?;
    }
    if let Edit::Touch { names, time, .. } = edit {
        for file in edit::touched(before, old, names)? {
            let number = file.base().number();
            let (was, is) = (before.mft().record(number)?, after.mft().record(number)?);
            if !touch::is_touched(&was, &is, *time)? {
                return Err(fault(format_args!(
                    "record {number} differs by more than its change time"
                )));
            }
        }
    }
    match edit.removed() {
        Some(name) => check_removed(before, old, after, edit, name),
        None => check_bits(before, after, &[], &[]),
    }
}

/// The record of a removed file is free and otherwise as it was, and its bits are cleared and no others.
fn check_removed(
    before: &NtfsVolume,
    old: &Tree,
    after: &NtfsVolume,
    edit: &Edit,
    name: &str,
) -> Planned<()> {
    let place = edit::find(old, name)?;
    let subject = edit::subject_at(before, old, place)?;
    let removal = Removal::check(before.mft(), old, place, &subject)?;
    // Another file whose name differs in case only may be found in its place.
    let found = after.locate(&edit.directory().child(name))?;
    if found.is_some_and(|found| found.file.base().number() == removal.record) {
        return Err(fault(format_args!("{name} is still found")));
    }
    let (was, is) = (
        before.mft().record(removal.record)?,
        after.mft().record(removal.record)?,
    );
    if !removal::is_freed(&was, &is) {
        return Err(fault(format_args!(
            "record {} is not the freed one",
            removal.record
        )));
    }
    check_bits(before, after, &[removal.record], &removal.clusters)
}

/// The bitmaps of records and of clusters differ exactly by these bits, which are cleared.
fn check_bits(
    before: &NtfsVolume,
    after: &NtfsVolume,
    records: &[u64],
    clusters: &[u64],
) -> Planned<()> {
    let (old_records, old_clusters) = removal::bitmaps(before.mft())?;
    let (new_records, new_clusters) = removal::bitmaps(after.mft())?;
    for (old, new, expected) in [
        (old_records, new_records, records),
        (old_clusters, new_clusters, clusters),
    ] {
        if cleared(before, &old, after, &new, expected.len())?.as_deref() != Some(expected) {
            return Err(fault(
                "a bitmap differs by other bits than those of the edit",
            ));
        }
    }
    Ok(())
}

/// The bits that `new` has cleared, in ascending order; `None` if one is set anew, or there are more than `most`.
fn cleared(
    before: &NtfsVolume,
    old: &Stream,
    after: &NtfsVolume,
    new: &Stream,
    most: usize,
) -> Planned<Option<Vec<u64>>> {
    if old.size() != new.size() {
        return Ok(None);
    }
    let mut bits = Vec::new();
    let mut offset = 0_u64;
    while offset < old.size() {
        let left = usize::try_from(old.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = left.min(BITMAP_BYTES);
        let was = old.read_vec(before.mft().device().as_ref(), offset, len)?;
        let is = new.read_vec(after.mft().device().as_ref(), offset, len)?;
        if was != is {
            for (place, (was, is)) in was.iter().zip(&is).enumerate() {
                let byte = offset.saturating_add(u64::try_from(place).unwrap_or(0));
                for bit in (0..8_u8).filter(|bit| (was ^ is) >> bit & 1 == 1) {
                    if is >> bit & 1 == 1 || bits.len() == most {
                        return Ok(None);
                    }
                    bits.push(byte.saturating_mul(8).saturating_add(u64::from(bit)));
                }
            }
        }
        offset = offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    }
    Ok(Some(bits))
}

/// A name of a directory with its name space and its file.
type Name = (Vec<u8>, u8, FileReference);

fn names(tree: &Tree) -> BTreeSet<Name> {
    let name = |id: &NodeId| {
        let entry = tree.entries.get(*id)?;
        Some((entry.name().to_vec(), entry.name_space(), entry.reference))
    };
    tree.order.iter().filter_map(name).collect()
}

/// The names as they should be after the edit.
fn expected_names(old: &Tree, edit: &Edit) -> BTreeSet<Name> {
    let mut expected = BTreeSet::new();
    let removed = edit.removed().map(utf16::encode_le);
    let removed = names(old)
        .into_iter()
        .find(|(name, _, _)| Some(name) == removed.as_ref())
        .map(|(_, _, file)| file);
    for (name, space, file) in names(old) {
        // Both names of a removed file go, the long one and the 8.3 one.
        if Some(file) == removed {
            continue;
        }
        let renamed = edit
            .names()
            .into_iter()
            .find(|(from, _)| utf16::encode_le(from) == name);
        let name = renamed.map_or(name, |(_, to)| utf16::encode_le(to));
        expected.insert((name, space, file));
    }
    expected
}

/// The file under its new name is the one that had the old name, with every attribute as it was but for that name.
fn check_file(
    before: &NtfsVolume,
    old: &Tree,
    from: &str,
    after: &NtfsVolume,
    new: &Tree,
    path: &WinPath,
) -> Planned<()> {
    let to = path.file_name().unwrap_or_default();
    let place = |tree: &Tree, name: &str| {
        let wanted = utf16::encode_le(name);
        tree.iter().find(|entry| entry.name() == wanted).cloned()
    };
    let (Some(was), Some(is)) = (place(old, from), place(new, to)) else {
        return Err(fault(format_args!("{to} is not found")));
    };
    if was.reference != is.reference {
        return Err(fault(format_args!("{to} leads to another file")));
    }
    let located = after.locate(path)?;
    if located.is_none_or(|located| located.file.reference() != is.reference) {
        return Err(fault(format_args!("{to} is not found by a look-up")));
    }
    let was = Subject::open(before.mft(), old.directory, &was)?;
    let is = Subject::open(after.mft(), new.directory, &is)?;
    let (name_before, name_after) = (utf16::encode_le(from), utf16::encode_le(to));
    if attributes(before, &was.file, &name_before)? != attributes(after, &is.file, &name_after)? {
        return Err(fault(format_args!(
            "{to} has other attributes than {from} had"
        )));
    }
    if content(before, &was.file)? != content(after, &is.file)? {
        return Err(fault(format_args!(
            "{to} has other content than {from} had"
        )));
    }
    Ok(())
}

/// Every attribute of a file as it stands in its records, without the place where `name` stands in a `$FILE_NAME`.
fn attributes(volume: &NtfsVolume, file: &NtfsFile, name: &[u8]) -> Planned<Vec<Vec<u8>>> {
    let mut list = Vec::new();
    for found in file.select(volume.mft(), |_, _, _| true)? {
        let attribute = found.attribute()?;
        let record = found.record();
        let end = attribute.offset.saturating_add(attribute.len);
        let whole = record.block().bytes().get(attribute.offset..end);
        let mut bytes = whole.unwrap_or_default().to_vec();
        if attribute.kind == attribute::FILE_NAME
            && let Form::Resident {
                value_offset,
                value,
            } = attribute.form
            && value.get(NAME_OFFSET..) == Some(name)
        {
            bytes.truncate(
                value_offset
                    .saturating_sub(attribute.offset)
                    .saturating_add(NAME_OFFSET),
            );
        }
        list.push(bytes);
    }
    Ok(list)
}

/// The unnamed stream; `None` if the file has none or it is too long to be read for a comparison.
fn content(volume: &NtfsVolume, file: &NtfsFile) -> Planned<Option<Vec<u8>>> {
    match volume.content(file, b"")? {
        Some(stream) if stream.size() <= CONTENT_BYTES_MAX => Ok(Some(
            stream.read_all(volume.mft().device().as_ref(), CONTENT_BYTES_MAX)?,
        )),
        _ => Ok(None),
    }
}
