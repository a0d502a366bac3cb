//! Any bytes as an IIS_CRYPTO_BLOB, alone and with something behind it, and as the session key inside one.

#![no_main]

use goldseal::artifact::crypto_blob::{BlobKind, CryptoBlob};
use goldseal::artifact::simple_blob::SimpleBlob;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = SimpleBlob::parse(bytes);
    let Ok(blob) = CryptoBlob::parse_prefix(bytes) else {
        assert!(CryptoBlob::parse(bytes).is_err());
        return;
    };
    assert!(blob.len_bytes <= bytes.len());
    assert!(blob.encrypted.len() + blob.signed_hash.len() <= blob.len_bytes);
    assert_eq!(blob.signed_hash.is_empty(), !blob.kind.is_signed());
    // A blob does not depend on what follows it.
    assert_eq!(
        CryptoBlob::parse(&bytes[..blob.len_bytes]).as_ref().ok(),
        Some(&blob)
    );
    if blob.kind == BlobKind::SessionKey {
        let _ = SimpleBlob::parse(blob.encrypted);
    }
});
