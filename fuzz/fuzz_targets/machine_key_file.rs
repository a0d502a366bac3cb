//! Any bytes as the name and the head of a key file, also with a size that is not that of the bytes.

#![no_main]

use goldseal::artifact::machine_key::{CapiFile, KeyFileName, NameRule, container_hash};
use goldseal::proof::key_file::{fingerprint, signature_key};
use goldseal::proof::signature::PublicKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &[u8])| {
    let (size_bytes, bytes) = input;
    let _ = CapiFile::parse(bytes, size_bytes);
    if let Ok(file) = CapiFile::parse(bytes, bytes.len() as u64) {
        // A file that is all there leaves no master key open.
        assert!(file.master_keys.is_some());
        for pair in [&file.signature, &file.exchange] {
            let _ = CapiFile::part(bytes, &pair.private);
        }
    }
    if let Ok(Some(key)) = signature_key(bytes) {
        assert_eq!(fingerprint(&key).len(), 64);
        let _ = PublicKey::new(&key);
    }
    if let Ok(name) = std::str::from_utf8(bytes) {
        let parsed = KeyFileName::parse(name);
        assert!(parsed.guid.is_none() || parsed.container_hash.is_some());
        let _ = container_hash(name, NameRule::Cng);
    }
});
