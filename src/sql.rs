//! From a plan to a statement; pure.
//!
//! Only SELECTs are built, by sea-query, from fields of the catalog and bound values. Each column
//! is written by name, and [`Layout`] says how the answer is made of them.

mod column;
mod columns;
mod compare;
mod condition;
pub mod documents;
mod groups;
mod identity;
mod join;
mod large;
mod lists;
pub mod lookup;
mod many;
mod mysql;
pub mod number;
mod postgres;
mod rule;
pub mod search;
mod seek;
mod seen;
pub mod shapes;
pub mod sums;
mod term;
pub mod tool;

use std::sync::Arc;

use sea_query::{
    ExplainFormat, ExplainStatement, Expr, ExprTrait as _, MysqlQueryBuilder, NullOrdering,
    OrderedStatement, PostgresQueryBuilder, Query, SelectStatement, SqliteQueryBuilder, TableRef,
    Values,
};

pub(crate) use self::identity::DIGEST;
pub use self::lists::listed;
pub use self::mysql::COLUMNS_DIGEST;

use self::column::{alias, column_of};
use self::columns::Columns;
use self::seen::Seen;
use self::shapes::Shapes;
use crate::catalog::{Model, TableName};
use crate::encode::{Cell, Layout};
use crate::plan::{
    Expansion, GetPlan, Order, OrderKey, Output, ReadPlan, Shown, Source, Term, Zone,
};

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
#[derive(Debug, Clone)]
pub struct Statement {
    /// The SELECT.
    pub text: Arc<str>,
    /// What is bound in it, in its order.
    pub values: Values,
    /// What its columns are.
    pub layout: Arc<Layout>,
    /// Whether a model is read that runs code which is not ours ([`Model::runs_code`]).
    pub runs_code: bool,
    /// What the long values of one row may take in the driver, in bytes.
    pub(crate) row_bytes: usize,
    /// Whether each of its steps is over soon: no view, no text to look into, nothing to group.
    pub(crate) is_brief: bool,
}

impl Statement {
    fn new(
        select: &SelectStatement,
        dialect: Dialect,
        layout: Arc<Layout>,
        runs_code: bool,
    ) -> Self {
        let (text, values) = match dialect {
            Dialect::Sqlite => limited(select.build(SqliteQueryBuilder), |_| "?".to_owned()),
            Dialect::Postgres => {
                let marker = |number| format!("${number}");
                limited(select.build(PostgresQueryBuilder), marker)
            }
            Dialect::MySql => select.build(MysqlQueryBuilder),
        };
        Self {
            text: text.into(),
            values,
            row_bytes: layout.row_bytes(),
            layout,
            runs_code,
            is_brief: false,
        }
    }

    fn brief(mut self, is_brief: bool) -> Self {
        self.is_brief = is_brief && !self.runs_code;
        self
    }
}

/// Puts the number of the LIMIT, which ends the text, in its place; `marker` is how the value of a
/// number, from 1, is written.
///
/// SQLite would plan a statement anew each time that a LIMIT is bound. PostgreSQL would too: a LIMIT
/// that it does not know it takes for a tenth of all rows, so that no plan is worth keeping.
fn limited(
    (text, mut values): (String, Values),
    marker: impl Fn(usize) -> String,
) -> (String, Values) {
    let count = values.0.len();
    let (start, passes) = match text.strip_suffix(&format!(" OFFSET {}", marker(count))) {
        Some(start) => (start, 1),
        None => (&*text, 0),
    };
    let at = count.checked_sub(1 + passes);
    if let Some(at) = at
        && let Some(start) = start.strip_suffix(&format!(" LIMIT {}", marker(at + 1)))
        && let Some(&sea_query::Value::BigUnsigned(Some(limit))) = values.0.get(at)
    {
        values.0.remove(at);
        let offset = match passes {
            0 => String::new(),
            _ => format!(" OFFSET {}", marker(at + 1)),
        };
        return (format!("{start} LIMIT {limit}{offset}"), values);
    }
    (text, values)
}

