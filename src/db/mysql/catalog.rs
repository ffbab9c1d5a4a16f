//! What the server tells of its tables.
//!
//! Every text of `information_schema` is cast: MySQL sends it as bytes.

use std::collections::HashMap;
use std::sync::Arc;

use sea_query::{Expr, ExprTrait as _, Func, MysqlQueryBuilder, Query};
use sqlx::{Executor as _, MySql, MySqlConnection, Row as _, SqlSafeStr as _};

use super::columns::{self, Declared};
use super::definition;
use super::enums;
use super::relations;
use super::session::Flavour;
use crate::catalog::{Affinity, Column, FieldType, Kind, Stored, Table, TableName};
use crate::config::{Engine, ModelName};
use crate::db::{Failure, FailureKind, asserted, bound};
use crate::sql::{Dialect, documents};
use crate::suggest;

/// Reads the tables of the whitelist, in its order.
pub(super) async fn tables(
    connection: &mut MySqlConnection,
    flavour: Flavour,
    names: &[ModelName],
) -> Result<Vec<Result<Table, String>>, Failure> {
    let (own, folding): (Option<String>, i64) =
        sqlx::query_as("SELECT CAST(DATABASE() AS CHAR), CAST(@@lower_case_table_names AS SIGNED)")
            .fetch_one(&mut *connection)
            .await
            .map_err(Failure::from_driver)?;
    let own = own.unwrap_or_default();
    let folds = folding != 0;
    let mut schemas: HashMap<String, Vec<Known>> = HashMap::new();
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        if let Some(reason) = name.reserved(Engine::MySql) {
            tables.push(Err(reason.to_owned()));
            continue;
        }
        let schema = name.schema.clone().unwrap_or_else(|| own.clone());
        if !schemas.contains_key(&schema) {
            let found = known(connection, &schema, folds).await?;
            schemas.insert(schema.clone(), found);
        }
        let known = schemas.get(&schema).map_or(&[][..], Vec::as_slice);
        tables.push(match find(&name.table, &schema, known, folds) {
            Ok(known) => table(connection, flavour, known).await?,
            Err(reason) => Err(reason),
        });
    }
    relations::respell(&mut tables, folds);
    Ok(tables)
}

/// The names of all tables and views that the account may see: its database's own first.
pub(super) async fn names(connection: &mut MySqlConnection) -> Result<Vec<String>, Failure> {
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT CAST(table_schema AS CHAR), CAST(table_name AS CHAR), CAST(DATABASE() AS CHAR) \
         FROM information_schema.tables WHERE table_schema NOT IN \
         ('mysql', 'information_schema', 'performance_schema', 'sys', 'ndbinfo') \
         ORDER BY table_schema <> DATABASE(), table_schema, table_name",
    )
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    let names = rows.into_iter().map(|(schema, name, own)| match own {
        Some(own) if own == schema => name,
        _ => format!("{schema}.{name}"),
    });
    Ok(names.collect())
}

/// A table or view by its name and nature.
struct Known {
    name: TableName,
    kind: Kind,
}

async fn known(
    connection: &mut MySqlConnection,
    schema: &str,
    folds: bool,
) -> Result<Vec<Known>, Failure> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT CAST(table_schema AS CHAR), CAST(table_name AS CHAR), CAST(table_type AS CHAR) \
         FROM information_schema.tables WHERE table_schema = ? ORDER BY table_name",
    )
    .bind(schema)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    Ok(rows
        .into_iter()
        // The server's own comparison may fold where its names do not.
        .filter(|(found, _, _)| same(found, schema, folds))
        .map(|(schema, name, kind)| Known {
            name: TableName {
                schema: Some(schema),
                name,
            },
            kind: if kind.contains("VIEW") {
                Kind::View
            } else {
                Kind::Table
            },
        })
        .collect())
}

/// Whether two names are one to the server.
pub(super) fn same(one: &str, other: &str, folds: bool) -> bool {
    one == other || folds && one.to_lowercase() == other.to_lowercase()
}

