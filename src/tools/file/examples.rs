//! The examples of a tool, as its file says them.

use std::time::Duration;

use serde_json::{Map, Value as Json};
use toml_edit::{Item, TableLike, Value};

use super::reader::Reader;
use crate::tools::Example;
use crate::tools::call::Caller;
use crate::tools::example::Count;

const OF_EXAMPLE: &[&str] = &[
    "params",
    "caller",
    "rows",
    "first",
    "contains",
    "error",
    "within_ms",
];

/// Reads the examples of a tool.
pub(super) fn read(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Vec<Example> {
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
        caller: caller(reader, entry),
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

/// Who asks.
fn caller(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Caller {
    let Some(table) = reader.table(entry, "caller") else {
        return Caller::default();
    };
    reader.only(table, &["tenant", "token", "attr"]);
    let attributes = match table.contains_key("attr") {
        true => reader.table(table, "attr"),
        false => None,
    };
    let mut known = Vec::new();
    for (name, _) in attributes.into_iter().flat_map(TableLike::iter) {
        let value = attributes.and_then(|table| reader.text(table, name));
        known.extend(value.map(|value| (name.to_owned(), value)));
    }
    Caller {
        tenant: reader.text(table, "tenant"),
        token: reader.text(table, "token"),
        attributes: known,
    }
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
