//! A client's value, checked against a field's type before any engine sees it.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::{RawValue, to_raw_value};

use crate::catalog::{Field, FieldType, Stored};
use crate::error::{Echo, Error, ErrorKind};
use crate::protocol::{Kind, decode_string, kind};
use crate::value::Value;

mod temporal;

use self::temporal::Clock;

/// Digits of a decimal, the point not counted; beyond every engine's exact types.
const DECIMAL_DIGITS: usize = 1_000;

/// Checks a value that is not `null` against its field.
///
/// # Errors
/// `invalid_value`, saying what is expected.
pub(super) fn check(raw: &RawValue, field: &Field) -> Result<Value, Error> {
    read(raw, field).ok_or_else(|| invalid(field, &expected(field)))
}

/// A value as somebody typed it, by the type of its field; `None` where it is none of that type.
pub fn typed(text: &str, field: &Field) -> Option<Value> {
    let as_is = matches!(field.field_type(), FieldType::Boolean | FieldType::Any);
    let plain = || {
        let raw = RawValue::from_string(text.to_owned()).ok()?;
        matches!(kind(&raw), Kind::Number | Kind::Bool).then_some(raw)
    };
    let raw = match as_is.then(plain).flatten() {
        Some(raw) => raw,
        None => to_raw_value(text).ok()?,
    };
    read(&raw, field)
}

/// A value of a class that is no field's: a parameter's of a tool; `None` where it is none of that
/// class. A moment without a zone is in UTC.
pub(crate) fn of_class(raw: &RawValue, class: FieldType) -> Option<Value> {
    let text = match kind(raw) {
        Kind::String => Some(decode_string(raw)?),
        _ => None,
    };
    let text = text.as_deref();
    if text.is_some_and(|text| text.contains('\0')) {
        return None;
    }
    match class {
        FieldType::Integer { unsigned, .. } => integer(scalar(raw, text)?, unsigned),
        FieldType::Decimal { .. } => decimal(scalar(raw, text)?).map(Value::Decimal),
        FieldType::Float => float(scalar(raw, text)?).map(Value::Float),
        FieldType::Boolean => match raw.get() {
            "true" | "\"true\"" => Some(Value::Bool(true)),
            "false" | "\"false\"" => Some(Value::Bool(false)),
            _ => None,
        },
        FieldType::Text => text.map(|text| Value::Text(text.to_owned())),
        FieldType::Uuid => uuid(text?).map(Value::Text),
        FieldType::Date | FieldType::Timestamp => temporal::near(class, text?).map(Value::Text),
        FieldType::Time => temporal::read(class, text?, Clock::Postgres).map(Value::Text),
        _ => None,
    }
}

/// A value of a field's class.
///
/// # Errors
/// What is expected instead.
pub(crate) fn of_field(raw: &RawValue, field: &Field) -> Result<Value, String> {
    read(raw, field).ok_or_else(|| expected(field))
}

/// The refusal of a value for that field.
pub(super) fn invalid(field: &Field, expected: &str) -> Error {
    ErrorKind::InvalidValue {
        field: field.name().into(),
        expected: expected.into(),
    }
    .into()
}

/// What a field takes, as errors say it.
fn expected(field: &Field) -> String {
    let words = match field.field_type() {
        FieldType::Integer { .. } => "an integer",
        FieldType::Decimal { .. } => "a decimal number",
        FieldType::Float | FieldType::Float32 => "a number",
        FieldType::Boolean if field.cast() == "tinyint" => "true, false or a number of one byte",
        FieldType::Boolean => "true or false",
        FieldType::Text if field.is_derived() => "a part of a date like 2026-01",
        FieldType::Text => "text",
        FieldType::Uuid => "a UUID",
        FieldType::Date => "a date like 2026-01-31",
        FieldType::Time => "a time like 13:05:00",
        FieldType::DateTime => "a date and time like 2026-01-31T13:05:00",
        FieldType::Timestamp => "a date and time like 2026-01-31T13:05:00Z",
        FieldType::Enum => return format!("one of {}", field.values().join(", ")),
        FieldType::Address => "an IP address or network",
        FieldType::Any => "text, a number or a boolean",
        FieldType::Bytes if field.stored() == Stored::Bytes => "bytes in base64",
        FieldType::Json | FieldType::Array | FieldType::Bytes | FieldType::Other => {
            return format!("null, for a field of type {}", field.field_type().name());
        }
    };
    words.to_owned()
}

