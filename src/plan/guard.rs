//! The cost guard: on a large model, filters and sorts need an index.
//!
//! The rule is meant to be told in a sentence: a filter must compare an indexed field (of the
//! alternatives of `$or` each one), and a sort must begin with an indexed field, unless the filter
//! finds the rows of single values. A path is compared by an index where one leads from each of its
//! models back to the one before, and what is joined to a large model must be found by an index. What
//! the rule lets through may still be slow; the statement timeout is the last line.

use super::{
    Column, Comparison, Condition, Join, Joins, Limits, OrderKey, Output, ReadPlan, Source, Term,
};
use crate::catalog::{Model, Relation, Search};
use crate::error::{Error, ErrorKind};

/// Refuses a plan that would read or sort a large model whole.
///
/// # Errors
/// `invalid_filter`, with the fields that are indexed in the hint.
pub(super) fn check(plan: &ReadPlan<'_>, limits: &Limits) -> Result<(), Error> {
    let Some(limit) = limits.scan_limit else {
        return Ok(());
    };
    for each in plan.all() {
        found(each, limit)?;
    }
    let guard = Guard {
        joins: &plan.joins,
        limit,
    };
    if !guard.is_large(plan.model) {
        return Ok(());
    }
    let served = guard.served(&plan.filter);
    if served == IndexUse::No && !plan.filter.is_everything() {
        let names = plan.filter.names(&plan.joins);
        let first = names.first().map(String::as_str);
        return Err(refused(first.unwrap_or_default(), plan.model));
    }
    let first = plan.order.first().map(|order| &order.key);
    match (&plan.output, first) {
        (Output::Rows { .. }, Some(OrderKey::Term(term)))
            if served != IndexUse::Exactly && !term.is_sorted_by_index() =>
        {
            Err(refused(&term.name(&plan.joins), plan.model))
        }
        _ => Ok(()),
    }
}

/// Refuses a statement for whose rows of other models no index leads from the key.
fn found(plan: &ReadPlan<'_>, limit: u64) -> Result<(), Error> {
    let guard = Guard {
        joins: &plan.joins,
        limit,
    };
    for (_, join) in plan.joins.iter() {
        guard.found(join.here, join.relation, join.model)?;
    }
    for list in plan.lists() {
        guard.found(list.here, list.relation, list.plan.model)?;
    }
    Ok(())
}

/// How an index helps to find the rows of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum IndexUse {
    No,
    /// It narrows the rows to a range.
    Range,
    /// It finds the rows of one value or a few.
    Exactly,
}

struct Guard<'p, 'c> {
    joins: &'p Joins<'c>,
    limit: u64,
}

impl Guard<'_, '_> {
    fn is_large(&self, model: &Model) -> bool {
        model.table_rows().is_some_and(|rows| rows > self.limit)
    }

    /// Makes sure that what a relation leads to in a large model is found by an index.
    fn found(&self, here: &Model, relation: &Relation, target: &Model) -> Result<(), Error> {
        match relation.pairs(here, target).next() {
            Some((_, to)) if self.is_large(target) && relation.search() != Search::Indexed => {
                Err(refused(to.name(), target))
            }
            _ => Ok(()),
        }
    }

    fn served(&self, condition: &Condition<'_>) -> IndexUse {
        match condition {
            Condition::All(parts) => {
                let parts = parts.iter().map(|part| self.served(part));
                parts.max().unwrap_or(IndexUse::No)
            }
            Condition::Any(parts) => {
                let parts = parts.iter().map(|part| self.served(part));
                parts.min().unwrap_or(IndexUse::Exactly)
            }
            Condition::Test {
                term: Term::Column(column),
                comparison,
                negated: false,
            } if self.is_found(column) => match comparison {
                // What points to nothing is NULL too.
                Comparison::Null | Comparison::In { null: true, .. }
                    if column.source != Source::BASE =>
                {
                    IndexUse::No
                }
                Comparison::Equal(_) | Comparison::In { .. } | Comparison::Null => {
                    IndexUse::Exactly
                }
                // Whether an index finds a beginning depends on the engine and its collations.
                Comparison::Text(_) => IndexUse::No,
                _ => IndexUse::Range,
            },
            // Each row is looked at, to see what belongs to it.
            Condition::Test { .. } | Condition::Some { .. } => IndexUse::No,
        }
    }

    /// Whether an index finds the rows of the plan's model by a value of this column.
    fn is_found(&self, column: &Column<'_>) -> bool {
        let model = self.joins.model(column.source);
        let mut join = self.joins.join(column.source);
        if !column.field.is_indexed() && (join.is_none() || self.is_large(model)) {
            return false;
        }
        while let Some(Join {
            parent, relation, ..
        }) = join
        {
            if !relation.is_served_back() {
                return false;
            }
            join = self.joins.join(*parent);
        }
        true
    }
}

fn refused(field: &str, model: &Model) -> Error {
    let kind = ErrorKind::ScanRefused {
        field: field.into(),
        model: model.name().into(),
    };
    let indexed: Vec<&str> = model
        .fields()
        .iter()
        .filter(|field| field.is_indexed())
        .map(|field| field.name())
        .collect();
    Error::from(kind).with_hint(match indexed[..] {
        [] => format!("no field of {} is indexed", model.name()),
        _ => format!("indexed fields: {}", indexed.join(", ")),
    })
}
