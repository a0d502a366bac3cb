//! Edits of FAT12, FAT16 and FAT32 volumes, judged by fsck.fat and mtools, which share no code with this program.
//!
//! mkfs.fat and mtools make the volumes; where they are missing the tests say so.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "integration tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use goldseal::base::win_path::WinPath;
use goldseal::image::device::{Device, MemoryDevice};
use goldseal::repair::fat::plan;
use goldseal::repair::{Edit, Gate};

#[path = "support/kb884872.rs"]
mod kb884872;
mod support;
#[path = "support/tree.rs"]
mod tree;

use kb884872::{CURRENT, FIRST, SECOND};

/// The sizes that make the three widths of the table.
const SIZES: [(&str, usize); 3] = [("12", 2), ("16", 16), ("32", 40)];

fn tools() -> bool {
    let tools = ["mkfs.fat", "fsck.fat", "mcopy", "mdir"];
    tools.iter().all(|name| support::tool(name))
}

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    output
}

/// A volume on the host.
struct Volume {
    folder: tempfile::TempDir,
}

impl Volume {
    /// A volume with the tree at `tree`.
    fn with(bits: &str, mib: usize, tree: &Path) -> Self {
        let volume = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::write(volume.image(), vec![0; mib << 20]).unwrap();
        run("mkfs.fat", &["-F", bits, "-s", "1", volume.text()]);
        for entry in fs::read_dir(tree).unwrap() {
            let path = entry.unwrap().path();
            let args = [
                "-s",
                "-p",
                "-i",
                volume.text(),
                path.to_str().unwrap(),
                "::",
            ];
            run("mcopy", &args);
        }
        volume
    }

    /// A volume with a folder of many keys, the two of IIS among them, and a file without a long name.
    fn of_keys(bits: &str, mib: usize) -> Self {
        let tree = tempfile::tempdir().unwrap();
        let keys = tree.path().join("keys");
        fs::create_dir(&keys).unwrap();
        for number in 0..100_u8 {
            let name = format!("{number:032x}_{number:036x}");
            fs::write(keys.join(name), [number; 700]).unwrap();
        }
        fs::write(keys.join(FIRST), "the first").unwrap();
        fs::write(keys.join(SECOND), "the second").unwrap();
        fs::write(keys.join("SHORT.TXT"), "short").unwrap();
        fs::create_dir(keys.join("a directory of a long name")).unwrap();
        Self::with(bits, mib, tree.path())
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("volume.img")
    }

