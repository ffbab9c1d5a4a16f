//! Limits: each holds, says so, and leaves everybody else alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::support::*;
use crate::worst::on_postgres;

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

/// A way to a server that is slow to ask it whether it is there, and how often that was and how many
/// connections came.
async fn watched(server: String) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (pings, connections): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
    let counted = (Arc::clone(&pings), Arc::clone(&connections));
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            counted.1.fetch_add(1, Ordering::Relaxed);
            let mut server = TcpStream::connect(&server).await.unwrap();
            let pings = Arc::clone(&counted.0);
            tokio::spawn(async move {
                let (mut asked, mut told) = (vec![0; 65_536], vec![0; 65_536]);
                loop {
                    tokio::select! {
                        length = client.read(&mut asked) => {
                            let Ok(length @ 1..) = length else { return };
                            if asked[..length].windows(8).any(|it| it == b"SELECT 1") {
                                pings.fetch_add(1, Ordering::Relaxed);
                                tokio::time::sleep(Duration::from_millis(300)).await;
                            }
                            server.write_all(&asked[..length]).await.unwrap();
                        }
                        length = server.read(&mut told) => {
                            let Ok(length @ 1..) = length else { return };
                            client.write_all(&told[..length]).await.unwrap();
                        }
                    }
                }
            });
        }
    });
    (address, pings, connections)
}

/// What a stranger is told who asks whether it is ready; one address has not so many connections.
async fn ready(address: SocketAddr, number: u8) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    let from = SocketAddr::from(([127, 0, 0, 1 + number % 4], 0));
    socket.bind(from).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let head = b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_whether_it_is_ready_one_reading_answers_them() {
    let made = ["CREATE TABLE users (id int PRIMARY KEY)"];
    on_postgres(&made, |url| async move {
        let (login, place) = url.rsplit_once('@').unwrap();
        let (server, name) = place.split_once('/').unwrap();
        let (address, pings, connections) = watched(server.to_owned()).await;
        let folder = Folder::new().await;
        let database = format!("DATABASE_URL={login}@{address}/{name}?sslmode=disable");
        folder.configure(&format!("{database}\nMCP_ALLOWED_MODELS=users"));
        let served = folder.serve().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = pings.load(Ordering::Relaxed);
        let asking: Vec<_> = (0..200)
            .map(|number| tokio::spawn(ready(served.address, number)))
            .collect();
        for one in asking {
            assert!(one.await.unwrap().starts_with("HTTP/1.1 200"));
        }
        let asked = pings.load(Ordering::Relaxed) - before;
        // A second one where the last connections came late.
        assert!((1..=2).contains(&asked), "{asked} readings");
        // Those who do not wait for the answer cost no session each.
        let before = connections.load(Ordering::Relaxed);
        for _ in 0..20 {
            let mut stream = TcpStream::connect(served.admin).await.unwrap();
            let head = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(head).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(get(served.admin, "/ready").await.0, 200);
        let after = connections.load(Ordering::Relaxed);
        assert!(after <= before + 1, "{before} connections became {after}");
    })
    .await;
}
