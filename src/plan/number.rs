//! Expressions of numbers: fields, paths and constants, added, subtracted, multiplied and divided.
//!
//! `{"$mul":["UnitPrice","Quantity"]}`. They are exact as decimals are, and floats where a float is
//! among them; a quotient has 12 digits after the point, and by zero it is NULL.

use serde_json::value::RawValue;

use super::filter::array;
use super::joins::Source;
use super::path::Names;
use super::projection::sortable;
use super::term::{Column, Term};
use super::value::decimal;
use crate::catalog::{Field, FieldType};
use crate::error::{Error, ErrorKind, Remark};
use crate::protocol::{Kind, Object, decode_string, kind};

/// Levels of operators at the most.
const MAX_DEPTH: usize = 4;
/// Operands of one operator at the most.
const MAX_OPERANDS: usize = 8;
/// Fields and constants of one expression at the most.
const MAX_LEAVES: usize = 16;
/// Digits of a constant at the most, and those after its point; the texts of errors name them too.
const MAX_DIGITS: usize = 30;
const MAX_FRACTION: usize = 12;
/// Digits after the point of a quotient.
pub(crate) const QUOTIENT_SCALE: u8 = 12;
/// Digits after the point that are taken where a column declares none.
const FREE_SCALE: u8 = 12;

const OPERATORS: &str = "$add $sub $mul $div";

/// A number that is made of others.
#[derive(Debug, Clone, PartialEq)]
pub enum Number<'c> {
    /// A field's.
    Column(Column<'c>),
    /// The digits of a constant.
    Constant(Box<str>),
    /// What an operator makes of at least two numbers, from left to right.
    Made(Operation, Vec<Number<'c>>),
}

/// What is made of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Sum,
    Difference,
    Product,
    Quotient,
}

impl<'c> Number<'c> {
    /// The fields that it is made of, each as often as it stands there.
    pub fn columns(&self) -> Vec<Column<'c>> {
        match self {
            Self::Column(column) => vec![*column],
            Self::Constant(_) => Vec::new(),
            Self::Made(_, parts) => parts.iter().flat_map(Self::columns).collect(),
        }
    }

    /// Whose rows it is made of.
    pub fn sources(&self) -> impl Iterator<Item = Source> {
        self.columns().into_iter().map(|column| column.source)
    }

    /// Whether a float is among its parts, so that it is one itself.
    pub(crate) fn is_float(&self) -> bool {
        let float = |column: &Column<'_>| {
            let kind = column.field.field_type();
            matches!(kind, FieldType::Float | FieldType::Float32)
        };
        self.columns().iter().any(float)
    }

    /// The field whose type the values have.
    pub fn field(&self) -> &'static Field {
        match self.is_float() {
            true => Field::of_floats(),
            false => Field::of_decimals(),
        }
    }

    /// Digits after the point that its values may have.
    pub fn scale(&self) -> u8 {
        match self {
            Self::Column(column) => match column.field.field_type() {
                FieldType::Decimal { scale } => scale.unwrap_or(FREE_SCALE),
                _ => 0,
            },
            Self::Constant(digits) => {
                let (_, fraction) = digits.split_once('.').unwrap_or((digits, ""));
                u8::try_from(fraction.len()).unwrap_or(u8::MAX)
            }
            Self::Made(Operation::Quotient, _) => QUOTIENT_SCALE,
            Self::Made(Operation::Product, parts) => {
                let scales = parts.iter().map(Self::scale);
                scales.fold(0, u8::saturating_add)
            }
            Self::Made(_, parts) => parts.iter().map(Self::scale).max().unwrap_or_default(),
        }
    }

    /// How errors and cursors name it.
    pub fn name(&self, named: &dyn Fn(&Column<'c>) -> String) -> String {
        match self {
            Self::Column(column) => named(column),
            Self::Constant(digits) => digits.to_string(),
            Self::Made(operation, parts) => {
                let parts: Vec<String> = parts.iter().map(|part| part.name(named)).collect();
                format!("{}({})", operation.word(), parts.join(","))
            }
        }
    }
}