/// The table that a name of the whitelist stands for, or why there is none.
fn find<'k>(
    table: &str,
    schema: &str,
    known: &'k [Known],
    folds: bool,
) -> Result<&'k Known, String> {
    if known.is_empty() {
        return Err(format!(
            "there is no database {schema:?}, or nothing in it that this account may read"
        ));
    }
    let exact = known.iter().find(|known| known.name.name == table);
    let found = exact.or_else(|| {
        known
            .iter()
            .find(|known| same(&known.name.name, table, folds))
    });
    found.ok_or_else(|| {
        let names = known.iter().map(|known| known.name.name.as_str());
        match suggest::nearest(table, names) {
            Some(near) => format!("the database has no such table; it has {near}"),
            None => "the database has no such table".to_owned(),
        }
    })
}

async fn table(
    connection: &mut MySqlConnection,
    flavour: Flavour,
    known: &Known,
) -> Result<Result<Table, String>, Failure> {
    let name = &known.name;
    if let (Kind::View, Some(reason)) = (known.kind, unreadable(connection, name).await?) {
        return Ok(Err(reason));
    }
    // First, so that what changes meanwhile is noticed.
    let definition = definition::read(connection, name, None).await?;
    let primary = relations::indexes(connection, name).await?;
    let raw = columns_of(connection, name, &primary.key).await?;
    if raw.is_empty() {
        let reason = match known.kind {
            Kind::View => {
                "the server tells none of its columns: what it reads or calls is gone, or not \
                 allowed; a SELECT from it says what"
            }
            _ => "this account may read none of its columns",
        };
        return Ok(Err(reason.to_owned()));
    }
    let json = match flavour {
        Flavour::MariaDb => json_columns(connection, name, &raw).await?,
        Flavour::MySql => Vec::new(),
    };
    let mut columns: Vec<Column> = raw.iter().map(|raw| raw.column(&json)).collect();
    measure_wide(&mut columns, &raw);
    for column in &mut columns {
        if enums::is_doubtful(&column.values) {
            let declared = std::mem::take(&mut column.values);
            column.values = enums::spelt(connection, name, &column.name, declared).await?;
        }
    }
    let foreign_keys = relations::foreign_keys(connection, name).await?;
    let (comment, estimated_rows) = match known.kind {
        Kind::Table => about(connection, name).await?,
        _ => (None, None),
    };
    let mut table = Table {
        name: name.clone(),
        kind: known.kind,
        comment,
        estimated_rows,
        secured: false,
        runs_code: false,
        definition: Some(definition.whole),
        columns_digest: Some(definition.columns),
        columns,
        withheld: Vec::new(),
        primary_key: primary.key,
        inherited: false,
        row_id: None,
        foreign_keys,
        indexes: primary.indexes,
    };
    sample(connection, &mut table).await?;
    Ok(Ok(table))
}

/// What the values of a row may take in bytes that are not measured one by one.
const UNMEASURED: u64 = 256 * 1024;
/// How long a value may be that is never measured.
const SHORT: u64 = 1024;

/// Has texts and bytes measured that have a bound by themselves, where a row has so many that all of
/// them together have none: a `text` holds 64 KiB, and a table some hundreds of such columns.
fn measure_wide(columns: &mut [Column], raw: &[Raw]) {
    let bounded = columns.iter().zip(raw).filter(|(column, _)| column.bounded);
    let bytes: u64 = bounded.map(|(_, raw)| raw.octets).sum();
    if bytes <= UNMEASURED {
        return;
    }
    for (column, raw) in columns.iter_mut().zip(raw) {
        column.bounded &= raw.octets <= SHORT;
    }
}

/// Why a view cannot be read: the server is asked to prepare a statement over it, which runs none of
/// its functions.
async fn unreadable(
    connection: &mut MySqlConnection,
    name: &TableName,
) -> Result<Option<String>, Failure> {
    let mut select = Query::select();
    select.expr(Expr::cust("1"));
    match &name.schema {
        Some(schema) => select.from((schema.clone(), name.name.clone())),
        None => select.from(name.name.clone()),
    };
    let text = select.to_string(MysqlQueryBuilder);
    match connection
        .prepare(asserted(text.into()).into_sql_str())
        .await
    {
        Ok(_) => Ok(None),
        Err(error) => {
            let failure = Failure::from_driver(error).of_statement();
            match failure.kind() {
                FailureKind::Changed | FailureKind::Internal => Ok(Some(failure.told())),
                _ => Err(failure),
            }
        }
    }
}

