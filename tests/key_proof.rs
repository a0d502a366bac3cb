//! The proof of a key file on whole synthetic chains, from the boot key to a property.
//!
//! testdata/keys is written by scripts/key_chain.py in another language with ciphers of its own, and scripts/check_key_chain.py
//! opens it with impacket and dpapick3 first; the manifest beside each chain says what must come out.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails says where"
)]

#[path = "support/opened_chain.rs"]
mod opened_chain;

use std::fs;
use std::path::Path;

use goldseal::artifact::crypto_blob::CryptoBlob;
use goldseal::artifact::machine_key::{CapiFile, RsaPublic};
use goldseal::artifact::master_key_file::MasterKeyFile;
use goldseal::base::bytes::hex;
use goldseal::base::guid::Guid;
use goldseal::error::{Error, ErrorKind};
use goldseal::proof::dpapi::Form;
use goldseal::proof::key_file;
use goldseal::proof::lsa::DpapiSystem;
use goldseal::proof::master_key::{MasterKey, RoundsLeft};
use goldseal::proof::opens::{
    AccountSecret, Answer, Failure, MasterKeys, Opens, SecretValue, prove,
};
use goldseal::proof::private_key::{PrivateKey, open_flag};
use goldseal::proof::session_key::SessionKey;
use goldseal::proof::signature::PublicKey;
use opened_chain::{Chain, GENERATIONS};
use serde_json::Value;

fn words(opens: &Opens) -> [&'static str; 4] {
    opens.links().map(|(_, answer)| answer.as_str())
}

#[test]
fn boot_key_lsa_key_and_dpapi_system_are_those_of_the_generator() {
    for generation in GENERATIONS {
        let chain = Chain::open(generation);
        let secrets = &chain.manifest["secrets"];
        assert_eq!(
            hex(chain.boot_key().bytes()),
            secrets["boot_key"],
            "{generation}"
        );
        assert_eq!(
            hex(chain.lsa_key().bytes()),
            secrets["lsa_key"],
            "{generation}"
        );
        let keys = chain.dpapi_system();
        assert_eq!(
            hex(keys.machine.bytes()),
            secrets["machine"],
            "{generation}"
        );
        assert_eq!(hex(keys.user.bytes()), secrets["user"], "{generation}");
    }
}

#[test]
fn each_master_key_opens_with_its_half_and_not_with_the_other() {
    for generation in GENERATIONS {
        let chain = Chain::open(generation);
        let halves = chain.dpapi_system();
        for key in chain.manifest["master_keys"].as_array().unwrap() {
            let Some(path) = key["path"].as_str() else {
                continue;
            };
            let (right, wrong) = match key["half"].as_str().unwrap() {
                "machine" => (&halves.machine, &halves.user),
                _ => (&halves.user, &halves.machine),
            };
            let bytes = chain.read(path);
            let file = MasterKeyFile::parse(&bytes).unwrap();
            let open =
                |half: &[u8]| MasterKey::open(&file.master_key, half, &mut RoundsLeft::default());
            assert_eq!(
                hex(open(right.bytes()).unwrap().bytes()),
                key["key"],
                "{path}"
            );
            let error = open(wrong.bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encrypted, "{path}");
        }
    }
}

#[test]
fn the_key_of_the_live_metabase_opens_to_the_last_link() {
    for generation in GENERATIONS {
        let opens = Chain::open(generation).prove("own");
        assert_eq!(words(&opens), ["yes"; 4], "{generation}: {opens:?}");
        assert_eq!(opens.reason, None);
        assert!(!opens.is_refuted());
    }
}

#[test]
fn the_key_of_another_metabase_opens_by_itself_and_not_the_session_key() {
    for generation in GENERATIONS {
        for label in ["old", "foreign"] {
            let opens = Chain::open(generation).prove(label);
            let expected = ["yes", "yes", "no", "not_tested"];
            assert_eq!(words(&opens), expected, "{generation} {label}: {opens:?}");
            assert!(opens.is_refuted());
        }
    }
}

