//! Repairs under adverse conditions: locks, full disks, failing reads and writes, killed processes, two repairs at once.
//!
//! Each leaves an image that is all-old, or all-new, or that its journal leads back; and says which, with exit code 4.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "integration tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use goldseal::image::{Image, Options, Source};
use goldseal::repair::in_place::{self, Run};
use goldseal::repair::journal::Journal;
use goldseal::repair::{Action, Gate, RepairPlan, Wanted, copy};

#[path = "support/kb884872.rs"]
mod kb884872;
mod support;

use kb884872::{CURRENT, FIRST, FOLDER};

/// What a repair does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rename,
    Swap,
    Delete,
}

/// A copy of a sample image in a folder of its own.
struct Sample {
    sample: kb884872::Sample,
    kind: Kind,
}

impl Sample {
    /// The sample for a kind of repair.
    fn of(kind: Kind) -> Self {
        let sample = match kind {
            Kind::Rename => kb884872::Sample::to_rename(),
            Kind::Swap | Kind::Delete => kb884872::Sample::to_swap(),
        };
        Self { sample, kind }
    }

    fn new() -> Self {
        Self::of(Kind::Rename)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.sample.place(name)
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
    assert_eq!(
        fs::read_dir(sample.sample.folder.path()).unwrap().count(),
        1
    );
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

const WORDS: &[&str] = &["--apply", "--in-place"];

/// `goldseal` with its arguments, under another program that is to start it.
fn goldseal(starter: &[&str], args: &[&str]) -> Command {
    let binary = env!("CARGO_BIN_EXE_goldseal");
    let mut words = starter.to_vec();
    words.push(binary);
    words.extend(args);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

impl Sample {
    /// The command line of a repair in place.
    fn repair(&self, starter: &[&str]) -> Command {
        let image = self.image();
        let name = format!("{FIRST}={CURRENT}");
        let mut args = vec!["repair", image.to_str().unwrap()];
        args.extend(WORDS);
        let folder = self.sample.folder.path().to_str().unwrap();
        match self.kind {
            Kind::Rename => args.extend(["--set-name", &name]),
            // The proof decides.
            Kind::Swap => {}
            Kind::Delete => args.extend(["--delete-bogus", "--backup-dir", folder]),
        }
        goldseal(starter, &args)
    }

    fn undo(&self, starter: &[&str]) -> Command {
        goldseal(starter, &["undo", self.journal().to_str().unwrap()])
    }

    /// Whatever happened before: the image is whole or its journal leads back, and a half-changed one is warned of.
    fn must_lead_back(&self, old: &[u8], new: &[u8], what: &str) {
        let image = fs::read(self.image()).unwrap();
        let journal = self.journal();
        if image != old && image != new {
            let check = goldseal(&[], &["check", self.image().to_str().unwrap()])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&check.stdout).into_owned()
                + &String::from_utf8_lossy(&check.stderr);
            assert!(said.contains("half-changed"), "{what}: {said}");
            let refused = self.repair(&[]).output().unwrap();
            assert_eq!(refused.status.code(), Some(4), "{what}: {refused:?}");
            assert!(fs::read(self.image()).unwrap() == image, "{what}");
        }
        if image != old {
            assert!(journal.exists(), "{what}: changed, and no journal");
        }
        if journal.exists() {
            let undone = self.undo(&[]).output().unwrap();
            assert!(undone.status.success(), "{what}: {undone:?}");
        }
        assert!(fs::read(self.image()).unwrap() == old, "{what}");
    }
}

/// The image before and after the repair.
fn both_sides(kind: Kind) -> (Vec<u8>, Vec<u8>) {
    let sample = Sample::of(kind);
    let old = fs::read(sample.image()).unwrap();
    let output = sample.repair(&[]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    (old, fs::read(sample.image()).unwrap())
}

/// Starts a command so that calls of the system fail or kill it; `None` where the host does not allow that.
fn faulty(fault: &str) -> Option<Vec<String>> {
    if !support::tool("strace") {
        return None;
    }
    let calls = fault.split(':').next().unwrap();
    let words = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={fault}"),
    ];
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let may_trace = Command::new(&words[0])
        .args(["-qq", "-o", "/dev/null", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !may_trace {
        support::skipped("no process may be traced here");
        return None;
    }
    Some(words)
}

fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// Most calls of one kind that a repair makes.
const CALLS_MAX: usize = 40;

/// Kills a repair, or its undo, at every so manieth of its calls; how often it was killed, and whether it could be.
fn killed(kind: Kind, calls: &[&str], step: usize, is_undo: bool) -> Option<usize> {
    let (old, new) = both_sides(kind);
    let mut killed = 0;
    for call in calls {
        for number in (1..CALLS_MAX).step_by(step) {
            let fault = format!("{call}:signal=SIGKILL:when={number}");
            let words = faulty(&fault)?;
            let sample = Sample::of(kind);
            let output = if is_undo {
                assert!(sample.repair(&[]).output().unwrap().status.success());
                sample.undo(&refs(&words)).output().unwrap()
            } else {
                sample.repair(&refs(&words)).output().unwrap()
            };
            sample.must_lead_back(&old, &new, &format!("{kind:?} {fault}"));
            if output.status.success() {
                break;
            }
            assert_eq!(output.status.code(), None, "{fault}: {output:?}");
            killed += 1;
        }
    }
    Some(killed)
}

#[test]
fn a_repair_that_is_killed_at_any_of_its_writes_leaves_a_way_back() {
    let calls = ["pwrite64", "fsync", "renameat2"];
    if let Some(killed) = killed(Kind::Rename, &calls, 1, false) {
        assert!(killed >= 8, "{killed}");
    }
}

#[test]
fn a_swap_and_a_removal_that_are_killed_at_their_writes_leave_a_way_back() {
    for kind in [Kind::Swap, Kind::Delete] {
        if let Some(killed) = killed(kind, &["pwrite64"], 2, false) {
            assert!(killed >= 4, "{kind:?}: {killed}");
        }
    }
}

#[test]
fn an_undo_that_is_killed_at_any_of_its_writes_is_ended_by_another() {
    if let Some(killed) = killed(Kind::Rename, &["pwrite64", "fsync"], 1, true) {
        assert!(killed >= 8, "{killed}");
    }
    if let Some(killed) = killed(Kind::Delete, &["pwrite64"], 3, true) {
        assert!(killed >= 3, "{killed}");
    }
}

#[test]
fn a_repair_whose_writes_fail_says_so_and_leaves_a_way_back() {
    let (old, new) = both_sides(Kind::Rename);
    let mut said = std::collections::BTreeSet::new();
    for call in [
        "pwrite64:error=ENOSPC",
        "pwrite64:error=EIO",
        "fsync:error=EIO",
    ] {
        // One call fails, or all from one on.
        for (number, from_on) in [(1, ""), (3, ""), (1, "+"), (3, "+"), (4, "+")] {
            let fault = format!("{call}:when={number}{from_on}");
            let Some(words) = faulty(&fault) else { return };
            let sample = Sample::new();
            let output = sample.repair(&refs(&words)).output().unwrap();
            assert_eq!(output.status.code(), Some(4), "{fault}: {output:?}");
            let image = fs::read(sample.image()).unwrap();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let claims = [
                ("nothing was written", image == old),
                ("has been put back; the image is as it was", image == old),
                (
                    "every byte that was written has been put back",
                    image == old,
                ),
                ("half-changed", image != old && image != new),
                ("holds the whole repair", image == new),
                ("was changed and checked", image == new),
                // A folder that cannot be synced, before anything is done.
                ("sync", image == old),
                ("write", image == old),
            ];
            let claim = claims.iter().find(|(words, _)| text.contains(words));
            let (words, holds) = claim.unwrap_or_else(|| panic!("{fault}: {text}"));
            assert!(holds, "{fault}: {text}");
            said.insert(*words);
            sample.must_lead_back(&old, &new, &fault);
        }
    }
    assert!(said.len() > 3, "{said:?}");
}

/// Number of reads at a position that a whole repair makes.
fn reads() -> Option<usize> {
    faulty("pread64:error=EIO:when=65535")?;
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("calls");
    let words = ["strace", "-f", "-qq", "-e", "trace=pread64", "-o"];
    let starter = [&words[..], &[list.to_str().unwrap()]].concat();
    let output = Sample::new().repair(&starter).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let calls = fs::read_to_string(list).unwrap();
    Some(
        calls
            .lines()
            .filter(|line| line.contains("pread64("))
            .count(),
    )
}

#[test]
fn a_repair_whose_reads_fail_loses_nothing() {
    let (old, new) = both_sides(Kind::Rename);
    let Some(all) = reads() else { return };
    assert!(all > 100, "{all}");
    let mut refused = 0;
    // Reads of planning, of the preview, of the write and of the check after it; the first are of the loader of programs.
    for tenth in 1..10 {
        for from_on in ["", "+"] {
            let fault = format!("pread64:error=EIO:when={}{from_on}", all * tenth / 10);
            let Some(words) = faulty(&fault) else { return };
            let sample = Sample::new();
            let output = sample.repair(&refs(&words)).output().unwrap();
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 4)), "{fault}: {output:?}");
            let image = fs::read(sample.image()).unwrap();
            assert!(code == Some(4) || image == new, "{fault}");
            assert!(code == Some(4) || from_on.is_empty(), "{fault}: {output:?}");
            refused += usize::from(code == Some(4));
            sample.must_lead_back(&old, &new, &fault);
        }
    }
    assert!(refused >= 9, "{refused}");
}

#[test]
fn of_two_repairs_at_once_exactly_one_is_done() {
    let (_, new) = both_sides(Kind::Rename);
    for _ in 0..5 {
        let sample = Sample::new();
        let start = || {
            let mut command = sample.repair(&[]);
            let piped = command.stdout(std::process::Stdio::null());
            piped.stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let both = [start(), start()].map(|child| child.wait_with_output().unwrap());
        let mut codes: Vec<_> = both.iter().map(|one| one.status.code().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 4], "{both:?}");
        assert!(fs::read(sample.image()).unwrap() == new);
        let names: Vec<_> = fs::read_dir(sample.sample.folder.path()).unwrap().collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}

#[test]
fn an_image_that_was_cut_between_plan_and_repair_is_not_written() {
    let sample = Sample::new();
    let journal = sample.prepared();
    let len = fs::metadata(sample.image()).unwrap().len();
    let image = fs::OpenOptions::new()
        .write(true)
        .open(sample.image())
        .unwrap();
    image.set_len(len - 512).unwrap();
    drop(image);
    let before = fs::read(sample.image()).unwrap();
    let result = in_place::apply(
        &sample.image(),
        &sample.journal(),
        journal,
        &mut || Ok(()),
        &mut || Ok(()),
    );
    assert_eq!(result.unwrap_err().gate, Gate::ImageChanged);
    assert!(fs::read(sample.image()).unwrap() == before);
    assert!(!sample.journal().exists());
}

/// A file system in memory of 256 KiB.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        if !support::tool("mount") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(folder.path())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            support::skipped("nothing may be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    /// Leaves no byte free.
    fn fill(&self) {
        use std::io::Write;
        let mut file = fs::File::create(self.0.path().join("filling")).unwrap();
        while file.write_all(&[1; 512]).is_ok() {}
    }

    fn names(&self) -> usize {
        fs::read_dir(self.0.path()).unwrap().count()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_for_the_journal_stops_a_repair_before_anything_is_written() {
    let Some(disk) = SmallDisk::new() else { return };
    let sample = Sample::new();
    let before = fs::read(sample.image()).unwrap();
    disk.fill();
    let journal = disk.0.path().join("j");
    let output = sample.repair(&[]).arg("--journal").arg(&journal).output();
    assert_eq!(output.unwrap().status.code(), Some(4));
    assert!(fs::read(sample.image()).unwrap() == before);
    assert_eq!(disk.names(), 1);
    assert_eq!(
        fs::read_dir(sample.sample.folder.path()).unwrap().count(),
        1
    );
}

#[test]
fn a_disk_that_fills_up_while_the_image_is_written_stops_neither_the_repair_nor_its_undo() {
    let Some(disk) = SmallDisk::new() else { return };
    let sample = Sample::new();
    let before = fs::read(sample.image()).unwrap();
    let journal = disk.0.path().canonicalize().unwrap().join("j");
    let mut check = || {
        disk.fill();
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
    let image = sample.image();
    let (journal, image) = (journal.to_str().unwrap(), image.to_str().unwrap());
    let undone = goldseal(&[], &["undo", journal, "--image", image]).output();
    assert!(undone.unwrap().status.success());
    assert!(fs::read(sample.image()).unwrap() == before);
}
