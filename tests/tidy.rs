//! House rules that a compiler does not know: who may import whom, and what no file of the project may hold.
//!
//! The table is that of the architecture page, "Who may import whom".

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test is the point of a test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and the modules that it may name with `use crate::` or `crate::`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("evidence", &["base"]),
    ("image", &["base", "evidence"]),
    ("artifact", &["base", "evidence"]),
    ("proof", &["base", "evidence", "artifact"]),
    ("facts", &["base", "evidence", "image", "artifact", "proof"]),
    ("rules", &["base", "evidence", "facts"]),
    (
        "timeline",
        &["base", "evidence", "image", "artifact", "proof", "facts"],
    ),
    (
        "diagnosis",
        &["base", "evidence", "facts", "rules", "timeline"],
    ),
    (
        "report",
        &[
            "base",
            "evidence",
            // By type only: a report is made of an image, and the hand tools show keys and values.
            "image",
            "artifact",
            "facts",
            "rules",
            "timeline",
            "diagnosis",
            "repair",
        ],
    ),
    (
        "repair",
        &[
            "base",
            "evidence",
            "image",
            "artifact",
            "proof",
            "facts",
            "rules",
            "diagnosis",
        ],
    ),
];

/// Every module may name the error and the options of the crate.
const EVERYWHERE: &[&str] = &["error", "Error", "ErrorKind", "Result", "Options"];

/// Crates that one place only may name.
const ONE_PLACE: &[(&str, &str)] = &[
    ("clap::", "src/cli/"),
    ("comfy_table::", "src/report/"),
    ("nt_hive::", "src/artifact/registry/"),
    ("evtx::Evtx", "src/artifact/event_log/"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(root().join(folder))
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    files
}

/// Unit tests that have a file of their own.
fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests") || shown(path).contains("/tests/")
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// Lines of code, numbered from 1: no comments, and nothing from the unit tests at the end of a file.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .enumerate();
    lines
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line.to_owned()))
        .collect()
}

/// The first names after each `crate::` of a line; a group counts with every member.
fn imported(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in line.split("crate::").skip(1) {
        let list = rest
            .strip_prefix('{')
            .map_or(rest, |group| group.split('}').next().unwrap_or(group));
        let members = if rest.starts_with('{') {
            list.split(',').collect()
        } else {
            vec![list]
        };
        for member in members {
            let name: String = member
                .trim()
                .chars()
                .take_while(|sign| sign.is_alphanumeric() || *sign == '_')
                .collect();
            if !name.is_empty() {
                names.push(name);
            }
        }
    }
    names
}

#[test]
fn modules_import_only_what_the_architecture_allows() {
    let mut wrong = Vec::new();
    for path in rust_files("src").into_iter().filter(|path| !is_test(path)) {
        let place = shown(&path);
        let module = place
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .unwrap_or_default();
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
            continue;
        };
        for (number, line) in code(&path) {
            for name in imported(&line) {
                if name != module
                    && !allowed.contains(&name.as_str())
                    && !EVERYWHERE.contains(&name.as_str())
                {
                    wrong.push(format!("{place}:{number}: {module} may not import {name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn crates_for_one_place_are_named_there_only() {
    let mut wrong = Vec::new();
    for path in rust_files("src") {
        let place = shown(&path);
        for (number, line) in code(&path) {
            for (name, home) in ONE_PLACE {
                if line.contains(name) && !place.starts_with(home) {
                    wrong.push(format!("{place}:{number}: {name} belongs to {home}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn only_repair_can_write_to_an_image() {
    let writing = [
        "OFlags::RDWR",
        "OFlags::WRONLY",
        "OpenOptions",
        "write_all_at",
        "set_len(",
        "File::create",
        "renameat",
        "fs::rename",
        "fs::unlink",
        "fs::remove",
        "medium::",
    ];
    // The file of --output is opened by the module that keeps it apart from everything that is read.
    let may_write = |place: &str| place.starts_with("src/repair/") || place == "src/cli/guard.rs";
    let mut wrong = Vec::new();
    for path in rust_files("src").into_iter().filter(|path| !is_test(path)) {
        let place = shown(&path);
        for (number, line) in code(&path) {
            if !may_write(&place) && writing.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{place}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn parents_are_imported_through_the_crate_outside_tests() {
    let mut wrong = Vec::new();
    for path in rust_files("src").into_iter().filter(|path| !is_test(path)) {
        for (number, line) in code(&path) {
            if line.trim_start().starts_with("use super::") {
                wrong.push(format!("{}:{number}", shown(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "`use super::` in\n{}", wrong.join("\n"));
}

#[test]
fn every_source_file_begins_with_its_purpose() {
    let without: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter(|path| !is_test(path))
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| shown(&path))
        .collect();
    assert!(without.is_empty(), "no `//!` at the start of {without:?}");
}

#[test]
fn no_file_holds_a_local_path() {
    let texts = ["rs", "toml", "py", "md", "sh", "json", "txt", "yml", "yaml"];
    // Spelled in parts, so that this file passes its own test.
    let forbidden = [
        ["/wo", "rk/"].concat(),
        ["/tmp", "/gs"].concat(),
        ["/ho", "me/"].concat(),
        ["/ro", "ot/"].concat(),
    ];
    let mut wrong = Vec::new();
    for folder in [
        "src",
        "tests",
        "scripts",
        "docs",
        "testdata",
        "benches",
        "fuzz/fuzz_targets",
        ".ci",
    ] {
        for entry in walkdir::WalkDir::new(root().join(folder))
            .into_iter()
            .filter_map(Result::ok)
        {
            let path = entry.path();
            let kind = path
                .extension()
                .and_then(|extension| extension.to_str())
                .unwrap_or("sh");
            let Ok(text) = fs::read_to_string(path) else {
                continue;
            };
            if texts.contains(&kind) {
                let lines = text
                    .lines()
                    .enumerate()
                    .filter(|(_, line)| forbidden.iter().any(|part| line.contains(part)));
                wrong.extend(lines.map(|(index, _)| format!("{}:{}", shown(path), index + 1)));
            }
        }
    }
    assert!(wrong.is_empty(), "local paths in\n{}", wrong.join("\n"));
}
