//! A million rows: a page costs the same at any depth.

use lucarne::plan::{self, Seek, Value};
use lucarne::protocol::{Action, Object};
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect};
use sea_query_sqlx::SqlxValues;
use serde_json::json;
use sqlx::AssertSqlSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::Served;

/// A thousand moments of a thousand rows each, in no order; every tenth moment is NULL. Three kinds.
const SQL: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, kind INTEGER NOT NULL, team INTEGER);
    WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 1000000)
    INSERT INTO t SELECT i, CASE WHEN i % 10 THEN i * 7919 % 1000 END, i % 3, i % 7 FROM i;
    CREATE INDEX by_at ON t (at);
    CREATE INDEX by_kind ON t (kind);
    CREATE INDEX by_team ON t (team, at);
";

/// Steps of SQLite's machine for a page that begins after these keys, and its rows.
async fn steps(served: &Served, sort: &str, keys: Option<Vec<Option<Value>>>) -> (u64, usize) {
    let policy = served.policy();
    let catalog = policy.own().unwrap();
    let model = catalog.model("t").unwrap();
    let params = format!(r#"{{"sort":[{sort}],"limit":50}}"#);
    let object = Object::parse(&params).unwrap();
    let (limits, cursors) = (&policy.settings.limits, &policy.settings.cursors);
    let plan = plan::rows(Action::Query, &object, model, catalog, limits, cursors);
    let mut plan = plan.unwrap();
    plan.page.seek = keys.map(|keys| Seek {
        keys,
        ties: 1,
        passed: 1,
    });
    let mut connection = served.connection().await;
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    connection
        .lock_handle()
        .await
        .unwrap()
        .set_progress_handler(1, move || {
            counter.fetch_add(1, Ordering::Relaxed);
            true
        });
    let mut rows = 0;
    for statement in sql::rows(&plan, Dialect::Sqlite, 1_000_000, &Shapes::default()) {
        if rows <= 50 {
            let (sql, values) = (statement.text.to_string(), SqlxValues(statement.values));
            let fetched = sqlx::query_with(AssertSqlSafe(sql), values)
                .fetch_all(&mut connection)
                .await;
            rows += fetched.unwrap().len();
        }
    }
    (steps.load(Ordering::Relaxed), rows)
}

#[tokio::test]
async fn a_page_costs_the_same_at_any_depth() {
    let served = Served::new(SQL, "t").await;
    let at = |at: i64| (at > 0).then_some(Value::Int(at));
    let id = |id: i64| Some(Value::Int(id));
    // Each sort with places from its beginning to its end, deep within a tie and in the NULLs.
    let places: [(&str, Vec<Vec<Option<Value>>>); 6] = [
        ("", vec![vec![id(1)], vec![id(500_000)], vec![id(999_900)]]),
        (
            r#""-id""#,
            vec![vec![id(999_999)], vec![id(500_000)], vec![id(100)]],
        ),
        (
            r#""at""#,
            vec![
                vec![None, id(10)],
                vec![None, id(900_000)],
                vec![at(1), id(1)],
                vec![at(500), id(990_000)],
                vec![at(998), id(999_000)],
            ],
        ),
        (
            r#""-at""#,
            vec![
                vec![at(999), id(1)],
                vec![at(500), id(500_000)],
                vec![at(1), id(999_999)],
                vec![None, id(500_000)],
                vec![None, id(999_000)],
            ],
        ),
        (
            r#""kind""#,
            vec![
                vec![at(2), id(2)],
                vec![at(2), id(500_000)],
                vec![at(2), id(990_000)],
            ],
        ),
        (
            r#""team","at""#,
            vec![
                vec![Some(Value::Int(0)), None, id(30)],
                vec![at(1), at(500), id(900_000)],
                vec![at(2), at(998), id(500_000)],
            ],
        ),
    ];
    for (sort, places) in places {
        let mut costs = Vec::new();
        for keys in places {
            let (steps, rows) = steps(&served, sort, Some(keys)).await;
            assert!(rows > 50, "{sort}: {rows} rows");
            costs.push(steps);
        }
        println!("sort [{sort}]: {costs:?} steps a page");
        // Where the order turns within a tie (down by `at`, up by `id`), the thousand rows of the
        // next tie are sorted; that depends on the tie, not on the depth.
        let bound = if sort.starts_with("\"-at") {
            20_000
        } else {
            2_000
        };
        assert!(
            costs.iter().all(|steps| *steps < bound),
            "{sort}: {costs:?}"
        );
    }
    // The rest of the walk is `benches/walk.rs`: a million rows take their time in a debug build.
    let mut next = 20_000;
    let params = json!({"limit":100,"fields":["id"],"sort":["-id"],"filters":{"id":{"$lte":next}}});
    for page in served.walk("query", "t", &params.to_string()).await {
        for row in page {
            assert_eq!(row["id"], next);
            next -= 1;
        }
    }
    assert_eq!(next, 0);
}
