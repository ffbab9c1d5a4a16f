//! Exact sums on SQLite, which adds decimals as floats and fails where integers overflow.
//!
//! A function of ours ([`UNITS`]) adds instead. A number that its column's digits hold exactly is
//! taken in units of the last digit, which are added as whole numbers. What is not exact (a float
//! among integers, a value beyond 15 digits) is added as a float beside them; text and bytes add
//! nothing.

use sea_query::{Expr, Func};

use crate::catalog::{Field, FieldType};

/// The function of SQLite that adds numbers, the first argument, in units of as many digits after
/// the point as the second says. It gives whole units, as text beyond 64 bits; and a float, which is
/// the sum itself, where a number was not exact.
pub(crate) const UNITS: &str = "lucarne_units";

/// Digits after the point that are kept where a column declares none.
const FREE_SCALE: u8 = 6;

/// A sum of a field's numbers.
pub(super) struct Sum {
    /// Its value, as [`UNITS`] gives it.
    pub(super) units: Expr,
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

/// The sum of a field's numbers.
pub(super) fn sum(column: Expr, field: &Field) -> Option<Sum> {
    let (scale, fixed) = scale(field)?;
    let digits = Expr::cust(scale.to_string());
    Some(Sum {
        units: Func::cust(UNITS).arg(column).arg(digits).into(),
        scale,
        fixed,
    })
}

impl Sum {
    /// The sum as it is compared: a whole number of up to 64 bits to the last digit.
    pub(super) fn compared(self) -> Expr {
        if self.scale > 0 {
            return self.float();
        }
        let template = "CASE typeof(?) WHEN 'text' THEN CAST(? AS REAL) ELSE ? END";
        Expr::cust_with_exprs(template, vec![self.units; 3])
    }

    /// The sum as a float, for its order and for means; NULL without a number.
    pub(super) fn float(self) -> Expr {
        let template = format!(
            "CASE typeof(?) WHEN 'real' THEN ? ELSE CAST(? AS REAL) / 1e{} END",
            self.scale
        );
        Expr::cust_with_exprs(template, vec![self.units; 3])
    }
}

/// How many numbers a column holds.
pub(super) fn count(column: &Expr) -> Expr {
    Expr::cust_with_exprs(
        "count(CASE WHEN typeof(?) IN ('integer', 'real') THEN 1 END)",
        [column.clone()],
    )
}
