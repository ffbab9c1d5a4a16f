//! Texts of old character sets: bytes that stand for no letter, and blanks at the end.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Asker, Database};

/// Bytes of texts: blanks and control characters at the end, and what some sets have no letter for.
const TEXTS: [&str; 14] = [
    "6A", "6A20", "6A09", "816A", "8DAA", "FF", "A1", "A0", "8063", "5C", "3F", "3FFF", "C0E0",
    "FA54",
];

/// Character sets, and collations of them.
const COLLATIONS: [&str; 14] = [
    "latin1_swedish_ci",
    "latin1_bin",
    "ascii_general_ci",
    "ascii_bin",
    "cp1250_general_ci",
    "cp1250_bin",
    "koi8r_bin",
    "greek_general_ci",
    "hebrew_bin",
    "sjis_bin",
    "cp932_japanese_ci",
    "big5_bin",
    "ucs2_bin",
    "utf8mb3_bin",
];

/// A table of a collation: its texts as they are keys, and once more where they are not.
fn tables() -> (String, Vec<String>) {
    let (mut script, mut models) = (String::new(), Vec::new());
    for collation in COLLATIONS {
        let charset = collation.split('_').next().unwrap();
        let (keyed, free) = (format!("k_{collation}"), format!("f_{collation}"));
        writeln!(
            script,
            "CREATE TABLE {keyed} (a VARBINARY(20) PRIMARY KEY, n INT);"
        )
        .unwrap();
        for (number, text) in TEXTS.iter().enumerate() {
            writeln!(script, "INSERT INTO {keyed} VALUES (x'{text}', {number});").unwrap();
        }
        let to = format!("VARCHAR(20) CHARACTER SET {charset} COLLATE {collation}");
        // Texts that are equal there keep one row.
        writeln!(script, "ALTER IGNORE TABLE {keyed} MODIFY a {to};").unwrap();
        writeln!(script, "CREATE TABLE {free} (id INT PRIMARY KEY, a {to});").unwrap();
        writeln!(script, "INSERT INTO {free} SELECT n, a FROM {keyed};").unwrap();
        writeln!(
            script,
            "INSERT INTO {free} SELECT n + 20, CONCAT(a, ' ') FROM {keyed};"
        )
        .unwrap();
        models.extend([keyed, free]);
    }
    (script, models)
}

#[tokio::test]
async fn texts_of_every_character_set_are_walked_once() {
    let Some(database) = Database::new().await else {
        return;
    };
    let (script, models) = tables();
    database.run(&script).await;
    let asker = Asker::new(&database.url(), &models.join(",")).await;
    for model in &models {
        let whole = asker.walk(model, r#"["a"]"#, 100).await;
        for (sort, limit) in [("a", 1), ("a", 2), ("a", 3), ("a", 7), ("-a", 1), ("-a", 3)] {
            let walked = asker.walk(model, &format!(r#"["{sort}"]"#), limit).await;
            let same = match sort {
                "a" => walked == whole,
                _ => {
                    walked.len() == whole.len()
                        && walked.iter().collect::<BTreeSet<_>>() == whole.iter().collect()
                }
            };
            assert!(same, "{model} by {sort}, {limit} a page: {walked:#?}");
        }
        let grouped = r#"{"group_by":["a"],"aggregate":{"n":{"$count":"*"}},"sort":["a"]"#;
        let groups = asker.rows(model, &format!("{grouped}}}")).await;
        let mut walked = Vec::new();
        let mut cursor = String::new();
        loop {
            let params = format!(r#"{grouped},"limit":2{cursor}}}"#);
            let answer = asker.ask("query", model, &params).await.unwrap();
            let answer: Value = serde_json::from_str(&format!("{{{answer}}}")).unwrap();
            walked.extend(answer["data"].as_array().unwrap().clone());
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = format!(r#","cursor":"{next}""#),
                None => break,
            }
        }
        assert_eq!(walked, groups, "groups of {model}");
    }
    // What comes whole leads to its record; what does not is marked, and leads to none.
    for model in models.iter().filter(|model| model.starts_with("k_")) {
        for row in asker.rows(model, "{}").await {
            let key = &row["a"];
            let params = format!(r#"{{"id":{key}}}"#);
            let got = asker.ask("get", model, &params).await;
            if key.as_str().unwrap().contains('\u{fffd}') {
                assert!(got.is_err(), "{model} {key}: {got:?}");
            } else if key != "\\" {
                let got = got.unwrap_or_else(|error| panic!("{model} {key}: {error}"));
                assert_eq!(got, format!("\"data\":{row}"), "{model}");
            }
        }
    }
    let shown = asker.field("k_ascii_general_ci", "a", "{}").await;
    assert!(
        shown.contains(&"\"?\u{fffd}\"".to_owned()),
        "a question mark is one: {shown:?}"
    );
}

#[tokio::test]
async fn texts_are_compared_by_the_collation_of_their_column() {
    let Some(database) = Database::new().await else {
        return;
    };
    let script = "
CREATE TABLE letters (id INT PRIMARY KEY,
  ci VARCHAR(9) CHARACTER SET cp1251, cs VARCHAR(9) CHARACTER SET cp1251 COLLATE cp1251_general_cs,
  bin VARCHAR(9) CHARACTER SET koi8r COLLATE koi8r_bin, latin VARCHAR(9) CHARACTER SET latin1);
INSERT INTO letters VALUES (1, 'Ж', 'Ж', 'Ж', 'É'), (2, 'ж', 'ж', 'ж', 'é'), (3, '?', '?', '?', '?'),
  (4, NULL, NULL, NULL, NULL);
";
    database.run(script).await;
    let asker = Asker::new(&database.url(), "letters").await;
    for (filter, expected) in [
        (r#"{"ci":"Ж"}"#, vec!["1", "2"]),
        (r#"{"cs":"Ж"}"#, vec!["1"]),
        (r#"{"bin":"Ж"}"#, vec!["1"]),
        (r#"{"bin":{"$in":["Ж","?"]}}"#, vec!["1", "3"]),
        (r#"{"bin":{"$nin":["Ж","日"]}}"#, vec!["2", "3", "4"]),
        (r#"{"cs":"日"}"#, vec![]),
        (r#"{"latin":"日"}"#, vec![]),
        (r#"{"latin":{"$ne":"日"}}"#, vec!["1", "2", "3", "4"]),
        (r#"{"bin":{"$lt":"Ж"}}"#, vec!["2", "3"]),
        (r#"{"latin":{"$lt":"日"}}"#, vec!["1", "2", "3"]),
    ] {
        let params = format!(r#"{{"filters":{filter},"sort":["id"]}}"#);
        assert_eq!(
            asker.field("letters", "id", &params).await,
            expected,
            "{filter}"
        );
    }
}
