//! One record, the same for both kinds of log.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::base::bytes::hex;
use crate::base::filetime::FileTime;

/// A time in a log: whole seconds in `.evt`, FILETIME in `.evtx`; UTC in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTime {
    /// Seconds since 1970-01-01 UTC.
    Seconds(u32),
    /// A FILETIME.
    Fine(FileTime),
}

impl EventTime {
    /// The time as a FILETIME, to compare the two kinds.
    pub fn filetime(self) -> FileTime {
        match self {
            Self::Fine(time) => time,
            Self::Seconds(seconds) => DateTime::<Utc>::from_timestamp(i64::from(seconds), 0)
                .and_then(FileTime::from_utc)
                .unwrap_or(FileTime(0)),
        }
    }

    /// RFC 3339 in UTC; a fraction only where the log has one. `None` for zero and for all bits set (-1, what functions of C
    /// return where there is no time): neither is a time.
    pub fn to_rfc3339(self) -> Option<String> {
        match self {
            Self::Seconds(0 | u32::MAX) => None,
            Self::Seconds(seconds) => DateTime::<Utc>::from_timestamp(i64::from(seconds), 0)
                .map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            Self::Fine(time) => time.to_rfc3339(),
        }
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_rfc3339().serialize(serializer)
    }
}

/// How grave an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Type 0 of `.evt`; level 0 of `.evtx` (logged always).
    None,
    /// Level 1 of `.evtx`.
    Critical,
    /// Type 1 of `.evt`, level 2 of `.evtx`.
    Error,
    /// Type 2 of `.evt`, level 3 of `.evtx`.
    Warning,
    /// Type 4 of `.evt`, level 4 of `.evtx`.
    Information,
    /// Level 5 of `.evtx`.
    Verbose,
    /// Type 8 of `.evt`.
    AuditSuccess,
    /// Type 16 of `.evt`.
    AuditFailure,
    /// Any other number.
    Other,
}

impl Level {
    /// The event type of a `.evt` record.
    pub(crate) fn of_event_type(number: u16) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Error,
            2 => Self::Warning,
            4 => Self::Information,
            8 => Self::AuditSuccess,
            16 => Self::AuditFailure,
            _ => Self::Other,
        }
    }

    /// The level of an `.evtx` record.
    pub(crate) fn of_level(number: &str) -> Self {
        match number {
            "0" => Self::None,
            "1" => Self::Critical,
            "2" => Self::Error,
            "3" => Self::Warning,
            "4" => Self::Information,
            "5" => Self::Verbose,
            _ => Self::Other,
        }
    }

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
            Self::Verbose => "verbose",
            Self::AuditSuccess => "audit_success",
            Self::AuditFailure => "audit_failure",
            Self::Other => "other",
        }
    }
}

/// One insertion string; `.evtx` may name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventString {
    /// Its name in the template of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The text.
    pub text: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRecord {
    /// When it happened.
    pub time: Option<EventTime>,
    /// When it was written to the log.
    pub written: Option<EventTime>,
    /// The log that the record names (`.evtx` only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The source.
    pub source: String,
    /// The provider, where it has another name than the source (`.evtx` only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The id without its qualifiers.
    pub event_id: u32,
    /// The upper half of the id, if there is one: facility and severity.
    pub qualifiers: Option<u16>,
    /// How grave it is.
    pub level: Level,
    /// The name of the computer at that time.
    pub computer: String,
    /// The SID of the user, where the record names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_sid: Option<String>,
    /// The number of the record in its log.
    pub record: u64,
    /// The insertion strings in their order.
    pub strings: Vec<EventString>,
    /// The data.
    #[serde(serialize_with = "as_hex", skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<u8>,
    /// Where the record lies in its file, in bytes.
    pub offset: u64,
    /// Set if the log itself counts the record no more: cleared, or older than its oldest.
    pub recovered: bool,
    /// Set if fields of the record point outside of it, and it was read in part.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
}

impl EventRecord {
    /// Insertion string number `index`, from 0.
    pub fn string(&self, index: usize) -> Option<&str> {
        self.strings.get(index).map(|string| string.text.as_str())
    }

    /// Whether source or provider (without regard to case) and id are those.
    pub fn is(&self, source: &str, event_id: u32) -> bool {
        self.event_id == event_id && self.names().any(|name| name.eq_ignore_ascii_case(source))
    }

    /// Source and provider.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.source.as_str()).chain(self.provider.as_deref())
    }

    /// The data as a little-endian number, if it has four bytes.
    pub fn data_u32(&self) -> Option<u32> {
        <[u8; 4]>::try_from(self.data.as_slice())
            .ok()
            .map(u32::from_le_bytes)
    }
}

fn as_hex<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_seconds_has_no_fraction_and_zero_is_no_time() {
        assert_eq!(
            EventTime::Seconds(1_333_774_681).to_rfc3339().unwrap(),
            "2012-04-07T04:58:01Z"
        );
        assert_eq!(EventTime::Seconds(0).to_rfc3339(), None);
        assert_eq!(EventTime::Seconds(u32::MAX).to_rfc3339(), None);
        assert_eq!(
            EventTime::Seconds(0).filetime(),
            FileTime(116_444_736_000_000_000)
        );
    }
}
