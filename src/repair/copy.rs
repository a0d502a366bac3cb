//! A repaired copy of an image: written under a temporary name, checked, and only then given its own.
//!
//! The copy has the format of the image where every changed sector has a place in its file, and is a raw disk otherwise (a
//! split image, a differencing VHD). Stretches of zeros are left out, so a sparse image stays sparse.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, Device, FileDevice, ReadCounter};
use crate::image::host::open_image_file;
use crate::image::overlay::{OverlayDevice, Patch};
use crate::image::{Image, Installation};
use crate::repair::files::{rename_new, sync_directory};
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::in_place::{self, Run};
use crate::repair::lock::{self, Lock};
use crate::repair::plan::RepairPlan;

/// Bytes that are copied at once.
const CHUNK: usize = 1 << 20;

/// A copy under its temporary name; it goes away with this value unless it is kept.
#[derive(Debug)]
pub struct Copy {
    temporary: PathBuf,
    target: PathBuf,
    /// The layer of the copy: `file` for a raw disk, or that of the image.
    pub layer: String,
    is_kept: bool,
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.is_kept {
            // It is ours, under a name that nobody else uses; where it can't be removed nobody is helped by an error.
            let _ = rustix::fs::unlink(&self.temporary);
        }
    }
}

/// Writes a repaired copy of the image at `path` for `target`, under a temporary name beside it.
///
/// # Errors
/// A target that is there already; what the host refuses. Then nothing is left behind.
pub fn write(
    image: &Image,
    path: &Path,
    installation: &Installation,
    plan: &RepairPlan,
    target: &Path,
    run: &Run,
) -> Planned<Copy> {
    if rustix::fs::lstat(target).is_ok() {
        return Err(Refusal::new(
            Gate::NameTaken,
            format!(
                "{}: is there already, and is never overwritten",
                target.to_string_lossy()
            ),
        ));
    }
    // Held until the copy is whole: who writes to the image meanwhile would leave a copy of neither state.
    let locked = open_image_file(path)?;
    lock::take(&locked.file, path, Lock::Shared)?;
    let (source, layer) = source(image, path, installation, plan, run)?;
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".goldseal-{}", run.id));
    let temporary = PathBuf::from(name);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    // An image holds the secrets of a machine; who else may read the copy is for its owner to say.
    let mode = Mode::RUSR | Mode::WUSR;
    let fd = rustix::fs::open(&temporary, flags, mode)
        .map_err(|errno| failed(&temporary, "new file", errno.into()))?;
    let copy = Copy {
        temporary,
        target: target.to_owned(),
        layer,
        is_kept: false,
    };
    let file = File::from(fd);
    // Whatever the mask of the process and the default list of the folder say.
    rustix::fs::fchmod(&file, mode)
        .map_err(|errno| failed(&copy.temporary, "mode", errno.into()))?;
    fill(&file, source.as_ref()).map_err(|error| error.at(target.to_string_lossy()))?;
    drop(locked);
    Ok(copy)
}

impl Copy {
    /// Where the copy is until it is kept, for its check.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Gives the copy its name; never replaces.
    ///
    /// # Errors
    /// What the host refuses; then the copy is removed. [`Gate::Failed`] where the copy has its name and only the folder could
    /// not be synced.
    pub fn keep(mut self) -> Planned<()> {
        rename_new(&self.temporary, &self.target)?;
        self.is_kept = true;
        sync_directory(&self.target).map_err(|error| {
            Refusal::new(
                Gate::Failed,
                format!(
                    "the repaired copy is whole, checked and named {}; whether its name outlives a crash is not known: {}",
                    self.target.to_string_lossy(),
                    error.chain()
                ),
            )
        })
    }
}

fn failed(path: &Path, what: &str, error: std::io::Error) -> Error {
    Error::with_source(
        ErrorKind::Io,
        format!("{}: {what}", path.to_string_lossy()),
        error,
    )
}

/// The bytes of the copy, and its layer: those of the file of the image, or of the disk in it where a changed sector has no place
/// in the file. Every other refusal is one of the copy too.
fn source(
    image: &Image,
    path: &Path,
    installation: &Installation,
    plan: &RepairPlan,
    run: &Run,
) -> Planned<(Device, String)> {
    let in_file = match in_place::placed(image, installation, plan, run) {
        Ok(journal) => Some(journal),
        Err(refusal) if refusal.gate == Gate::Container => None,
        Err(refusal) => return Err(refusal),
    };
    if let Some(journal) = in_file {
        let opened = open_image_file(path)?;
        let file: Device = Arc::new(FileDevice::new(
            opened.file,
            opened.len_bytes,
            Arc::new(ReadCounter::default()),
        ));
        let patches: Vec<Patch> = journal
            .entries
            .into_iter()
            .map(|entry| Patch {
                offset: entry.file_offset,
                before: entry.before,
                after: entry.after,
            })
            .collect();
        let layer = image.layers.last().cloned().unwrap_or_default();
        return Ok((Arc::new(OverlayDevice::new(file, &patches)?), layer));
    }
    let disk = image
        .disk
        .clone()
        .ok_or_else(|| Refusal::new(Gate::Container, "has no disk that could be copied"))?;
    let layer = "file".to_owned();
    Ok((Arc::new(OverlayDevice::new(disk, &plan.sectors)?), layer))
}

/// Copies everything but stretches of zeros, and returns when it is safe.
fn fill(file: &File, source: &dyn BlockDevice) -> Result<()> {
    let io = |error| Error::with_source(ErrorKind::Io, "write of the copy", error);
    let len = source.len_bytes();
    file.set_len(len).map_err(io)?;
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0_u64;
    while offset < len {
        let left = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let Some(chunk) = buffer.get_mut(..left.min(CHUNK)) else {
            break;
        };
        source.read_exact_at(offset, chunk)?;
        if chunk.iter().any(|byte| *byte != 0) {
            file.write_all_at(chunk, offset).map_err(io)?;
        }
        offset = offset.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
    }
    file.sync_all().map_err(io)
}
