//! What is SQLite's own: files that others write, views that break, dates that are none.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::support::Served;

#[tokio::test]
async fn a_search_that_would_take_for_ever_is_over_in_time() {
    let served = Served::new(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);
         INSERT INTO notes SELECT value, replace(hex(zeroblob(30000)), '0', 'a')
             FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]');
         INSERT INTO notes VALUES (21, replace(hex(zeroblob(500000)), '0', 'a') || 'B')",
        "notes",
    )
    .await;
    let long = "a".repeat(4_095) + "b";
    for (operator, found) in [
        ("$contains", &[][..]),
        ("$icontains", &[21]),
        ("$endswith", &[]),
        ("$iendswith", &[21]),
        ("$istartswith", &[]),
    ] {
        let filters = json!({"body": {operator: long}}).to_string();
        assert_eq!(served.ids("notes", &filters).await, found, "{operator}");
    }
    // A letter that finds what does not find it costs more, and ends in time too.
    let filters = json!({"body": {"$icontains": "a".repeat(4_094) + "ſb"}});
    let asked = Instant::now();
    let params = json!({"filters": filters, "fields": ["id"]}).to_string();
    let refused = served.ask("query", "notes", &params).await;
    assert!(asked.elapsed() < Duration::from_secs(10));
    if let Err(refusal) = refused {
        assert_eq!(refusal.code, "timeout");
    }
}

#[tokio::test]
async fn values_too_large_to_be_compared_are_refused_and_others_served() {
    let served = Served::new(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, kind TEXT, body TEXT, n INTEGER);
         INSERT INTO notes VALUES (1, 'a', 'short', 1), (2, 'b', hex(zeroblob(20000000)), 2),
             (3, 'c', 'other', 'x' || hex(zeroblob(20000000)))",
        "notes",
    )
    .await;
    for params in [
        json!({"sort": ["body"], "fields": ["id"]}),
        json!({"group_by": ["body"], "aggregate": {"n": {"$count": "*"}}}),
        json!({"aggregate": {"n": {"$count_distinct": "body"}}}),
        json!({"filters": {"body": {"$contains": "x"}}, "fields": ["id"]}),
        json!({"filters": {"body": {"$gt": "x"}}, "fields": ["id"]}),
        json!({"sort": ["n"], "fields": ["id"]}),
    ] {
        let refusal = served.refusal("query", "notes", &params.to_string()).await;
        assert_eq!(refusal.code, "response_too_large", "{params}");
        let hint = refusal.hint.unwrap();
        assert!(hint.contains("compares, sorts or groups by"), "{hint}");
    }
    assert_eq!(served.ids("notes", r#"{"kind":"b"}"#).await, [2]);
    let got = served.ask("get", "notes", r#"{"id":1}"#).await.unwrap();
    assert_eq!(got["data"]["body"], "short");
    let sorted = served.column("notes", r#"{"sort":["-kind"],"fields":["id"]}"#, "id");
    assert_eq!(sorted.await, [3, 2, 1]);
}

#[tokio::test]
async fn a_view_keeps_what_its_columns_may_hold() {
    let served = Served::new(
        "CREATE TABLE raw (term, value, data BLOB, id BINARY(16));
         INSERT INTO raw VALUES ('t1', 1, x'00', x'01'), ('t2', 2, x'01', x'02');
         CREATE VIEW v AS SELECT term, value, data, id, term || value AS both, max(value, 0) AS most FROM raw",
        "raw,v",
    )
    .await;
    for model in ["raw", "v"] {
        let params = r#"{"filters":{"term":"t1"},"fields":["value"]}"#;
        assert_eq!(served.column(model, params, "value").await, [1]);
        let params = r#"{"sort":["-term"],"fields":["term"]}"#;
        assert_eq!(served.column(model, params, "term").await, ["t2", "t1"]);
        let described = served.ask("describe", model, "{}").await.unwrap();
        let fields = described["data"]["fields"].as_array().unwrap();
        let types: Vec<_> = fields.iter().take(4).map(|field| &field["type"]).collect();
        assert_eq!(types, ["any", "any", "bytes", "bytes"], "{model}");
    }
    let params = r#"{"filters":{"most":{"$gte":2},"both":"t22"},"fields":["term"]}"#;
    assert_eq!(served.column("v", params, "term").await, ["t2"]);
}

#[tokio::test]
async fn what_is_no_date_has_no_year() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME);
         INSERT INTO t (at) VALUES ('2024-01-01 10:00:00'), ('2024-01-31T23:30:00-02:00'), (1704103200),
             ('now'), ('12:00'), ('n/a'), (''), ('2024-02-31'), ('2024-13-01'), ('2024-1-1'),
             ('2460310.5x'), (x'323032342d30312d3031'), (NULL), (9e999)",
        "t",
    )
    .await;
    for (part, groups) in [
        (
            "$year",
            json!([{"at_year":null,"n":11},{"at_year":"2024","n":3}]),
        ),
        (
            "$month",
            json!([{"at_month":null,"n":11},{"at_month":"2024-01","n":2},{"at_month":"2024-02","n":1}]),
        ),
    ] {
        let params = json!({"group_by": [{part: "at"}], "aggregate": {"n": {"$count": "*"}}});
        assert_eq!(served.query("t", &params.to_string()).await["data"], groups);
    }
}

