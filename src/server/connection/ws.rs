//! A socket, read aloud: take messages as they come, answer them in their order.
//!
//! Several requests of one socket run at once, up to a bound; then no more is read. An answer is
//! written when those before it are (those of MCP when they are ready), and what is ready together
//! is flushed together. A client that does not read is closed after a while. A message for which there
//! is no memory waits, and nothing more is read meanwhile.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::stream::FusedStream as _;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _, TryFutureExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message, Utf8Bytes};

use super::in_flight::Answers;
use super::outgoing::{Outgoing, PATIENCE};
use super::{frames, native, sessions};
use crate::auth::{Caller, Refused};
use crate::error::{Error, ErrorKind};
use crate::limit::{Meter, Reserved, Share, Weight};
use crate::policy::{Access, Form, Limited, Policy};
use crate::server::listener::stream::Stream;
use crate::server::{App, mcp};

/// Requests of one socket that run at once.
pub(crate) const IN_FLIGHT: usize = 32;
/// How often the client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Answers that are written together are at most this large, unless one is larger by itself.
const WRITTEN_AT_ONCE: usize = 64 * 1024;
/// How long a client may take to read what was written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a client that sends nothing more is looked at, whether it is still there.
const GONE_EVERY: Duration = Duration::from_millis(100);
/// How long a closed socket is still read, so that the close reaches the client.
const LINGER: Duration = Duration::from_secs(1);
/// The same when the service ends, and everybody waits for it.
const LINGER_AT_END: Duration = Duration::from_millis(50);
/// What a closed socket still takes in, at the most.
const LINGER_BYTES: u64 = 16 * 1024 * 1024;

type Socket = WebSocketStream<Stream>;

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Native messages.
    Native,
    /// MCP.
    Mcp,
}

impl Dialect {
    /// The form of its answers.
    fn form(self) -> Form {
        match self {
            Self::Native => Form::Message,
            Self::Mcp => Form::Tool,
        }
    }
}

/// Why a socket ended, in words for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The client closed it, or is gone.
    Client,
    /// Nothing was heard for too long.
    Idle,
    /// The window's limit.
    RateLimited(Limited),
    /// A frame that the protocol does not have.
    Refused(&'static str),
    /// The client does not read.
    Slow,
    /// The token lets nobody in any more.
    TurnedAway(Refused),
    /// An operator ended it.
    Ended,
    /// The service ends.
    Stopping,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "by the client",
            Self::Idle => "Idle timeout",
            Self::RateLimited(limited) => return write!(f, "Rate limit exceeded: {limited}"),
            Self::Refused(reason) => reason,
            Self::Slow => "the client does not read",
            Self::TurnedAway(refused) => refused.why(),
            Self::Ended => "by an operator",
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
    /// The client closed it: its close is answered.
    const BY_CLIENT: Self = Self {
        end: End::Client,
        code: CloseCode::Normal,
        reason: "",
    };
    const IDLE: Self = Self {
        end: End::Idle,
        code: CloseCode::Normal,
        reason: "idle timeout",
    };
    const STOPPING: Self = Self {
        end: End::Stopping,
        code: CloseCode::Away,
        reason: "server is shutting down",
    };
    const ENDED: Self = Self {
        end: End::Ended,
        code: CloseCode::Policy,
        reason: "closed by an operator",
    };
    const TOO_LARGE: Self = Self {
        end: End::Refused("message too large"),
        code: CloseCode::Size,
        reason: "message too large",
    };
    const BINARY: Self = Self {
        end: End::Refused("binary frame"),
        code: CloseCode::Unsupported,
        reason: "text frames only",
    };

    /// Whether what was read before it is not answered any more.
    fn withdraws(self) -> bool {
        matches!(self.end, End::TurnedAway(_) | End::Ended)
    }

    /// What the message that is one too many is closed with.
    fn limited(limited: Limited) -> Self {
        Self {
            end: End::RateLimited(limited),
            code: CloseCode::Policy,
            reason: "rate limit exceeded",
        }
    }

    /// What a socket is closed with whose token lets nobody in any more.
    fn turned_away(refused: Refused) -> Self {
        // Which of the others it is only the log tells.
        let (code, reason) = match refused {
            Refused::StoreAway => (CloseCode::Again, "try again later"),
            _ => (CloseCode::Policy, "token revoked"),
        };
        Self {
            end: End::TurnedAway(refused),
            code,
            reason,
        }
    }

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
            WsError::Capacity(CapacityError::MessageTooLong { .. }) => Some(Self::TOO_LARGE),
            WsError::Utf8(_) => refused("invalid UTF-8", CloseCode::Invalid),
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            WsError::Protocol(_) => refused("protocol error", CloseCode::Protocol),
            _ => None,
        }
    }
}

