//! Values that no answer could hold: they are left in the database, and their size comes instead.
//!
//! Without this a driver would take a value of any size into memory before it could be measured.

use sea_query::{Expr, ExprTrait as _, Func};

use super::Dialect;
use crate::catalog::{Field, FieldType};

/// PostgreSQL's compression makes a value this many times smaller at the most.
const COMPRESSION: &str = "300";

/// The size of a field's value in bytes, where its type sets no bound to it.
pub(super) fn size(column: &Expr, field: &Field, dialect: Dialect) -> Option<Expr> {
    if field.is_bounded() {
        return None;
    }
    let measured = match field.field_type() {
        FieldType::Bytes => column.clone(),
        FieldType::Text
        | FieldType::Json
        | FieldType::Array
        | FieldType::Any
        | FieldType::Other => match dialect {
            Dialect::Postgres => column.clone().cast_as("text"),
            Dialect::Sqlite | Dialect::MySql => column.clone(),
        },
        _ => return None,
    };
    Some(Func::cust("octet_length").arg(measured).into())
}

/// Whether a value of that size is larger than an answer may be.
pub(super) fn exceeds(
    column: &Expr,
    size: Expr,
    max_bytes: usize,
    field: &Field,
    dialect: Dialect,
) -> Expr {
    let limit = || Expr::cust(max_bytes.to_string());
    let exceeds = size.gt(limit());
    match (dialect, field.field_type()) {
        // To know its length as text a document is written out; its stored size costs nothing.
        (Dialect::Postgres, FieldType::Json | FieldType::Array | FieldType::Other) => {
            let stored = Func::cust("pg_column_size").arg(column.clone());
            let may = Expr::from(stored).gt(limit().div(Expr::cust(COMPRESSION)));
            may.and(exceeds)
        }
        _ => exceeds,
    }
}

/// The projected value, or where it is too large its size as a value of the same SQL type.
pub(super) fn guarded(
    projected: Expr,
    size: Expr,
    too_large: Expr,
    field: &Field,
    dialect: Dialect,
) -> Expr {
    let told = match (dialect, field.field_type()) {
        (Dialect::Sqlite, _) => size,
        (Dialect::MySql, _) => size.cast_as("CHAR"),
        (Dialect::Postgres, FieldType::Bytes) => Func::cust("convert_to")
            .arg(size.cast_as("text"))
            .arg(Expr::cust("'UTF8'"))
            .into(),
        // As text it would lose the spaces at its end.
        (Dialect::Postgres, _) if field.cast() == "bpchar" => size.cast_as("bpchar"),
        (Dialect::Postgres, _) => size.cast_as("text"),
    };
    Expr::case(too_large, told).finally(projected).into()
}
