//! Row rules: which rows of a model may be seen, by the values of one field.
//!
//! Written `tickets.company_id = 42` or `tickets.company_id in (1, 2)`; `tickets: all` says that
//! every row is meant to be seen, as far as other rules let it. A name with anything but
//! letters, digits, `_`, `-`, `$` and dots stands in double quotes, a value with a space, comma,
//! quote or parenthesis in single quotes; a quote within is doubled. The last dot outside quotes
//! separates the field.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most values of a rule.
const MAX_VALUES: usize = 100;

/// Which rows of a model are seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RowRule {
    /// The model, by the name that clients use.
    pub model: String,
    /// Which of its rows.
    pub rows: Rows,
}

/// Rows that a rule lets be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Every row: the rule holds nothing back, and says so.
    All,
    /// Those where a field has one of some values.
    ///
    /// The values are texts as typed: what they mean is the type of the column's to say.
    Where {
        /// The field, which may be a hidden one.
        field: String,
        /// At least one value.
        values: Vec<String>,
    },
}

impl RowRule {
    /// The rule by which every row of a model is meant to be seen.
    pub fn all(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            rows: Rows::All,
        }
    }
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected model.field = value, model.field in (value, value) or model: all, not {0}")]
pub struct NoRule(String);

impl FromStr for RowRule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        let mut reader = Reader { rest: text };
        let fits = |rule: &RowRule| match &rule.rows {
            Rows::All => true,
            Rows::Where { values, .. } => values.len() <= MAX_VALUES,
        };
        reader.rule().filter(fits).ok_or_else(|| {
            let shown: String = text.chars().take(60).collect();
            NoRule(format!("{shown:?}"))
        })
    }
}

impl TryFrom<String> for RowRule {
    type Error = NoRule;

    fn try_from(text: String) -> Result<Self, NoRule> {
        text.parse()
    }
}

impl From<RowRule> for String {
    fn from(rule: RowRule) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for RowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = match self.model.chars().all(|c| is_plain(c) || c == '.') {
            true => self.model.clone(),
            false => quoted(&self.model, '"'),
        };
        let Rows::Where { field, values } = &self.rows else {
            return write!(f, "{model}: all");
        };
        let field = match !field.is_empty() && field.chars().all(is_plain) {
            true => field.clone(),
            false => quoted(field, '"'),
        };
        let values: Vec<String> = values.iter().map(|value| written(value)).collect();
        match &values[..] {
            [value] => write!(f, "{model}.{field} = {value}"),
            values => write!(f, "{model}.{field} in ({})", values.join(", ")),
        }
    }
}

fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || "_-$".contains(character)
}

fn is_bare(character: char) -> bool {
    !character.is_whitespace() && !character.is_control() && !",()'\"".contains(character)
}

fn written(value: &str) -> String {
    match !value.is_empty() && value.chars().all(is_bare) {
        true => value.to_owned(),
        false => quoted(value, '\''),
    }
}

