//! Whether a table is what it was.
//!
//! The server compares a number with a column that has become text by taking each text for a number,
//! and an enum's position with whatever has that position now: no statement fails for it, and its
//! rows tell nothing of the columns that it compares. So the definition is asked for after it: the
//! columns each time, and what costs as much again once in half a second. A tool's statement asks for
//! its columns itself.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sea_query::Values;
use sqlx::{MySql, MySqlConnection, Row as _};

use super::{columns, enums, relations};
use crate::catalog::TableName;
use crate::db::definition::HOLDS;
use crate::db::{Failure, bound};
use crate::sql::COLUMNS_DIGEST;

/// What tells the definition of a table from others, for this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// By all of it.
    pub(super) whole: u64,
    /// By its columns, as the server tells them.
    pub(super) columns: u64,
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

/// Asks for the columns of a table, and for the rest where it is not known.
pub(super) async fn read(
    connection: &mut MySqlConnection,
    name: &TableName,
    rest: Option<u64>,
) -> Result<Told, Failure> {
    let asked = format!(
        "SELECT CAST({COLUMNS_DIGEST} AS UNSIGNED) FROM information_schema.columns \
         WHERE table_schema = ? AND table_name = ?"
    );
    let names = [name.schema.clone().unwrap_or_default(), name.name.clone()];
    let names = Values(names.map(Into::into).into());
    let told = bound::<MySql>(asked, names).fetch_one(&mut *connection);
    let told = told.await.map_err(Failure::from_driver)?;
    let columns: u64 = told.try_get(0).map_err(Failure::from_driver)?;
    let rest = match rest {
        Some(rest) => rest,
        None => self::rest(connection, name).await?,
    };
    Ok(Told {
        whole: digest(&(columns, rest)),
        columns,
        rest,
    })
}

async fn rest(connection: &mut MySqlConnection, name: &TableName) -> Result<u64, Failure> {
    let keys = relations::foreign_keys(connection, name).await?;
    let keys = keys
        .iter()
        .map(|key| (&key.columns, &key.target, &key.target_columns));
    let keys = digest(&keys.collect::<Vec<_>>());
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR) \
         FROM information_schema.columns \
         WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_all(&mut *connection)
    .await
    .map_err(Failure::from_driver)?;
    let mut names = Vec::new();
    for (column, column_type) in &columns {
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
