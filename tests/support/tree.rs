//! A Windows tree in a directory of the host, copied file by file from an image.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use goldseal::base::win_path::WinPath;
use goldseal::image::{Image, Options, Source};

/// Copies the tree of the first installation of `image` to `root`.
pub(crate) fn copy_out(image: &Path, root: &Path) {
    let image = Image::open(&Source::from_path(image), &Options::default()).unwrap();
    let filesystem = image.installations[0].filesystem.as_ref();
    let mut folders = vec![WinPath::root()];
    while let Some(path) = folders.pop() {
        let host = path
            .components()
            .iter()
            .fold(root.to_owned(), |host, name| host.join(name));
        fs::create_dir_all(&host).unwrap();
        for entry in filesystem.read_dir(&path).unwrap().unwrap() {
            let child = path.child(&entry.name);
            if entry.name.starts_with('$') || entry.name == "." {
                continue;
            }
            if entry.is_dir {
                folders.push(child);
            } else {
                let content = filesystem.read(&child, 1 << 30).unwrap().unwrap();
                fs::write(host.join(&entry.name), content).unwrap();
            }
        }
    }
}

/// Every file with its content and its time of modification.
pub(crate) fn files(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let walk = walkdir::WalkDir::new(root).into_iter();
    walk.map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let content = fs::read(entry.path()).unwrap();
            let time = entry.metadata().unwrap().modified().unwrap();
            (entry.into_path(), (content, time))
        })
        .collect()
}
