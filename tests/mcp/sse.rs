//! The transport of 2024-11-05.

use std::time::Duration;

use serde_json::json;

use crate::support::{BEARER, Events, JSON, OTHER_TOKEN, call, http, request, start};

#[tokio::test]
async fn a_stream_carries_the_answers() {
    let running = start(&[]).await;
    let mut events = Events::open(running.address).await;
    let params = json!({ "protocolVersion": "2024-11-05", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } });
    let answer = events.ask(&request(1, "initialize", params)).await;
    assert!(
        answer.contains(r#""protocolVersion":"2024-11-05""#),
        "{answer}"
    );
    let answer = events
        .ask(&call(2, "get_record", r#"{"model":"users","id":1}"#))
        .await;
    assert!(answer.contains(r#""isError":false"#), "{answer}");
    let answer = events.ask("not JSON").await;
    assert!(answer.contains("-32700"), "{answer}");
    assert!(running.figures().contains("mcp_active_sessions 1"));
}

#[tokio::test]
async fn a_session_is_bound_to_its_token_and_ends_with_its_stream() {
    let running = start(&[]).await;
    let ping = request(1, "ping", json!({}));
    let events = Events::open(running.address).await;
    let path = events.path.clone();
    let other = [JSON, ("x-mcp-token", OTHER_TOKEN)];
    let refused = http(running.address, "POST", &path, &other, &ping).await;
    assert_eq!(refused.status, 404);
    let refused = http(running.address, "POST", &path, &[JSON], &ping).await;
    assert_eq!(refused.status, 401);
    let refused = http(
        running.address,
        "POST",
        "/mcp/messages?sessionId=x",
        &[JSON, BEARER],
        &ping,
    )
    .await;
    assert_eq!(refused.status, 404);
    let refused = http(
        running.address,
        "POST",
        "/mcp/messages",
        &[JSON, BEARER],
        &ping,
    )
    .await;
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (404, &json!("Unknown session"))
    );
    assert_eq!(events.post(&ping).await.status, 202);
    drop(events);
    let mut gone = false;
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let late = http(running.address, "POST", &path, &[JSON, BEARER], &ping).await;
        gone = late.status == 404;
        if gone {
            break;
        }
    }
    assert!(gone, "a stream that nobody reads is forgotten");
}

#[tokio::test]
async fn a_silent_stream_is_closed_and_streams_take_places() {
    let running = start(&[("MCP_IDLE_TIMEOUT", "1"), ("MCP_MAX_CONNECTIONS", "1")]).await;
    let mut events = Events::open(running.address).await;
    let refused = http(running.address, "GET", "/mcp/sse", &[BEARER], "").await;
    assert_eq!(refused.status, 503);
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(events.next().await, None);
}
