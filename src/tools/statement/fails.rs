//! Whether a statement could fail on a value of a row.
//!
//! Engines may try what is asked of a row before the rule that hides the row: where that can fail, the
//! failure would tell of it. What can fail is a call, or a cast: one that is written, or one that
//! PostgreSQL makes by itself where values of two types meet, which depends on their types.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArguments, InTarget, JoinConstraint,
    ObjectNamePart, Query, Select, SetExpr, TableFactor, TypedString, UnaryOperator, Value,
    Visit as _, Visitor,
};

use super::judge::{constraint, joins};
use crate::sql::tool::Risk;

/// Aggregates and places, which no value makes fail.
const SAFE: &[&str] = &[
    "coalesce",
    "count",
    "dense_rank",
    "max",
    "min",
    "nullif",
    "rank",
    "row_number",
];

/// Those that a value may be too much for; they are asked of rows that were let through, except in a
/// subquery that is asked for each row.
const SUMS: &[&str] = &["avg", "sum"];

/// How far a statement could fail on a value: all could but columns, literals and parameters that are
/// compared, and aggregates of them.
pub(super) fn of(query: &Query) -> Risk {
    let mut finder = Finder::default();
    let can_fail = query.visit(&mut finder).is_break() || (finder.sums && finder.asks_each);
    match (can_fail, finder.unites, finder.tells_time) {
        (true, ..) => Risk::Any,
        (false, false, _) => Risk::Comparison,
        (false, true, false) => Risk::Union,
        (false, true, true) => Risk::UnionWithMoment,
    }
}

#[derive(Default)]
struct Finder {
    sums: bool,
    /// Whether a subquery is asked for each row.
    asks_each: bool,
    /// Whether values become one of another type, without being compared.
    unites: bool,
    /// Whether a moment stands in it.
    tells_time: bool,
}

impl Finder {
    fn function(&mut self, function: &Function) -> bool {
        let [ObjectNamePart::Identifier(name)] = &function.name.0[..] else {
            return false;
        };
        let name = name.value.to_ascii_lowercase();
        if SUMS.contains(&&*name) {
            self.sums = true;
            return true;
        }
        self.unites |= name == "coalesce";
        // Without parentheses: today, or now.
        let is_now = matches!(function.args, FunctionArguments::None);
        self.tells_time |= is_now;
        SAFE.contains(&&*name) || is_now
    }

    fn is_safe(&mut self, expr: &Expr) -> bool {
        match expr {
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::Value(_)
            | Expr::Nested(_)
            | Expr::Tuple(_)
            | Expr::Between { .. }
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..) => true,
            // A float would make floats of decimal numbers, which can be too large for that.
            Expr::TypedString(TypedString { data_type, .. }) => {
                let is_day = matches!(data_type, DataType::Date | DataType::Time(..));
                let is_moment = matches!(
                    data_type,
                    DataType::Datetime(_) | DataType::Timestamp(..) | DataType::TimestampNtz(_)
                );
                self.tells_time |= is_moment;
                is_day || is_moment
            }
            Expr::In { target, .. } => {
                self.asks_each |= !matches!(target, InTarget::List(_));
                true
            }
            Expr::Exists { .. } => {
                self.asks_each = true;
                true
            }
            Expr::BinaryOp { op, .. } => matches!(
                op,
                BinaryOperator::Eq
                    | BinaryOperator::NotEq
                    | BinaryOperator::Lt
                    | BinaryOperator::LtEq
                    | BinaryOperator::Gt
                    | BinaryOperator::GtEq
                    | BinaryOperator::Spaceship
                    | BinaryOperator::And
                    | BinaryOperator::Or
            ),
            Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Not => true,
                UnaryOperator::Minus => matches!(**expr, Expr::Value(_)),
                _ => false,
            },
            Expr::Like {
                pattern,
                escape_char: None,
                ..
            }
            | Expr::ILike {
                pattern,
                escape_char: None,
                ..
            } => is_plain_text(pattern),
            Expr::Function(function) => self.function(function),
            _ => false,
        }
    }
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match self.is_safe(expr) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.unites |= matches!(
            *query.body,
            SetExpr::SetOperation { .. } | SetExpr::Values(_)
        );
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let joins = joins(&select.from).into_iter();
        let mut constraints = joins.filter_map(|join| constraint(&join.join_operator));
        self.unites |= constraints.any(|it| matches!(it, JoinConstraint::Using(_)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.asks_each |= matches!(factor, TableFactor::Derived { lateral: true, .. });
        ControlFlow::Continue(())
    }
}

/// Whether a pattern is written out, and escapes nothing.
fn is_plain_text(pattern: &Expr) -> bool {
    match pattern {
        Expr::Value(value) => {
            matches!(&value.value, Value::SingleQuotedString(text) if !text.contains('\\'))
        }
        _ => false,
    }
}
