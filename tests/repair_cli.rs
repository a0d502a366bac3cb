//! `goldseal repair` as its users call it, on the sample image of KB884872: the wrong names of two key files of IIS.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "integration tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

#[path = "support/kb884872.rs"]
mod kb884872;

use kb884872::{CURRENT, FIRST, SECOND, Sample, pair};

impl Sample {
    fn goldseal(&self, command: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .arg(command)
            .arg(self.image())
            .args(more)
            .output()
            .unwrap()
    }

    fn repair(&self, more: &[&str]) -> (i32, Json) {
        kb884872::repair(&self.image(), more)
    }
}

#[test]
fn a_preview_writes_nothing() {
    let sample = Sample::to_rename();
    let before = (
        fs::read(sample.image()).unwrap(),
        fs::metadata(sample.image()).unwrap().modified().unwrap(),
    );
    let (code, report) = sample.repair(&["--set-name", &pair(FIRST, CURRENT)]);
    assert_eq!(code, 0, "{report}");
    let after = (
        fs::read(sample.image()).unwrap(),
        fs::metadata(sample.image()).unwrap().modified().unwrap(),
    );
    assert!(before == after);
    assert_eq!(fs::read_dir(sample.folder.path()).unwrap().count(), 1);
}

#[test]
fn a_preview_tells_every_byte_and_what_the_checks_say_of_them() {
    let sample = Sample::to_rename();
    let (_, report) = sample.repair(&["--set-name", &pair(FIRST, CURRENT)]);
    for change in report["changes"].as_array().unwrap() {
        let length = usize::try_from(change["length"].as_u64().unwrap()).unwrap();
        for side in ["before", "after"] {
            assert_eq!(change[side].as_str().unwrap().len(), length * 2);
        }
    }
    let finding = |side: &str| {
        let findings = report[side]["findings"].as_array().unwrap().clone();
        let facts = findings.iter().find(|finding| finding["rule"] == "KEY-001");
        facts.unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    assert_ne!(finding("before"), finding("after"), "{report}");
}

#[test]
fn the_file_that_signed_the_metabase_gets_the_name_of_machine_guid() {
    let sample = Sample::to_rename();
    let (code, report) = sample.repair(&[]);
    assert_eq!(code, 0, "{report}");
    let outcome = |side: &str| {
        let findings = report[side]["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["rule"] == "KEY-001");
        finding.unwrap()["outcome"].clone()
    };
    assert_eq!(
        (outcome("before"), outcome("after")),
        ("fired".into(), "clear".into())
    );
}

/// The metabase of this sample was signed by a key that is not in the image.
#[test]
fn what_the_proof_does_not_decide_is_refused() {
    let sample = Sample::to_rename();
    let packed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/cases/w2k3_backup_paired/golden.img.zst");
    let mut image =
        ruzstd::decoding::StreamingDecoder::new(fs::File::open(packed).unwrap()).unwrap();
    std::io::copy(&mut image, &mut fs::File::create(sample.image()).unwrap()).unwrap();
    let (code, report) = sample.repair(&[]);
    assert_eq!(code, 4);
    assert_eq!(report["refusal"]["gate"], "undecided");
}

#[test]
fn a_name_that_another_file_has_is_not_given() {
    let sample = Sample::to_rename();
    let (code, report) = sample.repair(&["--set-name", &pair(FIRST, SECOND)]);
    assert_eq!(code, 4);
    assert_eq!(report["refusal"]["gate"], "name_taken");
}

fn undo(journal: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .arg("undo")
        .arg(journal)
        .output()
        .unwrap()
}

fn undo_of(journal: &Path, image: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .arg("undo")
        .arg(journal)
        .arg("--image")
        .arg(image)
        .output()
        .unwrap()
}

fn bytes(sample: &Sample) -> Vec<u8> {
    fs::read(sample.image()).unwrap()
}

fn journal(sample: &Sample) -> PathBuf {
    sample.folder.path().join("golden.vhd.goldseal-journal")
}

#[test]
fn a_written_repair_changes_the_named_bytes_only_and_undo_restores_the_image() {
    let sample = Sample::to_rename();
    let before = bytes(&sample);
    let name = pair(FIRST, CURRENT);
    let (code, report) = sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    assert_eq!(code, 0, "{report}");
    let after = bytes(&sample);
    let differing = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    assert_eq!(report["changed_bytes"].as_u64().unwrap(), differing as u64);
    let keys = sample.goldseal("keys", &["--format", "json"]);
    assert!(String::from_utf8_lossy(&keys.stdout).contains(CURRENT));
    let undone = undo(&journal(&sample));
    assert!(undone.status.success(), "{undone:?}");
    assert!(bytes(&sample) == before);
    let again = undo(&journal(&sample));
    assert!(again.status.success(), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing to put back"));
}

#[test]
fn a_journal_is_readable_by_its_owner_only_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let sample = Sample::to_rename();
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let metadata = fs::metadata(journal(&sample)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let kept = fs::read(journal(&sample)).unwrap();
    let image = bytes(&sample);
    let back = pair(CURRENT, FIRST);
    let (code, report) = sample.repair(&["--set-name", &back, "--apply", "--in-place"]);
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("journal"))
    );
    assert!(fs::read(journal(&sample)).unwrap() == kept);
    assert!(bytes(&sample) == image);
}

/// An image with a journal, of which some sectors are put to their old bytes again: as a repair that was cut off leaves it.
fn half_applied() -> (Sample, Vec<u8>) {
    let sample = Sample::to_rename();
    let before = bytes(&sample);
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let mut image = bytes(&sample);
    let first = before.iter().zip(&image).position(|(a, b)| a != b).unwrap();
    image[first] = before[first];
    fs::write(sample.image(), image).unwrap();
    // The journal as it was before the repair was ended: without its state.
    let mut content = fs::read(journal(&sample)).unwrap();
    let state = content
        .chunks(512)
        .position(|sector| sector.starts_with(b"GSEALST1"));
    let at = state.unwrap() * 512;
    content[at..at + 512].fill(0);
    fs::write(journal(&sample), content).unwrap();
    (sample, before)
}

#[test]
fn a_half_applied_repair_is_warned_of_by_reading_and_refused_by_writing_commands() {
    let (sample, _) = half_applied();
    let check = sample.goldseal("check", &["--format", "json"]);
    let report: Json = serde_json::from_slice(&check.stdout).unwrap();
    let notes = report["image"]["notes"].to_string();
    assert!(notes.contains("half-changed"), "{notes}");
    let (code, report) = sample.repair(&["--set-name", &pair(SECOND, CURRENT)]);
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("journal"))
    );
}

