//! Clients that flood the service or never read: it stays small, and others are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::*;

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;

/// A masked frame with this first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    let mask = [7, 8, 9, 10];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    frame
}

/// The next frame of the service: its first byte and its payload; `None` at the end.
async fn read_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let length = match stream.read_u8().await.ok()? {
        126 => u64::from(stream.read_u16().await.ok()?),
        127 => stream.read_u64().await.ok()?,
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    Some((first, payload))
}

/// A socket by hand, that takes in no more than so many bytes by itself.
async fn raw(served: &Served, takes: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(takes) = takes {
        socket.set_recv_buffer_size(takes).unwrap();
    }
    let mut stream = socket.connect(served.address).await.unwrap();
    shake(&mut stream, served).await;
    stream
}

/// Makes a socket of a connection.
async fn shake(stream: &mut TcpStream, served: &Served) {
    let head = format!(
        "GET /mcp/ws HTTP/1.1\r\nHost: {}\r\nX-MCP-Token: {TOKEN}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        served.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
}

/// Kilobytes of memory that a process has at this moment (`VmRSS`), or had at the most (`VmHWM`).
pub(crate) fn memory(served: &Served, which: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(which)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn sessions(served: &Served, number: f64) {
    let begun = Instant::now();
    while served.metric("mcp_active_sessions").await != Some(number) {
        assert!(begun.elapsed() < PATIENCE, "sockets are left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sockets that never read: so many of them, or what `LUCARNE_DEAF` says.
fn deaf_sockets() -> usize {
    let asked = std::env::var("LUCARNE_DEAF").ok();
    asked.map_or(200, |asked| asked.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_over_all_sockets_and_given_back() {
    let folder = Folder::new().await;
    let url = format!("sqlite:{}", folder.path("shop.db").display());
    let mut writer = SqliteConnection::connect(&url).await.unwrap();
    let large = "CREATE VIEW large AS SELECT id, hex(zeroblob(400000)) AS text FROM tickets";
    sqlx::query(large).execute(&mut writer).await.unwrap();
    writer.close().await.unwrap();
    let other = "another-token-of-the-tests";
    folder.configure(&format!(
        "MCP_TOKEN={TOKEN},{other}\nMCP_ALLOWED_MODELS=users,large\nMCP_RATE_LIMIT=0"
    ));
    let served = folder.serve().await;
    let mut client = served.connect(other).await;
    assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    let before = memory(&served, "VmRSS");
    let asked = frame(
        TEXT,
        br#"{"action":"get","model":"large","params":{"id":1}}"#,
    )
    .repeat(32);
    let (sockets, mut deaf) = (deaf_sockets(), Vec::new());
    for _ in 0..sockets {
        let mut stream = raw(&served, Some(2_048)).await;
        stream.write_all(&asked).await.unwrap();
        deaf.push(stream);
    }
    let (mut answered, mut slowest, begun) = (0, Duration::ZERO, Instant::now());
    while served.metric("mcp_active_sessions").await != Some(1.0) {
        let asked = Instant::now();
        match code(&ask(&mut client, LIST).await) {
            "ok" => answered += 1,
            // The sessions of the database may be busy, memory is not short.
            busy => assert_eq!(busy, "overloaded"),
        }
        slowest = slowest.max(asked.elapsed());
        assert!(begun.elapsed() < 10 * PATIENCE, "they are not dropped");
    }
    let most = memory(&served, "VmHWM");
    drop(deaf);
    // What is free is given back to the system, not all of it at once.
    let given_back = || memory(&served, "VmRSS") < before + 64 * 1024;
    until("memory that is given back", given_back).await;
    println!(
        "{sockets} deaf sockets dropped within {:?}, {answered} answered to another meanwhile, the \
         slowest in {slowest:?}; {before} KB before, {most} KB at the most, {} KB after",
        begun.elapsed(),
        memory(&served, "VmRSS")
    );
    assert!(answered > 0);
    assert!(most < before + 512 * 1024, "{before} KB, then {most} KB");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_are_dropped_and_hold_nobody_up() {
    let folder = Folder::new().await;
    let url = format!("sqlite:{}", folder.path("shop.db").display());
    let mut writer = SqliteConnection::connect(&url).await.unwrap();
    let large = "CREATE TABLE large AS SELECT id, hex(zeroblob(40000)) AS text FROM tickets";
    sqlx::query(large).execute(&mut writer).await.unwrap();
    writer.close().await.unwrap();
    folder.configure("MCP_ALLOWED_MODELS=users,large\nMCP_RATE_LIMIT=0\nMCP_QUERY_TIMEOUT=20");
    let served = folder.serve().await;
    let mut client = served.connect(TOKEN).await;
    assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    let before = memory(&served, "VmRSS");
    // Ten answers of 640 KB each: more than the system keeps for a client.
    let asked = frame(
        TEXT,
        br#"{"action":"list","model":"large","params":{"limit":8}}"#,
    )
    .repeat(10);
    let mut deaf = Vec::new();
    for _ in 0..10 {
        let mut stream = raw(&served, Some(2_048)).await;
        stream.write_all(&asked).await.unwrap();
        deaf.push(stream);
    }
    let mut answered = 0;
    let begun = Instant::now();
    while served.metric("mcp_active_sessions").await != Some(1.0) {
        assert_eq!(code(&ask(&mut client, LIST).await), "ok");
        answered += 1;
        assert!(begun.elapsed() < PATIENCE, "they are not dropped");
    }
    println!(
        "10 deaf clients dropped within {:?}, {answered} answered to another meanwhile; {before} KB before, {} KB at the most",
        begun.elapsed(),
        memory(&served, "VmHWM")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_pings_and_fragments_leave_the_service_small() {
    let folder = Folder::new().await;
    folder.configure("MCP_RATE_LIMIT=0");
    let served = Arc::new(folder.serve().await);
    let mut client = served.connect(TOKEN).await;
    assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    let before = memory(&served, "VmRSS");
    let mut floods = Vec::new();
    let (frames, rounds) = (1_000, 50);
    for flood in [frame(PING, &[b'x'; 125]), frame(PING, b"")] {
        let stream = raw(&served, None).await;
        let (mut read, mut write) = stream.into_split();
        floods.push(tokio::spawn(async move {
            let flood = flood.repeat(frames);
            let length = flood.len() - 4 * frames;
            // Each ping has its pong, which has no mask.
            let pongs = tokio::spawn(async move {
                let mut pongs = vec![0; length];
                for _ in 0..rounds {
                    read.read_exact(&mut pongs).await.unwrap();
                }
            });
            for _ in 0..rounds {
                write.write_all(&flood).await.unwrap();
            }
            pongs.await.unwrap();
        }));
    }
    // Empty parts of a message that never ends, and pongs that nobody asked for.
    for flood in [frame(0x00, b""), frame(0x8a, b"")] {
        let mut stream = raw(&served, None).await;
        stream.write_all(&frame(0x01, b"{")).await.unwrap();
        floods.push(tokio::spawn(async move {
            let flood = flood.repeat(frames);
            for _ in 0..rounds {
                stream.write_all(&flood).await.unwrap();
            }
            // Its message comes to an end after all, and is answered.
            stream.write_all(&frame(0x80, b"}")).await.unwrap();
            let (first, payload) = read_frame(&mut stream).await.unwrap();
            assert_eq!(first, TEXT);
            assert!(payload.starts_with(br#"{"id":null,"status":"error""#));
        }));
    }
    let mut answered = 0;
    while floods.iter().any(|flood| !flood.is_finished()) {
        assert_eq!(code(&ask(&mut client, LIST).await), "ok");
        answered += 1;
    }
    for flood in floods {
        flood.await.unwrap();
    }
    let most = memory(&served, "VmHWM");
    println!(
        "{} frames, {answered} answered to another meanwhile; {before} KB before, {most} KB at the most",
        4 * frames * rounds
    );
    assert!(most < before + 16_384, "{before} KB and then {most} KB");
    sessions(&served, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_messages_by_the_hundred_close_their_own_socket_alone() {
    let folder = Folder::new().await;
    folder.configure("MCP_RATE_LIMIT=0");
    let served = Arc::new(folder.serve().await);
    let mut client = served.connect(TOKEN).await;
    let mut oversize = vec![TEXT, 0x80 | 127];
    oversize.extend((1_u64 << 40).to_be_bytes());
    oversize.extend([0; 4]);
    let endless = [frame(0x01, &[b' '; 30_000]), frame(0x00, &[b' '; 40_000])].concat();
    let broken = [
        (frame(TEXT, b"\"\xff\""), 1007),
        (oversize, 1009),
        (endless, 1009),
        (frame(0x82, b"{}"), 1003),
        (frame(0xc1, b"{}"), 1002),
        (frame(0x83, b""), 1002),
        (frame(0x80, b"x"), 1002),
    ];
    let closed = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for round in 0..60 {
        for (bytes, code) in broken.clone() {
            let (served, closed) = (Arc::clone(&served), Arc::clone(&closed));
            clients.push(tokio::spawn(async move {
                let mut stream = raw(&served, None).await;
                stream.write_all(&bytes).await.unwrap();
                let (first, payload) = read_frame(&mut stream).await.unwrap();
                assert_eq!(first, 0x88);
                assert_eq!(payload[..2], u16::to_be_bytes(code), "round {round}");
                closed.fetch_add(1, Ordering::Relaxed);
            }));
        }
        assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    }
    for client in clients {
        client.await.unwrap();
    }
    sessions(&served, 1.0).await;
    assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    println!(
        "{} sockets closed with their codes; {} KB at the most",
        closed.load(Ordering::Relaxed),
        memory(&served, "VmHWM")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_ask_for_nothing_are_bounded_and_dropped() {
    let folder = Folder::new().await;
    folder.configure("MCP_MAX_CONNECTIONS=100");
    let served = folder.serve().await;
    let mut client = served.connect(TOKEN).await;
    let before = memory(&served, "VmRSS");
    // A connection that is no socket yet has one of so many places as sockets, and of 256 beside;
    // an address has an eighth of them before it shows a token.
    let mut half_open = Vec::new();
    for number in 0..64 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        if number % 2 == 0 {
            stream
                .write_all(b"GET /mcp/ws HTTP/1.1\r\nX: ")
                .await
                .unwrap();
        }
        half_open.push(stream);
    }
    // For whoever comes beyond, the oldest is closed at once, and counted.
    for stream in &mut half_open[..20] {
        let mut byte = [0];
        assert!(!matches!(stream.read(&mut byte).await, Ok(1..)));
    }
    let refused = "mcp_connections_refused_total{reason=\"connections\"}";
    assert_eq!(served.metric(refused).await, Some(20.0));
    assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    // Somebody else gets in, for no address has all of them.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(served.address).await.unwrap();
    shake(&mut other, &served).await;
    other
        .write_all(&frame(TEXT, LIST.as_bytes()))
        .await
        .unwrap();
    let (first, answer) = read_frame(&mut other).await.unwrap();
    assert!(first == TEXT && answer.starts_with(br#"{"id":null,"status":"ok""#));
    let begun = Instant::now();
    let mut dropped = 0;
    for mut stream in half_open {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(read.is_ok() && !rest.starts_with(b"HTTP/1.1 1"));
        dropped += 1;
    }
    let mut other = served.connect(TOKEN).await;
    assert_eq!(code(&ask(&mut other, LIST).await), "ok");
    println!(
        "{dropped} half-open connections dropped within {:?}; {before} KB before, {} KB at the most",
        begun.elapsed(),
        memory(&served, "VmHWM")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_half_received_take_a_quarter_of_the_memory() {
    const LARGEST: usize = 4 * 1024 * 1024;
    let folder = Folder::new().await;
    let other = "another-token-of-the-tests";
    folder.configure(&format!(
        "MCP_TOKEN={TOKEN},{other}\nMCP_RATE_LIMIT=0\nMCP_MAX_MESSAGE_BYTES={LARGEST}\n\
         MCP_MAX_MEMORY_BYTES={}",
        16 * LARGEST
    ));
    let served = folder.serve().await;
    let mut client = served.connect(other).await;
    assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    let before = memory(&served, "VmRSS");
    // A long frame, a message in parts, and a body, of each of which the end never comes.
    let mut long = vec![TEXT, 0x80 | 127];
    long.extend((LARGEST as u64).to_be_bytes());
    long.extend([0; 4]);
    long.resize(LARGEST - 1_000, b'x');
    let mut parts = frame(0x01, &[b'x'; 60_000]);
    parts.extend(frame(0x00, &[b'x'; 60_000]).repeat(60));
    let mut body = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nX-MCP-Token: {TOKEN}\r\nContent-Type: application/json\r\n\
         Content-Length: {LARGEST}\r\n\r\n",
        served.address
    )
    .into_bytes();
    body.resize(LARGEST - 1_000, b'x');
    let closed = Arc::new(AtomicUsize::new(0));
    let mut floods = Vec::new();
    for number in 0..90 {
        let (mut stream, bytes) = match number % 3 {
            0 => (raw(&served, None).await, long.clone()),
            1 => (raw(&served, None).await, parts.clone()),
            _ => (
                TcpStream::connect(served.address).await.unwrap(),
                body.clone(),
            ),
        };
        let closed = Arc::clone(&closed);
        floods.push(tokio::spawn(async move {
            let _ = stream.write_all(&bytes).await;
            // Whatever it is told: it is told something, and the connection ends.
            let _ = stream.read_to_end(&mut Vec::new()).await;
            closed.fetch_add(1, Ordering::Relaxed);
        }));
    }
    // Another one is answered meanwhile, and its own long message is taken.
    let begun = Instant::now();
    let mut answered = 0;
    while closed.load(Ordering::Relaxed) < 90 {
        assert_eq!(code(&ask(&mut client, LIST).await), "ok");
        answered += 1;
        if answered == 20 {
            let padded = format!("{LIST}{}", " ".repeat(LARGEST / 2));
            assert_eq!(code(&ask(&mut client, &padded).await), "ok");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(begun.elapsed() < 10 * PATIENCE, "they are kept");
    }
    let most = memory(&served, "VmHWM");
    println!(
        "90 half messages of 4 MB ended within {:?}, {answered} answered to another meanwhile; \
         {before} KB before, {most} KB at the most",
        begun.elapsed()
    );
    assert!(answered > 20);
    // A quarter of the memory, of which parts are kept twice while they are joined.
    assert!(most < before + 64 * 1024, "{before} KB, then {most} KB");
}
