//! A service with a store, and clients of it by every way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use lucarne::app::{self, App};
use lucarne::config::{self, Config};
use lucarne::observe::{Figures, Metrics};
use lucarne::service::Service;
use lucarne::store::{Keys, NewDatabase, NewTenant, NewToken, RowRule, Store, Tenant, Token};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const KEY: &str = "abababababababababababababababababababababababababababababababab";
const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const SCOPES: [&str; 5] = ["describe", "read", "operators", "aggregate", "expand"];

/// Waits, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("in time")
}

/// A service that runs until it is dropped, and the store beside it.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) service: Arc<Service>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) store: Store,
    app: app::Running,
    pub(crate) folder: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let stop = self.app.stop();
        stop.stopping.cancel();
        stop.cut.cancel();
    }
}

pub(crate) fn rules(rules: &[&str]) -> Vec<RowRule> {
    rules.iter().map(|rule| rule.parse().unwrap()).collect()
}

pub(crate) fn token(name: &str) -> NewToken {
    NewToken {
        name: name.to_owned(),
        expires_at: None,
        models: None,
        tools: None,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        attributes: Default::default(),
        rows: Vec::new(),
        limits: lucarne::store::ClientLimits::default(),
    }
}

pub(crate) fn database(url: &str) -> NewDatabase {
    NewDatabase {
        name: "shop".to_owned(),
        url: url.into(),
        models: "tickets,notes".to_owned(),
        hidden: String::new(),
        reveal: String::new(),
        relations: String::new(),
        pgbouncer: false,
        row_security: false,
        guarded: false,
    }
}

/// The configuration of a service with a store in a folder, with these variables besides.
pub(crate) fn configured(folder: &TempDir, variables: &[(&str, &str)]) -> Config {
    let store = format!("sqlite:///{}", folder.path().join("store.db").display());
    let own = [
        ("MCP_ENABLED", "true"),
        ("MCP_STORE", &store),
        ("MCP_ENCRYPTION_KEY", KEY),
        ("MCP_LISTEN", "127.0.0.1:0"),
        ("MCP_RATE_LIMIT", "1000000"),
    ];
    let all = variables.iter().chain(&own);
    config::load(all.map(|(name, value)| ((*name).into(), (*value).into()))).unwrap()
}

pub(crate) async fn start(variables: &[(&str, &str)]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(&folder, variables);
    let store = Store::open(
        config.store.url.as_ref().unwrap(),
        Keys::new(&config.store.keys),
        None,
    );
    let store = store.await.unwrap();
    let app = App::start(&config.into(), None).await.unwrap();
    Running {
        address: app.address,
        admin: app.admin,
        service: Arc::clone(&app.opened.service),
        metrics: Arc::clone(&app.metrics),
        store,
        app,
        folder,
    }
}

impl Running {
    /// A tenant with a database, seeing the rows that these rules let it see.
    pub(crate) async fn tenant(&self, name: &str, url: &str, rows: &[&str]) -> Tenant {
        let new = NewTenant {
            name: name.to_owned(),
            rows: rules(rows),
            ..NewTenant::default()
        };
        let tenant = self.store.create_tenant(new).await.unwrap().after.unwrap();
        let added = self.store.add_database(&tenant.id, database(url)).await;
        added.unwrap();
        tenant
    }

    /// A token of a tenant, once the service lets it in.
    pub(crate) async fn token(&self, tenant: &Tenant, new: NewToken) -> (Token, String) {
        let (changed, secret) = self.store.create_token(&tenant.id, new).await.unwrap();
        let secret = secret.expose_secret().to_owned();
        let id = lucarne::auth::Credential::of(&secret);
        self.until(|service| service.access().policy(&id).is_ok())
            .await;
        (changed.after.unwrap(), secret)
    }

