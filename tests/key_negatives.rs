//! Keys and metabases that do not belong together, damaged ones and lying ones: nothing panics, and nothing is said to be
//! paired or open that is not.
//!
//! Material: `testdata/keys` (`scripts/key_chain.py`). A pairing rests on the signature alone, so a change that leaves key and
//! signature as they were must leave the pairing too, and every other change must end it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

#[path = "support/key_chain.rs"]
mod key_chain;

use goldseal::artifact::crypto_blob::CryptoBlob;
use goldseal::artifact::dpapi_blob::DpapiBlob;
use goldseal::artifact::machine_key::{CapiFile, KeyFileName};
use goldseal::artifact::master_key_file::MasterKeyFile;
use goldseal::artifact::metabase::{MetabaseBlobs, MetabaseKind};
use goldseal::proof::key_file;
use goldseal::proof::pairing::{Effort, Outcome, pair};
use key_chain::{CHAINS, file, kind, list, live, manifest, outcome, own_key, read, signature_key};

/// Numbers that lie in a field of four bytes.
const LIES: [u32; 6] = [0, 1, 0x7fff_fff8, 0x8000_0000, 0xffff_fff8, u32::MAX];

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    copy[bit / 8] ^= 1 << (bit % 8);
    copy
}

fn with_word(bytes: &[u8], offset: usize, word: u32) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    copy[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
    copy
}

