//! One gate in front of every route of `/mcp`: the end of the service, host and origin, token.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use axum::middleware::Next;

use super::reply::Refused;
use super::{App, gate, mcp, reply};
use crate::auth::{Caller, TokenId};

/// Seconds after which a client that found no place may try again.
pub(super) const RETRY_SECONDS: u64 = 5;
/// What pages of allowed origins may send.
const BROWSER_HEADERS: &str = "authorization, content-type, x-mcp-token, mcp-protocol-version, \
    mcp-method, mcp-name, last-event-id";

/// Who was let in by HTTP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admitted {
    token: TokenId,
    address: IpAddr,
}

impl Admitted {
    /// The token that opened the gate.
    pub(super) fn token(self) -> TokenId {
        self.token
    }

    /// The caller, by that transport.
    pub(super) fn caller(self, transport: &'static str) -> Caller {
        Caller {
            token: self.token,
            address: self.address,
            transport,
        }
    }

    /// Counts a request against the window of this token and client.
    pub(super) fn count(self, app: &App) -> Result<(), Refused> {
        let client = (self.token, gate::network(self.address));
        app.windows.admit(client, Instant::now()).map_err(|wait| {
            let text = mcp::rate_limited(app).to_string();
            let status = StatusCode::TOO_MANY_REQUESTS;
            reply::later(status, &text, wait.as_secs() + 1).into()
        })
    }
}

/// Lets through what knows a token, and answers what browsers ask beforehand.
pub(super) async fn admitted(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    if let Err(refused) = place(&app, &parts) {
        return refused.into_response();
    }
    // The gate let the origin through, so its page may read the answer, and no other.
    let origin = parts.headers.get(ORIGIN).cloned();
    let preflight = parts.method == Method::OPTIONS
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match origin.as_ref().filter(|_| preflight) {
        Some(_) => preflight_answer(),
        None => {
            let address = app.gate.address(peer, &parts.headers);
            match token(&app, &parts, address, false) {
                Ok(token) => {
                    parts.extensions.insert(Admitted { token, address });
                    next.run(Request::from_parts(parts, body)).await
                }
                Err(refused) => refused.into_response(),
            }
        }
    };
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

fn preflight_answer() -> Response<Body> {
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
    response
}

/// Refuses what comes at the end of the service, or from a wrong place.
pub(super) fn place(app: &App, parts: &Parts) -> Result<(), Refused> {
    if app.stop.stopping.is_cancelled() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(reply::later(status, "Server is shutting down", RETRY_SECONDS).into());
    }
    app.gate.place(parts).map_err(|denied| {
        app.metrics.connection_refused(match denied {
            gate::Denied::Host => "host",
            _ => "origin",
        });
        reply::denied(denied).into()
    })
}

/// Judges the token; `from_query` where the route takes `?token=`.
pub(super) fn token(
    app: &App,
    parts: &Parts,
    address: IpAddr,
    from_query: bool,
) -> Result<TokenId, Refused> {
    app.gate
        .token(parts, address, from_query)
        .map_err(|denied| {
            app.metrics.auth_failed(match denied {
                gate::Denied::Token(refused) => refused.reason(),
                _ => "too_many",
            });
            reply::denied(denied).into()
        })
}

/// A place among the sockets, which streams take like WebSockets.
pub(super) fn socket(
    app: &App,
    address: IpAddr,
) -> Result<tokio::sync::OwnedSemaphorePermit, Refused> {
    Arc::clone(&app.sockets).try_acquire_owned().map_err(|_| {
        app.metrics.connection_refused("full");
        tracing::warn!(%address, "MCP connection rejected: too many connections");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        reply::later(status, "Too many connections", RETRY_SECONDS).into()
    })
}
