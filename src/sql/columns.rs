//! The columns of a statement, and how each arrives.

use std::sync::Arc;

use sea_query::{CaseStatement, Expr, ExprTrait as _, SelectStatement};

use super::column::{alias, column_of};
use super::{Dialect, column, groups, large, many, mysql, number, term};
use crate::catalog::{Field, FieldType};
use crate::encode::{Cell, Guard, Member, Shape};
use crate::plan::{Column, Function, Shown, Source, Summary, Term, cursor};

/// The columns of a statement as they are added.
pub(super) struct Columns<'s> {
    select: &'s mut SelectStatement,
    pub(super) dialect: Dialect,
    pub(super) max_bytes: usize,
    pub(super) count: usize,
    /// Each a condition that holds where a value is too large.
    too_large: Vec<Expr>,
    /// Each a condition that holds where a sort key is too large for a cursor, or comes as another
    /// text than it is.
    keys_unfit: Vec<Expr>,
    /// Whether each has a name, by which it is selected again.
    pub(super) named: bool,
    /// How many lists rows hold so far.
    pub(super) lists: usize,
    /// The fields that were added.
    added: Vec<(Column<'s>, Cell)>,
}

impl<'s> Columns<'s> {
    pub(super) fn new(select: &'s mut SelectStatement, dialect: Dialect, max_bytes: usize) -> Self {
        Self {
            select,
            dialect,
            max_bytes,
            count: 0,
            too_large: Vec::new(),
            keys_unfit: Vec::new(),
            named: false,
            lists: 0,
            added: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, expr: Expr) -> usize {
        match self.named {
            true => self.select.expr_as(expr, groups::name(self.count)),
            false => self.select.expr(expr),
        };
        self.count += 1;
        self.count - 1
    }

    /// Fields of a source, each under its own name.
    pub(super) fn fields(
        &mut self,
        source: Source,
        fields: impl Iterator<Item = &'s Field>,
    ) -> Vec<Member> {
        fields
            .map(|field| {
                let cell = self.column(Column { source, field });
                Member::compound(field.name(), cell, Arc::clone(field.parts()))
            })
            .collect()
    }

    /// A member of each row.
    pub(super) fn shown(&mut self, shown: &Shown<'s>) -> Member {
        let parts = Arc::clone(shown.term.field().parts());
        Member::compound(&shown.name, self.term(&shown.term), parts)
    }

    /// A term as it is sent.
    pub(super) fn term(&mut self, term: &Term<'s>) -> Cell {
        match term {
            Term::Column(column) => self.column(*column),
            Term::Summary(summary) => many::cell(self, summary),
            Term::Part(..) | Term::Number(_) | Term::Member(..) => {
                let (value, shape) = term::shape(term, self.dialect);
                self.plain(value, shape)
            }
        }
    }

    /// A field's column; the one that is there already where the field was added before.
    pub(super) fn column(&mut self, column: Column<'s>) -> Cell {
        if let Some((_, cell)) = self.added.iter().find(|added| added.0 == column) {
            return *cell;
        }
        let field = column.field;
        let value = column_of(alias(column.source), field);
        let (expr, shape) = column::projected(value.clone(), field, self.dialect);
        let cell = self.guarded(&value, expr, shape, field);
        self.added.push((column, cell));
        cell
    }

    /// A column whose values are small.
    pub(super) fn plain(&mut self, expr: Expr, shape: Shape) -> Cell {
        Cell {
            index: self.add(expr),
            shape,
            guard: None,
        }
    }

    /// A column whose value comes from a field, or instead of it its size.
    pub(super) fn guarded(
        &mut self,
        value: &Expr,
        projected: Expr,
        shape: Shape,
        field: &Field,
    ) -> Cell {
        let (cell, too_large) = self.measured(value, projected, shape, field, self.max_bytes);
        self.too_large.extend(too_large);
        cell
    }

    /// A sort key, which has to fit a cursor; as it stands there already where it is sent anyway.
    pub(super) fn key(&mut self, term: &Term<'s>) -> Cell {
        let value = term::ordered(term, self.dialect);
        if let Term::Summary(summary) = term {
            return self.key_of_many(summary, value);
        }
        let Term::Column(column) = term else {
            let (_, shape) = term::shape(term, self.dialect);
            // SQLite orders numbers that are computed as floats, and so they go on.
            let shape = match self.dialect {
                Dialect::Sqlite => Shape::Native,
                _ => shape,
            };
            let value = match shape {
                Shape::Computed => term::shape(term, self.dialect).0,
                _ => value,
            };
            return self.plain(value, shape);
        };
        let field = column.field;
        let sent = self.added.iter().find(|added| added.0 == *column);
        if let Some((_, cell)) = sent.filter(|_| column::is_key(field, self.dialect)) {
            return *cell;
        }
        self.placing(&value, field)
    }

    /// A field's value as a sort key.
    fn placing(&mut self, value: &Expr, field: &Field) -> Cell {
        let (expr, shape) = column::key(value.clone(), field, self.dialect);
        let limit = self.max_bytes.min(cursor::MAX_LENGTH);
        let (cell, too_large) = self.measured(value, expr, shape, field, limit);
        self.keys_unfit.extend(too_large);
        let is_converted = field.withholds_order() && field.collation().is_some();
        if self.dialect == Dialect::MySql && mysql::may_lose(field) && !is_converted {
            self.keys_unfit.push(mysql::is_whole(value, field).not());
        }
        cell
    }

    /// A column of what keys point to, as it is bound again: no longer than a sort key.
    pub(super) fn pointed(&mut self, value: &Expr, field: &Field) -> Cell {
        let (expr, shape) = column::key(value.clone(), field, self.dialect);
        let limit = self.max_bytes.min(cursor::MAX_LENGTH);
        let (cell, too_large) = self.measured(value, expr, shape, field, limit);
        self.too_large.extend(too_large);
        cell
    }

    /// A sort key that is told of many rows.
    fn key_of_many(&mut self, summary: &Summary<'_>, value: Expr) -> Cell {
        let field = summary.told.field();
        match (&summary.told.term, summary.told.function) {
            (Some(Term::Column(_)), Function::Min | Function::Max) => self.placing(&value, field),
            // SQLite orders sums as floats, and so they go on.
            _ if matches!(field.field_type(), FieldType::Decimal { .. }) => {
                let (value, shape) = match self.dialect {
                    Dialect::Sqlite => (value, Shape::Native),
                    _ => number::told(value, false, self.dialect),
                };
                self.plain(value, shape)
            }
            _ => self.plain(value, Shape::Native),
        }
    }

    /// A column of values of at most so many bytes, and where a value is larger.
    fn measured(
        &mut self,
        value: &Expr,
        projected: Expr,
        shape: Shape,
        field: &Field,
        max_bytes: usize,
    ) -> (Cell, Option<Expr>) {
        if large::unbounded([field]) == 0 {
            return (self.plain(projected, shape), None);
        }
        let (expr, too_large) = match large::is_made(field, self.dialect) {
            true => (large::made(projected, max_bytes), None),
            false => {
                let (expr, exceeds) =
                    large::stored(value, projected, max_bytes, field, self.dialect);
                (expr, Some(exceeds))
            }
        };
        let guard = Guard {
            max_bytes,
            marked: too_large.is_none(),
        };
        let cell = Cell {
            guard: Some(guard),
            ..self.plain(expr, shape)
        };
        (cell, too_large)
    }

    /// The last column: 1 where any value of the row is too large, 2 where only sort keys are.
    pub(super) fn oversize(&mut self) -> Option<usize> {
        let any = |conditions: &mut Vec<Expr>| {
            let conditions = std::mem::take(conditions).into_iter();
            conditions.reduce(|one, other| one.or(other))
        };
        let mut told = CaseStatement::new();
        let values = any(&mut self.too_large).map(|any| (any, "1"));
        let keys = any(&mut self.keys_unfit).map(|any| (any, "2"));
        if values.is_none() && keys.is_none() {
            return None;
        }
        for (any, code) in values.into_iter().chain(keys) {
            told = told.case(any, Expr::cust(code));
        }
        Some(self.add(told.finally(Expr::cust("0")).into()))
    }
}
