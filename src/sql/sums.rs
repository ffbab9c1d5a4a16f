//! Exact sums on SQLite, which adds decimals as floats and fails where integers overflow.
//!
//! A number that its column's digits hold exactly is taken in units of the last digit, and the
//! upper and lower halves of the units are added apart: neither sum can overflow. What is not
//! exact (a float among integers, a value beyond 15 digits) is added as a float beside them; text
//! and bytes add nothing.

use sea_query::{Expr, ExprTrait as _, Func};

use crate::catalog::{Field, FieldType};

/// Digits after the point that are kept where a column declares none.
const FREE_SCALE: u8 = 6;
/// Floats of up to this many units are exact after the multiplication.
const FLOAT_UNITS: i64 = 4_000_000_000_000_000;

/// The parts of a sum.
pub(super) struct Parts {
    /// The sum of the units' upper halves.
    pub(super) high: Expr,
    /// The sum of the units' lower 32 bits.
    pub(super) low: Expr,
    /// The sum of what is not exact.
    pub(super) rest: Expr,
    /// Digits after the point of a unit.
    pub(super) scale: u8,
    /// Whether the column fixes that number of digits.
    pub(super) fixed: bool,
}

/// Digits after the point of a field's units, and whether the column fixes them; `None` for a
/// field whose numbers are floats.
fn scale(field: &Field) -> Option<(u8, bool)> {
    match field.field_type() {
        FieldType::Integer { .. } | FieldType::Any => Some((0, true)),
        FieldType::Decimal { scale: Some(scale) } if scale <= 12 => Some((scale, true)),
        FieldType::Decimal { .. } => Some((FREE_SCALE, false)),
        _ => None,
    }
}

/// The parts of the sum of a field's numbers.
pub(super) fn parts(column: &Expr, field: &Field) -> Option<Parts> {
    let (scale, fixed) = scale(field)?;
    // Factors and digits are constants of ours; only columns are put in.
    let (exact, units) = match scale {
        0 => ("typeof(?) = 'integer'".to_owned(), "?".to_owned()),
        _ => {
            let factor = 10i64.pow(scale.into());
            let (whole, float) = (i64::MAX / factor, FLOAT_UNITS / factor);
            let exact = format!(
                "CASE typeof(?) WHEN 'integer' THEN ? BETWEEN -{whole} AND {whole} \
                 WHEN 'real' THEN ? BETWEEN -{float} AND {float} AND round(?, {scale}) = ? END"
            );
            let units = format!(
                "CASE typeof(?) WHEN 'integer' THEN ? * {factor} \
                 ELSE CAST(round(? * {factor}) AS INTEGER) END"
            );
            (exact, units)
        }
    };
    let over = |template: String| {
        let columns = template.matches('?').count();
        Expr::cust_with_exprs(template, vec![column.clone(); columns])
    };
    Some(Parts {
        high: over(format!("sum(CASE WHEN {exact} THEN ({units}) >> 32 END)")),
        low: over(format!(
            "sum(CASE WHEN {exact} THEN ({units}) & 4294967295 END)"
        )),
        rest: over(format!(
            "sum(CASE WHEN {exact} THEN NULL \
             WHEN typeof(?) IN ('integer', 'real') THEN CAST(? AS REAL) END)"
        )),
        scale,
        fixed,
    })
}

impl Parts {
    /// The same of some rows alone.
    pub(super) fn of(self, rows: &dyn Fn(Expr) -> Expr) -> Self {
        Self {
            high: rows(self.high),
            low: rows(self.low),
            rest: rows(self.rest),
            ..self
        }
    }

    /// The whole sum as it is compared: a whole number of up to 64 bits to the last digit.
    pub(super) fn compared(self) -> Expr {
        if self.scale > 0 {
            return self.float();
        }
        let units = self.high.mul(Expr::cust("4294967296")).add(self.low);
        let either = |one: Expr, other: Expr| Func::cust("ifnull").arg(one).arg(other);
        let both = units.clone().add(self.rest.clone());
        either(both, either(units, self.rest).into()).into()
    }

    /// The whole sum as a float, for its order and for means; NULL without a number.
    pub(super) fn float(self) -> Expr {
        let units = self.high.mul(Expr::cust("4294967296.0")).add(self.low);
        let exact = units.div(Expr::cust(format!("1e{}", self.scale)));
        let either = |one: Expr, other: Expr| Func::cust("ifnull").arg(one).arg(other);
        let both = exact.clone().add(self.rest.clone());
        either(both, either(exact, self.rest).into()).into()
    }
}

/// How many numbers a column holds.
pub(super) fn count(column: &Expr) -> Expr {
    Expr::cust_with_exprs(
        "count(CASE WHEN typeof(?) IN ('integer', 'real') THEN 1 END)",
        [column.clone()],
    )
}
