//! Any bytes as a value of UserAssist: up to the first line feed its name, then its data.

#![no_main]

use goldseal::artifact::user_assist::{parse, rot13};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (name, data) = input.split_at(end.unwrap_or(input.len()));
    let name = String::from_utf8_lossy(name);
    let Some(entry) = parse(&name, data.get(1..).unwrap_or_default()) else {
        return;
    };
    // Turning the name twice gives it back, and what is shown of it is never the bare event.
    assert_eq!(rot13(&entry.name), name);
    assert!(entry.path().is_none_or(|path| path.len() <= entry.name.len()));
    let _ = entry.last_run.map(|time| time.to_string());
});
