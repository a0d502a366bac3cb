//! Any bytes as a volume that begins like FAT.

#![no_main]

#[path = "../../tests/support/image_case.rs"]
mod image_case;

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: image_case::silence_contained_panics(),
    |input: &[u8]| image_case::fat(input)
);