/// The session key blob of the live metabase of a chain.
fn session_key_blob(chain: &str) -> Vec<u8> {
    let manifest = manifest(chain);
    let bytes = read(chain, live(&manifest));
    let carved = if kind(live(&manifest)) == MetabaseKind::Binary {
        bytes
    } else {
        let text = String::from_utf8(bytes).unwrap();
        let (_, rest) = text.split_once("SessionKey=\"").unwrap();
        unhex(rest.split_once('"').unwrap().0)
    };
    let at = carved
        .windows(4)
        .enumerate()
        .filter(|(_, window)| window == b"IcKb")
        .map(|(at, _)| at)
        .find(|at| CryptoBlob::parse_prefix(&carved[*at..]).is_ok())
        .unwrap();
    let length = CryptoBlob::parse_prefix(&carved[at..]).unwrap().len_bytes;
    carved[at..at + length].to_vec()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// What a key has to do with a file that holds nothing but these bytes.
fn carved(key: &goldseal::proof::signature::PublicKey, bytes: &[u8]) -> Outcome {
    outcome(key, MetabaseKind::Binary, bytes).unwrap()
}

#[test]
fn every_metabase_is_paired_with_the_keys_that_signed_it_and_with_no_other() {
    for chain in CHAINS {
        let manifest = manifest(chain);
        for metabase in list(&manifest, "metabases") {
            let bytes = read(chain, metabase);
            for entry in list(&manifest, "key_files") {
                let Some((_, key)) = signature_key(&read(chain, entry)) else {
                    assert!(entry["pairs"].get("signature").is_none());
                    continue;
                };
                let signed = list(metabase, "paired_with").contains(&entry["name"]);
                let expected = match metabase["verdict"].as_str().unwrap() {
                    "paired" if signed => "paired",
                    "paired" => "not_paired",
                    other => other,
                };
                assert_eq!(
                    outcome(&key, kind(metabase), &bytes).unwrap().as_str(),
                    expected,
                    "{chain}: {} and {}",
                    metabase["path"],
                    entry["name"]
                );
            }
        }
    }
}

#[test]
fn keys_of_one_machine_are_paired_with_no_metabase_of_another() {
    for (of_key, of_metabase) in [
        ("w2k", "xp"),
        ("xp", "w2k"),
        ("vista", "xp"),
        ("xp", "vista"),
    ] {
        let (keys, metabases) = (manifest(of_key), manifest(of_metabase));
        for entry in list(&keys, "key_files") {
            let Some((_, key)) = signature_key(&read(of_key, entry)) else {
                continue;
            };
            for metabase in list(&metabases, "metabases") {
                let found = outcome(&key, kind(metabase), &read(of_metabase, metabase));
                assert_ne!(found, Some(Outcome::Paired), "{of_key} and {of_metabase}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_key_file_never_pairs_another_key() {
    let manifest = manifest("xp");
    let bytes = read("xp", own_key(&manifest));
    let whole = signature_key(&bytes).unwrap().0;
    let blob = session_key_blob("xp");
    let places = CapiFile::parse(&bytes, bytes.len() as u64).unwrap();
    // The header, name, hash and public signature key bit by bit; one bit of every byte behind.
    let bits = usize::try_from(places.signature.public.end).unwrap() * 8;
    let behind = (bits..bytes.len() * 8).step_by(8).map(|bit| bit + 3);
    for bit in (0..bits).chain(behind) {
        let changed = flipped(&bytes, bit);
        let _ = CapiFile::parse(&changed, changed.len() as u64);
        if let Some((public, key)) = signature_key(&changed) {
            let paired = carved(&key, &blob) == Outcome::Paired;
            assert_eq!(
                paired,
                public.modulus_le == whole.modulus_le && public.exponent == whole.exponent,
                "bit {bit}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_session_key_blob_pairs_only_where_nothing_was_signed() {
    for chain in CHAINS {
        let manifest = manifest(chain);
        let (_, key) = signature_key(&read(chain, own_key(&manifest))).unwrap();
        let blob = session_key_blob(chain);
        assert_eq!(carved(&key, &blob), Outcome::Paired, "{chain}");
        let parts = CryptoBlob::parse(&blob).unwrap();
        let signature_at = blob.len() - parts.signed_hash.len();
        for bit in 0..blob.len() * 8 {
            let changed = flipped(&blob, bit);
            let paired = carved(&key, &changed) == Outcome::Paired;
            let byte = bit / 8;
            // Kind, length and signature decide. The wrapped key and the padding are covered by no public operation, nor is
            // where between two multiples of eight the one ends and the other begins.
            if byte >= signature_at || byte < 8 {
                assert!(!paired, "{chain}: bit {bit}");
            } else if byte < 16 {
                let same = CryptoBlob::parse(&changed)
                    .is_ok_and(|blob| blob.signed_hash == parts.signed_hash);
                assert!(same || !paired, "{chain}: bit {bit}");
            }
        }
    }
}

#[test]
fn a_metabase_cut_at_any_byte_is_paired_only_where_its_blobs_are_whole() {
    for chain in CHAINS {
        let manifest = manifest(chain);
        let (_, key) = signature_key(&read(chain, own_key(&manifest))).unwrap();
        let blob = session_key_blob(chain);
        for length in 0..blob.len() {
            assert_ne!(
                carved(&key, &blob[..length]),
                Outcome::Paired,
                "{chain}: {length}"
            );
        }
        let bytes = read(chain, live(&manifest));
        let end = bytes.iter().rposition(|byte| *byte == b'>').unwrap_or(0);
        if kind(live(&manifest)) == MetabaseKind::Xml {
            for length in (0..end).step_by(7) {
                let found = outcome(&key, MetabaseKind::Xml, &bytes[..length]);
                assert_eq!(found, None, "{chain}: cut XML is no XML, at {length}");
            }
        }
    }
}

/// Where the blobs of a carved metabase lie.
fn blob_ranges(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    (0..bytes.len())
        .filter(|at| [&b"IcKb"[..], b"IcDb"].contains(&bytes[*at..].get(..4).unwrap_or(b"")))
        .filter_map(|at| {
            let blob = CryptoBlob::parse_prefix(&bytes[at..]).ok()?;
            Some(at..at + blob.len_bytes)
        })
        .collect()
}

#[test]
fn a_binary_metabase_cut_inside_a_blob_or_before_the_session_key_is_not_paired() {
    let manifest = manifest("w2k");
    let (_, key) = signature_key(&read("w2k", own_key(&manifest))).unwrap();
    let bytes = read("w2k", live(&manifest));
    let blobs = blob_ranges(&bytes);
    assert_eq!(blobs.len(), 5);
    for length in 0..bytes.len() {
        let paired = outcome(&key, MetabaseKind::Binary, &bytes[..length]) == Some(Outcome::Paired);
        // One letter of a signature tells nothing.
        let is_inside =
            |blob: &std::ops::Range<usize>| blob.start + 1 < length && length < blob.end;
        let may_pair = length >= blobs[0].end && !blobs.iter().any(is_inside);
        assert!(may_pair || !paired, "{length}");
    }
    assert_eq!(
        outcome(&key, MetabaseKind::Binary, &bytes),
        Some(Outcome::Paired)
    );
}

#[test]
fn a_binary_metabase_that_is_zeros_from_some_byte_on_is_not_read() {
    let manifest = manifest("w2k");
    let bytes = read("w2k", live(&manifest));
    for length in 1..bytes.len() - 512 {
        let mut zeroed = bytes.clone();
        zeroed[length..].fill(0);
        assert!(
            MetabaseBlobs::read(MetabaseKind::Binary, &zeroed).is_err(),
            "{length}"
        );
    }
}

#[test]
fn lengths_that_lie_pair_nothing_and_overflow_nothing() {
    let manifest = manifest("xp");
    let bytes = read("xp", own_key(&manifest));
    let blob = session_key_blob("xp");
    let (whole, key) = signature_key(&bytes).unwrap();
    for lie in LIES {
        for offset in (0..40).step_by(4) {
            let changed = with_word(&bytes, offset, lie);
            if changed != bytes {
                let structure = CapiFile::parse(&changed, changed.len() as u64);
                assert!(structure.is_err() || offset == 4, "{offset}: {lie:#x}");
            }
            if let Some((public, key)) = signature_key(&changed) {
                let same = public.modulus_le == whole.modulus_le;
                assert_eq!(
                    carved(&key, &blob) == Outcome::Paired,
                    same,
                    "{offset}: {lie:#x}"
                );
            }
        }
        for offset in [4, 8, 12] {
            let changed = with_word(&blob, offset, lie);
            assert!(CryptoBlob::parse(&changed).is_err(), "{offset}: {lie:#x}");
            assert_ne!(
                carved(&key, &changed),
                Outcome::Paired,
                "{offset}: {lie:#x}"
            );
        }
    }
}

#[test]
fn lengths_that_sum_to_the_size_in_32_bits_only_are_refused() {
    let manifest = manifest("xp");
    let bytes = read("xp", own_key(&manifest));
    // Two lengths of 2^31 more: the sum is the same modulo 2^32.
    let mut changed = bytes.clone();
    for offset in [0x10, 0x18] {
        let old = u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap());
        changed = with_word(&changed, offset, old.wrapping_add(0x8000_0000));
    }
    assert!(CapiFile::parse(&changed, changed.len() as u64).is_err());
    // cbEncrypted and cbSignedHash of a blob likewise.
    let blob = session_key_blob("xp");
    let mut changed = blob.clone();
    for offset in [8, 12] {
        let old = u32::from_le_bytes(blob[offset..offset + 4].try_into().unwrap());
        changed = with_word(&changed, offset, old.wrapping_add(0x8000_0000));
    }
    assert!(CryptoBlob::parse(&changed).is_err());
}

#[test]
fn swapped_pairs_sign_nothing() {
    for chain in CHAINS {
        let manifest = manifest(chain);
        let bytes = read(chain, own_key(&manifest));
        let places = CapiFile::parse(&bytes, bytes.len() as u64).unwrap();
        let range = |range: &std::ops::Range<u64>| {
            usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
        };
        let (signature, exchange) = (
            range(&places.signature.public),
            range(&places.exchange.public),
        );
        let mut swapped = bytes.clone();
        swapped[signature.clone()].copy_from_slice(&bytes[exchange.clone()]);
        swapped[exchange].copy_from_slice(&bytes[signature]);
        let (_, key) = signature_key(&swapped).unwrap();
        let found = outcome(&key, kind(live(&manifest)), &read(chain, live(&manifest)));
        assert_eq!(found, Some(Outcome::NotPaired), "{chain}");
    }
}

#[test]
fn a_property_of_another_machine_leaves_the_pairing_open() {
    let manifest = manifest("xp");
    let (_, key) = signature_key(&read("xp", own_key(&manifest))).unwrap();
    let own = String::from_utf8(read("xp", live(&manifest))).unwrap();
    let other = String::from_utf8(file("xp", "MetaBack/stranger.MD0")).unwrap();
    let password = |text: &str| {
        let (_, rest) = text.split_once("AnonymousUserPass=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let mixed = own.replace(&password(&own), &password(&other));
    assert_ne!(mixed, own);
    let found = outcome(&key, MetabaseKind::Xml, mixed.as_bytes()).unwrap();
    assert_eq!(found.as_str(), "unknown");
}

#[test]
fn moduli_of_512_to_4096_bits_are_paired_with_their_own_session_key_only() {
    let sizes = manifest("sizes");
    let sizes = list(&sizes, "sizes");
    assert_eq!(sizes.len(), 7);
    let keys: Vec<_> = sizes
        .iter()
        .map(|entry| signature_key(&file("sizes", entry["key_file"].as_str().unwrap())).unwrap())
        .collect();
    for (of_blob, entry) in sizes.iter().enumerate() {
        let blob = file("sizes", entry["session_key_blob"].as_str().unwrap());
        for (of_key, (public, key)) in keys.iter().enumerate() {
            let paired = carved(key, &blob) == Outcome::Paired;
            assert_eq!(
                paired,
                of_key == of_blob,
                "{} and {}",
                entry["bits"],
                public.bits
            );
        }
        assert_eq!(
            key_file::fingerprint(&keys[of_blob].0),
            entry["modulus_sha256"]
        );
    }
}

#[test]
fn master_key_files_and_blobs_damaged_in_any_way_do_not_panic() {
    for chain in CHAINS {
        let manifest = manifest(chain);
        let present = list(&manifest, "master_keys")
            .iter()
            .find(|entry| entry["present"] == true);
        let master = read(chain, present.unwrap());
        let key = read(chain, own_key(&manifest));
        let places = CapiFile::parse(&key, key.len() as u64).unwrap();
        let blob = CapiFile::part(&key, &places.signature.private)
            .unwrap()
            .to_vec();
        assert!(
            MasterKeyFile::parse(&master).is_ok() && DpapiBlob::parse(&blob).is_ok(),
            "{chain}"
        );
        for length in 0..master.len() {
            let _ = MasterKeyFile::parse(&master[..length]);
        }
        for length in 0..blob.len() {
            assert!(
                DpapiBlob::parse(&blob[..length]).is_err(),
                "{chain}: {length}"
            );
        }
        for (bytes, is_master) in [(&master, true), (&blob, false)] {
            for offset in 0..bytes.len() - 4 {
                for lie in LIES {
                    let changed = with_word(bytes, offset, lie);
                    if is_master {
                        let _ = MasterKeyFile::parse(&changed);
                    } else {
                        let _ = DpapiBlob::parse(&changed);
                    }
                }
            }
        }
    }
}

#[test]
fn a_key_file_under_the_name_of_another_container_is_not_named_for_its_own() {
    for chain in CHAINS {
        for entry in list(&manifest(chain), "key_files") {
            let (name, container) = (
                entry["name"].as_str().unwrap(),
                entry["container"].as_str().unwrap(),
            );
            assert_eq!(
                key_file::is_named_for_its_container(name, container),
                Some(true)
            );
            for bit in 0..KeyFileName::parse(name).container_hash.unwrap().len() {
                let mut other = name.to_owned().into_bytes();
                other[bit] = if other[bit] == b'0' { b'1' } else { b'0' };
                let other = String::from_utf8(other).unwrap();
                assert_eq!(
                    key_file::is_named_for_its_container(&other, container),
                    Some(false)
                );
            }
        }
    }
}

/// A MetaBase.xml of this many properties and bytes: the live one of the chain, with its properties repeated.
fn large_metabase(properties: usize, bytes: usize) -> Vec<u8> {
    let text = String::from_utf8(file("xp", "MetaBase.xml")).unwrap();
    let (head, _) = text.split_once("</IIS_Global>").unwrap();
    let values: Vec<&str> = text
        .split('"')
        .filter(|value| value.starts_with("49634462"))
        .collect();
    assert_eq!(values.len(), 4);
    let each = bytes / properties;
    let mut large = format!("{head}</IIS_Global>\n");
    for number in 0..properties {
        let start = large.len();
        let value = values[number % values.len()];
        large.push_str(&format!(
            "<IIsWebVirtualDir Location=\"/LM/W3SVC/{number}\" UNCPassword=\"{value}\" DefaultDoc=\""
        ));
        let missing = each.saturating_sub(large.len() - start + 4);
        large.extend(std::iter::repeat_n('x', missing));
        large.push_str("\"/>\n");
    }
    large.push_str("</MBProperty></configuration>");
    large.into_bytes()
}

#[test]
fn a_metabase_of_30_mb_with_10_000_properties_is_tested_to_the_last() {
    let metabase = large_metabase(10_000, 30 << 20);
    let manifest = manifest("xp");
    let keys: Vec<_> = list(&manifest, "key_files")
        .iter()
        .filter_map(|entry| signature_key(&read("xp", entry)))
        .map(|(_, key)| key)
        .collect();
    let blobs = MetabaseBlobs::of_xml(&metabase).unwrap();
    let signed = pair(&keys, &blobs, &mut Effort::default());
    let whole: Vec<_> = signed
        .iter()
        .filter_map(|signed| signed.properties)
        .collect();
    assert_eq!(whole, [10_000]);
    assert_eq!(
        signed
            .iter()
            .filter(|signed| signed.outcome == Outcome::Paired)
            .count(),
        1
    );
}
