//! Whether a decimal survives a client that keeps numbers in doubles.

/// So many digits are the same again after a way through a double.
const SAFE_DIGITS: usize = 15;
/// The digits of the largest double.
const MOST_DIGITS: usize = 309;

/// Whether the double nearest to a number, written as short as can be, is another number, or none.
///
/// A whole number that a double can come near to counts as none: it keeps all its digits wherever
/// it stands.
pub(super) fn rounds(number: &str) -> bool {
    let is_exponent = |byte| matches!(byte, b'e' | b'E');
    let exponent = number.bytes().any(is_exponent);
    if !exponent && number.len() <= SAFE_DIGITS {
        return false;
    }
    if !exponent && !number.contains('.') {
        return number.len() >= MOST_DIGITS && number.parse().is_ok_and(f64::is_infinite);
    }
    match number.parse::<f64>() {
        Ok(double) if double.is_finite() => canonical(number) != canonical(&format!("{double:e}")),
        _ => true,
    }
}

/// The digits of a number without the zeros around them, and the power of ten of the last one.
fn canonical(number: &str) -> (String, i64) {
    let number = number.strip_prefix('-').unwrap_or(number);
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return (String::new(), 0);
    }
    // An exponent that is no i64 is not finite, or zero, and neither gets here with digits.
    let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX);
    let zeros = (digits.len() - kept.len()) as i64 - fraction.len() as i64;
    (kept.to_owned(), exponent.saturating_add(zeros))
}

#[cfg(test)]
mod tests {
    use super::rounds;

    #[test]
    fn only_what_a_double_cannot_hold_is_rounded() {
        for exact in [
            "0",
            "-0",
            "0.00",
            "0.1",
            "12.50",
            "-4199.36",
            "100",
            "1e2",
            "1.5E-3",
            "0e999",
            "9007199254740993",
            "12345678901234567890",
            "123456789012.345",
            "1e308",
            "5e-324",
            &"9".repeat(308),
        ] {
            assert!(!rounds(exact), "{exact}");
        }
        for rounded in [
            "12345678901234567890.10",
            "0.1000000000000000055511151231257827",
            "1e309",
            "1e-400",
            "-0.12345678901234567891",
            &"9".repeat(309),
        ] {
            assert!(rounds(rounded), "{rounded}");
        }
    }
}