#[test]
fn a_key_without_its_master_key_does_not_open_at_the_first_link() {
    for generation in GENERATIONS {
        let opens = Chain::open(generation).prove("lost");
        let expected = ["no", "not_tested", "not_tested", "not_tested"];
        assert_eq!(words(&opens), expected, "{generation}");
        assert!(opens.reason.unwrap().contains("not in this image"));
    }
}

#[test]
fn a_master_key_that_cannot_be_read_is_not_tested_and_no_is_not_said() {
    let chain = Chain::open("xp");
    let file = chain.read(chain.manifest["key_files"][0]["path"].as_str().unwrap());
    let secrets = [chain.secret()];
    for kind in [ErrorKind::Io, ErrorKind::Encrypted, ErrorKind::NotFound] {
        let opens = prove(
            &file,
            &mut MasterKeys::new(&secrets),
            |_| vec![Err(Error::new(kind, "it cannot be read"))],
            Err(&Failure::not_tested("there is no metabase")),
        );
        assert_eq!(words(&opens), ["not_tested"; 4], "{kind:?}");
    }
}

#[test]
fn swapped_halves_of_dpapi_system_make_no_difference_and_foreign_ones_open_nothing() {
    let chain = Chain::open("xp");
    let own = chain.dpapi_system();
    let swapped = DpapiSystem {
        machine: own.user.clone(),
        user: own.machine.clone(),
    };
    let of = |value, keys| AccountSecret { value, keys };
    let file = chain.manifest["key_files"][0]["path"].as_str().unwrap();
    let bytes = chain.read(file);
    for (keys, half) in [(own, "machine"), (swapped, "user")] {
        let opens = chain.prove_bytes(&bytes, &[of(SecretValue::Present, keys)]);
        assert_eq!(words(&opens), ["yes"; 4]);
        assert!(opens.opened_with.unwrap().starts_with(half));
    }
    let foreign = of(SecretValue::Present, Chain::open("vista").dpapi_system());
    let opens = chain.prove_bytes(&bytes, std::slice::from_ref(&foreign));
    assert_eq!(opens.master_key, Answer::No);
}

#[test]
fn a_master_key_that_only_the_former_dpapi_system_opens_is_not_tested() {
    let chain = Chain::open("xp");
    let bytes = chain.read(chain.manifest["key_files"][0]["path"].as_str().unwrap());
    let foreign = Chain::open("vista").secret();
    let former = AccountSecret {
        value: SecretValue::Former,
        keys: chain.dpapi_system(),
    };
    let opens = chain.prove_bytes(&bytes, &[foreign, former]);
    assert_eq!(words(&opens), ["not_tested"; 4]);
    assert!(opens.reason.unwrap().contains("OldVal"));
}

#[test]
fn a_stale_master_key_file_does_not_hide_a_good_one_and_no_needs_all_of_them() {
    let chain = Chain::open("xp");
    let file = chain.read(chain.manifest["key_files"][0]["path"].as_str().unwrap());
    let stale = |guid| {
        let mut stale = chain.master_key_file(guid).remove(0).unwrap();
        let last = stale.len() - 1;
        // The last bytes of the first part, where the salted key ends: the tag does not fit any more.
        stale[0x80 + 0x60] ^= 1;
        assert!(last > 0x80 + 0x60);
        stale
    };
    let secrets = [chain.secret()];
    let master_key = |with_good: bool| {
        let opens = prove(
            &file,
            &mut MasterKeys::new(&secrets),
            |guid| {
                let mut files = vec![Ok(stale(guid))];
                if with_good {
                    files.extend(chain.master_key_file(guid));
                }
                files
            },
            Err(&Failure::not_tested("there is no metabase")),
        );
        opens.master_key
    };
    assert_eq!(master_key(true), Answer::Yes);
    assert_eq!(master_key(false), Answer::No);
}

#[test]
fn a_file_without_an_exchange_key_does_not_open_the_session_key() {
    let opens = Chain::open("xp").prove_changed("own", |file| {
        let exchange = places(file).exchange;
        file.truncate(usize::try_from(exchange.public.start).unwrap());
        for at in [0x14, 0x18, 0x24] {
            file[at..at + 4].fill(0);
        }
    });
    assert_eq!(words(&opens), ["yes", "yes", "no", "not_tested"]);
}

