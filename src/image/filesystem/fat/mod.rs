//! FAT12, FAT16 and FAT32, on the `fatfs` crate: XP Embedded and NT 4.0 images are often FAT.
//!
//! `fatfs` reads the directories (short and long names, attributes). It would follow a cluster chain in a circle, give back
//! a file short whose chain ends early, and set marks on the volume when it is closed; so every chain is walked by our own
//! code before a directory is given to it, content is read by our own code, and what it writes is thrown away. Times on a
//! FAT volume are local and without a zone: they are given as such, and never as times of UTC. Specification: "FAT: General Overview of On-Disk Format" 1.03.

mod chain;
mod geometry;
mod slots;
mod state;
mod times;
mod window;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::bytes;
use crate::base::contain::contain;
use crate::base::limits::Limits;
use crate::base::win_path::{WinPath, eq_name, fold_name};
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::Device;
use crate::image::filesystem::volume::FsKind;
use crate::image::filesystem::{
    ATTRIBUTE_DIRECTORY, DirEntry, FileSystem, FileTimes, LocalTimes, Metadata, NamedMetadata,
    VolumeExtent, VolumeNote,
};

use chain::Chains;
use geometry::Geometry;
pub use slots::Slot;
pub use state::Closed;
use window::{FatfsDevice, SharedWindow};

/// FAT as a kind of file system.
pub static KIND: FsKind = FsKind {
    name: "fat",
    probe: geometry::probe,
    open: |device, limits| Ok(Arc::new(FatVolume::open(device, limits)?)),
};

/// Length of an entry of a directory.
const SLOT_LEN: usize = 32;
/// Attribute bits that FAT and Windows share.
const ATTRIBUTE_BITS: u8 = 0x3F;
/// Most entries of all listings that are kept together.
const CACHED_ENTRIES_MAX: usize = 200_000;
/// Most bytes that `fatfs` may ask for while it lists one directory: 65,536 entries on a path of 64 folders, and to spare.
const LISTING_BYTES_MAX: u64 = 256 << 20;

/// An opened FAT volume.
#[derive(Debug)]
pub struct FatVolume {
    device: Device,
    geometry: Geometry,
    chains: Chains,
    entries_max: usize,
    depth_max: usize,
    listings: Mutex<Listings>,
    notes: Vec<VolumeNote>,
}

#[derive(Debug, Default)]
struct Listings {
    by_cluster: BTreeMap<u32, Arc<Listing>>,
    entries: usize,
}

/// The entries of a directory, and the long and short names by which they are found.
#[derive(Debug)]
struct Listing {
    entries: Vec<Entry>,
    by_name: BTreeMap<String, usize>,
    /// Whether a name is 8.3 only and in the characters of an OEM code page, which the volume does not name.
    has_oem_names: bool,
}

impl Listing {
    fn new(entries: Vec<Entry>) -> Self {
        let mut by_name = BTreeMap::new();
        let long = entries.iter().map(|entry| &entry.name).enumerate();
        let short = entries.iter().map(|entry| &entry.short_name).enumerate();
        for (index, name) in long.chain(short) {
            by_name.entry(fold_name(name)).or_insert(index);
        }
        let has_oem_names = entries
            .iter()
            .any(|entry| entry.name.contains(char::REPLACEMENT_CHARACTER));
        Self {
            entries,
            by_name,
            has_oem_names,
        }
    }

    /// The entry of that name. A name that may be one of those in OEM characters is not said to be absent.
    fn find(&self, name: &str) -> Result<Option<&Entry>> {
        if self.has_oem_names && !name.is_ascii() {
            return Err(Error::unsupported(format!(
                "{name}: its folder has 8.3 names in the characters of an OEM code page that the volume does not name"
            )));
        }
        let index = self.by_name.get(&fold_name(name));
        Ok(index.and_then(|index| self.entries.get(*index)))
    }
}

