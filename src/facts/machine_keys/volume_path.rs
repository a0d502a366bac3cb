//! A path that the registry names, brought to the volume of the installation.
//!
//! A drive letter means something only on the running machine. The letter of the Windows folder (`CurrentVersion!SystemRoot`)
//! is this volume; any other is a volume that is not at hand, which is unknown and not absent.
//!
//! An installation that an upgrade has put aside (`Windows.old\WINNT`) called a folder of the root its own, and what lay in
//! the root beside it was put aside with it. So `C:\` stands for the folder that holds its tree, and never for the root of
//! the volume, where another installation has its files: those that were not put aside with it are not known.

use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Locator, Unknown, UnknownReason};
use crate::facts::{Context, HiveName};

/// Where Windows writes down how it calls its own folder.
const RECORDED_ROOT: (&str, &str) = ("Microsoft\\Windows NT\\CurrentVersion", "SystemRoot");

/// A path that can't be brought to the volume: why, in words.
type Refused = (UnknownReason, String);

/// Brings `text`, a value at `place`, to a path of the installation's volume.
///
/// # Errors
/// A path on another volume, on a server or on a drive where none is recorded for Windows, one with a variable that is not
/// expanded here, and one that was not put aside with its installation.
pub(crate) fn on_volume(
    context: &Context<'_>,
    text: &str,
    place: &Locator,
) -> Result<WinPath, Unknown> {
    let recorded_root = recorded_root(context).ok().flatten();
    let own_root = own_root(context);
    let system_root = &context.installation.system_root;
    let path = resolve(text, system_root, &own_root, recorded_root.as_deref())
        .map_err(|(reason, detail)| Unknown::new(reason, detail, place.clone()))?;
    match own_root {
        Ok(own_root) if !is_below(&path, system_root) => put_aside(context, &own_root, path),
        _ => Ok(path),
    }
}

/// The folder that stands for the root of the drive of Windows: that of the volume, or the one that holds an installation
/// which was put aside.
///
/// # Errors
/// It cannot be told, or is not in what was given.
pub(crate) fn own_root(context: &Context<'_>) -> Result<WinPath, Unknown> {
    // Single files are shown from the root on, whatever their Windows called its folder.
    if context.installation.filesystem.layer() == "loose" {
        return Ok(WinPath::root());
    }
    let recorded = recorded_root(context);
    let text = recorded.as_ref().ok().and_then(Option::as_deref);
    let system_root = &context.installation.system_root;
    root_of(system_root, text).map_err(|detail| {
        if let Err(unread) = recorded {
            return Unknown {
                detail: format!("{detail}: {}", unread.detail),
                ..unread
            };
        }
        let (key, name) = RECORDED_ROOT;
        let place = context.place(HiveName::Software, key, Some(name));
        Unknown::new(UnknownReason::NotProvided, detail, place)
    })
}

/// A place below the root of the drive of Windows; where that cannot be told, below the root of the volume.
pub(crate) fn in_own_root(context: &Context<'_>, tail: &str) -> WinPath {
    own_root(context).unwrap_or_default().join(tail)
}

fn recorded_root(context: &Context<'_>) -> Result<Option<String>, Unknown> {
    let (key, name) = RECORDED_ROOT;
    let found = context.value(HiveName::Software, key, name)?;
    Ok(found.and_then(|found| found.value.string()))
}

/// The parts of the path above the folder that Windows knew as its own; every part of that name but the last has to be there.
fn root_of(system_root: &WinPath, recorded: Option<&str>) -> Result<WinPath, String> {
    let parts = system_root.components();
    let known = recorded.map(WinPath::new).filter(|path| !path.is_root());
    let Some(known) = known else {
        return match parts {
            [_] => Ok(WinPath::root()),
            [] => Err("what lies beside the Windows folder was not given".to_owned()),
            _ => Err(format!(
                "{system_root} is no folder of the root, and what stands for the root of its drive is not recorded"
            )),
        };
    };
    let Some(above) = parts.len().checked_sub(known.components().len()) else {
        return Err(format!(
            "Windows knew its folder as {known}, and what lies beside that was not given"
        ));
    };
    let (root, own) = parts.split_at_checked(above).unwrap_or_default();
    let same = own.iter().zip(known.components()).rev().skip(1);
    if !same.into_iter().all(|(is, was)| eq_name(is, was)) {
        return Err(format!(
            "Windows knew its folder as {known} and lies in {system_root}, so what stands for the root of its drive cannot be told"
        ));
    }
    let child = |root: WinPath, name: &String| root.child(name);
    Ok(root.iter().fold(WinPath::root(), child))
}

/// The path, unless its first folder was not put aside with the installation.
fn put_aside(context: &Context<'_>, own_root: &WinPath, path: WinPath) -> Result<WinPath, Unknown> {
    let below = path.components().get(own_root.components().len());
    let (Some(first), false) = (below, own_root.is_root()) else {
        return Ok(path);
    };
    match context.metadata(&own_root.child(first)) {
        Ok(None) => Err(not_put_aside(context, own_root, first)),
        _ => Ok(path),
    }
}

/// What is said of a thing that an installation had in the root of its drive, and that is not in the folder it was put into.
pub(crate) fn not_put_aside(context: &Context<'_>, own_root: &WinPath, what: &str) -> Unknown {
    Unknown::new(
        UnknownReason::NotProvided,
        format!(
            "the installation was put aside in {own_root}, and {what} is not there; what the root of the volume holds is not its own"
        ),
        context.installation.place(own_root),
    )
}

