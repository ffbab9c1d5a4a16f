//! Server-sent events: a stream of messages as the body of an answer.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, Response};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

/// Messages that wait for a client to read them.
const QUEUE: usize = 32;
/// How often a silent stream shows that it is alive, to proxies and to itself.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where a stream is written; closed when the client is gone.
pub(super) type Events = mpsc::Sender<Bytes>;

/// A stream of events: where to write it, and the answer that carries it.
pub(super) fn stream() -> (Events, Response<Body>) {
    let (events, queue) = mpsc::channel::<Bytes>(QUEUE);
    let body = stream::unfold(queue, async |mut queue| {
        let event = queue.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(event), queue))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-cache, no-store"),
        // Proxies that collect answers would hold the events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    (events, response)
}

/// One event of that name; its data is a line.
pub(super) fn event(name: &str, mut data: Vec<u8>) -> Vec<u8> {
    one_line(&mut data);
    let head = format!("event: {name}\ndata: ");
    let mut event = Vec::with_capacity(head.len() + data.len() + 2);
    event.extend_from_slice(head.as_bytes());
    event.append(&mut data);
    event.extend_from_slice(b"\n\n");
    event
}

/// Nothing, to keep a stream open.
pub(super) fn keep_alive() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// Makes a line of a JSON text: documents of the database may be written over several, and outside
/// of strings a line break is a space.
pub(super) fn one_line(json: &mut [u8]) {
    for byte in json {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}
