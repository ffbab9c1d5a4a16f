//! What an engine says of the values of a column, asked in SQL of these tests' own.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::direct::{Client, Form};
use crate::engines::Engine;
use crate::generated::{Table, quoted};

/// Values of a column by their texts, and how the engine compares them.
pub(super) struct Compared {
    /// Those that a filter can mean.
    pub(super) values: BTreeSet<String>,
    /// Row's value and filter's: equal, less, greater. What one text may mean twice has several.
    pub(super) pairs: HashMap<(String, String), BTreeSet<[bool; 3]>>,
    /// Places in the order of the column; more than one where a text stands for several values.
    pub(super) ranks: HashMap<String, BTreeSet<i64>>,
}

impl Compared {
    /// How a row's value compares with a filter's, where that is beyond doubt.
    pub(super) fn pair(&self, row: &str, value: &str) -> Option<[bool; 3]> {
        let known = self.pairs.get(&(row.to_owned(), value.to_owned()));
        let mut known = known.into_iter().flatten();
        match (known.next(), known.next()) {
            (None, _) => Some([false; 3]),
            (Some(pair), None) => Some(*pair),
            _ => None,
        }
    }

    pub(super) fn rank(&self, value: &str) -> Option<i64> {
        let ranks = self.ranks.get(value)?;
        (ranks.len() == 1).then(|| ranks.first().copied()).flatten()
    }

    /// The text that stands for all that are equal in the order.
    pub(super) fn class(&self, value: &str) -> String {
        let Some(ranks) = self.ranks.get(value) else {
            return value.to_owned();
        };
        let same = self.ranks.iter().filter(|(_, other)| *other == ranks);
        same.map(|(text, _)| text.clone()).min().unwrap_or_default()
    }
}

/// A model under comparison.
pub(super) struct Oracle<'e> {
    pub(super) engine: &'e Engine,
    pub(super) client: &'e mut Client,
    pub(super) model: String,
    pub(super) names: Vec<String>,
    pub(super) declared: Vec<&'static str>,
    pub(super) forms: Vec<Form>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) compared: Vec<Compared>,
    /// Positions of the primary key's fields, where the service tells one.
    pub(super) key: Vec<usize>,
    pub(super) sortable: Vec<usize>,
    pub(super) asked: usize,
    pub(super) wrong: Vec<String>,
}

/// Whether a value looks like a document, in an engine's SQL.
fn looks(engine: &str, value: &str) -> String {
    if engine == "mysql" {
        let text = format!("CONVERT({value} USING utf8mb4)");
        return format!(
            "(IFNULL(HEX(LEFT({text}, 1)) IN ('7B', '5B', '22', '20', '09', '0A', '0D', 'EFBBBF') \
             AND (INSTR({text}, CHAR(92)) > 0 OR INSTR({text}, '{{') > 0 AND INSTR({text}, ':') > 0), 0))"
        );
    }
    format!(
        "(typeof({value}) = 'text' \
         AND substr({value}, 1, 1) IN ('{{', '[', '\"', ' ', char(9), char(10), char(13), char(65279)) \
         AND ({value} LIKE '%\\%' OR {value} LIKE '%{{%' AND {value} LIKE '%:%'))"
    )
}

impl<'e> Oracle<'e> {
    pub(super) async fn new(
        engine: &'e Engine,
        client: &'e mut Client,
        table: &Table,
        model: String,
    ) -> Self {
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

    pub(super) fn column(&self, alias: &str, at: usize) -> String {
        let dot = if alias.is_empty() { "" } else { "." };
        format!("{alias}{dot}{}", quoted(self.engine.name, &self.names[at]))
    }

    /// A column's values as they are ordered and grouped: what looks like a document is absent, and
    /// on SQLite any column may hold such.
    pub(super) fn shown(&self, at: usize) -> String {
        let column = self.column("", at);
        match self.engine.name {
            "sqlite" => format!(
                "(CASE WHEN NOT {} THEN {column} END COLLATE {})",
                looks("sqlite", &column),
                self.collation(at)
            ),
            engine if self.is_guarded(at) => {
                format!(
                    "(CASE WHEN NOT {} THEN {column} END)",
                    looks(engine, &column)
                )
            }
            _ => column,
        }
    }

    /// Whether a filter takes no value of a column that looks like a document.
    pub(super) fn is_guarded(&self, at: usize) -> bool {
        self.engine.name != "postgres" && matches!(self.forms[at], Form::Text | Form::Any)
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
                let collation = self.collation(at);
                let plain = match self.is_guarded(at) {
                    true => format!(" AND NOT {}", looks("sqlite", &a)),
                    false => String::new(),
                };
                ["=", "<", ">"].map(|operator| {
                    format!(
                        "({left} {operator} {right} COLLATE {collation}) AND {same} \
                         AND {a} NOT NULL{plain}"
                    )
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
            ("mysql", Form::Text) => {
                let plain = looks("mysql", &a);
                ["=", "<", ">"].map(|operator| format!("{a} {operator} {b} AND NOT {plain}"))
            }
            _ => ["=", "<", ">"].map(|operator| format!("{a} {operator} {b}")),
        }
    }

    fn collation(&self, at: usize) -> &'static str {
        let declared = self.declared[at].split_once("COLLATE ");
        declared.map_or("BINARY", |(_, collation)| collation)
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
        let (column, shown) = (self.column("", at), self.shown(at));
        let nulls = if self.engine.name == "postgres" {
            " NULLS FIRST"
        } else {
            ""
        };
        let place = format!("RANK() OVER (ORDER BY {shown}{nulls})");
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
}
