//! What is tested, sorted by, grouped by or shown: a column of a source, or what is made of it.

use std::borrow::Cow;

use super::aggregate::DatePart;
use super::joins::{Joins, Source};
use crate::catalog::Field;

/// A field of one of the request's sources.
#[derive(Debug, Clone, Copy)]
pub struct Column<'c> {
    /// Whose field it is.
    pub source: Source,
    /// The field.
    pub field: &'c Field,
}

impl<'c> Column<'c> {
    /// A field of the model itself.
    pub fn own(field: &'c Field) -> Self {
        Self {
            source: Source::BASE,
            field,
        }
    }

    /// Whether there may be no value, or no row that it could be of.
    pub fn is_nullable(&self) -> bool {
        self.source != Source::BASE || self.field.is_nullable()
    }
}

impl PartialEq for Column<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && std::ptr::eq(self.field, other.field)
    }
}

/// A value of each row, by names that are resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Term<'c> {
    /// A field's.
    Column(Column<'c>),
    /// A part of a field's date.
    Part(Column<'c>, DatePart),
}

impl<'c> Term<'c> {
    /// A field of the model itself.
    pub fn own(field: &'c Field) -> Self {
        Self::Column(Column::own(field))
    }

    /// The field whose type the values have.
    pub fn field(&self) -> &'c Field {
        match self {
            Self::Column(column) => column.field,
            Self::Part(..) => Field::of_parts(),
        }
    }

    /// Whose row it is a value of.
    pub fn source(&self) -> Source {
        match self {
            Self::Column(column) | Self::Part(column, _) => column.source,
        }
    }

    /// Whether there may be no value.
    pub fn is_nullable(&self) -> bool {
        match self {
            Self::Column(column) => column.is_nullable(),
            // What is no date has no part.
            Self::Part(..) => true,
        }
    }

    /// Whether what is sorted by may be absent.
    pub fn is_order_nullable(&self) -> bool {
        self.is_nullable() || self.field().withholds_order()
    }

    /// Whether an index gives the order of its values among the rows of the model.
    pub fn is_sorted_by_index(&self) -> bool {
        match self {
            Self::Column(column) => {
                column.source == Source::BASE && column.field.is_sorted_by_index()
            }
            Self::Part(..) => false,
        }
    }

    /// The name as a path says it.
    pub fn name(&self, joins: &Joins<'c>) -> Cow<'c, str> {
        let (column, part) = match self {
            Self::Column(column) => (column, None),
            Self::Part(column, part) => (column, Some(*part)),
        };
        joins.path(column.source, column.field.name(), part)
    }
}
