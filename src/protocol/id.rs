//! The id of a message that is not read whole: one that is too long, or nests too deep.

use std::mem;

use serde_json::value::RawValue;

/// The longest name that can be `id`, with its quotes: each letter may be written by its number.
const LONGEST_NAME: usize = 14;
/// What may stand before a message.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The `id` at the top of an object, of which perhaps only the beginning is there.
pub(crate) fn find(text: &[u8]) -> Option<&RawValue> {
    let mut search = IdSearch::new(text.len());
    search.push(text);
    let length = search.found()?.get().len();
    let id = text.get(search.end.checked_sub(length)?..search.end)?;
    serde_json::from_slice(id).ok()
}

/// Looks for the `id` at the top of an object that comes in pieces, of which none is kept.
///
/// It passes over values by their brackets and quotes alone, and judges nothing else.
#[derive(Debug, Default)]
pub(crate) struct IdSearch {
    /// The longest id that is kept.
    longest: usize,
    expected: Expectation,
    /// Objects and lists that are open, the message itself included.
    depth: usize,
    /// Whether a string is open.
    quoted: bool,
    /// Whether the last byte of a string takes its meaning from the next one.
    escaped: bool,
    /// Whether the value that is read is that of `id`.
    is_id: bool,
    /// The name or the id that is read; empty while another value is.
    kept: Vec<u8>,
    /// Bytes of the message until now.
    read: usize,
    /// Where the id ended.
    end: usize,
    found: Option<Box<RawValue>>,
}

/// What stands next at the top of the message.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Expectation {
    /// The bracket that begins it.
    #[default]
    Object,
    Name,
    Colon,
    Value,
    /// The rest of a number or a word.
    Word,
    Comma,
    /// Nothing that tells more: the id was read, or there is none.
    Nothing,
}

