//! JSON documents without their sensitive members.
//!
//! A document without such a member passes byte for byte. Text that holds a document (a JSON
//! string inside JSON, a document in a text column) is looked into as well.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::sensitive::Sensitive;

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson;

/// Writes a document without the members that are hidden, at any depth.
///
/// # Errors
/// Nothing is written when the text is not JSON.
pub(super) fn document(
    out: &mut Vec<u8>,
    text: &str,
    sensitive: &Sensitive,
) -> Result<(), NotJson> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|_| NotJson)?;
    let text = raw.get();
    let start = out.len();
    let mut scanner = Scanner {
        text,
        at: 0,
        out,
        sensitive,
        changed: false,
    };
    scanner.run();
    if !scanner.changed {
        out.truncate(start);
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}

/// The text of a document with its hidden members removed; `None` where it may stay as it is.
pub(super) fn embedded(text: &str, sensitive: &Sensitive) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) || !text.contains('"') {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    document(&mut out, text, sensitive).ok()?;
    let redacted = String::from_utf8(out).ok()?;
    (redacted != text.trim()).then_some(redacted)
}

/// Walks a document that is known to be JSON. Nesting is kept on the heap: documents of a database
/// may be deeper than a stack.
struct Scanner<'t, 'o> {
    text: &'t str,
    at: usize,
    out: &'o mut Vec<u8>,
    sensitive: &'o Sensitive,
    changed: bool,
}

/// An open bracket.
enum Open {
    Array,
    /// An object, and whether a member of it was written.
    Object {
        written: bool,
    },
}

impl<'t> Scanner<'t, '_> {
    fn run(&mut self) {
        let mut open: Vec<Open> = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let string = self.string();
                    self.value(string);
                }
                b'{' => {
                    self.copy();
                    open.push(Open::Object { written: false });
                    self.member(&mut open);
                }
                b',' if matches!(open.last(), Some(Open::Object { .. })) => {
                    self.at += 1;
                    self.member(&mut open);
                }
                b'[' => {
                    self.copy();
                    open.push(Open::Array);
                }
                b']' | b'}' => {
                    self.copy();
                    open.pop();
                }
                _ => self.copy(),
            }
        }
    }

    /// From after `{` or `,` to before the colon of the next member that may be seen, or to the
    /// end of the object.
    fn member(&mut self, open: &mut [Open]) {
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return;
            }
            let key = self.string();
            let hidden = match decoded(key) {
                Some(name) => self.sensitive.hides_member(&name),
                None => false,
            };
            if !hidden {
                if let Some(Open::Object { written }) = open.last_mut()
                    && std::mem::replace(written, true)
                {
                    self.out.push(b',');
                }
                self.out.extend_from_slice(key.as_bytes());
                return;
            }
            self.changed = true;
            self.space();
            self.at += 1; // the colon
            self.skip_value();
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
            }
        }
    }

    /// Writes a string that is a value, looking into it where it may hold a document.
    fn value(&mut self, string: &str) {
        let inner = string.get(1..).unwrap_or_default().trim_start();
        if inner.starts_with(['{', '[', '\\'])
            && let Some(redacted) = decoded(string).and_then(|text| embedded(&text, self.sensitive))
        {
            self.changed = true;
            super::text(self.out, &redacted);
            return;
        }
        self.out.extend_from_slice(string.as_bytes());
    }

    fn skip_value(&mut self) {
        self.space();
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b'}' | b']' if depth == 0 => return,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The string that begins here, with its quotes.
    fn string(&mut self) -> &'t str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    break;
                }
                _ => self.at += 1,
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn copy(&mut self) {
        self.out.extend(self.peek());
        self.at += 1;
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }
}

/// The text of a JSON string; of one with a lone surrogate, with that replaced.
fn decoded(string: &str) -> Option<Cow<'_, str>> {
    if !string.contains('\\') {
        return Some(Cow::Borrowed(string.trim_matches('"')));
    }
    let bytes: serde_json::Result<serde_bytes_text::Text> = serde_json::from_str(string);
    bytes.ok().map(|text| Cow::Owned(text.0))
}

/// Strings read through bytes, for serde_json refuses lone surrogates in text alone.
mod serde_bytes_text {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, Visitor};

    pub(super) struct Text(pub(super) String);

    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Bytes;
            impl Visitor<'_> for Bytes {
                type Value = Text;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a string")
                }

                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                    Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
                }
            }
            deserializer.deserialize_bytes(Bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        let mut out = Vec::new();
        document(&mut out, text, &Sensitive::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hidden_members_go_at_any_depth() {
        for (text, expected) in [
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (
                r#" { "a" : 1 , "b" : [ 1 , 2 ] } "#,
                r#"{ "a" : 1 , "b" : [ 1 , 2 ] }"#,
            ),
            (r#"{"password":"x"}"#, "{}"),
            (r#"{"password":"x","a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1,"password":"x"}"#, r#"{"a":1}"#),
            (
                r#"{"a":1,"token":{"b":[1,{"c":"}"}]},"d":2}"#,
                r#"{"a":1,"d":2}"#,
            ),
            (
                r#"{"a":{"smtpPassword":"x","b":[{"api_key":1,"c":2}]}}"#,
                r#"{"a":{"b":[{"c":2}]}}"#,
            ),
            (
                r#"{"pass\u0077ord":"x","a":"\"token\":1"}"#,
                r#"{"a":"\"token\":1"}"#,
            ),
            (r#"{"password":1,"token":[],"secret":null}"#, "{}"),
            (
                r#"[{"password" : "x" , "a":1}, {"token":2}]"#,
                r#"[{"a":1}, {}]"#,
            ),
            (r#"{"\ud800password":1,"x":2}"#, r#"{"x":2}"#),
            (r#""password""#, r#""password""#),
            ("12", "12"),
        ] {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }

    #[test]
    fn documents_inside_text_are_looked_into() {
        let text = r#"{"body":"{\"token\":\"x\",\"a\":1}","n":1}"#;
        assert_eq!(redacted(text), r#"{"body":"{\"a\":1}","n":1}"#);
        let sensitive = Sensitive::default();
        assert_eq!(
            embedded(r#"{"password":"x","a":1}"#, &sensitive).as_deref(),
            Some(r#"{"a":1}"#)
        );
        assert_eq!(embedded(r#" {"a":1} "#, &sensitive), None);
        assert_eq!(embedded("[see above] \"password\"", &sensitive), None);
    }

    #[test]
    fn deep_documents_need_no_stack() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(redacted(&deep), deep);
    }

    #[test]
    fn what_is_not_json_is_left_to_the_caller() {
        let mut out = b"before".to_vec();
        assert_eq!(document(&mut out, "{", &Sensitive::default()), Err(NotJson));
        assert_eq!(out, b"before");
    }
}
