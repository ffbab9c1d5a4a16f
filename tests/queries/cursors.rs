//! Pages by cursor: each row once, whatever the order and whatever happens in between.

use serde_json::{Value, json};

use crate::direct::Client;
use crate::engines::Engine;
use crate::support::Served;

const MIXED: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL, must INTEGER NOT NULL, any);
    INSERT INTO t VALUES
        (1, 1, 'x', 0.5, 1, 1), (2, 1, 'x', 0.5, 1, '1'), (3, 1, NULL, 9e999, 2, x'31'), (4, NULL, 'y', -9e999, 2, NULL),
        (5, NULL, NULL, NULL, 1, 'abc'), (6, 2, 'X', 0.1, 3, 2.5), (7, 2, 'a', 1e300, 3, 1), (8, 3, '', -0.0, 1, 9223372036854775807),
        (9, 'text', 'é', 0.0, 1, NULL), (10, x'00', 'z', 'nan', 2, ''), (11, 9223372036854775807, 'zz', 2, 2, x''),
        (12, 2.5, char(0), NULL, 1, CAST(x'61ff' AS TEXT)), (13, NULL, CAST(x'61ff62' AS TEXT), 3, 1, CAST(x'61fe' AS TEXT));
    CREATE INDEX by_a ON t (a);
    CREATE INDEX by_b ON t (b, a);
";

const SORTS: [&str; 18] = [
    "[]",
    r#"["-id"]"#,
    r#"["a"]"#,
    r#"["-a"]"#,
    r#"["b"]"#,
    r#"["-b"]"#,
    r#"["c"]"#,
    r#"["-c"]"#,
    r#"["any"]"#,
    r#"["-any"]"#,
    r#"["a","-b"]"#,
    r#"["-a","b"]"#,
    r#"["-a","-b","c"]"#,
    r#"["b","-a","-any"]"#,
    r#"["must","-a"]"#,
    r#"["-must","c","-id"]"#,
    r#"["-must","-id"]"#,
    r#"["any","b","-c","a"]"#,
];

/// The members of all rows, as text.
fn joined(pages: Vec<Vec<Value>>) -> Vec<String> {
    pages
        .into_iter()
        .flatten()
        .map(|row| row.to_string())
        .collect()
}

