//! A path that the registry names, brought to the volume of the installation.
//!
//! A drive letter means something only on the running machine. The letter of the Windows folder (`CurrentVersion!SystemRoot`)
//! is this volume; any other is a volume that is not at hand, which is unknown and not absent.

use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Locator, Unknown, UnknownReason};
use crate::facts::{Context, HiveName};

/// Brings `text`, a value at `place`, to a path of the installation's volume.
///
/// # Errors
/// A path on another volume, on a server or on a drive where none is recorded for Windows, and one with a variable that is not expanded here.
pub(crate) fn on_volume(
    context: &Context<'_>,
    text: &str,
    place: &Locator,
) -> Result<WinPath, Unknown> {
    let recorded_root = context
        .value(
            HiveName::Software,
            "Microsoft\\Windows NT\\CurrentVersion",
            "SystemRoot",
        )
        .ok()
        .flatten()
        .and_then(|found| found.value.string());
    resolve(
        text,
        &context.installation.system_root,
        recorded_root.as_deref(),
    )
    .map_err(|(reason, detail)| Unknown::new(reason, detail, place.clone()))
}

fn resolve(
    text: &str,
    system_root: &WinPath,
    recorded_root: Option<&str>,
) -> Result<WinPath, (UnknownReason, String)> {
    let text = text.trim().trim_matches('"');
    let text = text.strip_prefix("\\??\\").unwrap_or(text);
    for variable in ["%SystemRoot%", "%windir%"] {
        if let Some(tail) = strip_prefix_fold(text, variable) {
            return Ok(system_root.join(tail));
        }
    }
    if let Some(tail) = strip_prefix_fold(text, "%SystemDrive%") {
        return Ok(WinPath::new(tail));
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
        _ => Ok(WinPath::new(text)),
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
        let found = resolve(text, &WinPath::new("WINNT"), recorded_root);
        assert_eq!(
            found.ok().map(|path| path.to_string()).as_deref(),
            expected,
            "{text}"
        );
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
