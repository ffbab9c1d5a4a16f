//! Whether a table is what it was.
//!
//! The server compares a number with a column that has become text by taking each text for a number,
//! and an enum's position with whatever has that position now: no statement fails for it, and its
//! rows tell nothing of the columns that it compares. So the definition is asked for after it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sqlx::MySqlConnection;

use crate::catalog::TableName;
use crate::db::Failure;

/// What tells the definition of a table's columns from others, for this process. Which other table
/// a foreign key points to is not of it: that would cost as much again.
pub(super) async fn read(
    connection: &mut MySqlConnection,
    name: &TableName,
) -> Result<u64, Failure> {
    // The name, the type, the collation, whether it may be NULL, which key it leads, and what it is
    // computed from.
    type Column = (
        String,
        String,
        Option<String>,
        String,
        String,
        Option<String>,
    );
    let columns: Vec<Column> = sqlx::query_as(
        "SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR), \
         CAST(collation_name AS CHAR), CAST(is_nullable AS CHAR), CAST(column_key AS CHAR), \
         CAST(generation_expression AS CHAR) FROM information_schema.columns \
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
