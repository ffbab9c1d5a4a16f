//! Documents in text columns: what is hidden in them cannot be asked for either.

use serde_json::{Value, json};

use crate::engines::Engine;
use crate::support::Served;

/// Texts of a row each; `SECRET` is what differs between two tables that must answer alike.
const TEXTS: [&str; 14] = [
    r#"{"user":1,"api_key":"SECRET"}"#,
    r#"{"user":1,"api_key":"MMM"}"#,
    r#" {"user":1,"api_key":"SECRET"}"#,
    "\u{feff}{\"api_key\":\"SECRET\"}",
    "{\"user\":2}\n{\"api_key\":\"SECRET\"}",
    r#""{\"api_key\":\"SECRET\"}""#,
    "{api_key: 'SECRET'}",
    r#"[1,{"token":"SECRET","n":1}]"#,
    r#"{"body":"{\"token\":\"SECRET\"}"}"#,
    "[Bug] crash: it fails",
    "hello {name}",
    "\"quoted\" title",
    "zebra",
    "zebra",
];

fn rows(secret: &str, escape: bool) -> String {
    let rows: Vec<String> = TEXTS
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let text = text.replace("SECRET", secret).replace('\'', "''");
            let text = if escape {
                text.replace('\\', "\\\\")
            } else {
                text
            };
            format!("({}, '{text}', '{text}')", at + 1)
        })
        .collect();
    rows.join(", ")
}

fn script(text: &str, escape: bool) -> Vec<String> {
    let mut script = Vec::new();
    for (model, secret) in [("one", "AAA"), ("two", "ZZZ")] {
        script.extend([
            format!("CREATE TABLE {model} (id INTEGER PRIMARY KEY, plain {text}, sorted {text})"),
            format!("CREATE INDEX by_{model} ON {model} (sorted)"),
            format!("INSERT INTO {model} VALUES {}", rows(secret, escape)),
            format!("INSERT INTO {model} VALUES (99, NULL, NULL)"),
        ]);
    }
    script
}

async fn engines() -> Vec<Engine> {
    let models = "one,two";
    let text = "VARCHAR(200) COLLATE utf8mb4_bin";
    let served = Served::with(&script("TEXT", false).join(";\n"), models, &[]).await;
    let mut engines = vec![Engine::sqlite(served)];
    engines.extend(Engine::postgres(script("TEXT COLLATE \"C\"", false), models, &[]).await);
    engines.extend(Engine::mysql(script(text, true), models, &[]).await);
    engines
}

