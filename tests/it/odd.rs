//! Whatever is sent: one answer of the protocol, and the socket stays.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::service::Service;

/// Every code of the protocol that a message alone can bring about.
const CODES: [&str; 13] = [
    "invalid_json",
    "invalid_request",
    "model_not_allowed",
    "read_only",
    "missing_parameter",
    "invalid_parameter",
    "invalid_filter",
    "invalid_value",
    "not_found",
    "timeout",
    "response_too_large",
    "overloaded",
    "unavailable",
];

/// An answer as it was written: an `id` may be JSON that no program could hold.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    status: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    error: Option<String>,
    code: Option<String>,
}

fn judge(message: &str, text: &str) {
    let answer: Answer<'_> = serde_json::from_str(text)
        .unwrap_or_else(|fault| panic!("{message:?} is answered with {text:?}: {fault}"));
    match &*answer.status {
        "ok" => assert!(answer.data.is_some() && answer.error.is_none(), "{text}"),
        "error" => {
            let (error, code) = (answer.error.unwrap(), answer.code.unwrap());
            assert!(
                !error.is_empty() && CODES.contains(&&*code),
                "{message:?}: {text}"
            );
            assert!(answer.data.is_none());
        }
        _ => panic!("{text}"),
    }
    assert!(answer.id.get().len() <= message.len().max(4));
    for leak in ["planted-", "SELECT", "sqlite", "no such"] {
        assert!(
            message.contains(leak) || !text.contains(leak),
            "{message:?}: {text}"
        );
    }
}

fn json() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z_]{0,12}",
        Just("id".to_owned()),
        Just("status".to_owned()),
        Just("password_hash".to_owned()),
        Just("$in".to_owned()),
        Just("$or".to_owned()),
        Just("$gte".to_owned()),
        Just("$count".to_owned()),
        Just("*".to_owned()),
        Just("created_at".to_owned()),
        Just("\\u0000".to_owned()),
        Just("\\ud800".to_owned()),
    ];
    let text = word.prop_map(|word| format!("\"{word}\""));
    let leaf = prop_oneof![
        text.clone(),
        any::<i64>().prop_map(|number| number.to_string()),
        (0..200u8).prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no other numbers", |number| number.is_finite())
            .prop_map(|number| number.to_string()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1e400".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((text.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, value)| format!("{name}:{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Requests that come the farther the less is wrong with them.
fn request() -> impl Strategy<Value = String> {
    let action = prop_oneof![
        4 => prop::sample::select(vec!["\"list\"", "\"query\"", "\"get\"", "\"describe\""])
            .prop_map(str::to_owned),
        1 => json(),
    ];
    let model = prop_oneof![
        4 => prop::sample::select(vec!["\"users\"", "\"tickets\"", "\"change_log\""])
            .prop_map(str::to_owned),
        1 => json(),
    ];
    let names = [
        "limit",
        "offset",
        "filters",
        "cursor",
        "id",
        "fields",
        "sort",
        "total",
        "group_by",
        "aggregate",
        "expand",
        "x",
    ];
    let parameter = (prop::sample::select(names.to_vec()), json());
    let params = prop::collection::vec(parameter, 0..4).prop_map(|members| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    });
    (json(), action, model, prop_oneof![6 => params, 1 => json()]).prop_map(
        |(id, action, model, params)| {
            format!(r#"{{"id":{id},"action":{action},"model":{model},"params":{params}}}"#)
        },
    )
}

/// A request with a few characters changed, lost or repeated.
fn broken() -> impl Strategy<Value = String> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3), 1..4);
    (request(), changes).prop_map(|(text, changes)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (place, letter, change) in changes {
            let place = place.index(letters.len());
            match change {
                0 => letters[place] = letter,
                1 => letters.insert(place, letter),
                _ => letters.truncate(place + 1),
            }
        }
        letters.into_iter().collect()
    })
}

#[test]
fn any_text_gets_one_answer_and_the_socket_stays() {
    let runtime = Runtime::new().unwrap();
    let service = runtime.block_on(Service::with(&[("MCP_RATE_LIMIT", "0")]));
    let client = runtime.block_on(Client::new(service.address));
    let client = std::cell::RefCell::new(client);
    let message = prop_oneof![3 => request(), 2 => broken(), 1 => json(), 1 => any::<String>()];
    proptest!(ProptestConfig::with_cases(1_500), |(message in message)| {
        let mut client = client.borrow_mut();
        runtime.block_on(async {
            client.send(message.clone()).await;
            judge(&message, &client.text().await);
            // One answer and no more: the next one is that of the next request.
            client.send(r#"{"id":"after","action":"get"}"#).await;
            let after = r#"{"id":"after","status":"error","error":"Missing required field: model""#;
            assert!(client.text().await.starts_with(after));
        });
    });
    let _guard = runtime.enter();
    drop(service);
}
