//! One hostile hive with its logs, packed in one file: what the fuzzer makes and what `tests/crashes.rs` replays.
#![allow(dead_code, reason = "each test binary uses its part")]

#[path = "hive_builder.rs"]
pub(crate) mod hive_builder;

use goldseal::artifact::registry::{Hive, HiveLog, Key};
use goldseal::base::limits::Limits;

/// Bits of the flag byte.
const FIX_CHECKSUMS: u8 = 1;
const FIX_HASHES: u8 = 2;

/// Unpacks, opens and reads all there is.
pub(crate) fn run(input: &[u8]) {
    let Some((hive, logs)) = unpack(input) else {
        return;
    };
    let mut limits = Limits::default();
    limits.hive_bytes_max = 8 << 20;
    if let Ok(hive) = Hive::parse(hive, &logs, &limits) {
        exercise(&hive);
    }
}

/// Length of the hive (4 bytes), of the first log (4), flags (1), then hive, first log, second log.
fn unpack(input: &[u8]) -> Option<(Vec<u8>, Vec<HiveLog>)> {
    let (head, files) = input.split_at_checked(9)?;
    let len = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()) as usize;
    let (hive, logs) = files.split_at(len(0).min(files.len()));
    let (first, second) = logs.split_at(len(4).min(logs.len()));
    let mut files = [hive.to_vec(), first.to_vec(), second.to_vec()];
    for file in &mut files {
        if head[8] & FIX_CHECKSUMS != 0 && file.len() >= 512 {
            hive_builder::fix_checksum(file);
        }
        if head[8] & FIX_HASHES != 0 {
            hive_builder::fix_hashes(file);
        }
    }
    let [hive, first, second] = files;
    let logs = vec![HiveLog::new("LOG1", first), HiveLog::new("LOG2", second)];
    Some((hive, logs))
}

/// Reads all there is; what a list shows, a look-up must find.
pub(crate) fn exercise(hive: &Hive) {
    for key in hive.walk().flatten() {
        let _ = (key.name(), key.class_name(), key.values(), key.value("big"));
        check_lookups(&key);
    }
    // A key that was looked up is searched by bisection, a key of the walk is not.
    let root = hive.root().unwrap();
    for subkey in root.subkeys().unwrap_or_default().iter().take(100) {
        if let Some(key) = root.subkey(&subkey.name().unwrap()).unwrap() {
            check_lookups(&key);
        }
    }
    check_lookups(&root);
}

fn check_lookups(key: &Key<'_>) {
    let Ok(subkeys) = key.subkeys() else { return };
    for subkey in subkeys.iter().take(100) {
        let name = subkey.name().unwrap();
        assert!(key.subkey(&name).unwrap().is_some(), "{name:?}");
    }
    let _ = key.subkey("no such key");
}

/// Keeps panics quiet that the library contains, and only those.
pub(crate) fn silence_contained_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !goldseal::base::contain::is_contained() {
            before(info);
        }
    }));
}
