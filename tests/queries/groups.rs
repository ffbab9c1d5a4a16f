//! Groups that answer: those that remain, expressions, filtered aggregates, parts of dates in a
//! zone, cursors; the same on every engine.

use serde_json::{Value, json};

use crate::engines::Engine;
use crate::support::Served;

/// Lines of orders, with moments around changes of the clock in Paris, decimals that doubles would
/// round, and NULLs.
fn script(text: &str, float: &str, moment: &str) -> Vec<String> {
    vec![
        format!("CREATE TABLE kinds (id INTEGER PRIMARY KEY, name {text} NOT NULL)"),
        format!(
            "CREATE TABLE sold (id INTEGER PRIMARY KEY, kind_id INTEGER REFERENCES kinds (id), \
             state {text}, price NUMERIC(10, 2), quantity INTEGER, big BIGINT, f {float}, \
             at {moment}, day DATE)"
        ),
        "INSERT INTO kinds VALUES (1, 'rock'), (2, 'jazz'), (3, 'none')".to_owned(),
        "INSERT INTO sold VALUES \
         (1, 1, 'open', 0.10, 3, 9007199254740993, 0.5, '2025-03-30 00:59:59', '2025-03-30'), \
         (2, 1, 'open', 0.20, 3, 9007199254740993, 1.5, '2025-03-30 01:00:00', '2025-12-29'), \
         (3, 1, 'shut', 19.99, 7, 1, NULL, '2025-10-26 00:30:00', '2026-01-01'), \
         (4, 2, 'open', 0.70, 1, 2, 2.0, '2025-10-26 01:30:00', '2024-12-30'), \
         (5, 2, 'shut', NULL, 4, NULL, -1.0, '2025-12-31 23:30:00', NULL), \
         (6, NULL, NULL, 5.00, 0, 4, 0.0, NULL, '2021-01-03'), \
         (7, 3, 'shut', 1.00, NULL, 5, 8.0, '2026-01-01 00:00:00', '2020-02-29')"
            .to_owned(),
    ]
}

async fn engines() -> Vec<Engine> {
    let models = "sold,kinds";
    let sqlite = script("TEXT", "REAL", "TIMESTAMP").join(";\n");
    let mut engines = vec![Engine::sqlite(Served::new(&sqlite, models).await)];
    let statements = script("TEXT COLLATE \"C\"", "DOUBLE PRECISION", "TIMESTAMPTZ");
    let mut utc = vec!["SET TIME ZONE 'UTC'".to_owned()];
    utc.extend(statements);
    engines.extend(Engine::postgres(utc, models, &[]).await);
    let mut statements = vec!["SET time_zone = '+00:00'".to_owned()];
    statements.extend(script(
        "VARCHAR(20) COLLATE utf8mb4_bin",
        "DOUBLE",
        "TIMESTAMP NULL",
    ));
    engines.extend(Engine::mysql(statements, models, &[]).await);
    engines
}