fn read(raw: &RawValue, field: &Field) -> Option<Value> {
    let text = match kind(raw) {
        Kind::String => Some(decode_string(raw)?.into_owned()),
        _ => None,
    };
    // No engine stores a NUL in text, and some fail on it instead of finding nothing.
    if text.as_deref().is_some_and(|text| text.contains('\0')) {
        return None;
    }
    if let Some(value) = stored(raw, text.as_deref(), field) {
        return Some(value);
    }
    match field.field_type() {
        FieldType::Integer { unsigned, .. } => integer(scalar(raw, text.as_deref())?, unsigned),
        FieldType::Float | FieldType::Float32 if is_endless(text.as_deref(), field) => {
            text?.parse().ok().map(Value::Float)
        }
        FieldType::Decimal { .. } if is_endless(text.as_deref(), field) => text.map(Value::Decimal),
        FieldType::Decimal { .. } => decimal(scalar(raw, text.as_deref())?).map(Value::Decimal),
        FieldType::Float => float(scalar(raw, text.as_deref())?).map(Value::Float),
        // The engines widen a 32-bit float before they compare, and so does the value.
        FieldType::Float32 => {
            let value = float(scalar(raw, text.as_deref())?)? as f32;
            value.is_finite().then(|| Value::Float(f64::from(value)))
        }
        FieldType::Boolean => match raw.get() {
            "true" | "1" => Some(Value::Bool(true)),
            "false" | "0" => Some(Value::Bool(false)),
            number if field.cast() == "tinyint" => integer(number, false).filter(is_tiny),
            _ => None,
        },
        // A year is written as a number too.
        FieldType::Text if field.is_derived() => {
            let digits = || Some(whole(raw.get())?.into_owned());
            text.or_else(digits).map(Value::Text)
        }
        FieldType::Text => text.map(Value::Text),
        FieldType::Uuid if field.stored() == Stored::Bytes => None,
        FieldType::Uuid => uuid(&text?).map(Value::Text),
        FieldType::Enum => {
            let text = text?;
            let is_declared = field.values().iter().any(|value| **value == *text);
            // What MariaDB keeps of a value that it refused, and serves as the empty text.
            let is_refused = text.is_empty() && field.stored() == Stored::Position;
            (is_declared || is_refused).then_some(Value::Text(text))
        }
        FieldType::Address => {
            let text = text?;
            let address = match field.cast() {
                // MariaDB's types hold addresses of one family, and no networks.
                "inet4" => text.parse::<Ipv4Addr>().is_ok(),
                "inet6" => text.parse::<Ipv6Addr>().is_ok(),
                _ => text.parse::<IpAddr>().is_ok() || text.parse::<ipnet::IpNet>().is_ok(),
            };
            address.then_some(Value::Text(text))
        }
        moment @ (FieldType::Date
        | FieldType::Time
        | FieldType::DateTime
        | FieldType::Timestamp) => match text {
            Some(text) => temporal::read(moment, &text, clock(field)).map(Value::Text),
            None if field.is_dynamic() => any(raw),
            None => None,
        },
        FieldType::Any => match text {
            Some(text) => Some(Value::Text(text)),
            None => match raw.get() {
                "true" => Some(Value::Int(1)),
                "false" => Some(Value::Int(0)),
                _ => any(raw),
            },
        },
        FieldType::Json | FieldType::Array | FieldType::Bytes | FieldType::Other => None,
    }
}

