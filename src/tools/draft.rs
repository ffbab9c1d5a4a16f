//! A file of tools around a SELECT that somebody wrote: what can be known of its parameters is
//! written, the rest is left to be said.

use std::fmt::Write as _;

use super::statement::mentions::Mentions;
use crate::catalog::{Catalog, FieldType};

/// What is written where only the operator knows.
const TO_SAY: &str = "Say what it answers, and when to use it.";

/// The parameters of a statement in the order of its text, each with its type as a file writes it:
/// of the field that it is compared with, where there is only one.
pub(crate) fn parameters(mentions: &Mentions, catalog: &Catalog) -> Vec<(String, String)> {
    let names = catalog.models().iter().map(|model| model.name().to_owned());
    let models: Vec<String> = names.filter(|name| mentions.names(name)).collect();
    let typed = mentions.parameters.iter().map(|used| {
        let field = used.like.as_ref();
        let field = field.and_then(|column| mentions.field(column, &models, catalog));
        let of_field = field.filter(|_| !used.is_count).filter(|name| {
            let found = name.split_once('.').and_then(|(model, field)| {
                let model = catalog.model(model)?;
                model.field(field)
            });
            found.is_some_and(|field| field.is_filterable())
        });
        let kind = match of_field {
            Some(field) => field,
            None if used.is_count => "integer".to_owned(),
            None => "text".to_owned(),
        };
        let list = if used.is_list { "[]" } else { "" };
        (used.name.clone(), format!("{kind}{list}"))
    });
    typed.collect()
}

/// Takes the engine's word for what was left a text, for nothing else was known of it.
pub(crate) fn guess(parameters: &mut [(String, String)], types: &[FieldType]) {
    for ((_, kind), class) in parameters.iter_mut().zip(types) {
        let name = match class {
            FieldType::Integer { .. } => "integer",
            FieldType::Decimal { .. } => "decimal",
            FieldType::Float | FieldType::Float32 => "float",
            FieldType::Boolean => "boolean",
            FieldType::Date => "date",
            FieldType::Time => "time",
            FieldType::DateTime | FieldType::Timestamp => "datetime",
            FieldType::Uuid => "uuid",
            _ => continue,
        };
        if let "text" | "text[]" = &**kind {
            *kind = kind.replace("text", name);
        }
    }
}

/// The text of a file with one tool; its columns are told in a comment.
pub fn file(
    name: &str,
    sql: &str,
    parameters: &[(String, String)],
    columns: &[(String, FieldType)],
) -> String {
    let sql = sql.trim().trim_end_matches(';').trim_end();
    // A text of JSON is one of TOML.
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let odd = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    let sql = match sql.contains("'''") || sql.contains(odd) {
        true => quote(sql),
        false => format!("'''\n{sql}\n'''"),
    };
    let mut text = format!(
        "[[tool]]\nname = {}\ndescription = {}\nsql = {sql}\n",
        quote(name),
        quote(TO_SAY)
    );
    // Writing into memory cannot fail.
    if !columns.is_empty() {
        let columns = columns.iter();
        let columns =
            columns.map(|(name, class)| format!("{} {}", name.escape_debug(), class.name()));
        let columns: Vec<String> = columns.collect();
        let _ = writeln!(text, "# It answers {}.", columns.join(", "));
    }
    if !parameters.is_empty() {
        text += "[tool.params]\n";
    }
    for (name, kind) in parameters {
        let plain = !kind.contains('.');
        let described = if plain {
            ", description = \"Say what it is.\""
        } else {
            ""
        };
        let _ = writeln!(text, "{name} = {{ type = {}{described} }}", quote(kind));
    }
    text
}

/// A name for a tool, of the name of a file.
pub fn name(stem: &str) -> String {
    let letters = stem
        .chars()
        .map(|letter| match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_lowercase() || letter.is_ascii_digit() => letter,
            _ => '_',
        });
    let name: String = letters.collect();
    let name = name.trim_matches('_');
    let name = match name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() {
        true => format!("tool_{name}"),
        false => name.to_owned(),
    };
    name.chars().take(super::file::LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::file;

    #[test]
    fn a_draft_is_a_file_that_can_be_read() {
        let parameters = [
            ("a".to_owned(), "text[]".to_owned()),
            ("b".to_owned(), "tickets.status".to_owned()),
        ];
        let columns = [("n".to_owned(), FieldType::Boolean)];
        for sql in [
            "SELECT 1 AS n\nFROM t;\n",
            "SELECT ''' ' AS n",
            "SELECT 'é\\' AS n",
        ] {
            let text = file("big_ones", sql, &parameters, &columns);
            let held = file::read("f.toml", &text);
            assert!(held.faults.is_empty(), "{text}: {:?}", held.faults);
            let read = held.tools[0].sql.sql.trim();
            assert_eq!(read, sql.trim().trim_end_matches(';'));
            assert_eq!(held.tools[0].parameters.len(), 2);
        }
    }

    #[test]
    fn a_name_is_made_of_what_a_name_may_have() {
        for (stem, expected) in [
            ("Open tickets", "open_tickets"),
            ("2025-sales", "tool_2025_sales"),
            ("é", "tool_"),
            ("_x_", "x"),
        ] {
            assert_eq!(name(stem), expected);
        }
    }
}
