//! A client of the service, by a WebSocket library.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::service::{TOKEN, soon};

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) response: Response,
}

/// A refused handshake: status, headers, body.
pub(crate) type Refused = tokio_tungstenite::tungstenite::http::Response<Option<Vec<u8>>>;

impl Client {
    /// A socket of a client that has the token.
    pub(crate) async fn new(address: SocketAddr) -> Self {
        Self::with(address, "/mcp/ws", &[("X-MCP-Token", TOKEN)])
            .await
            .expect("the handshake is refused")
    }

    /// Asks for a socket by this path and these headers.
    pub(crate) async fn with(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(name, value);
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match soon(tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, response)) => Ok(Self { socket, response }),
            Err(Error::Http(response)) => Err(*response),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        let text: String = text.into();
        soon(self.socket.send(Message::text(text))).await.unwrap();
    }

    /// The next answer, as it was written.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?} instead of an answer"),
        }
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&mut self, request: impl Into<String>) -> Value {
        self.send(request).await;
        self.answer().await
    }

    /// Sends a ping and waits for its pong: what was sent before is then read by the service.
    pub(crate) async fn settle(&mut self) {
        let ping = Message::Ping("settle".into());
        soon(self.socket.send(ping)).await.unwrap();
        loop {
            match soon(self.socket.next()).await.unwrap().unwrap() {
                Message::Pong(_) => return,
                Message::Ping(_) => {}
                other => panic!("{other:?} instead of a pong"),
            }
        }
    }

    /// The next message that is no ping or pong.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            match soon(self.socket.next()).await.unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The code and the reason that the service closes with, and nothing after it.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let Message::Close(Some(frame)) = self.next().await else {
            panic!("not closed with a code");
        };
        // The reply is written, and the stream ends.
        while let Some(Ok(message)) = soon(self.socket.next()).await {
            assert!(matches!(message, Message::Close(_)), "{message:?}");
        }
        (frame.code.into(), frame.reason.to_string())
    }
}

/// The text and the code of an error.
pub(crate) fn error(answer: &Value) -> (&str, &str) {
    assert_eq!(answer["status"], "error", "{answer}");
    let text = |name: &str| answer[name].as_str().unwrap();
    (text("error"), text("code"))
}

/// The body of a refused handshake.
pub(crate) fn body(refused: &Refused) -> Value {
    serde_json::from_slice(refused.body().as_deref().unwrap_or_default()).unwrap()
}
