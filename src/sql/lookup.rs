//! Single records by a whole number: statements that are written once and bound often, for one id
//! or for several at once.

use std::fmt;
use std::sync::Arc;

use sea_query::Values;

use super::shapes::Whole;
use super::{Dialect, Statement, condition, source};
use crate::catalog::{FieldType, Kind, Model};
use crate::encode::{Cell, Layout};
use crate::plan::{Comparison, Condition, Value};

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
    /// The lookup of a model; `None` where its key is none that can be told apart here for certain,
    /// or where rows of a view could share it.
    pub(super) fn of(model: &Model, whole: &Whole, dialect: Dialect) -> Option<Self> {
        let mut key = model.key();
        let field = key.next().filter(|_| key.next().is_none())?;
        let number = matches!(field.field_type(), FieldType::Integer { .. });
        // A year is bound by its value.
        if !number || field.cast() == "year" || model.kind() != Kind::Table {
            return None;
        }
        let key = whole.cell(model, field)?;
        let layout = Arc::new(whole.layout(model, &[]));
        let mut select = whole.select();
        source(&mut select, model, dialect);
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
