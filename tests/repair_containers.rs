//! The same repair in every container: the disk inside is the same afterwards, and undo gives back the file.
//!
//! qemu-img makes the containers and turns them into raw disks again; where it is missing the tests say so.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "integration tests"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;

#[path = "support/kb884872.rs"]
mod kb884872;
mod support;

use kb884872::to_rename;

const NAME: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4=\
                    c2319c42033a5ca7f44e731bfd3fa2b5_e2d8f1c3-6b7a-4895-a4b3-c2d1e0f9a8b7";

fn goldseal(args: &[&str], paths: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goldseal"));
    command.arg(args[0]).args(paths).args(&args[1..]);
    command.output().unwrap()
}

fn report(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn convert(from: &Path, format: &[&str], to: &Path) {
    let output = Command::new("qemu-img")
        .args(["convert", "-O"])
        .args(format)
        .args([from, to])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The disk inside an image, as qemu-img reads it.
fn raw(image: &Path, folder: &Path) -> Vec<u8> {
    let target = folder.join("as-raw.img");
    convert(image, &["raw"], &target);
    fs::read(target).unwrap()
}

/// A raw disk with the volume of the sample behind an MBR.
fn disk_with_partition(volume: &[u8]) -> Vec<u8> {
    const START: usize = 63 * 512;
    let mut disk = vec![0; START];
    disk[446 + 4] = 7;
    disk[446 + 8..446 + 12].copy_from_slice(&63_u32.to_le_bytes());
    let sectors = u32::try_from(volume.len() / 512).unwrap();
    disk[446 + 12..446 + 16].copy_from_slice(&sectors.to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk.extend(volume);
    disk
}

#[test]
fn raw_fixed_and_dynamic_disks_get_the_same_bytes_and_undo_gives_back_the_file() {
    if !support::tool("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::copy(to_rename(), place("dynamic.vhd")).unwrap();
    convert(&to_rename(), &["raw"], &place("raw.img"));
    let fixed = ["vpc", "-o", "subformat=fixed,force_size=on"];
    convert(&to_rename(), &fixed, &place("fixed.vhd"));
    let mut disks = Vec::new();
    for name in ["dynamic.vhd", "raw.img", "fixed.vhd"] {
        let image = place(name);
        let before = fs::read(&image).unwrap();
        let args = ["repair", "--set-name", NAME, "--apply", "--in-place"];
        let output = goldseal(&args, &[&image]);
        assert!(output.status.success(), "{name}: {output:?}");
        disks.push(raw(&image, folder.path()));
        let undone = goldseal(&["undo"], &[&place(&format!("{name}.goldseal-journal"))]);
        assert!(undone.status.success(), "{name}: {undone:?}");
        assert!(fs::read(&image).unwrap() == before, "{name}");
    }
    let len = disks.iter().map(Vec::len).min().unwrap();
    assert!(disks.iter().all(|disk| disk[..len] == disks[0][..len]));
}

#[test]
fn a_volume_in_a_partition_is_written_where_the_partition_is() {
    if !support::tool("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let volume = raw(&to_rename(), folder.path());
    let image = folder.path().join("disk.img");
    let before = disk_with_partition(&volume);
    fs::write(&image, &before).unwrap();
    let args = [
        "repair",
        "--set-name",
        NAME,
        "--apply",
        "--in-place",
        "--format",
        "json",
    ];
    let output = goldseal(&args, &[&image]);
    assert!(output.status.success(), "{output:?}");
    let after = fs::read(&image).unwrap();
    let differing = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    assert_eq!(report(&output)["changed_bytes"], differing);
    assert!(before[..63 * 512] == after[..63 * 512]);
}

#[test]
fn a_copy_is_repaired_and_the_image_stays() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("golden.vhd");
    fs::copy(to_rename(), &image).unwrap();
    let copy = folder.path().join("repaired.vhd");
    let to = copy.to_str().unwrap();
    let output = goldseal(
        &["repair", "--set-name", NAME, "--apply", "--to", to],
        &[&image],
    );
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read(&image).unwrap() == fs::read(to_rename()).unwrap());
    let (before, after) = (fs::read(&image).unwrap(), fs::read(&copy).unwrap());
    assert_eq!(before.len(), after.len());
    assert!(before != after);
    let keys = goldseal(&["keys"], &[&copy]);
    assert!(String::from_utf8_lossy(&keys.stdout).contains("e2d8f1c3-6b7a-4895-a4b3-c2d1e0f9a8b7"));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let again = goldseal(
        &["repair", "--set-name", NAME, "--apply", "--to", to],
        &[&image],
    );
    assert_eq!(again.status.code(), Some(4));
    assert!(fs::read(&copy).unwrap() == after);
}

#[test]
fn a_split_image_is_refused_in_place_and_copied_to_a_raw_disk() {
    if !support::tool("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = raw(&to_rename(), folder.path());
    let (first, second) = disk.split_at(disk.len() / 2);
    let image = folder.path().join("disk.001");
    fs::write(&image, first).unwrap();
    fs::write(folder.path().join("disk.002"), second).unwrap();
    let args = [
        "repair",
        "--set-name",
        NAME,
        "--apply",
        "--in-place",
        "--format",
        "json",
    ];
    let output = goldseal(&args, &[&image]);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(report(&output)["refusal"]["gate"], "container");
    let copy = folder.path().join("whole.img");
    let to = copy.to_str().unwrap();
    let output = goldseal(
        &["repair", "--set-name", NAME, "--apply", "--to", to],
        &[&image],
    );
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(&copy).unwrap().len(), disk.len());
}

#[test]
fn a_differencing_disk_is_refused_in_place_and_copied_to_a_raw_disk() {
    let folder = tempfile::tempdir().unwrap();
    let parent = folder.path().join("parent.vhd");
    fs::copy(to_rename(), &parent).unwrap();
    let child = folder.path().join("child.vhd");
    fs::write(&child, differencing(&fs::read(&parent).unwrap())).unwrap();
    let args = [
        "repair",
        "--set-name",
        NAME,
        "--apply",
        "--in-place",
        "--format",
        "json",
    ];
    let output = goldseal(&args, &[&child]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(report(&output)["refusal"]["gate"], "container");
    let copy = folder.path().join("whole.img");
    let to = copy.to_str().unwrap();
    let output = goldseal(
        &["repair", "--set-name", NAME, "--apply", "--to", to],
        &[&child],
    );
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read(&parent).unwrap() == fs::read(to_rename()).unwrap());
}

/// An empty differencing disk over the dynamic disk `parent.vhd`, made from its footer and header.
fn differencing(parent: &[u8]) -> Vec<u8> {
    let sum = |block: &mut [u8], at: usize| {
        block[at..at + 4].fill(0);
        let sum = !block.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        block[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    };
    let mut footer = parent[..512].to_vec();
    let parent_id = footer[68..84].to_vec();
    let parent_time = footer[24..28].to_vec();
    footer[60..64].copy_from_slice(&4_u32.to_be_bytes());
    footer[68] ^= 0xff;
    sum(&mut footer, 64);
    let mut header = parent[512..512 + 1024].to_vec();
    let entries = u32::from_be_bytes(header[28..32].try_into().unwrap());
    header[16..24].copy_from_slice(&1536_u64.to_be_bytes());
    header[40..56].copy_from_slice(&parent_id);
    header[56..60].copy_from_slice(&parent_time);
    let name: Vec<u8> = "parent.vhd"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    header[64..64 + name.len()].copy_from_slice(&name);
    sum(&mut header, 36);
    let table = usize::try_from(entries).unwrap() * 4;
    let mut disk = footer.clone();
    disk.extend(header);
    disk.extend(vec![0xff; table.next_multiple_of(512)]);
    disk.extend(footer);
    disk
}

#[test]
fn a_saved_plan_and_a_patch_are_applied_to_a_copy_and_to_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::copy(to_rename(), place("first.vhd")).unwrap();
    let (plan, patch) = (place("plan.json"), place("patch.jsonl"));
    let (plan, patch) = (plan.to_str().unwrap(), patch.to_str().unwrap());
    let args = [
        "repair",
        "--set-name",
        NAME,
        "--plan-out",
        plan,
        "--patch-out",
        patch,
    ];
    assert!(goldseal(&args, &[&place("first.vhd")]).status.success());
    assert_eq!(
        goldseal(&args, &[&place("first.vhd")]).status.code(),
        Some(4)
    );
    let mut results = Vec::new();
    for (name, option, file) in [("a.vhd", "--plan", plan), ("b.vhd", "--patch", patch)] {
        fs::copy(to_rename(), place(name)).unwrap();
        let args = ["repair", option, file, "--apply", "--in-place"];
        let output = goldseal(&args, &[&place(name)]);
        assert!(output.status.success(), "{option}: {output:?}");
        results.push(fs::read(place(name)).unwrap());
        // The image is another one now.
        fs::remove_file(place(&format!("{name}.goldseal-journal"))).unwrap();
        let output = goldseal(&args, &[&place(name)]);
        assert_eq!(output.status.code(), Some(4), "{option}");
        assert!(fs::read(place(name)).unwrap() == results[results.len() - 1]);
    }
    assert!(results[0] == results[1]);
    let changed = fs::read_to_string(patch)
        .unwrap()
        .replacen("\"new\":\"", "\"new\":\"00", 1);
    fs::write(patch, changed).unwrap();
    let args = ["repair", "--patch", patch, "--apply", "--in-place"];
    let output = goldseal(&args, &[&place("first.vhd")]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(fs::read(place("first.vhd")).unwrap() == fs::read(to_rename()).unwrap());
}

#[test]
fn a_parent_of_a_differencing_disk_is_not_written_in_place_and_can_be_copied() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("parent.vhd");
    fs::copy(to_rename(), &image).unwrap();
    let before = fs::read(&image).unwrap();
    // The name of a child says nothing; its header does.
    fs::write(folder.path().join("child"), differencing(&before)).unwrap();
    let args = ["repair", "--set-name", NAME, "--format", "json"];
    let preview = goldseal(&args, &[&image]);
    assert!(preview.status.success(), "{preview:?}");
    assert!(report(&preview)["warnings"].to_string().contains("child"));
    let output = goldseal(&[&args[..], &["--apply", "--in-place"]].concat(), &[&image]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let refusal = &report(&output)["refusal"];
    assert_eq!(refusal["gate"], "container");
    assert!(refusal["message"].as_str().unwrap().contains("--to"));
    assert!(fs::read(&image).unwrap() == before);
    let copy = folder.path().join("copy.vhd");
    let to = ["--apply", "--to", copy.to_str().unwrap()];
    let output = goldseal(&[&args[..], &to].concat(), &[&image]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(&copy).unwrap().len(), before.len());
}

#[test]
fn a_parent_of_an_overlay_of_qemu_is_not_written_in_place() {
    if !support::tool("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("golden.vhd");
    fs::copy(to_rename(), &image).unwrap();
    let child = folder.path().join("child.qcow2");
    let made = Command::new("qemu-img")
        .args([
            "create",
            "-q",
            "-f",
            "qcow2",
            "-F",
            "vpc",
            "-b",
            "golden.vhd",
        ])
        .arg(&child)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let args = ["repair", "--set-name", NAME, "--apply", "--in-place"];
    assert_eq!(goldseal(&args, &[&image]).status.code(), Some(4));
    fs::remove_file(child).unwrap();
    assert!(goldseal(&args, &[&image]).status.success());
}

#[test]
fn a_differencing_disk_of_another_parent_stands_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("golden.vhd");
    fs::copy(to_rename(), &image).unwrap();
    let mut parent = fs::read(&image).unwrap();
    parent[68] ^= 1;
    fs::write(folder.path().join("child.vhd"), differencing(&parent)).unwrap();
    let args = ["repair", "--set-name", NAME, "--apply", "--in-place"];
    assert!(goldseal(&args, &[&image]).status.success());
}
