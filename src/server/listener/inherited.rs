//! Listening sockets that whoever started us holds open, as systemd does for a socket unit.
//!
//! While one process ends and the next one starts, clients wait in the socket's queue: nobody is
//! refused during an upgrade.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

/// The sockets that were handed over, each until it is taken.
#[derive(Debug)]
pub(crate) struct InheritedSockets(Vec<TcpListener>);

impl InheritedSockets {
    /// Those of `LISTEN_FDS`; none where they are meant for another process.
    pub(crate) fn of_environment() -> Self {
        let mut handed = ListenFd::from_env();
        // A socket that is not for TCP is none of ours.
        let listeners =
            (0..handed.len()).filter_map(|index| handed.take_tcp_listener(index).ok().flatten());
        Self(listeners.collect())
    }

    /// The one that listens at an address.
    pub(crate) fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let index = self
            .0
            .iter()
            .position(|listener| listener.local_addr().is_ok_and(|local| local == address))?;
        Some(self.0.swap_remove(index))
    }
}
