//! Walks over generated tables: each row comes once, in one order, whatever the size of the page
//! and whatever is written between pages; and it is the row that the engine's own client reads.
//!
//! `LUCARNE_WALKS` is the number of databases (1 unless set), `LUCARNE_WALKS_SEED` the first seed.

use std::collections::HashMap;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::direct::{Client, Form};
use crate::engines::Engine;
use crate::generated::{self, Table, quoted};
use crate::sent::ask;
use crate::support::Served;

const TABLES: usize = 6;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// What a walk found wrong.
struct Walks<'e> {
    seed: u64,
    engine: &'e Engine,
    client: Client,
    walked: usize,
    wrong: Vec<String>,
}

/// The rows of a walk, each as the text that was sent, or where it went wrong.
async fn walk(served: &Served, model: &str, params: &Value, most: usize) -> Vec<String> {
    let (mut rows, mut asked) = (Vec::new(), params.clone());
    loop {
        let answer = ask(served, "query", model, &asked).await;
        let Some(page) = answer.rows() else {
            rows.push(format!("{answer:?}"));
            return rows;
        };
        rows.extend(page.iter().map(|row| row.join(",")));
        match answer.next_cursor {
            Some(cursor) if rows.len() <= most => asked["cursor"] = cursor.into(),
            Some(_) => rows.push("and so on".to_owned()),
            None => return rows,
        }
        if rows.len() > most {
            return rows;
        }
    }
}

/// Orders and filters of a model: of each field that takes part in one.
fn requests(names: &[&str], first: Option<&Vec<String>>, rng: &mut Rng) -> Vec<Value> {
    let mut requests = vec![json!({})];
    for _ in 0..2 {
        let mut sort: Vec<String> = names
            .iter()
            .map(|name| format!("{}{name}", if rng.bool() { "-" } else { "" }))
            .collect();
        rng.shuffle(&mut sort);
        sort.truncate(rng.usize(1..3));
        requests.push(json!({"sort": sort}));
    }
    if let Some(row) = first {
        let at = rng.usize(..names.len());
        let value: Value = serde_json::from_str(&row[at]).unwrap();
        requests.push(json!({"filters": {names[at]: value}, "sort": [format!("-{}", names[at])]}));
    }
    requests
}

/// How often each row is there.
fn counted(rows: &[String]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for row in rows {
        *counts.entry(&**row).or_default() += 1;
    }
    counts
}

