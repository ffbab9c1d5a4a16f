//! Limits: each holds, says so, and leaves everybody else alone.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn connecting_again_does_not_fill_the_window_of_a_token() {
    let folder = Folder::new().await;
    let other = "another-token-of-the-tests";
    folder.configure(&format!(
        "MCP_TOKEN={TOKEN},{other}\nMCP_RATE_LIMIT=5\nMCP_TOKEN_RATE_LIMIT=12"
    ));
    let served = folder.serve().await;
    let mut answered = 0;
    'sockets: for _ in 0..5 {
        let mut socket = served.connect(TOKEN).await;
        for _ in 0..4 {
            let answer = ask(&mut socket, LIST).await;
            if code(&answer) == "ok" {
                answered += 1;
                continue;
            }
            assert_eq!(answer["error"], "Rate limit exceeded: 12 requests per 60s");
            assert_eq!(closed(&mut socket).await, Some(1008));
            break 'sockets;
        }
    }
    assert_eq!(answered, 12);
    let mut socket = served.connect(other).await;
    assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_sockets() {
    let folder = Folder::new().await;
    folder.configure("MCP_MAX_CONNECTIONS_PER_ADDRESS=3");
    let served = folder.serve().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(served.connect(TOKEN).await);
    }
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(429));
    assert_eq!(code(&ask(&mut held[0], LIST).await), "ok");
    held.pop().unwrap().close(None).await.unwrap();
    until("a place that is free again", || {
        served.logged("MCP connection closed") == 1
    })
    .await;
    held.push(served.connect(TOKEN).await);
    // A reload lets more in, without a word to those who are.
    folder.configure("MCP_MAX_CONNECTIONS_PER_ADDRESS=4");
    served.reload().await;
    held.push(served.connect(TOKEN).await);
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(429));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_sockets_follows_a_reload() {
    let folder = Folder::new().await;
    folder.configure("MCP_MAX_CONNECTIONS=2");
    let served = folder.serve().await;
    let _held = [served.connect(TOKEN).await, served.connect(TOKEN).await];
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(503));
    folder.configure("MCP_MAX_CONNECTIONS=3");
    served.reload().await;
    let _third = served.connect(TOKEN).await;
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(503));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_over_the_number_at_once_wait_and_are_answered() {
    let folder = Folder::new().await;
    folder.configure("MCP_MAX_REQUESTS=1\nMCP_RATE_LIMIT=0");
    let served = Arc::new(folder.serve().await);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let served = Arc::clone(&served);
            tokio::spawn(async move {
                let mut socket = served.connect(TOKEN).await;
                for _ in 0..20 {
                    socket.feed(Message::text(LIST)).await.unwrap();
                }
                socket.flush().await.unwrap();
                for _ in 0..20 {
                    assert_eq!(code(&answer(&mut socket).await.unwrap()), "ok");
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(
        served
            .metric("mcp_tool_invocations_total{tool=\"list\",status=\"ok\"}")
            .await,
        Some(160.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_is_asked_whether_it_is_there() {
    let folder = Folder::new().await;
    folder.configure("");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    // The first ping comes after half a minute.
    let pinged = tokio::time::timeout(2 * PATIENCE, socket.next()).await;
    let ping = pinged.unwrap().unwrap().unwrap();
    assert_eq!(ping, Message::Ping("".into()));
    assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
}
