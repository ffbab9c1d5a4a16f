//! The cost guard: on a large model, filters and sorts need an index.
//!
//! The rule is meant to be told in a sentence: a filter must compare an indexed field (of the
//! alternatives of `$or` each one), and a sort must begin with an indexed field, unless the filter
//! finds the rows of single values. What the rule lets through may still be slow; the statement
//! timeout is the last line.

use super::{Comparison, Condition, Limits, OrderKey, Output, ReadPlan};
use crate::catalog::Model;
use crate::error::{Error, ErrorKind};

/// Refuses a plan that would read or sort a large model whole.
///
/// # Errors
/// `invalid_filter`, with the fields that are indexed in the hint.
pub(super) fn check(plan: &ReadPlan<'_>, limits: &Limits) -> Result<(), Error> {
    let large = match (limits.scan_limit, plan.model.table_rows()) {
        (Some(limit), Some(rows)) => rows > limit,
        _ => false,
    };
    if !large {
        return Ok(());
    }
    let served = served(&plan.filter);
    if served == Served::No && !plan.filter.is_everything() {
        return Err(refused(first_field(&plan.filter), plan.model));
    }
    let first = plan.order.first().map(|order| order.key);
    match (&plan.output, first) {
        (Output::Rows { .. }, Some(OrderKey::Field(field)))
            if served != Served::Exactly && !field.is_sorted_by_index() =>
        {
            Err(refused(field.name(), plan.model))
        }
        _ => Ok(()),
    }
}

/// How an index helps to find the rows of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Served {
    No,
    /// It narrows the rows to a range.
    Range,
    /// It finds the rows of one value or a few.
    Exactly,
}

fn served(condition: &Condition<'_>) -> Served {
    match condition {
        Condition::All(parts) => parts.iter().map(served).max().unwrap_or(Served::No),
        Condition::Any(parts) => parts.iter().map(served).min().unwrap_or(Served::Exactly),
        Condition::Test {
            field,
            comparison,
            negated: false,
        } if field.is_indexed() => match comparison {
            Comparison::Equal(_) | Comparison::In { .. } | Comparison::Null => Served::Exactly,
            // Whether an index finds a beginning depends on the engine and its collations.
            Comparison::Text(_) => Served::No,
            _ => Served::Range,
        },
        Condition::Test { .. } => Served::No,
    }
}

fn first_field<'c>(condition: &Condition<'c>) -> &'c str {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.first().map_or("", |part| first_field(part))
        }
        Condition::Test { field, .. } => field.name(),
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
