//! The schemas of the MCP tools.
//!
//! A model pays for every word of them, and clients differ in what they understand: each parameter
//! has one type, and what nests without end is told in words. The service takes more than they say.

use serde_json::{Map, Value, json};

use super::Action;

/// What `filters` of a query take.
const OPERATORS: &str = "Field and value, or operators: {\"amount\":{\"$gte\":10,\"$lt\":20}}. \
    $eq $ne $gt $gte $lt $lte $between $null; $in $nin, up to 1000 values; for text $contains \
    $startswith $endswith, in any case $icontains $istartswith $iendswith. $and, $or take lists of \
    such objects, $not one. A relation to many: {\"orders\":{\"$none\":{}}}, $some, $every, \
    {\"$count\":{\"$gte\":3},\"where\":{}}. At most 64 conditions.";
/// The keys of groups.
const GROUPS: &str = "Fields or paths; of a date a part: \
    \"created_at.$month\", and $year $quarter $week $day $weekday (1 is Monday) $hour.";
/// The functions of `aggregate`.
const FUNCTIONS: &str = "Numbers of each group, named by you: {\"n\":{\"$count\":\"*\"},\"won\":\
    {\"$sum\":{\"$mul\":[\"price\",\"quantity\"]},\"where\":{\"state\":\"won\"}}}. $count \
    $count_distinct $sum $avg $min $max; of numbers $add $sub $mul $div.";

/// What a tool takes: the action's parameters, and a model of those that are served, whose names
/// are listed where `models` are given. No page has more than `most` rows.
///
/// It says nothing of other members: Google's library for Python fails on `additionalProperties`
/// with a boolean, and strict mode at OpenAI on one that is true.
pub fn input(action: Action, models: Option<&[&str]>, most: u32) -> Value {
    let mut properties = Map::new();
    if action != Action::Whoami {
        let described = match action {
            Action::Describe => "The one to tell all of.",
            Action::List => "A name of describe_models.",
            Action::Get => "Its model.",
            _ => "Where to begin.",
        };
        let mut model = json!({ "type": "string", "description": described });
        if let Some(models) = models {
            model["enum"] = json!(models);
        }
        properties.insert("model".to_owned(), model);
    }
    for name in action.parameters() {
        properties.insert((*name).to_owned(), parameter(action, name, most));
    }
    let mut input = json!({ "type": "object", "properties": properties });
    match action {
        Action::List | Action::Query => input["required"] = json!(["model"]),
        Action::Get => input["required"] = json!(["model", "id"]),
        Action::Describe | Action::Whoami | Action::Call => {}
    }
    input
}

/// A parameter by its one type. A page is told of once: in a query in fewer words.
fn parameter(action: Action, name: &str, most: u32) -> Value {
    let queries = action == Action::Query;
    let (kind, description) = match name {
        "limit" if queries => ("integer", format!("Rows or groups, at most {most}.")),
        "limit" => ("integer", format!("At most {most} rows.")),
        _ => {
            let (kind, description) = described(name, queries);
            (kind, description.to_owned())
        }
    };
    let mut parameter = json!({ "type": kind, "description": description });
    match name {
        "format" => parameter["enum"] = json!(["rows", "columns"]),
        _ if kind == "array" => parameter["items"] = json!({ "type": "string" }),
        _ => {}
    }
    parameter
}

fn described(name: &str, queries: bool) -> (&'static str, &'static str) {
    match (name, queries) {
        ("offset", true) => ("integer", "To pass over, without cursor."),
        ("offset", false) => ("integer", "Rows to pass over."),
        ("filters", true) => ("object", OPERATORS),
        ("filters", false) => (
            "object",
            "Field and value, all equal: {\"status\":\"open\"}; null where there is none.",
        ),
        ("cursor", true) => ("string", "Of the answer before."),
        ("cursor", false) => ("string", "The next_cursor of the same call."),
        ("id", _) => (
            "string",
            "Of a key of several fields, the JSON object of them all.",
        ),
        ("fields", _) => (
            "array",
            "Only these; a path leads on: [\"title\",\"user.team.name\"].",
        ),
        ("compute", _) => (
            "object",
            "More values, named by you: {\"team\":\"user.team.name\"}, made of numbers, or of \
             many rows: {\"n\":{\"$count\":\"orders\"}}.",
        ),
        ("sort", _) => (
            "array",
            "Fields, - before one for descending: [\"-created_at\"].",
        ),
        ("total", _) => ("boolean", "Whether to count all."),
        ("group_by", _) => ("array", GROUPS),
        ("aggregate", _) => ("object", FUNCTIONS),
        ("having", _) => (
            "object",
            "Filters over members of groups: {\"n\":{\"$gt\":5}}.",
        ),
        ("zone", _) => ("string", "Of parts of dates: Europe/Paris."),
        ("format", true) => ("string", "columns costs less."),
        ("format", false) => ("string", "columns: names once."),
        ("include", _) => (
            "object",
            "Lists, chosen: {\"orders\":{\"fields\":[\"no\"],\"filters\":{},\"sort\":[],\
             \"limit\":5}}.",
        ),
        _ => ("array", "Relations to follow: [\"user\",\"user.team\"]."),
    }
}

