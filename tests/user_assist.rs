//! UserAssist and MUICache against regipy 6.5.0 (plugins user_assist, muicache): the users' hives of the corpus, and those of
//! every Windows that `scripts/user_hives.py` writes.
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
use std::sync::Arc;

use goldseal::artifact::registry::Hive;
use goldseal::artifact::user_assist::{UserAssistEntry, parse};
use goldseal::base::bytes;
use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::evidence::{Fact, Locator};
use goldseal::facts::{Facts, collect};
use goldseal::image::Installation;
use goldseal::image::filesystem::memory::MemoryFileSystem;
use sha2::{Digest, Sha256};

mod support {
    pub(crate) mod corpus;
}
use support::corpus;

const KEY: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist";

/// The entries of a hive as its file has them, without logs.
fn entries(hive: &Hive) -> Vec<UserAssistEntry> {
    let Ok(Some(key)) = hive.key(KEY) else {
        return Vec::new();
    };
    let groups = key.subkeys().unwrap();
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

/// Every hive of the corpus, so that one that is added and that nobody compared is noticed: XP (16 bytes an entry), Windows 7
/// and 10 (72 bytes; nine groups, seven of them empty), clean and dirty ones.
#[test]
fn all_hives_of_the_corpus_have_the_entries_that_regipy_reads() {
    if corpus::folder().is_none() {
        return;
    }
    let mut found = Vec::new();
    for (name, hive) in corpus::hives() {
        let (lines, sha256) = digest(&entries(&hive));
        if lines > 0 {
            found.push(vec![name, lines.to_string(), sha256]);
        }
    }
    found.sort();
    assert_eq!(found, corpus::traces("user_assist"));
}

/// The caches of names of the corpus: all that are there, and the tools in them.
#[test]
fn caches_of_names_of_the_corpus_hold_the_tools_that_regipy_lists() {
    const CACHES: [&str; 2] = [
        "Software\\Microsoft\\Windows\\ShellNoRoam\\MUICache",
        "Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache",
    ];
    if corpus::folder().is_none() {
        return;
    }
    let mut found = Vec::new();
    for (name, hive) in corpus::hives() {
        for cache in CACHES {
            let Ok(Some(key)) = hive.key(cache) else {
                continue;
            };
            let values = key.values().unwrap();
            let programs = values
                .iter()
                .filter(|value| !value.name.starts_with('@') && value.name != "LangID");
            let filesystem = tree().file(
                "Documents and Settings\\xp\\NTUSER.DAT",
                corpus::read(&name),
            );
            found.push(vec![
                name.clone(),
                programs.count().to_string(),
                shown(&collected(filesystem), "exec.seal_tools_seen"),
            ]);
        }
    }
    assert_eq!(found, corpus::traces("names"));
}

const USERS: [&str; 4] = ["xp", "vista", "win7", "win10"];

fn hive(name: &str) -> Hive {
    Hive::parse(synthetic(name), &[], &Limits::default()).unwrap()
}

fn synthetic(name: &str) -> Vec<u8> {
    let folder = env!("CARGO_MANIFEST_DIR");
    std::fs::read(format!("{folder}/testdata/user_hives/{name}")).unwrap()
}

/// The answers of regipy for a user, each a row of cells without the name of the user.
fn answers(file: &str, user: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8(synthetic(file)).unwrap();
    let rows = text.lines().map(|line| line.split('\t').map(str::to_owned));
    rows.filter_map(|mut cells| (cells.next()? == user).then(|| cells.collect()))
        .collect()
}

#[test]
fn every_form_of_the_synthetic_users_is_read_as_regipy_reads_it() {
    for user in USERS {
        let found: BTreeSet<Vec<String>> = entries(&hive(&format!("{user}_ntuser.hive")))
            .into_iter()
            .map(|entry| {
                let time = entry.last_run.map_or(0, |time| time.0);
                vec![entry.name, entry.count.to_string(), time.to_string()]
            })
            .collect();
        let wanted: BTreeSet<Vec<String>> = answers("starts.txt", user).into_iter().collect();
        assert!(wanted.len() >= 8, "{user}");
        assert_eq!(found, wanted, "{user}");
    }
}

/// The facts of a Windows with one of the synthetic users, whose folder is that of the generator.
fn facts(user: &str) -> Facts {
    let (home, classes) = match user {
        "xp" => (
            "Documents and Settings",
            "Local Settings\\Application Data\\Microsoft\\Windows",
        ),
        _ => ("Users", "AppData\\Local\\Microsoft\\Windows"),
    };
    let mut filesystem = tree().file(
        &format!("{home}\\{user}\\NTUSER.DAT"),
        synthetic(&format!("{user}_ntuser.hive")),
    );
    if user != "xp" && user != "hostile" {
        filesystem = filesystem.file(
            &format!("{home}\\{user}\\{classes}\\UsrClass.dat"),
            synthetic(&format!("{user}_usrclass.hive")),
        );
    }
    collected(filesystem)
}

/// A Windows whose list of profiles names every synthetic user.
fn tree() -> MemoryFileSystem {
    let folder = env!("CARGO_MANIFEST_DIR");
    let system = std::fs::read(format!("{folder}/testdata/hives/plain_xp_system.hive")).unwrap();
    MemoryFileSystem::new()
        .file("WINDOWS\\system32\\config\\SYSTEM", system)
        .file(
            "WINDOWS\\system32\\config\\SOFTWARE",
            synthetic("software.hive"),
        )
}

fn collected(filesystem: MemoryFileSystem) -> Facts {
    let installation = Installation {
        index: 0,
        system_root: WinPath::new("WINDOWS"),
        filesystem: Arc::new(filesystem),
        locator: Locator::new("synthetic"),
        layers: Vec::new(),
        disk: None,
        neighbours: Vec::new(),
    };
    collect(&installation, Limits::default()).facts
}

fn shown(facts: &Facts, id: &str) -> String {
    match facts.get(id).unwrap() {
        Fact::Found { value, .. } => value.to_string(),
        Fact::Absent(_) => "absent".to_owned(),
        Fact::Unknown(unknown) => format!("unknown: {}", unknown.detail),
    }
}

/// Of regipy's entries those whose path names the tool: what is behind `UEME_RUNPATH:`, or all of a newer name.
fn starts(user: &str, tool: &str) -> i64 {
    let rows = answers("starts.txt", user);
    let of_tool = rows.iter().filter(|row| {
        let path = match row[0].strip_prefix("UEME_") {
            Some(event) => event.strip_prefix("RUNPATH:").unwrap_or_default(),
            None => &row[0],
        };
        let name = path.rsplit('\\').next().unwrap();
        name.eq_ignore_ascii_case(tool)
    });
    of_tool.map(|row| row[1].parse::<i64>().unwrap()).sum()
}

#[test]
fn starts_of_the_tools_are_those_that_regipy_counts() {
    for user in USERS {
        let facts = facts(user);
        for (id, tool) in [
            ("exec.fbreseal_starts", "fbreseal.exe"),
            ("exec.sysprep_starts", "sysprep.exe"),
        ] {
            let wanted = starts(user, tool);
            assert!(wanted > 0, "{user} {tool}");
            assert_eq!(shown(&facts, id), wanted.to_string(), "{user} {tool}");
        }
    }
}

/// NTUSER.DAT of XP, UsrClass.dat of Vista and later; from Windows 8 on a name has its kind behind it.
#[test]
fn tools_in_the_caches_of_names_are_those_that_regipy_lists() {
    for user in USERS {
        let mut wanted: Vec<String> = Vec::new();
        for row in answers("names.txt", user) {
            let path = row[1]
                .trim_end_matches(".FriendlyAppName")
                .trim_end_matches(".ApplicationCompany");
            let name = path.rsplit('\\').next().unwrap().to_ascii_lowercase();
            let text = format!("MUICache {path}");
            if ["sysprep.exe", "fbreseal.exe"].contains(&name.as_str()) && !wanted.contains(&text) {
                wanted.push(text);
            }
        }
        assert!(!wanted.is_empty(), "{user}");
        assert_eq!(
            shown(&facts(user), "exec.seal_tools_seen"),
            wanted.join(", "),
            "{user}"
        );
    }
}

/// Data of a length that no Windows writes is no entry; a count of up to 5 of the short form proves no start.
#[test]
fn hostile_entries_are_left_out_or_told_as_they_are() {
    let all = entries(&hive("hostile_ntuser.hive"));
    let count = |name: &str| {
        let mut found = all.iter().filter(|entry| entry.name == name);
        let entry = found.next()?;
        assert!(found.next().is_none(), "{name}");
        Some((entry.count, entry.last_run.is_some()))
    };
    for length in [0, 4, 5, 8, 15, 17, 71, 73, 4000] {
        assert_eq!(count(&format!("C:\\len{length}\\sysprep.exe")), None);
    }
    for (stored, counted) in [
        (0, 0),
        (1, 0),
        (4, 0),
        (5, 0),
        (6, 1),
        (u32::MAX, u32::MAX - 5),
    ] {
        let name = format!("UEME_RUNPATH:C:\\short{stored}\\a.exe");
        assert_eq!(count(&name), Some((counted, true)), "{name}");
    }
    assert_eq!(count("C:\\most\\b.exe"), Some((u32::MAX, true)));
    assert_eq!(count("C:\\never\\b.exe"), Some((1, false)));
    assert_eq!(count("UEME_RUNPATH:C:\\never\\a.exe"), Some((1, false)));
    assert_eq!(shown(&facts("hostile"), "exec.sysprep_starts"), "0");
}
