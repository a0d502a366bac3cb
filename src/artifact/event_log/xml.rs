//! The XML of one event: `System` and the strings behind it.
//!
//! Nearly all events have the one form that `plain_xml` knows, which takes a third of the time; it leaves all others to the
//! reader here, which takes whatever XML there is.
//!
//! Specification: Event schema, `http://schemas.microsoft.com/win/2004/08/events/event`.

use std::borrow::Cow;

use memchr::memmem;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::artifact::event_log::event_fields::EventFields;
use crate::artifact::event_log::plain_xml;
use crate::artifact::event_log::record::EventRecord;
use crate::error::{Error, Result};

/// The id of the event, without reading the rest; `None` if it has none in its usual place.
pub(crate) fn id(xml: &[u8]) -> Option<u32> {
    let end = memmem::find(xml, b"</EventID>")?;
    let head = xml.get(..end)?;
    let begin = head
        .iter()
        .rposition(|byte| !byte.is_ascii_digit())?
        .checked_add(1)?;
    std::str::from_utf8(head.get(begin..)?).ok()?.parse().ok()
}

/// The event; its offset and the time of writing are not in its XML, and its number is 0 where it is not.
pub(crate) fn parse(xml: &[u8]) -> Result<EventRecord> {
    plain_xml::parse(xml).map_or_else(|| parse_any(xml), Ok)
}

/// The event, of XML of any form.
pub(crate) fn parse_any(xml: &[u8]) -> Result<EventRecord> {
    let text = std::str::from_utf8(xml)
        .map_err(|error| Error::corrupt(format!("the event is no UTF-8: {error}")))?;
    let mut reader = Reader::from_str(text);
    let mut place = Place::default();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| Error::corrupt(format!("the event is no XML: {error}")))?;
        match event {
            Event::Start(tag) => place.open(&tag),
            Event::Empty(tag) => {
                place.open(&tag);
                place.close();
            }
            Event::End(_) => place.close(),
            Event::Text(text) => place.text.push_str(&text),
            Event::CData(text) => place.text.push_str(&text),
            Event::GeneralRef(reference) => place.reference(&reference),
            Event::Eof => break,
            _ => {}
        }
    }
    place.fields.finish()
}

/// Where the reader is.
#[derive(Debug, Default)]
struct Place {
    path: Vec<String>,
    text: String,
    /// Set while the innermost element has had no child.
    leaf: bool,
    name: Option<String>,
    fields: EventFields,
}

impl Place {
    fn open(&mut self, tag: &BytesStart<'_>) {
        let name = tag.local_name().as_ref().to_owned();
        self.text.clear();
        self.leaf = true;
        self.name = attribute(tag, "Name");
        if self.path.last().is_some_and(|parent| parent == "System") {
            self.fields
                .open_system(&name, |key| attribute(tag, key).map(Cow::Owned));
        }
        self.path.push(name);
    }

    fn close(&mut self) {
        let Some(element) = self.path.pop() else {
            return;
        };
        let leaf = std::mem::replace(&mut self.leaf, false);
        let text = std::mem::take(&mut self.text);
        if !leaf || self.path.is_empty() {
            return;
        }
        if self.path.get(1).is_some_and(|part| part == "System") {
            self.fields.system(&element, Cow::Owned(text));
        } else if self.path.len() > 1 {
            let name = self.name.take().map(Cow::Owned);
            self.fields.payload(&element, name, Cow::Owned(text));
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) {
        if let Ok(Some(character)) = reference.resolve_char_ref() {
            self.text.push(character);
        } else if let Some(text) = resolve_predefined_entity(reference) {
            self.text.push_str(text);
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok()??;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}
