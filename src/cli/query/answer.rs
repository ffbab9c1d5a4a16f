//! An answer of the service, as far as a client looks into it.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::failure::Failure;
use crate::cli::text::visible;
use crate::suggest::nearest;

/// The members of an answer that are shown; values stay as they were received.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<'a> {
    status: Status,
    /// The names of the values of rows that are lists.
    #[serde(default)]
    columns: Option<Vec<String>>,
    #[serde(borrow, default)]
    pub(crate) data: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    pub(crate) hint: Option<String>,
    #[serde(default)]
    pub(crate) count: Option<u64>,
    #[serde(default)]
    pub(crate) offset: Option<u64>,
    #[serde(default)]
    pub(crate) has_more: bool,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
    #[serde(borrow, default)]
    pub(crate) total: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) truncated: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Error,
}

/// A row of an answer: fields in their order, values as they were received.
pub(crate) type Row<'a> = IndexMap<String, &'a RawValue>;

/// The data of an answer by its shape.
pub(crate) enum Data<'a> {
    /// Rows of a table.
    Rows(Vec<Row<'a>>),
    /// A single record.
    Record(Row<'a>),
    /// Anything else.
    Value(&'a RawValue),
}

impl<'a> Answer<'a> {
    /// Reads the text of an answer.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|_| {
            Failure::unable("the answer is not one of a Lucarne service")
                .help("--json shows it as it came; is that the right --url?")
        })
    }

    /// Whether it says that the request failed.
    pub(crate) fn is_error(&self) -> bool {
        self.status == Status::Error
    }

    /// The data by its shape.
    pub(crate) fn shape(&self) -> Option<Data<'a>> {
        let data = self.data?;
        let text = data.get();
        if let Some(names) = &self.columns
            && let Ok(rows) = serde_json::from_str::<Vec<Vec<&'a RawValue>>>(text)
        {
            let row = |values| names.iter().cloned().zip(values).collect();
            return Some(Data::Rows(rows.into_iter().map(row).collect()));
        }
        Some(if let Ok(rows) = serde_json::from_str(text) {
            Data::Rows(rows)
        } else if let Ok(record) = serde_json::from_str(text) {
            Data::Record(record)
        } else {
            Data::Value(data)
        })
    }

    /// The error in words: what is wrong, then what to do if the answer tells.
    pub(crate) fn told(&self) -> String {
        let error = self
            .error
            .as_deref()
            .unwrap_or("the service gave no reason");
        let hint = self.hint.clone();
        let help = hint
            .or_else(|| Some(format!("did you mean \"{}\"?", meant(error)?)))
            .or_else(|| self.code.as_deref().and_then(remedy).map(str::to_owned));
        let mut told = format!("error: {}", visible(error));
        if let Some(help) = help {
            told.push_str("\nhelp: ");
            told.push_str(&visible(&help));
        }
        told
    }
}

/// What to do about a failure of which the service itself tells no client more.
fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "unavailable" => "ask again later: the log of the service says what is missing",
        "overloaded" => "ask again in a moment",
        "timeout" => "ask for less: by an indexed field, or with a smaller limit",
        "internal" => "the log of the service says more",
        _ => return None,
    })
}

/// The nearest of the names that the error itself lists to the one it refuses.
fn meant(error: &str) -> Option<&str> {
    let (refused, allowed) =
        if let Some((head, models)) = error.split_once(" not allowed. Allowed models: ") {
            (head.strip_prefix("Model '")?.strip_suffix('\'')?, models)
        } else {
            let (head, actions) = error.split_once(". Supported: ")?;
            (head.strip_prefix("Unsupported action: ")?, actions)
        };
    nearest(refused, allowed.split(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &str) -> String {
        let text = serde_json::json!({"id": 1, "status": "error", "error": error}).to_string();
        Answer::parse(&text).unwrap().told()
    }

    #[test]
    fn a_failure_has_a_remedy() {
        for code in ["unavailable", "overloaded", "timeout", "internal"] {
            let text = format!(r#"{{"status":"error","error":"x","code":"{code}"}}"#);
            let told = Answer::parse(&text).unwrap().told();
            assert!(told.starts_with("error: x\nhelp: "), "{told}");
        }
        let text = r#"{"status":"error","error":"x","code":"timeout","hint":"its own"}"#;
        let told = Answer::parse(text).unwrap().told();
        assert_eq!(told, "error: x\nhelp: its own");
    }

    #[test]
    fn the_nearest_name_comes_from_the_answer_itself() {
        let refused = |model| {
            format!("Model '{model}' not allowed. Allowed models: users, tickets, change_log")
        };
        assert_eq!(
            told(&refused("user")),
            format!("error: {}\nhelp: did you mean \"users\"?", refused("user"))
        );
        assert_eq!(
            told(&refused("orders")),
            format!("error: {}", refused("orders"))
        );
        assert!(
            told("Unsupported action: lits. Supported: list, get")
                .ends_with("did you mean \"list\"?")
        );
        assert_eq!(
            told("Record not found: users id=9"),
            "error: Record not found: users id=9"
        );
        assert_eq!(told("a\u{1b}[2Jb"), "error: a\\u001b[2Jb");
    }

    #[test]
    fn a_hint_of_the_service_is_taken_as_it_is() {
        let answer = Answer::parse(r#"{"status":"error","error":"no","hint":"do this"}"#).unwrap();
        assert_eq!(answer.told(), "error: no\nhelp: do this");
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_one() {
        for text in [
            "",
            "hello",
            "{}",
            "[]",
            r#"{"status":"fine"}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
        ] {
            assert!(Answer::parse(text).is_err(), "{text}");
        }
    }
}
