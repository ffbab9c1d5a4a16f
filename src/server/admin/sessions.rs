//! The sockets and streams that are open.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{List, One};
use super::desk::Desk;
use super::refusal::Refusal;
use super::route::Asked;
use crate::server::connection::sessions::Session;

/// A socket or stream that is open.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub(super) struct SessionView {
    /// Its number since the start of the service.
    id: u64,
    /// The name of its tenant; null for a token of the configuration.
    tenant: Option<String>,
    /// The id of its tenant.
    tenant_id: Option<String>,
    /// The name of its token; null for one of the configuration.
    token: Option<String>,
    /// The id of its token.
    token_id: Option<String>,
    /// The beginning of the token's SHA-256, as in log and audit.
    digest: String,
    /// The client's address.
    #[schemars(with = "String")]
    address: IpAddr,
    /// `ws`, `sse`, or `http` for a stream of changes.
    transport: &'static str,
    /// When it was opened.
    since: String,
    /// Messages that were admitted so far.
    requests: u64,
    /// When the last one was.
    last_request_at: Option<String>,
    /// Rows of its answers so far.
    rows: u64,
    /// Bytes that are made for it and that it has not taken yet.
    waiting_bytes: u64,
}

impl SessionView {
    fn new(session: &Session) -> Self {
        let caller = &session.caller;
        let client = caller.client();
        let (requests, last) = session.requests();
        Self {
            id: session.id,
            tenant: client.map(|client| client.tenant.clone()),
            tenant_id: client.map(|client| client.tenant_id.clone()),
            token: client.map(|client| client.token.clone()),
            token_id: client.map(|client| client.token_id.clone()),
            digest: caller.credential.to_string(),
            address: caller.address,
            transport: caller.transport,
            since: time(session.since),
            requests,
            last_request_at: last.map(time),
            rows: caller.rows.load(Ordering::Relaxed),
            waiting_bytes: session.waiting.bytes(),
        }
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) async fn list(desk: Desk, _: Asked) -> Result<List<SessionView>, Refusal> {
    let open = desk.sessions().open();
    Ok(open
        .iter()
        .map(|session| SessionView::new(session))
        .collect())
}

pub(super) async fn close(desk: Desk, asked: Asked) -> Result<One<SessionView>, Refusal> {
    let found = asked.part.parse().ok();
    let found = found.and_then(|id| desk.sessions().find(id));
    let session = found.ok_or_else(|| {
        let hint = "GET /admin/api/sessions lists those that are open";
        Refusal::not_found(format!("there is no session {:?}", asked.part), hint)
    })?;
    let view = SessionView::new(&session);
    desk.admin()?.closes_session(&asked.part, &view).await?;
    session.end();
    Ok(view.into())
}
