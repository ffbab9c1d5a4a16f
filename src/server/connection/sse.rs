//! HTTP with SSE, the transport of 2024-11-05, for clients that know no other.
//!
//! It stands apart so that it can be taken out whole: this file, two routes, and a field of `App`.
//! A client opens a stream, is told there where to post its messages, and reads the answers on it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::events::{self, Events};
use super::outgoing::Outgoing;
use super::{IN_FLIGHT, sessions};
use crate::auth::Caller;
use crate::limit::Weight;
use crate::server::gate::admission::{self, Admitted};
use crate::server::reply::{self, Refused};
use crate::server::{App, mcp};
use crate::service::{Change, PolicyReceiver};

/// How long a client may take to read what was written, or to make room for more.
const WAIT: Duration = Duration::from_secs(10);

/// The open streams, by their names.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<HashMap<String, Arc<Session>>>);

#[derive(Debug)]
struct Session {
    /// A name is no key: messages come with the token that opened the stream.
    caller: Caller,
    channel: mcp::Channel,
    events: Events,
    /// Taken before a message is read, given back when its answer is written.
    places: Arc<Semaphore>,
    heard: Mutex<Instant>,
    ended: CancellationToken,
    listed: Arc<sessions::Session>,
}

impl Streams {
    fn find(&self, name: &str) -> Option<Arc<Session>> {
        let streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.get(name).cloned()
    }

    fn insert(&self, name: String, session: Arc<Session>) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.insert(name, session);
    }

    fn remove(&self, name: &str) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.remove(name);
    }
}

impl Session {
    /// When something was heard last, set to now where it is.
    fn heard(&self, now: Option<Instant>) -> Instant {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = now.unwrap_or(*heard);
        *heard
    }

    /// Writes to the stream; whether the client still reads it.
    async fn write(&self, event: Bytes) -> bool {
        let read = timeout(WAIT, self.events.send(event)).await == Ok(true);
        if !read {
            self.ended.cancel();
        }
        read
    }

    /// A refusal, said where the answer would have come if its client reads it nowhere else, and it
    /// can be told there whose it is.
    async fn refused(&self, headers: &HeaderMap, refusal: Refused) -> Response<Body> {
        let refusal = refusal.into_response();
        if !mcp::frail::by_stream(headers) || !mcp::frail::is_addressed(&refusal) {
            return refusal;
        }
        // What is addressed is in memory already.
        let body = refusal.into_body().collect().await;
        let message = body.map_or_else(|_| Vec::new(), |body| body.to_bytes().into());
        self.tell(vec![message]).await;
        mcp::http::accepted()
    }

    async fn tell(&self, messages: Vec<Vec<u8>>) -> bool {
        for message in messages {
            if !self.write(events::event("message", message).into()).await {
                return false;
            }
        }
        true
    }
}

