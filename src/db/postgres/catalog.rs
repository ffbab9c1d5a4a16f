//! What PostgreSQL tells of its tables.

use std::collections::HashMap;

use sea_query::{Alias, Expr, PostgresQueryBuilder, Query, SelectStatement};
use sqlx::postgres::types::Oid;
use sqlx::{Connection as _, Executor as _, PgConnection, Postgres, Row as _};

use super::{code, columns, definition, is_at_rest, relations, session};
use crate::catalog::{Kind, Table, TableName};
use crate::config::{Engine, ModelName};
use crate::db::{Failure, bound};
use crate::sql::{Dialect, documents};
use crate::suggest;

/// Rows are counted one by one up to this many where the server has no estimate yet.
const COUNTED: u64 = 10_000;
/// Tables that are looked through for one whose name is near.
const LOOKED_THROUGH: i64 = 2_000;

/// Reads the tables of the whitelist, in its order.
pub(super) async fn tables(
    connection: &mut PgConnection,
    names: &[ModelName],
) -> Result<Vec<Result<Table, String>>, Failure> {
    let schemas = plain_schemas(connection).await?;
    let known = known(connection, names).await?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.push(match find(name, &schemas, &known) {
            Ok(known) => Ok(known),
            Err(reason) => Err(near(connection, name, &schemas, reason).await?),
        });
    }
    let wanted: Vec<Oid> = found
        .iter()
        .flatten()
        .map(|known: &&Known| known.oid)
        .collect();
    let columns = columns::read(connection, &wanted).await?;
    let withheld = withheld(connection, &wanted).await?;
    let relations = relations::read(connection, &wanted).await?;
    let running = code::running(connection, &wanted).await?;
    let mut tables = Vec::with_capacity(names.len());
    for known in found {
        let known = match known {
            Ok(known) => known,
            Err(reason) => {
                tables.push(Err(reason));
                continue;
            }
        };
        // A table may stand in the whitelist under two names.
        let columns = columns.get(&known.oid).cloned().unwrap_or_default();
        if !known.usable || columns.is_empty() {
            let any = withheld.get(&known.oid).is_some_and(|it| !it.is_empty());
            tables.push(Err(match any || !known.usable {
                true => known.unreadable(),
                false => "it has no columns".to_owned(),
            }));
            continue;
        }
        if !may_be_read(connection, known).await? {
            let name = &known.name;
            tables.push(Err(format!(
                "{name} shows what the role, or the view's owner, may not read: GRANT SELECT on that"
            )));
            continue;
        }
        let relations = relations.get(&known.oid).cloned().unwrap_or_default();
        let mut table = Table {
            name: known.name.clone(),
            kind: known.kind,
            comment: known.comment.clone(),
            estimated_rows: estimate(connection, known).await?,
            secured: known.secured,
            runs_code: running.contains(&known.oid),
            definition: Some(definition::read(connection, &known.name, false).await?),
            columns_digest: None,
            columns,
            withheld: withheld.get(&known.oid).cloned().unwrap_or_default(),
            primary_key: relations.primary_key,
            inherited: known.inherited,
            row_id: None,
            foreign_keys: relations.foreign_keys,
            indexes: relations.indexes,
        };
        sample(connection, &mut table).await?;
        tables.push(Ok(table));
    }
    Ok(tables)
}

/// The schemas in which a name without one is looked for, in their order.
///
/// `public` comes first, so that a schema which is named like the role takes nothing over, unless
/// the role, the database or the URL sets a search path: then that one counts.
async fn plain_schemas(connection: &mut PgConnection) -> Result<Vec<String>, Failure> {
    let chosen: bool = sqlx::query_scalar(
        "SELECT reset_val <> boot_val FROM pg_settings WHERE name = 'search_path'",
    )
    .persistent(false)
    .fetch_one(&mut *connection)
    .await
    .map_err(Failure::from_driver)?;
    let mut schemas = session::own_schemas(connection).await?;
    if !chosen {
        schemas.retain(|schema| schema != "public");
        schemas.insert(0, "public".to_owned());
    }
    Ok(schemas)
}

/// A table or view by its name and nature.
struct Known {
    oid: Oid,
    name: TableName,
    kind: Kind,
    comment: Option<String>,
    /// Rows by the server's statistics, those of its partitions included.
    rows: Option<u64>,
    /// Whether the role may look into the schema.
    usable: bool,
    /// Whether policies say which rows the role sees.
    secured: bool,
    /// Whether other tables inherit from it, as partitions do not.
    inherited: bool,
}

impl Known {
    fn unreadable(&self) -> String {
        let schema = self.name.schema.as_deref().unwrap_or_default();
        if self.usable {
            format!("the role may not read {}: GRANT SELECT on it", self.name)
        } else {
            format!("the role may not look into schema {schema}: GRANT USAGE on it")
        }
    }
}

