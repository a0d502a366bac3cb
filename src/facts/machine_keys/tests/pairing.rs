//! The pairing of key files and metabases on the synthetic chains of `testdata/keys`, which a program in another language
//! made with its own ciphers (`scripts/key_chain.py`): what is proved, what is planned, and that nothing broken is safe.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::*;
use crate::facts::machine_keys::Decision;
use crate::rules::{self, Catalogue, Outcome};

/// One generation of `testdata/keys`.
struct Chain {
    folder: PathBuf,
    manifest: serde_json::Value,
    is_binary: bool,
}

impl Chain {
    fn open(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/keys")
            .join(name);
        let text = std::fs::read(folder.join("manifest.json")).unwrap();
        Self {
            folder,
            manifest: serde_json::from_slice(&text).unwrap(),
            is_binary: name == "w2k",
        }
    }

    fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(path)).unwrap()
    }

    fn guid(&self) -> &str {
        self.manifest["machine_guid"].as_str().unwrap()
    }

    /// The key file of that label (`own`, `old`, `foreign`, `lost`).
    fn key(&self, label: &str) -> Vec<u8> {
        let entry = self.manifest["key_files"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["label"].as_str().unwrap().ends_with(label))
            .unwrap();
        self.read(entry["path"].as_str().unwrap())
    }

    /// The metabase that the key of that label signed, or the one of that name in MetaBack.
    fn metabase(&self, label: &str) -> Vec<u8> {
        match (label, self.is_binary) {
            ("own", true) => self.read("MetaBase.bin"),
            ("own", false) => self.read("MetaBase.xml"),
            ("old", true) => self.read("MetaBack/backup.MD0"),
            ("old", false) => self.read("History/MetaBase_0000000017_0000000000.xml"),
            (name, _) => self.read(&format!("MetaBack/{name}.MD0")),
        }
    }

    fn live_name(&self) -> &'static str {
        if self.is_binary {
            "MetaBase.bin"
        } else {
            "MetaBase.xml"
        }
    }

    fn iis(&self) -> &'static str {
        if self.is_binary { "5.0" } else { "6.0" }
    }

    /// An installation without key files and metabase, with the master keys of the chain.
    fn files(&self) -> MemoryFileSystem {
        let hive = TestHive::new()
            .text(
                "Microsoft\\Windows NT\\CurrentVersion",
                "SystemRoot",
                "C:\\WINNT",
            )
            .text("Microsoft\\Cryptography", "MachineGuid", self.guid());
        let mut fs = with_software(hive).directory(MACHINE_KEYS);
        for entry in self.manifest["master_keys"].as_array().unwrap() {
            if let Some(path) = entry["path"].as_str() {
                let place = format!("WINNT\\system32\\Microsoft\\{}", path.replace('/', "\\"));
                fs = fs.file(&place, self.read(path));
            }
        }
        fs
    }

    fn with_live(&self, fs: MemoryFileSystem, metabase: &[u8]) -> MemoryFileSystem {
        let place = format!("WINNT\\system32\\inetsrv\\{}", self.live_name());
        fs.file(&place, metabase)
    }
}

fn in_machine_keys(fs: MemoryFileSystem, guid: &str, content: &[u8]) -> MemoryFileSystem {
    fs.file(&format!("{MACHINE_KEYS}\\{}", c23(guid)), content)
}

/// The outcomes of the rules on keys.
fn outcomes(collected: &Collected) -> BTreeMap<String, Outcome> {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().unwrap());
    rules::run(&CATALOGUE, &collected.facts)
        .into_iter()
        .filter(|finding| finding.rule.starts_with("KEY-") || finding.rule == "IIS-013")
        .map(|finding| (finding.rule, finding.outcome))
        .collect()
}

/// Pairing, plan, and outcome of KEY-001, KEY-009 and IIS-013.
fn check(chain: &Chain, fs: MemoryFileSystem, pairing: &str, plan: Decision, rules: [Outcome; 3]) {
    let collected = collected(fs, Some(chain.iis()));
    assert_eq!(shown(&collected, "key.pairing"), pairing);
    assert_eq!(collected.plan.decision, plan, "{}", collected.plan.reason);
    assert_eq!(shown(&collected, "key.repair_plan"), plan.as_str());
    let outcomes = outcomes(&collected);
    assert_eq!(
        ["KEY-001", "KEY-009", "IIS-013"].map(|rule| outcomes[rule]),
        rules
    );
}

