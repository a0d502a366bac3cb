//! Any bytes as the chunks of a log of the new format.

#![no_main]

use goldseal::artifact::event_log::{self, Query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut log = b"ElfFile\0".to_vec();
    log.resize(4096, 0);
    log.extend_from_slice(b"ElfChnk\0");
    log.extend_from_slice(bytes);
    let summary = event_log::read(&log, &Query::default(), &mut |record| {
        assert!(record.offset >= 4096);
    })
    .expect("the signature is there");
    assert!(summary.recovered <= summary.records);
});
