//! Any bytes as the cache of program compatibility of any Windows; each path comes out of the value and is no longer than it.

#![no_main]

use goldseal::artifact::app_compat_cache::{ENTRIES_MAX, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(programs) = parse(input) else {
        return;
    };
    assert!(programs.len() <= ENTRIES_MAX);
    for program in &programs {
        assert!(program.path.chars().count() <= input.len() / 2);
        assert!(program.modified.is_none_or(|time| time.0 != 0));
        let _ = program.modified.map(|time| time.to_string());
    }
    // The answer depends on the bytes alone.
    assert_eq!(parse(input).ok().as_deref(), Some(&programs[..]));
});