use Outcome::{Clear, Fired, Unknown as Open};

#[test]
fn the_file_named_for_machine_guid_is_healthy_whatever_older_files_lie_beside_it() {
    for name in ["w2k", "xp", "vista"] {
        let chain = Chain::open(name);
        let fs = chain.with_live(chain.files(), &chain.metabase("own"));
        let fs = in_machine_keys(fs, chain.guid(), &chain.key("own"));
        let fs = in_machine_keys(fs, OTHER, &chain.key("old"));
        check(&chain, fs, "machine_guid", Decision::None, [Clear; 3]);
    }
}

#[test]
fn a_paired_file_of_another_name_is_renamed_where_the_name_is_free() {
    for name in ["w2k", "xp", "vista"] {
        let chain = Chain::open(name);
        let fs = chain.with_live(chain.files(), &chain.metabase("old"));
        let fs = in_machine_keys(fs, OTHER, &chain.key("old"));
        check(
            &chain,
            fs,
            "other",
            Decision::RenameOnly,
            [Fired, Clear, Clear],
        );
    }
}

#[test]
fn a_paired_file_of_another_name_is_swapped_with_an_unpaired_one() {
    let chain = Chain::open("xp");
    let fs = chain.with_live(chain.files(), &chain.metabase("old"));
    let fs = in_machine_keys(fs, chain.guid(), &chain.key("foreign"));
    let fs = in_machine_keys(fs, OTHER, &chain.key("old"));
    let collected = collected(fs, Some("6.0"));
    let paths: Vec<_> = collected
        .plan
        .actions
        .iter()
        .map(|action| (action.from.as_str(), action.to.as_str()))
        .collect();
    let [needed, old] = [chain.guid(), OTHER].map(|guid| format!("{MACHINE_KEYS}\\{}", c23(guid)));
    assert_eq!(collected.plan.decision, Decision::Swap);
    assert_eq!(
        paths,
        [
            (old.as_str(), needed.as_str()),
            (needed.as_str(), old.as_str())
        ]
    );
    let proofs: Vec<_> = collected
        .machine_keys
        .iter()
        .map(|key| (key.guid.as_deref().unwrap(), key.proof.signed_metabase))
        .collect();
    assert!(proofs.contains(&(OTHER, "paired")) && proofs.contains(&(chain.guid(), "not_paired")));
    assert_eq!(outcomes(&collected)["KEY-001"], Fired);
}

#[test]
fn a_paired_file_without_its_master_key_is_beyond_a_rename() {
    let chain = Chain::open("xp");
    for guid in [chain.guid(), OTHER] {
        let fs = chain.with_live(chain.files(), &chain.metabase("lost"));
        let fs = in_machine_keys(fs, guid, &chain.key("lost"));
        let (pairing, key_001) = match guid {
            OTHER => ("other", Fired),
            _ => ("machine_guid", Clear),
        };
        check(
            &chain,
            fs,
            pairing,
            Decision::Undecided,
            [key_001, Fired, Clear],
        );
    }
}

#[test]
fn a_paired_file_that_is_cut_short_is_beyond_a_rename() {
    let chain = Chain::open("xp");
    let mut cut = chain.key("old");
    cut.truncate(cut.len() - 1);
    let fs = chain.with_live(chain.files(), &chain.metabase("old"));
    let fs = in_machine_keys(fs, OTHER, &cut);
    check(
        &chain,
        fs,
        "other",
        Decision::Undecided,
        [Fired, Fired, Clear],
    );
}

#[test]
fn a_paired_file_that_efs_encrypts_is_beyond_a_rename() {
    let chain = Chain::open("xp");
    let fs = chain.with_live(chain.files(), &chain.metabase("old"));
    let fs = in_machine_keys(fs, OTHER, &chain.key("old")).with(
        &format!("{MACHINE_KEYS}\\{}", c23(OTHER)),
        0x4020,
        FileTimes::default(),
        None,
    );
    check(
        &chain,
        fs,
        "other",
        Decision::Undecided,
        [Fired, Fired, Clear],
    );
}

#[test]
fn a_paired_file_whose_master_key_could_not_be_looked_for_is_not_renamed() {
    let chain = Chain::open("xp");
    let master = chain.manifest["key_files"][0]["master_key"]
        .as_str()
        .unwrap();
    let fs = chain.with_live(chain.files(), &chain.metabase("old"));
    let fs = in_machine_keys(fs, OTHER, &chain.key("old")).broken_file(
        &format!("WINNT\\system32\\Microsoft\\Protect\\S-1-5-18\\{master}"),
        ErrorKind::Io,
        "bad sector",
    );
    check(
        &chain,
        fs,
        "other",
        Decision::Undecided,
        [Fired, Open, Clear],
    );
}