/// Serves a socket to its end; without a dialect its first message chooses one.
pub(crate) async fn serve(
    mut socket: Socket,
    app: &App,
    caller: &Caller,
    listed: &sessions::Session,
    policy: Arc<Policy>,
    dialect: Option<Dialect>,
) -> End {
    let channel = mcp::Channel::default();
    let mut session = Session {
        app,
        caller,
        listed,
        dialect,
        channel: &channel,
        meter: Meter::new(policy.window()),
        access: None,
        policy,
        share: app.memory.share(caller.holder()),
        waiting: None,
        answers: Answers::in_order(),
        ready: VecDeque::new(),
        closing: None,
        half_closed: false,
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
    listed: &'a sessions::Session,
    dialect: Option<Dialect>,
    /// What is kept of a connection of MCP.
    channel: &'a mcp::Channel,
    meter: Meter,
    /// Who is let in, as it was last looked at,
    access: Option<Arc<Access>>,
    /// and by which policy.
    policy: Arc<Policy>,
    /// The memory that its holder may take.
    share: Share,
    /// A message that was read, and for which there is no memory yet.
    waiting: Option<Waiting>,
    /// Requests under way.
    answers: Answers<'a>,
    /// Answers that are done and not written yet.
    ready: VecDeque<Outgoing>,
    closing: Option<Closing>,
    /// Whether the client has said without a close that nothing more comes.
    half_closed: bool,
}

/// A message that waits for memory; in the order of all that wait, and not for ever.
struct Waiting {
    text: Utf8Bytes,
    dialect: Dialect,
    memory: Pin<Box<dyn Future<Output = Option<Reserved>> + Send>>,
}

impl Session<'_> {
    async fn run(&mut self, socket: &mut Socket) -> End {
        let mut heard = Instant::now();
        // It is set again only when it strikes: most messages need not touch it.
        let mut idle = pin!(tokio::time::sleep(
            self.policy.settings.connections.idle_timeout
        ));
        let mut ping =
            tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
        let stop = self.app.stop.clone();
        // By the end of the service, or by an operator.
        let mut stopping = pin!(self.listed.ended());
        let mut replacements = self.app.service.replacements();
        // A token that went while the handshake was under way goes at once.
        replacements.mark_changed();
        let mut replaced = pin!(next(replacements));
        loop {
            if self.closing.is_some_and(Closing::withdraws) {
                self.waiting = None;
            }
            if self.answers.is_empty()
                && self.waiting.is_none()
                && let Some(closing) = self.closing
            {
                return closing.end;
            }
            let open = self.closing.is_none();
            let reads = open && self.waiting.is_none() && self.answers.len() < IN_FLIGHT;
            let (closed, hears_end) = (self.is_closed_by_client(), self.hears_end());
            // Those that never come in a flood of messages stand before it.
            let written = tokio::select! {
                biased;
                () = &mut stopping, if open => {
                    self.tell(self.channel.farewell());
                    self.closing = Some(match stop.stopping.is_cancelled() {
                        true => {
                            self.app.closed.fetch_add(1, Ordering::Relaxed);
                            Closing::STOPPING
                        }
                        false => Closing::ENDED,
                    });
                    Ok(())
                }
                replacements = &mut replaced, if open => {
                    replaced.set(next(replacements));
                    let before = Arc::clone(&self.policy);
                    self.follow();
                    if self.closing.is_none() && before.names() != self.policy.names() {
                        self.tell(self.channel.models_changed());
                    }
                    let until = heard + self.policy.settings.connections.idle_timeout;
                    idle.as_mut().reset(until.into());
                    Ok(())
                }
                Some(answer) = self.answers.next() => {
                    self.ready.push_back(answer);
                    Ok(())
                }
                memory = memory(&mut self.waiting) => {
                    self.begin_waiting(memory);
                    Ok(())
                }
                message = hear(socket, closed), if reads || hears_end => {
                    heard = Instant::now();
                    match message {
                        // A pong that waits in our memory must be the last one.
                        Some(Ok(Message::Ping(_))) => self.while_answering(socket.flush()).await,
                        Some(Ok(message)) => {
                            self.take(message);
                            Ok(())
                        }
                        // What was read before the client's last word is answered.
                        Some(Err(WsError::Protocol(
                            ProtocolError::ResetWithoutClosingHandshake,
                        ))) => {
                            self.closing = Some(Closing::BY_CLIENT);
                            self.half_closed = true;
                            self.probe(socket).await
                        }
                        Some(Err(error)) => match Closing::of(&error) {
                            Some(closing) => {
                                self.refuse(closing);
                                Ok(())
                            }
                            None => return End::Client,
                        },
                        None => return End::Client,
                    }
                }
                // A client whose messages are not read just now is not silent.
                () = &mut idle, if reads => {
                    let until = heard + self.policy.settings.connections.idle_timeout;
                    if Instant::now() < until {
                        idle.as_mut().reset(until.into());
                    } else {
                        self.closing = Some(Closing::IDLE);
                    }
                    Ok(())
                }
                _ = ping.tick(), if open => {
                    let ping = Message::Ping(Bytes::new());
                    self.while_answering(socket.send(ping)).await
                }
                () = tokio::time::sleep(GONE_EVERY), if self.half_closed => match socket.get_ref().is_broken() {
                    true => Err(End::Client),
                    false => Ok(()),
                },
            };
            let written = match written {
                Ok(()) if !self.ready.is_empty() => self.write(socket).await,
                other => other,
            };
            if let Err(end) = written {
                self.closing = None;
                return end;
            }
        }
    }

    /// Whether the client has said its last word.
    fn is_closed_by_client(&self) -> bool {
        self.closing
            .is_some_and(|closing| closing.end == End::Client)
    }

    /// Whether the client may still go before its last answers come.
    fn hears_end(&self) -> bool {
        self.is_closed_by_client() && !self.half_closed
    }

    /// Looks at who is let in at this moment, and closes a socket whose token is gone.
    fn follow(&mut self) {
        let access = self.app.service.access();
        let same = self
            .access
            .as_ref()
            .is_some_and(|before| Arc::ptr_eq(before, &access));
        // What is the same may still come to an end.
        if same && self.policy.grant.is_none() {
            return;
        }
        match access.policy(&self.caller.token) {
            Ok(policy) => self.policy = policy,
            Err(refused) => self.closing = Some(Closing::turned_away(refused)),
        }
        self.access = Some(access);
        self.meter.follow(self.policy.window());
    }

    /// Begins what a message asks for.
    fn take(&mut self, message: Message) {
        match message {
            Message::Text(text) => {
                self.follow();
                if self.closing.is_some() {
                    return;
                }
                if text.len() > self.policy.settings.connections.max_message_bytes {
                    return self.refuse(Closing::TOO_LARGE);
                }
                let dialect = self.dialect(&text);
                let weight = match dialect {
                    Dialect::Native => Weight::Read,
                    Dialect::Mcp => mcp::weight(&text),
                };
                match self.admit(weight) {
                    Ok(()) => {
                        self.listed.asked();
                        let bytes = text.len() + self.policy.answer_bytes(dialect.form());
                        match self.share.try_reserve(bytes) {
                            Some(memory) => self.begin(text, dialect, memory),
                            None => self.wait(text, dialect, bytes),
                        }
                    }
                    Err(limited) => {
                        let error = Error::from(limited);
                        self.tell([match dialect {
                            Dialect::Native => native::refused(None, &error),
                            Dialect::Mcp => mcp::refused(&text, &error),
                        }]);
                        self.app.limited(self.caller, limited);
                        self.closing = Some(Closing::limited(limited));
                    }
                }
            }
            Message::Binary(_) => self.refuse(Closing::BINARY),
            Message::Close(_) => self.closing = Some(Closing::BY_CLIENT),
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }

    /// Begins the answer to a message.
    fn begin(&mut self, text: Utf8Bytes, dialect: Dialect, memory: Reserved) {
        let (app, caller, channel) = (self.app, self.caller, self.channel);
        let policy = Arc::clone(&self.policy);
        self.answers.push(match dialect {
            Dialect::Native => {
                Box::pin(
                    async move { Outgoing::new(answer(app, policy, caller, text).await, memory) },
                )
            }
            Dialect::Mcp => Box::pin(async move {
                let answer = channel.answer(app, &policy, caller, &text).await;
                Outgoing::new(answer, memory)
            }),
        });
    }

    /// Lets a message wait for memory.
    fn wait(&mut self, text: Utf8Bytes, dialect: Dialect, bytes: usize) {
        let (share, cut) = (self.share.clone(), self.app.stop.cut.clone());
        let memory = Box::pin(async move {
            tokio::select! {
                reserved = timeout(PATIENCE, share.reserve(bytes)) => reserved.ok().flatten(),
                () = cut.cancelled() => None,
            }
        });
        self.waiting = Some(Waiting {
            text,
            dialect,
            memory,
        });
    }

    /// Goes on with the message that waited, or says that there is no memory for it.
    fn begin_waiting(&mut self, memory: Option<Reserved>) {
        let Some(Waiting { text, dialect, .. }) = self.waiting.take() else {
            return;
        };
        self.follow();
        if self.closing.is_some_and(Closing::withdraws) {
            return;
        }
        match memory {
            Some(memory) => self.begin(text, dialect, memory),
            None => {
                let error = Error::from(match self.app.stop.cut.is_cancelled() {
                    true => ErrorKind::ShuttingDown,
                    false => ErrorKind::Overloaded,
                });
                self.app.service.rejected(self.caller, &error);
                self.tell([match dialect {
                    Dialect::Native => native::refused(native::id_of(&text), &error),
                    Dialect::Mcp => mcp::refused(&text, &error),
                }]);
            }
        }
    }

    /// Asks a client from which nothing more comes whether it still reads: one that is gone makes
    /// its system answer that nobody is there.
    async fn probe(&mut self, socket: &mut Socket) -> Result<(), End> {
        let ping = frames::ping(socket.get_mut()).map_err(WsError::Io);
        self.while_answering(ping).await
    }

    /// What the socket speaks, chosen by its first message at the latest.
    fn dialect(&mut self, text: &str) -> Dialect {
        let dialect = *self.dialect.get_or_insert_with(|| match mcp::is_mcp(text) {
            true => Dialect::Mcp,
            false => Dialect::Native,
        });
        if dialect == Dialect::Mcp {
            self.answers.need_no_order();
        }
        dialect
    }

    /// Writes what needs no work, after what is ready before it.
    fn tell(&mut self, messages: impl IntoIterator<Item = Vec<u8>>) {
        for message in messages {
            self.answers
                .push(Box::pin(std::future::ready(message.into())));
        }
    }

    /// Admits a message to the window of the connection, then to that of its token.
    fn admit(&mut self, weight: Weight) -> Result<(), Limited> {
        let (service, policy) = (&self.app.service, &self.policy);
        let admitted = self.meter.admit(weight, Instant::now());
        service.admit(policy, &self.caller.token, weight, admitted)
    }

    /// Closes over a message that is none.
    fn refuse(&mut self, closing: Closing) {
        if let End::Refused(reason) = closing.end {
            self.refused(&reason.to_lowercase().replace([' ', '-'], "_"));
        }
        self.closing = Some(closing);
    }

    /// Records a message that is not answered.
    fn refused(&self, code: &str) {
        let caller = self.caller;
        let (address, transport) = (caller.address, caller.transport);
        self.app
            .service
            .note_refused(address, transport, Some(caller), code);
    }

    /// Writes the answers that are ready, and those that become so meanwhile, as many at once as
    /// are small.
    async fn write(&mut self, socket: &mut Socket) -> Result<(), End> {
        // What the library has written of itself comes whole before ours; but its answer to the
        // client's close comes last.
        if !self.is_closed_by_client() {
            self.while_answering(socket.flush()).await?;
        }
        loop {
            while let Some(Some(next)) = self.answers.next().now_or_never() {
                self.ready.push_back(next);
            }
            let (mut texts, mut bytes) = (Vec::new(), 0);
            while let Some(next) = self.ready.front()
                && (texts.is_empty() || bytes + next.len() <= WRITTEN_AT_ONCE)
            {
                bytes += next.len();
                // A notification has no answer.
                texts.extend(self.ready.pop_front().filter(|text| !text.is_empty()));
            }
            if texts.is_empty() && self.ready.is_empty() {
                return Ok(());
            }
            let written = frames::write(socket.get_mut(), &texts);
            self.while_answering(written.map_err(WsError::Io)).await?;
        }
    }

    /// Writes for as long as a client may take to read, while requests under way go on: a slow
    /// reader must not keep the database's sessions from others.
    async fn while_answering(
        &mut self,
        write: impl Future<Output = Result<(), WsError>>,
    ) -> Result<(), End> {
        let mut write = pin!(timeout(WRITE_TIMEOUT, write));
        loop {
            tokio::select! {
                biased;
                written = &mut write => return match written {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(WsError::Io(error))) if error.kind() == io::ErrorKind::TimedOut => {
                        Err(End::Slow)
                    }
                    Ok(Err(_)) => Err(End::Client),
                    Err(_) => Err(End::Slow),
                },
                Some(answer) = self.answers.next() => self.ready.push_back(answer),
            }
        }
    }
}

