//! Going on after a row: the rows whose sort keys come later.
//!
//! Where an index leads with the first sort key, the rows come in parts, each a range of that
//! index: those that share the key with the row, those beyond it, and those on the far side of
//! NULL. One condition for all of them would make an engine pass over every row of a tie, or over
//! all values to reach the NULLs, and so cost more with each page.

use sea_query::{Expr, ExprTrait as _};

use super::column::bound;
use super::compare::{Operator, compare, operand, plain};
use super::seen::Seen;
use super::{BASE, Dialect, documents, identity, mysql, term};
use crate::plan::{Order, OrderKey, ReadPlan, Seek, Term, Value};

/// One sort key and the last row's value of it, ready to be bound.
struct Key<'k> {
    /// What is compared; none where it is the row itself.
    term: Option<&'k Term<'k>>,
    column: Expr,
    value: Option<Expr>,
    descending: bool,
    dialect: Dialect,
}

impl<'k> Key<'k> {
    fn of(
        order: &'k Order<'k>,
        value: Option<&Value>,
        plan: &'k ReadPlan<'k>,
        seen: &Seen<'_>,
        dialect: Dialect,
    ) -> Option<Self> {
        let (term, column, value) = match plan.ordered(order) {
            Some(term @ (Term::Part(..) | Term::Number(_) | Term::Summary(_))) => {
                let value = value.map(|value| bound(value, term.field(), dialect));
                (Some(term), seen.ordered(term), value)
            }
            Some(term) => {
                let field = term.field();
                let value = value.map(|value| bound(value, field, dialect));
                let column = operand(term::value(term, dialect), field, dialect);
                (
                    Some(term),
                    documents::ordered(column, field, dialect),
                    value,
                )
            }
            None if order.key == OrderKey::Row => {
                let (row, _) = identity::row(BASE, plan.model, plan.row_key, dialect)?;
                (None, row, value.map(identity::bound))
            }
            None => return None,
        };
        Some(Self {
            term,
            column,
            value,
            descending: order.descending,
            dialect,
        })
    }
}

/// The keys of a plan's order that have a value.
fn keys<'p>(
    plan: &'p ReadPlan<'p>,
    seek: &Seek,
    seen: &Seen<'_>,
    dialect: Dialect,
) -> Vec<Key<'p>> {
    let pairs = plan.order.iter().zip(&seek.keys);
    pairs
        .filter_map(|(order, value)| Key::of(order, value.as_ref(), plan, seen, dialect))
        .collect()
}

/// The condition of the rows that share all keys with a row.
pub(super) fn ties<'c>(
    plan: &'c ReadPlan<'c>,
    seek: &Seek,
    seen: &Seen<'_>,
    dialect: Dialect,
) -> Option<Expr> {
    let keys = keys(plan, seek, seen, dialect);
    keys.iter().map(Key::tie).reduce(|all, one| all.and(one))
}

/// The conditions of the parts that come after a row, and all that share its keys, in their order;
/// none where nothing does.
pub(super) fn after<'c>(
    plan: &'c ReadPlan<'c>,
    seek: &Seek,
    seen: &Seen<'_>,
    dialect: Dialect,
) -> Vec<Expr> {
    match &keys(plan, seek, seen, dialect)[..] {
        [first, rest @ ..] if !rest.is_empty() && first.is_indexed() => {
            let ties = later(rest).map(|later| first.tie().and(later));
            let nulls = first.beyond_null();
            ties.into_iter()
                .chain(first.beyond_value())
                .chain(nulls)
                .collect()
        }
        keys => later(keys).into_iter().collect(),
    }
}

/// Later by any key, where all before it are equal; `None` where nothing can be.
///
/// The first key's bound is repeated in front, so that an index on it is entered at the right
/// place.
fn later(keys: &[Key<'_>]) -> Option<Expr> {
    let mut steps: Vec<Expr> = Vec::with_capacity(keys.len() + 1);
    for (index, key) in keys.iter().enumerate() {
        let ties = keys[..index].iter().map(Key::tie);
        let beyond = key.beyond_value().into_iter().chain(key.beyond_null());
        if let Some(beyond) = beyond.reduce(|one, other| one.or(other)) {
            steps.extend(ties.chain([beyond]).reduce(|all, one| all.and(one)));
        }
    }
    let alone = steps.len() == 1;
    let later = steps.into_iter().reduce(|one, other| one.or(other))?;
    match keys.first().and_then(Key::bound) {
        Some(bound) if !alone => Some(bound.and(later)),
        _ => Some(later),
    }
}

impl Key<'_> {
    fn column(&self) -> Expr {
        self.column.clone()
    }

    /// Whether an index gives its order.
    fn is_indexed(&self) -> bool {
        self.term.is_some_and(Term::is_sorted_by_index)
    }

    fn is_nullable(&self) -> bool {
        self.term.is_some_and(Term::is_order_nullable)
    }

    fn compared(&self, operator: Operator, value: Expr) -> Expr {
        match self.term {
            Some(term) => compare(self.column(), operator, value, term.field(), self.dialect),
            None => plain(self.column(), operator, value),
        }
    }

    fn tie(&self) -> Expr {
        match self.value.clone() {
            Some(value) => self.compared(Operator::Equal, value),
            None => self.is_null(),
        }
    }

    fn is_null(&self) -> Expr {
        match (self.dialect, self.term) {
            (Dialect::MySql, Some(term)) => mysql::is_null(self.column(), term.field()),
            _ => self.column().is_null(),
        }
    }

    /// The values that are strictly later: NULL sorts below every value.
    fn beyond_value(&self) -> Option<Expr> {
        match (self.value.clone(), self.descending) {
            (None, false) => Some(self.column().is_not_null()),
            (None, true) => None,
            (Some(value), false) => Some(self.compared(Operator::Greater, value)),
            (Some(value), true) => Some(self.compared(Operator::Less, value)),
        }
    }

    /// NULL, where it is strictly later.
    fn beyond_null(&self) -> Option<Expr> {
        let later = self.value.is_some() && self.descending && self.is_nullable();
        later.then(|| self.is_null())
    }

    /// Not earlier, where that narrows anything and is one range.
    fn bound(&self) -> Option<Expr> {
        let value = self.value.clone()?;
        match self.descending {
            false => Some(self.compared(Operator::GreaterOrEqual, value)),
            true if self.is_nullable() => None,
            true => Some(self.compared(Operator::LessOrEqual, value)),
        }
    }
}
