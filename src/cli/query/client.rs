//! A WebSocket to the service: opened with a token, then a message and its answer at a time.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::StatusCode;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::address::Service;
use super::credential::Token;
use super::{http, refusal};
use crate::cli::failure::Failure;

const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-mcp-token");

/// The largest answer taken: far above what a service sends by default, and still a bound.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// An open socket to a service.
pub(crate) struct Client {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    service: Service,
    patience: Duration,
}

impl Client {
    /// Opens a socket, waiting no longer than `patience` for it and, later, for each answer.
    pub(crate) async fn open(
        service: &Service,
        token: Option<&Token>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let socket = timeout(patience, handshake(service, token))
            .await
            .map_err(|_| too_slow(&format!("no connection to {service}"), patience))??;
        Ok(Self {
            socket,
            service: service.clone(),
            patience,
        })
    }

    /// Sends a message and gives the answer's text as it was received.
    pub(crate) async fn ask(&mut self, message: &str) -> Result<String, Failure> {
        timeout(self.patience, self.exchange(message))
            .await
            .map_err(|_| too_slow(&format!("no answer from {}", self.service), self.patience))?
    }

    /// Whether a message can still be sent, as far as anything that has arrived tells.
    pub(crate) async fn is_open(&mut self) -> bool {
        loop {
            // The runtime learns what has arrived only when it gets a turn.
            match timeout(Duration::from_millis(1), self.socket.next()).await {
                Err(_) => return true,
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(_) => return false,
            }
        }
    }

    /// Says goodbye; a service that has gone already is no concern.
    pub(crate) async fn close(mut self) {
        let _ = timeout(Duration::from_millis(200), self.socket.close(None)).await;
    }

    async fn exchange(&mut self, message: &str) -> Result<String, Failure> {
        // A send that fails is no end yet: what the service sent before says why it closed.
        let _ = self.socket.send(Message::text(message)).await;
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(answer))) => return Ok(answer.as_str().to_owned()),
                Some(Ok(Message::Binary(_))) => {
                    return Err(Failure::unable(format!(
                        "{} answered with a binary frame",
                        self.service
                    ))
                    .help("is that a Lucarne service?"));
                }
                Some(Ok(Message::Close(frame))) => return Err(self.closed(frame.as_ref())),
                Some(Ok(_)) => {}
                None | Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    return Err(self.closed(None));
                }
                Some(Err(Error::Capacity(_))) => {
                    return Err(Failure::unable("the answer is too large to take")
                        .help("ask for fewer rows with \"limit\""));
                }
                // The system tells of a close as a reset where a message was not read.
                Some(Err(Error::Io(error))) if error.kind() == ErrorKind::ConnectionReset => {
                    return Err(self.closed(None));
                }
                Some(Err(error)) => {
                    return Err(Failure::unable(format!(
                        "the connection to {} broke: {error}",
                        self.service
                    )));
                }
            }
        }
    }

    fn closed(&self, frame: Option<&CloseFrame>) -> Failure {
        let Some(frame) = frame else {
            return Failure::unable(format!(
                "{} closed the connection before answering",
                self.service
            ));
        };
        let code = u16::from(frame.code);
        let reason = if frame.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", frame.reason)
        };
        let failure = Failure::unable(format!(
            "{} closed the connection before answering ({code}{reason})",
            self.service
        ));
        match code {
            1001 => failure.help("the service is stopping; ask again when it is back"),
            1008 => {
                failure.help("too many messages (MCP_RATE_LIMIT), or the token is no longer valid")
            }
            1009 => failure.help("the message is larger than MCP_MAX_MESSAGE_BYTES of the service"),
            _ => failure,
        }
    }
}

async fn handshake(
    service: &Service,
    token: Option<&Token>,
) -> Result<WebSocketStream<TokioIo<Upgraded>>, Failure> {
    let key = generate_key();
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(
        SEC_WEBSOCKET_KEY,
        HeaderValue::try_from(&key).map_err(|_| Failure::unable("no key for the socket"))?,
    );
    if let Some(token) = token {
        headers.insert(TOKEN_HEADER, token.header()?);
    }
    let response = http::get(service, &service.socket_path(), headers).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let refusal = http::read_refusal(response).await;
        return Err(refusal::told(service, token, &refusal));
    }
    let accept = response
        .headers()
        .get(SEC_WEBSOCKET_ACCEPT)
        .map(HeaderValue::as_bytes);
    if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(Failure::unable(format!(
            "what answers at {service} is no WebSocket service"
        )));
    }
    let upgraded = hyper::upgrade::on(response)
        .await
        .map_err(|error| Failure::unable(format!("the connection to {service} broke: {error}")))?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_ANSWER_BYTES))
        .max_frame_size(Some(MAX_ANSWER_BYTES));
    Ok(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(limits)).await)
}

fn too_slow(what: &str, patience: Duration) -> Failure {
    Failure::unable(format!("{what} within {} s", patience.as_secs()))
        .help("wait longer with --timeout")
}
