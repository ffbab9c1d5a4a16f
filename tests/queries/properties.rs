//! What holds of every message, and of every filter.

use std::cmp::Ordering;

use lucarne::plan;
use lucarne::protocol::{Action, Object};
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::engines::engines;
use crate::meaning::{check, compare, filters_of, folds_beyond_ascii, holds};
use crate::support::Served;

pub(crate) const SQL: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, f REAL, s TEXT, b BOOLEAN, must TEXT NOT NULL);
    WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 60)
    INSERT INTO t SELECT i, nullif(i * 7 % 11, 3), nullif((i * 13 % 9 - 4) / 2.0, 1.5),
        CASE i % 8 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a%b' WHEN 3 THEN 'A_B' WHEN 4 THEN 'Ärger'
            WHEN 5 THEN 'ä*[x]' ELSE 'x' || i END,
        nullif(i % 3, 2), 'm' || i % 4 FROM i;
    CREATE INDEX by_n ON t (n);
    CREATE TABLE u (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id), at DATETIME, doc JSON, secret TEXT);
    INSERT INTO u VALUES (1, 1, '2026-01-31', '{}', 'planted');
";

/// Whether a row meets a filter: the documented meaning, written down once more.
fn meets(row: &Value, filter: &Value) -> bool {
    filter
        .as_object()
        .unwrap()
        .iter()
        .all(|(name, value)| match name.as_str() {
            "$and" => value
                .as_array()
                .unwrap()
                .iter()
                .all(|part| meets(row, part)),
            "$or" => value
                .as_array()
                .unwrap()
                .iter()
                .any(|part| meets(row, part)),
            "$not" => !meets(row, value),
            field => match value {
                Value::Object(operators) => operators
                    .iter()
                    .all(|(operator, value)| holds(&row[field], operator, value)),
                value => holds(&row[field], "$eq", value),
            },
        })
}

fn filters() -> impl Strategy<Value = Value> {
    filters_of(&["id", "n", "f", "s", "b", "must"])
}

