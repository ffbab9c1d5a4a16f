//! The columns of a tool's result: how each is fetched, and what it is in the answer.

use std::sync::Arc;

use crate::catalog::{Field, FieldType};
use crate::encode::{Cell, Guard, Layout, Member, Shape};
use crate::sql::{Dialect, column, large};

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

/// Whether PostgreSQL measures the values of a column.
fn is_measured(column: &Column<'_>) -> bool {
    let field_type = column.field.map_or(column.class, Field::field_type);
    is_unbounded(column) || matches!(field_type, FieldType::Decimal { scale: None })
}

fn cell(index: usize, shape: Shape, guard: Option<Guard>) -> Cell {
    Cell {
        index,
        shape,
        guard,
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
        columns.iter().filter(|it| is_measured(it)).count(),
    );
    let mut as_it_is = true;
    for (index, column) in columns.iter().enumerate().filter(|(_, it)| it.is_shown) {
        let value = name(index);
        let (projected, shape) = projected(&value, column);
        let guard = is_measured(column).then(|| Guard {
            max_bytes,
            marked: projected != value,
        });
        as_it_is &= projected == value && guard.is_none();
        let at = selected.len();
        selected.push(match guard {
            Some(Guard { marked: true, .. }) => large::made_once(&projected, max_bytes),
            Some(_) => {
                let (exceeds, size) = stored(&value, column, max_bytes);
                let told = format!("CASE WHEN {exceeds} THEN {size} ELSE {projected} END");
                too_large.push(exceeds);
                told
            }
            None => projected,
        });
        members.push(member(column, cell(at, shape, guard)));
    }
    let whole = columns.iter().all(|column| column.is_shown);
    if as_it_is && whole {
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

/// Where a value is too large that is sent as it is stored, and its size as a value of its type.
fn stored(value: &str, column: &Column<'_>, max_bytes: usize) -> (String, String) {
    let as_text = |value: &str| format!("CAST({value} AS text)");
    let (measured, told): (_, &dyn Fn(&str) -> String) = match (column.class, column.kind) {
        (FieldType::Bytes, _) => (value.to_owned(), &|size| {
            format!("convert_to({}, 'UTF8')", as_text(size))
        }),
        // The driver's name of `bpchar`; another type's is `"char"`, with quotes.
        (_, "char") => (value.to_owned(), &|size| {
            format!("CAST({size} AS {})", large::PADDED)
        }),
        _ => (as_text(value), &as_text),
    };
    let size = format!("octet_length({measured})");
    (format!("{size} > {max_bytes}"), told(&size))
}
