//! Answers over odd schemas, compared with what the engine's own client says: tables made from a
//! seed (types, names, keys, collations, NULLs), and SQL that these tests write themselves.
//!
//! `LUCARNE_ODD` is the number of seconds for each engine (a few databases unless set),
//! `LUCARNE_ODD_SEED` the first seed.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::direct::{Client, Form, may_be_document};
use crate::engines::Engine;
use crate::generated;
use crate::sent::{Sent, ask, ask_raw};

mod oracle;

use oracle::Oracle;

const TABLES: usize = 3;
const DATABASES: u64 = 3;

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort_unstable();
    rows
}

fn object(pairs: &[(&str, &str)]) -> String {
    let members = pairs
        .iter()
        .map(|(name, value)| format!("{}:{value}", Value::from(*name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Whether a text, as it is served, may stand for bytes.
fn is_base64(served: &str) -> bool {
    let text = serde_json::from_str::<String>(served);
    text.is_ok_and(|text| BASE64_STANDARD.decode(text).is_ok())
}

/// Whether a text, as it is served, looks like a document.
fn looks(served: &str) -> bool {
    matches!(serde_json::from_str(served), Ok(Value::String(text)) if may_be_document(&text))
}

impl Oracle<'_> {
    /// Notes an answer that is not what the engine says.
    fn wrong(&mut self, asked: &str, answer: &Sent, rows: &str, expected: &str) {
        let (code, error) = (&answer.code, &answer.error);
        self.wrong.push(format!(
            "{} {} {asked}\n  {code:?} {error:?} {rows}\n  not {expected}",
            self.engine.name, self.model
        ));
    }

    /// Asks for rows, which must be these in any order.
    async fn rows(
        &mut self,
        action: &str,
        params: &str,
        expected: Vec<Vec<String>>,
        refusable: bool,
    ) {
        self.asked += 1;
        let answer = ask_raw(&self.engine.served, action, &self.model, params).await;
        if refusable && answer.code.as_deref() == Some("invalid_value") {
            return;
        }
        let (rows, expected) = (answer.rows().map(sorted), sorted(expected));
        let counted = answer.total.is_none_or(|total| total == expected.len());
        if rows.as_ref() != Some(&expected) || !counted {
            let asked = format!("{action} {params}");
            self.wrong(
                &asked,
                &answer,
                &format!("{rows:?} {:?}", answer.total),
                &format!("{expected:?}"),
            );
        }
    }

    /// The rows whose value in a column passes.
    fn that(&self, at: usize, passes: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
        self.rows
            .iter()
            .filter(|row| passes(&row[at]))
            .cloned()
            .collect()
    }

    async fn whole(&mut self) {
        let all = self.rows.clone();
        self.rows("list", r#"{"limit":100}"#, all.clone(), false)
            .await;
        self.rows("query", r#"{"limit":100,"total":true}"#, all, false)
            .await;
    }

    async fn filters(&mut self, at: usize) {
        let name = self.names[at].clone();
        // The document null is a value, which is written like none.
        let nulls: &[bool] = match self.forms[at] {
            Form::Json => &[],
            _ => &[true, false],
        };
        for &null in nulls {
            let params = format!(
                r#"{{"limit":100,"total":true,"filters":{}}}"#,
                object(&[(&name, &format!(r#"{{"$null":{null}}}"#))])
            );
            let expected = self.that(at, |value| (value == "null") == null);
            self.rows("query", &params, expected, false).await;
        }
        let values: Vec<String> = self.compared[at].values.iter().cloned().collect();
        for value in &values {
            let refusable = self.forms[at].may_refuse(value);
            let list = format!(r#"{{"limit":100,"filters":{}}}"#, object(&[(&name, value)]));
            for (operator, negated, holds) in [
                ("$eq", false, [true, false, false]),
                ("$ne", true, [true, false, false]),
                ("$in", false, [true, false, false]),
                ("$nin", true, [true, false, false]),
                ("$lt", false, [false, true, false]),
                ("$gt", false, [false, false, true]),
                ("$lte", false, [true, true, false]),
                ("$gte", false, [true, false, true]),
            ] {
                // The empty text of an enum may have two places.
                let unordered = self.forms[at] == Form::Enum && value == "\"\"";
                let ordered = self.sortable.contains(&at) && !unordered;
                if !ordered && operator.contains(['l', 'g']) {
                    continue;
                }
                let Some(expected) = self.holding(at, value, holds, negated) else {
                    continue;
                };
                let operand = match operator {
                    "$in" | "$nin" => format!("[{value}]"),
                    _ => value.clone(),
                };
                let test = format!("{{{}:{operand}}}", Value::from(operator));
                let params = format!(
                    r#"{{"limit":100,"total":true,"filters":{}}}"#,
                    object(&[(&name, &test)])
                );
                if operator == "$eq" {
                    self.rows("list", &list, expected.clone(), refusable).await;
                }
                self.rows("query", &params, expected, refusable).await;
            }
        }
        let refusable = |form: Form, value: &String| form.may_refuse(value);
        let taken: Vec<&String> = values
            .iter()
            .filter(|it| !refusable(self.forms[at], it))
            // One text may stand for several values: it is known of none which it finds.
            .filter(|it| self.holding(at, it, [true, false, false], false).is_some())
            .take(50)
            .collect();
        let listed: Vec<&str> = taken.iter().map(|it| &***it).chain(["null"]).collect();
        let params = format!(
            r#"{{"limit":100,"filters":{}}}"#,
            object(&[(&name, &format!(r#"{{"$in":[{}]}}"#, listed.join(",")))])
        );
        let compared = &self.compared[at];
        let equal = |row: &str, value: &str| compared.pair(row, value).is_some_and(|pair| pair[0]);
        let expected = self.that(at, |row| {
            row == "null" || taken.iter().any(|value| equal(row, value))
        });
        if self.forms[at].is_compared() {
            self.rows("query", &params, expected, false).await;
        }
    }

    /// The rows whose value is one of equal, less and greater than a filter's.
    fn holding(
        &self,
        at: usize,
        value: &str,
        holds: [bool; 3],
        negated: bool,
    ) -> Option<Vec<Vec<String>>> {
        let mut expected = Vec::new();
        for row in &self.rows {
            let pair = match &*row[at] {
                "null" => [false; 3],
                own => self.compared[at].pair(own, value)?,
            };
            let any = pair.iter().zip(holds).any(|(is, counts)| *is && counts);
            if any != negated {
                expected.push(row.clone());
            }
        }
        Some(expected)
    }

    /// Each record by its key.
    async fn records(&mut self) {
        if self.key.is_empty() {
            return;
        }
        for row in self.rows.clone() {
            let known = |at: &usize| self.compared[*at].values.contains(&row[*at]);
            if !self.key.iter().all(known) {
                continue;
            }
            let pairs: Vec<(&str, &str)> = self
                .key
                .iter()
                .map(|at| (&*self.names[*at], &*row[*at]))
                .collect();
            let id = match &pairs[..] {
                [(_, value)] => (*value).to_owned(),
                pairs => object(pairs),
            };
            let params = format!(r#"{{"id":{id}}}"#);
            self.asked += 1;
            let answer = ask_raw(&self.engine.served, "get", &self.model, &params).await;
            let refusable = self
                .key
                .iter()
                .any(|at| self.forms[*at].may_refuse(&row[*at]));
            if refusable && answer.code.as_deref() == Some("invalid_value") {
                continue;
            }
            let is_key = |other: &[String]| {
                self.key.iter().all(|at| {
                    let pair = self.compared[*at].pair(&other[*at], &row[*at]);
                    pair.is_none_or(|pair| pair[0])
                })
            };
            let is_document = |at: &usize| self.is_guarded(*at) && looks(&row[*at]);
            // Bytes in a column that is not declared for them are served and cannot be asked for.
            let is_bytes = |at: &usize| self.forms[*at] == Form::Any && is_base64(&row[*at]);
            let passes = |at: &usize| is_document(at) || is_bytes(at);
            if self.key.iter().any(passes) && answer.code.as_deref() == Some("not_found") {
                continue;
            }
            let got = answer.row();
            let right = got
                .as_ref()
                .is_some_and(|it| is_key(it) && self.rows.contains(it));
            if !right {
                self.wrong(
                    &format!("get {params}"),
                    &answer,
                    &format!("{got:?}"),
                    &format!("{row:?}"),
                );
            }
        }
    }

    /// Which fields sort, each way, and that they do.
    async fn sorts(&mut self, rng: &mut Rng) {
        for at in 0..self.names.len() {
            let name = &self.names[at];
            let params = json!({"sort": [name], "limit": 0});
            let answer = ask(&self.engine.served, "query", &self.model, &params).await;
            if answer.code.is_none() {
                self.sortable.push(at);
            } else if self.forms[at].is_compared() && self.forms[at] != Form::Set {
                self.wrong(&params.to_string(), &answer, "", "an order");
            }
        }
        let usable = |at: &usize| self.forms[*at].is_compared();
        let usable: Vec<usize> = self.sortable.iter().copied().filter(usable).collect();
        for at in usable.clone() {
            let then = usable[rng.usize(..usable.len())];
            for sort in [
                vec![(at, false)],
                vec![(at, true)],
                vec![(at, rng.bool()), (then, rng.bool())],
            ] {
                self.sort(&sort).await;
            }
        }
        self.sort(&[]).await;
    }

    async fn sort(&mut self, sort: &[(usize, bool)]) {
        let texts: Vec<String> = sort
            .iter()
            .map(|(at, down)| format!("{}{}", if *down { "-" } else { "" }, self.names[*at]))
            .collect();
        let params = json!({"sort": texts, "limit": 100});
        self.asked += 1;
        let answer = ask(&self.engine.served, "query", &self.model, &params).await;
        let Some(rows) = answer.rows() else {
            self.wrong(&params.to_string(), &answer, "", "rows");
            return;
        };
        // The key comes last, or without one all that sorts.
        let last = if self.key.is_empty() {
            &self.sortable
        } else {
            &self.key
        };
        let mut order = sort.to_vec();
        for at in last {
            // What the engine's client was not asked about ends what is known.
            if !self.forms[*at].is_compared() {
                break;
            }
            order.push((*at, false));
        }
        let place = |row: &Vec<String>| {
            let ranks = order.iter().map(|(at, down)| {
                let rank = self.compared[*at].rank(&row[*at])?;
                Some(if *down { -rank } else { rank })
            });
            ranks.collect::<Option<Vec<i64>>>()
        };
        let places: Option<Vec<Vec<i64>>> = rows.iter().map(place).collect();
        if places.is_some_and(|places| !places.is_sorted()) || rows.len() != self.rows.len() {
            let mut expected = self.rows.clone();
            expected.sort_by_key(place);
            self.wrong(
                &params.to_string(),
                &answer,
                &format!("{rows:?}"),
                &format!("{expected:?}"),
            );
        }
    }

    /// Groups of a field, and what they tell of another.
    async fn groups(&mut self, by: usize, of: usize) {
        let ordered = self.sortable.contains(&of) && self.forms[of].is_compared();
        let name = &self.names[of];
        let mut aggregate = json!({"n": {"$count": "*"}, "k": {"$count": name}});
        if ordered {
            aggregate["d"] = json!({"$count_distinct": name});
            aggregate["lo"] = json!({"$min": name});
            aggregate["hi"] = json!({"$max": name});
        }
        let params = json!({
            "group_by": [self.names[by]], "aggregate": aggregate, "limit": 100, "total": true
        });
        self.asked += 1;
        let answer = ask(&self.engine.served, "query", &self.model, &params).await;
        let (key, value) = (self.shown(by), self.shown(of));
        let mut columns = vec![
            (key.clone(), self.forms[by]),
            ("COUNT(*)".to_owned(), Form::Integer),
            (format!("COUNT({})", self.column("", of)), Form::Integer),
        ];
        if ordered {
            columns.push((format!("COUNT(DISTINCT {value})"), Form::Integer));
            for (function, down) in [("MIN", ""), ("MAX", " DESC")] {
                let extreme = match self.engine.name {
                    // It has neither for some types that have an order.
                    "postgres" => format!(
                        "(array_agg({value} ORDER BY {value}{down}) \
                         FILTER (WHERE {value} IS NOT NULL))[1]"
                    ),
                    _ => format!("{function}({value})"),
                };
                columns.push((extreme, self.forms[of]));
            }
        }
        let rest = format!("FROM {} GROUP BY {key}", self.model);
        let direct = self.client.read(&columns, &rest).await;
        let alike = |rows: Vec<Vec<String>>| {
            let each = rows.into_iter().map(|mut row| {
                row[0] = self.compared[by].class(&row[0]);
                for extreme in row.iter_mut().skip(4) {
                    *extreme = self.compared[of].class(extreme);
                }
                row
            });
            sorted(each.collect())
        };
        let expected = alike(direct);
        let groups = answer.rows().map(alike);
        if groups.as_ref() != Some(&expected) || answer.total != Some(expected.len()) {
            self.wrong(
                &params.to_string(),
                &answer,
                &format!("{groups:?}"),
                &format!("{expected:?}"),
            );
        }
    }

    async fn check(&mut self, rng: &mut Rng) {
        self.whole().await;
        self.sorts(rng).await;
        self.records().await;
        for at in 0..self.names.len() {
            self.filters(at).await;
            // Sets make no groups.
            if self.forms[at].is_compared() && self.forms[at] != Form::Set {
                self.groups(at, rng.usize(..self.names.len())).await;
            }
        }
    }
}

/// Compares databases from a seed on, as long as `LUCARNE_ODD` says.
async fn compare(name: &'static str) {
    let variable = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let first = variable("LUCARNE_ODD_SEED").unwrap_or(1);
    let seconds = variable("LUCARNE_ODD").map(Duration::from_secs);
    let begun = Instant::now();
    let (mut asked, mut found, mut wrong, mut seed) = (0, 0, Vec::new(), first);
    let goes_on = |seed| match seconds {
        Some(seconds) => begun.elapsed() < seconds,
        None => seed < first + DATABASES,
    };
    while goes_on(seed) {
        let Some((engine, tables)) = generated::made(name, seed, TABLES).await else {
            return;
        };
        let mut client = Client::of(&engine).await;
        let mut rng = Rng::with_seed(seed);
        for table in &tables {
            for model in table.models() {
                let mut oracle = Oracle::new(&engine, &mut client, table, model).await;
                oracle.check(&mut rng).await;
                asked += oracle.asked;
                found += oracle.wrong.len();
                if let Some(first) = oracle.wrong.first() {
                    let made = table.statements.join(";\n");
                    wrong.push(format!("seed {seed}: {first}\n{made}"));
                }
            }
        }
        seed += 1;
    }
    eprintln!(
        "{name}: seeds {first} to {}, {asked} asked, {found} wrong",
        seed - 1
    );
    assert!(asked > 100, "{asked} asked");
    wrong.truncate(8);
    assert!(
        wrong.is_empty(),
        "{found} of {asked} on {name}:\n{}",
        wrong.join("\n\n")
    );
}

#[tokio::test]
async fn sqlite_answers_as_its_own_client_does() {
    compare("sqlite").await;
}

#[tokio::test]
async fn postgres_answers_as_its_own_client_does() {
    compare("postgres").await;
}

#[tokio::test]
async fn mysql_answers_as_its_own_client_does() {
    compare("mysql").await;
}

#[tokio::test]
async fn a_composite_value_with_nulls_in_it_is_a_value() {
    let statements = [
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE TABLE t (id int PRIMARY KEY, c pair)",
        "INSERT INTO t VALUES (1, ROW(1, 'a')), (2, ROW(1, NULL)), (3, ROW(NULL, NULL)), (4, NULL)",
    ];
    let statements = statements.map(str::to_owned).to_vec();
    let Some(engine) = Engine::postgres(statements, "t", &[]).await else {
        return;
    };
    for (filters, expected) in [
        (r#"{"c":null}"#, vec![4]),
        (r#"{"c":{"$null":true}}"#, vec![4]),
        (r#"{"c":{"$null":false}}"#, vec![1, 2, 3]),
        (r#"{"$not":{"c":{"$null":true}}}"#, vec![1, 2, 3]),
    ] {
        assert_eq!(engine.served.ids("t", filters).await, expected, "{filters}");
    }
}