impl Operation {
    /// The word that asks for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sum => "$add",
            Self::Difference => "$sub",
            Self::Product => "$mul",
            Self::Quotient => "$div",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [Self::Sum, Self::Difference, Self::Product, Self::Quotient];
        all.into_iter().find(|operation| operation.word() == word)
    }
}

/// Reads an expression; `place` says where it stands, as errors repeat it.
pub(super) fn read<'c>(
    raw: &RawValue,
    place: &str,
    names: &mut Names<'c>,
) -> Result<Number<'c>, Error> {
    Reader { names, leaves: 0 }.number(raw, place, 0)
}

struct Reader<'n, 'c> {
    names: &'n mut Names<'c>,
    leaves: usize,
}

impl<'c> Reader<'_, 'c> {
    fn number(&mut self, raw: &RawValue, place: &str, depth: usize) -> Result<Number<'c>, Error> {
        if kind(raw) == Kind::Object {
            return self.made(raw, place, depth);
        }
        self.leaves += 1;
        if self.leaves > MAX_LEAVES {
            return Err(invalid(place, "is more than 16 fields and constants"));
        }
        match kind(raw) {
            Kind::Number => constant(raw.get()).map(Number::Constant).ok_or_else(|| {
                invalid(place, "has more than 30 digits, or than 12 after the point")
            }),
            Kind::String => {
                let name = decode_string(raw).ok_or_else(|| expected(place))?;
                match sortable(&name, self.names)? {
                    Term::Column(column) if column.field.field_type().is_number() => {
                        Ok(Number::Column(column))
                    }
                    _ => Err(invalid(place, "is no number")),
                }
            }
            _ => Err(expected(place)),
        }
    }

    fn made(&mut self, raw: &RawValue, place: &str, depth: usize) -> Result<Number<'c>, Error> {
        let members = Object::parse(raw.get()).ok_or_else(|| expected(place))?;
        let (word, operands) = match members.iter().next() {
            Some(member) if members.iter().count() == 1 => member,
            _ => return Err(expected(place)),
        };
        let Some(operation) = Operation::parse(word) else {
            let error = invalid(&format!("{place}.{word}"), "is no operator of numbers");
            return Err(error.with_hint(format!("operators of numbers: {OPERATORS}")));
        };
        let place = format!("{place}.{word}");
        if depth == MAX_DEPTH {
            return Err(invalid(&place, "is more than 4 deep"));
        }
        let most = match operation {
            Operation::Sum | Operation::Product => MAX_OPERANDS,
            Operation::Difference | Operation::Quotient => 2,
        };
        let operands = array(operands).filter(|parts| (2..=most).contains(&parts.len()));
        let operands = operands.ok_or_else(|| {
            let what = match most {
                2 => "takes a list of 2",
                _ => "takes a list of 2 to 8",
            };
            invalid(&place, what)
        })?;
        let parts = operands
            .into_iter()
            .enumerate()
            .map(|(index, part)| self.number(part, &format!("{place}[{index}]"), depth + 1));
        Ok(Number::Made(operation, parts.collect::<Result<_, _>>()?))
    }
}

/// The digits of a constant, without an exponent.
fn constant(text: &str) -> Option<Box<str>> {
    let digits = decimal(text)?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let whole = whole.trim_start_matches('-').len();
    let fits = fraction.len() <= MAX_FRACTION && whole + fraction.len() <= MAX_DIGITS;
    fits.then(|| digits.as_str().into())
}

fn expected(place: &str) -> Error {
    invalid(place, "is no field, constant or operator of them")
        .with_hint(r#"for example {"$mul":["price","quantity"]}"#)
}

/// What is wrong, at its place.
fn invalid(place: &str, what: &'static str) -> Error {
    let name = Some(place.into());
    ErrorKind::InvalidExpression(Remark { name, what }).into()
}
