//! What the terms of a plan are in SQL.

use sea_query::{Expr, Func};

use super::{Dialect, alias, column_of, documents, postgres};
use crate::catalog::{FieldType, Stored};
use crate::plan::{Column, DatePart, Term};

/// The value of a term, as it is compared.
///
/// It holds no bound value: engines take two parameters of one value for two expressions.
pub(super) fn value(term: &Term<'_>, dialect: Dialect) -> Expr {
    match term {
        Term::Column(Column { source, field }) => column_of(alias(*source), field),
        Term::Part(column, part) => date_part(column, *part, dialect),
    }
}

/// The value of a term as rows are ordered and grouped by it.
pub(super) fn ordered(term: &Term<'_>, dialect: Dialect) -> Expr {
    documents::ordered(value(term, dialect), term.field(), dialect)
}

fn date_part(Column { source, field }: &Column<'_>, part: DatePart, dialect: Dialect) -> Expr {
    let column = column_of(alias(*source), field);
    match dialect {
        Dialect::Sqlite => dated(&column, part, field.stored()),
        Dialect::Postgres => {
            let local = match field.field_type() {
                FieldType::Timestamp => Func::cust("timezone")
                    .arg(Expr::cust("'UTC'"))
                    .arg(column)
                    .into(),
                _ => column,
            };
            postgres::date_part(local, part)
        }
        Dialect::MySql => Func::cust("DATE_FORMAT")
            .arg(column)
            .arg(Expr::cust(match part {
                DatePart::Year => "'%Y'",
                DatePart::Month => "'%Y-%m'",
                DatePart::Day => "'%Y-%m-%d'",
            }))
            .into(),
    }
}

/// The part of a date on SQLite, of text and numbers alike, in UTC.
///
/// Its own functions would make a date of much that is none: `now`, a time of day, the 31st of
/// February.
fn dated(column: &Expr, part: DatePart, stored: Stored) -> Expr {
    let format = match part {
        DatePart::Year => "%Y",
        DatePart::Month => "%Y-%m",
        DatePart::Day => "%Y-%m-%d",
    };
    let number = match stored {
        Stored::UnixSeconds => format!("strftime('{format}', ?, 'unixepoch')"),
        Stored::UnixMilliseconds => format!("strftime('{format}', ? / 1000.0, 'unixepoch')"),
        Stored::AsItIs | Stored::Bytes | Stored::Position => {
            format!("strftime('{format}', ?, 'auto')")
        }
    };
    let template = format!(
        "CASE typeof(?) WHEN 'integer' THEN {number} \
         WHEN 'real' THEN {number} \
         WHEN 'text' THEN CASE WHEN date(substr(?, 1, 10)) = substr(?, 1, 10) \
         THEN strftime('{format}', ?) END END"
    );
    let columns = vec![column.clone(); template.matches('?').count()];
    Expr::cust_with_exprs(template, columns)
}