/// An entry of a directory.
#[derive(Debug, Clone)]
struct Entry {
    name: String,
    short_name: String,
    attributes: u8,
    size_bytes: u32,
    first_cluster: u32,
    times: LocalTimes,
    /// Its place among the entries that `fatfs` gives for the directory.
    index: usize,
}

impl Entry {
    fn is_dir(&self) -> bool {
        u32::from(self.attributes) & ATTRIBUTE_DIRECTORY != 0
    }

    fn attributes(&self) -> u32 {
        u32::from(self.attributes & ATTRIBUTE_BITS)
    }

    fn metadata(&self) -> Metadata {
        let is_dir = self.is_dir();
        Metadata {
            name: self.name.clone(),
            short_name: (!eq_name(&self.name, &self.short_name)).then(|| self.short_name.clone()),
            is_dir,
            size_bytes: if is_dir {
                0
            } else {
                u64::from(self.size_bytes)
            },
            attributes: Some(self.attributes()),
            times: FileTimes::default(),
            local_times: self.times,
            mft_record: None,
            reparse_tag: None,
            streams: Vec::new(),
        }
    }
}

/// A place in the tree: the entry, and the way to it as places among the entries of each directory. No entry is the root.
#[derive(Debug, Clone, Default)]
struct Node {
    entry: Option<Entry>,
    trail: Vec<usize>,
}

impl FatVolume {
    /// Opens the volume.
    ///
    /// # Errors
    /// A boot sector that breaks the rules, or one that `fatfs` does not take.
    pub fn open(device: Device, limits: &Limits) -> Result<Self> {
        let geometry = Geometry::read(device.as_ref())?;
        let chains = Chains::new(Arc::clone(&device), geometry);
        let mut volume = Self {
            device,
            geometry,
            chains,
            entries_max: limits.directory_entries_max,
            depth_max: limits.directory_depth_max,
            listings: Mutex::default(),
            notes: Vec::new(),
        };
        let is_dirty = volume.with_fatfs(|fs, _| Ok(fs.read_status_flags()?.dirty()))?;
        if is_dirty {
            volume.notes.push(VolumeNote {
                kind: "dirty",
                text: "the FAT volume is marked as not closed cleanly; what was written last may be missing".to_owned(),
            });
        }
        volume
            .notes
            .extend(volume.extent().and_then(VolumeExtent::cut_note));
        Ok(volume)
    }

    /// Runs `work` on the volume as `fatfs` opens it, inside the fence.
    fn with_fatfs<T>(
        &self,
        work: impl FnOnce(&fatfs::FileSystem<FatfsDevice>, &SharedWindow) -> std::io::Result<T>,
    ) -> Result<T> {
        contain("fatfs", || {
            let window = SharedWindow::new(Arc::clone(&self.device), LISTING_BYTES_MAX);
            let disk = FatfsDevice::new(window.clone());
            let result = fatfs::FileSystem::new(disk, fatfs::FsOptions::new())
                .and_then(|fs| work(&fs, &window));
            result.map_err(|error| match window.take_error() {
                Some(cause) => cause,
                None => Error::corrupt(format!("fat volume: {error}")),
            })
        })
    }

