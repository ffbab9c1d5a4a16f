//! Parts of dates, by which rows are grouped, tested and sorted.

use crate::catalog::{Field, FieldType};

/// A part of a date. Of a year, a quarter, a month, a week and a day each stands within the ones
/// above it; weekdays and hours come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    /// `2026`
    Year,
    /// `2026-Q1`
    Quarter,
    /// `2026-01`
    Month,
    /// `2026-W05`, by ISO 8601: its year may be the one before or after.
    Week,
    /// `2026-01-31`
    Day,
    /// `6`, for a Saturday; 1 is Monday.
    Weekday,
    /// `13`, from 0 to 23.
    Hour,
}

impl DatePart {
    /// Every part, by the word that asks for it.
    pub const ALL: [Self; 7] = [
        Self::Year,
        Self::Quarter,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Weekday,
        Self::Hour,
    ];

    /// The part of that operator.
    pub(super) fn parse(operator: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|part| part.operator() == operator)
    }

    /// The word that asks for it.
    pub fn operator(self) -> &'static str {
        match self {
            Self::Year => "$year",
            Self::Quarter => "$quarter",
            Self::Month => "$month",
            Self::Week => "$week",
            Self::Day => "$day",
            Self::Weekday => "$weekday",
            Self::Hour => "$hour",
        }
    }

    /// The field whose type it has.
    pub(super) fn field(self) -> &'static Field {
        match self {
            Self::Weekday | Self::Hour => Field::of_counts(),
            _ => Field::of_parts(),
        }
    }

    /// Whether the values of a field have it.
    pub(super) fn is_of(self, field: &Field) -> bool {
        let kind = field.field_type();
        kind.has_date() && !(self == Self::Hour && kind == FieldType::Date)
    }

    /// What is told of a name whose values have no such part.
    pub(super) fn missing(self, name: &str) -> String {
        match self {
            Self::Hour => format!("{name} holds no times"),
            _ => format!("{name} holds no dates"),
        }
    }
}
