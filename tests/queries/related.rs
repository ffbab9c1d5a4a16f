//! Filters, values and lists over relations to many mean on every engine what they mean in memory.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::engines::engines;
use crate::meaning::{FIELDS, Rows, check, filters, filters_of, folds_beyond_ascii, holds};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn filters_over_many_rows_find_what_they_mean() {
    let runtime = Runtime::new().unwrap();
    let engines = runtime.block_on(engines());
    let all = runtime.block_on(engines[0].served.query("t", r#"{"limit":100}"#));
    let rows = Rows(all["data"].as_array().unwrap());
    assert!(rows.0.iter().any(|row| rows.many(row).len() > 3));
    check(200, &filters(3), |filter| {
        let expected = rows.0.iter().filter(|row| rows.meets(row, &filter));
        let ids: Vec<&Value> = expected.map(|row| &row["id"]).collect();
        for engine in &engines {
            if engine.name == "postgres" && folds_beyond_ascii(&filter) {
                continue;
            }
            let params = json!({"filters": filter, "limit": 100, "fields": ["id"], "total": true});
            let asked = runtime.block_on(engine.served.ask("query", "t", &params.to_string()));
            let answer = match asked {
                Ok(answer) => answer,
                // A filter may be of more relations than a request.
                Err(refusal) if refusal.error.starts_with("Too many") => continue,
                Err(refusal) => panic!("{}: {params}: {refusal:?}", engine.name),
            };
            let found = answer["data"].as_array().unwrap().iter();
            let found: Vec<&Value> = found.map(|row| &row["id"]).collect();
            prop_assert_eq!(&found, &ids, "{}: {}", engine.name, params);
            prop_assert_eq!(&answer["total"], &json!(ids.len()), "{}", engine.name);
        }
        Ok(())
    });
}

#[test]
fn values_and_lists_are_of_the_rows_that_are_meant() {
    let runtime = Runtime::new().unwrap();
    let engines = runtime.block_on(engines());
    let all = runtime.block_on(engines[0].served.query("t", r#"{"limit":100}"#));
    let rows = Rows(all["data"].as_array().unwrap());
    let sort = prop::sample::select(vec![json!([]), json!(["-id"]), json!(["-s"]), json!(["b"])]);
    let strategy = (filters(1), sort, 0usize..4, any::<bool>());
    check(120, &strategy, |(filter, sort, limit, after_one)| {
        let way = if after_one { "up.t" } else { "t" };
        let expected = rows.0.iter().map(|row| {
            let owner = if after_one { rows.up(row) } else { Some(row) };
            let many = owner.map(|owner| rows.many(owner)).unwrap_or_default();
            let mut many: Vec<&Value> = many
                .into_iter()
                .filter(|row| rows.meets(row, &filter))
                .collect();
            let floats: Vec<f64> = many.iter().filter_map(|row| row["f"].as_f64()).collect();
            let exact: Vec<f64> = many.iter().filter_map(|row| row["d"].as_f64()).collect();
            let mut out = Map::new();
            out.insert("id".into(), row["id"].clone());
            out.insert("n".into(), json!(many.len()));
            out.insert("k".into(), json!(floats.len()));
            let sum = |all: &[f64]| (!all.is_empty()).then(|| all.iter().sum::<f64>());
            out.insert("d".into(), json!(sum(&exact)));
            let mean = sum(&floats).map(|sum| sum / floats.len() as f64);
            out.insert("m".into(), json!(mean));
            let texts = many.iter().filter_map(|row| row["must"].as_str());
            out.insert("x".into(), json!(texts.max()));
            match sort[0].as_str() {
                Some("-id") => many.reverse(),
                Some("-s") => many.sort_by(|one, other| {
                    other["s"]
                        .as_str()
                        .map(str::as_bytes)
                        .cmp(&one["s"].as_str().map(str::as_bytes))
                }),
                Some("b") => many.sort_by_key(|row| row["b"].as_bool()),
                _ => {}
            }
            let more = many.len() > limit;
            many.truncate(limit);
            let ids = many.iter().map(|row| json!({"id": row["id"]}));
            let list = json!({"rows": ids.collect::<Vec<_>>(), "has_more": more});
            let list = match (after_one, owner) {
                (false, _) => list,
                (true, Some(_)) => json!({"must": owner.unwrap()["must"], "t": list}),
                (true, None) => Value::Null,
            };
            out.insert(if after_one { "up".into() } else { "t".into() }, list);
            Value::Object(out)
        });
        let expected: Vec<Value> = expected.collect();
        let of = |function: &str, field: &str| {
            let path = if field.is_empty() {
                way.to_owned()
            } else {
                format!("{way}.{field}")
            };
            json!({ function: path, "where": filter })
        };
        let chosen = json!({"fields": ["id"], "filters": filter, "sort": sort, "limit": limit});
        let include = match after_one {
            true => json!({"up": {"fields": ["must"], "include": {"t": chosen}}}),
            false => json!({ "t": chosen }),
        };
        let params = json!({
            "fields": ["id"], "limit": 100, "include": include,
            "compute": {"n": of("$count", ""), "k": of("$count", "f"), "d": of("$sum", "d"),
                "m": of("$avg", "f"), "x": of("$max", "must")},
        });
        for engine in &engines {
            if engine.name == "postgres" && folds_beyond_ascii(&filter) {
                continue;
            }
            let asked = runtime.block_on(engine.served.ask("query", "t", &params.to_string()));
            let answer = match asked {
                Ok(answer) => answer,
                Err(refusal) if refusal.error.starts_with("Too many") => continue,
                Err(refusal) => panic!("{}: {params}: {refusal:?}", engine.name),
            };
            let found = answer["data"].as_array().unwrap();
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                for (name, value) in expected.as_object().unwrap() {
                    let same = match value {
                        Value::Number(_) => {
                            !found[name].is_null()
                                && (number(&found[name]) - number(value)).abs() < 1e-9
                        }
                        value => found[name] == *value,
                    };
                    prop_assert!(same, "{}: {}: {} {}", engine.name, params, found, expected);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn groups_are_told_and_remain_as_it_is_meant() {
    let runtime = Runtime::new().unwrap();
    let engines = runtime.block_on(engines());
    let all = runtime.block_on(engines[0].served.query("t", r#"{"limit":100}"#));
    let rows = Rows(all["data"].as_array().unwrap());
    let compared = prop::sample::select(vec!["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]);
    let strategy = (filters(1), filters_of(&FIELDS), compared, 0i64..8);
    check(120, &strategy, |(filter, of, word, number)| {
        let mut groups: std::collections::BTreeMap<&str, Vec<&Value>> = Default::default();
        for row in rows.0.iter().filter(|row| rows.meets(row, &of)) {
            groups
                .entry(row["must"].as_str().unwrap())
                .or_default()
                .push(row);
        }
        let told = groups.iter().map(|(must, all)| {
            let kept: Vec<_> = all.iter().filter(|row| rows.meets(row, &filter)).collect();
            let sums = kept
                .iter()
                .filter_map(|row| Some(row["id"].as_i64().unwrap() + 2 * row["n"].as_i64()?));
            let sums: Vec<i64> = sums.collect();
            let sum = (!sums.is_empty()).then(|| sums.iter().sum::<i64>());
            json!({"must": must, "n": all.len(), "k": kept.len(), "sum": sum})
        });
        let expected = told.filter(|group| holds(&group["k"], word, &json!(number)));
        let expected: Vec<Value> = expected.collect();
        let params = json!({
            "filters": of, "group_by": ["must"], "having": {"k": {word: number}}, "total": true,
            "aggregate": {"n": {"$count": "*"}, "k": {"$count": "*", "where": filter},
                "sum": {"$sum": {"$add": ["id", {"$mul": ["n", 2]}]}, "where": filter}},
        });
        for engine in &engines {
            let folds = folds_beyond_ascii(&filter) || folds_beyond_ascii(&of);
            if engine.name == "postgres" && folds {
                continue;
            }
            let asked = runtime.block_on(engine.served.ask("query", "t", &params.to_string()));
            let answer = match asked {
                Ok(answer) => answer,
                Err(refusal) if refusal.error.starts_with("Too many") => continue,
                Err(refusal) => panic!("{}: {params}: {refusal:?}", engine.name),
            };
            prop_assert_eq!(
                &answer["data"],
                &json!(expected),
                "{}: {}",
                engine.name,
                params
            );
            prop_assert_eq!(&answer["total"], &json!(expected.len()), "{}", engine.name);
        }
        Ok(())
    });
}

/// What is made of floats is written as a float everywhere.
#[tokio::test]
async fn floats_are_written_alike() {
    let mut told = Vec::new();
    for engine in engines().await {
        let each = r#"{"id":1,"action":"query","model":"t","params":{"fields":["id"],"compute":{"x":{"$mul":["f",2]},"y":{"$sum":{"$add":["t.f",1]}},"z":{"$max":"t.f"}},"limit":30}}"#;
        let all = r#"{"id":1,"action":"query","model":"t","params":{"group_by":["must"],"aggregate":{"x":{"$sum":{"$mul":["f",2]}},"y":{"$max":{"$add":["f",1]}},"z":{"$sum":"f"}}}}"#;
        for message in [each, all] {
            let answer = engine.served.raw(message).await;
            told.push(answer.split("\"next_cursor\"").next().unwrap().to_owned());
        }
    }
    assert!(told[0].contains("\"x\":-2.0"), "{}", told[0]);
    for pair in told.chunks(2) {
        assert_eq!(pair, &told[..2]);
    }
}
