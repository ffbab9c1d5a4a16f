//! Whether a table is what it was.
//!
//! The server compares a number with a column that has become text by taking each text for a number,
//! and an enum's position with whatever has that position now: no statement fails for it, and its
//! rows tell nothing of the columns that it compares. So the definition is asked for after it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::MySqlConnection;

use crate::catalog::TableName;
use crate::db::{Failure, Shared};

/// What is being asked of tables, each once at a time.
#[derive(Debug, Default)]
pub(super) struct Definitions(Mutex<HashMap<TableName, Arc<Shared<u64>>>>);

impl Definitions {
    /// That of a table of the catalog.
    pub(super) fn of(&self, table: &TableName) -> Arc<Shared<u64>> {
        // A map is sound whatever a panicking holder was about to do.
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match tables.get(table) {
            Some(shared) => Arc::clone(shared),
            None => {
                let shared = Arc::new(Shared::new(Duration::ZERO));
                tables.insert(table.clone(), Arc::clone(&shared));
                shared
            }
        }
    }
}

/// What tells the definition of a table's columns from others, for this process.
pub(super) async fn read(
    connection: &mut MySqlConnection,
    name: &TableName,
) -> Result<u64, Failure> {
    let columns: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR), \
         CAST(collation_name AS CHAR) FROM information_schema.columns \
         WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    let mut hasher = DefaultHasher::new();
    columns.hash(&mut hasher);
    Ok(hasher.finish())
}
