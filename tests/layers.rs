//! The layers hold: `docs/internals/architecture.md` says what each module may use, and here its tables are
//! compared with the source.
//!
//! A new use that fails here either belongs elsewhere, or changes the design: then change the
//! table there in the same commit.

#![allow(
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Where text that is no constant becomes SQL: what sea-query built, and how a transaction begins,
/// which is constants and a number.
const ASSERTED_SAFE: &[(&str, usize)] = &[("src/db.rs", 1), ("src/db/postgres.rs", 1)];

#[test]
fn every_module_uses_what_the_table_allows_and_nothing_else() {
    let layers = table("| Module | May use |");
    let mut wrong = Vec::new();
    for Source { path, module, code } in sources() {
        let Some((_, allowed)) = layers.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{path}: {module} is not in the table"));
            continue;
        };
        for used in names_after(&code, "crate::")
            .into_iter()
            .chain(names_after(&code, "lucarne::"))
        {
            let is_for_all = matches!(&*used, "advice" | "error");
            if used != module && !is_for_all && !allowed.contains(&used) {
                wrong.push(format!("{path} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_goes_one_way() {
    let layers = table("| Module | May use |");
    for (index, (module, allowed)) in layers.iter().enumerate() {
        for name in allowed {
            let at = layers.iter().position(|(other, _)| other == name);
            assert!(at.is_some_and(|at| at > index), "{module} uses {name}");
        }
    }
}

#[test]
fn each_library_is_seen_where_it_belongs_alone() {
    let mut wrong = Vec::new();
    for (library, seen_by) in table("| From outside | Seen by |") {
        let path_of = format!("{library}::");
        for Source { path, module, code } in sources() {
            let mut uses = code.match_indices(&path_of);
            let seen = uses.any(|(at, _)| !code[..at].ends_with(|c| is_of_name(c) || c == ':'));
            if seen && !seen_by.contains(&module) {
                wrong.push(format!("{path} sees {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn sql_that_is_no_constant_is_trusted_where_it_is_listed() {
    let sources = sources();
    let mut found: Vec<(&str, usize)> = sources
        .iter()
        .map(|source| {
            (
                source.path.as_str(),
                source.code.matches("AssertSqlSafe(").count(),
            )
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    found.sort_unstable();
    assert_eq!(found, ASSERTED_SAFE);
}

/// What a file and a function of ours may have, in lines; tests at the end of a file count for the
/// file alone.
const FILE: usize = 600;
const FUNCTION: usize = 80;

#[test]
fn files_and_functions_are_read_at_one_sitting() {
    let mut long = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz"] {
        let mut files = Vec::new();
        gather(&root().join(folder), &mut files);
        for file in files {
            let path = file.strip_prefix(root()).unwrap().display().to_string();
            let text = fs::read_to_string(&file).unwrap();
            let lines = text.lines().count();
            if lines > FILE {
                long.push(format!("{path}: {lines} lines"));
            }
            if folder == "src" && !path.ends_with("tests.rs") {
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let functions = functions(code).into_iter();
                let functions = functions.filter(|(_, lines)| *lines > FUNCTION);
                long.extend(functions.map(|(name, lines)| format!("{path}: {name} {lines} lines")));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// The functions of a file that rustfmt wrote, by their names, and their lines.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let named = lines.iter().enumerate().filter_map(|(at, line)| {
        let mut words = line.trim_start().split(' ');
        let is_said = |word: &&str| {
            word.starts_with("pub") || word.ends_with(')') || matches!(*word, "const" | "async")
        };
        let name = (words.find(|word| !is_said(word)) == Some("fn")).then(|| words.next())??;
        let indent = &line[..line.len() - line.trim_start().len()];
        let is_end = |line: &&str| {
            let rest = line.strip_prefix(indent);
            rest == Some("}")
                || rest.is_some_and(|rest| !rest.starts_with(' ') && rest.ends_with(';'))
        };
        let length = match line.ends_with('}') {
            true => 1,
            false => lines[at..].iter().position(is_end)? + 1,
        };
        let name = name.split(['(', '<']).next().unwrap_or_default();
        Some((name.to_owned(), length))
    });
    named.collect()
}

#[test]
fn functions_are_found_with_their_lengths() {
    let code = "trait A {\n    fn said(&self);\n}\n\npub(in crate::a) async fn one<T>(\n    a: T,\n) {\n    a;\n}\n\nfn two() {}\n";
    let found = functions(code);
    let expected = [("said", 1), ("one", 5), ("two", 1)];
    assert_eq!(
        found,
        expected.map(|(name, lines)| (name.to_owned(), lines))
    );
}

#[test]
fn what_the_page_names_is_there() {
    let mut files = Vec::new();
    gather(&root().join("src"), &mut files);
    let files: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let code: String = sources().into_iter().map(|source| source.code).collect();
    let words: std::collections::HashSet<&str> = code.split(|c| !is_of_name(c)).collect();
    let modules = table("| Module | May use |");
    let page = page();
    let named = page.split('`').skip(1).step_by(2);
    let named = named.filter(|name| !name.contains([' ', '\n', '<']));
    let mut gone = Vec::new();
    for name in named {
        let is_file = name.ends_with(".rs") || name.ends_with('/');
        let is_ours = |path: &str| {
            let first = path.split("::").next().unwrap();
            first.starts_with(char::is_uppercase) || modules.iter().any(|(name, _)| name == first)
        };
        let is_there = match name.rsplit_once("::") {
            Some((path, last)) => !is_ours(path) || words.contains(last),
            None if is_file => {
                let within = format!("/{name}");
                files.iter().any(|file| file.contains(&within)) || root().join(name).exists()
            }
            None => true,
        };
        if !is_there {
            gone.push(name.to_owned());
        }
    }
    assert!(gone.is_empty(), "{gone:#?}");
}

fn page() -> String {
    fs::read_to_string(root().join("docs/internals/architecture.md")).unwrap()
}

/// The rows under that heading: the name in the first column, and those in the second.
fn table(heading: &str) -> Vec<(String, Vec<String>)> {
    let text = page();
    let (_, below) = text.split_once(heading).unwrap();
    let rows = below
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let names = |column: &str| -> Vec<String> {
        let parts = column.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let rows: Vec<_> = rows
        .map(|row| {
            let columns: Vec<&str> = row.split('|').collect();
            (names(columns[1]).remove(0), names(columns[2]))
        })
        .collect();
    assert!(rows.len() > 5, "{heading}");
    rows
}

/// A file of `src`: the module that it belongs to, and its code without comments, texts and tests.
struct Source {
    path: String,
    module: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    gather(&root().join("src"), &mut files);
    files.sort();
    let sources: Vec<Source> = files
        .iter()
        .filter(|file| !file.components().any(|part| part.as_os_str() == "tests"))
        .filter(|file| file.file_name().is_none_or(|name| name != "tests.rs"))
        .map(|file| {
            let path = file.strip_prefix(root()).unwrap();
            let module = path.iter().nth(1).unwrap().to_str().unwrap();
            Source {
                path: path.display().to_string(),
                module: module.trim_end_matches(".rs").to_owned(),
                code: code(&fs::read_to_string(file).unwrap()),
            }
        })
        // It lists the modules and uses none.
        .filter(|source| source.module != "lib")
        .collect();
    assert!(sources.len() > 50, "{}", sources.len());
    sources
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The code up to the tests at the end of a file, without comments and without texts in quotes.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut kept = String::with_capacity(code.len());
    for line in code.lines() {
        // What stands between two quotes is every second part.
        let line: String = line.split('"').step_by(2).collect();
        kept.push_str(line.split("//").next().unwrap());
        kept.push('\n');
    }
    kept
}

/// The names that follow the beginning of a path: one, or each of a list in braces.
fn names_after(code: &str, beginning: &str) -> Vec<String> {
    let listed = code.split(beginning).skip(1).flat_map(|rest| {
        let list = rest.strip_prefix('{').unwrap_or(rest);
        let end = match rest.starts_with('{') {
            true => list.find(';'),
            false => list.find(|c| !is_of_name(c)),
        };
        list[..end.unwrap_or(list.len())].split(',')
    });
    listed
        .map(|name| name.trim().chars().take_while(|c| is_of_name(*c)).collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
