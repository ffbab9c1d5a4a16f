//! What a client under row rules asks along relations means what it would mean if the rows that it may
//! not see were not there: filters, counts, sums, lists, groups and walks, against the same in memory.

use std::cell::RefCell;

use lucarne::store::{NewDatabase, NewToken};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::data::Data;
use crate::meaning::{
    FIELDS, Rows, check, compare, filters, filters_of, folds_beyond_ascii, script,
};
use crate::support::{Client, Running, Way, database, rules, start, token};

/// Rules by the row itself, by a hidden field, and by the row that it leads to; each with whether a
/// row of all rows keeps it.
type Kept = fn(&Rows<'_>, &Value) -> bool;

const RULES: [(&str, Kept); 3] = [
    ("t.must in (m1, m2, m3)", |_, row| row["must"] != "m0"),
    ("t.b = true", |_, row| row["b"] == true),
    ("t.up.must in (m0, m1)", |all, row| {
        let up = all.up(row);
        up.is_some_and(|up| up["must"] == "m0" || up["must"] == "m1")
    }),
];

/// A client of one engine that sees some of the rows.
struct Ruled {
    engine: &'static str,
    rule: &'static str,
    /// All that it may see.
    seen: Vec<Value>,
    client: RefCell<Client>,
}

impl Ruled {
    fn ask(&self, runtime: &Runtime, params: &Value) -> Value {
        let mut client = self.client.borrow_mut();
        runtime.block_on(client.ask("query", Some("t"), params.clone()))
    }

    /// Whether a filter means there what it means in memory.
    fn knows(&self, filter: &Value) -> bool {
        self.engine != "postgres" || !folds_beyond_ascii(filter)
    }
}

fn statements(data: &Data) -> (&'static str, Vec<String>) {
    match data {
        Data::Sqlite(_) => ("sqlite", script("TEXT", "REAL", "BLOB", "JSON")),
        Data::Postgres { .. } => {
            let text = "TEXT COLLATE \"C\"";
            (
                "postgres",
                script(text, "DOUBLE PRECISION", "BYTEA", "JSONB"),
            )
        }
        Data::MySql { .. } => {
            let text = "VARCHAR(60) COLLATE utf8mb4_bin";
            ("mysql", script(text, "DOUBLE", "LONGBLOB", "JSON"))
        }
    }
}

/// Clients of each rule on each engine. Of the tables only `t` is listed; its key is given, and what
/// the rules name may be hidden.
async fn clients(running: &Running, each: &[Data]) -> Vec<Ruled> {
    let mut clients = Vec::new();
    for data in each {
        let (engine, statements) = statements(data);
        // The last two are of a table that nobody asks for here.
        for statement in statements.iter().take(3) {
            data.execute(statement).await;
        }
        let tenant = lucarne::store::NewTenant {
            name: engine.to_owned(),
            ..Default::default()
        };
        let tenant = running.store.create_tenant(tenant).await.unwrap();
        let tenant = tenant.after.unwrap();
        let of = NewDatabase {
            models: "t".to_owned(),
            relations: "up:t.n=t.id".to_owned(),
            ..database(&data.url())
        };
        running.store.add_database(&tenant.id, of).await.unwrap();
        let client = async |name: &str, rows: &[&str]| {
            let new = NewToken {
                rows: rules(rows),
                ..token(name)
            };
            let (_, secret) = running.token(&tenant, new).await;
            let client = Client::connect(running.address, &secret, Way::Native).await;
            client.ok().unwrap()
        };
        let mut whole = client("whole", &[]).await;
        let page = whole.ask("query", Some("t"), json!({"limit": 100})).await;
        let all = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
        assert_eq!(all.len(), 60);
        let all = Rows(all);
        for (rule, kept) in RULES {
            let seen: Vec<Value> = all
                .0
                .iter()
                .filter(|row| kept(&all, row))
                .cloned()
                .collect();
            assert!((10..50).contains(&seen.len()), "{rule} {}", seen.len());
            clients.push(Ruled {
                engine,
                rule,
                seen,
                client: RefCell::new(client(rule, &[rule]).await),
            });
        }
    }
    clients
}

/// Whether an answer is a refusal of too much, which a filter by chance may ask for.
fn is_too_much(answer: &Value) -> bool {
    let error = answer["error"].as_str().unwrap_or_default();
    error.starts_with("Too many")
}

fn sum(rows: &[&Value], field: &str) -> Option<f64> {
    let all: Vec<f64> = rows.iter().filter_map(|row| row[field].as_f64()).collect();
    (!all.is_empty()).then(|| all.iter().sum())
}

/// Whether both are the same, numbers to what a double holds.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() < 1e-9
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|it| is_same(value, it)))
        }
        _ => one == other,
    }
}

