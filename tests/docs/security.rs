//! docs/internals/security.md and the pages beside it name tests that there are, and the lock file holds what
//! they promise of libraries.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::document;

/// Each requirement of the page, by its letter and how many there are.
const REQUIREMENTS: [(char, usize); 15] = [
    ('A', 12),
    ('T', 14),
    ('P', 12),
    ('W', 8),
    ('S', 9),
    ('Q', 10),
    ('L', 12),
    ('R', 12),
    ('G', 7),
    ('M', 10),
    ('O', 10),
    ('N', 9),
    ('D', 9),
    ('X', 3),
    ('H', 43),
];
/// Libraries with known faults, and the first version without them.
const FLOORS: [(&str, [u64; 3]); 5] = [
    ("sqlx", [0, 8, 1]),
    ("tungstenite", [0, 20, 1]),
    ("rmcp", [1, 4, 0]),
    ("rustls", [0, 23, 45]),
    ("rustls-webpki", [0, 103, 13]),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// All tests, by the path of their module.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for top in ["src", "tests"] {
        let mut paths = Vec::new();
        files(&root.join(top), &mut paths);
        for path in paths {
            let module = path
                .strip_prefix(root.join(top))
                .unwrap()
                .with_extension("");
            let mut module = module.to_str().unwrap().replace('/', "::");
            if top == "src" && !module.contains("tests") {
                module += "::tests";
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                let name = line.trim_start_matches("async ").strip_prefix("fn ");
                if let Some(name) = name.filter(|_| marked) {
                    let name = name.split('(').next().unwrap();
                    tests.insert(format!("{module}::{name}"));
                }
                let mark = line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                marked = mark || (marked && line.starts_with("#["));
            }
        }
    }
    assert!(tests.len() > 500, "{}", tests.len());
    tests
}

/// What stands in backticks and is a path of modules.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| span.contains("::") && !span.contains(['…', ' ', '/']))
}

#[test]
fn every_requirement_has_its_line_and_every_test_is_there() {
    let page = document("docs/internals/security.md");
    let tests = tests();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    for (letter, count) in REQUIREMENTS {
        for number in 1..=count {
            let id = format!("| {letter}{number:02} | ");
            let mut own = rows.iter().filter(|row| row.starts_with(&id));
            let row = own.next().unwrap_or_else(|| panic!("{id} has no line"));
            assert!(own.next().is_none(), "{id} has two");
            let held = named(row).any(|name| tests.contains(name));
            assert!(held || row.contains("*not held*"), "{row}");
        }
    }
    for name in named(&page) {
        assert!(
            tests.contains(name),
            "docs/internals/security.md names {name}"
        );
    }
}

#[test]
fn every_fault_that_is_told_of_has_its_tests() {
    let tests = tests();
    for page in [
        "docs/internals/reliability.md",
        "docs/security-questions.md",
    ] {
        for name in named(&document(page)) {
            let within = format!("{name}::");
            let there = tests
                .iter()
                .any(|test| test == name || test.starts_with(&within));
            assert!(there, "{page} names {name}");
        }
    }
}

#[test]
fn no_library_is_older_than_its_last_known_fault() {
    let lock: toml_edit::DocumentMut = document("Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array_of_tables().unwrap();
    for (library, floor) in FLOORS {
        let versions: Vec<Vec<u64>> = packages
            .iter()
            .filter(|package| package["name"].as_str() == Some(library))
            .map(|package| {
                let version = package["version"].as_str().unwrap();
                let numbers = version.split(['.', '-', '+']).take(3);
                numbers.map(|number| number.parse().unwrap()).collect()
            })
            .collect();
        assert!(!versions.is_empty(), "{library} is not there");
        for version in versions {
            assert!(
                version.as_slice() >= floor.as_slice(),
                "{library} {version:?}"
            );
        }
    }
}
