//! What a tool takes: types, defaults and bounds, and what comes from whoever calls.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use regex::Regex;
use serde_json::value::{RawValue, to_raw_value};

use super::Place;
use super::moment::Relative;
use crate::catalog::{Field, FieldType};
use crate::plan;
use crate::protocol::{Kind, kind};
pub use crate::value::Argument;
use crate::value::Value;

/// The most values of a list, and of an `enum`.
pub(crate) const MAX_VALUES: usize = 100;
/// The longest text that a bound may allow, in characters.
pub(crate) const MAX_LENGTH: usize = 4_096;

/// One parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// What clients and the SQL call it.
    pub name: String,
    /// Where its value comes from.
    pub source: Source,
    /// Where it stands.
    pub place: Place,
}

/// Its name and type, as a file says it.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let accepted = match &self.source {
            Source::Caller(known) => return write!(f, "{name} from {}", known.name()),
            Source::Client(accepted) => accepted,
        };
        match &accepted.class {
            Class::Plain(class) => match class.name() {
                "timestamp" => write!(f, "{name} datetime")?,
                kind => write!(f, "{name} {kind}")?,
            },
            Class::Field { model, field } => write!(f, "{name} {model}.{field}")?,
        }
        f.write_str(if accepted.is_list { "[]" } else { "" })
    }
}

impl Parameter {
    /// Whether a call may go without it.
    pub(crate) fn is_optional(&self) -> bool {
        matches!(&self.source, Source::Client(accepted) if !accepted.is_required || accepted.default.is_some())
    }

    /// Whether its value is no text of any kind: what a field takes is not known from the file.
    pub(crate) fn is_plain(&self) -> bool {
        let Source::Client(accepted) = &self.source else {
            return false;
        };
        match accepted.class {
            Class::Plain(class) => !accepted.is_list && class != FieldType::Text,
            Class::Field { .. } => false,
        }
    }

    /// Whether it is a list of values.
    pub fn is_list(&self) -> bool {
        matches!(&self.source, Source::Client(accepted) if accepted.is_list)
    }
}

/// Where the value of a parameter comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The client gives it.
    Client(Box<Accepted>),
    /// It is known of whoever calls, is in no schema, and is taken from no client.
    Caller(Known),
}

/// What is known of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// The name of the tenant.
    Tenant,
    /// The name of the token.
    Token,
    /// An attribute of whoever asks.
    Attribute(String),
    /// The moment of the call.
    Now,
    /// Its day, in UTC.
    Today,
}

impl Known {
    /// The class of its value.
    pub fn class(&self) -> FieldType {
        match self {
            Self::Tenant | Self::Token | Self::Attribute(_) => FieldType::Text,
            Self::Now => FieldType::Timestamp,
            Self::Today => FieldType::Date,
        }
    }

    /// What it is called in a file.
    pub fn name(&self) -> String {
        match self {
            Self::Tenant => "caller.tenant".to_owned(),
            Self::Token => "caller.token".to_owned(),
            Self::Attribute(name) => format!("caller.attr.{name}"),
            Self::Now => "now".to_owned(),
            Self::Today => "today".to_owned(),
        }
    }

    /// Reads what follows `from = `; `None` for what is not known.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "caller.tenant" => Self::Tenant,
            "caller.token" => Self::Token,
            "now" => Self::Now,
            "today" => Self::Today,
            _ => Self::Attribute(
                text.strip_prefix("caller.attr.")
                    .filter(|name| !name.is_empty())?
                    .to_owned(),
            ),
        })
    }
}

/// What a client may give.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The type of the value, or of each value of a list.
    pub class: Class,
    /// Whether it is a list.
    pub is_list: bool,
    /// What a model reads of it; without one, the field's.
    pub description: Option<String>,
    /// What it is where the client gives none.
    pub default: Option<Fallback>,
    /// Whether a client must give it; one that it need not give and that has no default is NULL.
    pub(crate) is_required: bool,
    /// The values that are taken.
    pub choices: Option<Vec<Box<RawValue>>>,
    /// The least number or moment, or the fewest characters.
    pub min: Option<Box<RawValue>>,
    /// The largest number or moment, or the most characters.
    pub max: Option<Box<RawValue>>,
    /// What a text must match, whole.
    pub(crate) pattern: Option<Arc<Regex>>,
}

#[cfg(test)]
impl Accepted {
    /// Any value of a type, which a client must give.
    pub(super) fn any(class: FieldType) -> Self {
        Self {
            class: Class::Plain(class),
            is_list: false,
            description: None,
            default: None,
            is_required: true,
            choices: None,
            min: None,
            max: None,
            pattern: None,
        }
    }
}

/// The type of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// One that all engines have.
    Plain(FieldType),
    /// That of a field, with its values and checks.
    Field {
        /// The model.
        model: String,
        /// The field.
        field: String,
    },
}

