//! Any bytes as a disk; the first byte asks for a GPT with right checksums.

#![no_main]

#[path = "../../tests/support/image_case.rs"]
mod image_case;

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: image_case::silence_contained_panics(),
    |input: &[u8]| image_case::partition_table(input)
);
