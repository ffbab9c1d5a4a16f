//! A connection that carries messages both ways, with the little that is kept for it: what can be
//! cancelled, and who wants to hear of changes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::message::{self, Call, Fault, INVALID_REQUEST, Incoming};
use super::revision::{self, Era, SUBSCRIPTION};
use super::{Context, dispatch};
use crate::auth::Caller;
use crate::error::Error;
use crate::policy::{Limited, Policy};
use crate::protocol::{Kind, Object, kind};
use crate::server::App;
use crate::server::connection::outbox::{Outbox, Push};

/// Subscriptions of one connection at the most.
const SUBSCRIPTIONS: usize = 16;
/// The longest id of one, which is kept and told with each change.
const LONGEST_ID: usize = 256;

/// What is kept of one connection.
#[derive(Debug, Default)]
pub(in crate::server) struct Channel {
    state: Mutex<State>,
    outbox: Outbox,
}

#[derive(Debug, Default)]
struct State {
    /// Whether a client of an older revision is ready to hear of changes.
    listening: bool,
    /// Requests under way, by the bytes of their id.
    running: HashMap<Box<str>, CancellationToken>,
    subscriptions: Vec<Subscription>,
}

/// What a client of 2026-07-28 wants to hear.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    id: Value,
    tools: bool,
    resources: bool,
}

/// Whether a socket's first message is one of MCP.
pub(in crate::server) fn is_mcp(text: &str) -> bool {
    Object::parse(message::plain(text)).is_some_and(|message| message.get("jsonrpc").is_some())
}

impl Channel {
    /// Answers one message; an empty answer is none, to a notification or a cancelled request.
    pub(in crate::server) async fn answer(
        &self,
        app: &App,
        policy: &Policy,
        caller: &Caller,
        text: &str,
    ) -> Vec<u8> {
        let context = Context {
            app,
            policy,
            caller,
            two_way: true,
        };
        let (id, call) = match message::parse(text) {
            Ok(Incoming::Request(id, call)) => (id, call),
            Ok(Incoming::Notification(call)) => {
                self.heard(&call);
                return Vec::new();
            }
            Ok(Incoming::Response) => return Vec::new(),
            Err((id, fault)) => {
                context.refused(&fault);
                return message::error(id, &fault);
            }
        };
        let answered = match revision::era(&call) {
            Ok(Era::Modern) if call.method == "subscriptions/listen" => self.subscribe(id, &call),
            Ok(era) => {
                let running = self.begin(id);
                let answered = tokio::select! {
                    biased;
                    answered = dispatch::answer(context, era, id, &call) => Some(answered),
                    () = running.cancelled() => None,
                };
                self.state().running.remove(id.get());
                match answered {
                    Some(answered) => answered,
                    None => return Vec::new(),
                }
            }
            Err(fault) => {
                context.refused(&fault);
                Err(fault)
            }
        };
        answered.unwrap_or_else(|fault| message::error(Some(id), &fault))
    }

    /// Where messages wait that no request asked for.
    pub(in crate::server) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Tells that other models are served than before.
    pub(in crate::server) fn models_changed(&self) {
        let state = self.state();
        if state.listening {
            self.outbox
                .push([TOOLS_CHANGED, RESOURCES_CHANGED].map(|method| Push {
                    subject: method.into(),
                    text: message::notification(method, None),
                }));
        }
        let subscriptions = state.subscriptions.iter();
        self.outbox
            .push(subscriptions.flat_map(Subscription::models_changed));
    }

    /// What to tell when the service ends: subscriptions are answered at last.
    pub(in crate::server) fn farewell(&self) -> Vec<Vec<u8>> {
        let ended = std::mem::take(&mut self.state().subscriptions);
        ended.iter().map(Subscription::ended).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: &RawValue) -> CancellationToken {
        let token = CancellationToken::new();
        let mut state = self.state();
        state.running.insert(id.get().into(), token.clone());
        token
    }

    fn heard(&self, call: &Call<'_>) {
        match &*call.method {
            "notifications/initialized" => self.state().listening = true,
            "notifications/cancelled" => {
                let Some(id) = call.params.get("requestId") else {
                    return;
                };
                let mut state = self.state();
                if let Some(running) = state.running.remove(id.get()) {
                    running.cancel();
                }
                let id: Value = serde_json::from_str(id.get()).unwrap_or_default();
                state.subscriptions.retain(|one| one.id != id);
            }
            _ => {}
        }
    }

