//! Tables that change while they are read: nothing has another meaning, and nothing needs a reload.

use std::time::Duration;

use crate::support::{Asker, Database, eventually};

const MADE: &str = r"
CREATE TABLE t (id INT PRIMARY KEY, v INT, e ENUM('public','secret'), body TEXT);
INSERT INTO t VALUES (1, 10, 'public', 'one'), (2, 20, 'secret', 'two');
CREATE TABLE other (id INT PRIMARY KEY);
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_table_is_read_as_it_is() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let asker = Asker::live(&place.url(), "t,other").await;
    let found = async |params: &str| asker.field("t", "id", params).await;
    let of_v = r#"{"filters":{"v":10},"fields":["id"]}"#;
    assert_eq!(found(of_v).await, ["1"]);
    // A number matches no text that begins with it.
    place
        .run("ALTER TABLE t MODIFY v VARCHAR(20); UPDATE t SET v = '10abc'")
        .await;
    let refused = asker.ask("query", "t", of_v).await.unwrap_err();
    assert!(refused.ends_with("(invalid_value)"), "{refused}");
    let sum = r#"{"aggregate":{"sum":{"$sum":"v"}}}"#;
    assert!(asker.ask("query", "t", sum).await.is_err());
    // A name of an enum means that name, wherever it stands.
    let of_e = r#"{"filters":{"e":"public"},"fields":["id"]}"#;
    assert_eq!(found(of_e).await, ["1"]);
    place
        .run("ALTER TABLE t MODIFY e ENUM('secret','public')")
        .await;
    assert_eq!(found(of_e).await, ["1"]);
    // What is renamed is gone until a reload has judged it, and comes back by its old name.
    place.run("ALTER TABLE t RENAME COLUMN body TO text").await;
    let row = r#""data":{"id":1,"v":"10abc","e":"public"}"#;
    assert_eq!(asker.ask("get", "t", r#"{"id":1}"#).await.unwrap(), row);
    place.run("RENAME TABLE other TO another").await;
    let gone = asker.ask("list", "other", "{}").await.unwrap_err();
    assert!(gone.ends_with("(model_not_allowed)"), "{gone}");
    place.run("RENAME TABLE another TO other").await;
    place.run("ALTER TABLE t RENAME COLUMN text TO body").await;
    assert_eq!(
        asker.field("t", "body", "{}").await,
        [r#""one""#, r#""two""#]
    );
    assert!(asker.rows("other", "{}").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_under_load_give_no_wrong_answer() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    place.run("UPDATE t SET v = 10 + id").await;
    let asker = Asker::live(&place.url(), "t").await;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let asker = asker.clone();
            tokio::spawn(async move {
                for _ in 0..60 {
                    let of_v = r#"{"filters":{"v":11},"fields":["id"]}"#;
                    match asker.ask("query", "t", of_v).await {
                        Ok(answer) => {
                            assert!(answer.contains(r#""data":[{"id":1}]"#), "{answer}");
                        }
                        Err(refused) => assert!(!refused.ends_with("(internal)"), "{refused}"),
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        })
        .collect();
    for _ in 0..3 {
        // While it is text, no number may find it.
        place
            .run("ALTER TABLE t MODIFY v VARCHAR(20), ADD w INT; UPDATE t SET w = v, v = '11x'")
            .await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        place
            .run("UPDATE t SET v = w; ALTER TABLE t MODIFY v INT, DROP w")
            .await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    // The number is a number again, and is found by itself.
    let of_v = r#"{"filters":{"v":11},"fields":["id"]}"#;
    eventually(
        "the number is not found",
        Duration::from_secs(20),
        async || asker.ask("query", "t", of_v).await.is_ok(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_over_an_enum_does_not_go_on_by_other_positions() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run("CREATE TABLE t (e ENUM('b','a','c') PRIMARY KEY); INSERT INTO t VALUES ('a'),('b'),('c')")
        .await;
    let asker = Asker::live(&place.url(), "t").await;
    let page = async |cursor: Option<&str>| {
        let cursor = cursor.map_or(String::new(), |it| format!(r#","cursor":"{it}""#));
        asker
            .ask("query", "t", &format!(r#"{{"limit":1{cursor}}}"#))
            .await
    };
    let first = page(None).await.unwrap();
    assert!(first.contains(r#""data":[{"e":"b"}]"#), "{first}");
    let cursor = first.split("\"next_cursor\":\"").nth(1).unwrap();
    let cursor = cursor.split('"').next().unwrap();
    let second = page(Some(cursor)).await.unwrap();
    assert!(second.contains(r#""data":[{"e":"a"}]"#), "{second}");
    place
        .run("ALTER TABLE t MODIFY e ENUM('c','b','a','d')")
        .await;
    let refused = page(Some(cursor)).await.unwrap_err();
    assert_eq!(refused, "Invalid cursor (invalid_parameter)");
    // A value that the enum has by now is taken before any row showed it.
    let found = asker.field("t", "e", r#"{"filters":{"e":"d"}}"#).await;
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_computed_or_told_apart_otherwise_is_noticed() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE u (id INT PRIMARY KEY, name TEXT, password_hash TEXT, \
             g TEXT AS (upper(name)) VIRTUAL); \
             INSERT INTO u (id, name, password_hash) VALUES (1, 'ana', 's3cret'); \
             CREATE TABLE p (id INT PRIMARY KEY, n INT); INSERT INTO p VALUES (1, 1), (2, 2)",
        )
        .await;
    let asker = Asker::live(&place.url(), "u,p").await;
    assert_eq!(asker.field("u", "g", "{}").await, [r#""ANA""#]);
    place
        .run("ALTER TABLE u MODIFY g TEXT AS (upper(password_hash)) VIRTUAL")
        .await;
    let row = asker.ask("query", "u", "{}").await.unwrap();
    assert!(!row.contains("S3CRET") && row.contains("ana"), "{row}");
    assert_eq!(asker.field("p", "n", r#"{"sort":["n"]}"#).await, ["1", "2"]);
    place
        .run("ALTER TABLE p DROP PRIMARY KEY; INSERT INTO p VALUES (1, 3)")
        .await;
    let mut walked = Vec::new();
    let mut params = r#"{"sort":["id"],"limit":1}"#.to_owned();
    loop {
        let page = asker.ask("query", "p", &params).await.unwrap();
        let page: serde_json::Value = serde_json::from_str(&format!("{{{page}}}")).unwrap();
        walked.push(page["data"][0]["n"].as_i64().unwrap());
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        params = format!(r#"{{"sort":["id"],"limit":1,"cursor":"{cursor}"}}"#);
    }
    walked.sort_unstable();
    assert_eq!(walked, [1, 2, 3]);
}

/// Whether a query answers so within a few seconds.
async fn becomes(asker: &Asker, (model, params, field): (&str, &str, &str), expected: &[&str]) {
    eventually(params, Duration::from_secs(5), async || {
        match asker.ask("query", model, params).await {
            Ok(answer) => {
                let answer: serde_json::Value =
                    serde_json::from_str(&format!("{{{answer}}}")).unwrap();
                let rows = answer["data"].as_array().unwrap().iter();
                rows.map(|row| row[field].to_string())
                    .eq(expected.iter().copied())
            }
            Err(refused) => {
                assert!(!refused.ends_with("(internal)"), "{refused}");
                false
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_key_leads_where_it_leads_now() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE a (id INT PRIMARY KEY, k INT UNIQUE, name TEXT); \
             CREATE TABLE b (id INT PRIMARY KEY, name TEXT); \
             CREATE TABLE c (id INT PRIMARY KEY, a_id INT, x_id INT, KEY (a_id), KEY (x_id), \
               CONSTRAINT points FOREIGN KEY (a_id) REFERENCES a (id)); \
             INSERT INTO a VALUES (1, 2, 'one'), (2, 1, 'two'); INSERT INTO b VALUES (1, 'other'); \
             INSERT INTO c VALUES (1, 1, 2)",
        )
        .await;
    let asker = Asker::live(&place.url(), "a,b,c").await;
    let named = ("c", r#"{"fields":["id","a.name"]}"#, "a.name");
    becomes(&asker, named, &[r#""one""#]).await;
    let leads = async |to: &str| {
        let constraint = "ALTER TABLE c DROP FOREIGN KEY points; ALTER TABLE c \
            ADD CONSTRAINT points FOREIGN KEY";
        place.run(&format!("{constraint} {to}")).await;
    };
    // To another key of the table, from another column, to another table, and back.
    leads("(a_id) REFERENCES a (k)").await;
    becomes(&asker, named, &[r#""two""#]).await;
    leads("(x_id) REFERENCES a (k)").await;
    let by_x = ("c", r#"{"fields":["id","x.name"]}"#, "x.name");
    becomes(&asker, by_x, &[r#""one""#]).await;
    leads("(a_id) REFERENCES b (id)").await;
    becomes(&asker, named, &[r#""other""#]).await;
    leads("(a_id) REFERENCES a (id)").await;
    becomes(&asker, named, &[r#""one""#]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enums_have_their_names_whatever_letters_they_are_of() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','😀','b😁c','?','😁') \
               CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL); \
             INSERT INTO t VALUES (1,'a'),(2,'😀'),(3,'b😁c'),(4,'?'),(5,'😁'); \
             CREATE VIEW v AS SELECT id, e FROM t",
        )
        .await;
    let asker = Asker::live(&place.url(), "t,v").await;
    for model in ["t", "v"] {
        for (id, name) in [(1, "a"), (2, "😀"), (3, "b😁c"), (4, "?"), (5, "😁")] {
            let of_name = format!(r#"{{"filters":{{"e":"{name}"}}}}"#);
            assert_eq!(
                asker.field(model, "id", &of_name).await,
                [id.to_string()],
                "{name}"
            );
        }
        let after = r#"{"filters":{"e":{"$gt":"b😁c"}},"sort":["e"]}"#;
        assert_eq!(asker.field(model, "id", after).await, ["4", "5"]);
        assert_eq!(asker.walk(model, r#"["-e"]"#, 1).await.len(), 5);
        let refused = asker.ask("query", model, r#"{"filters":{"e":"😂"}}"#).await;
        assert!(refused.unwrap_err().ends_with("(invalid_value)"));
    }
    // What tells them apart is noticed too.
    place
        .run(
            "ALTER TABLE t MODIFY e ENUM('a','😁','b😁c','?','😀') \
             CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
        )
        .await;
    let before = r#"{"filters":{"e":{"$lt":"b😁c"}},"sort":["e"]}"#;
    becomes(&asker, ("t", before, "id"), &["1", "5"]).await;
    let from = r#"{"filters":{"e":{"$gte":"😀"}},"sort":["e"]}"#;
    becomes(&asker, ("t", from, "id"), &["2"]).await;
}
