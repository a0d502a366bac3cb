//! Version, build and system drive, from `SOFTWARE\Microsoft\Windows NT\CurrentVersion`.

use crate::evidence::{Fact, Unknown, Version};
use crate::facts::read::{CURRENT_VERSION, corrupt, missing};
use crate::facts::{Context, HiveName};

/// `CurrentMajorVersionNumber` and `CurrentMinorVersionNumber` (Windows 10 and later, where the text is frozen at 6.3),
/// else the text `CurrentVersion`.
pub(crate) fn version(context: &Context<'_>) -> Result<Fact, Unknown> {
    let number = |name| context.number(HiveName::Software, CURRENT_VERSION, name);
    if let Some(major) = number("CurrentMajorVersionNumber")? {
        let minor = number("CurrentMinorVersionNumber")?.ok_or_else(|| {
            missing(
                context,
                HiveName::Software,
                CURRENT_VERSION,
                "CurrentMinorVersionNumber",
            )
        })?;
        let version = Version::from_parts(&[u64::from(major.value), u64::from(minor.value)]);
        return Ok(Fact::found_in(version, major.evidence, [minor.evidence]));
    }
    let text = context
        .text(HiveName::Software, CURRENT_VERSION, "CurrentVersion")?
        .ok_or_else(|| {
            missing(
                context,
                HiveName::Software,
                CURRENT_VERSION,
                "CurrentVersion",
            )
        })?;
    match Version::parse(&text.value) {
        Some(version) => Ok(Fact::found(version, text.evidence)),
        None => Err(corrupt(
            format!(
                "version should be integers with dots, is \"{}\"",
                text.value
            ),
            text.evidence,
        )),
    }
}

/// `CurrentBuildNumber`; `CurrentBuild` holds an obsolete text on Windows 2000 and XP and is not asked.
pub(crate) fn build(context: &Context<'_>) -> Result<Fact, Unknown> {
    let name = "CurrentBuildNumber";
    let text = context
        .text(HiveName::Software, CURRENT_VERSION, name)?
        .ok_or_else(|| missing(context, HiveName::Software, CURRENT_VERSION, name))?;
    match text.value.trim().parse::<u32>() {
        Ok(build) => Ok(Fact::found(build, text.evidence)),
        Err(_) => Err(corrupt(
            format!("build should be an integer, is \"{}\"", text.value),
            text.evidence,
        )),
    }
}

/// The drive letter of `SystemRoot`, as `C:`.
pub(crate) fn system_drive(context: &Context<'_>) -> Result<Fact, Unknown> {
    let name = "SystemRoot";
    let root = context
        .text(HiveName::Software, CURRENT_VERSION, name)?
        .ok_or_else(|| missing(context, HiveName::Software, CURRENT_VERSION, name))?;
    match drive_of(&root.value) {
        Some(drive) => Ok(Fact::found(drive, root.evidence.raw(root.value))),
        None => Err(corrupt(
            format!(
                "SystemRoot should begin with a drive letter, is \"{}\"",
                root.value
            ),
            root.evidence,
        )),
    }
}

/// The drive of a path, in upper case with its colon; `None` if the path names none.
pub(crate) fn drive_of(path: &str) -> Option<String> {
    let mut characters = path.trim().chars();
    let letter = characters.next().filter(char::is_ascii_alphabetic)?;
    (characters.next() == Some(':')).then(|| format!("{}:", letter.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drive_is_the_letter_before_the_colon_in_upper_case() {
        assert_eq!(drive_of("c:\\WINNT").as_deref(), Some("C:"));
        assert_eq!(drive_of("\\Device\\Harddisk0"), None);
        assert_eq!(drive_of(""), None);
    }
}
