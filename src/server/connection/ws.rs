//! A socket, read aloud: take messages as they come, answer them in their order.
//!
//! Several requests of one socket run at once, up to a bound; then no more is read. An answer is
//! written when those before it are (those of MCP when they are ready), and what is ready together
//! is flushed together. A client that does not read is closed after a while. A message for which there
//! is no memory waits, and nothing more is read meanwhile.

mod closing;

pub(crate) use closing::End;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _, TryFutureExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message, Utf8Bytes};

use closing::{Closing, close};

use super::in_flight::Answers;
use super::outgoing::{Outgoing, PATIENCE};
use super::{IN_FLIGHT, frames, native, sessions};
use crate::auth::Caller;
use crate::error::{Error, ErrorKind};
use crate::limit::{Arrival, Meter, Reservation, Share, Weight};
use crate::policy::{ConnectionLimits, Form, Limited, Policy, Tally};
use crate::protocol::find_id;
use crate::server::listener::stream::Stream;
use crate::server::{App, gate, mcp};
use crate::service::{Change, PolicyReceiver};

/// How often the client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Answers that are written together are at most this large, unless one is larger by itself.
const WRITTEN_AT_ONCE: usize = 64 * 1024;
/// How long a client may take to read what was written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a client that sends nothing more is looked at, whether it is still there.
const GONE_EVERY: Duration = Duration::from_millis(100);
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
    let share = app.memory.share(caller.principal.holder());
    let largest = policy.settings.connections.max_message_bytes;
    let arrival = Arrival::new(share.clone(), largest);
    socket.get_mut().count_arrivals(arrival);
    let mut session = Session {
        app,
        caller,
        listed,
        dialect,
        channel: &channel,
        meter: Meter::new(policy.window()),
        policy: PolicyReceiver::new(&app.service, Some(caller.credential), policy),
        share,
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
    policy: PolicyReceiver,
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

/// Whether somebody is still there to read what is written.
fn is_there(socket: &Socket) -> Result<(), End> {
    match socket.get_ref().is_broken() {
        true => Err(End::Client),
        false => Ok(()),
    }
}

/// A message that waits for memory; in the order of all that wait, and not for ever.
struct Waiting {
    text: Utf8Bytes,
    dialect: Dialect,
    memory: Pin<Box<dyn Future<Output = Option<Reservation>> + Send>>,
}

impl Session<'_> {
    async fn run(&mut self, socket: &mut Socket) -> End {
        let mut heard = Instant::now();
        // It is set again only when it strikes: most messages need not touch it.
        let mut idle = pin!(tokio::time::sleep(self.limits().idle_timeout));
        let mut ping =
            tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
        // By the end of the service, or by an operator.
        let mut stopping = pin!(self.listed.ended());
        let mut replaced = pin!(next(self.policy.news()));
        loop {
            if let Some(end) = self.end() {
                return end;
            }
            let open = self.closing.is_none();
            let reads = open && self.waiting.is_none() && self.answers.len() < IN_FLIGHT;
            let (closed, hears_end) = (self.is_closed_by_client(), self.hears_end());
            // Those that never come in a flood of messages stand before it.
            let written = tokio::select! {
                biased;
                () = &mut stopping, if open => {
                    self.stop();
                    Ok(())
                }
                news = &mut replaced, if open => {
                    replaced.set(next(news));
                    self.follow();
                    idle.as_mut().reset((heard + self.limits().idle_timeout).into());
                    Ok(())
                }
                Some(answer) = self.answers.next() => {
                    self.keep(answer);
                    Ok(())
                }
                text = self.channel.outbox().next(), if open => {
                    self.keep(text.into());
                    Ok(())
                }
                memory = memory(&mut self.waiting) => {
                    self.begin_waiting(memory);
                    Ok(())
                }
                message = hear(socket, closed), if reads || hears_end => {
                    heard = Instant::now();
                    match self.receive(socket, message).await {
                        Ok(true) => Ok(()),
                        Ok(false) => return End::Client,
                        Err(end) => Err(end),
                    }
                }
                // A client whose messages are not read just now is not silent.
                () = &mut idle, if reads => {
                    let until = heard + self.limits().idle_timeout;
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
                () = tokio::time::sleep(GONE_EVERY), if self.half_closed => is_there(socket),
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

    /// The end of the socket, where it closes and no answer is owed any more.
    fn end(&mut self) -> Option<End> {
        let closing = self.closing?;
        if closing.withdraws() {
            self.waiting = None;
        }
        let owes = !self.answers.is_empty() || self.waiting.is_some();
        (!owes).then_some(closing.end)
    }

    /// What bounds the connection, by the policy as it was looked at last.
    fn limits(&self) -> &ConnectionLimits {
        &self.policy.policy().settings.connections
    }

    /// Ends the socket with the service, or by an operator.
    fn stop(&mut self) {
        self.tell(self.channel.farewell());
        self.closing = Some(match self.app.stop.stopping.is_cancelled() {
            true => {
                self.app.closed.fetch_add(1, Ordering::Relaxed);
                Closing::STOPPING
            }
            false => Closing::ENDED,
        });
    }

    /// Takes what the client sent, or how its messages ended; whether the connection is still there.
    ///
    /// # Errors
    /// Why nothing can be written any more.
    async fn receive(
        &mut self,
        socket: &mut Socket,
        message: Option<Result<Message, WsError>>,
    ) -> Result<bool, End> {
        match message {
            // A pong that waits in our memory must be the last one.
            Some(Ok(Message::Ping(_))) => self.while_answering(socket.flush()).await?,
            Some(Ok(message)) => {
                if message.is_text() || message.is_binary() {
                    socket.get_mut().arrived();
                }
                self.take(message).await;
            }
            // What was read before the client's last word is answered.
            Some(Err(WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                self.closing = Some(Closing::BY_CLIENT);
                self.half_closed = true;
                self.probe(socket).await?;
            }
            Some(Err(error)) => match Closing::of(&error) {
                Some(closing) if closing.end == Closing::TOO_LARGE.end => {
                    self.refuse_too_large("").await;
                }
                Some(closing) => self.refuse(closing),
                None => return Ok(false),
            },
            None => return Ok(false),
        }
        Ok(true)
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

    /// Looks at the policy of this moment, and closes a socket whose token is gone.
    fn follow(&mut self) {
        match self.policy.look() {
            Ok(Change::Nothing | Change::Policy) => {}
            Ok(Change::Models) => self.channel.models_changed(),
            Err(refused) => self.closing = Some(Closing::turned_away(refused)),
        }
    }

    /// Begins what a message asks for.
    async fn take(&mut self, message: Message) {
        match message {
            Message::Text(text) => {
                self.follow();
                if self.closing.is_some() {
                    return;
                }
                let dialect = self.dialect(&text);
                // What the library took in whole, for the bound is smaller now than it was.
                if text.len() > self.limits().max_message_bytes {
                    return self.refuse_too_large(&text).await;
                }
                let weight = match dialect {
                    Dialect::Native => Weight::Read,
                    Dialect::Mcp => mcp::weight(&text),
                };
                match self.count(weight).await {
                    Ok(()) => {
                        self.listed.asked();
                        let bytes = text.len() + self.policy.policy().answer_bytes(dialect.form());
                        match self.share.try_reserve(bytes) {
                            Some(memory) => self.begin(text, dialect, memory),
                            None => self.wait(text, dialect, bytes),
                        }
                    }
                    Err(limited) => self.refuse_as_one_too_many(dialect, &text, limited),
                }
            }
            Message::Binary(_) => self.refuse(Closing::BINARY),
            Message::Close(_) => self.closing = Some(Closing::BY_CLIENT),
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }

    /// Counts a message in every window that it falls in.
    async fn count(&mut self, weight: Weight) -> Result<(), Limited> {
        let of = (&**self.policy.policy(), &self.caller.principal);
        let own = Tally::Own(&mut self.meter, gate::network(self.caller.address));
        self.app.service.admit(of, weight, own).await
    }

    /// Closes over a message that is one too many.
    fn refuse_as_one_too_many(&mut self, dialect: Dialect, text: &str, limited: Limited) {
        let error = Error::from(limited);
        self.tell([match dialect {
            Dialect::Native => native::refused(None, &error),
            Dialect::Mcp => mcp::refused(text, &error),
        }]);
        self.app.limited(self.caller, limited);
        self.closing = Some(Closing::limited(limited));
    }

    /// Closes over a message that is too long, which counts as any other that is read; empty is one
    /// that was not taken in.
    async fn refuse_too_large(&mut self, text: &str) {
        let dialect = self.dialect.unwrap_or(Dialect::Native);
        if let Err(limited) = self.count(Weight::Read).await {
            return self.refuse_as_one_too_many(dialect, text, limited);
        }
        if dialect == Dialect::Mcp && !text.is_empty() {
            let most = self.limits().max_message_bytes;
            self.tell([mcp::too_large(find_id(text.as_bytes()), most)]);
        }
        self.refuse(Closing::TOO_LARGE);
    }

    /// Begins the answer to a message.
    fn begin(&mut self, text: Utf8Bytes, dialect: Dialect, memory: Reservation) {
        let (app, caller, channel) = (self.app, self.caller, self.channel);
        let policy = Arc::clone(self.policy.policy());
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
    fn begin_waiting(&mut self, memory: Option<Reservation>) {
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
                self.keep(next);
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
            self.listed.waiting.take(bytes);
        }
    }

    /// Keeps an answer until it is written.
    fn keep(&mut self, answer: Outgoing) {
        self.listed.waiting.add(answer.len());
        self.ready.push_back(answer);
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
                Some(answer) = self.answers.next() => self.keep(answer),
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
async fn memory(waiting: &mut Option<Waiting>) -> Option<Reservation> {
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
