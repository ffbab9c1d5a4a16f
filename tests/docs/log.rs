//! `docs/log.md` has every warning and error of the code, and the words of every code of an engine.

use std::fs;
use std::path::{Path, PathBuf};

use lucarne::db::CAUSES;

use crate::support::document;

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, into),
            false => into.push(path),
        }
    }
}

/// The first text of a macro's arguments, where it has one, with `…` for what is put into it.
fn text(arguments: &str) -> Option<String> {
    let mut shape = String::new();
    let mut characters = arguments.split_once('"')?.1.chars().peekable();
    loop {
        match characters.next()? {
            '"' => return Some(shape),
            '{' => {
                characters.by_ref().find(|character| *character == '}')?;
                shape.push('…');
            }
            '\\' if characters.peek() == Some(&'\n') => {
                while characters.peek().is_some_and(|next| next.is_whitespace()) {
                    characters.next();
                }
            }
            '\\' => shape.extend(characters.next()),
            other => shape.push(other),
        }
    }
}

#[test]
fn every_warning_and_error_has_its_line() {
    let page = document("docs/log.md");
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut found = 0;
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for name in [" warn!(", " error!("] {
            for arguments in code.split(name).skip(1) {
                let Some(text) = text(arguments) else {
                    continue;
                };
                // What has no words of its own brings them along, with the remedy.
                if text.chars().any(char::is_alphabetic) {
                    found += 1;
                    let row = format!("| `{text}` |");
                    assert!(page.contains(&row), "no row {row} of {}", file.display());
                }
            }
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn every_code_of_an_engine_has_its_words() {
    let page = document("docs/log.md");
    let (_, codes) = page.split_once("## Codes of the databases").unwrap();
    let rows = codes.lines().filter(|line| line.starts_with("| ")).skip(2);
    let expected = CAUSES.iter().map(|cause| {
        let (engine, code) = (cause.engine, cause.code);
        format!("| {engine} | `{code}` | {} | {} |", cause.what, cause.help)
    });
    assert_eq!(rows.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}
