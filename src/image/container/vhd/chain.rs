//! Opens a VHD and, for a differencing disk, the parents it stands on.
//!
//! A parent is a file that the image names, so it is opened only beside the child unless the user allowed more, and it is
//! taken only if its identity is the one that the child remembers. The time that the child remembers of its parent is no
//! ground to refuse: writers disagree on which time of the parent it is, and a copied file has another one. A difference
//! is noted.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::image::BackingFiles;
use crate::image::container::vhd::blocks::{BlockDisk, BlockMap};
use crate::image::container::vhd::footer::{DiskType, Footer};
use crate::image::container::vhd::header::{Header, ParentNames};
use crate::image::container::{Context, Opened};
use crate::image::device::{Device, FileDevice, SliceDevice};
use crate::image::host::{HostKind, HostTree, is_plain_name, open_image_file, path_text};

/// One file of the chain, the child first.
struct Link {
    footer: Footer,
    device: Device,
    header: Option<Header>,
}

/// A parent that was found.
struct Parent {
    device: Device,
    path: PathBuf,
}

/// Opens the disk, with all parents.
pub(super) fn open(device: &Device, context: &Context) -> Result<Opened> {
    let mut notes = Vec::new();
    let mut chain = vec![read_link(Arc::clone(device), "", &mut notes)?];
    let layer = chain
        .first()
        .map_or("vhd", |link| link.footer.disk_type.layer());
    let mut path = context.path.clone();
    while let Some(names) = parent_of(chain.last()) {
        if chain.len() > context.limits.parent_chain_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "vhd chain: more than {} parents",
                    context.limits.parent_chain_max
                ),
            ));
        }
        if chain
            .iter()
            .any(|link| link.footer.unique_id == names.unique_id)
        {
            return Err(Error::corrupt(format!(
                "vhd chain: the disk {} is its own parent",
                names.unique_id
            )));
        }
        let parent = find_parent(path.as_deref(), &names, context)?;
        let text = path_text(&parent.path);
        let link = read_link(parent.device, &text, &mut notes).map_err(|error| error.at(&text))?;
        if names.time_stamp != 0 && link.footer.time_stamp != names.time_stamp {
            notes.push(format!(
                "{text}: the time in its footer is not the one that its child remembers; if the parent was written to \
                 after the child was made, what is read is wrong"
            ));
        }
        path = Some(parent.path);
        chain.push(link);
    }
    Ok(Opened {
        is_saved: chain.iter().any(|link| link.footer.saved_state),
        device: stack(chain)?,
        layer: layer.to_owned(),
        step: "vhd",
        notes,
    })
}

fn read_link(device: Device, name: &str, notes: &mut Vec<String>) -> Result<Link> {
    let (footer, note) = Footer::read(device.as_ref())?;
    let prefix = if name.is_empty() {
        String::new()
    } else {
        format!("{name}: ")
    };
    notes.extend(note.map(|note| format!("{prefix}{note}")));
    if footer.saved_state {
        notes.push(format!(
            "{prefix}the virtual machine of this disk was saved and not shut down; what it held in memory is not on the disk"
        ));
    }
    let header = match footer.disk_type {
        DiskType::Fixed => None,
        DiskType::Dynamic | DiskType::Differencing => Some(Header::read(device.as_ref(), &footer)?),
    };
    Ok(Link {
        footer,
        device,
        header,
    })
}

fn parent_of(link: Option<&Link>) -> Option<ParentNames> {
    let link = link?;
    match link.footer.disk_type {
        DiskType::Differencing => link.header.as_ref().map(|header| header.parent.clone()),
        DiskType::Fixed | DiskType::Dynamic => None,
    }
}

/// Builds the disk from the last parent up.
fn stack(chain: Vec<Link>) -> Result<Device> {
    let mut below: Option<Device> = None;
    for link in chain.into_iter().rev() {
        let size = link.footer.current_size;
        let disk: Device = match &link.header {
            None => Arc::new(SliceDevice::new(link.device, 0, size).map_err(|_| {
                Error::corrupt(format!(
                    "fixed vhd: its footer says {size} bytes, the file holds fewer"
                ))
            })?),
            Some(header) => {
                let map = BlockMap::read(link.device, &link.footer, header)?;
                Arc::new(BlockDisk::new(map, below.take()))
            }
        };
        below = Some(disk);
    }
    below.ok_or_else(|| Error::corrupt("vhd chain: empty"))
}

