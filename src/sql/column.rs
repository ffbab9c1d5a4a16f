//! How a field is selected, and how a value is bound beside it, in each dialect.

use sea_query::{Expr, ExprTrait as _, Func};

use super::{BASE, Dialect, mysql, postgres};
use crate::catalog::{Field, FieldType, Stored};
use crate::encode::Shape;
use crate::plan::{Source, Value};

/// The alias of a source's table.
pub(super) fn alias(source: Source) -> &'static str {
    const JOINED: [&str; 32] = [
        "e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10", "e11", "e12", "e13",
        "e14", "e15", "e16", "e17", "e18", "e19", "e20", "e21", "e22", "e23", "e24", "e25", "e26",
        "e27", "e28", "e29", "e30", "e31",
    ];
    match source.index() {
        0 => BASE,
        index => JOINED[index - 1],
    }
}

/// A column of the table of that alias.
pub(super) fn column_of(alias: &str, field: &Field) -> Expr {
    Expr::col((alias.to_owned(), field.name().to_owned()))
}

/// The expression that carries a field's value to us, and the shape that it arrives in.
pub(super) fn projected(expr: Expr, field: &Field, dialect: Dialect) -> (Expr, Shape) {
    match dialect {
        Dialect::Sqlite => sqlite(expr, field),
        Dialect::Postgres => postgres::projected(expr, field),
        Dialect::MySql => mysql::projected(expr, field),
    }
}

/// Whether a field is a sort key as it is sent.
pub(super) fn is_key(field: &Field, dialect: Dialect) -> bool {
    let loses = dialect == Dialect::MySql && mysql::may_lose(field);
    !field.withholds_order() && !is_position(field) && !loses
}

/// Whether a field is ordered by its values' positions: two of them may have one text.
fn is_position(field: &Field) -> bool {
    field.stored() == Stored::Position
}

/// The expression that carries a field to us as a sort key.
pub(super) fn key(expr: Expr, field: &Field, dialect: Dialect) -> (Expr, Shape) {
    match is_position(field) {
        true => (expr.cast_as("UNSIGNED"), Shape::Native),
        false if dialect == Dialect::MySql => mysql::key(expr, field),
        false => projected(expr, field, dialect),
    }
}

/// SQLite gives each value with a type of its own.
fn sqlite(expr: Expr, field: &Field) -> (Expr, Shape) {
    match field.stored() {
        Stored::UnixSeconds => {
            return (
                expr,
                Shape::Unix {
                    milliseconds: false,
                },
            );
        }
        Stored::UnixMilliseconds => return (expr, Shape::Unix { milliseconds: true }),
        Stored::AsItIs | Stored::Bytes | Stored::Position => {}
    }
    match field.field_type() {
        FieldType::Uuid => (expr, Shape::Uuid),
        FieldType::Boolean => (expr, Shape::Boolean),
        FieldType::Integer { .. } | FieldType::Decimal { .. } => (expr, Shape::Wide),
        FieldType::Any => (expr, Shape::Any),
        FieldType::Date | FieldType::DateTime => (expr, Shape::DayAndTime),
        // JSONB is bytes; its text is JSON like any other.
        FieldType::Json => {
            let text = Expr::cust_with_exprs(
                "CASE WHEN typeof(?) = 'blob' AND json_valid(?, 8) THEN json(?) ELSE ? END",
                [expr.clone(), expr.clone(), expr.clone(), expr],
            );
            (text, Shape::Json)
        }
        _ => (expr, Shape::Native),
    }
}

/// A checked value, bound with the type that keeps an index on the field usable.
pub(super) fn bound(value: &Value, field: &Field, dialect: Dialect) -> Expr {
    if let (Dialect::MySql, Some(expr)) = (dialect, mysql::bound(value, field)) {
        return expr;
    }
    let plain = match value {
        Value::Bool(value) => match dialect {
            Dialect::Postgres => Expr::val(*value),
            Dialect::Sqlite | Dialect::MySql => Expr::val(i64::from(*value)),
        },
        Value::Int(value) => Expr::val(*value),
        Value::Uint(value) => Expr::val(*value),
        Value::Float(value) => Expr::val(*value),
        Value::Decimal(digits) => match dialect {
            // SQLite keeps decimals as integers or floats, and compares by class.
            Dialect::Sqlite => match digits.parse::<i64>() {
                Ok(value) => Expr::val(value),
                Err(_) => Expr::val(digits.parse::<f64>().unwrap_or_default()),
            },
            Dialect::Postgres | Dialect::MySql => Expr::val(digits.clone()),
        },
        Value::Text(text) => Expr::val(text.clone()),
        Value::RawText(bytes) => match dialect {
            // A database of this encoding alone keeps such text, and converts nothing.
            Dialect::Postgres => Func::cust("convert_from")
                .args([Expr::val(bytes.clone()), Expr::cust("'SQL_ASCII'")])
                .into(),
            // The plus takes away the cast's affinity, which would convert what it is compared with.
            Dialect::Sqlite | Dialect::MySql => {
                Expr::cust_with_exprs("+CAST(? AS TEXT)", [Expr::val(bytes.clone())])
            }
        },
        Value::Bytes(bytes) => Expr::val(bytes.clone()),
    };
    // What is computed has the type of no column.
    if dialect == Dialect::Postgres && matches!(value, Value::Decimal(_)) && field.cast().is_empty()
    {
        return plain.cast_as("numeric");
    }
    // Typed parameters are the only way to a comparison that uses the column's own operators.
    if dialect == Dialect::Postgres
        && matches!(value, Value::Text(_) | Value::Decimal(_))
        && !field.cast().is_empty()
    {
        plain.cast_as(field.cast().to_owned())
    } else {
        plain
    }
}
