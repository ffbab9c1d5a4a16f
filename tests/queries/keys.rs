//! Paths are served by keys: how each engine runs them, and what the guard of scans says of them.

use lucarne::plan::{self, Value as Bound};
use lucarne::protocol::{Action, Object};
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect};
use sqlx::{AssertSqlSafe, Row as _};

use crate::engines::Engine;
use crate::support::Served;

/// A model of many rows, each of which points to one of another; both keys are indexed.
fn pairs() -> Vec<String> {
    let values = |row: &dyn Fn(u32) -> String| (1..=4_000).map(row).collect::<Vec<_>>().join(", ");
    vec![
        "CREATE TABLE mids (id INT PRIMARY KEY, name VARCHAR(20))".to_owned(),
        "CREATE TABLE rows_of (id INT PRIMARY KEY, mid_id INT, n INT, FOREIGN KEY (mid_id) REFERENCES mids (id))"
            .to_owned(),
        "CREATE INDEX by_mid ON rows_of (mid_id)".to_owned(),
        "CREATE INDEX by_name ON mids (name)".to_owned(),
        format!("INSERT INTO mids VALUES {}", values(&|i| format!("({i}, 'n{i}')"))),
        format!("INSERT INTO rows_of VALUES {}", values(&|i| format!("({i}, {}, {i})", i * 7 % 4_000 + 1))),
    ]
}

