//! Server-sent events: a stream of messages as the body of an answer. By hand, for memory is given
//! back as bytes are written (ADR 14).

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
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The type of a stream of events.
pub(crate) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Where a stream is written; closed when the client is gone.
pub(crate) type Events = mpsc::Sender<Bytes>;

/// A stream of events: where to write it, and the answer that carries it.
pub(crate) fn stream() -> (Events, Response<Body>) {
    let (events, queue) = mpsc::channel::<Bytes>(QUEUE);
    let body = stream::unfold(queue, async |mut queue| {
        let event = queue.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(event), queue))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, EVENT_STREAM),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-store"),
        ),
        // Proxies that collect answers would hold the events back.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ] {
        headers.insert(name, value);
    }
    (events, response)
}

/// One event of that name; its data is a line.
pub(crate) fn event(name: &str, data: Vec<u8>) -> Vec<u8> {
    let mut data = one_line(data);
    let head = format!("event: {name}\ndata: ");
    let mut event = Vec::with_capacity(head.len() + data.len() + 2);
    event.extend_from_slice(head.as_bytes());
    event.append(&mut data);
    event.extend_from_slice(b"\n\n");
    event
}

/// Nothing, to keep a stream open.
pub(crate) fn keep_alive() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// Makes a line of a JSON text: documents of the database may be written over several, and outside
/// of strings a line break is a space. Inside of them stand the separators of Unicode alone, at
/// which some readers cut lines too.
pub(crate) fn one_line(mut json: Vec<u8>) -> Vec<u8> {
    for byte in &mut json {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    let count = separators(&json).count();
    if count == 0 {
        return json;
    }
    let mut line = Vec::with_capacity(json.len() + count * 4);
    let mut copied = 0;
    for (at, bytes, escape) in separators(&json) {
        line.extend_from_slice(&json[copied..at]);
        line.extend_from_slice(escape);
        copied = at + bytes;
    }
    line.extend_from_slice(&json[copied..]);
    line
}

/// Where the separators of Unicode stand, each with its bytes and its escape.
fn separators(json: &[u8]) -> impl Iterator<Item = (usize, usize, &'static [u8; 6])> {
    let starts = json.iter().enumerate();
    let starts = starts.filter(|(_, byte)| matches!(**byte, 0xc2 | 0xe2));
    starts.filter_map(|(at, _)| match &json[at..] {
        [0xc2, 0x85, ..] => Some((at, 2, b"\\u0085")),
        [0xe2, 0x80, 0xa8, ..] => Some((at, 3, b"\\u2028")),
        [0xe2, 0x80, 0xa9, ..] => Some((at, 3, b"\\u2029")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_message_is_one_line_to_every_reader() {
        for (given, line) in [
            ("{\n\r\"a\":1}", "{  \"a\":1}"),
            (
                "[\"a\u{2028}b\u{2029}\u{2027}é€\"]",
                "[\"a\\u2028b\\u2029\u{2027}é€\"]",
            ),
            ("\"\u{2028}\"", "\"\\u2028\""),
            ("\"\u{85}\u{a0}\"", "\"\\u0085\u{a0}\""),
        ] {
            let got = one_line(given.as_bytes().to_vec());
            assert_eq!(String::from_utf8(got).unwrap(), line);
        }
    }
}
