//! New names in a directory of the host: a mounted volume, or a Windows tree that was copied.
//!
//! Each change is one call that the host makes whole or not at all: renameat2 with NOREPLACE for a new name, with EXCHANGE for a
//! swap. A file system that has no exchange (ntfs-3g and other drivers over FUSE) is refused with the way out: unmounted, its
//! volume is repaired as an image. Which file is which is told by the SHA-256 of its content. Specification: rename(2).

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::base::win_path::{WinPath, eq_name};
use crate::error::{Error, ErrorKind, Result};
use crate::image::filesystem::FileSystem;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::digest;
use crate::repair::ntfs::{Edit, check_name};
use crate::repair::removed::Removed;
use crate::repair::write::Extent;

/// Largest file whose content is compared; key files have a few kilobytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A change of names in one directory of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The directory, as an absolute path.
    pub directory: PathBuf,
    /// The name of the file.
    pub from: String,
    /// The name that it gets.
    pub to: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of the file that has the other name, if the two exchange names.
    pub exchanged_with: Option<String>,
    /// The file that has the other name, if it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
}

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not begun.
    Old,
    /// The names are exchanged, and the file that goes is still there.
    Exchanged,
    /// Made.
    New,
}

/// Plans the edits in a directory of the host.
///
/// # Errors
/// A refusal at one of the gates.
pub(crate) fn plan(filesystem: &dyn FileSystem, edits: &[Edit]) -> Planned<Vec<Move>> {
    let mut moves: Vec<Move> = Vec::new();
    let mut going: Vec<(&WinPath, &str)> = Vec::new();
    for edit in edits {
        let (from, to) = match edit {
            Edit::Rename { from, to, .. } => (from, to),
            Edit::Swap { first, second, .. } => (first, second),
            Edit::Delete { directory, name } => {
                going.push((directory, name));
                continue;
            }
            Edit::Touch { .. } => {
                return Err(Refusal::new(
                    Gate::FileSystem,
                    "in a directory of the host the change time is set by the host itself; leave out --touch",
                ));
            }
        };
        check_name(from, to)?;
        let directory = host_directory(filesystem, edit.directory())?;
        let is_touched = moves.iter().any(|other| {
            other.directory == directory
                && [&other.from, &other.to]
                    .iter()
                    .any(|name| [from, to].contains(name))
        });
        if is_touched {
            return Err(Refusal::new(
                Gate::Name,
                format!(
                    "{from}: gets more than one new name; in a directory each file gets one at a time"
                ),
            ));
        }
        let opened = open_directory(&directory)?;
        let sha256 = content(&opened, from)?.ok_or_else(|| not_there(from))?;
        let gone = going
            .iter()
            .position(|(folder, name)| *folder == edit.directory() && *name == to);
        let (exchanged_with, removed) = match (edit, gone) {
            (Edit::Swap { .. }, _) => (
                Some(content(&opened, to)?.ok_or_else(|| not_there(to))?),
                None,
            ),
            (_, Some(gone)) => {
                let (folder, name) = going.swap_remove(gone);
                let sha256 = content(&opened, name)?.ok_or_else(|| not_there(name))?;
                check_free(filesystem, edit.directory(), &[from, name], to)?;
                let path = folder.child(name).to_string();
                (None, Some(Removed::plan(&opened.file, name, path, sha256)?))
            }
            _ => {
                check_free(filesystem, edit.directory(), &[from], to)?;
                (None, None)
            }
        };
        let other = removed.as_ref().map(|removed| &removed.sha256);
        if other.or(exchanged_with.as_ref()) == Some(&sha256) {
            return Err(Refusal::new(
                Gate::Name,
                format!(
                    "{from} and {to} have the same content; exchanging their names would change nothing"
                ),
            ));
        }
        moves.push(Move {
            directory,
            from: from.clone(),
            to: to.clone(),
            sha256,
            exchanged_with,
            removed,
        });
    }
    if let Some((folder, name)) = going.first() {
        return Err(Refusal::new(
            Gate::FileSystem,
            format!(
                "{}: in a directory of the host only a file is removed whose name another one gets",
                folder.child(name)
            ),
        ));
    }
    Ok(moves)
}

fn not_there(name: &str) -> Refusal {
    Refusal::new(
        Gate::NotThere,
        format!("{name}: not there under exactly this name"),
    )
}

