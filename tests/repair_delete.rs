//! `goldseal repair --delete-bogus`, as its users call it, on the sample image whose right key file has lost its name to a
//! bogus one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "integration tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::facts::collect;
use goldseal::image::{Image, Options, Source};
use goldseal::repair::{Action, Gate, Removal, RepairPlan, Wanted, bogus, saved};
use serde_json::Value as Json;

#[path = "support/kb884872.rs"]
mod kb884872;
#[path = "support/tree.rs"]
mod tree;

use kb884872::{CURRENT as BOGUS, FIRST as RIGHT, FOLDER, Sample, repair, undo};

/// The sample, and a folder for copies beside it.
fn sample() -> Sample {
    let sample = Sample::to_swap();
    fs::create_dir(sample.place("copies")).unwrap();
    sample
}

impl Sample {
    /// The names of the copies of the image called `image`.
    fn copies(&self) -> Vec<String> {
        let names = fs::read_dir(self.place("copies")).unwrap();
        names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

/// The key files of an image by their names.
fn keys(image: &Path) -> BTreeMap<String, Vec<u8>> {
    let image = Image::open(&Source::from_path(image), &Options::default()).unwrap();
    let files = image.installations[0].filesystem.as_ref();
    let folder = WinPath::new(FOLDER);
    let names = files.read_dir(&folder).unwrap().unwrap().into_iter();
    names
        .map(|entry| {
            let content = files.read(&folder.child(&entry.name), 1 << 20).unwrap();
            (entry.name, content.unwrap())
        })
        .collect()
}

const DELETE: [&str; 3] = ["--delete-bogus", "--backup-dir", "copies"];

fn applied(more: &[&'static str]) -> Vec<&'static str> {
    [&DELETE[..], &["--apply"], more].concat()
}

#[test]
fn a_preview_copies_nothing_and_shows_what_would_go() {
    let sample = sample();
    let before = fs::read(sample.image()).unwrap();
    let (code, report) = repair(&sample.image(), &DELETE);
    assert_eq!(code, 0, "{report}");
    assert!(sample.copies().is_empty());
    assert!(fs::read(sample.image()).unwrap() == before);
    let removal = &report["removals"][0];
    assert!(removal["path"].as_str().unwrap().ends_with(BOGUS));
    assert_eq!(report["decision"], "delete_and_rename");
}

#[test]
fn the_bogus_file_is_copied_out_then_removed_and_undo_restores_the_image() {
    let sample = sample();
    let before = fs::read(sample.image()).unwrap();
    let keys_before = keys(&sample.image());
    let (code, report) = repair(&sample.image(), &applied(&["--in-place"]));
    assert_eq!(code, 0, "{report}");
    let mut expected = keys_before.clone();
    let bogus = expected.remove(BOGUS).unwrap();
    let right = expected.remove(RIGHT).unwrap();
    expected.insert(BOGUS.to_owned(), right);
    assert!(keys(&sample.image()) == expected);
    let name = format!("golden.vhd.installation-0.{BOGUS}");
    assert_eq!(sample.copies(), [name.as_str()]);
    let copy = sample.place("copies").join(name);
    assert!(fs::read(&copy).unwrap() == bogus);
    let mode = fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let undone = undo(&sample.place("golden.vhd.goldseal-journal"));
    assert!(undone.status.success(), "{undone:?}");
    assert!(fs::read(sample.image()).unwrap() == before);
    assert!(fs::read(&copy).unwrap() == bogus);
}

#[test]
fn a_second_removal_finds_nothing_to_do() {
    let sample = sample();
    repair(&sample.image(), &applied(&["--in-place"]));
    fs::remove_file(sample.place("golden.vhd.goldseal-journal")).unwrap();
    let (code, report) = repair(&sample.image(), &DELETE);
    assert_eq!((code, &report["decision"]), (0, &Json::from("none")));
}

#[test]
fn a_copy_in_the_way_stops_a_removal_before_anything_is_written() {
    let sample = sample();
    let before = fs::read(sample.image()).unwrap();
    let copy = sample
        .place("copies")
        .join(format!("golden.vhd.installation-0.{BOGUS}"));
    fs::write(&copy, "of another image").unwrap();
    let (code, report) = repair(&sample.image(), &applied(&["--in-place"]));
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("name_taken"))
    );
    assert!(fs::read(sample.image()).unwrap() == before);
    assert!(!sample.place("golden.vhd.goldseal-journal").exists());
    assert_eq!(fs::read(&copy).unwrap(), b"of another image");
}

#[test]
fn a_removal_without_a_place_for_its_copy_is_refused() {
    let sample = sample();
    let (code, _) = repair(&sample.image(), &["--delete-bogus"]);
    assert_eq!(code, 2);
    let (code, _) = repair(&sample.image(), &["--backup-dir", "copies"]);
    assert_eq!(code, 2);
    let more = ["--delete-bogus", "--backup-dir", "not-there"];
    let (code, report) = repair(&sample.image(), &more);
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("not_there"))
    );
}

#[test]
fn a_saved_removal_needs_a_place_for_its_copy_and_is_made_as_saved() {
    let sample = sample();
    let (code, report) = repair(
        &sample.image(),
        &[&DELETE[..], &["--plan-out", "plan.json"]].concat(),
    );
    assert_eq!(code, 0, "{report}");
    let saved = ["--plan", "plan.json", "--apply", "--in-place"];
    let (code, report) = repair(&sample.image(), &saved);
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("not_there"))
    );
    let more = [&saved[..], &["--backup-dir", "copies"]].concat();
    let (code, report) = repair(&sample.image(), &more);
    assert_eq!(code, 0, "{report}");
    assert_eq!(sample.copies().len(), 1);
    assert!(!keys(&sample.image()).contains_key(RIGHT));
}