/// The statements of `list` and `query`: one, or up to four after a cursor, to be fetched in turn
/// until the page is full. They share one layout.
///
/// Each fetches one row more than the page, to see whether there is one. Of a value larger than
/// `max_bytes` only the size is fetched. What the model's statements share is taken from `shapes`.
pub fn rows(
    plan: &ReadPlan<'_>,
    dialect: Dialect,
    max_bytes: usize,
    shapes: &Shapes,
) -> Vec<Statement> {
    let (mut select, layout, width) = match shapes.whole(plan, dialect, max_bytes) {
        Some(whole) => (whole.select(), whole.layout(plan.model, &plan.order), 0),
        None => columns_of(plan, dialect, max_bytes),
    };
    let layout = Arc::new(layout);
    let seen = Seen::of(plan, plan.sources(), dialect);
    if passes_over(plan, dialect) {
        select.from_subquery(page_of(plan, &seen, dialect), BASE);
        for key in &plan.order {
            order_by(&mut select, key, plan, None, dialect);
        }
        return vec![Statement::new(
            &select,
            dialect,
            layout,
            plan.model.runs_code(),
        )];
    }
    source(&mut select, plan.model, dialect);
    join::all(&mut select, &plan.joins, plan.sources(), dialect);
    seen.filter(&mut select, &plan.filter);
    if let Output::Groups { by, .. } = &plan.output {
        groups::group_by(&mut select, by, dialect);
    }
    let runs_code = plan.joins.models().any(Model::runs_code);
    let is_brief = matches!(plan.output, Output::Rows { .. })
        && !plan.joins.has_many()
        && !plan.filter.looks_into_text();
    pages(select, width, plan, &seen, dialect)
        .into_iter()
        .map(|select| {
            Statement::new(&select, dialect, Arc::clone(&layout), runs_code).brief(is_brief)
        })
        .collect()
}

/// Whether rows are passed over by an engine that would write out each of them first: PostgreSQL
/// computes the columns below the OFFSET.
fn passes_over(plan: &ReadPlan<'_>, dialect: Dialect) -> bool {
    let seeks = plan.page.seek.as_ref();
    dialect == Dialect::Postgres
        && matches!(plan.output, Output::Rows { .. })
        && plan.joins.is_empty()
        && seeks.is_none_or(|seek| seek.keys.is_empty())
        && plan.page.passed() > 0
}

/// The rows of a page as they are stored, for their columns to be computed outside.
fn page_of(plan: &ReadPlan<'_>, seen: &Seen<'_>, dialect: Dialect) -> SelectStatement {
    let mut rows = Query::select();
    for field in plan.model.fields() {
        rows.expr(column_of(BASE, field));
    }
    source(&mut rows, plan.model, dialect);
    seen.filter(&mut rows, &plan.filter);
    for key in &plan.order {
        order_by(&mut rows, key, plan, Some(seen), dialect);
    }
    rows.limit(u64::from(plan.page.limit) + 1)
        .offset(plan.page.passed());
    rows
}

/// How many values of a row of the answer have no bound.
fn unbounded(plan: &ReadPlan<'_>) -> usize {
    fn of_row(fields: &[Shown<'_>], expand: &[Expansion<'_>]) -> usize {
        let within = expand.iter().map(|expansion| match expansion {
            Expansion::One(row) => of_row(&row.fields, &row.expand),
            Expansion::Many(_) => 0,
        });
        large::unbounded(fields.iter().map(|shown| shown.term.field())) + within.sum::<usize>()
    }
    match &plan.output {
        Output::Rows { fields, expand } => of_row(fields, expand),
        Output::Groups { by, aggregates, .. } => {
            let terms = by.iter().map(|key| Some(&key.term));
            let terms = terms.chain(aggregates.iter().map(|one| one.term.as_ref()));
            large::unbounded(terms.flatten().map(Term::field))
        }
    }
}

/// A SELECT of the columns that a plan wants, from nothing yet, how its rows become an answer, and
/// how many columns these are.
fn columns_of<'p>(
    plan: &'p ReadPlan<'p>,
    dialect: Dialect,
    max_bytes: usize,
) -> (SelectStatement, Layout, usize) {
    let mut select = Query::select();
    let each = large::of_each(max_bytes, unbounded(plan));
    let mut columns = Columns::new(&mut select, dialect, each);
    columns.named = plan.having().is_some();
    let members = match &plan.output {
        Output::Rows { .. } => join::members(&mut columns, plan),
        Output::Groups { by, aggregates, .. } => groups::members(&mut columns, by, aggregates),
    };
    let placed = plan.order.iter().filter(|_| plan.has_place());
    let keys: Vec<Cell> = placed
        .filter_map(|order| match plan.ordered(order) {
            Some(term) => Some(columns.key(term)),
            None if order.key == OrderKey::Row => {
                let (row, shape) = identity::row(BASE, plan.model, plan.row_key, dialect)?;
                Some(columns.plain(row, shape))
            }
            None => None,
        })
        .collect();
    let layout = Layout::new(members, keys, columns.oversize());
    let width = columns.count;
    (select, layout, width)
}

