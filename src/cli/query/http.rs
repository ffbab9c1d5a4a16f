//! A connection to the service, and one HTTP/1.1 request over it.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::Service;
use crate::cli::failure::Failure;

/// The most of a refusal's body that is read: it is a line of JSON.
const MAX_REFUSAL_BYTES: usize = 16 * 1024;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An HTTP answer with its whole body.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends a GET request to the service and gives the answer's head.
pub(crate) async fn get(
    service: &Service,
    path: &str,
    headers: HeaderMap,
) -> Result<Response<Incoming>, Failure> {
    let stream = connect(service).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unanswered(service, &error))?;
    // Its end is seen by whoever waits for the answer or reads the socket.
    tokio::spawn(async move { connection.with_upgrades().await });
    let mut request = Request::get(path)
        .header(HOST, service.authority())
        .header(USER_AGENT, concat!("lucarne/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|_| Failure::unable(format!("--url: \"{path}\" is no path")))?;
    request.headers_mut().extend(headers);
    sender
        .send_request(request)
        .await
        .map_err(|error| unanswered(service, &error))
}

/// Reads what the service says besides the status.
pub(crate) async fn read_refusal(response: Response<Incoming>) -> Refusal {
    let (head, body) = response.into_parts();
    // A body that is too long or broken off says nothing more than the status.
    let body = Limited::new(body, MAX_REFUSAL_BYTES)
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    Refusal {
        status: head.status,
        headers: head.headers,
        body,
    }
}

async fn connect(service: &Service) -> Result<Box<dyn Stream>, Failure> {
    let addresses: Vec<_> = tokio::net::lookup_host((service.bare_host(), service.port))
        .await
        .map_err(|_| {
            Failure::unable(format!("there is no host {}", service.bare_host()))
                .help("check --url or MCP_LISTEN")
        })?
        .collect();
    let tcp = TcpStream::connect(&*addresses)
        .await
        .map_err(|error| unreachable(service, &error))?;
    // A request is one small write; waiting to fill a packet would only add delay.
    let _ = tcp.set_nodelay(true);
    if !service.secure {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(service.bare_host().to_owned()).map_err(|_| {
        Failure::unable(format!(
            "--url: {} is no name for a certificate",
            service.bare_host()
        ))
    })?;
    let connected = service.trust.connector()?.connect(name, tcp).await;
    let stream = connected.map_err(|error| {
        let failure = Failure::unable(format!("no TLS with {service}: {error}"));
        match error.kind() {
            io::ErrorKind::InvalidData if error.to_string().contains("InvalidContentType") => {
                failure.help("it may speak without TLS: try ws:// instead of wss://")
            }
            _ => failure.help(service.trust.help()),
        }
    })?;
    Ok(Box::new(stream))
}

fn unreachable(service: &Service, error: &io::Error) -> Failure {
    let help = if service.is_local() {
        "start it with: lucarne serve"
    } else {
        "is the service running there, and let through?"
    };
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Failure::unable(format!("nothing answers at {service} (connection refused)")).help(help)
        }
        _ => Failure::unable(format!("no connection to {service}: {error}")).help(help),
    }
}

fn unanswered(service: &Service, error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::unable(format!("what answers at {service} does not speak HTTP")).help(
            "is that the port of the service? With TLS its address begins with wss:// or https://",
        );
    }
    Failure::unable(format!("{service} closed the connection without an answer")).help(
        "is that the port of the service? With TLS its address begins with wss:// or https://",
    )
}
