//! Which names of the statement's own WITH lists stand where.
//!
//! A name is one of the statement's own only where every engine takes it for that: written alike,
//! after it was made, or within itself where the list is recursive.

use sqlparser::ast::{Ident, Query};

use crate::sql::Dialect;

/// The lists that enclose a place.
#[derive(Debug)]
pub(super) struct Scope {
    dialect: Dialect,
    /// For each query around the place, the names that it made so far.
    made: Vec<Vec<String>>,
    /// The queries that lists give names to: which, its name, and whether it may name itself.
    named: Vec<(*const Query, String, bool)>,
}

impl Scope {
    /// Outside every query.
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            made: Vec::new(),
            named: Vec::new(),
        }
    }

    /// Enters a query.
    pub(super) fn enter(&mut self, query: &Query) {
        let own = self
            .named
            .iter()
            .find(|(named, ..)| std::ptr::eq(*named, query));
        let itself = own.filter(|(_, _, recursive)| *recursive);
        let itself = itself.map(|(_, name, _)| name.clone());
        self.made.push(itself.into_iter().collect());
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let name = folded(&cte.alias.name, self.dialect);
                self.named
                    .push((&raw const *cte.query, name, with.recursive));
            }
        }
    }

    /// Leaves a query; what a list names is known from here on.
    pub(super) fn leave(&mut self, query: &Query) {
        self.made.pop();
        let at = self
            .named
            .iter()
            .position(|(named, ..)| std::ptr::eq(*named, query));
        if let Some(at) = at
            && let Some(around) = self.made.last_mut()
        {
            around.push(self.named.swap_remove(at).1);
        }
    }

    /// Whether a name is one of a list here.
    pub(super) fn has(&self, name: &Ident) -> bool {
        let name = folded(name, self.dialect);
        self.made.iter().flatten().any(|made| *made == name)
    }
}

/// A name as the engine keeps it.
pub(super) fn folded(name: &Ident, dialect: Dialect) -> String {
    match (dialect, name.quote_style) {
        (Dialect::Postgres, None) => name.value.to_ascii_lowercase(),
        _ => name.value.clone(),
    }
}
