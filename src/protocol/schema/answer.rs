//! What comes back.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::plainly;
use crate::error::CODES;

/// One JSON object a text frame, in the order of the requests.
#[derive(JsonSchema)]
#[schemars(
    title = "Lucarne answer",
    tag = "status",
    rename_all = "snake_case",
    transform = plainly
)]
pub enum Response {
    /// What was asked for.
    Ok {
        /// The request's `id`, as it was sent.
        id: Echoed,
        /// The names of the values in each row, where rows are lists.
        #[schemars(with = "Vec<String>", default)]
        columns: Option<Vec<String>>,
        /// The rows, or what models there are, as a list; one row, or one model, as an object.
        data: Data,
        /// Rows, or models, in this answer.
        #[schemars(with = "u64", default)]
        count: Option<u64>,
        /// The limit that was in force.
        #[schemars(with = "u64", default)]
        limit: Option<u64>,
        /// Rows that were passed over.
        #[schemars(with = "u64", default)]
        offset: Option<u64>,
        /// Whether there are more rows.
        #[schemars(with = "bool", default)]
        has_more: Option<bool>,
        /// Where to go on, where there are more.
        #[schemars(with = "String", default)]
        next_cursor: Option<String>,
        /// All rows, where asked.
        #[schemars(with = "u64", default)]
        total: Option<u64>,
        /// What the fields of a filter hold instead, where it found nothing.
        #[schemars(with = "String", default)]
        hint: Option<String>,
        /// Present where rows of this page did not fit into the answer.
        #[schemars(with = "bool", default)]
        truncated: Option<bool>,
    },
    /// Why not.
    Error {
        /// The request's `id`; null where it could not be read.
        id: Echoed,
        /// For people.
        error: String,
        /// For programs.
        #[schemars(schema_with = "code_schema")]
        code: String,
        /// What to do next.
        #[schemars(with = "String", default)]
        hint: Option<String>,
    },
}

/// The request's own name, or null where it gave none.
#[derive(JsonSchema)]
#[schemars(untagged, transform = plainly)]
pub enum Echoed {
    /// Any text.
    Text(String),
    /// Any number.
    Number(f64),
    /// None.
    Null(()),
}

/// Objects by field, lists of values, or one object.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Data {
    /// Several.
    List(Vec<IndexMap<String, Value>>),
    /// Several, by the order of `columns`.
    Rows(Vec<Vec<Value>>),
    /// One.
    Object(IndexMap<String, Value>),
}

fn code_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "string", "enum": CODES })
}
