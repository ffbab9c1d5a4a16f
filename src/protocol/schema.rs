//! The published shapes of requests and answers, from which `schema/*.json` are generated.
//!
//! These types say what may be sent; [`super::Request`] and `plan` read it. A test holds the
//! parameters of both together, and the files current.

mod answer;
mod filters;

pub use answer::{Data, Response};
pub use filters::{Filters, Many};

use indexmap::IndexMap;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema, schema_for};
use serde_json::Value;

/// One JSON object a text frame. Members beside these are ignored; inside `params` they are refused.
#[derive(JsonSchema)]
#[schemars(title = "Lucarne request", tag = "action", rename_all = "snake_case")]
pub enum Message {
    /// Rows of a model, by equality filters.
    List {
        /// Echoed as it was sent.
        id: Option<Id>,
        /// A model of the whitelist, compared exactly.
        model: String,
        /// What to list.
        params: Option<ListParams>,
    },
    /// One row by its primary key.
    Get {
        /// Echoed as it was sent.
        id: Option<Id>,
        /// A model of the whitelist, compared exactly.
        model: String,
        /// Which row.
        params: GetParams,
    },
    /// Rows or groups of a model, by operators.
    Query {
        /// Echoed as it was sent.
        id: Option<Id>,
        /// A model of the whitelist, compared exactly.
        model: String,
        /// What to query.
        params: Option<Box<QueryParams>>,
    },
    /// What the models and their fields are; without a model, all of them.
    Describe {
        /// Echoed as it was sent.
        id: Option<Id>,
        /// A model of the whitelist, compared exactly.
        model: Option<String>,
        /// A tool that the operator wrote, instead of a model.
        tool: Option<String>,
        /// None.
        params: Option<DescribeParams>,
    },
    /// Who the caller is, and what the token allows.
    Whoami {
        /// Echoed as it was sent.
        id: Option<Id>,
        /// None.
        params: Option<WhoamiParams>,
    },
    /// What a tool that the operator wrote answers.
    Call {
        /// Echoed as it was sent.
        id: Option<Id>,
        /// The tool, compared exactly.
        tool: String,
        /// What the tool takes, by the names of its parameters.
        params: Option<IndexMap<String, Value>>,
    },
}

/// The client's own name for a request.
#[derive(JsonSchema)]
#[schemars(untagged, transform = plainly)]
pub enum Id {
    /// Any text.
    Text(String),
    /// Any number.
    Number(f64),
}

/// A number of rows, as digits.
#[derive(JsonSchema)]
#[schemars(untagged, transform = plainly)]
pub enum Count {
    /// A number.
    Number(u64),
    /// The same in a string.
    Digits(#[schemars(regex(pattern = r"^\d+$"))] String),
}

/// A value to compare with; null for the absence of one.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Plain {
    /// A value.
    Scalar(Scalar),
    /// NULL.
    Null(()),
}

/// Text, a number or a boolean.
#[derive(JsonSchema)]
#[schemars(untagged, transform = plainly)]
pub enum Scalar {
    /// Text; dates, UUIDs and decimals too.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
}

/// Parameters of `list`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ListParams {
    /// Rows at the most; a larger number than the service's own maximum is capped.
    pub limit: Option<Count>,
    /// Rows to pass over. Excludes `cursor`.
    pub offset: Option<Count>,
    /// Field and value; all must be equal.
    pub filters: Option<IndexMap<String, Plain>>,
    /// The `next_cursor` of an answer to the same request.
    pub cursor: Option<String>,
    /// `"columns"` for rows as lists of values, whose names stand once in `columns`.
    pub format: Option<Format>,
}

/// Parameters of `get`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GetParams {
    /// The primary key's value, whatever its name; an object of all its fields if there are more.
    pub id: Key,
}

/// The value of a primary key.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Key {
    /// Of one field.
    One(Scalar),
    /// Of several, by their names.
    Several(IndexMap<String, Scalar>),
}

