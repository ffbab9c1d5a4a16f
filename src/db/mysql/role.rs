//! The account: what it could do beyond reading what is served, and how one is made that cannot.

use std::collections::BTreeMap;

use sqlx::mysql::MySqlDatabaseError;
use sqlx::{Executor as _, MySqlConnection, Row as _};

use super::session::command;
use crate::advice::Advice;
use crate::catalog::{Catalog, Hidden, Kind, TableName};
use crate::db::Failure;

/// The account in the SQL that makes one.
const READER: &str = "'lucarne_reader'@'%'";
/// What a reader may have without being able to change anything.
const READING: &[&str] = &["USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "PROCESS"];

/// What the account could do beyond reading what is served.
pub(super) async fn weaknesses(
    connection: &mut MySqlConnection,
    catalog: &Catalog,
    hidden: &[Hidden],
) -> Result<Vec<Advice>, Failure> {
    let (account,): (String,) = sqlx::query_as("SELECT CAST(CURRENT_USER() AS CHAR)")
        .fetch_one(&mut *connection)
        .await
        .map_err(Failure::from_driver)?;
    let rows = connection.fetch_all("SHOW GRANTS").await;
    let mut grants = Vec::new();
    for row in rows.map_err(Failure::from_driver)? {
        let line: String = row.try_get(0).map_err(Failure::from_driver)?;
        grants.extend(Grant::parse(&line));
    }
    let everywhere: Vec<&str> = grants
        .iter()
        .filter(|grant| grant.schema == "*")
        .flat_map(|grant| grant.beyond_reading())
        .collect();
    if everywhere.contains(&"ALL PRIVILEGES") || everywhere.contains(&"SUPER") {
        // Everything else follows from it.
        return Ok(vec![Advice::new(
            format!("the account {account} may do anything: only the read-only session holds it"),
            "use an account that may only read: lucarne check --setup-sql shows how to make one",
        )]);
    }
    let mut found = of_grants(&account, &everywhere, &grants, catalog);
    let readable = readable(connection, hidden).await?;
    if !readable.is_empty() {
        found.push(Advice::new(
            format!(
                "the account {account} may read hidden fields: {}",
                readable.join(", ")
            ),
            "grant SELECT on the other columns alone",
        ));
    }
    let unrelated = unrelated(connection, catalog).await?;
    if !unrelated.is_empty() {
        found.push(Advice::new(
            format!(
                "the account {account} is not told of foreign keys, so that no relations are \
                 served: {}",
                unrelated.join(", ")
            ),
            "GRANT SHOW VIEW on them to the account, beside SELECT on their columns",
        ));
    }
    Ok(found)
}

/// What is weak about the account's grants themselves.
fn of_grants(
    account: &str,
    everywhere: &[&str],
    grants: &[Grant],
    catalog: &Catalog,
) -> Vec<Advice> {
    let mut found = Vec::new();
    if !everywhere.is_empty() {
        found.push(Advice::new(
            format!(
                "the account {account} has rights on the whole server: {}",
                everywhere.join(", ")
            ),
            format!("REVOKE {} ON *.* FROM the account", everywhere.join(", ")),
        ));
    }
    if grants
        .iter()
        .any(|grant| grant.schema == "*" && grant.has("SELECT"))
    {
        found.push(Advice::new(
            format!("the account {account} may read every database of the server"),
            "REVOKE SELECT ON *.* FROM it, and grant what is served",
        ));
    }
    let mut written: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for table in catalog.tables().keys() {
        let on_it = grants
            .iter()
            .filter(|grant| grant.schema != "*" && grant.covers(table));
        for privilege in on_it.flat_map(Grant::beyond_reading) {
            let privileges = written.entry(table.to_string()).or_default();
            if !privileges.contains(&privilege) {
                privileges.push(privilege);
            }
        }
    }
    for (table, privileges) in written {
        let privileges = privileges.join(", ");
        found.push(Advice::new(
            format!("the account {account} may do more than read {table}: {privileges}"),
            format!("REVOKE {privileges} where they were granted: SHOW GRANTS"),
        ));
    }
    found
}

/// The tables whose foreign keys the server keeps from the account, for it has rights on columns
/// alone.
async fn unrelated(
    connection: &mut MySqlConnection,
    catalog: &Catalog,
) -> Result<Vec<String>, Failure> {
    let mut unrelated = Vec::new();
    for model in catalog
        .models()
        .iter()
        .filter(|model| model.kind() == Kind::Table)
    {
        let table = model.table();
        let schema = identifier(table.schema.as_deref().unwrap_or_default());
        let shown = command(format!(
            "SHOW CREATE TABLE {schema}.{}",
            identifier(&table.name)
        ))
        .fetch_all(&mut *connection)
        .await
        .map_err(Failure::from_driver);
        match shown {
            Err(failure) if is_denied(&failure) => unrelated.push(table.to_string()),
            shown => drop(shown?),
        }
    }
    unrelated.sort();
    Ok(unrelated)
}

fn is_denied(failure: &Failure) -> bool {
    let Some(sqlx::Error::Database(error)) = failure.source() else {
        return false;
    };
    let error = error.try_downcast_ref::<MySqlDatabaseError>();
    error.is_some_and(|error| error.number() == 1142)
}

/// The hidden columns that the account may read, as `schema.table.column`.
async fn readable(
    connection: &mut MySqlConnection,
    hidden: &[Hidden],
) -> Result<Vec<String>, Failure> {
    let mut readable = Vec::new();
    for hidden in hidden {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT CAST(table_name AS CHAR), CAST(privileges AS CHAR) \
             FROM information_schema.columns \
             WHERE table_schema = ? AND table_name = ? AND column_name = ?",
        )
        .bind(&hidden.table.schema)
        .bind(&hidden.table.name)
        .bind(&hidden.field)
        .fetch_all(&mut *connection)
        .await
        .map_err(Failure::from_driver)?;
        let may = rows.iter().any(|(table, privileges)| {
            *table == hidden.table.name && privileges.contains("select")
        });
        let name = format!("{}.{}", hidden.table, hidden.field);
        if may && !readable.contains(&name) {
            readable.push(name);
        }
    }
    Ok(readable)
}

