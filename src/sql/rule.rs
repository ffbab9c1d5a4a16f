//! Row rules: what a row must be to be seen.

use sea_query::{Expr, ExprTrait as _, Query};

use super::compare::{among, equal, listed};
use super::tool::qualified;
use super::{Dialect, column_of, exists, join, mysql, postgres};
use crate::catalog::{FieldType, Rule, Step};
use crate::plan::Value;

/// What a row of the table of that alias must be to be seen. A rule of another model's field holds
/// where there is a row that the keys lead to, and keeps it; whether that row is seen is nothing to
/// the rule.
pub(super) fn rule(alias: &str, rule: &Rule, dialect: Dialect) -> Expr {
    let steps: Vec<Step<'_>> = rule.steps().collect();
    along(alias, &steps, rule, dialect)
}

/// The rule, after the steps that are left from the row of that alias.
fn along(here: &str, steps: &[Step<'_>], rule: &Rule, dialect: Dialect) -> Expr {
    let Some((step, rest)) = steps.split_first() else {
        return kept(here, rule, dialect);
    };
    let there = format!("r{}", rest.len());
    let mut rows = Query::select();
    rows.expr(Expr::cust("1"))
        .from(qualified(step.there.table()).alias(there.clone()));
    let lead = join::Lead {
        here: (here, step.here),
        relation: step.relation,
        target: step.there,
    };
    if let Some(on) = lead.on(&there, dialect) {
        rows.and_where(on);
    }
    rows.and_where(along(&there, rest, rule, dialect));
    exists(rows, dialect)
}

/// Whether a row's field is equal to one of the rule's values to the byte, whatever else the column
/// takes for equal.
///
/// Where the exact comparison cannot use the column's index, the column's own stands in front.
fn kept(alias: &str, rule: &Rule, dialect: Dialect) -> Expr {
    let (field, values) = (rule.field(), rule.values());
    let texts = || {
        let texts = values.iter().filter_map(|value| match value {
            Value::Text(text) => Some(Expr::val(text.clone())),
            _ => None,
        });
        texts.collect::<Vec<_>>()
    };
    let column = column_of(alias, field);
    let equal = equal(column.clone(), field, values, dialect);
    let is_text = texts().len() == values.len();
    match (dialect, field.field_type()) {
        (Dialect::Sqlite, _) if is_text => {
            let exact = Expr::cust_with_exprs("? COLLATE BINARY", [column]);
            // What is served alike may be another value.
            let own = match field.field_type() {
                FieldType::Any => texts(),
                _ => listed(field, values, dialect),
            };
            equal.and(among(exact, own))
        }
        (Dialect::Postgres, FieldType::Text) if field.is_folding() => {
            let texts = texts().into_iter();
            let exact: Vec<Expr> = texts.map(|text| postgres::bytes_of(text, field)).collect();
            equal.and(among(postgres::bytes(column), exact))
        }
        // An enum by its name: another statement may have given its position to another name.
        (Dialect::MySql, FieldType::Text | FieldType::Enum) => {
            let exact: Vec<Expr> = texts().into_iter().map(mysql::bytes_of).collect();
            let own = match field.field_type() {
                FieldType::Enum => among(column.clone(), texts()),
                _ => equal,
            };
            own.and(among(mysql::bytes(column), exact))
        }
        _ => equal,
    }
}
