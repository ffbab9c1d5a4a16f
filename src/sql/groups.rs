//! Groups and their aggregates.

use sea_query::{Expr, ExprTrait as _, Func, SelectStatement};

use super::{BASE, Columns, Dialect, column, column_of};
use crate::catalog::{Field, FieldType};
use crate::encode::{Cell, Member, Shape};
use crate::plan::{Aggregate, DatePart, Function, GroupKey};

/// Selects the keys and aggregates of groups.
pub(super) fn members(
    columns: &mut Columns<'_>,
    by: &[GroupKey<'_>],
    aggregates: &[Aggregate<'_>],
) -> Vec<Member> {
    let dialect = columns.dialect;
    let mut members = Vec::with_capacity(by.len() + aggregates.len());
    for key in by {
        let (expr, shape) = match key.part {
            Some(_) => (grouped(key, dialect), Shape::Native),
            None => column::projected(column_of(BASE, key.field), key.field, dialect),
        };
        members.push(Member::cell(
            &key.name,
            Cell {
                index: columns.add(expr),
                shape,
            },
        ));
    }
    for aggregate in aggregates {
        let (expr, shape) = told(aggregate, dialect);
        members.push(Member::cell(
            &aggregate.alias,
            Cell {
                index: columns.add(expr),
                shape,
            },
        ));
    }
    members
}

/// Groups by the keys.
pub(super) fn group_by(select: &mut SelectStatement, by: &[GroupKey<'_>], dialect: Dialect) {
    for key in by {
        select.add_group_by([grouped(key, dialect)]);
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
        (Some(key), _) => (grouped(key, dialect), key.field.is_nullable()),
        (None, Some(aggregate)) => (computed(aggregate, dialect), true),
        (None, None) => (Expr::cust("1"), false),
    }
}

/// What the rows of a group share. It holds no bound value: engines take two parameters of one
/// value for two expressions.
fn grouped(key: &GroupKey<'_>, dialect: Dialect) -> Expr {
    let column = column_of(BASE, key.field);
    let Some(part) = key.part else {
        return column;
    };
    match dialect {
        Dialect::Sqlite => Func::cust("substr")
            .arg(column)
            .arg(Expr::cust("1"))
            .arg(Expr::cust(part.length().to_string()))
            .into(),
        Dialect::Postgres => {
            let local = match key.field.field_type() {
                FieldType::Timestamp => Func::cust("timezone")
                    .arg(Expr::cust("'UTC'"))
                    .arg(column)
                    .into(),
                _ => column,
            };
            Func::cust("to_char")
                .arg(local)
                .arg(Expr::cust(match part {
                    DatePart::Year => "'YYYY'",
                    DatePart::Month => "'YYYY-MM'",
                    DatePart::Day => "'YYYY-MM-DD'",
                }))
                .into()
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

/// An aggregate as it is compared in the database.
fn computed(aggregate: &Aggregate<'_>, dialect: Dialect) -> Expr {
    let Some(field) = aggregate.field else {
        return Expr::cust("COUNT(*)");
    };
    let column = column_of(BASE, field);
    match aggregate.function {
        Function::Count => column.count(),
        Function::CountDistinct => column.count_distinct(),
        Function::Min | Function::Max => extreme(column, aggregate.function, field, dialect),
        Function::Sum => match scaled(field, dialect) {
            Some((units, _)) => units.sum(),
            None => column.sum(),
        },
        // The exact sum divided once, so that all engines round alike.
        Function::Avg => {
            let double = match dialect {
                Dialect::Sqlite => "REAL",
                Dialect::Postgres => "double precision",
                Dialect::MySql => "DOUBLE",
            };
            let sum = match scaled(field, dialect) {
                Some((units, scale)) => units
                    .sum()
                    .cast_as(double)
                    .div(Expr::cust(format!("1e{scale}"))),
                None => column.clone().sum().cast_as(double),
            };
            sum.div(
                Func::cust("NULLIF")
                    .arg(column.count())
                    .arg(Expr::cust("0")),
            )
        }
    }
}

/// An aggregate as it is selected, and its shape.
fn told(aggregate: &Aggregate<'_>, dialect: Dialect) -> (Expr, Shape) {
    let expr = computed(aggregate, dialect);
    match (aggregate.function, aggregate.field) {
        (Function::Min | Function::Max, Some(field)) => column::projected(expr, field, dialect),
        (Function::Sum, Some(field)) => match (dialect, scaled(field, dialect)) {
            (_, Some((_, scale))) => (expr, Shape::Scaled(scale)),
            (Dialect::Sqlite, None) => (expr, Shape::Wide),
            (Dialect::Postgres, None) => (
                Func::cust("to_json").arg(expr).cast_as("text"),
                Shape::Number,
            ),
            (Dialect::MySql, None) if is_float(field) => (expr, Shape::Native),
            (Dialect::MySql, None) => (expr.cast_as("CHAR"), Shape::Number),
        },
        _ => (expr, Shape::Native),
    }
}

/// The smallest or largest value; PostgreSQL has neither for booleans, and none for UUIDs before 18.
fn extreme(column: Expr, function: Function, field: &Field, dialect: Dialect) -> Expr {
    let min = function == Function::Min;
    let column = match (dialect, field.field_type()) {
        (Dialect::Postgres, FieldType::Boolean) => {
            let every = if min { "bool_and" } else { "bool_or" };
            return Func::cust(every).arg(column).into();
        }
        // Their texts have one form and length, so they order alike byte by byte.
        (Dialect::Postgres, FieldType::Uuid) => {
            Expr::cust_with_exprs("CAST($1 AS text) COLLATE \"C\"", [column])
        }
        _ => column,
    };
    if min { column.min() } else { column.max() }
}

fn is_float(field: &Field) -> bool {
    matches!(field.field_type(), FieldType::Float | FieldType::Float32)
}

/// On SQLite, which keeps decimals as floats: the field in units of its last digit, and how many
/// digits that is.
fn scaled(field: &Field, dialect: Dialect) -> Option<(Expr, u8)> {
    match (dialect, field.field_type()) {
        (Dialect::Sqlite, FieldType::Decimal { scale: Some(scale) }) if scale <= 9 => {
            let factor = Expr::cust(format!("1e{scale}"));
            let units = Func::round(column_of(BASE, field).mul(factor)).cast_as("INTEGER");
            Some((units, scale))
        }
        _ => None,
    }
}