/// The directory of the host that a path of the tree stands for.
fn host_directory(filesystem: &dyn FileSystem, path: &WinPath) -> Planned<PathBuf> {
    let host = filesystem.host_path(path)?.ok_or_else(|| {
        Refusal::new(
            Gate::FileSystem,
            format!("{path}: no directory of the host stands for it"),
        )
    })?;
    host.canonicalize().map_err(|error| {
        Refusal::new(
            Gate::Unreadable,
            format!("{}: {error}", host.to_string_lossy()),
        )
    })
}

/// No file but those of the change may have the name, in any case.
fn check_free(
    filesystem: &dyn FileSystem,
    directory: &WinPath,
    own: &[&str],
    to: &str,
) -> Planned<()> {
    let entries = filesystem.read_dir(directory)?.unwrap_or_default();
    match entries
        .iter()
        .find(|entry| !own.contains(&entry.name.as_str()) && eq_name(&entry.name, to))
    {
        None => Ok(()),
        Some(taken) => Err(Refusal::new(
            Gate::NameTaken,
            format!(
                "{to}: is the name of another file ({}), and nothing is replaced",
                taken.name
            ),
        )),
    }
}

fn io_error(directory: &Path, what: &str, errno: Errno) -> Error {
    Error::with_source(
        ErrorKind::Io,
        format!("{}: {what}", directory.to_string_lossy()),
        std::io::Error::from(errno),
    )
}

/// A directory by its own path, which was resolved before.
struct Opened {
    file: File,
    path: PathBuf,
}

fn open_directory(path: &Path) -> Result<Opened> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS;
    let fd = rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), resolve)
        .map_err(|errno| io_error(path, "directory", errno))?;
    Ok(Opened {
        file: File::from(fd),
        path: path.to_owned(),
    })
}

/// The SHA-256 of a file; `None` if nothing has that name. Nothing but a regular file is followed or read.
fn content(directory: &Opened, name: &str) -> Result<Option<String>> {
    let fail = |errno| io_error(&directory.path, name, errno);
    let stat = match rustix::fs::statat(&directory.file, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(fail(errno)),
    };
    let len = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || len > FILE_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::PreconditionFailed,
            format!("{name}: no regular file of at most {FILE_BYTES_MAX} bytes"),
        ));
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = rustix::fs::openat(&directory.file, name, flags, Mode::empty()).map_err(fail)?;
    let mut bytes = Vec::new();
    File::from(fd)
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::with_source(ErrorKind::Io, name.to_owned(), error))?;
    Ok(Some(digest(std::iter::once(bytes.as_slice()))))
}

/// Refuses changes outside the tree at `root`: what a journal names is not trusted. That no link on the way leads out is
/// seen to where a directory is opened.
///
/// # Errors
/// A root that is no directory, a directory that does not lie in it.
pub(crate) fn confine(moves: &[Move], root: &Path) -> Result<()> {
    let root = root
        .canonicalize()
        .map_err(|error| Error::with_source(ErrorKind::Io, root.to_string_lossy(), error))?;
    let is_inside = |path: &Path| {
        path.starts_with(&root) && !path.components().any(|part| part == Component::ParentDir)
    };
    match moves.iter().find(|change| !is_inside(&change.directory)) {
        None if root.is_dir() => Ok(()),
        _ => Err(Error::new(
            ErrorKind::PreconditionFailed,
            format!(
                "the journal names directories that do not lie in {}; nothing in them was read or changed",
                root.to_string_lossy()
            ),
        )),
    }
}

/// How much of a change of names is done.
///
/// # Errors
/// A name that is missing or has a content of neither side: something else has changed the directory.
pub(crate) fn extent(moves: &[Move]) -> Result<Extent> {
    let (mut old, mut new) = (0_usize, 0_usize);
    for change in moves {
        match phase(change)? {
            Phase::Old => old = old.saturating_add(1),
            Phase::New => new = new.saturating_add(1),
            Phase::Exchanged => {}
        }
    }
    Ok(if old == moves.len() {
        Extent::Old
    } else if new == moves.len() {
        Extent::New
    } else {
        Extent::Mixed
    })
}

