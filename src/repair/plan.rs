//! A repair plan: what is done, why, and every byte of the disk that would change.
//!
//! A plan is made from the names that files have and should have. Its patches are positions on the disk inside the image, so
//! they fit any copy of it, in whatever format.

use serde::{Deserialize, Serialize, Serializer};

use crate::base::bytes::hex;
use crate::base::win_path::WinPath;
use crate::image::overlay::Patch;
use crate::image::{Image, Installation};
use crate::repair::directory::{self, Move};
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::ntfs::{self, Edit, Sectors};

/// Unchanged bytes between two changed ones that are shown with them, so that a name is one range.
const GAP_MAX: usize = 8;

/// A file that gets another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The path of the file as it is.
    pub from: String,
    /// The path that it gets.
    pub to: String,
}

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
    /// The files that get other names, in their order.
    pub actions: Vec<Action>,
    /// The sectors that change: whole sectors of 512 bytes, by their position on the disk.
    pub sectors: Vec<Patch>,
    /// The names that change in a directory of the host.
    pub moves: Vec<Move>,
    /// The bytes in them that differ.
    pub ranges: Vec<ByteRange>,
    /// What an engineer has to know.
    pub warnings: Vec<String>,
}

impl RepairPlan {
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

    /// Plans the edits on the volume of an installation.
    ///
    /// # Errors
    /// A refusal at one of the gates; see [`Gate`].
    pub fn make(image: &Image, installation: &Installation, edits: &[Edit]) -> Planned<Self> {
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
                actions: actions(edits),
                moves: directory::plan(installation.filesystem.as_ref(), edits)?,
                ..Self::default()
            });
        };
        let Some(ntfs) = installation.filesystem.as_ntfs() else {
            return Err(Refusal::new(
                Gate::FileSystem,
                format!(
                    "{}: changes of names on this file system ({}) are not built yet",
                    volume.locator,
                    installation.filesystem.layer()
                ),
            ));
        };
        let device = ntfs.mft().device();
        let planned = ntfs::plan(device, edits)?;
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
            actions: actions(edits),
            sectors,
            moves: Vec::new(),
            ranges,
            warnings: planned.warnings,
        })
    }
}

/// The files and their names, as paths.
fn actions(edits: &[Edit]) -> Vec<Action> {
    let mut list = Vec::new();
    for edit in edits {
        let path = |name: &str| edit.directory().child(name).to_string();
        list.extend(edit.names().into_iter().map(|(from, to)| Action {
            from: path(from),
            to: path(to),
        }));
    }
    list
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

/// The edits that make files bear other names. Two files that take each other's name exchange them.
pub fn edits(actions: &[Action]) -> Planned<Vec<Edit>> {
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

    fn action(from: &str, to: &str) -> Action {
        Action {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    #[test]
    fn two_files_that_take_each_others_name_are_one_swap() {
        let found = edits(&[
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
            edits(&[action("d\\a", "e\\a")]).unwrap_err().gate,
            Gate::Name
        );
    }

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
