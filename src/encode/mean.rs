//! Means of exact numbers: the double that is nearest to the quotient, which a sum that was made a
//! double before it was divided does not give.

/// Digits of a quotient that decide which double is nearest; one more says whether any follow.
const DIGITS: usize = 40;

/// The double nearest to a sum, by its decimal digits, divided by a number; `None` where the text
/// is no plain decimal, or nothing was added.
pub(super) fn nearest(sum: &str, count: u64) -> Option<f64> {
    let (sign, digits) = match sum.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", sum),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if count == 0 || whole.is_empty() || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut quotient = String::with_capacity(DIGITS + 2);
    let mut rest: u128 = 0;
    let mut divide = |digit: u8, quotient: &mut String| {
        let dividend = rest * 10 + u128::from(digit);
        rest = dividend % u128::from(count);
        // Below ten, for the rest is below the divisor.
        let next = b'0' + (dividend / u128::from(count)) as u8;
        if next != b'0' || !quotient.is_empty() {
            quotient.push(char::from(next));
        }
        rest > 0
    };
    let mut goes_on = false;
    for digit in digits() {
        goes_on = divide(digit - b'0', &mut quotient);
    }
    let mut exponent = -i64::try_from(fraction.len()).ok()?;
    while goes_on && quotient.len() < DIGITS {
        goes_on = divide(0, &mut quotient);
        exponent -= 1;
    }
    if goes_on {
        quotient.push('1');
        exponent -= 1;
    }
    if quotient.is_empty() {
        return Some(0.0);
    }
    format!("{sign}{quotient}e{exponent}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_double_is_taken() {
        for (sum, count, mean) in [
            ("0.60", 3, 0.2),
            ("2", 3, 2.0 / 3.0),
            ("-2", 3, -2.0 / 3.0),
            ("0", 7, 0.0),
            ("0.00", 1, 0.0),
            ("10", 4, 2.5),
            ("9007199254740993", 1, 9_007_199_254_740_992.0),
            ("18014398509481987", 2, 9_007_199_254_740_994.0),
            ("0.0000000000000000000000000000000000000000000003", 3, 1e-46),
            (
                "123456789012345678901234567890123456789012345678901234567890",
                10,
                1.234_567_890_123_456_8e58,
            ),
        ] {
            assert_eq!(nearest(sum, count), Some(mean), "{sum} / {count}");
        }
        for (sum, count) in [("NaN", 1), ("Infinity", 2), ("", 1), ("1", 0)] {
            assert_eq!(nearest(sum, count), None, "{sum} / {count}");
        }
    }
}
