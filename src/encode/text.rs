//! Text as a JSON string, eight bytes at a look.

use std::borrow::Cow;

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

/// Writes a JSON string as it is, but for halves of surrogate pairs: strict readers refuse them.
pub(super) fn mended(out: &mut Vec<u8>, string: &str) {
    let mut copied = 0;
    for half in halves(string) {
        out.extend_from_slice(&string.as_bytes()[copied..half]);
        out.extend_from_slice(b"\\ufffd");
        copied = half + ESCAPE;
    }
    out.extend_from_slice(&string.as_bytes()[copied..]);
}

/// Whether a JSON string escapes half a surrogate pair.
pub(super) fn is_half(string: &str) -> bool {
    halves(string).next().is_some()
}

/// The length of an escape by number: `\u00e9`.
const ESCAPE: usize = 6;

/// Where a JSON string escapes halves of surrogate pairs.
fn halves(string: &str) -> impl Iterator<Item = usize> {
    let bytes = string.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += bytes.get(at..)?.iter().position(|byte| *byte == b'\\')?;
            let Some(unit) = unit(bytes, at) else {
                at += 2;
                continue;
            };
            let found = at;
            at += ESCAPE;
            match unit {
                0xd800..=0xdbff if matches!(self::unit(bytes, at), Some(0xdc00..=0xdfff)) => {
                    at += ESCAPE;
                }
                0xd800..=0xdfff => return Some(found),
                _ => {}
            }
        }
    })
}

/// The number of the escape that begins there.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// A text as whoever wrote it may have meant it, at any depth of escapes: characters by number are
/// themselves, other backslashes nothing.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split('\\');
    plain.extend(pieces.next());
    for piece in pieces {
        let digits = match piece.as_bytes().first() {
            Some(b'u') => piece.get(1..5),
            Some(b'x') => piece.get(1..3),
            _ => None,
        };
        let named = digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        match named.zip(digits) {
            Some((character, digits)) => {
                plain.push(character);
                plain.push_str(&piece[1 + digits.len()..]);
            }
            None => plain.push_str(piece),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{mended, text, unescaped};

    fn written(value: &str) -> String {
        let mut out = Vec::new();
        text(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn halves_of_pairs_are_replaced_and_pairs_are_not() {
        for (string, expected) in [
            (r#""a\ud83d""#, r#""a\ufffd""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ude00\ud83d!""#, r#""\ufffd\ufffd!""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\uD83D\n\u00e9""#, r#""\ufffd\n\u00e9""#),
        ] {
            let mut out = Vec::new();
            mended(&mut out, string);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{string}");
            let read: String = serde_json::from_str(expected).unwrap();
            assert!(!read.is_empty());
        }
    }

    #[test]
    fn escapes_are_read_at_any_depth() {
        for (written, meant) in [
            (r"plain", "plain"),
            (r"pass\u0077ord", "password"),
            (r"pass\\u0077ord", "password"),
            (r"pass\x77ord", "password"),
            (r#"\"a\""#, "\"a\""),
            (r"\uzz \u00", "uzz u00"),
        ] {
            assert_eq!(unescaped(written), meant);
        }
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
