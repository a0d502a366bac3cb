//! Any bytes as a hive with up to two logs: lengths of the hive and of the first log, flags, then the files end to end.
//!
//! The flags ask for right checksums and hashes, which mutation alone would never find.

#![no_main]

#[path = "../../tests/support/hive_case.rs"]
mod hive_case;

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: hive_case::silence_contained_panics(),
    |input: &[u8]| hive_case::run(input)
);