/// A page of what a SELECT finds, in its order; of groups those that remain.
fn page(
    select: SelectStatement,
    width: usize,
    plan: &ReadPlan<'_>,
    seen: &Seen<'_>,
    dialect: Dialect,
) -> SelectStatement {
    let mut select = match plan.having() {
        Some(having) => {
            let mut remaining = groups::remaining(select, plan, having, dialect);
            remaining.columns((0..width).map(groups::column));
            remaining
        }
        None => select,
    };
    for key in &plan.order {
        order_by(&mut select, key, plan, Some(seen), dialect);
    }
    select.limit(u64::from(plan.page.limit) + 1);
    select
}

/// From where the page begins: at a number of rows, or in parts after a row.
fn pages(
    select: SelectStatement,
    width: usize,
    plan: &ReadPlan<'_>,
    seen: &Seen<'_>,
    dialect: Dialect,
) -> Vec<SelectStatement> {
    let seek = plan.page.seek.as_ref();
    let Some(seek) = seek.filter(|seek| !seek.keys.is_empty()) else {
        let mut first = page(select, width, plan, seen, dialect);
        if plan.page.passed() > 0 {
            first.offset(plan.page.passed());
        }
        return vec![first];
    };
    // Rows that share all keys cannot be told apart: those that were sent are passed over, and none
    // but those, should some of them be gone.
    let ties = match plan.has_unique_order() {
        true => None,
        false => seek::ties(plan, seek, seen, dialect).filter(|_| seek.ties > 0),
    };
    let page = |select| page(select, width, plan, seen, dialect);
    let ties = ties.map(|ties| {
        page(select.clone().and_where(ties).take())
            .offset(seek.ties)
            .take()
    });
    let later = seek::after(plan, seek, seen, dialect).into_iter();
    let later = later.map(|part| page(select.clone().and_where(part).take()));
    let mut pages: Vec<SelectStatement> = ties.into_iter().chain(later).collect();
    if pages.is_empty() {
        pages.push(page(select.clone().and_where(Expr::cust("1 = 0")).take()));
    }
    pages
}

/// The statement of `get`; of a value larger than `max_bytes` only the size is fetched.
pub fn get(plan: &GetPlan<'_>, dialect: Dialect, max_bytes: usize) -> Statement {
    let mut select = Query::select();
    let each = large::of_each(max_bytes, large::unbounded(plan.model.fields()));
    let mut columns = Columns::new(&mut select, dialect, each);
    let members = columns.fields(Source::BASE, plan.model.fields().iter());
    let layout = Layout::new(members, Vec::new(), columns.oversize());
    source(&mut select, plan.model, dialect);
    if !plan.filter.is_everything() {
        select.and_where(condition::expr(&plan.filter, dialect));
    }
    select.limit(1);
    Statement::new(&select, dialect, Arc::new(layout), plan.model.runs_code()).brief(true)
}

/// The statement that asks a server's planner how many rows the filter leaves; its one row is the
/// plan, as JSON. SQLite's planner does not say.
pub fn estimated(plan: &ReadPlan<'_>, dialect: Dialect) -> Option<Statement> {
    let mut select = Query::select();
    select.expr(Expr::cust("1"));
    source(&mut select, plan.model, dialect);
    join::all(&mut select, &plan.joins, plan.counted(), dialect);
    Seen::of(plan, plan.counted(), dialect).filter(&mut select, &plan.filter);
    let explain = ExplainStatement::new()
        .format(ExplainFormat::Json)
        .statement(select);
    let (text, values) = match dialect {
        Dialect::Sqlite => return None,
        Dialect::Postgres => explain.build(PostgresQueryBuilder),
        Dialect::MySql => explain.build(MysqlQueryBuilder),
    };
    Some(Statement {
        text: text.into(),
        values,
        layout: Arc::default(),
        row_bytes: 0,
        runs_code: plan.joins.models().any(Model::runs_code),
        is_brief: false,
    })
}

