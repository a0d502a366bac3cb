//! From an `ImagePath` to the file of the volume.
//!
//! The forms in use: `%SystemRoot%\...`, `\SystemRoot\...`, `\??\C:\...`, `system32\...` (from the Windows folder), a full path
//! with or without quotes, a bare name; each may have arguments behind it. An unquoted path with spaces ends after the
//! first part that ends like a program, as the loader would find it.

use crate::base::win_path::WinPath;
use crate::facts::Context;
use crate::facts::machine_keys::in_own_root;

/// Where a program lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// On the volume of the installation.
    InVolume(WinPath),
    /// On another drive, a device or a share, or behind a variable that is not known here.
    Elsewhere(String),
    /// No path at all.
    None,
}

/// Endings that close an unquoted path before its arguments.
const ENDINGS: [&str; 5] = [".exe", ".dll", ".sys", ".com", ".bat"];
/// Variables that stand for the Windows folder.
const ROOTS: [&str; 3] = ["%systemroot%", "%windir%", "\\systemroot"];

/// Where an installation lies on its volume, and on which drive it knew itself.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    system_root: WinPath,
    /// What stands for the root of its drive: that of the volume, or the folder that an installation was put into.
    own_root: WinPath,
    /// `C:`; where it is unknown, any drive letter is taken as the one of this volume.
    system_drive: Option<String>,
}

impl Home {
    /// That of the installation.
    pub(crate) fn of(context: &Context<'_>, system_drive: Option<String>) -> Self {
        Self {
            system_root: context.installation.system_root.clone(),
            own_root: in_own_root(context, ""),
            system_drive,
        }
    }
}

/// The program that `image_path` names.
pub(crate) fn program(image_path: &str, home: &Home) -> Program {
    place(without_arguments(image_path.trim()), home)
}

/// The file or folder that a path of the registry names, without arguments.
pub(crate) fn place(path: &str, home: &Home) -> Program {
    let system_root = &home.system_root;
    let path = path.trim();
    if path.is_empty() {
        return Program::None;
    }
    let path = ["\\??\\", "\\\\?\\", "\\\\.\\"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .unwrap_or(path);
    if let Some(tail) = ROOTS.iter().find_map(|root| strip_prefix(path, root)) {
        return Program::InVolume(system_root.join(tail));
    }
    if let Some(tail) = strip_prefix(path, "%systemdrive%") {
        return Program::InVolume(home.own_root.join(tail));
    }
    if let Some(drive) = drive_of(path) {
        let system_drive = home.system_drive.as_ref();
        return if system_drive.is_none_or(|system| system.eq_ignore_ascii_case(&drive)) {
            Program::InVolume(home.own_root.join(path))
        } else {
            Program::Elsewhere(path.to_owned())
        };
    }
    if path.starts_with('\\') || path.starts_with('/') || path.starts_with('%') {
        return Program::Elsewhere(path.to_owned());
    }
    if path.contains(['\\', '/']) {
        return Program::InVolume(system_root.join(path));
    }
    Program::InVolume(system_root.join("system32").join(path))
}

/// The path without quotes and arguments.
fn without_arguments(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix('"') {
        return rest.split('"').next().unwrap_or(rest).trim();
    }
    let lower = text.to_ascii_lowercase();
    let end = ENDINGS
        .iter()
        .flat_map(|ending| {
            lower
                .match_indices(ending)
                .map(|(at, found)| at.saturating_add(found.len()))
        })
        .filter(|end| {
            lower
                .get(*end..)
                .is_none_or(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
        })
        .min();
    match end {
        Some(end) => text.get(..end).unwrap_or(text),
        None => text.split([' ', '\t']).next().unwrap_or(text),
    }
}

fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    let tail = text.get(prefix.len()..)?;
    (head.eq_ignore_ascii_case(prefix) && (tail.is_empty() || tail.starts_with(['\\', '/'])))
        .then_some(tail)
}

fn drive_of(path: &str) -> Option<String> {
    match path.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_alphabetic() => path.get(..2).map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(image_path: &str, expected: &str) {
        check_in("", image_path, expected);
    }

    /// The same of an installation that was put into a folder of the root.
    fn check_in(own_root: &str, image_path: &str, expected: &str) {
        let own_root = WinPath::new(own_root);
        let home = Home {
            system_root: own_root.child("WINNT"),
            own_root,
            system_drive: Some("C:".to_owned()),
        };
        let found = match program(image_path, &home) {
            Program::InVolume(path) => path.to_string(),
            Program::Elsewhere(path) => format!("elsewhere {path}"),
            Program::None => "none".to_owned(),
        };
        assert_eq!(found, expected, "{image_path}");
    }

    #[test]
    fn programs_of_an_installation_that_was_put_aside_are_those_beside_it() {
        let full = "C:\\WINNT\\system32\\services.exe";
        check_in(
            "Windows.old",
            full,
            "Windows.old\\WINNT\\system32\\services.exe",
        );
        let of_drive = "%SystemDrive%\\Agent\\agent.exe";
        check_in("Windows.old", of_drive, "Windows.old\\Agent\\agent.exe");
    }

    #[test]
    fn every_form_of_an_image_path_leads_to_its_file() {
        check(
            "%SystemRoot%\\System32\\svchost.exe -k netsvcs",
            "WINNT\\System32\\svchost.exe",
        );
        check(
            "\\SystemRoot\\System32\\drivers\\afd.sys",
            "WINNT\\System32\\drivers\\afd.sys",
        );
        check(
            "system32\\DRIVERS\\tcpip.sys",
            "WINNT\\system32\\DRIVERS\\tcpip.sys",
        );
        check(
            "System32\\inetsrv\\inetinfo.exe",
            "WINNT\\System32\\inetsrv\\inetinfo.exe",
        );
        check("\\??\\C:\\WINNT\\system32\\x.sys", "WINNT\\system32\\x.sys");
        check(
            "\"C:\\Program Files\\A B\\c d.exe\" /svc",
            "Program Files\\A B\\c d.exe",
        );
        check(
            "C:\\Program Files\\A B\\c d.exe /svc x.exe",
            "Program Files\\A B\\c d.exe",
        );
        check(
            "c:\\winnt\\system32\\msdtc.exe",
            "winnt\\system32\\msdtc.exe",
        );
        check("spoolss.exe", "WINNT\\system32\\spoolss.exe");
        check("D:\\Apps\\agent.exe", "elsewhere D:\\Apps\\agent.exe");
        check(
            "\\\\server\\share\\a.exe",
            "elsewhere \\\\server\\share\\a.exe",
        );
        check(
            "%ProgramFiles%\\A\\a.exe",
            "elsewhere %ProgramFiles%\\A\\a.exe",
        );
        check("  ", "none");
    }
}
