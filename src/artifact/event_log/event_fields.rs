//! The fields of an event as an XML reader finds them, one by one, and the record that they make.
//!
//! The XML is read in two ways (`plain_xml`, `xml`); what an element means is here, once, so that both mean the same.
//!
//! Specification: Event schema, `http://schemas.microsoft.com/win/2004/08/events/event`.

use std::borrow::Cow;
use std::ops::Range;

use chrono::{DateTime, NaiveDate};

use crate::artifact::event_log::record::{EventRecord, EventString, EventTime, Level};
use crate::base::filetime::FileTime;
use crate::error::{Error, Result};

/// Seconds from 1601-01-01 to 1970-01-01.
const UNIX_EPOCH_SECONDS: u64 = 11_644_473_600;
/// Steps of 100 nanoseconds in a second.
const STEPS_PER_SECOND: u64 = 10_000_000;
/// Most strings of one event.
const STRINGS_MAX: usize = 4096;

/// An event as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct EventFields {
    provider: Option<String>,
    classic_source: Option<String>,
    event_id: Option<u32>,
    record: Option<u64>,
    qualifiers: Option<u16>,
    level: Option<Level>,
    time: Option<FileTime>,
    channel: Option<String>,
    computer: String,
    user_sid: Option<String>,
    strings: Vec<EventString>,
    data: Vec<u8>,
    damaged: bool,
}

