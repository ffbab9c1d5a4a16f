//! Groups and their aggregates.

use sea_query::{Expr, ExprTrait as _, Func, SelectStatement};

use super::{Columns, Dialect, alias, column, column_of, documents, postgres, sums, term};
use crate::catalog::{Field, FieldType};
use crate::encode::{Cell, Member, Shape};
use crate::plan::{Aggregate, Column, Function, GroupKey, Term};

/// Selects the keys and aggregates of groups.
pub(super) fn members<'p>(
    columns: &mut Columns<'p>,
    by: &[GroupKey<'p>],
    aggregates: &[Aggregate<'p>],
) -> Vec<Member> {
    let dialect = columns.dialect;
    let mut members = Vec::with_capacity(by.len() + aggregates.len());
    for key in by {
        let field = key.term.field();
        let cell = match field.withholds_order() {
            true => {
                let value = term::ordered(&key.term, dialect);
                let (expr, shape) = column::projected(value.clone(), field, dialect);
                columns.guarded(&value, expr, shape, field)
            }
            false => columns.term(&key.term),
        };
        members.push(Member::cell(&key.name, cell));
    }
    for aggregate in aggregates {
        if let Some(cell) = exact(columns, aggregate) {
            members.push(Member::cell(&aggregate.alias, cell));
            continue;
        }
        let (expr, shape) = told(aggregate, dialect);
        let cell = match (aggregate.function, &aggregate.term) {
            (Function::Min | Function::Max, Some(term)) => {
                columns.guarded(&computed(aggregate, dialect), expr, shape, term.field())
            }
            _ => columns.plain(expr, shape),
        };
        members.push(Member::cell(&aggregate.alias, cell));
    }
    members
}

/// The columns of a sum or a mean that is told to the last digit: SQLite would not add exactly by
/// itself, and a mean is divided once, when it is written.
fn exact(columns: &mut Columns<'_>, aggregate: &Aggregate<'_>) -> Option<Cell> {
    let term = aggregate.term.as_ref()?;
    let field = term.field();
    let column = term::value(term, columns.dialect);
    let is_mean = match aggregate.function {
        Function::Sum => false,
        Function::Avg => true,
        _ => return None,
    };
    if columns.dialect == Dialect::Sqlite {
        let parts = sums::parts(&column, field)?;
        let (scale, fixed) = (parts.scale, parts.fixed);
        let shape = match is_mean {
            true => Shape::Mean { units: Some(scale) },
            false => Shape::Sum { scale, fixed },
        };
        let cell = columns.plain(parts.high, shape);
        columns.add(parts.low);
        columns.add(parts.rest);
        if is_mean {
            columns.add(sums::count(&column));
        }
        return Some(cell);
    }
    if !is_mean || is_float(field) {
        return None;
    }
    let text = match columns.dialect {
        Dialect::MySql => "CHAR",
        _ => "text",
    };
    let sum = column.clone().sum().cast_as(text);
    let cell = columns.plain(sum, Shape::Mean { units: None });
    columns.add(column.count());
    Some(cell)
}

/// Groups by the keys.
pub(super) fn group_by(select: &mut SelectStatement, by: &[GroupKey<'_>], dialect: Dialect) {
    for key in by {
        select.add_group_by([term::ordered(&key.term, dialect)]);
    }
}

/// What a member of the output is ordered by, and whether it may be NULL.
pub(super) fn ordered(
    by: &[GroupKey<'_>],
    aggregates: &[Aggregate<'_>],
    index: usize,
    dialect: Dialect,
) -> (Expr, bool) {
    match (by.get(index), aggregates.get(index.wrapping_sub(by.len()))) {
        // Text would put years before Christ among those after.
        (
            Some(GroupKey {
                term: Term::Part(Column { source, field }, _),
                ..
            }),
            _,
        ) if dialect == Dialect::Postgres => (column_of(alias(*source), field).min(), true),
        (Some(key), _) => {
            let nullable = key.term.is_order_nullable();
            (term::ordered(&key.term, dialect), nullable)
        }
        (None, Some(aggregate)) => (computed(aggregate, dialect), true),
        (None, None) => (Expr::cust("1"), false),
    }
}

/// An aggregate as it is compared in the database.
fn computed(aggregate: &Aggregate<'_>, dialect: Dialect) -> Expr {
    let Some(term) = &aggregate.term else {
        return Expr::cust("COUNT(*)");
    };
    let field = term.field();
    let column = term::value(term, dialect);
    match aggregate.function {
        Function::Count => column.count(),
        Function::CountDistinct => documents::ordered(column, field, dialect).count_distinct(),
        Function::Min | Function::Max => {
            let column = documents::ordered(column, field, dialect);
            extreme(column, aggregate.function, field, dialect)
        }
        Function::Sum => match exact_sum(aggregate, dialect) {
            Some(parts) => parts.float(),
            None => column.sum(),
        },
        // What orders groups by their means.
        Function::Avg => {
            let double = match dialect {
                Dialect::Sqlite => "REAL",
                Dialect::Postgres => "double precision",
                Dialect::MySql => "DOUBLE",
            };
            let (sum, count) = match dialect {
                Dialect::Sqlite => {
                    let count = sums::count(&column);
                    match sums::parts(&column, field) {
                        Some(parts) => (parts.float(), count),
                        None => (column.sum(), count),
                    }
                }
                _ => (column.clone().sum().cast_as(double), column.count()),
            };
            sum.div(Func::cust("NULLIF").arg(count).arg(Expr::cust("0")))
        }
    }
}

/// An aggregate as it is selected, and its shape.
fn told(aggregate: &Aggregate<'_>, dialect: Dialect) -> (Expr, Shape) {
    let expr = computed(aggregate, dialect);
    let field = aggregate.term.as_ref().map(Term::field);
    match (aggregate.function, field) {
        (Function::Min | Function::Max, Some(field)) => column::projected(expr, field, dialect),
        (Function::Sum, Some(field)) => match dialect {
            Dialect::Sqlite => (expr, Shape::Native),
            _ if is_float(field) => (expr, Shape::Native),
            Dialect::Postgres => (
                Func::cust("to_json").arg(expr).cast_as("text"),
                Shape::Number,
            ),
            Dialect::MySql => (expr.cast_as("CHAR"), Shape::Number),
        },
        _ => (expr, Shape::Native),
    }
}

/// The smallest or largest value; PostgreSQL has neither for booleans, and none for UUIDs before 18.
fn extreme(column: Expr, function: Function, field: &Field, dialect: Dialect) -> Expr {
    let min = function == Function::Min;
    if let (Dialect::Postgres, Some(home)) = (dialect, postgres::home(field)) {
        return postgres::extreme(column, min, home);
    }
    let column = match (dialect, field.field_type()) {
        (Dialect::Postgres, FieldType::Boolean) => {
            let every = if min { "bool_and" } else { "bool_or" };
            return Func::cust(every).arg(column).into();
        }
        // Their texts have one form and length, so they order alike byte by byte.
        (Dialect::Postgres, FieldType::Uuid) => {
            Expr::cust_with_exprs("CAST($1 AS text) COLLATE \"C\"", [column])
        }
        (Dialect::Postgres, _) => postgres::operand(column, field),
        _ => column,
    };
    if min { column.min() } else { column.max() }
}

fn is_float(field: &Field) -> bool {
    matches!(field.field_type(), FieldType::Float | FieldType::Float32)
}

/// The parts of a sum that SQLite would not add exactly by itself.
fn exact_sum(aggregate: &Aggregate<'_>, dialect: Dialect) -> Option<sums::Parts> {
    match (dialect, aggregate.function, &aggregate.term) {
        (Dialect::Sqlite, Function::Sum, Some(term)) => {
            sums::parts(&term::value(term, dialect), term.field())
        }
        _ => None,
    }
}
