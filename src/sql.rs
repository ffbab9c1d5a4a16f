//! From a plan to a statement; pure.
//!
//! Only SELECTs are built, by sea-query, from fields of the catalog and bound values. Each column
//! is written by name, and [`Layout`] says how the answer is made of them.

mod column;
mod condition;
mod groups;
mod seek;

use sea_query::{Expr, ExprTrait as _, NullOrdering, Query, SelectStatement, TableRef};

use crate::catalog::{Field, Kind, Model, TableName};
use crate::encode::{Cell, Layout, Member};
use crate::plan::{Condition, GetPlan, Order, OrderKey, Output, ReadPlan};

/// The alias of the model's own table.
const BASE: &str = "t";

/// Whose SQL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB and MySQL.
    MySql,
}

/// A statement, and how its rows become an answer.
#[derive(Debug)]
pub struct Statement {
    /// The SELECT.
    pub select: SelectStatement,
    /// What its columns are.
    pub layout: Layout,
    /// Whether a view takes part, and with it the functions that it calls.
    pub of_view: bool,
}

/// The statement of `list` and `query`; it fetches one row more than the page, to see whether
/// there is one.
pub fn rows(plan: &ReadPlan<'_>, dialect: Dialect) -> Statement {
    let mut select = Query::select();
    let mut columns = Columns {
        select: &mut select,
        dialect,
        count: 0,
    };
    let members = match &plan.output {
        Output::Rows { fields, expand } => {
            let mut members = columns.fields(BASE, fields.iter().copied());
            for (index, expansion) in expand.iter().enumerate() {
                let alias = format!("e{index}");
                let object = columns.fields(&alias, expansion.target.fields().iter());
                // The field that is pointed to is not NULL where a row was found.
                let pointed = expansion
                    .relation
                    .pairs(plan.model, expansion.target)
                    .next();
                let present = pointed.and_then(|(_, to)| {
                    let at = expansion
                        .target
                        .fields()
                        .iter()
                        .position(|it| std::ptr::eq(it, to))?;
                    object.get(at).map(Member::first)
                });
                members.push(Member::object(expansion.relation.name(), object, present));
            }
            members
        }
        Output::Groups { by, aggregates } => groups::members(&mut columns, by, aggregates),
    };
    let keys = match plan.output {
        Output::Rows { .. } => plan
            .order
            .iter()
            .filter_map(|order| match order.key {
                OrderKey::Field(field) => Some(columns.key(BASE, field)),
                OrderKey::Output(_) => None,
            })
            .collect(),
        Output::Groups { .. } => Vec::new(),
    };
    source(&mut select, plan.model);
    if let Output::Rows { expand, .. } = &plan.output {
        for (index, expansion) in expand.iter().enumerate() {
            let alias = format!("e{index}");
            let on = expansion
                .relation
                .pairs(plan.model, expansion.target)
                .map(|(from, to)| column_of(BASE, from).eq(column_of(&alias, to)))
                .reduce(|all, one| all.and(one));
            if let Some(on) = on {
                let table = table(expansion.target.table()).alias(alias);
                select.left_join(table, on);
            }
        }
    }
    restrict(&mut select, plan, dialect);
    for key in &plan.order {
        order_by(&mut select, key, plan, dialect);
    }
    select.limit(u64::from(plan.page.limit) + 1);
    if plan.page.offset > 0 {
        select.offset(plan.page.offset);
    }
    let of_view = is_view(plan.model)
        || match &plan.output {
            Output::Rows { expand, .. } => expand.iter().any(|other| is_view(other.target)),
            Output::Groups { .. } => false,
        };
    Statement {
        select,
        layout: Layout::new(members, keys),
        of_view,
    }
}

/// The statement of `get`.
pub fn get(plan: &GetPlan<'_>, dialect: Dialect) -> Statement {
    let mut select = Query::select();
    let mut columns = Columns {
        select: &mut select,
        dialect,
        count: 0,
    };
    let members = columns.fields(BASE, plan.model.fields().iter());
    source(&mut select, plan.model);
    filter(&mut select, &plan.filter, dialect);
    select.limit(1);
    Statement {
        select,
        layout: Layout::new(members, Vec::new()),
        of_view: is_view(plan.model),
    }
}

