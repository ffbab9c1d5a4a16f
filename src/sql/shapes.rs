//! What the statements of a model have in common, written once: the columns of its whole rows, and
//! how its records are read by their ids.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sea_query::{Expr, Query, SelectStatement};

use super::lookup::{Id, Lookup};
use super::{Columns, Dialect, Statement, column, large};
use crate::catalog::{Field, Model};
use crate::encode::{Cell, Layout, Member};
use crate::plan::{
    Column, Comparison, Condition, GetPlan, Order, OrderKey, Output, ReadPlan, Shown, Source, Term,
};

/// The shapes of a catalog's models, each written when it is first needed.
#[derive(Debug, Default)]
pub struct Shapes(RwLock<HashMap<Place, Arc<Shape>>>);

/// The model, by its number, and the size that a value must not pass.
type Place = (u64, usize);

/// What is kept of one model.
#[derive(Debug)]
struct Shape {
    whole: Arc<WholeRow>,
    lookup: Option<Arc<Lookup>>,
}

impl Shapes {
    /// The lookup that a plan can use, and the id that it asks for.
    pub fn lookup(
        &self,
        plan: &GetPlan<'_>,
        dialect: Dialect,
        max_bytes: usize,
    ) -> Option<(Arc<Lookup>, Id)> {
        let Condition::Test {
            comparison: Comparison::Equal(value),
            negated: false,
            ..
        } = &plan.filter
        else {
            return None;
        };
        let shape = self.of(plan.model, dialect, max_bytes);
        let lookup = shape.lookup.as_ref()?;
        Some((Arc::clone(lookup), lookup.id(value)?))
    }

    /// The columns of a plan that wants each field of its model and nothing else, not even as a key.
    pub(super) fn whole(
        &self,
        plan: &ReadPlan<'_>,
        dialect: Dialect,
        max_bytes: usize,
    ) -> Option<Arc<WholeRow>> {
        let Output::Rows { fields, expand } = &plan.output else {
            return None;
        };
        let as_sent = |order: &Order<'_>| match &order.key {
            OrderKey::Term(Term::Column(key)) => column::is_key(key.field, dialect),
            _ => false,
        };
        if !plan.has_place() || !expand.is_empty() || !plan.order.iter().all(as_sent) {
            return None;
        }
        let all = plan.model.fields();
        let own = |(shown, field): (&Shown<'_>, &Field)| match &shown.term {
            Term::Column(column) => {
                column.source == Source::BASE && std::ptr::eq(column.field, field)
            }
            Term::Part(..) | Term::Number(_) | Term::Summary(_) | Term::Member(..) => false,
        };
        let whole = fields.len() == all.len() && fields.iter().zip(all).all(own);
        whole.then(|| Arc::clone(&self.of(plan.model, dialect, max_bytes).whole))
    }

    fn of(&self, model: &Model, dialect: Dialect, max_bytes: usize) -> Arc<Shape> {
        let place = (model.number(), max_bytes);
        // A map is sound whatever a panicking holder was about to do.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(shape) = known.get(&place) {
            return Arc::clone(shape);
        }
        drop(known);
        let whole = Arc::new(WholeRow::of(model, dialect, max_bytes));
        let lookup = Lookup::of(model, &whole, dialect).map(Arc::new);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            known
                .entry(place)
                .or_insert(Arc::new(Shape { whole, lookup })),
        )
    }
}

/// The columns of every field of a model.
#[derive(Debug)]
pub(super) struct WholeRow {
    text: String,
    members: Arc<[Member]>,
    cells: Vec<Cell>,
    oversize: Option<usize>,
}

impl WholeRow {
    fn of(model: &Model, dialect: Dialect, max_bytes: usize) -> Self {
        let mut select = Query::select();
        let each = large::of_each(max_bytes, large::unbounded(model.fields()));
        let mut columns = Columns::new(&mut select, dialect, each);
        let members = columns.fields(Source::BASE, model.fields().iter());
        let fields = model.fields().iter().map(Column::own);
        let cells = fields.map(|column| columns.column(column)).collect();
        let oversize = columns.oversize();
        // Columns bind nothing.
        let written = Statement::new(&select, dialect, Arc::default(), false);
        let text = written.text.trim_start_matches("SELECT ").to_owned();
        Self {
            text,
            members: members.into(),
            cells,
            oversize,
        }
    }

    /// A SELECT of these columns, from nothing yet.
    pub(super) fn select(&self) -> SelectStatement {
        Query::select().expr(Expr::cust(self.text.clone())).take()
    }

    /// How the rows become an answer, in an order whose keys are fields of the model.
    pub(super) fn layout(&self, model: &Model, order: &[Order<'_>]) -> Layout {
        let keys = order.iter().filter_map(|order| match &order.key {
            OrderKey::Term(term) => self.cell(model, term.field()),
            OrderKey::Row | OrderKey::Output(_) => None,
        });
        Layout::shared(Arc::clone(&self.members), keys.collect(), self.oversize)
    }

    /// The column of a field.
    pub(super) fn cell(&self, model: &Model, field: &Field) -> Option<Cell> {
        let mut fields = model.fields().iter().zip(&self.cells);
        let (_, cell) = fields.find(|(other, _)| std::ptr::eq(*other, field))?;
        Some(*cell)
    }
}