/// What a command says of an image that does not open.
fn said_of_unopened(sample: &Sample, command: &str) -> String {
    let output = sample.goldseal(command, &[]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    // As if in one line.
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_image_that_no_longer_opens_is_told_with_its_journal_and_undo() {
    let (sample, _) = half_applied();
    let undo = format!("goldseal undo {}", journal(&sample).display());
    let mut image = bytes(&sample);
    let end = image.len();
    image[..512].fill(0);
    image[end - 512..].fill(0);
    for what in ["no known format", "not there", "no file"] {
        match what {
            "no known format" => fs::write(sample.image(), &image).unwrap(),
            "not there" => fs::remove_file(sample.image()).unwrap(),
            _ => {
                let made = Command::new("mkfifo").arg(sample.image()).status();
                assert!(made.unwrap().success());
            }
        }
        for command in ["check", "ls", "repair"] {
            let said = said_of_unopened(&sample, command);
            assert!(said.contains(&undo), "{what}, {command}: {said}");
            assert_eq!(said.matches(&undo).count(), 1, "{what}, {command}: {said}");
        }
    }
}

#[test]
fn a_repair_that_had_ended_is_told_where_its_image_no_longer_opens() {
    let sample = Sample::to_rename();
    sample.repair(&["--set-name", &pair(FIRST, CURRENT), "--apply", "--in-place"]);
    fs::remove_file(sample.image()).unwrap();
    let said = said_of_unopened(&sample, "check");
    let undo = format!("goldseal undo {}", journal(&sample).display());
    assert!(said.contains("had ended") && said.contains(&undo), "{said}");
}

#[test]
fn a_half_applied_repair_is_put_back() {
    let (sample, before) = half_applied();
    let undone = undo(&journal(&sample));
    assert!(undone.status.success(), "{undone:?}");
    assert!(bytes(&sample) == before);
}

#[test]
fn an_undo_stops_where_something_else_has_changed_the_image() {
    let sample = Sample::to_rename();
    let before = bytes(&sample);
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let mut image = bytes(&sample);
    let first = before.iter().zip(&image).position(|(a, b)| a != b).unwrap();
    image[first] = before[first].wrapping_add(100);
    fs::write(sample.image(), &image).unwrap();
    let undone = undo(&journal(&sample));
    assert_eq!(undone.status.code(), Some(4), "{undone:?}");
    assert!(bytes(&sample) == image);
}

#[test]
fn an_image_that_another_program_has_open_is_refused() {
    let sample = Sample::to_rename();
    let mut holder = Command::new("sleep")
        .arg("30")
        .stdin(fs::File::open(sample.image()).unwrap())
        .spawn()
        .unwrap();
    let (code, report) = sample.repair(&["--set-name", &pair(FIRST, CURRENT)]);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("in_use"))
    );
}