/// The columns that the role may not read.
async fn withheld(
    connection: &mut PgConnection,
    tables: &[Oid],
) -> Result<HashMap<Oid, Vec<String>>, Failure> {
    let rows: Vec<(Oid, String)> = sqlx::query_as(
        "SELECT attrelid, CAST(attname AS text) FROM pg_catalog.pg_attribute \
         WHERE attrelid OPERATOR(pg_catalog.=) ANY($1) AND attnum OPERATOR(pg_catalog.>) 0 \
           AND NOT attisdropped \
           AND NOT pg_catalog.has_column_privilege(attrelid, attnum, 'SELECT')",
    )
    .persistent(false)
    .bind(tables)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    let mut withheld: HashMap<Oid, Vec<String>> = HashMap::new();
    for (table, column) in rows {
        withheld.entry(table).or_default().push(column);
    }
    Ok(withheld)
}

/// Every table that a name of the whitelist could stand for.
async fn known(connection: &mut PgConnection, names: &[ModelName]) -> Result<Vec<Known>, Failure> {
    type Row = (
        Oid,
        String,
        String,
        String,
        Option<String>,
        Option<f64>,
        bool,
        bool,
        bool,
    );
    // The server folds by its own rules: what it folds, and what is folded here, both count.
    let folded = names.iter().map(|name| name.table.to_lowercase());
    let names: Vec<String> = names
        .iter()
        .map(|name| name.table.clone())
        .chain(folded)
        .collect();
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT c.oid, CAST(n.nspname AS text), CAST(c.relname AS text), CAST(c.relkind AS text), \
           obj_description(c.oid, 'pg_class'), \
           (WITH RECURSIVE part AS (SELECT c.oid AS oid, c.relkind AS kind, c.reltuples AS tuples \
              UNION ALL SELECT k.oid, k.relkind, k.reltuples FROM part \
              JOIN pg_inherits i ON i.inhparent = part.oid JOIN pg_class k ON k.oid = i.inhrelid) \
            SELECT CASE WHEN bool_and(tuples >= 0) THEN CAST(sum(tuples) AS float8) END \
            FROM part WHERE kind <> 'p'), \
           has_schema_privilege(n.oid, 'USAGE'), row_security_active(c.oid), \
           c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' \
           AND n.nspname <> 'information_schema' AND (c.relname = ANY($1) OR lower(c.relname) = ANY($1)) \
         ORDER BY n.nspname, c.relname",
    )
    .persistent(false)
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    Ok(rows
        .into_iter()
        .map(
            |(oid, schema, name, kind, comment, rows, usable, secured, inherited)| Known {
                oid,
                name: TableName {
                    schema: Some(schema),
                    name,
                },
                kind: match kind.as_str() {
                    "v" => Kind::View,
                    "m" => Kind::MaterializedView,
                    "f" => Kind::ForeignTable,
                    _ => Kind::Table,
                },
                comment,
                // None at all may also mean that nobody has looked yet.
                rows: rows.filter(|rows| *rows >= 1.0).map(|rows| rows as u64),
                usable,
                secured,
                inherited,
            },
        )
        .collect())
}

/// The table that a name of the whitelist stands for, or why there is none.
fn find<'k>(name: &ModelName, schemas: &[String], known: &'k [Known]) -> Result<&'k Known, String> {
    if let Some(reason) = name.reserved(Engine::Postgres) {
        return Err(reason.to_owned());
    }
    let own = name.schema.as_ref().map(std::slice::from_ref);
    let of = |schema: &str| {
        let schema = schema.to_owned();
        known
            .iter()
            .filter(move |known| known.name.schema.as_ref() == Some(&schema))
    };
    // As it is written; else as SQL would read it without quotes, or the only one that is so named.
    for schema in own.unwrap_or(schemas) {
        if let Some(found) = of(schema).find(|known| known.name.name == name.table) {
            return Ok(found);
        }
    }
    for schema in own.unwrap_or(schemas) {
        let folded = name.table.to_lowercase();
        if let Some(found) = of(schema).find(|known| known.name.name == folded) {
            return Ok(found);
        }
        let mut similar = of(schema).filter(|known| known.name.name.to_lowercase() == folded);
        if let (Some(found), None) = (similar.next(), similar.next()) {
            return Ok(found);
        }
    }
    let elsewhere = known
        .iter()
        .find(|known| known.name.name == name.table && name.schema.is_none());
    Err(match elsewhere {
        Some(known) => format!(
            "schema {} has no such table; there is {}",
            schemas.join(", "),
            known.name
        ),
        None => match own {
            Some([schema]) => format!("schema {schema} has no such table"),
            _ => format!("schema {} has no such table", schemas.join(", ")),
        },
    })
}

/// The names of all tables and views that may be read, those of other schemas with theirs.
pub(super) async fn names(connection: &mut PgConnection) -> Result<Vec<String>, Failure> {
    let schemas = plain_schemas(connection).await?;
    let mut names = Vec::new();
    for (schema, name) in listed(connection, &[]).await? {
        if schemas.first() == Some(&schema) {
            names.insert(
                names.partition_point(|other: &String| !other.contains('.')),
                name,
            );
        } else {
            names.push(format!("{schema}.{name}"));
        }
    }
    Ok(names)
}

