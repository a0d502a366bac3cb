//! `setupapi.log` (2000 to 2003) and `setupapi.*.log` (Vista and later): when devices were installed, and by which program.
//!
//! Each installation is a section with its local time. A machine that was cloned finds its devices anew, so that many
//! sections follow each other: sections with short gaps are put together. Sections are written when they end, so that
//! their times go back by seconds. Up to 2003 a section names the command that ran: `setup -newsetup -mini` is mini-setup,
//! the first boot of a sealed image, and sysprep.exe itself installs devices before it seals. From Vista on the title of a
//! section may name a pass of Sysprep. Such a section begins a group of its own. Only the name of the program is kept of a
//! command: command lines of others may hold passwords.
//!
//! Specification: Microsoft, "Troubleshooting Device Installation with the SetupAPI Log File" (2003); Microsoft Learn,
//! "Format of a Text Log Section Header"; published logs of Windows 2000, Server 2003 and Windows 10, named in
//! docs/formats/setup-logs.md.

use chrono::{NaiveDateTime, TimeDelta};

use crate::artifact::text_log::{Line, of_clock};

/// Sections with at most this gap between them, to whichever side, belong together.
const GAP: TimeDelta = TimeDelta::minutes(30);
/// Most groups of sections of one log that are kept.
pub const BURSTS_MAX: usize = 10_000;
/// Most programs that a group names.
const PROGRAMS_MAX: usize = 8;
/// The longest name of a program, in characters.
const NAME_CHARS_MAX: usize = 64;
/// The programs that seal an image.
const SEAL_TOOLS: [&str; 2] = ["sysprep.exe", "fbreseal.exe"];

/// What sections have to do with sealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealStep {
    /// A program that seals ran; from Vista on, Sysprep in a pass that is not known.
    Tool,
    /// Sysprep generalized the image.
    Generalize,
    /// Sysprep gave a clone what is its own, at its first boot.
    Specialize,
    /// Mini-setup ran, the first boot of a sealed image of 2000 to 2003.
    MiniSetup,
}

/// Sections that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burst {
    /// The line of the first section, from 1.
    pub line: u64,
    /// Where that line begins in the file, in bytes.
    pub offset: u64,
    /// The local time of the first section, of a zone that the log does not name.
    pub first: NaiveDateTime,
    /// The latest local time of a section.
    pub last: NaiveDateTime,
    /// How many sections.
    pub sections: u64,
    /// The programs that ran, in lower case, without folders (old form only).
    pub programs: Vec<String>,
    /// What they have to do with sealing.
    pub seal: Option<SealStep>,
}