/// Parameters of `query`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct QueryParams {
    /// Rows, or groups, at the most; a larger number than the service's own maximum is capped.
    pub limit: Option<Count>,
    /// Rows to pass over. Excludes `cursor`.
    pub offset: Option<Count>,
    /// Field and value, or field and operators: `{"amount":{"$gte":10,"$lt":20}}`.
    pub filters: Option<Filters>,
    /// The `next_cursor` of an answer to the same request.
    pub cursor: Option<String>,
    /// Only these fields; of other models by paths: `["Name","Album.Artist.Name"]`.
    pub fields: Option<Vec<String>>,
    /// Values by names of your own, after the fields: `{"artist":"Album.Artist.Name"}`, and what is
    /// told of many rows: `{"albums":{"$count":"Album"}}`.
    pub compute: Option<IndexMap<String, Computed>>,
    /// Fields to sort by, `-` before one for descending: `["-created_at","id"]`.
    #[schemars(length(max = 16))]
    pub sort: Option<Vec<String>>,
    /// `true` for the exact number of all rows, `"estimate"` for the database's own estimate.
    pub total: Option<Totals>,
    /// Fields whose values make groups, or parts of dates: `["status",{"$month":"created_at"}]`.
    #[schemars(length(max = 16))]
    pub group_by: Option<Vec<GroupKey>>,
    /// What to tell of each group, by a name of your own: `{"n":{"$count":"*"}}`.
    pub aggregate: Option<IndexMap<String, Aggregate>>,
    /// Which groups, by their members: `{"n":{"$gt":5}}`.
    pub having: Option<Filters>,
    /// The time zone whose clock parts of dates are told by, UTC without it: `"Europe/Paris"`.
    pub zone: Option<String>,
    /// Relations to follow, and paths of them: to one gives an object under its name, to many its
    /// first 10 rows: `["user","user.team"]`.
    pub expand: Option<Vec<String>>,
    /// The same, each with what is chosen: `{"orders":{"fields":["no"],"limit":5}}`.
    pub include: Option<IndexMap<String, Include>>,
    /// `"columns"` for rows as lists of values, whose names stand once in `columns`.
    pub format: Option<Format>,
}

/// What is chosen of the rows that a relation leads to; to one alone `fields`, `expand`, `include`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Include {
    /// Only these fields, and paths.
    pub fields: Option<Vec<String>>,
    /// Values by names of your own.
    pub compute: Option<IndexMap<String, Computed>>,
    /// Which rows.
    pub filters: Option<Filters>,
    /// In which order; by their key without it.
    #[schemars(length(max = 16))]
    pub sort: Option<Vec<String>>,
    /// How many at the most, 10 without it.
    pub limit: Option<Count>,
    /// Relations to follow from there.
    pub expand: Option<Vec<String>>,
    /// The same, each with what is chosen.
    pub include: Option<IndexMap<String, Include>>,
}

/// How rows are written.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Format {
    /// Each an object.
    Rows,
    /// Each a list of values.
    Columns,
}

/// Parameters of `describe`: none.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DescribeParams {}

/// Parameters of `whoami`: none.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WhoamiParams {}

/// Whether all rows are counted.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Totals {
    /// Exactly, or not at all.
    Exact(bool),
    /// By estimate.
    Estimate(Estimate),
}

/// The word for an estimate.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Estimate {
    /// The database's own.
    Estimate,
}

/// What the rows of a group have in common.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum GroupKey {
    /// A field's value.
    Field(String),
    /// A part of a date.
    Part(DatePart),
}

/// A part of a field that holds dates, named after the field in the answer.
#[derive(JsonSchema)]
pub enum DatePart {
    /// `2026`
    #[schemars(rename = "$year")]
    Year(String),
    /// `2026-Q1`
    #[schemars(rename = "$quarter")]
    Quarter(String),
    /// `2026-01`
    #[schemars(rename = "$month")]
    Month(String),
    /// `2026-W05`, by ISO 8601.
    #[schemars(rename = "$week")]
    Week(String),
    /// `2026-01-31`
    #[schemars(rename = "$day")]
    Day(String),
    /// From 1, a Monday, to 7.
    #[schemars(rename = "$weekday")]
    Weekday(String),
    /// From 0 to 23.
    #[schemars(rename = "$hour")]
    Hour(String),
}

