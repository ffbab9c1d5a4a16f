//! What a statement may be made of: each kind of node is named, and what is not named is refused.

mod expression;

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Query, Select, SelectFlavor, SelectItem, SetExpr, Spanned as _, Statement as Ast, TableFactor,
    TableWithJoins, Visitor,
};
use sqlparser::tokenizer::{Location, Token};

use super::relations::{Columns, Relations};
use super::scope::{MOST_TABLES, Scope, folded};
use super::weighed::{self, Weighed};
use super::{Names, fault};
use crate::sql::Dialect;
use crate::suggest;
use crate::tools::{Fault, Parameter, Text};

/// Walks a statement, and keeps what is wrong with it.
pub(super) struct Judge<'n> {
    text: &'n Text,
    names: Names<'n>,
    scope: Scope,
    relations: Relations,
    models: Vec<String>,
    /// The statement's own lists, and the tables that it names without a schema where it may.
    lists: HashSet<String>,
    tables: HashSet<String>,
    /// Where parameters stand as the only member of an IN.
    places: HashSet<Location>,
    /// What tables are called by, and bare names: on PostgreSQL such a name is the whole row.
    called: HashSet<String>,
    bare: Vec<(String, Location)>,
    weighed: Weighed,
    faults: Vec<Fault>,
}

/// What a statement without a fault reads.
pub(super) struct Found {
    pub(super) models: Vec<String>,
    /// Its own lists of WITH, but for those whose names are tables elsewhere in it.
    pub(super) lists: HashSet<String>,
    /// The columns that it does more with than to show them.
    pub(super) columns: weighed::Found,
}

impl<'n> Judge<'n> {
    pub(super) fn new(text: &'n Text, names: Names<'n>, query: &Query) -> Self {
        Self {
            text,
            names,
            scope: Scope::new(names.dialect),
            relations: Relations::default(),
            models: Vec::new(),
            lists: HashSet::new(),
            tables: HashSet::new(),
            places: HashSet::new(),
            called: HashSet::new(),
            bare: Vec::new(),
            // Of tables of the database itself every column is looked at.
            weighed: match names.raw {
                true => Weighed::default(),
                false => Weighed::of(query),
            },
            faults: Vec::new(),
        }
    }

    /// What is read, or every fault.
    pub(super) fn done(mut self) -> Result<Found, Vec<Fault>> {
        for (name, at) in std::mem::take(&mut self.bare) {
            if self.names.dialect == Dialect::Postgres && self.called.contains(&name) {
                let help = format!("write {name}.column, or call the table otherwise");
                self.fault(at, format!("{name} is a whole row"), help);
            }
        }
        match self.faults.is_empty() {
            true => Ok(Found {
                models: self.models,
                lists: &self.lists - &self.tables,
                columns: self.weighed.done(),
            }),
            false => Err(self.faults),
        }
    }

    pub(super) fn fault(
        &mut self,
        at: Location,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let fault = fault(self.text, at, message, help);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// The number of a parameter, and whether its values stand in a list.
    pub(super) fn parameter(&mut self, name: &str, at: Location) -> Option<(usize, bool)> {
        let parameters = self.names.parameters;
        let Some(number) = parameters.iter().position(|known| known.name == name) else {
            let near = suggest::nearest(name, parameters.iter().map(|known| &*known.name));
            let help = match near {
                Some(near) => format!("did you mean :{near}?"),
                None => format!(
                    "declare it: [tool.params] {name} = {{ type = \"…\", description = \"…\" }}"
                ),
            };
            self.fault(at, format!(":{name} is no parameter of the tool"), help);
            return None;
        };
        let is_list = parameters[number].is_list();
        if is_list && !self.places.contains(&at) {
            self.fault(
                at,
                format!(":{name} is a list"),
                format!("write IN (:{name})"),
            );
        }
        Some((number, is_list))
    }

    /// Whether a token there is a parameter that is a list, alone in an IN.
    pub(super) fn is_list(&self, token: &Token, at: Location) -> bool {
        let Token::Placeholder(name) = token else {
            return false;
        };
        let mut known = self.names.parameters.iter();
        let known = known.find(|known| known.name == name[1..]);
        known.is_some_and(Parameter::is_list) && self.places.contains(&at)
    }

    /// Tells of the parameters that stand nowhere.
    pub(super) fn unused(&mut self, used: &HashSet<usize>) {
        for (number, parameter) in self.names.parameters.iter().enumerate() {
            if !used.contains(&number) {
                self.faults.push(Fault {
                    place: parameter.place.clone(),
                    tool: None,
                    message: format!("parameter {} is not used by the SQL", parameter.name),
                    help: format!(
                        "write :{} where its value belongs, or take it out",
                        parameter.name
                    ),
                });
            }
        }
    }

    /// Judges the names of the result's columns.
    pub(super) fn columns(&mut self, query: &Query) {
        let mut names = HashSet::new();
        for item in first_select(&query.body).map_or(&[][..], |select| &select.projection) {
            let name = match item {
                SelectItem::ExprWithAlias { alias, .. } => Some(alias),
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name),
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => names.last(),
                _ => None,
            };
            if let Some(name) = name
                && !names.insert(folded(name, self.names.dialect))
            {
                let help = format!("give one of them another name: … AS other_{}", name.value);
                self.fault(
                    name.span.start,
                    format!("two columns are called {}", name.value),
                    help,
                );
            }
        }
    }

