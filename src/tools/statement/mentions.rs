//! What a statement names: tables, columns, and the columns that its parameters are compared with.
//!
//! It is told to people and drafts what they mend; nothing is allowed by it.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, InTarget, JoinConstraint, LimitClause, ObjectNamePart, Query, Select,
    Statement as Ast, TableFactor, Value, ValueWithSpan, Visit as _, Visitor,
};
use sqlparser::tokenizer::Token;

use super::judge::{constraint, joins};
use super::scope::folded;
use super::{Names, parsed, tokens};
use crate::catalog::{Catalog, Model};
use crate::sql::Dialect;
use crate::tools::{Fault, Text};

/// A column as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The table before the point, or what stands for it.
    of: Option<String>,
    name: String,
}

/// How a parameter is used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Used {
    /// Its name.
    pub name: String,
    /// Whether it is all that an IN holds.
    pub is_list: bool,
    /// Whether it says how many rows there are.
    pub(crate) is_count: bool,
    /// The column that it is compared with.
    pub like: Option<Column>,
}

/// What a statement names.
#[derive(Debug)]
pub(crate) struct Mentions {
    dialect: Dialect,
    /// Names of tables with what stands for them.
    tables: Vec<(String, String)>,
    columns: Vec<Column>,
    /// The parameters, in the order of the text.
    pub parameters: Vec<Used>,
}

/// Reads what a text names.
///
/// # Errors
/// What keeps it from being read.
pub(crate) fn read(text: &Text, dialect: Dialect) -> Result<Mentions, Vec<Fault>> {
    let names = Names {
        dialect,
        models: None,
        columns: &[],
        functions: &[],
        parameters: &[],
        raw: false,
    };
    let tokens = tokens(text, names)?;
    let mut mentions = Mentions {
        dialect,
        tables: Vec::new(),
        columns: Vec::new(),
        parameters: Vec::new(),
    };
    for token in &tokens {
        if let Token::Placeholder(name) = &token.token {
            mentions.used(&name[1..]);
        }
    }
    let ast: Ast = parsed(text, dialect, &tokens)?;
    let _ = ast.visit(&mut mentions);
    Ok(mentions)
}

impl Mentions {
    /// The fields that are read of these models, as `model.field`.
    pub(crate) fn fields(&self, models: &[String], catalog: &Catalog) -> Vec<String> {
        let mut fields = Vec::new();
        for column in &self.columns {
            for model in self.models_of(column, models, catalog) {
                let field = format!("{}.{}", model.name(), self.name_in(column, model));
                if !fields.contains(&field) {
                    fields.push(field);
                }
            }
        }
        fields
    }

    /// Whether a table of that name is read.
    pub(crate) fn names(&self, model: &str) -> bool {
        self.tables.iter().any(|(_, table)| self.same(table, model))
    }

    /// The only field of these models that a column can be, as `model.field`.
    pub(crate) fn field(
        &self,
        column: &Column,
        models: &[String],
        catalog: &Catalog,
    ) -> Option<String> {
        let mut found = self.models_of(column, models, catalog);
        let model = found.next().filter(|_| found.next().is_none())?;
        Some(format!("{}.{}", model.name(), self.name_in(column, model)))
    }

