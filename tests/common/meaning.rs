//! A database of odd rows, and what filters over them and along their relations mean: the documented
//! meaning, written down once more in memory.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// `t`: 60 rows with NULLs, ties and odd texts, the same everywhere. Text is compared by its bytes.
///
/// `large`: values that no answer of 20 000 bytes holds.
pub(crate) fn script(text: &str, float: &str, bytes: &str, json: &str) -> Vec<String> {
    let quoted = |text: Option<String>| match text {
        Some(text) => format!("'{text}'"),
        None => "NULL".to_owned(),
    };
    let rows: Vec<String> = (1..=60)
        .map(|i: i64| {
            let n = (i * 7 % 11 != 3).then_some(i * 7 % 11);
            let f = (i * 13 % 9 - 4) as f64 / 2.0;
            let s = match i % 8 {
                0 => None,
                1 => Some(String::new()),
                2 => Some("a%b".to_owned()),
                3 => Some("A_B".to_owned()),
                4 => Some("Ärger".to_owned()),
                5 => Some("ä*[x]".to_owned()),
                _ => Some(format!("x{i}")),
            };
            let b = ["TRUE", "FALSE", "NULL"][(i % 3) as usize];
            format!(
                "({i}, {}, {}, {}, {}, {b}, 'm{}')",
                n.map_or("NULL".to_owned(), |n| n.to_string()),
                if f == 1.5 {
                    "NULL".to_owned()
                } else {
                    format!("{f:?}")
                },
                n.map_or("NULL".to_owned(), |n| format!("{n}.{:02}", i % 100)),
                quoted(s),
                i % 4
            )
        })
        .collect();
    vec![
        format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, f {float}, d NUMERIC(10, 2), s {text}, \
             b BOOLEAN, must {text} NOT NULL)"
        ),
        "CREATE INDEX by_n ON t (n)".to_owned(),
        format!("INSERT INTO t VALUES {}", rows.join(", ")),
        format!("CREATE TABLE large (id INTEGER PRIMARY KEY, s {text}, raw {bytes}, doc {json})")
            .replace("VARCHAR(60)", "LONGTEXT"),
        format!(
            "INSERT INTO large VALUES (1, 'small', NULL, '[1]'), (2, '{}', NULL, NULL), \
             (3, 'x', '{}', '{{}}'), (4, NULL, NULL, '[\"{}\"]'), (5, 'last', NULL, NULL)",
            "é".repeat(15_000),
            "r".repeat(25_000),
            "d".repeat(40_000)
        ),
    ]
}