/// What the answer of a page tells beside its rows.
const PAGE: [(&str, &str); 5] = [
    ("total", "integer"),
    ("count", "integer"),
    ("has_more", "boolean"),
    ("next_cursor", "string"),
    ("truncated", "boolean"),
];

/// What a tool gives: the answer without `id` and `status`, or an error. Of its members those are
/// named that a client goes on by.
pub fn output(action: Action) -> Value {
    let data = match action {
        Action::Get | Action::Whoami => json!({ "type": "object" }),
        // Each tells of its own.
        Action::Call => json!({}),
        Action::Describe => json!({ "type": ["object", "array"] }),
        Action::List | Action::Query => json!({ "type": "array" }),
    };
    let more: &[(&str, &str)] = match action {
        Action::Get | Action::Whoami | Action::Call => &[],
        Action::Describe => &[("count", "integer"), ("truncated", "boolean")],
        Action::List => &PAGE[1..],
        Action::Query => &PAGE,
    };
    json!({
        "type": "object",
        "properties": members(data, more),
        "minProperties": 1,
    })
}

/// The members of an answer: what it is about, those of its action, and those of an error.
pub(crate) fn members(data: Value, more: &[(&str, &str)]) -> Map<String, Value> {
    let errors = ["error", "code", "hint"].map(|name| (name, "string"));
    let others = more.iter().copied().chain(errors);
    let others = others.map(|(name, kind)| (name.to_owned(), json!({ "type": kind })));
    let data = ("data".to_owned(), data);
    std::iter::once(data).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::schema::{self, QueryParams};
    use schemars::schema_for;

    #[test]
    fn a_tool_takes_the_parameters_of_its_action() {
        let models = Some(&["users"][..]);
        assert_eq!(input(Action::Whoami, models, 100)["properties"], json!({}));
        for action in Action::ALL.into_iter().filter(|it| *it != Action::Whoami) {
            let schema = input(action, models, 100);
            let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
            assert_eq!(names[0], "model");
            assert_eq!(names[1..], *action.parameters());
            assert_eq!(schema["properties"]["model"]["enum"], json!(["users"]));
            let unlisted = input(action, None, 100);
            assert!(unlisted["properties"]["model"].get("enum").is_none());
        }
    }

    /// Holds a schema to what every client library that was tried reads.
    fn plain(schema: &Value) {
        let members = schema.as_object().unwrap();
        let beside: &[&str] = match schema["type"].as_str().expect("one type") {
            "object" => &["properties", "required"],
            "array" => &["items"],
            "string" => &["enum"],
            "integer" | "boolean" => &[],
            other => panic!("{other}"),
        };
        for (name, value) in members {
            match name.as_str() {
                "type" => {}
                "description" => assert!(value.is_string()),
                name if !beside.contains(&name) => panic!("{name} in {schema}"),
                "items" => plain(value),
                "properties" => value.as_object().unwrap().values().for_each(plain),
                _ => assert!(value.as_array().unwrap().iter().all(Value::is_string)),
            }
        }
        assert!(schema["type"] != "array" || members.contains_key("items"));
    }

    #[test]
    fn every_library_reads_what_a_tool_takes() {
        for action in Action::ALL {
            let schema = input(action, Some(&["users"]), 100);
            plain(&schema);
            assert!(schema.to_string().len() < 3_000, "{schema}");
            for parameter in schema["properties"].as_object().unwrap().values() {
                assert!(parameter["description"].is_string(), "{parameter}");
            }
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
            (
                Action::Query,
                json!({ "columns": ["id"], "data": [[1]], "count": 1, "limit": 1, "offset": 0,
                    "has_more": false, "total": 1 }),
            ),
        ] {
            let schema = output(action);
            assert!(schema.to_string().len() < 600, "{schema}");
            let validator = jsonschema::validator_for(&schema).unwrap();
            assert!(validator.is_valid(&answer), "{answer}");
            assert!(validator.is_valid(&json!({ "error": "x", "code": "y", "hint": "z" })));
            assert!(!validator.is_valid(&json!({})));
            assert!(!validator.is_valid(&json!({ "data": 7 })));
        }
    }

    #[test]
    fn an_answer_has_the_members_that_are_published() {
        let published = schema::published().map(|(_, schema)| schema.to_value().to_string());
        for action in Action::ALL {
            let schema = output(action);
            for name in schema["properties"].as_object().unwrap().keys() {
                assert!(published[1].contains(&format!("\"{name}\":")), "{name}");
            }
        }
    }

    #[test]
    fn what_is_told_in_words_names_all_that_the_published_schema_has() {
        fn keys(schema: &Value, found: &mut Vec<String>) {
            match schema {
                Value::Object(members) => {
                    let own = members.keys().filter(|key| key.starts_with('$'));
                    let own =
                        own.filter(|key| !["$ref", "$defs", "$schema"].contains(&key.as_str()));
                    found.extend(own.cloned());
                    members.values().for_each(|member| keys(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
                _ => {}
            }
        }
        let mut names = Vec::new();
        keys(&schema_for!(QueryParams).to_value(), &mut names);
        assert!(names.len() > 20, "{names:?}");
        let text = [OPERATORS, GROUPS, FUNCTIONS].concat();
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '$' && c != '_');
        for name in names {
            assert!(words.clone().any(|word| word == name), "{name}");
        }
        assert!(words.any(|word| word == "$count"));
    }
}
