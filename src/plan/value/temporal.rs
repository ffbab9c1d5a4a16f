//! Dates and times in ISO 8601.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::catalog::FieldType;

const DATE: &str = "%Y-%m-%d";

/// The text to bind for a date or time.
///
/// An engine with real types gets one form: `2026-01-31`, `13:05:00.25`, and moments as
/// `2026-01-31 13:05:00.25`, with `+00:00` where the column has a zone. Where the column keeps whatever was written (`dynamic`), the
/// text stays as it is once it is known to be ISO 8601.
pub(super) fn read(field_type: FieldType, text: &str, dynamic: bool) -> Option<String> {
    // Finer than any engine's column: it would be rounded, and match what it is not.
    if !dynamic && is_finer_than_micros(text) {
        return None;
    }
    if dynamic {
        let sound =
            date(text).is_some() || time(text) || naive(text).is_some() || moment(text).is_some();
        return sound.then(|| text.to_owned());
    }
    match field_type {
        FieldType::Date => date(text).map(|date| date.format(DATE).to_string()),
        FieldType::Time => time(text).then(|| text.to_owned()),
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

/// Times of day, and the longer spans that MySQL's TIME holds.
fn time(text: &str) -> bool {
    let span = text.strip_prefix('-').unwrap_or(text);
    let Some((hours, rest)) = span.split_once(':') else {
        return false;
    };
    let whole = format!("00:{rest}");
    (1..=3).contains(&hours.len())
        && hours.bytes().all(|byte| byte.is_ascii_digit())
        && (NaiveTime::parse_from_str(&whole, "%H:%M:%S%.f").is_ok()
            || NaiveTime::parse_from_str(&whole, "%H:%M").is_ok())
}

fn naive(text: &str) -> Option<NaiveDateTime> {
    if let Some(date) = date(text) {
        return date.and_hms_opt(0, 0, 0);
    }
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let time = NaiveTime::parse_from_str(clock, "%H:%M:%S%.f")
        .or_else(|_| NaiveTime::parse_from_str(clock, "%H:%M"))
        .ok()?;
    Some(date(day)?.and_time(time))
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|moment| moment.to_utc())
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
            assert_eq!(read(field_type, text, false).as_deref(), value, "{text}");
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
            assert_eq!(read(FieldType::DateTime, text, true).as_deref(), Some(text));
        }
        assert_eq!(read(FieldType::DateTime, "soon", true), None);
    }
}
