//! The rows that a relation to many leads to from several rows, of each so many: a statement for all.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait as _, Func, Query, SelectStatement, WindowStatement};
use sea_query::{OverStatement as _, TableRef};

use super::columns::Columns;
use super::seen::Seen;
use super::{
    BASE, Dialect, Statement, column_of, compare, groups, join, large, mysql, order_by, rule,
    table, unbounded,
};
use crate::catalog::{Field, FieldType, Model};
use crate::encode::Layout;
use crate::plan::{ExpandedRows, Value};

/// The alias of the rows that lists belong to.
const OWNER: &str = "p";
/// The name of a row's number in its list, from 1.
const NUMBER: &str = "n";

/// The statement of the lists that belong to rows with these values in the fields that the keys
/// point to.
///
/// Rows of a list come in its order, one more than it may hold; those of several lists in any.
pub fn listed(
    list: &ExpandedRows<'_>,
    owners: &[&[Value]],
    dialect: Dialect,
    max_bytes: usize,
) -> Statement {
    let plan = &list.plan;
    let pairs = list.relation.pairs(list.here, plan.model);
    let pointed: Vec<&Field> = pairs.map(|(here, _)| here).collect();
    let mut rows = Query::select();
    let each = large::of_each(max_bytes, unbounded(plan));
    let mut columns = Columns::new(&mut rows, dialect, each);
    columns.named = true;
    let members = join::members(&mut columns, plan);
    let owner = pointed
        .iter()
        .map(|field| columns.pointed(&column_of(OWNER, field), field))
        .collect();
    let layout = Layout::owned(members, owner, columns.oversize());
    let width = columns.count;
    let mut window = WindowStatement::new();
    for field in &pointed {
        window.add_partition_by(told_apart(column_of(OWNER, field), field, dialect));
    }
    let seen = Seen::of(plan, plan.sources(), dialect);
    for key in &plan.order {
        order_by(&mut window, key, plan, Some(&seen), dialect);
    }
    rows.expr_window_as(Func::cust("ROW_NUMBER"), window, NUMBER);
    let of = owned(list.here, &pointed, owners, dialect);
    match list.relation.is_from_one() {
        // No two rows have the same lists.
        true => {
            rows.from(table(list.here.table()).alias(OWNER));
            rows.and_where(of);
        }
        false => {
            rows.from_subquery(each_once(list.here, &pointed, of, dialect), OWNER);
        }
    }
    let lead = join::Lead {
        here: (OWNER, list.here),
        relation: list.relation,
        target: plan.model,
    };
    let there: TableRef = table(plan.model.table()).alias(BASE);
    match lead.on(BASE, dialect) {
        Some(on) => rows.inner_join(there, on),
        None => rows.inner_join(there, Expr::cust("1 = 0")),
    };
    join::all(&mut rows, &plan.joins, plan.sources(), dialect);
    seen.filter(&mut rows, &plan.filter);
    let mut select = Query::select();
    select.columns((0..width).map(groups::column));
    select.from_subquery(rows, groups::GROUPS);
    let number = || Expr::col((groups::GROUPS, NUMBER));
    let most = u64::from(plan.page.limit) + 1;
    select.and_where(number().lte(Expr::cust(most.to_string())));
    select.order_by_expr(number(), sea_query::Order::Asc);
    let runs_code = list.here.runs_code() || plan.joins.models().any(Model::runs_code);
    Statement::new(&select, dialect, Arc::new(layout), runs_code)
}

/// The rows that have one of these values in each field, of those that may be seen; others may be
/// among them, whose lists nobody asks for.
fn owned(model: &Model, fields: &[&Field], owners: &[&[Value]], dialect: Dialect) -> Expr {
    let tests = fields.iter().enumerate().map(|(at, field)| {
        let mut values: Vec<Value> = Vec::with_capacity(owners.len());
        for value in owners.iter().filter_map(|owner| owner.get(at)) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        compare::equal(column_of(OWNER, field), field, &values, dialect)
    });
    let rules = model.rules().iter();
    let rules = rules.map(|one| rule::rule(OWNER, one, dialect));
    let all = tests.chain(rules).reduce(|all, one| all.and(one));
    all.unwrap_or_else(|| Expr::cust("1 = 0"))
}

/// What keys point to, each once, where several rows have it.
fn each_once(model: &Model, fields: &[&Field], of: Expr, dialect: Dialect) -> SelectStatement {
    let mut each = Query::select();
    for field in fields {
        each.expr(column_of(OWNER, field));
    }
    for (at, field) in fields.iter().enumerate() {
        let apart = told_apart(column_of(OWNER, field), field, dialect);
        each.expr_as(apart, format!("b{at}"));
    }
    each.distinct()
        .from(table(model.table()).alias(OWNER))
        .and_where(of);
    each
}

/// What tells values apart that a collation of MySQL takes for equal.
fn told_apart(column: Expr, field: &Field, dialect: Dialect) -> Expr {
    match (dialect, field.field_type()) {
        (Dialect::MySql, FieldType::Text) => mysql::bytes(column),
        _ => column,
    }
}