/// Whether a number fits the byte that MySQL keeps a boolean in.
fn is_tiny(value: &Value) -> bool {
    matches!(value, Value::Int(-128..=255))
}

/// What a field takes beside its class: what SQLite keeps in columns of that class too, so that each
/// value that is served can be asked for.
fn stored(raw: &RawValue, text: Option<&str>, field: &Field) -> Option<Value> {
    let unit = match field.stored() {
        Stored::AsItIs => {
            return field
                .is_dynamic()
                .then(|| dynamic(raw, text, field))
                .flatten();
        }
        Stored::Bytes => {
            let bytes = match field.field_type() {
                FieldType::Uuid => {
                    let digits = uuid(text?)?.replace('-', "");
                    u128::from_str_radix(&digits, 16).ok()?.to_be_bytes().into()
                }
                _ => bytes(text?)?,
            };
            return Some(Value::Bytes(bytes));
        }
        Stored::Position => return None,
        Stored::UnixSeconds => 1_000_000,
        Stored::UnixMilliseconds => 1_000,
    };
    match text {
        Some(text) => {
            let microseconds = temporal::unix_microseconds(text)?;
            Some(match microseconds % unit {
                0 => Value::Int(microseconds / unit),
                _ => Value::Float(microseconds as f64 / unit as f64),
            })
        }
        None => any(raw),
    }
}

/// Numbers of any form in columns of numbers.
fn dynamic(raw: &RawValue, text: Option<&str>, field: &Field) -> Option<Value> {
    use FieldType::{Boolean, Decimal, Float, Integer};
    match (field.field_type(), text) {
        // A decimal in a text is the number that it is by itself.
        (Integer { .. }, Some(text)) if decimal(text).is_some() => number(text),
        (Integer { .. } | Decimal { .. } | Float, Some(text)) => infinity(text).map(Value::Float),
        // Of booleans true and false are 1 and 0, whatever other numbers stand beside them.
        (Integer { .. } | Boolean, None) => any(raw),
        _ => None,
    }
}

/// An infinity by the text that it is served as.
pub fn infinity(text: &str) -> Option<f64> {
    match text {
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Bytes by the text that they are served as.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The text of a number, or of a string that may hold one.
fn scalar<'a>(raw: &'a RawValue, text: Option<&'a str>) -> Option<&'a str> {
    match kind(raw) {
        Kind::Number => Some(raw.get()),
        _ => text,
    }
}

/// Whether a text is what a number of the field is served as that is infinite or none: PostgreSQL
/// has both, SQLite keeps infinities.
fn is_endless(text: Option<&str>, field: &Field) -> bool {
    match text {
        Some("Infinity" | "-Infinity") => clock(field) != Clock::MySql,
        Some("NaN") => clock(field) == Clock::Postgres,
        _ => false,
    }
}

/// Which dates and times a field can hold, by the engine that it is one of: its name for the type
/// is PostgreSQL's, a column of SQLite keeps any text.
fn clock(field: &Field) -> Clock {
    match (field.is_dynamic(), field.cast().is_empty()) {
        (true, _) => Clock::Text,
        (false, false) => Clock::Postgres,
        (false, true) => Clock::MySql,
    }
}

/// A number by its own form, where the field gives none.
fn any(raw: &RawValue) -> Option<Value> {
    match kind(raw) {
        Kind::Number => number(raw.get()),
        _ => None,
    }
}

fn number(text: &str) -> Option<Value> {
    integer(text, false).or_else(|| float(text).map(Value::Float))
}

/// The digits of a whole number, however it is written: `2`, `2.0`, `2e0`.
pub(super) fn whole(text: &str) -> Option<Cow<'_, str>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Cow::Borrowed(text));
    }
    let exact = decimal(text)?;
    let (whole, fraction) = exact.split_once('.').unwrap_or((&exact, ""));
    let nothing = fraction.bytes().all(|digit| digit == b'0');
    nothing.then(|| Cow::Owned(whole.to_owned()))
}

