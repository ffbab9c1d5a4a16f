//! Accepting connections, each on a task of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::warn;

use super::App;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// Connections beside the sockets: handshakes under way, health checks, idle clients of HTTP.
const SPARE_CONNECTIONS: usize = 256;
/// How long to wait when the machine has no descriptor to give.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// Serves a listener until the service stops.
pub(super) async fn serve(listener: TcpListener, router: Router, app: Arc<App>) {
    let places = Arc::new(tokio::sync::Semaphore::new(
        app.sockets.available_permits() + SPARE_CONNECTIONS,
    ));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.stop.stopping.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most of these pass: a client that is gone, or descriptors that come free again.
                warn!(kind = %error.kind(), "cannot accept a connection");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        // Over the bound a connection is closed at once: there is no memory to explain it in.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            app.metrics.connection_refused("connections");
            continue;
        };
        // An answer is one small segment; it must not wait for the next.
        let _ = stream.set_nodelay(true);
        let (router, app) = (router.clone(), Arc::clone(&app));
        app.tracker.clone().spawn(async move {
            connection(stream, ConnectInfo(peer), router, app).await;
            drop(place);
        });
    }
    // New connections during the grace are told that there is an end, by the routes themselves.
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, peer)) = accepted {
                    let (router, app) = (router.clone(), Arc::clone(&app));
                    tokio::spawn(connection(stream, ConnectInfo(peer), router, app));
                }
            }
            () = app.stop.cut.cancelled() => return,
            () = alone(&app.tracker) => return,
        }
    }
}

/// Ends when no task but the listeners' own is left.
async fn alone(tracker: &TaskTracker) {
    const LISTENERS: usize = 2;
    while tracker.len() > LISTENERS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: ConnectInfo<std::net::SocketAddr>,
    router: Router,
    app: Arc<App>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    // A client that breaks off, or speaks something else, is no event for the log.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = app.stop.stopping.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection.as_mut() => {}
        () = app.stop.cut.cancelled() => {}
    }
}
