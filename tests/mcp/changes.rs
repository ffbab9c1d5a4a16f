//! Who hears that other models are served than before.

use std::sync::Arc;

use crate::support::{Events, Socket, modern, request, start};
use lucarne::policy::{Access, Exposed, Permissions, Policy};
use lucarne::service::Service;
use serde_json::{Value, json};

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