    /// The entry at `path`, found component by component. A folder that lies in itself is corrupt.
    fn node(&self, path: &WinPath) -> Result<Option<Node>> {
        if path.components().len() > self.depth_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("a path of more than {} folders", self.depth_max),
            ));
        }
        let mut node = Node::default();
        let mut above = vec![self.first_cluster(&node)];
        for name in path.components() {
            if node.entry.as_ref().is_some_and(|entry| !entry.is_dir()) {
                return Ok(None);
            }
            let listing = self.listing(&node)?;
            let Some(entry) = listing.find(name)? else {
                return Ok(None);
            };
            if entry.is_dir() && above.contains(&entry.first_cluster) {
                return Err(Error::corrupt(format!(
                    "{}: has the clusters of a folder that it lies in",
                    entry.name
                )));
            }
            above.push(entry.first_cluster);
            node.trail.push(entry.index);
            node.entry = Some(entry.clone());
        }
        Ok(Some(node))
    }

    /// The first cluster of a directory; 0 for a root folder that is in no cluster.
    fn first_cluster(&self, node: &Node) -> u32 {
        match &node.entry {
            Some(entry) => entry.first_cluster,
            None => self.geometry.root_cluster.unwrap_or(0),
        }
    }

    fn listing(&self, node: &Node) -> Result<Arc<Listing>> {
        let key = self.first_cluster(node);
        if let Some(listing) = self.kept().by_cluster.get(&key) {
            return Ok(Arc::clone(listing));
        }
        let place = node
            .entry
            .as_ref()
            .map_or("root folder", |entry| entry.name.as_str());
        let entries = self.list(node).map_err(|error| error.at(place))?;
        let count = entries.len();
        let listing = Arc::new(Listing::new(entries));
        let mut kept = self.kept();
        if kept.entries.saturating_add(count) > CACHED_ENTRIES_MAX {
            *kept = Listings::default();
        }
        kept.entries = kept.entries.saturating_add(count);
        kept.by_cluster.insert(key, Arc::clone(&listing));
        Ok(listing)
    }

    fn kept(&self) -> MutexGuard<'_, Listings> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists a directory whose parents were listed before, after its own chain was walked.
    fn list(&self, node: &Node) -> Result<Vec<Entry>> {
        let first = match &node.entry {
            Some(entry) => Some(entry.first_cluster),
            None => self.geometry.root_cluster,
        };
        if let Some(first) = first {
            self.chains.of_directory(first)?;
        }
        let entries_max = self.entries_max;
        let (entries, is_cut) = self.with_fatfs(|fs, window| {
            let mut directory = fs.root_dir();
            for index in &node.trail {
                let entry = directory.iter().nth(*index);
                let entry = entry.ok_or_else(|| std::io::Error::other("an entry is gone"))??;
                directory = entry.to_dir();
            }
            let mut entries = Vec::new();
            for (index, item) in directory.iter().enumerate() {
                let slot_end = window.last_end();
                let item = item?;
                if entries.len() >= entries_max {
                    return Ok((entries, true));
                }
                if let Some(entry) = self.entry(&item, window, slot_end, index)? {
                    entries.push(entry);
                }
            }
            Ok((entries, false))
        })?;
        if is_cut {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("more than {entries_max} entries"),
            ));
        }
        Ok(entries)
    }

    /// The entry that `fatfs` read last, completed from its 32 bytes, which end at `slot_end`.
    fn entry(
        &self,
        item: &fatfs::DirEntry<'_, FatfsDevice>,
        window: &SharedWindow,
        slot_end: u64,
        index: usize,
    ) -> std::io::Result<Option<Entry>> {
        let name = item.file_name();
        if name == "." || name == ".." {
            return Ok(None);
        }
        let mut slot = [0; SLOT_LEN];
        let at = slot_end.saturating_sub(32);
        window.read(at, &mut slot)?;
        let read = || {
            let low = u32::from(bytes::u16_le(&slot, 26)?);
            let high = u32::from(bytes::u16_le(&slot, 20)?);
            let high = if self.geometry.is_fat32() { high } else { 0 };
            Some((
                bytes::u8(&slot, 11)?,
                bytes::u32_le(&slot, 28)?,
                (high << 16) | low,
            ))
        };
        let Some((attributes, size_bytes, first_cluster)) = read() else {
            return Err(std::io::Error::other("an entry is too short"));
        };
        let agrees = attributes & ATTRIBUTE_BITS == item.attributes().bits() & ATTRIBUTE_BITS
            && (item.is_dir() || u64::from(size_bytes) == item.len());
        if !agrees {
            return Err(std::io::Error::other(format!(
                "the entry at 0x{at:08x} is not the one of {name}"
            )));
        }
        Ok(Some(Entry {
            name,
            short_name: item.short_file_name(),
            attributes,
            size_bytes,
            first_cluster,
            times: times::of_slot(&slot),
            index,
        }))
    }

    /// The first `len` bytes of a file.
    fn content(&self, entry: &Entry, len: usize) -> Result<Vec<u8>> {
        let runs = self
            .chains
            .of_file(entry.first_cluster, entry.size_bytes, len)?;
        let mut content = vec![0; len];
        let mut rest = content.as_mut_slice();
        for run in runs {
            let part_len = usize::try_from(run.len_bytes)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            let (part, after) = rest
                .split_at_mut_checked(part_len)
                .unwrap_or((&mut [], &mut []));
            self.device.read_exact_at(run.start, part)?;
            rest = after;
        }
        if rest.is_empty() {
            Ok(content)
        } else {
            Err(Error::corrupt(format!(
                "cluster chain ends {} bytes too early",
                rest.len()
            )))
        }
    }

    fn file(&self, path: &WinPath) -> Result<Option<Entry>> {
        Ok(self
            .node(path)?
            .and_then(|node| node.entry)
            .filter(|entry| !entry.is_dir()))
    }
}

