//! Tables that change while they are read: nothing fails until a reload.

use std::time::Duration;

use crate::support::{Asked, Database};

const MADE: &str = "CREATE TABLE t (id int PRIMARY KEY, v int, body text); \
    INSERT INTO t VALUES (1, 10, 'one'); \
    CREATE TABLE other (id int PRIMARY KEY)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_table_is_read_as_it_is() {
    let Some(place) = Database::new(MADE).await else {
        return;
    };
    let asked = Asked::live(&place.url(), "t,other").await;
    let of_v = r#"{"filters":{"v":10}}"#;
    assert_eq!(asked.values("t", of_v, "id").await, ["1"]);
    place
        .execute("ALTER TABLE t ALTER v TYPE text USING v || 'abc'")
        .await;
    let refused = asked.ask("query", "t", of_v).await.unwrap_err();
    assert!(refused.starts_with("invalid_value"), "{refused}");
    place.execute("ALTER TABLE t RENAME body TO hidden").await;
    let row = r#"{"data":{"id":1,"v":"10abc"}}"#;
    assert_eq!(asked.ask("get", "t", r#"{"id":1}"#).await.unwrap(), row);
    place.execute("ALTER TABLE other RENAME TO another").await;
    let gone = asked.ask("list", "other", "{}").await.unwrap_err();
    assert!(gone.starts_with("model_not_allowed"), "{gone}");
    // What is back is found by the next reading, which any change brings.
    place
        .execute("ALTER TABLE t RENAME hidden TO body; ALTER TABLE another RENAME TO other")
        .await;
    place.execute("ALTER TABLE t DROP v").await;
    assert_eq!(asked.values("t", "{}", "body").await, [r#""one""#]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_under_load_are_never_internal() {
    let Some(place) = Database::new(MADE).await else {
        return;
    };
    let asked = Asked::live(&place.url(), "t").await;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let asked = asked.clone();
            tokio::spawn(async move {
                for _ in 0..60 {
                    match asked
                        .ask("query", "t", r#"{"filters":{"body":"one"}}"#)
                        .await
                    {
                        Ok(answer) => assert!(answer.contains(r#""id":1"#), "{answer}"),
                        Err(refused) => assert!(!refused.starts_with("internal"), "{refused}"),
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        })
        .collect();
    for change in [
        "RENAME body TO gone",
        "RENAME gone TO body",
        "DROP v",
        "ADD v text",
    ] {
        place.execute(&format!("ALTER TABLE t {change}")).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_another_type_is_never_taken_for_one() {
    let made = "CREATE TYPE mood AS ENUM ('sad', 'ok'); \
        CREATE TABLE t (id int PRIMARY KEY, v int, m mood); INSERT INTO t VALUES (1, 10, 'ok')";
    let Some(place) = Database::new(made).await else {
        return;
    };
    let asked = Asked::live(&place.url(), "t").await;
    for (change, told) in [
        ("ALTER v TYPE numeric(6,2)", "10.00"),
        ("ALTER v TYPE int[] USING ARRAY[v::int]", "[10]"),
        (
            "ALTER v TYPE interval USING make_interval(hours => v[1])",
            r#""10:00:00""#,
        ),
        ("ALTER v TYPE text", r#""10:00:00""#),
        ("ALTER v TYPE int USING 10", "10"),
    ] {
        assert_eq!(asked.values("t", "{}", "v").await.len(), 1);
        place.execute(&format!("ALTER TABLE t {change}")).await;
        let row = format!(r#"{{"data":{{"id":1,"v":{told},"m":"ok"}}}}"#);
        assert_eq!(
            asked.ask("get", "t", r#"{"id":1}"#).await.unwrap(),
            row,
            "{change}"
        );
    }
    // A value that the enum has by now is taken.
    place
        .execute("ALTER TYPE mood ADD VALUE 'new' BEFORE 'ok'")
        .await;
    place.execute("INSERT INTO t VALUES (2, 20, 'new')").await;
    // For a value that is refused the catalog is read again once a second at the most.
    let begun = std::time::Instant::now();
    let found = loop {
        match asked.ask("query", "t", r#"{"filters":{"m":"new"}}"#).await {
            Ok(found) => break found,
            Err(refused) => assert!(refused.starts_with("invalid_value"), "{refused}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(found.contains(r#""data":[{"id":2,"#), "{found}");
    let refused = asked.ask("query", "t", r#"{"filters":{"m":"old"}}"#).await;
    assert!(refused.unwrap_err().starts_with("invalid_value"));
}

/// Asks until an answer is that one: a change is seen within half a second, and read within a second
/// after the reading before.
async fn becomes(asked: &Asked, (model, params, field): (&str, &str, &str), expected: &[&str]) {
    for _ in 0..40 {
        let told = asked.ask("query", model, params).await;
        let told = told.ok().map(|answer| {
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            let rows = answer["data"].as_array().unwrap().iter();
            rows.map(|row| row[field].to_string()).collect::<Vec<_>>()
        });
        if told.is_some_and(|told| told == expected) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!(
        "{model} {params}: {:?}",
        asked.ask("query", model, params).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_no_statement_is_noticed_all_the_same() {
    const MADE: &str = "CREATE EXTENSION citext; \
        CREATE TABLE u (id int PRIMARY KEY, name text, password_hash text, \
          g text GENERATED ALWAYS AS (upper(name)) STORED, v varchar(9), n int); \
        INSERT INTO u VALUES (1, 'ana', 's3cret', DEFAULT, 'foo', 1), \
          (2, 'bo', 's3cret', DEFAULT, 'FOO', 2); \
        CREATE TABLE a (id int PRIMARY KEY, k int UNIQUE, name text); \
        INSERT INTO a VALUES (1, 2, 'one'), (2, 1, 'two'); \
        CREATE TABLE c (id int PRIMARY KEY, a_id int CONSTRAINT points REFERENCES a (id)); \
        INSERT INTO c VALUES (1, 1)";
    let Some(place) = Database::new(MADE).await else {
        return;
    };
    let asked = Asked::live(&place.url(), "u,a,c").await;
    let of_v = ("u", r#"{"filters":{"v":"foo"}}"#, "id");
    let all = ("u", "{}", "g");
    becomes(&asked, of_v, &["1"]).await;
    becomes(&asked, all, &[r#""ANA""#, r#""BO""#]).await;
    // What is computed from a hidden column is hidden.
    place
        .execute(
            "ALTER TABLE u DROP g; \
             ALTER TABLE u ADD g text GENERATED ALWAYS AS (upper(password_hash)) STORED",
        )
        .await;
    becomes(&asked, all, &["null", "null"]).await;
    // What was told apart is equal now,
    place.execute("ALTER TABLE u ALTER v TYPE citext").await;
    becomes(&asked, of_v, &["1", "2"]).await;
    // a key tells the rows of a child not apart,
    place
        .execute("CREATE TABLE more () INHERITS (u); INSERT INTO more (id, n) VALUES (1, 3)")
        .await;
    let first = r#"{"fields":["n"],"sort":["id"],"limit":1}"#;
    tokio::time::sleep(Duration::from_secs(2)).await;
    becomes(
        &asked,
        ("u", r#"{"fields":["n"],"sort":["n"]}"#, "n"),
        &["1", "2", "3"],
    )
    .await;
    let mut params = first.to_owned();
    let mut walked = Vec::new();
    for _ in 0..3 {
        let page = asked.value("query", "u", &params).await;
        walked.push(page["data"][0]["n"].as_i64().unwrap());
        let cursor = &page["next_cursor"];
        params = format!(r#"{{"fields":["n"],"sort":["id"],"limit":1,"cursor":{cursor}}}"#);
    }
    walked.sort_unstable();
    assert_eq!(walked, [1, 2, 3]);
    // and a key leads where it leads now.
    let named = ("c", r#"{"fields":["a.name"]}"#, "a.name");
    becomes(&asked, named, &[r#""one""#]).await;
    place
        .execute(
            "ALTER TABLE c DROP CONSTRAINT points; \
             ALTER TABLE c ADD CONSTRAINT points FOREIGN KEY (a_id) REFERENCES a (k)",
        )
        .await;
    becomes(&asked, named, &[r#""two""#]).await;
}
