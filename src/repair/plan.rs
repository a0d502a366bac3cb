//! A repair plan: what is done, why, and every byte of the disk that would change.
//!
//! A plan is made from the names that files have and should have. Its patches are positions on the disk inside the image, so
//! they fit any copy of it, in whatever format.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::base::bytes::hex;
use crate::base::filetime::FileTime;
use crate::image::overlay::Patch;
use crate::image::{Image, Installation};
use crate::repair::directory::{self, Move};
use crate::repair::fat;
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::ntfs::{self, Sectors};
use crate::repair::wanted::{Action, Removal, Wanted};

/// Unchanged bytes between two changed ones that are shown with them, so that a name is one range.
const GAP_MAX: usize = 8;

/// A range of bytes of the disk that changes, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByteRange {
    /// Position on the disk.
    pub offset: u64,
    /// Number of bytes.
    pub length: usize,
    /// What it is a part of.
    pub what: String,
    /// What is there.
    #[serde(serialize_with = "as_hex")]
    pub before: Vec<u8>,
    /// What would be there.
    #[serde(serialize_with = "as_hex")]
    pub after: Vec<u8>,
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

/// What would be done to an image.
#[derive(Debug, Clone, Default)]
pub struct RepairPlan {
    /// The files that go, before any file gets another name.
    pub removals: Vec<Removal>,
    /// Where their content is copied to; not known to a plan by itself.
    pub backups: Vec<PathBuf>,
    /// The files that get other names, in their order.
    pub actions: Vec<Action>,
    /// The sectors that change: whole sectors of 512 bytes, by their position on the disk.
    pub sectors: Vec<Patch>,
    /// The names that change in a directory of the host.
    pub moves: Vec<Move>,
    /// The change time that the files and their directories get.
    pub touch: Option<FileTime>,
    /// The bytes in them that differ.
    pub ranges: Vec<ByteRange>,
    /// What an engineer has to know.
    pub warnings: Vec<String>,
}

impl RepairPlan {
    /// A plan in which no sector and no name changes yet.
    fn of(wanted: &Wanted) -> Self {
        let is_new = |action: &&Action| action.from != action.to;
        Self {
            removals: wanted.removals.clone(),
            actions: wanted.actions.iter().filter(is_new).cloned().collect(),
            touch: wanted.touch,
            ..Self::default()
        }
    }

    /// Says where the content of each file that goes is copied to.
    pub fn keep_in(&mut self, backups: Vec<PathBuf>) {
        for change in &mut self.moves {
            let removed = change.removed.as_mut();
            let place = self.removals.iter().zip(&backups).find(|(removal, _)| {
                removed
                    .as_ref()
                    .is_some_and(|removed| removed.path == removal.path)
            });
            if let (Some(removed), Some((_, backup))) = (removed, place) {
                removed.backup = absolute(backup);
            }
        }
        self.backups = backups;
    }

    /// Where the content of each file that goes is copied to, as it is found from everywhere.
    pub(crate) fn backups_absolute(&self) -> Vec<PathBuf> {
        self.backups.iter().map(|path| absolute(path)).collect()
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.sectors.is_empty() && self.moves.is_empty()
    }

    /// Number of bytes that differ.
    pub fn changed_bytes(&self) -> usize {
        let differing = |range: &ByteRange| {
            let pairs = range.before.iter().zip(&range.after);
            pairs.filter(|(before, after)| before != after).count()
        };
        self.ranges.iter().map(differing).sum()
    }

