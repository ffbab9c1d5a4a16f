//! Bytes on a socket, for what no library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::service::{TOKEN, soon};

/// An answer of HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (header, value) = line.split_once(':')?;
            header.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a head, each line ended as it must be, and reads one answer.
pub(crate) async fn ask(address: SocketAddr, lines: &[&str]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head(lines).as_bytes()).await.unwrap();
    reply(&mut stream).await
}

/// A plain `GET` of a path.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Reply {
    let host = format!("Host: {address}");
    ask(address, &[&format!("GET {path} HTTP/1.1"), &host]).await
}

pub(crate) fn head(lines: &[&str]) -> String {
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

/// The head of a handshake by this request line and these further lines.
pub(crate) fn handshake(address: SocketAddr, target: &str, more: &[&str]) -> String {
    let (line, host) = (format!("GET {target} HTTP/1.1"), format!("Host: {address}"));
    let mut lines = vec![
        &*line,
        &*host,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    lines.extend(more);
    head(&lines)
}

/// Asks for a socket, and reads the answer.
pub(crate) async fn shake(address: SocketAddr, target: &str, more: &[&str]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = handshake(address, target, more);
    stream.write_all(head.as_bytes()).await.unwrap();
    reply(&mut stream).await
}

/// Reads one answer of HTTP; `status` 0 when the connection ends without one.
pub(crate) async fn reply(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match soon(stream.read_u8()).await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    let head = String::from_utf8(bytes).unwrap();
    let status = head.get(9..12).map_or(0, |code| code.parse().unwrap());
    let mut reply = Reply {
        status,
        head,
        body: String::new(),
    };
    let length = reply.header("content-length").unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    soon(stream.read_exact(&mut body)).await.unwrap();
    reply.body = String::from_utf8(body).unwrap();
    reply
}

/// A stream that has become a WebSocket.
pub(crate) async fn socket(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = format!("X-MCP-Token: {TOKEN}");
    let head = handshake(address, "/mcp/ws", &[&token]);
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(reply(&mut stream).await.status, 101);
    stream
}

/// The first byte of a whole text frame.
pub(crate) const TEXT: u8 = 0x81;
/// The first byte of a whole ping.
pub(crate) const PING: u8 = 0x89;
/// The first byte of a close.
pub(crate) const CLOSE: u8 = 0x88;

/// A masked frame with this first byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    frame
}

/// Reads a frame of the service: its first byte and its payload; `None` at the end.
pub(crate) async fn read_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = soon(stream.read_u8()).await.ok()?;
    let length = match stream.read_u8().await.ok()? {
        126 => u64::from(stream.read_u16().await.ok()?),
        127 => stream.read_u64().await.ok()?,
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    soon(stream.read_exact(&mut payload)).await.ok()?;
    Some((first, payload))
}

/// The next whole text that the service sends.
pub(crate) async fn read_text(stream: &mut TcpStream) -> String {
    let (first, payload) = read_frame(stream).await.expect("closed");
    assert_eq!(first, TEXT, "{payload:?}");
    String::from_utf8(payload).unwrap()
}

/// The code that the service closes with, and nothing after it.
pub(crate) async fn read_close(stream: &mut TcpStream) -> u16 {
    let (first, payload) = read_frame(stream).await.expect("no close");
    assert_eq!(first, CLOSE, "{payload:?}");
    let code = u16::from_be_bytes([payload[0], payload[1]]);
    stream
        .write_all(&frame(CLOSE, &payload[..2]))
        .await
        .unwrap();
    // After broken frames the service waits for the end of what was still sent.
    stream.shutdown().await.unwrap();
    assert_eq!(read_frame(stream).await, None);
    code
}
