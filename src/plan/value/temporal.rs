//! Dates and times in ISO 8601.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Utc};

use crate::catalog::FieldType;

const DATE: &str = "%Y-%m-%d";
/// A leap second is kept as nanoseconds from here on.
const LEAP: u32 = 1_000_000_000;

/// Which dates and times a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// Whatever was written, as text (SQLite).
    Text,
    /// PostgreSQL's: years before the first and beyond 9999, and the ends of time.
    Postgres,
    /// MySQL's: days and months that are zero, and times of day as spans of up to 838 hours.
    MySql,
}

/// The text to bind for a date or time; whatever is served can be sent back.
///
/// An engine with real types gets one form: `2026-01-31`, `13:05:00.25`, and moments as
/// `2026-01-31 13:05:00.25`, with `+00:00` where the column has a zone. Where the column keeps
/// whatever was written, the text stays as it is once it is known to be ISO 8601. A leap second is
/// none on any engine: one makes it the next minute, another midnight.
pub(super) fn read(field_type: FieldType, text: &str, clock: Clock) -> Option<String> {
    // Finer than any engine's column: it would be rounded, and match what it is not.
    if clock != Clock::Text && is_finer_than_micros(text) {
        return None;
    }
    match (clock, field_type) {
        (Clock::Text, _) => {
            // The hour behind a day's last, which this engine takes for the first of the next.
            let ended = text.split_at_checked(10).is_some_and(|(day, time)| {
                let rest = time.strip_prefix(['T', 't', ' ']);
                let rest = rest.and_then(|time| time.strip_prefix("24:"));
                let next = rest.map(|rest| format!("{day}T00:{rest}"));
                next.is_some_and(|next| naive(&next).is_some() || moment(&next).is_some())
            });
            let sound = ended
                || date(text).is_some()
                || span(text).is_some()
                || naive(text).is_some()
                || moment(text).is_some();
            sound.then(|| text.to_owned())
        }
        (Clock::Postgres, FieldType::Time) => {
            let hours = span(text)?;
            let rest = text.split_once(':')?.1;
            let midnight =
                hours == 24 && rest.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'));
            let of_day = !text.starts_with('-') && (hours < 24 || midnight);
            of_day.then(|| text.to_owned())
        }
        (Clock::MySql, FieldType::Time) => {
            let fits = span(text)? <= 838;
            fits.then(|| text.to_owned())
        }
        (Clock::Postgres, _) => far(field_type, text),
        (Clock::MySql, _) => partly(field_type, text),
    }
}

/// A date or moment of the years 0 to 9999.
pub(super) fn near(field_type: FieldType, text: &str) -> Option<String> {
    match field_type {
        FieldType::Date => date(text).map(|date| date.format(DATE).to_string()),
        FieldType::DateTime => {
            // A zone has no meaning here; only the one that changes nothing is dropped.
            let local = text
                .strip_suffix('Z')
                .or_else(|| text.strip_suffix("+00:00"));
            naive(local.unwrap_or(text)).map(plain)
        }
        FieldType::Timestamp => {
            let utc = naive(text).or_else(|| moment(text).map(|moment| moment.naive_utc()))?;
            Some(plain(utc) + "+00:00")
        }
        _ => None,
    }
}

/// One of any year that PostgreSQL has: `0044-03-15 BC`, `12024-01-01`, `infinity`.
fn far(field_type: FieldType, text: &str) -> Option<String> {
    if matches!(text, "infinity" | "-infinity") {
        return Some(text.to_owned());
    }
    let (body, before_christ) = match text.strip_suffix(" BC") {
        Some(body) => (body, true),
        None => (text, false),
    };
    let (digits, rest) = body.split_at(body.find('-')?);
    let padded = digits.len() > 4 && digits.starts_with('0');
    if !(4..=7).contains(&digits.len()) || padded {
        return None;
    }
    let given: i64 = digits.parse().ok().filter(|year| *year > 0)?;
    // By the count of astronomers, who have a year 0; each 400 years are alike.
    let year = if before_christ { 1 - given } else { given };
    let alike = 2000 + year.rem_euclid(400);
    let written = near(field_type, &format!("{alike}{rest}"))?;
    let (of_alike, rest) = written.split_at_checked(4)?;
    let year = year + of_alike.parse::<i64>().ok()? - alike;
    let last = match field_type {
        FieldType::Date => 5_874_897,
        _ => 294_276,
    };
    if year > last || (year, rest) < (-4713, "-11-24") {
        return None;
    }
    Some(match year {
        1.. => format!("{year:04}{rest}"),
        _ => format!("{:04}{rest} BC", 1 - year),
    })
}