#[test]
fn a_target_without_apply_and_apply_without_a_target_are_wrong_usage() {
    let sample = Sample::to_rename();
    for more in [&["--apply"][..], &["--in-place"], &["--journal", "x"]] {
        let output = sample.goldseal("repair", more);
        assert_eq!(output.status.code(), Some(2), "{more:?}");
    }
}

#[test]
fn a_repair_whose_journal_cannot_be_made_writes_nothing() {
    let sample = Sample::to_rename();
    let before = bytes(&sample);
    let name = pair(FIRST, CURRENT);
    let place = "/dev/full/journal";
    let (code, _) = sample.repair(&[
        "--set-name",
        &name,
        "--apply",
        "--in-place",
        "--journal",
        place,
    ]);
    assert_eq!(code, 4);
    assert!(bytes(&sample) == before);
}

#[test]
fn a_copy_of_an_image_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let sample = Sample::to_rename();
    let target = sample.folder.path().join("new.vhd");
    let name = pair(FIRST, CURRENT);
    let more = ["--set-name", &name, "--apply", "--to"];
    let (code, report) = sample.repair(&[&more[..], &[target.to_str().unwrap()]].concat());
    assert_eq!(code, 0, "{report}");
    let mode = fs::metadata(target).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

/// Marks both footers of a dynamic VHD as those of a machine that was saved (offset 84), with right checksums (offset 64).
fn save_state(bytes: &mut [u8]) {
    let end = bytes.len() - 512;
    for at in [0, end] {
        let footer = &mut bytes[at..at + 512];
        footer[84] = 1;
        footer[64..68].fill(0);
        let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
        footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    }
}

#[test]
fn a_disk_whose_machine_was_saved_is_refused_for_every_target() {
    let sample = Sample::to_rename();
    let mut bytes = bytes(&sample);
    save_state(&mut bytes);
    fs::write(sample.image(), bytes).unwrap();
    let copy = sample.folder.path().join("copy.vhd");
    let name = pair(FIRST, CURRENT);
    let to = [
        "--apply",
        "--to",
        copy.to_str().unwrap(),
        "--set-name",
        &name,
    ];
    for more in [
        &to[3..],
        &["--apply", "--in-place", "--set-name", &name],
        &to,
    ] {
        let (code, report) = sample.repair(more);
        assert_eq!(code, 4, "{more:?}");
        assert_eq!(report["refusal"]["gate"], "hibernated", "{more:?}");
    }
    assert!(!copy.exists());
}

#[test]
fn a_pair_of_equal_names_leaves_no_journal() {
    let sample = Sample::to_rename();
    let name = pair(FIRST, FIRST);
    let (code, report) = sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    assert_eq!(code, 0, "{report}");
    assert!(!journal(&sample).exists());
}

#[test]
fn an_undo_beside_another_image_than_the_one_of_the_journal_asks_for_it() {
    let sample = Sample::to_rename();
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let repaired = bytes(&sample);
    let copy = sample.folder.path().join("copy.vhd");
    let of_copy = sample.folder.path().join("copy.vhd.goldseal-journal");
    fs::copy(sample.image(), &copy).unwrap();
    fs::copy(journal(&sample), &of_copy).unwrap();
    let undone = undo(&of_copy);
    assert_eq!(undone.status.code(), Some(4), "{undone:?}");
    assert!(String::from_utf8_lossy(&undone.stderr).contains("--image"));
    assert!(bytes(&sample) == repaired && fs::read(copy).unwrap() == repaired);
}

#[test]
fn a_link_to_an_image_has_the_journal_of_the_image() {
    let sample = Sample::to_rename();
    let link = sample.folder.path().join("link.vhd");
    std::os::unix::fs::symlink(sample.image(), &link).unwrap();
    let found = goldseal::repair::journal_beside(&link).unwrap();
    assert_eq!(found.file_name(), journal(&sample).file_name());
}

