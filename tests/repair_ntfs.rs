//! Edits of difficult NTFS volumes, judged by programs that share no code with this one.
//!
//! The volumes are those of `make_ntfs_cases.sh`; the judges are the ones that `check_ntfs.sh` runs: a strict checker in
//! Python, ntfs-3g reading every file by its name against the list that is expected after the edit, ntfs-3g writing, and the
//! ntfsprogs, Sleuth Kit and libfsntfs tools where they are installed. A judge that fails on the volume before the edit says
//! nothing there. Needs root, /dev/fuse, ntfs-3g and attr; each test says why it was skipped where one is missing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "integration tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use goldseal::base::filetime::FileTime;
use goldseal::base::win_path::WinPath;
use goldseal::image::device::{Device, FileDevice, ReadCounter};
use goldseal::image::filesystem::FileSystem;
use goldseal::image::filesystem::ntfs::NtfsVolume;
use goldseal::repair::ntfs::{VolumePlan, plan};
use goldseal::repair::{Edit, Gate, Planned};

#[path = "support/ntfs.rs"]
mod ntfs;
mod support;

use ntfs::MACHINE_KEYS;

/// The tools beside the project.
const TOOLS: &str = "../shared/tools/ntfs";
/// A folder of volumes that were built before; without it those that a test needs are built.
const BUILT: &str = "GOLDSEAL_NTFS_CASES";
/// The key file of IIS under its old, its new and a third GUID.
const OLD: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-570f-47f5-8cc1-f6e151231826";
const NEW: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_1b2162a0-ed5a-4d56-bd8a-8f2f65406b82";
const OTHER: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_0a1162a0-ed5a-4d56-bd8a-8f2f65406b00";
/// Judges that take long, and those that only a sample of the edits is shown to.
const SLOW: &str = "3g-write ntfsfix ntfsinfo ntfsls ntfsresize ntfsclone fls libfsntfs dissect";

/// The volumes of a test.
struct Cases {
    folder: PathBuf,
    _built: Option<tempfile::TempDir>,
}

fn cases(names: &[&str]) -> Option<Cases> {
    if let Some(folder) = std::env::var_os(BUILT) {
        return Some(Cases {
            folder: folder.into(),
            _built: None,
        });
    }
    let tools = ["mkntfs", "ntfs-3g", "setfattr", "python3", "bc"];
    if !tools.iter().all(|name| support::tool(name)) || !Path::new("/dev/fuse").exists() {
        eprintln!("skipped: volumes cannot be built here");
        return None;
    }
    let builder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(TOOLS)
        .join("make_ntfs_cases.sh");
    if !builder.is_file() {
        eprintln!("skipped: {} is not there", builder.display());
        return None;
    }
    let built = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .arg(builder)
        .arg(built.path())
        .args(names)
        .output()
        .unwrap();
    if !output.status.success() {
        eprintln!("skipped: volumes can't be built here: {output:?}");
        assert!(std::env::var("CI").is_err(), "volumes must be built");
        return None;
    }
    Some(Cases {
        folder: built.path().to_owned(),
        _built: Some(built),
    })
}

fn device(path: &Path) -> Device {
    let file = fs::File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    Arc::new(FileDevice::new(file, len, Arc::new(ReadCounter::default())))
}

fn swap(first: &str, second: &str) -> Edit {
    Edit::Swap {
        directory: WinPath::new(MACHINE_KEYS),
        first: first.to_owned(),
        second: second.to_owned(),
    }
}

