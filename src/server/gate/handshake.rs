//! From a request to a socket: everything is judged before the upgrade.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::{info, warn};

use super::admission;
use crate::server::connection::ws::{self, Dialect};
use crate::server::listener::stream::Stream;
use crate::server::reply::{self, Refused};
use crate::server::{App, gate};

/// The transport as logs, metrics and the audit name it.
const TRANSPORT: &str = "ws";
/// The subprotocols, and what each speaks.
const PROTOCOLS: [(&str, Dialect); 2] = [("lucarne", Dialect::Native), ("mcp", Dialect::Mcp)];
/// What is read at once. The library fills the whole buffer before each read, so a large one costs
/// time for every message and memory for every idle socket.
const READ_BUFFER: usize = 4 * 1024;
const WRITE_BUFFER: usize = 16 * 1024;

/// `GET /mcp/ws`
pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    admitted(&app, peer, request).unwrap_or_else(Refused::into_response)
}

/// Any other method on the socket's path.
pub(crate) async fn not_a_socket() -> Response<Body> {
    upgrade_required()
}

fn admitted(app: &Arc<App>, peer: SocketAddr, request: Request) -> Result<Response<Body>, Refused> {
    let (mut parts, _) = request.into_parts();
    let entry = app.entry();
    let limits = &entry.access().settings.connections;
    let address = admission::place(app, &entry, peer, &parts, TRANSPORT)?;
    let accept = accept_key(&parts)?;
    // Only what comes by HTTP/1.1 can be upgraded.
    let upgraded = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let upgraded = upgraded.ok_or_else(upgrade_required)?;
    let by = (address, TRANSPORT);
    let judged = entry.token(&parts, by, true);
    let (caller, policy) =
        judged.map_err(|denied| admission::refused(app, &entry, &parts, by, denied))?;
    let place = admission::socket(app, &policy, &caller)?;
    let protocol = gate::protocols(&parts.headers)
        .find_map(|asked| PROTOCOLS.into_iter().find(|(name, _)| *name == asked));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some((name, _)) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
    let dialect = protocol.map(|(_, dialect)| dialect);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(limits.max_message_bytes))
        .max_frame_size(Some(limits.max_message_bytes));
    let listed = app.listed(&caller, app.stop.stopping.child_token());
    let app = Arc::clone(app);
    let running = app.tracker.clone();
    running.spawn(async move {
        // The client may be gone before it has read our answer.
        let Ok(upgraded) = upgraded.await else { return };
        let Ok(raw) = upgraded.downcast::<TokioIo<Stream>>() else {
            return;
        };
        let socket = WebSocketStream::from_partially_read(
            raw.io.into_inner(),
            raw.read_buf.to_vec(),
            Role::Server,
            Some(config),
        )
        .await;
        let (address, token, client) = (caller.address, caller.credential, caller.named());
        info!(%address, %token, client, "MCP WebSocket connection established");
        let end = ws::serve(socket, &app, &caller, listed.session(), policy, dialect).await;
        match end {
            ws::End::RateLimited(_) | ws::End::Refused(_) | ws::End::Slow => {
                warn!(%address, %token, client, "MCP connection closed: {end}");
            }
            _ => info!(%address, %token, client, "MCP connection closed: {end}"),
        }
        drop((listed, place));
    });
    Ok(response)
}

/// The answer to a sound handshake's key.
fn accept_key(parts: &Parts) -> Result<HeaderValue, Refused> {
    let headers = &parts.headers;
    let lists = |name, word: &str| {
        headers
            .get_all(name)
            .into_iter()
            .filter_map(|value: &HeaderValue| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let speaks = parts.method == Method::GET && parts.version == Version::HTTP_11;
    if !speaks || !lists(UPGRADE, "websocket") || !lists(CONNECTION, "upgrade") {
        return Err(upgrade_required().into());
    }
    if gate::said_once(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(upgrade_required().into());
    }
    let key = gate::said_once(headers, &SEC_WEBSOCKET_KEY);
    let key = key.map(str::as_bytes).unwrap_or_default();
    let sound = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD
            .decode(key)
            .is_ok_and(|key| key.len() == 16)
    };
    let accept = sound
        .then(|| HeaderValue::from_str(&derive_accept_key(key)).ok())
        .flatten();
    accept.ok_or_else(|| {
        reply::refusal(
            StatusCode::BAD_REQUEST,
            "Sec-WebSocket-Key is not 16 bytes in base64",
            None,
        )
        .into()
    })
}

fn upgrade_required() -> Response<Body> {
    let mut response = reply::refusal(
        StatusCode::UPGRADE_REQUIRED,
        "This is a WebSocket endpoint",
        Some(
            "connect with a WebSocket client and the header X-MCP-Token, for example: \
             lucarne query '{\"action\":\"describe\"}', or \
             websocat -H 'X-MCP-Token: TOKEN' ws://HOST/mcp/ws",
        ),
    );
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}
