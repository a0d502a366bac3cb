//! What is to be done to the files of an installation, and the edits that do it.
//!
//! The order is fixed: what goes, goes first, for its name may be the one that another file gets; times come last.

use serde::{Deserialize, Serialize};

use crate::base::filetime::FileTime;
use crate::base::win_path::WinPath;
use crate::error::{Error, ErrorKind};
use crate::image::filesystem::FileSystem;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::digest;
use crate::repair::ntfs::Edit;

/// Largest file that is removed; key files have a few kilobytes.
const REMOVED_BYTES_MAX: u64 = 64 << 20;

/// A file that gets another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The path of the file as it is.
    pub from: String,
    /// The path that it gets.
    pub to: String,
}

/// A file that goes, once its content was copied out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The path of the file.
    pub path: String,
    /// Length of its content.
    pub size_bytes: u64,
    /// SHA-256 of its content.
    pub sha256: String,
}

impl Removal {
    /// The removal of the file at `path`, whose content is read whole.
    ///
    /// # Errors
    /// A file that is not there, can't be read whole, or has streams that a copy of its content would not hold.
    pub fn of(filesystem: &dyn FileSystem, path: &str) -> Planned<Self> {
        let content = content(filesystem, path)?;
        Ok(Self {
            path: path.to_owned(),
            size_bytes: u64::try_from(content.len()).unwrap_or(u64::MAX),
            sha256: digest(std::iter::once(content.as_slice())),
        })
    }

    /// The content of the file, which has to be the one that the removal was planned for.
    ///
    /// # Errors
    /// [`Gate::ImageChanged`] where it is another one, and as [`Removal::of`].
    pub fn content(&self, filesystem: &dyn FileSystem) -> Planned<Vec<u8>> {
        let content = content(filesystem, &self.path)?;
        if digest(std::iter::once(content.as_slice())) == self.sha256 {
            return Ok(content);
        }
        Err(Refusal::new(
            Gate::ImageChanged,
            format!(
                "{}: its content is not the one that the plan was made for",
                self.path
            ),
        ))
    }

    /// The name of the file.
    pub fn name(&self) -> String {
        split(&self.path).1
    }
}

fn content(filesystem: &dyn FileSystem, path: &str) -> Planned<Vec<u8>> {
    let place = WinPath::new(path);
    let not_there = || Refusal::new(Gate::NotThere, format!("{path}: not there"));
    let metadata = filesystem.metadata(&place)?.ok_or_else(not_there)?;
    if !metadata.streams.is_empty() {
        return Err(Refusal::new(
            Gate::Referenced,
            format!(
                "{path}: has alternate data streams ({}), which a copy of its content would not hold; leave it in the image by \
                 the exchange of names",
                metadata.streams.join(", ")
            ),
        ));
    }
    let read = filesystem.read(&place, REMOVED_BYTES_MAX);
    let content = read.map_err(|error| match error.kind() {
        ErrorKind::LimitExceeded => Refusal::new(Gate::NotAFile, error.chain()),
        _ => Refusal::from(error),
    })?;
    let content = content.ok_or_else(not_there)?;
    if u64::try_from(content.len()) != Ok(metadata.size_bytes) {
        return Err(Error::corrupt(format!(
            "{path}: {} bytes were read of {}",
            content.len(),
            metadata.size_bytes
        ))
        .into());
    }
    Ok(content)
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The files that go.
    pub removals: Vec<Removal>,
    /// The files that get other names.
    pub actions: Vec<Action>,
    /// The change time that those files and their directories get; without it all times stay as they are.
    pub touch: Option<FileTime>,
}

impl Wanted {
    /// Only other names.
    pub fn names(actions: Vec<Action>) -> Self {
        Self {
            actions,
            ..Self::default()
        }
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.actions.iter().all(|action| action.from == action.to)
    }

    /// The edits that do it, in their order. Two files that take each other's name exchange them.
    ///
    /// # Errors
    /// A file that would be moved to another directory.
    pub fn edits(&self) -> Planned<Vec<Edit>> {
        let mut edits = Vec::new();
        for removal in &self.removals {
            let (directory, name) = split(&removal.path);
            edits.push(Edit::Delete { directory, name });
        }
        edits.extend(renames(&self.actions)?);
        if let Some(time) = self.touch {
            edits.extend(touches(&edits, time));
        }
        Ok(edits)
    }
}

