//! What SQLite tells of its tables.

use std::sync::Arc;

use rusqlite::{Connection, Error, Params, Result, Row, ffi};
use sea_query::{Alias, Expr, Query, SqliteQueryBuilder};

use super::keys::foreign_keys;
use super::{collations, definition};
use crate::catalog::{Affinity, Column, FieldType, Kind, Stored, Table, TableName};
use crate::config::{Engine, ModelName};
use crate::sql::{Dialect, documents};
use crate::suggest;

/// Rows are counted one by one up to this many; beyond, the span of the row ids is the estimate.
const COUNTED: u64 = 100_000;

/// Reads the tables of the whitelist, in its order.
pub(super) fn tables(
    connection: &Connection,
    names: &[ModelName],
) -> Result<Vec<std::result::Result<Table, String>>> {
    let known = known(connection)?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        tables.push(match find(name, &known) {
            Ok(known) => match table(connection, known) {
                Ok(table) if table.columns.is_empty() => Err("it has no columns".to_owned()),
                Ok(table) => Ok(table),
                Err(error) => Err(broken(error)?),
            },
            Err(reason) => Err(reason),
        });
    }
    Ok(tables)
}

/// The names of all tables and views.
pub(super) fn names(connection: &Connection) -> Result<Vec<String>> {
    Ok(known(connection)?
        .into_iter()
        .map(|known| known.name)
        .collect())
}

/// A table or view by its name and nature.
struct Known {
    name: String,
    kind: Kind,
    stored: bool,
    without_rowid: bool,
    strict: bool,
}

fn known(connection: &Connection) -> Result<Vec<Known>> {
    let rows: Vec<(String, String, bool, bool)> = all(
        connection,
        "SELECT name, type, wr, strict FROM pragma_table_list \
         WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') \
         AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name",
        [],
        |row| row.try_into(),
    )?;
    Ok(rows
        .into_iter()
        .map(|(name, kind, without_rowid, strict)| Known {
            name,
            stored: kind == "table",
            kind: if kind == "view" {
                Kind::View
            } else {
                Kind::Table
            },
            without_rowid,
            strict,
        })
        .collect())
}

/// The table that a name of the whitelist stands for, or why there is none.
fn find<'k>(name: &ModelName, known: &'k [Known]) -> std::result::Result<&'k Known, String> {
    if let Some(reason) = name.reserved(Engine::Sqlite) {
        return Err(reason.to_owned());
    }
    if name
        .schema
        .as_deref()
        .is_some_and(|schema| !schema.eq_ignore_ascii_case("main"))
    {
        return Err("an SQLite file has one schema, main".to_owned());
    }
    // SQLite itself does not tell upper from lower case in names.
    let found = known.iter().find(|known| known.name == name.table);
    let found = found.or_else(|| {
        known
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(&name.table))
    });
    found.ok_or_else(|| {
        let near = suggest::nearest(&name.table, known.iter().map(|known| known.name.as_str()));
        match near {
            Some(near) => format!("the database has no such table; it has {near}"),
            None => "the database has no such table".to_owned(),
        }
    })
}

/// Why a table cannot be read though the database can: a view of a table that is gone, a module
/// that is not there.
fn broken(error: Error) -> Result<String> {
    match error {
        Error::SqliteFailure(code, said)
            if matches!(
                code.extended_code & 0xff,
                ffi::SQLITE_ERROR | ffi::SQLITE_AUTH
            ) =>
        {
            let said = said.unwrap_or_else(|| code.to_string());
            Ok(format!("SQLite cannot read it: {said}"))
        }
        other => Err(other),
    }
}

/// A column by its name, declared type, whether it must be there, and its place in the primary key.
type Declared = (String, String, bool, i64);

fn declared(connection: &Connection, known: &Known) -> Result<Vec<Declared>> {
    let mut rows: Vec<Declared> = all(
        connection,
        "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid",
        [&known.name],
        |row| row.try_into(),
    )?;
    if known.kind == Kind::View {
        declared_below(connection, &known.name, &mut rows)?;
    }
    Ok(rows)
}

