//! Answers as they are sent, to the digit: what reads them as JSON values would round numbers.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::support::Served;

/// An answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) next_cursor: Option<String>,
    pub(crate) total: Option<usize>,
    data: Option<Box<RawValue>>,
}

type Row = IndexMap<String, Box<RawValue>>;

fn cells(row: Row) -> Vec<String> {
    row.into_values()
        .map(|value| value.get().to_owned())
        .collect()
}

impl Sent {
    /// Each row's values, in its order; `None` for a refusal.
    pub(crate) fn rows(&self) -> Option<Vec<Vec<String>>> {
        let rows: Vec<Row> = serde_json::from_str(self.data.as_ref()?.get()).unwrap();
        Some(rows.into_iter().map(cells).collect())
    }

    /// The one row's values.
    pub(crate) fn row(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.data.as_ref()?.get())
            .ok()
            .map(cells)
    }
}

pub(crate) async fn ask(served: &Served, action: &str, model: &str, params: &Value) -> Sent {
    ask_raw(served, action, model, &params.to_string()).await
}

/// The same for parameters that are text, with every digit.
pub(crate) async fn ask_raw(served: &Served, action: &str, model: &str, params: &str) -> Sent {
    let (action, model) = (Value::from(action), Value::from(model));
    let message = format!(r#"{{"id":1,"action":{action},"model":{model},"params":{params}}}"#);
    let text = served.raw(&message).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{message}: {error}: {text}"))
}
