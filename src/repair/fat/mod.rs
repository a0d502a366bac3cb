//! Changes of names on a FAT volume, planned in memory.
//!
//! The characters of a long name are overwritten where they stand; the 8.3 name, and with it the checksum in every piece,
//! stays, and so do all times and the tables. So a name of the same length needs no entry, no cluster and no other
//! byte. Every gate and the check of the result are here too. What changes on disk and why: `docs/repair.md`.

mod names;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::limits::Limits;
use crate::base::win_path::{WinPath, eq_name};
use crate::image::device::{Device, read_vec};
use crate::image::filesystem::FileSystem;
use crate::image::filesystem::fat::FatVolume;
use crate::image::filesystem::ntfs::state::hibernation_note;
use crate::image::overlay::OverlayDevice;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::journal::digest;
use crate::repair::ntfs::{Edit, SECTOR_BYTES, Sector, Sectors, VolumePlan, check_name};

use names::File;

/// Largest file whose content is compared; key files have a few kilobytes.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// How much of `hiberfil.sys` is looked at.
const HIBERNATION_HEAD: usize = 4096;

/// Plans the edits on the FAT volume that `device` holds.
///
/// # Errors
/// A refusal at one of the gates; see [`Gate`].
pub fn plan(device: &Device, edits: &[Edit]) -> Planned<VolumePlan> {
    let mut current = open(Arc::clone(device))?;
    check_gates(&current)?;
    let mut sectors = Sectors::default();
    for edit in edits {
        sectors.merge(make(&current, edit)?);
        let patches = sectors.patches(device.as_ref())?;
        let overlay: Device = Arc::new(OverlayDevice::new(Arc::clone(device), &patches)?);
        let changed = open(overlay)?;
        check_gates(&changed)?;
        check_result(&current, &changed, edit)?;
        current = changed;
    }
    Ok(VolumePlan {
        patches: sectors.patches(device.as_ref())?,
        warnings: Vec::new(),
        sectors,
    })
}

fn open(device: Device) -> Planned<FatVolume> {
    Ok(FatVolume::open(device, &Limits::default())?)
}

/// Refuses a volume that must not be written.
fn check_gates(volume: &FatVolume) -> Planned<()> {
    let check = "let Windows check the volume (chkdsk), shut it down, and take the image again";
    let closed = volume.closed()?;
    if closed.is_dirty {
        return Err(Refusal::new(
            Gate::Dirty,
            format!("the FAT volume was not closed; {check}"),
        ));
    }
    if closed.has_errors {
        return Err(Refusal::new(
            Gate::VolumeFlags,
            format!("reads or writes of the FAT volume failed while it was in use; {check}"),
        ));
    }
    if let Some(place) = closed.tables_differ_at {
        return Err(Refusal::new(
            Gate::Damaged,
            format!("the tables of the FAT volume differ, at 0x{place:08x}; {check}"),
        ));
    }
    let file = WinPath::new("hiberfil.sys");
    let note = match volume.metadata(&file)? {
        None => None,
        Some(metadata) => {
            let head = volume.read_head(&file, HIBERNATION_HEAD)?;
            hibernation_note(&head.unwrap_or_default(), metadata.size_bytes)
        }
    };
    match note {
        None => Ok(()),
        Some(note) => Err(Refusal::new(
            Gate::Hibernated,
            format!(
                "{}; start this Windows, shut it down completely, and take the image again",
                note.text
            ),
        )),
    }
}

fn files(volume: &FatVolume, directory: &WinPath) -> Planned<Vec<File>> {
    let slots = volume.slots(directory)?.ok_or_else(|| {
        Refusal::new(
            Gate::NotThere,
            format!("{directory}: there is no such directory"),
        )
    })?;
    names::files(&slots).map_err(|what| Refusal::new(Gate::Damaged, format!("{directory}: {what}")))
}

/// The one file of that long name.
fn find<'f>(files: &'f [File], name: &str) -> Planned<&'f File> {
    let mut found = files.iter().filter(|file| file.is_named(name));
    let refuse = |gate: Gate, what: &str| Err(Refusal::new(gate, format!("{name}: {what}")));
    match (found.next(), found.next()) {
        (Some(file), None) if file.is_directory => refuse(Gate::NotAFile, "is a directory"),
        (Some(file), None) => Ok(file),
        (Some(_), Some(_)) => refuse(Gate::Damaged, "several files have this name"),
        (None, _) if files.iter().any(|file| eq_name(&file.short_name(), name)) => refuse(
            Gate::Name,
            "is the 8.3 name of a file; only a long name is written here",
        ),
        (None, _) => refuse(Gate::NotThere, "not there under exactly this name"),
    }
}