/// The statement that counts all rows, or groups, of a plan: one column.
pub fn count(plan: &ReadPlan<'_>, dialect: Dialect) -> Statement {
    let mut select = Query::select();
    source(&mut select, plan.model);
    filter(&mut select, &plan.filter, dialect);
    if let Output::Groups { by, .. } = &plan.output {
        if by.is_empty() {
            // Without keys there is one group, even of no rows.
            select = Query::select();
            select.expr(Expr::cust("1"));
        } else {
            select.expr(Expr::cust("1"));
            groups::group_by(&mut select, by, dialect);
            let groups = std::mem::replace(&mut select, Query::select());
            select
                .expr(Expr::cust("COUNT(*)"))
                .from_subquery(groups, "g");
        }
    } else {
        select.expr(Expr::cust("COUNT(*)"));
    }
    Statement {
        select,
        layout: Layout::count(),
        of_view: is_view(plan.model),
    }
}

/// The columns of a statement as they are added.
struct Columns<'s> {
    select: &'s mut SelectStatement,
    dialect: Dialect,
    count: usize,
}

impl Columns<'_> {
    fn add(&mut self, expr: Expr) -> usize {
        self.select.expr(expr);
        self.count += 1;
        self.count - 1
    }

    fn fields<'f>(&mut self, alias: &str, fields: impl Iterator<Item = &'f Field>) -> Vec<Member> {
        fields
            .map(|field| Member::cell(field.name(), self.field(alias, field)))
            .collect()
    }

    fn field(&mut self, alias: &str, field: &Field) -> Cell {
        let (expr, shape) = column::projected(column_of(alias, field), field, self.dialect);
        Cell {
            index: self.add(expr),
            shape,
        }
    }

    /// A sort key, as it is needed to go on after the row.
    fn key(&mut self, alias: &str, field: &Field) -> Cell {
        self.field(alias, field)
    }
}

fn column_of(alias: &str, field: &Field) -> Expr {
    Expr::col((alias.to_owned(), field.name().to_owned()))
}

fn is_view(model: &Model) -> bool {
    model.kind() == Kind::View
}

fn table(name: &TableName) -> TableRef {
    match &name.schema {
        Some(schema) => (schema.clone(), name.name.clone()).into(),
        None => name.name.clone().into(),
    }
}

fn source(select: &mut SelectStatement, model: &Model) {
    select.from(table(model.table()).alias(BASE.to_owned()));
}

fn filter(select: &mut SelectStatement, condition: &Condition<'_>, dialect: Dialect) {
    if !condition.is_everything() {
        select.and_where(condition::expr(condition, dialect));
    }
}

fn restrict(select: &mut SelectStatement, plan: &ReadPlan<'_>, dialect: Dialect) {
    filter(select, &plan.filter, dialect);
    if let Output::Groups { by, .. } = &plan.output {
        groups::group_by(select, by, dialect);
    }
    if let Some(after) = &plan.page.seek {
        select.and_where(seek::after(&plan.order, after, dialect));
    }
}

fn order_by(
    select: &mut SelectStatement,
    order: &Order<'_>,
    plan: &ReadPlan<'_>,
    dialect: Dialect,
) {
    let direction = if order.descending {
        sea_query::Order::Desc
    } else {
        sea_query::Order::Asc
    };
    let (expr, nullable) = match order.key {
        OrderKey::Field(field) => (column_of(BASE, field), field.is_nullable()),
        OrderKey::Output(index) => match &plan.output {
            Output::Groups { by, aggregates } => groups::ordered(by, aggregates, index, dialect),
            Output::Rows { .. } => return,
        },
    };
    // NULL sorts below every value; SQLite and MySQL do so by themselves.
    if nullable && dialect == Dialect::Postgres {
        let nulls = if order.descending {
            NullOrdering::Last
        } else {
            NullOrdering::First
        };
        select.order_by_expr_with_nulls(expr, direction, nulls);
    } else {
        select.order_by_expr(expr, direction);
    }
}