/// Tells which indexed columns hold documents.
async fn sample(connection: &mut MySqlConnection, table: &mut Table) -> Result<(), Failure> {
    for (index, order) in table.to_sample() {
        let sample = documents::sample(&table.name, &order, Dialect::MySql);
        let (text, values) = sample.build(MysqlQueryBuilder);
        let found: i64 = bound::<MySql>(text, values)
            .fetch_one(&mut *connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(Failure::from_driver)?;
        table.columns[index].documents |= found > 0;
    }
    Ok(())
}

/// A column as it is declared.
struct Raw {
    name: String,
    data_type: String,
    column_type: String,
    charset: Option<String>,
    collation: Option<String>,
    /// The longest text or bytes that it holds; 0 for what is neither.
    octets: u64,
    scale: Option<u64>,
    nullable: bool,
    comment: String,
    expression: Option<String>,
}

impl Raw {
    /// Whether its collation takes texts of different letters for equal.
    fn is_folding(&self) -> bool {
        let exact = |name: &String| name.ends_with("_bin") || name.ends_with("_as_cs");
        self.collation.as_ref().is_some_and(|name| !exact(name))
    }

    /// The collation by which what is made of the column is ordered: for those that compare bytes
    /// of old character sets the server takes a text that ends for one that goes on with zeros
    /// where it sorts, and for one that goes on with blanks where it compares.
    fn collation_of_expressions(&self) -> Option<&'static str> {
        let (charset, _) = self.collation.as_ref()?.split_once("_bin")?;
        let is_sound = matches!(
            charset,
            "utf8mb4" | "utf8mb3" | "utf8" | "utf16" | "utf16le" | "utf32"
        );
        (!is_sound).then_some("utf8mb4_bin")
    }

    fn column(&self, json: &[&str]) -> Column {
        let class = columns::classify(&Declared {
            data_type: &self.data_type,
            column_type: &self.column_type,
            charset: self.charset.as_deref(),
            scale: self.scale,
            json: json.contains(&self.name.as_str()),
        });
        Column {
            stored: match class.field_type {
                FieldType::Enum => Stored::Position,
                _ => Stored::AsItIs,
            },
            name: self.name.clone(),
            field_type: class.field_type,
            nullable: self.nullable,
            sortable: class.sortable,
            exact: class.exact,
            dynamic: false,
            bounded: class.bounded,
            folding: self.is_folding(),
            loose: false,
            comment: Some(self.comment.clone()).filter(|comment| !comment.is_empty()),
            values: class.values,
            parts: Arc::default(),
            collation: self.collation_of_expressions(),
            compared_by: self.collation.clone(),
            documents: false,
            affinity: Affinity::None,
            expression: self.expression.clone(),
            cast: class.cast,
        }
    }
}