    /// Waits until the service has heard of something.
    pub(crate) async fn until(&self, heard: impl Fn(&Service) -> bool) {
        soon(async {
            while !heard(&self.service) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// What was counted, as Prometheus reads it.
    pub(crate) fn figures(&self) -> String {
        self.metrics.text(&Figures::default())
    }
}

/// The ways by which a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Native,
    McpSocket,
    Http,
    Sse,
}

pub(crate) const WAYS: [Way; 4] = [Way::Native, Way::McpSocket, Way::Http, Way::Sse];

/// A client that asks by one way.
pub(crate) struct Client {
    address: SocketAddr,
    token: String,
    way: Way,
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    events: Option<Events>,
}

/// An event stream, and where its messages go.
struct Events {
    path: String,
    body: Incoming,
    read: String,
}

fn tool(action: &str) -> &str {
    match action {
        "list" => "list_records",
        "get" => "get_record",
        "query" => "query_records",
        "describe" => "describe_models",
        other => other,
    }
}

impl Client {
    /// A client of a token, or the status that it was refused with.
    pub(crate) async fn connect(
        address: SocketAddr,
        token: &str,
        way: Way,
    ) -> Result<Self, (u16, String)> {
        let mut client = Self {
            address,
            token: token.to_owned(),
            way,
            socket: None,
            events: None,
        };
        match way {
            Way::Native | Way::McpSocket => {
                let url = format!("ws://{address}/mcp/ws");
                let mut request = url.into_client_request().unwrap();
                let headers = request.headers_mut();
                headers.insert("x-mcp-token", token.parse().unwrap());
                let protocol = if way == Way::Native { "lucarne" } else { "mcp" };
                headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
                match soon(tokio_tungstenite::connect_async(request)).await {
                    Ok((socket, _)) => client.socket = Some(socket),
                    Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                        let status = response.status().as_u16();
                        let body = response.into_body().unwrap_or_default();
                        return Err((status, String::from_utf8(body).unwrap()));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            Way::Http => {}
            Way::Sse => {
                let (status, body) = client.send("GET", "/mcp/sse", String::new()).await;
                if status != 200 {
                    return Err((status, text(body).await));
                }
                let mut events = Events {
                    path: String::new(),
                    body,
                    read: String::new(),
                };
                events.path = events.next().await.unwrap();
                client.events = Some(events);
            }
        }
        Ok(client)
    }

    async fn send(&self, method: &str, path: &str, body: String) -> (u16, Incoming) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let response = soon(sender.send_request(request)).await.unwrap();
        (response.status().as_u16(), response.into_body())
    }

    /// The text of the answer to a message; an error holds what a closed socket was closed with, or
    /// the status of a refusal.
    pub(crate) async fn exchange(&mut self, message: String) -> Result<String, u16> {
        match self.way {
            Way::Native | Way::McpSocket => {
                let socket = self.socket.as_mut().unwrap();
                let _ = socket.send(Message::text(message)).await;
                self.next().await
            }
            Way::Http => {
                let (status, body) = self.send("POST", "/mcp", message).await;
                match status {
                    200 => Ok(text(body).await),
                    other => Err(other),
                }
            }
            Way::Sse => {
                let path = self.events.as_ref().unwrap().path.clone();
                let (status, _) = self.send("POST", &path, message).await;
                match status {
                    202 => Ok(self.events.as_mut().unwrap().next().await.unwrap()),
                    other => Err(other),
                }
            }
        }
    }

    /// Sends a message by a socket.
    pub(crate) async fn tell(&mut self, message: String) {
        let socket = self.socket.as_mut().unwrap();
        socket.send(Message::text(message)).await.unwrap();
    }

    /// The next text of a socket, or the code that it is closed with.
    pub(crate) async fn next(&mut self) -> Result<String, u16> {
        let socket = self.socket.as_mut().unwrap();
        loop {
            match soon(socket.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// Whether an event stream has come to its end.
    pub(crate) async fn ended(&mut self) -> bool {
        self.events.as_mut().unwrap().next().await.is_none()
    }

    /// A method of MCP: its result or error.
    pub(crate) async fn method(&mut self, method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let answer = self.exchange(message.to_string()).await.unwrap();
        serde_json::from_str(&answer).expect(&answer)
    }

    /// What an action comes back with: the members of the answer, or of the error.
    pub(crate) async fn ask(&mut self, action: &str, model: Option<&str>, params: Value) -> Value {
        if self.way == Way::Native {
            let mut message = json!({ "id": 7, "action": action, "params": params });
            if let Some(model) = model {
                message["model"] = model.into();
            }
            let answer = self.exchange(message.to_string()).await.unwrap();
            let mut answer: Value = serde_json::from_str(&answer).expect(&answer);
            let members = answer.as_object_mut().unwrap();
            assert_eq!(members.remove("id").unwrap(), 7);
            members.remove("status");
            return answer;
        }
        let mut arguments = params;
        if let Some(model) = model {
            arguments["model"] = model.into();
        }
        let params = json!({ "name": tool(action), "arguments": arguments });
        let answer = self.method("tools/call", params).await;
        match answer.get("result") {
            Some(result) => {
                let text = result["content"][0]["text"].as_str().unwrap();
                let structured = result["structuredContent"].to_string();
                let told: Value = serde_json::from_str(text).unwrap();
                assert_eq!(told.to_string(), structured);
                told
            }
            None => answer["error"].clone(),
        }
    }
}

impl Events {
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let mut lines = event.lines();
                let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
                self.read = rest.to_owned();
                match data {
                    Some(data) => return Some(data),
                    None => continue,
                }
            }
            let frame = soon(self.body.frame()).await?.ok()?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            self.read += std::str::from_utf8(&bytes).unwrap();
        }
    }
}

async fn text(body: Incoming) -> String {
    let bytes = soon(body.collect()).await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}