fn integer(text: &str, unsigned: bool) -> Option<Value> {
    let text = whole(text)?;
    match text.parse::<i64>() {
        Ok(value) => Some(Value::Int(value)),
        Err(_) if unsigned => text.parse().ok().map(Value::Uint),
        Err(_) => None,
    }
}

fn float(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
    let value: f64 = plain.then(|| text.parse().ok()).flatten()?;
    value.is_finite().then_some(value)
}

/// The digits of an exact number without an exponent.
pub(super) fn decimal(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = [whole, fraction].concat();
    if whole.is_empty()
        || digits.len() > DECIMAL_DIGITS
        || exponent.unsigned_abs() as usize > DECIMAL_DIGITS
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let point = whole.len() as i32 + exponent;
    let text = if point <= 0 {
        format!(
            "{sign}0.{}{digits}",
            "0".repeat(point.unsigned_abs() as usize)
        )
    } else if point as usize >= digits.len() {
        format!(
            "{sign}{digits}{}",
            "0".repeat(point as usize - digits.len())
        )
    } else {
        format!(
            "{sign}{}.{}",
            &digits[..point as usize],
            &digits[point as usize..]
        )
    };
    Some(text)
}

/// The hyphenated form in lower case.
fn uuid(text: &str) -> Option<String> {
    let hex: String = match text.len() {
        36 => {
            let hyphens = [8, 13, 18, 23];
            if !hyphens.iter().all(|at| text.as_bytes()[*at] == b'-') {
                return None;
            }
            text.split('-').collect()
        }
        32 => text.to_owned(),
        _ => return None,
    };
    if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let hex = hex.to_ascii_lowercase();
    Some(
        [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ]
        .join("-"),
    )
}

