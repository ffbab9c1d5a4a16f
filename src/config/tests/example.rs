use std::collections::BTreeMap;

use super::*;

/// `.env.example` as its lines stand, or with the commented variables set too.
fn example(uncommented: bool) -> Vec<(String, String)> {
    let text = include_str!("../../../.env.example");
    let text = if uncommented {
        text.replace("\n#", "\n").replace("\n ", "\n# ")
    } else {
        text.to_owned()
    };
    dotenvy::Iter::new(text.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn the_example_file_is_the_defaults() {
    let set: BTreeMap<String, String> = example(false).into_iter().collect();
    let defaults = variables::all()
        .filter_map(|variable| Some((variable.name.to_owned(), variable.default?.to_owned())));
    assert_eq!(set, defaults.collect());
    let (example, default) = (load(example(false)).unwrap(), config(&[]));
    assert_eq!(format!("{example:?}"), format!("{default:?}"));
}

#[test]
fn the_example_file_tells_the_meaning_of_each_variable() {
    let text = include_str!("../../../.env.example");
    for variable in variables::all() {
        let mark = if variable.default.is_some() { "" } else { "#" };
        let lines = format!("# {}\n{mark}{}=", variable.meaning, variable.name);
        assert!(text.contains(&lines), "{lines}");
    }
    let lines = text
        .lines()
        .filter(|line| line.contains('=') && !line.starts_with("# "));
    assert_eq!(lines.count(), variables::all().count());
}

#[test]
fn every_example_in_the_example_file_is_valid() {
    let vars = example(true);
    assert_eq!(vars.len(), variables::all().count());
    let config = load(vars).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.data.database.is_some() && config.instances.cursor_key.is_some());
}
