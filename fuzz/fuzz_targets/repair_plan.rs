//! Renames, swaps and removals planned on the small NTFS volume with the damage that the input describes.

#![no_main]

#[path = "../../tests/support/repair_case.rs"]
mod repair_case;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    repair_case::run(input);
});
