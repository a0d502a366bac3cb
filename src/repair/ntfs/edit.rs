//! The edits: exchange the names of two files, give a file a name of the same length, remove a file, set the change time.
//!
//! Nothing is ever allocated and no attribute but the root of an index changes its length. Times, 8.3 names, name spaces,
//! link counts and sequence numbers stay: the creation time of a key file is evidence, and a repair must not disturb it.

use crate::base::filetime::FileTime;
use crate::base::utf16;
use crate::base::win_path::WinPath;
use crate::error::ErrorKind;
use crate::image::filesystem::ntfs::NtfsVolume;
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::names::NAME_OFFSET;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::ntfs::removal::Removal;
use crate::repair::ntfs::staged::{Sectors, Staged};
use crate::repair::ntfs::subject::{
    NAME_SPACE_DOS, Subject, check_name_space, check_writable_record,
};
use crate::repair::ntfs::tree::{Entry, EntryId, Tree, name_text};
use crate::repair::ntfs::{layout, rebuild, store, touch};

/// Longest name, in UTF-16 units.
const NAME_UNITS_MAX: usize = 255;
/// Signs that a name of Windows may not hold, beside control characters.
const FORBIDDEN: &[char] = &['"', '*', '/', ':', '<', '>', '?', '\\', '|'];

/// One change of the names in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A file gets a name that no other has.
    Rename {
        /// The directory.
        directory: WinPath,
        /// The name as it is, exactly.
        from: String,
        /// The name that it gets.
        to: String,
    },
    /// Two files exchange their names.
    Swap {
        /// The directory.
        directory: WinPath,
        /// One name, exactly.
        first: String,
        /// The other name, exactly.
        second: String,
    },
    /// A file goes, with its long name and its 8.3 partner; nothing is zeroed.
    Delete {
        /// The directory.
        directory: WinPath,
        /// The name, exactly.
        name: String,
    },
    /// Files, and their directory, get that change time in `$STANDARD_INFORMATION`.
    Touch {
        /// The directory.
        directory: WinPath,
        /// The names, exactly.
        names: Vec<String>,
        /// The time.
        time: FileTime,
    },
}

impl Edit {
    /// The directory that is edited.
    pub fn directory(&self) -> &WinPath {
        match self {
            Self::Rename { directory, .. }
            | Self::Swap { directory, .. }
            | Self::Delete { directory, .. }
            | Self::Touch { directory, .. } => directory,
        }
    }

