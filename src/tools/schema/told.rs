//! Values of a file as clients are told them: numbers as numbers, however the file writes them.

use std::cmp::Ordering;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::catalog::FieldType;
use crate::plan;
use crate::protocol::{Kind, kind};
use crate::tools::parameter::compared;
use crate::value;

/// The JSON type of a value of a class.
pub(super) fn json_type(class: FieldType) -> &'static str {
    match class {
        FieldType::Integer { .. } => "integer",
        FieldType::Decimal { .. } | FieldType::Float | FieldType::Float32 => "number",
        FieldType::Boolean => "boolean",
        _ => "string",
    }
}

/// A value, or a list of them, with all digits of a number.
pub(super) fn exact(raw: &RawValue, class: FieldType) -> Box<RawValue> {
    let read = || match kind(raw) {
        Kind::Array => {
            let list: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
            let list = list
                .into_iter()
                .map(|one| exact(one, class).get().to_owned());
            Some(format!("[{}]", list.collect::<Vec<_>>().join(",")))
        }
        Kind::String => digits(raw, class),
        Kind::Number if json_type(class) == "integer" => digits(raw, class),
        _ => None,
    };
    let text = read().and_then(|text| RawValue::from_string(text).ok());
    text.unwrap_or_else(|| raw.to_owned())
}

/// A value, or a list of them, of the JSON type of its class; `None` where it is of another, or a
/// number that no double holds.
pub(super) fn in_schema(raw: &RawValue, class: FieldType) -> Option<Value> {
    if kind(raw) == Kind::Array {
        let list: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
        return list.into_iter().map(|one| in_schema(one, class)).collect();
    }
    let exact = exact(raw, class);
    let value: Value = serde_json::from_str(exact.get()).ok()?;
    let fits = match (json_type(class), &value) {
        ("integer" | "number", Value::Number(number)) => {
            let held = RawValue::from_string(number.to_string()).ok()?;
            compared(&number_of(&held)?, &number_of(&exact)?) == Some(Ordering::Equal)
        }
        ("boolean", Value::Bool(_)) | ("string", Value::String(_)) => true,
        _ => false,
    };
    fits.then_some(value)
}

fn number_of(raw: &RawValue) -> Option<value::Value> {
    plan::of_class(raw, FieldType::Decimal { scale: None })
}

/// The digits of a number of a class, as JSON writes them.
fn digits(raw: &RawValue, class: FieldType) -> Option<String> {
    let class = match class {
        FieldType::Float32 => FieldType::Float,
        class if json_type(class) == "string" => return None,
        class => class,
    };
    match plan::of_class(raw, class)? {
        value::Value::Int(number) => Some(number.to_string()),
        value::Value::Uint(number) => Some(number.to_string()),
        value::Value::Float(number) => serde_json::to_string(&number).ok(),
        value::Value::Decimal(digits) => {
            let (sign, digits) = match digits.strip_prefix('-') {
                Some(digits) => ("-", digits),
                None => ("", &*digits),
            };
            let short = digits.trim_start_matches('0');
            let zero = if short.is_empty() || short.starts_with('.') {
                "0"
            } else {
                ""
            };
            Some(format!("{sign}{zero}{short}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_with_all_their_digits_or_are_told_in_words() {
        let decimal = FieldType::Decimal { scale: None };
        let integer = FieldType::Integer {
            unsigned: false,
            wide: true,
        };
        for (text, class, told, schema) in [
            (r#""0.1""#, decimal, "0.1", Some("0.1")),
            (r#""-007.50""#, decimal, "-7.50", Some("-7.5")),
            (r#""00""#, decimal, "0", Some("0")),
            ("0.10", decimal, "0.10", Some("0.1")),
            (r#"["0.1",2]"#, decimal, "[0.1,2]", Some("[0.1,2]")),
            (
                r#""12345678901234567890.1""#,
                decimal,
                "12345678901234567890.1",
                None,
            ),
            (
                "12345678901234567890.1",
                decimal,
                "12345678901234567890.1",
                None,
            ),
            ("1e400", decimal, "1e400", None),
            (r#""7""#, integer, "7", Some("7")),
            ("7.0", integer, "7", Some("7")),
            (
                "9007199254740993",
                integer,
                "9007199254740993",
                Some("9007199254740993"),
            ),
            (r#""1.5""#, FieldType::Float, "1.5", Some("1.5")),
            (r#""2.5""#, FieldType::Float32, "2.5", Some("2.5")),
            (r#""7""#, FieldType::Text, r#""7""#, Some(r#""7""#)),
            ("7", FieldType::Any, "7", None),
            ("1", FieldType::Boolean, "1", None),
            ("true", FieldType::Boolean, "true", Some("true")),
        ] {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            assert_eq!(exact(&raw, class).get(), told, "{text}");
            let schema_value = in_schema(&raw, class).map(|value| value.to_string());
            assert_eq!(schema_value.as_deref(), schema, "{text}");
        }
    }
}
