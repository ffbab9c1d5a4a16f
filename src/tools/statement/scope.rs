//! Which names of the statement's own WITH lists stand where.
//!
//! A name is one of the statement's own only where every engine takes it for that: written alike,
//! after it was made, or within itself where the list is recursive.

use sqlparser::ast::{Ident, Query};

use super::relations::{Columns, columns_of, renamed};
use crate::sql::Dialect;

/// How many tables a query may read, each list written out where it is named: engines do that, and a
/// list that names the one before it twice doubles them.
pub(super) const MOST_TABLES: usize = 500;

/// The lists that enclose a place.
#[derive(Debug)]
pub(super) struct Scope {
    dialect: Dialect,
    /// For each query around the place, the lists that it made so far.
    made: Vec<Vec<List>>,
    /// The queries that lists give names to: which, its list, and whether it may name itself.
    named: Vec<(*const Query, List, bool)>,
    /// For each query around the place, how many tables it reads so far.
    tables: Vec<usize>,
}

/// A list of WITH.
#[derive(Debug, Clone)]
struct List {
    name: String,
    columns: Columns,
    /// How many tables it reads, each of its own lists written out where it is named.
    tables: usize,
}

impl Scope {
    /// Outside every query.
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            made: Vec::new(),
            named: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// Enters a query.
    pub(super) fn enter(&mut self, query: &Query) {
        let own = self
            .named
            .iter()
            .find(|(named, ..)| std::ptr::eq(*named, query));
        let itself = own.filter(|(_, _, recursive)| *recursive);
        let itself = itself.map(|(_, list, _)| list.clone());
        self.made.push(itself.into_iter().collect());
        self.tables.push(0);
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let own = Some(columns_of(&cte.query, self.dialect));
                let list = List {
                    name: folded(&cte.alias.name, self.dialect),
                    columns: renamed(Some(&cte.alias), own, self.dialect),
                    tables: 1,
                };
                self.named
                    .push((&raw const *cte.query, list, with.recursive));
            }
        }
    }

    /// Leaves a query; what a list names is known from here on.
    pub(super) fn leave(&mut self, query: &Query) {
        self.made.pop();
        let tables = self.tables.pop().unwrap_or_default();
        let at = self
            .named
            .iter()
            .position(|(named, ..)| std::ptr::eq(*named, query));
        match (at, self.made.last_mut(), self.tables.last_mut()) {
            (Some(at), Some(around), _) => {
                let mut list = self.named.swap_remove(at).1;
                list.tables = tables.max(1);
                around.push(list);
            }
            (None, _, Some(around)) => *around = around.saturating_add(tables),
            _ => {}
        }
    }

    /// Counts a table or list that is read here; `true` where the query reads too many by now.
    pub(super) fn read(&mut self, name: &Ident) -> bool {
        let tables = self.list(name).map_or(1, |list| list.tables);
        let around = self.tables.last_mut();
        around.is_some_and(|around| {
            *around = around.saturating_add(tables);
            *around > MOST_TABLES
        })
    }

    /// Whether a name is one of a list here.
    pub(super) fn has(&self, name: &Ident) -> bool {
        self.columns(name).is_some()
    }

    /// The columns of the list that has that name here.
    pub(super) fn columns(&self, name: &Ident) -> Option<&Columns> {
        self.list(name).map(|list| &list.columns)
    }

    fn list(&self, name: &Ident) -> Option<&List> {
        let name = folded(name, self.dialect);
        self.made.iter().flatten().find(|list| list.name == name)
    }
}

/// A name as the engine keeps it.
pub(super) fn folded(name: &Ident, dialect: Dialect) -> String {
    match (dialect, name.quote_style) {
        (Dialect::Postgres, None) => name.value.to_ascii_lowercase(),
        _ => name.value.clone(),
    }
}