fn phase(change: &Move) -> Result<Phase> {
    let directory = open_directory(&change.directory)?;
    let at_from = content(&directory, &change.from)?;
    let at_to = content(&directory, &change.to)?;
    let own = Some(&change.sha256);
    let removed = change.removed.as_ref().map(|removed| &removed.sha256);
    let other = removed.or(change.exchanged_with.as_ref());
    let (at_from, at_to) = (at_from.as_ref(), at_to.as_ref());
    if at_from == own && at_to == other {
        return Ok(Phase::Old);
    }
    if at_to == own && removed.is_some() && at_from.is_none() {
        return Ok(Phase::New);
    }
    if at_to == own && at_from == other {
        return Ok(if removed.is_some() {
            Phase::Exchanged
        } else {
            Phase::New
        });
    }
    Err(Error::new(
        ErrorKind::PreconditionFailed,
        format!(
            "{}: {} and {} are not the files that the plan was made for: something else changed them",
            directory.path.to_string_lossy(),
            change.from,
            change.to
        ),
    ))
}

/// Makes every change that is not made yet, or takes back every one that is.
pub(crate) fn put(moves: &[Move], forward: bool) -> Result<()> {
    let wanted = if forward { Phase::New } else { Phase::Old };
    if !forward {
        // What can't be brought back stops the way back before it has begun.
        for change in moves {
            if let (Some(removed), Phase::New) = (&change.removed, phase(change)?) {
                removed.content()?;
            }
        }
    }
    for change in moves {
        let mut phase = self::phase(change)?;
        while phase != wanted {
            let directory = open_directory(&change.directory)?;
            step(&directory, change, phase, forward)?;
            directory.file.sync_all().map_err(|error| {
                Error::with_source(
                    ErrorKind::Io,
                    format!("{}: sync of its directory", change.from),
                    error,
                )
            })?;
            let reached = self::phase(change)?;
            if reached == phase {
                return Err(Error::new(
                    ErrorKind::Io,
                    format!("{}: has not got its new name", change.from),
                ));
            }
            phase = reached;
        }
    }
    Ok(())
}

/// One step of a change on its way from `phase`.
fn step(directory: &Opened, change: &Move, phase: Phase, forward: bool) -> Result<()> {
    match (&change.removed, phase, forward) {
        (Some(_), Phase::Exchanged, true) => {
            rustix::fs::unlinkat(&directory.file, &change.from, AtFlags::empty())
                .map_err(|errno| io_error(&directory.path, &change.from, errno))
        }
        (Some(removed), Phase::New, false) => removed
            .restore(&directory.file, &change.from)
            .map_err(|error| error.at(directory.path.display())),
        _ => rename(directory, change, forward),
    }
}