/// Filters on every engine find what the same predicate finds in memory, and are counted alike.
#[test]
fn filters_find_what_they_mean() {
    let runtime = Runtime::new().unwrap();
    let engines = runtime.block_on(engines());
    let sqlite = &engines[0].served;
    let all = runtime.block_on(sqlite.query("t", r#"{"limit":100}"#));
    let rows = all["data"].as_array().unwrap();
    assert_eq!(rows.len(), 60);
    check(250, &filters(), |filter| {
        let expected: Vec<&Value> = rows.iter().filter(|row| meets(row, &filter)).collect();
        let ids: Vec<&Value> = expected.iter().map(|row| &row["id"]).collect();
        for engine in &engines {
            if engine.name == "postgres" && folds_beyond_ascii(&filter) {
                continue;
            }
            let ask = |params: Value| {
                let params = params.to_string();
                runtime.block_on(engine.served.query("t", &params))
            };
            let params = json!({"filters": filter, "limit": 100, "fields": ["id"]});
            let answer = ask(params.clone());
            let found = answer["data"].as_array().unwrap();
            let found: Vec<&Value> = found.iter().map(|row| &row["id"]).collect();
            prop_assert_eq!(&found, &ids, "{}: {}", engine.name, params);
            let answer = ask(json!({"filters": filter, "aggregate": {"n": {"$count": "*"}}}));
            prop_assert_eq!(
                &answer["data"][0]["n"],
                &json!(expected.len()),
                "{}",
                engine.name
            );
        }
        Ok(())
    });
}

/// Names along the relation that leads from each row of `t` to another one, or to none.
const PATHS: [&str; 9] = [
    "id",
    "up.id",
    "up.n",
    "up.f",
    "up.s",
    "up.b",
    "up.must",
    "up.up.s",
    "up.up.must",
];

/// Rows with what their paths lead to, found in memory.
fn with_paths(rows: &[Value]) -> Vec<Value> {
    let up = |row: &Value| {
        let mut others = rows.iter();
        others.find(|other| other["id"] == row["n"]).cloned()
    };
    let mut all = rows.to_vec();
    for row in &mut all {
        let mut at = Some(row.clone());
        for prefix in ["up", "up.up"] {
            at = at.as_ref().and_then(up);
            for name in ["id", "n", "f", "s", "b", "must"] {
                let value = at.as_ref().map_or(Value::Null, |at| at[name].clone());
                row[format!("{prefix}.{name}")] = value;
            }
        }
    }
    all
}

/// Paths on every engine mean in filters, counts, sums and members what they mean in memory.
#[test]
fn paths_mean_the_rows_that_they_lead_to() {
    let runtime = Runtime::new().unwrap();
    let engines = runtime.block_on(engines());
    let all = runtime.block_on(engines[0].served.query("t", r#"{"limit":100}"#));
    let rows = with_paths(all["data"].as_array().unwrap());
    let none = rows.iter().filter(|row| row["up.id"].is_null()).count();
    assert!(none > 5 && rows.iter().any(|row| !row["up.up.s"].is_null()));
    check(200, &filters_of(&PATHS), |filter| {
        let expected: Vec<&Value> = rows.iter().filter(|row| meets(row, &filter)).collect();
        let pick =
            |row: &Value| json!({"id": row["id"], "up.s": row["up.s"], "far": row["up.up.must"]});
        let members: Vec<Value> = expected.iter().map(|row| pick(row)).collect();
        let sum = expected
            .iter()
            .filter_map(|row| row["up.f"].as_f64())
            .sum::<f64>();
        for engine in &engines {
            if engine.name == "postgres" && folds_beyond_ascii(&filter) {
                continue;
            }
            let ask = |params: Value| {
                let params = params.to_string();
                runtime.block_on(engine.served.query("t", &params))
            };
            let params = json!({
                "filters": filter, "limit": 100, "fields": ["id", "up.s"], "compute": {"far": "up.up.must"},
                "total": true,
            });
            let answer = ask(params.clone());
            prop_assert_eq!(
                &answer["data"],
                &json!(members),
                "{}: {}",
                engine.name,
                params
            );
            prop_assert_eq!(
                &answer["total"],
                &json!(members.len()),
                "{}: {}",
                engine.name,
                params
            );
            let functions =
                json!({"n": {"$count": "*"}, "k": {"$count": "up.id"}, "f": {"$sum": "up.f"}});
            let answer = ask(json!({"filters": filter, "aggregate": functions}));
            let group = &answer["data"][0];
            let there = expected
                .iter()
                .filter(|row| !row["up.id"].is_null())
                .count();
            prop_assert_eq!(&group["n"], &json!(members.len()), "{}", engine.name);
            prop_assert_eq!(&group["k"], &json!(there), "{}", engine.name);
            prop_assert_eq!(
                group["f"].as_f64().unwrap_or_default(),
                sum,
                "{}",
                engine.name
            );
        }
        Ok(())
    });
}

/// A walk along paths yields every row once, in the order that they have in memory.
#[test]
fn walks_along_paths_yield_each_row_once() {
    let runtime = Runtime::new().unwrap();
    let engines = runtime.block_on(engines());
    let all = runtime.block_on(engines[0].served.query("t", r#"{"limit":100}"#));
    let rows = with_paths(all["data"].as_array().unwrap());
    let key = prop::sample::select(PATHS.to_vec());
    let sorts = prop::collection::vec((key, any::<bool>()), 1..4);
    check(40, &(sorts, 1usize..25), |(sort, limit)| {
        let mut expected: Vec<&Value> = rows.iter().collect();
        expected.sort_by(|one, other| {
            let by = |(key, down): &(&str, bool)| {
                let (one, other) = (&one[*key], &other[*key]);
                // NULL is below every value.
                let order = match (one.is_null(), other.is_null()) {
                    (false, false) => match (one, other) {
                        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
                        _ => compare(one, other).unwrap(),
                    },
                    (one, other) => other.cmp(&one),
                };
                if *down { order.reverse() } else { order }
            };
            let orders = sort.iter().map(by);
            let order = orders.fold(Ordering::Equal, Ordering::then);
            order.then_with(|| compare(&one["id"], &other["id"]).unwrap())
        });
        let ids: Vec<&Value> = expected.iter().map(|row| &row["id"]).collect();
        let sort: Vec<String> = sort
            .iter()
            .map(|(key, down)| format!("{}{key}", if *down { "-" } else { "" }))
            .collect();
        for engine in &engines {
            let params = json!({"sort": sort, "limit": limit, "fields": ["id"]}).to_string();
            let walked = runtime
                .block_on(engine.served.walk("query", "t", &params))
                .concat();
            let walked: Vec<&Value> = walked.iter().map(|row| &row["id"]).collect();
            prop_assert_eq!(&walked, &ids, "{} {}", engine.name, params);
        }
        Ok(())
    });
}

/// A walk in random steps yields every row of the filter once, in the order of the sort, and the
/// order is the same on every engine.
#[test]
fn walks_yield_each_row_once() {
    let runtime = Runtime::new().unwrap();
    let engines = runtime.block_on(engines());
    let keys = ["id", "n", "f", "d", "s", "b", "must"];
    let sorts = prop::collection::vec((prop::sample::select(keys.to_vec()), any::<bool>()), 0..4);
    check(
        40,
        &(filters(), sorts, 1usize..25),
        |(filter, sort, limit)| {
            let sort: Vec<String> = sort
                .into_iter()
                .map(|(key, down)| format!("{}{key}", if down { "-" } else { "" }))
                .collect();
            let mut first = None;
            for engine in &engines {
                if engine.name == "postgres" && folds_beyond_ascii(&filter) {
                    continue;
                }
                let whole = json!({"filters": filter, "sort": sort, "limit": 100});
                let whole = runtime.block_on(engine.served.query("t", &whole.to_string()));
                let params = json!({"filters": filter, "sort": sort, "limit": limit}).to_string();
                let walked = runtime.block_on(engine.served.walk("query", "t", &params));
                prop_assert_eq!(
                    &whole["data"],
                    &Value::from(walked.concat()),
                    "{} {}",
                    engine.name,
                    params
                );
                let data = whole["data"].as_array().unwrap().iter();
                let ids: Vec<Value> = data.map(|row| row["id"].clone()).collect();
                let first = first.get_or_insert_with(|| ids.clone());
                prop_assert_eq!(&*first, &ids, "{} {}", engine.name, params);
            }
            Ok(())
        },
    );
}

/// Groups and their numbers are the same on every engine.
#[test]
fn groups_are_the_same_on_every_engine() {
    let runtime = Runtime::new().unwrap();
    let engines = runtime.block_on(engines());
    for params in [
        r#"{"group_by":["n"],"aggregate":{"rows":{"$count":"*"},"f":{"$sum":"f"},"d":{"$sum":"d"}}}"#,
        r#"{"group_by":["b","must"],"aggregate":{"d":{"$avg":"d"},"n":{"$avg":"n"},"s":{"$max":"s"}},"sort":["-d"]}"#,
        r#"{"group_by":["s"],"aggregate":{"d":{"$sum":"d"},"f":{"$min":"f"},"k":{"$count_distinct":"n"}},"sort":["d","-k"],"limit":7,"offset":2,"total":true}"#,
        r#"{"aggregate":{"b":{"$min":"b"},"c":{"$max":"b"},"n":{"$count":"s"},"d":{"$sum":"d"}},"filters":{"n":{"$ne":4}}}"#,
        r#"{"aggregate":{"d":{"$sum":"d"},"a":{"$avg":"f"},"n":{"$sum":"n"}},"filters":{"id":-1}}"#,
        r#"{"limit":3,"sort":["-d"],"fields":["id","b"],"total":true}"#,
    ] {
        let message = format!(r#"{{"action":"query","model":"t","params":{params}}}"#);
        let answers: Vec<Value> = engines
            .iter()
            .map(|engine| {
                let text = runtime.block_on(engine.served.raw(&message));
                let mut answer: Value = serde_json::from_str(&text).unwrap();
                answer.as_object_mut().unwrap().remove("next_cursor");
                answer
            })
            .collect();
        for (engine, answer) in engines.iter().zip(&answers) {
            assert_eq!(*answer, answers[0], "{}: {params}", engine.name);
        }
        assert_eq!(answers[0]["status"], "ok");
    }
}

/// SQL is made of the catalog's names: no value, alias or cursor of a client stands in it.
#[test]
fn every_value_is_bound() {
    let runtime = Runtime::new().unwrap();
    let served = runtime.block_on(Served::new(SQL, "t"));
    let policy = served.policy();
    let catalog = policy.own().unwrap();
    let model = catalog.model("t").unwrap();
    let marked = "[a-z '\"`;%_*\\\\$?\\[\\]-]{0,12}".prop_map(|text| format!("Zq{text}Qz"));
    check(300, &(marked, filters()), |(text, filter)| {
        for params in [
            json!({"filters":{"$or":[{"s":text},{"must":{"$contains":text}},{"s":{"$in":[text,null]}},
                {"must":{"$iendswith":text}},{"s":{"$between":[text,text]}}, filter]}}),
            json!({"aggregate":{&*text:{"$sum":"n"},"n":{"$max":"s"}},"group_by":["b"],"sort":[text]}),
            json!({"filters":{"n":987_654_321,"f":{"$gt":987_654_321.5}}}),
        ] {
            let params = params.to_string();
            let object = Object::parse(&params).unwrap();
            let plan = plan::rows(
                Action::Query,
                &object,
                model,
                catalog,
                &policy.settings.limits,
                &policy.settings.cursors,
            );
            let plan = plan.map_err(|error| TestCaseError::fail(format!("{params}: {error}")))?;
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
                let mut statements = sql::rows(&plan, dialect, 1000, &Shapes::default());
                statements.push(sql::count(&plan, dialect));
                statements.extend(sql::estimated(&plan, dialect));
                for statement in statements {
                    let explained = ["EXPLAIN (FORMAT JSON) ", "EXPLAIN FORMAT = JSON "];
                    let text = &*statement.text;
                    let sql = explained.iter().find_map(|word| text.strip_prefix(word));
                    let sql = sql.unwrap_or(text);
                    let told = sql.to_lowercase();
                    prop_assert!(
                        !told.contains("zq") && !told.contains("987654321"),
                        "{}",
                        sql
                    );
                    prop_assert!(sql.starts_with("SELECT ") && !sql.contains(';'), "{}", sql);
                    // Columns are named, each of them.
                    for all in ["SELECT *", ".*", ", *"] {
                        prop_assert!(!sql.contains(all), "{}", sql);
                    }
                }
            }
        }
        Ok(())
    });
}
