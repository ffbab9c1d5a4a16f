//! Who hears that other models are served than before.

use std::sync::Arc;

use crate::support::{Events, Socket, TOKEN, modern, request, soon, start};
use lucarne::auth::Tokens;
use lucarne::policy::{Access, Exposed, Permissions, Policy};
use lucarne::service::Service;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Puts a policy in force that serves other models.
pub(crate) fn serve_other_models(service: &Service) {
    let before = service.access();
    service.replace(Access {
        shared: Arc::new(Policy::new(
            Arc::clone(&before.settings),
            Permissions::ALL,
            vec![Exposed::waiting(vec!["others".to_owned()]).into()],
            None,
        )),
        ..Access::clone(&before)
    });
}

/// Lets no token in any more.
fn withdraw_tokens(service: &Service) {
    let before = service.access();
    service.replace(Access {
        tokens: Tokens::new(&[]),
        ..Access::clone(&before)
    });
}

#[tokio::test]
async fn a_token_that_goes_while_a_stream_is_asked_for_opens_none() {
    let running = start(&[]).await;
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    let body = request(7, "subscriptions/listen", modern(wanted));
    let (address, length) = (running.address, body.len());
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMCP-Method: subscriptions/listen\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // It is let in once its body is asked for.
    let mut asked = [0; 25];
    soon(stream.read_exact(&mut asked)).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    withdraw_tokens(&running.service);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert!(soon(stream.read_buf(&mut answer)).await.unwrap() > 0);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

fn method(text: &str) -> String {
    let message: Value = serde_json::from_str(text).unwrap();
    message["method"].as_str().unwrap().to_owned()
}

const TOOLS: &str = "notifications/tools/list_changed";
const RESOURCES: &str = "notifications/resources/list_changed";
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn initialize() -> String {
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } });
    request(1, "initialize", params)
}

#[tokio::test]
async fn a_socket_tells_what_its_revision_has() {
    let running = start(&[]).await;
    let mut socket = Socket::open(running.address, Some("mcp")).await;
    let answer = socket.ask(&initialize()).await;
    assert!(answer.contains(r#""listChanged":true"#), "{answer}");
    socket.send(INITIALIZED).await;
    socket.ask(&request(2, "ping", json!({}))).await;
    let mut newest = Socket::open(running.address, Some("mcp")).await;
    let wanted = json!({ "resourcesListChanged": true });
    let listen = request(
        3,
        "subscriptions/listen",
        modern(json!({ "notifications": wanted })),
    );
    let first = newest.ask(&listen).await;
    assert_eq!(method(&first), "notifications/subscriptions/acknowledged");
    let mut silent = Socket::open(running.address, None).await;
    silent.ask(r#"{"action":"describe"}"#).await;

    serve_other_models(&running.service);
    assert_eq!(method(&socket.next().await.unwrap()), TOOLS);
    assert_eq!(method(&socket.next().await.unwrap()), RESOURCES);
    let told = newest.next().await.unwrap();
    assert_eq!(method(&told), RESOURCES);
    assert!(
        told.contains(r#""io.modelcontextprotocol/subscriptionId":3"#),
        "{told}"
    );
    let tools = socket.ask(&request(4, "tools/list", json!({}))).await;
    assert!(tools.contains(r#""enum":["others"]"#), "{tools}");

    running.stop.stopping.cancel();
    let ended: Value = serde_json::from_str(&newest.next().await.unwrap()).unwrap();
    assert_eq!(ended["id"], 3);
    assert_eq!(newest.next().await, Err(1001));
    assert_eq!(
        silent.next().await,
        Err(1001),
        "native messages hear nothing"
    );
}

#[tokio::test]
async fn an_event_stream_tells_too() {
    let running = start(&[]).await;
    let mut events = Events::open(running.address).await;
    events.ask(&initialize()).await;
    assert_eq!(events.post(INITIALIZED).await.status, 202);
    events.ask(&request(2, "ping", json!({}))).await;
    serve_other_models(&running.service);
    assert_eq!(method(&events.next().await.unwrap().1), TOOLS);
    assert_eq!(method(&events.next().await.unwrap().1), RESOURCES);
    running.stop.stopping.cancel();
    assert_eq!(events.next().await, None);
}