/// What a line is.
#[derive(Clone, Copy)]
enum Mark<'a> {
    /// A section begins.
    Section(NaiveDateTime),
    /// The title of the section that begins next.
    Title(&'a str),
    /// The program of the section, and its command line.
    Program(&'a str, &'a str),
    /// The command line of the section, with the program in front.
    CommandLine(&'a str),
    /// Windows 2000: the command line of the program that the next line names.
    Munged(&'a str),
    /// Windows 2000: the program.
    Exe(&'a str),
}

/// The groups of sections of a log, in the order of the file; at most [`BURSTS_MAX`].
pub fn bursts<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Burst> {
    let mut groups = Groups::default();
    for line in lines {
        if let Some(mark) = mark(&line.text) {
            groups.take(&line, mark);
        }
    }
    groups.close();
    groups.bursts
}

/// The groups so far, and the section whose lines are being read.
#[derive(Default)]
struct Groups {
    bursts: Vec<Burst>,
    /// The section that is open, as a group of its own.
    open: Option<Burst>,
    /// What the last title says.
    title: Option<SealStep>,
    /// Whether the last command line of Windows 2000 asks for mini-setup.
    asks_mini: bool,
}

impl Groups {
    fn take(&mut self, line: &Line<'_>, mark: Mark<'_>) {
        match mark {
            Mark::Section(time) => {
                self.close();
                self.asks_mini = false;
                self.open = Some(Burst {
                    line: line.number,
                    offset: line.offset,
                    first: time,
                    last: time,
                    sections: 1,
                    programs: Vec::new(),
                    seal: self.title.take(),
                });
            }
            Mark::Title(title) => self.title = pass_of(title),
            Mark::Munged(command) => self.asks_mini = asks_mini(command),
            Mark::Exe(path) => {
                let asks_mini = self.asks_mini;
                self.ran(path, asks_mini);
            }
            Mark::Program(path, command) => self.ran(path, asks_mini(command)),
            Mark::CommandLine(command) => {
                let (path, rest) = split_program(command);
                self.ran(path, asks_mini(rest));
            }
        }
    }

    /// The open section names a program.
    fn ran(&mut self, path: &str, asks_mini: bool) {
        let Some(section) = &mut self.open else {
            return;
        };
        let path = path.trim().trim_matches('"');
        let name = path.rsplit(['\\', '/']).next().unwrap_or(path);
        let name: String = name
            .chars()
            .take(NAME_CHARS_MAX)
            .flat_map(char::to_lowercase)
            .collect();
        let step = if name == "setup.exe" && asks_mini {
            Some(SealStep::MiniSetup)
        } else {
            SEAL_TOOLS
                .contains(&name.as_str())
                .then_some(SealStep::Tool)
        };
        section.seal = section.seal.or(step);
        section.name(name);
    }

    /// Puts the open section to the last group, or makes it a group.
    fn close(&mut self) {
        let Some(section) = self.open.take() else {
            return;
        };
        if let Some(burst) = self.bursts.last_mut()
            && burst.takes(&section)
        {
            burst.add(section);
        } else if self.bursts.len() < BURSTS_MAX {
            self.bursts.push(section);
        }
    }
}

impl Burst {
    fn takes(&self, section: &Self) -> bool {
        let gap = section.first.signed_duration_since(self.last).abs();
        gap <= GAP && (section.seal.is_none() || section.seal == self.seal)
    }

    fn add(&mut self, section: Self) {
        self.last = self.last.max(section.last);
        self.sections = self.sections.saturating_add(1);
        for name in section.programs {
            self.name(name);
        }
    }

    fn name(&mut self, name: String) {
        if !name.is_empty() && self.programs.len() < PROGRAMS_MAX && !self.programs.contains(&name)
        {
            self.programs.push(name);
        }
    }
}

fn asks_mini(command: &str) -> bool {
    command
        .split_whitespace()
        .filter_map(|word| word.strip_prefix(['-', '/']))
        .any(|word| word.eq_ignore_ascii_case("mini"))
}

/// A command line as its program and the rest.
fn split_program(command: &str) -> (&str, &str) {
    let command = command.trim_start();
    if let Some(quoted) = command.strip_prefix('"') {
        return quoted.split_once('"').unwrap_or((quoted, ""));
    }
    let folded = command.to_ascii_lowercase();
    let end = folded
        .find(".exe")
        .and_then(|at| at.checked_add(4))
        .or_else(|| command.find(' '))
        .unwrap_or(command.len());
    command.split_at_checked(end).unwrap_or((command, ""))
}

/// `Sysprep Specialize - {3e17cbaa-ea8d-4347-b56c-5adeaaf64172}`.
fn pass_of(title: &str) -> Option<SealStep> {
    let pass = title.strip_prefix("Sysprep ")?;
    let pass = pass.split(' ').next().unwrap_or_default();
    Some(match pass.to_ascii_lowercase().as_str() {
        "generalize" => SealStep::Generalize,
        "specialize" | "respecialize" => SealStep::Specialize,
        _ => SealStep::Tool,
    })
}

fn mark(text: &str) -> Option<Mark<'_>> {
    if let Some(section) = text.strip_prefix(">>>") {
        let section = section.trim_start();
        if let Some(title) = section.strip_prefix('[') {
            return Some(Mark::Title(title.strip_suffix(']').unwrap_or(title)));
        }
        let stamp = section.strip_prefix("Section start ").or_else(|| {
            let at = section.find(": Section start")?;
            section.get(..at)
        })?;
        return time(stamp).map(Mark::Section);
    }
    if let Some(section) = text.strip_prefix('[') {
        return time(section).map(Mark::Section);
    }
    if let Some(command) = text.strip_prefix("Munged cmdline: ") {
        return Some(Mark::Munged(command));
    }
    if let Some(path) = text.strip_prefix("EXE name: ") {
        return Some(Mark::Exe(path));
    }
    let message = behind_time(text);
    if let Some(command) = message.strip_prefix("#-199 Executing ") {
        let (path, line) = command
            .split_once(" with command line: ")
            .unwrap_or((command, ""));
        return Some(Mark::Program(path, line));
    }
    let command = message.strip_prefix("#-198 Command line processed: ")?;
    Some(Mark::CommandLine(command))
}

/// What follows `@ 20:14:33.381 `, which a level of logging puts before a message.
fn behind_time(text: &str) -> &str {
    text.strip_prefix("@ ")
        .and_then(|rest| rest.split_once(' '))
        .map_or(text, |(_, message)| message)
}

/// `2005/02/13 22:06:20` and anything behind.
fn time(text: &str) -> Option<NaiveDateTime> {
    let stamp = text.get(..19)?;
    NaiveDateTime::parse_from_str(stamp, "%Y/%m/%d %H:%M:%S")
        .ok()
        .and_then(of_clock)
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
                    burst.seal == Some(SealStep::MiniSetup),
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
        assert_eq!((found[0].sections, found[0].line), (2, 6));
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
        assert_eq!(found[0].seal, None);
        assert!(!format!("{found:?}").contains("Secret"));
    }
}
