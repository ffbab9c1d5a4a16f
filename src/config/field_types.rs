//! `MCP_FIELD_TYPES`: what columns of an SQLite file hold, where their declaration does not tell.

use super::fault::quoted;

use crate::advice::Advice;

/// What an operator says that a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenType {
    Any,
    Boolean,
    Bytes,
    Date,
    DateTime,
    Decimal,
    Float,
    Integer,
    Json,
    Text,
    Time,
    /// Moments as milliseconds since 1970.
    UnixMilliseconds,
    /// Moments as seconds since 1970.
    UnixSeconds,
    /// UUIDs as their 16 bytes.
    Uuid,
}

/// Every type by its name.
const TYPES: [(&str, GivenType); 14] = [
    ("any", GivenType::Any),
    ("boolean", GivenType::Boolean),
    ("bytes", GivenType::Bytes),
    ("date", GivenType::Date),
    ("datetime", GivenType::DateTime),
    ("decimal", GivenType::Decimal),
    ("float", GivenType::Float),
    ("integer", GivenType::Integer),
    ("json", GivenType::Json),
    ("text", GivenType::Text),
    ("time", GivenType::Time),
    ("unix_ms", GivenType::UnixMilliseconds),
    ("unix_s", GivenType::UnixSeconds),
    ("uuid", GivenType::Uuid),
];

/// A field and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldType {
    /// The model, by the name that clients use.
    pub model: String,
    /// The column.
    pub field: String,
    /// What it holds.
    pub given: GivenType,
}

/// Reads an entry such as `orders.at=unix_ms`.
pub(super) fn parse(entry: &str) -> Result<FieldType, Advice> {
    const HELP: &str = "for example MCP_FIELD_TYPES=orders.at=unix_ms";
    let malformed = || {
        let message = format!("expected model.field=type, not {}", quoted(entry));
        Advice::new(message, HELP)
    };
    let (name, given) = entry.rsplit_once('=').ok_or_else(malformed)?;
    // A model may have a schema in front; a field has no point in its name here.
    let (model, field) = name.trim().rsplit_once('.').ok_or_else(malformed)?;
    if model.is_empty() || field.is_empty() {
        return Err(malformed());
    }
    let given = given.trim();
    let found = TYPES.iter().find(|(name, _)| *name == given);
    let (_, given) = found.ok_or_else(|| {
        let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        let near = TYPES
            .iter()
            .map(|(name, _)| (strsim::osa_distance(name, &given.to_lowercase()), *name))
            .min()
            .filter(|(distance, _)| *distance <= 2)
            .map_or_else(String::new, |(_, name)| format!("did you mean {name}? "));
        let message = format!("{name}: there is no type {}", quoted(given));
        Advice::new(message, format!("{near}the types are {}", names.join(", ")))
    })?;
    Ok(FieldType {
        model: model.to_owned(),
        field: field.to_owned(),
        given: *given,
    })
}