#[tokio::test]
async fn a_walk_yields_the_rows_of_one_statement() {
    let served = Served::new(MIXED, "t").await;
    for sort in SORTS {
        for filters in ["{}", r#"{"must":{"$lt":3}}"#, r#"{"a":{"$nin":[1]}}"#] {
            let whole = format!(r#"{{"sort":{sort},"filters":{filters}}}"#);
            let whole = joined(served.walk("query", "t", &whole).await);
            for limit in 1..=4 {
                let params = format!(r#"{{"sort":{sort},"filters":{filters},"limit":{limit}}}"#);
                let pages = served.walk("query", "t", &params).await;
                for page in &pages[..pages.len() - 1] {
                    assert_eq!(page.len(), limit, "{params}");
                }
                assert_eq!(joined(pages), whole, "{params}");
            }
        }
    }
}

#[tokio::test]
async fn null_sorts_below_every_value() {
    let served = Served::new(MIXED, "t").await;
    for (sort, first, last) in [("a", 4, 10), ("-a", 10, 13), ("b", 3, 9), ("-b", 9, 5)] {
        let ids = served
            .column("t", &format!(r#"{{"sort":["{sort}"]}}"#), "id")
            .await;
        let ends = (ids.first().unwrap(), ids.last().unwrap());
        assert_eq!(ends, (&json!(first), &json!(last)), "{sort}");
    }
}

#[tokio::test]
async fn the_keys_need_not_be_among_the_fields() {
    let served = Served::new(MIXED, "t").await;
    let whole = served.column("t", r#"{"sort":["-b","a"]}"#, "c").await;
    let params = r#"{"sort":["-b","a"],"fields":["c"],"limit":2}"#;
    let pages = served.walk("query", "t", params).await;
    let walked: Vec<Value> = pages.concat().iter().map(|row| row["c"].clone()).collect();
    assert_eq!(walked, whole);
    assert_eq!(pages[0][0].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn rows_that_come_and_go_disturb_no_other() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
         INSERT INTO t SELECT i * 10, nullif(i % 5, 0) FROM n;",
        "t",
    )
    .await;
    for sort in [r#"["a"]"#, r#"["-a"]"#, r#"["-id"]"#] {
        let mut params = json!({"sort": serde_json::from_str::<Value>(sort).unwrap(), "limit": 3});
        let before = served
            .walk("query", "t", &params.to_string())
            .await
            .concat();
        let mut seen: Vec<Value> = Vec::new();
        let mut step = 0;
        loop {
            let answer = served.query("t", &params.to_string()).await;
            seen.extend(answer["data"].as_array().unwrap().iter().cloned());
            let Some(cursor) = answer.get("next_cursor") else {
                break;
            };
            params["cursor"] = cursor.clone();
            // The very row that the cursor stands on goes, and another comes far in front and
            // behind.
            let last = seen.last().unwrap()["id"].as_i64().unwrap();
            served
                .write(&format!(
                    "DELETE FROM t WHERE id = {last} OR id % 10 <> 0;
                     INSERT INTO t VALUES ({last} + {}, NULL), ({}, 4);",
                    step % 9 + 1,
                    1001 + step * 10,
                ))
                .await;
            step += 1;
        }
        let old = |row: &&Value| row["id"].as_i64().unwrap() % 10 == 0;
        let seen: Vec<&Value> = seen.iter().filter(old).collect();
        let expected: Vec<&Value> = before.iter().filter(old).collect();
        assert_eq!(seen, expected, "{sort}");
        served.write("DELETE FROM t; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
         INSERT INTO t SELECT i * 10, nullif(i % 5, 0) FROM n;").await;
    }
}

#[tokio::test]
async fn rows_that_cannot_be_told_apart_are_each_there() {
    let served = Served::new(
        "CREATE TABLE t (a INTEGER, b TEXT);
         INSERT INTO t VALUES (1, 'x'), (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL), (2, 'y'), (1, 'x'), (2, 'y');
         CREATE VIEW v AS SELECT a, b FROM t;
         CREATE INDEX by_a ON t (a);
         CREATE TABLE nulls (k TEXT PRIMARY KEY, n INTEGER);
         INSERT INTO nulls VALUES (NULL, 1), (NULL, 2), ('a', 3), (NULL, 4);
         CREATE TABLE documents (doc JSON);
         INSERT INTO documents VALUES ('1'), ('2'), ('3');",
        "t,v,nulls,documents",
    )
    .await;
    for model in ["t", "v"] {
        for sort in ["[]", r#"["-a"]"#, r#"["b","-a"]"#] {
            let whole = format!(r#"{{"sort":{sort}}}"#);
            let whole = served.walk("query", model, &whole).await.concat();
            assert_eq!(whole.len(), 8);
            for limit in 1..=5 {
                let params = format!(r#"{{"sort":{sort},"limit":{limit}}}"#);
                let walked = served.walk("query", model, &params).await.concat();
                assert_eq!(walked, whole, "{model} {params}");
            }
        }
    }
    // A key of SQLite's may be NULL more than once; documents have no order at all.
    for (model, rows) in [("nulls", 4), ("documents", 3)] {
        let pages = served.walk("list", model, r#"{"limit":1}"#).await;
        assert_eq!(pages.len(), rows, "{model}");
        let mut rows = joined(pages);
        rows.sort();
        rows.dedup();
        assert_eq!(rows.len(), if model == "nulls" { 4 } else { 3 });
    }
}

#[tokio::test]
async fn collations_tie_what_they_hold_for_equal() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT COLLATE NOCASE, r TEXT COLLATE RTRIM);
         INSERT INTO t VALUES (1, 'b', 'x '), (2, 'A', 'x'), (3, 'B', 'x  '), (4, 'a', NULL), (5, 'c', 'y'), (6, 'a', 'y ');
         CREATE INDEX by_s ON t (s);",
        "t",
    )
    .await;
    for (sort, ids) in [
        ("s", [2, 4, 6, 1, 3, 5]),
        ("-s", [5, 1, 3, 2, 4, 6]),
        ("r", [4, 1, 2, 3, 5, 6]),
    ] {
        let params = format!(r#"{{"sort":["{sort}"],"limit":1}}"#);
        let pages = served.walk("query", "t", &params).await.concat();
        let walked: Vec<i64> = pages
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect();
        assert_eq!(walked, ids, "{sort}");
    }
    // Equality is the column's own as well.
    assert_eq!(served.ids("t", r#"{"s":"A"}"#).await, [2, 4, 6]);
}

#[tokio::test]
async fn a_cursor_fits_one_request_alone() {
    let served = Served::new(MIXED, "t").await;
    let other = Served::new(MIXED, "t,u=t").await;
    let first = r#"{"limit":2,"sort":["b"],"filters":{"must":{"$lt":3},"a":{"$null":false}}}"#;
    let cursor = served.query("t", first).await["next_cursor"].clone();
    let text = cursor.as_str().unwrap();
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "{text}"
    );
    let with = |params: &str| {
        let mut params: Value = serde_json::from_str(params).unwrap();
        params["cursor"] = cursor.clone();
        params.to_string()
    };
    // What does not change which row comes next may change; the order of members is none.
    for same in [
        first,
        r#"{"limit":5,"sort":["b"],"fields":["id"],"total":true,"filters":{"must":{"$lt":3},"a":{"$null":false}}}"#,
        r#"{"limit":2,"sort":["b","id"],"filters":{"a":{"$null":false},"must":{"$lt":3}}}"#,
        r#"{"limit":0,"sort":["b"],"filters":{"must":{"$lt":3},"a":{"$null":false}}}"#,
    ] {
        served.query("t", &with(same)).await;
    }
    for changed in [
        "{}",
        r#"{"sort":["b"]}"#,
        r#"{"sort":["-b"],"filters":{"must":{"$lt":3},"a":{"$null":false}}}"#,
        r#"{"sort":["b","a"],"filters":{"must":{"$lt":3},"a":{"$null":false}}}"#,
        r#"{"sort":["b"],"filters":{"must":{"$lt":4},"a":{"$null":false}}}"#,
        r#"{"sort":["b"],"filters":{"must":{"$lte":3},"a":{"$null":false}}}"#,
        r#"{"sort":["b"],"filters":{"must":{"$lt":3},"a":{"$null":true}}}"#,
        r#"{"sort":["b"],"filters":{"$or":[{"must":{"$lt":3}},{"a":{"$null":false}}]}}"#,
    ] {
        let refusal = served.refusal("query", "t", &with(changed)).await;
        let told = (refusal.error.as_str(), refusal.code.as_str());
        assert_eq!(told, ("Invalid cursor", "invalid_parameter"), "{changed}");
    }
    // Another service has another key, and another model is another request.
    let refusal = other.refusal("query", "t", &with(first)).await;
    assert_eq!(refusal.error, "Invalid cursor");
    let own = other.ask("list", "t", r#"{"limit":1}"#).await.unwrap();
    let params = json!({"cursor": own["next_cursor"]}).to_string();
    assert_eq!(
        other.refusal("list", "u", &params).await.error,
        "Invalid cursor"
    );
    assert!(other.ask("query", "t", &params).await.is_ok());
    let groups = json!({"cursor": own["next_cursor"], "group_by": ["a"]}).to_string();
    let refusal = other.refusal("query", "t", &groups).await;
    assert_eq!(refusal.error, "Invalid cursor");
}

#[tokio::test]
async fn services_with_one_key_take_each_others_cursors() {
    let key = [(
        "MCP_CURSOR_KEY",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    )];
    let one = Served::with(MIXED, "t", &key).await;
    let other = Served::with(MIXED, "t", &key).await;
    let answer = one.ask("list", "t", r#"{"limit":4}"#).await.unwrap();
    let params = json!({"cursor": answer["next_cursor"], "limit": 1}).to_string();
    let next = other.ask("list", "t", &params).await.unwrap();
    assert_eq!(next["data"][0]["id"], 5);
}

#[tokio::test]
async fn keys_too_large_for_a_cursor_go_on_by_position() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
         INSERT INTO t VALUES (1, 'b' || hex(zeroblob(20000))), (2, 'a' || hex(zeroblob(20000))), (3, 'c'), (4, NULL),
             (5, 'a' || hex(zeroblob(20000)));",
        "t",
    )
    .await;
    for (sort, ids) in [("s", [4, 2, 5, 1, 3]), ("-s", [3, 1, 2, 5, 4])] {
        for limit in 1..4 {
            let params = format!(r#"{{"sort":["{sort}"],"limit":{limit},"fields":["id"]}}"#);
            let pages = served.walk("query", "t", &params).await.concat();
            let walked: Vec<i64> = pages
                .iter()
                .map(|row| row["id"].as_i64().unwrap())
                .collect();
            assert_eq!(walked, ids, "{params}");
        }
    }
}

#[tokio::test]
async fn a_page_of_no_rows_goes_on_from_where_it_is() {
    let served = Served::new(MIXED, "t").await;
    let ask = |params: Value| {
        let served = &served;
        async move { served.query("t", &params.to_string()).await }
    };
    let none = ask(json!({"limit":0,"offset":3})).await;
    let next = ask(json!({"limit":1,"cursor":none["next_cursor"]})).await;
    assert_eq!(next["data"][0]["id"], 4);
    let none = ask(json!({"limit":0,"cursor":next["next_cursor"]})).await;
    assert_eq!(
        (&none["count"], &none["has_more"]),
        (&json!(0), &json!(true))
    );
    let next = ask(json!({"limit":1,"cursor":none["next_cursor"]})).await;
    assert_eq!(next["data"][0]["id"], 5);
}

#[tokio::test]
async fn the_total_is_of_all_pages() {
    let served = Served::new(MIXED, "t").await;
    for total in ["true", r#""estimate""#] {
        for (params, expected) in [
            ("{}", 13),
            (r#"{"limit":4}"#, 13),
            (r#"{"limit":0}"#, 13),
            (r#"{"offset":50}"#, 13),
            (r#"{"limit":2,"filters":{"must":1}}"#, 7),
            (r#"{"limit":2,"filters":{"must":9}}"#, 0),
            (r#"{"group_by":["must"],"limit":1}"#, 3),
            (r#"{"group_by":["must"],"limit":1,"filters":{"must":9}}"#, 0),
            (
                r#"{"aggregate":{"n":{"$count":"*"}},"filters":{"must":9}}"#,
                1,
            ),
        ] {
            let params = format!("{},\"total\":{total}}}", &params[..params.len() - 1]);
            let params = params.replace("{,", "{");
            let answer = served.query("t", &params).await;
            assert_eq!(answer["total"], expected, "{params}");
        }
    }
    let first = served.query("t", r#"{"limit":4}"#).await;
    assert!(first.get("total").is_none());
    let params = json!({"limit":4,"cursor":first["next_cursor"],"total":true});
    let second = served.query("t", &params.to_string()).await;
    assert_eq!(
        (&second["total"], &second["offset"]),
        (&json!(13), &json!(0))
    );
    // An estimate is the catalog's, but never less than what was just seen.
    served
        .write("INSERT INTO t (id, must) SELECT id + 100, 1 FROM t;")
        .await;
    let answer = served
        .query("t", r#"{"limit":20,"total":"estimate"}"#)
        .await;
    assert_eq!(answer["total"], 21);
}

#[tokio::test]
async fn a_field_of_any_name_can_be_sorted_by() {
    let names = [
        "-neg",
        "a.b",
        "it's",
        "a\"b",
        "two words",
        "größe",
        "e0",
        "t",
        "rowid",
        "?",
        "$1",
    ];
    let long = "x".repeat(300);
    let names: Vec<&str> = names.into_iter().chain([long.as_str()]).collect();
    let columns: Vec<String> = names
        .iter()
        .map(|name| format!("\"{}\" INTEGER", name.replace('"', "\"\"")))
        .collect();
    let row = |from: usize| {
        let values: Vec<String> = (0..names.len()).map(|at| (from + at).to_string()).collect();
        format!("({})", values.join(", "))
    };
    let script = format!(
        "CREATE TABLE t ({}); INSERT INTO t VALUES {}, {}, {}",
        columns.join(", "),
        row(20),
        row(10),
        row(10)
    );
    let served = Served::new(&script, "t").await;
    for (at, name) in names.iter().enumerate() {
        for (sort, first) in [((*name).to_owned(), 10), (format!("-{name}"), 20)] {
            let params = json!({"sort": [sort], "fields": [name], "limit": 1}).to_string();
            let pages = served.walk("query", "t", &params).await;
            assert_eq!(pages.len(), 3, "{sort}");
            assert_eq!(pages[0][0][*name], first + at, "{sort}");
        }
        let params = json!({
            "group_by": [name], "aggregate": {"-n": {"$count": "*"}}, "sort": ["-n"]
        });
        let groups = served.query("t", &params.to_string()).await;
        assert_eq!(groups["data"][0][*name], 20 + at, "{name}");
        let params = json!({
            "group_by": [name], "aggregate": {"-n": {"$count": "*"}}, "sort": ["--n"]
        });
        let groups = served.query("t", &params.to_string()).await;
        assert_eq!(groups["data"][0][*name], 10 + at, "{name}");
    }
}

#[tokio::test]
async fn a_view_of_very_many_fields_is_walked_by_numbers_of_rows() {
    let columns: Vec<String> = (0..300).map(|at| format!("{at} AS c{at}")).collect();
    let one = format!("SELECT {}", columns.join(", "));
    let script = format!("CREATE VIEW v AS {one} UNION ALL {one} UNION ALL {one}");
    let served = Served::new(&script, "v").await;
    let pages = served
        .walk("query", "v", r#"{"limit":1,"fields":["c0"]}"#)
        .await;
    assert_eq!(pages.len(), 3);
}

#[tokio::test]
async fn rows_behind_alike_ones_come_though_those_are_gone() {
    let rows = "VALUES ('a', 1), ('a', 1), ('b', 1), ('b', 1), ('b', 2), ('c', 1), (NULL, NULL)";
    let script = |text: &str| {
        vec![
            format!("CREATE TABLE t (s {text}, n INTEGER)"),
            format!("CREATE TABLE i (s {text}, n INTEGER)"),
            "CREATE INDEX by_s ON i (s)".to_owned(),
            format!("INSERT INTO t {rows}"),
            format!("INSERT INTO i {rows}"),
            "CREATE VIEW v AS SELECT s, n FROM t".to_owned(),
        ]
    };
    let sqlite = Served::with(&script("TEXT").join(";\n"), "t,i,v", &[]).await;
    let mut engines = vec![Engine::sqlite(sqlite)];
    engines.extend(Engine::postgres(script("TEXT"), "t,i,v", &[]).await);
    engines.extend(Engine::mysql(script("VARCHAR(9)"), "t,i,v", &[]).await);
    for engine in engines {
        let mut client = Client::of(&engine).await;
        for (model, table) in [("i", "i"), ("v", "t"), ("t", "t")] {
            client.write(format!("DELETE FROM {table}")).await;
            client.write(format!("INSERT INTO {table} {rows}")).await;
            let mut params = json!({"sort": ["s"], "limit": 3});
            let first = engine.served.query(model, &params.to_string()).await;
            params["cursor"] = first["next_cursor"].clone();
            // All rows of the first page are gone, those too that are like the last one.
            let gone = format!("DELETE FROM {table} WHERE s IS NULL OR s = 'a'");
            client.write(gone).await;
            let rest = params.to_string();
            let rest = engine.served.walk("query", model, &rest).await;
            let names: Vec<Value> = rest.concat().iter().map(|it| it["s"].clone()).collect();
            assert_eq!(names, ["b", "b", "b", "c"], "{} {model}", engine.name);
        }
    }
}
