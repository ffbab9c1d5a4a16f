//! Streamable HTTP: one request a POST, one answer, and nothing kept in between.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::channel::Subscription;
use super::message::{self, Fault, Incoming, METHOD_NOT_FOUND, PARSE_ERROR, id_of};
use super::revision::{self, Era};
use super::{Context, dispatch, frail};
use crate::auth::Caller;
use crate::error::{Error, ErrorKind};
use crate::limit::{Arrival, Weight};
use crate::policy::Limited;
use crate::protocol::IdSearch;
use crate::server::App;
use crate::server::connection::events;
use crate::server::connection::outbox::Outbox;
use crate::server::connection::outgoing::Outgoing;
use crate::server::gate::admission::{self, Admitted};
use crate::server::reply::{self, Refused};
use crate::service::{Change, PolicyReceiver};

/// How long a client may take to send a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a request is looked through for its id, beyond the largest that is answered.
const LOOKED_THROUGH: usize = 16 * 1024 * 1024;

/// `POST /mcp`
pub(in crate::server) async fn answer(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    request: Request,
) -> Response<Body> {
    let frail = frail::by_http(request.headers());
    let mut response = answered(&app, &admitted, request).await;
    if frail && frail::is_addressed(&response) {
        *response.status_mut() = StatusCode::OK;
    }
    response
}

async fn answered(app: &Arc<App>, admitted: &Admitted, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let text = match heard(app, admitted, &parts.headers, body).await {
        Ok(text) => text,
        Err(refused) => return refused.into_response(),
    };
    let memory = match admitted.memory(app, &text).await {
        Ok(memory) => memory,
        Err(refused) => return refused.into_response(),
    };
    let mut followed = match admitted.follow(app) {
        Ok(followed) => followed,
        Err(refused) => return refused.into_response(),
    };
    let policy = Arc::clone(followed.policy());
    let context = Context {
        app,
        policy: &policy,
        caller: &admitted.caller,
        two_way: false,
    };
    let (id, call) = match message::parse(&text) {
        Ok(Incoming::Request(id, call)) => (id, call),
        Ok(Incoming::Notification(_) | Incoming::Response) => return accepted(),
        Err((id, fault)) => {
            context.refused(&fault);
            return failed(id, Era::Legacy, &fault);
        }
    };
    let era = match revision::era_by_http(&call, &parts.headers) {
        Ok(era) => era,
        Err(fault) => {
            context.refused(&fault);
            return failed(Some(id), Era::Modern, &fault);
        }
    };
    if era == Era::Modern && call.method == "subscriptions/listen" {
        return match Subscription::read(id, &call) {
            Ok(subscription) => listen(app, &admitted.caller, followed, subscription),
            Err(fault) => failed(Some(id), era, &fault),
        };
    }
    // A token that is gone takes its requests with it, as it does on sockets.
    let answered = tokio::select! {
        biased;
        refused = followed.ended() => return admitted.turned_away(app, refused).into_response(),
        answered = dispatch::answer(context, era, id, &call) => answered,
    };
    match answered {
        Ok(bytes) => reply::bytes(StatusCode::OK, Outgoing::new(bytes, memory).into()),
        Err(fault) => failed(Some(id), era, &fault),
    }
}

/// The answer to a message that is one too many, and the time to come again.
pub(in crate::server) fn limited(id: Option<&RawValue>, limited: Limited) -> Response<Body> {
    let status = StatusCode::TOO_MANY_REQUESTS;
    later(status, id, &Fault::of_window(limited), limited.seconds())
}

/// The answer to a message that there is no room for now, and the time to come again.
pub(in crate::server) fn busy(text: &str) -> Response<Body> {
    let fault = Fault::of(&Error::from(ErrorKind::Overloaded));
    let status = StatusCode::SERVICE_UNAVAILABLE;
    later(status, id_of(text), &fault, admission::RETRY_SECONDS)
}

