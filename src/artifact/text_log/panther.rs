//! `setupact.log` and `setuperr.log`: what set-up and Sysprep did, line by line.
//!
//! Three forms of a line are known. Vista and later: `2010-06-21 14:22:54, Info [0x0f0081] SYSPRP text`, code and
//! component optional. The tools that copy such logs: `02-07-2022 15:18:03.000 SYSPRP text`. XP and 2003: text without a
//! time. Only what Sysprep says of itself is understood; everything else is a line and no event.
//!
//! Sources: a published log of Windows 7 with `CryptoSysPrep_Specialize` (TechNet forum, 21 June 2010); Microsoft's
//! articles on failures of Sysprep (KB2769827, KB929828); published logs of Windows 10 and Server 2022.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::artifact::text_log::{Line, of_clock};
use crate::base::guid::Guid;

/// Longest name of a component (`SYSPRP`, `MOUPG`, `DIAGER`), in characters.
const COMPONENT_CHARS_MAX: usize = 8;
/// Longest name of an option, in characters.
const OPTION_CHARS_MAX: usize = 32;
/// Longest name of a provider that is taken from a line, in characters.
const NAME_CHARS_MAX: usize = 128;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupLevel {
    /// `Info`.
    Info,
    /// `Warning`.
    Warning,
    /// `Error`.
    Error,
    /// `FatalError`.
    Fatal,
    /// `Perf`.
    Performance,
}

/// A line in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupLine<'a> {
    /// The local time, of a zone that the log does not name.
    pub time: Option<NaiveDateTime>,
    /// How grave it is.
    pub level: Option<SetupLevel>,
    /// The number of the message.
    pub code: Option<u32>,
    /// The part of set-up that speaks.
    pub component: Option<&'a str>,
    /// What it says.
    pub text: &'a str,
}

/// What a line of Sysprep tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupEvent {
    /// `CryptoSysPrep_Specialize` gave the machine this MachineGuid.
    MachineGuidAssigned(Guid),
    /// A run of Sysprep begins.
    RunBegins,
    /// Sysprep was started with that option, in upper case.
    Option(String),
    /// A provider of Sysprep ran to its end.
    ProviderDone {
        /// The program file, without its folder.
        file: String,
        /// The function in it.
        function: String,
    },
    /// A provider of Sysprep failed.
    ProviderFailed {
        /// The program file, without its folder.
        file: String,
        /// The function in it.
        function: String,
        /// The code that it returned.
        code: u32,
    },
    /// A pass of Sysprep failed and ended the run.
    PassFailed {
        /// The pass, in lower case: `generalize`, `specialize`, `cleanup`.
        pass: String,
        /// The HRESULT.
        code: u32,
    },
    /// Sysprep runs no provider, since an earlier run did not come to its end.
    StateInvalid,
    /// Sysprep wrote the file that says that it succeeded.
    Succeeded,
}

impl<'a> SetupLine<'a> {
    /// The parts of a line.
    pub fn parse(line: &'a str) -> Self {
        let (time, rest) = time(line);
        let rest = rest.trim_start();
        let (level, rest) = level(rest);
        let rest = rest.trim_start();
        let (code, rest) = code(rest);
        let rest = rest.trim_start();
        let (component, text) = if time.is_some() {
            component(rest)
        } else {
            (None, rest)
        };
        Self {
            time,
            level,
            code,
            component,
            text: text.trim(),
        }
    }

    /// What Sysprep tells with it, if it is a line of Sysprep that is known.
    pub fn event(&self) -> Option<SetupEvent> {
        let text = self.text;
        if let Some(rest) = behind(text, "CryptoSysPrep_Specialize: assigned CAPI machine guid") {
            return guid_in(rest).map(SetupEvent::MachineGuidAssigned);
        }
        if text.contains("Beginning of a new sysprep run") {
            return Some(SetupEvent::RunBegins);
        }
        if let Some(rest) = behind(text, "Found supported command line option") {
            return option_in(rest).map(SetupEvent::Option);
        }
        if let Some(rest) = behind(text, "Failure occurred while executing") {
            let (file, function, rest) = provider(rest)?;
            let code = result_code(rest)?;
            return Some(SetupEvent::ProviderFailed {
                file,
                function,
                code,
            });
        }
        if let Some(rest) = behind(text, "Successfully executed") {
            let (file, function, _) = provider(rest)?;
            return Some(SetupEvent::ProviderDone { file, function });
        }
        if let Some(rest) = behind(text, "Hit failure while") {
            return pass_failed(rest);
        }
        if text.contains("Not running DLLs; either the machine is in an invalid state") {
            return Some(SetupEvent::StateInvalid);
        }
        let tag = behind(text, "Successfully created tag file")?;
        tag.contains("Sysprep_succeeded")
            .then_some(SetupEvent::Succeeded)
    }
}

