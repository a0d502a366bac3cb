//! Any bytes as a metabase or configuration file of IIS.

#![no_main]

use goldseal::artifact::metabase::{MetabaseKind, content, encrypted_values};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = content(MetabaseKind::Xml, bytes);
    for value in encrypted_values(bytes).unwrap_or_default() {
        assert!(!value.provider.contains(':'));
    }
});