/// The rows that a filter finds, each with what is told of those that lead to it.
fn expected(rows: &Rows<'_>, filter: &Value, of: &Value) -> Vec<Value> {
    let found = rows.0.iter().filter(|row| rows.meets(row, filter));
    let told = found.map(|row| {
        let many = rows.many(row);
        let kept: Vec<&Value> = many
            .iter()
            .copied()
            .filter(|it| rows.meets(it, of))
            .collect();
        let list: Vec<Value> = kept
            .iter()
            .take(3)
            .map(|it| json!({"id": it["id"]}))
            .collect();
        let up = rows
            .up(row)
            .map_or(Value::Null, |up| json!({"id": up["id"], "s": up["s"]}));
        json!({
            "id": row["id"], "up.s": rows.value(row, "up.s"), "far": rows.value(row, "up.up.must"),
            "many": many.len(), "k": kept.len(), "sum": sum(&kept, "d"), "up": up,
            "t": {"rows": list, "has_more": kept.len() > 3},
        })
    });
    told.collect()
}

#[test]
fn what_is_not_seen_is_as_if_it_were_not_there() {
    let runtime = Runtime::new().unwrap();
    let each = runtime.block_on(Data::each());
    let running = runtime.block_on(start(&[]));
    let clients = runtime.block_on(clients(&running, &each));
    let compared = prop::sample::select(vec!["$eq", "$ne", "$gt", "$lte"]);
    let strategy = (filters(2), filters_of(&FIELDS), compared, 0i64..4);
    check(60, &strategy, |(filter, of, word, number)| {
        for ruled in clients
            .iter()
            .filter(|it| it.knows(&filter) && it.knows(&of))
        {
            let who = format!("{} under {}", ruled.engine, ruled.rule);
            let rows = Rows(&ruled.seen);
            let params = json!({
                "filters": filter, "fields": ["id", "up.s"], "limit": 100, "total": true,
                "compute": {"far": "up.up.must", "many": {"$count": "t"}, "k": {"$count": "t", "where": of},
                    "sum": {"$sum": "t.d", "where": of}},
                "include": {"up": {"fields": ["id", "s"]},
                    "t": {"fields": ["id"], "filters": of, "limit": 3}},
            });
            let answer = ruled.ask(&runtime, &params);
            if is_too_much(&answer) {
                continue;
            }
            let wanted = expected(&rows, &filter, &of);
            prop_assert!(
                is_same(&answer["data"], &json!(wanted)),
                "{}: {}: {}",
                who,
                params,
                answer
            );
            prop_assert_eq!(
                &answer["total"],
                &json!(wanted.len()),
                "{}: {}",
                who,
                params
            );
            let params = json!({
                "group_by": ["up.must"], "having": {"n": {word: number}}, "total": true,
                "aggregate": {"n": {"$count": "*", "where": filter}, "d": {"$sum": "up.d"}},
            });
            let answer = ruled.ask(&runtime, &params);
            let groups = groups(&rows, &filter, word, number);
            prop_assert!(
                is_same(&answer["data"], &json!(groups)),
                "{}: {}: {}",
                who,
                params,
                answer
            );
            prop_assert_eq!(
                &answer["total"],
                &json!(groups.len()),
                "{}: {}",
                who,
                params
            );
        }
        Ok(())
    });
}