#[test]
fn a_repaired_copy_lacks_the_bogus_file_and_the_image_keeps_it() {
    let sample = sample();
    let before = fs::read(sample.image()).unwrap();
    let (code, report) = repair(&sample.image(), &applied(&["--to", "new.vhd"]));
    assert_eq!(code, 0, "{report}");
    assert!(fs::read(sample.image()).unwrap() == before);
    assert_eq!(
        keys(&sample.place("new.vhd")).len() + 1,
        keys(&sample.image()).len()
    );
    assert_eq!(sample.copies().len(), 1);
}

/// A plan that is whole in itself and removes the right key file: as one changed by hand, with every digest made anew.
#[test]
fn a_saved_plan_that_removes_another_file_than_the_bogus_one_is_refused() {
    let sample = sample();
    let image = Image::open(&Source::from_path(sample.image()), &Options::default()).unwrap();
    let installation = &image.installations[0];
    let path = format!("{FOLDER}\\{RIGHT}");
    let wanted = Wanted {
        removals: vec![Removal::of(installation.filesystem.as_ref(), &path).unwrap()],
        ..Wanted::default()
    };
    let plan = RepairPlan::make(&image, installation, &wanted).unwrap();
    let file = saved::plan_file(&image, 0, &plan).unwrap();
    fs::write(sample.place("plan.json"), file).unwrap();
    drop(image);
    let before = fs::read(sample.image()).unwrap();
    let more = [
        "--plan",
        "plan.json",
        "--apply",
        "--in-place",
        "--backup-dir",
        "copies",
    ];
    let (code, report) = repair(&sample.image(), &more);
    assert_eq!(
        (code, &report["refusal"]["gate"]),
        (4, &Json::from("undecided"))
    );
    assert!(fs::read(sample.image()).unwrap() == before);
    assert!(sample.copies().is_empty());
}

#[test]
fn a_bogus_file_that_a_copy_of_the_metabase_needs_is_not_removed() {
    let sample = sample();
    let image = Image::open(&Source::from_path(sample.image()), &Options::default()).unwrap();
    let installation = &image.installations[0];
    let mut collected = collect(installation, Limits::default());
    let actions = collected.plan.actions.iter().map(|action| Action {
        from: action.from.clone(),
        to: action.to.clone(),
    });
    let wanted = Wanted::names(actions.collect());
    assert!(
        bogus::remove(&wanted, installation, &collected)
            .unwrap()
            .is_some()
    );
    let mut keys = collected.machine_keys.iter_mut();
    let key = keys.find(|key| key.name == BOGUS).unwrap();
    key.proof.paired_with = vec!["MetaBack\\before.MD0".to_owned()];
    let refusal = bogus::remove(&wanted, installation, &collected).unwrap_err();
    assert_eq!(refusal.gate, Gate::Referenced, "{refusal}");
}

#[test]
fn a_saved_plan_that_gives_a_file_its_own_name_is_refused() {
    let sample = sample();
    let name = format!("{RIGHT}={}", RIGHT.replace("4cbde50a", "4cbde50b"));
    let more = ["--set-name", &name, "--plan-out", "plan.json"];
    assert_eq!(repair(&sample.image(), &more).0, 0);
    let place = sample.place("plan.json");
    let mut plan: Json = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
    plan["actions"][0]["to"] = plan["actions"][0]["from"].clone();
    fs::write(&place, plan.to_string()).unwrap();
    let (code, _) = repair(&sample.image(), &["--plan", "plan.json"]);
    assert_eq!(code, 4);
}

/// The sample as a directory of the host.
fn host_tree(sample: &Sample) -> PathBuf {
    let root = sample.place("tree");
    tree::copy_out(&sample.image(), &root);
    root
}

#[test]
fn a_host_directory_loses_the_bogus_file_and_undo_brings_it_back() {
    let sample = sample();
    let root = host_tree(&sample);
    let before = tree::files(&root);
    let (code, report) = repair(&root, &DELETE);
    assert_eq!(code, 0, "{report}");
    assert!(sample.copies().is_empty() && tree::files(&root) == before);
    let (code, report) = repair(&root, &applied(&["--in-place"]));
    assert_eq!(code, 0, "{report}");
    let changed = tree::files(&root);
    assert_eq!(changed.len() + 1, before.len());
    assert_eq!(
        sample.copies(),
        [format!("tree.installation-0.{BOGUS}").as_str()]
    );
    let journal = sample.place("tree.goldseal-journal");
    assert!(undo(&journal).status.success());
    assert!(tree::files(&root) == before);
    assert!(undo(&journal).status.success());
}

#[test]
fn a_host_directory_whose_copy_is_lost_is_left_as_it_is_by_undo() {
    let sample = sample();
    let root = host_tree(&sample);
    repair(&root, &applied(&["--in-place"]));
    let changed = tree::files(&root);
    fs::remove_dir_all(sample.place("copies")).unwrap();
    let undone = undo(&sample.place("tree.goldseal-journal"));
    assert_eq!(undone.status.code(), Some(4), "{undone:?}");
    assert!(tree::files(&root) == changed);
}
