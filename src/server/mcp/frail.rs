//! Libraries whose session ends with any refusal by HTTP.
//!
//! The first generation of the official SDK for Python, and what is built on it, takes a status
//! from 400 on for the end of the transport: its agent waits for ever, or dies of one request too
//! many. What is refused to them by its id comes as the same JSON-RPC error in an answer that they
//! read (`docs/adr/0013-refusals-that-a-session-survives.md`).

use axum::body::Body;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, Response};

use super::revision;

/// What they call themselves, as far as they can be told from others.
const BY_HTTP: [&str; 2] = ["python-httpx/", "google-adk/"];
/// The same where messages are posted beside a stream, which neither generation survives.
const BY_STREAM: [&str; 3] = ["python-httpx/", "python-httpx2/", "google-adk/"];

/// Marks the refusal of a request by its own id, which can be read whatever the status is.
#[derive(Debug, Clone, Copy)]
struct AddressMark;

/// Marks an answer as the refusal of a request by its own id.
pub(super) fn address(response: &mut Response<Body>) {
    response.extensions_mut().insert(AddressMark);
}

/// Whether an answer is the refusal of a request by its own id.
pub(in crate::server) fn is_addressed(response: &Response<Body>) -> bool {
    response.extensions().get::<AddressMark>().is_some()
}

/// Whether such a library posts to `/mcp`: its session has begun, so it says the revision.
pub(super) fn by_http(headers: &HeaderMap) -> bool {
    let version = headers.get("MCP-Protocol-Version");
    let version = version.and_then(|version| version.to_str().ok());
    version.is_some_and(|version| revision::LEGACY.contains(&version)) && named(headers, &BY_HTTP)
}

/// Whether such a library posts beside its stream.
pub(in crate::server) fn by_stream(headers: &HeaderMap) -> bool {
    named(headers, &BY_STREAM)
}

fn named(headers: &HeaderMap, libraries: &[&str]) -> bool {
    let agent = headers.get(USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| libraries.iter().any(|library| agent.starts_with(library)))
}