/// The next message; after the client's close only the end of its connection.
async fn hear(socket: &mut Socket, closed: bool) -> Option<Result<Message, WsError>> {
    if !closed {
        return socket.next().await;
    }
    let mut ignored = [0; 512];
    loop {
        match socket.get_mut().read(&mut ignored).await {
            Ok(0) => {
                let end = ProtocolError::ResetWithoutClosingHandshake;
                return Some(Err(WsError::Protocol(end)));
            }
            Ok(_) => {}
            Err(error) => return Some(Err(WsError::Io(error))),
        }
    }
}

/// Waits until there is memory for the message that waits, or it has waited for too long.
async fn memory(waiting: &mut Option<Waiting>) -> Option<Reserved> {
    match waiting {
        Some(waiting) => (&mut waiting.memory).await,
        None => std::future::pending().await,
    }
}

/// Waits for the next policy; kept over many messages, for most of them come without one.
async fn next(mut replacements: watch::Receiver<()>) -> watch::Receiver<()> {
    // The service that sends is there for as long as a socket.
    let _ = replacements.changed().await;
    replacements
}

/// Answers a message, or says that there is no time left for it.
async fn answer(app: &App, policy: Arc<Policy>, caller: &Caller, text: Utf8Bytes) -> Vec<u8> {
    tokio::select! {
        biased;
        answer = native::answer(&app.service, &policy, caller, &text) => answer,
        () = app.stop.cut.cancelled() => {
            app.cut.fetch_add(1, Ordering::Relaxed);
            native::refused(native::id_of(&text), &ErrorKind::ShuttingDown.into())
        }
    }
}

/// Says goodbye, and reads on for a moment: bytes left unread would reset the connection, and the
/// client would never see why.
async fn close(mut socket: Socket, closing: Closing) {
    if closing.end == End::Client {
        // The library answers the client's close while it reads on.
        let _ = timeout(LINGER, async {
            while let Some(Ok(_)) = socket.next().await {}
        })
        .await;
        return;
    }
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
    let linger = if closing.end == End::Stopping {
        LINGER_AT_END
    } else {
        LINGER
    };
    // The client's own close, or its end, or whatever it was still sending.
    let _ = timeout(linger, async {
        let broken = socket.is_terminated()
            || loop {
                match socket.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => break true,
                    None => break false,
                }
            };
        if broken {
            // No frame can be read any more, only bytes.
            let mut rest = socket.get_mut().take(LINGER_BYTES);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        }
    })
    .await;
}
