//! Images and disks that the host has in use: loop devices, and mounts of a part of them.
//!
//! Needs root and loop devices; each test says why it was skipped where the host gives none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "integration tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use goldseal::repair::{Gate, in_use};

mod support;

fn ran(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    if !output.status.success() {
        support::skipped(&format!("{program} {args:?}: {output:?}"));
        return None;
    }
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// A disk with an ext4 volume in its first partition, set up as a loop device.
struct LoopDisk {
    folder: tempfile::TempDir,
    device: String,
    mounts: Vec<PathBuf>,
}

impl LoopDisk {
    const START: u64 = 1 << 20;

    fn new() -> Option<Self> {
        let tools = ["losetup", "partx", "mkfs.ext4", "mount"];
        if !tools.iter().all(|name| support::tool(name)) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disk.img");
        let mut disk = vec![0_u8; 8 << 20];
        disk[446 + 4] = 6;
        let sectors = |bytes: u64| u32::try_from(bytes / 512).unwrap().to_le_bytes();
        disk[446 + 8..446 + 12].copy_from_slice(&sectors(Self::START));
        disk[446 + 12..446 + 16].copy_from_slice(&sectors(7 << 20));
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        fs::write(&image, disk).unwrap();
        let image = image.to_str().unwrap().to_owned();
        let device = ran("losetup", &["-f", "--show", &image])?;
        let disk = Self {
            folder,
            device,
            mounts: Vec::new(),
        };
        // Where the kernel reads the partition table itself there is nothing left to add.
        let _ = ran("partx", &["-a", &disk.device]);
        ran("mkfs.ext4", &["-q", &disk.partition()])?;
        Some(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("disk.img")
    }

    fn partition(&self) -> String {
        format!("{}p1", self.device)
    }

    fn mount(&mut self) -> Option<PathBuf> {
        let place = self.folder.path().join("a mount");
        fs::create_dir(&place).unwrap();
        ran(
            "mount",
            &["-o", "ro", &self.partition(), place.to_str().unwrap()],
        )?;
        self.mounts.push(place.clone());
        Some(place)
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        for place in &self.mounts {
            ran("umount", &[place.to_str().unwrap()]);
        }
        let _ = ran("partx", &["-d", &self.device]);
        ran("losetup", &["-d", &self.device]);
    }
}

#[test]
fn a_disk_of_which_a_partition_is_mounted_is_in_use() {
    let Some(mut disk) = LoopDisk::new() else {
        return;
    };
    let device = PathBuf::from(&disk.device);
    in_use::check(&device).unwrap();
    let Some(place) = disk.mount() else { return };
    let refusal = in_use::check(&device).unwrap_err();
    assert_eq!(refusal.gate, Gate::InUse);
    assert!(refusal.text.contains(place.to_str().unwrap()), "{refusal}");
}

#[test]
fn an_image_under_a_loop_device_is_in_use_and_its_mount_is_named() {
    let Some(mut disk) = LoopDisk::new() else {
        return;
    };
    let refusal = in_use::check(&disk.image()).unwrap_err();
    assert_eq!(refusal.gate, Gate::InUse);
    let name = Path::new(&disk.device).file_name().unwrap();
    assert!(refusal.text.contains(name.to_str().unwrap()), "{refusal}");
    let Some(place) = disk.mount() else { return };
    let refusal = in_use::check(&disk.image()).unwrap_err();
    assert!(refusal.text.contains(place.to_str().unwrap()), "{refusal}");
}

#[test]
fn an_image_that_a_driver_over_fuse_has_mounted_is_in_use() {
    let tools = ["mkntfs", "ntfs-3g", "umount"];
    if !tools.iter().all(|name| support::tool(name)) || !Path::new("/dev/fuse").exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("volume.img");
    fs::write(&image, vec![0_u8; 4 << 20]).unwrap();
    let (file, place) = (image.to_str().unwrap(), folder.path().join("mount"));
    fs::create_dir(&place).unwrap();
    ran("mkntfs", &["-F", "-Q", "-q", file]).unwrap();
    in_use::check(&image).unwrap();
    if ran("ntfs-3g", &["-o", "ro", file, place.to_str().unwrap()]).is_none() {
        return;
    }
    let refusal = in_use::check(&image);
    ran("umount", &[place.to_str().unwrap()]).unwrap();
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.gate, Gate::InUse);
    assert!(refusal.text.contains("mount"), "{refusal}");
}
