//! JSON documents without their sensitive members.
//!
//! A document without such a member passes byte for byte. Text that holds documents (a JSON string
//! inside JSON, documents in a text column) is looked into as well, to a fixed depth. Each level is
//! read once and holds one copy, so that time and memory are a small multiple of the value.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::text::{is_half, mended, unescaped};
use super::{Numbers, Style, double};
use crate::sensitive::Sensitive;
use crate::value::Parts;

/// What stands in place of text that may hold something hidden and cannot be read.
pub(super) const WITHHELD: &str = "[withheld]";

/// Documents within the strings of documents that are looked into; deeper ones are withheld.
const LEVELS: usize = 8;

/// Whether a text may be a document: it begins as one, and has what a name of a member needs.
///
/// A document with a hidden member always does; so the database can tell by the same rule which
/// values must not be compared as they are (`sql::documents`).
pub(crate) fn looks_like_document(text: &str) -> bool {
    text.starts_with(begins) && (text.contains('\\') || (text.contains('{') && text.contains(':')))
}

fn begins(first: char) -> bool {
    matches!(first, '{' | '[' | '"') || is_blank(first)
}

/// What may stand before a document, a byte order mark included.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{feff}')
}

/// Writes the value of a column of documents: as JSON, or as text where it is none.
pub(super) fn document(out: &mut Vec<u8>, text: &str, parts: &Parts, style: &Style) {
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        let sensitive = &style.sensitive;
        return match embedded(text, sensitive, 0) {
            Read::Same => super::text(out, text),
            Read::Changed(redacted) => super::text(out, &redacted),
            Read::Unreadable if looks_like_document(text) || names_hidden(text, sensitive) => {
                super::text(out, WITHHELD);
            }
            Read::Unreadable => super::text(out, text),
        };
    };
    let start = out.len();
    let numbers = match (style.numbers, style.nesting.is_some()) {
        (Numbers::Native, _) => Quoting::None,
        (Numbers::Doubles, _) => Quoting::Rounded,
        (Numbers::String, false) => Quoting::Exact,
        (Numbers::String, true) => Quoting::Both,
    };
    let nesting = style.nesting.unwrap_or(usize::MAX);
    let walk = Walker::new(raw.get(), out, &style.sensitive, 0);
    if walk.by(numbers, nesting).run(parts).is_err() {
        // Too deep for its readers: as text, which all of them take.
        out.truncate(start);
        let mut redacted = Vec::with_capacity(text.len());
        let walk = Walker::new(raw.get(), &mut redacted, &style.sensitive, 0);
        let whole = walk.run(parts).is_ok();
        let redacted = String::from_utf8(redacted).unwrap_or_default();
        super::text(out, if whole { &redacted } else { WITHHELD });
    }
}

/// The text of a column without what is hidden in its documents.
pub(super) fn within<'t>(text: &'t str, sensitive: &Sensitive) -> Cow<'t, str> {
    if !looks_like_document(text) {
        return Cow::Borrowed(text);
    }
    match embedded(text, sensitive, 0) {
        Read::Same => Cow::Borrowed(text),
        Read::Changed(redacted) => Cow::Owned(redacted),
        Read::Unreadable if names_hidden(text, sensitive) => Cow::Borrowed(WITHHELD),
        Read::Unreadable => Cow::Borrowed(text),
    }
}

/// What was found in a text.
enum Read {
    /// Documents, and nothing in them that is hidden.
    Same,
    /// Documents, and what is left of them.
    Changed(String),
    /// Something else.
    Unreadable,
}

/// Reads a text of one document, or of several side by side.
fn embedded(text: &str, sensitive: &Sensitive, level: usize) -> Read {
    let inner = text.trim_start_matches(is_blank);
    let mut documents = serde_json::Deserializer::from_str(inner).into_iter::<&RawValue>();
    if !documents.by_ref().all(|document| document.is_ok()) || inner.is_empty() {
        return Read::Unreadable;
    }
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(&text.as_bytes()[..text.len() - inner.len()]);
    let walk = Walker::new(inner, &mut out, sensitive, level);
    match walk.run(&Parts::Plain).map(|()| String::from_utf8(out)) {
        Ok(Ok(redacted)) if redacted == text => Read::Same,
        Ok(Ok(redacted)) => Read::Changed(redacted),
        _ => Read::Unreadable,
    }
}

