//! What lists and composite values are made of, which their JSON does not tell.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgConnection;
use sqlx::postgres::types::Oid;

use crate::db::Failure;
use crate::value::Parts;

/// Types within types that are followed.
const DEEPEST: usize = 16;

/// The types that these are made of, at any depth, themselves included: elements of lists, what is
/// below a domain, attributes of composite types.
const TYPES: &str = "WITH RECURSIVE reached(oid) AS ( \
     SELECT unnest($1) UNION SELECT k.oid FROM reached r JOIN pg_type t ON t.oid = r.oid \
     CROSS JOIN LATERAL ( \
       SELECT t.typbasetype AS oid WHERE t.typtype = 'd' \
       UNION ALL SELECT t.typelem WHERE t.typcategory = 'A' \
       UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' \
         AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS k \
     WHERE k.oid <> 0) \
   SELECT t.oid, CASE WHEN n.nspname = 'pg_catalog' THEN CAST(t.typname AS text) ELSE '' END, \
     CASE WHEN t.typtype = 'd' THEN t.typbasetype WHEN t.typcategory = 'A' THEN t.typelem END, \
     ARRAY(SELECT CAST(a.attname AS text) FROM pg_attribute a WHERE t.typtype = 'c' \
       AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum), \
     ARRAY(SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' \
       AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) \
   FROM reached r JOIN pg_type t ON t.oid = r.oid JOIN pg_namespace n ON n.oid = t.typnamespace";

type Row = (Oid, String, Option<Oid>, Vec<String>, Vec<Oid>);

/// A type, and the types that it is made of.
struct Class {
    /// Its name, where it is the server's own.
    name: String,
    /// What it is a list or a domain of.
    of: Option<Oid>,
    attributes: Vec<(String, Oid)>,
}

/// Reads what the values of these types are made of.
pub(super) async fn read(
    connection: &mut PgConnection,
    types: &[Oid],
) -> Result<HashMap<Oid, Arc<Parts>>, Failure> {
    if types.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Row> = sqlx::query_as(TYPES)
        .persistent(false)
        .bind(types)
        .fetch_all(connection)
        .await
        .map_err(Failure::from_driver)?;
    let classes: HashMap<Oid, Class> = rows
        .into_iter()
        .map(|(oid, name, of, names, types)| {
            let attributes = names.into_iter().zip(types).collect();
            (
                oid,
                Class {
                    name,
                    of,
                    attributes,
                },
            )
        })
        .collect();
    let of = |oid: &Oid| (*oid, Arc::new(parts(*oid, &classes, DEEPEST)));
    Ok(types.iter().map(of).collect())
}

fn parts(oid: Oid, classes: &HashMap<Oid, Class>, deepest: usize) -> Parts {
    let (Some(class), Some(deepest)) = (classes.get(&oid), deepest.checked_sub(1)) else {
        return Parts::Plain;
    };
    match class.name.as_str() {
        "int8" | "numeric" => return Parts::Exact,
        "bytea" => return Parts::Bytes,
        _ => {}
    }
    if let Some(of) = class.of {
        return parts(of, classes, deepest);
    }
    let attributes = class.attributes.iter();
    let named = attributes.map(|(name, oid)| (name.as_str().into(), parts(*oid, classes, deepest)));
    let named = Parts::Named(named.collect());
    if named.is_plain() {
        Parts::Plain
    } else {
        named
    }
}