/// The tables of some schemas, or of all, with theirs.
async fn listed(
    connection: &mut PgConnection,
    schemas: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    sqlx::query_as(
        "SELECT CAST(n.nspname AS text), CAST(c.relname AS text) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition \
           AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
           AND (n.nspname = ANY($1) OR $1 = '{}') AND has_schema_privilege(n.oid, 'USAGE') \
           AND has_any_column_privilege(c.oid, 'SELECT') \
         ORDER BY n.nspname, c.relname LIMIT $2",
    )
    .persistent(false)
    .bind(schemas)
    .bind(LOOKED_THROUGH)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)
}

/// A reason, and the table whose name is near.
async fn near(
    connection: &mut PgConnection,
    name: &ModelName,
    schemas: &[String],
    reason: String,
) -> Result<String, Failure> {
    if name.reserved(Engine::Postgres).is_some() || reason.contains("there is") {
        return Ok(reason);
    }
    let schemas = match &name.schema {
        Some(schema) => vec![schema.clone()],
        None => schemas.to_vec(),
    };
    let there = listed(connection, &schemas).await?;
    let near = suggest::nearest(&name.table, there.iter().map(|(_, name)| name.as_str()));
    Ok(match near {
        Some(near) => format!("{reason}; it has {near}"),
        None => reason,
    })
}

/// How many rows there are: by the server's statistics, else exactly for a small table.
///
/// Policies are not asked: they may fail without a caller, and count for nobody.
async fn estimate(connection: &mut PgConnection, known: &Known) -> Result<Option<u64>, Failure> {
    if known.rows.is_some() || known.secured || !matches!(known.kind, Kind::Table) {
        return Ok(known.rows);
    }
    let schema = known.name.schema.clone().unwrap_or_default();
    let some = Query::select()
        .expr(Expr::cust("1"))
        .from((Alias::new(schema), Alias::new(&known.name.name)))
        .limit(COUNTED + 1)
        .to_owned();
    let count = Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from_subquery(some, "t")
        .to_owned();
    let rows: Option<i64> = looked_up(connection, &count).await?;
    let rows = rows.and_then(|rows| u64::try_from(rows).ok());
    Ok(rows.filter(|rows| *rows <= COUNTED))
}

/// Whether a view can be read: what it shows may be kept from the role, or from its owner.
async fn may_be_read(connection: &mut PgConnection, known: &Known) -> Result<bool, Failure> {
    if known.kind != Kind::View {
        return Ok(true);
    }
    let schema = known.name.schema.clone().unwrap_or_default();
    // The rights are judged before the first row, and there is none.
    let none = Query::select()
        .expr(Expr::cust("1"))
        .from((Alias::new(schema), Alias::new(&known.name.name)))
        .limit(0)
        .to_owned();
    let (text, values) = none.build(PostgresQueryBuilder);
    let mut looking = connection.begin().await.map_err(Failure::from_driver)?;
    let asked = bound::<Postgres>(text, values).persistent(false);
    let asked = asked.execute(&mut *looking).await;
    looking.rollback().await.map_err(Failure::from_driver)?;
    let failure = asked.err().map(Failure::from_driver);
    let code = failure.as_ref().and_then(Failure::code);
    Ok(code.as_deref() != Some("42501"))
}

/// What looking into the rows of a table may take.
const LOOKING: &str = "SET LOCAL statement_timeout = 1000";

/// The number that a statement tells of a table's rows; none where it takes too long or fails.
async fn looked_up<T>(
    connection: &mut PgConnection,
    select: &SelectStatement,
) -> Result<Option<T>, Failure>
where
    T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    let (text, values) = select.build(PostgresQueryBuilder);
    // Whoever changes the table holds this up; nothing else of the catalog waits for locks.
    let mut looking = connection.begin().await.map_err(Failure::from_driver)?;
    looking
        .execute(LOOKING)
        .await
        .map_err(Failure::from_driver)?;
    let told = bound::<Postgres>(text, values)
        .persistent(false)
        .fetch_one(&mut *looking)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(Failure::from_driver);
    looking.rollback().await.map_err(Failure::from_driver)?;
    match told {
        // What an owner lets the planner call may fail, and keeps no other table away.
        Err(failure) if is_at_rest(&failure) => Ok(None),
        told => told.map(Some),
    }
}

/// Tells which indexed columns hold documents. Where policies ask whom a row is for, nobody can be
/// told here, and each may.
async fn sample(connection: &mut PgConnection, table: &mut Table) -> Result<(), Failure> {
    for (index, order) in table.to_sample() {
        let found = match table.secured {
            true => true,
            false => {
                let sample = documents::sample(&table.name, &order, Dialect::Postgres);
                // One that cannot be told in time may hold them.
                let found: Option<i32> = looked_up(connection, &sample).await?;
                found.is_none_or(|found| found > 0)
            }
        };
        table.columns[index].documents |= found;
    }
    Ok(())
}
