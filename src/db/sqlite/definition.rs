//! What a table was when the schema had a certain number.
//!
//! SQLite prepares a statement anew when the schema has changed, and runs it by what its names mean
//! then: a column that became of another type fails nothing. So each read tells the number that
//! SQLite counts its changes by, and a number that is new has the table looked at.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::catalog::TableName;
use crate::db::Failure;

/// The definitions of tables in the edition of the schema that was read last.
#[derive(Debug, Default)]
pub(super) struct Definitions(Mutex<(i64, HashMap<TableName, u64>)>);

impl Definitions {
    /// That of a table, where it is known.
    pub(super) fn of(&self, edition: i64, table: &TableName) -> Option<u64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.1.get(table).copied().filter(|_| known.0 == edition)
    }

    /// Notes that of a table, and forgets those of other editions.
    pub(super) fn note(&self, edition: i64, table: &TableName, definition: Option<u64>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != edition {
            *known = (edition, HashMap::new());
        }
        if let Some(definition) = definition {
            known.1.insert(table.clone(), definition);
        }
    }
}

/// Asks for the number of the schema, which each change of it raises.
pub(super) const EDITION: &str = "PRAGMA schema_version";

/// The number of the schema.
pub(super) fn edition(connection: &Connection) -> Result<i64, Failure> {
    let asked = connection.prepare_cached(EDITION);
    let read = asked.and_then(|mut asked| asked.query_row([], |row| row.get(0)));
    read.map_err(Failure::from_sqlite)
}

/// What tells a definition from others, for this process.
pub(super) fn of(columns: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    columns.hash(&mut hasher);
    hasher.finish()
}
