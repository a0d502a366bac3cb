//! From the path of a disk image to its bytes: a file, a block device, or the parts of a split raw image.
//!
//! A split image is `NAME.001`, `NAME.002` and so on; the first part is named. A part that is missing between others is
//! refused, for everything behind it would be read at a wrong place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::{BlockDevice, Device, FileDevice, ReadCounter, check_range};
use crate::image::host::{HostEntryKind, HostTree, OpenedHostFile, path_text};

/// Most parts of a split image.
const PARTS_MAX: usize = 10_000;
/// The ending of the first part.
const FIRST_PART: u32 = 1;

/// The bytes of what was named.
#[derive(Debug)]
pub(super) struct Input {
    /// The bytes.
    pub(super) device: Device,
    /// The layer: `file` or `split`.
    pub(super) layer: &'static str,
    /// What was noticed.
    pub(super) notes: Vec<String>,
}

/// Makes a device of an opened file, with the other parts where it is the first part of a split image.
///
/// # Errors
/// A split image with a gap, a later part named instead of the first, parts that cannot be opened.
pub(super) fn open(
    path: &Path,
    opened: OpenedHostFile,
    limits: &Limits,
    counter: &Arc<ReadCounter>,
) -> Result<Input> {
    let parts = match part_number(path) {
        Some(named) => parts_beside(path, &named, limits)?,
        None => BTreeMap::new(),
    };
    if parts.len() < 2 {
        let device = FileDevice::of_image(opened.file, opened.len_bytes, Arc::clone(counter));
        return Ok(Input {
            device: Arc::new(device),
            layer: "file",
            notes: Vec::new(),
        });
    }
    let mut notes = Vec::new();
    let mut devices: Vec<Device> = Vec::new();
    let first_len = opened.len_bytes;
    let last = parts.keys().next_back().copied().unwrap_or(FIRST_PART);
    for (number, part) in parts {
        let part_file = crate::image::host::open_image_file(&part)?;
        if number != last && part_file.len_bytes != first_len {
            notes.push(format!(
                "{}: {} bytes, where the first part has {first_len}; if it was cut off, all behind it is read at a wrong place",
                path_text(&part),
                part_file.len_bytes
            ));
        }
        devices.push(Arc::new(FileDevice::of_image(
            part_file.file,
            part_file.len_bytes,
            Arc::clone(counter),
        )));
    }
    Ok(Input {
        device: Arc::new(JoinedDevice::new(devices)?),
        layer: "split",
        notes,
    })
}

/// What the name of a part says.
struct PartName {
    stem: String,
    number: u32,
    digits: usize,
}

impl PartName {
    /// Whether `other` is a part of the same image: `NAME.001` and `NAME.0001` are of two images.
    fn is_beside(&self, other: &Self) -> bool {
        let width = format!("{:0width$}", other.number, width = self.digits).len();
        self.stem == other.stem && other.digits == width
    }
}

/// The name before the last dot and the number behind it, if that is three or more digits.
fn part_number(path: &Path) -> Option<PartName> {
    let name = path.file_name()?.to_str()?;
    let (stem, digits) = name.rsplit_once('.')?;
    let is_number = digits.len() >= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(())?;
    Some(PartName {
        stem: stem.to_owned(),
        number: digits.parse().ok()?,
        digits: digits.len(),
    })
}

/// The parts of the image in the directory of `path`, by their numbers.
fn parts_beside(path: &Path, named: &PartName, limits: &Limits) -> Result<BTreeMap<u32, PathBuf>> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let tree = HostTree::open(directory)?;
    let entries = tree
        .list(Path::new(""), limits.directory_entries_max)?
        .unwrap_or_default();
    let mut parts = BTreeMap::new();
    for entry in entries {
        let part = PathBuf::from(&entry.name);
        if let Some(part) = part_number(&part)
            && named.is_beside(&part)
            && matches!(entry.kind, HostEntryKind::File | HostEntryKind::Link)
        {
            parts.insert(part.number, directory.join(&entry.name));
        }
    }
    if parts.len() > PARTS_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("{}: more than {PARTS_MAX} parts", path_text(path)),
        ));
    }
    if named.number != FIRST_PART {
        return match parts.get(&FIRST_PART) {
            Some(first) => Err(Error::new(
                ErrorKind::PreconditionFailed,
                format!(
                    "{}: a later part of a split image; name the first one, {}",
                    path_text(path),
                    path_text(first)
                ),
            )),
            None => Ok(BTreeMap::new()),
        };
    }
    for (expected, found) in (FIRST_PART..).zip(parts.keys()) {
        if expected != *found {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{}: part {expected:03} of the split image is missing, and there is a part {found:03}",
                    path_text(path)
                ),
            ));
        }
    }
    Ok(parts)
}

/// Several devices one behind the other.
#[derive(Debug)]
struct JoinedDevice {
    parts: Vec<(u64, Device)>,
    len_bytes: u64,
}

impl JoinedDevice {
    fn new(devices: Vec<Device>) -> Result<Self> {
        let mut parts = Vec::new();
        let mut len_bytes = 0_u64;
        for device in devices {
            let len = device.len_bytes();
            parts.push((len_bytes, device));
            len_bytes = len_bytes.checked_add(len).ok_or_else(|| {
                Error::new(ErrorKind::OutOfBounds, "the parts together are too long")
            })?;
        }
        Ok(Self { parts, len_bytes })
    }
}

impl BlockDevice for JoinedDevice {
    fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len(), self.len_bytes)?;
        let mut position = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let index = self.parts.partition_point(|(start, _)| *start <= position);
            let Some((start, part)) = index.checked_sub(1).and_then(|at| self.parts.get(at)) else {
                return check_range(position, rest.len(), 0);
            };
            let inside = position.saturating_sub(*start);
            let there = part.len_bytes().saturating_sub(inside);
            let len = usize::try_from(there).unwrap_or(usize::MAX).min(rest.len());
            let (now, after) = rest.split_at_mut_checked(len).unwrap_or((&mut [], &mut []));
            if now.is_empty() {
                return check_range(position, after.len().max(1), 0);
            }
            part.read_exact_at(inside, now)?;
            position = position.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            rest = after;
        }
        Ok(())
    }
}