/// Whether a text that is no JSON has the name of a hidden member before a colon, however it is
/// quoted and escaped.
fn names_hidden(text: &str, sensitive: &Sensitive) -> bool {
    let text = unescaped(text);
    let mut pieces: Vec<&str> = text.split(':').collect();
    pieces.pop();
    pieces.into_iter().any(|piece| {
        let quote = |c: char| matches!(c, '"' | '\'' | '`');
        let name = piece.trim_end().trim_end_matches(quote);
        let border = |c: char| quote(c) || matches!(c, '{' | '}' | '[' | ']' | ',' | ';' | '\n');
        let name = name.rsplit(border).next().unwrap_or_default();
        sensitive.hides_member(name.trim())
    })
}

/// A document that nests deeper than its readers take.
struct TooDeep;

/// Which numbers of a document become strings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    None,
    Rounded,
    Exact,
    Both,
}

/// Walks a text that is known to be JSON. Nesting is kept on the heap: documents of a database may
/// be deeper than a stack.
struct Walker<'t, 'o> {
    text: &'t str,
    at: usize,
    out: &'o mut Vec<u8>,
    sensitive: &'o Sensitive,
    numbers: Quoting,
    nesting: usize,
    level: usize,
}

/// An open bracket, and what its members are.
enum Open<'p> {
    Array(&'p Parts),
    Object {
        parts: &'p Parts,
        /// What the member is whose name was read last.
        member: &'p Parts,
        /// Whether a member was written.
        written: bool,
        /// Names that hold what halves of surrogate pairs are replaced by.
        replaced: Replaced,
    },
}

/// Names of an object that hold U+FFFD, each with the number that tells the next of that name
/// apart: two that differed before halves of pairs were replaced are two members all the same.
#[derive(Default)]
struct Replaced(Option<HashMap<String, usize>>);

impl Replaced {
    /// The name that a member gets in place of its own; `None` where that stands for itself.
    fn other(&mut self, name: &str) -> Option<String> {
        if !name.contains(char::REPLACEMENT_CHARACTER) {
            return None;
        }
        let taken = self.0.get_or_insert_default();
        let Some(next) = taken.get_mut(name) else {
            taken.insert(name.to_owned(), 2);
            return None;
        };
        let mut number = *next;
        let other = loop {
            let other = format!("{name}{number}");
            number += 1;
            if !taken.contains_key(&other) {
                break other;
            }
        };
        taken.insert(name.to_owned(), number);
        taken.insert(other.clone(), 2);
        Some(other)
    }
}

impl<'t, 'o> Walker<'t, 'o> {
    fn new(text: &'t str, out: &'o mut Vec<u8>, sensitive: &'o Sensitive, level: usize) -> Self {
        Self {
            text,
            at: 0,
            out,
            sensitive,
            numbers: Quoting::None,
            nesting: usize::MAX,
            level,
        }
    }

    fn by(mut self, numbers: Quoting, nesting: usize) -> Self {
        (self.numbers, self.nesting) = (numbers, nesting);
        self
    }