    fn select(&mut self, select: &Select) {
        let at = select.select_token.0.span.start;
        let plain = select.top.is_none()
            && select.into.is_none()
            && select.select_modifiers.is_none()
            && select.optimizer_hints.is_empty()
            && select.exclude.is_none()
            && select.lateral_views.is_empty()
            && select.prewhere.is_none()
            && select.connect_by.is_empty()
            && select.cluster_by.is_empty()
            && select.distribute_by.is_empty()
            && select.sort_by.is_empty()
            && select.qualify.is_none()
            && select.value_table_mode.is_none()
            && select.flavor == SelectFlavor::Standard
            && !matches!(select.group_by, GroupByExpr::All(_))
            && !matches!(&select.distinct, Some(Distinct::On(_)) if self.names.dialect != Dialect::Postgres);
        if select.into.is_some() {
            self.fault(
                at,
                "SELECT … INTO writes",
                "take INTO out: a tool only reads",
            );
        } else if !plain {
            self.fault(
                at,
                "a SELECT with words that a tool may not use",
                "write SELECT, FROM, WHERE, GROUP BY, HAVING, WINDOW, ORDER BY and LIMIT",
            );
        }
        if select.projection.is_empty() {
            self.fault(at, "a SELECT of nothing", "name a column");
        }
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. } => {}
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                    self.fault(
                        item.span().start,
                        "* takes columns that are not named",
                        "write the columns out: a column that comes later would come along",
                    );
                }
                SelectItem::ExprWithAliases { .. } => {
                    self.fault(
                        item.span().start,
                        "an expression of several columns",
                        "write each as a column of its own",
                    );
                }
            }
        }
        for join in joins(&select.from) {
            match constraint(&join.join_operator) {
                None | Some(JoinConstraint::UsingAlias(..)) => {
                    self.fault(
                        join.relation.span().start,
                        "a join of a kind that a tool may not use",
                        "write JOIN, LEFT JOIN, RIGHT JOIN, FULL JOIN or CROSS JOIN",
                    );
                }
                Some(JoinConstraint::Natural) => {
                    self.fault(
                        join.relation.span().start,
                        "NATURAL joins by columns that are not named",
                        "write JOIN … USING (…) or ON …",
                    );
                }
                Some(JoinConstraint::Using(names)) => {
                    for name in names.iter().flat_map(|name| &name.0) {
                        if let ObjectNamePart::Identifier(name) = name {
                            self.weighed.name(name);
                        }
                    }
                }
                Some(JoinConstraint::On(_) | JoinConstraint::None) => {}
            }
        }
    }

    fn table(&mut self, name: &ObjectName) {
        let [ObjectNamePart::Identifier(only)] = &name.0[..] else {
            if self.names.raw {
                self.declared(name);
            } else {
                let help = match self.names.models {
                    Some(models) => format!("name a model: {}", models.join(", ")),
                    None => "name a model".to_owned(),
                };
                self.fault(
                    name.span().start,
                    format!("{name} is a table of the database"),
                    help,
                );
            }
            return;
        };
        if self.scope.read(only) {
            let message =
                format!("more than {MOST_TABLES} tables, each list written out where it is named");
            let help = "name a list once, or write fewer lists of lists";
            self.fault(only.span.start, message, help);
        }
        if self.scope.has(only) {
            return;
        }
        if self.names.dialect == Dialect::MySql && only.value.eq_ignore_ascii_case("dual") {
            let help = "take FROM out: a SELECT of no table needs none";
            return self.fault(only.span.start, "there is no table dual", help);
        }
        if self.names.raw {
            self.tables.insert(only.value.clone());
            return self.declared(name);
        }
        let folded = folded(only, self.names.dialect);
        let Some(models) = self.names.models else {
            return self.reads(folded);
        };
        let known = models.iter().find(|model| **model == folded);
        if let Some(model) = known {
            return self.reads((*model).to_owned());
        }
        let help = match suggest::nearest(&only.value, models.iter().copied()) {
            Some(near) if near.eq_ignore_ascii_case(&only.value) => match self.names.dialect {
                Dialect::Postgres => format!("its name is {near}: write \"{near}\""),
                Dialect::Sqlite | Dialect::MySql => format!("its name is {near}: write it so"),
            },
            Some(near) => format!("did you mean {near}?"),
            None => format!("models: {}", models.join(", ")),
        };
        self.fault(
            only.span.start,
            format!("there is no model {}", only.value),
            help,
        );
    }

    /// Judges a table of the database itself: what the engine says that it reads may leave out what
    /// it found no need to look at.
    fn declared(&mut self, name: &ObjectName) {
        if self.names.models.is_none() {
            return;
        }
        let (table, dialect) = (self.qualified(name), self.names.dialect);
        let is_same = |declared: &str| match dialect {
            Dialect::Sqlite => declared.eq_ignore_ascii_case(&table),
            Dialect::Postgres | Dialect::MySql => declared == table,
        };
        if !self.names.columns.iter().any(|(of, _)| is_same(of)) {
            let message = format!("it reads {name}, which reads does not name");
            let help = "name its columns in reads, as schema.table.column, and it with its schema";
            self.fault(name.span().start, message, help);
        }
    }

    /// A table of the database itself, as `reads` names it.
    fn qualified(&self, table: &ObjectName) -> String {
        let parts = table.0.iter().filter_map(|part| part.as_ident());
        let parts: Vec<String> = parts.map(|part| folded(part, self.names.dialect)).collect();
        match (&parts[..], self.names.dialect) {
            ([only], Dialect::Postgres) => format!("pg_catalog.{only}"),
            ([only], Dialect::Sqlite) => format!("main.{only}"),
            _ => parts.join("."),
        }
    }

    /// The columns of a table that is named here; `None` where no model is known yet.
    fn columns_of(&self, table: &ObjectName) -> Columns {
        let only = match &table.0[..] {
            [ObjectNamePart::Identifier(only)] => Some(only),
            _ => None,
        };
        if let Some(columns) = only.and_then(|only| self.scope.columns(only)) {
            return columns.clone();
        }
        self.names.models?;
        let name = match only.filter(|_| !self.names.raw) {
            Some(model) => folded(model, self.names.dialect),
            None => self.qualified(table),
        };
        let known = self.names.columns.iter().filter(|(of, _)| *of == name);
        let columns = known.flat_map(|(_, columns)| columns);
        Some(columns.map(|column| (*column).to_owned()).collect())
    }

    fn reads(&mut self, model: String) {
        if !self.models.contains(&model) {
            self.models.push(model);
        }
    }
}

