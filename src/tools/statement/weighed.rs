//! Which columns a statement does more with than to show them.
//!
//! A column that is a column of the result, and nothing else, is shown without what is hidden in its
//! documents. Any other use could tell what is hidden.

use std::collections::HashSet;

use sqlparser::ast::{Expr, GroupByExpr, Ident, OrderByKind, Query, SelectItem, SetExpr};
use sqlparser::tokenizer::Location;

/// The columns that stand in a statement.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    /// Where a column may stand and nothing is made of it.
    plain: HashSet<Location>,
    /// What plain columns are called in the result, and their own names.
    called: Vec<(String, Ident)>,
    found: Vec<(String, Location)>,
}

impl Weighed {
    /// Those of a statement that is about to be looked through.
    pub(super) fn of(query: &Query) -> Self {
        let mut weighed = Self::default();
        let SetExpr::Select(select) = &*query.body else {
            return weighed;
        };
        let mut keys: Vec<&Expr> = Vec::new();
        match query.order_by.as_ref().map(|order| &order.kind) {
            Some(OrderByKind::Expressions(order)) => keys.extend(order.iter().map(|it| &it.expr)),
            Some(OrderByKind::All(_)) => return weighed,
            None => {}
        }
        match &select.group_by {
            GroupByExpr::Expressions(by, _) => keys.extend(by),
            GroupByExpr::All(_) => return weighed,
        }
        // What is told by its place in the result is any column of it.
        if select.distinct.is_some() || keys.into_iter().any(may_be_place) {
            return weighed;
        }
        for item in &select.projection {
            let (expr, alias) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias)),
                _ => continue,
            };
            if let Some(name) = column(expr) {
                weighed.plain.insert(name.span.start);
                if let Some(alias) = alias {
                    weighed.called.push((folded(&alias.value), name.clone()));
                }
            }
        }
        weighed
    }

    /// Looks at an expression, before at what it is made of.
    pub(super) fn see(&mut self, expr: &Expr) {
        if let Expr::IsNull(of) | Expr::IsNotNull(of) = expr
            && let Some(name) = column(of)
        {
            self.plain.insert(name.span.start);
        }
        if let Some(name) = column(expr)
            && !self.plain.contains(&name.span.start)
        {
            self.name(name);
        }
    }

    /// Takes a column that is named for more than to be shown.
    pub(super) fn name(&mut self, name: &Ident) {
        self.found.push((name.value.clone(), name.span.start));
    }

    /// Their names, and where each stands.
    pub(super) fn done(mut self) -> Vec<(String, Location)> {
        for (alias, name) in self.called {
            let mut found = self.found.iter();
            if let Some((_, at)) = found.find(|(found, _)| folded(found) == alias) {
                self.found.push((name.value, *at));
            }
        }
        self.found
    }
}

/// The column that an expression is.
fn column(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    }
}

/// Whether a key of an order or of groups may be the number of a column.
fn may_be_place(key: &Expr) -> bool {
    !matches!(
        key,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Function(_) | Expr::Case { .. }
    )
}

fn folded(name: &str) -> String {
    name.to_lowercase()
}