/// Where the parts of the file lie, as the layout says.
fn places(file: &[u8]) -> CapiFile {
    CapiFile::parse(file, file.len() as u64).unwrap()
}

#[test]
fn a_flipped_bit_in_a_private_key_blob_opens_nothing_at_every_byte() {
    let chain = Chain::open("xp");
    let file = chain.read(chain.manifest["key_files"][0]["path"].as_str().unwrap());
    let capi = places(&file);
    let private = capi.exchange.private.clone();
    let public = RsaPublic::parse(CapiFile::part(&file, &capi.exchange.public).unwrap()).unwrap();
    let secrets = [chain.secret()];
    let mut keys = MasterKeys::new(&secrets);
    let guid = capi.master_keys.as_ref().unwrap()[0];
    let key = keys
        .get(guid, |guid| chain.master_key_file(guid))
        .unwrap()
        .clone();
    let whole = CapiFile::part(&file, &private).unwrap();
    let open = |blob: &[u8]| PrivateKey::open(blob, None, &public, &key);
    assert!(open(whole).is_ok());
    for at in 0..whole.len() {
        let mut blob = whole.to_vec();
        blob[at] ^= 1 << (at % 8);
        assert!(open(&blob).is_err(), "byte {at}");
    }
}

#[test]
fn the_private_keys_of_both_pairs_swapped_are_not_those_of_their_public_halves() {
    for generation in GENERATIONS {
        let opens = Chain::open(generation).prove_changed("own", |file| {
            let capi = places(file);
            let range = |part: &std::ops::Range<u64>| {
                usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap()
            };
            let (a, b) = (
                range(&capi.signature.private),
                range(&capi.exchange.private),
            );
            assert_eq!(a.len(), b.len());
            let (first, second) = (file[a.clone()].to_vec(), file[b.clone()].to_vec());
            file[a].copy_from_slice(&second);
            file[b].copy_from_slice(&first);
        });
        let expected = ["yes", "no", "not_tested", "not_tested"];
        assert_eq!(words(&opens), expected, "{generation}: {opens:?}");
    }
}

#[test]
fn a_truncated_file_is_not_tested_and_no_is_not_said() {
    let opens = Chain::open("xp").prove_changed("own", |file| file.truncate(file.len() - 1));
    assert_eq!(words(&opens), ["not_tested"; 4]);
    assert!(!opens.is_refuted());
}

#[test]
fn the_export_flag_opens_with_its_entropy_in_the_form_of_its_generation() {
    for (generation, form) in [
        ("w2k", Form::OuterHash),
        ("xp", Form::Hmac),
        ("vista", Form::Hmac),
    ] {
        let chain = Chain::open(generation);
        let file = chain.read(chain.manifest["key_files"][0]["path"].as_str().unwrap());
        let capi = places(&file);
        let secrets = [chain.secret()];
        let mut keys = MasterKeys::new(&secrets);
        let guid = capi.master_keys.as_ref().unwrap()[0];
        let key = keys.get(guid, |guid| chain.master_key_file(guid)).unwrap();
        let flag = CapiFile::part(&file, &capi.signature.export_flag).unwrap();
        assert_eq!(
            open_flag(flag, key).unwrap().bytes().len(),
            4,
            "{generation}"
        );
        let blob = CapiFile::part(&file, &capi.signature.private).unwrap();
        let blob = goldseal::artifact::dpapi_blob::DpapiBlob::parse(blob).unwrap();
        let opened = goldseal::proof::dpapi::open(&blob, key, b"").unwrap();
        assert_eq!(opened.form, form, "{generation}");
    }
}

/// The master key of testdata/keys/sizes, as scripts/key_chain.py makes it.
const SIZES_MASTER_KEY: &str = "57e351c507c23a3c96d9c4885980c456de2ce6a2e2a145a1c2a3543689062ff3\
    40daf8484cd6082528e7fc69c715e8f5cb16240a15f80b823bc07966c41042ce";

