//! Any bytes as a security descriptor, judged for a token.

#![no_main]

use goldseal::artifact::descriptor_accounts::named_sids;
use goldseal::artifact::security_descriptor::{FILE_ALL_ACCESS, SecurityDescriptor, Sid};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let named = named_sids(bytes);
    if let Ok(descriptor) = SecurityDescriptor::parse(bytes) {
        let granted = descriptor.granted(&[Sid::system(), Sid::everyone()]);
        assert!(granted.is_none_or(|rights| rights & !FILE_ALL_ACCESS == 0));
        if let (Some(owner), Ok(named)) = (descriptor.owner, named) {
            assert!(named.iter().any(|(_, sid)| *sid == owner));
        }
    }
});
