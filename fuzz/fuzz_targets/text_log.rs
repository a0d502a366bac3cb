//! Any bytes as every text log: lines, set-up, device installation, First Boot Agent.

#![no_main]

use goldseal::artifact::fba_log;
use goldseal::artifact::text_log::panther::{self, SetupLine};
use goldseal::artifact::text_log::{LINE_BYTES_MAX, lines, setup_api};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut end = None;
    for (index, line) in lines(bytes).enumerate() {
        // Lines are numbered from 1, lie inside of the file and do not overlap.
        assert_eq!(line.number, index as u64 + 1);
        assert!(line.offset < bytes.len() as u64);
        assert!(end.is_none_or(|end| line.offset > end));
        end = Some(line.offset);
        assert!(line.text.len() <= 3 * LINE_BYTES_MAX);
        let _ = SetupLine::parse(&line.text).event();
    }
    for (line, _, _) in panther::events(lines(bytes)) {
        assert!(line.offset < bytes.len() as u64);
    }
    for burst in setup_api::bursts(lines(bytes)) {
        assert!(burst.first <= burst.last);
        assert!(burst.sections > 0);
    }
    let reseals = fba_log::reseal_lines(bytes);
    assert!(fba_log::reseals_done(&reseals).len() <= reseals.len());
});