fn rename(from: &str, to: &str) -> Edit {
    Edit::Rename {
        directory: WinPath::new(MACHINE_KEYS),
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

fn delete(name: &str) -> Edit {
    Edit::Delete {
        directory: WinPath::new(MACHINE_KEYS),
        name: name.to_owned(),
    }
}

/// The names in the folder of machine keys.
fn key_names(image: &Path) -> Vec<String> {
    let volume = NtfsVolume::open(device(image)).unwrap();
    let entries = volume.read_dir(&WinPath::new(MACHINE_KEYS)).unwrap();
    let names = entries.unwrap().into_iter().map(|entry| entry.name);
    names.collect()
}

fn apply(image: &Path, plan: &VolumePlan) {
    let file = fs::OpenOptions::new().write(true).open(image).unwrap();
    for patch in &plan.patches {
        file.write_all_at(&patch.after, patch.offset).unwrap();
    }
}

fn revert(image: &Path, plan: &VolumePlan) {
    let file = fs::OpenOptions::new().write(true).open(image).unwrap();
    for patch in &plan.patches {
        file.write_all_at(&patch.before, patch.offset).unwrap();
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let output = Command::new("cmp").arg("-s").args([one, other]).status();
    output.unwrap().success()
}

/// The list of files that a reader must see after the edits.
fn expectation(before: &Path, edits: &[Edit]) -> String {
    let mut text = String::new();
    for line in fs::read_to_string(before).unwrap().lines() {
        let (path, rest) = line.split_once('\t').unwrap();
        let mut path = path.to_owned();
        for edit in edits {
            let folder = edit.directory().to_string().replace('\\', "/");
            let renamed = edit
                .names()
                .into_iter()
                .find(|(from, _)| path == format!("{folder}/{from}"));
            if let Some((_, to)) = renamed {
                path = format!("{folder}/{to}");
            }
            let removed = edit.removed().map(|name| format!("{folder}/{name}"));
            if removed.is_some_and(|removed| removed == path) {
                path.clear();
            }
        }
        if !path.is_empty() {
            text.push_str(&format!("{path}\t{rest}\n"));
        }
    }
    text
}

/// What each judge says of a volume.
fn judge(image: &Path, expected: &Path, leave_out: &str) -> BTreeMap<String, (String, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(TOOLS)
        .join("check_ntfs.sh");
    let output = Command::new("bash")
        .arg(script)
        .arg(image)
        .env("EXPECT", expected)
        .env("SKIP_LIST", leave_out)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut verdicts = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ').filter(|word| !word.is_empty());
        if let (Some(word), Some(rest)) = (words.next(), words.next()) {
            let rest = line.trim_start_matches(word).trim_start().to_owned() + rest;
            let name = rest
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            verdicts.insert(name, (word.to_owned(), line.to_owned()));
        }
    }
    assert!(!verdicts.is_empty(), "{output:?}");
    verdicts
}

/// Makes the edits on a copy and has it judged; the answer is the plan.
fn check(cases: &Cases, name: &str, edits: &[Edit], leave_out: &str) -> Planned<VolumePlan> {
    let image = cases.folder.join(format!("{name}.img"));
    let expect = cases.folder.join(format!("{name}.expect"));
    let plan = plan(&device(&image), edits)?;
    let scratch = tempfile::tempdir().unwrap();
    let copy = scratch.path().join("edited.img");
    let copied = Command::new("cp")
        .arg("--sparse=always")
        .args([&image, &copy])
        .status()
        .unwrap();
    assert!(copied.success());
    apply(&copy, &plan);
    let expected = scratch.path().join("edited.expect");
    fs::write(&expected, expectation(&expect, edits)).unwrap();
    let after = judge(&copy, &expected, leave_out);
    // Undo writes the old sectors back: what is there then is the volume, bit for bit.
    revert(&copy, &plan);
    assert!(is_same(&copy, &image), "{name} {edits:?}");
    let failed: Vec<_> = after
        .iter()
        .filter(|(_, (word, _))| word == "FAIL")
        .collect();
    if !failed.is_empty() {
        let before = judge(&image, &expect, leave_out);
        for (judge, (_, line)) in failed {
            assert_eq!(before[judge].0, "FAIL", "{name} {edits:?}: {line}");
        }
    }
    assert_eq!(after["ref"].0, "OK", "{name} {edits:?}");
    Ok(plan)
}

/// The key file that may be removed: the bogus one where it has no object id or attribute list.
fn removable(image: &Path, names: &[String]) -> String {
    let base = device(image);
    let candidates = [NEW, OLD]
        .into_iter()
        .chain(names.iter().map(String::as_str));
    candidates
        .filter(|name| names.iter().any(|other| other == name))
        .find(|name| plan(&base, &[delete(name)]).is_ok())
        .unwrap_or_else(|| panic!("{}: no file can be removed", image.display()))
        .to_owned()
}

/// The edits that are tried on every volume: exchange, near rename, far renames in both directions, removal, removal and
/// rename to the name that is free then.
fn usual_edits(image: &Path) -> Vec<(&'static str, Vec<Edit>)> {
    let names = key_names(image);
    let mut list = Vec::new();
    if names.iter().any(|name| name == NEW) {
        list.push(("swap", vec![swap(OLD, NEW)]));
    }
    list.push(("near", vec![rename(OLD, OTHER)]));
    let touch = Edit::Touch {
        directory: WinPath::new(MACHINE_KEYS),
        names: vec![OTHER.to_owned()],
        time: FileTime(127_447_000_000_000_000),
    };
    list.push(("touch", vec![rename(OLD, OTHER), touch]));
    let bogus = removable(image, &names);
    list.push(("delete", vec![delete(&bogus)]));
    if bogus != OLD && bogus.len() == OLD.len() {
        list.push(("delete, rename", vec![delete(&bogus), rename(OLD, &bogus)]));
    }
    let others: Vec<&String> = names
        .iter()
        .filter(|name| name.len() == OLD.len() && !name.to_lowercase().starts_with("c2319c42"))
        .collect();
    if others.len() > 10 {
        let early = others[others.len() / 10];
        let late = others[others.len() * 9 / 10];
        list.push(("far", vec![rename(early, &format!("fff0{}", &early[4..]))]));
        list.push(("back", vec![rename(late, &format!("0001{}", &late[4..]))]));
        list.push((
            "many",
            vec![
                rename(OLD, OTHER),
                rename(early, &format!("fff1{}", &early[4..])),
                swap(late, OTHER),
            ],
        ));
    }
    list
}

fn check_cases(names: &[&str], leave_out: &str, sectors_max: usize) {
    let Some(cases) = cases(names) else { return };
    for name in names {
        let image = cases.folder.join(format!("{name}.img"));
        for (kind, edits) in usual_edits(&image) {
            let plan = check(&cases, name, &edits, leave_out)
                .unwrap_or_else(|refusal| panic!("{name} {kind}: {refusal}"));
            let sectors = plan.patches.len();
            eprintln!("{name} {kind}: {sectors} sectors");
            if kind == "swap" {
                assert!(sectors <= sectors_max, "{name} {kind}: {sectors} sectors");
            }
        }
    }
}

#[test]
fn every_judge_accepts_edited_volumes_of_every_folder_size() {
    check_cases(&["n1", "n2", "n200", "n200_win"], "ntfsck kernel", 24);
}

#[test]
fn every_judge_accepts_edited_volumes_of_every_cluster_and_sector_size() {
    let names = ["c512", "c1k", "c2k", "c64k"];
    check_cases(&names, SLOW, 24);
    check_cases(&["s4k", "s4k_c64k", "rec4k_s512"], SLOW, 40);
}

#[test]
fn every_judge_accepts_edited_volumes_with_difficult_names_and_records() {
    check_cases(
        &[
            "names",
            "names_win",
            "c23many",
            "attrs",
            "objid",
            "frag",
            "attrlist",
        ],
        SLOW,
        24,
    );
}

#[test]
fn every_judge_accepts_an_edited_folder_of_20_000_files() {
    check_cases(&["n20k"], SLOW, 24);
}

#[test]
fn every_file_of_a_folder_can_be_removed() {
    let Some(cases) = cases(&["n200_win", "c23many", "n2"]) else {
        return;
    };
    for name in ["n200_win", "c23many", "n2"] {
        let image = cases.folder.join(format!("{name}.img"));
        let base = device(&image);
        for file in key_names(&image) {
            let planned = plan(&base, &[delete(&file)]);
            assert!(planned.is_ok(), "{name} {file}: {}", planned.unwrap_err());
        }
    }
}

#[test]
fn a_folder_is_emptied_file_by_file_and_every_judge_accepts_it() {
    let Some(cases) = cases(&["n1", "n2"]) else {
        return;
    };
    for name in ["n1", "n2"] {
        let image = cases.folder.join(format!("{name}.img"));
        let edits: Vec<Edit> = key_names(&image).iter().map(|file| delete(file)).collect();
        check(&cases, name, &edits, "").unwrap();
    }
}

/// Has `ntfs_ref.py` pack the index of the folder of machine keys, so that no leaf has room.
fn packed(cases: &Cases, name: &str) -> (tempfile::TempDir, Cases) {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join(format!("{name}.img"));
    fs::copy(cases.folder.join(format!("{name}.img")), &image).unwrap();
    let expect = format!("{name}.expect");
    fs::copy(cases.folder.join(&expect), scratch.path().join(&expect)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(TOOLS)
        .join("ntfs_ref.py");
    let output = Command::new("python3")
        .arg(script)
        .arg("rebuild")
        .arg(&image)
        .arg(MACHINE_KEYS.replace('\\', "/"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    let packed = Cases {
        folder: scratch.path().to_owned(),
        _built: None,
    };
    (scratch, packed)
}

#[test]
fn a_rename_in_an_index_of_full_blocks_builds_it_anew_and_every_judge_accepts_it() {
    let Some(cases) = cases(&["n200_win", "c64k", "rec4k_s512", "frag"]) else {
        return;
    };
    let mut rebuilt = 0;
    for name in ["n200_win", "c64k", "rec4k_s512", "frag"] {
        let (_scratch, packed) = packed(&cases, name);
        let image = packed.folder.join(format!("{name}.img"));
        for (kind, edits) in usual_edits(&image) {
            let plan = check(&packed, name, &edits, SLOW)
                .unwrap_or_else(|refusal| panic!("{name} {kind}: {refusal}"));
            let anew = plan.warnings.iter().any(|text| text.contains("anew"));
            eprintln!(
                "{name} {kind}: {} sectors, anew: {anew}",
                plan.patches.len()
            );
            rebuilt += usize::from(anew);
        }
    }
    assert!(rebuilt > 0);
}

#[test]
fn a_file_whose_twin_differs_in_case_only_is_removed_and_the_twin_stays() {
    let Some(cases) = cases(&["names"]) else {
        return;
    };
    let image = cases.folder.join("names.img");
    let twin = key_names(&image)
        .into_iter()
        .find(|name| name != OLD && name.eq_ignore_ascii_case(OLD))
        .unwrap();
    check(&cases, "names", &[delete(&twin)], SLOW).unwrap();
}

#[test]
fn a_file_that_something_else_refers_to_is_not_removed() {
    let Some(cases) = cases(&["names", "attrlist", "objid", "efs"]) else {
        return;
    };
    let middle = |image: &Path| {
        let names = key_names(image).into_iter();
        let is_middle = |name: &String| {
            name.starts_with("c2319c42") && name.len() == OLD.len() && name != OLD && name != NEW
        };
        names.filter(is_middle).collect::<Vec<_>>()
    };
    for (name, gate) in [
        ("names", Gate::HardLinks),
        ("attrlist", Gate::AttributeList),
        ("objid", Gate::Referenced),
        ("efs", Gate::Efs),
    ] {
        let image = cases.folder.join(format!("{name}.img"));
        let files = middle(&image);
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let refusal = plan(&device(&image), &[delete(&file)]).unwrap_err();
            assert_eq!(refusal.gate, gate, "{name}: {refusal}");
        }
    }
}

#[test]
fn a_bit_that_is_not_set_stops_a_removal() {
    let Some(cases) = cases(&["n200_win"]) else {
        return;
    };
    for kind in ["mftbit_lost", "clusterbit_lost"] {
        let (_scratch, image, _) = damaged(&cases, kind);
        let refused = key_names(&image)
            .iter()
            .filter_map(|file| plan(&device(&image), &[delete(file)]).err())
            .inspect(|refusal| assert_eq!(refusal.gate, Gate::Damaged, "{kind}: {refusal}"))
            .count();
        assert_eq!(refused, 1, "{kind}");
    }
}

/// Takes minutes to build and to judge; `GOLDSEAL_N100K=1` asks for it.
#[test]
fn every_judge_accepts_an_edited_folder_of_100_000_files() {
    if std::env::var_os("GOLDSEAL_N100K").is_none() {
        eprintln!("skipped: GOLDSEAL_N100K is not set");
        return;
    }
    check_cases(&["n100k"], SLOW, 24);
}

#[test]
fn a_file_encrypted_by_efs_is_refused() {
    let Some(cases) = cases(&["efs"]) else { return };
    let refusal = check(&cases, "efs", &[swap(OLD, NEW)], "").unwrap_err();
    assert_eq!(refusal.gate, Gate::Efs, "{refusal}");
}

#[test]
fn a_name_that_is_there_in_another_case_is_refused() {
    let Some(cases) = cases(&["names"]) else {
        return;
    };
    let other = key_names(&cases.folder.join("names.img"))
        .into_iter()
        .find(|name| name.starts_with("c2319c42") && name != OLD && name != NEW)
        .unwrap();
    let taken = OLD.to_uppercase().replace(
        "C2319C42033A5CA7F44E731BFD3FA2B5",
        "c2319C42033a5ca7f44e731bfd3fa2b5",
    );
    let refusal = check(&cases, "names", &[rename(&other, &taken)], "").unwrap_err();
    assert_eq!(refusal.gate, Gate::NameTaken, "{refusal}");
}

/// The volume with one kind of damage that `ntfs_ref.py` makes, and the MFT record that it was made at.
fn damaged(cases: &Cases, kind: &str) -> (tempfile::TempDir, PathBuf, u64) {
    let scratch = tempfile::tempdir().unwrap();
    let copy = scratch.path().join("damaged.img");
    fs::copy(cases.folder.join("n200_win.img"), &copy).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(TOOLS)
        .join("ntfs_ref.py");
    let output = Command::new("python3")
        .arg(script)
        .arg("damage")
        .arg(&copy)
        .arg(kind)
        .output()
        .unwrap();
    assert!(output.status.success(), "{kind}: {output:?}");
    // "record 123 dir 64 vcn 5"
    let said = String::from_utf8(output.stdout).unwrap();
    let record = said.split_whitespace().nth(1).unwrap().parse().unwrap();
    (scratch, copy, record)
}

#[test]
fn damage_that_a_rename_would_build_on_is_refused_by_its_own_gate() {
    let Some(cases) = cases(&["n200_win"]) else {
        return;
    };
    let kinds = [
        ("dirty", Gate::Dirty),
        ("logfile", Gate::LogNotClean),
        ("mirr", Gate::Damaged),
        ("order", Gate::Damaged),
        ("upcase_order", Gate::Damaged),
        ("fixup_indx", Gate::Damaged),
        ("idxbit_lost", Gate::Damaged),
        ("idxbit_extra", Gate::Damaged),
        ("vcn", Gate::Damaged),
        ("endflag", Gate::Damaged),
        ("key_len", Gate::Damaged),
    ];
    for (kind, gate) in kinds {
        let (_scratch, image, _) = damaged(&cases, kind);
        let refusal = plan(&device(&image), &[swap(OLD, NEW)]).unwrap_err();
        assert_eq!(refusal.gate, gate, "{kind}: {refusal}");
    }
}

#[test]
fn damage_of_the_very_file_is_refused() {
    let Some(cases) = cases(&["n200_win"]) else {
        return;
    };
    let whole = cases.folder.join("n200_win.img");
    let volume = NtfsVolume::open(device(&whole)).unwrap();
    let folder = WinPath::new(MACHINE_KEYS);
    for kind in [
        "stale",
        "fixup_mft",
        "linkcount",
        "parentseq",
        "name_mismatch",
    ] {
        let (_scratch, image, record) = damaged(&cases, kind);
        let mut refused = 0;
        for name in key_names(&whole) {
            let found = volume.metadata(&folder.child(&name)).unwrap().unwrap();
            let is_it = found.mft_record == Some(record);
            if name.len() != OLD.len() || !(is_it || name == OLD) {
                continue;
            }
            let to = format!("{}_x", &name[..name.len() - 2]);
            let planned = plan(&device(&image), &[rename(&name, &to)]);
            assert_eq!(planned.is_err(), is_it, "{kind} {name}");
            if let Err(refusal) = planned {
                assert_eq!(refusal.gate, Gate::Damaged, "{kind}: {refusal}");
                refused += 1;
            }
        }
        assert_eq!(refused, 1, "{kind}");
    }
}

/// Pseudo-random numbers; the same seed gives the same sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        // The generator of Knuth's MMIX; the high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// A name of the same length: digits of the old one exchanged for others.
fn other_name(random: &mut Random, name: &str) -> String {
    let mut bytes = name.as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        if bytes[at].is_ascii_hexdigit() {
            bytes[at] = b"0123456789abcdef"[random.below(16)];
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn random_sequences_of_edits_leave_whole_volumes() {
    let names = [
        "n1",
        "n200_win",
        "c512",
        "s4k",
        "names_win",
        "c23many",
        "frag",
        "attrlist",
    ];
    // The volume names_win is made from the volume names.
    let Some(cases) = cases(&[&names[..], &["names"]].concat()) else {
        return;
    };
    let sequences: usize = std::env::var("GOLDSEAL_SEQUENCES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(80);
    for (number, name) in names.iter().cycle().take(sequences).enumerate() {
        let mut random = Random(u64::try_from(number).unwrap());
        let image = cases.folder.join(format!("{name}.img"));
        let base = device(&image);
        let mut present: Vec<String> = key_names(&image)
            .into_iter()
            .filter(|name| name.len() == OLD.len())
            .collect();
        let mut edits = Vec::new();
        let mut removed = Vec::new();
        for _ in 0..=random.below(5) {
            let at = random.below(present.len());
            let kind = random.below(5);
            let edit = if kind == 0 && present.len() > 1 {
                let gone = present.swap_remove(at);
                removed.push(gone.clone());
                delete(&gone)
            } else if kind < 3 {
                let freed = removed.pop().filter(|_| kind == 1);
                let to = freed.unwrap_or_else(|| other_name(&mut random, &present[at]));
                if present.iter().any(|name| name.eq_ignore_ascii_case(&to)) {
                    continue;
                }
                let edit = rename(&present[at], &to);
                present[at] = to;
                edit
            } else {
                let other = random.below(present.len());
                if other == at {
                    continue;
                }
                swap(&present[at], &present[other])
            };
            edits.push(edit);
        }
        // A plan checks the strict invariants of every step; outside judges see a sample.
        let planned = if number % 40 == 7 {
            check(&cases, name, &edits, SLOW)
        } else {
            plan(&base, &edits)
        };
        match planned {
            Ok(planned) => assert!(!planned.patches.is_empty() || edits.is_empty()),
            // Two names of one file, a file whose name is in another case, a file in several records that would go:
            // refused as they should be.
            Err(refusal) => assert!(
                matches!(
                    refusal.gate,
                    Gate::HardLinks | Gate::NameTaken | Gate::AttributeList
                ),
                "{name} {number} {edits:?}: {refusal}"
            ),
        }
    }
}