impl FileSystem for FatVolume {
    fn layer(&self) -> String {
        format!("fat:{}", self.geometry.bits)
    }

    fn as_fat(&self) -> Option<&FatVolume> {
        Some(self)
    }

    fn notes(&self) -> Vec<VolumeNote> {
        self.notes.clone()
    }

    fn extent(&self) -> Option<VolumeExtent> {
        let data_bytes =
            u64::from(self.geometry.clusters).saturating_mul(self.geometry.cluster_bytes);
        let volume_bytes = self.geometry.data_start.saturating_add(data_bytes);
        Some(VolumeExtent::new(self.device.as_ref(), volume_bytes))
    }

    fn metadata(&self, path: &WinPath) -> Result<Option<Metadata>> {
        let Some(node) = self.node(path)? else {
            return Ok(None);
        };
        Ok(Some(match node.entry {
            Some(entry) => entry.metadata(),
            None => Metadata::bare_directory(""),
        }))
    }

    fn read_dir(&self, path: &WinPath) -> Result<Option<Vec<DirEntry>>> {
        let Some(entries) = self.sorted(path)? else {
            return Ok(None);
        };
        let entries = entries.iter().map(|entry| DirEntry {
            name: entry.name.clone(),
            is_dir: entry.is_dir(),
            size_bytes: entry.metadata().size_bytes,
            attributes: Some(entry.attributes()),
        });
        Ok(Some(entries.collect()))
    }

    fn read_dir_metadata(&self, path: &WinPath) -> Result<Option<Vec<NamedMetadata>>> {
        let Some(entries) = self.sorted(path)? else {
            return Ok(None);
        };
        let list = entries
            .iter()
            .map(|entry| (entry.name.clone(), Ok(entry.metadata())));
        Ok(Some(list.collect()))
    }

    fn read(&self, path: &WinPath, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.file(path)? else {
            return Ok(None);
        };
        if u64::from(entry.size_bytes) > bytes_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{path}: {} bytes, at most {bytes_max} are read",
                    entry.size_bytes
                ),
            ));
        }
        let len = usize::try_from(entry.size_bytes).unwrap_or(usize::MAX);
        let content = self.content(&entry, len).map_err(|error| error.at(path))?;
        Ok(Some(content))
    }

    fn read_head(&self, path: &WinPath, len: usize) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.file(path)? else {
            return Ok(None);
        };
        let len = usize::try_from(entry.size_bytes)
            .unwrap_or(usize::MAX)
            .min(len);
        let content = self.content(&entry, len).map_err(|error| error.at(path))?;
        Ok(Some(content))
    }
}

impl FatVolume {
    /// The entries of a directory in the order of their names.
    fn sorted(&self, path: &WinPath) -> Result<Option<Vec<Entry>>> {
        let Some(node) = self.node(path)? else {
            return Ok(None);
        };
        if node.entry.as_ref().is_some_and(|entry| !entry.is_dir()) {
            return Ok(None);
        }
        let mut entries = self.listing(&node)?.entries.clone();
        entries.sort_by_cached_key(|entry| fold_name(&entry.name));
        Ok(Some(entries))
    }
}