#[test]
fn two_paired_files_are_undecided_unless_they_are_one() {
    let chain = Chain::open("xp");
    let third = "00000000-1111-4222-8333-444444444444";
    let with = |second: &[u8]| {
        let fs = chain.with_live(chain.files(), &chain.metabase("old"));
        let fs = in_machine_keys(fs, OTHER, &chain.key("old"));
        in_machine_keys(fs, third, second)
    };
    let mut other_content = chain.key("old");
    let last = other_content.len() - 1;
    other_content[last] ^= 1;
    let rules = [Fired, Clear, Clear];
    check(
        &chain,
        with(&chain.key("old")),
        "other",
        Decision::RenameOnly,
        rules,
    );
    check(
        &chain,
        with(&other_content),
        "other",
        Decision::Undecided,
        rules,
    );
}

#[test]
fn a_metabase_of_another_machine_is_opened_by_no_key_and_a_copy_that_is_opened_is_named() {
    for name in ["w2k", "xp"] {
        let chain = Chain::open(name);
        let fs = chain.with_live(chain.files(), &chain.metabase("stranger"));
        let fs = in_machine_keys(fs, chain.guid(), &chain.key("own"));
        let fs = fs
            .file(
                "WINNT\\system32\\inetsrv\\MetaBack\\mine.MD3",
                chain.metabase("own"),
            )
            .file(
                "WINNT\\system32\\inetsrv\\MetaBack\\lost.MD0",
                chain.metabase("lost"),
            );
        let collected = collected(fs, Some(chain.iis()));
        assert_eq!(shown(&collected, "key.pairing"), "none");
        assert_eq!(
            shown(&collected, "key.opened_copies"),
            "WINNT\\system32\\inetsrv\\MetaBack\\mine.MD3"
        );
        assert_eq!(collected.plan.decision, Decision::Undecided);
        let key = &collected.machine_keys[0];
        assert_eq!(key.proof.signed_metabase, "not_paired");
        assert_eq!(
            key.proof.paired_with,
            ["WINNT\\system32\\inetsrv\\MetaBack\\mine.MD3"]
        );
        assert_eq!(key.proof.by_inference, chain.is_binary);
        let outcomes = outcomes(&collected);
        assert_eq!(outcomes["KEY-009"], Fired);
        assert_eq!(outcomes["IIS-013"], Fired);
        assert_eq!(outcomes["KEY-001"], Clear);
    }
}

#[test]
fn a_copy_or_a_key_that_cannot_be_read_leaves_it_open_whether_a_copy_is_opened() {
    let chain = Chain::open("xp");
    let copy = "WINNT\\system32\\inetsrv\\MetaBack\\mine.MD3";
    let foreign = || {
        let fs = chain.with_live(chain.files(), &chain.metabase("stranger"));
        in_machine_keys(fs, chain.guid(), &chain.key("foreign"))
    };
    let key = format!("{MACHINE_KEYS}\\{}", c23(OTHER));
    let own = chain.metabase("own");
    for (fs, expected) in [
        (foreign().file(copy, own.clone()), "(none)"),
        (
            foreign().broken_file(copy, ErrorKind::Io, "bad sector"),
            "unknown:",
        ),
        (
            foreign()
                .file(copy, own)
                .broken_file(&key, ErrorKind::Io, "bad sector"),
            "unknown:",
        ),
    ] {
        let shown = shown(&collected(fs, Some("6.0")), "key.opened_copies");
        assert!(shown.starts_with(expected), "{shown}");
    }
}

#[test]
fn one_name_in_two_folders_is_tested_in_both() {
    let chain = Chain::open("xp");
    let system = MACHINE_KEYS.replace("MachineKeys", "S-1-5-18");
    let with = |first: &str, second: &str| {
        let fs = chain.with_live(chain.files(), &chain.metabase("own"));
        in_machine_keys(fs, chain.guid(), &chain.key(first)).file(
            &format!("{system}\\{}", c23(chain.guid())),
            chain.key(second),
        )
    };
    check(
        &chain,
        with("own", "own"),
        "machine_guid",
        Decision::None,
        [Clear; 3],
    );
    // MachineKeys is the usual place; that Windows never takes the other file is not known.
    check(
        &chain,
        with("own", "foreign"),
        "machine_guid",
        Decision::None,
        [Clear, Open, Clear],
    );
    check(
        &chain,
        with("foreign", "own"),
        "unknown:unsupported",
        Decision::Undecided,
        [Open; 3],
    );
}

