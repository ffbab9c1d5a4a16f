//! Answers of the HTTP routes: JSON, always.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::gate::Denied;

/// A refusal of a route.
#[derive(Debug, Serialize)]
struct Refusal<'r> {
    status: &'static str,
    error: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'r str>,
}

/// An answer that ends the way of a request early; boxed, for it is the rare case.
#[derive(Debug)]
pub(crate) struct Refused(Box<Response<Body>>);

impl Refused {
    /// The answer itself.
    pub(crate) fn into_response(self) -> Response<Body> {
        *self.0
    }
}

impl From<Response<Body>> for Refused {
    fn from(response: Response<Body>) -> Self {
        Self(Box::new(response))
    }
}

/// A JSON answer of that status.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    // A struct of texts and numbers is always JSON.
    bytes(status, serde_json::to_vec(body).unwrap_or_default().into())
}

/// An answer that is JSON already.
pub(crate) fn bytes(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A refusal of that status.
pub(crate) fn refusal(status: StatusCode, error: &str, hint: Option<&str>) -> Response<Body> {
    json(
        status,
        &Refusal {
            status: "error",
            error,
            hint,
        },
    )
}

/// A refusal that may be tried again after so many seconds.
pub(crate) fn later(status: StatusCode, error: &str, seconds: u64) -> Response<Body> {
    let mut response = refusal(status, error, None);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Marks an answer that is given after a while: who guesses tokens has time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unhurried;

/// The service is switched off.
pub(crate) fn disabled() -> Response<Body> {
    refusal(
        StatusCode::SERVICE_UNAVAILABLE,
        "MCP server is disabled",
        None,
    )
}

/// The client is not let in.
pub(crate) fn denied(denied: Denied) -> Response<Body> {
    match denied {
        Denied::Host | Denied::Origin => refusal(StatusCode::FORBIDDEN, denied.text(), None),
        Denied::Token(_) => {
            let mut response = refusal(StatusCode::UNAUTHORIZED, denied.text(), None);
            let headers = response.headers_mut();
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Denied::TooManyFailures(seconds) => {
            let mut response = later(StatusCode::TOO_MANY_REQUESTS, denied.text(), seconds);
            response.extensions_mut().insert(Unhurried);
            response
        }
    }
}
