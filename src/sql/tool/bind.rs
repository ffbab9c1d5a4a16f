//! How the values of a tool's parameters are bound.

use std::fmt::Write as _;

use sea_query::Value as Bound;

use crate::catalog::{Field, FieldType};
use crate::plan::{Argument, Value};
use crate::sql::Dialect;

/// How many placeholders a list has: a new number would be a new statement to prepare.
const SIZES: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 100];

/// A parameter: the type that its values are bound as.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    class: FieldType,
    /// The name of a field's own type, where it is a field's.
    own: Option<Box<str>>,
    is_list: bool,
    /// Whether the engine is to say of which type it is.
    is_open: bool,
}

impl Slot {
    /// One of a type.
    pub(crate) fn plain(class: FieldType, is_list: bool) -> Self {
        Self {
            class,
            own: None,
            is_list,
            is_open: false,
        }
    }

    /// One of whatever type the engine takes it for: nothing can be bound to it.
    pub(crate) fn open(is_list: bool) -> Self {
        Self {
            is_open: true,
            ..Self::plain(FieldType::Text, is_list)
        }
    }

    /// One that is compared with a field.
    pub(crate) fn of(field: &Field, is_list: bool) -> Self {
        Self {
            class: field.field_type(),
            own: Some(field.cast().into()),
            is_list,
            is_open: false,
        }
    }

    /// The type that its values are bound as.
    pub(super) fn class(&self) -> FieldType {
        self.class
    }