/// What tells the definition of a table of that name from others; none where it cannot be read.
pub(super) fn definition(connection: &Connection, name: &str) -> Result<Option<u64>> {
    let known = known(connection)?;
    let Some(known) = known.iter().find(|known| known.name == name) else {
        return Ok(None);
    };
    match declared(connection, known) {
        Ok(rows) => definition_of(connection, known, &rows).map(Some),
        Err(error) => broken(error).map(|_| None),
    }
}

/// By the columns, and by what was written to make the table; of a view, to make those too that it
/// names.
fn definition_of(connection: &Connection, known: &Known, rows: &[Declared]) -> Result<u64> {
    let is_view = known.kind == Kind::View;
    let written: Vec<Option<String>> = all(
        connection,
        "WITH RECURSIVE made (name, sql) AS (\
           SELECT name, sql FROM sqlite_schema WHERE name = ?1 AND type IN ('table', 'view') \
           UNION SELECT s.name, s.sql FROM made JOIN sqlite_schema AS s \
             ON ?2 AND s.type IN ('table', 'view') AND instr(lower(made.sql), lower(s.name)) > 0) \
         SELECT sql FROM made ORDER BY name",
        (&known.name, is_view),
        |row| row.get(0),
    )?;
    Ok(definition::of(&(is_view, known.strict, rows, written)))
}

/// The index of the primary key, which one that is the row id itself has not: each column with the
/// collation by which it is told apart.
fn key_index(connection: &Connection, known: &Known) -> Result<Vec<(String, String)>> {
    all(
        connection,
        "SELECT info.name, info.coll FROM pragma_index_list(?) AS list, \
         pragma_index_xinfo(list.name) AS info WHERE list.origin = 'pk' AND info.key \
         ORDER BY info.seqno",
        [&known.name],
        |row| row.try_into(),
    )
}

fn table(connection: &Connection, known: &Known) -> Result<Table> {
    let rows = declared(connection, known)?;
    let mut key: Vec<(i64, &str)> = rows
        .iter()
        .filter(|row| row.3 > 0)
        .map(|row| (row.3, row.0.as_str()))
        .collect();
    key.sort_unstable();
    // The one column that is the row id itself is never NULL, though nothing says so.
    let key_index = key_index(connection, known)?;
    let row_id = match (&key[..], known.without_rowid) {
        ([(_, name)], false) if key_index.is_empty() => rows
            .iter()
            .find(|row| row.0 == *name && row.1.eq_ignore_ascii_case("integer"))
            .map(|row| row.0.clone()),
        _ => None,
    };
    let columns = columns(connection, known, &rows, row_id.as_deref())?;
    // What its index tells apart and its comparisons do not is no key to ask by.
    let is_compared_so = |(name, collation): &(String, String)| {
        let mut named = columns.iter().filter(|column| column.name == *name);
        named.any(|it| {
            it.collation
                .unwrap_or("BINARY")
                .eq_ignore_ascii_case(collation)
        })
    };
    let primary_key: Vec<String> = match key_index.iter().all(is_compared_so) {
        true => key.iter().map(|(_, name)| (*name).to_owned()).collect(),
        false => Vec::new(),
    };
    let foreign_keys = foreign_keys(connection, &known.name, &columns)?;
    let indexes = indexes(connection, &known.name)?;
    let estimated_rows = match known.kind {
        Kind::Table => estimate(connection, known, row_id.clone(), &columns)?,
        _ => None,
    };
    let mut table = Table {
        name: TableName {
            schema: None,
            name: known.name.clone(),
        },
        kind: known.kind,
        comment: None,
        estimated_rows,
        secured: false,
        runs_code: false,
        definition: Some(definition_of(connection, known, &rows)?),
        columns_digest: None,
        row_id: match known.stored && !known.without_rowid && row_id.is_none() {
            true => free_row_id(&columns),
            false => None,
        },
        columns,
        withheld: Vec::new(),
        primary_key,
        inherited: false,
        foreign_keys,
        indexes,
    };
    for (index, order) in table.to_sample() {
        let sample = documents::sample(&table.name, &order, Dialect::Sqlite);
        table.columns[index].documents |= number(connection, &sample)? > 0;
    }
    Ok(table)
}