/// A repair of a sample with its journal in another folder.
fn repaired_with_journal_elsewhere() -> (Sample, PathBuf, Vec<u8>) {
    let sample = Sample::to_rename();
    let before = bytes(&sample);
    let other = sample.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let journal = other.join("j");
    let name = pair(FIRST, CURRENT);
    let more = ["--set-name", &name, "--apply", "--in-place", "--journal"];
    let (code, report) = sample.repair(&[&more[..], &[journal.to_str().unwrap()]].concat());
    assert_eq!(code, 0, "{report}");
    (sample, journal, before)
}

fn pointer(sample: &Sample) -> PathBuf {
    sample.folder.path().join("golden.vhd.goldseal-journal-at")
}

#[test]
fn a_finished_repair_leaves_no_pointer_to_its_journal() {
    let (sample, journal, before) = repaired_with_journal_elsewhere();
    assert!(!pointer(&sample).exists());
    // What a journal remembers is no leave to write there: the user names the image.
    let refused = undo(&journal);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("golden.vhd") && said.contains("--image"),
        "{said}"
    );
    let undone = undo_of(&journal, &sample.image());
    assert!(undone.status.success(), "{undone:?}");
    assert!(bytes(&sample) == before);
    assert!(!pointer(&sample).exists());
}

#[test]
fn a_half_applied_repair_is_noticed_where_its_journal_lies_elsewhere() {
    let (sample, journal, before) = repaired_with_journal_elsewhere();
    // As a crash after the first writes leaves it: no state, a pointer, and one old byte.
    let mut content = fs::read(&journal).unwrap();
    let state = content
        .chunks(512)
        .position(|sector| sector.starts_with(b"GSEALST1"));
    let at = state.unwrap() * 512;
    content[at..at + 512].fill(0);
    fs::write(&journal, &content).unwrap();
    let place = journal.canonicalize().unwrap();
    let text = format!("goldseal-journal-at 1\n{}\n", place.display());
    fs::write(pointer(&sample), text).unwrap();
    let mut image = bytes(&sample);
    let first = before.iter().zip(&image).position(|(a, b)| a != b).unwrap();
    image[first] = before[first];
    fs::write(sample.image(), image).unwrap();
    let notes = |sample: &Sample| {
        let check = sample.goldseal("check", &["--format", "json"]);
        let report: Json = serde_json::from_slice(&check.stdout).unwrap();
        report["image"]["notes"].to_string()
    };
    assert!(notes(&sample).contains("half-changed"));
    let (code, report) = sample.repair(&["--set-name", &pair(SECOND, CURRENT)]);
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("journal"))
    );
    // Without its journal nobody knows how far the repair came.
    fs::rename(&journal, journal.with_file_name("away")).unwrap();
    assert!(notes(&sample).contains("not there"));
    fs::rename(journal.with_file_name("away"), &journal).unwrap();
    let undone = undo_of(&journal, &sample.image());
    assert!(undone.status.success(), "{undone:?}");
    assert!(bytes(&sample) == before);
    assert!(!pointer(&sample).exists());
}

#[test]
fn a_repair_whose_pointer_cannot_be_made_writes_nothing() {
    let sample = Sample::to_rename();
    let before = bytes(&sample);
    fs::create_dir(pointer(&sample)).unwrap();
    let other = tempfile::tempdir().unwrap();
    let journal = other.path().join("j");
    let name = pair(FIRST, CURRENT);
    let more = ["--set-name", &name, "--apply", "--in-place", "--journal"];
    let (code, _) = sample.repair(&[&more[..], &[journal.to_str().unwrap()]].concat());
    assert_eq!(code, 4);
    assert!(bytes(&sample) == before);
    assert!(!journal.exists());
}

#[test]
fn an_undo_of_another_volume_is_refused_by_its_serial_number() {
    let sample = Sample::to_rename();
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let mut image = bytes(&sample);
    let boot = image.windows(8).position(|bytes| bytes == b"NTFS    ");
    image[boot.unwrap() - 3 + 0x48] ^= 1;
    fs::write(sample.image(), &image).unwrap();
    let undone = undo(&journal(&sample));
    assert_eq!(undone.status.code(), Some(4), "{undone:?}");
    let said = String::from_utf8_lossy(&undone.stderr).into_owned();
    assert!(said.contains("serial number"), "{said}");
    assert!(bytes(&sample) == image);
}