    fn text(&self) -> &str {
        // The path of a temporary folder is text.
        Box::leak(self.image().to_str().unwrap().to_owned().into_boxed_str())
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.image()).unwrap()
    }

    fn device(&self) -> Device {
        Arc::new(MemoryDevice::new(self.bytes()))
    }

    /// Makes the edits on the volume; the number of bytes that differ.
    fn edit(&self, edits: &[Edit]) -> usize {
        let plan = plan(&self.device(), edits).unwrap();
        let mut bytes = self.bytes();
        let before = bytes.clone();
        for patch in &plan.patches {
            let at = usize::try_from(patch.offset).unwrap();
            bytes[at..at + patch.after.len()].copy_from_slice(&patch.after);
        }
        fs::write(self.image(), &bytes).unwrap();
        before.iter().zip(&bytes).filter(|(a, b)| a != b).count()
    }

    fn refused(&self, edit: &Edit) -> Gate {
        plan(&self.device(), std::slice::from_ref(edit))
            .unwrap_err()
            .gate
    }

    /// The names and contents of the keys, as mtools read them.
    fn keys(&self) -> BTreeMap<String, Vec<u8>> {
        let out = tempfile::tempdir().unwrap();
        let target = out.path().to_str().unwrap();
        run("mcopy", &["-s", "-i", self.text(), "::keys", target]);
        let entries = fs::read_dir(out.path().join("keys")).unwrap();
        entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    /// The 8.3 names of the keys with their dates, as mtools list them, sorted.
    fn short_names(&self) -> Vec<String> {
        let output = run("mdir", &["-i", self.text(), "::keys"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let mut names: Vec<String> = text
            .lines()
            .filter_map(|line| line.get(..42.min(line.len())).map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    fn is_whole(&self) -> bool {
        let output = Command::new("fsck.fat")
            .args(["-n", self.text()])
            .output()
            .unwrap();
        output.status.success()
    }
}

fn rename(from: &str, to: &str) -> Edit {
    Edit::Rename {
        directory: WinPath::new("keys"),
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

fn swap() -> Edit {
    Edit::Swap {
        directory: WinPath::new("keys"),
        first: FIRST.to_owned(),
        second: SECOND.to_owned(),
    }
}

/// The number of bytes in which two names differ as they are stored.
fn difference(one: &str, other: &str) -> usize {
    one.bytes()
        .zip(other.bytes())
        .filter(|(a, b)| a != b)
        .count()
}

#[test]
fn a_rename_changes_the_characters_of_one_long_name_and_nothing_else() {
    if !tools() {
        return;
    }
    for (bits, mib) in SIZES {
        let volume = Volume::of_keys(bits, mib);
        let (mut expected, short) = (volume.keys(), volume.short_names());
        let changed = volume.edit(&[rename(FIRST, CURRENT)]);
        assert_eq!(changed, difference(FIRST, CURRENT), "{bits}");
        let content = expected.remove(FIRST).unwrap();
        expected.insert(CURRENT.to_owned(), content);
        assert!(volume.keys() == expected, "{bits}");
        assert_eq!(volume.short_names(), short, "{bits}");
        assert!(volume.is_whole(), "{bits}");
    }
}

#[test]
fn a_swap_exchanges_two_names_and_a_second_one_gives_them_back() {
    if !tools() {
        return;
    }
    for (bits, mib) in SIZES {
        let volume = Volume::of_keys(bits, mib);
        let (before, keys) = (volume.bytes(), volume.keys());
        assert_eq!(
            volume.edit(&[swap()]),
            2 * difference(FIRST, SECOND),
            "{bits}"
        );
        let after = volume.keys();
        assert_eq!(after.len(), keys.len());
        assert_eq!(after[FIRST], keys[SECOND], "{bits}");
        assert_eq!(after[SECOND], keys[FIRST], "{bits}");
        assert!(volume.is_whole(), "{bits}");
        volume.edit(&[swap()]);
        assert!(volume.bytes() == before, "{bits}");
    }
}

#[test]
fn several_edits_are_made_one_after_the_other() {
    if !tools() {
        return;
    }
    let volume = Volume::of_keys("16", 16);
    volume.edit(&[
        rename(FIRST, CURRENT),
        rename(SECOND, FIRST),
        rename(CURRENT, SECOND),
    ]);
    let other = Volume::of_keys("16", 16);
    other.edit(&[swap()]);
    assert!(volume.keys() == other.keys());
}

#[test]
fn what_cannot_be_renamed_is_refused_by_its_gate() {
    if !tools() {
        return;
    }
    let volume = Volume::of_keys("16", 16);
    let upper = CURRENT.to_uppercase();
    fs::write(volume.folder.path().join(&upper), "taken").unwrap();
    let taken = volume.folder.path().join(&upper);
    run(
        "mcopy",
        &["-i", volume.text(), taken.to_str().unwrap(), "::keys"],
    );
    let long = "a directory of a long name";
    for (edit, gate) in [
        (rename(FIRST, CURRENT), Gate::NameTaken),
        (rename(FIRST, SECOND), Gate::NameTaken),
        (rename("not there", "not here!"), Gate::NotThere),
        (rename(&FIRST.to_uppercase(), CURRENT), Gate::NotThere),
        (rename("SHORT.TXT", "OTHER.TXT"), Gate::Name),
        (rename(FIRST, "shorter"), Gate::Name),
        (rename(long, &long.to_uppercase()), Gate::NotAFile),
        (
            Edit::Delete {
                directory: WinPath::new("keys"),
                name: FIRST.to_owned(),
            },
            Gate::FileSystem,
        ),
    ] {
        assert_eq!(volume.refused(&edit), gate, "{edit:?}");
    }
}

/// Where the first table of a volume begins, and its length.
fn table(bytes: &[u8]) -> (usize, usize) {
    let field = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let sectors = match field(22) {
        0 => field(36),
        sectors => sectors,
    };
    (field(14) * field(11), sectors * field(11))
}

#[test]
fn a_volume_that_was_not_closed_or_is_damaged_is_refused_by_its_gate() {
    if !tools() {
        return;
    }
    for (bits, mib) in SIZES {
        let volume = Volume::of_keys(bits, mib);
        let whole = volume.bytes();
        let (start, len) = table(&whole);
        let marks = if bits == "32" { 0x41 } else { 0x25 };
        let piece = whole
            .windows(10)
            .position(|window| window == b"4\0c\0b\0d\0e\0")
            .or_else(|| whole.windows(4).position(|window| window == b"_\x004\0"))
            .unwrap();
        let mut kinds = vec![
            ("boot dirty", marks, 1, Gate::Dirty),
            ("boot errors", marks, 2, Gate::VolumeFlags),
            // An entry behind the marks, in the second table.
            ("tables", start + len + 9, 1, Gate::Damaged),
            // The checksum of a piece: 13 bytes into the 32 bytes in which the text was found.
            ("piece", piece / 32 * 32 + 13, 1, Gate::Damaged),
        ];
        match bits {
            "16" => {
                kinds.push(("table dirty", start + 3, 0x80, Gate::Dirty));
                kinds.push(("table errors", start + 3, 0x40, Gate::VolumeFlags));
            }
            "32" => {
                kinds.push(("table dirty", start + 7, 0x08, Gate::Dirty));
                kinds.push(("table errors", start + 7, 0x04, Gate::VolumeFlags));
            }
            _ => {}
        }
        for (what, at, bit, gate) in kinds {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            fs::write(volume.image(), bytes).unwrap();
            assert_eq!(volume.refused(&swap()), gate, "{bits} {what}");
        }
    }
}

#[test]
fn a_hibernated_volume_is_refused() {
    if !tools() {
        return;
    }
    for (head, is_refused) in [("hibr", true), ("wake", false), ("strange", true)] {
        let volume = Volume::of_keys("16", 16);
        let mut content = head.as_bytes().to_vec();
        content.resize(8192, 0);
        let file = volume.folder.path().join("hiberfil.sys");
        fs::write(&file, content).unwrap();
        run(
            "mcopy",
            &["-i", volume.text(), file.to_str().unwrap(), "::"],
        );
        let planned = plan(&volume.device(), &[swap()]);
        assert_eq!(planned.is_err(), is_refused, "{head}");
        if let Err(refusal) = planned {
            assert_eq!(refusal.gate, Gate::Hibernated, "{head}");
        }
    }
}

/// The Windows tree of the sample of KB884872, file by file.
fn sample_tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tree::copy_out(&kb884872::to_rename(), folder.path());
    folder
}

#[test]
fn an_image_is_repaired_by_its_proof_and_put_back_byte_for_byte() {
    if !tools() {
        return;
    }
    let tree = sample_tree();
    for (bits, mib) in [("16", 16), ("32", 40)] {
        let volume = Volume::with(bits, mib, tree.path());
        let before = volume.bytes();
        let goldseal = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_goldseal"));
            command.args(args).output().unwrap()
        };
        let image = volume.text();
        let output = goldseal(&["repair", image, "--apply", "--in-place", "--format", "json"]);
        assert!(output.status.success(), "{bits}: {output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let outcome = |side: &str| {
            let findings = report[side]["findings"].as_array().unwrap();
            let finding = findings.iter().find(|finding| finding["rule"] == "KEY-001");
            finding.unwrap()["outcome"].clone()
        };
        assert_eq!(
            (outcome("before"), outcome("after")),
            ("fired".into(), "clear".into())
        );
        assert!(volume.bytes() != before);
        assert!(volume.is_whole(), "{bits}");
        // A second repair has nothing left to do.
        let again = goldseal(&["repair", image, "--format", "json"]);
        let report: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
        assert_eq!(report["actions"], serde_json::json!([]), "{bits}");
        let journal = format!("{image}.goldseal-journal");
        assert!(goldseal(&["undo", &journal]).status.success());
        assert!(volume.bytes() == before, "{bits}");
    }
}
