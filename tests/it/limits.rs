//! What one client may take: places, time, memory.

use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, body};
use crate::raw::{self, PING, TEXT, frame};
use crate::service::{Service, TOKEN, soon};

const QUICK: &str = r#"{"id":1,"action":"get","model":"users","params":{"id":1}}"#;
const ENDLESS: &str = r#"{"id":1,"action":"list","model":"endless"}"#;
const MODELS: (&str, &str) = ("MCP_ALLOWED_MODELS", "users,tickets,endless,large");

#[tokio::test]
async fn a_silent_socket_is_closed_and_a_pong_is_a_sound() {
    let service = Service::with(&[("MCP_IDLE_TIMEOUT", "1")]).await;
    let mut silent = Client::new(service.address).await;
    assert_eq!(silent.ask(QUICK).await["status"], "ok");
    let mut alive = Client::new(service.address).await;
    let (mut stayed, mut closed) = (0, None);
    let ended = silent.closed();
    tokio::pin!(ended);
    while closed.is_none() || stayed < 8 {
        tokio::select! {
            code = &mut ended, if closed.is_none() => closed = Some(code),
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                alive.socket.send(Message::Pong("".into())).await.unwrap();
                stayed += 1;
            }
        }
    }
    assert_eq!(closed.unwrap(), (1000, "idle timeout".to_owned()));
    assert_eq!(alive.ask(QUICK).await["status"], "ok");
}

#[tokio::test]
async fn one_socket_too_many_may_come_later() {
    let service = Service::with(&[("MCP_MAX_CONNECTIONS", "2")]).await;
    let first = Client::new(service.address).await;
    let mut second = Client::new(service.address).await;
    let header = [("X-MCP-Token", TOKEN)];
    let refused = Client::with(service.address, "/mcp/ws", &header)
        .await
        .err()
        .unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(body(&refused)["error"], "Too many connections");
    // Strangers are told nothing of it.
    let refused = Client::with(service.address, "/mcp/ws", &[])
        .await
        .err()
        .unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(second.ask(QUICK).await["status"], "ok");
    drop(first);
    service.until("mcp_active_sessions", 1).await;
    let mut third = Client::new(service.address).await;
    assert_eq!(third.ask(QUICK).await["status"], "ok");
}

#[tokio::test]
async fn half_open_handshakes_keep_nobody_out() {
    let service = Service::new().await;
    let mut half_open = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream
            .write_all(b"GET /mcp/ws HTTP/1.1\r\nHost: ")
            .await
            .unwrap();
        half_open.push(stream);
    }
    let mut client = Client::new(service.address).await;
    assert_eq!(client.ask(QUICK).await["status"], "ok");
    assert_eq!(raw::get(service.address, "/ready").await.status, 200);
    // Each is let go of, whether it goes on dripping or not.
    let (mut dripping, mut silent) = (half_open.pop().unwrap(), half_open.pop().unwrap());
    let mut rest = Vec::new();
    let dropped = soon(async {
        loop {
            tokio::select! {
                read = silent.read_to_end(&mut rest) => return read,
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    let _ = dripping.write_all(b"x").await;
                }
            }
        }
    });
    let _ = dropped.await;
    assert!(!rest.starts_with(b"HTTP/1.1 101"));
    let mut rest = Vec::new();
    let _ = soon(dripping.read_to_end(&mut rest)).await;
    assert!(!rest.starts_with(b"HTTP/1.1 101"));
}

/// A connection from this address of the machine.
async fn from(address: &str, service: &Service) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    soon(socket.connect(service.address)).await.unwrap()
}

