//! Changes of names on an NTFS volume, planned in memory.
//!
//! [`plan`] takes a volume and the edits, and gives the sectors that would change. Each edit is made on the volume as the
//! edits before it leave it, seen through them; then the volume is opened once more through all changes and checked: the
//! index is whole and of the same shape unless it had to be built anew, its list of names differs exactly by the edits, every file with another name has the
//! content it had, and of a file that was removed record and clusters are free and nothing else is. Nothing is written here. What changes on disk and why: `docs/repair.md`.

mod edit;
mod gates;
mod layout;
mod rebuild;
mod removal;
mod staged;
mod store;
mod subject;
mod touch;
mod tree;
mod verify;

use std::sync::Arc;

use crate::image::device::Device;
use crate::image::filesystem::ntfs::NtfsVolume;
use crate::image::overlay::{OverlayDevice, Patch};
use crate::repair::gate::Planned;

pub use edit::Edit;
pub(crate) use edit::check_name;
pub(crate) use staged::{SECTOR_BYTES, Sector, Sectors};

/// The changes of a volume.
#[derive(Debug)]
pub struct VolumePlan {
    /// The sectors that change, by their position on the volume: whole sectors of 512 bytes.
    pub patches: Vec<Patch>,
    /// What an engineer has to know.
    pub warnings: Vec<String>,
    /// The same sectors with the structures they belong to.
    pub(crate) sectors: Sectors,
}

/// Plans the edits on the volume that `device` holds.
///
/// # Errors
/// A refusal at one of the gates; see [`crate::repair::Gate`].
pub fn plan(device: &Device, edits: &[Edit]) -> Planned<VolumePlan> {
    let volume = NtfsVolume::open(Arc::clone(device))?;
    let mut warnings = gates::check(&volume)?;
    let mut sectors = Sectors::default();
    let mut current = volume;
    for edit in edits {
        let edited = edit::make(&current, edit)?;
        sectors.merge(edited.sectors);
        let patches = sectors.patches(device.as_ref())?;
        let overlay: Device = Arc::new(OverlayDevice::new(Arc::clone(device), &patches)?);
        let changed = NtfsVolume::open(overlay)?;
        gates::check(&changed)?;
        verify::check(&current, &edited.before, &changed, edit, edited.is_rebuilt)?;
        warnings.extend(edited.warnings);
        current = changed;
    }
    Ok(VolumePlan {
        patches: sectors.patches(device.as_ref())?,
        warnings,
        sectors,
    })
}