#[test]
fn one_name_in_two_folders_is_not_safe_where_one_of_the_files_is_damaged() {
    let chain = Chain::open("xp");
    let system = MACHINE_KEYS.replace("MachineKeys", "S-1-5-18");
    let whole = chain.key("own");
    let cut = whole[..whole.len() - 1].to_vec();
    for (first, second) in [(&whole, &cut), (&cut, &whole)] {
        let fs = chain.with_live(chain.files(), &chain.metabase("own"));
        let fs = in_machine_keys(fs, chain.guid(), first)
            .file(&format!("{system}\\{}", c23(chain.guid())), second.clone());
        check(
            &chain,
            fs,
            "machine_guid",
            Decision::Undecided,
            [Clear, Open, Clear],
        );
    }
}

/// The key file without one of its pairs; the lengths of its head say so and still fill the file.
fn without_pair(file: &[u8], is_exchange: bool) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let lengths = if is_exchange {
        [0x14, 0x18, 0x24]
    } else {
        [0x0c, 0x10, 0x20]
    };
    let gone: u32 = lengths.iter().map(|at| word(*at)).sum();
    let exchange: u32 = [0x14, 0x18, 0x24].iter().map(|at| word(*at)).sum();
    let mut head = file.to_vec();
    let end = head.len() - if is_exchange { 0 } else { exchange as usize };
    head.drain(end - gone as usize..end);
    for at in lengths {
        head[at..at + 4].fill(0);
    }
    head
}

#[test]
fn a_paired_file_without_an_exchange_pair_opens_nothing() {
    for name in ["w2k", "xp", "vista"] {
        let chain = Chain::open(name);
        let fs = chain.with_live(chain.files(), &chain.metabase("own"));
        let fs = in_machine_keys(fs, chain.guid(), &without_pair(&chain.key("own"), true));
        check(
            &chain,
            fs,
            "machine_guid",
            Decision::Undecided,
            [Clear, Fired, Clear],
        );
    }
}

#[test]
fn a_key_file_tells_which_pairs_it_holds() {
    let chain = Chain::open("xp");
    for (is_exchange, whole) in [(true, false), (false, false), (true, true)] {
        let key = chain.key("own");
        let file = if whole {
            key
        } else {
            without_pair(&key, is_exchange)
        };
        let fs = chain.with_live(chain.files(), &chain.metabase("own"));
        let collected = collected(in_machine_keys(fs, chain.guid(), &file), Some("6.0"));
        let proof = &collected.machine_keys[0].proof;
        assert_eq!(proof.both_pairs, Some(whole));
        assert_eq!(proof.exchange_key.is_some(), whole || !is_exchange);
        assert_eq!(proof.signature_key.is_some(), whole || is_exchange);
    }
}

/// The live metabase with a byte of its wrapped session key changed, counted from the start of the blob; the signed hash stays.
fn with_session_key_byte(chain: &Chain, at: usize, byte: u8) -> Vec<u8> {
    let mut text = String::from_utf8(chain.metabase("own")).unwrap();
    let blob = text.to_ascii_lowercase().find("49634b62").unwrap();
    text.replace_range(blob + 2 * at..blob + 2 * at + 2, &format!("{byte:02x}"));
    text.into_bytes()
}

#[test]
fn a_session_key_that_the_exchange_key_cannot_have_wrapped_is_opened_by_no_key() {
    let chain = Chain::open("xp");
    let with = |metabase: &[u8]| {
        let fs = chain.with_live(chain.files(), metabase);
        in_machine_keys(fs, chain.guid(), &chain.key("own"))
    };
    // The last byte of the block, behind 16 bytes of blob and 12 of head, is its most significant one.
    check(
        &chain,
        with(&with_session_key_byte(&chain, 16 + 12 + 63, 0xff)),
        "machine_guid",
        Decision::None,
        [Clear, Fired, Clear],
    );
    // An algorithm that is not known: CALG_RC2 where CALG_RC4 should stand.
    check(
        &chain,
        with(&with_session_key_byte(&chain, 16 + 4, 2)),
        "machine_guid",
        Decision::None,
        [Clear, Open, Clear],
    );
}

