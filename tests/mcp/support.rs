//! The service on a port of its own, and small clients that hide nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use lucarne::app::{self, App};
use lucarne::config;
use lucarne::observe::{Figures, Metrics};
use lucarne::server::Stop;
use lucarne::service::Service;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::OnceCell;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) const TOKEN: &str = "s3cr3t-token-of-tests";
pub(crate) const OTHER_TOKEN: &str = "another-token-of-tests";
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("in time")
}

/// The sample, made once.
pub(crate) async fn sample() -> PathBuf {
    static SAMPLE: OnceCell<(TempDir, PathBuf)> = OnceCell::const_new();
    let (_, path) = SAMPLE
        .get_or_init(|| async {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("sample.db");
            lucarne::sample::create_sqlite(&path).await.unwrap();
            (dir, path)
        })
        .await;
    path.clone()
}

/// A service that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) service: Arc<Service>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: Stop,
    _app: app::Running,
}

impl Running {
    /// What was counted, as Prometheus reads it.
    pub(crate) fn figures(&self) -> String {
        self.metrics.text(&Figures::default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stopping.cancel();
        self.stop.cut.cancel();
    }
}

/// Starts the service over the sample, with these variables besides.
pub(crate) async fn start(variables: &[(&str, &str)]) -> Running {
    start_over(&format!("sqlite:{}", sample().await.display()), variables).await
}

/// Starts the service over a database.
pub(crate) async fn start_over(url: &str, variables: &[(&str, &str)]) -> Running {
    let tokens = format!("{TOKEN},{OTHER_TOKEN}");
    let own = [
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", &tokens),
        ("DATABASE_URL", url),
        ("MCP_LISTEN", "127.0.0.1:0"),
    ];
    let all = variables.iter().chain(&own);
    let config = config::load(all.map(|(name, value)| ((*name).into(), (*value).into()))).unwrap();
    let app = App::start(&config.into(), None).await.unwrap();
    Running {
        address: app.address,
        service: Arc::clone(&app.opened.service),
        metrics: Arc::clone(&app.metrics),
        stop: app.stop(),
        _app: app,
    }
}

/// An answer by HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends a request by HTTP, and gives back the answer with its body to be read.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", address.to_string());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    soon(sender.send_request(request)).await.unwrap()
}

/// Sends a request by HTTP.
pub(crate) async fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let response = send(address, method, path, headers, body.to_owned()).await;
    let (parts, body) = response.into_parts();
    let bytes = soon(body.collect()).await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(bytes.into()).unwrap(),
    }
}

pub(crate) const BEARER: (&str, &str) = ("authorization", "Bearer s3cr3t-token-of-tests");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Posts a message as curl would.
pub(crate) async fn post(address: SocketAddr, message: &str) -> Answer {
    http(
        address,
        "POST",
        "/mcp",
        &[BEARER, JSON, ("accept", "*/*")],
        message,
    )
    .await
}

#[expect(clippy::needless_pass_by_value, reason = "calls read better")]
pub(crate) fn request(id: u32, method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

pub(crate) fn call(id: u32, tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    )
}

/// The `_meta` of a client of 2026-07-28.
pub(crate) fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    params
}

/// A WebSocket to the service.
pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) protocol: Option<String>,
}

impl Socket {
    /// Opens a socket, with a subprotocol where there is one.
    pub(crate) async fn open(address: SocketAddr, protocol: Option<&str>) -> Self {
        let url = format!("ws://{address}/mcp/ws");
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("x-mcp-token", TOKEN.parse().unwrap());
        if let Some(protocol) = protocol {
            headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        let (stream, response) = tokio_tungstenite::connect_async(request).await.unwrap();
        let protocol = response.headers().get("sec-websocket-protocol");
        let protocol = protocol.map(|value| value.to_str().unwrap().to_owned());
        Self { stream, protocol }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next text, or the code that the socket closed with.
    pub(crate) async fn next(&mut self) -> Result<String, u16> {
        loop {
            match soon(self.stream.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(tungstenite::Error::Protocol(_))) | None => return Err(0),
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }

    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.next().await.unwrap()
    }
}

/// An event stream and where its messages go.
pub(crate) struct Events {
    address: SocketAddr,
    pub(crate) path: String,
    body: Incoming,
    read: String,
}

impl Events {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[]).await
    }

    pub(crate) async fn open_with(address: SocketAddr, more: &[(&str, &str)]) -> Self {
        let headers = [&[BEARER], more].concat();
        let response = send(address, "GET", "/mcp/sse", &headers, "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self::reading(address, response);
        let (name, path) = events.next().await.unwrap();
        assert_eq!(name, "endpoint");
        events.path = path;
        events
    }

    /// Reads the events of an answer.
    pub(crate) fn reading(address: SocketAddr, response: Response<Incoming>) -> Self {
        Self {
            address,
            path: String::new(),
            body: response.into_body(),
            read: String::new(),
        }
    }

    /// The next event: its name and data.
    pub(crate) async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let line = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
                };
                let found = line("event: ").zip(line("data: "));
                self.read = rest.to_owned();
                match found {
                    Some(found) => return Some(found),
                    None => continue,
                }
            }
            let frame = soon(self.body.frame()).await?.ok()?;
            let bytes = frame.into_data().unwrap();
            self.read += std::str::from_utf8(&bytes).unwrap();
        }
    }

    pub(crate) async fn post(&self, message: &str) -> Answer {
        http(self.address, "POST", &self.path, &[BEARER, JSON], message).await
    }

    pub(crate) async fn ask(&mut self, message: &str) -> String {
        assert_eq!(self.post(message).await.status, 202);
        let (name, data) = self.next().await.unwrap();
        assert_eq!(name, "message");
        data
    }
}

/// The service as a child, spoken to by pipes.
pub(crate) struct Piped {
    pub(crate) child: Child,
    pub(crate) input: Sender,
    pub(crate) output: Lines<BufReader<Receiver>>,
}

/// The pipes to and from a child.
pub(crate) fn pipes(child: &mut Child) -> (Sender, Receiver) {
    let input = std::os::fd::OwnedFd::from(child.stdin.take().unwrap());
    let output = std::os::fd::OwnedFd::from(child.stdout.take().unwrap());
    let input = Sender::from_owned_fd(input).unwrap();
    (input, Receiver::from_owned_fd(output).unwrap())
}

/// Waits for a child to end.
pub(crate) async fn ended(mut child: Child) -> ExitStatus {
    let waiting = tokio::task::spawn_blocking(move || child.wait());
    soon(waiting).await.unwrap().unwrap()
}

/// The command that starts the service as a child.
pub(crate) fn stdio_command(url: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    command
        .arg("stdio")
        .current_dir(std::env::temp_dir())
        .env_clear()
        .envs([("MCP_ENABLED", "true"), ("DATABASE_URL", url)])
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Piped {
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let url = format!("sqlite:{}", sample().await.display());
        let mut child = stdio_command(&url, variables).spawn().unwrap();
        let (input, output) = pipes(&mut child);
        let output = BufReader::new(output).lines();
        Self {
            child,
            input,
            output,
        }
    }

    pub(crate) async fn send(&mut self, message: &str) {
        self.input
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
    }

    pub(crate) async fn next(&mut self) -> Option<String> {
        soon(self.output.next_line()).await.unwrap()
    }

    pub(crate) async fn ask(&mut self, message: &str) -> String {
        self.send(message).await;
        self.next().await.unwrap()
    }
}
