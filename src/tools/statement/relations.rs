//! Which columns the names before a point have.
//!
//! To PostgreSQL `table.name` is `name(table)`, a call of a function, where the table has no such
//! column: a name after a point has to be a column of the very table that the engine finds.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias,
    TableFactor, TableWithJoins,
};

use super::judge::constraint;
use super::scope::folded;
use crate::sql::Dialect;

/// The columns of a table; `None` where they are not known yet.
pub(super) type Columns = Option<Vec<String>>;

/// A table of a FROM, by what it is called.
#[derive(Debug)]
struct Relation {
    called: String,
    columns: Columns,
}

/// The tables of a SELECT, and which of them are seen where the walk is.
#[derive(Debug, Default)]
struct Frame {
    relations: Vec<Relation>,
    seen: Range<usize>,
    /// What the operands of joins and subqueries of the FROM see.
    conditions: HashMap<*const Expr, Range<usize>>,
    subqueries: HashMap<*const Query, Range<usize>>,
}

/// The tables that enclose a place.
#[derive(Debug, Default)]
pub(super) struct Relations {
    frames: Vec<Frame>,
    /// What was seen before the conditions and subqueries that enclose the place.
    before: Vec<Range<usize>>,
    /// The SELECTs that are a whole query, whose ORDER BY sees their tables too.
    whole: HashSet<*const Select>,
}

impl Relations {
    /// Enters a SELECT, of whose tables the columns are told.
    pub(super) fn enter(
        &mut self,
        select: &Select,
        dialect: Dialect,
        columns: &impl Fn(&ObjectName) -> Columns,
    ) {
        let mut frame = Frame::default();
        for from in &select.from {
            frame.add(from, dialect, columns);
        }
        frame.seen = 0..frame.relations.len();
        self.frames.push(frame);
    }

    /// Leaves a SELECT.
    pub(super) fn leave(&mut self, select: &Select) {
        if !self.whole.contains(&(&raw const *select)) {
            self.frames.pop();
        }
    }

    /// Enters an expression.
    pub(super) fn enter_condition(&mut self, expr: &Expr) {
        let seen = self.frames.last();
        let seen = seen.and_then(|frame| frame.conditions.get(&(&raw const *expr)).cloned());
        self.see(seen);
    }

    /// Leaves an expression.
    pub(super) fn leave_condition(&mut self, expr: &Expr) {
        let frame = self.frames.last();
        if frame.is_some_and(|frame| frame.conditions.contains_key(&(&raw const *expr))) {
            self.see_again();
        }
    }

    /// Enters a query.
    pub(super) fn enter_query(&mut self, query: &Query) {
        if let SetExpr::Select(select) = &*query.body {
            self.whole.insert(&raw const **select);
        }
        let seen = self.frames.last();
        let seen = seen.and_then(|frame| frame.subqueries.get(&(&raw const *query)).cloned());
        self.see(seen);
    }

    /// Leaves a query.
    pub(super) fn leave_query(&mut self, query: &Query) {
        if let SetExpr::Select(_) = &*query.body {
            self.frames.pop();
        }
        let frame = self.frames.last();
        if frame.is_some_and(|frame| frame.subqueries.contains_key(&(&raw const *query))) {
            self.see_again();
        }
    }

    fn see(&mut self, seen: Option<Range<usize>>) {
        if let (Some(seen), Some(frame)) = (seen, self.frames.last_mut()) {
            let before = std::mem::replace(&mut frame.seen, seen);
            self.before.push(before);
        }
    }

    fn see_again(&mut self) {
        if let (Some(before), Some(frame)) = (self.before.pop(), self.frames.last_mut()) {
            frame.seen = before;
        }
    }

    /// Whether the table that is called so here has that column, as far as is known.
    pub(super) fn has(&self, called: &str, column: &str) -> bool {
        let mut frames = self.frames.iter().rev();
        let found = frames.find_map(|frame| {
            let mut relations = frame.relations[frame.seen.clone()].iter();
            relations.find(|relation| relation.called == called)
        });
        found.is_some_and(|relation| match &relation.columns {
            Some(columns) => columns.iter().any(|known| known == column),
            None => true,
        })
    }

    /// Whether all tables that are called so around here have that column.
    pub(super) fn all_have(&self, called: &str, column: &str) -> bool {
        let relations = self.frames.iter().flat_map(|frame| &frame.relations);
        let mut relations = relations.filter(|relation| relation.called == called);
        relations.all(|relation| match &relation.columns {
            Some(columns) => columns.iter().any(|known| known == column),
            None => true,
        })
    }
}

impl Frame {
    /// Adds an item of a FROM; a condition sees the tables of its own item so far.
    fn add(
        &mut self,
        from: &TableWithJoins,
        dialect: Dialect,
        columns: &impl Fn(&ObjectName) -> Columns,
    ) {
        let first = self.relations.len();
        self.factor(&from.relation, dialect, columns);
        for join in &from.joins {
            self.factor(&join.relation, dialect, columns);
            if let Some(JoinConstraint::On(on)) = constraint(&join.join_operator) {
                let seen = first..self.relations.len();
                self.conditions.insert(&raw const *on, seen);
            }
        }
    }

    fn factor(
        &mut self,
        factor: &TableFactor,
        dialect: Dialect,
        columns: &impl Fn(&ObjectName) -> Columns,
    ) {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let last = name.0.last().and_then(|part| part.as_ident());
                let called = alias.as_ref().map(|alias| &alias.name).or(last);
                self.relations.extend(called.map(|called| Relation {
                    called: folded(called, dialect),
                    columns: renamed(alias.as_ref(), columns(name), dialect),
                }));
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                ..
            } => {
                let seen = if *lateral { self.relations.len() } else { 0 };
                self.subqueries.insert(&raw const **subquery, 0..seen);
                let own = Some(columns_of(subquery, dialect));
                self.relations.extend(alias.as_ref().map(|alias| Relation {
                    called: folded(&alias.name, dialect),
                    columns: renamed(Some(alias), own, dialect),
                }));
            }
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => self.add(table_with_joins, dialect, columns),
            _ => {}
        }
    }
}

/// The columns under the names that an alias gives; those that it leaves out are not to be named.
pub(super) fn renamed(alias: Option<&TableAlias>, own: Columns, dialect: Dialect) -> Columns {
    match alias {
        Some(alias) if !alias.columns.is_empty() => {
            let columns = alias.columns.iter();
            Some(columns.map(|it| folded(&it.name, dialect)).collect())
        }
        _ => own,
    }
}

/// The names of the columns of a query, as far as they are written.
pub(super) fn columns_of(query: &Query, dialect: Dialect) -> Vec<String> {
    columns_of_body(&query.body, dialect)
}

fn columns_of_body(body: &SetExpr, dialect: Dialect) -> Vec<String> {
    match body {
        SetExpr::Select(select) => {
            let names = select.projection.iter().filter_map(name_of);
            names.map(|name| folded(name, dialect)).collect()
        }
        SetExpr::Query(query) => columns_of(query, dialect),
        SetExpr::SetOperation { left, .. } => columns_of_body(left, dialect),
        SetExpr::Values(values) => {
            let width = values.rows.first().map_or(0, |row| row.content.len());
            (1..=width).map(|at| format!("column{at}")).collect()
        }
        _ => Vec::new(),
    }
}

/// The name of a column of a result: its alias, its own, or that of the function.
fn name_of(item: &SelectItem) -> Option<&Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => names.last(),
        SelectItem::UnnamedExpr(Expr::Function(function)) => {
            function.name.0.last().and_then(|part| part.as_ident())
        }
        _ => None,
    }
}
