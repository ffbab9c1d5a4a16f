//! Calls whose answers are known: they stand beside a tool, and are its tests.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Place;

/// One call, and what must come of it.
#[derive(Debug, Clone)]
pub struct Example {
    /// What a client gives.
    pub params: Map<String, Value>,
    /// Who asks: the values of `from = "caller.…"` by their names after `caller.`.
    pub caller: Map<String, Value>,
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

#[cfg(test)]
mod tests {
    use super::*;

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
