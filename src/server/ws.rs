//! A socket, read aloud: take messages as they come, answer them in their order.
//!
//! Several requests of one socket run at once, up to a bound; then no more is read. An answer is
//! written when those before it are (those of MCP when they are ready), and what is ready together
//! is flushed together. A client that does not read is closed after a while.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message, Utf8Bytes};

use super::answers::Answers;
use super::{App, mcp, seed};
use crate::auth::Caller;
use crate::error::ErrorKind;
use crate::limit::Window;

/// Requests of one socket that run at once.
pub(super) const IN_FLIGHT: usize = 32;
/// How often the client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long a client may take to read what was written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a closed socket is still read, so that the close reaches the client.
const LINGER: Duration = Duration::from_secs(1);
/// The same when the service ends, and everybody waits for it.
const LINGER_AT_END: Duration = Duration::from_millis(50);
/// What a closed socket still takes in, at the most.
const LINGER_BYTES: u64 = 16 * 1024 * 1024;

type Socket = WebSocketStream<TcpStream>;

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The seed's messages.
    Seed,
    /// MCP.
    Mcp,
}

/// Why a socket ended, in words for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed it, or is gone.
    Client,
    /// Nothing was heard for too long.
    Idle,
    /// The window's limit.
    RateLimited,
    /// A frame that the contract does not have.
    Refused(&'static str),
    /// The client does not read.
    Slow,
    /// The service ends.
    Stopping,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "by the client",
            Self::Idle => "Idle timeout",
            Self::RateLimited => "Rate limit exceeded",
            Self::Refused(reason) => reason,
            Self::Slow => "the client does not read",
            Self::Stopping => "Server is shutting down",
        })
    }
}

/// What a socket closes with, once the answers before it are written.
#[derive(Debug, Clone, Copy)]
struct Closing {
    end: End,
    code: CloseCode,
    reason: &'static str,
}

impl Closing {
    const IDLE: Self = Self {
        end: End::Idle,
        code: CloseCode::Normal,
        reason: "idle timeout",
    };
    const LIMITED: Self = Self {
        end: End::RateLimited,
        code: CloseCode::Policy,
        reason: "rate limit exceeded",
    };
    const STOPPING: Self = Self {
        end: End::Stopping,
        code: CloseCode::Away,
        reason: "server is shutting down",
    };
    const BINARY: Self = Self {
        end: End::Refused("a binary frame"),
        code: CloseCode::Unsupported,
        reason: "text frames only",
    };

    /// What a broken message is closed with; `None` where the connection itself is gone.
    fn of(error: &WsError) -> Option<Self> {
        let refused = |reason, code| {
            Some(Self {
                end: End::Refused(reason),
                code,
                reason,
            })
        };
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { .. }) => {
                refused("message too large", CloseCode::Size)
            }
            WsError::Utf8(_) => refused("invalid UTF-8", CloseCode::Invalid),
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            WsError::Protocol(_) => refused("protocol error", CloseCode::Protocol),
            _ => None,
        }
    }
}

/// Serves a socket to its end; without a dialect the first message chooses it.
pub(super) async fn serve(
    mut socket: Socket,
    app: &App,
    caller: &Caller,
    dialect: Option<Dialect>,
) -> End {
    let channel = mcp::Channel::default();
    let mut session = Session {
        app,
        caller,
        dialect,
        channel: &channel,
        window: Window::new(app.limits.rate_limit, app.limits.rate_window),
        answers: Answers::in_order(),
        closing: None,
    };
    let end = session.run(&mut socket).await;
    let closing = session.closing;
    drop(session);
    if let Some(closing) = closing {
        close(socket, closing).await;
    }
    end
}

struct Session<'a> {
    app: &'a App,
    caller: &'a Caller,
    dialect: Option<Dialect>,
    /// What is kept of a connection of MCP.
    channel: &'a mcp::Channel,
    window: Window,
    answers: Answers<'a>,
    closing: Option<Closing>,
}

