//! The sliding window of a connection.

use std::time::Duration;

use crate::client::{Client, error};
use crate::service::Service;

const QUICK: &str = r#"{"id":7,"action":"describe","model":"users"}"#;

async fn limited(client: &mut Client, text: &str) {
    let over = client.answer().await;
    assert!(over["id"].is_null());
    assert_eq!(error(&over), (text, "rate_limited"));
    assert_eq!(
        client.closed().await,
        (1008, "rate limit exceeded".to_owned())
    );
}

#[tokio::test]
async fn a_burst_gets_exactly_its_number() {
    let service = Service::with(&[("MCP_RATE_LIMIT", "25")]).await;
    let mut client = Client::new(service.address).await;
    for _ in 0..40 {
        client.send(QUICK).await;
    }
    for _ in 0..25 {
        assert_eq!(client.answer().await["status"], "ok");
    }
    limited(&mut client, "Rate limit exceeded: 25 requests per 60s").await;
    assert_eq!(service.figure("mcp_rate_limited_total"), 1);
    // A new connection has a window of its own.
    let mut client = Client::new(service.address).await;
    assert_eq!(client.ask(QUICK).await["status"], "ok");
}

#[tokio::test]
async fn whatever_is_refused_counts_too() {
    let service = Service::with(&[("MCP_RATE_LIMIT", "6")]).await;
    let mut client = Client::new(service.address).await;
    for bad in [
        "not JSON",
        "",
        "[]",
        r#"{"action":"create","model":"users"}"#,
        r#"{"action":"list","model":"nothing"}"#,
        r#"{"action":"get","model":"users"}"#,
    ] {
        assert_eq!(client.ask(bad).await["status"], "error");
    }
    client.send("not JSON").await;
    limited(&mut client, "Rate limit exceeded: 6 requests per 60s").await;
}

#[tokio::test]
async fn pings_and_pongs_do_not_count() {
    let service = Service::with(&[("MCP_RATE_LIMIT", "1")]).await;
    let mut client = Client::new(service.address).await;
    for _ in 0..5 {
        client.settle().await;
    }
    assert_eq!(client.ask(QUICK).await["status"], "ok");
    client.settle().await;
    client.send(QUICK).await;
    limited(&mut client, "Rate limit exceeded: 1 requests per 60s").await;
}

#[tokio::test]
async fn room_returns_as_requests_age() {
    let service = Service::with(&[("MCP_RATE_LIMIT", "3"), ("MCP_RATE_WINDOW", "1")]).await;
    let mut client = Client::new(service.address).await;
    for _ in 0..3 {
        for _ in 0..3 {
            assert_eq!(client.ask(QUICK).await["status"], "ok");
        }
        // The service was asked before this; a longer sleep only makes more room.
        tokio::time::sleep(Duration::from_millis(1_001)).await;
    }
    for _ in 0..4 {
        client.send(QUICK).await;
    }
    for _ in 0..3 {
        client.answer().await;
    }
    limited(&mut client, "Rate limit exceeded: 3 requests per 1s").await;
}

#[tokio::test]
async fn a_limit_of_zero_is_none() {
    let service = Service::with(&[("MCP_RATE_LIMIT", "0")]).await;
    let mut client = Client::new(service.address).await;
    for _ in 0..500 {
        client.send(QUICK).await;
    }
    for _ in 0..500 {
        assert_eq!(client.answer().await["status"], "ok");
    }
}
