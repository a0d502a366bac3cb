//! Repairs under adverse conditions: locks, full disks, failing reads and writes, killed processes, two repairs at once.
//!
//! Each leaves an image that is all-old, or all-new, or that its journal leads back; and says which, with exit code 4.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "integration tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use goldseal::image::{Image, Options, Source};
use goldseal::repair::in_place::{self, Run};
use goldseal::repair::journal::Journal;
use goldseal::repair::{Action, Gate, RepairPlan, Wanted, copy};

mod support;

const FIRST: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4";
const CURRENT: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_e2d8f1c3-6b7a-4895-a4b3-c2d1e0f9a8b7";
/// The folder of the two keys in the sample.
const FOLDER: &str =
    "Documents and Settings\\All Users\\Application Data\\Microsoft\\Crypto\\RSA\\MachineKeys";

/// A copy of the sample image in a folder of its own.
struct Sample {
    folder: tempfile::TempDir,
}

impl Sample {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/cases/w2k_kb884872_mismatch/golden.vhd");
        fs::copy(source, folder.path().join("golden.vhd")).unwrap();
        Self { folder }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn image(&self) -> PathBuf {
        self.place("golden.vhd")
    }

    fn journal(&self) -> PathBuf {
        self.place("golden.vhd.goldseal-journal")
    }

    /// The opened image and the plan that gives the first key its current name.
    fn plan(&self) -> (Image, RepairPlan) {
        let image = Image::open(&Source::from_path(self.image()), &Options::default()).unwrap();
        let action = Action {
            from: format!("{FOLDER}\\{FIRST}"),
            to: format!("{FOLDER}\\{CURRENT}"),
        };
        let plan = RepairPlan::make(
            &image,
            &image.installations[0],
            &Wanted::names(vec![action]),
        );
        (image, plan.unwrap())
    }

    fn prepared(&self) -> Journal {
        let (image, plan) = self.plan();
        in_place::journal(&image, &image.installations[0], &plan, &run()).unwrap()
    }
}

fn run() -> Run {
    Run {
        id: "test".to_owned(),
        created: 0,
    }
}

/// Asks for a lock on all bytes of a file from another process, in the way of lockf(3); whether it is given.
fn is_free_for_others(path: &Path) -> bool {
    let script =
        "import fcntl, sys\nfcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)";
    let mut python = Command::new("python3");
    let output = python.args(["-c", script]).arg(path).output().unwrap();
    output.status.success()
}

#[test]
fn an_image_stays_locked_to_others_while_the_written_image_is_checked() {
    if !support::tool("python3") {
        return;
    }
    let sample = Sample::new();
    let path = sample.image();
    assert!(is_free_for_others(&path));
    let mut check = || {
        // The check opens and closes the image, as every look at it does.
        drop(fs::read(&path).unwrap());
        assert!(!is_free_for_others(&path));
        Ok(())
    };
    in_place::apply(
        &path,
        &sample.journal(),
        sample.prepared(),
        &mut || Ok(()),
        &mut check,
    )
    .unwrap();
    assert!(is_free_for_others(&path));
}

#[test]
fn an_image_that_another_program_has_locked_is_not_copied() {
    let sample = Sample::new();
    let (image, plan) = sample.plan();
    let target = sample.place("new.vhd");
    let held = fs::OpenOptions::new()
        .write(true)
        .open(sample.image())
        .unwrap();
    held.lock().unwrap();
    let installation = &image.installations[0];
    let write = || {
        copy::write(
            &image,
            &sample.image(),
            installation,
            &plan,
            &target,
            &run(),
        )
    };
    assert_eq!(write().unwrap_err().gate, Gate::InUse);
    drop(held);
    let held = fs::File::open(sample.image()).unwrap();
    held.lock_shared().unwrap();
    write().unwrap();
    assert_eq!(fs::read_dir(sample.folder.path()).unwrap().count(), 1);
}

#[test]
fn a_pointer_to_a_journal_elsewhere_is_there_from_before_the_first_write_to_the_end() {
    let sample = Sample::new();
    let before = fs::read(sample.image()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let journal = other.path().canonicalize().unwrap().join("j");
    let pointer = sample.place("golden.vhd.goldseal-journal-at");
    let mut check = || {
        let text = fs::read_to_string(&pointer).unwrap();
        assert!(text.contains(journal.to_str().unwrap()));
        assert!(fs::read(sample.image()).unwrap() != before);
        Ok(())
    };
    in_place::apply(
        &sample.image(),
        &journal,
        sample.prepared(),
        &mut || Ok(()),
        &mut check,
    )
    .unwrap();
    assert!(!pointer.exists());
}
