//! Going on after a row: the rows whose sort keys come later.

use sea_query::{Expr, ExprTrait as _};

use super::column::bound;
use super::{BASE, Dialect, column_of};
use crate::catalog::Field;
use crate::plan::{Order, OrderKey, Seek, Value};

/// One sort key and the last row's value of it.
struct Key<'k> {
    field: &'k Field,
    descending: bool,
    value: Option<&'k Value>,
}

/// The condition that a row comes after the one that was sent last.
///
/// Keys are compared one after the other, each where all before it are equal. The first key's
/// bound is repeated in front, so that an index on it is entered at the right place.
pub(super) fn after(order: &[Order<'_>], seek: &Seek, dialect: Dialect) -> Expr {
    let keys: Vec<Key<'_>> = order
        .iter()
        .zip(&seek.0)
        .filter_map(|(order, value)| match order.key {
            OrderKey::Field(field) => Some(Key {
                field,
                descending: order.descending,
                value: value.as_ref(),
            }),
            OrderKey::Output(_) => None,
        })
        .collect();
    let mut later: Option<Expr> = None;
    for (index, key) in keys.iter().enumerate() {
        let Some(beyond) = key.beyond(dialect) else {
            continue;
        };
        let ties = keys[..index].iter().map(|key| key.tie(dialect));
        let step = ties.chain([beyond]).reduce(|all, one| all.and(one));
        later = match (later, step) {
            (Some(later), Some(step)) => Some(later.or(step)),
            (later, step) => later.or(step),
        };
    }
    let later = later.unwrap_or_else(|| Expr::cust("1 = 0"));
    match (keys.first().and_then(|key| key.bound(dialect)), keys.len()) {
        (Some(bound), 2..) => bound.and(later),
        _ => later,
    }
}

impl Key<'_> {
    fn column(&self) -> Expr {
        column_of(BASE, self.field)
    }

    fn tie(&self, dialect: Dialect) -> Expr {
        match self.value {
            Some(value) => self.column().eq(bound(value, self.field, dialect)),
            None => self.column().is_null(),
        }
    }

    /// Strictly later by this key; `None` where nothing can be: NULL sorts below every value.
    fn beyond(&self, dialect: Dialect) -> Option<Expr> {
        match (self.value, self.descending) {
            (None, false) => Some(self.column().is_not_null()),
            (None, true) => None,
            (Some(value), false) => Some(self.column().gt(bound(value, self.field, dialect))),
            (Some(value), true) => {
                let less = self.column().lt(bound(value, self.field, dialect));
                Some(if self.field.is_nullable() {
                    less.or(self.column().is_null())
                } else {
                    less
                })
            }
        }
    }

    /// Not earlier by this key, where that narrows anything.
    fn bound(&self, dialect: Dialect) -> Option<Expr> {
        let value = bound(self.value?, self.field, dialect);
        match self.descending {
            false => Some(self.column().gte(value)),
            true if self.field.is_nullable() => None,
            true => Some(self.column().lte(value)),
        }
    }
}
