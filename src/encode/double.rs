//! Whether a decimal survives a client that keeps numbers in doubles.

/// Whether the double nearest to a decimal, written as short as can be, is another number.
///
/// A whole number never counts as one: it keeps all its digits wherever it stands.
pub(super) fn rounds(number: &str) -> bool {
    if !number.contains(['.', 'e', 'E']) {
        return false;
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

/// Puts the decimals that a double would round in quotes, in a document that begins at `start`.
pub(super) fn quote_rounded(out: &mut Vec<u8>, start: usize) {
    let mut quoted: Option<Vec<u8>> = None;
    let (mut at, mut copied) = (start, start);
    while let Some(byte) = out.get(at) {
        match byte {
            b'"' => at = after_string(out, at),
            b'-' | b'0'..=b'9' => {
                let end = after_number(out, at);
                let number = std::str::from_utf8(&out[at..end]).unwrap_or_default();
                if rounds(number) {
                    let quoted = quoted.get_or_insert_with(Vec::new);
                    quoted.extend_from_slice(&out[copied..at]);
                    quoted.push(b'"');
                    quoted.extend_from_slice(&out[at..end]);
                    quoted.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if let Some(mut quoted) = quoted {
        quoted.extend_from_slice(&out[copied..]);
        out.truncate(start);
        out.append(&mut quoted);
    }
}

fn after_string(text: &[u8], mut at: usize) -> usize {
    at += 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn after_number(text: &[u8], at: usize) -> usize {
    let digits = text[at..].iter();
    at + digits
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .count()
}

#[cfg(test)]
mod tests {
    use super::{quote_rounded, rounds};

    #[test]
    fn a_document_keeps_all_but_its_rounded_decimals() {
        let quoted = |text: &str| {
            let mut out = [b"before 1e999 ", text.as_bytes()].concat();
            quote_rounded(&mut out, 13);
            String::from_utf8(out.split_off(13)).unwrap()
        };
        for same in [
            "1",
            "[1.5, \"1e999\", \"\\\"1e999\"]",
            "12345678901234567890",
            "\"1e999",
        ] {
            assert_eq!(quoted(same), same);
        }
        assert_eq!(
            quoted("[1e999,{\"a\":-1e999 }]"),
            "[\"1e999\",{\"a\":\"-1e999\" }]"
        );
    }

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
        ] {
            assert!(!rounds(exact), "{exact}");
        }
        for rounded in [
            "12345678901234567890.10",
            "0.1000000000000000055511151231257827",
            "1e309",
            "1e-400",
            "-0.12345678901234567891",
        ] {
            assert!(rounds(rounded), "{rounded}");
        }
    }
}
