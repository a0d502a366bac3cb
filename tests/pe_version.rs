//! File versions against pefile and pelite: files of every shape (`scripts/programs.py`) and the programs of the corpus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing test is the point of a test"
)]

use goldseal::artifact::pe_version::file_version;
use goldseal::error::{ErrorKind, Result};
use pelite::resources::FindError;

mod support {
    pub(crate) mod corpus;
}
use support::corpus;

/// The version in words, and how many bytes were asked for at most at once.
fn read(bytes: &[u8]) -> Result<(String, usize)> {
    let mut most = 0;
    let mut at = |offset: u64, len: usize| {
        most = most.max(len);
        let start = usize::try_from(offset).unwrap().min(bytes.len());
        let end = start.saturating_add(len).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    };
    let version = file_version(&mut at)?;
    Ok((
        version.map_or("none".to_owned(), |version| version.to_string()),
        most,
    ))
}

/// The version as pelite reads it. Only for programs that are whole: pelite 0.10.0 makes a slice that is not aligned of a header
/// whose SizeOfOptionalHeader is odd, which ends the process here and is undefined elsewhere.
fn pelite(bytes: &[u8]) -> std::result::Result<String, String> {
    let file = pelite::PeFile::from_bytes(bytes).map_err(|error| error.to_string())?;
    if file.data_directory().len() <= pelite::image::IMAGE_DIRECTORY_ENTRY_RESOURCE {
        return Ok("none".to_owned());
    }
    let resources = match file.resources() {
        Ok(resources) => resources,
        Err(pelite::Error::Null) => return Ok("none".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    match resources.version_info() {
        Ok(info) => Ok(info.fixed().map_or("none".to_owned(), |fixed| {
            let version = fixed.dwFileVersion;
            format!(
                "{}.{}.{}.{}",
                version.Major, version.Minor, version.Patch, version.Build
            )
        })),
        Err(FindError::NotFound) => Ok("none".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn shape(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/testdata/pe/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// `versions.txt` holds what pefile 2024.8.26 reads.
#[test]
fn every_shape_has_the_version_that_pefile_reads() {
    let answers = String::from_utf8(shape("versions.txt")).unwrap();
    assert!(answers.lines().count() >= 10);
    for line in answers.lines() {
        let (name, version) = line.split_once(' ').unwrap();
        assert_eq!(read(&shape(name)).unwrap().0, version, "{name}");
    }
}

/// `facts.json` of the corpus holds what pefile reads.
#[test]
fn programs_of_the_corpus_have_the_version_that_pefile_reads() {
    if corpus::folder().is_none() {
        return;
    }
    let facts = corpus::facts();
    let names = corpus::names("pe");
    assert!(!names.is_empty());
    for name in names {
        let said = facts[&name]["ver"].as_str().unwrap();
        let expected = said.split(' ').next().unwrap().replace("None", "none");
        assert_eq!(read(&corpus::read(&name)).unwrap().0, expected, "{name}");
    }
}

#[test]
fn every_shape_has_the_version_that_pelite_reads() {
    let answers = String::from_utf8(shape("versions.txt")).unwrap();
    for line in answers.lines() {
        let (name, _) = line.split_once(' ').unwrap();
        let program = shape(name);
        assert_eq!(pelite(&program), Ok(read(&program).unwrap().0), "{name}");
    }
}

#[test]
fn programs_of_the_corpus_have_the_version_that_pelite_reads() {
    if corpus::folder().is_none() {
        return;
    }
    for name in corpus::names("pe") {
        let program = corpus::read(&name);
        assert_eq!(pelite(&program), Ok(read(&program).unwrap().0), "{name}");
    }
}

#[test]
fn a_program_is_read_by_the_page() {
    assert_eq!(read(&shape("far_behind_others.dll")).unwrap().1, 4096);
}

#[test]
fn what_is_no_program_of_32_or_64_bits_says_so() {
    let kind = |bytes: &[u8]| read(bytes).unwrap_err().kind();
    assert_eq!(kind(b""), ErrorKind::InvalidFormat);
    assert_eq!(kind(b"text"), ErrorKind::InvalidFormat);
    let mut program = shape("plain.exe");
    program[64..66].copy_from_slice(b"NE");
    assert_eq!(kind(&program), ErrorKind::Unsupported);
    program[64..66].copy_from_slice(b"XX");
    assert_eq!(kind(&program), ErrorKind::Corrupt);
}

#[test]
fn a_program_cut_anywhere_is_an_error_and_never_without_a_version() {
    let program = shape("plain.exe");
    for len in 0..0x200 + 0x58 + 92 {
        assert!(read(&program[..len]).is_err(), "cut at 0x{len:x}");
    }
}

/// A tree of resources that leads back to its own root ends after three levels.
#[test]
fn a_resource_directory_that_points_at_itself_ends() {
    let mut program = shape("plain.exe");
    program[0x200 + 20..0x200 + 24].copy_from_slice(&0x8000_0000_u32.to_le_bytes());
    assert_eq!(read(&program).unwrap_err().kind(), ErrorKind::Corrupt);
}
