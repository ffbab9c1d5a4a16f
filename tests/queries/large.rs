//! Answers that would grow too large, and models that are.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engines::engines;
use crate::support::Served;

const LIMIT: usize = 20_000;

async fn served(sql: &str) -> Served {
    Served::with(sql, "t", &[("MCP_MAX_RESPONSE_BYTES", "20000")]).await
}

#[tokio::test]
async fn the_rows_that_fit_are_sent_and_a_cursor_to_go_on() {
    let served = served(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
         INSERT INTO t SELECT i, hex(zeroblob(i * 37 % 4000)) FROM n;",
    )
    .await;
    for sort in ["[]", r#"["-body"]"#, r#"["body"]"#] {
        let mut params = json!({"sort": serde_json::from_str::<Value>(sort).unwrap()});
        let (mut ids, mut truncated) = (Vec::new(), 0);
        loop {
            let message = json!({"id":"x","action":"query","model":"t","params":params});
            let text = served.raw(&message.to_string()).await;
            assert!(text.len() <= LIMIT, "{}", text.len());
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(answer["status"], "ok", "{text}");
            let rows = answer["data"].as_array().unwrap();
            assert_eq!(answer["count"], rows.len());
            ids.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
            match answer.get("next_cursor") {
                Some(cursor) => {
                    assert_eq!(answer["truncated"], true);
                    truncated += 1;
                    params["cursor"] = cursor.clone();
                }
                None => {
                    assert_eq!(
                        (&answer["has_more"], answer.get("truncated")),
                        (&json!(false), None)
                    );
                    break;
                }
            }
        }
        assert!(truncated > 3);
        ids.sort_unstable();
        assert_eq!(ids, (1..=60).collect::<Vec<_>>(), "{sort}");
    }
}