impl Walks<'_> {
    /// The rows of a model, as the engine's own client reads them.
    async fn direct(&mut self, table: &Table, model: &str) -> Vec<String> {
        let engine = self.engine.name;
        let columns: Vec<(String, Form)> = table
            .columns
            .iter()
            .map(|it| {
                (
                    quoted(engine, &it.name),
                    Form::of(engine, it.declared, model),
                )
            })
            .collect();
        let rows = self.client.read(&columns, &format!("FROM {model}")).await;
        rows.iter().map(|row| row.join(",")).collect()
    }

    fn wrong(&mut self, table: &Table, request: &str, rows: &[String], expected: &[String]) {
        let made = table.statements.join("\n");
        let (seed, engine) = (self.seed, self.engine.name);
        self.wrong.push(format!(
            "seed {seed}, {engine}, {request}:\n{made}\n{rows:#?}\nnot {expected:#?}"
        ));
    }

    /// Walks of a model that nobody writes to.
    async fn still(&mut self, table: &Table, model: &str, rng: &mut Rng) {
        let names: Vec<&str> = table.columns.iter().map(|it| &*it.name).collect();
        let served = &self.engine.served;
        let mut direct = self.direct(table, model).await;
        direct.sort_unstable();
        let all = ask(served, "query", model, &json!({"limit": 100})).await;
        for request in requests(&names, all.rows().unwrap().first(), rng) {
            // Values of some types have no order, or are no filter.
            let answer = ask(served, "query", model, &request).await;
            if answer
                .code
                .as_ref()
                .is_some_and(|code| code.starts_with("invalid"))
            {
                continue;
            }
            let whole: Vec<String> = answer
                .rows()
                .unwrap()
                .iter()
                .map(|row| row.join(","))
                .collect();
            let mut sorted = whole.clone();
            sorted.sort_unstable();
            if request.get("filters").is_none() && sorted != direct {
                self.wrong(table, &format!("{model} {request}"), &sorted, &direct);
            }
            for limit in 1..=whole.len() {
                let mut params = request.clone();
                params["limit"] = limit.into();
                let rows = walk(served, model, &params, whole.len()).await;
                self.walked += 1;
                if rows != whole {
                    self.wrong(table, &format!("{model} {params}"), &rows, &whole);
                    break;
                }
            }
        }
    }

    /// A walk of a model whose table is written to before each page but the first: a row that is
    /// there all the time comes once. Of rows that are alike none is told from another, so as many
    /// come as were there all the time, and no more than there ever were.
    async fn written(&mut self, table: &Table, model: &str, rng: &mut Rng) {
        let names: Vec<&str> = table.columns.iter().map(|it| &*it.name).collect();
        let mut request = requests(&names, None, rng).swap_remove(rng.usize(..3));
        request["limit"] = rng.usize(1..4).into();
        let mut seen = vec![self.direct(table, model).await];
        let (mut rows, mut done) = (Vec::new(), Vec::new());
        // What is inserted ahead of the walk lengthens it.
        for _ in 0..100 {
            let answer = ask(&self.engine.served, "query", model, &request).await;
            if answer
                .code
                .as_ref()
                .is_some_and(|code| code == "invalid_parameter")
            {
                return;
            }
            let page = answer
                .rows()
                .unwrap_or_else(|| panic!("{request} {answer:?}"));
            rows.extend(page.iter().map(|row| row.join(",")));
            let Some(cursor) = answer.next_cursor else {
                break;
            };
            request["cursor"] = cursor.into();
            let write = match rng.u8(..5) {
                0 | 1 => table.insertion(rng),
                2 | 3 => table.deletion(rng),
                _ => continue,
            };
            self.client.write(write.clone()).await;
            done.push(format!("after {} rows: {write}", rows.len()));
            seen.push(self.direct(table, model).await);
        }
        self.walked += 1;
        let came = counted(&rows);
        let seen: Vec<HashMap<&str, usize>> = seen.iter().map(|rows| counted(rows)).collect();
        let rows_of =
            |count: &HashMap<&str, usize>, row: &str| count.get(row).copied().unwrap_or(0);
        let every = seen.iter().flat_map(HashMap::keys).chain(came.keys());
        let bad = every.copied().find(|row| {
            let counts: Vec<usize> = seen.iter().map(|count| rows_of(count, row)).collect();
            let least = counts.iter().min().copied().unwrap_or(0);
            let more = counts
                .windows(2)
                .map(|pair| pair[1].saturating_sub(pair[0]));
            let ever = counts[0] + more.sum::<usize>();
            !(least..=ever).contains(&rows_of(&came, row))
        });
        if let Some(bad) = bad {
            let request = format!("{model} {request} with {done:#?}");
            self.wrong(table, &request, &rows, &[bad.to_owned()]);
        }
    }
}

#[tokio::test]
async fn each_row_comes_once() {
    let seed = number("LUCARNE_WALKS_SEED", 1);
    let (mut walked, mut found, mut wrong) = (0, 0, Vec::new());
    for seed in seed..seed + number("LUCARNE_WALKS", 1) {
        for name in ["sqlite", "postgres", "mysql"] {
            let Some((engine, tables)) = generated::made(name, seed, TABLES).await else {
                continue;
            };
            let client = Client::of(&engine).await;
            let mut walks = Walks {
                seed,
                engine: &engine,
                client,
                walked: 0,
                wrong: Vec::new(),
            };
            let mut rng = Rng::with_seed(seed);
            for table in &tables {
                for model in table.models() {
                    walks.still(table, &model, &mut rng).await;
                }
                for model in table.models() {
                    walks.written(table, &model, &mut rng).await;
                }
            }
            walked += walks.walked;
            found += walks.wrong.len();
            wrong.append(&mut walks.wrong);
        }
    }
    eprintln!("{walked} walks, {found} wrong");
    assert!(walked > 100, "{walked} walks");
    wrong.truncate(5);
    assert!(
        wrong.is_empty(),
        "{found} of {walked}:\n{}",
        wrong.join("\n\n")
    );
}
