//! The small NTFS volume with the damage that the input describes, opened and walked.

#![no_main]

#[path = "../../tests/support/ntfs_case.rs"]
mod ntfs_case;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    ntfs_case::run(input);
});