/// The events of a log, each with its line and its time.
pub fn events<'a>(
    lines: impl Iterator<Item = Line<'a>>,
) -> impl Iterator<Item = (Line<'a>, Option<NaiveDateTime>, SetupEvent)> {
    lines.filter_map(|line| {
        let parsed = SetupLine::parse(&line.text);
        let event = parsed.event()?;
        let time = parsed.time;
        Some((line, time, event))
    })
}

fn behind<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.split_once(words).map(|(_, rest)| rest)
}

/// `2010-06-21 14:22:54,` or `02-07-2022 15:18:03.000`, and the rest.
fn time(line: &str) -> (Option<NaiveDateTime>, &str) {
    let read = || {
        let (date, rest) = line.trim_start().split_once(' ')?;
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        let (clock, rest) = rest.split_at_checked(end)?;
        let clock = clock.split_once('.').map_or(clock, |(seconds, _)| seconds);
        let date = NaiveDate::parse_from_str(date, "%Y-%m-%d")
            .or_else(|_| NaiveDate::parse_from_str(date, "%m-%d-%Y"))
            .ok()?;
        let clock = NaiveTime::parse_from_str(clock, "%H:%M:%S").ok()?;
        let time = of_clock(date.and_time(clock))?;
        Some((time, rest.strip_prefix(',').unwrap_or(rest)))
    };
    match read() {
        Some((time, rest)) => (Some(time), rest),
        None => (None, line),
    }
}

fn level(rest: &str) -> (Option<SetupLevel>, &str) {
    let levels = [
        ("Info", SetupLevel::Info),
        ("Warning", SetupLevel::Warning),
        ("Error", SetupLevel::Error),
        ("FatalError", SetupLevel::Fatal),
        ("Perf", SetupLevel::Performance),
    ];
    for (word, level) in levels {
        if let Some(behind) = rest.strip_prefix(word)
            && behind.starts_with([' ', '\t', '['])
        {
            return (Some(level), behind);
        }
    }
    (None, rest)
}

/// `[0x0f0081]`.
fn code(rest: &str) -> (Option<u32>, &str) {
    let read = || {
        let (digits, behind) = rest.strip_prefix("[0x")?.split_once(']')?;
        Some((u32::from_str_radix(digits, 16).ok()?, behind))
    };
    match read() {
        Some((code, behind)) => (Some(code), behind),
        None => (None, rest),
    }
}

fn component(rest: &str) -> (Option<&str>, &str) {
    let end = rest.find([' ', '\t']).unwrap_or(rest.len());
    let word = rest.get(..end).unwrap_or_default();
    let is_component = !word.is_empty()
        && word.len() <= COMPONENT_CHARS_MAX
        && word
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if is_component {
        (Some(word), rest.get(end..).unwrap_or_default())
    } else {
        (None, rest)
    }
}

/// The text in the next pair of single or double quotes, and what is behind it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let open = text.find(['\'', '"'])?;
    let quote = text.get(open..)?.chars().next()?;
    let inner = text.get(open.checked_add(1)?..)?;
    let (inner, rest) = inner.split_once(quote)?;
    (inner.chars().count() <= NAME_CHARS_MAX).then_some((inner, rest))
}

