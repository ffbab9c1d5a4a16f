//! A local socket that leads to one address and nowhere else, and carries no flood.
//!
//! The drivers connect to the very name that a certificate must prove, and look it up by themselves.
//! By a socket they need not: the name stays what is proved, and the address is the one that was
//! judged. They also take a message into memory whole, however long the server says it is: what
//! comes from there is let through at a pace that no statement's time makes much of.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::config;

/// What connecting may take; whoever waits has given up by then.
const CONNECT: Duration = Duration::from_secs(5);

/// What a server may take to end a connection that its client has ended.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a server may send at once: as much as the widest row.
const BURST: f64 = 24.0 * 1024.0 * 1024.0;
/// What it may send beyond that in a second.
const PACE: f64 = 4.0 * 1024.0 * 1024.0;
/// What is carried at a time.
const PIECE: usize = 64 * 1024;

/// How long to wait when the machine has no descriptor to give.
const PAUSE: Duration = Duration::from_millis(50);

/// A socket in a folder that only the service may enter; both are gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    folder: PathBuf,
    shown: String,
    accepting: AbortHandle,
}

impl Relay {
    /// Makes the socket, by that name.
    pub(crate) fn open(place: SocketAddr, name: &str) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
        let own = format!("lucarne-{:016x}", u64::from_ne_bytes(random));
        let folder = config::temporary_folder().join(own);
        let shown = folder
            .to_str()
            .ok_or(io::ErrorKind::InvalidInput)?
            .to_owned();
        DirBuilder::new().mode(0o700).create(&folder)?;
        let listener = UnixListener::bind(folder.join(name)).inspect_err(|_| {
            // It is empty; whoever cleans up finds it otherwise.
            let _ = fs::remove_dir(&folder);
        })?;
        let accepting = tokio::spawn(accept(listener, place)).abort_handle();
        Ok(Self {
            folder,
            shown,
            accepting,
        })
    }

    /// The folder of the socket.
    pub(crate) fn folder(&self) -> &str {
        &self.shown
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
        // What cannot be removed leads nowhere.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Goes on whatever happens: what cannot be accepted now, for want of descriptors, can be later.
async fn accept(listener: UnixListener, place: SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(pass_on(client, place))),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Carries bytes until either side ends; a server that cannot be reached is a connection that ends.
async fn pass_on(mut client: UnixStream, place: SocketAddr) {
    let connected = tokio::time::timeout(CONNECT, TcpStream::connect(place)).await;
    if let Ok(Ok(mut server)) = connected {
        // Both ends see for themselves how the other ended.
        let _ = server.set_nodelay(true);
        let (mut from_server, to_server) = server.split();
        let (mut from_client, to_client) = client.split();
        let asked = carry(&mut from_client, to_server, None);
        let answered = carry(&mut from_server, to_client, Some(Flow::new()));
        let mut answered = pin!(answered);
        tokio::select! {
            _ = asked => {
                // A server that does not end when its client has holds nothing open.
                let _ = tokio::time::timeout(FAREWELL, answered).await;
            }
            _ = &mut answered => {}
        }
    }
}

/// Carries bytes one way until their end, no faster than they may flow.
async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    mut to: impl AsyncWrite + Unpin,
    mut flow: Option<Flow>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        if let Some(flow) = &mut flow {
            tokio::time::sleep(flow.wait(length, Instant::now())).await;
        }
        to.write_all(&piece[..length]).await?;
    }
}

/// How much more may come at once.
#[derive(Debug)]
struct Flow {
    left: f64,
    at: Instant,
}

impl Flow {
    fn new() -> Self {
        Self {
            left: BURST,
            at: Instant::now(),
        }
    }

    /// How long so many bytes have to wait.
    fn wait(&mut self, bytes: usize, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        let left = (self.left + since * PACE).min(BURST);
        (self.left, self.at) = (left - bytes as f64, now);
        Duration::from_secs_f64((-self.left / PACE).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_sends_a_burst_and_then_at_a_pace() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::open(server.local_addr().unwrap(), "flood.sock").unwrap();
        tokio::spawn(async move {
            let (mut flooding, _) = server.accept().await.unwrap();
            let piece = vec![7; 1 << 20];
            while flooding.write_all(&piece).await.is_ok() {}
        });
        let socket = PathBuf::from(relay.folder()).join("flood.sock");
        let mut client = UnixStream::connect(socket).await.unwrap();
        let begun = Instant::now();
        let (mut piece, mut received) = (vec![0; 1 << 20], 0_f64);
        while begun.elapsed() < Duration::from_secs(2) {
            let read = tokio::time::timeout(Duration::from_millis(100), client.read(&mut piece));
            if let Ok(read) = read.await {
                received += read.unwrap() as f64;
            }
        }
        // What waits in the sockets comes on top.
        let most = BURST + PACE * begun.elapsed().as_secs_f64() + 4e6;
        assert!((BURST * 0.9..most).contains(&received), "{received}");
    }

    #[tokio::test]
    async fn a_server_that_never_ends_is_let_go() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::open(server.local_addr().unwrap(), "silent.sock").unwrap();
        let socket = PathBuf::from(relay.folder()).join("silent.sock");
        let client = UnixStream::connect(socket).await.unwrap();
        let (mut silent, _) = server.accept().await.unwrap();
        drop(client);
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
        // Both ways are closed once the time is over.
        tokio::time::sleep(FAREWELL * 2).await;
        let mut told = Ok(());
        for _ in 0..10 {
            told = told.and(silent.write_all(b"still here").await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(told.is_err());
    }

    #[test]
    fn what_rests_may_send_at_once_again() {
        let mut flow = Flow::new();
        let now = flow.at;
        assert_eq!(flow.wait(BURST as usize, now), Duration::ZERO);
        assert_eq!(flow.wait(PACE as usize, now), Duration::from_secs(1));
        let later = now + Duration::from_secs(60);
        assert_eq!(flow.wait(BURST as usize, later), Duration::ZERO);
    }
}
