//! Disks that build on the image: a differencing VHD or a QCOW2 overlay whose parent is written no longer fits it.
//!
//! Only the folder of the image is looked at, and of each file there the headers only; a child that lies elsewhere is not seen.
//! A child of a VHD is told by the identity in its header, for that is what binds it; a QCOW2 overlay knows its parent by
//! path only. A VHDX child has a VHDX parent and a VMDK child a VMDK parent, neither of which is written in place. Sources:
//! "Virtual Hard Disk Image Format Specification" 1.0; docs/interop/qcow2.txt of qemu.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::bytes;
use crate::base::guid::Guid;
use crate::error::{Error, ErrorKind, Result};
use crate::image::container::vhd;
use crate::image::container::vhd::footer::{DiskType, Footer};
use crate::image::container::vhd::header::Header;
use crate::image::device::{BlockDevice, FileDevice, ReadCounter, read_vec};
use crate::image::host::{HostEntryKind, HostKind, HostTree, open_image_file};
use crate::repair::gate::{Gate, Planned, Refusal};

/// Most files of a folder that are looked at.
const FILES_MAX: usize = 10_000;
/// First bytes of a QCOW2 image.
const QCOW_MAGIC: &[u8] = b"QFI\xfb";
/// Longest path of a parent that the format allows.
const QCOW_PARENT_BYTES_MAX: usize = 1023;

/// Refuses an image on which a disk in its folder builds.
///
/// # Errors
/// [`Gate::Container`] with the name of the child and the way out, also where it can't be told whether a disk is a child.
pub(crate) fn check(image: &Path) -> Planned<()> {
    let found = find(image).map_err(|error| {
        refusal(
            image,
            &format!(
                "whether other disks build on it cannot be told: {}",
                error.chain()
            ),
        )
    })?;
    match found {
        None => Ok(()),
        Some(child) => Err(refusal(
            image,
            &format!(
                "{} builds on it, and would no longer fit a parent that was written to",
                child.to_string_lossy()
            ),
        )),
    }
}

fn refusal(image: &Path, what: &str) -> Refusal {
    Refusal::new(
        Gate::Container,
        format!(
            "{}: {what}; write a repaired copy instead (--to NEW), or merge the child or take it out of the folder if it is \
             not needed any more",
            image.to_string_lossy()
        ),
    )
}

/// The first child of an image, in the order of the names in its folder.
///
/// # Errors
/// A folder that can't be listed or has too many files; a disk of which it can't be told what it builds on.
pub(crate) fn find(image: &Path) -> Result<Option<PathBuf>> {
    let opened = open_image_file(image)?;
    if opened.kind != HostKind::Regular {
        // A device has no folder of disks, and on a directory no disk builds.
        return Ok(None);
    }
    let identity = identity(&device(opened.file, opened.len_bytes))?;
    let canonical = image
        .canonicalize()
        .map_err(|error| Error::with_source(ErrorKind::Io, image.to_string_lossy(), error))?;
    // A child may know the image by a link to it.
    let folders: BTreeSet<PathBuf> = [image, &canonical].map(folder_of).into();
    for folder in folders {
        if let Some(name) = find_in(&folder, &canonical, identity)? {
            return Ok(Some(folder.join(name)));
        }
    }
    Ok(None)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn device(file: File, len: u64) -> FileDevice {
    FileDevice::new(file, len, Arc::new(ReadCounter::default()))
}

/// The identity of a VHD; `None` for every other image.
fn identity(image: &FileDevice) -> Result<Option<Guid>> {
    if !(vhd::FORMAT.probe)(image)? {
        return Ok(None);
    }
    let (footer, _) = Footer::read(image)?;
    Ok(Some(footer.unique_id))
}

fn find_in(folder: &Path, image: &Path, identity: Option<Guid>) -> Result<Option<OsString>> {
    let tree = HostTree::open(folder)?;
    let entries = tree
        .list(Path::new(""), FILES_MAX)?
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.kind == HostEntryKind::File);
    for entry in entries {
        let path = folder.join(&entry.name);
        if path == image {
            continue;
        }
        // Gone since the folder was listed: nothing that builds on anything.
        let Some((file, len)) = tree.open_file(Path::new(&entry.name))? else {
            continue;
        };
        let disk = device(file, len);
        let is_child = match identity {
            Some(identity)
                if is_vhd_child(&disk, identity).map_err(|e| e.at(path.display()))? =>
            {
                true
            }
            _ => is_overlay(&disk, folder, image).map_err(|error| error.at(path.display()))?,
        };
        if is_child {
            return Ok(Some(entry.name));
        }
    }
    Ok(None)
}

