//! Keys and indexes.

use sqlx::MySqlConnection;

use super::catalog::same;
use crate::catalog::{ForeignKey, Table, TableName};
use crate::db::Failure;

/// The primary key and the other indexes of a table.
pub(super) struct Indexes {
    pub(super) key: Vec<String>,
    pub(super) indexes: Vec<Vec<String>>,
}

/// Reads the indexes of a table.
///
/// An expression, or a part of a column, orders no whole column: an index counts up to there.
pub(super) async fn indexes(
    connection: &mut MySqlConnection,
    name: &TableName,
) -> Result<Indexes, Failure> {
    type Part = (String, String, Option<String>, Option<u64>, String);
    let rows: Vec<Part> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(index_name AS CHAR), CAST(column_name AS CHAR), \
         CAST(sub_part AS UNSIGNED), CAST(index_type AS CHAR) FROM information_schema.statistics \
         WHERE table_schema = ? AND table_name = ? ORDER BY index_name, seq_in_index",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    let mut key = Vec::new();
    let mut indexes: Vec<(String, Vec<Option<String>>)> = Vec::new();
    for (table, index, column, part, kind) in rows {
        if table != name.name {
            continue;
        }
        if index == "PRIMARY" {
            // Unique by a part of a column is unique by all of it.
            key.extend(column);
            continue;
        }
        let ordered = !matches!(kind.as_str(), "FULLTEXT" | "SPATIAL" | "RTREE" | "HASH");
        let column = column.filter(|_| part.is_none() && ordered);
        match indexes.last_mut() {
            Some((last, columns)) if *last == index => columns.push(column),
            _ => indexes.push((index, vec![column])),
        }
    }
    let indexes = indexes
        .into_iter()
        .map(|(_, columns)| columns.into_iter().map_while(|it| it).collect::<Vec<_>>())
        .filter(|columns| !columns.is_empty())
        .collect();
    Ok(Indexes { key, indexes })
}

/// Reads the keys that point to other tables.
pub(super) async fn foreign_keys(
    connection: &mut MySqlConnection,
    name: &TableName,
) -> Result<Vec<ForeignKey>, Failure> {
    type Part = (String, String, String, String, String, String);
    let rows: Vec<Part> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(constraint_name AS CHAR), \
         CAST(column_name AS CHAR), CAST(referenced_table_schema AS CHAR), \
         CAST(referenced_table_name AS CHAR), CAST(referenced_column_name AS CHAR) \
         FROM information_schema.key_column_usage WHERE table_schema = ? AND table_name = ? \
         AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    let mut keys: Vec<(String, ForeignKey)> = Vec::new();
    for (table, constraint, column, schema, target, target_column) in rows {
        if table != name.name {
            continue;
        }
        if keys.last().is_none_or(|(last, _)| *last != constraint) {
            let key = ForeignKey {
                columns: Vec::new(),
                target: TableName {
                    schema: Some(schema),
                    name: target,
                },
                target_columns: Vec::new(),
                // InnoDB lets a key point to any index.
                unique: false,
                given: None,
            };
            keys.push((constraint, key));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(column);
            key.target_columns.push(target_column);
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

/// Spells what keys point to as it is spelt where it was made: the server keeps a key's names as
/// they were typed, and columns fold on every one.
pub(super) fn respell(tables: &mut [Result<Table, String>], folds: bool) {
    let made: Vec<(TableName, Vec<String>)> = tables
        .iter()
        .flatten()
        .map(|table| {
            let columns = table.columns.iter().map(|column| column.name.clone());
            (table.name.clone(), columns.collect())
        })
        .collect();
    let schema = |name: &TableName| name.schema.clone().unwrap_or_default();
    for key in tables
        .iter_mut()
        .flatten()
        .flat_map(|table| &mut table.foreign_keys)
    {
        let target = made.iter().find(|(name, _)| {
            same(&name.name, &key.target.name, folds)
                && same(&schema(name), &schema(&key.target), folds)
        });
        let Some((name, columns)) = target else {
            continue;
        };
        key.target = name.clone();
        for column in &mut key.target_columns {
            if let Some(spelt) = columns.iter().find(|spelt| same(spelt, column, true)) {
                column.clone_from(spelt);
            }
        }
    }
}
