//! A connection as it comes from the network: plain or within TLS, and given up when its client
//! does not read.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Tls;

/// How long a client may take to read anything at all of what is written.
const STALLED: Duration = Duration::from_secs(30);

/// The bytes of a connection, in the clear.
#[derive(Debug)]
pub(super) struct Stream {
    inner: Inner,
    /// Since when a write waits for the client.
    stalled: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Takes a connection, with the handshake where there is one to make.
    pub(super) async fn accept(stream: TcpStream, tls: Option<Tls>) -> io::Result<Self> {
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
        })
    }

    /// Writes, and fails once nothing could be written for too long.
    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut (dyn AsyncWrite + Unpin)>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let stream: Pin<&mut (dyn AsyncWrite + Unpin)> = match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream),
            Inner::Tls(stream) => Pin::new(stream),
        };
        let written = poll(stream, context);
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALLED)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Inner::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .write(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, |stream, context| {
            stream.poll_write_vectored(context, parts)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut()
            .write(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut()
            .write(context, |stream, context| stream.poll_shutdown(context))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.inner {
            Inner::Plain(stream) => stream.is_write_vectored(),
            Inner::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
