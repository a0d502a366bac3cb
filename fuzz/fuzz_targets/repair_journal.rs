//! The journal of a repair, a saved plan and a patch, of any bytes.

#![no_main]

use goldseal::repair::journal::Journal;
use goldseal::repair::saved::Saved;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = Journal::parse(input);
    let _ = Saved::parse_plan(input);
    let _ = Saved::parse_patch(input);
});
