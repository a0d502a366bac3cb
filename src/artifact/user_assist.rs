//! UserAssist: how often Explorer started a program, by the user's own hive.
//!
//! Values of `...\Explorer\UserAssist\{GUID}\Count` are named in ROT13. Up to Vista and Server 2008 the data is 16 bytes: a
//! session number, a count that begins at 5, a FILETIME; from Windows 7 on 72 bytes: a number, a count from 0, how often and
//! how long the program had the focus, ten ratings, a number, a FILETIME. There a path begins with a known folder.
//!
//! Specification: plaso, `userassist.yaml`, forms 3 and 5; known folders: "KNOWNFOLDERID" of the Windows SDK.

use crate::base::bytes;
use crate::base::filetime::FileTime;

/// Length of the data up to Vista.
const SHORT_LEN: usize = 16;
/// What Explorer adds to a count in it.
const COUNT_BASE: u32 = 5;
/// Length of the data from Windows 7 on, and where the time lies in it.
const LONG_LEN: usize = 72;
const LONG_TIME: usize = 60;
/// What stands before a path that was started, up to Vista.
const RUN_PATH: &str = "UEME_RUNPATH:";
/// What every entry that is no path begins with, and up to Vista every entry.
const EVENT: &str = "UEME_";
/// Known folders in which programs lie.
const FOLDERS: [(&str, &str); 8] = [
    ("{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}", "System32"),
    ("{D65231B0-B2F1-4857-A4CE-A8E7C6EA7D27}", "SysWOW64"),
    ("{F38BF404-1D43-42F2-9305-67DE0B28FC23}", "Windows"),
    ("{905E63B6-C1BF-494E-B29C-65B732D3D21A}", "Program Files"),
    (
        "{6D809377-6AF0-444B-8957-A3773F02200E}",
        "Program Files (64 bits)",
    ),
    (
        "{7C5A40EF-A0FB-4BFC-874A-C0F2E0B9FA8E}",
        "Program Files (32 bits)",
    ),
    ("{62AB5D82-FDC1-4DC3-A9DD-070D1D495D97}", "ProgramData"),
    ("{B4BFCC3A-DB2C-424C-B029-7FE99A87C641}", "Desktop"),
];

/// A counted program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAssistEntry {
    /// The name in clear: `UEME_RUNPATH:C:\WINDOWS\system32\fbreseal.exe`, `{1AC14E77-...}\sysprep\sysprep.exe`.
    pub name: String,
    /// How often it was started, at least: up to Vista a stored count of up to 5 tells no start.
    pub count: u32,
    /// When it was started last.
    pub last_run: Option<FileTime>,
}

/// Reads one value; `None` for data of another length.
pub fn parse(name: &str, data: &[u8]) -> Option<UserAssistEntry> {
    let stored = bytes::u32_le(data, 4)?;
    let (count, time) = match data.len() {
        SHORT_LEN => (stored.saturating_sub(COUNT_BASE), 8),
        LONG_LEN => (stored, LONG_TIME),
        _ => return None,
    };
    let last = FileTime(bytes::u64_le(data, time)?);
    Some(UserAssistEntry {
        name: rot13(name),
        count,
        last_run: (last.0 != 0).then_some(last),
    })
}

impl UserAssistEntry {
    /// The path that was started, a known folder by its name; `None` for an entry that tells of something else.
    pub fn path(&self) -> Option<String> {
        if let Some(path) = strip_prefix(&self.name, RUN_PATH) {
            return Some(path.to_owned());
        }
        if strip_prefix(&self.name, EVENT).is_some() {
            return None;
        }
        let folder = FOLDERS
            .iter()
            .find_map(|(id, folder)| Some((folder, strip_prefix(&self.name, id)?)));
        Some(folder.map_or_else(
            || self.name.clone(),
            |(folder, tail)| format!("{folder}{tail}"),
        ))
    }
}

/// What follows `prefix`, in whatever case.
fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, tail) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(tail)
}
/// Turns the letters by 13 places; doing it twice gives the text back.
pub fn rot13(text: &str) -> String {
    let turn = |character: char, first: u8| {
        u8::try_from(character)
            .ok()
            .and_then(|byte| byte.checked_sub(first))
            .map_or(character, |place| {
                char::from(first.saturating_add((place.saturating_add(13)) % 26))
            })
    };
    text.chars()
        .map(|character| match character {
            'a'..='z' => turn(character, b'a'),
            'A'..='Z' => turn(character, b'A'),
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both texts are computed in the reference on sealing evidence.
    #[test]
    fn names_are_in_rot13() {
        assert_eq!(rot13("soerfrny.rkr"), "fbreseal.exe");
        assert_eq!(rot13("HRZR_EHACNGU"), "UEME_RUNPATH");
    }

    /// The fields of `user_assist_entry_v5`: the count at 4, the time at 60.
    #[test]
    fn the_long_form_counts_from_nothing_and_keeps_its_time_at_60() {
        let mut data = [0; 72];
        data[4] = 2;
        data[60..68].copy_from_slice(&7_u64.to_le_bytes());
        let entry = parse(
            "{1NP14R77-02R7-4R5Q-O744-2RO1NR5198O7}\\flfcerc\\flfcerc.rkr",
            &data,
        )
        .unwrap();
        assert_eq!((entry.count, entry.last_run), (2, Some(FileTime(7))));
        assert_eq!(
            entry.path().as_deref(),
            Some("System32\\sysprep\\sysprep.exe")
        );
    }

    #[test]
    fn only_entries_of_started_paths_have_a_path() {
        let path = |clear: &str| parse(&rot13(clear), &[0; 16]).unwrap().path();
        assert_eq!(path("UEME_RUNPATH:C:\\x.exe").as_deref(), Some("C:\\x.exe"));
        assert_eq!(path("UEME_RUNPIDL:C:\\x.exe"), None);
        assert_eq!(path("UEME_CTLSESSION"), None);
    }

    /// The rule of plaso above 5: the stored count less 5. Up to 5 no start is proved.
    #[test]
    fn counts_begin_at_five_and_below_it_prove_no_start() {
        let data = |stored: u32| {
            let mut data = vec![1, 0, 0, 0];
            data.extend(stored.to_le_bytes());
            data.extend([0; 8]);
            data
        };
        let count = |stored| parse("n", &data(stored)).unwrap().count;
        assert_eq!([count(0), count(5), count(6), count(7)], [0, 0, 1, 2]);
        assert_eq!(parse("n", &[0; 8]), None);
    }
}