/// The columns that the account may read. An invisible one is left out, as `SELECT *` does it,
/// unless the primary key needs it.
async fn columns_of(
    connection: &mut MySqlConnection,
    name: &TableName,
    key: &[String],
) -> Result<Vec<Raw>, Failure> {
    let rows = sqlx::query(
        "SELECT CAST(column_name AS CHAR), CAST(data_type AS CHAR), CAST(column_type AS CHAR), \
         CAST(character_set_name AS CHAR), CAST(numeric_scale AS UNSIGNED), \
         CAST(is_nullable AS CHAR), CAST(column_comment AS CHAR), CAST(extra AS CHAR), \
         CAST(privileges AS CHAR), CAST(table_name AS CHAR), CAST(collation_name AS CHAR), \
         CAST(generation_expression AS CHAR), CAST(character_octet_length AS UNSIGNED) \
         FROM information_schema.columns \
         WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    let mut columns = Vec::with_capacity(rows.len());
    for row in rows {
        let text = |index: usize| {
            let text = row.try_get::<Option<String>, _>(index);
            text.map(Option::unwrap_or_default)
                .map_err(Failure::from_driver)
        };
        let column = text(0)?;
        let invisible = text(7)?.to_uppercase().contains("INVISIBLE") && !key.contains(&column);
        let privileges = text(8)?;
        let unreadable = !privileges.is_empty() && !privileges.contains("select");
        // The server's own comparison may fold where its names do not.
        if invisible || unreadable || text(9)? != name.name {
            continue;
        }
        let octets: Option<u64> = row.try_get(12).map_err(Failure::from_driver)?;
        columns.push(Raw {
            name: column,
            data_type: text(1)?,
            column_type: text(2)?,
            charset: row.try_get(3).map_err(Failure::from_driver)?,
            collation: row.try_get(10).map_err(Failure::from_driver)?,
            octets: octets.unwrap_or_default(),
            scale: row.try_get(4).map_err(Failure::from_driver)?,
            nullable: text(5)? == "YES",
            comment: text(6)?,
            expression: Some(text(11)?).filter(|expression| !expression.is_empty()),
        });
    }
    Ok(columns)
}

/// MariaDB's JSON columns: `longtext`, with a constraint that a role that only reads may not see.
///
/// So the server is asked how it would embed each into a document, without reading a row: JSON as
/// it is, text as a string. It knows that of the columns of views too.
async fn json_columns<'r>(
    connection: &mut MySqlConnection,
    name: &TableName,
    columns: &'r [Raw],
) -> Result<Vec<&'r str>, Failure> {
    let mut candidates: Vec<&str> = columns
        .iter()
        .filter(|column| column.data_type.eq_ignore_ascii_case("longtext"))
        .map(|column| column.name.as_str())
        .collect();
    if candidates.is_empty() {
        return Ok(candidates);
    }
    let mut select = Query::select();
    for candidate in &candidates {
        let column = Expr::col(("t".to_owned(), (*candidate).to_owned()));
        let value = Func::coalesce([column, Func::cust("JSON_OBJECT").into()]);
        select.expr(Expr::from(Func::cust("JSON_ARRAY").arg(value)).cast_as("CHAR"));
    }
    let none = Query::select().expr(Expr::cust("1")).to_owned();
    let schema = name.schema.clone().unwrap_or_default();
    select.from_subquery(none, "o").left_join(
        sea_query::TableRef::from((schema, name.name.clone())).alias("t"),
        Expr::cust("1 = 0"),
    );
    let (text, values) = select.build(MysqlQueryBuilder);
    let asked = bound::<MySql>(text, values);
    let row = match asked.fetch_one(connection).await {
        Ok(row) => row,
        // A view that is broken: its columns are known, and reading it fails in its own time.
        Err(sqlx::Error::Database(_)) => return Ok(Vec::new()),
        Err(error) => return Err(Failure::from_driver(error)),
    };
    let mut index = 0;
    candidates.retain(|_| {
        let embedded: Result<String, _> = row.try_get(index);
        index += 1;
        embedded.is_ok_and(|embedded| embedded == "[{}]")
    });
    Ok(candidates)
}

/// The comment on a table, and its rows as the server estimates them.
async fn about(
    connection: &mut MySqlConnection,
    name: &TableName,
) -> Result<(Option<String>, Option<u64>), Failure> {
    let rows: Vec<(String, Option<String>, Option<u64>)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(table_comment AS CHAR), \
         CAST(table_rows AS UNSIGNED) FROM information_schema.tables \
         WHERE table_schema = ? AND table_name = ?",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_all(connection)
    .await
    .map_err(Failure::from_driver)?;
    let found = rows.into_iter().find(|(table, _, _)| *table == name.name);
    Ok(found.map_or((None, None), |(_, comment, rows)| {
        (comment.filter(|comment| !comment.is_empty()), rows)
    }))
}