#[test]
fn a_metabase_that_says_nothing_leaves_the_names_to_decide_and_the_rules_open() {
    for name in ["w2k", "xp"] {
        let chain = Chain::open(name);
        for (metabase, word) in [
            ("none", "no_blob"),
            ("clear", "clear_text"),
            ("portable", "portable"),
        ] {
            let fs = chain.with_live(chain.files(), &chain.metabase(metabase));
            let fs = in_machine_keys(fs, chain.guid(), &chain.key("own"));
            let collected = collected(fs, Some(chain.iis()));
            assert_eq!(collected.machine_keys[0].proof.signed_metabase, word);
            assert_eq!(collected.metabases[0].outcome, word);
            assert_eq!(collected.plan.decision, Decision::None);
            let outcomes = outcomes(&collected);
            assert_eq!(outcomes["KEY-001"], Open, "{metabase}");
            assert_eq!(outcomes["KEY-009"], Open, "{metabase}");
        }
    }
}

#[test]
fn a_session_key_of_one_key_with_properties_of_another_is_open() {
    let chain = Chain::open("xp");
    let own = String::from_utf8(chain.metabase("own")).unwrap();
    let old = String::from_utf8(chain.metabase("old")).unwrap();
    let cut = |text: &str| text.find("</IIS_Global>").unwrap();
    let mixed = format!("{}{}", &own[..cut(&own)], &old[cut(&old)..]);
    let fs = chain.with_live(chain.files(), mixed.as_bytes());
    let fs = in_machine_keys(fs, chain.guid(), &chain.key("own"));
    let collected = collected(fs, Some("6.0"));
    assert_eq!(shown(&collected, "key.pairing"), "unknown:corrupt");
    let fault = collected.metabases[0].fault.clone().unwrap();
    assert!(fault.contains("0 of 4 properties"), "{fault}");
    assert_eq!(outcomes(&collected)["KEY-001"], Open);
}

#[test]
fn without_a_metabase_in_use_nothing_is_tried() {
    let chain = Chain::open("xp");
    let fs = chain.with_live(chain.files(), &chain.metabase("old"));
    let fs = in_machine_keys(fs, chain.guid(), &chain.key("own"));
    let collected = collected(fs, None);
    assert_eq!(shown(&collected, "key.pairing"), "absent");
    assert_eq!(collected.metabases, []);
    assert_eq!(collected.machine_keys[0].proof.signed_metabase, "unknown");
}

#[test]
fn the_manifest_of_each_chain_is_what_is_proved_of_its_files() {
    for name in ["w2k", "xp", "vista"] {
        let chain = Chain::open(name);
        let mut fs = chain.files();
        for entry in chain.manifest["key_files"].as_array().unwrap() {
            let path = entry["path"].as_str().unwrap();
            let place = format!("{MACHINE_KEYS}\\{}", entry["name"].as_str().unwrap());
            fs = fs.file(&place, chain.read(path));
        }
        let metabases = chain.manifest["metabases"].as_array().unwrap();
        for entry in metabases {
            let path = entry["path"].as_str().unwrap();
            let place = format!("WINNT\\system32\\inetsrv\\{}", path.replace('/', "\\"));
            fs = fs.file(&place, chain.read(path));
        }
        let collected = collected(fs, Some(chain.iis()));
        assert_eq!(collected.metabases.len(), metabases.len());
        for entry in metabases {
            let path = entry["path"].as_str().unwrap().replace('/', "\\");
            let found = collected
                .metabases
                .iter()
                .find(|metabase| metabase.path.ends_with(&path))
                .unwrap();
            assert_eq!(
                found.outcome,
                entry["verdict"].as_str().unwrap(),
                "{name} {path}"
            );
            assert_eq!(found.kind.as_str(), entry["kind"].as_str().unwrap());
            assert_eq!(found.is_live, entry["live"].as_bool().unwrap());
            let signers: Vec<_> = found
                .signed_by
                .iter()
                .map(|signer| signer.name.as_str())
                .collect();
            let expected: Vec<_> = entry["paired_with"]
                .as_array()
                .unwrap()
                .iter()
                .map(|signer| signer.as_str().unwrap())
                .collect();
            assert_eq!(signers, expected, "{name} {path}");
            // Clear text does not tell a session key from a property.
            if found.outcome != "clear_text" {
                assert_eq!(found.session_key_blobs, entry["session_key_blobs"].as_u64());
                assert_eq!(found.data_blobs, entry["data_blobs"].as_u64());
            }
        }
        for key in collected
            .machine_keys
            .iter()
            .filter(|key| key.proof.signature_key.is_some())
        {
            let entry = chain.manifest["key_files"]
                .as_array()
                .unwrap()
                .iter()
                .find(|entry| entry["name"] == key.name.as_str())
                .unwrap();
            for (part, found) in [
                ("signature", &key.proof.signature_key),
                ("exchange", &key.proof.exchange_key),
            ] {
                let expected = &entry["pairs"][part];
                let found = found.as_ref().unwrap();
                assert_eq!(u64::from(found.bits), expected["bits"].as_u64().unwrap());
                assert_eq!(found.sha256, expected["modulus_sha256"].as_str().unwrap());
            }
        }
    }
}

