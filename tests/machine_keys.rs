//! The key files of sample images: listing, times, access and proofs through VHD and NTFS.
//!
//! The samples are written by ntfs-3g and scripts/artefacts.py from the recipe beside them, which is what is expected here.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails says where"
)]

use std::path::{Path, PathBuf};

use goldseal::base::limits::Limits;
use goldseal::diagnosis::{self, Diagnosis, LinkState, Request};
use goldseal::evidence::{Fact, Value};
use goldseal::facts::{Collected, KeysView};
use goldseal::image::{Image, Options, Source};
use goldseal::report::{ImageInfo, KeysReport, Style, keys_text};
use goldseal::rules::{self, Catalogue, Outcome};

fn collected(case: &str, file: &str) -> Collected {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/cases")
        .join(case)
        .join(file);
    collected_from(&path)
}

fn collected_from(path: &Path) -> Collected {
    let image = Image::open(&Source::from_path(path), &Options::default()).unwrap();
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

/// The sample of KB884872 with the MFT record of its folder of keys or of one of its two key files of IIS marked as torn.
struct Torn {
    folder: tempfile::TempDir,
}

/// How the names of the key file that signed the metabase and of the other one of IIS begin.
const SIGNER: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a";
const OTHER: &str = "c2319c42033a5ca7f44e731bfd3fa2b5_90817263";

impl Torn {
    /// The names of all files stand in the record of the folder, and each in that of its file behind it.
    fn folder() -> Self {
        Self::record(SIGNER, 0)
    }

    fn file(name: &str) -> Self {
        Self::record(name, 1)
    }

    fn record(name: &str, occurrence: usize) -> Self {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/cases/w2k_kb884872_mismatch/golden.vhd");
        let mut bytes = std::fs::read(sample).unwrap();
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let places = bytes.windows(name.len()).enumerate();
        let mut places = places.filter(|(_, window)| *window == name.as_slice());
        let (at, _) = places.nth(occurrence).unwrap();
        let before = bytes[..at].windows(4).rposition(|window| window == b"FILE");
        let record = before.unwrap();
        bytes[record..record + 4].copy_from_slice(b"BAAD");
        let torn = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(torn.image(), bytes).unwrap();
        torn
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("golden.vhd")
    }

    fn diagnosis(&self) -> Diagnosis {
        let collected = collected_from(&self.image());
        let findings = rules::run(&Catalogue::built_in().unwrap(), &collected.facts);
        diagnosis::diagnose(&collected, &findings, &Request::default())
    }

    fn keys_text(&self) -> String {
        let source = Source::from_path(self.image());
        let image = Image::open(&source, &Options::default()).unwrap();
        let installation = &image.installations[0];
        let collected = goldseal::facts::collect(installation, Limits::default());
        let info = ImageInfo::of_installation(&image, installation);
        let report = KeysReport::new(info, installation, &collected);
        let style = Style {
            width: 200,
            color: false,
            verbose: false,
        };
        keys_text(&report, &style)
    }
}

fn states(diagnosis: &Diagnosis, names: &[&str]) -> Vec<LinkState> {
    let links = diagnosis.links.iter();
    links
        .filter(|link| names.contains(&link.link))
        .map(|link| link.state)
        .collect()
}

#[test]
fn rules_on_access_and_efs_are_open_where_a_key_file_or_its_folder_cannot_be_read() {
    for torn in [Torn::folder(), Torn::file(SIGNER), Torn::file(OTHER)] {
        let collected = collected_from(&torn.image());
        let findings = rules::run(&Catalogue::built_in().unwrap(), &collected.facts);
        for rule in ["KEY-004", "KEY-005"] {
            let finding = findings.iter().find(|finding| finding.rule == rule);
            assert_eq!(finding.unwrap().outcome, Outcome::Unknown, "{rule}");
        }
    }
}

#[test]
fn links_that_rest_on_key_files_which_cannot_be_read_are_not_tested() {
    for torn in [Torn::folder(), Torn::file(SIGNER)] {
        let diagnosis = torn.diagnosis();
        let states = states(&diagnosis, &["L2", "L3", "L4", "L6", "L10"]);
        assert_eq!(states, [LinkState::NotTested; 5]);
    }
}

#[test]
fn links_of_the_key_that_signed_the_metabase_hold_whatever_other_key_cannot_be_read() {
    let diagnosis = Torn::file(OTHER).diagnosis();
    let states = states(&diagnosis, &["L2", "L3", "L4", "L6"]);
    assert_eq!(states, [LinkState::Holds; 4]);
}

#[test]
fn no_key_file_is_the_newest_where_one_cannot_be_read() {
    let diagnosis = Torn::file(OTHER).diagnosis();
    let newest: Vec<_> = diagnosis.key_files.iter().map(|file| file.newest).collect();
    assert_eq!(newest, [None]);
}

#[test]
fn keys_says_where_keys_could_not_be_read_and_claims_no_absence() {
    for torn in [Torn::folder(), Torn::file(SIGNER)] {
        let collected = collected_from(&torn.image());
        let view = KeysView::new(&collected);
        assert_eq!(view.metabases[0].outcome, "unknown");
        assert!(
            view.unread
                .iter()
                .any(|place| place.location.contains("MachineKeys"))
        );
        let text = torn.keys_text();
        assert!(!text.contains("no key in this image"), "{text}");
        assert!(text.contains("Not read"), "{text}");
        assert!(
            text.ends_with("how many there are is not known\n"),
            "{text}"
        );
    }
}