fn later(status: StatusCode, id: Option<&RawValue>, fault: &Fault, seconds: u64) -> Response<Body> {
    let mut response = refusal(status, id, fault);
    let seconds = HeaderValue::from(seconds);
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

/// `GET /mcp` and `DELETE /mcp`: there are no sessions that these could be about.
pub(in crate::server) async fn only_post() -> Response<Body> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let hint = Some("POST one JSON-RPC message; GET /mcp/ws is the WebSocket");
    let mut response = reply::refusal(status, "Method not allowed", hint);
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// A message that could not be read, with its id as far as that was found.
struct Unread {
    refused: Refused,
    id: IdSearch,
}

impl<R: Into<Refused>> From<R> for Unread {
    fn from(refused: R) -> Self {
        Self {
            refused: refused.into(),
            id: IdSearch::default(),
        }
    }
}

/// The message of a POST, read and counted: what cannot be read counts too, and is refused as one
/// too many where the window is spent.
///
/// # Errors
/// The refusal of one too many, of another type, of too much, of too slow and of what there is no
/// memory for.
pub(in crate::server) async fn heard(
    app: &App,
    admitted: &Admitted,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Refused> {
    let read = text(app, admitted, headers, body).await;
    let weight = read.as_deref().map_or(Weight::Read, message::weight);
    match (admitted.count(app, weight).await, read) {
        (Ok(()), read) => read.map_err(|unread| unread.refused),
        (Err(over), Ok(text)) => Err(limited(id_of(&text), over).into()),
        (Err(over), Err(unread)) => Err(limited(unread.id.found(), over).into()),
    }
}

/// The body of a POST, bounded in size and time.
async fn text(
    app: &App,
    admitted: &Admitted,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Unread> {
    // Pages of any origin may post text without asking first, JSON they may not.
    if !headers.contains_key(CONTENT_TYPE) || !all_are(headers, &CONTENT_TYPE, "application/json") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let error = "Content-Type must be application/json";
        return Err(reply::refusal(status, error, None).into());
    }
    // A body that was made smaller on the way is not made larger here: nobody knows how large.
    if !all_are(headers, &CONTENT_ENCODING, "identity") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let error = "Content-Encoding is not supported";
        let hint = Some("send the body as it is, without Content-Encoding");
        return Err(reply::refusal(status, error, hint).into());
    }
    let max_bytes = admitted.policy.settings.connections.max_message_bytes;
    let mut arrival = admitted.arrival(app);
    let deadline = Instant::now() + BODY_TIMEOUT;
    let bytes = match timeout_at(deadline, whole(body, max_bytes, &mut arrival)).await {
        Ok(Ok(Whole::All(bytes))) => bytes,
        Ok(Ok(Whole::TooLarge(mut id, rest))) => {
            let _ = timeout_at(deadline, look_on(&mut id, rest)).await;
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            let refused = refusal(status, id.found(), &Fault::too_large(max_bytes)).into();
            return Err(Unread { refused, id });
        }
        Ok(Ok(Whole::Late)) => return Err(admitted.busy(app, "").into()),
        Ok(Err(_)) => {
            let error = "The request broke off";
            let status = StatusCode::BAD_REQUEST;
            return Err(reply::refusal(status, error, None).into());
        }
        Err(_) if arrival.waits() => return Err(admitted.busy(app, "").into()),
        Err(_) => {
            let error = "The request took too long to arrive";
            let status = StatusCode::REQUEST_TIMEOUT;
            return Err(reply::refusal(status, error, None).into());
        }
    };
    String::from_utf8(bytes).map_err(|_| {
        let fault = Fault::new(PARSE_ERROR, "Parse error: invalid UTF-8").malformed();
        failed(None, Era::Legacy, &fault).into()
    })
}

/// Whether each value of a header is this one, whatever its parameters: what proxies add a second
/// time is the same.
fn all_are(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    headers.get_all(name).iter().all(|value| {
        let value = value.to_str().unwrap_or("?");
        let mut values = value.split(',').map(|one| one.split(';').next());
        values.all(|one| one.unwrap_or("").trim().eq_ignore_ascii_case(wanted))
    })
}

/// A body, as far as it was read.
enum Whole {
    All(Vec<u8>),
    /// Of one that is too large the id, as far as it was found, and what is not read yet.
    TooLarge(IdSearch, Body),
    /// Of one that there is no memory for.
    Late,
}

async fn whole(
    mut body: Body,
    max_bytes: usize,
    arrival: &mut Arrival,
) -> Result<Whole, axum::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = frame?.into_data().unwrap_or_default();
        let room = max_bytes - bytes.len();
        arrival.came(data.len());
        if arrival.room().await.is_err() {
            return Ok(Whole::Late);
        }
        if data.len() > room {
            // Its id takes no more than there is memory for already.
            let mut id = IdSearch::new(max_bytes);
            id.push(&bytes);
            id.push(&data);
            return Ok(Whole::TooLarge(id, body));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Whole::All(bytes))
}