/// The statement that counts all rows, or groups, of a plan: one column.
pub fn count(plan: &ReadPlan<'_>, dialect: Dialect) -> Statement {
    let mut select = Query::select();
    source(&mut select, plan.model, dialect);
    join::all(&mut select, &plan.joins, plan.counted(), dialect);
    Seen::of(plan, plan.counted(), dialect).filter(&mut select, &plan.filter);
    if let Output::Groups { by, .. } = &plan.output {
        if let Some(having) = plan.having() {
            groups::group_by(&mut select, by, dialect);
            select = groups::remaining(select, plan, having, dialect);
            select.expr(Expr::cust("COUNT(*)"));
        } else if by.is_empty() {
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
    let layout = Arc::new(Layout::count());
    let runs_code = plan.joins.models().any(Model::runs_code);
    Statement::new(&select, dialect, layout, runs_code)
}

/// The statement that tells whether a server knows a zone, by a number; SQLite knows none.
pub(crate) fn knows_zone(zone: Zone, dialect: Dialect) -> Option<Statement> {
    let mut select = Query::select();
    match dialect {
        Dialect::Sqlite => return None,
        Dialect::Postgres => {
            let names: TableRef = ("pg_catalog", "pg_timezone_names").into();
            select.expr(Expr::cust("COUNT(*)")).from(names);
            select.and_where(Expr::col("name").eq(zone.name()));
        }
        Dialect::MySql => {
            let template = "CONVERT_TZ('2026-01-01 00:00:00', '+00:00', ?) IS NOT NULL";
            select.expr(Expr::cust_with_exprs(template, [Expr::val(zone.name())]));
        }
    }
    Some(Statement::new(
        &select,
        dialect,
        Arc::new(Layout::count()),
        false,
    ))
}

fn table(name: &TableName) -> TableRef {
    match &name.schema {
        Some(schema) => (schema.clone(), name.name.clone()).into(),
        None => name.name.clone().into(),
    }
}

/// Reads a model, of whose rows only those are there that may be seen.
fn source(select: &mut SelectStatement, model: &Model, dialect: Dialect) {
    source_at((table(model.table()), BASE), select, model, dialect);
}

/// Reads a model whose table is written like this, under an alias.
fn source_at(
    (at, alias): (TableRef, &str),
    select: &mut SelectStatement,
    model: &Model,
    dialect: Dialect,
) {
    select.from(at.alias(alias.to_owned()));
    for rule in model.rules() {
        select.and_where(rule::rule(alias, rule, dialect));
    }
}

/// Whether a SELECT of a value finds a row.
///
/// SQLite makes a join of an EXISTS, and then counts OFFSET by each row that it finds: a value it
/// takes of the first row alone.
fn exists(rows: SelectStatement, dialect: Dialect) -> Expr {
    match dialect {
        Dialect::Sqlite => Expr::SubQuery(None, Box::new(rows.into())).is_not_null(),
        Dialect::Postgres | Dialect::MySql => Expr::exists(rows),
    }
}

/// Sorts by a key; `seen` says which rows may be seen, where others may be among them.
fn order_by(
    select: &mut impl OrderedStatement,
    order: &Order<'_>,
    plan: &ReadPlan<'_>,
    seen: Option<&Seen<'_>>,
    dialect: Dialect,
) {
    let direction = if order.descending {
        sea_query::Order::Desc
    } else {
        sea_query::Order::Asc
    };
    let (expr, nullable) = match &order.key {
        OrderKey::Term(term) => {
            let ordered = match seen {
                Some(seen) => seen.ordered(term),
                None => term::ordered(term, dialect),
            };
            (ordered, term.is_order_nullable())
        }
        OrderKey::Row => match identity::row(BASE, plan.model, plan.row_key, dialect) {
            Some((row, _)) => (row, false),
            None => return,
        },
        OrderKey::Output(index) => match &plan.output {
            Output::Groups { by, aggregates, .. } => {
                let again = plan.having().is_some();
                groups::ordered(by, aggregates, *index, again, dialect)
            }
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
