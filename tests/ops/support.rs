//! A service of its own for each test, and clients that talk to it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) const TOKEN: &str = "first-token-of-the-tests";
pub(crate) const LIST: &str = r#"{"action":"list","model":"users","params":{"limit":1}}"#;

/// How long anything may take before a test gives up: far above what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A folder with the sample database, a `.env` and whatever a test puts there.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        lucarne::sample::create_sqlite(&folder.path().join("shop.db"))
            .await
            .unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file as a careful operator does: whole, then in place of the one before.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    /// Writes `.env`: the sample, any free port, and what is given.
    pub(crate) fn configure(&self, lines: &str) {
        let token = if lines.contains("MCP_TOKEN=") || lines.contains("MCP_TOKEN_FILE=") {
            String::new()
        } else {
            format!("MCP_TOKEN={TOKEN}\n")
        };
        let database = if lines.contains("DATABASE_URL=") {
            ""
        } else {
            "DATABASE_URL=sqlite:shop.db\n"
        };
        self.put(
            ".env",
            &format!(
                "MCP_ENABLED=true\n{token}{database}MCP_LISTEN=127.0.0.1:0\n\
                 MCP_ADMIN_LISTEN=127.0.0.1:0\n{lines}\n"
            ),
        );
    }

    /// Starts the service in the folder.
    pub(crate) async fn serve(&self) -> Served {
        self.serve_by(&program()).await
    }

    /// Starts the service by another command, which ends in running it.
    pub(crate) async fn serve_by(&self, command: &[String]) -> Served {
        let mut served = self.spawn(command);
        served.address = served.told("listens on ").await;
        served.admin = served.told("metrics are at ").await;
        served
    }

    pub(crate) fn spawn(&self, command: &[String]) -> Served {
        self.spawn_with(command, Stdio::null())
    }

    /// The same with something as standard input.
    pub(crate) fn spawn_with(&self, command: &[String], input: Stdio) -> Served {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Served {
            child,
            log,
            address: nowhere,
            admin: nowhere,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }
}

pub(crate) fn program() -> Vec<String> {
    vec![env!("CARGO_BIN_EXE_lucarne").to_owned(), "serve".to_owned()]
}

/// A running service; it ends with the test.
pub(crate) struct Served {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Served {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Everything that was logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// How often a line with these words was logged.
    pub(crate) fn logged(&self, words: &str) -> usize {
        let lines = self.log.lock().unwrap();
        lines.iter().filter(|line| line.contains(words)).count()
    }

    /// Waits until a line with these words was logged so often.
    pub(crate) async fn says(&self, words: &str, times: usize) {
        until(&format!("{words:?} in the log"), || {
            self.logged(words) >= times
        })
        .await;
    }

    /// Reloads, and waits until that is done, well or not.
    pub(crate) async fn reload(&self) {
        let ends = || self.logged("reloaded") + self.logged("nothing is changed");
        let before = ends();
        self.signal("HUP");
        until("the end of a reload", || ends() > before).await;
    }

    async fn told(&self, before: &str) -> SocketAddr {
        self.says(before, 1).await;
        let log = self.log();
        let (_, rest) = log.split_once(before).unwrap();
        let rest = rest.split("://").nth(1).unwrap();
        let end = rest.find(['/', '\n']).unwrap_or(rest.len());
        rest[..end].parse().unwrap()
    }

    pub(crate) async fn connect(&self, token: &str) -> Socket {
        self.try_connect(token).await.unwrap()
    }

    /// A socket, or the status that was answered instead.
    pub(crate) async fn try_connect(&self, token: &str) -> Result<Socket, u16> {
        let mut request = format!("ws://{}/mcp/ws", self.address)
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert("x-mcp-token", token.parse().unwrap());
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The metrics, as text.
    pub(crate) async fn metrics(&self) -> String {
        get(self.admin, "/metrics").await.1
    }

    /// The value of one metric, by its name and labels as written.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.metrics().await;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Sends a message and reads its answer.
pub(crate) async fn ask(socket: &mut Socket, message: &str) -> Value {
    socket.send(Message::text(message)).await.unwrap();
    answer(socket).await.unwrap()
}

/// The next answer, or what the socket was closed with.
pub(crate) async fn answer(socket: &mut Socket) -> Result<Value, Option<(u16, String)>> {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await;
        match next.unwrap() {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => {
                return Err(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(None),
        }
    }
}

/// The code that the socket is closed with.
pub(crate) async fn closed(socket: &mut Socket) -> Option<u16> {
    loop {
        match answer(socket).await {
            Ok(_) => {}
            Err(close) => return close.map(|(code, _)| code),
        }
    }
}

/// The code of an error answer, or `ok`.
pub(crate) fn code(answer: &Value) -> &str {
    answer["code"].as_str().unwrap_or("ok")
}

/// A plain request: the status, and the body as text.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}
