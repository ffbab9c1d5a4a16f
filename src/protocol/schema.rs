//! The published shapes of requests and answers, from which `schema/*.json` are generated.
//!
//! These types say what may be sent; [`super::Request`] and `plan` read it. A test holds the
//! parameters of both together, and the files current.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, schema_for};
use serde_json::Value;

/// A request: one JSON object a text frame. Unknown members beside these are ignored.
#[derive(JsonSchema)]
#[schemars(tag = "action", rename_all = "snake_case")]
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
        params: Option<QueryParams>,
    },
    /// What the models and their fields are; without a model, all of them.
    Describe {
        /// Echoed as it was sent.
        id: Option<Id>,
        /// A model of the whitelist, compared exactly.
        model: Option<String>,
        /// Takes no parameters.
        params: Option<DescribeParams>,
    },
}

/// The client's own name for a request.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Id {
    /// Any text.
    Text(String),
    /// Any number.
    Number(f64),
}

/// A number of rows, as digits.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Count {
    /// A number.
    Number(u64),
    /// The same in a string.
    Digits(#[schemars(regex(pattern = r"^\d+$"))] String),
}

/// A value to compare with: text, a number, a boolean, or null for the absence of one.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Plain {
    /// Text; dates, UUIDs and decimals too.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// NULL.
    Null(()),
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
}

/// Parameters of `get`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GetParams {
    /// The primary key's value, whatever its name; an object of all its fields if there are more.
    #[schemars(schema_with = "id_schema")]
    pub id: Value,
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
    /// `$eq $ne $gt $gte $lt $lte $in $nin $between $null`, for text also `$contains $icontains
    /// $startswith $istartswith $endswith $iendswith`; `$and` and `$or` take a list of such
    /// objects, `$not` takes one. All conditions side by side must hold.
    pub filters: Option<IndexMap<String, Value>>,
    /// The `next_cursor` of an answer to the same request.
    pub cursor: Option<String>,
    /// Only these fields.
    pub fields: Option<Vec<String>>,
    /// Fields to sort by, `-` before one for descending: `["-created_at","id"]`.
    pub sort: Option<Vec<String>>,
    /// `true` for the exact number of all rows, `"estimate"` for the database's own estimate.
    pub total: Option<Totals>,
    /// Fields whose values make groups, or parts of dates: `["status",{"$month":"created_at"}]`.
    pub group_by: Option<Vec<Value>>,
    /// What to tell of each group, by a name of your own: `{"n":{"$count":"*"}}`.
    /// `$count $count_distinct $sum $avg $min $max`.
    pub aggregate: Option<IndexMap<String, IndexMap<Function, String>>>,
    /// Foreign keys to follow, each row as an object under that name: `["user"]`.
    pub expand: Option<Vec<String>>,
}

/// Parameters of `describe`: none.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DescribeParams {}

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

/// What is computed of a group.
#[derive(JsonSchema, PartialEq, Eq, Hash)]
pub enum Function {
    /// Rows (`*`), or values that are there.
    #[schemars(rename = "$count")]
    Count,
    /// Different values.
    #[schemars(rename = "$count_distinct")]
    CountDistinct,
    /// Their exact sum.
    #[schemars(rename = "$sum")]
    Sum,
    /// Their mean.
    #[schemars(rename = "$avg")]
    Avg,
    /// The smallest.
    #[schemars(rename = "$min")]
    Min,
    /// The largest.
    #[schemars(rename = "$max")]
    Max,
}

/// An answer: one JSON object a text frame, in the order of the requests.
#[derive(JsonSchema)]
#[schemars(tag = "status", rename_all = "snake_case")]
pub enum Response {
    /// What was asked for.
    Ok {
        /// The request's `id`.
        id: Option<Id>,
        /// The rows in a list; one row, or one description, as an object.
        data: Value,
        /// Rows in this answer.
        count: Option<u64>,
        /// The limit that was in force.
        limit: Option<u64>,
        /// Rows that were passed over.
        offset: Option<u64>,
        /// Whether there are more rows.
        has_more: Option<bool>,
        /// Where to go on, where there are more.
        next_cursor: Option<String>,
        /// All rows, where asked.
        total: Option<u64>,
        /// Present where rows of this page did not fit into the answer.
        truncated: Option<bool>,
    },
    /// Why not.
    Error {
        /// The request's `id`; null where it could not be read.
        id: Option<Id>,
        /// For people.
        error: String,
        /// For programs: stable, in snake case.
        code: String,
        /// What to do next.
        hint: Option<String>,
    },
}

fn id_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": ["string", "number", "boolean", "object"] })
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
        ] {
            assert_eq!(properties(&schema), action.parameters(), "{action:?}");
        }
    }
}
