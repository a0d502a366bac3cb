//! Walks the chain from what the user named to the Windows installations: source, container, partitions, file systems.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::evidence::Locator;
use crate::image::container;
use crate::image::device::{Device, ReadCounter};
use crate::image::filesystem::host_dir::HostDir;
use crate::image::filesystem::loose_files::{self, LooseFiles};
use crate::image::filesystem::renamed::Renamed;
use crate::image::filesystem::{FileSystem, volume};
use crate::image::host::{HostKind, open_image_file};
use crate::image::installation::{self, DiskFacts, Installation};
use crate::image::overlay::OverlayDevice;
use crate::image::partition::span::PartitionDevice;
use crate::image::partition::{self, Kind, Partition, Table};
use crate::image::{Image, Options, Source, Volume, input};

/// Opens what the user named.
pub(super) fn open(source: &Source, options: &Options) -> Result<Image> {
    let counter = Arc::new(ReadCounter::default());
    let Some(path) = &source.image else {
        let loose = LooseFiles::from_options(&source.loose, None, options.limits, &counter)?;
        return Ok(of_loose(source.as_typed(), loose, counter));
    };
    let typed = source.as_typed();
    let opened = open_image_file(path)?;
    let size_bytes = opened.len_bytes;
    let mut image = match opened.kind {
        HostKind::Directory => of_directory(&typed, path, options, &counter)?,
        HostKind::Regular | HostKind::BlockDevice => {
            let input = input::open(path, opened, &options.limits, &counter)?;
            let size_bytes = if input.layer == "split" {
                input.device.len_bytes()
            } else {
                size_bytes
            };
            let mut image = of_device(
                &typed,
                Some(path),
                input.device,
                input.layer,
                options,
                &counter,
            )?;
            image.size_bytes = size_bytes;
            image.notes.splice(0..0, input.notes);
            image
        }
    };
    if source.loose.is_any() {
        lay_over(&mut image, source, options)?;
    }
    Ok(image)
}

fn of_loose(typed: String, loose: LooseFiles, counter: Arc<ReadCounter>) -> Image {
    let locator = Locator::new(typed.clone());
    let filesystem: Arc<dyn FileSystem> = Arc::new(loose);
    let layers = vec!["loose".to_owned()];
    let installation = Installation {
        index: 0,
        system_root: loose_files::system_root(),
        filesystem: Arc::clone(&filesystem),
        locator: locator.clone(),
        layers: layers.clone(),
        disk: None,
        neighbours: Vec::new(),
    };
    Image {
        source: typed,
        size_bytes: 0,
        layers: layers.clone(),
        is_saved: false,
        notes: Vec::new(),
        volumes: vec![Volume {
            layers,
            locator,
            start_bytes: 0,
            filesystem: Ok(filesystem),
        }],
        installations: vec![installation],
        disk: None,
        counter,
    }
}

fn of_directory(
    typed: &str,
    path: &Path,
    options: &Options,
    counter: &Arc<ReadCounter>,
) -> Result<Image> {
    let mut directory: Arc<dyn FileSystem> =
        Arc::new(HostDir::open(path, &options.limits, Arc::clone(counter))?);
    if !options.renames.is_empty() {
        directory = Arc::new(Renamed::new(directory, options.renames.clone()));
    }
    let layers = vec!["directory".to_owned()];
    let mut image = Image {
        source: typed.to_owned(),
        size_bytes: 0,
        layers: layers.clone(),
        is_saved: false,
        notes: Vec::new(),
        volumes: vec![Volume {
            layers,
            locator: Locator::new(typed),
            start_bytes: 0,
            filesystem: Ok(directory),
        }],
        installations: Vec::new(),
        disk: None,
        counter: Arc::clone(counter),
    };
    find_installations(&mut image, &[None], options);
    // A Windows tree is one whatever else lies in its root; only without one is the directory a folder of loose hives.
    if image.installations.is_empty()
        && let Some(loose) = LooseFiles::from_folder(path, options.limits, counter)?
    {
        return Ok(of_loose(typed.to_owned(), loose, Arc::clone(counter)));
    }
    Ok(image)
}

