//! What could fail on a value, computed of rows alone that may be seen.
//!
//! A server tests what stands in WHERE and ON in any order, and may sort rows before all of it is
//! tested. A sum that overflows would so tell of a row that a rule hides, and whether other filters
//! find it. It stands in a CASE, whose condition is tested first: the rules of that row, and of those
//! that lead to it. What is shown and grouped needs none, for it is made of the rows that remain.
//! SQLite computes by functions of ours, which do not fail.

use sea_query::{CaseStatement, Expr, ExprTrait as _, SelectStatement};

use super::{Dialect, alias, column_of, condition, rule, term};
use crate::catalog::{Field, Model};
use crate::plan::{Condition, Function, Join, ReadPlan, Rows, Source, Sources, Term};

/// The rows of a SELECT, and what they must be to be seen.
pub(super) struct Seen<'s> {
    /// Each source with a field that a row of it always has, where there may be no row.
    sources: Vec<(Source, &'s Model, Option<&'s Field>)>,
    dialect: Dialect,
}

impl<'s> Seen<'s> {
    /// The rows of a plan's model, and those that are joined to them.
    pub(super) fn of(plan: &'s ReadPlan<'s>, needed: Sources, dialect: Dialect) -> Self {
        let joined = plan.joins.iter();
        let joined = joined.filter(|(at, _)| needed.has(*at) && !plan.joins.is_of_many(*at));
        Self::new((Source::BASE, plan.model), joined, dialect)
    }

    /// The rows that a relation to many leads to, and those that are joined to them.
    pub(super) fn of_many(rows: &'s Rows<'s>, dialect: Dialect) -> Self {
        let joined = rows.joined.iter().map(|(at, join)| (*at, join));
        Self::new((rows.source, rows.join.model), joined, dialect)
    }

    fn new(
        (source, model): (Source, &'s Model),
        joined: impl Iterator<Item = (Source, &'s Join<'s>)>,
        dialect: Dialect,
    ) -> Self {
        let joined = joined.filter_map(|(at, join)| {
            let (_, pointed) = join.relation.pairs(join.here, join.model).next()?;
            Some((at, join.model, Some(pointed)))
        });
        Self {
            sources: std::iter::once((source, model, None))
                .chain(joined)
                .collect(),
            dialect,
        }
    }

    /// Adds a filter of the rows.
    pub(super) fn filter(&self, select: &mut SelectStatement, filter: &Condition<'_>) {
        if filter.is_everything() {
            return;
        }
        if !self.can_fail(filter) {
            select.and_where(condition::expr(filter, self.dialect));
            return;
        }
        let parts = match filter {
            Condition::All(parts) => parts,
            one => std::slice::from_ref(one),
        };
        for part in parts {
            let expr = condition::expr(part, self.dialect);
            select.and_where(self.behind(expr, self.can_fail(part)));
        }
    }

    /// A term as rows are sorted by it, and as it is compared with a row's place.
    pub(super) fn ordered(&self, term: &Term<'_>) -> Expr {
        self.behind(term::ordered(term, self.dialect), self.may_overflow(term))
    }

    /// The same behind the rules, where there are some.
    fn behind(&self, expr: Expr, can_fail: bool) -> Expr {
        let Some(rules) = self.rules().filter(|_| can_fail) else {
            return expr;
        };
        let first = match self.dialect {
            // Of `a = 1 AND CASE WHEN a = 1 …` it makes `CASE WHEN 1 = 1 …`, but not within a SELECT.
            Dialect::MySql => Expr::cust_with_exprs("EXISTS(SELECT 1 FROM DUAL WHERE ?)", [rules]),
            Dialect::Sqlite | Dialect::Postgres => rules,
        };
        CaseStatement::new().case(first, expr).into()
    }

    /// What each row and those that are joined to it must be.
    fn rules(&self) -> Option<Expr> {
        let all = self.sources.iter().filter_map(|(source, model, pointed)| {
            let there = alias(*source);
            let rules = model.rules().iter();
            let rules = rules.map(|one| rule::rule(there, one, self.dialect));
            let rules = rules.reduce(|all, one| all.and(one))?;
            Some(match pointed {
                Some(field) => column_of(there, field).is_null().or(rules),
                None => rules,
            })
        });
        all.reduce(|all, one| all.and(one))
    }

    fn can_fail(&self, condition: &Condition<'_>) -> bool {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().any(|part| self.can_fail(part))
            }
            Condition::Test { term, .. } => self.may_overflow(term),
            Condition::Some { filter, .. } => self.can_fail(filter),
        }
    }

    /// Whether a term may be beyond what its type holds.
    fn may_overflow(&self, term: &Term<'_>) -> bool {
        match term {
            _ if self.dialect == Dialect::Sqlite => false,
            Term::Column(_) | Term::Part(..) | Term::Member(..) => false,
            Term::Number(_) => true,
            Term::Summary(summary) => {
                let adds = matches!(summary.told.function, Function::Sum | Function::Avg);
                let made = summary.told.term.as_ref();
                adds || made.is_some_and(|made| self.may_overflow(made))
                    || self.can_fail(&summary.filter)
            }
        }
    }
}
