//! `docs/errors.md` has every error of the code, with its text and code.

use std::collections::BTreeSet;

use lucarne::error::CODES;

use crate::support::{document, table};

/// The texts of `ErrorKind`, as they stand above its variants, with the variants' names.
fn texts(source: &str) -> Vec<(String, String)> {
    let (_, below) = source.split_once("pub enum ErrorKind {").unwrap();
    let (variants, _) = below.split_once("\n}").unwrap();
    let mut texts = Vec::new();
    for part in variants.split("#[error(\"").skip(1) {
        let (text, rest) = part.split_once("\")]").unwrap();
        let name = rest
            .trim_start()
            .split([',', '(', ' ', '{'])
            .next()
            .unwrap();
        texts.push((text.to_owned(), name.to_owned()));
    }
    texts
}

/// A text with `…` for whatever is put into it, in the code as in the document.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        shape.push_str(before);
        shape.push('…');
        rest = after.split_once('}').unwrap().1;
    }
    shape + rest
}

/// The code of each variant, from the arms of `ErrorKind::code`.
fn code_of(source: &str, variant: &str) -> String {
    let (_, below) = source.split_once("pub fn code(&self)").unwrap();
    let (arms, _) = below.split_once("\n    }").unwrap();
    let arms = arms.replace(char::is_whitespace, " ");
    let named = |arm: &str| {
        arm.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == variant)
    };
    let mut pieces = arms.split(" => ");
    let mut patterns = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let mut quoted = piece.splitn(3, '"');
        let code = quoted.nth(1).unwrap().to_owned();
        if named(&patterns) {
            return code;
        }
        patterns = quoted.next().unwrap_or_default().to_owned();
    }
    panic!("{variant} has no code")
}

#[test]
fn every_error_stands_in_the_table_with_its_code() {
    let source = document("src/error.rs");
    let texts = texts(&source);
    assert!(texts.len() > 30, "{}", texts.len());
    let documented = table(&document("docs/errors.md"), "| Text | Code | What to do |");
    let documented: Vec<(String, String)> = documented
        .into_iter()
        .map(|row| {
            assert!(!row[2].is_empty(), "{row:?}");
            (
                row[0].trim_matches('`').to_owned(),
                row[1].trim_matches('`').to_owned(),
            )
        })
        .collect();
    let in_code: Vec<(String, String)> = texts
        .iter()
        .map(|(text, variant)| (shape(text), code_of(&source, variant)))
        .collect();
    assert_eq!(documented, in_code, "in the order of src/error.rs");
    let codes: BTreeSet<&str> = in_code.iter().map(|(_, code)| code.as_str()).collect();
    assert_eq!(codes, CODES.into_iter().collect::<BTreeSet<&str>>());
}
