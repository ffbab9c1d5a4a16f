//! `whoami`: who the caller is, and what the token allows.

use chrono::SecondsFormat;
use serde::Serialize;

use super::Answer;
use crate::auth::Scope;
use crate::policy::Policy;
use crate::policy::quota::Remainder;
use crate::protocol::Action;

/// The caller, as it is told.
#[derive(Serialize)]
struct Caller<'p> {
    /// The token's name; null for a token of the configuration.
    name: Option<&'p str>,
    tenant: Option<&'p str>,
    scopes: Vec<&'p str>,
    actions: Vec<&'static str>,
    models: Vec<&'p str>,
    limits: Limits,
    expires_at: Option<String>,
}

#[derive(Serialize)]
struct Limits {
    /// Of each connection.
    connection: Connection,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Remainder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Remainder>,
}

#[derive(Serialize)]
struct Connection {
    requests: u32,
    window: u64,
}

/// Writes what a policy says of its caller.
pub(super) fn write(mut out: Vec<u8>, policy: &Policy) -> Answer {
    let grant = policy.grant.as_ref();
    let (requests, window) = policy.window();
    let actions = Action::ALL.into_iter();
    let caller = Caller {
        name: grant.map(|grant| grant.client.token.as_str()),
        tenant: grant.map(|grant| grant.client.tenant.as_str()),
        scopes: {
            let own = grant.into_iter().flat_map(|grant| &grant.scopes);
            let own = own
                .map(String::as_str)
                .filter(|name| Scope::parse(name).is_none());
            policy.may.scopes().names().into_iter().chain(own).collect()
        },
        actions: actions
            .filter(|action| match action {
                Action::Call => policy.toolbox.written().next().is_some(),
                action => policy.may.allows(*action),
            })
            .map(Action::name)
            .collect(),
        models: policy.names(),
        limits: Limits {
            connection: Connection {
                requests,
                window: window.as_secs(),
            },
            token: grant.map(|grant| grant.token.left()),
            tenant: grant.map(|grant| grant.tenant.left()),
        },
        expires_at: grant
            .and_then(|grant| grant.expires_at)
            .map(|end| end.to_rfc3339_opts(SecondsFormat::Secs, true)),
    };
    out.extend_from_slice(b"\"data\":");
    // Writing names and numbers into memory cannot fail.
    let _ = serde_json::to_writer(&mut out, &caller);
    Answer { out, rows: 0 }
}
