//! An entry of a section: one logical line.

/// One logical line of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The text before `=`, if the line has one before its first comma.
    pub key: Option<String>,
    /// The values that commas part, without the quotes and white space around them; an omitted value is empty.
    pub fields: Vec<String>,
    /// The line on which the entry begins, from 1.
    pub line: u64,
}

impl Entry {
    /// The value at `index`, if it is there.
    pub fn field(&self, index: usize) -> Option<&str> {
        self.fields.get(index).map(String::as_str)
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "{key}=")?;
        }
        f.write_str(&self.fields.join(","))
    }
}
