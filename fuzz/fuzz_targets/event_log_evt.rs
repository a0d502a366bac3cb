//! Any bytes as a log of the old format, behind a header or without one.

#![no_main]

use goldseal::artifact::event_log::{self, Query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, &[u8])| {
    let (header, bytes) = input;
    let mut log = Vec::new();
    if header {
        let words = [48_u32, 0x654c_664c, 1, 1, 48, 48, 1, 0, 0, 1, 0, 48];
        log.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    log.extend_from_slice(bytes);
    if log.starts_with(b"ElfFile\0") {
        return;
    }
    let mut count = 0_u64;
    let mut end = 0_u64;
    let read = event_log::read(&log, &Query::default(), &mut |record| {
        count += 1;
        // Records do not overlap and lie inside of the file.
        assert!(record.offset >= end);
        end = record.offset.saturating_add(56);
        assert!(record.offset < log.len() as u64);
    });
    if let Ok(summary) = read {
        assert_eq!(summary.records, count);
        assert!(summary.recovered <= summary.records);
    }
});
