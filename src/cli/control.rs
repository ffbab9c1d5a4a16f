//! What the commands ask the running service by its control socket.

use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::failure::Failure;
use super::query::settings;

/// Asks the service of this folder, and waits for as long as it takes.
pub(super) fn ask<A: DeserializeOwned>(method: Method, path: &str) -> Result<A, Failure> {
    let socket = settings::control_socket()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unable(format!("no runtime to ask with: {error}")))?;
    runtime.block_on(exchange(&socket, method, path))
}

async fn exchange<A: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
) -> Result<A, Failure> {
    let broken = |_| {
        Failure::unable("the service closed its control socket without an answer")
            .help("has it ended? Its log says why")
    };
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| unreachable(socket, error.kind()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "control");
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|_| Failure::unable(format!("{path:?} cannot be asked for")))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(broken)?
        .to_bytes();
    match status {
        StatusCode::OK => serde_json::from_slice(&body).map_err(|_| {
            Failure::unable("the service answers what this program does not understand")
                .help("are both of the same version? Restart the service after an upgrade")
        }),
        StatusCode::NOT_FOUND => Err(Failure::unable("the service knows no such tenant")
            .help("lucarne tenant list names them")),
        StatusCode::SERVICE_UNAVAILABLE => {
            Err(Failure::unable("the service is stopping").help("ask again when it is back"))
        }
        status => Err(Failure::unable(format!(
            "the service answers with HTTP status {}",
            status.as_u16()
        ))),
    }
}

fn unreachable(socket: &Path, kind: ErrorKind) -> Failure {
    let path = socket.display();
    match kind {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            Failure::unable(format!("no service answers at {path}"))
                .help("is it running, with the same MCP_CONTROL_SOCKET? systemctl status lucarne")
        }
        ErrorKind::PermissionDenied => Failure::unable(format!("{path} is another user's"))
            .help("run it as the user of the service, or by sudo"),
        kind => Failure::unable(format!("no connection to {path}: {kind}")),
    }
}
