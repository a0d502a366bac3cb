//! The INF reader against a second reader (`scripts/inf_reference.py`) on published driver INF files and on own cases.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise and says on standard error what it skips"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use goldseal::artifact::setup_inf::{Encoding, Inf};

/// Entries of the program in the form in which the reference prints them.
fn listing(inf: &Inf) -> Vec<String> {
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let mut lines = Vec::new();
    for section in inf.sections() {
        for entry in &section.entries {
            let mut cells = vec![
                json(&section.name),
                entry.line.to_string(),
                entry.key.as_deref().map_or("-".to_owned(), json),
                entry.fields.len().to_string(),
            ];
            cells.extend(entry.fields.iter().map(|field| json(field)));
            lines.push(cells.join("\t"));
        }
    }
    lines
}

fn compare(path: &Path) -> usize {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/inf_reference.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let expected: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let inf = Inf::parse(&std::fs::read(path).unwrap()).unwrap();
    let found = listing(&inf);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{}", path.display());
    }
    assert_eq!(found.len(), expected.len(), "{}", path.display());
    found.len()
}

fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/inf");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the corpus of published INF files is not there");
    None
}

#[test]
fn published_driver_files_read_as_the_second_reader_reads_them() {
    let Some(folder) = corpus() else { return };
    if !support::tool("python3") {
        return;
    }
    for name in [
        "avscan.inf",
        "mdmfake.inx",
        "netvadapter.inf",
        "netvmini60.inf",
    ] {
        assert!(compare(&folder.join(name)) > 20, "{name}");
    }
}

#[test]
fn own_cases_read_as_the_second_reader_reads_them() {
    if !support::tool("python3") {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/inf");
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "inf"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for path in names {
        assert!(compare(&path) > 0, "{}", path.display());
    }
}

/// Counted by hand in the file: driver file with a UTF-16 byte order mark.
#[test]
fn a_published_utf16_file_is_told_by_its_byte_order_mark() {
    let Some(folder) = corpus() else { return };
    let bytes = std::fs::read(folder.join("netvadapter.inf")).unwrap();
    assert_eq!(bytes.get(..2), Some([0xff, 0xfe].as_slice()));
    let inf = Inf::parse(&bytes).unwrap();
    assert_eq!(inf.encoding(), Encoding::Utf16Le);
    let version = inf.section("VERSION").unwrap();
    assert_eq!(
        version.entry("signature").unwrap().field(0),
        Some("$Windows NT$")
    );
}
