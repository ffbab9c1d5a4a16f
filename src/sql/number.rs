//! Expressions of numbers in each dialect, none of which may round or fail where another does not.
//!
//! The servers compute with decimals; SQLite has none, and is given functions that do
//! ([`ROW`], [`TOTALS`]): they take an expression as a program, by which its parts are put together.

use std::fmt::Write as _;

use sea_query::{Expr, ExprTrait as _, Func};

use super::{Dialect, alias, column_of};
use crate::catalog::FieldType;
use crate::encode::Shape;
use crate::plan::{Column, Function, Number, Operation, QUOTIENT_SCALE};

/// Digits after the point that MySQL keeps at the most.
const MYSQL_SCALE: u8 = 30;

/// The function of SQLite that computes an expression for each row.
pub const ROW: &str = "lucarne_number";

/// Digits after the point of a quotient.
pub(crate) const SCALE: u8 = QUOTIENT_SCALE;

/// What a function of SQLite makes of the values of an expression, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Their sum.
    Sum,
    /// The smallest.
    Least,
    /// The largest.
    Most,
}

/// Those functions.
pub(crate) const TOTALS: [(&str, Total); 3] = [
    ("lucarne_sum", Total::Sum),
    ("lucarne_min", Total::Least),
    ("lucarne_max", Total::Most),
];

/// The value of an expression; on SQLite its digits as text, so that none is lost.
pub(super) fn value(number: &Number<'_>, dialect: Dialect) -> Expr {
    match dialect {
        Dialect::Sqlite => called(ROW, number),
        Dialect::Postgres => postgres(number, number.is_float()),
        Dialect::MySql => mysql(number),
    }
}

/// How such a value, or what a function makes of several, is sent.
pub(super) fn told(value: Expr, float: bool, dialect: Dialect) -> (Expr, Shape) {
    match dialect {
        // As a float it is written as other engines write one.
        Dialect::Sqlite if float => (value.cast_as("REAL"), Shape::Native),
        Dialect::Sqlite => (value, Shape::Computed),
        _ if float => (value, Shape::Native),
        Dialect::Postgres => (value.cast_as("text"), Shape::Computed),
        Dialect::MySql => (value.cast_as("CHAR"), Shape::Computed),
    }
}

/// The value of an expression as numbers are compared and ordered.
pub(super) fn ordered(number: &Number<'_>, dialect: Dialect) -> Expr {
    match dialect {
        Dialect::Sqlite => value(number, dialect).cast_as("REAL"),
        Dialect::Postgres | Dialect::MySql => value(number, dialect),
    }
}

/// A function of all values of an expression on SQLite, which has none of its own for it.
pub(super) fn aggregated(function: Function, number: &Number<'_>) -> Option<Expr> {
    let total = match function {
        Function::Sum => Total::Sum,
        Function::Min => Total::Least,
        Function::Max => Total::Most,
        Function::Avg | Function::Count | Function::CountDistinct => return None,
    };
    let (name, _) = TOTALS.iter().find(|(_, one)| *one == total)?;
    Some(called(name, number))
}

fn called(name: &'static str, number: &Number<'_>) -> Expr {
    let mut program = String::new();
    let mut columns = Vec::new();
    write(number, &mut program, &mut columns);
    let columns = columns.iter().map(of_column);
    let program = std::iter::once(Expr::val(program));
    Func::cust(name).args(program.chain(columns)).into()
}

/// Writes an expression operands first: `#` is the next column, a number a constant.
fn write<'c>(number: &Number<'c>, program: &mut String, columns: &mut Vec<Column<'c>>) {
    match number {
        Number::Column(column) => {
            columns.push(*column);
            program.push_str("# ");
        }
        Number::Constant(digits) => {
            // Writing into memory cannot fail.
            let _ = write!(program, "{digits} ");
        }
        Number::Made(operation, parts) => {
            for (index, part) in parts.iter().enumerate() {
                write(part, program, columns);
                if index > 0 {
                    program.push_str(match operation {
                        Operation::Sum => "+ ",
                        Operation::Difference => "- ",
                        Operation::Product => "* ",
                        Operation::Quotient => "/ ",
                    });
                }
            }
        }
    }
}

fn of_column(column: &Column<'_>) -> Expr {
    column_of(alias(column.source), column.field)
}

fn postgres(number: &Number<'_>, float: bool) -> Expr {
    let class = if float { "double precision" } else { "numeric" };
    match number {
        Number::Column(column) => of_column(column).cast_as(class),
        Number::Constant(digits) => Expr::val(digits.to_string()).cast_as(class),
        Number::Made(operation, parts) => {
            let parts = parts.iter().map(|part| postgres(part, float));
            fold(parts, |one, other| match operation {
                Operation::Sum => one.add(other),
                Operation::Difference => one.sub(other),
                Operation::Product => one.mul(other),
                Operation::Quotient if float => one.div(unless_zero(other)),
                // A quotient has at least the digits of its dividend.
                Operation::Quotient => {
                    let zeros = "0".repeat(QUOTIENT_SCALE.into());
                    let widened = one.mul(Expr::cust(format!("CAST('1.{zeros}' AS numeric)")));
                    rounded(widened.div(unless_zero(other)))
                }
            })
        }
    }
}

fn mysql(number: &Number<'_>) -> Expr {
    match number {
        Number::Column(column) => match column.field.field_type() {
            // As whole numbers they would overflow.
            FieldType::Integer { .. } => of_column(column).cast_as("DECIMAL(20,0)"),
            FieldType::Float | FieldType::Float32 => of_column(column).cast_as("DOUBLE"),
            _ => of_column(column),
        },
        Number::Constant(digits) => {
            let fraction = digits.split_once('.').map_or(0, |(_, digits)| digits.len());
            let class = format!("DECIMAL(65,{fraction})");
            Expr::val(digits.to_string()).cast_as(class)
        }
        Number::Made(operation, parts) => {
            let float = number.is_float();
            let mut scale = parts.first().map_or(0, Number::scale);
            fold(parts.iter().map(mysql), |one, other| match operation {
                Operation::Sum => one.add(other),
                Operation::Difference => one.sub(other),
                Operation::Product => one.mul(other),
                Operation::Quotient if float => one.div(unless_zero(other)),
                // A quotient has four digits more than its dividend, and is cut after them.
                Operation::Quotient => {
                    scale = scale.clamp(QUOTIENT_SCALE, MYSQL_SCALE);
                    let widened = one.cast_as(format!("DECIMAL(65,{scale})"));
                    rounded(widened.div(unless_zero(other)))
                }
            })
        }
    }
}

/// From left to right; there are always operands.
fn fold(parts: impl Iterator<Item = Expr>, made: impl FnMut(Expr, Expr) -> Expr) -> Expr {
    parts.reduce(made).unwrap_or_else(|| Expr::cust("NULL"))
}

fn unless_zero(divisor: Expr) -> Expr {
    Func::cust("NULLIF")
        .arg(divisor)
        .arg(Expr::cust("0"))
        .into()
}

fn rounded(quotient: Expr) -> Expr {
    let scale = Expr::cust(QUOTIENT_SCALE.to_string());
    Func::cust("ROUND").arg(quotient).arg(scale).into()
}
