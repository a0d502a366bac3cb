//! Any bytes as a program whose version is read; no request is for more than a few pages.

#![no_main]

use goldseal::artifact::pe_version::file_version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut requests = 0;
    let mut read = |offset: u64, len: usize| {
        requests += 1;
        assert!(requests <= 32 && len <= 65536);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(input.len());
        let end = start.saturating_add(len).min(input.len());
        Ok(input[start..end].to_vec())
    };
    let _ = file_version(&mut read);
});
