//! `goldseal repair --all-containers`, as its users call it, on the sample image of KB884872 that has a key of another container.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "integration tests"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

#[path = "support/kb884872.rs"]
mod kb884872;
#[path = "support/tree.rs"]
mod tree;

use kb884872::unpack_to_swap;

const OLD: &str = "4cbde50a-1f2e-4d3c-8b5a-697887a6b5c4";
const CURRENT: &str = "e2d8f1c3-6b7a-4895-a4b3-c2d1e0f9a8b7";
const ANOTHER: &str = "90817263-5443-4627-9180-706f5e4d3c2b";
/// The containers of IIS and of DCOM in IIS, and two of our own.
const IIS: &str = "c2319c42033a5ca7f44e731bfd3fa2b5";
const DCOM: &str = "7a436fe806e483969f48a894af2fe9a1";
const THIRD: &str = "11111111222222223333333344444444";
const FOURTH: &str = "55555555666666667777777788888888";
const FOLDER: &str =
    "Documents and Settings/All Users/Application Data/Microsoft/Crypto/RSA/MachineKeys";

fn goldseal(command: &str, place: &Path, more: &[&str]) -> (i32, Json) {
    let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
        .arg(command)
        .arg(place)
        .args(more)
        .args(["--format", "json"])
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Json::Null);
    (output.status.code().unwrap(), report)
}

/// The last names of paths in a list of objects.
fn names(list: &Json, field: &str) -> Vec<String> {
    let name = |path: &str| path.rsplit('\\').next().unwrap().to_owned();
    let all = list.as_array().unwrap().iter();
    all.map(|entry| name(entry[field].as_str().unwrap()))
        .collect()
}

#[test]
fn a_key_of_another_container_that_carries_the_same_guid_is_renamed_too() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("golden.vhd");
    unpack_to_swap(&image);
    let before = fs::read(&image).unwrap();
    let (code, report) = goldseal("repair", &image, &[]);
    assert_eq!((code, names(&report["actions"], "from").len()), (0, 2));
    let more = ["--all-containers", "--apply", "--in-place"];
    let (code, report) = goldseal("repair", &image, &more);
    assert_eq!(code, 0, "{report}");
    let renamed = names(&report["actions"], "to");
    assert!(
        renamed.contains(&format!("{DCOM}_{CURRENT}")),
        "{renamed:?}"
    );
    let (_, keys) = goldseal("keys", &image, &[]);
    let is_right = |key: &&Json| key["matches_machine_guid"] == true;
    let keys = keys["machine_keys"].as_array().unwrap();
    assert_eq!(keys.iter().filter(is_right).count(), 2);
    let journal = folder.path().join("golden.vhd.goldseal-journal");
    let (code, _) = goldseal("undo", &journal, &[]);
    assert_eq!(code, 0);
    assert!(fs::read(&image).unwrap() == before);
}

#[test]
fn files_that_are_left_are_listed_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("golden.vhd");
    unpack_to_swap(&image);
    let root = folder.path().join("tree");
    tree::copy_out(&image, &root);
    let keys = root.join(FOLDER);
    for (number, name) in [
        format!("{THIRD}_{OLD}"),
        format!("{THIRD}_{CURRENT}"),
        format!("{FOURTH}_{ANOTHER}"),
        "no-key-at-all".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        fs::write(keys.join(name), format!("key {number}")).unwrap();
    }
    let before = tree::files(&root);
    let more = ["--all-containers", "--apply", "--in-place"];
    let (code, report) = goldseal("repair", &root, &more);
    assert_eq!(code, 0, "{report}");
    let reason = |name: &str| {
        let list = report["not_done"].as_array().unwrap().iter();
        let mut found = list.filter(|left| left["path"].as_str().unwrap().ends_with(name));
        let reason = found.next().map(|left| left["reason"].as_str().unwrap());
        reason.map(str::to_owned)
    };
    for (name, expected) in [
        (
            format!("{THIRD}_{OLD}"),
            "its new name is that of another file",
        ),
        (format!("{THIRD}_{CURRENT}"), "carries MachineGuid already"),
        (format!("{FOURTH}_{ANOTHER}"), "carries another GUID"),
    ] {
        let found = reason(&name).unwrap_or_else(|| panic!("{name}: {report}"));
        assert!(found.contains(expected), "{name}: {found}");
    }
    assert_eq!(reason(&format!("{IIS}_{OLD}")), None);
    assert!(keys.join(format!("{DCOM}_{CURRENT}")).exists());
    assert!(keys.join(format!("{THIRD}_{OLD}")).exists());
    let journal = folder.path().join("tree.goldseal-journal");
    assert_eq!(goldseal("undo", &journal, &[]).0, 0);
    assert!(tree::files(&root) == before);
}

#[test]
fn no_other_container_is_renamed_where_no_file_is_proved() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("golden.vhd");
    unpack_to_swap(&image);
    goldseal("repair", &image, &["--apply", "--in-place"]);
    fs::remove_file(folder.path().join("golden.vhd.goldseal-journal")).unwrap();
    let (code, report) = goldseal("repair", &image, &["--all-containers"]);
    assert_eq!((code, &report["decision"]), (0, &Json::from("none")));
    assert_eq!(report["actions"], serde_json::json!([]));
    assert_eq!(report["not_done"].as_array().unwrap().len(), 3);
}
