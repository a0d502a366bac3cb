//! Any bytes as a prefetch file, compressed or not, as a stream of LZ77 with Huffman codes, and as an AppCompatCache.

#![no_main]

use goldseal::artifact::{app_compat_cache, mam, prefetch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(file) = prefetch::parse(input) {
        assert!(file.last_runs.len() <= 8);
        assert!(file.name.chars().count() <= 30);
    }
    if let Ok(programs) = app_compat_cache::parse(input) {
        assert!(programs.len() <= app_compat_cache::ENTRIES_MAX);
    }
    // What is unpacked has the length that was asked for, and a match never reaches before the begin.
    for len in [1, 300, 70_000] {
        if let Ok(content) = mam::decompress(input, len) {
            assert_eq!(content.len(), len);
        }
    }
});