#[tokio::test]
async fn strangers_make_room_and_whoever_showed_a_token_stays() {
    let service = Service::with(&[("MCP_MAX_CONNECTIONS", "1")]).await;
    let (ask, token) = (
        format!("Host: {}", service.address),
        format!("X-MCP-Token: {TOKEN}"),
    );
    let health = raw::head(&["GET /health HTTP/1.1", &ask]);
    let list = raw::head(&["GET /mcp HTTP/1.1", &ask, &token]);
    let mut known = TcpStream::connect(service.address).await.unwrap();
    known.write_all(list.as_bytes()).await.unwrap();
    assert_eq!(raw::reply(&mut known).await.status, 405);
    // Each asks for what needs no token and rests; nine addresses would take all places.
    let mut strangers = Vec::new();
    for number in 0..400 {
        let mut stranger = from(&format!("127.0.0.{}", 2 + number % 9), &service).await;
        stranger.write_all(health.as_bytes()).await.unwrap();
        strangers.push(stranger);
    }
    let mut client = Client::new(service.address).await;
    assert_eq!(client.ask(QUICK).await["status"], "ok");
    known.write_all(list.as_bytes()).await.unwrap();
    assert_eq!(raw::reply(&mut known).await.status, 405);
    assert!(service.figure("mcp_connections_refused_total{reason=\"connections\"}") > 100);
    // Those who came last are still served.
    let last = strangers.last_mut().unwrap();
    assert_eq!(raw::reply(last).await.status, 200);
}

#[tokio::test]
async fn a_connection_with_a_token_rests_for_long_and_is_told_so() {
    let service = Service::new().await;
    let (host, token) = (
        format!("Host: {}", service.address),
        format!("X-MCP-Token: {TOKEN}"),
    );
    let mut known = TcpStream::connect(service.address).await.unwrap();
    let mut stranger = TcpStream::connect(service.address).await.unwrap();
    let ask = raw::head(&["GET /mcp HTTP/1.1", &host, &token]);
    known.write_all(ask.as_bytes()).await.unwrap();
    assert_eq!(
        raw::reply(&mut known).await.header("keep-alive"),
        Some("timeout=75")
    );
    let health = raw::head(&["GET /health HTTP/1.1", &host]);
    stranger.write_all(health.as_bytes()).await.unwrap();
    assert_eq!(raw::reply(&mut stranger).await.header("keep-alive"), None);
    let mut rest = Vec::new();
    soon(stranger.read_to_end(&mut rest)).await.unwrap();
    known.write_all(ask.as_bytes()).await.unwrap();
    assert_eq!(raw::reply(&mut known).await.status, 405);
}

#[tokio::test]
async fn what_was_read_before_a_close_is_answered_before_it() {
    let service = Service::with(&[MODELS, ("MCP_QUERY_TIMEOUT", "1")]).await;
    let close = frame(raw::CLOSE, &1000u16.to_be_bytes());
    for says in [Some(close), None] {
        let mut stream = raw::socket(service.address).await;
        let asked = [ENDLESS, QUICK]
            .map(|text| frame(TEXT, text.as_bytes()))
            .concat();
        stream.write_all(&asked).await.unwrap();
        match &says {
            Some(close) => stream.write_all(close).await.unwrap(),
            None => stream.shutdown().await.unwrap(),
        }
        let mut seen = Vec::new();
        while let Some((first, payload)) = raw::read_frame(&mut stream).await {
            let text = String::from_utf8_lossy(&payload);
            match first {
                PING => {}
                raw::CLOSE => seen.push("close"),
                _ if text.contains("\"timeout\"") => seen.push("timeout"),
                _ => {
                    assert!(text.contains("\"ok\""), "{text}");
                    seen.push("ok");
                }
            }
        }
        let expected = ["timeout", "ok", "close"];
        let expected = &expected[..if says.is_some() { 3 } else { 2 }];
        assert_eq!(seen, expected);
        service.until("mcp_active_sessions", 0).await;
    }
}

