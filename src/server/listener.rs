//! Accepting connections, each on a task of its own.

pub(crate) mod connections;
pub(crate) mod inherited;
pub(crate) mod slots;
pub(crate) mod stream;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tower::ServiceExt as _;
use tracing::warn;

use super::connection::events::EVENT_STREAM;
use super::reply::Unhurried;
use super::{App, Stop, gate};
use connections::{Active, Bounds, Connection, Connections, REST_SECONDS};
use stream::Stream;

/// How long a client may take for the handshake of TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long whoever failed too often to get in waits to hear so.
const UNHURRIED: Duration = Duration::from_millis(500);
/// How long a connection may rest; the name is not among those of the library.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// Connections beside the sockets: handshakes under way, health checks, idle clients of HTTP.
const SPARE_CONNECTIONS: usize = 256;
/// How long a connection that has asked for nothing may live on once the service stops.
const LAST_WORD: Duration = Duration::from_millis(50);
/// How long to wait when the machine has no descriptor to give.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// Serves a listener for as long as its task lives.
///
/// What is accepted once the service stops is told so by the routes, and not waited for. A listener
/// that does not administer speaks TLS where there is a certificate.
pub(crate) async fn serve(listener: TcpListener, router: Router, app: Arc<App>, administers: bool) {
    let connections = Connections::default();
    let mut failing = false;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most of these pass: a client that is gone, or descriptors that come free again.
                if !failing {
                    warn!(kind = %error.kind(), "cannot accept connections");
                }
                failing = true;
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        failing = false;
        let access = app.service.access();
        let limits = &access.settings.connections;
        // A proxy is many clients, and tells them apart only later.
        let address = gate::network(peer.ip().to_canonical());
        let proxied = access.is_proxy(peer.ip().to_canonical());
        let all = limits.max_connections + SPARE_CONNECTIONS;
        // One client alone must not take every place from all others, nor a stranger many.
        let each = limits.max_per_address.unwrap_or(all - all / 4);
        let bounds = Bounds {
            all,
            each: Some(each).filter(|_| !proxied),
            strangers: Some(each.min(all / 8)).filter(|_| !proxied),
        };
        // Over the bound a connection is closed at once: there is no memory to explain it in.
        let Some(place) = connections.take(address, bounds) else {
            app.metrics.connection_refused("connections");
            continue;
        };
        if place.replaces() {
            app.metrics.connection_refused("connections");
        }
        // An answer is one small segment; it must not wait for the next.
        let _ = stream.set_nodelay(true);
        let (router, stop) = (router.clone(), app.stop.clone());
        let late = stop.stopping.is_cancelled();
        let tls = access.tls.clone().filter(|_| !administers);
        let listener = gate::Listener {
            administers,
            encrypts: tls.is_some(),
        };
        let pressure = app.memory.pressure();
        let served = async move {
            let accepted = timeout(HANDSHAKE_TIMEOUT, Stream::accept(stream, tls, pressure));
            let accepted = tokio::select! {
                accepted = accepted => accepted,
                // Who has not even said what it wants is not waited for.
                () = stop.stopping.cancelled(), if !late => return,
            };
            // A client that breaks off, or does not speak TLS, is no event for the log.
            let Ok(Ok(stream)) = accepted else { return };
            serve_one(
                stream,
                (ConnectInfo(peer), listener),
                router,
                &stop,
                place.connection(),
                late,
            )
            .await;
            drop(place);
        };
        if late {
            tokio::spawn(served);
        } else {
            app.tracker.spawn(served);
        }
    }
}

/// Serves one connection to its end.
async fn serve_one(
    mut stream: Stream,
    (peer, listener): (ConnectInfo<SocketAddr>, gate::Listener),
    router: Router,
    stop: &Stop,
    client: &Connection,
    late: bool,
) {
    let (read, asker) = (stream.read(), client.clone());
    stream.outlast_end(client.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (active, asker) = (Arc::new(asker.begin()), asker.clone());
        let extensions = request.extensions_mut();
        extensions.insert(peer);
        extensions.insert(listener);
        extensions.insert(asker.clone());
        let request = request.map(|body| Body::new(RequestBody::new(body, Arc::clone(&active))));
        let answered = router.clone().oneshot(request);
        async move {
            let mut response = answered.await?;
            if response.headers().get(CONTENT_TYPE) == Some(&EVENT_STREAM) {
                active.streams();
            }
            if response.extensions_mut().remove::<Unhurried>().is_some() {
                tokio::time::sleep(UNHURRIED).await;
            }
            if asker.is_known() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                let rest = HeaderValue::from_str(&format!("timeout={REST_SECONDS}"));
                response
                    .headers_mut()
                    .extend(rest.map(|rest| (KEEP_ALIVE, rest)));
            }
            Ok::<_, Infallible>(response.map(|body| ResponseBody {
                body,
                _active: active,
            }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // How long a rest and a head may last is looked at here.
        .header_read_timeout(None)
        // The buffer alone takes up to twice as much where it comes at once.
        .max_header_size(HEAD_BYTES)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(!late)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    // A client that breaks off, or speaks something else, is no event for the log.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = client.closed() => return,
        () = client.overdue(&read) => return,
        () = stop.stopping.cancelled(), if !late => connection.as_mut().graceful_shutdown(),
    }
    let silent = async {
        tokio::time::sleep(LAST_WORD).await;
        if client.has_asked() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = connection.as_mut() => {}
        () = client.closed() => {}
        () = client.overdue(&read) => {}
        () = stop.cut.cancelled() => {}
        // Half a request, or none, is nothing to wait for.
        () = silent => {}
    }
}

/// The body of a request, of which it is told when the whole was heard.
struct RequestBody {
    body: Incoming,
    active: Arc<Active>,
}

impl RequestBody {
    fn new(body: Incoming, active: Arc<Active>) -> Self {
        if body.is_end_stream() {
            active.heard();
        }
        Self { body, active }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        let ended = matches!(frame, Poll::Ready(None));
        if ended || (frame.is_ready() && this.body.is_end_stream()) {
            this.active.heard();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body whose request is under way until it is written.
struct ResponseBody {
    body: Body,
    _active: Arc<Active>,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
