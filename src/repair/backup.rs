//! The copy of a file before it goes: a new file of the host, for its owner only, safe on the disk before anything is removed.
//!
//! Its name says where it came from: the image, the installation and the name of the file. One that is there already is
//! never overwritten; where it holds exactly the same content, of a run that did not come to its end, it serves.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::error::{Error, ErrorKind, Result};
use crate::image::filesystem::FileSystem;
use crate::repair::files::write_new;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::digest;
use crate::repair::trust;
use crate::repair::wanted::Removal;

/// Largest copy that is read back.
const COPY_BYTES_MAX: u64 = 64 << 20;

/// Where the content of each file goes: `IMAGE.installation-N.NAME` in `folder`.
///
/// # Errors
/// [`Gate::NotThere`] where `folder` is no directory, [`Gate::Name`] where it lies in the tree that is repaired.
pub fn places(
    removals: &[Removal],
    folder: &Path,
    image: &Path,
    installation: usize,
) -> Planned<Vec<PathBuf>> {
    let shown = folder.to_string_lossy();
    let resolved = folder
        .canonicalize()
        .map_err(|error| Refusal::new(Gate::NotThere, format!("--backup-dir {shown}: {error}")))?;
    if !resolved.is_dir() {
        return Err(Refusal::new(
            Gate::NotThere,
            format!("--backup-dir {shown}: is no directory"),
        ));
    }
    let image = image.canonicalize().unwrap_or_else(|_| image.to_owned());
    if image.is_dir() && resolved.starts_with(&image) {
        return Err(Refusal::new(
            Gate::Name,
            format!(
                "--backup-dir {shown}: lies in the tree that is repaired; name a directory outside of it"
            ),
        ));
    }
    let stem = image.file_name().unwrap_or_default().to_string_lossy();
    let place = |removal: &Removal| {
        // A name of an image may hold what no name of a file of the host may.
        let name = removal.name().replace(['/', '\0'], "_");
        folder.join(format!("{stem}.installation-{installation}.{name}"))
    };
    let places: Vec<PathBuf> = removals.iter().map(place).collect();
    for (at, place) in places.iter().enumerate() {
        if places
            .iter()
            .skip(at.saturating_add(1))
            .any(|other| other == place)
        {
            return Err(Refusal::new(
                Gate::Name,
                format!(
                    "{}: would be the copy of two files",
                    place.to_string_lossy()
                ),
            ));
        }
    }
    Ok(places)
}

/// Copies the content of a file out; when it returns, the copy is safe and was read back.
///
/// # Errors
/// A file that changed since the plan, a copy that can't be written, another file in its place.
pub fn write(filesystem: &dyn FileSystem, removal: &Removal, place: &Path) -> Planned<()> {
    let content = removal.content(filesystem)?;
    if fs::symlink_metadata(place).is_ok() {
        check_old(removal, place)?;
    } else {
        write_new(place, &content)?;
    }
    match read(place)? {
        Some(copy) if digest(std::iter::once(copy.as_slice())) == removal.sha256 => Ok(()),
        _ => Err(Refusal::new(
            Gate::Unreadable,
            format!(
                "{}: the copy does not hold what was written to it",
                place.to_string_lossy()
            ),
        )),
    }
}

/// A copy of an earlier run: the same content, for its owner only, made safe once more.
fn check_old(removal: &Removal, place: &Path) -> Planned<()> {
    let shown = place.to_string_lossy();
    let refuse = |what: &str| {
        Err(Refusal::new(
            Gate::NameTaken,
            format!("{shown}: {what}, and is never overwritten; name another --backup-dir"),
        ))
    };
    let Some(copy) = read(place)? else {
        return refuse("is there already and is no plain file");
    };
    if digest(std::iter::once(copy.as_slice())) != removal.sha256 {
        return refuse("is there already with another content");
    }
    let metadata = fs::symlink_metadata(place).map_err(|error| failed(place, error))?;
    if metadata.permissions().mode() & 0o077 != 0 || metadata.nlink() != 1 {
        return refuse("is there already and not for its owner only");
    }
    let file = File::open(place).map_err(|error| failed(place, error))?;
    file.sync_all().map_err(|error| failed(place, error))?;
    Ok(())
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::with_source(ErrorKind::Io, path.to_string_lossy(), error)
}

/// Whether the content of a file was copied to this place, whole.
pub fn is_copy(removal: &Removal, place: &Path) -> bool {
    let copy = read(place).ok().flatten();
    copy.is_some_and(|copy| digest(std::iter::once(copy.as_slice())) == removal.sha256)
}

/// As [`read`], of a file that nobody but this user can have written.
pub(crate) fn read_own(path: &Path) -> Result<Option<Vec<u8>>> {
    read_if(path, trust::check)
}

/// The content of a plain file; `None` where there is none, or something else.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    read_if(path, |_, _| Ok(()))
}

fn read_if(path: &Path, allowed: impl Fn(&File, &Path) -> Result<()>) -> Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => return Ok(None),
        Err(errno) => return Err(failed(path, errno.into())),
    };
    let file = File::from(fd);
    let metadata = file.metadata().map_err(|error| failed(path, error))?;
    if !metadata.is_file() || metadata.len() > COPY_BYTES_MAX {
        return Ok(None);
    }
    allowed(&file, path)?;
    let mut content = Vec::new();
    file.take(COPY_BYTES_MAX)
        .read_to_end(&mut content)
        .map_err(|error| failed(path, error))?;
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::filesystem::memory::MemoryFileSystem;

    fn removal() -> (MemoryFileSystem, Removal) {
        let fs = MemoryFileSystem::new().file("keys\\c23", b"a key".to_vec());
        let removal = Removal::of(&fs, "keys\\c23").unwrap();
        (fs, removal)
    }

    #[test]
    fn a_copy_is_for_its_owner_only_and_named_after_image_and_file() {
        let folder = tempfile::tempdir().unwrap();
        let (fs, removal) = removal();
        let places = places(
            std::slice::from_ref(&removal),
            folder.path(),
            Path::new("golden.vhd"),
            1,
        )
        .unwrap();
        assert_eq!(
            places[0].file_name().unwrap(),
            "golden.vhd.installation-1.c23"
        );
        write(&fs, &removal, &places[0]).unwrap();
        assert_eq!(fs::read(&places[0]).unwrap(), b"a key");
        let mode = fs::metadata(&places[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_copy_that_is_there_serves_where_it_is_the_same_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (fs, removal) = removal();
        let place = folder.path().join("copy");
        write(&fs, &removal, &place).unwrap();
        write(&fs, &removal, &place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(
            write(&fs, &removal, &place).unwrap_err().gate,
            Gate::NameTaken
        );
        fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&place, "of another").unwrap();
        assert_eq!(
            write(&fs, &removal, &place).unwrap_err().gate,
            Gate::NameTaken
        );
        assert_eq!(fs::read(&place).unwrap(), b"of another");
    }

    #[test]
    fn a_link_in_the_place_of_a_copy_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (fs, removal) = removal();
        let (place, target) = (folder.path().join("copy"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &place).unwrap();
        assert_eq!(
            write(&fs, &removal, &place).unwrap_err().gate,
            Gate::NameTaken
        );
        assert!(!target.exists());
    }

    #[test]
    fn copies_do_not_go_into_the_tree_that_is_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (_, removal) = removal();
        let refusal = places(&[removal], &inner, folder.path(), 0).unwrap_err();
        assert_eq!(refusal.gate, Gate::Name);
    }
}
