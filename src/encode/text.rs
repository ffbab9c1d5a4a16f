//! Text as a JSON string, eight bytes at a look.

/// Writes text as a JSON string.
pub fn text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    while let Some(at) = special(rest) {
        out.extend_from_slice(&rest[..at]);
        escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The first byte that may not stand in a JSON string as it is.
fn special(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = marks(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let start = words.len() * 8;
    let at = rest
        .iter()
        .position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))?;
    Some(start + at)
}

/// Sets the high bit of each byte that is below a space, a quote or a backslash.
///
/// A byte above one that is marked may be marked wrongly, by its borrow; the lowest is always right.
fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    (control | quote | backslash) & HIGH
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0xf)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::text;

    fn written(value: &str) -> String {
        let mut out = Vec::new();
        text(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_byte_at_every_place_is_written_as_the_library_does() {
        for byte in 0..=0x7f_u8 {
            for before in 0..18 {
                let value = format!("{}{}ü{0}", "x".repeat(before), char::from(byte));
                assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_the_library_does(value in "(?s)[\u{0}-\u{7f}é€😀\"\\\\]{0,70}") {
            prop_assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
        }
    }
}