#[test]
fn a_plan_from_a_pipe_is_refused_and_not_waited_for() {
    let sample = Sample::to_rename();
    let pipe = sample.folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for option in ["--plan", "--patch"] {
        let output = sample.goldseal("repair", &[option, pipe.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(4), "{output:?}");
    }
}

#[test]
fn a_journal_that_others_may_write_to_is_not_followed() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let sample = Sample::to_rename();
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let repaired = bytes(&sample);
    let journal = journal(&sample);
    let mode = |bits| fs::set_permissions(&journal, fs::Permissions::from_mode(bits)).unwrap();
    for bits in [0o620, 0o602] {
        mode(bits);
        let undone = undo(&journal);
        assert_eq!(undone.status.code(), Some(4), "{undone:?}");
        assert!(bytes(&sample) == repaired);
    }
    mode(0o600);
    // Only root can give a file away.
    if chown(&journal, Some(65534), Some(65534)).is_ok() {
        let undone = undo(&journal);
        assert_eq!(undone.status.code(), Some(4), "{undone:?}");
        let said = String::from_utf8_lossy(&undone.stderr).into_owned();
        assert!(said.contains("65534"), "{said}");
        assert!(bytes(&sample) == repaired);
        chown(&journal, Some(0), Some(0)).unwrap();
    }
    assert!(undo(&journal).status.success());
}

#[test]
fn a_journal_beside_a_link_or_beside_no_image_writes_nothing() {
    let sample = Sample::to_rename();
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let repaired = bytes(&sample);
    let other = sample.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let link = other.join("golden.vhd");
    std::os::unix::fs::symlink(sample.image(), &link).unwrap();
    let copied = other.join("golden.vhd.goldseal-journal");
    fs::copy(journal(&sample), &copied).unwrap();
    let undone = undo(&copied);
    assert_eq!(undone.status.code(), Some(4), "{undone:?}");
    assert!(String::from_utf8_lossy(&undone.stderr).contains("link"));
    fs::remove_file(&link).unwrap();
    assert_eq!(undo(&copied).status.code(), Some(4));
    assert!(bytes(&sample) == repaired);
}

#[test]
fn a_file_that_is_no_image_is_not_written_even_where_every_byte_fits() {
    let sample = Sample::to_rename();
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    // The volume, without what makes it an image: neither its footers nor the boot sector of the volume.
    let mut image = bytes(&sample);
    let len = image.len();
    image[..8].fill(0);
    image[len - 512..].fill(0);
    fs::write(sample.image(), &image).unwrap();
    let undone = undo(&journal(&sample));
    assert_eq!(undone.status.code(), Some(4), "{undone:?}");
    assert!(bytes(&sample) == image);
}

#[test]
fn an_undo_by_another_journal_leaves_the_pointer_of_an_unfinished_repair() {
    let (sample, journal_of_first, before) = repaired_with_journal_elsewhere();
    let first = fs::read(&journal_of_first).unwrap();
    // A second journal of the same repair, which is not the one that is pointed to and unfinished.
    let second = journal_of_first.with_file_name("second");
    fs::copy(&journal_of_first, &second).unwrap();
    let mut content = first;
    let state = content
        .chunks(512)
        .position(|sector| sector.starts_with(b"GSEALST1"));
    let at = state.unwrap() * 512;
    content[at..at + 512].fill(0);
    fs::write(&journal_of_first, &content).unwrap();
    let place = journal_of_first.canonicalize().unwrap();
    let text = format!("goldseal-journal-at 1\n{}\n", place.display());
    fs::write(pointer(&sample), &text).unwrap();
    let mut image = bytes(&sample);
    let changed = before.iter().zip(&image).position(|(a, b)| a != b).unwrap();
    image[changed] = before[changed];
    fs::write(sample.image(), &image).unwrap();
    let undone = undo_of(&second, &sample.image());
    assert_eq!(undone.status.code(), Some(4), "{undone:?}");
    assert!(bytes(&sample) == image);
    assert_eq!(fs::read_to_string(pointer(&sample)).unwrap(), text);
    assert!(undo_of(&journal_of_first, &sample.image()).status.success());
    assert!(bytes(&sample) == before);
}