/// What lies under a name: a key file of a chain, one cut short, or nothing.
const CONTENTS: [&str; 6] = ["own", "old", "foreign", "lost", "cut", "nothing"];
/// What the live metabase is.
const METABASES: [&str; 9] = [
    "own", "old", "lost", "stranger", "portable", "clear", "none", "cut", "nothing",
];

fn put_key(chain: &Chain, fs: MemoryFileSystem, guid: &str, content: &str) -> MemoryFileSystem {
    match content {
        "nothing" => fs,
        "cut" => {
            let whole = chain.key("own");
            in_machine_keys(fs, guid, &whole[..whole.len() - 40])
        }
        label => in_machine_keys(fs, guid, &chain.key(label)),
    }
}

fn put_metabase(chain: &Chain, fs: MemoryFileSystem, metabase: &str) -> MemoryFileSystem {
    match metabase {
        "nothing" => fs,
        "cut" => {
            let whole = chain.metabase("own");
            chain.with_live(fs, &whole[..300])
        }
        label => chain.with_live(fs, &chain.metabase(label)),
    }
}

/// IIS starts if the file named for MachineGuid is whole, signed the metabase, and its master key is there; for every other
/// state of two key files and a metabase one rule must fire or stay open.
#[test]
fn no_installation_whose_iis_cannot_start_is_clear_and_every_other_is() {
    for name in ["w2k", "xp"] {
        let chain = Chain::open(name);
        for metabase in METABASES {
            for named in CONTENTS {
                for other in CONTENTS {
                    let fs = put_metabase(&chain, chain.files(), metabase);
                    let fs = put_key(&chain, fs, chain.guid(), named);
                    let fs = put_key(&chain, fs, OTHER, other);
                    let outcomes = outcomes(&collected(fs, Some(chain.iis())));
                    let is_clear = ["KEY-001", "KEY-008", "KEY-009"]
                        .iter()
                        .all(|rule| outcomes[*rule] == Clear);
                    let starts = ["own", "old"].contains(&metabase) && metabase == named;
                    assert_eq!(
                        is_clear, starts,
                        "{name}: metabase {metabase}, named {named}, other {other}: {outcomes:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn where_the_metabase_in_use_is_not_known_none_is_called_a_copy_that_may_be_it() {
    let chain = Chain::open("xp");
    let hive = software()
        .text("Microsoft\\Cryptography", "MachineGuid", chain.guid())
        .text(
            "Microsoft\\INetMgr\\Parameters",
            "MetadataFile",
            "%ELSEWHERE%\\MetaBase.xml",
        );
    let backup = "WINNT\\system32\\inetsrv\\MetaBack\\mine.MD3";
    let fs = chain.with_live(chain.files(), &chain.metabase("own"));
    let fs = in_machine_keys(fs, chain.guid(), &chain.key("own"))
        .file("WINNT\\system32\\config\\SOFTWARE", hive.bytes())
        .file(backup, chain.metabase("own"));
    let collected = collected(fs, Some(chain.iis()));
    assert_eq!(
        shown(&collected, "iis.metabase_in_use"),
        "unknown:unsupported"
    );
    assert_eq!(
        shown(&collected, "key.opened_copies"),
        "unknown:unsupported"
    );
    let view = KeysView::new(&collected);
    let live: Vec<_> = view
        .metabases
        .iter()
        .map(|metabase| (metabase.path.rsplit('\\').next().unwrap(), metabase.live))
        .collect();
    assert_eq!(live, [("MetaBase.xml", None), ("mine.MD3", Some(false))]);
}
