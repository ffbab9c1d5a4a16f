//! One value, by its shape.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::{Datum, Numbers, Shape, Style, double, mean, moment, redact, text};
use crate::plan::Value;
use crate::protocol::{Kind, decode_string, kind};
use crate::value::Parts;

/// Up to where a double holds every whole number.
const EXACT: u64 = 1 << 53;

/// Writes a value as JSON.
pub(super) fn write(
    out: &mut Vec<u8>,
    datum: Datum<'_>,
    shape: Shape,
    parts: &Parts,
    style: &Style,
) {
    let quoted = style.numbers == Numbers::String
        && matches!(shape, Shape::Wide | Shape::Number | Shape::Computed);
    let rounds = |number: &str| style.numbers == Numbers::Doubles && double::rounds(number);
    match (datum, shape) {
        (Datum::Null, _) => out.extend_from_slice(b"null"),
        (Datum::Bool(value), _) => literal(out, value),
        (Datum::Int(value @ (0 | 1)), Shape::Boolean) => literal(out, value == 1),
        (Datum::Uint(value @ (0 | 1)), Shape::Boolean) => literal(out, value == 1),
        (datum @ (Datum::Int(_) | Datum::Float(_)), Shape::Unix { milliseconds }) => {
            match since_1970(&datum, milliseconds) {
                Some(moment) => write(out, moment, Shape::Native, parts, style),
                None => write(out, datum, Shape::Wide, parts, style),
            }
        }
        (Datum::Int(value), Shape::Any) => {
            let quoted = style.numbers == Numbers::String && value.unsigned_abs() > EXACT;
            number(out, itoa::Buffer::new().format(value), quoted);
        }
        (Datum::Int(value), _) => number(out, itoa::Buffer::new().format(value), quoted),
        (Datum::Uint(value), _) => number(out, itoa::Buffer::new().format(value), quoted),
        (Datum::Float32(value), _) => match value.is_finite() {
            true => json(out, &value),
            false => text(out, nonfinite(f64::from(value))),
        },
        (Datum::Float(value), _) => match value.is_finite() {
            true if quoted => number(out, &value.to_string(), true),
            true => json(out, &value),
            false => text(out, nonfinite(value)),
        },
        (Datum::RawText(bytes), shape) => {
            let lossy = Datum::Text(String::from_utf8_lossy(&bytes));
            write(out, lossy, shape, parts, style);
        }
        (Datum::Bytes(bytes), Shape::Uuid) => match <[u8; 16]>::try_from(&*bytes) {
            Ok(id) => write(out, Datum::Uuid(id), Shape::Native, parts, style),
            Err(_) => write(out, Datum::Bytes(bytes), Shape::Native, parts, style),
        },
        (Datum::Bytes(bytes), _) => {
            out.push(b'"');
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
        (datum @ (Datum::Uuid(_) | Datum::Day(_) | Datum::Moment { .. }), _) => {
            out.push(b'"');
            plain(out, &datum);
            out.push(b'"');
        }
        (Datum::Text(value), Shape::Number) => {
            let value = unpadded(&value);
            if is_number(value) {
                number(out, value, quoted || rounds(value));
            } else {
                text(out, value.trim_matches('"'));
            }
        }
        (Datum::Text(value), Shape::Computed) => {
            let value = Datum::Text(trimmed(&value).to_owned().into());
            write(out, value, Shape::Number, parts, style);
        }
        (Datum::Text(value), Shape::Json) => redact::document(out, &value, parts, style),
        (Datum::Text(value), Shape::Clock) => text(out, trimmed(&value)),
        (Datum::Text(value), Shape::DayAndTime) if is_day_and_time(&value) => {
            text(out, &value.replacen(' ', "T", 1));
        }
        (Datum::Text(value), Shape::Moment { utc }) => {
            let value = trimmed(&value).replacen(' ', "T", 1);
            text(out, &if utc { value + "Z" } else { value });
        }
        (Datum::Text(value), _) => text(out, &redact::within(&value, &style.sensitive)),
    }
}

/// The moment so many seconds or milliseconds after 1970, where there is one.
fn since_1970(datum: &Datum<'_>, milliseconds: bool) -> Option<Datum<'static>> {
    let microseconds = match datum {
        Datum::Int(value) => value.checked_mul(if milliseconds { 1_000 } else { 1_000_000 })?,
        Datum::Float(value) => (value * if milliseconds { 1e3 } else { 1e6 }).round() as i64,
        _ => return None,
    };
    moment::since_1970(microseconds).map(at)
}

/// A sort key of a row, as a value that can be bound to go on after it; `None` is NULL.
pub(crate) fn key(datum: Datum<'_>, shape: Shape) -> Option<Value> {
    Some(match datum {
        Datum::Null => return None,
        Datum::Bool(value) => Value::Bool(value),
        Datum::Int(value) => Value::Int(value),
        Datum::Uint(value) => i64::try_from(value).map_or(Value::Uint(value), Value::Int),
        Datum::Float32(value) => Value::Float(f64::from(value)),
        Datum::Float(value) => Value::Float(value),
        Datum::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
        datum @ (Datum::Uuid(_) | Datum::Day(_) | Datum::Moment { .. }) => {
            let mut text = Vec::with_capacity(36);
            plain(&mut text, &datum);
            Value::Text(String::from_utf8(text).ok()?)
        }
        Datum::RawText(bytes) => Value::RawText(bytes.into_owned()),
        Datum::Text(value) => match shape {
            Shape::Number | Shape::Computed => Value::Decimal(value.trim_matches('"').to_owned()),
            Shape::Json => match serde_json::from_str::<&RawValue>(&value) {
                Ok(raw) if kind(raw) == Kind::String => {
                    Value::Text(decode_string(raw)?.into_owned())
                }
                _ => Value::Text(value.into_owned()),
            },
            _ => Value::Text(value.into_owned()),
        },
    })
}

/// A moment in UTC.
fn at(microseconds: i64) -> Datum<'static> {
    Datum::Moment {
        microseconds,
        utc: true,
    }
}

fn literal(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn number(out: &mut Vec<u8>, digits: &str, quoted: bool) {
    let quote: &[u8] = if quoted { b"\"" } else { b"" };
    for part in [quote, digits.as_bytes(), quote] {
        out.extend_from_slice(part);
    }
}

/// Writes what needs no escape.
fn plain(out: &mut Vec<u8>, datum: &Datum<'_>) {
    match *datum {
        Datum::Uuid(bytes) => {
            for (index, byte) in bytes.into_iter().enumerate() {
                if matches!(index, 4 | 6 | 8 | 10) {
                    out.push(b'-');
                }
                // Writing into memory cannot fail.
                let _ = write!(out, "{byte:02x}");
            }
        }
        Datum::Day(days) => moment::day(out, days),
        Datum::Moment { microseconds, utc } => moment::moment(out, microseconds, utc),
        _ => {}
    }
}

fn json<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    // As above; finite numbers are always JSON.
    let _ = serde_json::to_writer(out, value);
}

fn nonfinite(value: f64) -> &'static str {
    match (value.is_nan(), value > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
}

/// A number without the zeros that MySQL's ZEROFILL puts in front.
fn unpadded(text: &str) -> &str {
    let bare = text.trim_start_matches('0');
    match bare.bytes().next() {
        Some(b'0'..=b'9') => bare,
        // The zero before a point, or the only one, stays.
        _ => &text[text.len() - bare.len() - usize::from(bare.len() < text.len())..],
    }
}

/// Whether a text is a number as JSON writes it.
fn is_number(text: &str) -> bool {
    matches!(text.as_bytes().first(), Some(b'-' | b'0'..=b'9'))
        && serde_json::from_str::<&RawValue>(text).is_ok()
        && !text.ends_with(char::is_whitespace)
}

/// What numbers add up to.
pub(super) enum Addition {
    /// There were none.
    Nothing,
    /// To the last digit.
    Exact(String),
    /// Among them were such that are not exact.
    Float(f64),
}

impl Addition {
    /// A sum that the database wrote.
    pub(super) fn of_text(sum: Datum<'_>) -> Self {
        match sum {
            Datum::Text(digits) => Self::Exact(digits.into_owned()),
            _ => Self::Nothing,
        }
    }
}

/// A sum, and how many were added, of one text that the database wrote.
pub(super) fn ratio(told: Datum<'_>) -> (Addition, Datum<'static>) {
    let Datum::Text(text) = told else {
        return (Addition::Nothing, Datum::Null);
    };
    let (sum, count) = text.split_once('/').unwrap_or((&text, ""));
    let count = count.parse().map_or(Datum::Null, Datum::Int);
    (Addition::Exact(sum.to_owned()), count)
}

/// A sum in units of its last digit, as text beyond 64 bits; or the sum itself, as a float.
pub(super) fn added(units: &Datum<'_>, scale: u8) -> Addition {
    match units {
        Datum::Int(units) => Addition::Exact(scaled((*units).into(), scale)),
        Datum::Text(digits) => digits.parse().map_or(Addition::Nothing, |units| {
            Addition::Exact(scaled(units, scale))
        }),
        Datum::Float(sum) => Addition::Float(*sum),
        _ => Addition::Nothing,
    }
}

/// Writes a sum; NULL where there was nothing to add.
pub(super) fn sum(out: &mut Vec<u8>, units: &Datum<'_>, (scale, fixed): (u8, bool), style: &Style) {
    match added(units, scale) {
        Addition::Nothing => write(out, Datum::Null, Shape::Wide, &Parts::Plain, style),
        Addition::Float(sum) => write(out, Datum::Float(sum), Shape::Wide, &Parts::Plain, style),
        Addition::Exact(decimal) => {
            let decimal = match fixed {
                true => &*decimal,
                false => trimmed(&decimal),
            };
            let quoted = style.numbers == Numbers::String;
            let rounds = style.numbers == Numbers::Doubles && double::rounds(decimal);
            number(out, decimal, quoted || rounds);
        }
    }
}

/// Writes the mean of so many numbers, as a float; NULL where there were none.
pub(super) fn mean(out: &mut Vec<u8>, sum: Addition, count: &Datum<'_>, style: &Style) {
    let count = match *count {
        Datum::Int(count) => u64::try_from(count).unwrap_or_default(),
        Datum::Uint(count) => count,
        _ => 0,
    };
    let mean = match sum {
        Addition::Nothing => Datum::Null,
        Addition::Float(sum) => Datum::Float(sum / count as f64),
        Addition::Exact(digits) => match mean::nearest(&digits, count) {
            Some(mean) => Datum::Float(mean),
            // No number, or no finite one.
            None => Datum::Text(digits.into()),
        },
    };
    write(out, mean, Shape::Native, &Parts::Plain, style);
}

/// Units of 10^-scale as a decimal: 419936 with 2 is 4199.36.
fn scaled(units: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    if scale == 0 {
        return units.to_string();
    }
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// Whether a text begins as `2026-01-31 13:05` does.
fn is_day_and_time(text: &str) -> bool {
    const FORM: &[u8; 16] = b"0000-00-00 00:00";
    text.len() >= FORM.len()
        && text.bytes().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *form,
        })
}

