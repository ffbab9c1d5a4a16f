//! Accepting connections, each on a task of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tower::ServiceExt as _;
use tracing::warn;

use super::places::Places;
use super::stream::Stream;
use super::{App, Stop, gate};

/// How long a client may take for the handshake of TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
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
/// that `encrypts` speaks TLS where there is a certificate.
pub(super) async fn serve(listener: TcpListener, router: Router, app: Arc<App>, encrypts: bool) {
    let places = Places::default();
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
        let most = limits.max_connections + SPARE_CONNECTIONS;
        // One stranger alone must not take every place from all others.
        let each = limits.max_per_address.unwrap_or(most - most / 4);
        let each = Some(each).filter(|_| !proxied);
        // Over the bound a connection is closed at once: there is no memory to explain it in.
        let Ok(place) = places.take(address, most, each) else {
            app.metrics.connection_refused("connections");
            continue;
        };
        // An answer is one small segment; it must not wait for the next.
        let _ = stream.set_nodelay(true);
        let (router, stop) = (router.clone(), app.stop.clone());
        let late = stop.stopping.is_cancelled();
        let tls = access.tls.clone().filter(|_| encrypts);
        let served = async move {
            let accepted = timeout(HANDSHAKE_TIMEOUT, Stream::accept(stream, tls));
            let accepted = tokio::select! {
                accepted = accepted => accepted,
                // Who has not even said what it wants is not waited for.
                () = stop.stopping.cancelled(), if !late => return,
            };
            // A client that breaks off, or does not speak TLS, is no event for the log.
            let Ok(Ok(stream)) = accepted else { return };
            connection(stream, ConnectInfo(peer), router, stop, late).await;
            drop(place);
        };
        if late {
            tokio::spawn(served);
        } else {
            app.tracker.spawn(served);
        }
    }
}

async fn connection(
    stream: Stream,
    peer: ConnectInfo<SocketAddr>,
    router: Router,
    stop: Stop,
    late: bool,
) {
    let asked = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&asked);
    let service = service_fn(move |mut request: Request<Incoming>| {
        noted.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(!late)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    // A client that breaks off, or speaks something else, is no event for the log.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.stopping.cancelled(), if !late => connection.as_mut().graceful_shutdown(),
    }
    let silent = async {
        tokio::time::sleep(LAST_WORD).await;
        if asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cut.cancelled() => {}
        // Half a request, or none, is nothing to wait for.
        () = silent => {}
    }
}