/// An id as errors repeat it: a string without its quotes, anything else as it was written.
pub(super) fn echo(raw: &RawValue) -> Echo {
    match decode_string(raw) {
        Some(text) => Echo::from(&*text),
        None => Echo::from(raw.get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{self, Column, Narrowing, Table};
    use crate::config::ModelName;
    use crate::sensitive::Sensitive;

    #[test]
    fn decimals_keep_their_digits() {
        for (text, value) in [
            ("12.50", Some("12.50")),
            ("-0.1", Some("-0.1")),
            (
                "12345678901234567890.123456789",
                Some("12345678901234567890.123456789"),
            ),
            ("1e3", Some("1000")),
            ("1.25e1", Some("12.5")),
            ("1e-07", Some("0.0000001")),
            ("1e+2", Some("100")),
            ("", None),
            ("1.", None),
            (".5", None),
            ("abc", None),
            ("1e999999999", None),
            ("--1", None),
            (" 1", None),
        ] {
            assert_eq!(decimal(text).as_deref(), value, "{text}");
        }
    }

    #[test]
    fn integers_are_whole_and_in_range() {
        assert_eq!(
            integer("9223372036854775807", false),
            Some(Value::Int(i64::MAX))
        );
        assert_eq!(integer("9223372036854775808", false), None);
        assert_eq!(
            integer("18446744073709551615", true),
            Some(Value::Uint(u64::MAX))
        );
        for (text, value) in [
            ("1.0", 1),
            ("1e2", 100),
            ("-10e-1", -1),
            ("1.50E1", 15),
            ("-0.0", 0),
            ("9007199254740993.000", 9_007_199_254_740_993),
        ] {
            assert_eq!(integer(text, true), Some(Value::Int(value)), "{text}");
        }
        for text in [
            "1.5", "1e-1", "15e-1", "1e19", "1e400", "1e9999", "1.", ".0", "+1", " 1", "", "-",
            "abc", "0x10",
        ] {
            assert_eq!(integer(text, false), None, "{text}");
        }
    }

    #[test]
    fn uuids_have_one_form() {
        let canonical = "0123abcd-4567-89ef-0123-456789abcdef";
        assert_eq!(
            uuid("0123ABCD-4567-89EF-0123-456789ABCDEF").as_deref(),
            Some(canonical)
        );
        assert_eq!(
            uuid("0123abcd456789ef0123456789abcdef").as_deref(),
            Some(canonical)
        );
        for text in [
            "",
            "x",
            "0123abcd-4567-89ef-0123-456789abcdeg",
            "0123abcd4-567-89ef-0123-456789abcdef",
        ] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }

    /// A field of a type, as only a catalog makes one.
    fn with_field(field_type: FieldType, test: impl Fn(&Field)) {
        let column = Column {
            values: vec!["open".to_owned()],
            ..Column::new("field", field_type)
        };
        let table = Table::new("things", vec![column]);
        let name = ModelName {
            exposed: "things".to_owned(),
            schema: None,
            table: "things".to_owned(),
        };
        let tables = vec![(&name, Ok(table))];
        let built = catalog::build(tables, &Sensitive::default(), Narrowing::default());
        test(&built.catalog.models()[0].fields()[0]);
    }

    #[test]
    fn what_is_typed_is_read_by_the_type_of_its_field() {
        let integer = FieldType::Integer {
            unsigned: false,
            wide: true,
        };
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        let id = "0123abcd-4567-89ef-0123-456789abcdef";
        for (field_type, typed_text, value) in [
            (integer, "7", Some(Value::Int(7))),
            (integer, "-7", Some(Value::Int(-7))),
            (integer, "seven", None),
            (integer, "7.0", Some(Value::Int(7))),
            (integer, "7.5", None),
            (integer, "7 OR 1 = 1", None),
            (integer, "true", None),
            (integer, "", None),
            (FieldType::Float, "0.5", Some(Value::Float(0.5))),
            (FieldType::Float, "inf", None),
            (FieldType::Float, "NaN", None),
            (FieldType::Boolean, "true", Some(Value::Bool(true))),
            (FieldType::Boolean, "0", Some(Value::Bool(false))),
            (FieldType::Boolean, "yes", None),
            (FieldType::Boolean, "2", None),
            // Text is what it is, a number's digits and JSON too.
            (FieldType::Text, "7", text("7")),
            (FieldType::Text, "true", text("true")),
            (FieldType::Text, "null", text("null")),
            (FieldType::Text, "\"a\"\\u0041", text("\"a\"\\u0041")),
            (FieldType::Text, "", text("")),
            (FieldType::Text, "a\0b", None),
            (
                FieldType::Uuid,
                "0123ABCD456789EF0123456789ABCDEF",
                text(id),
            ),
            (FieldType::Uuid, "0123", None),
            (FieldType::Date, "2026-01-31", text("2026-01-31")),
            (FieldType::Date, "2026-02-30", None),
            (FieldType::Enum, "open", text("open")),
            (FieldType::Enum, "shut", None),
            (FieldType::Any, "7", Some(Value::Int(7))),
            (FieldType::Any, "a", text("a")),
            (FieldType::Json, "{}", None),
            (FieldType::Array, "1", None),
            (FieldType::Bytes, "00", None),
            (FieldType::Other, "x", None),
        ] {
            with_field(field_type, |field| {
                assert_eq!(typed(typed_text, field), value, "{typed_text:?}");
            });
        }
        let decimal = FieldType::Decimal { scale: Some(2) };
        with_field(decimal, |field| {
            let digits = |text: &str| Some(Value::Decimal(text.to_owned()));
            assert_eq!(typed("12.50", field), digits("12.50"));
            assert_eq!(typed("1e3", field), digits("1000"));
            assert_eq!(typed("a", field), None);
        });
    }
}
