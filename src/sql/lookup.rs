//! Single records by a whole number: statements that are written once and bound often, for one id
//! or for several at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use sea_query::{Query, Values};

use super::{BASE, Columns, Dialect, Statement, condition, source};
use crate::catalog::{FieldType, Kind};
use crate::encode::{Cell, Layout};
use crate::plan::{Comparison, Condition, GetPlan, Value};

/// The most ids of one statement.
pub const MOST: usize = 64;
/// Statements of so many ids each are written; fewer ids are filled up with the last one.
const SIZES: [usize; 7] = [1, 2, 4, 8, 16, 32, MOST];

/// How the records of a model are read by their ids, where its key is one whole number.
pub struct Lookup {
    /// One for each of the sizes.
    statements: Vec<Statement>,
    /// Where the ids stand among the values of a statement.
    first: usize,
    key: Cell,
}

impl Lookup {
    /// The lookup of a plan's model; `None` where its key is none that can be told apart here for
    /// certain, or where rows of a view could share it.
    fn of(plan: &GetPlan<'_>, dialect: Dialect, max_bytes: usize) -> Option<Self> {
        let mut key = plan.model.key();
        let field = key.next().filter(|_| key.next().is_none())?;
        let whole = matches!(field.field_type(), FieldType::Integer { .. });
        // A year is bound by its value.
        if !whole || field.cast() == "year" || plan.model.kind() != Kind::Table {
            return None;
        }
        let mut select = Query::select();
        let mut columns = Columns::new(&mut select, dialect, max_bytes);
        let members = columns.fields(BASE, plan.model.fields().iter());
        let key = columns.field(BASE, field);
        let layout = Arc::new(Layout::new(members, Vec::new(), columns.oversize()));
        source(&mut select, plan.model);
        let written = |size: usize| {
            let comparison = match size {
                1 => Comparison::Equal(Value::Int(0)),
                _ => Comparison::In {
                    values: vec![Value::Int(0); size],
                    null: false,
                },
            };
            let test = Condition::Test {
                field,
                comparison,
                negated: false,
            };
            let mut select = select.clone();
            select.and_where(condition::expr(&test, dialect));
            Statement::new(&select, dialect, Arc::clone(&layout), false)
        };
        let statements: Vec<Statement> = SIZES.into_iter().map(written).collect();
        let first = statements.first()?.values.0.len().checked_sub(1)?;
        Some(Self {
            statements,
            first,
            key,
        })
    }

    /// The statement that reads the records of these ids: at least one, at most [`MOST`].
    pub fn statement(&self, ids: &[i64]) -> Statement {
        let size = SIZES.partition_point(|size| *size < ids.len());
        let mut statement = self.statements[size.min(SIZES.len() - 1)].clone();
        let Values(values) = &mut statement.values;
        let last = ids.last().copied().unwrap_or_default();
        let ids = ids.iter().copied().chain(std::iter::repeat(last));
        for (value, id) in values.iter_mut().skip(self.first).zip(ids) {
            *value = sea_query::Value::BigInt(Some(id));
        }
        statement
    }

    /// The column that holds a record's id.
    pub fn key(&self) -> usize {
        self.key.index
    }

    /// How the records become answers.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.statements[0].layout
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup")
            .field("text", &self.statements[0].text)
            .finish_non_exhaustive()
    }
}

/// The lookups of a catalog's models, each written when it is first needed.
#[derive(Debug, Default)]
pub struct Lookups(RwLock<HashMap<Place, Option<Arc<Lookup>>>>);

/// The model, by its number, and the size that a value must not pass.
type Place = (u64, usize);

impl Lookups {
    /// The lookup that a plan can use, and the id that it asks for.
    pub fn find(
        &self,
        plan: &GetPlan<'_>,
        dialect: Dialect,
        max_bytes: usize,
    ) -> Option<(Arc<Lookup>, i64)> {
        let Condition::Test {
            comparison: Comparison::Equal(Value::Int(id)),
            negated: false,
            ..
        } = plan.filter
        else {
            return None;
        };
        let place = (plan.model.number(), max_bytes);
        // A map is sound whatever a panicking holder was about to do.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(lookup) = known.get(&place) {
            return Some((Arc::clone(lookup.as_ref()?), id));
        }
        drop(known);
        let lookup = Lookup::of(plan, dialect, max_bytes).map(Arc::new);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(place, lookup.clone());
        Some((lookup?, id))
    }
}