/// One line of `SHOW GRANTS`.
#[derive(Debug, PartialEq)]
struct Grant {
    privileges: Vec<String>,
    /// `*`, or a database, perhaps with the wildcards of LIKE.
    schema: String,
    /// `*`, or a table.
    table: String,
}

impl Grant {
    /// `None` for a line that grants a role or a routine.
    fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("GRANT ")?;
        let (privileges, rest) = split_at(rest, " ON ")?;
        let (object, _) = split_at(rest, " TO ")?;
        let (schema, table) = split_at(object, ".")?;
        let mut listed = Vec::new();
        let mut left = privileges;
        while !left.is_empty() {
            let (privilege, rest) = split_at(left, ",").unwrap_or((left, ""));
            // Columns follow in brackets.
            let name = privilege.split('(').next().unwrap_or_default().trim();
            listed.push(name.to_owned());
            left = rest;
        }
        Some(Self {
            privileges: listed,
            schema: unquoted(schema),
            table: unquoted(table),
        })
        .filter(|grant| !grant.schema.contains(' ') || schema.starts_with('`'))
    }

    fn has(&self, privilege: &str) -> bool {
        self.privileges.iter().any(|name| name == privilege)
    }

    fn beyond_reading(&self) -> impl Iterator<Item = &str> {
        let privileges = self.privileges.iter().map(String::as_str);
        privileges.filter(|privilege| !READING.contains(privilege))
    }

    fn covers(&self, table: &TableName) -> bool {
        let schema = table.schema.as_deref().unwrap_or_default();
        like(&self.schema, schema) && (self.table == "*" || self.table == table.name)
    }
}

/// Splits at a separator that stands outside backticks and brackets.
fn split_at<'t>(text: &'t str, separator: &str) -> Option<(&'t str, &'t str)> {
    let (mut quoted, mut depth) = (false, 0);
    for (at, character) in text.char_indices() {
        if !quoted && depth == 0 && text[at..].starts_with(separator) {
            return Some((&text[..at], &text[at + separator.len()..]));
        }
        match character {
            '`' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

fn unquoted(name: &str) -> String {
    match name
        .strip_prefix('`')
        .and_then(|name| name.strip_suffix('`'))
    {
        Some(inner) => inner.replace("``", "`"),
        None => name.to_owned(),
    }
}

/// Whether a database's name is of the pattern of a grant.
fn like(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('%') => name
            .char_indices()
            .map(|(at, _)| at)
            .chain([name.len()])
            .any(|at| like(rest.as_str(), &name[at..])),
        Some('_') => {
            let mut name = name.chars();
            name.next().is_some() && like(rest.as_str(), name.as_str())
        }
        Some(first) => {
            let first = match first {
                '\\' => rest.next().unwrap_or(first),
                plain => plain,
            };
            let mut name = name.chars();
            name.next() == Some(first) && like(rest.as_str(), name.as_str())
        }
    }
}

/// The SQL that makes an account for just what is served.
pub(super) fn setup_sql(catalog: &Catalog) -> String {
    let mut sql = format!(
        "-- An account that may read what is served and nothing else. Choose a password, then run\n\
         -- this as an administrator.\n\
         CREATE USER {READER} IDENTIFIED BY 'choose-a-password';\n"
    );
    for (table, fields) in catalog.tables() {
        // By column always: whoever asks may himself not see which others there are. Without the
        // second right the server tells of no foreign keys.
        let names: Vec<String> = fields.iter().map(|name| identifier(name)).collect();
        let schema = table.schema.as_deref().unwrap_or_default();
        sql += &format!(
            "GRANT SELECT ({}), SHOW VIEW ON {}.{} TO {READER};\n",
            names.join(", "),
            identifier(schema),
            identifier(&table.name)
        );
    }
    sql
}

fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_grants_are_read() {
        let table = |schema: &str, name: &str| TableName {
            schema: Some(schema.to_owned()),
            name: name.to_owned(),
        };
        let grant = |line| Grant::parse(line).unwrap();
        let columns =
            grant("GRANT SELECT (`doc`, `i)d`), INSERT (`a`) ON `sh``op`.`j` TO `lu`@`localhost`");
        assert_eq!(columns.privileges, ["SELECT", "INSERT"]);
        assert!(columns.covers(&table("sh`op", "j")) && !columns.covers(&table("sh`op", "k")));
        assert_eq!(columns.beyond_reading().collect::<Vec<_>>(), ["INSERT"]);

        let pattern = grant("GRANT SELECT, SHOW VIEW ON `my\\_%`.* TO `lu`@`%`");
        assert!(pattern.covers(&table("my_shop", "j")) && !pattern.covers(&table("myxshop", "j")));
        assert_eq!(pattern.beyond_reading().count(), 0);

        let all = grant("GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION");
        assert_eq!((all.schema.as_str(), all.table.as_str()), ("*", "*"));
        for line in [
            "GRANT `reader`@`%` TO `lu`@`%`",
            "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `lu`@`%`",
            "SET DEFAULT ROLE `r` FOR `lu`@`%`",
        ] {
            assert_eq!(Grant::parse(line), None, "{line}");
        }
    }
}
