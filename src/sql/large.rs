//! Values that no answer could hold: they are left in the database, and their size comes instead.
//!
//! Without this a driver would take a value of any size into memory before it could be measured.

use sea_query::{Expr, ExprTrait as _, Func};

use super::Dialect;
use crate::catalog::{Field, FieldType};
use crate::encode::SIZE;

/// PostgreSQL's text that is filled up with blanks, which a cast to another text takes away.
pub(super) const PADDED: &str = "bpchar";

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

/// Whether the text that is sent of a field's values is made by PostgreSQL. Nothing that is stored
/// says how long it is: `1e131071` takes seven bytes, and NULL in a list a bit.
pub(super) fn is_made(field: &Field, dialect: Dialect) -> bool {
    let is_stored = matches!(field.field_type(), FieldType::Bytes | FieldType::Text);
    dialect == Dialect::Postgres && !is_stored
}

/// A value whose text is made, or where that is too large its size. It is made once: a condition
/// beside it would make it again.
pub(super) fn made(projected: Expr, max_bytes: usize) -> Expr {
    Expr::cust_with_exprs(made_once("$1", max_bytes), [projected])
}

/// The same as SQL. What has no FROM of its own finds the columns that it names further out.
pub(super) fn made_once(projected: &str, max_bytes: usize) -> String {
    format!(
        "(SELECT CASE WHEN octet_length(v) > {max_bytes} \
         THEN '{SIZE}' || CAST(octet_length(v) AS text) ELSE v END \
         FROM (SELECT {projected} AS v OFFSET 0) AS m)"
    )
}

/// A value that is sent as it is stored, or where that is too large its size as a value of the same
/// SQL type; and whether it is.
pub(super) fn stored(
    column: &Expr,
    projected: Expr,
    max_bytes: usize,
    field: &Field,
    dialect: Dialect,
) -> (Expr, Expr) {
    let size = size(column, &projected, field, dialect);
    let too_large = size.clone().gt(Expr::cust(max_bytes.to_string()));
    let told = match (dialect, field.field_type()) {
        (Dialect::Sqlite, _) => size,
        (Dialect::MySql, _) => size.cast_as("CHAR"),
        (Dialect::Postgres, FieldType::Bytes) => Func::cust("convert_to")
            .arg(size.cast_as("text"))
            .arg(Expr::cust("'UTF8'"))
            .into(),
        (Dialect::Postgres, _) if field.cast() == PADDED => size.cast_as(PADDED),
        (Dialect::Postgres, _) => size.cast_as("text"),
    };
    let expr = Expr::case(too_large.clone(), told).finally(projected);
    (expr.into(), too_large)
}

/// The size of a value in bytes.
fn size(column: &Expr, projected: &Expr, field: &Field, dialect: Dialect) -> Expr {
    let of = |value: Expr| Expr::from(Func::cust("octet_length").arg(value));
    match (dialect, field.field_type()) {
        (Dialect::Postgres, FieldType::Bytes) => of(column.clone()),
        (Dialect::Postgres, _) if field.cast() == PADDED => of(column.clone()),
        (Dialect::Postgres, _) if field.cast() == "text" => of(column.clone().cast_as("text")),
        // Other texts come as JSON, whose escapes are longer than what they stand for.
        (Dialect::Postgres, _) => of(projected.clone()),
        // What is no text as it is stored is several times as long as one.
        (Dialect::MySql, FieldType::Json) if field.cast() == "geometry" => of(projected.clone()),
        (Dialect::Sqlite, FieldType::Json) => Expr::cust_with_exprs(
            "CASE WHEN typeof(?) = 'blob' AND json_valid(?, 8) \
             THEN octet_length(json(?)) ELSE octet_length(?) END",
            vec![column.clone(); 4],
        ),
        (Dialect::Sqlite | Dialect::MySql, _) => of(column.clone()),
    }
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
