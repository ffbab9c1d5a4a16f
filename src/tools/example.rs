//! Calls whose answers are known: they stand beside a tool, and are its tests.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Place;
use super::call::Caller;

/// One call, and what must come of it.
#[derive(Debug, Clone)]
pub struct Example {
    /// What a client gives.
    pub params: Map<String, Value>,
    /// Who asks.
    pub caller: Caller,
    /// How many rows come.
    pub rows: Option<Count>,
    /// Members of the first row.
    pub first: Map<String, Value>,
    /// Members that some row has, all of them.
    pub contains: Map<String, Value>,
    /// The code of the refusal that comes instead.
    pub error: Option<String>,
    /// How long it may take.
    pub within: Option<Duration>,
    /// Where it stands.
    pub place: Place,
}

impl Example {
    /// What it expects, in words.
    pub fn expected(&self) -> Vec<String> {
        let members = |what: &str, of: &Map<String, Value>| {
            let told = Value::Object(of.clone());
            (!of.is_empty()).then(|| format!("{what} {told}"))
        };
        [
            self.error.clone(),
            self.rows.map(|rows| match rows.to_string() {
                one if one == "1" => "1 row".to_owned(),
                some => format!("{some} rows"),
            }),
            members("first", &self.first),
            members("one with", &self.contains),
            self.within
                .map(|within| format!("within {} ms", within.as_millis())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What came otherwise than it says, in words: of the rows of an answer, or of the code of a
    /// refusal, that came after so long.
    pub fn misses(
        &self,
        answer: Result<&[Map<String, Value>], &str>,
        took: Duration,
    ) -> Vec<String> {
        let mut misses = Vec::new();
        match (answer, &self.error) {
            (Ok(_), Some(code)) => misses.push(format!("expected {code}, and it answered")),
            (Err(code), Some(expected)) if code == expected => {}
            (Err(code), Some(expected)) => misses.push(format!("expected {expected}, not {code}")),
            (Err(code), None) => misses.push(format!("refused: {code}")),
            (Ok(rows), None) => misses.extend(self.missed_in(rows)),
        }
        if let Some(within) = self.within.filter(|within| took > *within) {
            let (took, within) = (took.as_millis(), within.as_millis());
            misses.push(format!("took {took} ms, more than {within}"));
        }
        misses
    }

    fn missed_in(&self, rows: &[Map<String, Value>]) -> Vec<String> {
        let mut misses = Vec::new();
        if let Some(count) = self.rows.filter(|count| !count.holds(rows.len())) {
            misses.push(format!("expected {count} rows, not {}", rows.len()));
        }
        match rows.first() {
            None if !self.first.is_empty() => misses.push("there is no first row".to_owned()),
            None => {}
            Some(first) => {
                for (name, expected) in &self.first {
                    let found = first.get(name);
                    if !found.is_some_and(|found| is_like(found, expected)) {
                        let found = found.map_or("nothing".to_owned(), Value::to_string);
                        misses.push(format!("first: expected {name} {expected}, not {found}"));
                    }
                }
            }
        }
        let has_all = |row: &Map<String, Value>| {
            let mut members = self.contains.iter();
            members.all(|(name, value)| row.get(name).is_some_and(|found| is_like(found, value)))
        };
        if !self.contains.is_empty() && !rows.iter().any(has_all) {
            let wanted = Value::Object(self.contains.clone());
            misses.push(format!("no row has {wanted}"));
        }
        misses
    }
}

/// Whether a value of an answer is what a file expects: the same, or the same number, for large ones
/// and decimals may be texts.
fn is_like(found: &Value, expected: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.to_string().parse::<f64>().ok(),
        Value::String(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    let is_number = found.is_number() || expected.is_number();
    found == expected
        || is_number && number(found).is_some_and(|found| number(expected) == Some(found))
}

/// A number of rows: `3`, `1..`, `1..100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    least: usize,
    most: Option<usize>,
}

impl Count {
    /// Reads a number or a range; `None` for other texts.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((least, most)) = text.split_once("..") else {
            let exact = text.parse().ok()?;
            return Some(Self {
                least: exact,
                most: Some(exact),
            });
        };
        let most = match most {
            "" => None,
            most => Some(most.parse().ok()?),
        };
        let least = least.parse().ok()?;
        most.is_none_or(|most| most >= least)
            .then_some(Self { least, most })
    }

    /// Whether a number of rows is one of these.
    pub fn holds(self, rows: usize) -> bool {
        rows >= self.least && self.most.is_none_or(|most| rows <= most)
    }
}

/// As a file writes it.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most {
            Some(most) if most == self.least => write!(f, "{most}"),
            Some(most) => write!(f, "{}..{most}", self.least),
            None => write!(f, "{}..", self.least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_example_says_what_came_otherwise() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let rows = [
            object(json!({"id": 1, "sum": "1.50", "name": "a"})),
            object(json!({"id": 2, "sum": 2, "name": "b"})),
        ];
        let example = Example {
            params: Map::new(),
            caller: Caller::default(),
            rows: Count::parse("3.."),
            first: object(json!({"sum": 1.5, "name": "b", "more": 1})),
            contains: object(json!({"id": 2, "name": "a"})),
            error: None,
            within: Some(Duration::from_millis(5)),
            place: Place {
                file: "f.toml".into(),
                line: 1,
                column: 1,
            },
        };
        assert_eq!(
            example.expected(),
            [
                "3.. rows",
                r#"first {"sum":1.5,"name":"b","more":1}"#,
                r#"one with {"id":2,"name":"a"}"#,
                "within 5 ms",
            ]
        );
        let told = example.misses(Ok(&rows), Duration::from_millis(7));
        assert_eq!(
            told,
            [
                "expected 3.. rows, not 2",
                "first: expected name \"b\", not \"a\"",
                "first: expected more 1, not nothing",
                "no row has {\"id\":2,\"name\":\"a\"}",
                "took 7 ms, more than 5",
            ]
        );
        let kept = Example {
            rows: Count::parse("2"),
            first: object(json!({"sum": 1.5})),
            contains: object(json!({"id": 2, "name": "b"})),
            ..example.clone()
        };
        assert!(kept.misses(Ok(&rows), Duration::ZERO).is_empty());
        assert_eq!(
            kept.misses(Err("timeout"), Duration::ZERO),
            ["refused: timeout"]
        );
        let refused = Example {
            error: Some("not_permitted".to_owned()),
            ..example
        };
        assert!(
            refused
                .misses(Err("not_permitted"), Duration::ZERO)
                .is_empty()
        );
        assert_eq!(refused.misses(Ok(&rows), Duration::ZERO).len(), 1);
    }

    #[test]
    fn a_count_is_a_number_or_a_range() {
        for (text, inside, outside) in [
            ("3", 3, 2),
            ("1..", 9, 0),
            ("1..100", 100, 101),
            ("0", 0, 1),
        ] {
            let count = Count::parse(text).unwrap();
            assert!(count.holds(inside) && !count.holds(outside), "{text}");
        }
        for text in ["", "..", "a", "3..1", "-1", "1...", "..5"] {
            assert_eq!(Count::parse(text), None, "{text}");
        }
    }
}
