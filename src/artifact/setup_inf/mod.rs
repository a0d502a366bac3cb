//! Windows set-up information files (INF): sections, entries, fields, with the lines they stand on.
//!
//! `minioc.inf` lists the actions that run on a clone of an XP Embedded image, `sysprep.inf` and its relatives hold
//! answers, `State.ini` holds the image state; all are INF text. The grammar is that of the Windows Driver Kit,
//! "General Syntax Rules for INF Files" and "INF Strings Section".
//!
//! Where that text leaves a choice: `=` parts a key from its value only before the first comma; the first `%` after a
//! `%` closes a string key, so that `%A%%B%` is two keys; values of a Strings section are not expanded themselves; a
//! quote that is not closed ends with its line; white space at the start of a continued line is dropped; 0x1A ends the
//! file; a NUL character is damage and no text.

mod encoding;
mod entry;
mod line;
mod strings;

use std::collections::BTreeMap;

use crate::base::win_path::fold_name;
use crate::error::{Error, ErrorKind, Result};

pub use encoding::Encoding;
pub(crate) use encoding::text as decode_text;
pub use entry::Entry;

/// Longest name of a section, in characters ("Section Names").
pub const SECTION_NAME_CHARS_MAX: usize = 255;
/// Longest file that is parsed, in bytes: an answer file has some kilobytes, and one byte of hostile text can take a
/// hundred bytes of memory.
pub const INF_BYTES_MAX: usize = 4 << 20;
/// Longest field in characters, before and after the expansion of strings, the NUL not counted ("INF Size Limits").
pub const FIELD_CHARS_MAX: usize = 4095;

/// A section with all its entries; sections of one name are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The name as first written.
    pub name: String,
    /// The line of its first header, from 1.
    pub line: u64,
    /// The entries in the order of the file.
    pub entries: Vec<Entry>,
}

impl Section {
    /// The first entry with that key, without regard to case.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            entry
                .key
                .as_deref()
                .is_some_and(|name| crate::base::win_path::eq_name(name, key))
        })
    }
}

/// A parsed INF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inf {
    encoding: Encoding,
    sections: Vec<Section>,
    by_name: BTreeMap<String, usize>,
}

impl Inf {
    /// Parses an INF, expanding `%key%` from its undecorated `[Strings]` section.
    ///
    /// # Errors
    /// Text that is not in one of the encodings, a NUL character, a section header without end, a name or field that is
    /// too long.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::parse_for_language(bytes, None)
    }

    /// Parses an INF, expanding `%key%` from the Strings section that fits the LANGID best.
    ///
    /// # Errors
    /// As [`Inf::parse`].
    pub fn parse_for_language(bytes: &[u8], language: Option<u16>) -> Result<Self> {
        if bytes.len() > INF_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("{} bytes, at most {INF_BYTES_MAX} are parsed", bytes.len()),
            ));
        }
        let (text, encoding) = encoding::decode(bytes)?;
        let mut inf = Self {
            encoding,
            sections: Vec::new(),
            by_name: BTreeMap::new(),
        };
        inf.read_lines(&text)?;
        inf.expand(language)?;
        Ok(inf)
    }

    /// The encoding that the text was found to be in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// All sections in the order of their first headers.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section of that name, without regard to case.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.get(*self.by_name.get(&fold_name(name))?)
    }

    fn read_lines(&mut self, text: &str) -> Result<()> {
        let mut current: Option<usize> = None;
        let mut pending: Option<line::Builder> = None;
        for (number, raw) in line::physical_lines(text) {
            let header = match pending {
                Some(_) => None,
                None => line::section_header(raw, number)?,
            };
            if let Some(name) = header {
                current = Some(self.open_section(name, number));
                continue;
            }
            let mut builder = pending.take().unwrap_or_else(|| line::Builder::new(number));
            if builder.push_line(raw) {
                pending = Some(builder);
            } else {
                self.close_entry(current, builder)?;
            }
        }
        match pending {
            Some(builder) => self.close_entry(current, builder),
            None => Ok(()),
        }
    }

    /// The index of the section of that name, which is made if it is new.
    fn open_section(&mut self, name: &str, line: u64) -> usize {
        let next = self.sections.len();
        let index = *self.by_name.entry(fold_name(name)).or_insert(next);
        if index == next {
            self.sections.push(Section {
                name: name.to_owned(),
                line,
                entries: Vec::new(),
            });
        }
        index
    }

    /// Text before the first section belongs to nothing and is dropped, as Windows does.
    fn close_entry(&mut self, section: Option<usize>, builder: line::Builder) -> Result<()> {
        let Some(entry) = builder.finish()? else {
            return Ok(());
        };
        if let Some(section) = section.and_then(|index| self.sections.get_mut(index)) {
            section.entries.push(entry);
        }
        Ok(())
    }

    fn expand(&mut self, language: Option<u16>) -> Result<()> {
        let strings = strings::select(&self.sections, language);
        for section in &mut self.sections {
            if strings::is_strings_section(&section.name) {
                continue;
            }
            for entry in &mut section.entries {
                let line = entry.line;
                for text in entry.key.iter_mut().chain(entry.fields.iter_mut()) {
                    *text = strings::expand(text, &strings)
                        .map_err(|error: Error| error.at(format!("line {line}")))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
