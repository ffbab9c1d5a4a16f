//! What clients are told of a tool: its parameters and its answer.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::call::{field_of, taken};
use super::parameter::{Accepted, Fallback, MAX_VALUES, bare};
use super::{Outcome, Tool};
use crate::catalog::{Catalog, Field, FieldType};

/// A parameter as `describe` tells of it.
#[derive(Debug, Serialize)]
pub struct Described<'t> {
    name: &'t str,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'t str>,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Value>,
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'t str>,
}

/// The parameters that a client gives, where the models are these; none of them is told before.
pub fn parameters<'t>(tool: &'t Tool, catalog: Option<&'t Catalog>) -> Vec<Described<'t>> {
    let described = taken(tool).map(|(parameter, accepted)| {
        let field = catalog.and_then(|catalog| field_of(&accepted.class, catalog));
        let list = if accepted.is_list { "[]" } else { "" };
        let kind = match (accepted.class.field_type(field), field) {
            (FieldType::Timestamp, None) => "datetime",
            (class, _) => class.name(),
        };
        Described {
            name: &parameter.name,
            kind: format!("{kind}{list}"),
            description: accepted
                .description
                .as_deref()
                .or_else(|| field?.description()),
            required: accepted.is_required,
            default: default(accepted),
            choices: choices(accepted, field),
            min: accepted.min.as_deref().map(value),
            max: accepted.max.as_deref().map(value),
            pattern: accepted.pattern.as_deref().map(bare),
        }
    });
    described.collect()
}

/// The arguments of the MCP tool: each of one type, and no others.
pub fn input(tool: &Tool, catalog: Option<&Catalog>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (parameter, accepted) in taken(tool) {
        let field = catalog.and_then(|catalog| field_of(&accepted.class, catalog));
        properties.insert(parameter.name.clone(), argument(accepted, field));
        if accepted.is_required {
            required.push(parameter.name.clone());
        }
    }
    let mut input = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        input["required"] = json!(required);
    }
    input
}

fn argument(accepted: &Accepted, field: Option<&Field>) -> Value {
    let class = accepted.class.field_type(field);
    let mut one = json!({ "type": kind(class) });
    if let Some(choices) = choices(accepted, field) {
        one["enum"] = json!(choices);
    }
    let (least, most) = match class {
        FieldType::Text | FieldType::Enum | FieldType::Any => ("minLength", "maxLength"),
        _ => ("minimum", "maximum"),
    };
    // JSON knows no least date: it is told in words.
    if !class.has_date() && class != FieldType::Time {
        for (name, bound) in [(least, &accepted.min), (most, &accepted.max)] {
            if let Some(bound) = bound {
                one[name] = value(bound);
            }
        }
    }
    if let Some(pattern) = &accepted.pattern {
        one["pattern"] = json!(format!("^(?:{})$", bare(pattern)));
    }
    let mut argument = match accepted.is_list {
        true => json!({ "type": "array", "items": one, "minItems": 1, "maxItems": MAX_VALUES }),
        false => one,
    };
    let words = words(accepted, field, class);
    if !words.is_empty() {
        argument["description"] = json!(words);
    }
    if let Some(Fallback::Value(given)) = &accepted.default {
        argument["default"] = value(given);
    }
    argument
}

/// What is told of a parameter in words.
fn words(accepted: &Accepted, field: Option<&Field>, class: FieldType) -> String {
    let own = accepted.description.as_deref();
    let mut words: Vec<String> = Vec::new();
    words.extend(own.or_else(|| field?.description()).map(str::to_owned));
    match class {
        FieldType::Date => words.push("A date like 2026-01-31.".to_owned()),
        FieldType::Time => words.push("A time like 13:05:00.".to_owned()),
        FieldType::DateTime | FieldType::Timestamp => {
            words.push("A date and time like 2026-01-31T13:05:00Z.".to_owned());
        }
        _ => {}
    }
    if class.has_date() || class == FieldType::Time {
        let bounds = [("From", &accepted.min), ("To", &accepted.max)];
        for (word, bound) in bounds {
            if let Some(bound) = bound {
                words.push(format!("{word} {}.", bound.get().trim_matches('"')));
            }
        }
    }
    if let Some(Fallback::Moment(moment)) = &accepted.default {
        words.push(format!("Default: {moment}."));
    }
    words.join(" ")
}

/// What the MCP tool gives: the answer, or an error. A column of SQLite holds values of any class.
pub fn output(tool: &Tool, columns: Option<&[(String, FieldType)]>, dynamic: bool) -> Value {
    let columns = columns.unwrap_or_default();
    let row = || {
        let properties = columns
            .iter()
            .map(|(name, class)| (name.clone(), cell(*class, dynamic)));
        json!({ "type": "object", "properties": Map::from_iter(properties) })
    };
    let (data, more): (Value, &[(&str, &str)]) = match tool.result {
        Outcome::Rows => (
            json!({ "type": "array", "items": row() }),
            &[("count", "integer"), ("truncated", "boolean")],
        ),
        Outcome::One => {
            let mut one = row();
            one["type"] = json!(["object", "null"]);
            (one, &[])
        }
        Outcome::Value => {
            let class = columns.first().map(|(_, class)| *class);
            (class.map_or(json!({}), |class| cell(class, dynamic)), &[])
        }
    };
    let mut properties = Map::from_iter([("data".to_owned(), data)]);
    let errors = ["error", "code", "hint"].map(|name| (name, "string"));
    for (name, kind) in more.iter().copied().chain(errors) {
        properties.insert(name.to_owned(), json!({ "type": kind }));
    }
    json!({
        "type": "object",
        "properties": properties,
        "anyOf": [{ "required": ["data"] }, { "required": ["error"] }],
    })
}

/// The JSON type of an argument.
fn kind(class: FieldType) -> &'static str {
    match class {
        FieldType::Integer { .. } => "integer",
        FieldType::Decimal { .. } | FieldType::Float | FieldType::Float32 => "number",
        FieldType::Boolean => "boolean",
        _ => "string",
    }
}

/// What a value of a result may be: numbers that a double would round are strings.
fn cell(class: FieldType, dynamic: bool) -> Value {
    match class {
        FieldType::Json | FieldType::Array | FieldType::Any | FieldType::Other => json!({}),
        _ if dynamic => json!({ "type": ["number", "string", "boolean", "null"] }),
        FieldType::Integer { .. } => json!({ "type": ["integer", "string", "null"] }),
        FieldType::Decimal { .. } | FieldType::Float | FieldType::Float32 => {
            json!({ "type": ["number", "string", "null"] })
        }
        FieldType::Boolean => json!({ "type": ["boolean", "integer", "null"] }),
        _ => json!({ "type": ["string", "null"] }),
    }
}

fn choices(accepted: &Accepted, field: Option<&Field>) -> Option<Vec<Value>> {
    if let Some(choices) = &accepted.choices {
        return Some(choices.iter().map(|choice| value(choice)).collect());
    }
    let values = field?.values();
    (!values.is_empty()).then(|| values.iter().map(|value| json!(value)).collect())
}

fn default(accepted: &Accepted) -> Option<Value> {
    Some(match accepted.default.as_ref()? {
        Fallback::Value(given) => value(given),
        Fallback::Moment(moment) => json!(moment.to_string()),
    })
}

fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}
