//! AppCompatCache against regipy 6.5.0 (plugin shimcache): all registry hives of the corpus, and one cache of each form.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

use goldseal::artifact::app_compat_cache::{CachedProgram, parse};
use goldseal::error::ErrorKind;

mod support {
    pub(crate) mod corpus;
}
use support::corpus;

/// Where the cache lies below a control set: XP, and every later Windows.
const CACHES: [&str; 2] = ["AppCompatibility", "AppCompatCache"];

/// Number and SHA-256 of the lines of time and path. regipy leaves out apps of packages, whose entries hold fields between tabs in
/// the place of a path; its times are exact to microseconds, ours are cut to seconds as its own.
fn digest(programs: &[CachedProgram]) -> (usize, String) {
    let lines: Vec<String> = programs
        .iter()
        .filter(|program| !program.path.contains('\t'))
        .map(|program| {
            let time = program.modified.unwrap().to_string();
            format!("{} {}\n", &time[..19], program.path)
        })
        .collect();
    (lines.len(), corpus::sha256(lines.concat().as_bytes()))
}

/// Every hive of the corpus, so that one that is added and that nobody compared is noticed. Those are Windows 7 (32 bits), both of
/// its control sets, and Windows 10 1709.
#[test]
fn all_hives_of_the_corpus_have_the_programs_that_regipy_reads() {
    if corpus::folder().is_none() {
        return;
    }
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for (name, hive) in corpus::hives() {
        for number in 1..=3 {
            for cache in CACHES {
                let path = format!("ControlSet{number:03}\\Control\\Session Manager\\{cache}");
                let Ok(Some(key)) = hive.key(&path) else {
                    continue;
                };
                match key.value("AppCompatCache") {
                    Ok(None) => {}
                    Ok(Some(value)) => {
                        let (lines, sha256) = digest(&parse(&value.data).unwrap());
                        found.push(vec![name.clone(), path, lines.to_string(), sha256]);
                    }
                    // regipy ends here too.
                    Err(_) => damaged.push(name.clone()),
                }
            }
        }
    }
    found.sort();
    assert_eq!(found, corpus::traces("app_compat"));
    assert_eq!(damaged, ["hives/corrupted_system_hive.xz"]);
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