    fn subscribe(&self, id: &RawValue, call: &Call<'_>) -> Result<Vec<u8>, Fault> {
        let subscription = Subscription::read(id, call)?;
        let mut state = self.state();
        if state.subscriptions.len() >= SUBSCRIPTIONS {
            let message = format!("Too many subscriptions: at most {SUBSCRIPTIONS}");
            return Err(Fault::new(INVALID_REQUEST, message));
        }
        let first = subscription.acknowledged();
        state.subscriptions.push(subscription);
        Ok(first)
    }
}

/// The answer to a request that is not run.
pub(in crate::server) fn refused(text: &str, error: &Error) -> Vec<u8> {
    message::error(message::id_of(text), &Fault::of(error))
}

/// The answer to a message over the window, to a client that may come again; empty, which is none,
/// to what asks for no answer.
pub(in crate::server) fn limited(text: &str, limited: Limited) -> Vec<u8> {
    match message::parse(text) {
        Ok(Incoming::Notification(_) | Incoming::Response) => Vec::new(),
        _ => one_too_many(message::id_of(text), limited),
    }
}

/// The same for a message of which nothing but perhaps the id is known.
pub(in crate::server) fn one_too_many(id: Option<&RawValue>, limited: Limited) -> Vec<u8> {
    message::error(id, &Fault::of_window(limited))
}

/// The answer to a message that is larger than one may be.
pub(in crate::server) fn too_large(id: Option<&RawValue>, max_bytes: usize) -> Vec<u8> {
    message::error(id, &Fault::too_large(max_bytes))
}

const TOOLS_CHANGED: &str = "notifications/tools/list_changed";
const RESOURCES_CHANGED: &str = "notifications/resources/list_changed";

impl Subscription {
    /// Reads what `subscriptions/listen` asks for; of what never changes nothing is told.
    pub(super) fn read(id: &RawValue, call: &Call<'_>) -> Result<Self, Fault> {
        let wanted = call.params.get("notifications");
        let wanted = wanted.filter(|raw| kind(raw) == Kind::Object);
        let wanted = wanted.and_then(|raw| Object::parse(raw.get()));
        let wanted = wanted
            .ok_or_else(|| Fault::params("Invalid params: notifications must be an object"))?;
        if id.get().len() > LONGEST_ID {
            let message =
                format!("Invalid params: the id of a subscription has at most {LONGEST_ID} bytes");
            return Err(Fault::params(message));
        }
        let wants = |name: &str| wanted.get(name).is_some_and(|raw| raw.get() == "true");
        Ok(Self {
            // An id was read as a string or a number.
            id: serde_json::from_str(id.get()).unwrap_or_default(),
            tools: wants("toolsListChanged"),
            resources: wants("resourcesListChanged"),
        })
    }

    /// The first message of a subscription.
    pub(super) fn acknowledged(&self) -> Vec<u8> {
        let mut honoured = json!({});
        for (name, wanted) in [
            ("toolsListChanged", self.tools),
            ("resourcesListChanged", self.resources),
        ] {
            if wanted {
                honoured[name] = true.into();
            }
        }
        let params = json!({ "_meta": self.meta(), "notifications": honoured });
        message::notification("notifications/subscriptions/acknowledged", Some(&params))
    }

    /// What is told when other models are served than before.
    pub(super) fn models_changed(&self) -> Vec<Push> {
        let params = json!({ "_meta": self.meta() });
        [
            (TOOLS_CHANGED, self.tools),
            (RESOURCES_CHANGED, self.resources),
        ]
        .into_iter()
        .filter(|(_, wanted)| *wanted)
        .map(|(method, _)| Push {
            subject: format!("{method} {}", self.id).into(),
            text: message::notification(method, Some(&params)),
        })
        .collect()
    }

    /// The answer to `subscriptions/listen`, at the end of the service.
    pub(super) fn ended(&self) -> Vec<u8> {
        let result = json!({ "resultType": "complete", "_meta": self.meta() });
        json!({ "jsonrpc": "2.0", "id": self.id, "result": result })
            .to_string()
            .into_bytes()
    }

    fn meta(&self) -> Value {
        json!({ SUBSCRIPTION: self.id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_subscriptions_are_short() {
        let listen = |letters: usize| {
            let text = json!({
                "jsonrpc": "2.0", "id": "x".repeat(letters), "method": "subscriptions/listen",
                "params": { "notifications": { "toolsListChanged": true } },
            })
            .to_string();
            match message::parse(&text) {
                Ok(Incoming::Request(id, call)) => Subscription::read(id, &call).is_ok(),
                _ => panic!("a request"),
            }
        };
        assert!(listen(LONGEST_ID - 2));
        assert!(!listen(LONGEST_ID - 1) && !listen(60_000));
    }
}
