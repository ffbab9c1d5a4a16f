//! The schemas of the MCP tools, made from the published types of the native messages.
//!
//! A model pays for every word of them, and clients differ in what they understand: references are
//! written out, choices of plain types become lists, and what nests without end is told in words.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Action;
use super::schema::{DescribeParams, GetParams, ListParams, QueryParams, Response};

/// What `filters` of a query take, where the published schema is ten times as long.
const OPERATORS: &str = "Field and value, or field and operators: \
    {\"amount\": {\"$gte\": 10, \"$lt\": 20}}. $eq $ne $gt $gte $lt $lte $in $nin $between $null; \
    for text $contains $icontains $startswith $istartswith $endswith $iendswith. $and and $or take \
    a list of such objects, $not takes one. Conditions side by side must all hold; null finds rows \
    without a value.";
/// The functions of `aggregate`, for the same reason.
const FUNCTIONS: &str = "What to tell of each group, by a name of your own: \
    {\"n\": {\"$count\": \"*\"}, \"spent\": {\"$sum\": \"amount\"}}. $count $count_distinct $sum $avg \
    $min $max.";

/// What a tool takes: the action's parameters, and a model of those that are served.
pub fn input(action: Action, models: &[&str]) -> Value {
    let mut schema = match action {
        Action::List => whole::<ListParams>(),
        Action::Get => whole::<GetParams>(),
        Action::Query => whole::<QueryParams>(),
        Action::Describe => whole::<DescribeParams>(),
        Action::Whoami => {
            return json!({ "type": "object", "properties": {}, "additionalProperties": false });
        }
    };
    let description = match action {
        Action::Describe => "Only this model, with all that is known of it.",
        _ => "The model to read.",
    };
    let model = json!({ "type": "string", "enum": models, "description": description });
    let mut properties = Map::from_iter([("model".to_owned(), model)]);
    properties.extend(members(&mut schema, "properties"));
    for property in properties.values_mut() {
        required_alone(property);
    }
    if action == Action::Query {
        for (name, description) in [("filters", OPERATORS), ("aggregate", FUNCTIONS)] {
            let brief = json!({ "type": "object", "description": description });
            properties.insert(name.to_owned(), brief);
        }
        properties["group_by"]["items"] = json!({ "type": ["string", "object"] });
    }
    let mut required: Vec<Value> = match action {
        Action::Describe => Vec::new(),
        _ => vec!["model".into()],
    };
    if let Some(Value::Array(more)) = schema.get_mut("required") {
        required.append(more);
    }
    let mut input = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        input["required"] = required.into();
    }
    input
}

/// What a tool gives: the answer without `id` and `status`, or an error.
pub fn output(action: Action) -> Value {
    let (members, required): (&[&str], &[&str]) = match action {
        Action::Get | Action::Whoami => (&["data"], &["data"]),
        Action::Describe => (&["data", "count", "truncated"], &["data"]),
        Action::List => (
            &[
                "data",
                "count",
                "limit",
                "offset",
                "has_more",
                "next_cursor",
                "truncated",
            ],
            &["data", "count", "limit", "offset", "has_more"],
        ),
        Action::Query => (
            &[
                "data",
                "count",
                "limit",
                "offset",
                "has_more",
                "next_cursor",
                "total",
                "truncated",
            ],
            &["data", "count", "limit", "offset", "has_more"],
        ),
    };
    let mut response = whole::<Response>();
    let mut forms = response
        .get_mut("oneOf")
        .and_then(Value::as_array_mut)
        .map(std::mem::take)
        .unwrap_or_default()
        .into_iter()
        .map(|mut form| self::members(&mut form, "properties"));
    let (mut answer, mut error) = (
        forms.next().unwrap_or_default(),
        forms.next().unwrap_or_default(),
    );
    let mut properties = Map::new();
    for name in members {
        let mut property = answer.remove(*name).unwrap_or_default();
        required_alone(&mut property);
        properties.insert((*name).to_owned(), property);
    }
    properties.insert("data".to_owned(), data(action));
    for name in ["error", "code", "hint"] {
        let mut property = error.remove(name).unwrap_or_default();
        if let Some(members) = property.as_object_mut() {
            members.remove("enum");
        }
        required_alone(&mut property);
        properties.insert(name.to_owned(), property);
    }
    json!({
        "type": "object",
        "properties": properties,
        "anyOf": [{ "required": required }, { "required": ["error", "code"] }],
    })
}

fn data(action: Action) -> Value {
    match action {
        Action::Get => json!({ "type": "object", "description": "The row." }),
        Action::Whoami => json!({ "type": "object", "description": "The caller." }),
        Action::Describe => json!({
            "type": ["object", "array"],
            "description": "The model, or all of them in a list.",
        }),
        Action::List | Action::Query => json!({
            "type": "array",
            "items": { "type": "object" },
            "description": "The rows, or groups.",
        }),
    }
}

/// A type's schema in one piece: clients differ in what references they follow.
fn whole<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().into();
    prune(&mut schema);
    schema
}

