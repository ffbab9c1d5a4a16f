//! One gate in front of every route of `/mcp`: the end of the service, host and origin, token,
//! and a place for what stays open.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderValue, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use axum::middleware::Next;
use tokio::time::timeout;
use tracing::warn;

use crate::auth::{self, Caller};
use crate::error::ErrorKind;
use crate::limit::{Arrival, Reservation, Weight};
use crate::policy::{Form, Limited, Policy, Tally};
use crate::server::connection::outgoing::PATIENCE;
use crate::server::listener::slots::{self, NoPlace, Place};
use crate::server::reply::{self, Refused};
use crate::server::{App, gate, mcp};
use crate::service::PolicyReceiver;

/// Seconds after which a client that found no place may try again.
pub(crate) const RETRY_SECONDS: u64 = 5;
/// What pages of allowed origins may send.
const BROWSER_HEADERS: &str = "authorization, content-type, x-mcp-token, mcp-protocol-version, \
    mcp-method, mcp-name, mcp-session-id, last-event-id";
/// What they may read of an answer.
const BROWSER_READS: &str = "mcp-session-id, mcp-protocol-version, retry-after, www-authenticate";

/// Who was let in by HTTP, and by which policy.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    pub(crate) caller: Caller,
    pub(crate) policy: Arc<Policy>,
}

impl Admitted {
    /// The policy of this moment, and of those that come: a client takes as long as it likes to send
    /// what it asks.
    ///
    /// # Errors
    /// A token that lets nobody in any more.
    pub(crate) fn follow(&self, app: &App) -> Result<PolicyReceiver, Refused> {
        let shown = Some(self.caller.credential);
        let mut policy = PolicyReceiver::new(&app.service, shown, Arc::clone(&self.policy));
        match policy.look() {
            Ok(_) => Ok(policy),
            Err(refused) => Err(self.turned_away(app, refused)),
        }
    }

    /// The refusal of whoever was let in and is not any more.
    pub(crate) fn turned_away(&self, app: &App, refused: auth::Refused) -> Refused {
        let denied = gate::Denied::Token(refused);
        let shown = gate::Evidence::of(&self.caller);
        app.denied((self.caller.address, self.caller.transport), denied, &shown);
        reply::denied(denied).into()
    }

    /// Counts a message against the window of this token and client, and that of the token.
    ///
    /// # Errors
    /// The message that is one too many.
    pub(crate) async fn count(&self, app: &App, weight: Weight) -> Result<(), Limited> {
        let (caller, policy) = (&self.caller, &self.policy);
        let (token, address, transport) = (caller.credential, caller.address, caller.transport);
        let network = Tally::Network(gate::network(address));
        let admitted = app
            .service
            .admit((policy, &caller.principal), weight, network);
        admitted.await.inspect_err(|limited| {
            if app.limited(caller, *limited) {
                let client = caller.named();
                warn!(
                    %address, %transport, %token, client,
                    "MCP request refused: Rate limit exceeded: {limited}"
                );
            }
        })
    }

    /// What counts the bytes of a request while they come.
    pub(crate) fn arrival(&self, app: &App) -> Arrival {
        let largest = self.policy.settings.connections.max_message_bytes;
        Arrival::new(app.memory.share(self.caller.principal.holder()), largest)
    }

    /// Sets memory aside for a request and its answer, and waits for it where others have it.
    ///
    /// # Errors
    /// None that comes free in time.
    pub(crate) async fn memory(&self, app: &App, request: &str) -> Result<Reservation, Refused> {
        let bytes = request.len() + self.policy.answer_bytes(Form::Tool);
        let share = app.memory.share(self.caller.principal.holder());
        if let Some(memory) = share.try_reserve(bytes) {
            return Ok(memory);
        }
        let memory = timeout(PATIENCE, share.reserve(bytes)).await;
        let memory = memory.ok().flatten();
        memory.ok_or_else(|| self.busy(app, request))
    }

    /// The refusal of a request that there is no memory for, as far as it was read.
    pub(crate) fn busy(&self, app: &App, request: &str) -> Refused {
        app.service
            .rejected(&self.caller, &ErrorKind::Overloaded.into());
        mcp::http::busy(request).into()
    }
}

