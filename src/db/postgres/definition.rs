//! Whether a table is what it was.
//!
//! A statement does not fail where a column has become of a type that its operators take as well,
//! where a key is gone or another table inherits from this one. So the rows of the server's own
//! catalog that define a table are compared with those by which it was read.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sqlx::PgConnection;

use crate::catalog::TableName;
use crate::db::Failure;

/// What tells the definition of a table from others, for this process: the versions of the rows of
/// its columns, keys, computed columns and rules, and which tables inherit from it.
const READ: &str = "WITH t AS (SELECT c.oid, c.relkind FROM pg_class c \
       JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2), \
     d (kind, part, version) AS ( \
       SELECT 't', oid, CAST(relkind AS text) FROM t \
       UNION ALL SELECT 'a', CAST(a.attnum AS oid), CAST(a.xmin AS text) \
         FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attnum > 0 \
       UNION ALL SELECT 'e', CAST(e.adnum AS oid), CAST(e.xmin AS text) \
         FROM t JOIN pg_attrdef e ON e.adrelid = t.oid \
       UNION ALL SELECT 'k', k.oid, CAST(k.xmin AS text) \
         FROM t JOIN pg_constraint k ON k.conrelid = t.oid \
       UNION ALL SELECT 'i', i.indexrelid, CAST(i.indisvalid AS text) \
         FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisunique \
       UNION ALL SELECT 'h', h.inhrelid, '' \
         FROM t JOIN pg_inherits h ON h.inhparent = t.oid WHERE t.relkind <> 'p' \
       UNION ALL SELECT 'r', r.oid, CAST(r.xmin AS text) \
         FROM t JOIN pg_rewrite r ON r.ev_class = t.oid) \
     SELECT string_agg(concat_ws(':', kind, part, version), ',' ORDER BY kind, part) FROM d";

pub(super) async fn read(
    connection: &mut PgConnection,
    name: &TableName,
    persistent: bool,
) -> Result<u64, Failure> {
    let rows: Option<String> = sqlx::query_scalar(READ)
        .persistent(persistent)
        .bind(&name.schema)
        .bind(&name.name)
        .fetch_one(connection)
        .await
        .map_err(Failure::from_driver)?;
    let mut hasher = DefaultHasher::new();
    rows.hash(&mut hasher);
    Ok(hasher.finish())
}
