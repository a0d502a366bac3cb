//! A path inside the image: backslash-separated, relative to the root of its volume, compared without case.

use std::fmt;

/// A path inside the image; never a path of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WinPath {
    components: Vec<String>,
}

impl WinPath {
    /// The root of the volume.
    pub fn root() -> Self {
        Self::default()
    }

    /// Parses a path with backslashes or slashes; a drive letter, empty parts and `.` are dropped, `..` stops at the root.
    pub fn new(text: &str) -> Self {
        let without_drive = match text.as_bytes() {
            [letter, b':', ..] if letter.is_ascii_alphabetic() => text.get(2..).unwrap_or(""),
            _ => text,
        };
        let mut components: Vec<String> = Vec::new();
        for part in without_drive.split(['\\', '/']) {
            match part {
                "" | "." => {}
                ".." => {
                    components.pop();
                }
                name => components.push(name.to_owned()),
            }
        }
        Self { components }
    }

    /// This path with the parts of `tail` behind it.
    #[must_use]
    pub fn join(&self, tail: &str) -> Self {
        let mut joined = self.clone();
        joined.components.extend(Self::new(tail).components);
        joined
    }

    /// This path with one more component, taken as it is.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut joined = self.clone();
        joined.components.push(name.to_owned());
        joined
    }

    /// The path without its last component.
    pub fn parent(&self) -> Option<Self> {
        let (_, head) = self.components.split_last()?;
        Some(Self {
            components: head.to_vec(),
        })
    }

    /// The last component.
    pub fn file_name(&self) -> Option<&str> {
        self.components.last().map(String::as_str)
    }

    /// The components from the root down.
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// Whether this is the root of the volume.
    pub fn is_root(&self) -> bool {
        self.components.is_empty()
    }

    /// Whether both paths name the same place, without regard to case.
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.components.len() == other.components.len()
            && self
                .components
                .iter()
                .zip(&other.components)
                .all(|(a, b)| eq_name(a, b))
    }
}

impl fmt::Display for WinPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.components.join("\\"))
    }
}

/// Compares two names as Windows does, by simple upper-case mapping of each character.
pub fn eq_name(a: &str, b: &str) -> bool {
    a.chars().map(fold).eq(b.chars().map(fold))
}

/// The key under which names that Windows takes as equal are equal.
pub fn fold_name(name: &str) -> String {
    name.chars().map(fold).collect()
}

/// Simple upper-casing: one character stays one character.
fn fold(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_volume_and_cannot_climb_out() {
        assert_eq!(
            WinPath::new("C:\\WINDOWS\\\\system32/config").to_string(),
            "WINDOWS\\system32\\config"
        );
        assert_eq!(
            WinPath::new("..\\..\\etc\\passwd").to_string(),
            "etc\\passwd"
        );
        assert!(WinPath::new("\\").is_root());
    }

    #[test]
    fn names_compare_without_case() {
        assert!(WinPath::new("winnt\\SYSTEM32").eq_ignore_case(&WinPath::new("WINNT\\system32")));
        assert!(eq_name("Übung", "üBUNG"));
        assert!(!eq_name("straße", "STRASSE"));
    }
}
