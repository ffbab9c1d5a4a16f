//! From a method to its answer.

use std::sync::atomic::Ordering;

use serde_json::json;
use serde_json::value::RawValue;

use super::message::{self, Call, Fault, METHOD_NOT_FOUND, Reply};
use super::revision::{self, Era};
use super::{Context, FIXED_MS, INSTRUCTIONS, completion, prompts, resources, tools};
use crate::error::{Echo, Error, ErrorKind};
use crate::protocol::{arguments, decode_string};
use crate::server::catch_panic::catch_panic;

/// Answers one request, whatever happens: a panic on the way is no reason to leave the client
/// without an answer, nor is the end of the service.
pub(super) async fn answer(
    context: Context<'_>,
    era: Era,
    id: &RawValue,
    call: &Call<'_>,
) -> Result<Vec<u8>, Fault> {
    // In a box, for the compiler follows futures within futures only so deep.
    let running = Box::pin(run(context, era, call));
    let answered = catch_panic(&context.app.metrics, running);
    let result = tokio::select! {
        biased;
        answered = answered => answered
            .unwrap_or_else(|| Err(Fault::of(&Error::from(ErrorKind::Internal)))),
        () = context.app.stop.cut.cancelled() => {
            context.app.cut.fetch_add(1, Ordering::Relaxed);
            Err(Fault::of(&Error::from(ErrorKind::ShuttingDown)))
        }
    };
    result.map(|reply| message::result(id, era, &reply))
}

async fn run(context: Context<'_>, era: Era, call: &Call<'_>) -> Result<Reply, Fault> {
    let policy = context.policy;
    let reply = match (&*call.method, era) {
        ("initialize", Era::Legacy) => initialize(context, call),
        ("ping", Era::Legacy) => Ok(Reply::of(&json!({}))),
        ("server/discover", Era::Modern) => Ok(Reply::of(&json!({
            "supportedVersions": revision::supported(),
            "capabilities": super::capabilities(era, context.two_way),
            "instructions": INSTRUCTIONS,
        }))
        .kept(FIXED_MS)),
        ("tools/list", _) => match first_page(call) {
            Ok(()) => Ok(tools::list(policy).await),
            Err(fault) => Err(fault),
        },
        ("tools/call", _) => return tools::call(context, call).await,
        ("resources/list", _) => first_page(call).map(|()| resources::list(policy)),
        ("resources/templates/list", _) => first_page(call).map(|()| resources::templates(policy)),
        ("resources/read", _) => return resources::read(context, era, call).await,
        ("prompts/list", _) => first_page(call).map(|()| prompts::list(policy)),
        ("prompts/get", _) => prompts::get(policy, call),
        ("completion/complete", _) => completion::complete(policy, call),
        (method, _) => {
            let message = format!("Method not found: {}", Echo::from(method));
            Err(Fault::new(METHOD_NOT_FOUND, message))
        }
    };
    let reply = reply.inspect_err(|fault| context.refused(fault))?;
    // Whether anybody is there tells nothing.
    if call.method != "ping" {
        let recorded = context
            .app
            .service
            .record_told(context.caller, policy, &call.method, "ok");
        recorded.await.map_err(|error| Fault::of(&error))?;
    }
    Ok(reply)
}

fn initialize(context: Context<'_>, call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.params.get("protocolVersion").and_then(decode_string);
    let Some(asked) = asked else {
        return Err(Fault::params(
            "Invalid params: protocolVersion must be a string",
        ));
    };
    Ok(Reply::of(&json!({
        "protocolVersion": revision::negotiated(&asked),
        "capabilities": super::capabilities(Era::Legacy, context.two_way),
        "serverInfo": super::server_info(),
        "instructions": INSTRUCTIONS,
    })))
}

/// Lists are whole on their first page: no cursor was ever given out.
fn first_page(call: &Call<'_>) -> Result<(), Fault> {
    match call.params.get("cursor") {
        Some(raw) if !arguments::is_empty(raw.get()) => Err(Fault::params("Invalid cursor")),
        _ => Ok(()),
    }
}
