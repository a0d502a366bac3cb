//! The key files of sample images: listing, times, access and proofs through VHD and NTFS.
//!
//! The samples are written by ntfs-3g and scripts/artefacts.py from the recipe beside them, which is what is expected here.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails says where"
)]

use std::path::Path;

use goldseal::base::limits::Limits;
use goldseal::evidence::{Fact, Value};
use goldseal::facts::{Collected, KeysView};
use goldseal::image::{Image, Options, Source};

fn collected(case: &str, file: &str) -> Collected {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/cases")
        .join(case)
        .join(file);
    let image = Image::open(&Source::from_path(&path), &Options::default()).unwrap();
    goldseal::facts::collect(&image.installations[0], Limits::default())
}

fn text(collected: &Collected, id: &str) -> String {
    match collected.facts.get(id) {
        Some(Fact::Found { value, .. }) => value.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn two_keys_of_iis_of_which_none_carries_machine_guid_are_a_mismatch() {
    let collected = collected("w2k_kb884872_mismatch", "golden.vhd");
    assert_eq!(text(&collected, "crypto.c23_state"), "mismatch");
    assert_eq!(text(&collected, "crypto.machine_guid_well_formed"), "yes");
    assert_eq!(text(&collected, "iis.metabase_in_use"), "yes");
    assert_eq!(text(&collected, "iis.metabase_state"), "ok");
}

#[test]
fn the_access_list_of_q278381_is_ok() {
    let collected = collected("w2k_kb884872_mismatch", "golden.vhd");
    assert_eq!(text(&collected, "crypto.machinekeys_acl"), "ok");
    assert_eq!(text(&collected, "crypto.machinekeys_efs"), "no");
}

#[test]
fn every_key_of_iis_is_whole_and_named_for_its_container() {
    let collected = collected("w2k_kb884872_mismatch", "golden.vhd");
    let mut keys = 0;
    for key in &collected.machine_keys {
        if key.container_name.as_deref() == Some("Microsoft Internet Information Server") {
            keys += 1;
            assert_eq!(key.proof.well_formed, Some(true), "{}", key.name);
            assert_eq!(key.proof.name_consistent, Some(true), "{}", key.name);
            assert_eq!(key.proof.master_key_present, Some(true), "{}", key.name);
            assert_eq!(key.proof.acl, "ok", "{}", key.name);
            assert_eq!(key.matches_machine_guid, Some(false), "{}", key.name);
        }
    }
    assert_eq!(keys, 2);
}

#[test]
fn a_key_file_has_the_creation_time_of_its_recipe() {
    let collected = collected("w2k_kb884872_mismatch", "golden.vhd");
    let second = collected
        .machine_keys
        .iter()
        .find(|key| key.name.ends_with("90817263-5443-4627-9180-706f5e4d3c2b"))
        .unwrap();
    let created = second
        .times
        .si_created
        .and_then(goldseal::base::filetime::FileTime::to_rfc3339);
    assert_eq!(created.as_deref(), Some("2004-03-05T11:22:33.0000000Z"));
    assert!(second.times.fn_created.is_some() && second.mft_record.is_some());
}

#[test]
fn the_view_counts_the_files_of_each_guid() {
    let collected = collected("w2k_kb884872_mismatch", "golden.vhd");
    let view = KeysView::new(&collected);
    assert!(
        view.guids
            .is_sorted_by_key(|count| std::cmp::Reverse(count.files))
    );
    let files: usize = view.guids.iter().map(|count| count.files).sum();
    assert_eq!(files, collected.machine_keys.len());
    assert_eq!(view.plan.decision.as_str(), "rename_only");
    assert!(matches!(
        view.machine_guid,
        Fact::Found {
            value: Value::Text(_),
            ..
        }
    ));
}
