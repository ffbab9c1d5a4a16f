//! What an attacker with a token tries: text that wants to be SQL, in every place that takes text,
//! and names beside the whitelist. On each engine the database is the same before and after.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::engines::{Engine, engines};

/// What text can be answered with: rows, or the client's own fault.
const ANSWERS: &[&str] = &[
    "ok",
    "invalid_value",
    "invalid_filter",
    "invalid_parameter",
    "invalid_request",
    "model_not_allowed",
    "not_found",
    "read_only",
];

/// Words of statements and of drivers, that no answer of its own accord may hold.
const NEVER: &[&str] = &[
    "SELECT", "syntax", "sqlite", "pg_", "mysql", "near \"", "ERROR", "rusqlite", "sqlx",
];

/// Text that would do something, if any of it were read as SQL.
fn attacks() -> Vec<String> {
    let deeds = [
        "",
        "; DROP TABLE t",
        "; DELETE FROM t",
        "; UPDATE t SET n = 0",
        "; INSERT INTO t (id, must) VALUES (99, 'x')",
        "; CREATE TABLE planted (id INTEGER)",
        "; COMMIT; DROP TABLE large",
        "; SELECT pg_sleep(9)",
        " UNION SELECT sql FROM sqlite_master",
        " UNION SELECT passwd FROM pg_shadow",
        " UNION SELECT authentication_string FROM mysql.user",
        " OR 1=1",
        " OR SLEEP(9)",
        " INTO OUTFILE '/tmp/planted'",
        "; COPY t TO '/tmp/planted'",
        "; ATTACH 'planted.db' AS planted",
        "; PRAGMA writable_schema = 1",
        " || load_extension('planted')",
        " AND updatexml(1, concat(1, user()), 1)",
        "; SET SESSION TRANSACTION READ WRITE",
        "; SET default_transaction_read_only = off",
    ];
    let openings = [
        "", "'", "\"", "`", "\\'", "''", "')", "\")", "1", "1)", "$1", "?", "x'", "E'\\'", "$$",
        "%' ", "\u{2bc}", "\u{ff07}", "\u{2019}", "\u{0}'", "\n'", "/*'*/",
    ];
    let mut attacks = Vec::new();
    for (index, opening) in openings.iter().enumerate() {
        for deed in deeds {
            // Some leave the rest of a statement as a comment, and some do not.
            let closing = [" --", "#", " /*", ""][(index + deed.len()) % 4];
            attacks.push(format!("{opening}{deed}{closing}"));
        }
    }
    attacks.extend((0..32).map(|control: u8| format!("a{}b", char::from(control))));
    attacks
        .extend(["\u{feff}", "\u{202e}t", "ｔ", "%", "_", "\\", "\u{10ffff}"].map(str::to_owned));
    attacks
}

/// Requests that hold a text in each place that takes one.
fn requests(text: &str) -> Vec<Value> {
    let query = |params: Value| json!({"action": "query", "model": "t", "params": params});
    let mut named = serde_json::Map::new();
    named.insert(text.to_owned(), json!(1));
    let named = Value::Object(named);
    vec![
        query(json!({"filters": {"s": text}})),
        query(json!({"filters": {"id": text}})),
        query(json!({"filters": {"must": {"$in": [text, null]}}})),
        query(json!({"filters": {"s": {"$icontains": text}}})),
        query(json!({"filters": {"$not": {"s": {"$between": [text, text]}}}, "limit": 1})),
        query(json!({"filters": named})),
        query(json!({"filters": {"n": named}})),
        query(json!({"fields": [text]})),
        query(json!({"sort": [text]})),
        query(json!({"group_by": [text]})),
        query(json!({"aggregate": {text: {"$count": "*"}}})),
        query(json!({"aggregate": {"n": {"$sum": text}}})),
        query(json!({"expand": [text]})),
        query(json!({"cursor": text})),
        query(json!({"limit": text})),
        query(json!({"total": text})),
        query(named),
        json!({"action": "get", "model": "t", "params": {"id": text}}),
        json!({"action": text, "model": "t"}),
        json!({"action": "list", "model": text}),
    ]
}