/// The columns of a table or view, of which one may be the row id itself.
fn columns(
    connection: &Connection,
    known: &Known,
    rows: &[Declared],
    row_id: Option<&str>,
) -> Result<Vec<Column>> {
    let mut expressions = super::generated::expressions(connection, &known.name)?;
    let names: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    let collations = collations::of(connection, &known.name, known.kind, &names);
    let columns = rows
        .iter()
        .zip(collations)
        .map(|((name, declared, not_null, pk), collation)| Column {
            name: name.clone(),
            field_type: field_type(declared),
            stored: match field_type(declared) {
                FieldType::Bytes => Stored::Bytes,
                _ => Stored::AsItIs,
            },
            nullable: !(*not_null || row_id == Some(name) || (*pk > 0 && known.without_rowid)),
            sortable: true,
            exact: false,
            dynamic: row_id != Some(name)
                && (!known.strict || declared.eq_ignore_ascii_case("any")),
            bounded: false,
            folding: false,
            loose: false,
            comment: None,
            values: Vec::new(),
            parts: Arc::default(),
            collation,
            compared_by: None,
            documents: false,
            affinity: affinity(declared),
            expression: expressions.remove(&name.to_lowercase()),
            cast: String::new(),
        })
        .collect();
    Ok(columns)
}

/// Forgets the type of a view's columns that have none below: SQLite calls it BLOB.
fn declared_below(connection: &Connection, view: &str, rows: &mut [Declared]) -> Result<()> {
    let all = Query::select()
        .column(sea_query::Asterisk)
        .from(Alias::new(view))
        .to_owned();
    let prepared = connection.prepare(&all.to_string(SqliteQueryBuilder))?;
    for (column, row) in prepared.columns().iter().zip(rows) {
        if column.decl_type().is_none() && row.1.eq_ignore_ascii_case("blob") {
            row.1.clear();
        }
    }
    Ok(())
}

/// The class that a declared type stands for, after SQLite's own rules of affinity.
pub(super) fn field_type(declared: &str) -> FieldType {
    let upper = declared.to_ascii_uppercase();
    let bare = upper.split('(').next().unwrap_or_default().trim();
    let has = |part: &str| bare.contains(part);
    match bare {
        "" | "ANY" => FieldType::Any,
        "JSON" | "JSONB" => FieldType::Json,
        "DATE" => FieldType::Date,
        "TIME" => FieldType::Time,
        "UUID" | "GUID" => FieldType::Text,
        _ if has("DATETIME") || has("TIMESTAMP") => FieldType::DateTime,
        _ if has("BOOL") => FieldType::Boolean,
        _ if has("INT") => FieldType::Integer {
            unsigned: false,
            wide: true,
        },
        _ if has("CHAR") || has("CLOB") || has("TEXT") => FieldType::Text,
        _ if has("BLOB") || has("BINARY") => FieldType::Bytes,
        _ if has("REAL") || has("FLOA") || has("DOUB") => FieldType::Float,
        _ if has("NUMERIC") || has("DECIMAL") || has("NUMBER") || has("MONEY") => {
            FieldType::Decimal {
                scale: scale(&upper),
            }
        }
        _ => FieldType::Any,
    }
}