/// The edits that set the change time of every file that got another name, and of every directory that was changed.
fn touches(edits: &[Edit], time: FileTime) -> Vec<Edit> {
    let mut list: Vec<(WinPath, Vec<String>)> = Vec::new();
    for edit in edits {
        let names = edit.names().into_iter().map(|(_, to)| to.to_owned());
        match list
            .iter_mut()
            .find(|(directory, _)| directory.eq_ignore_case(edit.directory()))
        {
            Some((_, all)) => all.extend(names),
            None => list.push((edit.directory().clone(), names.collect())),
        }
    }
    let touch = |(directory, names)| Edit::Touch {
        directory,
        names,
        time,
    };
    list.into_iter().map(touch).collect()
}

/// The edits that make files bear other names. Two files that take each other's name exchange them.
fn renames(actions: &[Action]) -> Planned<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut done = vec![false; actions.len()];
    for (place, action) in actions.iter().enumerate() {
        if done.get(place) == Some(&true) {
            continue;
        }
        let (directory, from) = split(&action.from);
        let (target, to) = split(&action.to);
        if !directory.eq_ignore_case(&target) {
            return Err(Refusal::new(
                Gate::Name,
                format!(
                    "{}: another directory than that of {from}; files are not moved",
                    action.to
                ),
            ));
        }
        let partner = actions
            .iter()
            .enumerate()
            .skip(place.saturating_add(1))
            .find(|(_, other)| other.from == action.to && other.to == action.from);
        match partner {
            Some((partner, _)) => {
                if let Some(done) = done.get_mut(partner) {
                    *done = true;
                }
                edits.push(Edit::Swap {
                    directory,
                    first: from,
                    second: to,
                });
            }
            None if from == to => {}
            None => edits.push(Edit::Rename {
                directory,
                from,
                to,
            }),
        }
    }
    Ok(edits)
}

/// A path as its directory and its name.
fn split(path: &str) -> (WinPath, String) {
    match path.rsplit_once('\\') {
        Some((directory, name)) => (WinPath::new(directory), name.to_owned()),
        None => (WinPath::root(), path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::filesystem::memory::MemoryFileSystem;

    fn action(from: &str, to: &str) -> Action {
        Action {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    #[test]
    fn two_files_that_take_each_others_name_are_one_swap() {
        let found = renames(&[
            action("d\\a", "d\\b"),
            action("d\\c", "d\\e"),
            action("d\\b", "d\\a"),
        ]);
        let directory = WinPath::new("d");
        assert_eq!(
            found.unwrap(),
            [
                Edit::Swap {
                    directory: directory.clone(),
                    first: "a".to_owned(),
                    second: "b".to_owned()
                },
                Edit::Rename {
                    directory,
                    from: "c".to_owned(),
                    to: "e".to_owned()
                }
            ]
        );
    }

    #[test]
    fn a_file_is_not_moved_to_another_directory() {
        assert_eq!(
            renames(&[action("d\\a", "e\\a")]).unwrap_err().gate,
            Gate::Name
        );
    }

    #[test]
    fn what_goes_goes_before_its_name_is_given() {
        let fs = MemoryFileSystem::new().file("d\\b", b"bogus".to_vec());
        let wanted = Wanted {
            removals: vec![Removal::of(&fs, "d\\b").unwrap()],
            actions: vec![action("d\\a", "d\\b")],
            touch: None,
        };
        let edits = wanted.edits().unwrap();
        assert_eq!(edits[0].removed(), Some("b"));
        assert_eq!(edits[1].names(), [("a", "b")]);
    }

    #[test]
    fn a_file_whose_content_has_changed_is_not_the_one_that_was_planned() {
        let before = MemoryFileSystem::new().file("b", b"bogus".to_vec());
        let after = MemoryFileSystem::new().file("b", b"Bogus".to_vec());
        let removal = Removal::of(&before, "b").unwrap();
        assert_eq!(removal.content(&before).unwrap(), b"bogus");
        let refusal = removal.content(&after).unwrap_err();
        assert_eq!(refusal.gate, Gate::ImageChanged);
    }
}
