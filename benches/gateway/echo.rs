//! The floor of the transport: a WebSocket server that does nothing but answer, with as many bytes
//! as the service would.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{self, frames};
use crate::{Outcome, block_on, child};

const HANDSHAKE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: \
    websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const ROOM: usize = 64 * 1024;

/// What the echo does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Echo {
    /// Bytes of each answer.
    pub(crate) length: usize,
    /// Whether it ends a connection after its first answer.
    pub(crate) once: bool,
}

/// Listens, says where, and answers until it is ended.
pub(crate) fn run(echo: &Echo) -> Outcome<()> {
    let echo = *echo;
    block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that leaves in the midst of it is none of its concern.
                tokio::spawn(async move { serve(stream, echo).await.ok() });
            }
        });
        // Until the other side ends its input.
        tokio::task::spawn_blocking(move || child::ready(&address.to_string())).await?
    })
}

async fn serve(mut stream: TcpStream, echo: Echo) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let frame = wire::answer(echo.length);
    let mut read = vec![0; ROOM];
    let (mut have, mut out) = (0, Vec::new());
    while !read[..have].ends_with(b"\r\n\r\n") {
        have += stream.read(&mut read[have..]).await?;
    }
    stream.write_all(HANDSHAKE).await?;
    have = 0;
    loop {
        match stream.read(&mut read[have..]).await? {
            0 => return Ok(()),
            count => have += count,
        }
        let (count, end) = frames(&read[..have]);
        read.copy_within(end..have, 0);
        have -= end;
        out.clear();
        for _ in 0..count {
            out.extend_from_slice(&frame);
        }
        stream.write_all(&out).await?;
        if echo.once && count > 0 {
            return Ok(());
        }
    }
}