    /// Plans what is wanted on the volume of an installation.
    ///
    /// # Errors
    /// A refusal at one of the gates; see [`Gate`].
    pub fn make(image: &Image, installation: &Installation, wanted: &Wanted) -> Planned<Self> {
        let edits = wanted.edits()?;
        let Some(volume) = image.volume_of(installation) else {
            return Err(Refusal::new(
                Gate::Container,
                "artefacts named by option stand in for those of the image; a repair needs the image itself",
            ));
        };
        if image.is_saved {
            return Err(Refusal::new(
                Gate::Hibernated,
                format!(
                    "{}: its virtual machine was saved and not shut down, and what it holds in memory would not fit a changed disk",
                    image.source
                ),
            ));
        }
        let Some(disk) = &image.disk else {
            return Ok(Self {
                moves: directory::plan(installation.filesystem.as_ref(), &edits)?,
                ..Self::of(wanted)
            });
        };
        let filesystem = installation.filesystem.as_ref();
        let mut planned = match (filesystem.as_ntfs(), filesystem.as_fat()) {
            (Some(ntfs), _) => ntfs::plan(ntfs.mft().device(), &edits)?,
            (_, Some(fat)) => fat::plan(fat.device(), &edits)?,
            (None, None) => {
                return Err(Refusal::new(
                    Gate::FileSystem,
                    format!(
                        "{}: names on this file system ({}) are not changed",
                        volume.locator,
                        filesystem.layer()
                    ),
                ));
            }
        };
        planned.warnings.extend(wanted.removals.iter().map(|removal| {
            format!(
                "{}: nothing is zeroed; its content stays in free clusters or in its free record until Windows uses them again",
                removal.path
            )
        }));
        let mut sectors = planned.patches;
        let mut ranges = ranges(&sectors, &planned.sectors);
        for patch in &mut sectors {
            patch.offset = patch.offset.saturating_add(volume.start_bytes);
            // What was read through the volume has to be what lies there on the disk.
            let mut found = vec![0; patch.before.len()];
            disk.read_exact_at(patch.offset, &mut found)?;
            if found != patch.before {
                return Err(Refusal::new(
                    Gate::Damaged,
                    format!(
                        "the sector at 0x{:08x} of the disk is not the one of the volume",
                        patch.offset
                    ),
                ));
            }
        }
        for range in &mut ranges {
            range.offset = range.offset.saturating_add(volume.start_bytes);
        }
        Ok(Self {
            sectors,
            ranges,
            warnings: planned.warnings,
            ..Self::of(wanted)
        })
    }
}

/// A path that means the same from everywhere on this host.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The bytes that differ in each sector; differences with few bytes between them are one range.
fn ranges(sectors: &[Patch], labels: &Sectors) -> Vec<ByteRange> {
    let mut list = Vec::new();
    for patch in sectors {
        let what = labels
            .0
            .get(&patch.offset)
            .map_or_else(String::new, |sector| sector.what.clone());
        let differs: Vec<usize> = patch
            .before
            .iter()
            .zip(&patch.after)
            .enumerate()
            .filter(|(_, (before, after))| before != after)
            .map(|(place, _)| place)
            .collect();
        let mut places = differs.into_iter();
        let Some(mut start) = places.next() else {
            continue;
        };
        let mut end = start;
        let mut push = |start: usize, end: usize| {
            let part = |bytes: &[u8]| bytes.get(start..=end).unwrap_or_default().to_vec();
            list.push(ByteRange {
                offset: patch
                    .offset
                    .saturating_add(u64::try_from(start).unwrap_or(0)),
                length: end.saturating_sub(start).saturating_add(1),
                what: what.clone(),
                before: part(&patch.before),
                after: part(&patch.after),
            });
        };
        for place in places {
            if place.saturating_sub(end) > GAP_MAX {
                push(start, end);
                start = place;
            }
            end = place;
        }
        push(start, end);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_over_small_gaps_and_hold_what_differs() {
        let mut after = vec![0; 512];
        for place in [3, 5, 14, 100] {
            after[place] = 1;
        }
        let patch = Patch {
            offset: 1024,
            before: vec![0; 512],
            after,
        };
        let found = ranges(&[patch], &Sectors::default());
        let places: Vec<_> = found
            .iter()
            .map(|range| (range.offset, range.length))
            .collect();
        assert_eq!(places, [(1027, 3), (1038, 1), (1124, 1)]);
    }
}
