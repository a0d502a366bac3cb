//! Which records are asked for: by source, id, time and text.

use memchr::memchr2_iter;

use crate::artifact::event_log::record::{EventRecord, EventTime};
use crate::artifact::event_log::xml_filter::XmlFilter;
use crate::base::filetime::FileTime;

/// What a record has to be; an empty query asks for all.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// One of these sources, without regard to case.
    pub sources: Vec<String>,
    /// One of these ids.
    pub ids: Vec<u32>,
    /// Not before that time.
    pub since: Option<FileTime>,
    /// Not after that time.
    pub until: Option<FileTime>,
    /// Holding that text.
    pub text: Option<Text>,
}

/// A text that is looked for without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    lower: String,
}

impl Text {
    /// The text to look for.
    pub fn new(text: &str) -> Self {
        Self {
            lower: text.to_lowercase(),
        }
    }

    /// Whether it is part of another text.
    pub fn is_in(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return text.to_lowercase().contains(&self.lower);
        }
        let needle = self.lower.as_bytes();
        let Some(first) = needle.first() else {
            return true;
        };
        // The lower case of ASCII is ASCII: where the text beyond it is, is no place to begin.
        memchr2_iter(*first, first.to_ascii_uppercase(), text.as_bytes()).any(|at| {
            let end = at.saturating_add(needle.len());
            let part = text.as_bytes().get(at..end);
            part.is_some_and(|part| part.eq_ignore_ascii_case(needle))
        })
    }
}

impl Query {
    /// What tells quickly that the XML of an event does not hold the text, if a text is looked for that allows it.
    pub(crate) fn xml_filter(&self) -> Option<XmlFilter> {
        XmlFilter::of(&self.text.as_ref()?.lower)
    }

    /// A query for these ids.
    pub fn for_ids(ids: impl IntoIterator<Item = u32>) -> Self {
        let mut ids: Vec<u32> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self {
            ids,
            ..Self::default()
        }
    }

    /// Whether records of that id are asked for.
    pub(crate) fn wants_id(&self, id: u32) -> bool {
        self.ids.is_empty() || self.ids.contains(&id)
    }

    /// Whether records of that source are asked for.
    fn wants_source(&self, record: &EventRecord) -> bool {
        let wants = |name: &str| {
            self.sources
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        self.sources.is_empty() || record.names().any(wants)
    }

    /// Whether the record is asked for. A record without a time is, unless times were asked for.
    pub fn wants(&self, record: &EventRecord) -> bool {
        self.wants_id(record.event_id)
            && self.wants_source(record)
            && self.wants_time(record)
            && self.wants_text(record)
    }

    fn wants_time(&self, record: &EventRecord) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some(time) = record.time.map(EventTime::filetime) else {
            return false;
        };
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time <= until)
    }

    fn wants_text(&self, record: &EventRecord) -> bool {
        let Some(text) = &self.text else {
            return true;
        };
        text.is_in(&record.source)
            || text.is_in(&record.computer)
            || record.strings.iter().any(|string| text.is_in(&string.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_without_regard_to_case_in_any_script() {
        assert!(Text::new("metaBASE").is_in("the metabase path"));
        assert!(Text::new("überprüfung").is_in("ÜBERPRÜFUNG"));
        assert!(!Text::new("metabase").is_in("metabas"));
        assert!(Text::new("").is_in(""));
    }
}