/// Opens the disk or volume in `device`.
pub(super) fn of_device(
    typed: &str,
    path: Option<&Path>,
    device: Device,
    layer: &str,
    options: &Options,
    counter: &Arc<ReadCounter>,
) -> Result<Image> {
    let context = container::Context {
        path: path.map(Path::to_owned),
        backing_files: options.backing_files,
        limits: options.limits,
        counter: Arc::clone(counter),
    };
    let mut image = Image {
        source: typed.to_owned(),
        size_bytes: device.len_bytes(),
        layers: vec![layer.to_owned()],
        is_saved: false,
        notes: Vec::new(),
        volumes: Vec::new(),
        installations: Vec::new(),
        disk: None,
        counter: Arc::clone(counter),
    };
    let mut locator = Locator::new(typed);
    let mut disk = device;
    if let Some(opened) = container::open(&disk, &context).map_err(|error| error.at(typed))? {
        image.layers.push(opened.layer);
        image.is_saved = opened.is_saved;
        image.notes.extend(opened.notes);
        locator = locator.step(opened.step);
        disk = opened.device;
    }
    if !options.overlay.is_empty() {
        disk =
            Arc::new(OverlayDevice::new(disk, &options.overlay).map_err(|error| error.at(typed))?);
    }
    image.disk = Some(Arc::clone(&disk));
    let disks =
        find_volumes(&mut image, &locator, &disk, options).map_err(|error| error.at(&locator))?;
    find_installations(&mut image, &disks, options);
    Ok(image)
}

/// Finds the volumes of a disk; the answer has the facts of the disk for each of them.
fn find_volumes(
    image: &mut Image,
    locator: &Locator,
    disk: &Device,
    options: &Options,
) -> Result<Vec<Option<DiskFacts>>> {
    if disk.len_bytes() == 0 {
        return Err(Error::new(
            ErrorKind::InvalidFormat,
            "there are no bytes in it",
        ));
    }
    if volume::recognise(disk.as_ref())?.is_some() {
        let volume = open_volume(disk, 0, locator.clone(), image.layers.clone(), options);
        image.volumes.push(volume);
        return Ok(vec![None]);
    }
    let Some((scheme, table)) = partition::read(disk.as_ref(), &options.limits)? else {
        if volume::has_ntfs_copy(disk.as_ref()) {
            let volume = open_volume(disk, 0, locator.clone(), image.layers.clone(), options);
            image.volumes.push(volume);
            return Ok(vec![None]);
        }
        return Err(nothing_known());
    };
    image.notes.extend(table.notes.iter().cloned());
    let mut disks = Vec::new();
    for entry in &table.partitions {
        let step = format!("{}:{}", scheme.name, entry.number);
        let mut layers = image.layers.clone();
        layers.push(step.clone());
        let locator = locator.step(&step);
        let volume = open_partition(disk, entry, locator, layers, options, &mut image.notes);
        if let (Err(error), true) = (&volume.filesystem, entry.kind != Kind::Reserved) {
            image.notes.push(format!(
                "{}; an installation on this volume is not seen",
                error.chain()
            ));
        }
        image.volumes.push(volume);
        disks.push(Some(disk_facts(&table, entry)));
    }
    Ok(disks)
}

fn nothing_known() -> Error {
    Error::new(
        ErrorKind::InvalidFormat,
        "no Windows image is recognised here: looked for a disk image format (VHD and those that are named and not read: \
         VHDX, VMDK, QCOW2, VDI, E01, AFF4, WIM and archives), a file system at the start (NTFS, FAT, exFAT, ReFS, \
         BitLocker), and a partition table (GPT, MBR)",
    )
}

fn disk_facts(table: &Table, entry: &Partition) -> DiskFacts {
    DiskFacts {
        mbr_signature: table.mbr_signature,
        partitions: table
            .partitions
            .iter()
            .filter(|partition| partition.kind != Kind::Reserved)
            .count(),
        partition_start_bytes: entry.start_bytes,
    }
}

