//! Foreign keys: which rows of other tables a row points to.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Result};

use super::catalog::all;
use crate::catalog::{Column, ForeignKey, TableName};

/// Reads the keys of a table, in the order in which they were declared.
///
/// SQLite does not hold the other side to be unique; a key to one that is not is left out, for to
/// follow it would make several rows of one.
pub(super) fn foreign_keys(
    connection: &Connection,
    table: &str,
    columns: &[Column],
) -> Result<Vec<ForeignKey>> {
    let rows: Vec<(i64, String, String, Option<String>)> = all(
        connection,
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?) ORDER BY id, seq",
        [table],
        |row| row.try_into(),
    )?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    let mut targets: HashMap<String, Target> = HashMap::new();
    for (id, target, from, to) in rows {
        if !targets.contains_key(&target) {
            let found = Target::read(connection, &target)?;
            targets.insert(target.clone(), found);
        }
        let Some(found) = targets.get(&target) else {
            continue;
        };
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let name = TableName {
                schema: None,
                name: found.name.clone(),
            };
            let key = ForeignKey {
                columns: Vec::new(),
                target: name,
                target_columns: Vec::new(),
                unique: true,
                given: None,
            };
            keys.push((id, key));
        }
        let Some((_, key)) = keys.last_mut() else {
            continue;
        };
        // Without a column the key points to the primary key.
        let to = match to {
            Some(to) => found
                .columns
                .iter()
                .find(|name| name.eq_ignore_ascii_case(&to)),
            None => found.key.get(key.columns.len()),
        };
        let from = columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(&from));
        if let (Some(from), Some(to)) = (from, to) {
            key.columns.push(from.name.clone());
            key.target_columns.push(to.clone());
        }
    }
    // SQLite lists the last one declared first.
    keys.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    Ok(keys
        .into_iter()
        .map(|(_, key)| key)
        .filter(|key| {
            let mut there: Vec<&str> = key.target_columns.iter().map(String::as_str).collect();
            there.sort_unstable();
            let target = targets.values().find(|it| it.name == key.target.name);
            target.is_some_and(|target| target.unique.iter().any(|columns| *columns == there))
        })
        .collect())
}

/// The table that a key points to, spelt as it was made.
struct Target {
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
    /// Columns, by name, of which no two rows have the same.
    unique: Vec<Vec<String>>,
}

impl Target {
    fn read(connection: &Connection, table: &str) -> Result<Self> {
        let name: Option<String> = connection
            .query_row(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE",
                [table],
                |row| row.get(0),
            )
            .optional()?;
        let mut rows: Vec<(String, i64)> = all(
            connection,
            "SELECT name, pk FROM pragma_table_info(?) ORDER BY cid",
            [table],
            |row| row.try_into(),
        )?;
        let indexed: Vec<(String, Option<String>)> = all(
            connection,
            "SELECT list.name, info.name FROM pragma_index_list(?) AS list, \
             pragma_index_info(list.name) AS info WHERE list.\"unique\" AND list.partial = 0 \
             ORDER BY list.seq, info.name",
            [table],
            |row| row.try_into(),
        )?;
        let columns = rows.iter().map(|(name, _)| name.clone()).collect();
        rows.retain(|(_, pk)| *pk > 0);
        rows.sort_by_key(|(_, pk)| *pk);
        let key: Vec<String> = rows.into_iter().map(|(name, _)| name).collect();
        let mut own = key.clone();
        own.sort_unstable();
        let mut unique = vec![own];
        for index in indexed.chunk_by(|one, other| one.0 == other.0) {
            // An index over an expression has no columns to point to.
            let columns: Option<Vec<String>> = index.iter().map(|(_, name)| name.clone()).collect();
            unique.extend(columns);
        }
        Ok(Self {
            name: name.unwrap_or_else(|| table.to_owned()),
            columns,
            key,
            unique,
        })
    }
}