impl Visitor for Judge<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Ast) -> ControlFlow<()> {
        match statement {
            Ast::Query(_) => {}
            other => self.fault(
                other.span().start,
                "a statement that is no SELECT",
                "a tool only reads",
            ),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let at = query.span().start;
        if !query.locks.is_empty() {
            self.fault(
                at,
                "FOR UPDATE and its kind lock rows",
                "take it out: a tool only reads",
            );
        }
        if query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            self.fault(
                at,
                "a query with words that a tool may not use",
                "write plain SQL of the engine",
            );
        }
        if !is_read(&query.body) {
            self.fault(at, "a query that is no SELECT", "write SELECT … FROM …");
        }
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = &cte.alias.name;
            let mut models = self.names.models.into_iter().flatten();
            let model = models.find(|model| model.eq_ignore_ascii_case(&name.value));
            if let Some(model) = model {
                let help = format!("call it otherwise: my_{}", model.to_lowercase());
                self.fault(
                    name.span.start,
                    format!("{} is the name of a model", name.value),
                    help,
                );
            }
            self.lists.insert(name.value.clone());
            if self.scope.has(name) {
                let help = format!("call it otherwise: other_{}", name.value);
                let message = format!("{} is a list of WITH around it", name.value);
                self.fault(name.span.start, message, help);
            }
            if cte.from.is_some() {
                self.fault(
                    name.span.start,
                    "a list of WITH with words that a tool may not use",
                    "write name AS (SELECT …)",
                );
            }
        }
        self.scope.enter(query);
        self.weighed.enter(query);
        self.relations.enter_query(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scope.leave(query);
        self.relations.leave_query(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.select(select);
        self.weighed.select(select);
        let mut relations = std::mem::take(&mut self.relations);
        relations.enter(select, self.names.dialect, &|table| self.columns_of(table));
        self.relations = relations;
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.relations.leave(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.table(relation);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.weighed.source(factor);
        let called = match factor {
            TableFactor::Table { name, alias, .. } => match (alias, name.0.last()) {
                (Some(alias), _) => Some(&alias.name),
                (None, Some(ObjectNamePart::Identifier(name))) => Some(name),
                _ => None,
            },
            TableFactor::Derived { alias, .. } | TableFactor::NestedJoin { alias, .. } => {
                alias.as_ref().map(|alias| &alias.name)
            }
            _ => None,
        };
        let called = called.map(|name| folded(name, self.names.dialect));
        self.called.extend(called);
        if let TableFactor::Table { alias, .. } | TableFactor::NestedJoin { alias, .. } = factor
            && let Some(first) = alias.iter().flat_map(|alias| &alias.columns).next()
        {
            self.fault(
                first.name.span.start,
                "other names for the columns of a table",
                "give them in the SELECT: column AS other",
            );
        }
        let plain = match factor {
            TableFactor::Table {
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_directives,
                inheritance,
                ..
            } => {
                args.is_none()
                    && with_hints.is_empty()
                    && version.is_none()
                    && !with_ordinality
                    && partitions.is_empty()
                    && json_path.is_none()
                    && sample.is_none()
                    && index_directives.is_empty()
                    && inheritance.is_none()
            }
            TableFactor::Derived { sample, .. } => sample.is_none(),
            TableFactor::NestedJoin { alias, .. } => alias.is_none(),
            _ => false,
        };
        if !plain {
            self.fault(
                factor.span().start,
                "a source of rows that is no model",
                "write FROM model, or FROM (SELECT …) AS name",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.relations.enter_condition(expr);
        self.expression(expr);
        self.weighed.see(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.relations.leave_condition(expr);
        ControlFlow::Continue(())
    }
}

/// The joins of a FROM, those in parentheses too.
pub(super) fn joins(from: &[TableWithJoins]) -> Vec<&Join> {
    let mut found = Vec::new();
    for item in from {
        found.extend(&item.joins);
        let factors = item.joins.iter().map(|join| &join.relation);
        for factor in factors.chain([&item.relation]) {
            if let TableFactor::NestedJoin {
                table_with_joins, ..
            } = factor
            {
                found.extend(joins(std::slice::from_ref(&**table_with_joins)));
            }
        }
    }
    found
}

/// What a join is by, where it is of a kind that a tool may use.
pub(super) fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(on)
        | JoinOperator::Inner(on)
        | JoinOperator::Left(on)
        | JoinOperator::LeftOuter(on)
        | JoinOperator::Right(on)
        | JoinOperator::RightOuter(on)
        | JoinOperator::FullOuter(on)
        | JoinOperator::CrossJoin(on) => Some(on),
        _ => None,
    }
}

/// Whether a body is made of SELECTs and VALUES alone; those in parentheses are looked at by
/// themselves.
fn is_read(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => is_read(left) && is_read(right),
        SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_)
        | SetExpr::Table(_) => false,
    }
}

/// The SELECT that names the columns of a result.
fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => first_select(&query.body),
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}