    /// Whether it is one whole number.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.class, FieldType::Integer { .. }) && !self.is_list
    }

    /// Adds what is bound for an argument.
    pub(super) fn bind(&self, argument: &Argument, dialect: Dialect, into: &mut Vec<Bound>) {
        match argument {
            Argument::Null => into.push(self.null(dialect)),
            Argument::One(value) if !self.is_list => into.push(self.value(value, dialect)),
            Argument::One(value) => self.many(std::slice::from_ref(value), dialect, into),
            Argument::Many(values) => self.many(values, dialect, into),
        }
    }

    fn many(&self, values: &[Value], dialect: Dialect, into: &mut Vec<Bound>) {
        if dialect == Dialect::Postgres {
            into.push(Bound::String(Some(array(values))));
            return;
        }
        let size = SIZES.into_iter().find(|size| *size >= values.len());
        let size = size.unwrap_or(values.len());
        // Filled up with the last one, which changes nothing.
        let filled = values.iter().chain(values.last().into_iter().cycle());
        into.extend(filled.take(size).map(|value| self.value(value, dialect)));
    }

    /// Writes so many placeholders, of the values from there on.
    pub(super) fn write(&self, text: &mut String, from: usize, count: usize, dialect: Dialect) {
        // Writing into memory cannot fail.
        match dialect {
            Dialect::Postgres if self.is_open => {
                let _ = write!(text, "${}", from + 1);
            }
            Dialect::Postgres => {
                let (number, list) = (from + 1, if self.is_list { "[]" } else { "" });
                let _ = write!(text, "CAST(${number} AS {}{list})", self.postgres());
            }
            Dialect::Sqlite => {
                let numbers = (from + 1..=from + count).map(|number| format!("?{number}"));
                text.push_str(&numbers.collect::<Vec<_>>().join(", "));
            }
            Dialect::MySql => {
                let one = match self.class {
                    FieldType::Decimal { .. } => "CAST(? AS DECIMAL(65, 30))",
                    FieldType::Date => "CAST(? AS DATE)",
                    FieldType::Time => "CAST(? AS TIME(6))",
                    FieldType::DateTime | FieldType::Timestamp => "CAST(? AS DATETIME(6))",
                    // By itself: a LIMIT takes nothing else.
                    _ => "?",
                };
                text.push_str(&vec![one; count].join(", "));
            }
        }
    }

    /// The type that a value is cast to: PostgreSQL would guess it by what stands around it.
    fn postgres(&self) -> &str {
        match (&self.own, self.class) {
            (Some(own), _) if !own.is_empty() => own,
            (_, FieldType::Integer { .. }) => "int8",
            (_, FieldType::Decimal { .. }) => "numeric",
            (_, FieldType::Float | FieldType::Float32) => "float8",
            (_, FieldType::Boolean) => "bool",
            (_, FieldType::Uuid) => "uuid",
            (_, FieldType::Date) => "date",
            (_, FieldType::Time) => "time",
            (_, FieldType::DateTime) => "timestamp",
            (_, FieldType::Timestamp) => "timestamptz",
            _ => "text",
        }
    }

    fn null(&self, dialect: Dialect) -> Bound {
        match self.class {
            _ if self.is_list && dialect == Dialect::Postgres => Bound::String(None),
            FieldType::Integer { .. } => Bound::BigInt(None),
            FieldType::Float | FieldType::Float32 => Bound::Double(None),
            FieldType::Boolean if dialect == Dialect::Postgres => Bound::Bool(None),
            _ => Bound::String(None),
        }
    }

    fn value(&self, value: &Value, dialect: Dialect) -> Bound {
        match value {
            Value::Bool(value) if dialect == Dialect::Postgres => Bound::Bool(Some(*value)),
            Value::Bool(value) => Bound::BigInt(Some(i64::from(*value))),
            Value::Int(value) => Bound::BigInt(Some(*value)),
            Value::Uint(value) => Bound::BigUnsigned(Some(*value)),
            Value::Float(value) => Bound::Double(Some(*value)),
            // SQLite keeps decimals as integers or floats, and compares by class.
            Value::Decimal(digits) if dialect == Dialect::Sqlite => match digits.parse() {
                Ok(value) => Bound::BigInt(Some(value)),
                Err(_) => Bound::Double(digits.parse().ok()),
            },
            Value::Decimal(digits) => Bound::String(Some(digits.clone())),
            Value::Text(text) => Bound::String(Some(self.text(text, dialect))),
            Value::RawText(bytes) | Value::Bytes(bytes) => Bound::Bytes(Some(bytes.clone())),
        }
    }

    /// A text, and a moment as its engine writes it.
    fn text(&self, text: &str, dialect: Dialect) -> String {
        match (self.class, dialect) {
            (FieldType::Timestamp, Dialect::MySql) => {
                text.strip_suffix("+00:00").unwrap_or(text).to_owned()
            }
            // What answers have, and what most applications write.
            (FieldType::Timestamp, Dialect::Sqlite) if self.own.is_none() => {
                let moment = text.replacen(' ', "T", 1);
                match moment.strip_suffix("+00:00") {
                    Some(moment) => format!("{moment}Z"),
                    None => moment,
                }
            }
            _ => text.to_owned(),
        }
    }
}

/// The values as PostgreSQL writes an array.
fn array(values: &[Value]) -> String {
    let quoted = values.iter().map(|value| {
        let text = match value {
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Uint(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Decimal(text) | Value::Text(text) => text.clone(),
            Value::RawText(bytes) | Value::Bytes(bytes) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
        };
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    });
    format!("{{{}}}", quoted.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_of_few_lengths() {
        let slot = Slot::plain(FieldType::Text, true);
        let texts = |count: usize| {
            let values = (0..count).map(|number| Value::Text(number.to_string()));
            let mut bound = Vec::new();
            let all = Argument::Many(values.collect());
            slot.bind(&all, Dialect::Sqlite, &mut bound);
            bound.len()
        };
        for (count, length) in [(1, 1), (2, 2), (3, 4), (33, 64), (65, 100), (100, 100)] {
            assert_eq!(texts(count), length);
        }
    }

    #[test]
    fn an_array_keeps_every_letter() {
        let texts = ["a,b", "\"", "\\", "{}", ""].map(|text| Value::Text(text.to_owned()));
        assert_eq!(array(&texts), r#"{"a,b","\"","\\","{}",""}"#);
    }
}
