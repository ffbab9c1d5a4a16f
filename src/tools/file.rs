//! A file of tools: TOML, read whole, with every fault of it at once.

mod reader;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use toml_edit::{Document, Item, TableLike, Value};

use self::reader::Reader;
use super::example::Count;
use super::moment::Relative;
use super::parameter::{self, Accepted, Class, Fallback, Known, MAX_LENGTH, MAX_VALUES, Source};
use super::{
    Example, Fault, MAX_PARAMETERS, MAX_ROWS, MAX_SQL_BYTES, Outcome, Parameter, Place, Text, Tool,
};
use crate::catalog::FieldType;
use crate::protocol::Action;

const MEMBERS: &[&str] = &[
    "name",
    "title",
    "description",
    "sql",
    "database",
    "tokens",
    "result",
    "limit",
    "timeout",
    "hidden",
    "functions",
    "raw",
    "reads",
    "params",
    "example",
];
const OF_PARAMETER: &[&str] = &[
    "type",
    "description",
    "default",
    "enum",
    "min",
    "max",
    "pattern",
    "required",
    "from",
];
const OF_EXAMPLE: &[&str] = &[
    "params",
    "caller",
    "rows",
    "first",
    "contains",
    "error",
    "within_ms",
];
const LONGEST_NAME: usize = 48;
const LONGEST_DESCRIPTION: usize = 750;

/// Reads the text of a file; the names of tools of other files are the caller's to compare.
///
/// # Errors
/// Every fault, in the order of the file.
pub fn read(name: &str, text: &str) -> Result<Vec<Tool>, Vec<Fault>> {
    let file: Arc<str> = Arc::from(name);
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return Err(vec![Fault {
                place: Place::of(&file, text, at),
                tool: None,
                message: format!(
                    "is no TOML: {}",
                    error
                        .message()
                        .lines()
                        .next()
                        .unwrap_or("it cannot be read")
                ),
                help: "mend it there".to_owned(),
            }]);
        }
    };
    let mut reader = Reader::new(file, text);
    reader.only(document.as_table(), &["tool"]);
    let mut tools = Vec::new();
    match document.get("tool") {
        None => {}
        Some(Item::ArrayOfTables(entries)) => {
            tools.extend(entries.iter().filter_map(|entry| tool(&mut reader, entry)));
        }
        Some(other) => reader.fault(
            other.span(),
            "tool is no list of tables",
            "begin each tool with [[tool]]",
        ),
    }
    let faults = reader.done();
    match faults.is_empty() {
        true => Ok(tools),
        false => Err(faults),
    }
}