/// Looks for the id in what comes of a body that is too large; what was read is gone.
async fn look_on(id: &mut IdSearch, mut rest: Body) {
    let mut read = 0;
    while !id.is_over() && read < LOOKED_THROUGH {
        let Some(Ok(frame)) = rest.frame().await else {
            return;
        };
        let data = frame.into_data().unwrap_or_default();
        id.push(&data);
        read += data.len();
    }
}

/// What needs no answer was taken.
pub(in crate::server) fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn failed(id: Option<&RawValue>, era: Era, fault: &Fault) -> Response<Body> {
    let status = match (era, fault.code) {
        _ if fault.malformed => StatusCode::BAD_REQUEST,
        (Era::Modern, METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    };
    refusal(status, id, fault)
}

fn refusal(status: StatusCode, id: Option<&RawValue>, fault: &Fault) -> Response<Body> {
    let mut response = reply::bytes(status, message::error(id, fault).into());
    if id.is_some() {
        frail::address(&mut response);
    }
    response
}

/// `subscriptions/listen`: a stream of changes, until either side ends it.
fn listen(
    app: &Arc<App>,
    caller: &Caller,
    mut policy: PolicyReceiver,
    subscription: Subscription,
) -> Response<Body> {
    let place = match admission::socket(app, policy.policy(), caller) {
        Ok(place) => place,
        Err(refused) => return refused.into_response(),
    };
    let listed = app.listed(caller, app.stop.stopping.child_token());
    let (stream, response) = events::stream(&listed.session().waiting);
    let caller = caller.clone();
    let running = app.tracker.clone();
    let outbox = Outbox::default();
    running.spawn(async move {
        let event = |message| events::event("message", message).into();
        let mut open = stream.try_send(event(subscription.acknowledged()));
        let mut alive = tokio::time::interval(events::KEEP_ALIVE);
        alive.reset();
        while open {
            // A queue that is full has a client that does not read.
            open = tokio::select! {
                () = stream.closed() => false,
                // By the end of the service, or by an operator.
                () = listed.session().ended() => {
                    stream.try_send(event(subscription.ended()));
                    false
                }
                // A token that is gone takes its streams with it.
                changed = policy.changed() => match changed {
                    Ok(change) => {
                        if change == Change::Models {
                            outbox.push(subscription.models_changed());
                        }
                        true
                    }
                    Err(refused) => {
                        let (client, why) = (caller.named(), refused.why());
                        info!(token = %caller.credential, client, "MCP subscription: {why}");
                        false
                    }
                },
                text = outbox.next() => stream.try_send(event(text)),
                _ = alive.tick() => stream.try_send(events::keep_alive()),
            };
        }
        drop((place, listed));
    });
    response
}

#[cfg(test)]
mod tests {
    use super::super::message::INVALID_PARAMS;
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_answered_to_its_id() {
        let asked = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
        for (text, is_addressed) in [(asked, true), ("", false)] {
            let response = busy(text);
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[RETRY_AFTER], "5");
            assert_eq!(frail::is_addressed(&response), is_addressed);
        }
    }

    #[test]
    fn the_status_follows_the_revision() {
        for (era, fault, status) in [
            (Era::Legacy, Fault::new(METHOD_NOT_FOUND, ""), 200),
            (Era::Modern, Fault::new(METHOD_NOT_FOUND, ""), 404),
            (Era::Modern, Fault::new(INVALID_PARAMS, ""), 200),
            (Era::Modern, Fault::new(INVALID_PARAMS, "").malformed(), 400),
            (Era::Legacy, Fault::new(PARSE_ERROR, "").malformed(), 400),
        ] {
            assert_eq!(failed(None, era, &fault).status(), status);
        }
    }
}
