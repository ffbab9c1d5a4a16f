//! Whose code runs when a table is read, before its first row.
//!
//! PostgreSQL calls functions while it only plans: those that it takes for immutable, where an
//! index, a constraint, a statistic or a part of the table calls them with constants. They run as
//! the role that reads, in its session. Who owns a table puts such there whenever he likes, so a
//! table is one that runs code where it calls a function of others today, or belongs to somebody
//! who is not the owner of all that is served and could call one tomorrow.

use std::collections::HashSet;
use std::hash::Hash;

use sqlx::PgConnection;
use sqlx::postgres::types::Oid;

use crate::db::Failure;

/// Tables that call a function of others: by what is made of them or of their parts, by its
/// operators, and by the types of their columns. What a superuser made part of an extension is the
/// server's own; others can put functions into an extension that they own.
const CALLING: &str = "WITH RECURSIVE \
    family(root, oid) AS (SELECT t, t FROM unnest($1) t \
      UNION SELECT f.root, i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid), \
    made(root, class, object) AS ( \
      SELECT root, CAST('pg_class' AS regclass), oid FROM family \
      UNION ALL SELECT f.root, CAST('pg_class' AS regclass), i.indexrelid \
        FROM family f JOIN pg_index i ON i.indrelid = f.oid \
      UNION ALL SELECT f.root, CAST('pg_constraint' AS regclass), c.oid \
        FROM family f JOIN pg_constraint c ON c.conrelid = f.oid \
      UNION ALL SELECT f.root, CAST('pg_statistic_ext' AS regclass), s.oid \
        FROM family f JOIN pg_statistic_ext s ON s.stxrelid = f.oid \
      UNION ALL SELECT f.root, CAST('pg_attrdef' AS regclass), d.oid \
        FROM family f JOIN pg_attrdef d ON d.adrelid = f.oid \
        JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum = d.adnum \
        WHERE a.attgenerated <> ''), \
    used(root, class, object) AS ( \
      SELECT m.root, d.refclassid, d.refobjid FROM made m \
        JOIN pg_depend d ON d.classid = m.class AND d.objid = m.object \
        WHERE d.refclassid = ANY(ARRAY['pg_proc', 'pg_operator', 'pg_type']::regclass[]) \
      UNION SELECT u.root, n.class, n.object FROM used u CROSS JOIN LATERAL ( \
        SELECT d.refclassid, d.refobjid FROM pg_depend d \
          WHERE d.classid = u.class AND d.objid = u.object \
            AND u.class = ANY(ARRAY['pg_operator', 'pg_type', 'pg_constraint']::regclass[]) \
            AND d.refclassid = ANY(ARRAY['pg_proc', 'pg_operator', 'pg_type']::regclass[]) \
        UNION ALL SELECT CAST('pg_constraint' AS regclass), c.oid FROM pg_constraint c \
          WHERE u.class = CAST('pg_type' AS regclass) AND c.contypid = u.object \
        UNION ALL SELECT CAST('pg_type' AS regclass), a.atttypid FROM pg_type t \
          JOIN pg_attribute a ON a.attrelid = t.typrelid \
          WHERE u.class = CAST('pg_type' AS regclass) AND t.oid = u.object) n(class, object)) \
    SELECT DISTINCT u.root FROM used u JOIN pg_proc p ON p.oid = u.object \
      JOIN pg_roles r ON r.oid = p.proowner \
    WHERE u.class = CAST('pg_proc' AS regclass) \
      AND p.pronamespace <> CAST('pg_catalog' AS regnamespace) \
      AND NOT (r.rolsuper AND EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' \
        AND e.classid = u.class AND e.objid = p.oid))";

/// Who may do with each table, its parts included, what he likes: owners of tables, of whom
/// superusers are nobody, and owners of schemas, but no superuser. The owner of a database owns what
/// belongs to `pg_database_owner`.
const OWNERS: &str = "WITH RECURSIVE \
    family(root, oid) AS (SELECT t, t FROM unnest($1) t \
      UNION SELECT f.root, i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid) \
    SELECT DISTINCT f.root, CASE WHEN NOT r.rolsuper THEN r.oid END \
    FROM family f JOIN pg_class c ON c.oid = f.oid \
      JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles s ON s.oid = n.nspowner \
      CROSS JOIN LATERAL (VALUES (c.relowner, true), (CASE s.rolname WHEN 'pg_database_owner' THEN \
        (SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()) \
        ELSE s.oid END, false)) o(owner, direct) \
      JOIN pg_roles r ON r.oid = o.owner WHERE o.direct OR NOT r.rolsuper";

/// Those of the tables that may run code of others when they are read.
pub(super) async fn running(
    connection: &mut PgConnection,
    tables: &[Oid],
) -> Result<HashSet<Oid>, Failure> {
    let calling: Vec<Oid> = sqlx::query_scalar(CALLING)
        .persistent(false)
        .bind(tables)
        .fetch_all(&mut *connection)
        .await
        .map_err(Failure::from_driver)?;
    let owned: Vec<(Oid, Option<Oid>)> = sqlx::query_as(OWNERS)
        .persistent(false)
        .bind(tables)
        .fetch_all(connection)
        .await
        .map_err(Failure::from_driver)?;
    let mut running = of_some(&owned);
    running.extend(calling);
    Ok(running)
}

/// The tables with an owner who is no superuser, unless one and the same is the only owner of all.
fn of_some<T: Copy + Eq + Hash>(owned: &[(T, Option<T>)]) -> HashSet<T> {
    let owners: HashSet<Option<T>> = owned.iter().map(|(_, owner)| *owner).collect();
    let some = owned.iter().filter(|(_, owner)| owner.is_some());
    match owners.len() {
        1 => HashSet::new(),
        _ => some.map(|(table, _)| *table).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_owns_all_gains_nothing() {
        let told = |owned: &[(u8, Option<u8>)]| {
            let mut told: Vec<u8> = of_some(owned).into_iter().collect();
            told.sort_unstable();
            told
        };
        assert!(told(&[]).is_empty());
        assert!(told(&[(1, None), (2, None)]).is_empty());
        assert!(told(&[(1, Some(7)), (2, Some(7))]).is_empty());
        assert_eq!(told(&[(1, Some(7)), (2, Some(7)), (3, None)]), [1, 2]);
        assert_eq!(told(&[(1, Some(7)), (2, Some(8))]), [1, 2]);
        assert_eq!(told(&[(1, Some(7)), (1, None)]), [1]);
    }
}