/// The sectors that an edit changes.
fn make(volume: &FatVolume, edit: &Edit) -> Planned<Sectors> {
    let directory = edit.directory();
    let files = files(volume, directory)?;
    let (from, to) = match edit {
        Edit::Rename { from, to, .. } => (from, to),
        Edit::Swap { first, second, .. } => (first, second),
        Edit::Delete { .. } => {
            return Err(Refusal::new(
                Gate::FileSystem,
                "files of a FAT volume are not removed; a swap takes the bogus one out of the way",
            ));
        }
        Edit::Touch { .. } => {
            return Err(Refusal::new(
                Gate::FileSystem,
                "FAT keeps no time at which an entry was changed (--touch)",
            ));
        }
    };
    check_name(from, to)?;
    let mut sectors = Sectors::default();
    if let Edit::Swap { .. } = edit {
        let (one, other) = (find(&files, from)?, find(&files, to)?);
        stage(volume, directory, one, to, &mut sectors)?;
        stage(volume, directory, other, from, &mut sectors)?;
        return Ok(sectors);
    }
    let file = find(&files, from)?;
    let is_taken = |other: &&File| {
        (*other != file && eq_name(&other.name(), to)) || eq_name(&other.short_name(), to)
    };
    if let Some(other) = files.iter().find(is_taken) {
        return Err(Refusal::new(
            Gate::NameTaken,
            format!(
                "{to}: is a name of another file, or the 8.3 name of this one ({})",
                other.short_name()
            ),
        ));
    }
    stage(volume, directory, file, to, &mut sectors)?;
    Ok(sectors)
}

/// Overwrites the units of a long name.
fn stage(
    volume: &FatVolume,
    directory: &WinPath,
    file: &File,
    name: &str,
    sectors: &mut Sectors,
) -> Planned<()> {
    let len = u64::try_from(SECTOR_BYTES).unwrap_or(u64::MAX);
    for ((place, _), unit) in file.long.iter().zip(name.encode_utf16()) {
        for (byte, position) in unit.to_le_bytes().into_iter().zip(*place..) {
            let inside = position.checked_rem(len).unwrap_or(0);
            let start = position.saturating_sub(inside);
            let sector = match sectors.0.entry(start) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Sector {
                    after: read_vec(volume.device().as_ref(), start, SECTOR_BYTES)?,
                    what: format!("long names in directory {directory}"),
                    is_bitmap: false,
                }),
            };
            let target = usize::try_from(inside)
                .ok()
                .and_then(|inside| sector.after.get_mut(inside));
            let Some(target) = target else {
                return Err(Refusal::new(
                    Gate::Damaged,
                    format!("an entry of {directory} leaves its sector"),
                ));
            };
            *target = byte;
        }
    }
    Ok(())
}

/// The files of a directory by name, as the reader sees them: 8.3 name, attributes, size and content where it is touched.
type Seen = BTreeMap<String, (Option<String>, Option<u32>, u64, Option<String>)>;

fn seen(volume: &FatVolume, directory: &WinPath, touched: &[String]) -> Planned<Seen> {
    let mut seen = Seen::new();
    for (name, metadata) in volume.read_dir_metadata(directory)?.unwrap_or_default() {
        let metadata = metadata?;
        let content = if touched.contains(&name) {
            volume.read(&directory.child(&name), FILE_BYTES_MAX)?
        } else {
            None
        };
        let sum = content.map(|content| digest(std::iter::once(content.as_slice())));
        seen.insert(
            name,
            (
                metadata.short_name,
                metadata.attributes,
                metadata.size_bytes,
                sum,
            ),
        );
    }
    Ok(seen)
}

/// The list of names differs exactly by the edit, and every file is the one that it was.
fn check_result(before: &FatVolume, after: &FatVolume, edit: &Edit) -> Planned<()> {
    let pairs = edit.names();
    let touched: Vec<String> = pairs
        .iter()
        .flat_map(|(from, to)| [(*from).to_owned(), (*to).to_owned()])
        .collect();
    let was = seen(before, edit.directory(), &touched)?;
    let is = seen(after, edit.directory(), &touched)?;
    let expected: Seen = was
        .into_iter()
        .map(|(name, file)| {
            let new = pairs.iter().find(|(from, _)| *from == name);
            (new.map_or(name, |(_, to)| (*to).to_owned()), file)
        })
        .collect();
    // The raw entries of the changed volume have to be whole by the strict rules too.
    files(after, edit.directory())?;
    if is == expected {
        return Ok(());
    }
    Err(Refusal::new(
        Gate::Damaged,
        format!(
            "{}: seen through the planned change, its files are not the ones that were expected",
            edit.directory()
        ),
    ))
}