/// What is computed of rows: one function, and perhaps of which of them.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    transform = plainly,
    extend("oneOf" = FUNCTIONS.map(|name| serde_json::json!({ "required": [name] })))
)]
pub struct Aggregate {
    /// Rows (`*`), or values that are there.
    #[schemars(rename = "$count", with = "String", default)]
    pub count: Option<String>,
    /// Different values.
    #[schemars(rename = "$count_distinct", with = "String", default)]
    pub count_distinct: Option<String>,
    /// Their exact sum.
    #[schemars(rename = "$sum", with = "Operand", default)]
    pub sum: Option<Operand>,
    /// Their mean.
    #[schemars(rename = "$avg", with = "Operand", default)]
    pub avg: Option<Operand>,
    /// The smallest.
    #[schemars(rename = "$min", with = "Operand", default)]
    pub min: Option<Operand>,
    /// The largest.
    #[schemars(rename = "$max", with = "Operand", default)]
    pub max: Option<Operand>,
    /// Of which rows.
    #[schemars(rename = "where", with = "Filters", default)]
    pub filter: Option<Filters>,
}

/// The functions of an aggregate.
const FUNCTIONS: [&str; 6] = ["$count", "$count_distinct", "$sum", "$avg", "$min", "$max"];

/// A field, a path, a constant, or a number that is made of others.
#[derive(JsonSchema)]
#[schemars(untagged, transform = plainly)]
pub enum Operand {
    /// A field or a path.
    Field(String),
    /// A constant.
    Constant(f64),
    /// Made of others.
    Made(Box<Made>),
}

/// A value of each row.
#[derive(JsonSchema)]
#[schemars(untagged, transform = plainly)]
pub enum Computed {
    /// A path, a constant, or a number that is made of others.
    Own(Operand),
    /// What is told of the rows that a relation leads to; `where` says which of them.
    OfMany(Box<Aggregate>),
}

/// What is made of numbers, exactly as decimals are.
#[derive(JsonSchema)]
pub enum Made {
    /// Their sum.
    #[schemars(rename = "$add")]
    Add(#[schemars(length(min = 2, max = 8))] Vec<Operand>),
    /// The first without the second.
    #[schemars(rename = "$sub")]
    Sub([Operand; 2]),
    /// Their product.
    #[schemars(rename = "$mul")]
    Mul(#[schemars(length(min = 2, max = 8))] Vec<Operand>),
    /// The first divided by the second, with 12 digits after the point; by zero it is null.
    #[schemars(rename = "$div")]
    Div([Operand; 2]),
}

/// Leaves out what says nothing in JSON: `default: null`, and the formats of Rust's numbers.
fn plainly(schema: &mut Schema) {
    let tidy = |schema: &mut Schema| {
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
        schema.remove("format");
    };
    RecursiveTransform(tidy).transform(schema);
}

/// The published schemas: file name without ending, and schema.
pub fn published() -> [(&'static str, Schema); 2] {
    [
        ("request", schema_for!(Message)),
        ("response", schema_for!(Response)),
    ]
}

/// A schema as its file holds it.
pub fn text(schema: &Schema) -> String {
    // A schema is a tree of JSON already.
    serde_json::to_string_pretty(schema).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Action;

    fn properties(schema: &Schema) -> Vec<String> {
        let properties = schema.get("properties").and_then(Value::as_object);
        properties
            .map(|all| all.keys().cloned().collect())
            .unwrap_or_default()
    }

    #[test]
    fn the_schemas_name_the_parameters_that_are_read() {
        for (action, schema) in [
            (Action::List, schema_for!(ListParams)),
            (Action::Get, schema_for!(GetParams)),
            (Action::Query, schema_for!(QueryParams)),
            (Action::Describe, schema_for!(DescribeParams)),
            (Action::Whoami, schema_for!(WhoamiParams)),
        ] {
            assert_eq!(properties(&schema), action.parameters(), "{action:?}");
        }
    }
}
