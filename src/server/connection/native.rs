//! Native messages: one JSON object a text frame, and one back.

use std::pin::pin;

use serde_json::value::RawValue;

use crate::auth::Caller;
use crate::encode;
use crate::error::{Error, ErrorKind, Speech};
use crate::policy::{Form, Policy};
use crate::protocol::{Read, Rejection, Request};
use crate::server::catch_panic::catch_panic;
use crate::service::{Service, Terms};

/// Answers one message.
///
/// A panic on the way is our fault and no reason to leave the client without an answer.
pub(crate) async fn answer(
    service: &Service,
    policy: &Policy,
    caller: &Caller,
    text: &str,
) -> Vec<u8> {
    let (id, result) = match Request::parse(text) {
        Ok(request) => {
            let read = Read {
                action: &request.action,
                model: request.model.as_deref(),
                tool: request.tool.as_deref(),
                params: &request.params,
            };
            let terms = Terms::new(policy, Form::Message);
            let mut out = Vec::with_capacity(512);
            begin(&mut out, request.id);
            out.extend_from_slice(b",\"status\":\"ok\",");
            let answered = pin!(service.answer_by(terms, caller, &read, out));
            let result = catch_panic(service.metrics(), answered).await;
            let result = result.unwrap_or_else(|| Err(ErrorKind::Internal.into()));
            (request.id, result)
        }
        Err(Rejection { id, error }) => {
            service.rejected(caller, &error);
            (id, Err(error))
        }
    };
    match result {
        Ok(answer) => {
            let mut out = answer.out;
            out.push(b'}');
            out
        }
        Err(error) => refused(id, &error),
    }
}

/// The answer that says why not.
pub(crate) fn refused(id: Option<&RawValue>, error: &Error) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    begin(&mut out, id);
    out.extend_from_slice(b",\"status\":\"error\",\"error\":");
    encode::text(&mut out, &error.text(Speech::Native));
    out.extend_from_slice(b",\"code\":");
    encode::text(&mut out, error.code());
    if let Some(hint) = error.hint(Speech::Native) {
        out.extend_from_slice(b",\"hint\":");
        encode::text(&mut out, hint);
    }
    out.push(b'}');
    out
}

/// The `id` of a message that may be answered without being run.
pub(crate) fn id_of(text: &str) -> Option<&RawValue> {
    match Request::parse(text) {
        Ok(request) => request.id,
        Err(rejected) => rejected.id,
    }
}

fn begin(out: &mut Vec<u8>, id: Option<&RawValue>) {
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(id.map_or("null", RawValue::get).as_bytes());
}
