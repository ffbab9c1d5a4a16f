//! Walks over generated tables: each row comes once, in one order, whatever the size of the page.
//!
//! `LUCARNE_WALKS` is the number of databases (1 unless set), `LUCARNE_WALKS_SEED` the first seed.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::generated;
use crate::support::Served;

const TABLES: usize = 6;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// The rows of a walk, each as the text that was sent, or where it went wrong.
async fn walk(served: &Served, model: &str, params: &Value, most: usize) -> Vec<String> {
    let (mut rows, mut asked) = (Vec::new(), params.clone());
    loop {
        let answer = match served.ask("query", model, &asked.to_string()).await {
            Ok(answer) => answer,
            Err(refusal) => {
                rows.push(format!("{refusal:?}"));
                return rows;
            }
        };
        let page = answer["data"].as_array().unwrap();
        rows.extend(page.iter().map(ToString::to_string));
        match answer.get("next_cursor") {
            Some(cursor) if rows.len() <= most => asked["cursor"] = cursor.clone(),
            Some(_) => rows.push("and so on".to_owned()),
            None => return rows,
        }
        if rows.len() > most {
            return rows;
        }
    }
}

/// Orders and filters of a model: of each field that takes part in one.
fn requests(fields: &[Value], first: Option<&Value>, rng: &mut Rng) -> Vec<Value> {
    let mut requests = vec![json!({})];
    let names: Vec<&str> = fields.iter().filter_map(|it| it["name"].as_str()).collect();
    for _ in 0..2 {
        let mut sort: Vec<String> = names
            .iter()
            .map(|name| format!("{}{name}", if rng.bool() { "-" } else { "" }))
            .collect();
        rng.shuffle(&mut sort);
        sort.truncate(rng.usize(1..3));
        requests.push(json!({"sort": sort}));
    }
    if let (Some(row), Some(name)) = (first, rng.choice(&names)) {
        requests.push(json!({"filters": {*name: row[*name]}, "sort": [format!("-{name}")]}));
    }
    requests
}

#[tokio::test]
async fn each_row_comes_once() {
    let seed = number("LUCARNE_WALKS_SEED", 1);
    let mut walked = 0;
    let mut wrong = Vec::new();
    for seed in seed..seed + number("LUCARNE_WALKS", 1) {
        for (engine, statements) in generated::engines(seed, TABLES).await {
            let served = &engine.served;
            let mut rng = Rng::with_seed(seed);
            for model in (0..TABLES).flat_map(|at| [format!("t{at}"), format!("twice_t{at}")]) {
                let described = served.ask("describe", &model, "{}").await.unwrap();
                let fields = described["data"]["fields"].as_array().unwrap().clone();
                let all = served.query(&model, "{}").await["data"].clone();
                for request in requests(&fields, all.get(0), &mut rng) {
                    // Values of some types have no order, or are no filter.
                    let whole = served.ask("query", &model, &request.to_string()).await;
                    let whole = match whole {
                        Err(refusal) if refusal.code.starts_with("invalid") => continue,
                        whole => whole.unwrap(),
                    };
                    let whole: Vec<String> = whole["data"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(ToString::to_string)
                        .collect();
                    for limit in 1..=whole.len() {
                        let mut params = request.clone();
                        params["limit"] = limit.into();
                        let rows = walk(served, &model, &params, whole.len()).await;
                        walked += 1;
                        if rows != whole {
                            let made = statements.iter();
                            let made: Vec<&String> = made
                                .filter(|it| it.contains(model.trim_start_matches("twice_")))
                                .collect();
                            wrong.push(format!(
                                "seed {seed}, {}, {model} {params}:\n{made:#?}\n{rows:#?}\nnot {whole:#?}",
                                engine.name
                            ));
                            break;
                        }
                    }
                }
            }
        }
    }
    assert!(walked > 100, "{walked} walks");
    let found = wrong.len();
    wrong.truncate(5);
    assert!(
        wrong.is_empty(),
        "{found} of {walked}:\n{}",
        wrong.join("\n\n")
    );
}

#[tokio::test]
async fn an_enum_that_holds_an_empty_text_twice_is_walked_and_found_whole() {
    let statements = [
        "SET sql_mode = ''",
        "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('x','','y'))",
        "INSERT IGNORE INTO t VALUES (1,'x'), (2,'wrong'), (3,'y'), (4,''), (5,NULL), (6,'wrong')",
    ];
    let statements = statements.map(str::to_owned).to_vec();
    let Some(engine) = Engine::mysql(statements, "t", &[]).await else {
        return;
    };
    for (sort, expected) in [("e", [5, 2, 6, 1, 4, 3]), ("-e", [3, 4, 1, 2, 6, 5])] {
        for limit in 1..=6 {
            let params = json!({"sort": [sort], "fields": ["id"], "limit": limit});
            let rows = engine.served.walk("query", "t", &params.to_string()).await;
            let ids: Vec<&Value> = rows.iter().flatten().map(|row| &row["id"]).collect();
            assert_eq!(ids, expected, "{params}");
        }
    }
    for (filters, expected) in [
        (r#"{"e":""}"#, vec![2, 4, 6]),
        (r#"{"e":{"$in":["","y"]}}"#, vec![2, 3, 4, 6]),
        (r#"{"e":{"$ne":""}}"#, vec![1, 3, 5]),
    ] {
        assert_eq!(engine.served.ids("t", filters).await, expected, "{filters}");
    }
}
