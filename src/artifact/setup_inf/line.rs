//! Lines of an INF: physical lines, section headers, and logical lines parted into key and fields.
//!
//! "Line Format, Continuation, and Comments" of the General Syntax Rules: `;` starts a comment outside quotes and
//! outside `%key%`; a backslash that ends a line outside quotes continues it, and one before it is ignored; `""` inside
//! quotes is one quote.

use crate::artifact::setup_inf::{Entry, FIELD_CHARS_MAX, SECTION_NAME_CHARS_MAX};
use crate::error::{Error, Result};

/// The physical lines with their numbers from 1; CRLF, LF and CR each end one.
pub(crate) fn physical_lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut rest = Some(text);
    let mut number = 0_u64;
    std::iter::from_fn(move || {
        let current = rest?;
        number = number.saturating_add(1);
        match current.split_once(['\r', '\n']) {
            None => {
                rest = None;
                Some((number, current))
            }
            Some((line, tail)) => {
                let was_cr = current.as_bytes().get(line.len()) == Some(&b'\r');
                rest = Some(match tail.strip_prefix('\n') {
                    Some(after) if was_cr => after,
                    _ => tail,
                });
                Some((number, line))
            }
        }
    })
}

/// The name in a section header, or `None` for a line that is none.
pub(crate) fn section_header(line: &str, number: u64) -> Result<Option<&str>> {
    let Some(inner) = line.trim_start().strip_prefix('[') else {
        return Ok(None);
    };
    let Some((name, _)) = inner.split_once(']') else {
        return Err(Error::corrupt(format!(
            "line {number}: a section header should end in \"]\""
        )));
    };
    let name = name.trim();
    let length = name.chars().count();
    if length > SECTION_NAME_CHARS_MAX {
        return Err(Error::corrupt(format!(
            "line {number}: section name of {length} characters, at most {SECTION_NAME_CHARS_MAX} are allowed"
        )));
    }
    Ok(Some(name))
}

/// A character of an entry and whether it stood between quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Atom {
    character: char,
    quoted: bool,
}

/// Collects the physical lines of one entry.
#[derive(Debug)]
pub(crate) struct Builder {
    line: u64,
    key: Option<Vec<Atom>>,
    fields: Vec<Vec<Atom>>,
    current: Vec<Atom>,
    /// Whether a pair of quotes was seen, so that an empty quoted value is a value.
    quotes_seen: bool,
}

impl Builder {
    pub(crate) fn new(line: u64) -> Self {
        Self {
            line,
            key: None,
            fields: Vec::new(),
            current: Vec::new(),
            quotes_seen: false,
        }
    }

    /// Takes one physical line; true if the next line continues it.
    pub(crate) fn push_line(&mut self, text: &str) -> bool {
        let text = text.trim_start();
        let mut quoted = false;
        // End of a `%key%` that is being read, as an offset into the line; `;` before it is text.
        let mut token_end = 0_usize;
        let mut characters = text.char_indices().peekable();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' if quoted => {
                    if characters.next_if(|(_, next)| *next == '"').is_some() {
                        self.put('"', true);
                    } else {
                        quoted = false;
                    }
                }
                '"' => {
                    quoted = true;
                    self.quotes_seen = true;
                }
                _ if quoted => self.put(character, true),
                ';' if offset >= token_end => break,
                '%' if offset >= token_end => {
                    token_end = token_end_after(text, offset);
                    self.put(character, false);
                }
                '=' if self.key.is_none() && self.fields.is_empty() => {
                    self.key = Some(std::mem::take(&mut self.current));
                    self.quotes_seen = false;
                }
                ',' => self.fields.push(std::mem::take(&mut self.current)),
                _ => self.put(character, false),
            }
        }
        self.take_continuation()
    }

    fn put(&mut self, character: char, quoted: bool) {
        self.current.push(Atom { character, quoted });
    }

    /// Removes the backslashes that end the line outside quotes; true if there were any.
    fn take_continuation(&mut self) -> bool {
        let backslash = Atom {
            character: '\\',
            quoted: false,
        };
        let end = trimmed_len(&self.current);
        let text_end = self
            .current
            .get(..end)
            .unwrap_or_default()
            .iter()
            .rposition(|atom| *atom != backslash)
            .map_or(0, |last| last.saturating_add(1));
        let continues = text_end < end;
        if continues {
            self.current.truncate(text_end);
        }
        continues
    }

    /// The entry, or `None` if the lines held nothing.
    pub(crate) fn finish(mut self) -> Result<Option<Entry>> {
        let is_value = self.quotes_seen || trimmed_len(&self.current) > 0;
        if is_value || !self.fields.is_empty() {
            self.fields.push(std::mem::take(&mut self.current));
        }
        if self.key.is_none() && self.fields.is_empty() {
            return Ok(None);
        }
        let text = |atoms: &Vec<Atom>| field_text(atoms, self.line);
        Ok(Some(Entry {
            key: self.key.as_ref().map(text).transpose()?,
            fields: self.fields.iter().map(text).collect::<Result<_>>()?,
            line: self.line,
        }))
    }
}

/// Where the `%key%` that begins at `offset` ends, or the offset behind the `%` if it begins none.
///
/// A key holds no comma, equals sign or quote.
fn token_end_after(text: &str, offset: usize) -> usize {
    let start = offset.saturating_add(1);
    let Some(rest) = text.get(start..) else {
        return start;
    };
    match rest.find(['%', ',', '=', '"']) {
        Some(length) if rest.as_bytes().get(length) == Some(&b'%') => {
            start.saturating_add(length).saturating_add(1)
        }
        _ => start,
    }
}

/// Length without the unquoted white space at the end.
fn trimmed_len(atoms: &[Atom]) -> usize {
    atoms
        .iter()
        .rposition(|atom| atom.quoted || !atom.character.is_whitespace())
        .map_or(0, |last| last.saturating_add(1))
}

fn field_text(atoms: &[Atom], line: u64) -> Result<String> {
    let trimmed = atoms.get(..trimmed_len(atoms)).unwrap_or_default();
    let text: String = trimmed
        .iter()
        .skip_while(|atom| !atom.quoted && atom.character.is_whitespace())
        .map(|atom| atom.character)
        .collect();
    let length = text.chars().count();
    if length > FIELD_CHARS_MAX {
        return Err(Error::corrupt(format!(
            "line {line}: field of {length} characters, at most {FIELD_CHARS_MAX} are allowed"
        )));
    }
    Ok(text)
}
