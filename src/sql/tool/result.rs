//! The columns of a tool's result: how each is fetched, and what it is in the answer.

use std::sync::Arc;

use crate::catalog::{Field, FieldType};
use crate::encode::{Cell, Layout, Member, Shape};
use crate::sql::{Dialect, column, large};

/// PostgreSQL's compression makes a value this many times smaller at the most.
const COMPRESSION: usize = 300;

/// A column of a result, as its engine describes it.
#[derive(Debug)]
pub struct Column<'c> {
    /// Its name.
    pub name: &'c str,
    /// The class of its values.
    pub class: FieldType,
    /// The engine's own name of its type, in small letters.
    pub kind: &'c str,
    /// The field that it comes from, as it is.
    pub field: Option<&'c Field>,
    /// Whether it is in the answer.
    pub is_shown: bool,
}

/// How a result is fetched and written.
pub(super) struct Result {
    /// What is selected of it, where it cannot be fetched as it is.
    pub(super) projection: Option<String>,
    pub(super) layout: Layout,
    /// What the long values of one row may take, in bytes.
    pub(super) row_bytes: usize,
}

/// The name of a column by its position.
pub(super) fn name(index: usize) -> String {
    format!("c{index}")
}

pub(super) fn read(columns: &[Column<'_>], dialect: Dialect, max_bytes: usize) -> Result {
    match dialect {
        Dialect::Postgres => postgres(columns, max_bytes),
        Dialect::Sqlite | Dialect::MySql => {
            let shown = columns.iter().enumerate().filter(|(_, it)| it.is_shown);
            let members = shown.map(|(index, column)| {
                let shape = match dialect {
                    Dialect::Sqlite => sqlite(column),
                    _ => mysql(column),
                };
                member(column, cell(index, shape, None))
            });
            // Nothing measures them: the engine's own bound for one row is the only one.
            let is_long = columns.iter().any(is_unbounded);
            Result {
                projection: None,
                layout: Layout::new(members.collect(), Vec::new(), None),
                row_bytes: if is_long { large::ROW_BYTES } else { 0 },
            }
        }
    }
}

/// Whether no type bounds the values of a column.
fn is_unbounded(column: &Column<'_>) -> bool {
    !column.field.is_some_and(Field::is_bounded) && large::is_long(column.class)
}

fn cell(index: usize, shape: Shape, guarded: Option<usize>) -> Cell {
    Cell {
        index,
        shape,
        guarded,
    }
}

fn member(column: &Column<'_>, cell: Cell) -> Member {
    let parts = column.field.map(|field| Arc::clone(field.parts()));
    Member::compound(column.name, cell, parts.unwrap_or_default())
}

/// A field's values are those of the field; what is computed has the class of each value.
fn sqlite(column: &Column<'_>) -> Shape {
    let nothing = sea_query::Expr::cust("NULL");
    match column.field {
        Some(field) => column::projected(nothing, field, Dialect::Sqlite).1,
        None => Shape::Wide,
    }
}

fn mysql(column: &Column<'_>) -> Shape {
    let is_document = column
        .field
        .is_some_and(|field| field.field_type() == FieldType::Json && field.cast() != "geometry");
    if is_document {
        return Shape::Json;
    }
    match column.class {
        FieldType::Boolean => Shape::Boolean,
        FieldType::Integer { .. } => Shape::Wide,
        FieldType::Decimal { .. } => Shape::Number,
        FieldType::Json => Shape::Json,
        FieldType::Time => Shape::Clock,
        FieldType::DateTime => Shape::Moment { utc: false },
        FieldType::Timestamp => Shape::Moment { utc: true },
        _ => Shape::Native,
    }
}

/// What the driver does not read to the last digit comes as text, and of a value that no answer
/// could hold only the size.
fn postgres(columns: &[Column<'_>], max_bytes: usize) -> Result {
    let (mut selected, mut too_large, mut members) = (Vec::new(), Vec::new(), Vec::new());
    let max_bytes = large::of_each(
        max_bytes,
        columns.iter().filter(|it| is_unbounded(it)).count(),
    );
    let mut as_it_is = true;
    for (index, column) in columns.iter().enumerate().filter(|(_, it)| it.is_shown) {
        let value = name(index);
        let (projected, shape) = projected(&value, column);
        as_it_is &= projected == value;
        let guard = guard(&value, column, max_bytes);
        let guarded = guard.is_some().then_some(max_bytes);
        let at = selected.len();
        selected.push(match guard {
            Some((exceeds, size)) => {
                let told = format!("CASE WHEN {exceeds} THEN {size} ELSE {projected} END");
                too_large.push(exceeds);
                told
            }
            None => projected,
        });
        members.push(member(column, cell(at, shape, guarded)));
    }
    let whole = columns.iter().all(|column| column.is_shown);
    if as_it_is && whole && too_large.is_empty() {
        let layout = Layout::new(members, Vec::new(), None);
        return Result {
            projection: None,
            layout,
            row_bytes: 0,
        };
    }
    let oversize = (!too_large.is_empty()).then(|| {
        let any = too_large.join(" OR ");
        selected.push(format!("CASE WHEN {any} THEN 1 ELSE 0 END"));
        selected.len() - 1
    });
    if selected.is_empty() {
        selected.push("1".to_owned());
    }
    let layout = Layout::new(members, Vec::new(), oversize);
    Result {
        projection: Some(selected.join(", ")),
        row_bytes: layout.row_bytes(),
        layout,
    }
}

/// The expression that carries a value to us, and the shape that it arrives in.
fn projected(value: &str, column: &Column<'_>) -> (String, Shape) {
    match (column.class, column.kind) {
        (FieldType::Integer { wide: true, .. }, _) => (value.to_owned(), Shape::Wide),
        (
            FieldType::Integer { .. }
            | FieldType::Float
            | FieldType::Float32
            | FieldType::Boolean
            | FieldType::Text
            | FieldType::Bytes
            | FieldType::Uuid
            | FieldType::Date
            | FieldType::DateTime
            | FieldType::Timestamp,
            _,
        ) => (value.to_owned(), Shape::Native),
        (FieldType::Decimal { .. }, _) => {
            (format!("CAST(numeric_out({value}) AS text)"), Shape::Number)
        }
        (FieldType::Json, "json" | "jsonb") => (format!("CAST({value} AS text)"), Shape::Json),
        _ => (format!("CAST(to_json({value}) AS text)"), Shape::Json),
    }
}

/// Where a value is too large, and its size as a value of the type that it is selected as.
fn guard(value: &str, column: &Column<'_>, max_bytes: usize) -> Option<(String, String)> {
    if !is_unbounded(column) {
        return None;
    }
    let as_text = format!("octet_length(CAST({value} AS text))");
    Some(match column.class {
        FieldType::Bytes => {
            let size = format!("octet_length({value})");
            let told = format!("convert_to(CAST({size} AS text), 'UTF8')");
            (format!("{size} > {max_bytes}"), told)
        }
        FieldType::Text => {
            let kind = if column.kind == "bpchar" {
                "bpchar"
            } else {
                "text"
            };
            let told = format!("CAST({as_text} AS {kind})");
            (format!("{as_text} > {max_bytes}"), told)
        }
        // To know its length as text a document is written out; its stored size costs nothing.
        FieldType::Json | FieldType::Array | FieldType::Other => {
            let stored = format!("pg_column_size({value}) > {}", max_bytes / COMPRESSION);
            let exceeds = format!("({stored} AND {as_text} > {max_bytes})");
            (exceeds, format!("CAST({as_text} AS text)"))
        }
        _ => return None,
    })
}
