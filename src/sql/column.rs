//! How a field is selected, and how a value is bound beside it, in each dialect.

use sea_query::{Expr, ExprTrait as _, Func};

use super::{Dialect, column_of, mysql};
use crate::catalog::{Field, FieldType};
use crate::encode::Shape;
use crate::plan::Value;

/// The expression that carries a field's value to us, and the shape that it arrives in.
pub(super) fn projected(expr: Expr, field: &Field, dialect: Dialect) -> (Expr, Shape) {
    match dialect {
        Dialect::Sqlite => sqlite(expr, field.field_type()),
        Dialect::Postgres => postgres(expr, field),
        Dialect::MySql => mysql::projected(expr, field),
    }
}

/// SQLite gives each value with a type of its own.
fn sqlite(expr: Expr, field_type: FieldType) -> (Expr, Shape) {
    match field_type {
        FieldType::Boolean => (expr, Shape::Boolean),
        FieldType::Integer { .. } | FieldType::Any | FieldType::Decimal { .. } => {
            (expr, Shape::Wide)
        }
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

/// PostgreSQL: its own text or JSON for whatever is not read from its binary form to the last digit.
fn postgres(expr: Expr, field: &Field) -> (Expr, Shape) {
    match field.field_type() {
        FieldType::Integer { wide: true, .. } => (expr, Shape::Wide),
        FieldType::Integer { .. } | FieldType::Float | FieldType::Float32 | FieldType::Boolean => {
            (expr, Shape::Native)
        }
        FieldType::Bytes
        | FieldType::Uuid
        | FieldType::Date
        | FieldType::DateTime
        | FieldType::Timestamp => (expr, Shape::Native),
        // Other types of text, like citext, the driver would have to look up first.
        FieldType::Text if matches!(field.cast(), "text" | "bpchar") => (expr, Shape::Native),
        FieldType::Decimal { .. } => (expr.cast_as("text"), Shape::Number),
        FieldType::Enum => (expr.cast_as("text"), Shape::Native),
        FieldType::Json if matches!(field.cast(), "json" | "jsonb") => {
            (expr.cast_as("text"), Shape::Json)
        }
        _ => (json_text(expr), Shape::Json),
    }
}

fn json_text(expr: Expr) -> Expr {
    Func::cust("to_json").arg(expr).cast_as("text")
}

/// A field as it is compared with values, so that no engine refuses to.
pub(super) fn comparable(alias: &str, field: &Field, values: &[Value], dialect: Dialect) -> Expr {
    let column = column_of(alias, field);
    match dialect {
        Dialect::MySql => mysql::comparable(column, field, values),
        Dialect::Sqlite | Dialect::Postgres => column,
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
        // The plus takes away the cast's affinity, which would convert what it is compared with.
        Value::RawText(bytes) => {
            Expr::cust_with_exprs("+CAST(? AS TEXT)", [Expr::val(bytes.clone())])
        }
        Value::Bytes(bytes) => Expr::val(bytes.clone()),
    };
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