impl IdSearch {
    /// A search for an id of so many bytes at the most.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            longest,
            ..Self::default()
        }
    }

    /// Reads the next piece of the message.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        for byte in piece {
            if self.is_over() {
                return;
            }
            self.take(*byte);
            self.read += 1;
        }
    }

    /// Whether more of the message tells nothing more.
    pub(crate) fn is_over(&self) -> bool {
        self.expected == Expectation::Nothing
    }

    /// The id, as it was written.
    pub(crate) fn found(&self) -> Option<&RawValue> {
        self.found.as_deref()
    }

    fn take(&mut self, byte: u8) {
        use Expectation::{Colon, Comma, Name, Nothing, Object, Value, Word};
        if self.quoted {
            return self.take_quoted(byte);
        }
        if self.depth > 1 {
            return self.pass(byte);
        }
        let ends = byte.is_ascii_whitespace() || matches!(byte, b',' | b'}');
        if self.expected == Word && ends {
            self.end_of_value(self.read);
        }
        let begins = self.expected == Object && MARK.get(self.read) == Some(&byte);
        if byte.is_ascii_whitespace() || begins || self.is_over() {
            return;
        }
        self.expected = match (self.expected, byte) {
            (Object, b'{') => {
                self.depth = 1;
                Name
            }
            (Name | Value, b'"') => {
                self.quoted = true;
                self.keep(byte);
                self.expected
            }
            (Colon, b':') => Value,
            (Value, b'{' | b'[') if !self.is_id => {
                self.depth = 2;
                Comma
            }
            (Comma, b',') => Name,
            (Value | Word, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') => {
                self.keep(byte);
                Word
            }
            _ => Nothing,
        };
    }

    /// A byte of a string.
    fn take_quoted(&mut self, byte: u8) {
        if self.depth == 1 {
            self.keep(byte);
        }
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.quoted = false;
                match (self.depth, self.expected) {
                    (1, Expectation::Name) => self.end_of_name(),
                    (1, _) => self.end_of_value(self.read + 1),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// A byte of an object or a list that is passed over.
    fn pass(&mut self, byte: u8) {
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
    }

    /// Keeps a byte of a name or of the id; one too many says that it is neither.
    fn keep(&mut self, byte: u8) {
        let longest = match (self.expected, self.is_id) {
            (Expectation::Name, _) => LONGEST_NAME,
            (_, true) => self.longest,
            (_, false) => return,
        };
        if self.kept.len() <= longest {
            self.kept.push(byte);
        }
    }

    fn end_of_name(&mut self) {
        let name = mem::take(&mut self.kept);
        self.is_id = serde_json::from_slice::<String>(&name).is_ok_and(|name| name == "id");
        self.expected = Expectation::Colon;
    }

    fn end_of_value(&mut self, end: usize) {
        self.expected = Expectation::Comma;
        if self.is_id {
            self.expected = Expectation::Nothing;
            self.end = end;
            let kept = mem::take(&mut self.kept);
            self.found = (kept.len() <= self.longest).then(|| scalar(kept)).flatten();
        }
    }
}

/// The string or number that a text is.
fn scalar(text: Vec<u8>) -> Option<Box<RawValue>> {
    let begins = matches!(text.first()?, b'"' | b'-' | b'0'..=b'9');
    let text = String::from_utf8(text).ok()?;
    begins.then(|| RawValue::from_string(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a text, however it is cut into pieces.
    fn found(text: &[u8]) -> Option<String> {
        let whole = find(text).map(|id| id.get().to_owned());
        for length in [1, 2, 3, 5, 7] {
            let mut search = IdSearch::new(text.len());
            for piece in text.chunks(length) {
                search.push(piece);
            }
            assert_eq!(search.found().map(RawValue::get), whole.as_deref());
        }
        whole
    }

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
            (r#"{"a":"\",\"id\":1,","\"id\"":2,"id":3}"#, Some("3")),
            (r#"{"a":{"b":"\"}"},"c":[],"d":{},"id":8 }"#, Some("8")),
            (r#"{"\u0069d":9}"#, Some("9")),
            (r#"{"\u0069\u0064":11}"#, Some("11")),
            ("\u{feff}{\"id\":12}", Some("12")),
            ("\u{feff}\u{feff}{\"id\":12}", None),
            ("\u{feff}", None),
            (r#"{"a":true,"ID":1,"id ":2,"":3,"id":10}"#, Some("10")),
            (r#"{"a":1.5e-3,"id":"ü"}"#, Some(r#""ü""#)),
            (r#"{"id":1,"id":2}"#, Some("1")),
            (r#"{"params":{"id":1}}"#, None),
            (r#"{"params":[{"id":1}],"method":"id"}"#, None),
            (r#"{"id":null}"#, None),
            (r#"{"id":true}"#, None),
            (r#"{"id":[1]}"#, None),
            (r#"{"id":{"id":1}}"#, None),
            (r#"{"id":01}"#, None),
            (r#"{"id":1"#, None),
            (r#"{"id":"cut"#, None),
            (r#"{"a":"cut"#, None),
            (r#"{"a":1 "id":2}"#, None),
            (r#"{"a":}"id":2}"#, None),
            (r#"{}{"id":2}"#, None),
            (r#"["id",1]"#, None),
            (r#"{"a"}"#, None),
            ("{", None),
            ("", None),
            ("{\"id\":\"\u{7f}\"}", Some("\"\u{7f}\"")),
        ] {
            assert_eq!(found(text.as_bytes()).as_deref(), id, "{text}");
        }
        let deep = format!(
            r#"{{"a":{}{},"id":8}}"#,
            "[".repeat(9_000),
            "]".repeat(9_000)
        );
        assert_eq!(found(deep.as_bytes()).as_deref(), Some("8"));
        for letters in [254, 255, 9_000, 65_000] {
            let name = "x".repeat(letters);
            let text = format!(r#"{{"{name}":1,"a":"{name}","id":"{name}"}}"#);
            assert_eq!(found(text.as_bytes()), Some(format!("\"{name}\"")));
            for (longest, is_found) in [(letters + 2, true), (letters + 1, false)] {
                let mut search = IdSearch::new(longest);
                search.push(text.as_bytes());
                assert_eq!(search.found().is_some(), is_found);
            }
        }
        assert!(found(b"{\"id\":\"\xff\"}").is_none());
        assert!(found(b"{\"\xff\":1,\"id\":2}").is_some());
    }
}