/// Everything that can be asked about a column by comparing it.
fn questions(field: &str) -> Vec<String> {
    let mut questions = Vec::new();
    for value in [
        r#"{"user":1,"api_key":"M"#,
        r#"{"user":1,"api_key":"AAA"}"#,
        r#"{"api_key":"AAA"}"#,
        "AAA",
        "\u{feff}{\"api_key\":\"AAA\"}",
        "{api_key: 'M",
        "m",
    ] {
        for operator in [
            "$eq",
            "$ne",
            "$gt",
            "$gte",
            "$lt",
            "$lte",
            "$contains",
            "$icontains",
            "$startswith",
            "$istartswith",
            "$endswith",
            "$iendswith",
        ] {
            let filters = json!({field: {operator: value}});
            questions.push(json!({"filters":filters,"fields":["id"]}).to_string());
            let denied = json!({"$not": filters});
            questions.push(json!({"filters":denied,"fields":["id"]}).to_string());
            questions.push(
                json!({"filters":filters,"fields":["id"],"limit":1,"total":"estimate"}).to_string(),
            );
        }
        for operator in ["$in", "$nin"] {
            let listed = json!({field: {operator: [value, "zebra", null]}});
            questions.push(json!({"filters":listed,"fields":["id"]}).to_string());
        }
        let between = json!({field: {"$between": ["{\"user\":1,\"api_key\":\"B", "{}"]}});
        questions.push(json!({"filters":between,"fields":["id"]}).to_string());
    }
    for sort in [field.to_owned(), format!("-{field}")] {
        for fields in [r#"["id"]"#.to_owned(), format!(r#"["id","{field}"]"#)] {
            questions.push(format!(r#"{{"sort":["{sort}"],"fields":{fields}}}"#));
            questions.push(format!(
                r#"{{"sort":["{sort}"],"fields":{fields},"offset":4}}"#
            ));
        }
    }
    questions.push(format!(
        r#"{{"group_by":["{field}"],"aggregate":{{"n":{{"$count":"*"}}}},"total":true}}"#
    ));
    for function in ["$min", "$max", "$count_distinct", "$count"] {
        questions.push(format!(
            r#"{{"aggregate":{{"n":{{"{function}":"{field}"}}}}}}"#
        ));
    }
    questions
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_depends_on_what_is_hidden_in_text() {
    for engine in engines().await {
        let (name, served) = (engine.name, &engine.served);
        for field in ["plain", "sorted"] {
            for params in questions(field) {
                let ask = async |model: &str| {
                    let message = format!(
                        r#"{{"id":1,"action":"query","model":"{model}","params":{params}}}"#
                    );
                    let mut answer: Value =
                        serde_json::from_str(&served.raw(&message).await).unwrap();
                    assert_eq!(answer["status"], "ok", "{name} {params} {answer}");
                    // Sealed anew each time.
                    answer.as_object_mut().unwrap().remove("next_cursor");
                    answer
                };
                let (mut one, mut two) = (ask("one").await, ask("two").await);
                // A hint is looked for in little time, and may be none.
                if one.get("hint").is_none() || two.get("hint").is_none() {
                    for answer in [&mut one, &mut two] {
                        answer.as_object_mut().unwrap().remove("hint");
                    }
                }
                assert_eq!(one, two, "{name} {params}");
                // A hint repeats what the client asked for.
                let asked = |text: &str| format!(r#"has no \"{text}\""#);
                let shown = one.to_string();
                let shown = shown.replace(&asked("AAA"), "").replace(&asked("ZZZ"), "");
                assert!(!shown.contains("AAA") && !shown.contains("ZZZ"), "{shown}");
            }
            for limit in [1, 3] {
                for sort in [field.to_owned(), format!("-{field}")] {
                    let params = json!({"sort":[sort],"limit":limit,"fields":["id"]}).to_string();
                    let one = served.walk("query", "one", &params).await;
                    assert_eq!(one, served.walk("query", "two", &params).await, "{name}");
                    let mut ids: Vec<i64> = one
                        .concat()
                        .iter()
                        .map(|row| row["id"].as_i64().unwrap())
                        .collect();
                    ids.sort_unstable();
                    let mut all: Vec<i64> = (1..=14).collect();
                    all.push(99);
                    assert_eq!(ids, all, "{name} {params}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_only_begins_like_a_document_is_found() {
    for engine in engines().await {
        let (name, served) = (engine.name, &engine.served);
        for field in ["plain", "sorted"] {
            for (operators, ids) in [
                (json!({"$contains":"crash"}), vec![10]),
                (json!({"$startswith":"[Bug]"}), vec![10]),
                (json!("[Bug] crash: it fails"), vec![10]),
                (json!({"$icontains":"NAME"}), vec![11]),
                (json!({"$startswith":"\"quoted\""}), vec![12]),
                (json!({"$gt":"y"}), vec![13, 14]),
                (json!("zebra"), vec![13, 14]),
                (json!({"$in":["zebra","hello {name}"]}), vec![11, 13, 14]),
            ] {
                let filters = json!({field: operators}).to_string();
                assert_eq!(served.ids("one", &filters).await, ids, "{name} {filters}");
            }
        }
    }
}

fn generated(text: &str) -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE g (id INTEGER PRIMARY KEY, name {text}, password_hash {text}, \
             hint {text} GENERATED ALWAYS AS (substr(password_hash, 1, 3)) STORED, \
             own {text} GENERATED ALWAYS AS (substr(name, 1, 3)) STORED, \
             shown {text} GENERATED ALWAYS AS (substr(password_hash, 1, 1)) STORED)"
        ),
        "INSERT INTO g (id, name, password_hash) VALUES (1, 'somebody', 'planted')".to_owned(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_generated_from_a_hidden_column_is_hidden() {
    let reveal = [("MCP_REVEAL_FIELDS", "g.shown")];
    let mut sqlite = generated("TEXT");
    sqlite.extend([
        "CREATE TABLE d (id INTEGER PRIMARY KEY, payload JSON, \
         k AS (json_extract(payload, '$.user.api_key')), u AS (payload ->> '$.user.id'))"
            .to_owned(),
        r#"INSERT INTO d (id, payload) VALUES (1, '{"user":{"id":7,"api_key":"planted"}}')"#
            .to_owned(),
    ]);
    let served = Served::with(&sqlite.join(";\n"), "g,d", &reveal).await;
    let mut engines = vec![Engine::sqlite(served)];
    let row = engines[0].served.ask("get", "d", r#"{"id":1}"#).await;
    assert_eq!(
        row.unwrap()["data"],
        json!({"id":1,"payload":{"user":{"id":7}},"u":7})
    );
    engines.extend(Engine::postgres(generated("VARCHAR(60)"), "g", &reveal).await);
    engines.extend(Engine::mysql(generated("VARCHAR(60)"), "g", &reveal).await);
    for engine in engines {
        let (name, served) = (engine.name, &engine.served);
        let row = &served.ask("get", "g", r#"{"id":1}"#).await.unwrap()["data"];
        let expected = json!({"id":1,"name":"somebody","own":"som","shown":"p"});
        assert_eq!(*row, expected, "{name}");
        let refusal = served.refusal("query", "g", r#"{"fields":["hint"]}"#).await;
        assert_eq!(refusal.code, "invalid_parameter", "{name}");
    }
}
