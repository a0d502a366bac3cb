//! A block device: the small NTFS volume behind a loop device reads as the file does.

use std::io::Read;
use std::process::Command;

use goldseal::base::win_path::WinPath;
use goldseal::image::{Image, Options, Source};

use crate::support::tool;

/// Made by `scripts/make_small_ntfs.sh`.
pub(crate) const VOLUME: &[u8] = include_bytes!("../../testdata/ntfs/small.img.gz");

/// A loop device that is taken away at the end.
struct Loop(String);

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

fn listing(path: &str) -> (u64, Vec<String>) {
    let image = Image::open(&Source::from_path(path), &Options::default()).unwrap();
    let volume = image.volumes.first().unwrap();
    let filesystem = volume.filesystem.as_ref().unwrap();
    let entries = filesystem.read_dir_metadata(&WinPath::root()).unwrap();
    let entries = entries.unwrap().into_iter();
    let lines = entries.map(|(name, metadata)| format!("{name} {:?}", metadata.unwrap()));
    (image.size_bytes, lines.collect())
}

#[test]
fn a_block_device_reads_as_the_file_behind_it() {
    if !tool("losetup") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("volume");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(VOLUME)
        .read_to_end(&mut bytes)
        .unwrap();
    std::fs::write(&file, bytes).unwrap();
    let output = Command::new("losetup")
        .args(["-r", "-f", "--show"])
        .arg(&file)
        .output()
        .unwrap();
    if !output.status.success() {
        // Needs the rights of root and a kernel with loop devices, which a container may lack.
        let reason = String::from_utf8_lossy(&output.stderr);
        eprintln!("skipped: no loop device: {}", reason.trim());
        return;
    }
    let device = Loop(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    let (size, entries) = listing(&device.0);
    assert_eq!((size, entries.len() > 10), (2 << 20, true));
    assert_eq!((size, entries), listing(file.to_str().unwrap()));
}
