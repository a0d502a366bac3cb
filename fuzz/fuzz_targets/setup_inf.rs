//! Any bytes as an INF, as a log of the First Boot Agent, and as a value of UserAssist.

#![no_main]

use goldseal::artifact::setup_inf::{FIELD_CHARS_MAX, Inf};
use goldseal::artifact::{fba_log, user_assist};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (language, bytes) = input;
    if let Ok(inf) = Inf::parse(bytes) {
        for section in inf.sections() {
            // Every section is found by its own name, and no field is longer than the limit.
            assert!(inf.section(&section.name).is_some());
            for entry in &section.entries {
                assert!(entry.line >= section.line);
                assert!(entry.fields.iter().all(|field| field.chars().count() <= FIELD_CHARS_MAX));
            }
        }
    }
    let _ = Inf::parse_for_language(bytes, Some(language));
    let lines = fba_log::reseal_lines(bytes);
    assert!(fba_log::reseals_done(&lines).len() <= lines.len());
    let name = String::from_utf8_lossy(bytes);
    assert_eq!(user_assist::rot13(&user_assist::rot13(&name)), name);
    let _ = user_assist::parse(&name, bytes);
});
