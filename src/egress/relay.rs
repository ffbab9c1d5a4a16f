//! A local socket that leads to one address and nowhere else.
//!
//! The drivers connect to the very name that a certificate must prove, and look it up by themselves.
//! By a socket they need not: the name stays what is proved, and the address is the one that was
//! judged.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::AbortHandle;

use crate::config;

/// What connecting may take; whoever waits has given up by then.
const CONNECT: Duration = Duration::from_secs(5);

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
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