/// The name of an option in quotes, in upper case: what is behind it may be a secret.
fn option_in(text: &str) -> Option<String> {
    let open = text.find(['\'', '"'])?;
    let inner = text.get(open.checked_add(1)?..)?;
    let is_name =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    let end = inner
        .find(|character| !is_name(character))
        .unwrap_or(inner.len());
    let name = inner.get(..end)?;
    (1..=OPTION_CHARS_MAX)
        .contains(&name.len())
        .then(|| name.to_ascii_uppercase())
}

fn guid_in(text: &str) -> Option<Guid> {
    Guid::parse(quoted(text)?.0.trim())
}

/// `'C:\Windows\system32\capisp.dll,CryptoSysPrep_Specialize'` (up to 7) or
/// `'CryptoSysPrep_Specialize' from C:\Windows\System32\capisp.dll` (from 8 on): file and function, and what is behind.
fn provider(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = quoted(text)?;
    if let Some((path, function)) = name.rsplit_once(',') {
        return Some((file_of(path), function.trim().to_owned(), rest));
    }
    let path = rest.trim_start().strip_prefix("from ")?;
    let end = path.find([';', ',']).unwrap_or(path.len());
    let (path, rest) = path.split_at_checked(end)?;
    // Where it succeeded no mark is behind the path.
    let path = path
        .split_once(" without error")
        .map_or(path, |(path, _)| path);
    let path: String = path.trim().chars().take(NAME_CHARS_MAX).collect();
    Some((file_of(&path), name.to_owned(), rest))
}

fn file_of(path: &str) -> String {
    let name = path.rsplit('\\').next().unwrap_or(path);
    name.trim().to_ascii_lowercase()
}

/// `processing sysprep generalize internal providers; hr = 0x80073cf2`.
fn pass_failed(rest: &str) -> Option<SetupEvent> {
    let pass = behind(rest, "sysprep ")?.split(' ').next()?;
    let is_name = |character: char| character.is_ascii_alphabetic() || character == '-';
    let code = number(behind(rest, "hr =")?)?;
    let is_pass = (1..=OPTION_CHARS_MAX).contains(&pass.len()) && pass.chars().all(is_name);
    is_pass.then(|| SetupEvent::PassFailed {
        pass: pass.to_ascii_lowercase(),
        code,
    })
}

/// `returned error code 2[gle=0x00000012]` or `dwRet = 0x3cf2`.
fn result_code(text: &str) -> Option<u32> {
    number(behind(text, "returned error code").or_else(|| behind(text, "dwRet ="))?)
}

