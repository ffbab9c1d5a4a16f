//! The same request by every transport and in both dialects has the same answer.

use serde_json::{Value, json};

use crate::support::{Events, Piped, Socket, call, post, start};

/// Action, tool, model and parameters: what is answered, and what is refused.
const GOLDEN: [(&str, &str, Option<&str>, &str); 17] = [
    ("describe", "describe_models", Some("users"), "{}"),
    ("list", "list_records", Some("users"), "{}"),
    (
        "list",
        "list_records",
        Some("tickets"),
        r#"{"limit":3,"offset":2,"filters":{"status":"open"}}"#,
    ),
    (
        "list",
        "list_records",
        Some("tickets"),
        r#"{"filters":{"priority":null},"limit":2}"#,
    ),
    (
        "list",
        "list_records",
        Some("users"),
        r#"{"limit":2,"format":"columns"}"#,
    ),
    ("list", "list_records", Some("none"), "{}"),
    (
        "list",
        "list_records",
        Some("users"),
        r#"{"filters":{"password_hash":"x"}}"#,
    ),
    ("list", "list_records", Some("users"), r#"{"limit":"x"}"#),
    ("list", "list_records", Some("users"), r#"{"limt":1}"#),
    ("get", "get_record", Some("users"), r#"{"id":1}"#),
    ("get", "get_record", Some("users"), r#"{"id":"1"}"#),
    ("get", "get_record", Some("users"), r#"{"id":0}"#),
    ("get", "get_record", Some("users"), "{}"),
    (
        "query",
        "query_records",
        Some("tickets"),
        r#"{"filters":{"amount":{"$gte":"10.50"}},"sort":["-amount"],"limit":4,"expand":["user"]}"#,
    ),
    (
        "query",
        "query_records",
        Some("tickets"),
        r#"{"group_by":["status"],"aggregate":{"n":{"$count":"*"},"spent":{"$sum":"amount"}}}"#,
    ),
    (
        "query",
        "query_records",
        Some("change_log"),
        r#"{"limit":20,"total":"estimate"}"#,
    ),
    (
        "query",
        "query_records",
        Some("users"),
        r#"{"filters":{"id":{"$gt":"abc"}}}"#,
    ),
];

/// The members that both dialects have; a cursor is sealed anew each time.
fn common(mut answer: Value) -> Value {
    let members = answer.as_object_mut().unwrap();
    for own in ["id", "status", "hint"] {
        members.remove(own);
    }
    if let Some(cursor) = members.get_mut("next_cursor") {
        *cursor = json!(cursor.is_string());
    }
    answer
}

fn tool_result(text: &str) -> (bool, Value) {
    let answer: Value = serde_json::from_str(text).unwrap();
    let result = &answer["result"];
    let is_error = result["isError"]
        .as_bool()
        .unwrap_or_else(|| panic!("{text}"));
    (is_error, common(result["structuredContent"].clone()))
}

#[tokio::test]
async fn bodies_are_equal_everywhere() {
    let running = start(&[("MCP_RATE_LIMIT", "0"), ("MCP_TOOL_MAX_BYTES", "1048576")]).await;
    let mut native = Socket::open(running.address, Some("lucarne")).await;
    let mut socket = Socket::open(running.address, None).await;
    let mut events = Events::open(running.address).await;
    let own = [("MCP_RATE_LIMIT", "0"), ("MCP_TOOL_MAX_BYTES", "1048576")];
    let mut piped = Piped::start(&own).await;
    for (index, (action, tool, model, params)) in GOLDEN.into_iter().enumerate() {
        let model_member = model
            .map(|model| format!(r#""model":"{model}","#))
            .unwrap_or_default();
        let message =
            format!(r#"{{"id":{index},"action":"{action}",{model_member}"params":{params}}}"#);
        let expected: Value = serde_json::from_str(&native.ask(&message).await).unwrap();
        let refused = expected["status"] == "error";
        let expected = (refused, common(expected));

        let mut arguments: Value = serde_json::from_str(params).unwrap();
        if let Some(model) = model {
            arguments["model"] = model.into();
        }
        let request = call(index as u32, tool, &arguments.to_string());
        let by_http = post(running.address, &request).await.body;
        assert_eq!(tool_result(&by_http), expected, "{message} by HTTP");
        assert_eq!(
            tool_result(&socket.ask(&request).await),
            expected,
            "{message} by WebSocket"
        );
        assert_eq!(
            tool_result(&events.ask(&request).await),
            expected,
            "{message} by SSE"
        );
        assert_eq!(
            tool_result(&piped.ask(&request).await),
            expected,
            "{message} by stdio"
        );
    }
}