pub(crate) fn holds(cell: &Value, operator: &str, value: &Value) -> bool {
    let order = |value: &Value| compare(cell, value);
    let among = |value: &Value| {
        let values = value.as_array().unwrap();
        values.iter().any(|value| holds(cell, "$eq", value))
    };
    let fold = |text: &str| {
        text.chars()
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    let text = |test: fn(&str, &str) -> bool, folded: bool| match (cell.as_str(), value.as_str()) {
        (Some(cell), Some(value)) if folded => test(&fold(cell), &fold(value)),
        (Some(cell), Some(value)) => test(cell, value),
        _ => false,
    };
    match operator {
        "$eq" if value.is_null() => cell.is_null(),
        "$eq" => order(value) == Some(Ordering::Equal),
        "$ne" => !holds(cell, "$eq", value),
        "$gt" => order(value) == Some(Ordering::Greater),
        "$gte" => order(value).is_some_and(Ordering::is_ge),
        "$lt" => order(value) == Some(Ordering::Less),
        "$lte" => order(value).is_some_and(Ordering::is_le),
        "$in" => among(value),
        "$nin" => !among(value),
        "$between" => holds(cell, "$gte", &value[0]) && holds(cell, "$lte", &value[1]),
        "$null" => cell.is_null() == value.as_bool().unwrap(),
        "$contains" => text(|cell, value| cell.contains(value), false),
        "$icontains" => text(|cell, value| cell.contains(value), true),
        "$startswith" => text(|cell, value| cell.starts_with(value), false),
        "$istartswith" => text(|cell, value| cell.starts_with(value), true),
        "$endswith" => text(|cell, value| cell.ends_with(value), false),
        "$iendswith" => text(|cell, value| cell.ends_with(value), true),
        other => panic!("{other}"),
    }
}

pub(crate) fn compare(cell: &Value, value: &Value) -> Option<Ordering> {
    match (cell, value) {
        (Value::Number(cell), Value::Number(value)) => {
            cell.as_f64().unwrap().partial_cmp(&value.as_f64().unwrap())
        }
        (Value::String(cell), Value::String(value)) => Some(cell.as_bytes().cmp(value.as_bytes())),
        (Value::Bool(cell), Value::Bool(value)) => Some(cell.cmp(value)),
        _ => None,
    }
}

/// The last name of a path.
fn own(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn values(field: &'static str) -> BoxedStrategy<Value> {
    let texts = [
        "", "a", "%", "_", "*", "[", "a%b", "A_B", "Ä", "ärg", "x1", "X", "m1", "]",
    ];
    match own(field) {
        "id" | "n" => (-1i64..61).prop_map(Value::from).boxed(),
        "f" => (-5i64..6).prop_map(|half| json!(half as f64 / 2.0)).boxed(),
        "b" => any::<bool>().prop_map(Value::from).boxed(),
        _ => prop::sample::select(texts.to_vec())
            .prop_map(Value::from)
            .boxed(),
    }
}

fn tests(field: &'static str) -> BoxedStrategy<Value> {
    let one = values(field);
    let or_null = prop_oneof![4 => values(field), 1 => Just(Value::Null)].boxed();
    let list = prop::collection::vec(or_null.clone(), 0..4).prop_map(Value::from);
    let plain = or_null.clone();
    let same = (prop::sample::select(vec!["$eq", "$ne"]), or_null)
        .prop_map(|(operator, value)| json!({ operator: value }));
    let ranged = (
        prop::sample::select(vec!["$gt", "$gte", "$lt", "$lte"]),
        one.clone(),
    )
        .prop_map(|(operator, value)| json!({ operator: value }));
    let listed = (prop::sample::select(vec!["$in", "$nin"]), list)
        .prop_map(|(operator, value)| json!({ operator: value }));
    let between =
        (one.clone(), one.clone()).prop_map(|(low, high)| json!({"$between":[low, high]}));
    let null = any::<bool>().prop_map(|value| json!({ "$null": value }));
    let both = (one.clone(), one.clone()).prop_map(|(low, high)| json!({"$gte":low,"$lt":high}));
    let tests = prop_oneof![plain, same, ranged, listed, between, null, both];
    if ["s", "must"].contains(&own(field)) {
        let operators = vec![
            "$contains",
            "$icontains",
            "$startswith",
            "$istartswith",
            "$endswith",
            "$iendswith",
        ];
        let text = (prop::sample::select(operators), one)
            .prop_map(|(operator, value)| json!({ operator: value }));
        prop_oneof![3 => tests, 2 => text].boxed()
    } else {
        tests.boxed()
    }
}

pub(crate) fn filters_of(fields: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let one = prop::sample::select(fields.to_vec())
        .prop_flat_map(|field| tests(field).prop_map(move |test| json!({ field: test })));
    let leaf = prop::collection::vec(one, 0..3).prop_map(|parts| {
        let members = parts.into_iter().flat_map(|part| match part {
            Value::Object(members) => members,
            _ => serde_json::Map::new(),
        });
        Value::Object(members.collect())
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            list.clone().prop_map(|parts| json!({ "$and": parts })),
            list.prop_map(|parts| json!({ "$or": parts })),
            inner.clone().prop_map(|part| json!({ "$not": part })),
            (inner.clone(), inner).prop_map(|(one, other)| json!({"$not": one, "$or": [other]})),
        ]
    })
}

pub(crate) fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config).run(strategy, test).unwrap();
}

/// Whether a filter folds more than ASCII, which PostgreSQL does not under the collation `C`.
pub(crate) fn folds_beyond_ascii(filter: &Value) -> bool {
    match filter {
        Value::Object(members) => members.iter().any(|(name, value)| {
            let text = value.as_str().unwrap_or_default();
            name.starts_with("$i") && !text.is_ascii() || folds_beyond_ascii(value)
        }),
        Value::Array(parts) => parts.iter().any(folds_beyond_ascii),
        _ => false,
    }
}