impl Session<'_> {
    async fn run(&mut self, socket: &mut Socket) -> End {
        let mut heard = Instant::now();
        let mut ping =
            tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
        let stopping = self.app.stop.stopping.clone();
        let mut changes = self.app.service.models_changed();
        loop {
            if self.answers.is_empty()
                && let Some(closing) = self.closing
            {
                return closing.end;
            }
            let reads = self.closing.is_none() && self.answers.len() < IN_FLIGHT;
            let idle = (heard + self.app.limits.idle_timeout).into();
            tokio::select! {
                biased;
                Some(answer) = self.answers.next() => {
                    if let Err(end) = self.write(socket, answer).await {
                        self.closing = None;
                        return end;
                    }
                }
                message = socket.next(), if reads => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(message)) => self.take(message),
                        Some(Err(error)) => match Closing::of(&error) {
                            Some(closing) => self.closing = Some(closing),
                            None => return End::Client,
                        },
                        None => return End::Client,
                    }
                }
                () = stopping.cancelled(), if self.closing.is_none() => {
                    self.tell(self.channel.farewell());
                    self.closing = Some(Closing::STOPPING);
                }
                Ok(()) = changes.changed(), if self.closing.is_none() => {
                    self.tell(self.channel.models_changed());
                }
                () = tokio::time::sleep_until(idle), if self.closing.is_none() => {
                    self.closing = Some(Closing::IDLE);
                }
                _ = ping.tick(), if self.closing.is_none() => {
                    let sent = timeout(WRITE_TIMEOUT, socket.send(Message::Ping(Bytes::new()))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return if sent.is_err() { End::Slow } else { End::Client };
                    }
                }
            }
        }
    }

    /// Begins what a message asks for.
    fn take(&mut self, message: Message) {
        match message {
            Message::Text(text) => {
                let dialect = self.dialect(&text);
                let (app, caller, channel) = (self.app, self.caller, self.channel);
                if self.window.admit(Instant::now()).is_err() {
                    let error = mcp::rate_limited(app);
                    self.tell([match dialect {
                        Dialect::Seed => seed::refused(None, &error),
                        Dialect::Mcp => mcp::refused(&text, &error),
                    }]);
                    self.closing = Some(Closing::LIMITED);
                    return;
                }
                self.answers.push(match dialect {
                    Dialect::Seed => Box::pin(answer(app, caller, text)),
                    Dialect::Mcp => {
                        Box::pin(async move { channel.answer(app, caller, &text).await })
                    }
                });
            }
            Message::Binary(_) => self.closing = Some(Closing::BINARY),
            // The library answers pings and the client's close by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }

    /// What the socket speaks, chosen by its first message at the latest.
    fn dialect(&mut self, text: &str) -> Dialect {
        let dialect = *self.dialect.get_or_insert_with(|| match mcp::is_mcp(text) {
            true => Dialect::Mcp,
            false => Dialect::Seed,
        });
        if dialect == Dialect::Mcp {
            self.answers.need_no_order();
        }
        dialect
    }

    /// Writes what needs no work, after what is ready before it.
    fn tell(&mut self, messages: impl IntoIterator<Item = Vec<u8>>) {
        for message in messages {
            self.answers.push(Box::pin(std::future::ready(message)));
        }
    }

    /// Writes an answer, and every other that is ready, and flushes once.
    async fn write(&mut self, socket: &mut Socket, first: Vec<u8>) -> Result<(), End> {
        let mut ready = VecDeque::from([first]);
        let all = async {
            while let Some(answer) = ready.pop_front() {
                // A notification has no answer.
                if !answer.is_empty() {
                    // Answers are made of JSON text alone.
                    let text = Utf8Bytes::try_from(answer).unwrap_or_default();
                    socket.feed(Message::Text(text)).await?;
                }
                if let Some(Some(next)) = futures_util::FutureExt::now_or_never(self.answers.next())
                {
                    ready.push_back(next);
                }
            }
            socket.flush().await
        };
        match timeout(WRITE_TIMEOUT, all).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Client),
            Err(_) => Err(End::Slow),
        }
    }
}

/// Answers a message, or says that there is no time left for it.
async fn answer(app: &App, caller: &Caller, text: Utf8Bytes) -> Vec<u8> {
    tokio::select! {
        biased;
        answer = seed::answer(&app.service, caller, &text) => answer,
        () = app.stop.cut.cancelled() => {
            app.cut.fetch_add(1, Ordering::Relaxed);
            seed::refused(seed::id_of(&text), &ErrorKind::ShuttingDown.into())
        }
    }
}

/// Says goodbye, and reads on for a moment: bytes left unread would reset the connection, and the
/// client would never see why.
async fn close(mut socket: Socket, closing: Closing) {
    let frame = CloseFrame {
        code: closing.code,
        reason: closing.reason.into(),
    };
    let said = async {
        socket.send(Message::Close(Some(frame))).await?;
        socket.flush().await
    };
    if !matches!(timeout(WRITE_TIMEOUT, said).await, Ok(Ok(()))) {
        return;
    }
    let stream = socket.get_mut();
    // The client's own close, or its end, or whatever it was still sending.
    let mut rest = tokio::io::sink();
    let linger = if closing.end == End::Stopping {
        LINGER_AT_END
    } else {
        LINGER
    };
    let _ = timeout(
        linger,
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut rest),
    )
    .await;
}