#[test]
fn private_and_session_keys_of_512_to_4096_bits_open() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/keys/sizes");
    let manifest = fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let master_key: Vec<u8> = (0..64)
        .map(|at| u8::from_str_radix(&SIZES_MASTER_KEY[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let master_key = MasterKey::from_bytes(&master_key);
    for entry in manifest["sizes"].as_array().unwrap() {
        let read = |name: &str| fs::read(folder.join(entry[name].as_str().unwrap())).unwrap();
        let file = read("key_file");
        let pair = places(&file).exchange;
        let part = |place| CapiFile::part(&file, place).unwrap();
        let public = RsaPublic::parse(part(&pair.public)).unwrap();
        let private = part(&pair.private);
        let key = PrivateKey::open(private, None, &public, &master_key).unwrap();
        assert_eq!(8 * key.len_bytes() as u64, entry["bits"].as_u64().unwrap());
        let blob = read("session_key_blob");
        let blob = CryptoBlob::parse(&blob).unwrap();
        let session = SessionKey::unwrap(blob.encrypted, &key).unwrap();
        assert_eq!(session.bits(), 40);
        let signer = key_file::signature_key(&file).unwrap().unwrap();
        let digest = PublicKey::new(&signer).unwrap().recover(blob.signed_hash);
        assert!(session.has_digest(digest.unwrap().digest));
    }
}

#[test]
fn a_metabase_that_cannot_be_tried_leaves_the_last_links_open() {
    let chain = Chain::open("xp");
    let file = chain.read(chain.manifest["key_files"][0]["path"].as_str().unwrap());
    let secrets = [chain.secret()];
    let opens = prove(
        &file,
        &mut MasterKeys::new(&secrets),
        |guid| chain.master_key_file(guid),
        Err(&Failure::not_tested("there is no metabase")),
    );
    assert_eq!(words(&opens), ["yes", "yes", "not_tested", "not_tested"]);
    assert_eq!(opens.reason.as_deref(), Some("there is no metabase"));
}

/// Numbers that look random and are the same at every run (xorshift64).
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn damaged_files_end_in_an_answer_and_a_changed_private_key_never_opens() {
    let chain = Chain::open("xp");
    let file = chain.read(chain.manifest["key_files"][0]["path"].as_str().unwrap());
    let capi = places(&file);
    let private = capi.signature.private.clone();
    let secrets = [chain.secret()];
    let mut keys = MasterKeys::new(&secrets);
    let mut noise = Noise(0x1234_5678_9abc_def1);
    for _ in 0..1500 {
        let mut bytes = file.clone();
        for _ in 0..=noise.below(3) {
            let at = noise.below(bytes.len());
            // Lengths are worth more than noise: the header is hit in one case of three.
            let at = if noise.below(3) == 0 { at % 40 } else { at };
            bytes[at] = u8::try_from(noise.below(256)).unwrap();
        }
        if noise.below(8) == 0 {
            bytes.truncate(noise.below(bytes.len()));
        }
        let opens = prove(
            &bytes,
            &mut keys,
            |guid| chain.master_key_file(guid),
            Err(&Failure::not_tested("none")),
        );
        let range = usize::try_from(private.start).unwrap()..usize::try_from(private.end).unwrap();
        let changed =
            bytes.get(..40) == file.get(..40) && bytes.get(range.clone()) != file.get(range);
        assert!(!(changed && opens.private_key == Answer::Yes));
    }
}

#[test]
fn damaged_master_key_files_end_in_an_answer_in_bounded_time() {
    let chain = Chain::open("xp");
    let guid = Guid::parse(chain.manifest["master_keys"][0]["guid"].as_str().unwrap()).unwrap();
    let file = chain.master_key_file(guid).remove(0).unwrap();
    let half = chain.dpapi_system().machine;
    let mut noise = Noise(0x0fed_cba9_8765_4321);
    let mut rounds = RoundsLeft::default();
    for _ in 0..400 {
        let mut bytes = file.clone();
        // Few rounds, so that the test is quick; then one more byte of the section.
        bytes[148..152].copy_from_slice(&u32::try_from(noise.below(5)).unwrap().to_le_bytes());
        let at = 96 + noise.below(bytes.len() - 96);
        if !(148..152).contains(&at) {
            bytes[at] = u8::try_from(noise.below(256)).unwrap();
        }
        let opened = MasterKeyFile::parse(&bytes)
            .and_then(|file| MasterKey::open(&file.master_key, half.bytes(), &mut rounds));
        assert!(opened.is_err());
    }
}
