//! The XML of one event in the one form in which nearly all events are rendered, read without copying what is not kept.
//!
//! A search for a text that stands in every event reads the XML of every event, and the general reader alone takes longer
//! for 100 MB of logs than the whole search may take. This one knows elements, attributes between double quotes, text, and
//! the five escapes of XML. Whatever else it meets (comments, sections, other references, prefixes, mixed content, white
//! space that an attribute would change, an end that does not fit its begin) it leaves to the general reader: the answer is
//! `None`, never another event. Tests hold both readers against each other.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::artifact::event_log::event_fields::EventFields;
use crate::artifact::event_log::record::EventRecord;

/// What the crate writes before each event.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
/// Deepest nesting that is read here.
const DEPTH_MAX: usize = 32;
/// The escapes and what they stand for.
const ESCAPES: [(&str, char); 5] = [
    ("amp;", '&'),
    ("lt;", '<'),
    ("gt;", '>'),
    ("quot;", '"'),
    ("apos;", '\''),
];

/// The event, or `None` where the general reader has to read it.
pub(crate) fn parse(xml: &[u8]) -> Option<EventRecord> {
    let text = std::str::from_utf8(xml).ok()?;
    let mut reader = PlainReader {
        rest: text.strip_prefix(DECLARATION).unwrap_or(text),
        path: Vec::with_capacity(8),
        attributes: Vec::with_capacity(8),
        is_leaf: false,
        fields: EventFields::default(),
    };
    while !reader.rest.is_empty() {
        reader.step()?;
    }
    if !reader.path.is_empty() {
        return None;
    }
    reader.fields.finish().ok()
}

struct PlainReader<'x> {
    rest: &'x str,
    /// The elements that are open, the outermost first.
    path: Vec<&'x str>,
    /// The attributes of the innermost element, as they are written.
    attributes: Vec<(&'x str, &'x str)>,
    /// Set while the innermost element has had no child.
    is_leaf: bool,
    fields: EventFields,
}

impl<'x> PlainReader<'x> {
    /// Reads the text up to the next tag, and the tag.
    fn step(&mut self) -> Option<()> {
        let Some(at) = memchr(b'<', self.rest.as_bytes()) else {
            return is_blank(std::mem::take(&mut self.rest)).then_some(());
        };
        let (text, tag) = self.rest.split_at_checked(at)?;
        let inside = tag.get(1..)?;
        if let Some(name) = inside.strip_prefix('/') {
            let rest = name.strip_prefix(self.path.last().copied()?)?;
            self.rest = rest.strip_prefix('>')?;
            return self.close(text);
        }
        // Text beside elements belongs to no field.
        if !is_blank(text) {
            return None;
        }
        self.begin(inside)
    }

    /// Reads a begin tag behind its `<`.
    fn begin(&mut self, tag: &'x str) -> Option<()> {
        let end = tag.bytes().position(|byte| !is_name_byte(byte))?;
        let (name, mut rest) = tag.split_at_checked(end)?;
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return None;
        }
        self.attributes.clear();
        while let Some(behind) = rest.strip_prefix(' ') {
            let end = behind
                .bytes()
                .position(|byte| !is_name_byte(byte) && byte != b':')?;
            let (key, behind) = behind.split_at_checked(end)?;
            let behind = behind.strip_prefix("=\"").filter(|_| end > 0)?;
            let (value, behind) = behind.split_at_checked(memchr(b'"', behind.as_bytes())?)?;
            self.attributes.push((key, value));
            rest = behind.get(1..)?;
        }
        self.open(name)?;
        if let Some(behind) = rest.strip_prefix("/>") {
            self.rest = behind;
            return self.close("");
        }
        self.rest = rest.strip_prefix('>')?;
        Some(())
    }

    fn open(&mut self, name: &'x str) -> Option<()> {
        let is_system = self.path.get(1).is_some_and(|part| *part == "System");
        // `System` is known by its place, and has no elements of elements.
        if self.path.len() >= DEPTH_MAX
            || (name == "System" && self.path.len() != 1)
            || (is_system && self.path.len() != 2)
        {
            return None;
        }
        if is_system {
            let mut is_plain = true;
            let attributes = &self.attributes;
            self.fields.open_system(name, |key| {
                let value = value_of(attributes, key)?;
                let value = attribute_value(value);
                is_plain &= value.is_some();
                value
            });
            is_plain.then_some(())?;
        }
        self.path.push(name);
        self.is_leaf = true;
        Some(())
    }

    /// The end of the innermost element; `text` stands before it.
    fn close(&mut self, text: &'x str) -> Option<()> {
        let element = self.path.pop()?;
        let is_leaf = std::mem::replace(&mut self.is_leaf, false);
        if !is_leaf {
            return is_blank(text).then_some(());
        }
        let text = unescaped(text)?;
        if self.path.get(1).is_some_and(|part| *part == "System") {
            self.fields.system(element, text);
        } else if self.path.len() > 1 {
            let name = match value_of(&self.attributes, "Name") {
                Some(value) => Some(attribute_value(value)?),
                None => None,
            };
            self.fields.payload(element, name, text);
        }
        Some(())
    }
}

/// The bytes that may stand in a name here; XML allows more.
#[expect(
    clippy::indexing_slicing,
    reason = "a byte is an index of 256 entries, and the compiler runs it"
)]
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    while let [byte, behind @ ..] = rest {
        table[*byte as usize] = true;
        rest = behind;
    }
    table
};

fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Whether a text is white space as XML knows it.
fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The first attribute of that name, as it is written.
fn value_of<'x>(attributes: &[(&str, &'x str)], key: &str) -> Option<&'x str> {
    let found = attributes.iter().find(|(name, _)| *name == key);
    found.map(|(_, value)| *value)
}

/// The value of an attribute; `None` if it has white space that XML makes other white space of.
fn attribute_value(value: &str) -> Option<Cow<'_, str>> {
    if value.bytes().any(|byte| byte < b' ') {
        return None;
    }
    unescaped(value)
}

/// The text without its escapes; `None` if it has references that are none of the five.
fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    let Some(first) = memchr2(b'&', b'<', text.as_bytes()) else {
        return Some(Cow::Borrowed(text));
    };
    let mut plain = String::with_capacity(text.len());
    let (before, mut rest) = text.split_at_checked(first)?;
    plain.push_str(before);
    while let Some(escape) = rest.strip_prefix('&') {
        let (name, character) = ESCAPES.iter().find(|(name, _)| escape.starts_with(name))?;
        plain.push(*character);
        let behind = escape.get(name.len()..)?;
        let next = memchr2(b'&', b'<', behind.as_bytes()).unwrap_or(behind.len());
        let (run, behind) = behind.split_at_checked(next)?;
        plain.push_str(run);
        rest = behind;
    }
    rest.is_empty().then_some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests;