/// Fields of a row of `t`, and of the row that its `n` leads to.
pub(crate) const FIELDS: [&str; 8] = ["id", "n", "f", "s", "b", "must", "up.s", "up.n"];

/// All rows of `t`: `up` leads from each by its `n` to the one of that `id`, and `t` back.
pub(crate) struct Rows<'r>(pub(crate) &'r [Value]);

impl<'r> Rows<'r> {
    pub(crate) fn up(&self, row: &Value) -> Option<&'r Value> {
        self.0.iter().find(|other| other["id"] == row["n"])
    }

    pub(crate) fn many(&self, row: &Value) -> Vec<&'r Value> {
        self.0
            .iter()
            .filter(|other| other["n"] == row["id"])
            .collect()
    }

    pub(crate) fn value(&self, row: &Value, path: &str) -> Value {
        match path.strip_prefix("up.") {
            Some(rest) => self.up(row).map_or(Value::Null, |up| self.value(up, rest)),
            None => row[path].clone(),
        }
    }

    pub(crate) fn meets(&self, row: &Value, filter: &Value) -> bool {
        let all = |parts: &Value| parts.as_array().unwrap().clone();
        filter
            .as_object()
            .unwrap()
            .iter()
            .all(|(name, value)| match name.as_str() {
                "$and" => all(value).iter().all(|part| self.meets(row, part)),
                "$or" => all(value).iter().any(|part| self.meets(row, part)),
                "$not" => !self.meets(row, value),
                "t" => self.of_many(&self.many(row), value),
                "up.t" => {
                    let many = self.up(row).map(|up| self.many(up));
                    self.of_many(&many.unwrap_or_default(), value)
                }
                path => {
                    let cell = self.value(row, path);
                    match value {
                        Value::Object(tests) => {
                            tests.iter().all(|(word, value)| holds(&cell, word, value))
                        }
                        value => holds(&cell, "$eq", value),
                    }
                }
            })
    }

    fn of_many(&self, many: &[&Value], tests: &Value) -> bool {
        let where_ = tests.get("where").cloned().unwrap_or_else(|| json!({}));
        tests
            .as_object()
            .unwrap()
            .iter()
            .all(|(word, value)| match word.as_str() {
                "$some" => many.iter().any(|row| self.meets(row, value)),
                "$none" => !many.iter().any(|row| self.meets(row, value)),
                "$every" => many.iter().all(|row| self.meets(row, value)),
                "$count" => {
                    let count = json!(many.iter().filter(|row| self.meets(row, &where_)).count());
                    let mut tests = value.as_object().unwrap().iter();
                    tests.all(|(word, value)| holds(&count, word, value))
                }
                "where" => true,
                other => panic!("{other}"),
            })
    }
}

/// What a filter says of the rows of a relation to many, in which others are asked in turn.
fn many(inner: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let words = prop::sample::select(vec!["$some", "$none", "$every"]);
    let said = (words, inner.clone()).prop_map(|(word, filter)| json!({ word: filter }));
    let compared = prop::sample::select(vec!["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]);
    let counted =
        (compared, 0i64..5, prop::option::of(inner)).prop_map(|(word, number, filter)| {
            let mut test = json!({ "$count": { word: number } });
            if let Some(filter) = filter {
                test["where"] = filter;
            }
            test
        });
    let both = (said.clone(), counted.clone()).prop_map(|(one, other)| {
        let mut members = one.as_object().unwrap().clone();
        members.extend(other.as_object().unwrap().clone());
        Value::Object(members)
    });
    prop_oneof![3 => said, 2 => counted, 1 => both].boxed()
}

pub(crate) fn filters(levels: usize) -> BoxedStrategy<Value> {
    let leaf = filters_of(&FIELDS).boxed();
    if levels == 0 {
        return leaf;
    }
    let names = prop::sample::select(vec!["t", "up.t"]);
    let related = (names, many(filters(levels - 1))).prop_map(|(name, said)| json!({ name: said }));
    let related = related.boxed();
    let list = prop::collection::vec(prop_oneof![related.clone(), leaf], 0..3);
    prop_oneof![
        3 => related.clone(),
        1 => list.clone().prop_map(|parts| json!({ "$and": parts })),
        1 => list.prop_map(|parts| json!({ "$or": parts })),
        1 => related.prop_map(|part| json!({ "$not": part })),
    ]
    .boxed()
}