/// One whose day or month may be zero, as MySQL keeps it.
fn partly(field_type: FieldType, text: &str) -> Option<String> {
    let part = |range| text.get(range).filter(|part| *part == "00");
    let (month, day) = (part(5..7), part(8..10));
    if month.is_none() && day.is_none() {
        return near(field_type, text);
    }
    let whole = |zero: Option<&str>, at| match zero {
        Some(_) => Some("01"),
        None => text.get(at),
    };
    let whole = [
        text.get(..5)?,
        whole(month, 5..7)?,
        text.get(7..8)?,
        whole(day, 8..10)?,
    ]
    .concat();
    let written = near(field_type, &format!("{whole}{}", text.get(10..)?))?;
    // A zone that moves a day which is none means nothing.
    let rest = written.strip_prefix(&whole)?;
    Some(format!("{}{rest}", text.get(..10)?))
}

/// The microseconds since 1970 of a moment; without a zone it is in UTC.
pub(super) fn unix_microseconds(text: &str) -> Option<i64> {
    if is_finer_than_micros(text) {
        return None;
    }
    let utc = naive(text).or_else(|| moment(text).map(|moment| moment.naive_utc()))?;
    Some(utc.and_utc().timestamp_micros())
}

fn is_finer_than_micros(text: &str) -> bool {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.split(|c: char| !c.is_ascii_digit()).next();
    digits.is_some_and(|digits| digits.trim_end_matches('0').len() > 6)
}

fn plain(moment: NaiveDateTime) -> String {
    moment.format("%Y-%m-%d %H:%M:%S%.f").to_string()
}

fn date(text: &str) -> Option<NaiveDate> {
    // chrono takes other numbers of digits too; ISO 8601 does not.
    (text.len() == 10)
        .then(|| NaiveDate::parse_from_str(text, DATE).ok())
        .flatten()
}

/// The hours of a time of day, or of one of the longer spans that MySQL's TIME holds.
fn span(text: &str) -> Option<u16> {
    let span = text.strip_prefix('-').unwrap_or(text);
    let (hours, rest) = span.split_once(':')?;
    let digits = (1..=3).contains(&hours.len()) && hours.bytes().all(|byte| byte.is_ascii_digit());
    clock(&format!("00:{rest}"))?;
    digits.then(|| hours.parse().ok()).flatten()
}

/// A time of day without a leap second.
fn clock(text: &str) -> Option<NaiveTime> {
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"))
        .ok()?;
    (time.nanosecond() < LEAP).then_some(time)
}