    /// The names that files have before and get, in pairs.
    pub fn names(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Rename { from, to, .. } => vec![(from, to)],
            Self::Swap { first, second, .. } => vec![(first, second), (second, first)],
            Self::Delete { .. } | Self::Touch { .. } => Vec::new(),
        }
    }

    /// The name of a file that goes.
    pub fn removed(&self) -> Option<&str> {
        match self {
            Self::Delete { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// An edit in memory: the sectors that it changes and the index as it was.
#[derive(Debug)]
pub(super) struct Edited {
    pub(super) sectors: Sectors,
    pub(super) before: Tree,
    /// Whether the index was built anew.
    pub(super) is_rebuilt: bool,
    /// What an engineer has to know.
    pub(super) warnings: Vec<String>,
}

/// Makes the edit in memory.
pub(super) fn make(volume: &NtfsVolume, edit: &Edit) -> Planned<Edited> {
    let tree = load(volume, edit.directory())?;
    match edit {
        Edit::Rename { from, to, .. } => rename(volume, tree, from, to),
        Edit::Swap { first, second, .. } => swap(volume, tree, first, second),
        Edit::Delete { name, .. } => delete(volume, tree, name),
        Edit::Touch { names, time, .. } => touch(volume, tree, names, *time),
    }
}

/// The index of a directory.
pub(super) fn load(volume: &NtfsVolume, path: &WinPath) -> Planned<Tree> {
    let located = volume.locate(path).map_err(|error| match error.kind() {
        ErrorKind::Unsupported => Refusal::new(Gate::NotThere, error.chain()),
        _ => Refusal::from(error),
    })?;
    let located =
        located.ok_or_else(|| Refusal::new(Gate::NotThere, format!("{path}: not there")))?;
    if !located.file.base().is_directory() {
        return Err(Refusal::new(
            Gate::NotAFile,
            format!("{path}: is no directory"),
        ));
    }
    let tree = Tree::load(volume.mft(), &located.file, volume.upcase())?;
    // The root of the index may lie in the record of the directory; that of the root directory is kept twice.
    Ok(tree)
}

/// The place of the entry with exactly that name.
pub(super) fn find(tree: &Tree, name: &str) -> Planned<usize> {
    let wanted = utf16::encode_le(name);
    let is_exact = |id: &EntryId| {
        tree.entries
            .get(*id)
            .is_some_and(|entry| entry.name() == wanted)
    };
    tree.order.iter().position(is_exact).ok_or_else(|| {
        Refusal::new(
            Gate::NotThere,
            format!("{name}: not there under exactly this name"),
        )
    })
}

/// Refuses a name that Windows would not take, or of another length than the one it replaces.
pub(crate) fn check_name(from: &str, to: &str) -> Planned<()> {
    let units = |name: &str| name.encode_utf16().count();
    let refuse = |what: String| Err(Refusal::new(Gate::Name, what));
    if units(from) != units(to) {
        return refuse(format!(
            "{to}: has {} UTF-16 units, and {from} has {}: only a name of the same length fits in its place",
            units(to),
            units(from)
        ));
    }
    if to.is_empty() || units(to) > NAME_UNITS_MAX {
        return refuse(format!("{to}: a name has 1 to {NAME_UNITS_MAX} units"));
    }
    if let Some(sign) = to
        .chars()
        .find(|sign| FORBIDDEN.contains(sign) || u32::from(*sign) < 0x20)
    {
        return refuse(format!(
            "{}: no name of Windows may hold {sign:?}",
            to.escape_debug()
        ));
    }
    if to.ends_with(['.', ' ']) {
        return refuse(format!(
            "{to}: no name of Windows may end with a dot or a space"
        ));
    }
    if to.contains(char::REPLACEMENT_CHARACTER) {
        return refuse(format!("{to}: U+FFFD may stand for what is no text"));
    }
    Ok(())
}

/// A file gets a name that no other has.
fn rename(volume: &NtfsVolume, mut tree: Tree, from: &str, to: &str) -> Planned<Edited> {
    check_name(from, to)?;
    let mft = volume.mft();
    let place = find(&tree, from)?;
    let wanted = utf16::encode_le(to);
    for (other, entry) in tree.iter().enumerate() {
        if other != place && volume.upcase().compare(entry.name(), &wanted).is_eq() {
            let kind = if entry.name_space() == NAME_SPACE_DOS {
                "the 8.3 name of"
            } else {
                "the name of"
            };
            return Err(Refusal::new(
                Gate::NameTaken,
                format!(
                    "{to}: is {kind} another file ({}), and nothing is replaced",
                    name_text(entry.name())
                ),
            ));
        }
    }
    let subject = subject_at(volume, &tree, place)?;
    let entry = tree.at(place).ok_or_else(gone)?;
    check_name_space(entry)?;
    let new = with_name(entry, entry, &wanted);
    let id = add(&mut tree, new);
    let spare = store::root_spare(mft, &tree)?;
    let (list, goes_to) = layout::renamed(&tree, place, id, volume.upcase());
    let layout = layout::of_rename(&tree, &list, (place, goes_to), spare);
    let mut staged = Staged::default();
    set_name(volume, &subject, &wanted, from, &mut staged)?;
    finish_or_rebuild(volume, tree, layout, &list, staged)
}

/// Two files exchange their names. Each keeps its name space and its 8.3 name, so no entry changes its place.
fn swap(volume: &NtfsVolume, mut tree: Tree, first: &str, second: &str) -> Planned<Edited> {
    check_name(first, second)?;
    let mft = volume.mft();
    let (a, b) = (find(&tree, first)?, find(&tree, second)?);
    let subject_a = subject_at(volume, &tree, a)?;
    let subject_b = subject_at(volume, &tree, b)?;
    if subject_a.file.reference() == subject_b.file.reference() {
        return Err(Refusal::new(
            Gate::HardLinks,
            format!("{first} and {second} are names of one file"),
        ));
    }
    let (entry_a, entry_b) = (tree.at(a).ok_or_else(gone)?, tree.at(b).ok_or_else(gone)?);
    check_name_space(entry_a)?;
    check_name_space(entry_b)?;
    let (name_a, name_b) = (entry_a.name().to_vec(), entry_b.name().to_vec());
    let at_a = with_name(entry_b, entry_a, &name_a);
    let at_b = with_name(entry_a, entry_b, &name_b);
    let new_a = add(&mut tree, at_a);
    let new_b = add(&mut tree, at_b);
    let spare = store::root_spare(mft, &tree)?;
    let layout =
        layout::of_swap(&tree, (a, new_a), (b, new_b), spare).map_err(|what| no_room(&what))?;
    let mut staged = Staged::default();
    set_name(volume, &subject_a, &name_b, first, &mut staged)?;
    set_name(volume, &subject_b, &name_a, second, &mut staged)?;
    finish(volume, tree, &layout, staged)
}

/// A file goes: its names from the index, then its record, then the bits of the record and of its clusters.
fn delete(volume: &NtfsVolume, tree: Tree, name: &str) -> Planned<Edited> {
    let mft = volume.mft();
    let place = find(&tree, name)?;
    let subject = subject_at(volume, &tree, place)?;
    let removal = Removal::check(mft, &tree, place, &subject)?;
    let spare = store::root_spare(mft, &tree)?;
    let list = layout::remaining(&tree, &removal.places);
    let layout = layout::of_removal(&tree, &list, &removal.places, spare);
    let mut staged = Staged::default();
    removal.free(mft, &mut staged)?;
    let mut edited = finish_or_rebuild(volume, tree, layout, &list, staged)?;
    edited.warnings.extend(removal.warning);
    Ok(edited)
}

/// Files and their directory get a change time; no name changes.
fn touch(volume: &NtfsVolume, tree: Tree, names: &[String], time: FileTime) -> Planned<Edited> {
    let mft = volume.mft();
    let mut staged = Staged::default();
    for file in touched(volume, &tree, names)? {
        let what = format!("MFT record {}", file.base().number());
        touch::set(mft, &file, time, &what, &mut staged)?;
    }
    finish(volume, tree, &Vec::new(), staged)
}

/// The files of `names`, and the directory.
pub(super) fn touched(
    volume: &NtfsVolume,
    tree: &Tree,
    names: &[String],
) -> Planned<Vec<NtfsFile>> {
    let mut files = vec![NtfsFile::open(volume.mft(), tree.directory)?];
    for name in names {
        let place = find(tree, name)?;
        files.push(subject_at(volume, tree, place)?.file);
    }
    Ok(files)
}

fn gone() -> Refusal {
    Refusal::new(Gate::NotThere, "an entry that was found is gone")
}

fn no_room(what: &str) -> Refusal {
    Refusal::new(
        Gate::NoRoom,
        format!(
            "the index of the directory has no room for the new order without a new block: {what}"
        ),
    )
}

pub(super) fn subject_at(volume: &NtfsVolume, tree: &Tree, place: usize) -> Planned<Subject> {
    let entry = tree.at(place).ok_or_else(gone)?;
    Subject::open(volume.mft(), tree.directory, entry)
}

fn add(tree: &mut Tree, entry: Entry) -> EntryId {
    tree.entries.push(entry);
    tree.entries.len().saturating_sub(1)
}

/// The entry of `file` under `name`, with the filling bytes of `slot`, whose length it has.
fn with_name(file: &Entry, slot: &Entry, name: &[u8]) -> Entry {
    let mut key = file.key.get(..NAME_OFFSET).unwrap_or_default().to_vec();
    key.extend(name);
    Entry {
        reference: file.reference,
        key,
        padding: slot.padding.clone(),
        reserved: slot.reserved,
    }
}

/// Overwrites the name in the file's own record.
fn set_name(
    volume: &NtfsVolume,
    subject: &Subject,
    name: &[u8],
    what: &str,
    staged: &mut Staged,
) -> Planned<()> {
    let what = format!("name of {what}");
    let block = staged.record(volume.mft(), subject.record, &what)?;
    let end = subject.name_offset.saturating_add(name.len());
    match block.bytes_mut().get_mut(subject.name_offset..end) {
        Some(place) => {
            place.copy_from_slice(name);
            Ok(())
        }
        None => Err(Refusal::new(
            Gate::Damaged,
            format!("{what}: leaves its record"),
        )),
    }
}

/// Writes the layout; where there is none, the index is built anew in the blocks that it has.
fn finish_or_rebuild(
    volume: &NtfsVolume,
    tree: Tree,
    layout: Result<layout::Layout, String>,
    list: &[EntryId],
    mut staged: Staged,
) -> Planned<Edited> {
    let why = match layout {
        Ok(layout) => return finish(volume, tree, &layout, staged),
        Err(why) => why,
    };
    let mft = volume.mft();
    check_writable_root(volume, &tree)?;
    let spare = store::root_spare(mft, &tree)?;
    let rebuilt = rebuild::of(mft, &tree, list, spare)
        .map_err(|what| no_room(&format!("{why}; built anew, it {what}")))?;
    rebuild::store(mft, &tree, &rebuilt, &mut staged)?;
    let directory = tree.directory;
    Ok(Edited {
        sectors: staged.sectors(mft.device())?,
        before: tree,
        is_rebuilt: true,
        warnings: vec![format!(
            "the index of directory {directory} had no room for the new order and is built anew in {} blocks",
            rebuilt.blocks()
        )],
    })
}

fn check_writable_root(volume: &NtfsVolume, tree: &Tree) -> Planned<()> {
    check_writable_record(volume.mft(), tree.root.record)
        .map_err(|what| Refusal::new(Gate::SystemRecord, format!("index root: {what}")))
}

fn finish(
    volume: &NtfsVolume,
    tree: Tree,
    layout: &layout::Layout,
    mut staged: Staged,
) -> Planned<Edited> {
    let touches_root = layout
        .iter()
        .any(|(id, _)| tree.nodes.get(*id).is_some_and(|node| node.vcn.is_none()));
    if touches_root {
        check_writable_root(volume, &tree)?;
    }
    store::layout(volume.mft(), &tree, layout, &mut staged)?;
    Ok(Edited {
        sectors: staged.sectors(volume.mft().device())?,
        before: tree,
        is_rebuilt: false,
        warnings: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_does_not_take_are_refused() {
        for (from, to) in [
            ("abc", "ab"),
            ("abc", "a:c"),
            ("abc", "a\\c"),
            ("abc", "ab."),
            ("abc", "ab "),
            ("abc", "a\u{1}c"),
            ("", ""),
        ] {
            let refusal = check_name(from, to).unwrap_err();
            assert_eq!(refusal.gate, Gate::Name, "{to:?}");
        }
        assert!(check_name("c23_a-b", "c23_c-d").is_ok());
    }
}
