//! The check of an edit on the volume seen through it, before anything is written.
//!
//! The new index is read by the same strict reader as the old one. Then: same blocks and links, the list of names differs
//! exactly by the edit, each new name leads to its file, and that file has the same content, streams and times.

use std::collections::BTreeSet;

use crate::base::utf16;
use crate::base::win_path::WinPath;
use crate::image::filesystem::ntfs::NtfsVolume;
use crate::image::filesystem::ntfs::attribute::{self, Form};
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::names::NAME_OFFSET;
use crate::image::filesystem::ntfs::reference::FileReference;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::ntfs::edit::{self, Edit};
use crate::repair::ntfs::subject::Subject;
use crate::repair::ntfs::tree::{NodeId, Tree};

/// Longest content that is compared byte by byte; key files have a few kilobytes.
const CONTENT_BYTES_MAX: u64 = 64 << 20;

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
) -> Planned<()> {
    let new = edit::load(after, edit.directory())?;
    if old.shape() != new.shape() {
        return Err(fault("the tree has another shape"));
    }
    if expected_names(old, edit) != names(&new) {
        return Err(fault("the list of names differs by more than the edit"));
    }
    for (from, to) in edit.names() {
        check_file(before, old, from, after, &new, &edit.directory().child(to))?;
    }
    Ok(())
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
    for (name, space, file) in names(old) {
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