fn tool(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Option<Tool> {
    let span = entry.span();
    let name = reader.text(entry, "name").unwrap_or_default();
    reader.enter(&name, span.clone());
    reader.only(entry, MEMBERS);
    named(reader, entry, &name);
    let description = reader.needed(
        entry,
        "description",
        "say what it answers, and when to use it",
    );
    let length = description
        .as_deref()
        .map_or(1, |text| text.chars().count());
    if !(1..=LONGEST_DESCRIPTION).contains(&length) {
        reader.at(
            entry,
            "description",
            format!("is {length} characters long"),
            format!("write 1 to {LONGEST_DESCRIPTION}"),
        );
    }
    let sql = sql(reader, entry);
    let scopes = tokens(reader, entry);
    let limit = reader.whole(entry, "limit", 1, i64::from(MAX_ROWS));
    let timeout = reader.seconds(entry, "timeout");
    let outcome = match reader.text(entry, "result").as_deref() {
        None | Some("rows") => Outcome::Rows,
        Some("one") => Outcome::One,
        Some("value") => Outcome::Value,
        Some(_) => {
            reader.at(
                entry,
                "result",
                "is none that there is".to_owned(),
                "write rows, one or value".to_owned(),
            );
            Outcome::Rows
        }
    };
    let is_raw = reader.flag(entry, "raw").unwrap_or(false);
    let reads = entry
        .contains_key("reads")
        .then(|| reader.texts(entry, "reads"));
    match (is_raw, &reads) {
        (true, None) => reader.at(
            entry,
            "raw",
            "reads the database itself, and does not say what".to_owned(),
            "name every column: reads = [\"schema.table.column\", …]".to_owned(),
        ),
        (false, Some(_)) => reader.at(
            entry,
            "reads",
            "is for a tool that reads the database itself".to_owned(),
            "take it out, or write raw = true".to_owned(),
        ),
        _ => {}
    }
    let parameters = parameters(reader, entry);
    let examples = examples(reader, entry);
    let place = reader.place(span);
    reader.leave();
    Some(Tool {
        title: reader.text(entry, "title").unwrap_or_else(|| name.clone()),
        name,
        description: description?,
        sql: sql?,
        database: reader.text(entry, "database"),
        scopes,
        result: outcome,
        limit: limit.and_then(|limit| u32::try_from(limit).ok()),
        timeout,
        hidden: reader.texts(entry, "hidden"),
        functions: reader.texts(entry, "functions"),
        reads: reads.filter(|_| is_raw),
        parameters,
        examples,
        place,
    })
}

fn named(reader: &mut Reader<'_>, entry: &toml_edit::Table, name: &str) {
    let mut letters = name.bytes();
    let sound = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= LONGEST_NAME;
    if !entry.contains_key("name") {
        reader.needed(entry, "name", "give it one: small letters, digits and _");
    } else if !sound {
        reader.at(
            entry,
            "name",
            format!("{name:?} is no name of a tool"),
            format!(
                "write small letters, digits and _, a letter first, {LONGEST_NAME} at the most"
            ),
        );
    } else if name.starts_with("lucarne")
        || Action::ALL
            .iter()
            .any(|action| name == action.name() || name == action.tool())
        || name == "call"
    {
        reader.at(
            entry,
            "name",
            format!("{name} is a name of the service's own"),
            "give it another one".to_owned(),
        );
    } else if !reader.is_new(name) {
        reader.at(
            entry,
            "name",
            format!("{name} is the name of two tools"),
            "give one of them another name".to_owned(),
        );
    }
}

fn sql(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Option<Text> {
    let sql = reader.needed(entry, "sql", "write the SELECT, between three quotes: '''")?;
    if sql.trim().is_empty() {
        reader.at(
            entry,
            "sql",
            "is empty".to_owned(),
            "write a SELECT".to_owned(),
        );
        return None;
    }
    if sql.len() > MAX_SQL_BYTES {
        reader.at(
            entry,
            "sql",
            format!("is {} bytes long", sql.len()),
            format!("{MAX_SQL_BYTES} at the most"),
        );
        return None;
    }
    let place = reader.start_of(entry, "sql");
    Some(Text { sql, place })
}

/// The scopes beside `tools` that let a token call a tool.
fn tokens(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Vec<String> {
    match entry.get("tokens") {
        None => Vec::new(),
        Some(item) if item.as_str() == Some("scope") => Vec::new(),
        Some(item) if item.is_array() => reader.texts(entry, "tokens"),
        Some(_) => {
            reader.at(
                entry,
                "tokens",
                "is neither \"scope\" nor a list of scopes".to_owned(),
                "write tokens = \"scope\", or a list: [\"reports\"]".to_owned(),
            );
            Vec::new()
        }
    }
}

fn parameters(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Vec<Parameter> {
    let Some(table) = reader.table(entry, "params") else {
        return Vec::new();
    };
    if table.len() > MAX_PARAMETERS {
        reader.at(
            entry,
            "params",
            format!("are {}", table.len()),
            format!("{MAX_PARAMETERS} at the most"),
        );
    }
    let mut parameters = Vec::new();
    for (name, item) in table.iter() {
        let key = table.key(name).and_then(toml_edit::Key::span);
        let sound = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.as_bytes()[0].is_ascii_digit()
            && name.len() <= LONGEST_NAME;
        if !sound {
            reader.fault(
                key.clone(),
                format!("{name:?} is no name of a parameter"),
                "write letters, digits and _",
            );
        }
        let Some(members) = item.as_table_like() else {
            reader.fault(
                item.span(),
                format!("parameter {name} is no table"),
                "write { type = \"text\", description = \"…\" }",
            );
            continue;
        };
        reader.only(members, OF_PARAMETER);
        let source = match members.get("from") {
            Some(_) => from(reader, members),
            None => accepted(reader, name, members, key.clone())
                .map(|accepted| Source::Client(Box::new(accepted))),
        };
        if let Some(source) = source {
            parameters.push(Parameter {
                name: name.to_owned(),
                source,
                place: reader.place(key),
            });
        }
    }
    parameters
}

fn from(reader: &mut Reader<'_>, members: &dyn TableLike) -> Option<Source> {
    let text = reader.text(members, "from")?;
    for other in OF_PARAMETER
        .iter()
        .filter(|other| !["from", "description"].contains(other))
    {
        if members.contains_key(other) {
            reader.at(
                members,
                other,
                "is for what a client gives".to_owned(),
                "take it out: the value comes from the call".to_owned(),
            );
        }
    }
    let known = Known::parse(&text);
    if known.is_none() {
        reader.at(
            members,
            "from",
            format!("{text:?} is not known of a call"),
            "write caller.tenant, caller.token, caller.attr.NAME, now or today".to_owned(),
        );
    }
    known.map(Source::Caller)
}

fn accepted(
    reader: &mut Reader<'_>,
    name: &str,
    members: &dyn TableLike,
    key: reader::Span,
) -> Option<Accepted> {
    let Some(kind) = reader.text(members, "type") else {
        if !members.contains_key("type") {
            reader.fault(key, format!("parameter {name} has no type"), "write type = \"text\", or the field that it is compared with: type = \"model.field\"");
        }
        return None;
    };
    let (kind, is_list) = match kind.strip_suffix("[]") {
        Some(kind) => (kind, true),
        None => (&*kind, false),
    };
    let class = match (plain(kind), kind.split_once('.')) {
        (Some(plain), _) => Class::Plain(plain),
        (None, Some((model, field))) if !model.is_empty() && !field.is_empty() => Class::Field {
            model: model.to_owned(),
            field: field.to_owned(),
        },
        _ => {
            reader.at(members, "type", format!("{kind:?} is no type"), "write text, integer, decimal, float, boolean, date, time, datetime, uuid, one of these with [], or model.field".to_owned());
            return None;
        }
    };
    let description = reader.text(members, "description");
    if description.is_none() && matches!(class, Class::Plain(_)) {
        reader.fault(
            key,
            format!("parameter {name} has no description"),
            "say what it is: description = \"…\"",
        );
    }
    let default = fallback(reader, members.get("default"), &class);
    let pattern = pattern(reader, members, &class);
    let mut accepted = Accepted {
        is_list,
        description,
        is_required: reader
            .flag(members, "required")
            .unwrap_or(default.is_none()),
        default: None,
        choices: choices(reader, members),
        min: bound(reader, members, "min", &class),
        max: bound(reader, members, "max", &class),
        pattern,
        class,
    };
    // A field's values are checked when its model is known.
    if let (Class::Plain(_), Some(Fallback::Value(raw))) = (&accepted.class, &default)
        && let Err(expected) = accepted.check(raw, None)
    {
        reader.at(
            members,
            "default",
            "is none of its own values".to_owned(),
            format!("write {expected}"),
        );
    }
    accepted.default = default;
    Some(accepted)
}

/// A type by its name.
fn plain(name: &str) -> Option<FieldType> {
    Some(match name {
        "text" => FieldType::Text,
        "integer" => FieldType::Integer {
            unsigned: false,
            wide: true,
        },
        "decimal" => FieldType::Decimal { scale: None },
        "float" => FieldType::Float,
        "boolean" => FieldType::Boolean,
        "date" => FieldType::Date,
        "time" => FieldType::Time,
        "datetime" => FieldType::Timestamp,
        "uuid" => FieldType::Uuid,
        _ => return None,
    })
}

fn fallback(reader: &Reader<'_>, item: Option<&Item>, class: &Class) -> Option<Fallback> {
    let value = item?.as_value()?;
    let moment = !matches!(class, Class::Plain(class) if !class.has_date());
    if let Some(relative) = value.as_str().filter(|_| moment).and_then(Relative::parse) {
        return Some(Fallback::Moment(relative));
    }
    reader.raw(value).map(Fallback::Value)
}

fn choices(reader: &mut Reader<'_>, members: &dyn TableLike) -> Option<Vec<Box<RawValue>>> {
    let item = members.get("enum")?;
    let values = item
        .as_array()
        .filter(|values| (1..=MAX_VALUES).contains(&values.len()));
    let Some(values) = values else {
        reader.at(
            members,
            "enum",
            format!("is no list of 1 to {MAX_VALUES} values"),
            "write enum = [\"open\", \"pending\"]".to_owned(),
        );
        return None;
    };
    Some(
        values
            .iter()
            .filter_map(|value| reader.raw(value))
            .collect(),
    )
}

fn bound(
    reader: &mut Reader<'_>,
    members: &dyn TableLike,
    name: &str,
    class: &Class,
) -> Option<Box<RawValue>> {
    let value = reader.raw(members.get(name)?.as_value()?)?;
    let Class::Plain(class) = class else {
        return Some(value);
    };
    let measure = match class {
        FieldType::Text => FieldType::Integer {
            unsigned: false,
            wide: true,
        },
        FieldType::Integer { .. }
        | FieldType::Decimal { .. }
        | FieldType::Float
        | FieldType::Date
        | FieldType::Timestamp
        | FieldType::Time => *class,
        _ => {
            reader.at(
                members,
                name,
                "is for numbers, dates and the length of texts".to_owned(),
                "take it out".to_owned(),
            );
            return None;
        }
    };
    let sound = crate::plan::of_class(&value, measure);
    let too_long = matches!((class, &sound), (FieldType::Text, Some(crate::value::Value::Int(length))) if !(0..=MAX_LENGTH as i64).contains(length));
    if sound.is_none() || too_long {
        reader.at(
            members,
            name,
            "is no bound of its type".to_owned(),
            format!("write a value of the type, or of a text its length, {MAX_LENGTH} at the most"),
        );
        return None;
    }
    Some(value)
}

fn pattern(
    reader: &mut Reader<'_>,
    members: &dyn TableLike,
    class: &Class,
) -> Option<Arc<regex::Regex>> {
    let text = reader.text(members, "pattern")?;
    if matches!(class, Class::Plain(class) if *class != FieldType::Text) {
        reader.at(
            members,
            "pattern",
            "is for texts".to_owned(),
            "take it out".to_owned(),
        );
        return None;
    }
    match parameter::whole(&text) {
        Ok(pattern) => Some(Arc::new(pattern)),
        Err(words) => {
            reader.at(
                members,
                "pattern",
                format!("cannot be read: {words}"),
                "it takes no look-around and no references back, so that it is always quick"
                    .to_owned(),
            );
            None
        }
    }
}

fn examples(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Vec<Example> {
    let entries = match entry.get("example") {
        None => return Vec::new(),
        Some(Item::ArrayOfTables(entries)) => entries,
        Some(other) => {
            reader.fault(
                other.span(),
                "example is no list of tables",
                "begin each example with [[tool.example]]",
            );
            return Vec::new();
        }
    };
    entries.iter().map(|entry| example(reader, entry)).collect()
}

fn example(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Example {
    reader.only(entry, OF_EXAMPLE);
    let members = |reader: &mut Reader<'_>, name| -> Map<String, Json> {
        let table = reader.table(entry, name);
        let values = table.into_iter().flat_map(|table| table.iter());
        values
            .filter_map(|(name, item)| Some((name.to_owned(), json_of(reader, item)?)))
            .collect()
    };
    let rows = match entry.get("rows").and_then(Item::as_value) {
        None => None,
        Some(value) => {
            let text = match value {
                Value::Integer(number) => number.value().to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            };
            let count = Count::parse(&text);
            if count.is_none() {
                reader.at(
                    entry,
                    "rows",
                    "is no number of rows".to_owned(),
                    "write \"3\", \"1..\" or \"1..100\"".to_owned(),
                );
            }
            count
        }
    };
    let example = Example {
        params: members(reader, "params"),
        caller: members(reader, "caller"),
        rows,
        first: members(reader, "first"),
        contains: members(reader, "contains"),
        error: reader.text(entry, "error"),
        within: reader
            .whole(entry, "within_ms", 1, 600_000)
            .and_then(|ms| u64::try_from(ms).ok())
            .map(Duration::from_millis),
        place: reader.place(entry.span()),
    };
    let expects = example.rows.is_some()
        || !example.first.is_empty()
        || !example.contains.is_empty()
        || example.error.is_some()
        || example.within.is_some();
    if !expects {
        reader.fault(
            entry.span(),
            "the example expects nothing",
            "say what comes: rows = \"1..\", first = { … }, contains = { … } or error = \"…\"",
        );
    }
    example
}

/// A value, or a table of them.
fn json_of(reader: &Reader<'_>, item: &Item) -> Option<Json> {
    if let Some(value) = item.as_value() {
        return Some(reader.json(value));
    }
    let table = item.as_table_like()?;
    let members = table
        .iter()
        .filter_map(|(name, item)| Some((name.to_owned(), json_of(reader, item)?)));
    Some(Json::Object(members.collect()))
}

/// The names that two files both have.
pub fn doubled<'t>(tools: impl Iterator<Item = &'t Tool>) -> Vec<Fault> {
    let mut names = HashSet::new();
    tools
        .filter(|tool| !names.insert(&*tool.name))
        .map(|tool| Fault {
            place: tool.place.clone(),
            tool: Some(tool.name.clone()),
            message: "is the name of a tool in another file too".to_owned(),
            help: "give one of them another name".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
