//! The id of a message that is not read whole: one that is too long, or nests too deep.

use serde_json::value::RawValue;

/// The longest id that is looked for.
const LONGEST: usize = 256;

/// The `id` at the top of an object, of which perhaps only the beginning is there.
///
/// It passes over values by their brackets and quotes alone, and judges nothing else.
pub fn find(text: &[u8]) -> Option<&RawValue> {
    let mut rest = Rest(text);
    rest.take(b'{')?;
    loop {
        let name = rest.string()?;
        rest.take(b':')?;
        if name == b"\"id\"" {
            return rest.scalar();
        }
        rest.skip()?;
        rest.take(b',')?;
    }
}

struct Rest<'t>(&'t [u8]);

impl<'t> Rest<'t> {
    fn trim(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.trim();
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'t [u8]> {
        self.trim();
        let text = self.0;
        let mut bytes = text.iter().enumerate().skip(1);
        text.first().filter(|first| **first == b'"')?;
        while let Some((index, byte)) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()?),
                b'"' => {
                    let (string, rest) = text.split_at(index + 1);
                    self.0 = rest;
                    return Some(string);
                }
                _ => {}
            }
        }
        None
    }

    /// A string or a number, whole.
    fn scalar(&mut self) -> Option<&'t RawValue> {
        self.trim();
        let text = match self.0.first()? {
            b'"' => self.string()?,
            _ => {
                let end =
                    |byte: &u8| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                self.0.split_at(self.0.iter().position(end)?).0
            }
        };
        let text = str::from_utf8(text)
            .ok()
            .filter(|text| text.len() <= LONGEST)?;
        serde_json::from_str(text).ok()
    }

    /// Passes over a value.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            self.trim();
            match self.0.first()? {
                b'"' => drop(self.string()?),
                b'[' | b'{' => {
                    depth += 1;
                    self.0 = &self.0[1..];
                }
                b']' | b'}' => {
                    depth = depth.checked_sub(1)?;
                    self.0 = &self.0[1..];
                }
                b',' | b':' if depth > 0 => self.0 = &self.0[1..],
                b',' | b':' => return None,
                _ => {
                    let end =
                        |byte: &u8| matches!(byte, b',' | b':' | b']' | b'}' | b'"' | b'[' | b'{');
                    self.0 = &self.0[self.0.iter().position(end)?..];
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_wherever_it_stands_and_nothing_else_is() {
        for (text, id) in [
            (r#"{"id":7,"a":"#, Some("7")),
            (r#" { "id" : "a\"b" , "#, Some(r#""a\"b""#)),
            (
                r#"{"a":{"id":1,"b":["}","]"]},"c":null,"id":-2.5e3}"#,
                Some("-2.5e3"),
            ),
            (r#"{"a":[[[[[1,2],3]]],"id",{"id":4}],"id":5}"#, Some("5")),
            (r#"{"a":"\\","id":6}"#, Some("6")),
            (r#"{"id":null}"#, None),
            (r#"{"id":[1]}"#, None),
            (r#"{"id":{"id":1}}"#, None),
            (r#"{"id":1"#, None),
            (r#"{"id":"cut"#, None),
            (r#"{"a":"cut"#, None),
            (r#"{"a":1 "id":2}"#, None),
            (r#"["id",1]"#, None),
            (r#"{"a"}"#, None),
            ("{", None),
            ("", None),
            ("{\"id\":\"\u{7f}\"}", Some("\"\u{7f}\"")),
        ] {
            assert_eq!(find(text.as_bytes()).map(RawValue::get), id, "{text}");
        }
        let deep = format!(
            r#"{{"a":{}{},"id":8}}"#,
            "[".repeat(9_000),
            "]".repeat(9_000)
        );
        assert_eq!(find(deep.as_bytes()).map(RawValue::get), Some("8"));
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(300));
        assert!(find(long.as_bytes()).is_none());
        assert!(find(b"{\"id\":\"\xff\"}").is_none());
    }
}