/// Whether a file is a differencing VHD over the disk of that identity. One whose footer is damaged can't be opened by anyone.
fn is_vhd_child(disk: &FileDevice, identity: Guid) -> Result<bool> {
    if !(vhd::FORMAT.probe)(disk)? {
        return Ok(false);
    }
    let Ok((footer, _)) = Footer::read(disk) else {
        return Ok(false);
    };
    if footer.disk_type != DiskType::Differencing {
        return Ok(false);
    }
    Ok(Header::read(disk, &footer)?.parent.unique_id == identity)
}

/// Whether a file is a QCOW or QCOW2 overlay over the image.
fn is_overlay(disk: &FileDevice, folder: &Path, image: &Path) -> Result<bool> {
    const HEAD: usize = 20;
    if disk.len_bytes() < u64::try_from(HEAD).unwrap_or(u64::MAX) {
        return Ok(false);
    }
    let head = read_vec(disk, 0, HEAD)?;
    if head.get(..QCOW_MAGIC.len()) != Some(QCOW_MAGIC) {
        return Ok(false);
    }
    let offset = bytes::u64_be(&head, 8).unwrap_or(0);
    let len = bytes::u32_be(&head, 16).unwrap_or(0);
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if offset == 0 || len == 0 {
        return Ok(false);
    }
    if len > QCOW_PARENT_BYTES_MAX {
        return Err(Error::corrupt(format!(
            "qcow2 header: the path of its parent should have at most {QCOW_PARENT_BYTES_MAX} bytes, has {len}"
        )));
    }
    let parent = read_vec(disk, offset, len)?;
    Ok(is_named(&String::from_utf8_lossy(&parent), folder, image))
}

/// Whether the text by which an overlay knows its parent means the image: a path, or a description that holds its name.
fn is_named(text: &str, folder: &Path, image: &Path) -> bool {
    let path = text.strip_prefix("file:").unwrap_or(text);
    let named = folder.join(path);
    if named.canonicalize().is_ok_and(|named| named == image) {
        return true;
    }
    let is_description = text.starts_with("json:") || text.contains("://");
    let name = image.file_name().map(|name| name.to_string_lossy());
    is_description && name.is_some_and(|name| text.contains(name.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(parent: &str) -> Vec<u8> {
        let mut head = QCOW_MAGIC.to_vec();
        head.extend(3_u32.to_be_bytes());
        head.extend(104_u64.to_be_bytes());
        head.extend(u32::try_from(parent.len()).unwrap().to_be_bytes());
        head.resize(104, 0);
        head.extend(parent.as_bytes());
        head
    }

    #[test]
    fn an_overlay_is_a_child_of_the_image_that_its_path_means() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("golden.img");
        std::fs::write(&image, [0; 512]).unwrap();
        std::fs::write(folder.path().join("other.img"), [0; 512]).unwrap();
        let absolute = image.to_string_lossy().into_owned();
        for (parent, is_child) in [
            ("golden.img", true),
            ("./golden.img", true),
            (absolute.as_str(), true),
            ("json:{\"file.filename\": \"golden.img\"}", true),
            ("other.img", false),
            ("gone.img", false),
        ] {
            let child = folder.path().join("child.qcow2");
            std::fs::write(&child, overlay(parent)).unwrap();
            let found = find(&image).unwrap();
            assert_eq!(found.is_some(), is_child, "{parent}");
        }
    }

    #[test]
    fn an_overlay_whose_parent_cannot_be_told_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("golden.img");
        std::fs::write(&image, [0; 512]).unwrap();
        let mut long = overlay("golden.img");
        long[16..20].copy_from_slice(&5000_u32.to_be_bytes());
        std::fs::write(folder.path().join("child.qcow2"), long).unwrap();
        assert_eq!(check(&image).unwrap_err().gate, Gate::Container);
    }
}
