//! The windows of tokens and their connections.

use serde_json::{Value, json};

use crate::data::Data;
use crate::support::{Client, WAYS, Way, start, token};

/// How many reads are answered before one is refused, by one client that connects once.
async fn admitted(client: &mut Client, way: Way) -> usize {
    let message = match way {
        Way::Native => json!({ "id": 1, "action": "list", "model": "tickets" }),
        _ => json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "list_records", "arguments": { "model": "tickets" } } }),
    };
    let mut count = 0;
    loop {
        let Ok(text) = client.exchange(message.to_string()).await else {
            return count;
        };
        let answer: Value = serde_json::from_str(&text).unwrap();
        if answer.get("error").is_some() {
            assert!(text.contains("Rate limit exceeded"), "{way:?}: {text}");
            return count;
        }
        count += 1;
        assert!(count < 50, "{way:?} knows no limit");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_its_own_takes_the_place_of_that_of_each_connection() {
    let data = Data::sqlite().await;
    let running = start(&[("MCP_RATE_LIMIT", "4"), ("MCP_TOKEN_RATE_LIMIT", "5")]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    for (own, expected) in [(Some(9), 9), (Some(2), 2), (None, 4)] {
        for way in WAYS {
            let mut new = token(&format!("{way:?}-{expected}").to_lowercase());
            new.limits.rate_limit = own;
            let (_, secret) = running.token(&tenant, new).await;
            let client = Client::connect(running.address, &secret, way).await;
            let mut client = client.ok().unwrap();
            assert_eq!(
                admitted(&mut client, way).await,
                expected,
                "{way:?} {own:?}"
            );
            // Connecting again resets the window of a socket, and none of a token.
            let is_socket = matches!(way, Way::Native | Way::McpSocket);
            let left = usize::from(own.is_none() && is_socket);
            let client = Client::connect(running.address, &secret, way).await;
            let mut client = client.ok().unwrap();
            assert_eq!(admitted(&mut client, way).await, left, "{way:?} {own:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoami_tells_the_limit_that_holds() {
    let data = Data::sqlite().await;
    let running = start(&[("MCP_RATE_LIMIT", "4")]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    for (own, expected) in [(Some(9), 9), (None, 4)] {
        let mut new = token(&format!("token-{expected}"));
        new.limits.rate_limit = own;
        let (_, secret) = running.token(&tenant, new).await;
        let client = Client::connect(running.address, &secret, Way::Native).await;
        let told = client.ok().unwrap().ask("whoami", None, json!({})).await;
        assert_eq!(told["data"]["limits"]["connection"]["requests"], expected);
    }
}
