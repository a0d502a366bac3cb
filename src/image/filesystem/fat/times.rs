//! The times of a directory entry: local, without a zone, to two seconds, the last access a day.
//!
//! A date of zero says that there is none, as in entries of MS-DOS, which keep the time of writing only. Specification: "FAT:
//! General Overview of On-Disk Format" 1.03, "FAT 32 Byte Directory Entry Structure" and "Date and Time Formats".

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use crate::base::bytes;
use crate::image::filesystem::LocalTimes;

/// The times of an entry of 32 bytes.
pub(crate) fn of_slot(slot: &[u8]) -> LocalTimes {
    let date_at = |offset| date(bytes::u16_le(slot, offset)?);
    let moment = |date_offset, time_offset| {
        let (date, time) = (date_at(date_offset)?, bytes::u16_le(slot, time_offset)?);
        date.and_hms_opt(
            u32::from(time >> 11),
            u32::from((time >> 5) & 0x3F),
            u32::from(time & 0x1F).saturating_mul(2),
        )
    };
    let created = || -> Option<NaiveDateTime> {
        // CrtTimeTenth: hundredths of a second, up to 199.
        let hundredths = i64::from(bytes::u8(slot, 13)?).min(199);
        moment(16, 14)?.checked_add_signed(TimeDelta::milliseconds(hundredths.saturating_mul(10)))
    };
    LocalTimes {
        created: created(),
        modified: moment(24, 22),
        accessed: date_at(18),
    }
}

/// Day, month and years since 1980.
fn date(packed: u16) -> Option<NaiveDate> {
    let year = i32::from(packed >> 9).saturating_add(1980);
    NaiveDate::from_ymd_opt(
        year,
        u32::from((packed >> 5) & 0x0F),
        u32::from(packed & 0x1F),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification's formats: 1 January 1980 is 0x0021, 31 December 2107 is 0xFF9F; 23:59:58 is 0xBF7D.
    #[test]
    fn dates_and_times_are_those_of_the_specification() {
        let mut slot = [0_u8; 32];
        assert_eq!(of_slot(&slot), LocalTimes::default());
        slot[13] = 150;
        slot[14..16].copy_from_slice(&0xBF7D_u16.to_le_bytes());
        slot[16..18].copy_from_slice(&0x0021_u16.to_le_bytes());
        slot[18..20].copy_from_slice(&0xFF9F_u16.to_le_bytes());
        slot[24..26].copy_from_slice(&0x0021_u16.to_le_bytes());
        let times = of_slot(&slot);
        assert_eq!(
            times.created.unwrap().to_string(),
            "1980-01-01 23:59:59.500"
        );
        assert_eq!(times.modified.unwrap().to_string(), "1980-01-01 00:00:00");
        assert_eq!(times.accessed.unwrap().to_string(), "2107-12-31");
    }

    #[test]
    fn an_impossible_date_or_time_is_none() {
        let mut slot = [0xFF_u8; 32];
        assert_eq!(of_slot(&slot), LocalTimes::default());
        slot[24..26].copy_from_slice(&0x0021_u16.to_le_bytes());
        assert_eq!(of_slot(&slot).modified, None);
    }
}
