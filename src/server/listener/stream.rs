//! A connection as it comes from the network: plain or within TLS, and given up when its client
//! does not read; sooner where others wait for the memory that its answers take.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connections::Connection;
use crate::config::Tls;
use crate::limit::{Arrival, Pressure};

/// How long a client may take to read a little of what is written.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same while others wait for memory.
const SHORT: Duration = Duration::from_secs(2);
/// A little: a client that reads a byte now and then does not read.
const LITTLE: usize = 16 * 1024;
/// How long a client that says no more may wait for its answers: it may as well be gone, and by
/// HTTP nothing but the answer tells.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// How often such a connection is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The bytes of a connection, in the clear.
#[derive(Debug)]
pub(crate) struct Stream {
    inner: Inner,
    /// Since when writes wait for the client.
    stalled: Option<Stall>,
    pressure: Pressure,
    read: Arc<AtomicU64>,
    /// What has come of a message, once there is more than one.
    arrival: Option<Arrival>,
    /// Whose answers are to be written though nothing more comes.
    asker: Option<Connection>,
    /// Since when nothing more comes.
    ended: Option<HalfClose>,
}

/// The end of what a client says, while answers are under way.
#[derive(Debug)]
struct HalfClose {
    since: Instant,
    look: Pin<Box<Sleep>>,
}

/// Writes that wait for the client.
#[derive(Debug)]
struct Stall {
    since: Instant,
    /// What it has taken since then.
    taken: usize,
    /// When to look at it again.
    look: Pin<Box<Sleep>>,
}

#[derive(Debug)]
enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Takes a connection, with the handshake where there is one to make.
    pub(crate) async fn accept(
        stream: TcpStream,
        tls: Option<Tls>,
        pressure: Pressure,
    ) -> io::Result<Self> {
        let inner = match tls {
            None => Inner::Plain(stream),
            Some(tls) => {
                let accepted = TlsAcceptor::from(tls.server()).accept(stream).await?;
                Inner::Tls(Box::new(accepted))
            }
        };
        Ok(Self {
            inner,
            stalled: None,
            pressure,
            read: Arc::default(),
            arrival: None,
            asker: None,
            ended: None,
        })
    }

    /// Keeps the end of what the client says to itself while its requests are owed an answer: the
    /// reader would take it for the end of the connection, and drop them.
    pub(super) fn outlast_end(&mut self, asker: Connection) {
        self.asker = Some(asker);
    }

    /// Counts the bytes that came.
    pub(crate) fn read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// Counts from now on what comes of each message, and reads no more of one than there is memory
    /// for.
    pub(crate) fn count_arrivals(&mut self, arrival: Arrival) {
        self.arrival = Some(arrival);
    }

    /// Begins to count anew, for a message is whole.
    pub(crate) fn arrived(&mut self) {
        if let Some(arrival) = &mut self.arrival {
            arrival.whole();
        }
    }

    /// Whether the other side has said that nobody is there.
    pub(crate) fn is_broken(&self) -> bool {
        let stream = match &self.inner {
            Inner::Plain(stream) => stream,
            Inner::Tls(stream) => stream.get_ref().0,
        };
        stream.take_error().map_or(true, |error| error.is_some())
    }

    /// Whether the end of what the client says is to be kept from the reader for now.
    fn outlasts(&mut self, context: &mut Context<'_>) -> bool {
        let asker = self.asker.clone().filter(Connection::is_active);
        let Some(asker) = asker.filter(|_| !self.is_broken()) else {
            return false;
        };
        let ended = self.ended.get_or_insert_with(|| HalfClose {
            since: Instant::now(),
            look: Box::pin(sleep(LOOK)),
        });
        while ended.look.as_mut().poll(context).is_ready() {
            ended.look.as_mut().reset(Instant::now() + LOOK);
        }
        // What came just before may still be on its way to whoever answers it.
        let patience = match asker.owes_answer() {
            true => LAST_ANSWERS,
            false => LOOK,
        };
        ended.since.elapsed() < patience
    }

    /// Writes, and fails once too little could be written for too long; `count` says how much was.
    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut (dyn AsyncWrite + Unpin)>, &mut Context<'_>) -> Poll<io::Result<T>>,
        count: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        let stream: Pin<&mut (dyn AsyncWrite + Unpin)> = match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream),
            Inner::Tls(stream) => Pin::new(stream),
        };
        let written = poll(stream, context);
        if let Poll::Ready(result) = &written {
            if let (Some(stalled), Ok(written)) = (&mut self.stalled, result) {
                stalled.taken = stalled.taken.saturating_add(count(written));
                self.stalled = self.stalled.take().filter(|stalled| stalled.taken < LITTLE);
            }
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Stall {
            since: Instant::now(),
            taken: 0,
            look: Box::pin(sleep(SHORT)),
        });
        while stalled.look.as_mut().poll(context).is_ready() {
            if stalled.since.elapsed() >= PATIENCE || self.pressure.is_high() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            stalled.look.as_mut().reset(Instant::now() + SHORT);
        }
        Poll::Pending
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(arrival) = &mut this.arrival
            && ready!(arrival.poll_room(context)).is_err()
        {
            // What still comes is passed over.
            this.arrival = None;
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        let before = into.filled().len();
        let read = match &mut this.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Inner::Tls(stream) => Pin::new(stream).poll_read(context, into),
        };
        let came = into.filled().len() - before;
        if came > 0 {
            this.read.fetch_add(came as u64, Ordering::Relaxed);
            if let Some(arrival) = &mut this.arrival {
                arrival.came(came);
            }
        } else if matches!(read, Poll::Ready(Ok(()))) && this.outlasts(context) {
            return Poll::Pending;
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = |stream: Pin<&mut (dyn AsyncWrite + Unpin)>, context: &mut Context<'_>| {
            stream.poll_write(context, bytes)
        };
        self.get_mut().write(context, poll, |written| *written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = |stream: Pin<&mut (dyn AsyncWrite + Unpin)>, context: &mut Context<'_>| {
            stream.poll_write_vectored(context, parts)
        };
        self.get_mut().write(context, poll, |written| *written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // All that there was is written.
        let poll = |stream: Pin<&mut (dyn AsyncWrite + Unpin)>, context: &mut Context<'_>| {
            stream.poll_flush(context)
        };
        self.get_mut().write(context, poll, |()| LITTLE)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = |stream: Pin<&mut (dyn AsyncWrite + Unpin)>, context: &mut Context<'_>| {
            stream.poll_shutdown(context)
        };
        self.get_mut().write(context, poll, |()| LITTLE)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.inner {
            Inner::Plain(stream) => stream.is_write_vectored(),
            Inner::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
