//! HTTP as a client of a bench needs it: requests by POST on a connection that is kept, and
//! answers whose length is told.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::served::token;

const ROOM: usize = 64 * 1024;

/// One connection, with what was read and not yet taken.
pub(crate) struct Post {
    stream: TcpStream,
    /// What each request begins with.
    head: String,
    read: Vec<u8>,
    /// What was taken, and is to be forgotten.
    taken: usize,
    out: Vec<u8>,
}

impl Post {
    /// Connects.
    pub(crate) async fn connect(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
             Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n\
             Content-Length: ",
            token()
        );
        Ok(Self {
            stream,
            head,
            read: Vec::with_capacity(ROOM),
            taken: 0,
            out: Vec::new(),
        })
    }

    /// Puts a request behind those that wait.
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.out.extend_from_slice(self.head.as_bytes());
        self.out
            .extend_from_slice(format!("{}\r\n\r\n", text.len()).as_bytes());
        self.out.extend_from_slice(text);
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
        self.forget();
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err("the other side closed the connection".into()),
            _ => Ok(()),
        }
    }

    /// The next answer of those that have arrived.
    pub(crate) fn take(&mut self) -> Outcome<Option<&[u8]>> {
        self.forget();
        let Some(head) = self.read.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&self.read[..head])?;
        if !text.starts_with("HTTP/1.1 200") {
            return Err(format!("refused: {}", text.lines().next().unwrap_or("")).into());
        }
        let length = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .ok_or("an answer without its length")?;
        let (start, length) = (head + 4, length.1.trim().parse::<usize>()?);
        if self.read.len() < start + length {
            return Ok(None);
        }
        self.taken = start + length;
        Ok(Some(&self.read[start..self.taken]))
    }

    fn forget(&mut self) {
        self.read.drain(..self.taken);
        self.taken = 0;
    }
}