/// How an engine would run a query, and the lists within its rows, as it says itself.
async fn explained(engine: &Engine, model: &str, params: &str) -> String {
    let policy = engine.served.policy();
    let catalog = policy.own().unwrap();
    let model = catalog.model(model).unwrap();
    let object = Object::parse(params).unwrap();
    let (limits, cursors) = (&policy.settings.limits, &policy.settings.cursors);
    let plan = plan::rows(Action::Query, &object, model, catalog, limits, cursors).unwrap();
    let dialect = match engine.name {
        "sqlite" => Dialect::Sqlite,
        "postgres" => Dialect::Postgres,
        _ => Dialect::MySql,
    };
    let owners = [&[Bound::Int(7)][..], &[Bound::Int(9)]];
    let statement = match plan.lists()[..] {
        [list] => sql::listed(list, &owners, dialect, 100_000),
        _ => sql::rows(&plan, dialect, 100_000, &Shapes::default()).remove(0),
    };
    let mut text = statement.text.to_string();
    for (at, value) in statement.values.0.iter().enumerate() {
        let literal = match value {
            sea_query::Value::String(Some(text)) => format!("'{text}'"),
            sea_query::Value::BigUnsigned(Some(number)) => number.to_string(),
            sea_query::Value::BigInt(Some(number)) => number.to_string(),
            other => panic!("{other:?}"),
        };
        let marker = if engine.name == "postgres" {
            format!("${}", at + 1)
        } else {
            "?".to_owned()
        };
        text = text.replacen(&marker, &literal, 1);
    }
    let (analyze, explain) = match engine.name {
        "sqlite" => ("ANALYZE", "EXPLAIN QUERY PLAN"),
        "postgres" => ("ANALYZE", "EXPLAIN"),
        _ => ("ANALYZE TABLE mids, rows_of", "EXPLAIN FORMAT=JSON"),
    };
    let explain = AssertSqlSafe(format!("{explain} {text}"));
    let analyze = AssertSqlSafe(analyze);
    let lines: Vec<String> = match engine.name {
        "sqlite" => {
            let mut connection = engine.served.connection().await;
            sqlx::query(analyze).execute(&mut connection).await.unwrap();
            let rows = sqlx::query(explain)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            rows.iter().map(|row| row.get("detail")).collect()
        }
        "postgres" => {
            let mut connection = engine.postgres_connection().await;
            sqlx::query(analyze).execute(&mut connection).await.unwrap();
            let rows = sqlx::query(explain)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
        _ => {
            let mut connection = engine.mysql_connection().await;
            sqlx::query(analyze)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let rows = sqlx::query(explain)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
    };
    lines.join("\n")
}

#[tokio::test]
async fn keys_serve_paths_on_every_engine() {
    let models = "mids,rows_of";
    let script = pairs().join(";\n");
    let mut engines = vec![Engine::sqlite(Served::new(&script, models).await)];
    engines.extend(Engine::postgres(pairs(), models, &[]).await);
    engines.extend(Engine::mysql(pairs(), models, &[]).await);
    for engine in engines {
        // From each row of a page to what it points to, by the key of that.
        let page = explained(&engine, "rows_of", r#"{"fields":["id","mid.name"]}"#).await;
        let by_key = match engine.name {
            "sqlite" => "SEARCH e0 USING",
            "postgres" => "Index Scan using mids_pkey on mids e0",
            _ => r#""access_type": "eq_ref""#,
        };
        assert!(page.contains(by_key), "{}: {page}", engine.name);
        // From a value to what points to it, by the index of the key.
        let found = explained(
            &engine,
            "rows_of",
            r#"{"fields":["id"],"filters":{"mid.name":"n7"}}"#,
        )
        .await;
        let by_mid = match engine.name {
            "sqlite" => "SEARCH t USING INDEX by_mid",
            "postgres" => "by_mid",
            _ => r#""key": "by_mid""#,
        };
        assert!(found.contains(by_mid), "{}: {found}", engine.name);
        // To what belongs to a row, by the index of the key: asked of, told of, and listed.
        for params in [
            r#"{"fields":["id"],"filters":{"id":7,"rows_of":{"$none":{"n":3}}}}"#,
            r#"{"fields":["id"],"filters":{"id":7,"rows_of":{"$some":{}}}}"#,
            r#"{"fields":["id"],"filters":{"id":7,"rows_of":{"$every":{"n":3}}}}"#,
            r#"{"fields":["id"],"filters":{"id":7,"rows_of":{"$count":{"$gt":3}}}}"#,
            r#"{"fields":["id"],"compute":{"n":{"$max":"rows_of.n"}}}"#,
            r#"{"fields":["id"],"include":{"rows_of":{"sort":["-n"],"limit":2}}}"#,
        ] {
            let told = explained(&engine, "mids", params).await;
            let all = match engine.name {
                "sqlite" => told.contains("SCAN e0"),
                "postgres" => told.contains("Seq Scan on rows_of"),
                _ => false,
            };
            assert!(
                told.contains("by_mid") && !all,
                "{} {params}: {told}",
                engine.name
            );
        }
        let total = engine
            .served
            .query("rows_of", r#"{"filters":{"mid.name":"n7"},"total":true}"#);
        assert_eq!(total.await["total"], 1);
    }
}

#[tokio::test]
async fn the_guard_looks_at_each_model_on_the_way() {
    let mut script = pairs();
    script.extend(
        [
            "CREATE TABLE loose (id INT PRIMARY KEY, n INT)",
            "CREATE TABLE few (id INT PRIMARY KEY, loose_n INT, mid_id INT)",
            "INSERT INTO few VALUES (1, 7, 7)",
            "INSERT INTO loose SELECT id, n FROM rows_of",
        ]
        .map(str::to_owned),
    );
    let variables = [
        ("MCP_SCAN_LIMIT", "1000"),
        (
            "MCP_RELATIONS",
            "loose:few.loose_n=loose.n,few.mid_id=mids.id",
        ),
    ];
    let models = "mids,rows_of,few,loose";
    let sqlite = Served::with(&script.join(";\n"), models, &variables).await;
    let mut engines = vec![Engine::sqlite(sqlite)];
    let analyzed = |all: &str| [&script[..], &[all.to_owned()]].concat();
    engines.extend(Engine::postgres(analyzed("ANALYZE"), models, &variables).await);
    let all = "ANALYZE TABLE mids, rows_of, few, loose";
    engines.extend(Engine::mysql(analyzed(all), models, &variables).await);
    for engine in engines {
        guards_each_model(&engine.served, engine.name).await;
    }
}

async fn guards_each_model(served: &Served, name: &str) {
    for (model, params) in [
        ("rows_of", r#"{"fields":["id","mid.name"],"limit":1}"#),
        ("rows_of", r#"{"filters":{"mid.name":"n7"}}"#),
        (
            "rows_of",
            r#"{"filters":{"mid.name":"n7"},"sort":["-mid.name"]}"#,
        ),
        (
            "few",
            r#"{"filters":{"mid.name":{"$contains":"n"}},"sort":["mid.name"]}"#,
        ),
    ] {
        served.query(model, params).await;
    }
    // Each row of a large model would be looked at, or each that may belong to one.
    for (model, params) in [
        (
            "mids",
            r#"{"fields":["id"],"compute":{"n":{"$count":"rows_of"}},"limit":1}"#,
        ),
        (
            "mids",
            r#"{"filters":{"name":"n7","rows_of":{"$some":{"n":3}}}}"#,
        ),
        ("mids", r#"{"expand":["rows_of"],"limit":1}"#),
    ] {
        served.query(model, params).await;
    }
    for (model, params, error) in [
        (
            "mids",
            r#"{"filters":{"rows_of":{"$some":{"id":3}}}}"#,
            "Filter or sort on 'rows_of.id' needs an index: model 'mids' has too many rows",
        ),
        (
            "mids",
            r#"{"compute":{"n":{"$count":"rows_of"}},"sort":["-n"]}"#,
            "Filter or sort on 'rows_of.$count' needs an index: model 'mids' has too many rows",
        ),
        (
            "rows_of",
            r#"{"filters":{"mid.name":{"$contains":"n7"}}}"#,
            "Filter or sort on 'mid.name' needs an index: model 'rows_of' has too many rows",
        ),
        (
            "rows_of",
            r#"{"filters":{"mid.name":null}}"#,
            "Filter or sort on 'mid.name' needs an index: model 'rows_of' has too many rows",
        ),
        (
            "rows_of",
            r#"{"sort":["mid.name"]}"#,
            "Filter or sort on 'mid.name' needs an index: model 'rows_of' has too many rows",
        ),
        (
            "few",
            r#"{"fields":["loose.id"]}"#,
            "Filter or sort on 'n' needs an index: model 'loose' has too many rows",
        ),
        (
            "few",
            r#"{"filters":{"loose.id":7}}"#,
            "Filter or sort on 'n' needs an index: model 'loose' has too many rows",
        ),
        (
            "few",
            r#"{"aggregate":{"n":{"$sum":"loose.n"}}}"#,
            "Filter or sort on 'n' needs an index: model 'loose' has too many rows",
        ),
        (
            "few",
            r#"{"include":{"loose":{"fields":["id"]}}}"#,
            "Filter or sort on 'n' needs an index: model 'loose' has too many rows",
        ),
    ] {
        let refusal = served.refusal("query", model, params).await;
        assert_eq!(
            (refusal.error, &*refusal.code),
            (error.to_owned(), "invalid_filter"),
            "{name} {params}"
        );
    }
}
