//! Keys and indexes.

use std::collections::HashMap;

use sqlx::PgConnection;
use sqlx::postgres::types::Oid;

use crate::catalog::{ForeignKey, TableName};
use crate::db::Failure;

/// What leads into a table, and out of it.
#[derive(Debug, Default, Clone)]
pub(super) struct Relations {
    pub(super) primary_key: Vec<String>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    pub(super) indexes: Vec<Vec<String>>,
}

/// Primary and foreign keys. A key to a partitioned table is also kept once for each partition,
/// as the child of another of the same table: those are left out.
const KEYS: &str = "SELECT k.conrelid, k.contype = 'p', \
     ARRAY(SELECT CAST(a.attname AS text) FROM unnest(k.conkey) WITH ORDINALITY AS u(num, at) \
       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.at), \
     CAST(n.nspname AS text), CAST(c.relname AS text), \
     ARRAY(SELECT CAST(a.attname AS text) FROM unnest(k.confkey) WITH ORDINALITY AS u(num, at) \
       JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.at) \
   FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.confrelid \
     LEFT JOIN pg_namespace n ON n.oid = c.relnamespace \
   WHERE k.conrelid = ANY($1) AND k.contype IN ('p', 'f') AND NOT EXISTS \
     (SELECT FROM pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid) \
   ORDER BY k.conrelid, k.conkey, k.conname";

/// The columns of each ordered index that serves all rows, up to the first part that is no plain
/// column in the first one's direction, with its type's own order.
const INDEXES: &str = "SELECT i.indrelid, i.indexrelid, \
     CASE WHEN o.opcdefault AND i.indcollation[u.at] IN (0, a.attcollation) \
       AND i.indoption[u.at] = i.indoption[0] THEN CAST(a.attname AS text) END \
   FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam \
     CROSS JOIN LATERAL generate_subscripts(i.indkey, 1) AS u(at) \
     LEFT JOIN pg_attribute a \
       ON a.attrelid = i.indrelid AND a.attnum = i.indkey[u.at] AND a.attnum > 0 \
     LEFT JOIN pg_opclass o ON o.oid = i.indclass[u.at] \
   WHERE i.indrelid = ANY($1) AND i.indisvalid AND i.indisready AND i.indpred IS NULL \
     AND m.amname = 'btree' AND u.at < i.indnkeyatts \
   ORDER BY i.indrelid, i.indexrelid, u.at";

/// Reads the keys and indexes of tables.
pub(super) async fn read(
    connection: &mut PgConnection,
    tables: &[Oid],
) -> Result<HashMap<Oid, Relations>, Failure> {
    type Key = (
        Oid,
        bool,
        Vec<String>,
        Option<String>,
        Option<String>,
        Vec<String>,
    );
    let mut relations: HashMap<Oid, Relations> = HashMap::new();
    let keys: Vec<Key> = sqlx::query_as(KEYS)
        .persistent(false)
        .bind(tables)
        .fetch_all(&mut *connection)
        .await
        .map_err(Failure::from_driver)?;
    for (owner, primary, columns, schema, target, target_columns) in keys {
        let owner = relations.entry(owner).or_default();
        match target {
            Some(name) => owner.foreign_keys.push(ForeignKey {
                columns,
                target: TableName { schema, name },
                target_columns,
                unique: true,
                given: None,
            }),
            None if primary => owner.primary_key = columns,
            None => {}
        }
    }
    let parts: Vec<(Oid, Oid, Option<String>)> = sqlx::query_as(INDEXES)
        .persistent(false)
        .bind(tables)
        .fetch_all(connection)
        .await
        .map_err(Failure::from_driver)?;
    let mut rest = parts.as_slice();
    while let Some((owner, index, _)) = rest.first() {
        let length = rest
            .iter()
            .take_while(|(_, other, _)| other == index)
            .count();
        let (whole, others) = rest.split_at(length);
        let columns: Vec<String> = whole.iter().map_while(|part| part.2.clone()).collect();
        if !columns.is_empty() {
            relations.entry(*owner).or_default().indexes.push(columns);
        }
        rest = others;
    }
    Ok(relations)
}