/// Rows as they are sent, to the digit.
async fn rows(engine: &Engine, params: &str) -> String {
    let message = format!(r#"{{"id":1,"action":"query","model":"sold","params":{params}}}"#);
    let text = engine.served.raw(&message).await;
    let data = text.split_once(r#""data":["#);
    let data = data.and_then(|(_, rest)| rest.split_once(r#"],"count""#));
    match data {
        Some((rows, _)) => rows.to_owned(),
        None => panic!("{} on {}: {text}", params, engine.name),
    }
}

#[tokio::test]
async fn expressions_are_exact_as_decimals_are() {
    for engine in engines().await {
        for (aggregate, told) in [
            // 0.3 + 0.6 + 139.93 + 0.7, where doubles would give 141.53000000000003.
            (r#"{"$sum":{"$mul":["price","quantity"]}}"#, "141.53"),
            (r#"{"$sum":{"$add":["price","quantity"]}}"#, "39.99"),
            (r#"{"$sum":{"$sub":["quantity","price"]}}"#, "-11.99"),
            (r#"{"$min":{"$mul":["price",-1]}}"#, "-19.99"),
            (r#"{"$max":{"$mul":["price","quantity"]}}"#, "139.93"),
            (r#"{"$avg":{"$mul":["price","quantity"]}}"#, "28.306"),
            // Beyond the digits of a double, and of 64 bits.
            (r#"{"$sum":{"$mul":["big",1000]}}"#, "18014398509481998000"),
            (
                r#"{"$max":{"$mul":["big","big"]}}"#,
                "81129638414606699710187514626049",
            ),
            (r#"{"$sum":{"$mul":[0.1,3]}}"#, "2.1"),
            (r#"{"$max":{"$div":[1,"quantity"]}}"#, "1"),
            (r#"{"$min":{"$div":[2,"quantity"]}}"#, "0.285714285714"),
            (r#"{"$min":{"$div":["price",3]}}"#, "0.033333333333"),
            (
                r#"{"$max":{"$div":[5,{"$sub":["quantity","quantity"]}]}}"#,
                "null",
            ),
            (
                r#"{"$sum":{"$div":[{"$mul":[{"$add":["price",1]},{"$sub":["quantity",1]}]},2]}}"#,
                "62.27",
            ),
            (r#"{"$sum":{"$mul":["f",2]}}"#, "22.0"),
        ] {
            let params = format!(r#"{{"aggregate":{{"x":{aggregate}}}}}"#);
            let expected = format!(r#"{{"x":{told}}}"#);
            assert_eq!(
                rows(&engine, &params).await,
                expected,
                "{aggregate} on {}",
                engine.name
            );
        }
        let computed = r#"{"fields":["id"],"compute":{"sum":{"$mul":["price","quantity"]},"kind":"kind.name"},"sort":["-sum"],"limit":3}"#;
        assert_eq!(
            rows(&engine, computed).await,
            r#"{"id":3,"sum":139.93,"kind":"rock"},{"id":4,"sum":0.7,"kind":"jazz"},{"id":2,"sum":0.6,"kind":"rock"}"#,
            "{}",
            engine.name
        );
        let walked = engine
            .served
            .walk("query", "sold", r#"{"fields":["id"],"compute":{"x":{"$mul":["price","quantity"]}},"sort":["x"],"limit":2}"#)
            .await
            .concat();
        let ids: Vec<i64> = walked
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, [5, 7, 6, 1, 2, 4, 3], "{}", engine.name);
    }
}

#[tokio::test]
async fn aggregates_of_some_rows_stand_beside_those_of_all() {
    for engine in engines().await {
        let params = r#"{"group_by":["kind.name"],"aggregate":{"n":{"$count":"*"},"open":{"$count":"*","where":{"state":"open"}},"paid":{"$sum":"price","where":{"state":{"$ne":"open"}}},"best":{"$max":"price","where":{"quantity":{"$gte":3}}},"mean":{"$avg":"quantity","where":{"state":"open"}},"states":{"$count_distinct":"state","where":{"id":{"$in":[1,3]}}},"spent":{"$sum":{"$mul":["price","quantity"]},"where":{"state":"open"}}}}"#;
        let two = |number: &str| match engine.name {
            "sqlite" => number
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned(),
            _ => number.to_owned(),
        };
        let best = two("19.99");
        let expected = [
            r#"{"kind.name":null,"n":1,"open":0,"paid":5.00,"best":null,"mean":null,"states":0,"spent":null}"#.to_owned(),
            r#"{"kind.name":"jazz","n":2,"open":1,"paid":null,"best":null,"mean":1.0,"states":0,"spent":0.7}"#.to_owned(),
            r#"{"kind.name":"none","n":1,"open":0,"paid":1.00,"best":null,"mean":null,"states":0,"spent":null}"#.to_owned(),
            format!(r#"{{"kind.name":"rock","n":3,"open":2,"paid":19.99,"best":{best},"mean":3.0,"states":2,"spent":0.9}}"#),
        ];
        assert_eq!(
            rows(&engine, params).await,
            expected.join(","),
            "{}",
            engine.name
        );
    }
}

#[tokio::test]
async fn only_groups_that_remain_are_told_and_counted() {
    for engine in engines().await {
        for (params, expected) in [
            (
                r#"{"group_by":["state"],"aggregate":{"n":{"$count":"*"}},"having":{"n":{"$gt":1}},"total":true}"#,
                json!([["open", 3], ["shut", 3]]),
            ),
            (
                r#"{"group_by":["state"],"aggregate":{"n":{"$count":"*"}},"having":{"$not":{"n":{"$gt":1}}}}"#,
                json!([[null, 1]]),
            ),
            (
                r#"{"group_by":["state"],"aggregate":{"s":{"$sum":"price"}},"having":{"s":1.00}}"#,
                json!([["open", 1.0]]),
            ),
            (
                r#"{"group_by":["state"],"aggregate":{"s":{"$sum":"big"}},"having":{"s":18014398509481988}}"#,
                json!([["open", 18014398509481988i64]]),
            ),
            (
                r#"{"group_by":["state"],"aggregate":{"s":{"$sum":"big"}},"having":{"s":{"$lt":18014398509481988}},"sort":["-s"]}"#,
                json!([["shut", 6], [null, 4]]),
            ),
            (
                r#"{"group_by":["state"],"aggregate":{"s":{"$sum":{"$mul":["price","quantity"]}}},"having":{"$or":[{"s":{"$gt":100}},{"state":null}]},"sort":["-s"]}"#,
                json!([["shut", 139.93], [null, 0]]),
            ),
            (
                r#"{"group_by":["day.$year"],"aggregate":{"n":{"$count":"*"}},"having":{"day.$year":{"$gte":"2025"},"n":2}}"#,
                json!([["2025", 2]]),
            ),
            (
                r#"{"group_by":["kind.name"],"aggregate":{"m":{"$max":"state"}},"having":{"m":"shut","kind.name":{"$startswith":"r"}}}"#,
                json!([["rock", "shut"]]),
            ),
            (
                r#"{"group_by":["state"],"aggregate":{"a":{"$avg":"quantity"}},"having":{"a":{"$between":[2,3]}}}"#,
                json!([["open", 2.3333333333333335]]),
            ),
            (
                r#"{"group_by":["state"],"aggregate":{"s":{"$sum":"price"}},"having":{"s":{"$gt":"0.999999"}},"sort":["-s"],"limit":1,"offset":1,"total":true}"#,
                json!([[null, 5.0]]),
            ),
        ] {
            let mut given: Value = serde_json::from_str(params).unwrap();
            let told = engine.served.query("sold", params).await;
            let listed = told["data"].as_array().unwrap().iter();
            let listed: Vec<Vec<Value>> = listed
                .map(|row| row.as_object().unwrap().values().cloned().collect())
                .collect();
            let number = |value: &Value| value.as_f64().map_or(value.clone(), Value::from);
            let plain = |rows: &Value| -> Vec<Vec<Value>> {
                let rows = rows.as_array().unwrap().iter();
                rows.map(|row| row.as_array().unwrap().iter().map(number).collect())
                    .collect()
            };
            assert_eq!(
                plain(&json!(listed)),
                plain(&expected),
                "{params} on {}",
                engine.name
            );
            given["total"] = true.into();
            given["limit"] = 0.into();
            given.as_object_mut().unwrap().remove("offset");
            let counted = engine.served.query("sold", &given.to_string()).await;
            let total = if given["aggregate"].get("s").is_some() && params.contains("offset") {
                3
            } else {
                expected.as_array().unwrap().len()
            };
            assert_eq!(counted["total"], total, "{params} on {}", engine.name);
        }
        let one = r#"{"aggregate":{"n":{"$count":"*"}},"having":{"n":{"$gt":100}},"total":true}"#;
        let none = engine.served.query("sold", one).await;
        assert_eq!((&none["data"], &none["total"]), (&json!([]), &json!(0)));
    }
}

#[tokio::test]
async fn parts_of_dates_are_told_by_the_clock_that_is_asked_for() {
    for engine in engines().await {
        for (part, expected) in [
            (
                "day.$quarter",
                json!([
                    null, "2020-Q1", "2021-Q1", "2024-Q4", "2025-Q1", "2025-Q4", "2026-Q1"
                ]),
            ),
            // The 3rd of January 2021 is a Sunday of the last week of 2020.
            (
                "day.$week",
                json!([
                    null, "2020-W09", "2020-W53", "2025-W01", "2025-W13", "2026-W01"
                ]),
            ),
            ("day.$weekday", json!([null, 1, 4, 6, 7])),
            ("at.$hour", json!([null, 0, 1, 23])),
            ("at.$year", json!([null, "2025", "2026"])),
        ] {
            let params = json!({ "group_by": [part] }).to_string();
            let values = engine.served.column("sold", &params, part).await;
            assert_eq!(json!(values), expected, "{part} on {}", engine.name);
        }
        let zoned = |zone: &str, part: &str| {
            json!({ "group_by": ["id", part], "zone": zone, "limit": 7 }).to_string()
        };
        if engine.name == "sqlite" {
            let refusal = engine
                .served
                .refusal("query", "sold", &zoned("Europe/Paris", "at.$hour"))
                .await;
            assert_eq!(refusal.code, "invalid_parameter");
            engine.served.query("sold", &zoned("UTC", "at.$hour")).await;
        } else {
            let first = zoned("Europe/Paris", "at.$hour");
            if engine.name == "mysql" && engine.served.ask("query", "sold", &first).await.is_err() {
                eprintln!("SKIPPED: the server has no tables of time zones");
                continue;
            }
            for (part, expected) in [
                // Of the two hours of a night in October both are the third.
                ("at.$hour", json!([1, 3, 2, 2, 0, null, 1])),
                (
                    "at.$day",
                    json!([
                        "2025-03-30",
                        "2025-03-30",
                        "2025-10-26",
                        "2025-10-26",
                        "2026-01-01",
                        null,
                        "2026-01-01"
                    ]),
                ),
                (
                    "at.$year",
                    json!(["2025", "2025", "2025", "2025", "2026", null, "2026"]),
                ),
                (
                    "day.$day",
                    json!([
                        "2025-03-30",
                        "2025-12-29",
                        "2026-01-01",
                        "2024-12-30",
                        null,
                        "2021-01-03",
                        "2020-02-29"
                    ]),
                ),
            ] {
                let values = engine
                    .served
                    .column("sold", &zoned("Europe/Paris", part), part)
                    .await;
                assert_eq!(json!(values), expected, "{part} on {}", engine.name);
            }
            let filter = r#"{"filters":{"at.$year":"2026"},"zone":"Europe/Paris","fields":["id"]}"#;
            let ids = engine.served.column("sold", filter, "id").await;
            assert_eq!(json!(ids), json!([5, 7]), "{}", engine.name);
        }
        for zone in ["Europe/Nowhere", "+02:00", "Europe/Paris'; --", ""] {
            let refusal = engine
                .served
                .refusal("query", "sold", &zoned(zone, "at.$hour"))
                .await;
            assert_eq!(
                refusal.error,
                "Parameter 'zone' must be a time zone that the database knows, like \"Europe/Paris\""
            );
        }
        let refusal = engine
            .served
            .refusal("query", "sold", r#"{"group_by":["day.$hour"]}"#)
            .await;
        assert_eq!(refusal.hint.as_deref(), Some("day holds no times"));
    }
}

#[tokio::test]
async fn groups_are_walked_by_cursor_and_each_comes_once() {
    for engine in engines().await {
        for (group, sort) in [
            (json!(["state"]), json!([])),
            (json!(["state"]), json!(["-state"])),
            (
                json!(["kind.name", "state"]),
                json!(["-state", "kind.name"]),
            ),
            (json!(["day.$weekday", "price"]), json!(["-price"])),
            (json!(["at.$month"]), json!(["-at.$month"])),
        ] {
            let mut params = json!({ "group_by": group, "sort": sort,
                "aggregate": { "n": { "$count": "*" } } });
            let whole = engine.served.query("sold", &params.to_string()).await;
            params["limit"] = 1.into();
            let walked = engine
                .served
                .walk("query", "sold", &params.to_string())
                .await
                .concat();
            assert_eq!(json!(walked), whole["data"], "{params} on {}", engine.name);
            params["having"] = json!({ "n": { "$gte": 1 } });
            let walked = engine
                .served
                .walk("query", "sold", &params.to_string())
                .await
                .concat();
            assert_eq!(json!(walked), whole["data"], "{params} on {}", engine.name);
        }
        let by_number =
            r#"{"group_by":["state"],"aggregate":{"n":{"$count":"*"}},"sort":["-n"],"limit":1}"#;
        let answer = engine.served.query("sold", by_number).await;
        assert!(answer.get("next_cursor").is_none());
        let first = engine
            .served
            .query("sold", r#"{"group_by":["state"],"limit":1}"#)
            .await;
        let cursor = first["next_cursor"].clone();
        for other in [
            json!({ "group_by": ["kind_id"], "limit": 1, "cursor": cursor }),
            json!({ "group_by": ["state"], "having": { "state": "open" }, "limit": 1, "cursor": cursor }),
            json!({ "limit": 1, "sort": ["state"], "cursor": cursor }),
        ] {
            let refusal = engine
                .served
                .refusal("query", "sold", &other.to_string())
                .await;
            assert_eq!(refusal.error, "Invalid cursor", "{other}");
        }
    }
}

#[tokio::test]
async fn a_faulty_expression_is_told_with_its_place() {
    let engine = engines().await.remove(0);
    let deep = (0..5).fold(json!("price"), |inner, _| json!({ "$add": [inner, 1] }));
    for (expression, error) in [
        (
            json!({ "$mul": ["price"] }),
            "'aggregate.x.$sum.$mul' takes a list of 2 to 8",
        ),
        (
            json!({ "$div": ["price", 1, 2] }),
            "'aggregate.x.$sum.$div' takes a list of 2",
        ),
        (
            json!({ "$mul": ["price", "state"] }),
            "'aggregate.x.$sum.$mul[1]' is no number",
        ),
        (
            json!({ "$pow": ["price", 2] }),
            "'aggregate.x.$sum.$pow' is no operator of numbers",
        ),
        (
            json!({ "$add": ["price", null] }),
            "'aggregate.x.$sum.$add[1]' is no field, constant or operator of them",
        ),
        (
            deep,
            "'aggregate.x.$sum.$add[0].$add[0].$add[0].$add[0].$add' is more than 4 deep",
        ),
        (
            json!({ "$add": ["price", 1e40] }),
            "'aggregate.x.$sum.$add[1]' has more than 30 digits, or than 12 after the point",
        ),
    ] {
        let params = json!({ "aggregate": { "x": { "$sum": expression } } }).to_string();
        let refusal = engine.served.refusal("query", "sold", &params).await;
        assert_eq!(refusal.error, format!("Invalid expression: {error}"));
        assert_eq!(refusal.code, "invalid_parameter");
    }
    // What is hidden reads as what is not there.
    let unknown = json!({ "aggregate": { "x": { "$sum": { "$mul": ["price", "secret"] } } } });
    let refusal = engine
        .served
        .refusal("query", "sold", &unknown.to_string())
        .await;
    assert_eq!(
        refusal.error,
        "Field 'secret' is not allowed for model 'sold'"
    );
    for (params, hint) in [
        (
            r#"{"group_by":["state"],"having":{"n":1}}"#,
            "members of the groups: state",
        ),
        (
            r#"{"aggregate":{"n":{"$count":"*","where":{"nothing":1}}}}"#,
            "fields of sold: id, kind_id, state, price, quantity, big, f, at, day",
        ),
    ] {
        let refusal = engine.served.refusal("query", "sold", params).await;
        assert_eq!(refusal.code, "invalid_filter", "{params}");
        assert_eq!(refusal.hint.as_deref(), Some(hint));
    }
}

#[tokio::test]
async fn an_answer_without_rows_says_what_there_is_instead() {
    for engine in engines().await {
        let served = &engine.served;
        for (action, params, hint) in [
            (
                "list",
                r#"{"filters":{"state":"Open"}}"#,
                Some(r#"state has no "Open"; it has open, shut"#),
            ),
            (
                "query",
                r#"{"filters":{"state":"shutt","id":{"$gt":1}}}"#,
                Some(r#"state has no "shutt"; it has shut, open"#),
            ),
            (
                "query",
                r#"{"filters":{"kind.name":"Jazz"}}"#,
                Some(r#"kind.name has no "Jazz"; it has jazz, none, rock"#),
            ),
            // It has that, and other conditions leave nothing.
            ("query", r#"{"filters":{"state":"open","id":99}}"#, None),
            (
                "query",
                r#"{"filters":{"state":{"$ne":"open"},"id":99}}"#,
                None,
            ),
            ("query", r#"{"filters":{"state":"Open"},"limit":0}"#, None),
            ("query", r#"{"filters":{"state":"open"}}"#, None),
            ("query", r#"{"filters":{"quantity":1000}}"#, None),
        ] {
            let answer = served.ask(action, "sold", params).await.unwrap();
            let told = answer.get("hint").and_then(Value::as_str);
            // An estimate of a server may be missing for a while; nothing is told then.
            if engine.name == "sqlite" || told.is_some() {
                assert_eq!(told, hint, "{params} on {}", engine.name);
            }
        }
    }
}
