//! The role: what it could do beyond reading what is served, and how one is made that cannot.

use sqlx::PgConnection;

use super::strangers;
use crate::advice::Advice;
use crate::catalog::{Catalog, Hidden, TableName};
use crate::db::Failure;

/// The name of the role in the SQL that makes one.
const READER: &str = "lucarne_reader";

/// What the role could do beyond reading what is served.
pub(super) async fn weaknesses(
    connection: &mut PgConnection,
    catalog: &Catalog,
    hidden: &[Hidden],
) -> Result<Vec<Advice>, Failure> {
    let (role, superuser, bypass): (String, bool, bool) = sqlx::query_as(
        "SELECT CAST(rolname AS text), rolsuper, rolbypassrls FROM pg_roles \
         WHERE rolname = current_user",
    )
    .persistent(false)
    .fetch_one(&mut *connection)
    .await
    .map_err(Failure::from_driver)?;
    let mut found = strangers::weaknesses(&mut *connection, catalog).await?;
    if superuser {
        // Everything else that the role could do follows from it.
        let what = format!("the role {role:?} is a superuser: only the read-only session holds it");
        let help = "use a role that may only read: lucarne check --setup-sql shows how to make one"
            .to_owned();
        found.insert(0, Advice::new(what, help));
        return Ok(found);
    }
    let quoted = identifier(&role);
    if bypass {
        found.push(Advice::new(
            format!("the role {role:?} passes by row security"),
            format!("ALTER ROLE {quoted} NOBYPASSRLS"),
        ));
    }
    let (owned, written) = rights(connection, catalog).await?;
    if !owned.is_empty() {
        found.push(Advice::new(
            format!("the role {role:?} owns {}", shown(&owned)),
            "use a role that owns no table: lucarne check --setup-sql shows how to make one",
        ));
    }
    if !written.is_empty() {
        let names: Vec<String> = written.iter().map(identifiers).collect();
        found.push(Advice::new(
            format!("the role {role:?} may write {}", shown(&written)),
            format!(
                "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {} FROM {quoted}",
                names.join(", ")
            ),
        ));
    }
    let readable = readable(connection, hidden).await?;
    if !readable.is_empty() {
        found.push(Advice::new(
            format!(
                "the role {role:?} may read hidden fields: {}",
                readable.join(", ")
            ),
            "grant SELECT on the other columns alone, as lucarne check --setup-sql does",
        ));
    }
    Ok(found)
}

/// The tables that the role owns, and those that it may write.
async fn rights(
    connection: &mut PgConnection,
    catalog: &Catalog,
) -> Result<(Vec<TableName>, Vec<TableName>), Failure> {
    let tables = catalog.tables();
    let (schemas, names) = split(tables.keys().copied());
    let rows: Vec<(String, String, bool, bool)> = sqlx::query_as(
        "SELECT w.schema, w.name, pg_has_role(c.relowner, 'MEMBER'), \
           has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') \
             OR has_any_column_privilege(c.oid, 'INSERT, UPDATE') \
         FROM unnest($1, $2) WITH ORDINALITY AS w(schema, name, at) \
           JOIN pg_namespace n ON n.nspname = w.schema \
           JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name ORDER BY w.at",
    )
    .persistent(false)
    .bind(schemas)
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    let (mut owned, mut written) = (Vec::new(), Vec::new());
    for (schema, name, owner, writes) in rows {
        let table = TableName {
            schema: Some(schema),
            name,
        };
        if owner {
            owned.push(table);
        } else if writes {
            written.push(table);
        }
    }
    Ok((owned, written))
}

/// The hidden columns that the role may read, as `schema.table.column`.
async fn readable(
    connection: &mut PgConnection,
    hidden: &[Hidden],
) -> Result<Vec<String>, Failure> {
    let (schemas, names) = split(hidden.iter().map(|hidden| &hidden.table));
    let fields: Vec<String> = hidden.iter().map(|hidden| hidden.field.clone()).collect();
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT w.schema || '.' || w.name || '.' || w.field \
         FROM unnest($1, $2, $3) AS w(schema, name, field) \
           JOIN pg_namespace n ON n.nspname = w.schema \
           JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name \
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.field \
         WHERE has_column_privilege(c.oid, a.attnum, 'SELECT') ORDER BY 1",
    )
    .persistent(false)
    .bind(schemas)
    .bind(names)
    .bind(fields)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

fn split<'t>(tables: impl Iterator<Item = &'t TableName>) -> (Vec<String>, Vec<String>) {
    tables
        .map(|table| (table.schema.clone().unwrap_or_default(), table.name.clone()))
        .unzip()
}

/// The SQL that makes a role for just what is served.
pub(super) fn setup_sql(database: Option<&str>, catalog: &Catalog) -> String {
    let tables = catalog.tables();
    let mut sql = format!(
        "-- A role that may read what is served and nothing else. Choose a password, then run this\n\
         -- as the owner of the tables.\n\
         CREATE ROLE {READER} LOGIN PASSWORD 'choose-a-password' NOSUPERUSER NOCREATEDB NOCREATEROLE;\n\
         ALTER ROLE {READER} SET default_transaction_read_only = on;\n"
    );
    if let Some(database) = database {
        sql += &format!(
            "GRANT CONNECT ON DATABASE {} TO {READER};\n",
            identifier(database)
        );
    }
    let mut schemas: Vec<&str> = tables
        .keys()
        .filter_map(|table| table.schema.as_deref())
        .collect();
    schemas.dedup();
    for schema in schemas {
        sql += &format!(
            "GRANT USAGE ON SCHEMA {} TO {READER};\n",
            identifier(schema)
        );
    }
    for (table, fields) in tables {
        // By column always: whoever asks may himself not see which others there are.
        let names: Vec<String> = fields.iter().map(|name| identifier(name)).collect();
        sql += &format!(
            "GRANT SELECT ({}) ON {} TO {READER};\n",
            names.join(", "),
            identifiers(table)
        );
    }
    sql
}

fn shown(tables: &[TableName]) -> String {
    let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn identifiers(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(&table.name)),
        None => identifier(&table.name),
    }
}

/// A name as SQL takes it, whatever is in it.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
