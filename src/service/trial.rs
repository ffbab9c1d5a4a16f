//! Calls that an operator tries: as whom, and whether an example comes as it says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Service;
use super::call::NotAnswered;
use crate::auth::{self, Credential};
use crate::policy::{Clients, Policy, Written};
use crate::tools::call::Caller;
use crate::tools::{Example, Outcome};

/// The clients that an operator may try as.
#[derive(Debug)]
pub struct Trial<'s> {
    service: &'s Service,
    /// Whom the store lets in, where there is a store.
    clients: Option<&'s Clients>,
    /// Where the operator is, and by which way calls are tried.
    by: (IpAddr, &'static str),
}

/// An example that was tried.
#[derive(Debug, Serialize)]
pub struct Tried {
    /// Where it stands.
    pub place: String,
    /// What came otherwise than it says: nothing where it passed.
    pub misses: Vec<String>,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

impl<'s> Trial<'s> {
    /// Trials of a service, whose store lets in these; `by` is where the operator is, and by which
    /// way calls are tried.
    pub fn new(
        service: &'s Service,
        clients: Option<&'s Clients>,
        by: (IpAddr, &'static str),
    ) -> Self {
        Self {
            service,
            clients,
            by,
        }
    }

    /// Calls a tool as whom a policy is of: it is bounded, counted and recorded as a request of that.
    /// `params` are a JSON object, and `attributes`, where there are any, stand in the place of those
    /// of the policy's client.
    ///
    /// # Errors
    /// As a client's.
    pub async fn call(
        &self,
        policy: &Policy,
        asked: (&str, &str),
        attributes: &[(String, String)],
    ) -> Result<String, NotAnswered> {
        let clients = self.clients;
        let shown = clients.and_then(|clients| clients.credential(policy, Utc::now()));
        let shown = shown.unwrap_or(Credential::LOCAL);
        let client = policy.grant.as_ref().map(|grant| Arc::clone(&grant.client));
        let (address, transport) = self.by;
        let caller = auth::Caller::new(shown, client, address, transport);
        let tried = self.service.try_tool(policy, &caller, asked, attributes);
        tried.await
    }

    /// The policy of a caller: of the client of the store that it names and of no other; where it
    /// names none, of any that may call a tool of the store's databases, or of the configuration's
    /// own tokens.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) fn policy(
        &self,
        written: Option<&Written>,
        caller: &Caller,
    ) -> Result<Arc<Policy>, String> {
        let own = self.service.policy();
        let of_store = written.is_some_and(|written| written.tool.database.is_some());
        let is_named = caller.tenant.is_some() || caller.token.is_some();
        if !is_named && (self.clients.is_none() || !(of_store || own.exposed.is_empty())) {
            return Ok(own);
        }
        if self.clients.is_none() {
            return Err("tenants and tokens are of a store, and MCP_STORE names none".to_owned());
        }
        if self.is_away() {
            return Err("the store does not answer: whom it lets in is not known".to_owned());
        }
        let mut meant = self.clients();
        meant.retain(|policy| {
            let client = policy.grant.as_ref().map(|grant| &grant.client);
            let same = |wanted: &Option<String>, name: &str| {
                wanted.as_deref().is_none_or(|wanted| wanted == name)
            };
            let may = written.is_none_or(|it| policy.toolbox.tool(&it.tool.name).is_some());
            client.is_some_and(|client| {
                same(&caller.tenant, &client.tenant) && same(&caller.token, &client.token)
            }) && (may || caller.token.is_some())
        });
        match (&caller.tenant, &caller.token, &*meant) {
            (None, Some(token), [_, _, ..]) => {
                Err(format!("several tenants have a token {token}: name one"))
            }
            (_, _, [first, ..]) => Ok(Arc::clone(first)),
            (Some(tenant), Some(token), []) => Err(format!(
                "the store lets in no token {token} of a tenant {tenant}"
            )),
            (Some(tenant), None, []) => Err(format!(
                "no token of a tenant {tenant} in the store may call it"
            )),
            (None, Some(token), []) => Err(format!("the store lets in no token {token}")),
            (None, None, []) => Err("no token of the store may call it".to_owned()),
        }
    }

    /// Whether there is a store that does not answer.
    pub(crate) fn is_away(&self) -> bool {
        self.clients.is_some() && self.service.store().is_none()
    }

    /// The policies of the store's tokens that are let in now, in the order of their names.
    pub(crate) fn clients(&self) -> Vec<Arc<Policy>> {
        let clients = self.clients.iter();
        let clients = clients.flat_map(|clients| clients.admitted(Utc::now()));
        let mut policies: Vec<_> = clients.map(Arc::clone).collect();
        policies.sort_by_cached_key(|policy| {
            let client = policy.grant.as_ref().map(|grant| &grant.client);
            client.map(|client| (client.tenant.clone(), client.token.clone()))
        });
        // One that was rotated is let in by two digests.
        policies.dedup_by(|one, other| Arc::ptr_eq(one, other));
        policies
    }

    /// Tries an example.
    pub(crate) async fn example(&self, written: &Written, example: &Example) -> Tried {
        let place = example.place.to_string();
        let policy = match self.policy(Some(written), &example.caller) {
            Ok(policy) => policy,
            Err(miss) => {
                return Tried {
                    place,
                    misses: vec![miss],
                    ms: 0,
                };
            }
        };
        let params = Value::Object(example.params.clone()).to_string();
        let name = &*written.tool.name;
        let begun = Instant::now();
        let attributes = &example.caller.attributes;
        let answer = self.call(&policy, (name, &params), attributes);
        let answer = answer.await;
        let took = begun.elapsed();
        let misses = match &answer {
            Ok(text) => {
                let rows = rows(written.tool.result, text);
                example.misses(Ok(&rows), took)
            }
            Err(refused) => {
                let mut misses = example.misses(Err(refused.error.code()), took);
                if !misses.is_empty() {
                    misses.push(refused.error.to_string());
                    misses.extend(refused.cause.clone());
                }
                misses
            }
        };
        Tried {
            place,
            misses,
            ms: millis(took),
        }
    }
}

/// The rows of an answer; a value is a row of one member, which has no name.
fn rows(outcome: Outcome, text: &str) -> Vec<Map<String, Value>> {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let data = answer.get("data").cloned().unwrap_or_default();
    let object = |value| match value {
        Value::Object(row) => Some(row),
        _ => None,
    };
    match (outcome, data) {
        (_, Value::Array(rows)) if outcome == Outcome::Rows => {
            rows.into_iter().filter_map(object).collect()
        }
        (_, Value::Null) => Vec::new(),
        (Outcome::Value, value) => vec![Map::from_iter([("value".to_owned(), value)])],
        (_, one) => object(one).into_iter().collect(),
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