/// The parent of the file at `child`, opened.
fn find_parent(child: Option<&Path>, names: &ParentNames, context: &Context) -> Result<Parent> {
    let listed = names
        .paths
        .first()
        .map_or_else(|| "no file".to_owned(), |path| format!("{path:?}"));
    let what = format!(
        "the differencing vhd needs its parent {listed} ({})",
        names.unique_id
    );
    let Some(directory) = child.map(directory_of) else {
        return Err(Error::unsupported(format!(
            "{what}, and the image is no file of a directory"
        )));
    };
    let mut refused = None;
    for text in &names.paths {
        for candidate in candidates(text, context.backing_files) {
            let Some(parent) = open_candidate(&directory, &candidate, context)? else {
                continue;
            };
            match Footer::read(parent.device.as_ref()) {
                Ok((footer, _)) if footer.unique_id == names.unique_id => return Ok(parent),
                Ok((footer, _)) => {
                    refused = Some(format!(
                        "{} is another disk ({})",
                        path_text(&parent.path),
                        footer.unique_id
                    ));
                }
                Err(error) => refused = Some(format!("{}: {error}", path_text(&parent.path))),
            }
        }
    }
    let (kind, why) = match refused {
        Some(refused) => (ErrorKind::PreconditionFailed, refused),
        None => (
            ErrorKind::NotFound,
            format!(
                "which is not in {}; put it there, or allow other places with --allow-backing-anywhere",
                path_text(&directory)
            ),
        ),
    };
    Err(Error::new(kind, format!("{what}: {why}")))
}

fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The host paths that a Windows path may stand for: its last part beside the child and, where that is allowed, all of it.
fn candidates(text: &str, backing: BackingFiles) -> Vec<PathBuf> {
    let mut list = Vec::new();
    if let Some(name) = text.rsplit(['\\', '/']).next()
        && is_plain_name(name.as_ref())
    {
        list.push(PathBuf::from(name));
    }
    if backing == BackingFiles::Anywhere {
        list.push(PathBuf::from(text.replace('\\', "/")));
    }
    list
}

fn open_candidate(directory: &Path, candidate: &Path, context: &Context) -> Result<Option<Parent>> {
    let beside = candidate.components().count() == 1;
    if beside && context.backing_files == BackingFiles::SameDirectory {
        let tree = HostTree::open(directory)?;
        let Some(name) = name_ignoring_case(&tree, candidate, context)? else {
            return Ok(None);
        };
        let found = tree.open_file(&name)?;
        return Ok(found.map(|(file, len)| parent(file, len, directory.join(name), context)));
    }
    let path = directory.join(candidate);
    match open_image_file(&path) {
        Ok(opened) if opened.kind != HostKind::Directory => {
            Ok(Some(parent(opened.file, opened.len_bytes, path, context)))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parent(file: File, len: u64, path: PathBuf, context: &Context) -> Parent {
    let counter = Arc::clone(&context.counter);
    Parent {
        device: Arc::new(FileDevice::of_image(file, len, counter)),
        path,
    }
}

/// The name in the directory that is `wanted`, exactly or but for its case.
fn name_ignoring_case(
    tree: &HostTree,
    wanted: &Path,
    context: &Context,
) -> Result<Option<PathBuf>> {
    if tree.is_link(wanted)? || tree.entry(wanted)?.is_some() {
        return Ok(Some(wanted.to_owned()));
    }
    let wanted = wanted.to_string_lossy();
    let entries = tree
        .list(Path::new(""), context.limits.directory_entries_max)?
        .unwrap_or_default();
    let mut same = entries.into_iter().filter(|entry| {
        entry
            .name
            .to_str()
            .is_some_and(|name| crate::base::win_path::eq_name(name, &wanted))
    });
    match (same.next(), same.next()) {
        (Some(single), None) => Ok(Some(PathBuf::from(single.name))),
        (Some(first), Some(second)) => Err(Error::unsupported(format!(
            "{}: {} and {} differ in case only, and the parent could be either",
            path_text(tree.path()),
            first.name.to_string_lossy(),
            second.name.to_string_lossy()
        ))),
        _ => Ok(None),
    }
}
