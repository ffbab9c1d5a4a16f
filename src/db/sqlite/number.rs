//! Decimals for SQLite, which has none: expressions of numbers, exact to the last digit.
//!
//! An integer is what it is, and a float the decimal that it is written as; text, bytes and NULL
//! are no numbers, and what is made of them is none. What is infinite stays a float.

use std::sync::Arc;

use bigdecimal::{BigDecimal, RoundingMode, Zero as _};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::session::Watch;
use crate::sql::number::{ROW, SCALE, TOTALS, Total};
use crate::sql::sums::UNITS;

/// What a row costs, in bytes that are gone over.
const ROW_COST: usize = 256;

/// Gives the functions to a session.
pub(super) fn register(connection: &Connection, watch: &Arc<Watch>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    let look = Arc::clone(watch);
    connection.create_scalar_function(ROW, -1, flags, move |context| {
        look.spend(ROW_COST)?;
        let program = context.get_or_create_aux(0, |value| {
            let text = value.as_str().unwrap_or_default();
            Ok::<_, std::convert::Infallible>(Program::read(text))
        })?;
        Ok(program.value(context).and_then(Number::told))
    })?;
    for (name, total) in TOTALS {
        let watch = Arc::clone(watch);
        let all = All { total, watch };
        connection.create_aggregate_function(name, -1, flags, all)?;
    }
    connection.create_aggregate_function(UNITS, 2, flags, Units)
}

/// Adds numbers in units of a digit after the point.
struct Units;

/// What was added so far.
#[derive(Default)]
struct Sum {
    /// How many units are one.
    factor: i64,
    units: Option<i128>,
    /// What is not exact.
    rest: Option<f64>,
}

/// Floats of up to this many units are exact after the multiplication.
const FLOAT_UNITS: f64 = 4e15;

impl Aggregate<Sum, Option<Value>> for Units {
    fn init(&self, context: &mut Context<'_>) -> Result<Sum> {
        let scale = context.get::<u32>(1)?;
        Ok(Sum {
            factor: 10i64.saturating_pow(scale),
            ..Sum::default()
        })
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Sum) -> Result<()> {
        match context.get_raw(0) {
            ValueRef::Integer(number) => sum.add(i128::from(number) * i128::from(sum.factor)),
            ValueRef::Real(number) => match sum.units_of(number) {
                Some(units) => sum.add(units),
                None => sum.rest = Some(sum.rest.unwrap_or_default() + number),
            },
            _ => {}
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Sum>) -> Result<Option<Value>> {
        let Some(sum) = sum else {
            return Ok(None);
        };
        Ok(match (sum.units, sum.rest) {
            (Some(units), Some(rest)) => Some(Value::Real(units as f64 / sum.factor as f64 + rest)),
            (None, Some(rest)) => Some(Value::Real(rest)),
            (units, None) => units.map(|units| match i64::try_from(units) {
                Ok(units) => Value::Integer(units),
                Err(_) => Value::Text(units.to_string()),
            }),
        })
    }
}

impl Sum {
    /// More rows than there can be reach no end of it: it takes 64 bits and more of the largest.
    fn add(&mut self, units: i128) {
        self.units = Some(self.units.unwrap_or_default().saturating_add(units));
    }

    /// A fraction in units, where its digits hold it exactly. Whole numbers are integers, where all
    /// digits are before the point.
    fn units_of(&self, number: f64) -> Option<i128> {
        let factor = self.factor as f64;
        let units = (number * factor).round();
        let is_exact = self.factor > 1 && units.abs() <= FLOAT_UNITS && units / factor == number;
        is_exact.then_some(units as i128)
    }
}

/// A number of a row, or of several.
#[derive(Debug, Clone)]
enum Number {
    Exact(BigDecimal),
    Float(f64),
}

impl Number {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Integer(value) => Some(Self::Exact(value.into())),
            ValueRef::Real(value) if value.is_finite() => {
                value.to_string().parse().ok().map(Self::Exact)
            }
            ValueRef::Real(value) => Some(Self::Float(value)),
            _ => None,
        }
    }

    fn float(&self) -> f64 {
        match self {
            Self::Exact(value) => value.to_string().parse().unwrap_or(f64::NAN),
            Self::Float(value) => *value,
        }
    }

    /// Its digits; of what is infinite the float. SQLite has no other numbers.
    fn told(self) -> Option<Value> {
        match self {
            Self::Exact(value) => Some(Value::Text(value.normalized().to_plain_string())),
            Self::Float(value) if value.is_nan() => None,
            Self::Float(value) => Some(Value::Real(value)),
        }
    }

    fn made(&self, sign: Sign, other: &Self) -> Option<Self> {
        if let (Self::Exact(one), Self::Exact(other)) = (self, other) {
            return Some(Self::Exact(match sign {
                Sign::Plus => one + other,
                Sign::Minus => one - other,
                Sign::Times => one * other,
                Sign::By if other.is_zero() => return None,
                Sign::By => quotient(one, other),
            }));
        }
        let (one, other) = (self.float(), other.float());
        Some(Self::Float(match sign {
            Sign::Plus => one + other,
            Sign::Minus => one - other,
            Sign::Times => one * other,
            Sign::By if other == 0.0 => return None,
            Sign::By => one / other,
        }))
    }

    fn is_less(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => one < other,
            (one, other) => one.float() < other.float(),
        }
    }
}

