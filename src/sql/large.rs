//! Values that no answer could hold: they are left in the database, and their size comes instead.
//!
//! Without this a driver would take a value of any size into memory before it could be measured.

use sea_query::{Expr, ExprTrait as _, Func};

use super::Dialect;
use crate::catalog::{Field, FieldType};

/// PostgreSQL's compression makes a value this many times smaller at the most.
const COMPRESSION: &str = "300";
/// The same of a number, which is besides twice as long in digits as it is stored.
const COMPRESSION_OF_NUMBERS: &str = "600";

/// What one row may take in the driver at the most, all its values together.
pub(super) const ROW_BYTES: usize = 24 * 1024 * 1024;

/// What each of so many values without a bound may take in one row, where an answer may hold so many
/// bytes.
pub(super) fn of_each(max_bytes: usize, values: usize) -> usize {
    max_bytes.min(ROW_BYTES / values.max(1))
}

/// How many of the fields have values without a bound.
pub(super) fn unbounded<'f>(fields: impl IntoIterator<Item = &'f Field>) -> usize {
    let is_measured = |field: &&Field| {
        !field.is_bounded() && (is_long(field.field_type()) || is_endless_number(field))
    };
    fields.into_iter().filter(is_measured).count()
}

/// Whether it is one of PostgreSQL's numbers without a precision: they have up to 147,455 digits.
fn is_endless_number(field: &Field) -> bool {
    let is_plain = matches!(field.field_type(), FieldType::Decimal { scale: None });
    // The other engines need no cast for theirs.
    is_plain && !field.cast().is_empty()
}

/// Whether values of that type may be long.
pub(super) fn is_long(field_type: FieldType) -> bool {
    matches!(
        field_type,
        FieldType::Bytes
            | FieldType::Text
            | FieldType::Json
            | FieldType::Array
            | FieldType::Any
            | FieldType::Other
    )
}

/// The size of a field's value in bytes, where its type sets no bound to it.
pub(super) fn size(column: &Expr, field: &Field, dialect: Dialect) -> Option<Expr> {
    if unbounded([field]) == 0 {
        return None;
    }
    let measured = match (dialect, field.field_type()) {
        (Dialect::Postgres, FieldType::Bytes) | (Dialect::Sqlite | Dialect::MySql, _) => {
            column.clone()
        }
        (Dialect::Postgres, _) => column.clone().cast_as("text"),
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
    // To know its length as text a document is written out; its stored size costs nothing.
    let compression = match (dialect, field.field_type()) {
        (Dialect::Postgres, FieldType::Json | FieldType::Array | FieldType::Other) => COMPRESSION,
        (Dialect::Postgres, FieldType::Decimal { .. }) => COMPRESSION_OF_NUMBERS,
        _ => return exceeds,
    };
    let stored = Func::cust("pg_column_size").arg(column.clone());
    let may = Expr::from(stored).gt(limit().div(Expr::cust(compression)));
    may.and(exceeds)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_takes_more_than_its_bound() {
        assert_eq!(of_each(1_048_576, 0), 1_048_576);
        assert_eq!(of_each(1_048_576, 24), 1_048_576);
        for values in [25, 100, 1_600] {
            let each = of_each(1_048_576, values);
            assert!(each < 1_048_576 && each * values <= ROW_BYTES, "{values}");
        }
    }
}
