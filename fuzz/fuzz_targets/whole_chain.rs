//! Any bytes as an image, down to the facts of the installations in it.

#![no_main]

#[path = "../../tests/support/image_case.rs"]
mod image_case;

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: image_case::silence_contained_panics(),
    |input: &[u8]| image_case::whole_chain(input)
);