/// What lies beside a file.
fn beside(path: &Path) -> Vec<String> {
    let listed = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<String> = listed
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_database_with_a_wal_is_read_without_a_trace_and_as_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a 100% odd name#.db");
    let url = format!("sqlite:{}", path.display());
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let open = || SqliteConnection::connect_with(&options);
    let made = options.clone().create_if_missing(true);
    let mut writer = SqliteConnection::connect_with(&made).await.unwrap();
    let script = "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
                  INSERT INTO t VALUES (1, 'a')";
    writer.execute(script).await.unwrap();
    writer.close().await.unwrap();
    let alone = beside(&path);
    assert_eq!(alone.len(), 1);

    let served = Served::over(&path, "t", &[]).await;
    assert_eq!(served.ids("t", "{}").await, [1], "{url}");
    assert_eq!(served.ids("t", r#"{"v":{"$contains":"a"}}"#).await, [1]);
    assert_eq!(beside(&path), alone);

    // Somebody opens it, writes and closes it again, and each state is seen.
    let mut ids = vec![1];
    for id in 2..6 {
        let mut writer = open().await.unwrap();
        let insert = format!("INSERT INTO t VALUES ({id}, 'a')");
        writer.execute(sqlx::AssertSqlSafe(insert)).await.unwrap();
        ids.push(id);
        assert_eq!(served.ids("t", "{}").await, ids);
        assert_eq!(served.ids("t", r#"{"v":{"$contains":"a"}}"#).await, ids);
        let mut other = open().await.unwrap();
        other.execute("UPDATE t SET v = 'aa'").await.unwrap();
        other.close().await.unwrap();
        writer.close().await.unwrap();
        assert_eq!(served.ids("t", r#"{"v":"aa"}"#).await, ids);
    }
}

#[tokio::test]
async fn rows_are_whole_while_a_database_at_rest_is_opened_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("busy.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
    let script =
        "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, pad TEXT);
                  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                  INSERT INTO t SELECT i, 0, hex(zeroblob(200)) FROM n";
    writer.execute(script).await.unwrap();
    writer.close().await.unwrap();
    let served = Served::over(&path, "t", &[]).await;
    let writing = tokio::spawn(async move {
        for round in 1..40 {
            let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
            let update = format!("UPDATE t SET v = {round}");
            writer.execute(sqlx::AssertSqlSafe(update)).await.unwrap();
            // The last one to close it copies all pages into the file.
            writer.close().await.unwrap();
        }
    });
    let params = r#"{"aggregate":{"least":{"$min":"v"},"most":{"$max":"v"},"n":{"$count":"*"}}}"#;
    while !writing.is_finished() {
        let group = served.query("t", params).await["data"][0].clone();
        assert_eq!(group["least"], group["most"]);
        assert_eq!(group["n"], 2000);
    }
    writing.await.unwrap();
    assert_eq!(served.column("t", params, "least").await, [39]);
}

#[tokio::test]
async fn a_file_that_is_locked_is_waited_for() {
    let limit = [("MCP_QUERY_TIMEOUT", "2")];
    let served = Served::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)",
        "t",
        &limit,
    )
    .await;
    let mut writer = served.connection().await;
    writer.execute("BEGIN EXCLUSIVE").await.unwrap();
    let asked = Instant::now();
    let refusal = served.refusal("list", "t", "{}").await;
    assert_eq!(refusal.error, "Query timed out after 2s");
    assert!(asked.elapsed() >= Duration::from_millis(1_500));
    // One that is free in time is read.
    let (answer, ()) = tokio::join!(served.ask("list", "t", "{}"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        writer.execute("ROLLBACK").await.unwrap();
    });
    assert_eq!(answer.unwrap()["count"], 1);
}

#[tokio::test]
async fn columns_hold_what_they_are_said_to_hold() {
    let types = "orders.at=unix_ms, orders.sent=unix_s,orders.paid = boolean,orders.doc=json,orders.ref=uuid";
    let served = Served::with(
        "CREATE TABLE orders (id BLOB PRIMARY KEY, at INTEGER, sent REAL, paid INTEGER, doc TEXT, ref BLOB);
         INSERT INTO orders VALUES
            (x'01', 1769864700250, 1769864700.5, 1, '{\"a\":1,\"password\":2}', x'a0eebc999c0b4ef8bb6d6bb9bd380a11'),
            (x'02ff', 1767225599999, NULL, 0, NULL, NULL),
            (x'03', -1, -0.5, 0, '[]', x'00'),
            (x'04', 'soon', 253402300800, 0, '[]', NULL)",
        "orders",
        &[("MCP_FIELD_TYPES", types)],
    )
    .await;
    let rows = served.query("orders", "{}").await["data"].clone();
    assert_eq!(
        rows,
        json!([
            {"id":"AQ==","at":"2026-01-31T13:05:00.25+00:00","sent":"2026-01-31T13:05:00.5+00:00","paid":true,
             "doc":{"a":1},"ref":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
            {"id":"Av8=","at":"2025-12-31T23:59:59.999+00:00","sent":null,"paid":false,"doc":null,"ref":null},
            {"id":"Aw==","at":"1969-12-31T23:59:59.999+00:00","sent":"1969-12-31T23:59:59.5+00:00","paid":false,
             "doc":[],"ref":"AA=="},
            {"id":"BA==","at":"soon","sent":253402300800.0,"paid":false,"doc":[],"ref":null},
        ])
    );
    // Each value finds its row.
    for row in &rows.as_array().unwrap()[..2] {
        for field in ["id", "at", "sent", "paid", "ref"] {
            let params = json!({"filters": {field: row[field]}, "fields": ["id"]}).to_string();
            let found = served.column("orders", &params, "id").await;
            assert!(found.contains(&row["id"]), "{params}");
        }
        let got = served
            .ask("get", "orders", &json!({"id": row["id"]}).to_string())
            .await;
        assert_eq!(got.unwrap()["data"], *row);
    }
    for (filters, found) in [
        (
            json!({"at": {"$gte": "2026-01-31T14:05:00.250+01:00"}}),
            json!(["AQ=="]),
        ),
        (
            json!({"at": {"$lt": "2026-01-01"}}),
            json!(["Av8=", "Aw=="]),
        ),
        (
            json!({"at": {"$between": [0, 1767225599999_i64]}}),
            json!(["Av8="]),
        ),
        (
            json!({"sent": {"$gt": "2026-01-31T13:05:00Z"}}),
            json!(["AQ==", "BA=="]),
        ),
        (json!({"id": {"$gt": "Av8="}}), json!(["Aw==", "BA=="])),
        (
            json!({"ref": {"$in": ["A0EEBC999C0B4EF8BB6D6BB9BD380A11"]}}),
            json!(["AQ=="]),
        ),
    ] {
        let params = json!({"filters": filters, "fields": ["id"]}).to_string();
        let ids = served.column("orders", &params, "id").await;
        assert_eq!(json!(ids), found, "{params}");
    }
    let params =
        r#"{"group_by":[{"$month":"at"}],"aggregate":{"n":{"$count":"*"},"last":{"$max":"sent"}}}"#;
    assert_eq!(
        served.query("orders", params).await["data"],
        json!([
            {"at_month":null,"n":1,"last":253402300800.0},
            {"at_month":"1969-12","n":1,"last":"1969-12-31T23:59:59.5+00:00"},
            {"at_month":"2025-12","n":1,"last":null},
            {"at_month":"2026-01","n":1,"last":"2026-01-31T13:05:00.5+00:00"},
        ])
    );
    for sort in ["at", "-at", "sent", "-id"] {
        let params = json!({"sort": [sort], "fields": ["id"], "limit": 1}).to_string();
        let mut ids = served.walk("query", "orders", &params).await.concat();
        assert_eq!(ids.len(), 4, "{sort}");
        ids.sort_by_key(|row| row.to_string());
        ids.dedup();
        assert_eq!(ids.len(), 4, "{sort}");
    }
    for (field, value) in [("at", "soon"), ("id", "A"), ("ref", "00"), ("paid", "true")] {
        let params = json!({"filters": {field: value}}).to_string();
        let refusal = served.refusal("query", "orders", &params).await;
        assert_eq!(refusal.code, "invalid_value", "{field}");
    }
}

#[tokio::test]
async fn numbers_of_any_form_can_be_asked_for() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, d DECIMAL(10,2), f REAL, any);
         INSERT INTO t VALUES (1, 2.5, 1, 9e999, 9e999), (2, 9e999, -9e999, -9e999, 'Infinity'),
             (3, 7, 0.1, -0.0, -0.0), (4, 1e300, 12345678901234567890, 3, 2), (5, -9e999, 9e999, 0, 2.0)",
        "t",
    )
    .await;
    let rows = served.query("t", "{}").await["data"].clone();
    for row in rows.as_array().unwrap() {
        let id = row["id"].as_i64().unwrap();
        for field in ["n", "d", "f", "any"] {
            for test in [
                json!(row[field]),
                json!({"$in": [row[field], 99]}),
                json!({"$gte": row[field]}),
            ] {
                // What sorts above an infinity in a column of any type is text.
                if field == "any" && row[field] == "Infinity" && test.get("$gte").is_some() {
                    continue;
                }
                let filters = json!({ field: test }).to_string();
                let found = served.ids("t", &filters).await;
                assert!(found.contains(&id), "{filters}: {found:?}");
            }
        }
    }
    assert_eq!(served.ids("t", r#"{"n":{"$gt":7}}"#).await, [2, 4]);
    assert_eq!(served.ids("t", r#"{"any":2}"#).await, [4, 5]);
}

#[tokio::test]
async fn a_collation_of_the_application_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT COLLATE NOCASE);
         INSERT INTO t VALUES (1, 'b'), (2, 'a'), (3, 'A');
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'NOCASE', 'mine');",
    )
    .unwrap();
    let served = Served::over(&path, "t", &[]).await;
    assert_eq!(served.ids("t", r#"{"s":"a"}"#).await, [2]);
    assert_eq!(served.ids("t", r#"{"s":{"$gt":"A"}}"#).await.len(), 2);
    let sorted = served.column("t", r#"{"sort":["s"]}"#, "id").await;
    assert_eq!(sorted, [3, 2, 1]);
    let groups = r#"{"group_by":["s"],"aggregate":{"n":{"$count":"*"}}}"#;
    assert_eq!(served.column("t", groups, "s").await, ["A", "a", "b"]);
    let pages = served.walk("query", "t", r#"{"sort":["-s"],"limit":1}"#);
    assert_eq!(pages.await.len(), 3);
}

#[tokio::test]
async fn a_view_sorts_by_the_collations_below_it() {
    let served = Served::new(
        "CREATE TABLE t (folded TEXT COLLATE NOCASE, trimmed TEXT COLLATE RTRIM, plain TEXT);
         INSERT INTO t VALUES ('b', 'x', 'b'), ('A', 'x ', 'A'), ('a', 'w', 'a'), ('C', 'x', 'C');
         CREATE VIEW v AS SELECT folded, trimmed, plain, folded || '' AS made FROM t;
         CREATE VIEW w AS SELECT DISTINCT * FROM v UNION ALL SELECT * FROM v WHERE 0;",
        "t,v,w",
    )
    .await;
    for model in ["t", "v", "w"] {
        let folded = served.column(model, r#"{"sort":["folded","-plain"]}"#, "folded");
        assert_eq!(folded.await, ["a", "A", "b", "C"], "{model}");
        let plain = served.column(model, r#"{"sort":["plain"]}"#, "plain");
        assert_eq!(plain.await, ["A", "C", "a", "b"], "{model}");
        let groups = r#"{"group_by":["trimmed"],"aggregate":{"n":{"$count":"*"}},"sort":["n"]}"#;
        assert_eq!(served.column(model, groups, "n").await, [1, 3], "{model}");
        let params = json!({"sort": ["-folded"], "limit": 1}).to_string();
        assert_eq!(
            served.walk("query", model, &params).await.len(),
            4,
            "{model}"
        );
    }
    let made = served.column("v", r#"{"sort":["made"]}"#, "made").await;
    assert_eq!(made, ["A", "C", "a", "b"]);
}

#[tokio::test]
async fn gets_of_one_turn_share_a_read_and_each_has_its_own_row() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, body TEXT);
         WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 200)
         INSERT INTO t SELECT n, n * n, 'x' FROM i;
         UPDATE t SET body = printf('%.200000c', 'y') WHERE id = 40;",
        "t",
    )
    .await;
    // A first one opens the session.
    served.ask("get", "t", r#"{"id":1}"#).await.unwrap();
    let before = served.statements();
    let asking = (0..400).map(|at| {
        let id = 1 + at % 250;
        let served = &served;
        async move {
            let answer = served.ask("get", "t", &format!(r#"{{"id":{id}}}"#)).await;
            match answer {
                Ok(answer) => {
                    let row = &answer["data"];
                    assert_eq!((&row["id"], &row["n"]), (&id.into(), &(id * id).into()));
                    let body = row["body"].as_str().unwrap().len();
                    assert_eq!(body, if id == 40 { 200_000 } else { 1 });
                }
                Err(refused) => assert!(id > 200 && refused.code == "not_found", "{id}"),
            }
        }
    });
    futures_util::future::join_all(asking).await;
    let statements = served.statements() - before;
    assert!(statements < 400, "{statements} for 400 records");
}