fn quoted(text: &str, quote: char) -> String {
    let doubled = text.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn rule(&mut self) -> Option<RowRule> {
        let mut parts = vec![self.name()?];
        while self.takes(".") {
            parts.push(self.name()?);
        }
        self.space();
        if self.takes(":") {
            self.space();
            let rule = RowRule {
                model: parts.join("."),
                rows: Rows::All,
            };
            return self
                .rest
                .trim_end()
                .eq_ignore_ascii_case("all")
                .then_some(rule);
        }
        let field = parts.pop()?;
        if parts.is_empty() {
            return None;
        }
        let model = parts.join(".");
        let values = if self.takes("=") {
            vec![self.value()?]
        } else {
            let list = self.rest.get(..2)?;
            if !list.eq_ignore_ascii_case("in") {
                return None;
            }
            self.rest = &self.rest[2..];
            self.list()?
        };
        self.space();
        self.rest.is_empty().then_some(RowRule {
            model,
            rows: Rows::Where { field, values },
        })
    }

    fn list(&mut self) -> Option<Vec<String>> {
        self.space();
        if !self.takes("(") {
            return None;
        }
        let mut values = vec![self.value()?];
        loop {
            self.space();
            if self.takes(")") {
                return Some(values);
            }
            if !self.takes(",") {
                return None;
            }
            values.push(self.value()?);
        }
    }

    fn name(&mut self) -> Option<String> {
        self.space();
        match self.rest.starts_with('"') {
            true => self.within('"').filter(|name| !name.is_empty()),
            false => self.run(is_plain),
        }
    }

    fn value(&mut self) -> Option<String> {
        self.space();
        match self.rest.starts_with('\'') {
            true => self.within('\''),
            false => self.run(is_bare),
        }
    }

    /// What stands in quotes.
    fn within(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        self.rest = self.rest.strip_prefix(quote)?;
        loop {
            let (before, after) = self.rest.split_once(quote)?;
            text.push_str(before);
            self.rest = after;
            match self.rest.strip_prefix(quote) {
                Some(rest) => {
                    text.push(quote);
                    self.rest = rest;
                }
                None => return (!text.chars().any(char::is_control)).then_some(text),
            }
        }
    }

    /// The characters of a kind, at least one.
    fn run(&mut self, kind: impl Fn(char) -> bool) -> Option<String> {
        let end = self.rest.find(|c| !kind(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!run.is_empty()).then(|| run.to_owned())
    }

    fn takes(&mut self, mark: &str) -> bool {
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(model: &str, field: &str, values: &[&str]) -> RowRule {
        RowRule {
            model: model.to_owned(),
            rows: Rows::Where {
                field: field.to_owned(),
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            },
        }
    }

    fn all(model: &str) -> RowRule {
        RowRule::all(model)
    }

    #[test]
    fn reads_what_people_write() {
        for (text, expected) in [
            (
                "tickets.company_id = 42",
                rule("tickets", "company_id", &["42"]),
            ),
            (
                "tickets.company_id=42",
                rule("tickets", "company_id", &["42"]),
            ),
            (" t.c in (1, 2) ", rule("t", "c", &["1", "2"])),
            ("t.c IN(1,2,3)", rule("t", "c", &["1", "2", "3"])),
            (
                "audit.change_log.id = 7",
                rule("audit.change_log", "id", &["7"]),
            ),
            ("t.c = 'a, b'", rule("t", "c", &["a, b"])),
            ("t.c = 'it''s'", rule("t", "c", &["it's"])),
            ("t.c = ''", rule("t", "c", &[""])),
            (
                "t.c = 2026-01-31T13:05:00Z",
                rule("t", "c", &["2026-01-31T13:05:00Z"]),
            ),
            ("t.c = -1.5", rule("t", "c", &["-1.5"])),
            (
                "\"order details\".\"a.b\" = x",
                rule("order details", "a.b", &["x"]),
            ),
            ("\"a.b\".c = x", rule("a.b", "c", &["x"])),
            ("tickets: all", all("tickets")),
            (" audit.change_log :ALL ", all("audit.change_log")),
            ("\"order details\": all", all("order details")),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_mean_something_else() {
        for text in [
            "",
            "tickets",
            "tickets.company_id",
            "tickets = 42",
            "tickets.company_id =",
            "tickets.company_id == 42",
            "tickets.company_id = 42 or 1 = 1",
            "tickets.company_id = 42; x",
            "tickets.company_id != 42",
            "tickets.company_id in ()",
            "tickets.company_id in (1,)",
            "tickets.company_id in (1",
            "tickets.company_id in 1",
            ".company_id = 42",
            "tickets..company_id = 42",
            "t.c = 'a",
            "t.c = 'a\nb'",
            "t.\"\" = a",
            "t.c = a b",
            "t:",
            "t: every",
            "t: all or 1",
            ": all",
            "t. : all",
            "all",
        ] {
            assert!(text.parse::<RowRule>().is_err(), "{text:?}");
        }
        let many = vec!["1"; 101].join(",");
        assert!(format!("t.c in ({many})").parse::<RowRule>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            model in "[^\\pC]{1,12}",
            field in "[^\\pC]{1,12}",
            values in prop::collection::vec("[^\\pC]{0,12}", 1..4),
        ) {
            // An unquoted model is written with the dots that it has, which must not stand alone.
            prop_assume!(!model.starts_with('.') && !model.ends_with('.') && !model.contains(".."));
            let every = all(&model);
            prop_assert_eq!(every.to_string().parse(), Ok(every));
            let rule = RowRule { model, rows: Rows::Where { field, values } };
            prop_assert_eq!(rule.to_string().parse(), Ok(rule));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = text.parse::<RowRule>();
        }
    }
}
