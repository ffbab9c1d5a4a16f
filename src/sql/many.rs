//! The rows that a relation to many leads to, asked of beside the row that they belong to: whether
//! there are some, and what is told of them all.

use sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

use super::columns::Columns;
use super::groups::AggregateSql;
use super::seen::Seen;
use super::{Dialect, alias, column, exists, join, number, table, term};
use crate::encode::{Cell, Shape};
use crate::plan::{Condition, Function, Number, Rows, Summary, Term};

/// Whether there is a row of which a condition holds.
pub(super) fn some(rows: &Rows<'_>, filter: &Condition<'_>, dialect: Dialect) -> Expr {
    let mut select = select(rows, filter, dialect);
    select.expr(Expr::cust("1"));
    exists(select, dialect)
}

/// A SELECT of nothing yet, from those of the rows that may be seen and of which a condition holds.
fn select(rows: &Rows<'_>, filter: &Condition<'_>, dialect: Dialect) -> SelectStatement {
    let mut select = Query::select();
    let there = alias(rows.source);
    select.from(table(rows.join.model.table()).alias(there));
    if let Some(on) = join::Lead::of(&rows.join).on(there, dialect) {
        select.and_where(on);
    }
    for (source, one) in &rows.joined {
        join::one(&mut select, *source, one, dialect);
    }
    Seen::of_many(rows, dialect).filter(&mut select, filter);
    select
}

/// What is told of the rows, as it is compared.
pub(super) fn compared(summary: &Summary<'_>, dialect: Dialect) -> Expr {
    told(
        summary,
        AggregateSql::of(&summary.told, dialect).compared(),
        dialect,
    )
}

/// What is told of the rows, as it is ordered by.
pub(super) fn ordered(summary: &Summary<'_>, dialect: Dialect) -> Expr {
    told(
        summary,
        AggregateSql::of(&summary.told, dialect).computed(),
        dialect,
    )
}

/// A value of all the rows.
fn told(summary: &Summary<'_>, value: Expr, dialect: Dialect) -> Expr {
    let mut select = select(&summary.rows, &summary.filter, dialect);
    select.expr(value);
    Expr::SubQuery(None, Box::new(select.into()))
}

/// The column that tells it.
pub(super) fn cell(columns: &mut Columns<'_>, summary: &Summary<'_>) -> Cell {
    let dialect = columns.dialect;
    let extreme = matches!(summary.told.function, Function::Min | Function::Max);
    match &summary.told.term {
        Some(term @ (Term::Column(_) | Term::Part(..))) if extreme => {
            let value = ordered(summary, dialect);
            let field = term.field();
            let (expr, shape) = column::projected(value.clone(), field, dialect);
            columns.guarded(&value, expr, shape, field)
        }
        _ => {
            let (value, shape) = exact(summary, dialect);
            columns.plain(value, shape)
        }
    }
}

/// What is told to the last digit, and how it arrives.
fn exact(summary: &Summary<'_>, dialect: Dialect) -> (Expr, Shape) {
    let all = AggregateSql::of(&summary.told, dialect);
    let (Some(number), function) = (digits(summary), summary.told.function) else {
        return (ordered(summary, dialect), Shape::Native);
    };
    let float = number.is_float();
    match (dialect, function) {
        (_, Function::Count | Function::CountDistinct) => {
            (ordered(summary, dialect), Shape::Native)
        }
        (Dialect::Sqlite, Function::Avg) if !float => {
            let sum = number::aggregated(Function::Sum, &number);
            let sum = sum.unwrap_or_else(|| Expr::cust("NULL"));
            let count = number::value(&number, dialect).count();
            let ratio = Expr::cust_with_exprs("? || '/' || ?", [sum, count]);
            (told(summary, ratio, dialect), Shape::Ratio)
        }
        (Dialect::Sqlite, _) if !float || matches!(summary.told.term, Some(Term::Number(_))) => {
            match number::aggregated(function, &number) {
                Some(value) => number::told(told(summary, value, dialect), float, dialect),
                None => (ordered(summary, dialect), Shape::Native),
            }
        }
        (_, Function::Avg) if !float => {
            let (text, template) = match dialect {
                Dialect::MySql => ("CHAR", "CONCAT(?, '/', ?)"),
                _ => ("text", "$1 || '/' || $2"),
            };
            let value = summary.told.term.as_ref();
            let value = value.map(|term| term::value(term, dialect));
            let value = value.unwrap_or_else(|| Expr::cust("NULL"));
            let parts = [value.clone().sum(), value.count()].map(|part| part.cast_as(text));
            let ratio = Expr::cust_with_exprs(template, parts);
            (told(summary, ratio, dialect), Shape::Ratio)
        }
        _ => number::told(told(summary, all.computed(), dialect), float, dialect),
    }
}

/// The numbers that it is told of, where it is of such.
fn digits<'c>(summary: &Summary<'c>) -> Option<Number<'c>> {
    match summary.told.term.as_ref()? {
        Term::Number(number) => Some((**number).clone()),
        Term::Column(column) => {
            let kind = column.field.field_type();
            let sums = matches!(summary.told.function, Function::Sum | Function::Avg);
            (sums && kind.is_number()).then_some(Number::Column(*column))
        }
        _ => None,
    }
}