fn open_partition(
    disk: &Device,
    entry: &Partition,
    locator: Locator,
    layers: Vec<String>,
    options: &Options,
    notes: &mut Vec<String>,
) -> Volume {
    let refused = |error: Error| Volume {
        layers: layers.clone(),
        locator: locator.clone(),
        start_bytes: entry.start_bytes,
        filesystem: Err(error.at(&locator)),
    };
    match entry.kind {
        Kind::Data => {}
        Kind::Ldm => {
            return refused(Error::unsupported(
                "this partition belongs to a dynamic disk (LDM), which is not supported yet; map its volumes with ldmtool \
                 and give the mapped device",
            ));
        }
        Kind::StorageSpaces => {
            return refused(Error::unsupported(
                "this partition belongs to a pool of Storage Spaces, which is not supported; copy the Windows tree from a \
                 running Windows and give the directory",
            ));
        }
        Kind::Reserved => {
            return refused(Error::unsupported(
                "this partition is reserved by Microsoft and holds no file system",
            ));
        }
    }
    match PartitionDevice::new(Arc::clone(disk), entry.start_bytes, entry.len_bytes) {
        Ok(part) => {
            if part.missing_bytes() > 0 {
                notes.push(format!(
                    "{locator}: the last {} bytes of the partition lie past the end of the disk",
                    part.missing_bytes()
                ));
            }
            let device: Device = Arc::new(part);
            open_volume(&device, entry.start_bytes, locator, layers, options)
        }
        Err(error) => refused(error),
    }
}

fn open_volume(
    device: &Device,
    start_bytes: u64,
    locator: Locator,
    mut layers: Vec<String>,
    options: &Options,
) -> Volume {
    match volume::open(device, &options.limits) {
        Ok(filesystem) => {
            let layer = filesystem.layer();
            let step = layer.split(':').next().unwrap_or("").to_owned();
            layers.push(layer);
            Volume {
                layers,
                locator: locator.step(step),
                start_bytes,
                filesystem: Ok(filesystem),
            }
        }
        Err(error) => Volume {
            layers,
            start_bytes,
            filesystem: Err(error.at(&locator)),
            locator,
        },
    }
}

/// Finds the installations of all volumes and notes the state of each volume.
fn find_installations(image: &mut Image, disks: &[Option<DiskFacts>], options: &Options) {
    for (index, volume) in image.volumes.iter().enumerate() {
        let Ok(filesystem) = &volume.filesystem else {
            continue;
        };
        for note in filesystem.notes() {
            image
                .notes
                .push(format!("{}: {}", volume.locator, note.text));
        }
        let found = installation::find(filesystem.as_ref(), &options.limits);
        for note in found.notes {
            image.notes.push(format!("{}: {note}", volume.locator));
        }
        for system_root in &found.system_roots {
            if image.installations.len() >= options.limits.installations_max {
                image.notes.push(format!(
                    "more than {} Windows installations; the others are not looked at",
                    options.limits.installations_max
                ));
                return;
            }
            image.installations.push(Installation {
                index: image.installations.len(),
                system_root: system_root.clone(),
                filesystem: Arc::clone(filesystem),
                locator: volume.locator.clone(),
                layers: volume.layers.clone(),
                disk: disks.get(index).cloned().flatten(),
                neighbours: found
                    .system_roots
                    .iter()
                    .filter(|other| *other != system_root)
                    .cloned()
                    .collect(),
            });
        }
    }
}

/// Puts the artefacts named by option in the place of those of the image's one installation.
fn lay_over(image: &mut Image, source: &Source, options: &Options) -> Result<()> {
    let count = image.installations.len();
    let [installation] = image.installations.as_mut_slice() else {
        return Err(Error::new(
            ErrorKind::PreconditionFailed,
            format!(
                "{}: artefacts named by option stand in for those of one installation, and the image holds {count}",
                source.as_typed()
            ),
        ));
    };
    let base = loose_files::Base {
        filesystem: Arc::clone(&installation.filesystem),
        system_root: installation.system_root.clone(),
    };
    let loose =
        LooseFiles::from_options(&source.loose, Some(base), options.limits, &image.counter)?;
    installation.filesystem = Arc::new(loose);
    image.notes.push(
        "artefacts named by option stand in for those of the image; evidence names the files they were read from".to_owned(),
    );
    Ok(())
}
