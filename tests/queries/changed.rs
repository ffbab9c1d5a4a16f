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
