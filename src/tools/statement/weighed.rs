//! Which columns a statement does more with than to show them.
//!
//! A column that is a column of the result, and nothing else, is shown without what is hidden in its
//! documents. Any other use could tell what is hidden. Of these, some ask no more of a text than
//! whether it is another or stands before another: what an index answers, and what the service's own
//! filters, sorts and groups ask of it too. The rest opens it: looks into it, or hands it on under
//! another name.

use std::collections::HashSet;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    Ident, InTarget, NamedWindowExpr, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr,
    TableFactor, WindowSpec, WindowType,
};
use sqlparser::tokenizer::Location;

/// The columns that stand in a statement.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    /// Where a column may stand and nothing is made of it.
    plain: HashSet<Location>,
    /// What plain columns are called in the result, and their own names.
    called: Vec<(String, Ident)>,
    found: Vec<(String, Location)>,
    /// Where a column may stand that is not opened.
    kept: HashSet<Location>,
    /// Those that are.
    opened: HashSet<String>,
    /// The queries whose columns get other names.
    renamed: HashSet<*const Query>,
}

/// The columns that a statement does more with than to show them.
pub(super) struct Found {
    /// Their names, and where each stands.
    pub(super) weighed: Vec<(String, Location)>,
    /// Those that are opened, in small letters.
    pub(super) opened: HashSet<String>,
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

    /// Looks at a query, before at what it is made of.
    pub(super) fn enter(&mut self, query: &Query) {
        for list in query.with.iter().flat_map(|with| &with.cte_tables) {
            if !list.alias.columns.is_empty() {
                self.renamed.insert(&raw const *list.query);
            }
        }
        if let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|it| &it.kind) {
            self.keep_keys(keys);
        }
        if let SetExpr::Select(select) = &*query.body
            && !self.renamed.contains(&(&raw const *query))
        {
            for item in &select.projection {
                if let SelectItem::UnnamedExpr(expr) = item {
                    self.keep(expr);
                }
            }
        }
    }

    /// Looks at a SELECT, before at what it is made of.
    pub(super) fn select(&mut self, select: &Select) {
        if let GroupByExpr::Expressions(keys, _) = &select.group_by {
            keys.iter().for_each(|key| self.keep(key));
        }
        for window in &select.named_window {
            if let NamedWindowExpr::WindowSpec(window) = &window.1 {
                self.keep_window(window);
            }
        }
    }

    /// Looks at a source of rows, before at what it is made of.
    pub(super) fn source(&mut self, factor: &TableFactor) {
        if let TableFactor::Derived {
            subquery, alias, ..
        } = factor
            && alias
                .as_ref()
                .is_some_and(|alias| !alias.columns.is_empty())
        {
            self.renamed.insert(&raw const **subquery);
        }
    }

    /// Looks at an expression, before at what it is made of.
    pub(super) fn see(&mut self, expr: &Expr) {
        match expr {
            Expr::IsNull(of) | Expr::IsNotNull(of) => {
                let name = column(of).map(|name| name.span.start);
                self.plain.extend(name);
            }
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq | BinaryOperator::NotEq | BinaryOperator::Spaceship,
                right,
            } if is_simple(left) && is_simple(right) => {
                self.keep(left);
                self.keep(right);
            }
            Expr::In { expr, target, .. } => match target {
                InTarget::List(members) if members.iter().all(is_simple) => {
                    self.keep(expr);
                    members.iter().for_each(|member| self.keep(member));
                }
                InTarget::Subquery(_) => self.keep(expr),
                _ => {}
            },
            Expr::Function(function) => self.keep_function(function),
            // Its column is a value of the expression around it.
            Expr::Subquery(query) => {
                self.renamed.insert(&raw const **query);
            }
            _ => {}
        }
        if let Some(name) = column(expr)
            && !self.plain.contains(&name.span.start)
        {
            self.name(name);
            if !self.kept.contains(&name.span.start) {
                self.opened.insert(folded(&name.value));
            }
        }
    }

    fn keep(&mut self, expr: &Expr) {
        self.kept.extend(column(expr).map(|name| name.span.start));
    }

    fn keep_keys(&mut self, keys: &[OrderByExpr]) {
        keys.iter().for_each(|key| self.keep(&key.expr));
    }

    fn keep_window(&mut self, window: &WindowSpec) {
        window.partition_by.iter().for_each(|key| self.keep(key));
        self.keep_keys(&window.order_by);
    }

    /// What an extreme, a count or a place asks of a column.
    fn keep_function(&mut self, function: &Function) {
        if let Some(WindowType::WindowSpec(window)) = &function.over {
            self.keep_window(window);
        }
        let name = function.name.to_string().to_ascii_lowercase();
        if let (FunctionArguments::List(list), "min" | "max" | "count") = (&function.args, &*name) {
            for argument in &list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument {
                    self.keep(expr);
                }
            }
        }
    }

    /// Takes a column that is named for more than to be shown.
    pub(super) fn name(&mut self, name: &Ident) {
        self.found.push((name.value.clone(), name.span.start));
    }

    /// What was found.
    pub(super) fn done(mut self) -> Found {
        for (alias, name) in self.called {
            let mut found = self.found.iter();
            if let Some((_, at)) = found.find(|(found, _)| folded(found) == alias) {
                self.found.push((name.value.clone(), *at));
            }
            if self.opened.contains(&alias) {
                self.opened.insert(folded(&name.value));
            }
        }
        Found {
            weighed: self.found,
            opened: self.opened,
        }
    }
}

/// Whether an expression is a column, a literal or a parameter.
fn is_simple(expr: &Expr) -> bool {
    column(expr).is_some() || matches!(expr, Expr::Value(_))
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
