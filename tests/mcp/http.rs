//! Streamable HTTP: what each revision asks of it.

use crate::support::{BEARER, Events, JSON, http, modern, post, request, send, start};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let running = start(&[]).await;
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("\u{feff}{", -32700),
        ("\u{feff}{}", -32600),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (r#"{"id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, -32600),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":7}"#,
            -32602,
        ),
    ] {
        let refused = post(running.address, body).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (400, &json!(code)),
            "{body}"
        );
    }
    let deep = post(running.address, &"[".repeat(60_000)).await;
    assert_eq!(
        (deep.status, &deep.json()["error"]["code"]),
        (400, &json!(-32700))
    );
    let large = post(running.address, &" ".repeat(70_000)).await;
    assert_eq!(large.status, 413);
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let headers = [BEARER, ("content-type", kind)];
        let refused = http(running.address, "POST", "/mcp", &headers, "{}").await;
        assert_eq!(refused.status, 415, "{kind}");
    }
    for method in ["GET", "DELETE", "PUT"] {
        let refused = http(running.address, method, "/mcp", &[BEARER], "").await;
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, "POST"),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_read_to_the_largest_request_alone() {
    let running = start(&[]).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let (name, token) = BEARER;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\n{name}: {token}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        running.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // It never ends, and is answered all the same.
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let (mut read, mut write) = stream.split();
    let sending = async { while write.write_all(chunk.as_bytes()).await.is_ok() {} };
    let mut answer = [0; 12];
    let (answered, ()) = tokio::join!(read.read_exact(&mut answer), sending);
    answered.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn notifications_are_accepted_and_sessions_are_not_made() {
    let running = start(&[]).await;
    for body in [
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
    ] {
        let accepted = post(running.address, body).await;
        assert_eq!((accepted.status, accepted.body.as_str()), (202, ""));
        assert_eq!(accepted.header("mcp-session-id"), "");
    }
}

#[tokio::test]
async fn older_revisions_are_agreed_on() {
    let running = start(&[]).await;
    for (asked, agreed) in [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2024-11-05"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let params = json!({ "protocolVersion": asked, "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" } });
        let answer = post(running.address, &request(1, "initialize", params))
            .await
            .json();
        let result = &answer["result"];
        assert_eq!(result["protocolVersion"], agreed);
        assert_eq!(result["serverInfo"]["name"], "lucarne");
        assert!(result["instructions"].as_str().unwrap().len() < 2_000);
        assert_eq!(
            result["capabilities"]["tools"]["listChanged"], false,
            "there is no stream"
        );
        assert!(result.get("resultType").is_none());
    }
    let headers = [BEARER, JSON, ("mcp-protocol-version", "1999-01-01")];
    let body = request(1, "tools/list", json!({}));
    let refused = http(running.address, "POST", "/mcp", &headers, &body).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (400, &json!(-32022))
    );
    let unknown = post(running.address, &request(1, "nonsense", json!({}))).await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["code"]),
        (200, &json!(-32601))
    );
}

async fn ask_modern(
    address: std::net::SocketAddr,
    method: &str,
    name: Option<&str>,
    params: Value,
) -> (u16, Value) {
    let mut headers = vec![
        BEARER,
        JSON,
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
    ];
    headers.extend(name.map(|name| ("mcp-name", name)));
    let body = request(1, method, modern(params));
    let answer = http(address, "POST", "/mcp", &headers, &body).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn the_newest_revision_needs_no_handshake() {
    let running = start(&[]).await;
    let (status, answer) = ask_modern(running.address, "server/discover", None, json!({})).await;
    assert_eq!(status, 200);
    let result = &answer["result"];
    assert_eq!(result["supportedVersions"][0], "2026-07-28");
    assert_eq!(result["supportedVersions"].as_array().unwrap().len(), 5);
    assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
    for (method, kept) in [
        ("server/discover", 3_600_000),
        ("tools/list", 60_000),
        ("resources/list", 60_000),
        ("resources/templates/list", 3_600_000),
        ("prompts/list", 3_600_000),
    ] {
        let (_, answer) = ask_modern(running.address, method, None, json!({})).await;
        let result = &answer["result"];
        assert_eq!(
            (&result["ttlMs"], &result["cacheScope"]),
            (&json!(kept), &json!("private"))
        );
        assert_eq!(result["resultType"], "complete");
        assert_eq!(
            result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
            "lucarne"
        );
    }
    let uri = "lucarne://models/users/1";
    let params = json!({ "uri": uri });
    let (_, answer) = ask_modern(running.address, "resources/read", Some(uri), params).await;
    assert_eq!(answer["result"]["ttlMs"], 0, "a record holds no moment");
    let params = json!({ "name": "get_record", "arguments": { "model": "users", "id": 1 } });
    let (_, answer) = ask_modern(running.address, "tools/call", Some("get_record"), params).await;
    assert_eq!(answer["result"]["structuredContent"]["data"]["id"], 1);
    assert_eq!(answer["result"]["resultType"], "complete");
}

#[tokio::test]
async fn the_newest_revision_has_its_own_errors() {
    let running = start(&[]).await;
    for method in [
        "ping",
        "initialize",
        "logging/setLevel",
        "resources/subscribe",
        "x",
    ] {
        let (status, answer) = ask_modern(running.address, method, None, json!({})).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (404, &json!(-32601)),
            "{method}"
        );
    }
    let (status, answer) = ask_modern(
        running.address,
        "resources/read",
        Some("lucarne://models/none"),
        json!({ "uri": "lucarne://models/none" }),
    )
    .await;
    assert_eq!((status, &answer["error"]["code"]), (200, &json!(-32602)));
    assert_eq!(answer["error"]["data"]["uri"], "lucarne://models/none");
    let (status, answer) = ask_modern(
        running.address,
        "tools/call",
        Some("list_records"),
        json!({ "name": "get_record", "arguments": {} }),
    )
    .await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32020)));
    let (status, answer) = ask_modern(
        running.address,
        "tools/list",
        None,
        json!({ "cursor": "x" }),
    )
    .await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (200, &json!("Invalid cursor"))
    );
}

#[tokio::test]
async fn a_subscription_is_a_stream_and_is_answered_at_the_end() {
    let running = start(&[]).await;
    let headers = [
        BEARER,
        JSON,
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "subscriptions/listen"),
    ];
    let wanted = json!({ "toolsListChanged": true, "promptsListChanged": true });
    let body = request(
        7,
        "subscriptions/listen",
        modern(json!({ "notifications": wanted })),
    );
    let response = send(running.address, "POST", "/mcp", &headers, body).await;
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut events = Events::reading(running.address, response);
    let mut next = async || -> Value {
        serde_json::from_str(&events.next().await.expect("a message").1).unwrap()
    };
    let first = next().await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(
        first["params"]["notifications"],
        json!({ "toolsListChanged": true })
    );
    crate::changes::serve_other_models(&running.service);
    let told = next().await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(
        told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        7
    );
    running.stop.stopping.cancel();
    let last = next().await;
    assert_eq!(
        (&last["id"], &last["result"]["resultType"]),
        (&json!(7), &json!("complete"))
    );
}
