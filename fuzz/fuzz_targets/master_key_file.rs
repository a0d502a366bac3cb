//! Any bytes as a DPAPI master key file; a secret that sealed nothing opens nothing.

#![no_main]

use goldseal::artifact::master_key_file::MasterKeyFile;
use goldseal::proof::master_key::{MasterKey, RoundsLeft};
use libfuzzer_sys::fuzz_target;

/// Most rounds that are worth the time of one run.
const ROUNDS_MAX: u32 = 64;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = MasterKeyFile::parse(bytes) else {
        return;
    };
    if file.master_key.rounds <= ROUNDS_MAX {
        let opened = MasterKey::open(&file.master_key, &[0x5a; 20], &mut RoundsLeft::default());
        assert!(opened.is_err());
    }
});
