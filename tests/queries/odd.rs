//! Answers over odd schemas, compared with what the engine's own client says: tables made from a
//! seed (types, names, keys, collations, NULLs), and SQL that these tests write themselves.
//!
//! `LUCARNE_ODD` is the number of seconds for each engine (a few databases unless set),
//! `LUCARNE_ODD_SEED` the first seed.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::direct::{Client, Form};
use crate::engines::Engine;
use crate::generated::{self, Table, quoted};
use crate::sent::{Sent, ask, ask_raw};

const TABLES: usize = 3;
const DATABASES: u64 = 3;

/// Values of a column by their texts, and how the engine compares them.
struct Compared {
    /// Those that a filter can mean.
    values: BTreeSet<String>,
    /// Row's value and filter's: equal, less, greater. What one text may mean twice has several.
    pairs: HashMap<(String, String), BTreeSet<[bool; 3]>>,
    /// Places in the order of the column; more than one where a text stands for several values.
    ranks: HashMap<String, BTreeSet<i64>>,
}

impl Compared {
    /// How a row's value compares with a filter's, where that is beyond doubt.
    fn pair(&self, row: &str, value: &str) -> Option<[bool; 3]> {
        let known = self.pairs.get(&(row.to_owned(), value.to_owned()));
        let mut known = known.into_iter().flatten();
        match (known.next(), known.next()) {
            (None, _) => Some([false; 3]),
            (Some(pair), None) => Some(*pair),
            _ => None,
        }
    }

    fn rank(&self, value: &str) -> Option<i64> {
        let ranks = self.ranks.get(value)?;
        (ranks.len() == 1).then(|| ranks.first().copied()).flatten()
    }

    /// The text that stands for all that are equal in the order.
    fn class(&self, value: &str) -> String {
        let Some(ranks) = self.ranks.get(value) else {
            return value.to_owned();
        };
        let same = self.ranks.iter().filter(|(_, other)| *other == ranks);
        same.map(|(text, _)| text.clone()).min().unwrap_or_default()
    }
}

/// A model under comparison.
struct Oracle<'e> {
    engine: &'e Engine,
    client: &'e mut Client,
    model: String,
    names: Vec<String>,
    declared: Vec<&'static str>,
    forms: Vec<Form>,
    rows: Vec<Vec<String>>,
    compared: Vec<Compared>,
    /// Positions of the primary key's fields, where the service tells one.
    key: Vec<usize>,
    sortable: Vec<usize>,
    asked: usize,
    wrong: Vec<String>,
}

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

impl<'e> Oracle<'e> {
    async fn new(engine: &'e Engine, client: &'e mut Client, table: &Table, model: String) -> Self {
        let names: Vec<String> = table.columns.iter().map(|it| it.name.clone()).collect();
        let of = |declared| Form::of(engine.name, declared, &model);
        let forms: Vec<Form> = table.columns.iter().map(|it| of(it.declared)).collect();
        let described = engine.served.ask("describe", &model, "{}").await.unwrap();
        let key = described["data"]["primary_key"].as_array().unwrap().iter();
        let at = |name: &Value| names.iter().position(|it| name == it.as_str()).unwrap();
        let key = key.map(at).collect();
        let mut oracle = Self {
            engine,
            client,
            model,
            declared: table.columns.iter().map(|it| it.declared).collect(),
            forms,
            rows: Vec::new(),
            compared: Vec::new(),
            key,
            sortable: Vec::new(),
            asked: 0,
            wrong: Vec::new(),
            names,
        };
        let columns: Vec<(String, Form)> = (0..oracle.names.len())
            .map(|at| (oracle.column("", at), oracle.forms[at]))
            .collect();
        let from = format!("FROM {}", oracle.model);
        oracle.rows = oracle.client.read(&columns, &from).await;
        for at in 0..oracle.names.len() {
            let compared = oracle.compare(at).await;
            oracle.compared.push(compared);
        }
        oracle
    }

    fn column(&self, alias: &str, at: usize) -> String {
        let dot = if alias.is_empty() { "" } else { "." };
        format!("{alias}{dot}{}", quoted(self.engine.name, &self.names[at]))
    }

