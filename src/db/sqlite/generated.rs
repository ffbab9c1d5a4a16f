//! The expressions of generated columns, which SQLite tells in the text of the table alone.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Result};

/// The expression of each generated column of a table, by the column's name in lower case.
pub(super) fn expressions(connection: &Connection, table: &str) -> Result<HashMap<String, String>> {
    let asked = connection.query_row(
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?",
        [table],
        |row| row.get::<_, Option<String>>(0),
    );
    let sql = asked.optional()?.flatten().unwrap_or_default();
    Ok(definitions(&sql)
        .into_iter()
        .filter_map(|definition| generated(&definition))
        .collect())
}

/// The parts between the commas of a table's brackets, each as its tokens.
fn definitions(sql: &str) -> Vec<Vec<&str>> {
    let mut definitions = vec![Vec::new()];
    let mut depth = 0usize;
    for token in Tokens(sql) {
        match token {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        match (token, depth) {
            ("(", 1) | (_, 0) => {}
            (",", 1) => definitions.push(Vec::new()),
            _ => {
                if let Some(last) = definitions.last_mut() {
                    last.push(token);
                }
            }
        }
    }
    definitions
}

/// The name of a generated column, and the tokens of its expression.
fn generated(definition: &[&str]) -> Option<(String, String)> {
    let (name, rest) = definition.split_first()?;
    let mut depth = 0usize;
    let at = rest
        .iter()
        .zip(rest.iter().skip(1))
        .position(|(one, next)| {
            match *one {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && one.eq_ignore_ascii_case("as") && *next == "("
        })?;
    Some((unquoted(name).to_lowercase(), rest[at + 1..].join(" ")))
}

/// A name without its quotes.
fn unquoted(name: &str) -> String {
    let Some(quote @ ('"' | '`' | '[' | '\'')) = name.chars().next() else {
        return name.to_owned();
    };
    let close = if quote == '[' { ']' } else { quote };
    let inner = name.get(1..name.len() - 1).unwrap_or_default();
    inner.replace(&format!("{close}{close}"), &close.to_string())
}

/// The tokens of SQL, without blanks and comments.
struct Tokens<'s>(&'s str);

impl<'s> Iterator for Tokens<'s> {
    type Item = &'s str;

    fn next(&mut self) -> Option<&'s str> {
        loop {
            self.0 = self.0.trim_start();
            let comment = if self.0.starts_with("--") {
                self.0.find('\n')
            } else if self.0.starts_with("/*") {
                self.0.find("*/").map(|at| at + 1)
            } else {
                break;
            };
            self.0 = comment.map_or("", |end| &self.0[end + 1..]);
        }
        let first = self.0.chars().next()?;
        let length = match first {
            '"' | '`' | '\'' | '[' => {
                let close = if first == '[' { ']' } else { first };
                let end = self.0[1..].find(close);
                end.map_or(self.0.len(), |end| end + 2)
            }
            _ if is_word(first) => self.0.find(|c| !is_word(c)).unwrap_or(self.0.len()),
            _ => first.len_utf8(),
        };
        let (token, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_found_in_the_text_of_a_table() {
        let sql = "CREATE TABLE \"t (a\" ( -- a comment, with AS (
            id INTEGER PRIMARY KEY, \"As (\" TEXT DEFAULT 'as (x)', n DECIMAL(10, 2),
            /* as (none) */ [Pw Hint] TEXT GENERATED ALWAYS AS (substr(\"password_hash\", 1, 6)) STORED,
            b AS (json_extract(payload, '$.api_key')), CHECK (n > (1)), UNIQUE (id, n))";
        let mut found: Vec<_> = definitions(sql)
            .into_iter()
            .filter_map(|definition| generated(&definition))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                (
                    "b".to_owned(),
                    "( json_extract ( payload , '$.api_key' ) )".to_owned()
                ),
                (
                    "pw hint".to_owned(),
                    "( substr ( \"password_hash\" , 1 , 6 ) ) STORED".to_owned()
                ),
            ]
        );
    }
}
