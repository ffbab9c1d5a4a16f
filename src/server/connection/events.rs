//! Server-sent events: a stream of messages as the body of an answer. By hand, for memory is given
//! back as bytes are written (ADR 14).

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, Response};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::sessions::Waiting;

/// Messages that wait for a client to read them.
const QUEUE: usize = 32;
/// How often a silent stream shows that it is alive, to proxies and to itself.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The type of a stream of events.
pub(crate) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Where a stream is written.
#[derive(Debug)]
pub(crate) struct Events {
    queue: mpsc::Sender<Bytes>,
    waiting: Waiting,
    end: CancellationToken,
}

impl Events {
    /// Writes an event once there is room; whether the client is there.
    pub(crate) async fn send(&self, event: Bytes) -> bool {
        self.waiting.add(event.len());
        self.queue.send(event).await.is_ok()
    }

    /// Writes an event; whether the client is there, and reads.
    pub(crate) fn try_send(&self, event: Bytes) -> bool {
        self.waiting.add(event.len());
        self.queue.try_send(event).is_ok()
    }

    /// Ends the stream after what waits already, whoever may still write to it.
    pub(crate) fn end(&self) {
        self.end.cancel();
    }

    /// Waits until the client is gone.
    pub(crate) async fn closed(&self) {
        self.queue.closed().await;
    }
}

/// A stream of events, whose bytes are counted while they wait: where to write it, and the answer
/// that carries it.
pub(crate) fn stream(waiting: &Waiting) -> (Events, Response<Body>) {
    let (sender, queue) = mpsc::channel::<Bytes>(QUEUE);
    let events = Events {
        queue: sender,
        waiting: waiting.clone(),
        end: CancellationToken::new(),
    };
    let state = (queue, waiting.clone(), events.end.clone());
    let body = stream::unfold(state, async |(mut queue, waiting, end)| {
        let event = tokio::select! {
            biased;
            () = end.cancelled() => {
                queue.close();
                queue.recv().await
            }
            event = queue.recv() => event,
        }?;
        waiting.take(event.len());
        let event = Ok::<_, std::convert::Infallible>(event);
        Some((event, (queue, waiting, end)))
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
    use http_body_util::BodyExt as _;

    use super::{Waiting, one_line, stream};

    #[tokio::test]
    async fn what_is_not_read_is_counted() {
        let waiting = Waiting::default();
        let (events, mut response) = stream(&waiting);
        assert!(events.send("abc".into()).await && events.try_send("de".into()));
        assert_eq!(waiting.bytes(), 5);
        response.body_mut().frame().await;
        assert_eq!(waiting.bytes(), 2);
        drop(response);
        assert!(!events.try_send("f".into()));
    }

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
