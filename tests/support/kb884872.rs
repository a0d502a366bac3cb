//! The sample images of KB884872: one whose right key file only has the wrong name, and one where a bogus file has its name.
#![allow(dead_code, reason = "each target uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

/// The key file that signed the metabase, in both samples.
pub(crate) const FIRST: &str =
    "c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4";
/// The other key file of IIS in the sample whose right file only has the wrong name.
pub(crate) const SECOND: &str =
    "c2319c42033a5ca7f44e731bfd3fa2b5_90817263-5443-4627-9180-706f5e4d3c2b";
/// The name that ends in the MachineGuid of both samples; in the one to swap, that of the bogus file.
pub(crate) const CURRENT: &str =
    "c2319c42033a5ca7f44e731bfd3fa2b5_e2d8f1c3-6b7a-4895-a4b3-c2d1e0f9a8b7";
/// The folder of the key files.
pub(crate) const FOLDER: &str =
    "Documents and Settings\\All Users\\Application Data\\Microsoft\\Crypto\\RSA\\MachineKeys";

/// The sample whose repair is a rename, as it lies in the project.
pub(crate) fn to_rename() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases/w2k_kb884872_mismatch/golden.vhd")
}

/// Unpacks the sample whose repair is a swap.
pub(crate) fn unpack_to_swap(place: &Path) {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/cases/w2k_kb884872_swap/golden.vhd.zst");
    let mut image =
        ruzstd::decoding::StreamingDecoder::new(fs::File::open(packed).unwrap()).unwrap();
    std::io::copy(&mut image, &mut fs::File::create(place).unwrap()).unwrap();
}

/// `OLD=NEW`, as `--set-name` takes it.
pub(crate) fn pair(old: &str, new: &str) -> String {
    format!("{old}={new}")
}

/// A copy of a sample image in a folder of its own.
pub(crate) struct Sample {
    pub(crate) folder: tempfile::TempDir,
}

impl Sample {
    /// The sample whose repair is a rename.
    pub(crate) fn to_rename() -> Self {
        let sample = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::copy(to_rename(), sample.image()).unwrap();
        sample
    }

    /// The sample whose repair is a swap.
    pub(crate) fn to_swap() -> Self {
        let sample = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        unpack_to_swap(&sample.image());
        sample
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn image(&self) -> PathBuf {
        self.place("golden.vhd")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.place("golden.vhd.goldseal-journal")
    }
}

/// Exit code and report of a repair of `image`, called in its folder.
pub(crate) fn repair(image: &Path, more: &[&str]) -> (i32, Json) {
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .arg("repair")
        .arg(image)
        .args(more)
        .args(["--format", "json"])
        .current_dir(image.parent().unwrap())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Json::Null);
    (output.status.code().unwrap(), report)
}

pub(crate) fn undo(journal: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .arg("undo")
        .arg(journal)
        .output()
        .unwrap()
}