/// Where no message is there to be answered.
impl From<Limited> for Refused {
    fn from(told: Limited) -> Self {
        mcp::http::limited(None, told).into()
    }
}

/// Lets through what knows a token, and answers what browsers ask beforehand.
pub(crate) async fn admitted(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let transport = match parts.uri.path() {
        "/mcp" | "/mcp/" => "http",
        _ => "sse",
    };
    let entry = app.entry();
    let address = match place(&app, &entry, peer, &parts, transport) {
        Ok(address) => address,
        Err(refused) => return refused.into_response(),
    };
    // The gate let the origin through, so its page may read the answer, and no other.
    let origin = parts.headers.get(ORIGIN).cloned();
    let asks = is_preflight(&parts.method, &parts.headers);
    let mut response = if origin.is_some() && asks {
        preflight_answer(&parts.headers)
    } else {
        match entry.token(&parts, (address, transport), false) {
            Ok((caller, policy)) => {
                let admitted = Admitted { caller, policy };
                drop(entry);
                let mut request = Request::from_parts(parts, body);
                request.extensions_mut().insert(admitted);
                next.run(request).await
            }
            Err(denied) => {
                refused(&app, &entry, &parts, (address, transport), denied).into_response()
            }
        }
    };
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let reads = HeaderValue::from_static(BROWSER_READS);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, reads);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

/// Whether a browser asks what a page may send.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a browser is told beforehand; by hand, for the gate has judged its origin (ADR 14).
pub(crate) fn preflight_answer(asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, BROWSER_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page of the internet asks whether it may reach into this network: its origin may.
    if asked.contains_key("access-control-request-private-network") {
        let name = HeaderName::from_static("access-control-allow-private-network");
        headers.insert(name, HeaderValue::from_static("true"));
    }
    response
}

/// Refuses what comes at the end of the service, or from a wrong place; else the client's address.
pub(crate) fn place(
    app: &App,
    entry: &gate::Entry<'_>,
    peer: SocketAddr,
    parts: &Parts,
    transport: &'static str,
) -> Result<IpAddr, Refused> {
    let address = entry.address(peer, &parts.headers);
    if app.stop.stopping.is_cancelled() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(reply::later(status, "Server is shutting down", RETRY_SECONDS).into());
    }
    match entry.place(parts) {
        Ok(()) => Ok(address),
        Err(denied) => Err(refused(app, entry, parts, (address, transport), denied)),
    }
}

/// The answer to a client that the gate did not let in, which is counted and recorded.
pub(crate) fn refused(
    app: &App,
    entry: &gate::Entry<'_>,
    parts: &Parts,
    by: (IpAddr, &'static str),
    denied: gate::Denied,
) -> Refused {
    app.denied(by, denied, &entry.shown(denied, parts, by));
    reply::denied(denied).into()
}

/// A place among the sockets, which event streams take as well.
pub(crate) fn socket(app: &App, policy: &Policy, caller: &Caller) -> Result<Place, Refused> {
    let (address, limits) = (caller.address, &policy.settings.connections);
    let network = gate::network(address);
    let taken = app.slots.take(
        network,
        &caller.principal.holder(),
        limits.max_connections,
        limits.max_per_address,
    );
    taken.map_err(|none| {
        let (reason, status, text, most, variable) = match none {
            NoPlace::Full => (
                "full",
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many connections",
                limits.max_connections,
                "MCP_MAX_CONNECTIONS",
            ),
            NoPlace::Address => (
                "address_full",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many connections from this address",
                limits.max_per_address.unwrap_or_default(),
                "MCP_MAX_CONNECTIONS_PER_ADDRESS",
            ),
            NoPlace::Tenant => (
                "tenant_full",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many connections of this tenant",
                slots::of_tenant(limits.max_connections),
                "MCP_MAX_CONNECTIONS",
            ),
        };
        app.metrics.connection_refused(reason);
        app.record_refused(address, caller.transport, Some(caller), reason);
        let (token, client) = (caller.credential, caller.named());
        warn!(
            %address, %token, client,
            "MCP connection rejected: {text}: {most} are open; close some, or raise {variable}"
        );
        reply::later(status, text, RETRY_SECONDS).into()
    })
}