fn naive(text: &str) -> Option<NaiveDateTime> {
    if let Some(date) = date(text) {
        return date.and_hms_opt(0, 0, 0);
    }
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let time = clock(rest.strip_prefix(['T', 't', ' '])?)?;
    Some(date(day)?.and_time(time))
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    (moment.nanosecond() < LEAP).then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_takes_its_own_form() {
        use FieldType::{Date, DateTime, Time, Timestamp};
        for (field_type, text, value) in [
            (Date, "2026-01-31", Some("2026-01-31")),
            (Date, "2026-02-31", None),
            (Date, "2026-1-31", None),
            (Date, "31.01.2026", None),
            (Date, "now", None),
            (Time, "13:05:00.25", Some("13:05:00.25")),
            (Time, "-838:59:59", Some("-838:59:59")),
            (Time, "13:61", None),
            (DateTime, "2026-01-31T13:05:00", Some("2026-01-31 13:05:00")),
            (
                DateTime,
                "2026-01-31 13:05:00.250",
                Some("2026-01-31 13:05:00.250"),
            ),
            (DateTime, "2026-01-31", Some("2026-01-31 00:00:00")),
            (
                DateTime,
                "2026-01-31T13:05:00Z",
                Some("2026-01-31 13:05:00"),
            ),
            (DateTime, "2026-01-31T13:05:00+02:00", None),
            (DateTime, "2026-01-31T13:05:00.1234567", None),
            (Time, "13:05:00.1234567", None),
            (
                Timestamp,
                "2026-01-31T13:05:00.1234560Z",
                Some("2026-01-31 13:05:00.123456+00:00"),
            ),
            (
                Timestamp,
                "2026-01-31T13:05:00+02:00",
                Some("2026-01-31 11:05:00+00:00"),
            ),
            (
                Timestamp,
                "2026-01-31T13:05:00Z",
                Some("2026-01-31 13:05:00+00:00"),
            ),
            (Timestamp, "yesterday", None),
        ] {
            for clock in [Clock::Postgres, Clock::MySql] {
                let read = read(field_type, text, clock);
                let own = text != "-838:59:59" || clock == Clock::MySql;
                assert_eq!(read.as_deref(), value.filter(|_| own), "{text}");
            }
        }
    }

    #[test]
    fn text_that_the_column_keeps_is_left_alone() {
        for text in [
            "2026-01-31T13:05:00Z",
            "2026-01-31 13:05:00",
            "2026-01-31",
            "13:05:00",
        ] {
            assert_eq!(
                read(FieldType::DateTime, text, Clock::Text).as_deref(),
                Some(text)
            );
        }
        assert_eq!(read(FieldType::DateTime, "soon", Clock::Text), None);
    }
    #[test]
    fn a_leap_second_is_none() {
        for clock in [Clock::Text, Clock::Postgres, Clock::MySql] {
            for (field_type, text) in [
                (FieldType::Time, "23:59:60"),
                (FieldType::Time, "23:59:60.5"),
                (FieldType::DateTime, "2024-02-29T23:59:60"),
                (FieldType::Timestamp, "2016-12-31T23:59:60Z"),
                (FieldType::Timestamp, "2017-01-01T00:59:60+01:00"),
            ] {
                assert_eq!(read(field_type, text, clock), None, "{text}");
            }
        }
    }

    #[test]
    fn postgresql_has_more_years_and_days_of_24_hours() {
        use FieldType::{Date, DateTime, Time, Timestamp};
        for (field_type, text, value) in [
            (Date, "0044-03-15 BC", Some("0044-03-15 BC")),
            (Date, "0001-02-29 BC", Some("0001-02-29 BC")),
            (Date, "0002-02-29 BC", None),
            (Date, "4714-11-24 BC", Some("4714-11-24 BC")),
            (Date, "4714-11-23 BC", None),
            (Date, "12024-01-01", Some("12024-01-01")),
            (Date, "5874897-12-31", Some("5874897-12-31")),
            (Date, "5874898-01-01", None),
            (Date, "0000-01-01", None),
            (Date, "02026-01-31", None),
            (Date, "infinity", Some("infinity")),
            (Date, "inf", None),
            (DateTime, "-infinity", Some("-infinity")),
            (
                DateTime,
                "0044-03-15T12:00:00 BC",
                Some("0044-03-15 12:00:00 BC"),
            ),
            (
                DateTime,
                "294276-12-31T23:59:59",
                Some("294276-12-31 23:59:59"),
            ),
            (DateTime, "294277-01-01T00:00:00", None),
            (
                Timestamp,
                "0001-12-31T23:59:59.999999+00:00 BC",
                Some("0001-12-31 23:59:59.999999+00:00 BC"),
            ),
            (
                Timestamp,
                "0001-12-31T23:30:00-01:00 BC",
                Some("0001-01-01 00:30:00+00:00"),
            ),
            (Time, "24:00:00", Some("24:00:00")),
            (Time, "24:00:01", None),
            (Time, "25:00:00", None),
            (Time, "-01:00:00", None),
        ] {
            let read = read(field_type, text, Clock::Postgres);
            assert_eq!(read.as_deref(), value, "{text}");
        }
    }

    #[test]
    fn mysql_has_days_that_are_none_and_long_spans() {
        use FieldType::{Date, DateTime, Time, Timestamp};
        for (field_type, text, value) in [
            (Date, "0000-00-00", Some("0000-00-00")),
            (Date, "2026-00-00", Some("2026-00-00")),
            (Date, "2026-02-00", Some("2026-02-00")),
            (Date, "2026-13-00", None),
            (Date, "0044-03-15 BC", None),
            (Date, "infinity", None),
            (DateTime, "0000-00-00T00:00:00", Some("0000-00-00 00:00:00")),
            (
                Timestamp,
                "0000-00-00T00:00:00Z",
                Some("0000-00-00 00:00:00+00:00"),
            ),
            (Timestamp, "2026-01-00T00:00:00+02:00", None),
            (Time, "838:59:59", Some("838:59:59")),
            (Time, "839:00:00", None),
        ] {
            let read = read(field_type, text, Clock::MySql);
            assert_eq!(read.as_deref(), value, "{text}");
        }
    }
}