/// The groups by what each row leads to, and of each how many rows a filter finds.
fn groups(rows: &Rows<'_>, filter: &Value, word: &str, number: i64) -> Vec<Value> {
    let mut groups: std::collections::BTreeMap<Option<String>, Vec<&Value>> = Default::default();
    for row in rows.0 {
        let key = rows.value(row, "up.must").as_str().map(str::to_owned);
        groups.entry(key).or_default().push(row);
    }
    let told = groups.into_iter().map(|(key, all)| {
        let n = all.iter().filter(|row| rows.meets(row, filter)).count();
        let up: Vec<&Value> = all.iter().filter_map(|row| rows.up(row)).collect();
        json!({"up.must": key, "n": n, "d": sum(&up, "d")})
    });
    told.filter(|group| crate::meaning::holds(&group["n"], word, &json!(number)))
        .collect()
}

/// Pages by cursor, in an order along relations, end where the rows end that are seen; none of them
/// tells of another row by `has_more`, a count, or a hint.
#[test]
fn walks_pass_over_what_is_not_seen() {
    let runtime = Runtime::new().unwrap();
    let each = runtime.block_on(Data::each());
    let running = runtime.block_on(start(&[]));
    let clients = runtime.block_on(clients(&running, &each));
    for ruled in &clients {
        let who = format!("{} under {}", ruled.engine, ruled.rule);
        let rows = Rows(&ruled.seen);
        for (sort, limit) in [("up.must", 3), ("-up.up.s", 4), ("-n", 5), ("far", 2)] {
            let by = |row: &Value| match sort.trim_start_matches('-') {
                "n" => json!(rows.many(row).len()),
                "far" => rows.value(row, "up.up.must"),
                path => rows.value(row, path),
            };
            let mut wanted: Vec<&Value> = rows.0.iter().collect();
            wanted.sort_by(|one, other| {
                let order = compare(&by(one), &by(other));
                let order = order.unwrap_or_else(|| by(other).is_null().cmp(&by(one).is_null()));
                let order = if sort.starts_with('-') {
                    order.reverse()
                } else {
                    order
                };
                order.then_with(|| compare(&one["id"], &other["id"]).unwrap())
            });
            let mut params = json!({"fields": ["id"], "sort": [sort], "limit": limit,
                "compute": {"n": {"$count": "t"}, "far": "up.up.must"}});
            let mut walked = Vec::new();
            loop {
                let page = ruled.ask(&runtime, &params);
                let data = page["data"]
                    .as_array()
                    .unwrap_or_else(|| panic!("{who} {page}"));
                walked.extend(data.iter().map(|row| row["id"].clone()));
                let more = walked.len() < wanted.len();
                assert_eq!(page["has_more"], more, "{who} {params}");
                match page.get("next_cursor") {
                    Some(cursor) if more => params["cursor"] = cursor.clone(),
                    _ => break,
                }
            }
            let wanted: Vec<Value> = wanted.iter().map(|row| row["id"].clone()).collect();
            assert_eq!(walked, wanted, "{who} {sort}");
        }
        // A value that only other rows have is no value; along a path those of the model count that it
        // leads to.
        let hint = |params: Value| {
            let answer = ruled.ask(&runtime, &params);
            assert_eq!(answer["count"], 0, "{who} {answer}");
            let told = answer["hint"].as_str().unwrap_or_default().to_owned();
            // It is looked for in little time, and may be none.
            let Some((_, has)) = told.split_once("it has ") else {
                return;
            };
            let told: Vec<&str> = has.split(", ").collect();
            for value in &told {
                let is_seen = |row: &Value| row["must"] == *value;
                assert!(rows.0.iter().any(is_seen), "{who}: {has}");
            }
            let texts = rows.0.iter().map(|row| row["must"].clone());
            let texts = texts.filter_map(|it| it.as_str().map(str::to_owned));
            let texts: std::collections::BTreeSet<String> = texts.collect();
            assert_eq!(told.len(), texts.len().min(5), "{who}: {has}");
        };
        hint(json!({"filters": {"must": "M9"}}));
        hint(json!({"filters": {"up.must": "M9"}}));
    }
}
