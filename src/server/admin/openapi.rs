//! The description of the admin API, made of its routes and their types; by hand, for a refusal tells
//! all faults of a body at once (ADR 14).

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::desk::Desk;
use super::refusal::Refusal;
use super::route::{Asked, Route};
use super::{PATH, table};

/// The description, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Description")]
pub(super) struct Description(Map<String, Value>);

pub(super) async fn show(_: Desk, _: Asked) -> Result<Description, Refusal> {
    Ok(Description(description()))
}

/// The description of the admin API, by OpenAPI 3.1.
pub fn openapi() -> Value {
    Value::Object(description())
}

fn description() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut answers = settings.into_generator();
    let refusal = answers.subschema_for::<Refusal>();
    let refused = json!({
        "description": "Nothing was done",
        "content": { "application/json": { "schema": refusal } },
    });
    let mut paths = Map::new();
    for route in table::routes() {
        let shapes = (route.shapes)(&mut answers);
        let mut operation = json!({
            "operationId": route.name,
            "summary": route.summary,
            "parameters": parameters(&route, &shapes.query),
        });
        if let Some(body) = shapes.body {
            operation["requestBody"] = json!({
                "required": true,
                "content": { "application/json": { "schema": body } },
            });
        }
        let content = match route.streams {
            true => json!({ "text/event-stream": { "schema": { "type": "string" } } }),
            false => json!({ "application/json": { "schema": shapes.answer } }),
        };
        operation["responses"] = json!({
            (route.status.as_str()): { "description": "Done", "content": content },
            "4XX": refused,
            "5XX": refused,
        });
        let path = paths.entry(format!("{PATH}{}", route.path));
        let path = path.or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    let described = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lucarne admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "On MCP_ADMIN_LISTEN, with MCP_ADMIN_TOKEN.",
        },
        "security": [{ "bearer": [] }, { "header": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "header": { "type": "apiKey", "in": "header", "name": "X-MCP-Token" },
            },
            "schemas": answers.take_definitions(true),
        },
    });
    match described {
        Value::Object(members) => members,
        // It is written as one above.
        _ => Map::new(),
    }
}

/// What stands in a route's path and in its query.
fn parameters(route: &Route, query: &Schema) -> Vec<Value> {
    let part = route.path.split(['{', '}']).nth(1);
    let part = part.map(|name| {
        let means = match name {
            "session" | "number" => "Its number",
            "tool" => "Its name",
            _ => "Its name or id",
        };
        json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": means,
            "schema": { "type": "string" },
        })
    });
    let members = query.get("properties").and_then(Value::as_object);
    let members = members.into_iter().flatten().map(|(name, schema)| {
        let mut schema = schema.clone();
        let means = schema.as_object_mut();
        let means = means.and_then(|members| members.remove("description"));
        json!({ "name": name, "in": "query", "description": means, "schema": schema })
    });
    part.into_iter().chain(members).collect()
}
