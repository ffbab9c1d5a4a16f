//! Whatever a message holds, its answer is one of the protocol.

use lucarne::error::CODES;
use lucarne::protocol::Action;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::properties::SQL;
use crate::meaning::check;
use crate::support::Served;

/// Any JSON, with the words of the protocol among its names and values.
fn oddly_shaped() -> impl Strategy<Value = Value> {
    let words = vec![
        "id",
        "n",
        "s",
        "b",
        "f",
        "at",
        "doc",
        "secret",
        "t",
        "u",
        "list",
        "get",
        "query",
        "describe",
        "create",
        "filters",
        "limit",
        "offset",
        "cursor",
        "fields",
        "sort",
        "total",
        "group_by",
        "aggregate",
        "expand",
        "compute",
        "t.s",
        "t.\"n\"",
        "t.u.id",
        "at.$month",
        "$and",
        "$or",
        "$not",
        "$eq",
        "$ne",
        "$gt",
        "$in",
        "$nin",
        "$between",
        "$null",
        "$contains",
        "$icontains",
        "$sum",
        "$avg",
        "$count",
        "$min",
        "$month",
        "*",
        "-id",
        "estimate",
        "action",
        "model",
        "params",
        "2026-01-31",
        "%",
        "' OR 1=1 --",
        "\u{0}",
        "é",
    ];
    let word = prop::sample::select(words).prop_map(str::to_owned);
    let name = prop_oneof![8 => word, 1 => any::<String>()].boxed();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i64..70).prop_map(Value::from),
        any::<f64>().prop_map(|value| json!(value)),
        name.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn is_answer(text: &str) -> Result<(), TestCaseError> {
    let answer: Value = serde_json::from_str(text)
        .map_err(|fault| TestCaseError::fail(format!("{fault}: {text}")))?;
    prop_assert!(!text.contains("planted"), "{}", text);
    match answer["status"].as_str() {
        Some("ok") => prop_assert!(answer.get("data").is_some(), "{}", text),
        Some("error") => {
            let code = answer["code"].as_str().unwrap_or_default();
            prop_assert!(CODES.contains(&code) && code != "internal", "{}", text);
            prop_assert!(answer["error"].is_string(), "{}", text);
        }
        _ => prop_assert!(false, "{}", text),
    }
    Ok(())
}

#[test]
fn no_message_has_an_answer_outside_the_protocol() {
    let runtime = Runtime::new().unwrap();
    let served = runtime.block_on(Served::new(SQL, "t,u"));
    let params = oddly_shaped();
    let actions = prop::sample::select(vec!["list", "get", "query", "query", "query", "describe"]);
    let models = prop::sample::select(vec!["t", "u"]);
    let names = Action::Query.parameters().to_vec();
    let named = prop::sample::select(names).prop_map(str::to_owned);
    let members = prop::collection::vec((named, oddly_shaped()), 0..4)
        .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>());
    check(
        1500,
        &(params, actions, models, members),
        |(odd, action, model, members)| {
            let ask = |message: String| runtime.block_on(served.raw(&message));
            is_answer(&ask(odd.to_string()))?;
            is_answer(&ask(
                json!({"id":odd,"action":action,"model":model}).to_string()
            ))?;
            is_answer(&ask(
                json!({"action":action,"model":model,"params":odd}).to_string()
            ))?;
            is_answer(&ask(
                json!({"action":action,"model":model,"params":members}).to_string(),
            ))?;
            let filters =
                json!({"action":"query","model":model,"params":{"filters":odd}}).to_string();
            is_answer(&ask(filters))
        },
    );
    check(500, &any::<String>(), |text| {
        is_answer(&runtime.block_on(served.raw(&text)))
    });
}
