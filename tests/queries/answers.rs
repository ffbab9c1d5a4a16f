//! Answers that cost less: rows as lists, long lists of values, words of SQL, limits that are told.

use serde_json::{Value, json};

use crate::engines::engines;
use crate::support::Served;

const SQL: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, born DATE, about JSON);
    CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), text TEXT,
        amount NUMERIC(10,2));
    INSERT INTO users VALUES (1, 'Ada', '1815-12-10', '{\"a\":[1]}'), (2, 'Li', NULL, NULL);
    INSERT INTO notes VALUES (1, 1, 'one', 0.10), (2, 2, 'two', 0.20), (3, NULL, 'three', NULL);
";

async fn served() -> Served {
    Served::new(SQL, "users,notes").await
}

/// The rows of an answer whose names stand once, as the objects that they would be else.
fn objects(answer: &Value) -> Vec<Value> {
    let names = answer["columns"].as_array().unwrap();
    let rows = answer["data"].as_array().unwrap().iter();
    rows.map(|row| {
        let values = row.as_array().unwrap();
        assert_eq!(values.len(), names.len(), "{answer}");
        let names = names.iter().map(|name| name.as_str().unwrap().to_owned());
        names.zip(values.iter().cloned()).collect()
    })
    .collect()
}

#[tokio::test]
async fn rows_as_lists_are_the_same_rows_and_all_else_is_as_it_was() {
    for engine in engines().await {
        for params in [
            r#"{"limit":7}"#,
            r#"{"limit":0}"#,
            r#"{"fields":["s","id"],"sort":["-s"],"limit":9,"total":true}"#,
            r#"{"filters":{"id":-1}}"#,
            r#"{"group_by":["must"],"aggregate":{"n":{"$count":"*"},"m":{"$avg":"n"}},"limit":2}"#,
        ] {
            let mut given: Value = serde_json::from_str(params).unwrap();
            let mut expected = engine.served.query("t", params).await;
            given["format"] = "columns".into();
            let mut told = engine.served.query("t", &given.to_string()).await;
            let rows = objects(&told);
            assert_eq!(json!(rows), expected["data"], "{params} on {}", engine.name);
            let cursor = expected.get("next_cursor").filter(|_| !rows.is_empty());
            if let Some(cursor) = cursor {
                // One form goes on where the other ended.
                given["cursor"] = cursor.clone();
                let next = engine.served.query("t", &given.to_string()).await;
                assert_ne!(objects(&next), rows);
            }
            for answer in [&mut expected, &mut told] {
                let members = answer.as_object_mut().unwrap();
                members.remove("data");
                members.remove("columns");
                if let Some(cursor) = members.get_mut("next_cursor") {
                    *cursor = "sealed".into();
                }
            }
            assert_eq!(told, expected, "{params} on {}", engine.name);
        }
        let small = r#"{"format":"columns","fields":["id","s"]}"#;
        let answer = engine.served.ask("query", "large", small).await;
        assert_eq!(answer.unwrap()["truncated"], true, "{}", engine.name);
    }
}

