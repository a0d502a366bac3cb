//! `setupapi.log` (2000 to 2003) and `setupapi.*.log` (Vista and later): when devices were installed, and by which program.
//!
//! Each installation is a section with its local time. A machine that was cloned finds its devices anew, so that many
//! sections follow each other: sections with short gaps are put together. In the old form a section names the command
//! that ran, and `setup -newsetup -mini` is mini-setup, the first boot of a sealed image. Only the name of the program is
//! kept of a command: command lines of others may hold passwords.
//!
//! Specification: Microsoft, "Troubleshooting Device Installation with the SetupAPI Log File" (2003); Microsoft Learn,
//! "Format of a Text Log Section Header".

use chrono::{NaiveDateTime, TimeDelta};

use crate::artifact::text_log::Line;

/// Sections with at most this gap between them belong together.
const GAP: TimeDelta = TimeDelta::minutes(30);
/// Most groups of sections of one log.
const BURSTS_MAX: usize = 10_000;
/// Most programs that a group names.
const PROGRAMS_MAX: usize = 8;
/// The longest name of a program, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Sections that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burst {
    /// The line of the first section, from 1.
    pub line: u64,
    /// Where that line begins in the file, in bytes.
    pub offset: u64,
    /// The local time of the first section, of a zone that the log does not name.
    pub first: NaiveDateTime,
    /// The local time of the last section.
    pub last: NaiveDateTime,
    /// How many sections.
    pub sections: u64,
    /// The programs that ran, in lower case, without folders (old form only).
    pub programs: Vec<String>,
    /// Whether mini-setup ran.
    pub mini_setup: bool,
}

/// What a line is.
enum Mark<'a> {
    Section(NaiveDateTime),
    Command(&'a str),
}

/// The groups of sections of a log, in the order of the file.
pub fn bursts<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Burst> {
    let mut bursts: Vec<Burst> = Vec::new();
    for line in lines {
        match mark(&line.text) {
            None => {}
            Some(Mark::Section(time)) => add(&mut bursts, &line, time),
            Some(Mark::Command(command)) => {
                if let Some(burst) = bursts.last_mut() {
                    burst.command(command);
                }
            }
        }
    }
    bursts
}

fn add(bursts: &mut Vec<Burst>, line: &Line<'_>, time: NaiveDateTime) {
    if let Some(burst) = bursts.last_mut() {
        let gap = time.signed_duration_since(burst.last);
        if gap >= TimeDelta::zero() && gap <= GAP {
            burst.last = time;
            burst.sections = burst.sections.saturating_add(1);
            return;
        }
    }
    if bursts.len() < BURSTS_MAX {
        bursts.push(Burst {
            line: line.number,
            offset: line.offset,
            first: time,
            last: time,
            sections: 1,
            programs: Vec::new(),
            mini_setup: false,
        });
    }
}

impl Burst {
    /// `"C:\WINDOWS\system32\setup.exe" with command line: setup -newsetup -mini`.
    fn command(&mut self, command: &str) {
        let (path, line) = command
            .split_once(" with command line: ")
            .unwrap_or((command, ""));
        let path = path.trim().trim_matches('"');
        let name = path.rsplit('\\').next().unwrap_or(path);
        let name: String = name
            .chars()
            .take(NAME_CHARS_MAX)
            .flat_map(char::to_lowercase)
            .collect();
        let mut words = line.split_whitespace();
        self.mini_setup |=
            name == "setup.exe" && words.any(|word| word.eq_ignore_ascii_case("-mini"));
        if !name.is_empty() && self.programs.len() < PROGRAMS_MAX && !self.programs.contains(&name)
        {
            self.programs.push(name);
        }
    }
}

fn mark(text: &str) -> Option<Mark<'_>> {
    if let Some(command) = text.strip_prefix("#-199 Executing ") {
        return Some(Mark::Command(command));
    }
    if let Some(section) = text.strip_prefix('[') {
        let section = section.strip_prefix("Boot Session: ").unwrap_or(section);
        return time(section).map(Mark::Section);
    }
    let section = text.strip_prefix(">>>")?.trim_start();
    let stamp = section.strip_prefix("Section start ").or_else(|| {
        let at = section.find(": Section start")?;
        section.get(..at)
    })?;
    time(stamp).map(Mark::Section)
}

/// `2005/02/13 22:06:20` and anything behind.
fn time(text: &str) -> Option<NaiveDateTime> {
    let stamp = text.get(..19)?;
    NaiveDateTime::parse_from_str(stamp, "%Y/%m/%d %H:%M:%S").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::text_log::lines;

    fn read(log: &str) -> Vec<Burst> {
        bursts(lines(log.as_bytes()))
    }

    /// The two sections that Microsoft's paper shows, and a later one of mini-setup.
    const OLD: &str = "[SetupAPI Log]\r\nOS Version = 5.1.2600 Service Pack 1\r\n\
        [2003/05/22 16:35:47 336.12]\r\n\
        #-199 Executing \"C:\\WINDOWS\\system32\\setup.exe\" with command line: setup -newsetup\r\n\
        #I140 Installing Device Class: \"1394\" {6BDD1FC1-810F-11D0-BEC7-08002BE2092F}.\r\n\
        [2003/05/22 16:35:48 336.15]\r\n\
        #-199 Executing \"C:\\WINDOWS\\system32\\setup.exe\" with command line: setup -newsetup\r\n\
        [2003/06/01 09:00:00 212.3 Driver Install]\r\n\
        #-199 Executing \"C:\\WINDOWS\\System32\\Setup.exe\" with command line: setup -newsetup -MINI\r\n";

    #[test]
    fn sections_of_the_old_form_are_put_together_by_their_gaps() {
        let found = read(OLD);
        let told: Vec<(u64, String, u64, bool)> = found
            .iter()
            .map(|burst| {
                (
                    burst.line,
                    burst.first.to_string(),
                    burst.sections,
                    burst.mini_setup,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (3, "2003-05-22 16:35:47".to_owned(), 2, false),
                (8, "2003-06-01 09:00:00".to_owned(), 1, true)
            ]
        );
        assert_eq!(found[0].programs, ["setup.exe"]);
        assert_eq!(found[0].last.to_string(), "2003-05-22 16:35:48");
    }

    #[test]
    fn sections_of_the_new_form_are_known_in_both_spellings() {
        let log = "[Device Install Log]\n     OS Version = 6.1.7601\n[BeginLog]\n[Boot Session: 2009/07/14 04:52:11.484]\n\
                   >>>  [Device Install - PCI\\VEN_104C]\n>>>  2009/07/14 04:53:20.000: Section start\n\
                   <<<  [2009/07/14 04:53:28.109: Section end]\n<<<  [Exit Status(0x00000000)]\n\
                   >>>  [Setup Import Driver Package]\n>>>  Section start 2009/07/14 04:55:00.123\n";
        let found = read(log);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].sections, found[0].line), (3, 4));
    }

    #[test]
    fn a_clock_that_was_set_back_begins_another_group() {
        let found = read("[2003/05/22 16:35:47 1.1]\n[2003/05/22 16:00:00 1.1]\n");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn only_the_name_of_a_program_is_kept_of_its_command() {
        let found = read(
            "[2003/05/22 16:35:47 1.1]\n#-199 Executing \"C:\\x\\tool.exe\" with command line: tool /p:Secret -mini\n",
        );
        assert_eq!(found[0].programs, ["tool.exe"]);
        assert!(!found[0].mini_setup);
        assert!(!format!("{found:?}").contains("Secret"));
    }
}
