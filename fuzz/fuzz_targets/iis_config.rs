//! Any bytes as a configuration file of IIS 7: its encrypted values, providers, session keys and folders of sites.

#![no_main]

use goldseal::artifact::machine_key::RsaPublic;
use goldseal::artifact::metabase::{
    SessionKey, check_well_formed, encrypted_values, is_redirected, providers, site_folders,
};
use goldseal::artifact::simple_blob::{Plausibility, SimpleBlob};
use goldseal::base::base64;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = check_well_formed(bytes);
    for value in encrypted_values(bytes, 100).unwrap_or_default().kept {
        assert!(!value.provider.contains(':'));
    }
    let _ = is_redirected(bytes);
    let _ = site_folders(bytes);
    let key = RsaPublic {
        bits: 1024,
        exponent: 65537,
        modulus_le: vec![0x81; 128],
    };
    for provider in providers(bytes).unwrap_or_default() {
        if let SessionKey::Bytes(bytes) = provider.session_key
            && let Ok(blob) = SimpleBlob::parse(&bytes)
            && blob.plausible_for(&key) == Plausibility::Plausible
        {
            assert_eq!(bytes.len(), 12 + 128);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(decoded) = base64::decode(text)
    {
        assert!(decoded.len() <= text.len());
    }
});
