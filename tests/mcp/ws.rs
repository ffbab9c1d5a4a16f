//! MCP on the socket of the native messages.

use serde_json::{Value, json};

use crate::support::{Socket, call, modern, request, start};

#[tokio::test]
async fn the_subprotocol_or_the_first_message_chooses() {
    let running = start(&[]).await;
    let ping = request(1, "ping", json!({}));
    let native = r#"{"id":1,"action":"get","model":"users","params":{"id":1}}"#;
    let is_mcp = |answer: &str| answer.starts_with(r#"{"jsonrpc":"2.0""#);

    let mut socket = Socket::open(running.address, Some("mcp")).await;
    assert_eq!(socket.protocol.as_deref(), Some("mcp"));
    assert!(is_mcp(&socket.ask(&ping).await));
    assert!(
        is_mcp(&socket.ask(native).await),
        "even where it is no JSON-RPC"
    );

    let mut socket = Socket::open(running.address, Some("lucarne")).await;
    assert_eq!(socket.protocol.as_deref(), Some("lucarne"));
    assert!(!is_mcp(&socket.ask(&ping).await));

    let mut socket = Socket::open(running.address, None).await;
    assert_eq!(socket.protocol, None);
    assert!(is_mcp(&socket.ask(&ping).await));
    assert!(is_mcp(&socket.ask(native).await));

    let mut socket = Socket::open(running.address, None).await;
    assert!(!is_mcp(&socket.ask(native).await));
    assert!(!is_mcp(&socket.ask(&ping).await));

    let mut socket =
        Socket::open(running.address, Some("mcp.auth.s3cr3t-token-of-tests, mcp")).await;
    assert_eq!(socket.protocol.as_deref(), Some("mcp"));
    assert!(is_mcp(&socket.ask("not JSON").await));
}

#[tokio::test]
async fn both_eras_are_spoken_on_one_socket() {
    let running = start(&[]).await;
    let mut socket = Socket::open(running.address, None).await;
    let answer = socket
        .ask(&request(1, "server/discover", modern(json!({}))))
        .await;
    assert!(
        answer.contains(r#""supportedVersions":["2026-07-28""#),
        "{answer}"
    );
    let answer = socket.ask(&request(2, "tools/list", json!({}))).await;
    assert!(!answer.contains("resultType"), "{answer}");
    let mut unsupported = modern(json!({}));
    unsupported["_meta"]["io.modelcontextprotocol/protocolVersion"] = "1999-01-01".into();
    let answer = socket.ask(&request(3, "tools/list", unsupported)).await;
    assert!(
        answer.contains("-32022") && answer.contains("1999-01-01"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_message_over_the_window_is_answered_and_the_socket_closed() {
    let running = start(&[("MCP_RATE_LIMIT", "2")]).await;
    let mut socket = Socket::open(running.address, Some("mcp")).await;
    for id in 1..=3 {
        socket.send(&call(id, "describe_models", "{}")).await;
    }
    let mut answers = Vec::new();
    let closed = loop {
        match socket.next().await {
            Ok(text) => answers.push(serde_json::from_str::<Value>(&text).unwrap()),
            Err(code) => break code,
        }
    };
    assert_eq!(closed, 1008);
    answers.sort_by_key(|answer| answer["id"].as_u64());
    assert_eq!(answers.len(), 3);
    let error = &answers[2]["error"];
    assert_eq!(answers[2]["id"], 3);
    assert_eq!(error["message"], "Rate limit exceeded: 2 requests per 60s");
    assert_eq!(error["data"]["code"], "rate_limited");
}

#[tokio::test]
async fn many_requests_at_once_are_all_answered() {
    let running = start(&[("MCP_RATE_LIMIT", "0")]).await;
    let mut socket = Socket::open(running.address, Some("mcp")).await;
    for id in 0..200 {
        socket
            .send(&call(
                id,
                "list_records",
                r#"{"model":"tickets","limit":5}"#,
            ))
            .await;
    }
    let mut ids = Vec::new();
    for _ in 0..200 {
        let answer: Value = serde_json::from_str(&socket.next().await.unwrap()).unwrap();
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        ids.push(answer["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..200).collect::<Vec<u64>>());
    let cancelled =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    socket.send(cancelled).await;
    assert!(
        socket
            .ask(&request(1, "ping", json!({})))
            .await
            .contains("\"result\"")
    );
}
