//! Prefetch files against libscca: every version (`scripts/prefetch_files.py`) and the files of the corpus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

use goldseal::artifact::{mam, prefetch};
use goldseal::error::ErrorKind;

mod support {
    pub(crate) mod corpus;
}
use support::corpus;

fn synthetic(name: &str) -> Vec<u8> {
    let folder = env!("CARGO_MANIFEST_DIR");
    std::fs::read(format!("{folder}/testdata/prefetch/{name}")).unwrap()
}

/// What a file tells, in the words of `runs.txt`.
fn told(bytes: &[u8]) -> String {
    let file = prefetch::parse(bytes).unwrap();
    let times: Vec<String> = file
        .last_runs
        .iter()
        .map(|time| time.0.to_string())
        .collect();
    format!(
        "{} {} {:08x} {} {}",
        file.version,
        file.name,
        file.hash,
        file.run_count,
        times.join(" ")
    )
}

/// The answers of libscca 20260527, a file a line.
fn answers(name: &str) -> Vec<(String, String)> {
    let text = String::from_utf8(synthetic(name)).unwrap();
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    lines
        .map(|(file, answer)| (file.to_owned(), answer.to_owned()))
        .collect()
}

#[test]
fn every_version_tells_what_libscca_reads() {
    let answers = answers("runs.txt");
    assert_eq!(answers.len(), 10);
    for (name, answer) in answers {
        assert_eq!(told(&synthetic(&name)), answer, "{name}");
    }
}

/// Every file of the corpus and every field: what libscca cannot open is an error here too.
#[test]
fn files_of_the_corpus_tell_what_libscca_reads() {
    if corpus::folder().is_none() {
        return;
    }
    let mut found = Vec::new();
    for name in corpus::names("prefetch") {
        let file = corpus::read(&name);
        let answer = prefetch::parse(&file).map_or("error".to_owned(), |_| told(&file));
        found.push(vec![name, answer]);
    }
    found.sort();
    assert_eq!(found, corpus::traces("prefetch"));
}

#[test]
fn a_file_cut_anywhere_before_its_run_count_is_an_error() {
    let whole = synthetic("v26.pf");
    for len in 0..0xd0 + 4 {
        assert!(prefetch::parse(&whole[..len]).is_err(), "cut at 0x{len:x}");
    }
}

/// The last code is that of the end, which no content needs, and a word is read ahead behind it.
#[test]
fn a_compressed_file_cut_anywhere_is_an_error() {
    let whole = synthetic("v30_packed.pf");
    for len in 0..whole.len() - 4 {
        assert!(prefetch::parse(&whole[..len]).is_err(), "cut at 0x{len:x}");
    }
}

#[test]
fn an_unknown_version_is_unsupported() {
    let mut file = synthetic("v17.pf");
    file[0] = 18;
    assert_eq!(
        prefetch::parse(&file).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn a_first_section_of_no_known_form_of_version_30_is_unsupported() {
    let mut file = synthetic("v30.pf");
    file[84] ^= 4;
    assert_eq!(
        prefetch::parse(&file).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn matches_may_reach_back_into_the_block_before() {
    let content = mam::unpack(&synthetic("v31_packed_two_blocks.pf")).unwrap();
    assert!(content.len() > 65536);
    assert_eq!(
        content.len(),
        u32::from_le_bytes(content[12..16].try_into().unwrap()) as usize
    );
}
