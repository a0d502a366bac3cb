//! Any bytes as a MetaBase.xml and as a binary metabase that is carved; a key that signed nothing is paired with nothing.

#![no_main]

use std::sync::LazyLock;

use goldseal::artifact::machine_key::RsaPublic;
use goldseal::artifact::metabase::{MetabaseBlobs, content_of, kind_of};
use goldseal::proof::pairing::{Effort, Outcome, pair};
use goldseal::proof::signature::PublicKey;
use libfuzzer_sys::fuzz_target;

/// A modulus that no seed was signed with.
static FOREIGN: LazyLock<PublicKey> = LazyLock::new(|| {
    let modulus_le = (0..64_u8)
        .map(|byte| byte.wrapping_mul(83) | 0x81)
        .collect();
    PublicKey::new(&RsaPublic {
        bits: 512,
        exponent: 65537,
        modulus_le,
    })
    .expect("the modulus is odd")
});

fn check(blobs: &MetabaseBlobs<'_>, len: usize) {
    for blob in blobs.session_keys().chain(blobs.data()) {
        assert!(blob.len_bytes <= len);
    }
    let signed = pair(
        std::slice::from_ref(&*FOREIGN),
        blobs,
        &mut Effort::default(),
    );
    assert_ne!(signed[0].outcome, Outcome::Paired);
}

fuzz_target!(|bytes: &[u8]| {
    check(&MetabaseBlobs::carve(bytes), bytes.len());
    if let Ok(blobs) = MetabaseBlobs::of_xml(bytes) {
        check(&blobs, bytes.len());
    }
    let blobs = MetabaseBlobs::read(kind_of(bytes), bytes);
    let _ = content_of(bytes, &blobs);
});
