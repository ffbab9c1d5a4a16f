//! WebSocket as a client of a bench needs it: a handshake, masked text frames out, messages in.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::post::Post;
use crate::served::token;
use crate::{Fault, Outcome};

/// Of zeros, so that masking costs the client nothing.
const MASK: [u8; 4] = [0; 4];
const ROOM: usize = 64 * 1024;

/// One socket, with what was read and not yet taken.
pub(crate) struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
    from: usize,
    to: usize,
    /// Frames that wait to be sent.
    out: Vec<u8>,
    /// A message that comes in several frames.
    parts: Vec<u8>,
}

/// What carries requests and answers.
pub(crate) enum Channel {
    Socket(Socket),
    Post(Post),
}

impl Channel {
    /// Puts a request behind those that wait.
    pub(crate) fn push(&mut self, text: &[u8]) {
        match self {
            Self::Socket(socket) => socket.push(text),
            Self::Post(post) => post.push(text),
        }
    }

    /// Sends what waits.
    pub(crate) async fn flush(&mut self) -> Outcome<()> {
        match self {
            Self::Socket(socket) => socket.flush().await,
            Self::Post(post) => post.flush().await,
        }
    }

    /// Waits for more bytes; nothing is lost when the waiting is given up.
    pub(crate) async fn fill(&mut self) -> Outcome<()> {
        match self {
            Self::Socket(socket) => socket.fill().await,
            Self::Post(post) => post.fill().await,
        }
    }

    /// The next answer of those that have arrived.
    pub(crate) fn take(&mut self) -> Outcome<Option<&[u8]>> {
        match self {
            Self::Socket(socket) => socket.take(),
            Self::Post(post) => post.take(),
        }
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&mut self, text: &[u8]) -> Outcome<Vec<u8>> {
        self.push(text);
        self.flush().await?;
        loop {
            self.fill().await?;
            if let Some(answer) = self.take()? {
                return Ok(answer.to_vec());
            }
        }
    }
}

/// A message that has arrived: where it stands.
enum Arrived {
    Whole(std::ops::Range<usize>),
    Parts,
}

impl Socket {
    /// Connects and shakes hands.
    pub(crate) async fn connect(address: &str, protocol: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut socket = Self {
            stream,
            read: vec![0; ROOM],
            from: 0,
            to: 0,
            out: Vec::new(),
            parts: Vec::new(),
        };
        let head = format!(
            "GET /mcp/ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: {protocol}\r\nX-MCP-Token: {}\r\n\r\n",
            token()
        );
        socket.stream.write_all(head.as_bytes()).await?;
        let end = loop {
            let head = &socket.read[..socket.to];
            if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            socket.fill().await?;
        };
        let head = String::from_utf8_lossy(&socket.read[..end]).into_owned();
        if !head.starts_with("HTTP/1.1 101") {
            return Err(format!("refused: {}", head.lines().next().unwrap_or("")).into());
        }
        socket.from = end;
        Ok(socket)
    }

    /// Puts a text message behind those that wait.
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.frame(0x81, text);
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        self.out.push(first);
        match payload.len() {
            short @ 0..126 => self.out.push(0x80 | short as u8),
            long => {
                self.out.push(0x80 | 126);
                self.out.extend_from_slice(&(long as u16).to_be_bytes());
            }
        }
        self.out.extend_from_slice(&MASK);
        self.out.extend_from_slice(payload);
    }

    /// Sends what waits.
    pub(crate) async fn flush(&mut self) -> Outcome<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }

    /// Waits for more bytes.
    pub(crate) async fn fill(&mut self) -> Outcome<()> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        } else if self.to == self.read.len() {
            self.read.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
            if self.to == self.read.len() {
                self.read.resize(2 * self.to, 0);
            }
        }
        match self.stream.read(&mut self.read[self.to..]).await? {
            0 => Err("the other side closed the connection".into()),
            count => {
                self.to += count;
                Ok(())
            }
        }
    }

    /// The next message of those that have arrived.
    pub(crate) fn take(&mut self) -> Outcome<Option<&[u8]>> {
        Ok(match self.arrived()? {
            Some(Arrived::Whole(range)) => Some(&self.read[range]),
            Some(Arrived::Parts) => Some(&self.parts),
            None => None,
        })
    }

    fn arrived(&mut self) -> Outcome<Option<Arrived>> {
        loop {
            let bytes = &self.read[self.from..self.to];
            let Some((head, length)) = header(bytes) else {
                return Ok(None);
            };
            if bytes.len() < head + length {
                return Ok(None);
            }
            let (first, start) = (bytes[0], self.from + head);
            let range = start..start + length;
            self.from = range.end;
            match first {
                0x81 => return Ok(Some(Arrived::Whole(range))),
                0x01 => {
                    self.parts.clear();
                    self.parts.extend_from_slice(&self.read[range]);
                }
                0x00 | 0x80 => {
                    self.parts.extend_from_slice(&self.read[range]);
                    if first == 0x80 {
                        return Ok(Some(Arrived::Parts));
                    }
                }
                0x89 => {
                    let payload = self.read[range].to_vec();
                    self.frame(0x8a, &payload);
                }
                0x8a => {}
                _ => {
                    let reason = String::from_utf8_lossy(&self.read[range]).into_owned();
                    return Err(Fault::from(format!("frame {first:#x}: {reason}")));
                }
            }
        }
    }
}

/// The lengths of a frame's head and of its payload, once the head is there.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let second = *bytes.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    Some(match second & 0x7f {
        126 => {
            let length = bytes.get(2..4)?.try_into().ok()?;
            (4 + mask, usize::from(u16::from_be_bytes(length)))
        }
        127 => {
            let length = bytes.get(2..10)?.try_into().ok()?;
            (10 + mask, u64::from_be_bytes(length) as usize)
        }
        short => (2 + mask, usize::from(short)),
    })
}

/// How many whole masked frames stand at the beginning, and where they end.
pub(crate) fn frames(bytes: &[u8]) -> (usize, usize) {
    let (mut count, mut end) = (0, 0);
    while let Some((head, length)) = header(&bytes[end..]) {
        if bytes.len() < end + head + length {
            break;
        }
        end += head + length;
        count += 1;
    }
    (count, end)
}

/// An unmasked text frame of this many bytes, as a server sends it.
pub(crate) fn answer(length: usize) -> Vec<u8> {
    let mut frame = vec![0x81];
    match length {
        short @ 0..126 => frame.push(short as u8),
        medium @ 126..65_536 => {
            frame.push(126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.resize(frame.len() + length, b'x');
    frame
}