#[tokio::test]
async fn a_message_waits_for_memory_and_is_not_lost() {
    // Room for one request of the largest size at a time, and no more.
    let service = Service::with(&[
        MODELS,
        ("MCP_MAX_MEMORY_BYTES", "2228224"),
        ("MCP_RATE_LIMIT", "0"),
    ])
    .await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::new(service.address).await);
    }
    for client in &mut clients {
        for _ in 0..8 {
            client.send(QUICK).await;
        }
    }
    for client in &mut clients {
        for _ in 0..8 {
            assert_eq!(client.answer().await["status"], "ok");
        }
    }
    let slow = Service::with(&[
        MODELS,
        ("MCP_MAX_MEMORY_BYTES", "2228224"),
        ("MCP_QUERY_TIMEOUT", "1"),
        ("MCP_POOL_SIZE", "2"),
    ])
    .await;
    let mut client = Client::new(slow.address).await;
    for _ in 0..4 {
        client.send(ENDLESS).await;
    }
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(client.answer().await["code"].clone());
    }
    assert!(codes.contains(&"timeout".into()), "{codes:?}");
    // What is left is enough for another by HTTP.
    client.send(ENDLESS).await;
    client.settle().await;
    let (host, token) = (
        format!("Host: {}", slow.address),
        format!("X-MCP-Token: {TOKEN}"),
    );
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let length = format!("Content-Length: {}", body.len());
    let mut stream = TcpStream::connect(slow.address).await.unwrap();
    let head = raw::head(&[
        "POST /mcp HTTP/1.1",
        &host,
        &token,
        "Content-Type: application/json",
        &length,
    ]);
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    let reply = raw::reply(&mut stream).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn what_nests_too_deep_is_answered_to_its_own_id() {
    let service = Service::new().await;
    let mut client = Client::new(service.address).await;
    let (open, close) = ("[".repeat(100), "]".repeat(100));
    let deep = format!(r#"{{"action":"list","params":{{"filters":{open}{close}}},"id":"deep"}}"#);
    let answer = client.ask(deep).await;
    assert_eq!(
        (&answer["id"], &answer["code"]),
        (&"deep".into(), &"invalid_json".into())
    );
}

#[tokio::test]
async fn heads_have_a_largest_size() {
    let service = Service::new().await;
    let long = format!("X: {}", "x".repeat(64 * 1024));
    let reply = raw::shake(service.address, "/mcp/ws", &[&long]).await;
    assert_eq!(reply.status, 431);
    let many: Vec<String> = (0..500).map(|count| format!("X-{count}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        raw::shake(service.address, "/mcp/ws", &many).await.status,
        431
    );
    // Each byte of it counts, in one piece or in two, blanks too.
    let of_length = |bytes: usize, filler: &str| {
        let head = raw::handshake(service.address, "/mcp/ws", &["X: "]);
        raw::handshake(
            service.address,
            "/mcp/ws",
            &[&format!("X: {}", filler.repeat(bytes - head.len()))],
        )
    };
    for (bytes, filler, status) in [
        (32 * 1024, "x", 401),
        (32 * 1024 + 1, "x", 431),
        (33_000, " ", 431),
        (40_000, "x", 431),
        (65_000, "x", 431),
    ] {
        for cut in [bytes, 1_000, 31_000] {
            let head = of_length(bytes, filler);
            let mut stream = TcpStream::connect(service.address).await.unwrap();
            for piece in [&head[..cut], &head[cut..]] {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let reply = raw::reply(&mut stream).await;
            assert_eq!(reply.status, status, "{bytes} bytes, cut at {cut}");
        }
    }
    let token = "x".repeat(20_000);
    let reply = raw::shake(
        service.address,
        "/mcp/ws",
        &[&format!("X-MCP-Token: {token}")],
    )
    .await;
    assert_eq!(reply.status, 401);
    let target = format!("/mcp/ws?token={}", "x".repeat(60_000));
    let reply = raw::shake(service.address, &target, &[]).await;
    assert!(matches!(reply.status, 414 | 431), "{reply:?}");
}

/// A socket whose client takes in next to nothing.
async fn narrow(service: &Service) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    let mut stream = soon(socket.connect(service.address)).await.unwrap();
    let token = format!("X-MCP-Token: {TOKEN}");
    let head = raw::handshake(service.address, "/mcp/ws", &[&token]);
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(raw::reply(&mut stream).await.status, 101);
    stream
}

#[tokio::test]
async fn a_client_that_never_reads_holds_up_nobody_and_is_closed() {
    let service = Service::with(&[
        MODELS,
        ("MCP_POOL_SIZE", "1"),
        ("MCP_RATE_LIMIT", "0"),
        ("MCP_QUERY_TIMEOUT", "25"),
    ])
    .await;
    let mut deaf = narrow(&service).await;
    // Answers of some 8 MB, more than the buffers of the system take.
    let large = frame(
        TEXT,
        br#"{"action":"list","model":"large","params":{"limit":12}}"#,
    );
    for _ in 0..10 {
        deaf.write_all(&large).await.unwrap();
    }
    // The one session of the database is free for others all the while.
    let mut client = Client::new(service.address).await;
    for _ in 0..20 {
        assert_eq!(client.ask(QUICK).await["status"], "ok");
    }
    service.until("mcp_active_sessions", 1).await;
    assert_eq!(client.ask(QUICK).await["status"], "ok");
}

#[tokio::test]
async fn pongs_that_nobody_reads_do_not_pile_up() {
    let service = Service::new().await;
    let mut deaf = narrow(&service).await;
    let pings = frame(PING, &[b'x'; 125]).repeat(1_000);
    // With the service's memory for them the flood would never be held up.
    let flood = async { while deaf.write_all(&pings).await.is_ok() {} };
    soon(flood).await;
    service.until("mcp_active_sessions", 0).await;
}

#[tokio::test]
async fn a_client_that_goes_takes_its_work_along() {
    let service =
        Service::with(&[MODELS, ("MCP_POOL_SIZE", "1"), ("MCP_QUERY_TIMEOUT", "60")]).await;
    for close in [true, false] {
        let mut gone = Client::new(service.address).await;
        for _ in 0..5 {
            gone.send(ENDLESS).await;
        }
        gone.settle().await;
        if close {
            soon(gone.socket.close(None)).await.unwrap();
        }
        drop(gone);
        // Without that, this would wait for the one session for a minute.
        let mut client = Client::new(service.address).await;
        assert_eq!(client.ask(QUICK).await["status"], "ok");
    }
}

/// Posts a call of a tool, and says that nothing more comes.
async fn last_call(service: &Service, arguments: &str, times: usize) -> TcpStream {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"query_records","arguments":{arguments}}}}}"#
    );
    let post = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{call}",
        service.address,
        call.len()
    );
    stream
        .write_all(post.repeat(times).as_bytes())
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    stream
}

