//! Records by their keys, many at once: those that wait together share statements.

use crate::support::{Asked, Database};

#[tokio::test(flavor = "multi_thread")]
async fn gets_by_uuid_share_statements_and_each_has_its_own_row() {
    let script = "CREATE TABLE things (id uuid PRIMARY KEY, n int NOT NULL); \
        INSERT INTO things SELECT md5(n::text)::uuid, n FROM generate_series(1, 500) AS n; \
        CREATE TABLE keys AS SELECT id::text AS id, n FROM things";
    let Some(database) = Database::new(script).await else {
        return;
    };
    let asked = Asked::new(&database.url(), "things,keys", &[]).await;
    let keys = asked
        .value("query", "keys", r#"{"limit":100,"sort":["n"]}"#)
        .await;
    let keys: Vec<(String, i64)> = keys["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["id"].as_str().unwrap().to_owned(),
                row["n"].as_i64().unwrap(),
            )
        })
        .collect();
    let before = asked.db.usage().statements;
    let asking = keys.iter().map(async |(id, n)| {
        let upper = id.to_uppercase();
        for written in [id, &upper, &id.replace('-', "")] {
            let params = format!(r#"{{"id":"{written}"}}"#);
            let row = asked.value("get", "things", &params).await;
            assert_eq!(
                (&row["data"]["n"], &row["data"]["id"]),
                (&(*n).into(), &id.as_str().into())
            );
        }
        let absent = format!(r#"{{"id":"ffffffff-ffff-ffff-ffff-{n:012}"}}"#);
        let absent = asked.ask("get", "things", &absent).await;
        assert!(absent.is_err_and(|error| error.starts_with("not_found")));
    });
    futures_util::future::join_all(asking).await;
    let statements = asked.db.usage().statements - before;
    assert!(statements < 4 * keys.len() as u64 / 2, "{statements}");
    for wrong in [r#"{"id":"abc"}"#, r#"{"id":7}"#] {
        let refused = asked.ask("get", "things", wrong).await;
        assert!(refused.is_err_and(|error| error.starts_with("invalid_value")));
    }
}
