//! Any bytes as a DPAPI blob; a master key that sealed nothing opens nothing.

#![no_main]

use std::sync::LazyLock;

use goldseal::artifact::dpapi_blob::{DpapiBlob, master_key};
use goldseal::proof::dpapi::open;
use goldseal::proof::master_key::MasterKey;
use libfuzzer_sys::fuzz_target;

static FOREIGN: LazyLock<MasterKey> = LazyLock::new(|| MasterKey::from_bytes(&[0x5a; 64]));

fuzz_target!(|bytes: &[u8]| {
    let guid = master_key(bytes);
    let Ok(blob) = DpapiBlob::parse(bytes) else {
        return;
    };
    assert_eq!(guid.ok(), Some(blob.master_key));
    assert!(open(&blob, &FOREIGN, b"").is_err());
});