#[tokio::test]
async fn what_was_heard_by_http_is_answered_though_nothing_more_comes() {
    let service = Service::with(&[MODELS, ("MCP_QUERY_TIMEOUT", "1")]).await;
    let quick = r#"{"model":"users","limit":1}"#;
    // An answer that the end of the request comes before, whatever the machine does.
    let slow = r#"{"model":"endless"}"#;
    for (arguments, times, said) in [
        (quick, 1, "\"isError\":false"),
        (quick, 20, "\"isError\":false"),
        (slow, 1, "Query timed out after 1s"),
    ] {
        let mut stream = last_call(&service, arguments, times).await;
        let mut read = String::new();
        soon(stream.read_to_string(&mut read)).await.unwrap();
        assert_eq!(read.matches("HTTP/1.1 200").count(), times, "{read}");
        assert!(read.contains(said), "{read}");
    }
    // Half a request is none.
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let half = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        service.address
    );
    stream.write_all(half.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut read = String::new();
    soon(stream.read_to_string(&mut read)).await.unwrap();
    assert!(!read.contains("200 OK"), "{read}");
}

#[tokio::test]
async fn a_client_of_http_that_goes_takes_its_work_along() {
    let service =
        Service::with(&[MODELS, ("MCP_POOL_SIZE", "1"), ("MCP_QUERY_TIMEOUT", "60")]).await;
    drop(last_call(&service, r#"{"model":"endless"}"#, 1).await);
    // Without that, this would wait for the one session for a minute.
    let mut client = Client::new(service.address).await;
    assert_eq!(client.ask(QUICK).await["status"], "ok");
}

#[tokio::test]
async fn many_sockets_come_and_go() {
    let service = Service::with(&[("MCP_MAX_CONNECTIONS", "150")]).await;
    for _ in 0..2 {
        let mut clients = Vec::new();
        for _ in 0..150 {
            clients.push(Client::new(service.address).await);
        }
        for client in &mut clients {
            client.send(QUICK).await;
        }
        for client in &mut clients {
            assert_eq!(client.answer().await["status"], "ok");
        }
        drop(clients);
        service.until("mcp_active_sessions", 0).await;
    }
}
