//! UserAssist of Windows 2000 to 2003: how often Explorer started a program, by the user's own hive.
//!
//! Values of `...\Explorer\UserAssist\{GUID}\Count` are named in ROT13; data of 16 bytes is a session number, a count and
//! a FILETIME. Explorer begins to count at 5 (form 3 of the plaso definitions `userassist.yaml`).

use crate::base::bytes;
use crate::base::filetime::FileTime;

/// Length of the data up to Server 2003.
const DATA_LEN: usize = 16;
/// What Explorer adds to a count.
const COUNT_BASE: u32 = 5;

/// A counted program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAssistEntry {
    /// The name in clear: `UEME_RUNPATH:C:\WINDOWS\system32\fbreseal.exe`.
    pub name: String,
    /// How often it was started, at least: a stored count of up to 5 tells no start.
    pub count: u32,
    /// When it was started last.
    pub last_run: Option<FileTime>,
}

/// Reads one value; `None` for data of another length.
pub fn parse(name: &str, data: &[u8]) -> Option<UserAssistEntry> {
    if data.len() != DATA_LEN {
        return None;
    }
    let stored = bytes::u32_le(data, 4)?;
    let last = FileTime(bytes::u64_le(data, 8)?);
    Some(UserAssistEntry {
        name: rot13(name),
        count: stored.saturating_sub(COUNT_BASE),
        last_run: (last.0 != 0).then_some(last),
    })
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
