//! A file of tools: TOML, read whole, with every fault of it at once.

mod examples;
mod parameters;
mod reader;

use std::collections::HashSet;
use std::sync::Arc;

use toml_edit::{Document, Item};

use self::reader::Reader;
use super::{Fault, MAX_ROWS, MAX_SQL_BYTES, Outcome, Place, Text, Tool};
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
pub(super) const LONGEST_NAME: usize = 48;
const LONGEST_DESCRIPTION: usize = 750;

/// What a file holds.
#[derive(Debug, Default)]
pub struct Held {
    /// The tools of which nothing is wrong but perhaps their SQL.
    pub tools: Vec<Tool>,
    /// Every fault of the others, in the order of the file.
    pub faults: Vec<Fault>,
}

/// Reads the text of a file; the names of tools of other files are the caller's to compare.
pub fn read(name: &str, text: &str) -> Held {
    let file: Arc<str> = Arc::from(name);
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let words = error.message().lines().next();
            let fault = Fault {
                place: Place::of(&file, text, at),
                tool: None,
                message: format!("is no TOML: {}", words.unwrap_or("it cannot be read")),
                help: "mend it there".to_owned(),
            };
            return Held {
                tools: Vec::new(),
                faults: vec![fault],
            };
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
    Held {
        tools,
        faults: reader.done(),
    }
}

/// A tool, where nothing is wrong with it.
fn tool(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Option<Tool> {
    let (span, before) = (entry.span(), reader.count());
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
    let outcome = outcome(reader, entry);
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
    let parameters = parameters::read(reader, entry);
    let examples = examples::read(reader, entry);
    let place = reader.place(span);
    let tool = Tool {
        title: reader.text(entry, "title").unwrap_or_else(|| name.clone()),
        name,
        description: description.unwrap_or_default(),
        sql: sql.unwrap_or_else(|| Text {
            sql: String::new(),
            place: place.clone(),
        }),
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
    };
    reader.leave();
    (reader.count() == before).then_some(tool)
}

fn outcome(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Outcome {
    match reader.text(entry, "result").as_deref() {
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
    }
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