fn is_below(path: &WinPath, folder: &WinPath) -> bool {
    let (path, folder) = (path.components(), folder.components());
    path.len() >= folder.len() && path.iter().zip(folder).all(|(a, b)| eq_name(a, b))
}

fn resolve(
    text: &str,
    system_root: &WinPath,
    own_root: &Result<WinPath, Unknown>,
    recorded_root: Option<&str>,
) -> Result<WinPath, Refused> {
    let text = text.trim().trim_matches('"');
    let text = text.strip_prefix("\\??\\").unwrap_or(text);
    let in_own_root = |tail: &str| match own_root {
        Ok(root) => Ok(root.join(tail)),
        Err(unknown) => Err((unknown.reason, format!("{text}: {}", unknown.detail))),
    };
    for variable in ["%SystemRoot%", "%windir%"] {
        if let Some(tail) = strip_prefix_fold(text, variable) {
            return Ok(system_root.join(tail));
        }
    }
    if let Some(tail) = strip_prefix_fold(text, "%SystemDrive%") {
        return in_own_root(tail);
    }
    if let Some(tail) = recorded_root.and_then(|root| strip_prefix_fold(text, root)) {
        return Ok(system_root.join(tail));
    }
    if text.starts_with("\\\\") {
        return Err((
            UnknownReason::NotProvided,
            format!("{text} lies on a server"),
        ));
    }
    if text.contains('%') {
        return Err((
            UnknownReason::Unsupported,
            format!("{text} holds a variable that is not expanded"),
        ));
    }
    match (drive(text), recorded_root.and_then(drive)) {
        (Some(named), Some(system)) if !eq_name(named, system) => Err((
            UnknownReason::NotProvided,
            format!("{text} lies on another volume than Windows on {system}"),
        )),
        (Some(_), None) => Err((
            UnknownReason::NotProvided,
            format!("{text} names a drive, and which drive held Windows is not recorded"),
        )),
        _ => in_own_root(text),
    }
}

/// The drive letter with its colon.
fn drive(text: &str) -> Option<&str> {
    match text.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_alphabetic() => text.get(..2),
        _ => None,
    }
}

/// What follows `prefix`, compared without case, if the path ends there or goes on with a separator.
fn strip_prefix_fold<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let prefix = prefix.trim_end_matches('\\');
    let head = text.get(..prefix.len())?;
    let tail = text.get(prefix.len()..)?;
    (!prefix.is_empty()
        && eq_name(head, prefix)
        && (tail.is_empty() || tail.starts_with(['\\', '/'])))
    .then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, recorded_root: Option<&str>, expected: Option<&str>) {
        let own_root = Ok(WinPath::root());
        let found = resolve(text, &WinPath::new("WINNT"), &own_root, recorded_root);
        assert_eq!(
            found.ok().map(|path| path.to_string()).as_deref(),
            expected,
            "{text}"
        );
    }

    fn check_root(system_root: &str, recorded: Option<&str>, expected: Option<&str>) {
        let found = root_of(&WinPath::new(system_root), recorded);
        let found = found.ok().map(|path| path.to_string());
        assert_eq!(found.as_deref(), expected, "{system_root} {recorded:?}");
    }

    #[test]
    fn the_root_of_the_drive_is_above_the_folder_that_windows_knew() {
        check_root("WINNT", Some("C:\\WINNT"), Some(""));
        check_root("WINNT", Some("C:\\WINDOWS"), Some(""));
        check_root("WINNT", None, Some(""));
        check_root("Windows.old\\WINNT", Some("C:\\WINNT"), Some("Windows.old"));
        check_root("nt\\WINNT35", Some("C:\\NT\\winnt35"), Some(""));
        check_root("x\\nt\\WINNT35", Some("C:\\NT\\winnt35"), Some("x"));
    }

    #[test]
    fn a_root_that_is_not_recorded_or_does_not_fit_is_not_guessed() {
        check_root("Windows.old\\WINNT", None, None);
        check_root("Windows.old\\WINNT", Some("C:\\"), None);
        check_root("old\\WINNT35", Some("C:\\NT\\WINNT35"), None);
        check_root("WINNT35", Some("C:\\NT\\WINNT35"), None);
        check_root("", Some("C:\\WINNT"), None);
        check_root("", None, None);
    }

    #[test]
    fn variables_and_the_recorded_folder_lead_to_the_folder_of_the_image() {
        check("%SystemRoot%\\Profiles", None, Some("WINNT\\Profiles"));
        check("%windir%\\x", None, Some("WINNT\\x"));
        check("%SystemDrive%\\ProgramData", None, Some("ProgramData"));
        check("C:\\Windows\\a", Some("C:\\WINDOWS"), Some("WINNT\\a"));
        check(
            "C:\\Windows.old\\a",
            Some("C:\\WINDOWS"),
            Some("Windows.old\\a"),
        );
    }

    #[test]
    fn another_drive_a_server_and_other_variables_are_not_guessed() {
        check("D:\\Profiles", Some("C:\\WINNT"), None);
        check("\\\\server\\share", Some("C:\\WINNT"), None);
        check("%ProgramData%\\x", Some("C:\\WINNT"), None);
    }

    #[test]
    fn a_drive_is_not_guessed_where_none_is_recorded() {
        check("C:\\Profiles", None, None);
        check("C:\\Profiles", Some("\\WINNT"), None);
        check("\\Profiles", None, Some("Profiles"));
    }

    #[test]
    fn the_drive_of_windows_is_this_volume_whatever_its_letter() {
        check("e:\\Profiles", Some("E:\\WINNT"), Some("Profiles"));
    }
}
