//! Tables of a file that another process changes while they are read: no value has another meaning.

use serde_json::json;

use crate::support::Served;

const MADE: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, flag BOOLEAN, at DATE, doc TEXT);
    INSERT INTO t VALUES (1, 1, '2026-01-31 10:00', '[1]');
    CREATE VIEW v AS SELECT id, flag FROM t;
    CREATE TABLE other (id INTEGER PRIMARY KEY);
";

/// What makes the table anew, with other types.
const RETYPED: &str = "
    DROP VIEW v;
    CREATE TABLE made (id INTEGER PRIMARY KEY, flag INTEGER, at TEXT, doc JSON);
    INSERT INTO made SELECT * FROM t;
    DROP TABLE t;
    ALTER TABLE made RENAME TO t;
    CREATE VIEW v AS SELECT id, flag FROM t;
";

#[tokio::test]
async fn a_column_of_another_type_is_read_as_it_is() {
    let served = Served::live(MADE, "t,v,other").await;
    let list = async |model: &str| served.ask("list", model, "{}").await.unwrap()["data"].clone();
    let before = json!([{"id": 1, "flag": true, "at": "2026-01-31T10:00", "doc": "[1]"}]);
    assert_eq!(list("t").await, before);
    assert_eq!(list("v").await, json!([{"id": 1, "flag": true}]));
    served.write(RETYPED).await;
    let after = json!({"id": 1, "flag": 1, "at": "2026-01-31 10:00", "doc": [1]});
    let got = served.ask("get", "t", r#"{"id":1}"#).await.unwrap();
    assert_eq!(got["data"], after);
    assert_eq!(list("t").await, json!([after]));
    assert_eq!(list("v").await, json!([{"id": 1, "flag": 1}]));
    let number = r#"{"filters":{"flag":1},"fields":["id"]}"#;
    assert_eq!(served.query("t", number).await["data"], json!([{"id": 1}]));
}

#[tokio::test]
async fn what_is_no_change_of_a_table_reads_nothing_again() {
    let served = Served::live(MADE, "t").await;
    for number in 0..5 {
        let statements = format!("CREATE TABLE n{number} (x); CREATE INDEX i{number} ON t (flag)");
        served.write(&statements).await;
        let rows = served.ask("list", "t", "{}").await.unwrap();
        assert_eq!(rows["count"], 1);
    }
    // A column that comes waits for a reload, and disturbs nothing.
    served
        .write("ALTER TABLE t ADD COLUMN added DEFAULT 7")
        .await;
    let row = served.ask("get", "t", r#"{"id":1}"#).await.unwrap();
    assert_eq!(row["data"].get("added"), None);
    served
        .write("ALTER TABLE t RENAME COLUMN doc TO renamed")
        .await;
    let row = served.ask("get", "t", r#"{"id":1}"#).await.unwrap();
    assert_eq!(row["data"].as_object().unwrap().len(), 3, "{row}");
}

#[tokio::test]
async fn a_fault_in_the_data_is_no_change() {
    let served = Served::live(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, n INTEGER);
         INSERT INTO t VALUES (1, '{\"a\":1}', 1), (2, 'bad', -9223372036854775808);
         CREATE VIEW members AS SELECT id, json_extract(body, '$.a') AS a FROM t;
         CREATE VIEW sizes AS SELECT id, abs(n) AS n FROM t;",
        "t,members,sizes",
    )
    .await;
    for model in ["members", "sizes"] {
        let before = served.statements();
        for _ in 0..20 {
            let refused = served.refusal("list", model, "{}").await;
            assert_eq!(refused.code, "internal", "{model}");
        }
        // The catalog is not read for it, which takes statements of its own.
        assert_eq!(served.statements(), before + 20, "{model}");
        assert_eq!(served.ids("t", "{}").await, [1, 2]);
    }
}

#[tokio::test]
async fn what_is_computed_or_compared_otherwise_is_noticed() {
    let served = Served::live(
        "CREATE TABLE u (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT,
           g TEXT AS (upper(name)), v TEXT);
         INSERT INTO u VALUES (1, 'ana', 's3cret', 'foo'), (2, 'bo', 's3cret', 'FOO');
         CREATE VIEW shown AS SELECT id, v FROM u;",
        "u,shown",
    )
    .await;
    let ids = async |model: &str| {
        let sorted = r#"{"filters":{"v":{"$gte":"foo"}},"sort":["v"],"fields":["id"]}"#;
        served.query(model, sorted).await["data"].clone()
    };
    assert_eq!(served.query("u", "{}").await["data"][0]["g"], "ANA");
    assert_eq!(ids("shown").await, json!([{"id": 1}]));
    served
        .write(
            "DROP VIEW shown;
             CREATE TABLE made (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT,
               g TEXT AS (upper(password_hash)), v TEXT COLLATE NOCASE);
             INSERT INTO made SELECT id, name, password_hash, v FROM u;
             DROP TABLE u;
             ALTER TABLE made RENAME TO u;
             CREATE VIEW shown AS SELECT id, v FROM u;",
        )
        .await;
    let row = served.query("u", "{}").await["data"][0].clone();
    assert_eq!(row.get("g"), None, "{row}");
    assert_eq!(ids("u").await, json!([{"id": 1}, {"id": 2}]));
    assert_eq!(ids("shown").await, json!([{"id": 1}, {"id": 2}]));
}

#[tokio::test]
async fn a_key_tells_rows_apart_as_its_index_does() {
    let served = Served::live(
        "CREATE TABLE d (id INTEGER PRIMARY KEY DESC, n INT);
         INSERT INTO d VALUES (1, 1), (NULL, 2), (NULL, 3), ('x', 4), (1.5, 5);
         CREATE TABLE b (a TEXT COLLATE NOCASE, n INT, PRIMARY KEY (a COLLATE BINARY)) WITHOUT ROWID;
         INSERT INTO b VALUES ('a', 1), ('A', 2), ('b', 3), ('B', 4);",
        "d,b",
    )
    .await;
    for (model, rows) in [("d", 5), ("b", 4)] {
        let mut found = Vec::new();
        let mut params = r#"{"limit":1}"#.to_owned();
        loop {
            let page = served.query(model, &params).await;
            found.push(page["data"][0]["n"].as_i64().unwrap());
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            params = format!(r#"{{"limit":1,"cursor":"{cursor}"}}"#);
        }
        found.sort_unstable();
        assert_eq!(found, (1..=rows).collect::<Vec<i64>>(), "{model}");
    }
    let others = served.query("d", r#"{"filters":{"id":{"$ne":1}}}"#).await;
    assert_eq!(others["count"], 4);
}
