//! Arguments as models and client libraries write them.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{call, post, request, start, start_over};

/// The structured content of a tool's result.
async fn content(address: SocketAddr, tool: &str, arguments: &str) -> Value {
    let answer = post(address, &call(1, tool, arguments)).await.json();
    answer["result"]["structuredContent"].clone()
}

/// The same without its cursor, which no two answers share.
async fn rows(address: SocketAddr, tool: &str, arguments: &str) -> Value {
    let mut content = content(address, tool, arguments).await;
    if let Some(members) = content.as_object_mut() {
        members.remove("next_cursor");
    }
    content
}

#[tokio::test]
async fn a_whole_number_is_one_however_it_is_written() {
    let running = start(&[]).await;
    for (tool, written, plain) in [
        (
            "get_record",
            r#"{"model":"users","id":7.0}"#,
            r#"{"model":"users","id":7}"#,
        ),
        (
            "get_record",
            r#"{"model":"users","id":"7.0"}"#,
            r#"{"model":"users","id":"7"}"#,
        ),
        (
            "get_record",
            r#"{"model":"users","id":70e-1}"#,
            r#"{"model":"users","id":7}"#,
        ),
        (
            "list_records",
            r#"{"model":"users","filters":{"id":1e1}}"#,
            r#"{"model":"users","filters":{"id":10}}"#,
        ),
        (
            "query_records",
            r#"{"model":"users","filters":{"id":{"$in":[1.0,2.0]}},"limit":1.0,"offset":1e0}"#,
            r#"{"model":"users","filters":{"id":{"$in":[1,2]}},"limit":1,"offset":1}"#,
        ),
    ] {
        let answer = rows(running.address, tool, written).await;
        assert!(answer["error"].is_null(), "{written}: {answer}");
        assert_eq!(
            answer,
            rows(running.address, tool, plain).await,
            "{written}"
        );
    }
    for (tool, arguments) in [
        ("get_record", r#"{"model":"users","id":1.5}"#),
        (
            "list_records",
            r#"{"model":"users","filters":{"id":15e-1}}"#,
        ),
        ("list_records", r#"{"model":"users","limit":1.5}"#),
    ] {
        let answer = content(running.address, tool, arguments).await;
        assert!(answer["error"].is_string(), "{arguments}: {answer}");
    }
}

#[tokio::test]
async fn what_is_empty_is_as_if_it_were_not_there() {
    let running = start(&[]).await;
    let plain = content(
        running.address,
        "query_records",
        r#"{"model":"users","limit":2}"#,
    )
    .await;
    for more in [
        r#""fields":[]"#,
        r#""group_by":[],"aggregate":{},"expand":[]"#,
        r#""filters":"","sort":"[]","total":"""#,
        r#""filters":{},"sort":[],"expand":[],"fields":[],"group_by":[],"aggregate":{},"cursor":"","offset":0,"total":false"#,
        r#""filters":null,"sort":null,"cursor":null,"offset":null,"total":null"#,
    ] {
        let arguments = format!(r#"{{"model":"users","limit":2,{more}}}"#);
        let mut answer = content(running.address, "query_records", &arguments).await;
        answer["next_cursor"] = plain["next_cursor"].clone();
        assert_eq!(answer, plain, "{arguments}");
    }
    // Who must give every argument can go on from page to page.
    let next = json!({ "model": "users", "limit": 2, "cursor": plain["next_cursor"], "offset": 0 });
    let next = content(running.address, "query_records", &next.to_string()).await;
    assert_eq!(next["data"][0]["id"], 3, "{next}");
    let all = content(running.address, "describe_models", r#"{"model":""}"#).await;
    assert_eq!(all["count"], 3);
    for message in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#.to_owned(),
        request(
            1,
            "tools/call",
            json!({ "name": "describe_models", "arguments": [] }),
        ),
        request(
            1,
            "tools/call",
            json!({ "name": "describe_models", "arguments": null }),
        ),
    ] {
        let answer = post(running.address, &message).await.json();
        assert!(answer["error"].is_null(), "{message}: {answer}");
    }
}

#[tokio::test]
async fn lists_and_objects_may_come_as_text() {
    let running = start(&[]).await;
    for (tool, text, plain) in [
        (
            "query_records",
            json!({ "model": "users", "filters": "{\"id\":{\"$lt\":4}}", "fields": "[\"id\"]" }),
            json!({ "model": "users", "filters": { "id": { "$lt": 4 } }, "fields": ["id"] }),
        ),
        (
            "query_records",
            json!({ "model": "tickets", "group_by": ["{\"$month\":\"created_at\"}"],
                "aggregate": { "n": "{\"$count\":\"*\"}" } }),
            json!({ "model": "tickets", "group_by": [{ "$month": "created_at" }],
                "aggregate": { "n": { "$count": "*" } } }),
        ),
        (
            "list_records",
            json!("{\"model\":\"users\",\"limit\":1}"),
            json!({ "model": "users", "limit": 1 }),
        ),
    ] {
        let (text, plain) = (text.to_string(), plain.to_string());
        let answer = rows(running.address, tool, &text).await;
        assert!(answer["error"].is_null(), "{text}: {answer}");
        assert_eq!(answer, rows(running.address, tool, &plain).await, "{text}");
    }
    // Within filters a text is a text.
    let filters =
        json!({ "model": "users", "filters": { "email": "{\"$ne\":\"x\"}" } }).to_string();
    let found = content(running.address, "query_records", &filters).await;
    assert_eq!(found["count"], 0, "{found}");
}

#[tokio::test]
async fn a_key_of_several_fields_may_be_text_or_an_object() {
    use sqlx::{Connection as _, Executor as _};
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("lines.db").display());
    let made = sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc"));
    let mut made = made.await.unwrap();
    for statement in [
        "CREATE TABLE lines (a INTEGER, b TEXT, said TEXT, PRIMARY KEY (a, b))",
        "INSERT INTO lines VALUES (1, 'x', 'one'), (2, 'x', 'two')",
    ] {
        made.execute(statement).await.unwrap();
    }
    made.close().await.unwrap();
    let running = start_over(&url, &[("MCP_ALLOWED_MODELS", "lines")]).await;
    let key = json!({ "a": 2, "b": "x" });
    for id in [key.clone(), key.to_string().into()] {
        let arguments = json!({ "model": "lines", "id": id }).to_string();
        let found = content(running.address, "get_record", &arguments).await;
        assert_eq!(found["data"]["said"], "two", "{arguments}");
    }
    for id in [
        json!("2"),
        json!("{\"a\":2}"),
        json!("[2,\"x\"]"),
        json!([2, "x"]),
    ] {
        let arguments = json!({ "model": "lines", "id": id }).to_string();
        let refused = content(running.address, "get_record", &arguments).await;
        assert_eq!(refused["code"], "invalid_value", "{arguments}");
    }
}