/// Takes out what some clients refuse (formats that they do not know) and none needs.
fn prune(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            // A property may be called like a keyword; its schema is an object then.
            members.retain(|name, value| {
                !matches!(name.as_str(), "format" | "title" | "$schema") || !value.is_string()
            });
            members.values_mut().for_each(prune);
            collapse(members);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// A choice of plain types as a list of them.
fn collapse(schema: &mut Map<String, Value>) {
    for choice in ["anyOf", "oneOf"] {
        let Some(Value::Array(forms)) = schema.get(choice) else {
            continue;
        };
        let plain = |form: &Value| {
            let form = form.as_object()?;
            let known = |name: &String| name == "type" || name == "description";
            match form.get("type").filter(|_| form.keys().all(known))? {
                Value::Array(types) => Some(types.clone()),
                one => Some(vec![one.clone()]),
            }
        };
        let types: Option<Vec<Vec<Value>>> = forms.iter().map(plain).collect();
        if let Some(types) = types {
            schema.remove(choice);
            schema.insert("type".to_owned(), types.concat().into());
        }
    }
}

/// An optional member is left out rather than null, which says the same in fewer words.
fn required_alone(property: &mut Value) {
    if let Some(types) = property.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            property["type"] = only.clone();
        }
    }
    let Some(Value::Array(forms)) = property.get_mut("anyOf") else {
        return;
    };
    forms.retain(|form| form["type"] != "null");
    if let [Value::Object(_)] = &forms[..] {
        let only = forms.remove(0);
        let Value::Object(mut flat) = only else {
            return;
        };
        if let Some(described) = property.get("description") {
            flat.insert("description".to_owned(), described.clone());
        }
        *property = Value::Object(flat);
    }
}

fn members(schema: &mut Value, name: &str) -> Map<String, Value> {
    match schema.get_mut(name).map(Value::take) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 4] = [Action::Describe, Action::List, Action::Get, Action::Query];

    #[test]
    fn a_tool_takes_the_parameters_of_its_action() {
        assert_eq!(input(Action::Whoami, &["users"])["properties"], json!({}));
        for action in ACTIONS {
            let schema = input(action, &["users"]);
            let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
            assert_eq!(names[0], "model");
            assert_eq!(names[1..], *action.parameters());
            assert_eq!(schema["properties"]["model"]["enum"], json!(["users"]));
        }
    }

    #[test]
    fn answers_and_errors_fit() {
        for (action, answer) in [
            (Action::Describe, json!({ "data": [], "count": 0 })),
            (Action::Describe, json!({ "data": {} })),
            (Action::Get, json!({ "data": { "id": 1 } })),
            (
                Action::List,
                json!({ "data": [{}], "count": 1, "limit": 1, "offset": 0, "has_more": true,
                    "next_cursor": "x", "truncated": true }),
            ),
        ] {
            let validator = jsonschema::validator_for(&output(action)).unwrap();
            assert!(validator.is_valid(&answer), "{answer}");
            assert!(validator.is_valid(&json!({ "error": "x", "code": "y", "hint": "z" })));
            assert!(!validator.is_valid(&json!({})));
            assert!(!validator.is_valid(&json!({ "data": 7 })));
        }
    }

    #[test]
    fn what_is_told_in_words_names_all_that_the_published_schema_has() {
        fn keys(schema: &Value, found: &mut Vec<String>) {
            match schema {
                Value::Object(members) => {
                    let own = members.keys().filter(|key| key.starts_with('$'));
                    found.extend(
                        own.filter(|key| !["$ref", "$defs"].contains(&key.as_str()))
                            .cloned(),
                    );
                    members.values().for_each(|member| keys(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
                _ => {}
            }
        }
        let mut published = whole::<QueryParams>();
        let properties = members(&mut published, "properties");
        let (mut operators, mut functions) = (Vec::new(), Vec::new());
        keys(&properties["filters"], &mut operators);
        keys(&published, &mut operators);
        keys(&properties["aggregate"], &mut functions);
        assert!(
            operators.len() > 15 && functions.len() > 5,
            "{operators:?} {functions:?}"
        );
        for (names, text) in [(operators, OPERATORS), (functions, FUNCTIONS)] {
            for name in names {
                let named = |word: &str| {
                    word.trim_matches(|c: char| !c.is_alphanumeric() && c != '$' && c != '_')
                        == name
                };
                assert!(text.split_whitespace().any(named), "{name}");
            }
        }
    }

    #[test]
    fn schemas_stay_small_and_plain() {
        for action in ACTIONS {
            let (input, output) = (input(action, &[]).to_string(), output(action).to_string());
            assert!(input.len() < 3_000, "{input}");
            assert!(output.len() < 1_500, "{output}");
            for text in [input, output] {
                for word in ["$ref", "$defs", "$schema", "\"format\""] {
                    assert!(!text.contains(word), "{text}");
                }
            }
        }
    }
}