#[tokio::test]
async fn a_row_too_large_is_named_with_its_large_fields() {
    let served = served(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB, c JSON, d, n INTEGER);
         INSERT INTO t VALUES (1, 'small', NULL, NULL, NULL, 7),
             (2, hex(zeroblob(12000)), zeroblob(3000), '[1]', 3000, 900000),
             (3, 'x', zeroblob(50000000), NULL, NULL, 1),
             (4, 'x', zeroblob(12000), NULL, hex(zeroblob(5000)), 1);",
    )
    .await;
    for (action, params, large) in [
        ("get", r#"{"id":2}"#, "a (24000 bytes), b (4002 bytes)"),
        ("get", r#"{"id":3}"#, "b (50000000 bytes)"),
        ("list", r#"{"filters":{"id":3}}"#, "b (50000000 bytes)"),
        (
            "list",
            r#"{"filters":{"id":4}}"#,
            "b (16002 bytes), d (10002 bytes)",
        ),
    ] {
        let refusal = served.refusal(action, "t", params).await;
        assert_eq!(
            (refusal.error.as_str(), refusal.code.as_str()),
            (
                "Response too large: one record exceeds 20000 bytes",
                "response_too_large"
            )
        );
        let hint = format!("large fields: {large}; leave them out with query and fields");
        assert_eq!(refusal.hint, Some(hint), "{params}");
    }
    let answer = served.ask("list", "t", "{}").await.unwrap();
    assert_eq!(
        (&answer["count"], &answer["truncated"]),
        (&json!(1), &json!(true))
    );
    let answer = served.query("t", r#"{"fields":["id","n"]}"#).await;
    assert_eq!(answer["count"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_told_alike_on_every_engine() {
    for engine in engines().await {
        let ask = |id: i64| {
            let (params, served) = (format!(r#"{{"id":{id}}}"#), &engine.served);
            async move { served.ask("get", "large", &params).await }
        };
        let name = engine.name;
        assert_eq!(ask(1).await.unwrap()["data"]["doc"], json!([1]), "{name}");
        for (id, large) in [
            (2, "s (30000 bytes)"),
            (3, "raw (25000 bytes)"),
            (4, "doc (400"),
        ] {
            let refusal = ask(id).await.unwrap_err();
            assert_eq!(refusal.code, "response_too_large", "{name}");
            let hint = refusal.hint.unwrap();
            let told = format!("large fields: {large}");
            assert!(
                hint.starts_with(&told) && hint.contains("bytes); leave"),
                "{name}: {hint}"
            );
        }
        let answer = engine.served.ask("list", "large", "{}").await.unwrap();
        let told = (&answer["count"], &answer["truncated"], &answer["has_more"]);
        assert_eq!(told, (&json!(1), &json!(true), &json!(true)), "{name}");
        // A sort key that is not sent may be larger than any answer.
        for (sort, ids) in [("s", [4, 5, 1, 3, 2]), ("-s", [2, 3, 1, 5, 4])] {
            let params = format!(r#"{{"fields":["id"],"sort":["{sort}"],"limit":1}}"#);
            let walked = engine.served.walk("query", "large", &params).await;
            let walked: Vec<Value> = walked
                .concat()
                .iter()
                .map(|row| row["id"].clone())
                .collect();
            assert_eq!(json!(walked), json!(ids), "{name} {sort}");
        }
    }
}

/// The most resident memory of this process so far, in bytes.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[tokio::test]
async fn memory_does_not_grow_with_the_rows() {
    let served = served(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
         INSERT INTO t SELECT i, 'x', zeroblob(20000000) FROM n;",
    )
    .await;
    // Linux then counts the peak anew.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = resident();
    for params in [
        "{}",
        r#"{"sort":["-a"]}"#,
        r#"{"aggregate":{"n":{"$max":"a"}},"group_by":["id"]}"#,
    ] {
        let _ = served.ask("query", "t", params).await;
    }
    let refusal = served.refusal("get", "t", r#"{"id":1}"#).await;
    assert_eq!(refusal.code, "response_too_large");
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(
            after.saturating_sub(before) < 100_000_000,
            "{before} {after}"
        );
    }
}

/// Documents in strings of documents, each quote by its number: the most levels that a value holds.
#[tokio::test]
async fn memory_does_not_grow_with_documents_in_documents() {
    let mut cell = r#"{"token":1}"#.to_owned();
    while cell.len() < 900_000 {
        let inner = cell.replace('\\', "\\u005c").replace('"', "\\u0022");
        cell = format!("{{\"a\":\"{inner}\"}}");
    }
    let served = Served::with(
        &format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, '{cell}');"
        ),
        "t",
        &[("MCP_MAX_RESPONSE_BYTES", "16777216")],
    )
    .await;
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = resident();
    let answer = served.ask("get", "t", r#"{"id":1}"#).await.unwrap();
    assert!(!answer.to_string().contains("token"));
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(
            after.saturating_sub(before) < 200_000_000,
            "{before} {after}"
        );
    }
}

#[tokio::test]
async fn a_scan_of_a_large_model_is_refused_with_what_is_indexed() {
    let served = Served::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, s TEXT);
         CREATE INDEX by_a ON t (a, b);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
         INSERT INTO t SELECT i, i % 7, i, 'x' FROM n;
         CREATE TABLE small (id INTEGER PRIMARY KEY, b INTEGER);",
        "t,small",
        &[("MCP_SCAN_LIMIT", "1000")],
    )
    .await;
    for params in [
        "{}",
        r#"{"filters":{"a":1}}"#,
        r#"{"filters":{"a":1,"b":2}}"#,
        r#"{"filters":{"a":{"$gt":1}},"sort":["-a"]}"#,
        r#"{"filters":{"a":1},"sort":["s"]}"#,
        r#"{"filters":{"$or":[{"a":1},{"id":{"$in":[1,2]}}]},"sort":["b"]}"#,
        r#"{"filters":{"b":{"$in":[]}}}"#.replace("b", "a").as_str(),
        r#"{"sort":["a","b"]}"#,
        r#"{"sort":["-a","s"]}"#,
        r#"{"aggregate":{"n":{"$count":"*"}}}"#,
        r#"{"group_by":["s"],"sort":["-s"]}"#,
        r#"{"filters":{"$and":[{},{}]}}"#,
    ] {
        served.query("t", params).await;
    }
    served
        .query("small", r#"{"filters":{"b":1},"sort":["b"]}"#)
        .await;
    for (params, field) in [
        (r#"{"filters":{"b":1}}"#, "b"),
        (r#"{"filters":{"s":{"$startswith":"x"}}}"#, "s"),
        (r#"{"filters":{"a":{"$ne":1}}}"#, "a"),
        (r#"{"filters":{"$not":{"a":1}}}"#, "a"),
        (r#"{"filters":{"$or":[{"a":1},{"b":2}]}}"#, "a"),
        (r#"{"sort":["s"]}"#, "s"),
        (r#"{"sort":["-b"]}"#, "b"),
        (r#"{"filters":{"a":{"$gt":1}},"sort":["s"]}"#, "s"),
        (
            r#"{"aggregate":{"n":{"$count":"*"}},"filters":{"s":"x"}}"#,
            "s",
        ),
    ] {
        let refusal = served.refusal("query", "t", params).await;
        assert_eq!(
            refusal.error,
            format!("Filter or sort on '{field}' needs an index: model 't' has too many rows"),
            "{params}"
        );
        assert_eq!(refusal.code, "invalid_filter");
        assert_eq!(refusal.hint.as_deref(), Some("indexed fields: id, a"));
    }
}

#[tokio::test]
async fn a_statement_ends_at_the_timeout() {
    let served = Served::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY);
         CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
             SELECT i FROM n;",
        "slow",
        &[("MCP_QUERY_TIMEOUT", "1")],
    )
    .await;
    for params in [
        r#"{"filters":{"i":0}}"#,
        r#"{"sort":["-i"]}"#,
        r#"{"aggregate":{"n":{"$count":"*"}}}"#,
    ] {
        let begun = Instant::now();
        let refusal = served.refusal("query", "slow", params).await;
        let told = (refusal.error.as_str(), refusal.code.as_str());
        assert_eq!(told, ("Query timed out after 1s", "timeout"));
        assert!(begun.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_wide_row_takes_no_more_than_its_bound() {
    // 64 values of an answer's size each would be 64 MB of one row: each has its part of 24 MB.
    let columns: Vec<String> = (0..64).map(|at| format!("c{at} TEXT")).collect();
    let sql = format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, {});
         INSERT INTO t (id, c7) VALUES (1, hex(zeroblob(250000)));
         INSERT INTO t (id, c7) VALUES (2, hex(zeroblob(150000)));",
        columns.join(", ")
    );
    let served = Served::new(&sql, "t").await;
    for (action, params) in [("get", r#"{"id":1}"#), ("list", "{}"), ("query", "{}")] {
        let refusal = served.refusal(action, "t", params).await;
        assert_eq!(refusal.code, "response_too_large", "{action}");
        let hint = refusal.hint.unwrap();
        assert!(hint.contains("c7 (500000 bytes)"), "{hint}");
    }
    // Fewer fields have more room each.
    let fewer = r#"{"fields":["id","c7"],"filters":{"id":1}}"#;
    let found = served.column("t", fewer, "c7").await;
    assert_eq!(found[0].as_str().map(str::len), Some(500_000));
    let short = served.ask("get", "t", r#"{"id":2}"#).await.unwrap();
    assert_eq!(short["data"]["c7"].as_str().map(str::len), Some(300_000));
}

#[tokio::test]
async fn lists_of_wide_rows_are_answered_within_the_smallest_budget() {
    let columns: Vec<String> = (0..30).map(|at| format!("c{at} TEXT")).collect();
    let sql = format!(
        "CREATE TABLE up (id INTEGER PRIMARY KEY, word TEXT);
         CREATE TABLE down (id INTEGER PRIMARY KEY, up_id INT REFERENCES up (id), {});
         INSERT INTO up VALUES (1, 'a'), (2, 'b');
         INSERT INTO down (up_id, c7) VALUES (1, 'x'), (2, 'y');",
        columns.join(", ")
    );
    let least = (2 * (65_536 + 1_048_576)).to_string();
    let variables = [("MCP_MAX_MEMORY_BYTES", &*least)];
    let served = Served::with(&sql, "up,down", &variables).await;
    let params = r#"{"include":{"down":{"fields":["c7"]}}}"#;
    let lists = served.column("up", params, "down").await;
    assert_eq!(lists[1]["rows"], json!([{"c7": "y"}]), "{lists:?}");
    let params = r#"{"expand":["down"]}"#;
    let lists = served.column("up", params, "down").await;
    assert_eq!(lists[0]["rows"][0]["c7"], "x");
}

#[tokio::test]
async fn keys_of_lists_are_no_longer_than_a_cursor_holds() {
    let served = Served::new(
        "CREATE TABLE up (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
         CREATE TABLE down (id INTEGER PRIMARY KEY, up_code TEXT REFERENCES up (code));
         INSERT INTO up VALUES (1, 'a'), (2, hex(zeroblob(10000))), (3, 'c');
         INSERT INTO down (up_code) SELECT code FROM up;",
        "up,down",
    )
    .await;
    // However many rows there are, and whether the keys are shown or not.
    let params = r#"{"fields":["id"],"include":{"down":{"fields":["id"]}}}"#;
    let answer = served.query("up", params).await;
    let told = (&answer["count"], &answer["truncated"]);
    assert_eq!(told, (&json!(1), &json!(true)), "{answer}");
    assert_eq!(answer["data"][0]["down"]["rows"], json!([{"id": 1}]));
    let long = r#"{"fields":["id"],"filters":{"id":2},"include":{"down":{}}}"#;
    let refusal = served.refusal("query", "up", long).await;
    assert_eq!(refusal.code, "response_too_large");
}
