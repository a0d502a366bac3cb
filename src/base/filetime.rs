//! FILETIME: 100-nanosecond steps since 1601-01-01 00:00:00 UTC, the time of NTFS and of the registry.

use std::fmt;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};

/// A FILETIME as it stands on disk; zero and values out of range stay representable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime(pub u64);

/// Seconds from 1601-01-01 to 1970-01-01.
const UNIX_EPOCH_SECONDS: i64 = 11_644_473_600;
/// The last year with four digits.
const YEAR_MAX: i32 = 9999;
/// Steps of 100 nanoseconds in a second.
const STEPS_PER_SECOND: u64 = 10_000_000;

impl FileTime {
    /// The time as a date, if it lies in the range that dates have.
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        let seconds = i64::try_from(self.0 / STEPS_PER_SECOND)
            .ok()?
            .checked_sub(UNIX_EPOCH_SECONDS)?;
        let nanos = u32::try_from(self.0 % STEPS_PER_SECOND)
            .ok()?
            .checked_mul(100)?;
        DateTime::from_timestamp(seconds, nanos)
    }

    /// The FILETIME of a date.
    pub fn from_utc(time: DateTime<Utc>) -> Option<Self> {
        let seconds = u64::try_from(time.timestamp().checked_add(UNIX_EPOCH_SECONDS)?).ok()?;
        let steps = u64::from(time.timestamp_subsec_nanos() / 100);
        seconds
            .checked_mul(STEPS_PER_SECOND)?
            .checked_add(steps)
            .map(Self)
    }

    /// How much later this time is than `earlier`.
    pub fn since(self, earlier: Self) -> Option<TimeDelta> {
        Some(self.to_utc()?.signed_duration_since(earlier.to_utc()?))
    }

    /// RFC 3339 in UTC with seven digits of a second, or `None` for zero, for times that have no date, and for years
    /// that RFC 3339 has no place for (above 9999).
    pub fn to_rfc3339(self) -> Option<String> {
        if self.0 == 0 {
            return None;
        }
        let date = self.to_utc().filter(|date| date.year() <= YEAR_MAX)?;
        let steps = self.0 % STEPS_PER_SECOND;
        let (year, month, day) = (date.year().unsigned_abs(), date.month(), date.day());
        let (hour, minute, second) = (date.hour(), date.minute(), date.second());
        // By the digit and not by a pattern: a folder of 100,000 keys has 800,000 times.
        let mut text = String::with_capacity("yyyy-mm-ddThh:mm:ss.fffffffZ".len());
        let fields = [
            (year, 4, '-'),
            (month, 2, '-'),
            (day, 2, 'T'),
            (hour, 2, ':'),
            (minute, 2, ':'),
            (second, 2, '.'),
        ];
        for (field, width, behind) in fields {
            push_digits(&mut text, u64::from(field), width);
            text.push(behind);
        }
        push_digits(&mut text, steps, 7);
        text.push('Z');
        Some(text)
    }
}

/// Appends the last `width` decimal digits of a number.
fn push_digits(text: &mut String, number: u64, width: u32) {
    let mut unit = 10_u64.pow(width.saturating_sub(1));
    while unit > 0 {
        let digit = u32::try_from(number / unit % 10).unwrap_or(0);
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
        unit /= 10;
    }
}

impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_rfc3339() {
            Some(text) => f.write_str(&text),
            None => write!(f, "0x{:016x}", self.0),
        }
    }
}

impl serde::Serialize for FileTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.to_rfc3339() {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filetime_is_shown_with_seven_digits() {
        assert_eq!(
            FileTime(0x01C4_9A29_1237_1234).to_rfc3339().unwrap().len(),
            28
        );
        assert_eq!(
            FileTime(116_444_736_000_000_000).to_rfc3339().unwrap(),
            "1970-01-01T00:00:00.0000000Z"
        );
        assert_eq!(FileTime(0).to_rfc3339(), None);
    }

    #[test]
    fn a_year_of_five_digits_has_no_text_of_rfc_3339() {
        let last = FileTime(2_650_467_743_999_999_999);
        assert_eq!(last.to_rfc3339().unwrap(), "9999-12-31T23:59:59.9999999Z");
        assert_eq!(FileTime(last.0 + 1).to_rfc3339(), None);
        assert_eq!(FileTime(u64::MAX).to_rfc3339(), None);
    }

    #[test]
    fn dates_and_filetimes_convert_both_ways() {
        let time = FileTime(132_223_104_123_456_789);
        assert_eq!(FileTime::from_utc(time.to_utc().unwrap()), Some(time));
    }
}
