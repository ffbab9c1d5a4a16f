//! The two forms of an answer: one thing, or a list of them.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::advice::Advice;

/// Milliseconds, to the hundredth.
pub(super) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e2
}

/// One thing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "One{T}")]
pub(super) struct One<T> {
    /// The thing itself.
    pub(super) data: T,
}

/// What was made or changed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Changed{T}")]
pub(super) struct Changed<T> {
    /// The thing as it is now.
    pub(super) data: T,
    /// What of it is likely meant otherwise: names that are nowhere, models that rules leave out.
    pub(super) warnings: Vec<Advice>,
}

impl JsonSchema for Advice {
    fn schema_name() -> Cow<'static, str> {
        "Advice".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "What is wrong, and what to do.",
            "properties": { "what": { "type": "string" }, "help": { "type": "string" } },
            "required": ["what", "help"],
        })
    }
}

/// A list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListOf{T}")]
pub(super) struct List<T> {
    /// What is in it.
    pub(super) data: Vec<T>,
    /// How many there are.
    pub(super) count: usize,
}

impl<T> From<T> for One<T> {
    fn from(data: T) -> Self {
        Self { data }
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Self {
        let data: Vec<T> = things.into_iter().collect();
        let count = data.len();
        Self { data, count }
    }
}