impl EventFields {
    /// The begin of an element of `System`, with a way to its attributes.
    pub(crate) fn open_system<'t>(
        &mut self,
        element: &str,
        mut attribute: impl FnMut(&str) -> Option<Cow<'t, str>>,
    ) {
        match element {
            "Provider" => {
                self.provider = attribute("Name").map(Cow::into_owned);
                self.classic_source = attribute("EventSourceName").map(Cow::into_owned);
            }
            "EventID" => {
                let number = attribute("Qualifiers").filter(|number| !number.is_empty());
                self.qualifiers = number.as_deref().and_then(|number| number.parse().ok());
                self.damaged |= number.is_some() && self.qualifiers.is_none();
            }
            "TimeCreated" => self.time = attribute("SystemTime").and_then(|text| time(&text)),
            "Security" => {
                let sid = attribute("UserID").filter(|sid| !sid.is_empty());
                self.user_sid = sid.map(Cow::into_owned);
            }
            _ => {}
        }
    }

    /// The text of an element of `System` that has no other elements in it.
    pub(crate) fn system(&mut self, element: &str, text: Cow<'_, str>) {
        match element {
            "EventID" => self.event_id = text.trim().parse().ok(),
            "Level" => self.level = Some(Level::of_level(text.trim())),
            "EventRecordID" => {
                self.record = text.trim().parse().ok();
                self.damaged |= self.record.is_none();
            }
            "Channel" => self.channel = Some(text.into_owned()),
            "Computer" => self.computer = text.into_owned(),
            _ => {}
        }
    }

    /// The text of an element behind `System` that has no other elements in it; `name` is its attribute of that name.
    pub(crate) fn payload(
        &mut self,
        element: &str,
        name: Option<Cow<'_, str>>,
        text: Cow<'_, str>,
    ) {
        if element == "Binary" {
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
        let name = if element == "Data" {
            name.map(Cow::into_owned)
        } else {
            Some(element.to_owned())
        };
        let text = text.into_owned();
        self.strings.push(EventString { name, text });
    }

    /// The event; its offset and the time of writing are not in its XML, and its number is 0 where it is not.
    ///
    /// # Errors
    /// An event without an id.
    pub(crate) fn finish(self) -> Result<EventRecord> {
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
            user_sid: self.user_sid,
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

fn time(text: &str) -> Option<FileTime> {
    if let Some(time) = plain_time(text) {
        return Some(time);
    }
    FileTime::from_utc(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

/// A time as Windows and the `evtx` crate write it, `2010-11-21T03:55:59.6264271Z` with any number of digits; `None` for
/// one in another form, a leap second, and one before 1970.
fn plain_time(text: &str) -> Option<FileTime> {
    let (whole, fraction) = text.strip_suffix('Z')?.split_once('.')?;
    let digits = whole.as_bytes();
    if digits.len() != 19 {
        return None;
    }
    let number = |range: Range<usize>| decimal(digits.get(range)?);
    let mark = |at: usize, mark: u8| (*digits.get(at)? == mark).then_some(());
    mark(4, b'-').and(mark(7, b'-')).and(mark(10, b'T'))?;
    mark(13, b':').and(mark(16, b':'))?;
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let year = i32::try_from(number(0..4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5..7)?, number(8..10)?)?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    let seconds = u64::try_from(days)
        .ok()?
        .checked_mul(86_400)?
        .checked_add(u64::from(hour * 3600 + minute * 60 + second))?;
    let kept = fraction.as_bytes().get(..fraction.len().min(7))?;
    let scale = 10_u64.pow(u32::try_from(7_usize.checked_sub(kept.len())?).ok()?);
    let steps = u64::from(decimal(kept)?).checked_mul(scale)?;
    let rest = fraction.as_bytes().get(kept.len()..)?;
    if !rest.iter().all(u8::is_ascii_digit) {
        return None;
    }
    UNIX_EPOCH_SECONDS
        .checked_add(seconds)?
        .checked_mul(STEPS_PER_SECOND)?
        .checked_add(steps)
        .map(FileTime)
}

/// The number that at least one and at most nine decimal digits make.
fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0_u32, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| byte.wrapping_sub(b'0'))?;
        sum.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

/// The bytes of hexadecimal digits, two a byte.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_pairs_of_hexadecimal_digits_and_nothing_else() {
        assert_eq!(unhex(" 03fF00 ").unwrap(), [3, 0xff, 0]);
        assert!(unhex("").unwrap().is_empty());
        for text in ["0", "+f", "0x", "0g", "é"] {
            assert_eq!(unhex(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_that_is_none_makes_an_event_damaged() {
        let damaged = |qualifiers: &'static str, record: &'static str| {
            let mut fields = EventFields::default();
            fields.open_system("Provider", |_| Some("X".into()));
            fields.open_system("TimeCreated", |_| Some("2010-11-21T03:55:59.0Z".into()));
            fields.open_system("EventID", |_| Some(qualifiers.into()));
            fields.system("EventID", "7".into());
            fields.system("EventRecordID", record.into());
            fields.finish().unwrap().damaged
        };
        assert!(!damaged("16384", "5"));
        assert!(!damaged("", "5"));
        assert!(damaged("many", "5"));
        assert!(damaged("16384", "-5"));
    }

    #[test]
    fn a_time_is_the_same_by_its_digits_and_by_the_general_reader() {
        let general = |text: &str| {
            let time = DateTime::parse_from_rfc3339(text).ok()?;
            FileTime::from_utc(time.to_utc())
        };
        for text in [
            "2010-11-21T03:55:59.626427100Z",
            "2010-11-21T03:55:59.6264271Z",
            "2024-02-29T23:59:59.9999999Z",
            "1970-01-01T00:00:00.0Z",
            "9999-12-31T00:00:00.1Z",
            "2016-12-31T00:00:00.123456789Z",
        ] {
            let time = plain_time(text);
            assert!(time.is_some(), "{text}");
            assert_eq!(time, general(text), "{text}");
        }
        for text in [
            "2023-02-29T00:00:00.0Z",
            "2016-12-31T24:00:00.0Z",
            "2016-12-31T23:60:00.0Z",
            "2016-12-31 23:59:00.0Z",
            "2016-12-31T23:59:00.+1Z",
            "2016-12-31T23:59:00.Z",
            "2016-12-31T23:59:00.1234567xZ",
            "+016-12-31T23:59:00.1Z",
            "1601-01-01T00:00:00.0Z",
            "",
        ] {
            assert_eq!(plain_time(text), None, "{text}");
        }
        // What the digits do not tell is left to the general reader.
        assert_eq!(time("1601-01-01T00:00:00.0Z"), Some(FileTime(0)));
        assert_eq!(
            time("2010-11-21T04:55:59+01:00"),
            time("2010-11-21T03:55:59.0Z")
        );
    }
}
