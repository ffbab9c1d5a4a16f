//! The cost guard: on a large model, filters and sorts need an index.

use super::filter::Place;
use super::{Comparison, Condition, Limits, OrderKey, Output, ReadPlan};
use crate::catalog::Model;
use crate::error::{Error, ErrorKind};

/// Refuses a plan that would read or sort a large model whole.
///
/// # Errors
/// `invalid_filter`, with the fields that are indexed in the hint.
pub(super) fn check(plan: &ReadPlan<'_>, limits: &Limits) -> Result<(), Error> {
    let large = match (limits.scan_limit, plan.model.estimated_rows()) {
        (Some(limit), Some(rows)) => rows > limit,
        _ => false,
    };
    if !large {
        return Ok(());
    }
    let found = served(&plan.filter);
    if !plan.filter.is_everything() && found == Served::No {
        return Err(refused(first_field(&plan.filter), plan.model));
    }
    if matches!(plan.output, Output::Rows { .. })
        && found != Served::Exactly
        && let Some(name) = unsorted(plan)
    {
        return Err(refused(name, plan.model));
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Served {
    No,
    /// An index narrows the rows to a range.
    Range,
    /// An index finds the rows of one value or a few.
    Exactly,
}

fn served(condition: &Condition<'_>) -> Served {
    match condition {
        Condition::All(parts) => parts.iter().map(served).max().unwrap_or(Served::No),
        Condition::Any(parts) => parts.iter().map(served).min().unwrap_or(Served::Exactly),
        Condition::Test {
            field,
            negated: true,
            ..
        } if field.is_indexed() => Served::No,
        Condition::Test {
            field, comparison, ..
        } if field.is_indexed() => match comparison {
            Comparison::Equal(_) | Comparison::In { .. } | Comparison::Null => Served::Exactly,
            Comparison::Text(pattern) if pattern.place != Place::Start || pattern.fold => {
                Served::No
            }
            _ => Served::Range,
        },
        Condition::Test { .. } => Served::No,
    }
}

/// The first sort key that no index yields in order.
fn unsorted<'c>(plan: &ReadPlan<'c>) -> Option<&'c str> {
    let order: Vec<(&str, bool)> = plan
        .order
        .iter()
        .filter_map(|order| match order.key {
            OrderKey::Field(field) => Some((field.name(), order.descending)),
            OrderKey::Output(_) => None,
        })
        .collect();
    let key: Vec<&str> = plan.model.key().map(|field| field.name()).collect();
    let (first, descending) = *order.first()?;
    let yields = plan.model.indexes().any(|index| {
        // What follows the index's own fields only orders rows that are equal in them.
        index.iter().zip(&order).all(|(field, (name, down))| {
            field.name() == *name && *down == descending || key.contains(name)
        }) && index.first().is_some_and(|field| field.name() == first)
    });
    (!yields).then_some(first)
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
