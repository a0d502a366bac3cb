//! The XML of one event, as the `evtx` crate renders it: `System` and the strings behind it.
//!
//! Specification: Event schema, `http://schemas.microsoft.com/win/2004/08/events/event`.

use chrono::DateTime;
use memchr::memmem;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::artifact::event_log::record::{EventRecord, EventString, EventTime, Level};
use crate::base::filetime::FileTime;
use crate::error::{Error, Result};

/// Most strings of one event.
const STRINGS_MAX: usize = 4096;

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
    let text = std::str::from_utf8(xml)
        .map_err(|error| Error::corrupt(format!("the event is no UTF-8: {error}")))?;
    let mut reader = Reader::from_str(text);
    let mut builder = Builder::default();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| Error::corrupt(format!("the event is no XML: {error}")))?;
        match event {
            Event::Start(tag) => builder.open(&tag),
            Event::Empty(tag) => {
                builder.open(&tag);
                builder.close();
            }
            Event::End(_) => builder.close(),
            Event::Text(text) => builder.text.push_str(&text),
            Event::CData(text) => builder.text.push_str(&text),
            Event::GeneralRef(reference) => builder.reference(&reference),
            Event::Eof => break,
            _ => {}
        }
    }
    builder.finish()
}

/// The event as far as it was read.
#[derive(Debug, Default)]
struct Builder {
    path: Vec<String>,
    text: String,
    /// Set while the innermost element has had no child.
    leaf: bool,
    name: Option<String>,
    provider: Option<String>,
    classic_source: Option<String>,
    event_id: Option<u32>,
    record: Option<u64>,
    qualifiers: Option<u16>,
    level: Option<Level>,
    time: Option<FileTime>,
    channel: Option<String>,
    computer: String,
    strings: Vec<EventString>,
    data: Vec<u8>,
    damaged: bool,
}

impl Builder {
    fn open(&mut self, tag: &BytesStart<'_>) {
        let name = tag.local_name().as_ref().to_owned();
        self.text.clear();
        self.leaf = true;
        self.name = attribute(tag, "Name");
        let in_system = self.path.last().is_some_and(|parent| parent == "System");
        if in_system {
            match name.as_str() {
                "Provider" => {
                    self.provider = self.name.take();
                    self.classic_source = attribute(tag, "EventSourceName");
                }
                "EventID" => {
                    self.qualifiers =
                        attribute(tag, "Qualifiers").and_then(|number| number.parse().ok());
                }
                "TimeCreated" => {
                    self.time = attribute(tag, "SystemTime").and_then(|text| time(&text));
                }
                _ => {}
            }
        }
        self.path.push(name);
    }

    fn close(&mut self) {
        let Some(name) = self.path.pop() else {
            return;
        };
        let leaf = std::mem::replace(&mut self.leaf, false);
        let text = std::mem::take(&mut self.text);
        if !leaf || self.path.is_empty() {
            return;
        }
        if self.path.get(1).is_some_and(|part| part == "System") {
            self.system(&name, text);
        } else if self.path.len() > 1 {
            self.payload(name, text);
        }
    }

    fn system(&mut self, name: &str, text: String) {
        match name {
            "EventID" => self.event_id = text.trim().parse().ok(),
            "Level" => self.level = Some(Level::of_level(text.trim())),
            "EventRecordID" => self.record = text.trim().parse().ok(),
            "Channel" => self.channel = Some(text),
            "Computer" => self.computer = text,
            _ => {}
        }
    }

    fn payload(&mut self, name: String, text: String) {
        if name == "Binary" {
            match unhex(&text) {
                Some(bytes) => self.data = bytes,
                None => self.damaged = true,
            }
            return;
        }
        if self.strings.len() >= STRINGS_MAX {
            self.damaged = true;
            return;
        }
        let name = if name == "Data" {
            self.name.take()
        } else {
            Some(name)
        };
        self.strings.push(EventString { name, text });
    }

    fn reference(&mut self, reference: &BytesRef<'_>) {
        if let Ok(Some(character)) = reference.resolve_char_ref() {
            self.text.push(character);
        } else if let Some(text) = resolve_predefined_entity(reference) {
            self.text.push_str(text);
        }
    }

    fn finish(self) -> Result<EventRecord> {
        let provider = self.provider.unwrap_or_default();
        let (source, provider) = match self.classic_source {
            Some(source) if !source.is_empty() && source != provider => (source, Some(provider)),
            _ => (provider, None),
        };
        let nameless = source.is_empty();
        let event_id = self
            .event_id
            .ok_or_else(|| Error::corrupt("the event has no id"))?;
        Ok(EventRecord {
            time: self.time.map(EventTime::Fine),
            written: None,
            channel: self.channel,
            source,
            provider,
            event_id,
            qualifiers: self.qualifiers,
            level: self.level.unwrap_or(Level::Other),
            computer: self.computer,
            record: self.record.unwrap_or(0),
            strings: self.strings,
            data: self.data,
            offset: 0,
            recovered: false,
            // A template that is damaged renders as an event without them.
            damaged: self.damaged || nameless || self.time.is_none(),
        })
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok()??;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}

fn time(text: &str) -> Option<FileTime> {
    FileTime::from_utc(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

/// The bytes of hexadecimal digits, two a byte.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
