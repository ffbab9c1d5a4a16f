//! Whether a table is what it was.
//!
//! The server compares a number with a column that has become text by taking each text for a number,
//! and an enum's position with whatever has that position now: no statement fails for it, and its
//! rows tell nothing of the columns that it compares. So the definition is asked for after it: the
//! columns each time, and what costs as much again once in half a second.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sqlx::MySqlConnection;

use super::{columns, enums, relations};
use crate::catalog::TableName;
use crate::db::Failure;
use crate::db::definition::HOLDS;

/// What tells the definition of a table from others, for this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// By all of it.
    pub(super) whole: u64,
    /// By where its foreign keys lead, and by the names of its enums that are spelt nowhere else.
    pub(super) rest: u64,
}

/// What was told lately of the rest of each table.
#[derive(Debug, Default)]
pub(super) struct Lately(Mutex<HashMap<TableName, (Instant, u64)>>);

impl Lately {
    /// The rest of a table, where it was told within half a second.
    pub(super) fn rest(&self, table: &TableName) -> Option<u64> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, rest) = told.get(table)?;
        (at.elapsed() < HOLDS).then_some(*rest)
    }

    /// Notes what was asked for at an instant.
    pub(super) fn note(&self, table: &TableName, asked: Instant, rest: u64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(table) {
            Some(known) if known.1 == rest && known.0 >= asked => {}
            Some(known) => *known = (asked, rest),
            None => {
                told.insert(table.clone(), (asked, rest));
            }
        }
    }
}

/// The name, the type, the collation, whether it may be NULL, which key it leads, and what it is
/// computed from.
type Column = (
    String,
    String,
    Option<String>,
    String,
    String,
    Option<String>,
);

/// Asks for the columns of a table, and for the rest where it is not known.
pub(super) async fn read(
    connection: &mut MySqlConnection,
    name: &TableName,
    rest: Option<u64>,
) -> Result<Told, Failure> {
    let columns: Vec<Column> = sqlx::query_as(
        "SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR), \
         CAST(collation_name AS CHAR), CAST(is_nullable AS CHAR), CAST(column_key AS CHAR), \
         CAST(generation_expression AS CHAR) FROM information_schema.columns \
         WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_all(&mut *connection)
    .await
    .map_err(Failure::from_driver)?;
    let rest = match rest {
        Some(rest) => rest,
        None => self::rest(connection, name, &columns).await?,
    };
    Ok(Told {
        whole: digest(&(columns, rest)),
        rest,
    })
}

async fn rest(
    connection: &mut MySqlConnection,
    name: &TableName,
    columns: &[Column],
) -> Result<u64, Failure> {
    let keys = relations::foreign_keys(connection, name).await?;
    let keys = keys
        .iter()
        .map(|key| (&key.columns, &key.target, &key.target_columns));
    let keys = digest(&keys.collect::<Vec<_>>());
    let mut names = Vec::new();
    for (column, column_type, ..) in columns {
        let declared = columns::members(column_type);
        // A view is what its tables are, and may call functions.
        if enums::is_doubtful(&declared) && is_table(connection, name).await? {
            names.push(enums::spelt(connection, name, column, declared).await?);
        }
    }
    Ok(digest(&(keys, names)))
}

async fn is_table(connection: &mut MySqlConnection, name: &TableName) -> Result<bool, Failure> {
    let kind: Option<String> = sqlx::query_scalar(
        "SELECT CAST(table_type AS CHAR) FROM information_schema.tables \
         WHERE table_schema = ? AND table_name = ?",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_optional(connection)
    .await
    .map_err(Failure::from_driver)?;
    Ok(kind.is_some_and(|kind| !kind.contains("VIEW")))
}

fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