#[tokio::test]
async fn no_text_becomes_a_statement_and_the_database_stays_the_same() {
    let attacks = attacks();
    for engine in engines().await {
        let before = engine.contents().await;
        let mut asked = 0;
        for text in &attacks {
            for request in requests(text) {
                let told = engine.served.raw(&request.to_string()).await;
                let answer: Value = serde_json::from_str(&told).unwrap();
                let code = answer["code"].as_str().unwrap_or("ok");
                assert!(
                    ANSWERS.contains(&code),
                    "{}: {request}: {told}",
                    engine.name
                );
                for never in NEVER.iter().filter(|never| !text.contains(**never)) {
                    let error = format!("{} {}", answer["error"], answer["hint"]);
                    assert!(!error.contains(never), "{}: {request}: {told}", engine.name);
                }
                asked += 1;
            }
            // What is compared is the text itself, and no row holds it.
            let equal = json!({"action": "list", "model": "t", "params": {"filters": {"s": text}}});
            let equal = engine.served.raw(&equal.to_string()).await;
            assert!(
                text.is_empty() || !equal.contains("\"id\":1,\"n\""),
                "{text:?}: {equal}"
            );
        }
        assert_eq!(engine.contents().await, before, "{}", engine.name);
        assert!(attacks.len() >= 490 && asked >= 9_800, "{asked}");
    }
}

/// Names like those of the whitelist, and names that every engine has.
fn names() -> BTreeSet<String> {
    let known = [
        "t",
        "large",
        "sqlite_master",
        "sqlite_schema",
        "sqlite_temp_master",
        "sqlite_sequence",
        "pragma_table_info",
        "pg_class",
        "pg_shadow",
        "pg_catalog.pg_class",
        "pg_stat_activity",
        "information_schema.tables",
        "tables",
        "mysql.user",
        "user",
        "performance_schema.threads",
        "sys.session",
        "dual",
        "json_each",
        "generate_series",
    ];
    let mut names = BTreeSet::new();
    for name in known {
        let upper = name.to_uppercase();
        for other in [
            name.to_owned(),
            upper.clone(),
            format!(" {name}"),
            format!("{name} "),
            format!("{name}\u{0}"),
            format!("{name}\n"),
            format!("{name};"),
            format!("{name}--"),
            format!("{name} AS t"),
            format!("{name},t"),
            format!("\"{name}\""),
            format!("'{name}'"),
            format!("`{name}`"),
            format!("[{name}]"),
            format!("public.{name}"),
            format!("main.{name}"),
            format!("\"main\".\"{name}\""),
            format!("{name}.id"),
            format!("({name})"),
            format!("{name}%"),
            format!("%{name}"),
            format!("\u{feff}{name}"),
            format!("\u{200b}{name}"),
            format!("{name}\u{301}"),
            name.replace('t', "\u{ff54}").replace('l', "\u{ff4c}"),
            name.replace('t', "\u{442}").replace('a', "\u{430}"),
            name.chars().rev().collect::<String>() + "x",
        ] {
            names.insert(other);
        }
    }
    names.extend(["", "*", ".", "null", "0", "t/../large", "t\\u0000"].map(str::to_owned));
    names.remove("t");
    names.remove("large");
    names
}

#[tokio::test]
async fn no_name_but_the_listed_ones_is_a_model() {
    let names = names();
    assert!(names.len() >= 510, "{}", names.len());
    for engine in engines().await {
        for name in &names {
            for action in ["list", "get", "query", "describe"] {
                let request = json!({"action": action, "model": name, "params": {"id": 1}});
                let answer: Value =
                    serde_json::from_str(&engine.served.raw(&request.to_string()).await).unwrap();
                let text = format!("Model '{name}' not allowed. Allowed models: t, large");
                assert_eq!(answer["error"], text, "{}: {action}", engine.name);
                assert_eq!(answer["code"], "model_not_allowed");
            }
        }
    }
}

#[tokio::test]
async fn names_that_differ_by_case_alone_are_two() {
    let statements = |quote: &str| -> Vec<String> {
        vec![
            format!("CREATE TABLE {quote}Notes{quote} (id INTEGER PRIMARY KEY, planted INTEGER)"),
            format!("INSERT INTO {quote}Notes{quote} VALUES (1, 1)"),
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, n INTEGER)".to_owned(),
            "INSERT INTO notes VALUES (7, 2)".to_owned(),
        ]
    };
    let engines = [
        Engine::postgres(statements("\""), "notes", &[]).await,
        Engine::mysql(statements("`"), "notes", &[]).await,
    ];
    for engine in engines.into_iter().flatten() {
        let list = engine
            .served
            .raw(r#"{"action":"list","model":"notes"}"#)
            .await;
        assert!(list.contains(r#""data":[{"id":7,"n":2}]"#), "{list}");
        let other = engine
            .served
            .raw(r#"{"action":"list","model":"Notes"}"#)
            .await;
        assert!(other.contains("Model 'Notes' not allowed"), "{other}");
    }
}
