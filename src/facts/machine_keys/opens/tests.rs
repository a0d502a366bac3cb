//! Hives, key files and metabase of the chains in testdata/keys, in a tree in memory; the manifest beside each chain says which
//! file signed the live metabase and which master key is missing.

use std::sync::Arc;

use super::*;
use crate::base::limits::Limits;
use crate::base::win_path::WinPath;
use crate::error::ErrorKind;
use crate::evidence::{Locator, Version};
use crate::facts::machine_keys::{self, Decision, KeyMaterial};
use crate::facts::test_hive::TestHive;
use crate::image::Installation;
use crate::image::filesystem::memory::MemoryFileSystem;
use crate::proof::opens::Answer;

const MACHINE_KEYS: &str =
    "Documents and Settings\\All Users\\Application Data\\Microsoft\\Crypto\\RSA\\MachineKeys";

fn testdata(path: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/testdata/keys/{path}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

/// The files of one folder of testdata/keys, by their names.
fn folder(path: &str) -> Vec<(String, Vec<u8>)> {
    let folder = format!("{}/testdata/keys/{path}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn manifest(chain: &str) -> serde_json::Value {
    serde_json::from_slice(&testdata(&format!("{chain}/manifest.json"))).unwrap()
}

/// A chain as an installation; MachineGuid is that of the file `named`, by its label.
struct Tree {
    chain: &'static str,
    fs: MemoryFileSystem,
    os: &'static str,
    iis: &'static str,
}

impl Tree {
    fn new(chain: &'static str) -> Self {
        let (os, iis, metabase) = match chain {
            "w2k" => ("5.0", "5.0", "MetaBase.bin"),
            "xp" => ("5.2", "6.0", "MetaBase.xml"),
            _ => ("6.0", "6.0", "MetaBase.xml"),
        };
        let guid = manifest(chain)["machine_guid"].as_str().unwrap().to_owned();
        let software = TestHive::new()
            .text(
                "Microsoft\\Windows NT\\CurrentVersion",
                "SystemRoot",
                "C:\\WINNT",
            )
            .text("Microsoft\\Cryptography", "MachineGuid", &guid);
        let mut fs = MemoryFileSystem::new()
            .file("WINNT\\system32\\config\\SOFTWARE", software.bytes())
            .file(
                &format!("WINNT\\system32\\inetsrv\\{metabase}"),
                testdata(&format!("{chain}/{metabase}")),
            );
        for (name, bytes) in folder(&format!("{chain}/MachineKeys")) {
            fs = fs.file(&format!("{MACHINE_KEYS}\\{name}"), bytes);
        }
        for sub in ["", "User\\"] {
            for (name, bytes) in folder(&format!(
                "{chain}/Protect/S-1-5-18/{}",
                sub.trim_end_matches('\\')
            )) {
                let path = format!("WINNT\\system32\\Microsoft\\Protect\\S-1-5-18\\{sub}{name}");
                fs = fs.file(&path, bytes);
            }
        }
        Self { chain, fs, os, iis }
            .hive("SYSTEM", testdata(&format!("{chain}/config/SYSTEM")))
            .hive("SECURITY", testdata(&format!("{chain}/config/SECURITY")))
    }

    fn hive(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.fs = self
            .fs
            .file(&format!("WINNT\\system32\\config\\{name}"), bytes);
        self
    }

    fn collect(self, proves: bool) -> Collected {
        let installation = Installation {
            index: 0,
            system_root: WinPath::new("WINNT"),
            filesystem: Arc::new(self.fs),
            locator: Locator::new("test"),
            layers: Vec::new(),
            disk: None,
            neighbours: Vec::new(),
        };
        let mut context = Context::new(&installation, Limits::default());
        if proves {
            context = context.proving_keys();
        }
        let mut facts = Facts::new();
        let place = || Evidence::at(Locator::new("test"));
        let version = |text| Value::Version(Version::parse(text).unwrap());
        facts.put("os.version", Fact::found(version(self.os), place()));
        facts.put("iis.installed", Fact::found(true, place()));
        facts.put("iis.major_minor", Fact::found(version(self.iis), place()));
        let keys = machine_keys::collect(&context, &mut facts);
        Collected {
            chain: self.chain,
            facts,
            keys,
        }
    }
}

struct Collected {
    chain: &'static str,
    facts: Facts,
    keys: KeyMaterial,
}

impl Collected {
    /// What opens of the file with this label (`own`, `old`, `foreign`, `lost`).
    fn opens(&self, label: &str) -> &Opens {
        let manifest = manifest(self.chain);
        let suffix = format!("/{label}");
        let name = manifest["key_files"]
            .as_array()
            .unwrap()
            .iter()
            .find(|file| file["label"].as_str().unwrap().ends_with(&suffix))
            .unwrap()["name"]
            .as_str()
            .unwrap()
            .to_owned();
        let key = self.keys.machine_keys.iter().find(|key| key.name == name);
        key.unwrap().proof.opens.as_ref().unwrap()
    }

    fn words(&self, label: &str) -> [&'static str; 4] {
        self.opens(label).links().map(|(_, answer)| answer.as_str())
    }

    fn reason(&self, label: &str) -> &str {
        self.opens(label).reason.as_deref().unwrap()
    }

    fn value(&self, id: &str) -> String {
        match self.facts.get(id).unwrap().get() {
            Ok(Some((value, _))) => value.to_string(),
            Ok(None) => "absent".to_owned(),
            Err(unknown) => format!("unknown:{}", unknown.reason.as_str()),
        }
    }
}

#[test]
fn without_leave_no_key_is_opened() {
    let collected = Tree::new("xp").collect(false);
    assert_eq!(collected.value("key.opens"), "unknown:not_provided");
    for key in &collected.keys.machine_keys {
        assert_eq!(key.proof.opens, None, "{}", key.name);
    }
}

#[test]
fn the_key_of_the_live_metabase_opens_in_each_generation() {
    for chain in ["w2k", "xp", "vista"] {
        let collected = Tree::new(chain).collect(true);
        assert_eq!(collected.words("own"), ["yes"; 4], "{chain}");
        assert_eq!(collected.value("key.opens_metabase"), "yes", "{chain}");
        assert_eq!(collected.keys.plan.decision, Decision::None, "{chain}");
    }
}

#[test]
fn the_fact_shows_every_place_that_was_read() {
    let collected = Tree::new("xp").collect(true);
    let evidence = collected.facts.get("key.opens").unwrap().evidence();
    let places: Vec<String> = evidence
        .iter()
        .map(|evidence| evidence.locator.to_string())
        .collect();
    for part in [
        "Control\\Lsa\\JD",
        "PolSecretEncryptionKey!(Default)",
        "DPAPI_SYSTEM\\CurrVal!(Default)",
        "MetaBase.xml",
        "S-1-5-18\\4420dabf",
    ] {
        assert!(
            places.iter().any(|place| place.contains(part)),
            "{part}: {places:?}"
        );
    }
}

#[test]
fn the_key_of_another_metabase_does_not_open_the_session_key() {
    let collected = Tree::new("xp").collect(true);
    assert_eq!(collected.words("old"), ["yes", "yes", "no", "not_tested"]);
    assert_eq!(collected.words("lost")[0], "no");
}

#[test]
fn on_windows_2000_a_no_is_not_said() {
    let collected = Tree::new("w2k").collect(true);
    let expected = ["yes", "yes", "not_tested", "not_tested"];
    assert_eq!(collected.words("old"), expected);
    assert!(collected.reason("old").contains("Windows 2000"));
}

#[test]
fn a_boot_key_that_is_not_in_the_image_is_named() {
    for (mode, says) in [(2, "password"), (3, "floppy disk")] {
        let system = TestHive::new().number("Select", "Current", 1).number(
            "ControlSet001\\Control\\Lsa",
            "SecureBoot",
            mode,
        );
        let collected = Tree::new("xp").hive("SYSTEM", system.bytes()).collect(true);
        assert_eq!(collected.words("own"), ["not_tested"; 4]);
        let reason = collected.reason("own");
        assert!(
            reason.contains("boot key is not in the image") && reason.contains(says),
            "{reason}"
        );
    }
}

#[test]
fn a_paired_key_that_does_not_open_is_not_planned_and_opens_no_metabase() {
    // SECURITY of another installation: its DPAPI_SYSTEM does not open with the boot key of this one.
    let collected = Tree::new("xp")
        .hive("SECURITY", testdata("w2k/config/SECURITY"))
        .collect(true);
    assert_eq!(collected.opens("own").master_key, Answer::No);
    assert_eq!(collected.value("key.pairing"), "machine_guid");
    assert_eq!(collected.value("key.opens_metabase"), "no");
    assert_eq!(collected.keys.plan.decision, Decision::Undecided);
    assert!(collected.keys.plan.reason.contains("does not open here"));
}

#[test]
fn hives_that_cannot_be_read_leave_the_keys_untested() {
    for hive in ["SYSTEM", "SECURITY"] {
        let mut tree = Tree::new("xp");
        tree.fs = tree.fs.broken_file(
            &format!("WINNT\\system32\\config\\{hive}"),
            ErrorKind::Io,
            "bad sector",
        );
        let collected = tree.collect(true);
        assert_eq!(collected.words("own"), ["not_tested"; 4], "{hive}");
        assert_eq!(collected.keys.plan.decision, Decision::None);
    }
}

/// Bytes of the first property that were signed are not those that are there.
#[test]
fn a_session_key_that_opens_no_property_leaves_it_open_whether_the_metabase_opens() {
    let mut tree = Tree::new("xp");
    let mut text = String::from_utf8(testdata("xp/MetaBase.xml")).unwrap();
    let mut from = 0;
    // The first four encrypted bytes of every property, behind 16 bytes of blob, decrypt to zeros.
    while let Some(at) = text[from..].to_ascii_lowercase().find("49634462") {
        let place = from + at + 32;
        let flipped: String = text[place..place + 8]
            .chars()
            .map(|digit| char::from_digit(digit.to_digit(16).unwrap() ^ 0xf, 16).unwrap())
            .collect();
        text.replace_range(place..place + 8, &flipped);
        from = place;
    }
    tree.fs = tree
        .fs
        .file("WINNT\\system32\\inetsrv\\MetaBase.xml", text.into_bytes());
    let collected = tree.collect(true);
    assert_eq!(collected.words("own"), ["yes", "yes", "yes", "no"]);
    assert_eq!(collected.value("key.opens_metabase"), "unknown:unsupported");
    assert_eq!(collected.keys.plan.decision, Decision::Undecided);
}

#[test]
fn the_key_of_the_live_metabase_is_proved_first_of_very_many() {
    let mut tree = Tree::new("xp");
    let manifest = manifest("xp");
    let old = manifest["key_files"][1]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let hash = old.split_once('_').unwrap().0.to_owned();
    let old = testdata(&format!("xp/MachineKeys/{old}"));
    tree.fs = tree.fs.file(
        "WINNT\\system32\\inetsrv\\History\\MetaBase_0000000017_0000000000.xml",
        testdata("xp/History/MetaBase_0000000017_0000000000.xml"),
    );
    for number in 0..PROVED_MAX {
        let name = format!("{hash}_00000000-0000-4000-8000-{number:012}");
        tree.fs = tree
            .fs
            .file(&format!("{MACHINE_KEYS}\\{name}"), old.clone());
    }
    assert_eq!(tree.collect(true).words("own"), ["yes"; 4]);
}

#[test]
fn a_dirty_hive_takes_a_no_back() {
    let mut security = testdata("w2k/config/SECURITY");
    // The second sequence number differs from the first; the checksum covers both.
    security[8] ^= 1;
    let checksum = security[..508].chunks_exact(4).fold(0, |sum, word| {
        sum ^ u32::from_le_bytes(word.try_into().unwrap())
    });
    security[508..512].copy_from_slice(&checksum.to_le_bytes());
    let collected = Tree::new("xp").hive("SECURITY", security).collect(true);
    assert_eq!(collected.words("own"), ["not_tested"; 4]);
    let reason = collected.reason("own");
    assert!(reason.contains("SECURITY is dirty"), "{reason}");
}
