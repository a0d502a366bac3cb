//! A time and what it is worth.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::artifact::event_log::EventTime;
use crate::base::filetime::FileTime;

/// The zones of the world lie between 12 hours behind UTC and 14 hours before it.
const BEHIND_UTC: TimeDelta = TimeDelta::hours(12);
const BEFORE_UTC: TimeDelta = TimeDelta::hours(14);

/// What a time is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Coordinated universal time.
    Utc,
    /// The clock of the machine, in a zone that the source does not name.
    LocalUnknownZone,
    /// A date of the machine, without a time of day.
    DateOnly,
    /// The source gives no time, or none that is one.
    Unknown,
}

impl Certainty {
    /// The word of reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utc => "utc",
            Self::LocalUnknownZone => "local_unknown_zone",
            Self::DateOnly => "date_only",
            Self::Unknown => "unknown",
        }
    }
}

/// A time as its source gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    reading: FileTime,
    certainty: Certainty,
    text: String,
}

impl Moment {
    /// A FILETIME; `None` for one that is no time.
    pub fn utc(time: FileTime) -> Option<Self> {
        Some(Self {
            reading: time,
            certainty: Certainty::Utc,
            text: time.to_rfc3339()?,
        })
    }

    /// The time of an event, or of any source that counts seconds since 1970.
    pub fn of_event(time: EventTime) -> Option<Self> {
        Some(Self {
            reading: time.filetime(),
            certainty: Certainty::Utc,
            text: time.to_rfc3339()?,
        })
    }

    /// A time on the clock of the machine.
    pub fn local(time: NaiveDateTime) -> Option<Self> {
        Some(Self {
            reading: in_range(FileTime::from_utc(time.and_utc())?)?,
            certainty: Certainty::LocalUnknownZone,
            text: time.format("%Y-%m-%dT%H:%M:%S").to_string(),
        })
    }

    /// A date.
    pub fn date(date: NaiveDate) -> Option<Self> {
        Some(Self {
            reading: in_range(FileTime::from_utc(date.and_time(NaiveTime::MIN).and_utc())?)?,
            certainty: Certainty::DateOnly,
            text: date.format("%Y-%m-%d").to_string(),
        })
    }

    /// No time: it stands behind all others.
    pub fn unknown() -> Self {
        Self {
            reading: FileTime(u64::MAX),
            certainty: Certainty::Unknown,
            text: String::new(),
        }
    }

    /// The time as it stands, whatever it is worth: what entries are ordered by.
    pub fn reading(&self) -> FileTime {
        self.reading
    }

    /// What it is worth.
    pub fn certainty(&self) -> Certainty {
        self.certainty
    }

    /// RFC 3339 for UTC, without a zone for local time, the date alone for a date.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it may lie between two times of UTC: surely where it is one itself, in some zone of the world else.
    pub fn may_lie_between(&self, since: Option<FileTime>, until: Option<FileTime>) -> bool {
        let (back, on) = match self.certainty {
            Certainty::Unknown => return true,
            Certainty::Utc => (TimeDelta::zero(), TimeDelta::zero()),
            Certainty::LocalUnknownZone => (BEFORE_UTC, BEHIND_UTC),
            Certainty::DateOnly => (BEFORE_UTC, BEHIND_UTC + TimeDelta::days(1)),
        };
        let moved = |by: TimeDelta| {
            let time = self.reading.to_utc()?.checked_add_signed(by)?;
            FileTime::from_utc(time)
        };
        let earliest = moved(-back).unwrap_or(FileTime(0));
        let latest = moved(on).unwrap_or(FileTime(u64::MAX));
        since.is_none_or(|since| latest >= since) && until.is_none_or(|until| earliest <= until)
    }
}

/// A time from the year 1601 to the year 9999.
fn in_range(time: FileTime) -> Option<FileTime> {
    time.to_rfc3339().map(|_| time)
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        let time = (self.certainty != Certainty::Unknown).then_some(&self.text);
        map.serialize_entry("time", &time)?;
        map.serialize_entry("certainty", &self.certainty)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn utc(text: &str) -> FileTime {
        FileTime::from_utc(at(text).and_utc()).unwrap()
    }

    #[test]
    fn a_local_time_may_lie_in_every_zone_of_the_world_and_a_utc_time_in_one() {
        let local = Moment::local(at("2010-06-21 14:00")).unwrap();
        let range = |since, until| local.may_lie_between(Some(utc(since)), Some(utc(until)));
        assert!(range("2010-06-21 00:00", "2010-06-21 00:00"));
        assert!(range("2010-06-22 02:00", "2010-06-23 00:00"));
        assert!(!range("2010-06-22 02:01", "2010-06-23 00:00"));
        assert!(!range("2010-06-20 00:00", "2010-06-20 23:59"));
        let exact = Moment::utc(utc("2010-06-21 14:00")).unwrap();
        assert!(!exact.may_lie_between(Some(utc("2010-06-21 14:01")), None));
    }

    #[test]
    fn a_date_reaches_to_its_end() {
        let date = Moment::date(at("2010-06-21 00:00").date()).unwrap();
        assert!(date.may_lie_between(Some(utc("2010-06-22 11:59")), None));
        assert!(!date.may_lie_between(Some(utc("2010-06-22 12:01")), None));
        assert_eq!(date.text(), "2010-06-21");
    }

    #[test]
    fn a_year_of_five_digits_is_no_moment() {
        let far = NaiveDate::from_ymd_opt(12345, 1, 1).unwrap();
        assert_eq!(Moment::date(far), None);
        assert_eq!(Moment::local(far.and_time(NaiveTime::MIN)), None);
        let unknown = serde_json::to_value(Moment::unknown()).unwrap();
        assert_eq!(unknown["time"], serde_json::Value::Null);
    }

    #[test]
    fn zero_is_no_moment() {
        assert_eq!(Moment::utc(FileTime(0)), None);
        assert_eq!(Moment::of_event(EventTime::Seconds(0)), None);
    }
}
