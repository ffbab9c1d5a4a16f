//! What the terms of a plan are in SQL.

use sea_query::Expr;

use super::{Dialect, alias, column_of, documents, groups, many, mysql, number, postgres};
use crate::catalog::Stored;
use crate::encode::Shape;
use crate::plan::{Column, DatePart, Term, Zone};

/// The value of a term.
///
/// But for constants of expressions, and for what is told of many rows, it holds no bound value: engines take two parameters of one value for two expressions.
pub(super) fn value(term: &Term<'_>, dialect: Dialect) -> Expr {
    match term {
        Term::Column(Column { source, field }) => column_of(alias(*source), field),
        Term::Part(column, part, zone) => date_part(column, *part, *zone, dialect),
        Term::Number(number) => number::value(number, dialect),
        Term::Summary(summary) => many::ordered(summary, dialect),
        Term::Member(index, _) => groups::member(*index),
    }
}

/// The value of a term as it is tested.
pub(super) fn compared(term: &Term<'_>, dialect: Dialect) -> Expr {
    match term {
        Term::Number(number) => number::ordered(number, dialect),
        Term::Summary(summary) => many::compared(summary, dialect),
        _ => value(term, dialect),
    }
}

/// The value of a term as rows are ordered and grouped by it.
pub(super) fn ordered(term: &Term<'_>, dialect: Dialect) -> Expr {
    match term {
        Term::Number(number) => return number::ordered(number, dialect),
        Term::Summary(summary) => {
            let value = many::ordered(summary, dialect);
            return match dialect {
                Dialect::MySql => documents::made(value, term.field(), dialect),
                Dialect::Sqlite | Dialect::Postgres => value,
            };
        }
        Term::Part(Column { source, field }, part, zone) if dialect == Dialect::Postgres => {
            let local = postgres::local(column_of(alias(*source), field), field, *zone);
            return postgres::ordered_part(local, field, *part);
        }
        _ => {}
    }
    documents::ordered(value(term, dialect), term.field(), dialect)
}

/// The value of a term by which groups are told and tested.
pub(super) fn grouped(term: &Term<'_>, dialect: Dialect) -> Expr {
    match term {
        Term::Part(..) => value(term, dialect),
        _ => ordered(term, dialect),
    }
}

/// How a term that is computed is sent.
pub(super) fn shape(term: &Term<'_>, dialect: Dialect) -> (Expr, Shape) {
    let value = value(term, dialect);
    match term {
        Term::Number(number) => number::told(value, number.is_float(), dialect),
        _ => (value, Shape::Native),
    }
}

fn date_part(
    Column { source, field }: &Column<'_>,
    part: DatePart,
    zone: Option<Zone>,
    dialect: Dialect,
) -> Expr {
    let column = column_of(alias(*source), field);
    match dialect {
        // It knows no zone, and no plan that needs one gets here.
        Dialect::Sqlite => dated(&column, part, field.stored()),
        Dialect::Postgres => postgres::date_part(postgres::local(column, field, zone), field, part),
        Dialect::MySql => mysql::date_part(mysql::local(column, field, zone), part),
    }
}

/// The part of a date on SQLite, of text and numbers alike, in UTC.
///
/// Its own functions would make a date of much that is none: `now`, a time of day, the 31st of
/// February.
fn dated(column: &Expr, part: DatePart, stored: Stored) -> Expr {
    let number = match stored {
        Stored::UnixSeconds => cut(part, "?, 'unixepoch'"),
        Stored::UnixMilliseconds => cut(part, "? / 1000.0, 'unixepoch'"),
        Stored::AsItIs | Stored::Bytes | Stored::Position => cut(part, "?, 'auto'"),
    };
    let text = cut(part, "?");
    let template = format!(
        "CASE typeof(?) WHEN 'integer' THEN {number} \
         WHEN 'real' THEN {number} \
         WHEN 'text' THEN CASE WHEN date(substr(?, 1, 10)) = substr(?, 1, 10) \
         THEN {text} END END"
    );
    let columns = vec![column.clone(); template.matches('?').count()];
    Expr::cust_with_exprs(template, columns)
}

/// The part of a moment, as SQLite's functions take one.
fn cut(part: DatePart, moment: &str) -> String {
    let of = |format: &str| format!("strftime('{format}', {moment})");
    let number = |format: &str| format!("CAST({} AS INTEGER)", of(format));
    match part {
        DatePart::Year => of("%Y"),
        DatePart::Quarter => {
            format!("{} || '-Q' || (({} + 2) / 3)", of("%Y"), number("%m"))
        }
        DatePart::Month => of("%Y-%m"),
        DatePart::Week => of("%G-W%V"),
        DatePart::Day => of("%Y-%m-%d"),
        DatePart::Weekday => number("%u"),
        // A 24th hour is the first of the next day, as it is to the other parts.
        DatePart::Hour => format!("({} % 24)", number("%H")),
    }
}