/// What a parameter is where no client gives it.
#[derive(Debug, Clone)]
pub enum Fallback {
    /// A value, or a list of them.
    Value(Box<RawValue>),
    /// A moment by its distance from that of the call.
    Moment(Relative),
}

impl Class {
    /// The type, where `field` is the field that it may be of.
    pub fn field_type(&self, field: Option<&Field>) -> FieldType {
        match (self, field) {
            (Self::Plain(class), _) => *class,
            (Self::Field { .. }, Some(field)) => field.field_type(),
            (Self::Field { .. }, None) => FieldType::Other,
        }
    }

    fn read(&self, raw: &RawValue, field: Option<&Field>) -> Result<Value, String> {
        match (self, field) {
            (Self::Plain(class), _) => {
                plan::of_class(raw, *class).ok_or_else(|| words(*class).to_owned())
            }
            (Self::Field { .. }, Some(field)) => plan::of_field(raw, field),
            (Self::Field { .. }, None) => Err("nothing: its field is not there".to_owned()),
        }
    }
}

/// What a type takes, as errors say it.
fn words(class: FieldType) -> &'static str {
    match class {
        FieldType::Integer { .. } => "an integer",
        FieldType::Decimal { .. } => "a decimal number",
        FieldType::Float | FieldType::Float32 => "a number",
        FieldType::Boolean => "true or false",
        FieldType::Uuid => "a UUID",
        FieldType::Date => "a date like 2026-01-31",
        FieldType::Time => "a time like 13:05:00",
        FieldType::DateTime | FieldType::Timestamp => "a date and time like 2026-01-31T13:05:00Z",
        _ => "text",
    }
}

impl Accepted {
    /// What a call binds where the client gives nothing; `None` where it must.
    pub(crate) fn fallback(
        &self,
        field: Option<&Field>,
        now: DateTime<Utc>,
    ) -> Option<Result<Argument, String>> {
        match &self.default {
            Some(Fallback::Value(raw)) => Some(self.check(raw, field)),
            Some(Fallback::Moment(relative)) => {
                let as_day = self.class.field_type(field) == FieldType::Date;
                let raw = to_raw_value(&relative.at(now, as_day)).ok()?;
                Some(self.class.read(&raw, field).map(Argument::One))
            }
            None if !self.is_required => Some(Ok(Argument::Null)),
            None => None,
        }
    }

    /// Checks what the file says of values against the field that they are of.
    ///
    /// # Errors
    /// What is none of its values.
    pub fn sound(&self, field: Option<&Field>) -> Result<(), String> {
        self.chosen(field)
            .map_err(|what| format!("its enum {what}"))?;
        for (name, bound) in [("min", &self.min), ("max", &self.max)] {
            if bound.is_some() && self.limit(bound, field).is_none() {
                return Err(format!("its {name} is no bound of it"));
            }
        }
        if let Some(Err(expected)) = self.fallback(field, Utc::now()) {
            return Err(format!(
                "its default is no value of it: expected {expected}"
            ));
        }
        self.bounds(field).map_err(|what| format!("its min {what}"))
    }

    /// Checks that its choices are values of it.
    ///
    /// # Errors
    /// The first that is none.
    pub fn chosen(&self, field: Option<&Field>) -> Result<(), String> {
        for choice in self.choices.iter().flatten() {
            if let Err(expected) = self.class.read(choice, field) {
                return Err(format!("holds {choice}: expected {expected}"));
            }
        }
        Ok(())
    }

    /// A bound, where it can be read: of a text that of its length.
    fn limit(&self, bound: &Option<Box<RawValue>>, field: Option<&Field>) -> Option<Value> {
        let bound = bound.as_deref()?;
        match self.class.field_type(field) {
            FieldType::Text | FieldType::Enum | FieldType::Any => {
                plan::of_class(bound, FieldType::Decimal { scale: None })
            }
            _ => self.class.read(bound, field).ok(),
        }
    }

