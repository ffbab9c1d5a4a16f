//! What clients are told of a tool: its parameters and its answer.

mod told;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::call::{field_of, taken};
use super::parameter::{Accepted, Fallback, MAX_VALUES, bare, listed};
use super::{Outcome, Tool};
use crate::catalog::{Catalog, Field, FieldType};
use crate::protocol::tool::members;

/// A parameter as `describe` tells of it.
#[derive(Debug, Serialize)]
pub(crate) struct Described<'t> {
    name: &'t str,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'t str>,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Box<RawValue>>,
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'t str>,
}

/// The parameters that a client gives, where the models are these; none of them is told before.
pub(crate) fn parameters<'t>(tool: &'t Tool, catalog: Option<&'t Catalog>) -> Vec<Described<'t>> {
    let described = taken(tool).map(|(parameter, accepted)| {
        let field = catalog.and_then(|catalog| field_of(&accepted.class, catalog));
        let list = if accepted.is_list { "[]" } else { "" };
        let class = accepted.class.field_type(field);
        let kind = match (class, field) {
            (FieldType::Timestamp, None) => "datetime",
            _ => class.name(),
        };
        let bound = |bound: &Option<Box<RawValue>>| {
            let bound = bound.as_deref()?;
            Some(told::exact(bound, measure(class)))
        };
        Described {
            name: &parameter.name,
            kind: format!("{kind}{list}"),
            description: accepted
                .description
                .as_deref()
                .or_else(|| field?.description()),
            required: accepted.is_required,
            default: default(accepted, class),
            choices: choices(accepted, field),
            min: bound(&accepted.min),
            max: bound(&accepted.max),
            pattern: accepted.pattern.as_deref().map(bare),
        }
    });
    described.collect()
}

/// The arguments of the MCP tool: each of one type. Others are refused by the call alone, for some
/// libraries fail on a schema that says so (`additionalProperties`).
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
    let mut input = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        input["required"] = json!(required);
    }
    input
}

fn argument(accepted: &Accepted, field: Option<&Field>) -> Value {
    let class = accepted.class.field_type(field);
    let mut one = json!({ "type": told::json_type(class) });
    // What the schema cannot hold is told in words.
    let mut words = words(accepted, field, class);
    if let Some(choices) = choices(accepted, field) {
        let values = choices.iter().map(|one| told::in_schema(one, class));
        match values.collect::<Option<Vec<Value>>>() {
            Some(values) => one["enum"] = json!(values),
            None => words.push(format!("One of {}.", listed(&choices))),
        }
    }
    let (least, most) = match is_text(class) {
        true => ("minLength", "maxLength"),
        false => ("minimum", "maximum"),
    };
    for (name, word, bound) in [(least, "From", &accepted.min), (most, "To", &accepted.max)] {
        let Some(bound) = bound else { continue };
        let measure = measure(class);
        // JSON knows no least date.
        let is_number = told::json_type(measure) != "string";
        match told::in_schema(bound, measure).filter(|_| is_number) {
            Some(bound) => one[name] = bound,
            None => words.push(format!("{word} {}.", bound.get().trim_matches('"'))),
        }
    }
    if let Some(pattern) = &accepted.pattern {
        one["pattern"] = json!(format!("^(?:{})$", bare(pattern)));
    }
    let mut argument = match accepted.is_list {
        true => json!({ "type": "array", "items": one, "minItems": 1, "maxItems": MAX_VALUES }),
        false => one,
    };
    match &accepted.default {
        Some(Fallback::Value(given)) => match told::in_schema(given, class) {
            Some(given) => argument["default"] = given,
            None => words.push(format!("Default: {}.", given.get().trim_matches('"'))),
        },
        Some(Fallback::Moment(moment)) => words.push(format!("Default: {moment}.")),
        None => {}
    }
    if !words.is_empty() {
        argument["description"] = json!(words.join(" "));
    }
    argument
}

/// What is told of a parameter in words whatever its schema says.
fn words(accepted: &Accepted, field: Option<&Field>, class: FieldType) -> Vec<String> {
    let own = accepted.description.as_deref();
    let mut words: Vec<String> = Vec::new();
    words.extend(own.or_else(|| field?.description()).map(str::to_owned));
    words.extend(match class {
        FieldType::Date => Some("A date like 2026-01-31.".to_owned()),
        FieldType::Time => Some("A time like 13:05:00.".to_owned()),
        FieldType::DateTime | FieldType::Timestamp => {
            Some("A date and time like 2026-01-31T13:05:00Z.".to_owned())
        }
        _ => None,
    });
    words
}

/// Whether bounds are those of a length.
fn is_text(class: FieldType) -> bool {
    matches!(class, FieldType::Text | FieldType::Enum | FieldType::Any)
}

/// The class of what bounds a value.
fn measure(class: FieldType) -> FieldType {
    match is_text(class) {
        true => FieldType::Integer {
            unsigned: false,
            wide: true,
        },
        false => class,
    }
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
    json!({
        "type": "object",
        "properties": members(data, more),
        "anyOf": [{ "required": ["data"] }, { "required": ["error"] }],
    })
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

fn choices(accepted: &Accepted, field: Option<&Field>) -> Option<Vec<Box<RawValue>>> {
    if let Some(choices) = &accepted.choices {
        let class = accepted.class.field_type(field);
        return Some(choices.iter().map(|one| told::exact(one, class)).collect());
    }
    let values = field?.values();
    let values: Option<Vec<_>> = values
        .iter()
        .map(|value| to_raw_value(value).ok())
        .collect();
    values.filter(|values| !values.is_empty())
}

fn default(accepted: &Accepted, class: FieldType) -> Option<Box<RawValue>> {
    match accepted.default.as_ref()? {
        Fallback::Value(given) => Some(told::exact(given, class)),
        Fallback::Moment(moment) => to_raw_value(&moment.to_string()).ok(),
    }
}
