//! The table of contents: every route, and what stands in front of it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::{get, post};
use serde::Serialize;

use super::connection::sse;
use super::gate::{admission, handshake};
use super::{App, admin as api, mcp, page, reply};
use crate::observe::Audit;

/// Where clients of MCP look for a way to sign in when their token is refused, under any path.
const METADATA: [&str; 2] = ["/.well-known/oauth-", "/.well-known/openid-configuration"];
/// What they ask for when there is nothing of it.
const SIGN_IN: [&str; 3] = ["register", "authorize", "token"];

/// Where clients ask.
fn asked(app: &Arc<App>) -> Router<Arc<App>> {
    let answer = || post(mcp::http::answer).fallback(mcp::http::only_post);
    // The transport of 2024-11-05: these two and `sse` go together.
    let stream = || get(sse::open).fallback(wrong_method);
    let message = || post(sse::message).fallback(wrong_method);
    let socket = || get(handshake::upgrade).fallback(handshake::not_a_socket);
    // With a slash at the end it is the same: half of all guides write it so.
    Router::new()
        .route("/mcp", answer())
        .route("/mcp/", answer())
        .route("/mcp/sse", stream())
        .route("/mcp/sse/", stream())
        .route("/mcp/messages", message())
        .route("/mcp/messages/", message())
        .route_layer(from_fn_with_state(Arc::clone(app), admission::admitted))
        .route("/mcp/ws", socket())
        .route("/mcp/ws/", socket())
        .route_layer(from_fn_with_state(Arc::clone(app), switched_on))
}

/// The routes of `MCP_LISTEN`.
pub(super) fn public(app: &Arc<App>) -> Router {
    let probes = Router::new()
        .route("/health", get(health))
        .route("/health/", get(health))
        .route("/mcp/health", get(health))
        .route("/mcp/health/", get(health))
        .route("/ready", get(ready))
        .route("/ready/", get(ready))
        .route_layer(from_fn_with_state(Arc::clone(app), probed));
    Router::new()
        .merge(probes)
        .merge(asked(app))
        .merge(page::router(app))
        .fallback(nowhere_public)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(app))
}

/// The routes of `MCP_ADMIN_LISTEN`.
pub(super) fn admin(app: &Arc<App>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route_layer(from_fn_with_state(Arc::clone(app), probed))
        .nest(api::PATH, api::router(app))
        // Its page asks as clients do, with their tokens.
        .merge(asked(app).route_layer(from_fn_with_state(Arc::clone(app), page::served)))
        .merge(page::router(app))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(app))
}

/// Lets through who asks for health or figures, and no page that reaches this by another name.
async fn probed(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let entry = app.entry();
    if let Err(denied) = entry.probed(&parts) {
        let by = (entry.address(peer, &parts.headers), "http");
        return admission::refused(&app, &entry, &parts, by, denied).into_response();
    }
    drop(entry);
    next.run(Request::from_parts(parts, body)).await
}

/// Whether a client looks there for a place to sign in.
fn is_sign_in(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next();
    METADATA.iter().any(|place| path.contains(place))
        || last.is_some_and(|it| SIGN_IN.contains(&it))
}

/// The answer to a client that was refused and looks for a place to sign in, which pages of any
/// origin may ask for and read: it is the same for all.
fn no_sign_in(request: &Request) -> Response<Body> {
    let error = "There is no sign-in here: the request before came without a valid token";
    let hint = "give the client a token of this service, as Authorization: Bearer TOKEN";
    let mut response = match admission::is_preflight(request.method(), request.headers()) {
        true => admission::preflight_answer(request.headers()),
        false => reply::refusal(StatusCode::NOT_FOUND, error, Some(hint)),
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    enabled: bool,
}

async fn health(State(app): State<Arc<App>>) -> Response<Body> {
    reply::json(
        StatusCode::OK,
        &Health {
            status: "ok",
            enabled: app.enabled,
        },
    )
}

async fn ready(State(app): State<Arc<App>>) -> Response<Body> {
    let audit = app.service.audit().filter(|_| app.enabled);
    if audit.is_some_and(Audit::is_refusing) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return reply::refusal(status, "The audit cannot be written", None);
    }
    if app.is_ready().await {
        reply::json(
            StatusCode::OK,
            &Health {
                status: "ok",
                enabled: app.enabled,
            },
        )
    } else if app.stop.stopping.is_cancelled() {
        reply::refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "Server is shutting down",
            None,
        )
    } else {
        reply::refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "Database is unavailable",
            None,
        )
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    let mut response = Response::new(Body::from(app.metrics.text(&app.service.figures())));
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(openmetrics));
    response
}

/// Lets nothing of `/mcp` answer while the service is switched off.
async fn switched_on(State(app): State<Arc<App>>, request: Request, next: Next) -> Response<Body> {
    if app.enabled {
        next.run(request).await
    } else {
        reply::disabled()
    }
}

async fn nowhere_public(state: State<Arc<App>>, request: Request) -> Response<Body> {
    match state.enabled && is_sign_in(request.uri().path()) {
        true => no_sign_in(&request),
        false => nowhere(state, request).await,
    }
}

async fn nowhere(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let path = request.uri().path();
    if !app.enabled && (path == "/mcp" || path.starts_with("/mcp/")) {
        return reply::disabled();
    }
    reply::refusal(StatusCode::NOT_FOUND, "Not found", None)
}

async fn wrong_method() -> Response<Body> {
    reply::refusal(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", None)
}