    fn run<'p>(mut self, parts: &'p Parts) -> Result<(), TooDeep> {
        let mut open: Vec<Open<'p>> = Vec::new();
        while let Some(byte) = self.peek() {
            let part = match open.last() {
                None => parts,
                Some(Open::Array(part) | Open::Object { member: part, .. }) => part,
            };
            match byte {
                b'"' => {
                    let string = self.string();
                    self.value(string, part);
                }
                b'-' | b'0'..=b'9' => self.number(part),
                b'{' => {
                    self.copy();
                    open.push(Open::Object {
                        parts: part,
                        member: part,
                        written: false,
                        replaced: Replaced::default(),
                    });
                    self.member(&mut open);
                }
                b',' if matches!(open.last(), Some(Open::Object { .. })) => {
                    self.at += 1;
                    self.member(&mut open);
                }
                b'[' => {
                    self.copy();
                    open.push(Open::Array(part));
                }
                b']' | b'}' => {
                    self.copy();
                    open.pop();
                }
                _ => self.copy(),
            }
            if open.len() > self.nesting {
                return Err(TooDeep);
            }
        }
        Ok(())
    }

    /// From after `{` or `,` to before the colon of the next member that may be seen, or to the
    /// end of the object.
    fn member(&mut self, open: &mut [Open<'_>]) {
        let mut removed = false;
        loop {
            let blank = self.space();
            if self.peek() != Some(b'"') {
                return;
            }
            let key = self.string();
            let name = decoded(key);
            if !self.sensitive.hides_member(&name) {
                let mut other = None;
                if let Some(Open::Object {
                    parts,
                    member,
                    written,
                    replaced,
                }) = open.last_mut()
                {
                    *member = parts.of(&name);
                    other = replaced.other(&name);
                    if std::mem::replace(written, true) {
                        self.out.push(b',');
                    }
                }
                if !removed {
                    self.out.extend_from_slice(blank.as_bytes());
                }
                match other {
                    Some(other) => super::text(self.out, &other),
                    None => mended(self.out, key),
                }
                return;
            }
            removed = true;
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
    fn value(&mut self, string: &str, part: &Parts) {
        if *part == Parts::Bytes
            && let Some(bytes) = hexadecimal(string)
        {
            self.out.push(b'"');
            self.out
                .extend_from_slice(STANDARD.encode(bytes).as_bytes());
            self.out.push(b'"');
            return;
        }
        let first = string.get(1..).and_then(|inner| inner.chars().next());
        if first.is_some_and(|first| first == '\\' || begins(first)) {
            let text = decoded(string);
            if looks_like_document(&text) {
                let redacted = match self.level {
                    LEVELS.. => Read::Changed(WITHHELD.to_owned()),
                    level => embedded(&text, self.sensitive, level + 1),
                };
                match redacted {
                    Read::Same => {}
                    Read::Changed(redacted) => return super::text(self.out, &redacted),
                    Read::Unreadable if names_hidden(&text, self.sensitive) => {
                        return super::text(self.out, WITHHELD);
                    }
                    Read::Unreadable => {}
                }
            }
        }
        mended(self.out, string);
    }

    fn number(&mut self, part: &Parts) {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.peek() {
            self.at += 1;
        }
        let number = self.text.get(start..self.at).unwrap_or_default();
        let exact = *part == Parts::Exact;
        let quoted = match self.numbers {
            Quoting::None => false,
            Quoting::Rounded => double::rounds(number),
            Quoting::Exact => exact,
            Quoting::Both => exact || double::rounds(number),
        };
        let quote: &[u8] = if quoted { b"\"" } else { b"" };
        for part in [quote, number.as_bytes(), quote] {
            self.out.extend_from_slice(part);
        }
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

    fn space(&mut self) -> &'t str {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }
}

/// The text of a JSON string; of one with half a pair of surrogates, with that replaced.
fn decoded(string: &str) -> Cow<'_, str> {
    if !string.contains('\\') {
        let inner = string.strip_prefix('"').unwrap_or(string);
        return Cow::Borrowed(inner.strip_suffix('"').unwrap_or(inner));
    }
    let whole = match is_half(string) {
        false => Cow::Borrowed(string),
        true => {
            let mut out = Vec::with_capacity(string.len());
            mended(&mut out, string);
            Cow::Owned(String::from_utf8(out).unwrap_or_default())
        }
    };
    Cow::Owned(serde_json::from_str(&whole).unwrap_or_default())
}

/// The bytes of PostgreSQL's digits: `"\\x00ff"`.
fn hexadecimal(string: &str) -> Option<Vec<u8>> {
    let digits = string.strip_prefix("\"\\\\x")?.strip_suffix('"')?;
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect()
}

#[cfg(test)]
mod tests;