#[tokio::test]
async fn an_expanded_row_and_a_document_stay_what_they_are() {
    let served = served().await;
    let message = r#"{"id":1,"action":"query","model":"notes","params":{"fields":["id"],"expand":["user"],"format":"columns","limit":1}}"#;
    let text = served.raw(message).await;
    assert_eq!(
        text.split_once(r#","count""#).unwrap().0,
        r#"{"id":1,"status":"ok","columns":["id","user"],"data":[[1,{"id":1,"name":"Ada","born":"1815-12-10","about":{"a":[1]}}]]"#
    );
    let listed = served.ask("list", "users", r#"{"format":"columns"}"#).await;
    let listed = listed.unwrap();
    assert_eq!(listed["columns"], json!(["id", "name", "born", "about"]));
    let plain = served.ask("list", "users", r#"{"format":"rows"}"#).await;
    assert_eq!(json!(objects(&listed)), plain.unwrap()["data"]);
    for format in [r#""table""#, "1", "[]", r#""Columns""#] {
        let params = format!(r#"{{"format":{format}}}"#);
        let refusal = served.refusal("list", "users", &params).await;
        assert_eq!(
            refusal.error,
            r#"Parameter 'format' must be "rows" or "columns""#
        );
        assert_eq!(refusal.code, "invalid_parameter");
    }
}

#[tokio::test]
async fn a_thousand_values_are_taken_and_one_more_is_not() {
    for engine in engines().await {
        let served = &engine.served;
        let listed = |field: &str, operator: &str, values: &[Value]| {
            let filter = json!({ field: { operator: values } });
            json!({ "filters": filter, "fields": ["id"], "limit": 100, "total": true }).to_string()
        };
        let numbers: Vec<Value> = (1..=1_000).map(Value::from).collect();
        let texts: Vec<Value> = (1..=1_000).map(|n| json!(format!("x{n}"))).collect();
        let decimals: Vec<Value> = (0..1_000).map(|n| json!(format!("{n}.07"))).collect();
        for (field, values) in [
            ("id", &numbers),
            ("s", &texts),
            ("d", &decimals),
            ("f", &numbers),
        ] {
            let inside = served.query("t", &listed(field, "$in", values)).await;
            let outside = served.query("t", &listed(field, "$nin", values)).await;
            let sum = inside["total"].as_u64().unwrap() + outside["total"].as_u64().unwrap();
            assert_eq!(sum, 60, "{field} on {}", engine.name);
            let mut long = values.clone();
            long.push(values[0].clone());
            let refusal = served
                .refusal("query", "t", &listed(field, "$in", &long))
                .await;
            assert_eq!(
                refusal.error,
                format!(
                    "Invalid value for field '{field}': expected a list of at most 1000 values"
                )
            );
            assert!(refusal.hint.unwrap().starts_with("at most 1000 values: "));
        }
        // As many lists as conditions would pass what an engine binds.
        let each = json!({ "id": { "$in": numbers } });
        let of = |count: usize| json!({ "filters": { "$or": vec![&each; count] } }).to_string();
        served.query("t", &of(10)).await;
        let refusal = served.refusal("query", "t", &of(11)).await;
        assert_eq!(
            refusal.error,
            "Invalid value for field 'id': expected at most 10000 values in all lists of a request"
        );
    }
}

#[tokio::test]
async fn the_words_of_sql_are_told_ours() {
    let served = served().await;
    for (action, params, begins) in [
        (
            "query",
            r#"{"where":{"id":1}}"#,
            r#"where is "filters" here; query takes "#,
        ),
        (
            "list",
            r#"{"WHERE":{"id":1}}"#,
            r#"WHERE is "filters" here; list takes "#,
        ),
        (
            "query",
            r#"{"select":["id"]}"#,
            r#"select is "fields" here; "#,
        ),
        (
            "list",
            r#"{"select":["id"]}"#,
            r#"select is "fields" of query; list takes "#,
        ),
        (
            "query",
            r#"{"columns":["id"]}"#,
            r#"columns is "fields" here; "#,
        ),
        (
            "query",
            r#"{"order_by":["id"]}"#,
            r#"order_by is "sort" here; "#,
        ),
        (
            "query",
            r#"{"orderBy":"id"}"#,
            r#"orderBy is "sort" here; "#,
        ),
        (
            "query",
            r#"{"join":["user"]}"#,
            r#"join is "expand" here, or a path like "user.email"; "#,
        ),
        (
            "query",
            r#"{"groupBy":["id"]}"#,
            r#"did you mean "group_by"? "#,
        ),
        (
            "query",
            r#"{"filters":{"text":{"like":"a%"}}}"#,
            "like is $contains, $startswith or $endswith here; operators for text",
        ),
        (
            "query",
            r#"{"filters":{"text":{"$ilike":"a%"}}}"#,
            "$ilike is $icontains, $istartswith or $iendswith here; ",
        ),
        (
            "query",
            r#"{"filters":{"id":{"<>":1}}}"#,
            "<> is $ne here; operators for id (integer): ",
        ),
        (
            "query",
            r#"{"filters":{"id":{"NOT IN":[1]}}}"#,
            "NOT IN is $nin here; ",
        ),
        (
            "query",
            r#"{"filters":{"id":{"like":"1%"}}}"#,
            "operators for id (integer): ",
        ),
        (
            "query",
            r#"{"filters":{"OR":[{"id":1}]}}"#,
            r#"OR is "$or" here"#,
        ),
    ] {
        let refusal = served.refusal(action, "notes", params).await;
        let hint = refusal.hint.unwrap();
        assert!(hint.starts_with(begins), "{action} {params}: {hint}");
    }
}

#[tokio::test]
async fn a_limit_is_told_where_it_is_met() {
    let served = served().await;
    let many: Vec<Value> = (0..65).map(|id| json!({ "id": id })).collect();
    let deep = (0..9).fold(json!({ "id": 1 }), |inner, _| json!({ "$not": inner }));
    let keys: Vec<Value> = (0..1_001).map(Value::from).collect();
    let long = "Invalid value for field 'user_id': expected a list of at most 1000 values";
    for (filters, error, hint) in [
        (
            json!({ "user_id": { "$in": keys } }),
            long,
            r#"at most 1000 values: filter by "user.born" instead of a list of ids"#,
        ),
        (
            json!({ "$or": many }),
            "Too many conditions: at most 64",
            "use $in for many values",
        ),
        (
            deep,
            "Filters nest too deep: at most 8 levels",
            "conditions side by side need no $and",
        ),
    ] {
        let params = json!({ "filters": filters }).to_string();
        let refusal = served.refusal("query", "notes", &params).await;
        assert_eq!(refusal.error, error);
        assert!(refusal.hint.unwrap().starts_with(hint), "{error}");
    }
}
