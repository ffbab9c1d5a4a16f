//! What is tested, sorted by, grouped by or shown: a column of a source, or what is made of it.

use std::borrow::Cow;
use std::sync::Arc;

use super::date::DatePart;
use super::joins::{Joins, Source};
use super::number::Number;
use super::summary::Summary;
use super::zone::Zone;
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
    pub(crate) fn is_nullable(&self) -> bool {
        self.source != Source::BASE || self.field.is_nullable()
    }
}

impl PartialEq for Column<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && std::ptr::eq(self.field, other.field)
    }
}

/// A value of each row, by names that are resolved.
#[derive(Debug, Clone)]
pub enum Term<'c> {
    /// A field's.
    Column(Column<'c>),
    /// A part of a field's date, by the clock of a zone.
    Part(Column<'c>, DatePart, Option<Zone>),
    /// What an expression makes of numbers.
    Number(Box<Number<'c>>),
    /// What is told of many rows.
    Summary(Arc<Summary<'c>>),
    /// A member of the groups, by its position, and the field whose type it has.
    Member(usize, &'c Field),
}

impl PartialEq for Term<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Column(one), Self::Column(other)) => one == other,
            (Self::Part(one, part, zone), Self::Part(other, its_part, its_zone)) => {
                (one, part, zone) == (other, its_part, its_zone)
            }
            (Self::Number(one), Self::Number(other)) => one == other,
            (Self::Summary(one), Self::Summary(other)) => Arc::ptr_eq(one, other),
            (Self::Member(one, _), Self::Member(other, _)) => one == other,
            _ => false,
        }
    }
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
            Self::Part(_, part, _) => part.field(),
            Self::Number(number) => number.field(),
            Self::Summary(summary) => summary.told.field(),
            Self::Member(_, field) => field,
        }
    }

    /// Whose rows it is a value of.
    pub fn sources(&self) -> Vec<Source> {
        match self {
            Self::Column(column) | Self::Part(column, ..) => vec![column.source],
            Self::Number(number) => number.sources().collect(),
            Self::Summary(summary) => summary.sources(),
            Self::Member(..) => Vec::new(),
        }
    }

    /// Whether there may be no value.
    pub(crate) fn is_nullable(&self) -> bool {
        match self {
            Self::Column(column) => column.is_nullable(),
            Self::Summary(summary) => !summary.told.function.counts(),
            // What is no date has no part, and what is divided by zero is none.
            Self::Part(..) | Self::Number(_) | Self::Member(..) => true,
        }
    }

    /// Whether what is sorted by may be absent.
    pub(crate) fn is_order_nullable(&self) -> bool {
        self.is_nullable() || self.field().withholds_order()
    }

    /// Whether an index gives the order of its values among the rows of the model.
    pub(crate) fn is_sorted_by_index(&self) -> bool {
        match self {
            Self::Column(column) => {
                column.source == Source::BASE && column.field.is_sorted_by_index()
            }
            Self::Part(..) | Self::Number(_) | Self::Summary(_) | Self::Member(..) => false,
        }
    }

    /// The terms that it is made of, itself among them.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Summary(summary) => {
                let mut parts = vec![self];
                parts.extend(&summary.told.term);
                parts.extend(summary.filter.terms());
                parts
            }
            _ => vec![self],
        }
    }

    /// What makes it different from others of a request.
    pub(super) fn identity(&self, joins: &Joins<'c>) -> String {
        match self {
            Self::Summary(summary) => {
                let filter = summary.filter.digest(joins);
                format!("{} {filter:?}", self.name(joins))
            }
            _ => self.name(joins).into_owned(),
        }
    }

    /// The name as a path says it.
    pub fn name(&self, joins: &Joins<'c>) -> Cow<'c, str> {
        let path = |column: &Column<'c>, part| joins.path(column.source, column.field.name(), part);
        match self {
            Self::Column(column) => path(column, None),
            Self::Part(column, part, None) => path(column, Some(*part)),
            Self::Part(column, part, Some(zone)) => {
                Cow::Owned(format!("{} {}", path(column, Some(*part)), zone.name()))
            }
            Self::Number(number) => {
                Cow::Owned(number.name(&|column| path(column, None).into_owned()))
            }
            Self::Summary(summary) => Cow::Owned(summary.name(joins)),
            Self::Member(index, _) => Cow::Owned(format!("#{index}")),
        }
    }
}