/// A number or a time without the zeros at the end of its fraction.
fn trimmed(value: &str) -> &str {
    if value.contains('.') {
        value.trim_end_matches('0').trim_end_matches('.')
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sensitive::Sensitive;

    fn written(datum: Datum<'_>, shape: Shape, numbers: Numbers) -> String {
        let sensitive = Arc::new(Sensitive::default());
        let mut out = Vec::new();
        write(
            &mut out,
            datum,
            shape,
            &Parts::Plain,
            &Style {
                numbers,
                nesting: (numbers == Numbers::Doubles).then_some(56),
                sensitive: Arc::clone(&sensitive),
            },
        );
        String::from_utf8(out).unwrap()
    }

    fn native(datum: Datum<'_>, shape: Shape) -> String {
        written(datum, shape, Numbers::Native)
    }

    fn words(text: &str) -> Datum<'_> {
        Datum::Text(text.into())
    }

    #[test]
    fn each_shape_has_its_json() {
        for (datum, shape, json) in [
            (Datum::Null, Shape::Number, "null"),
            (Datum::Int(1), Shape::Boolean, "true"),
            (Datum::Int(5), Shape::Boolean, "5"),
            (Datum::Int(i64::MIN), Shape::Wide, "-9223372036854775808"),
            (Datum::Uint(u64::MAX), Shape::Wide, "18446744073709551615"),
            (Datum::Float(0.1), Shape::Native, "0.1"),
            (Datum::Float32(0.1), Shape::Native, "0.1"),
            (Datum::Float(f64::NAN), Shape::Native, "\"NaN\""),
            (
                Datum::Float(f64::NEG_INFINITY),
                Shape::Native,
                "\"-Infinity\"",
            ),
            (
                Datum::Bytes((&[0u8, 255][..]).into()),
                Shape::Native,
                "\"AP8=\"",
            ),
            (
                words("12345678901234567890.10"),
                Shape::Number,
                "12345678901234567890.10",
            ),
            (words("\"NaN\""), Shape::Number, "\"NaN\""),
            (words("abc"), Shape::Number, "\"abc\""),
            (words("1 "), Shape::Number, "\"1 \""),
            (
                words("2026-01-31 13:05:00.250"),
                Shape::DayAndTime,
                "\"2026-01-31T13:05:00.250\"",
            ),
            (
                words("2026-01-31 soon"),
                Shape::DayAndTime,
                "\"2026-01-31 soon\"",
            ),
            (
                Datum::RawText((&b"a\xff"[..]).into()),
                Shape::Native,
                "\"a\u{fffd}\"",
            ),
            (words("13:05:00.250000"), Shape::Clock, "\"13:05:00.25\""),
            (words("120:00:00"), Shape::Clock, "\"120:00:00\""),
            (
                words("2026-01-31 13:05:00.000000"),
                Shape::Moment { utc: false },
                "\"2026-01-31T13:05:00\"",
            ),
            (
                words("2026-01-31 13:05:00"),
                Shape::Moment { utc: true },
                "\"2026-01-31T13:05:00Z\"",
            ),
            (words("a\"\u{1}"), Shape::Native, "\"a\\\"\\u0001\""),
            (
                words("{\"a\": 1e500, \"a\":2}"),
                Shape::Json,
                "{\"a\": 1e500, \"a\":2}",
            ),
            (words("not json"), Shape::Json, "\"not json\""),
        ] {
            assert_eq!(native(datum.clone(), shape), json, "{datum:?} as {shape:?}");
        }
    }

    #[test]
    fn sums_keep_their_digits() {
        use Datum::{Float, Int, Null};
        let sensitive = Arc::new(Sensitive::default());
        for (units, scale, native, string) in [
            (Null, (2, true), "null", "null"),
            (Int(419_936), (2, true), "4199.36", "\"4199.36\""),
            (Int(-5), (2, true), "-0.05", "\"-0.05\""),
            (Int(1_500_000), (6, false), "1.5", "\"1.5\""),
            (Int(2_000_000), (6, false), "2", "\"2\""),
            (
                words("18446744073709551616"),
                (0, true),
                "18446744073709551616",
                "\"18446744073709551616\"",
            ),
            (Float(3.5), (0, true), "3.5", "\"3.5\""),
        ] {
            for (numbers, expected) in [(Numbers::Native, native), (Numbers::String, string)] {
                let style = Style {
                    numbers,
                    nesting: None,
                    sensitive: Arc::clone(&sensitive),
                };
                let mut out = Vec::new();
                sum(&mut out, &units, scale, &style);
                assert_eq!(String::from_utf8(out).unwrap(), expected, "{units:?}");
            }
        }
    }

    #[test]
    fn large_numbers_can_be_strings() {
        let quoted = |datum, shape| written(datum, shape, Numbers::String);
        assert_eq!(quoted(Datum::Int(7), Shape::Wide), "\"7\"");
        assert_eq!(quoted(Datum::Int(7), Shape::Native), "7");
        assert_eq!(quoted(words("12.50"), Shape::Number), "\"12.50\"");
        assert_eq!(quoted(Datum::Int(7), Shape::Boolean), "7");
    }

    #[test]
    fn what_a_double_would_round_can_be_a_string() {
        let doubles = |datum, shape| written(datum, shape, Numbers::Doubles);
        assert_eq!(doubles(words("12.50"), Shape::Number), "12.50");
        assert_eq!(
            doubles(words("12345678901234567890.10"), Shape::Number),
            "\"12345678901234567890.10\""
        );
        assert_eq!(
            doubles(Datum::Int(i64::MAX), Shape::Wide),
            "9223372036854775807"
        );
        let document = "{\"a\": [0.1, 1e500, 7], \"b\":-12345678901234567890.1}";
        assert_eq!(
            doubles(words(document), Shape::Json),
            "{\"a\": [0.1, \"1e500\", 7], \"b\":\"-12345678901234567890.1\"}"
        );
    }

    #[test]
    fn a_key_binds_what_was_read() {
        assert_eq!(
            key(words("\"2026-01-31\""), Shape::Json),
            Some(Value::Text("2026-01-31".into()))
        );
        assert_eq!(
            key(words("12.50"), Shape::Number),
            Some(Value::Decimal("12.50".into()))
        );
        assert_eq!(
            key(words("\"quoted\""), Shape::Native),
            Some(Value::Text("\"quoted\"".into()))
        );
        assert_eq!(key(Datum::Null, Shape::Native), None);
    }
}