/// A number, hexadecimal with `0x`, decimal with or without a sign.
fn number(rest: &str) -> Option<u32> {
    let rest = rest.trim_start();
    let end = rest
        .find(|character: char| !(character.is_ascii_alphanumeric() || character == '-'))
        .unwrap_or(rest.len());
    let word = rest.get(..end)?;
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word
            .parse()
            .ok()
            .or_else(|| word.parse::<i32>().ok().map(i32::cast_unsigned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::text_log::lines;

    fn event(line: &str) -> Option<SetupEvent> {
        SetupLine::parse(line).event()
    }

    /// The line of the published log of Windows 7.
    const ASSIGNED: &str = "2010-06-21 14:22:55, Info                         capisp.dll::CryptoSysPrep_Specialize: \
                            assigned CAPI machine guid \"44d42aa2-dee4-4023-bea5-d2f166bbb42c\"";

    #[test]
    fn the_machine_guid_that_specialize_assigns_is_read_with_its_time() {
        let guid = Guid::parse("44d42aa2-dee4-4023-bea5-d2f166bbb42c").unwrap();
        assert_eq!(event(ASSIGNED), Some(SetupEvent::MachineGuidAssigned(guid)));
        let line = SetupLine::parse(ASSIGNED);
        assert_eq!(line.time.unwrap().to_string(), "2010-06-21 14:22:55");
        assert_eq!((line.level, line.component), (Some(SetupLevel::Info), None));
    }

    #[test]
    fn a_guid_that_is_cut_off_is_no_guid() {
        assert_eq!(event(&ASSIGNED[..ASSIGNED.len() - 5]), None);
    }

    #[test]
    fn the_parts_of_a_line_are_told_apart_in_every_form() {
        let dated =
            SetupLine::parse("2013-07-18 22:38:30, Error [0x0f0070] SYSPRP RunExternalDlls:no");
        assert_eq!(dated.level, Some(SetupLevel::Error));
        assert_eq!(dated.code, Some(0x000f_0070));
        assert_eq!(dated.component, Some("SYSPRP"));
        assert_eq!(dated.text, "RunExternalDlls:no");
        let copied = SetupLine::parse(
            "02-07-2022 15:18:03.000 SYSPRP Exit code of RemoveAllApps thread was 0x3cf2.",
        );
        assert_eq!(copied.time.unwrap().to_string(), "2022-02-07 15:18:03");
        assert_eq!(copied.component, Some("SYSPRP"));
        let plain = SetupLine::parse("GUI mode Setup has started.");
        assert_eq!((plain.time, plain.component), (None, None));
        assert_eq!(plain.text, "GUI mode Setup has started.");
    }

    #[test]
    fn providers_are_named_alike_in_both_forms() {
        let old = "2013-07-18 22:38:30, Error [0x0f0082] SYSPRP LaunchDll:Failure occurred while executing \
                   'C:\\Windows\\System32\\spbcd.dll,Sysprep_Generalize_Bcd', returned error code 2[gle=0x00000012]";
        let new = "2025-07-22 21:55:35, Error                 SYSPRP ActionPlatform::LaunchModule: Failure occurred \
                   while executing 'SysprepGeneralizeValidate' from C:\\Windows\\System32\\AppxSysprep.dll; dwRet = 0x3cf2";
        let failed = |file: &str, function: &str, code| SetupEvent::ProviderFailed {
            file: file.to_owned(),
            function: function.to_owned(),
            code,
        };
        assert_eq!(
            event(old),
            Some(failed("spbcd.dll", "Sysprep_Generalize_Bcd", 2))
        );
        assert_eq!(
            event(new),
            Some(failed(
                "appxsysprep.dll",
                "SysprepGeneralizeValidate",
                0x3cf2
            ))
        );
        let done = SetupEvent::ProviderDone {
            file: "capisp.dll".to_owned(),
            function: "CryptoSysPrep_Specialize".to_owned(),
        };
        for line in [
            "SYSPRP LaunchDll:Successfully executed 'C:\\Windows\\system32\\capisp.dll,CryptoSysPrep_Specialize' without error",
            "SYSPRP ActionPlatform::LaunchModule: Successfully executed 'CryptoSysPrep_Specialize' from \
             C:\\Windows\\System32\\capisp.dll without error.",
        ] {
            assert_eq!(event(line), Some(done.clone()));
        }
    }

    #[test]
    fn runs_options_and_success_are_known() {
        let log = "2025-07-22 21:55:35, Info                  SYSPRP ===          Beginning of a new sysprep run          ===\n\
                   2025-07-22 21:55:35, Info       [0x0f005f] SYSPRP ParseCommands:Found supported command line option 'generalize'\n\
                   whatever\n\
                   2025-07-22 21:56:35, Info       [0x0f007f] SYSPRP FCreateTagFile:Successfully created tag file \
                   C:\\Windows\\System32\\Sysprep\\Sysprep_succeeded.tag\n";
        let found: Vec<(u64, SetupEvent)> = events(lines(log.as_bytes()))
            .map(|(line, _, event)| (line.number, event))
            .collect();
        assert_eq!(
            found,
            [
                (1, SetupEvent::RunBegins),
                (2, SetupEvent::Option("GENERALIZE".to_owned())),
                (4, SetupEvent::Succeeded)
            ]
        );
    }

    #[test]
    fn of_an_option_the_name_alone_is_kept() {
        let line = "SYSPRP ParseCommands:Found supported command line option 'UNATTEND:C:\\a.xml /adminpassword:Hunter2'";
        assert_eq!(event(line), Some(SetupEvent::Option("UNATTEND".to_owned())));
    }

    #[test]
    fn a_code_is_read_with_and_without_a_sign() {
        assert_eq!(
            result_code(", returned error code -1073425657[x"),
            Some(0xC004_D307)
        );
        assert_eq!(result_code("; dwRet = 0x1f, hr"), Some(31));
        assert_eq!(result_code("; dwRet = "), None);
    }
}