    /// Whether one column's values are equal, less and greater, in the engine's SQL.
    fn comparisons(&self, at: usize) -> [String; 3] {
        let (a, b) = (self.column("a", at), self.column("b", at));
        let form = self.forms[at];
        match (self.engine.name, form) {
            ("sqlite", _) => {
                // A range compares values of one class, and a T between day and time is a space.
                let [left, right] = [&a, &b].map(|value| match form {
                    Form::Date | Form::DateTime => format!(
                        "(CASE WHEN typeof({value}) = 'text' AND length({value}) > 10 \
                         THEN substr({value}, 1, 10) || 'T' || substr({value}, 12) \
                         ELSE {value} END)"
                    ),
                    _ => value.clone(),
                });
                let class = |value: &str| format!("replace(typeof({value}), 'real', 'integer')");
                let same = format!("{} = {}", class(&a), class(&b));
                // The collation of the column would be lost in an expression.
                let collation = match form {
                    Form::Date | Form::DateTime => self.collation(at),
                    _ => "",
                };
                ["=", "<", ">"].map(|operator| {
                    format!("({left} {operator} {right}{collation}) AND {same} AND {a} NOT NULL")
                })
            }
            // In the order of the declaration.
            ("mysql", Form::Enum) => [
                format!("{a} = {b}"),
                format!("{a} + 0 < {b} + 0"),
                format!("{a} + 0 > {b} + 0"),
            ],
            // Domains over enums have no operators of their own.
            ("postgres", Form::Enum) => {
                ["=", "<", ">"].map(|operator| format!("{a}::mood {operator} {b}::mood"))
            }
            _ => ["=", "<", ">"].map(|operator| format!("{a} {operator} {b}")),
        }
    }

    fn collation(&self, at: usize) -> &'static str {
        if self.declared[at].ends_with("NOCASE") {
            " COLLATE NOCASE"
        } else {
            ""
        }
    }

    async fn compare(&mut self, at: usize) -> Compared {
        let mut compared = Compared {
            values: BTreeSet::new(),
            pairs: HashMap::new(),
            ranks: HashMap::new(),
        };
        if !self.forms[at].is_compared() {
            return compared;
        }
        let form = self.forms[at];
        let flags = self
            .comparisons(at)
            .map(|sql| (format!("({sql})"), Form::Boolean));
        let columns: Vec<(String, Form)> =
            [(self.column("a", at), form), (self.column("b", at), form)]
                .into_iter()
                .chain(flags)
                .collect();
        // What is no text and no number in JSON is served as a text that means something else.
        let meant = match self.engine.name {
            "sqlite" => format!(
                " AND typeof({0}) <> 'blob' AND (typeof({0}) <> 'real' OR abs({0}) < 9e999)",
                self.column("b", at)
            ),
            _ => String::new(),
        };
        let rest = format!(
            "FROM {0} a CROSS JOIN {0} b WHERE {1} IS NOT NULL AND {2} IS NOT NULL{meant}",
            self.model,
            self.column("a", at),
            self.column("b", at)
        );
        for row in self.client.read(&columns, &rest).await {
            let [a, b, flags @ ..] = &row[..] else {
                continue;
            };
            let flag = |at: usize| flags[at] == "true";
            compared.values.insert(b.clone());
            let pair = compared.pairs.entry((a.clone(), b.clone())).or_default();
            pair.insert([flag(0), flag(1), flag(2)]);
        }
        // A character that stands for bytes that are none.
        compared.values.retain(|value| !value.contains('\u{fffd}'));
        let column = self.column("", at);
        let nulls = if self.engine.name == "postgres" {
            " NULLS FIRST"
        } else {
            ""
        };
        let place = format!("RANK() OVER (ORDER BY {column}{nulls})");
        let from = format!("FROM {}", self.model);
        for row in self
            .client
            .read(&[(column, form), (place, Form::Integer)], &from)
            .await
        {
            let rank = row[1].parse().unwrap();
            compared
                .ranks
                .entry(row[0].clone())
                .or_default()
                .insert(rank);
        }
        compared
    }

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
        for null in [true, false] {
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
                if !self.sortable.contains(&at) && operator.contains(['l', 'g']) {
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
        let (key, value) = (self.column("", by), self.column("", of));
        let mut columns = vec![
            (key.clone(), self.forms[by]),
            ("COUNT(*)".to_owned(), Form::Integer),
            (format!("COUNT({value})"), Form::Integer),
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
        // What looks like a document is compared as absent on SQLite, where any column may hold
        // one; tests/queries/documents.rs holds that.
        let is_plain = |sql: &String| name != "sqlite" || !sql.contains("'{");
        let plain = tables
            .iter()
            .filter(|table| table.statements.iter().all(is_plain));
        for table in plain {
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
