//! AppCompatCache against regipy 6.5.0 (plugin shimcache) on registry hives of the corpus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

use goldseal::artifact::app_compat_cache::{CachedProgram, parse};
use goldseal::artifact::registry::Hive;
use goldseal::base::bytes;
use goldseal::base::limits::Limits;
use goldseal::error::ErrorKind;
use sha2::{Digest, Sha256};

mod support {
    pub(crate) mod corpus;
}
use support::corpus;

const KEY: &str = "ControlSet001\\Control\\Session Manager\\AppCompatCache";

/// The cache of a hive as its file has it, without logs.
fn cache(name: &str) -> Vec<u8> {
    let hive = Hive::parse(corpus::read(name), &[], &Limits::default()).unwrap();
    let key = hive.key(KEY).unwrap().unwrap();
    key.value("AppCompatCache").unwrap().unwrap().data
}

/// SHA-256 of the paths, a line each.
fn digest(programs: &[CachedProgram]) -> String {
    let paths: Vec<&str> = programs
        .iter()
        .map(|program| program.path.as_str())
        .collect();
    let text = format!("{}\n", paths.join("\n"));
    bytes::hex(&Sha256::digest(text.as_bytes()))
}

fn shown(program: &CachedProgram) -> String {
    format!("{} {}", program.path, program.modified.unwrap())
}

/// The answers of regipy for Windows 7 (32 bits).
#[test]
fn windows_7_has_the_programs_that_regipy_reads() {
    if corpus::folder().is_none() {
        return;
    }
    let programs = parse(&cache("hives/win7_x86_system.xz")).unwrap();
    assert_eq!(programs.len(), 330);
    assert_eq!(
        digest(&programs),
        "19dcdd767578a220019b6ddadf6a278015dede8cdf7d22b29060a55512a4f1d4"
    );
    assert_eq!(
        shown(programs.last().unwrap()),
        "\\??\\C:\\Windows\\bfsvc.exe 2010-11-20T12:16:55.8000000Z"
    );
}

/// The answers of regipy for Windows 10 1709, from the hive without its logs. It leaves out apps of packages, whose entries
/// hold fields between tabs in the place of a path, and rounds times to microseconds.
#[test]
fn windows_10_has_the_programs_that_regipy_reads() {
    if corpus::folder().is_none() {
        return;
    }
    let mut programs = parse(&cache("hives/win10_1709_dirty_system.xz")).unwrap();
    assert_eq!(programs.len(), 406);
    programs.retain(|program| !program.path.contains('\t'));
    assert_eq!(programs.len(), 279);
    assert_eq!(
        digest(&programs),
        "fd38442a7643dd6a441058c8f32a07cd0285a0c0b0bdb0cff08a2903807aff01"
    );
    assert!(
        shown(&programs[0])
            .starts_with("C:\\Windows\\system32\\MusNotificationUX.exe 2018-03-01T05:53:41.35563")
    );
}

/// One cache of each form, written by `scripts/app_compat_caches.py`; `programs.txt` is what regipy reads in them.
#[test]
fn every_form_has_the_programs_that_regipy_reads() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/app_compat_cache");
    let answers = std::fs::read_to_string(format!("{folder}/programs.txt")).unwrap();
    let mut found = Vec::new();
    for name in [
        "xp",
        "server2003_32",
        "server2003_64",
        "vista_32",
        "vista_64",
        "windows7_32",
        "windows7_64",
        "windows8",
        "windows81",
        "windows10",
        "windows10_1703",
    ] {
        let cache = std::fs::read(format!("{folder}/{name}.bin")).unwrap();
        for program in parse(&cache).unwrap() {
            let time = program.modified.unwrap().to_string();
            found.push(format!("{name} {} {}", &time[..19], program.path));
        }
    }
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(found, answers);
}

/// plaso gives entries of Windows 8.0 no package: flags follow the path.
#[test]
fn an_entry_of_windows_8_without_a_package_is_told_by_its_length() {
    let path: Vec<u8> = "C:\\x.exe"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut body = vec![16, 0];
    body.extend(path);
    body.extend([2, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(5_u64.to_le_bytes());
    body.extend([0; 4]);
    let mut value = vec![0; 128];
    value[0] = 0x80;
    value.extend(b"00ts");
    value.extend([0; 4]);
    value.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    value.extend(&body);
    assert_eq!(parse(&value).unwrap()[0].modified.unwrap().0, 5);
    // In an entry that neither form fills, the place of the time is not known.
    value[136] += 1;
    value.push(0);
    assert_eq!(parse(&value).unwrap()[0].modified, None);
}

/// Server 2003 of 64 bits, from the table of the format: 32 bytes an entry, the path behind the table.
#[test]
fn entries_of_64_bits_are_told_apart_by_themselves() {
    let path: Vec<u8> = "C:\\x.exe"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut value = 0xbadc_0ffe_u32.to_le_bytes().to_vec();
    value.extend(1_u32.to_le_bytes());
    value.extend([16, 0, 18, 0, 0, 0, 0, 0]);
    value.extend(40_u64.to_le_bytes());
    value.extend(5_u64.to_le_bytes());
    value.extend(0_u64.to_le_bytes());
    value.extend(path);
    let programs = parse(&value).unwrap();
    assert_eq!(programs[0].path, "C:\\x.exe");
    assert_eq!(programs[0].modified.unwrap().0, 5);
}

#[test]
fn a_header_of_no_known_windows_is_unsupported_and_too_many_entries_are_refused() {
    assert_eq!(
        parse(b"abcdefgh").unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(parse(&[]).unwrap_err().kind(), ErrorKind::Unsupported);
    let many = [0xef, 0xbe, 0xad, 0xde, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(parse(&many).unwrap_err().kind(), ErrorKind::LimitExceeded);
}