#[test]
fn a_part_of_an_ended_repair_is_not_said_to_be_put_back_by_undo() {
    let sample = Sample::to_rename();
    let before = bytes(&sample);
    let name = pair(FIRST, CURRENT);
    sample.repair(&["--set-name", &name, "--apply", "--in-place"]);
    let mut image = bytes(&sample);
    let first = before.iter().zip(&image).position(|(a, b)| a != b).unwrap();
    image[first] = before[first];
    fs::write(sample.image(), &image).unwrap();
    let check = sample.goldseal("check", &["--format", "json"]);
    let report: Json = serde_json::from_slice(&check.stdout).unwrap();
    let notes = report["image"]["notes"].to_string();
    assert!(notes.contains("something else changed it"), "{notes}");
    assert!(!notes.contains("puts it back"), "{notes}");
}

#[test]
fn a_plan_that_cannot_be_written_whole_leaves_no_file() {
    let sample = Sample::to_rename();
    let folder = sample.folder.path().join("plans");
    fs::create_dir(&folder).unwrap();
    let limited = format!(
        "ulimit -f 0; trap '' XFSZ; exec {} repair {} --set-name {} --plan-out {}",
        env!("CARGO_BIN_EXE_goldseal"),
        sample.image().display(),
        pair(FIRST, CURRENT),
        folder.join("plan").display()
    );
    let output = Command::new("sh").args(["-c", &limited]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn an_image_with_another_name_on_the_host_is_warned_of() {
    let sample = Sample::to_rename();
    let name = pair(FIRST, CURRENT);
    let warned = |sample: &Sample| {
        let (code, report) = sample.repair(&["--set-name", &name]);
        assert_eq!(code, 0, "{report}");
        report["warnings"].to_string().contains("hard links")
    };
    assert!(!warned(&sample));
    fs::hard_link(sample.image(), sample.folder.path().join("other")).unwrap();
    assert!(warned(&sample));
}

#[test]
fn what_a_repair_keeps_and_what_an_undo_restores_is_not_written_over() {
    let sample = Sample::to_rename();
    let before = bytes(&sample);
    let (code, _) = sample.repair(&["--set-name", &pair(FIRST, CURRENT), "--apply", "--in-place"]);
    assert_eq!(code, 0);
    let journal = journal(&sample);
    let kept = fs::read(&journal).unwrap();
    let check = sample.goldseal("check", &["--output", journal.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(2), "{check:?}");
    assert!(fs::read(&journal).unwrap() == kept);
    let repaired = bytes(&sample);
    let undo = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .args(["undo".as_ref(), journal.as_os_str(), "--output".as_ref()])
        .arg(sample.image())
        .output()
        .unwrap();
    assert_eq!(undo.status.code(), Some(2), "{undo:?}");
    assert!(bytes(&sample) == repaired);
    // A report of an earlier run gives way, and a device takes the report.
    let report = sample.folder.path().join("report");
    for output in [report.as_path(), &report, Path::new("/dev/null")] {
        let undo = Command::new(env!("CARGO_BIN_EXE_goldseal"))
            .args(["undo".as_ref(), journal.as_os_str(), "--output".as_ref()])
            .arg(output)
            .output()
            .unwrap();
        assert!(undo.status.success(), "{output:?}: {undo:?}");
    }
    assert!(
        fs::read_to_string(&report)
            .unwrap()
            .contains("nothing to put back")
    );
    assert!(bytes(&sample) == before);
}

/// What stands in the folder of a sample, each file with its content.
fn all_files(sample: &Sample) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(sample.folder.path()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn the_report_of_a_repair_takes_the_place_of_nothing_that_it_writes() {
    let sample = Sample::to_rename();
    let name = pair(FIRST, CURRENT);
    let (image, journal) = (sample.image(), journal(&sample));
    let [copy, plan] = ["copy", "plan"].map(|name| sample.folder.path().join(name));
    let before = all_files(&sample);
    for (target, output) in [
        (vec!["--apply", "--in-place"], &journal),
        (vec!["--apply", "--in-place"], &image),
        (vec!["--apply", "--to", copy.to_str().unwrap()], &copy),
        (vec!["--plan-out", plan.to_str().unwrap()], &plan),
    ] {
        let mut words = vec!["--set-name", &name, "--output", output.to_str().unwrap()];
        words.extend(target);
        let run = sample.goldseal("repair", &words);
        assert!(!run.status.success(), "{words:?}: {run:?}");
        let mut now = all_files(&sample);
        // A refusal is reported there; a journal, a copy or a plan is not.
        if *output != image
            && let Some(report) = now.remove(output)
        {
            assert!(String::from_utf8(report).unwrap().contains("refused"));
            fs::remove_file(output).unwrap();
        }
        assert!(now == before, "{words:?}: {:?}", now.keys());
    }
}
