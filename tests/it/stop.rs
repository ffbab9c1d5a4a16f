//! The end: what runs is finished or told, nothing new begins, and the exit code is 0.

use std::time::Instant;

use lucarne::server::GRACE;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{Client, body, error};
use crate::process::Process;
use crate::raw;
use crate::service::{Service, TOKEN, soon};

const ENDLESS: &str = r#"{"id":"slow","action":"list","model":"endless"}"#;
const QUICK: &str = r#"{"id":"quick","action":"get","model":"users","params":{"id":1}}"#;
const MODELS: (&str, &str) = ("MCP_ALLOWED_MODELS", "users,endless");
const AWAY: (u16, &str) = (1001, "server is shutting down");

async fn says_goodbye(client: &mut Client) {
    let (code, reason) = client.closed().await;
    assert_eq!((code, &*reason), AWAY);
}

#[tokio::test]
async fn either_signal_ends_an_idle_service_at_once() {
    for signal in ["TERM", "INT"] {
        let mut process = Process::serve(&[]);
        let address = process.address();
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(Client::new(address).await);
        }
        assert_eq!(clients[0].ask(QUICK).await["status"], "ok");
        // Half a request, and a connection that asks for nothing, are not waited for.
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /mcp").await.unwrap();
        let _nothing = TcpStream::connect(address).await.unwrap();
        let told = Instant::now();
        process.signal(signal);
        for client in &mut clients {
            says_goodbye(client).await;
        }
        assert_eq!(process.ended().code(), Some(0));
        // Not after the grace, nor after the time that a head may take.
        assert!(told.elapsed() < GRACE);
        let output = process.output();
        assert!(
            output.ends_with("stopped: 100 sockets closed, 0 requests cut\n"),
            "{output}"
        );
    }
}

#[tokio::test]
async fn what_runs_is_finished_and_nothing_new_begins() {
    let mut process = Process::serve(&[MODELS, ("MCP_QUERY_TIMEOUT", "3")]);
    let address = process.address();
    let mut client = Client::new(address).await;
    client.send(ENDLESS).await;
    client.send(QUICK).await;
    client.settle().await;
    process.signal("TERM");
    soon(async {
        while raw::get(address, "/ready").await.status != 503 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let ready = raw::get(address, "/ready").await;
    assert_eq!(
        (ready.status, ready.json()["error"].as_str()),
        (503, Some("Server is shutting down"))
    );
    assert_eq!(raw::get(address, "/health").await.status, 200);
    let header = [("X-MCP-Token", TOKEN)];
    let refused = Client::with(address, "/mcp/ws", &header)
        .await
        .err()
        .unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(body(&refused)["error"], "Server is shutting down");
    // Both answers come to their end, in their order, and then the goodbye.
    let slow = client.answer().await;
    assert_eq!(
        (&slow["id"], error(&slow).0),
        (&"slow".into(), "Query timed out after 3s")
    );
    let quick = client.answer().await;
    assert_eq!(
        (&quick["id"], &quick["status"]),
        (&"quick".into(), &"ok".into())
    );
    says_goodbye(&mut client).await;
    assert_eq!(process.ended().code(), Some(0));
    let output = process.output();
    assert!(
        output.ends_with("stopped: 1 sockets closed, 0 requests cut\n"),
        "{output}"
    );
}

#[tokio::test]
async fn a_second_signal_cuts_what_runs_and_says_so() {
    let mut process = Process::serve(&[MODELS, ("MCP_QUERY_TIMEOUT", "60")]);
    let address = process.address();
    let mut client = Client::new(address).await;
    client.send(ENDLESS).await;
    client.send(ENDLESS).await;
    client.settle().await;
    process.signal("INT");
    soon(async {
        while raw::get(address, "/ready").await.status != 503 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    process.signal("INT");
    for _ in 0..2 {
        let cut = client.answer().await;
        assert_eq!(cut["id"], "slow");
        assert_eq!(error(&cut), ("Server is shutting down", "unavailable"));
    }
    says_goodbye(&mut client).await;
    assert_eq!(process.ended().code(), Some(0));
    let output = process.output();
    assert!(
        output.ends_with("stopped: 1 sockets closed, 2 requests cut\n"),
        "{output}"
    );
}

#[tokio::test]
async fn a_flood_of_messages_does_not_put_the_end_off() {
    let mut service = Service::with(&[("MCP_RATE_LIMIT", "0")]).await;
    let mut stream = raw::socket(service.address).await;
    let flood = raw::frame(raw::TEXT, b"{}").repeat(500);
    let (mut reads, mut writes) = stream.split();
    let stop = service.stop.clone();
    let write = async { while writes.write_all(&flood).await.is_ok() {} };
    let read = async {
        tokio::io::copy(&mut reads, &mut tokio::io::sink())
            .await
            .ok();
    };
    let end = async {
        service.until("mcp_active_sessions", 1).await;
        let begun = Instant::now();
        stop.stopping.cancel();
        (service.stopped().await, begun.elapsed())
    };
    let (_, _, (stopped, took)) = tokio::join!(write, read, end);
    assert_eq!((stopped.sockets, stopped.cut), (1, 0));
    println!("over in {took:?} under a flood");
}
