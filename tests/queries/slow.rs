//! Lists that take their time: a request of many of them ends whole in the one that it has.

use std::time::{Duration, Instant};

use crate::engines::Engine;
use crate::support::Served;

/// Views that take 1.4 seconds each, and on SQLite for ever.
fn made(slow: &str) -> Vec<String> {
    let mut made = vec![
        "CREATE TABLE up (id INT PRIMARY KEY)".to_owned(),
        "INSERT INTO up VALUES (1), (2)".to_owned(),
    ];
    made.extend(["a", "b", "c"].map(|name| format!("CREATE VIEW {name} AS {slow}")));
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_end_in_the_time_of_their_request() {
    const MODELS: &str = "up,a,b,c";
    let variables = [
        ("MCP_QUERY_TIMEOUT", "2"),
        (
            "MCP_RELATIONS",
            "first:a.up_id=up.id,second:b.up_id=up.id,third:c.up_id=up.id",
        ),
    ];
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                   SELECT CAST(i AS INT) AS id, CAST(1 AS INT) AS up_id \
                   FROM n WHERE i < 0";
    let sqlite = made(endless).join(";");
    let mut engines = vec![Engine::sqlite(
        Served::with(&sqlite, MODELS, &variables).await,
    )];
    let slow = "SELECT 1 AS id, 1 AS up_id WHERE pg_sleep(1.4) IS NOT NULL";
    engines.extend(Engine::postgres(made(slow), MODELS, &variables).await);
    let slow = "SELECT 1 AS id, 1 AS up_id FROM DUAL WHERE SLEEP(1.4) = 0";
    engines.extend(Engine::mysql(made(slow), MODELS, &variables).await);
    for engine in engines {
        let params = r#"{"include":{"a":{},"b":{},"c":{}},"total":true}"#;
        let began = Instant::now();
        let refusal = engine.served.refusal("query", "up", params).await;
        let took = began.elapsed();
        assert_eq!(refusal.code, "timeout", "{}: {refusal:?}", engine.name);
        // Half a second by the promise, and as much for a busy machine.
        assert!(
            took < Duration::from_millis(3_000),
            "{}: {took:?}",
            engine.name
        );
        // Others are answered at once.
        assert_eq!(engine.served.ids("up", "{}").await, [1, 2]);
    }
}