/// Gives a file its new name, or its old one; where two files are concerned they exchange names.
fn rename(directory: &Opened, change: &Move, forward: bool) -> Result<()> {
    let (from, to) = if forward {
        (&change.from, &change.to)
    } else {
        (&change.to, &change.from)
    };
    let flags = if change.exchanged_with.is_some() || change.removed.is_some() {
        RenameFlags::EXCHANGE
    } else {
        RenameFlags::NOREPLACE
    };
    match rustix::fs::renameat_with(&directory.file, from, &directory.file, to, flags) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS) => Err(Error::unsupported(format!(
            "{}: its file system has no rename that exchanges or never replaces; unmount it and name its volume or \
             device instead",
            directory.path.to_string_lossy()
        ))),
        Err(errno) => Err(io_error(&directory.path, from, errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "of a").unwrap();
        std::fs::write(folder.path().join("b"), "of b").unwrap();
        folder
    }

    fn change(folder: &Path, from: &str, to: &str) -> Move {
        let opened = open_directory(folder).unwrap();
        Move {
            directory: folder.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            sha256: content(&opened, from).unwrap().unwrap(),
            exchanged_with: content(&opened, to).unwrap(),
            removed: None,
        }
    }

    /// The change that gives `a` the name `b` and removes the file that has it.
    fn removal(folder: &Path) -> Move {
        let opened = open_directory(folder).unwrap();
        let sha256 = content(&opened, "b").unwrap().unwrap();
        let mut removed = Removed::plan(&opened.file, "b", "d\\b".to_owned(), sha256).unwrap();
        removed.backup = folder.join("copy");
        std::fs::write(&removed.backup, "of b").unwrap();
        Move {
            exchanged_with: None,
            removed: Some(removed),
            ..change(folder, "a", "b")
        }
    }

    fn read(folder: &Path, name: &str) -> Option<String> {
        std::fs::read_to_string(folder.join(name)).ok()
    }

    #[test]
    fn names_are_exchanged_and_given_back() {
        let folder = folder();
        let moves = [change(folder.path(), "a", "b")];
        for _ in 0..2 {
            put(&moves, true).unwrap();
            assert_eq!(extent(&moves).unwrap(), Extent::New);
            assert_eq!(read(folder.path(), "a").as_deref(), Some("of b"));
        }
        for _ in 0..2 {
            put(&moves, false).unwrap();
            assert_eq!(extent(&moves).unwrap(), Extent::Old);
            assert_eq!(read(folder.path(), "a").as_deref(), Some("of a"));
        }
    }

    #[test]
    fn a_removed_file_comes_back_with_its_content_mode_and_time_from_every_state() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let place = folder.path().join("b");
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o640)).unwrap();
        let before = std::fs::metadata(&place).unwrap();
        let moves = [removal(folder.path())];
        for _ in 0..2 {
            put(&moves, true).unwrap();
            assert_eq!(extent(&moves).unwrap(), Extent::New);
            assert_eq!(read(folder.path(), "a"), None);
            assert_eq!(read(folder.path(), "b").as_deref(), Some("of a"));
        }
        put(&moves, false).unwrap();
        let opened = open_directory(folder.path()).unwrap();
        step(&opened, &moves[0], Phase::Old, true).unwrap();
        assert_eq!(extent(&moves).unwrap(), Extent::Mixed);
        put(&moves, false).unwrap();
        assert_eq!(extent(&moves).unwrap(), Extent::Old);
        let after = std::fs::metadata(&place).unwrap();
        assert_eq!(read(folder.path(), "b").as_deref(), Some("of b"));
        assert_eq!(after.permissions(), before.permissions());
        assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    }

    #[test]
    fn a_copy_that_has_changed_brings_nothing_back() {
        let folder = folder();
        let moves = [removal(folder.path())];
        put(&moves, true).unwrap();
        std::fs::write(folder.path().join("copy"), "of another").unwrap();
        assert!(put(&moves, false).is_err());
        assert_eq!(extent(&moves).unwrap(), Extent::New);
        assert_eq!(read(folder.path(), "a"), None);
    }

    #[test]
    fn a_file_with_a_second_name_is_not_removed() {
        let folder = folder();
        std::fs::hard_link(folder.path().join("b"), folder.path().join("c")).unwrap();
        let opened = open_directory(folder.path()).unwrap();
        let refusal = Removed::plan(&opened.file, "b", String::new(), String::new()).unwrap_err();
        assert_eq!(refusal.gate, Gate::HardLinks);
    }

    #[test]
    fn a_name_that_is_taken_since_is_not_replaced() {
        let folder = folder();
        let moves = [change(folder.path(), "a", "c")];
        std::fs::write(folder.path().join("c"), "of another").unwrap();
        assert!(put(&moves, true).is_err());
        assert_eq!(read(folder.path(), "c").as_deref(), Some("of another"));
        assert_eq!(read(folder.path(), "a").as_deref(), Some("of a"));
    }

    #[test]
    fn a_directory_outside_the_tree_is_not_touched() {
        let folder = folder();
        let tree = folder.path().canonicalize().unwrap().join("tree");
        let inner = tree.join("inner");
        std::fs::create_dir_all(&inner).unwrap();
        let mut moves = [change(folder.path(), "a", "c")];
        for (directory, is_inside) in [
            (inner.clone(), true),
            (tree.clone(), true),
            (folder.path().to_owned(), false),
            (tree.join(".."), false),
            (PathBuf::from("inner"), false),
        ] {
            moves[0].directory.clone_from(&directory);
            assert_eq!(confine(&moves, &tree).is_ok(), is_inside, "{directory:?}");
        }
        moves[0].directory = inner;
        assert!(confine(&moves, &folder.path().join("a")).is_err());
    }

    #[test]
    fn a_link_on_the_way_to_a_directory_is_not_followed() {
        let folder = folder();
        let link = folder.path().join("link");
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::fs::create_dir(folder.path().join("real/inner")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real"), &link).unwrap();
        assert!(open_directory(&link.join("inner")).is_err());
    }

    #[test]
    fn half_of_several_changes_is_told_and_taken_back() {
        let folder = folder();
        let moves = [
            change(folder.path(), "a", "c"),
            change(folder.path(), "b", "d"),
        ];
        put(&moves[..1], true).unwrap();
        assert_eq!(extent(&moves).unwrap(), Extent::Mixed);
        put(&moves, false).unwrap();
        assert_eq!(extent(&moves).unwrap(), Extent::Old);
    }
}