/// The quotient of two whole numbers of units, half a unit of the last digit away from zero.
fn quotient(one: &BigDecimal, other: &BigDecimal) -> BigDecimal {
    let scale = i64::from(SCALE);
    let (one, other) = (one.normalized(), other.normalized());
    let ((dividend, below), (divisor, above)) = (
        one.into_bigint_and_exponent(),
        other.into_bigint_and_exponent(),
    );
    // dividend / 10^below over divisor / 10^above, in units of 10^-(scale + 1).
    let shift = scale + 1 + above - below;
    let ten = bigdecimal::num_bigint::BigInt::from(10);
    let power = |by: i64| ten.pow(u32::try_from(by).unwrap_or_default());
    let units = match shift >= 0 {
        true => dividend * power(shift) / divisor,
        false => dividend / (divisor * power(-shift)),
    };
    // Cut after one digit more, halves are told from what is below them.
    BigDecimal::new(units, scale + 1).with_scale_round(scale, RoundingMode::HalfUp)
}

#[derive(Debug, Clone, Copy)]
enum Sign {
    Plus,
    Minus,
    Times,
    By,
}

#[derive(Debug)]
enum Step {
    /// The next column.
    Column,
    Constant(BigDecimal),
    Make(Sign),
}

/// An expression, operands first.
#[derive(Debug)]
struct Program(Vec<Step>);

impl Program {
    fn read(text: &str) -> Self {
        let steps = text.split_ascii_whitespace().filter_map(|word| {
            Some(match word {
                "#" => Step::Column,
                "+" => Step::Make(Sign::Plus),
                "-" => Step::Make(Sign::Minus),
                "*" => Step::Make(Sign::Times),
                "/" => Step::Make(Sign::By),
                digits => Step::Constant(digits.parse().ok()?),
            })
        });
        Self(steps.collect())
    }

    /// The number that a row's columns, from the second argument on, make.
    fn value(&self, context: &Context<'_>) -> Option<Number> {
        let mut columns = 1..context.len();
        let mut made: Vec<Number> = Vec::new();
        for step in &self.0 {
            let next = match step {
                Step::Column => Number::of(context.get_raw(columns.next()?))?,
                Step::Constant(digits) => Number::Exact(digits.clone()),
                Step::Make(sign) => {
                    let (other, one) = (made.pop()?, made.pop()?);
                    one.made(*sign, &other)?
                }
            };
            made.push(next);
        }
        made.pop()
    }
}

/// A function of all rows.
struct All {
    total: Total,
    watch: Arc<Watch>,
}

/// What it came to so far.
struct Running {
    program: Program,
    number: Option<Number>,
}

impl Aggregate<Running, Option<Value>> for All {
    fn init(&self, context: &mut Context<'_>) -> Result<Running> {
        let program = context.get_raw(0).as_str().unwrap_or_default();
        Ok(Running {
            program: Program::read(program),
            number: None,
        })
    }

    fn step(&self, context: &mut Context<'_>, running: &mut Running) -> Result<()> {
        self.watch.spend(ROW_COST)?;
        let Some(next) = running.program.value(context) else {
            return Ok(());
        };
        running.number = match (running.number.take(), self.total) {
            (None, _) => Some(next),
            (Some(number), Total::Sum) => number.made(Sign::Plus, &next),
            (Some(number), total) => {
                let replaces = match total {
                    Total::Least => next.is_less(&number),
                    _ => number.is_less(&next),
                };
                Some(if replaces { next } else { number })
            }
        };
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, running: Option<Running>) -> Result<Option<Value>> {
        Ok(running
            .and_then(|running| running.number)
            .and_then(Number::told))
    }
}
