//! What others could do in the schemas that are read: whose names views and policies may meet, and
//! whose code the values of some types would run.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use sqlx::postgres::types::Oid;

use super::role::identifier;
use super::{columns, session};
use crate::advice::Advice;
use crate::catalog::{Catalog, TableName};
use crate::db::Failure;

/// Who may create in each schema, beside its owner, the owners of the tables and superusers.
const CREATORS: &str = "SELECT CAST(n.nspname AS text), \
     ARRAY(SELECT DISTINCT coalesce(CAST(r.rolname AS text), '') FROM aclexplode(n.nspacl) a \
       LEFT JOIN pg_roles r ON r.oid = a.grantee \
       WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner AND a.grantee <> ALL($2) \
         AND NOT coalesce(r.rolsuper, false) ORDER BY 1) \
   FROM pg_namespace n WHERE n.nspname = ANY($1) ORDER BY n.nspname";

/// What is weak about the schemas.
pub(super) async fn weaknesses(
    connection: &mut PgConnection,
    catalog: &Catalog,
) -> Result<Vec<Advice>, Failure> {
    let tables = catalog.tables();
    let served: Vec<TableName> = tables.keys().map(|name| (*name).clone()).collect();
    let (oids, owners) = found(connection, &served).await?;
    let mut schemas: BTreeSet<String> = served.into_iter().filter_map(|name| name.schema).collect();
    schemas.extend(session::own_schemas(connection).await?);
    let mut weaknesses = open_schemas(connection, schemas.into_iter().collect(), owners).await?;
    weaknesses.extend(foreign_columns(connection, &oids).await?);
    Ok(weaknesses)
}

/// The tables that are served, by number, and who owns them.
async fn found(
    connection: &mut PgConnection,
    served: &[TableName],
) -> Result<(Vec<Oid>, Vec<Oid>), Failure> {
    let schemas: Vec<&str> = served
        .iter()
        .map(|name| name.schema.as_deref().unwrap_or_default())
        .collect();
    let names: Vec<&str> = served.iter().map(|name| name.name.as_str()).collect();
    let rows: Vec<(Oid, Oid)> = sqlx::query_as(
        "SELECT c.oid, c.relowner FROM unnest($1, $2) AS w(schema, name) \
         JOIN pg_namespace n ON n.nspname = w.schema \
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name",
    )
    .bind(schemas)
    .bind(names)
    .persistent(false)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    Ok(rows.into_iter().unzip())
}

async fn open_schemas(
    connection: &mut PgConnection,
    schemas: Vec<String>,
    owners: Vec<Oid>,
) -> Result<Vec<Advice>, Failure> {
    let rows: Vec<(String, Vec<String>)> = sqlx::query_as(CREATORS)
        .bind(schemas)
        .bind(owners)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(Failure::from_driver)?;
    let open = rows
        .into_iter()
        .filter(|(_, creators)| !creators.is_empty());
    Ok(open
        .map(|(schema, creators)| {
            let everybody = creators.iter().any(String::is_empty);
            let (who, from) = match everybody {
                true => ("every role".to_owned(), "PUBLIC".to_owned()),
                false => {
                    let quoted: Vec<String> =
                        creators.iter().map(|name| identifier(name)).collect();
                    (creators.join(", "), quoted.join(", "))
                }
            };
            Advice::new(
                format!(
                    "{who} may create functions and operators in schema {schema}, which views and \
                     policies that name no schema would call"
                ),
                format!(
                    "REVOKE CREATE ON SCHEMA {} FROM {from}",
                    identifier(&schema)
                ),
            )
        })
        .collect())
}

async fn foreign_columns(
    connection: &mut PgConnection,
    tables: &[Oid],
) -> Result<Vec<Advice>, Failure> {
    let mut weaknesses = Vec::new();
    for (table, column) in columns::foreign(connection, tables).await? {
        let name: String = sqlx::query_scalar(
            "SELECT n.nspname || '.' || c.relname FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1",
        )
        .bind(table)
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .map_err(Failure::from_driver)?;
        weaknesses.push(Advice::new(
            format!(
                "{name}.{column} is not served: a cast to JSON or text that an owner of its type \
                 made would run with each value"
            ),
            "DROP CAST, or show the column's text by a view",
        ));
    }
    Ok(weaknesses)
}
