//! UserAssist against regipy 6.5.0 (plugin user_assist) on the users' hives of the corpus.
//!
//! regipy gives the session entry no number and lets a count of less than 5 become negative; both are left out of the
//! comparison, as is its rounding of times.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

use std::collections::BTreeSet;

use goldseal::artifact::registry::Hive;
use goldseal::artifact::user_assist::{UserAssistEntry, parse};
use goldseal::base::bytes;
use goldseal::base::limits::Limits;
use sha2::{Digest, Sha256};

mod support {
    pub(crate) mod corpus;
}
use support::corpus;

const KEY: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist";

/// The entries of a hive as its file has them, without logs.
fn entries(name: &str) -> Vec<UserAssistEntry> {
    let hive = Hive::parse(corpus::read(name), &[], &Limits::default()).unwrap();
    let groups = hive.key(KEY).unwrap().unwrap().subkeys().unwrap();
    groups
        .iter()
        .filter_map(|group| group.subkey("Count").unwrap())
        .flat_map(|count| count.values().unwrap())
        .filter_map(|value| parse(&value.name, &value.data))
        .filter(|entry| entry.name != "UEME_CTLSESSION")
        .collect()
}

/// Number of the lines `name count FILETIME`, and SHA-256 of them in order.
fn digest(entries: &[UserAssistEntry]) -> (usize, String) {
    let line = |entry: &UserAssistEntry| {
        let time = entry.last_run.map_or(0, |time| time.0);
        format!("{} {} {time}", entry.name, entry.count)
    };
    let lines: BTreeSet<String> = entries.iter().map(line).collect();
    let text: Vec<&str> = lines.iter().map(String::as_str).collect();
    let text = format!("{}\n", text.join("\n"));
    (lines.len(), bytes::hex(&Sha256::digest(text.as_bytes())))
}

fn check(name: &str, lines: usize, sha256: &str) {
    if corpus::folder().is_some() {
        assert_eq!(digest(&entries(name)), (lines, sha256.to_owned()));
    }
}

/// 16 bytes an entry: XP.
#[test]
fn the_short_form_is_read_as_regipy_reads_it() {
    check(
        "hives/plaso_ntuser_xp.zst",
        14,
        "20701eac74f49f1114fec243e6acf2cba5a6c26c3b3b978fa1e79c748f3a7ca7",
    );
}

/// 72 bytes an entry: Windows 7, twice (the name of the first file notwithstanding).
#[test]
fn the_long_form_is_read_as_regipy_reads_it() {
    check(
        "hives/ntuser_xp.xz",
        30,
        "c3039c1d6a332d240b7c5435d2fe76319a5802fbeb0f86f5bc17f5501ce5969b",
    );
    check(
        "hives/plaso_ntuser_win7.zst",
        89,
        "6c1f797fb1ade735cc56099d86227c52dd618e81ea7adb8317bd80d789e555e0",
    );
}

/// Nine groups of Windows 10, seven of them empty.
#[test]
fn all_groups_of_windows_10_are_read_as_regipy_reads_them() {
    check(
        "hives/ntuser_dirty.xz",
        19,
        "a4b031bd0667018ca6f569a4c93b76c59276eef13bfdf1c2e3baa29fa5a851f7",
    );
}
