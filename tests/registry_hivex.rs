//! Full walks compared with hivex (python3-hivex), a reader by other people: keys, times, values, types, data.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

#[path = "support/corpus.rs"]
mod corpus;

use std::fmt::Write as _;
use std::process::Command;

use goldseal::artifact::registry::{Hive, Key};
use goldseal::base::limits::Limits;

/// Prints a line for each key and value: times as numbers, names and data in hexadecimal, the tree in its own order.
const WALK: &str = r#"
import hashlib, sys, hivex
h = hivex.Hivex(sys.argv[1])
stack = [(h.root(), 0)]
while stack:
    node, depth = stack.pop()
    print("K", depth, h.node_timestamp(node), h.node_name(node).encode().hex())
    for value in h.node_values(node):
        kind, data = h.value_value(value)
        print("V", kind & 0xffffffff, len(data), hashlib.sha256(data).hexdigest(), h.value_key(value).encode().hex())
    stack.extend((child, depth + 1) for child in reversed(h.node_children(node)))
"#;

/// Clean hives of NT 4.0, XP, 7, 2008 and later; hivex applies no logs and reads no large values of version 1.3.
const HIVES: [&str; 9] = [
    "hives/nt40_sp3_server_system.zst",
    "hives/nt40_sp3_server_security",
    "hives/ntuser_xp.xz",
    "hives/server2008_x86_security",
    "hives/win7_x86_system.xz",
    "hives/ez_bcd.zst",
    "hives/yarp_bigdatahive.zst",
    "hives/yarp_manysubkeyshive.zst",
    "hives/server2022_security",
];

/// The Python that has hivex; where the environment says `CI=true` it must be there.
fn python() -> Option<&'static str> {
    let found = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        Command::new(python)
            .args(["-c", "import hivex"])
            .output()
            .is_ok_and(|output| output.status.success())
    });
    let on_build_machine = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        found.is_some() || !on_build_machine,
        "python3-hivex is needed by this test"
    );
    if found.is_none() {
        eprintln!("skipped: python3-hivex is not installed");
    }
    found
}

#[test]
fn whole_hives_read_as_hivex_reads_them() {
    let Some(python) = python() else { return };
    if corpus::folder().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hive");
    for name in HIVES {
        let bytes = corpus::read(name);
        std::fs::write(&file, &bytes).unwrap();
        let output = Command::new(python)
            .args(["-c", WALK])
            .arg(&file)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let theirs = String::from_utf8(output.stdout).unwrap();
        let ours = walk(&Hive::parse(bytes, &[], &Limits::default()).unwrap());
        assert_eq!(ours.lines().count(), theirs.lines().count(), "{name}");
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert_eq!(ours, theirs, "{name}");
        }
    }
}

fn walk(hive: &Hive) -> String {
    let mut lines = String::new();
    let mut stack = vec![(hive.root().unwrap(), 0)];
    while let Some((key, depth)) = stack.pop() {
        print(&mut lines, &key, depth);
        let subkeys = key.subkeys().unwrap();
        stack.extend(subkeys.into_iter().rev().map(|key| (key, depth + 1)));
    }
    lines
}

fn print(lines: &mut String, key: &Key<'_>, depth: usize) {
    let name = hex(&key.name().unwrap());
    writeln!(lines, "K {depth} {} {name}", key.written().unwrap().0).unwrap();
    for value in key.values().unwrap() {
        writeln!(
            lines,
            "V {} {} {} {}",
            value.kind,
            value.data.len(),
            corpus::sha256(&value.data),
            hex(&value.name)
        )
        .unwrap();
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
