//! Days and moments from their distance to 2000-01-01, as ISO 8601.

use std::io::Write as _;

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;
/// Days from 0000-03-01 to 2000-01-01.
const MARCH_OF_YEAR_0: i64 = 730_425;

/// A moment by its microseconds since 1970; `None` beyond the years 1 to 9999, which ISO 8601 has.
pub(super) fn since_1970(microseconds: i64) -> Option<i64> {
    const SECONDS_TO_2000: i64 = 946_684_800;
    const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    YEARS
        .contains(&microseconds.div_euclid(1_000_000))
        .then(|| microseconds - SECONDS_TO_2000 * 1_000_000)
}

/// Writes a day by its number of days: `2026-01-31`, `0044-03-15 BC`, `infinity`.
pub(super) fn day(out: &mut Vec<u8>, days: i32) {
    match days {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        days => {
            let before_christ = date(out, days.into());
            era(out, before_christ);
        }
    }
}

/// Writes a moment by its number of microseconds: `2026-01-31T13:05:00.25`, and `+00:00` in UTC.
pub(super) fn moment(out: &mut Vec<u8>, microseconds: i64, utc: bool) {
    match microseconds {
        i64::MAX => return out.extend_from_slice(b"infinity"),
        i64::MIN => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let before_christ = date(out, microseconds.div_euclid(MICROSECONDS_A_DAY));
    let time = microseconds.rem_euclid(MICROSECONDS_A_DAY);
    let (seconds, fraction) = (time / 1_000_000, time % 1_000_000);
    out.push(b'T');
    for (unit, end) in [(seconds / 3_600, b':'), (seconds / 60 % 60, b':')] {
        two_digits(out, unit);
        out.push(end);
    }
    two_digits(out, seconds % 60);
    if fraction > 0 {
        // Writing into memory cannot fail.
        let _ = write!(out, ".{fraction:06}");
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    if utc {
        out.extend_from_slice(b"+00:00");
    }
    era(out, before_christ);
}

/// Writes year, month and day of the Gregorian calendar; true for a year before the first one.
fn date(out: &mut Vec<u8>, days: i64) -> bool {
    // Years are counted from March, so that the leap day is the last of its year; eras have 400.
    let days = days + MARCH_OF_YEAR_0;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let before_christ = year <= 0;
    let shown = if before_christ { 1 - year } else { year };
    if shown < 10_000 {
        two_digits(out, shown / 100);
        two_digits(out, shown % 100);
    } else {
        // As above.
        let _ = write!(out, "{shown}");
    }
    out.push(b'-');
    two_digits(out, month);
    out.push(b'-');
    two_digits(out, day);
    before_christ
}

fn era(out: &mut Vec<u8>, before_christ: bool) {
    if before_christ {
        out.extend_from_slice(b" BC");
    }
}

fn two_digits(out: &mut Vec<u8>, number: i64) {
    // Both are digits: the callers divide by what a calendar allows.
    out.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike as _, Days, NaiveDate};

    use super::{day, moment};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_day_of_the_calendar_is_right() {
        let start = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
        let epoch = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        for offset in (0..3_652_059).step_by(13).chain([3_652_058]) {
            let date = start.checked_add_days(Days::new(offset)).unwrap();
            let days = date.num_days_from_ce() - epoch.num_days_from_ce();
            assert_eq!(written(|out| day(out, days)), date.to_string());
        }
    }

    #[test]
    fn ends_of_time_and_years_before_the_first_are_named() {
        for (days, text) in [
            (i32::MAX, "infinity"),
            (i32::MIN, "-infinity"),
            (-730_119, "0001-01-01"),
            (-730_120, "0001-12-31 BC"),
            (-2_451_545, "4714-11-24 BC"),
            (2_921_940, "10000-01-01"),
        ] {
            assert_eq!(written(|out| day(out, days)), text, "{days}");
        }
    }

    #[test]
    fn moments_have_the_digits_that_they_need() {
        for (microseconds, utc, text) in [
            (0, false, "2000-01-01T00:00:00"),
            (-1, true, "1999-12-31T23:59:59.999999+00:00"),
            (250_000, true, "2000-01-01T00:00:00.25+00:00"),
            (86_399_000_010, false, "2000-01-01T23:59:59.00001"),
            (i64::MAX, true, "infinity"),
            (i64::MIN, false, "-infinity"),
            (
                -63_082_281_600_000_001,
                true,
                "0001-12-31T23:59:59.999999+00:00 BC",
            ),
        ] {
            assert_eq!(
                written(|out| moment(out, microseconds, utc)),
                text,
                "{microseconds}"
            );
        }
    }
}