    /// Checks that its bounds leave a value, as far as they can be read.
    ///
    /// # Errors
    /// What is wrong with the lower one.
    pub fn bounds(&self, field: Option<&Field>) -> Result<(), String> {
        match (self.limit(&self.min, field), self.limit(&self.max, field)) {
            (Some(min), Some(max)) if compared(&min, &max) == Some(Ordering::Greater) => {
                Err("lies above its max: no value is taken".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Checks what a client gives.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn check(&self, raw: &RawValue, field: Option<&Field>) -> Result<Argument, String> {
        if !self.is_list {
            return self.one(raw, field).map(Argument::One);
        }
        let many = || format!("a list of 1 to {MAX_VALUES} values");
        if kind(raw) != Kind::Array {
            return Err(many());
        }
        let members: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| many())?;
        if !(1..=MAX_VALUES).contains(&members.len()) {
            return Err(many());
        }
        let values: Result<Vec<Value>, String> = members
            .into_iter()
            .map(|member| self.one(member, field))
            .collect();
        values
            .map(Argument::Many)
            .map_err(|expected| format!("{}, each {expected}", many()))
    }

    fn one(&self, raw: &RawValue, field: Option<&Field>) -> Result<Value, String> {
        let value = self.class.read(raw, field)?;
        if let Some(choices) = &self.choices {
            // A decimal is the same with zeros at its end.
            let same = |choice: Value| {
                choice == value || compared(&choice, &value) == Some(Ordering::Equal)
            };
            let mut read = choices.iter().map(|choice| self.class.read(choice, field));
            let known = read.any(|choice| choice.is_ok_and(same));
            if !known {
                return Err(format!("one of {}", listed(choices)));
            }
        }
        let measure = match (&value, self.class.field_type(field)) {
            (Value::Text(text), FieldType::Text | FieldType::Enum | FieldType::Any) => {
                Value::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
            }
            _ => value.clone(),
        };
        let below = self.bound(self.min.as_deref(), field, &measure, Ordering::Less);
        let above = self.bound(self.max.as_deref(), field, &measure, Ordering::Greater);
        if below || above {
            return Err(self.range(field));
        }
        if let (Some(pattern), Value::Text(text)) = (&self.pattern, &value)
            && !pattern.is_match(text)
        {
            return Err(format!("text that matches {}", bare(pattern)));
        }
        Ok(value)
    }

    /// Whether a measure lies on that side of a bound.
    fn bound(
        &self,
        bound: Option<&RawValue>,
        field: Option<&Field>,
        measure: &Value,
        side: Ordering,
    ) -> bool {
        let Some(bound) = bound else { return false };
        let bound = match measure {
            Value::Int(_) => plan::of_class(bound, FieldType::Decimal { scale: None }),
            _ => self.class.read(bound, field).ok(),
        };
        bound.is_none_or(|bound| compared(measure, &bound).is_none_or(|order| order == side))
    }

    fn range(&self, field: Option<&Field>) -> String {
        let class = self.class.field_type(field);
        let text = |raw: &RawValue| raw.get().trim_matches('"').to_owned();
        let (min, max) = (self.min.as_deref().map(text), self.max.as_deref().map(text));
        let (what, unit) = match class {
            FieldType::Text | FieldType::Enum | FieldType::Any => ("text", " characters"),
            other => (words(other), ""),
        };
        match (min, max) {
            (Some(min), Some(max)) => format!("{what} from {min} to {max}{unit}"),
            (Some(min), None) => format!("{what} from {min}{unit} on"),
            (None, Some(max)) => format!("{what} up to {max}{unit}"),
            (None, None) => what.to_owned(),
        }
    }
}

/// A pattern as the file has it, without what anchors it.
pub fn bare(pattern: &Regex) -> &str {
    let text = pattern.as_str();
    text.strip_prefix(r"\A(?:")
        .and_then(|text| text.strip_suffix(r")\z"))
        .unwrap_or(text)
}

/// A pattern that a text must match whole.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn whole(pattern: &str) -> Result<Regex, String> {
    // By itself first, so that nothing in it can close the group.
    let sound = regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build();
    let sound = sound.and_then(|_| {
        regex::RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
            .size_limit(1 << 20)
            .build()
    });
    sound.map_err(|error| {
        let words = error.to_string();
        words
            .lines()
            .last()
            .unwrap_or("it cannot be read")
            .trim_start_matches("error: ")
            .to_owned()
    })
}

/// Values as errors list them.
pub fn listed(values: &[Box<RawValue>]) -> String {
    let names: Vec<&str> = values
        .iter()
        .map(|value| value.get().trim_matches('"'))
        .collect();
    names.join(", ")
}

/// The order of two values of one class; `None` where they have none.
pub fn compared(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => Some(digits(a)?.cmp(&digits(b)?)),
    }
}

/// A whole number or decimal as what can be compared: the digits before and after the point, of
/// one length each.
fn digits(value: &Value) -> Option<(Vec<i8>, Vec<i8>)> {
    const WHOLE: usize = 1_100;
    let text = match value {
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Decimal(digits) => digits.clone(),
        _ => return None,
    };
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, &*text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digit = |byte: u8| sign * i8::try_from(byte.wrapping_sub(b'0')).unwrap_or(0);
    let mut padded = vec![0; WHOLE.saturating_sub(whole.len())];
    padded.extend(whole.bytes().map(digit));
    let mut rest: Vec<i8> = fraction.trim_end_matches('0').bytes().map(digit).collect();
    rest.resize(WHOLE.max(rest.len()), 0);
    Some((padded, rest))
}