/// The affinity of a declared type, by SQLite's own rules.
fn affinity(declared: &str) -> Affinity {
    let upper = declared.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    match &*upper {
        _ if has("INT") => Affinity::Numeric,
        _ if has("CHAR") || has("CLOB") || has("TEXT") => Affinity::Text,
        // What a view has without a declaration may be anything.
        "" | "ANY" => Affinity::None,
        _ if has("BLOB") => Affinity::None,
        _ => Affinity::Numeric,
    }
}

/// The second number of `NUMERIC(10,2)`; with the first alone there are no digits after the point.
fn scale(declared: &str) -> Option<u8> {
    let inside = declared.split_once('(')?.1.split(')').next()?;
    match inside.split_once(',') {
        Some((_, scale)) => scale.trim().parse().ok(),
        None => Some(0),
    }
}

fn indexes(connection: &Connection, table: &str) -> Result<Vec<Vec<String>>> {
    let rows: Vec<(String, Option<String>)> = all(
        connection,
        "SELECT list.name, info.name FROM pragma_index_list(?) AS list, \
         pragma_index_info(list.name) AS info WHERE list.partial = 0 ORDER BY list.seq, info.seqno",
        [table],
        |row| row.try_into(),
    )?;
    let mut indexes: Vec<(String, Vec<Option<String>>)> = Vec::new();
    for (index, column) in rows {
        match indexes.last_mut() {
            Some((last, columns)) if *last == index => columns.push(column),
            _ => indexes.push((index, vec![column])),
        }
    }
    // From an expression on, an index serves no plain column.
    Ok(indexes
        .into_iter()
        .map(|(_, columns)| {
            columns
                .into_iter()
                .map_while(|column| column)
                .collect::<Vec<_>>()
        })
        .filter(|columns| !columns.is_empty())
        .collect())
}

/// A name of the row id that no column has taken.
fn free_row_id(columns: &[Column]) -> Option<&'static str> {
    let taken = |name: &str| {
        let mut columns = columns.iter();
        columns.any(|column| column.name.eq_ignore_ascii_case(name))
    };
    let mut names = ["rowid", "_rowid_", "oid"].into_iter();
    names.find(|name| !taken(name))
}

/// How many rows there are: exactly for a small table, by the row ids for a large one.
fn estimate(
    connection: &Connection,
    known: &Known,
    row_id: Option<String>,
    columns: &[Column],
) -> Result<Option<u64>> {
    let some = Query::select()
        .expr(Expr::cust("1"))
        .from(Alias::new(&known.name))
        .limit(COUNTED + 1)
        .to_owned();
    let count = Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from_subquery(some, "t")
        .to_owned();
    let counted = u64::try_from(number(connection, &count)?).ok();
    if counted.is_none_or(|rows| rows <= COUNTED) || known.without_rowid {
        return Ok(counted.filter(|rows| *rows <= COUNTED));
    }
    let Some(id) = row_id.or_else(|| free_row_id(columns).map(str::to_owned)) else {
        return Ok(None);
    };
    let mut ends = [0; 2];
    for (end, function) in ends.iter_mut().zip(["MAX", "MIN"]) {
        // One end a statement: SQLite finds it by the tree, and both together by reading all.
        let select = Query::select()
            .expr(sea_query::Func::cust(function).arg(Expr::col(Alias::new(&id))))
            .from(Alias::new(&known.name))
            .to_owned();
        *end = number(connection, &select)?;
    }
    Ok(u64::try_from(ends[0].saturating_sub(ends[1]).saturating_add(1)).ok())
}

fn number(connection: &Connection, select: &sea_query::SelectStatement) -> Result<i64> {
    // A LIMIT is all that is bound in these, and it may stand in the text.
    connection.query_row(&select.to_string(SqliteQueryBuilder), [], |row| row.get(0))
}

/// Every row of a statement, each as a tuple.
pub(super) fn all<T>(
    connection: &Connection,
    statement: &'static str,
    parameters: impl Params,
    row: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut prepared = connection.prepare(statement)?;
    prepared.query_map(parameters, row)?.collect()
}