    fn models_of<'c>(
        &'c self,
        column: &'c Column,
        models: &'c [String],
        catalog: &'c Catalog,
    ) -> impl Iterator<Item = &'c Model> {
        let stands_for = |model: &&String| {
            let Some(of) = &column.of else { return true };
            let mut tables = self.tables.iter();
            tables.any(|(name, table)| self.same(name, of) && self.same(table, model))
        };
        let models = models.iter().filter(stands_for);
        let models = models.filter_map(|model| catalog.model(model));
        models.filter(|model| {
            let mut fields = model.fields().iter();
            fields.any(|field| self.same(field.name(), &column.name))
        })
    }

    /// The name of the field that a column is in a model that has it.
    fn name_in<'m>(&'m self, column: &'m Column, model: &'m Model) -> &'m str {
        let mut fields = model.fields().iter();
        let field = fields.find(|field| self.same(field.name(), &column.name));
        field.map_or(&column.name, |field| field.name())
    }

    /// Whether two names are one to the engine.
    fn same(&self, one: &str, other: &str) -> bool {
        match self.dialect {
            Dialect::Postgres => one == other,
            Dialect::Sqlite | Dialect::MySql => one.eq_ignore_ascii_case(other),
        }
    }

    fn used(&mut self, name: &str) -> &mut Used {
        let at = self.parameters.iter().position(|used| used.name == name);
        let at = at.unwrap_or_else(|| {
            self.parameters.push(Used {
                name: name.to_owned(),
                ..Used::default()
            });
            self.parameters.len() - 1
        });
        &mut self.parameters[at]
    }

    fn column(&self, expr: &Expr) -> Option<Column> {
        let name = |name: &Ident| folded(name, self.dialect);
        match expr {
            Expr::Identifier(only) => Some(Column {
                of: None,
                name: name(only),
            }),
            Expr::CompoundIdentifier(parts) => match &parts[..] {
                [.., of, last] => Some(Column {
                    of: Some(name(of)),
                    name: name(last),
                }),
                _ => None,
            },
            Expr::Nested(inner) => self.column(inner),
            _ => None,
        }
    }

    /// Notes that a parameter is compared with a column, where two sides are that.
    fn pair(&mut self, column: &Expr, value: &Expr) {
        if let (Some(like), Some(name)) = (self.column(column), parameter(value)) {
            self.used(name).like.get_or_insert(like);
        }
    }

    fn count(&mut self, expr: Option<&Expr>) {
        if let Some(name) = expr.and_then(parameter) {
            self.used(name).is_count = true;
        }
    }
}

/// The parameter that an expression is.
fn parameter(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan {
            value: Value::Placeholder(name),
            ..
        }) => name.strip_prefix(':'),
        Expr::Nested(inner) => parameter(inner),
        _ => None,
    }
}

impl Visitor for Mentions {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                self.count(limit.as_ref());
                self.count(offset.as_ref().map(|offset| &offset.value));
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.count(Some(offset));
                self.count(Some(limit));
            }
            None => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for join in joins(&select.from) {
            if let Some(JoinConstraint::Using(names)) = constraint(&join.join_operator) {
                let names = names.iter().filter_map(|name| match name.0.last()? {
                    ObjectNamePart::Identifier(name) => Some(folded(name, self.dialect)),
                    ObjectNamePart::Function(_) => None,
                });
                let columns: Vec<Column> = names.map(|name| Column { of: None, name }).collect();
                self.columns.extend(columns);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, .. } = factor
            && let Some(ObjectNamePart::Identifier(table)) = name.0.last()
        {
            let table = folded(table, self.dialect);
            let alias = alias.as_ref().map(|it| folded(&it.name, self.dialect));
            let alias = alias.unwrap_or_else(|| table.clone());
            self.tables.push((alias, table));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Identifier(_) | Expr::CompoundIdentifier(_) = expr {
            self.columns.extend(self.column(expr));
        }
        match expr {
            Expr::BinaryOp { left, op, right } if is_comparison(op) => {
                self.pair(left, right);
                self.pair(right, left);
            }
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.pair(left, right);
                self.pair(right, left);
            }
            Expr::Between {
                expr, low, high, ..
            } => {
                self.pair(expr, low);
                self.pair(expr, high);
            }
            Expr::In {
                expr,
                target: InTarget::List(members),
                ..
            } => {
                for member in members {
                    self.pair(expr, member);
                }
                if let [only] = &members[..]
                    && let Some(name) = parameter(only)
                {
                    self.used(name).is_list = true;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn is_comparison(op: &sqlparser::ast::BinaryOperator) -> bool {
    use sqlparser::ast::BinaryOperator as Op;
    matches!(
        op,
        Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::Spaceship
    )
}