/// `GET /mcp/sse`
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(admitted): Extension<Admitted>,
    headers: HeaderMap,
) -> Response<Body> {
    let prefix = app.entry().prefix(peer, &headers);
    match opened(&app, admitted, prefix).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

pub(super) async fn opened(
    app: &Arc<App>,
    admitted: Admitted,
    prefix: String,
) -> Result<Response<Body>, Refused> {
    admitted.count(app, Weight::Light).await?;
    let Admitted { caller, policy } = admitted;
    let place = admission::socket(app, &policy, &caller)?;
    let name = name().ok_or_else(|| {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Refused::from(reply::refusal(status, "Internal server error", None))
    })?;
    let ended = CancellationToken::new();
    let listed = app.listed(&caller, ended.clone());
    let (events, response) = events::stream(&listed.session().waiting);
    let session = Arc::new(Session {
        listed: Arc::clone(listed.session()),
        caller,
        channel: mcp::Channel::default(),
        events,
        places: Arc::new(Semaphore::new(IN_FLIGHT)),
        heard: Mutex::new(Instant::now()),
        ended,
    });
    app.streams.insert(name.clone(), Arc::clone(&session));
    let running = app.tracker.clone();
    let app = Arc::clone(app);
    running.spawn(async move {
        let caller = &session.caller;
        let (address, token, client) = (caller.address, caller.credential, caller.named());
        info!(%address, %token, client, "MCP event stream opened");
        let endpoint = format!("{prefix}/mcp/messages?sessionId={name}");
        let policy = PolicyReceiver::new(&app.service, Some(token), policy);
        serve(&app, &session, policy, (&name, endpoint)).await;
        app.streams.remove(&name);
        session.ended.cancel();
        // Messages that are still on their way hold the session too.
        session.events.end();
        info!(%address, %token, client, "MCP event stream closed");
        drop((place, listed));
    });
    Ok(response)
}

/// A stream to its end: answers are written by those who make them.
async fn serve(
    app: &App,
    session: &Session,
    mut policy: PolicyReceiver,
    (name, endpoint): (&str, String),
) {
    let endpoint = events::event("endpoint", endpoint.into_bytes());
    let mut open = session.write(endpoint.into()).await;
    let mut alive = tokio::time::interval(events::KEEP_ALIVE);
    alive.reset();
    while open {
        let idle_timeout = policy.policy().settings.connections.idle_timeout;
        let idle = session.heard(None) + idle_timeout;
        open = tokio::select! {
            () = session.events.closed() => false,
            () = session.ended.cancelled() => false,
            () = app.stop.stopping.cancelled() => {
                app.streams.remove(name);
                // All places are free when all answers are written.
                let finished = session.places.acquire_many(IN_FLIGHT as u32);
                tokio::select! {
                    _ = finished => {}
                    () = session.events.closed() => {}
                    () = app.stop.cut.cancelled() => {}
                }
                session.tell(session.channel.farewell()).await;
                false
            }
            // A token that is gone takes its streams with it.
            changed = policy.changed() => match changed {
                Ok(change) => {
                    if change == Change::Models {
                        session.channel.models_changed();
                    }
                    true
                }
                Err(refused) => {
                    let (client, why) = (session.caller.named(), refused.why());
                    info!(token = %session.caller.credential, client, "MCP event stream: {why}");
                    false
                }
            },
            text = session.channel.outbox().next() => session.tell(vec![text]).await,
            () = tokio::time::sleep_until(idle.into()) => {
                session.heard(None) + idle_timeout > Instant::now()
            }
            _ = alive.tick() => session.write(events::keep_alive()).await,
        };
    }
}

/// `POST /mcp/messages`
pub(crate) async fn message(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    request: Request,
) -> Response<Body> {
    match posted(&app, admitted, request).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn posted(
    app: &Arc<App>,
    admitted: Admitted,
    request: Request,
) -> Result<Response<Body>, Refused> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let name = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("sessionId="))
        .unwrap_or_default();
    let session = app.streams.find(name);
    let own = &admitted.caller.principal;
    let session = session.filter(|session| session.caller.principal == *own);
    let session = session.ok_or_else(|| {
        let hint = Some("open a stream with GET /mcp/sse; its first event says where to post");
        Refused::from(reply::refusal(
            StatusCode::NOT_FOUND,
            "Unknown session",
            hint,
        ))
    })?;
    session.heard(Some(Instant::now()));
    let read = mcp::http::heard(app, &admitted, &parts.headers, body).await;
    let refused = async |refusal: Refused| Ok(session.refused(&parts.headers, refusal).await);
    let text = match read {
        Ok(text) => text,
        Err(refusal) => return refused(refusal).await,
    };
    let memory = match admitted.memory(app, &text).await {
        Ok(memory) => memory,
        Err(refusal) => return refused(refusal).await,
    };
    session.listed.asked();
    let place = timeout(WAIT, Arc::clone(&session.places).acquire_owned()).await;
    let Ok(Ok(place)) = place else {
        return refused(mcp::http::busy(&text).into()).await;
    };
    let policy = admitted.follow(app)?;
    let running = app.tracker.clone();
    let app = Arc::clone(app);
    running.spawn(async move {
        let answered = async {
            let policy = policy.policy();
            let answer = session.channel.answer(&app, policy, &session.caller, &text);
            let answer = Outgoing::new(answer.await, memory);
            if !answer.is_empty() {
                let event = answer.map(|answer| events::event("message", answer));
                session.write(event.into()).await;
            }
        };
        // Whatever is ready when a stream ends is not written to it.
        tokio::select! {
            biased;
            () = session.ended.cancelled() => {}
            () = answered => {}
        }
        drop(place);
    });
    Ok(mcp::http::accepted())
}

/// A name that cannot be guessed.
fn name() -> Option<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}
