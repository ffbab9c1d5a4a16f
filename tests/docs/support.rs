//! The service over the sample, and the documents.

use std::fs;

use futures_util::{SinkExt as _, StreamExt as _};
use lucarne::app::{self, App};
use lucarne::{config, sample};
use serde_json::Value;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const TOKEN: &str = "a-token-of-the-documentation";

/// A socket to the service over the sample, as a client opens one.
pub(crate) struct Demo {
    socket: tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>,
    _app: app::Running,
    _folder: TempDir,
}

impl Demo {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sample.db");
        sample::create_sqlite(&file).await.unwrap();
        let url = format!("sqlite:{}", file.display());
        let variables = [
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", TOKEN),
            ("MCP_LISTEN", "127.0.0.1:0"),
            ("MCP_ALLOWED_HOSTS", "*"),
            ("DATABASE_URL", &url),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = config::load(variables).unwrap();
        let app = App::start(&config.into(), None).await.unwrap();
        let address = app.address;
        let mut request = format!("ws://{address}/mcp/ws")
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert("X-MCP-Token", TOKEN.parse().unwrap());
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        Self {
            socket,
            _app: app,
            _folder: folder,
        }
    }

    /// Sends a message, and reads its answer.
    pub(crate) async fn ask(&mut self, message: &str) -> Value {
        self.socket.send(Message::text(message)).await.unwrap();
        loop {
            if let Message::Text(text) = self.socket.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

/// A file of the repository.
pub(crate) fn document(name: &str) -> String {
    fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The blocks of a document in that language.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let parts = text.split(&opening).skip(1);
    parts
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The rows of the table under that heading, their columns trimmed.
pub(crate) fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, below) = text.split_once(heading).unwrap();
    let rows = below
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        // A bar inside a cell is written \|.
        let row = row.replace("\\|", "\u{1}");
        let columns = row.trim_matches('|').split('|');
        columns
            .map(|column| column.trim().replace('\u{1}', "|"))
            .collect()
    })
    .collect()
}

/// The messages of the README: requests, each with the answer that it shows.
pub(crate) fn exchanges() -> Vec<(Value, Value)> {
    let readme = document("README.md");
    let (_, messages) = readme.split_once("\n## Messages\n").unwrap();
    let (messages, _) = messages.split_once("\n## ").unwrap();
    let blocks: Vec<Value> = blocks(messages, "json")
        .iter()
        .map(|block| serde_json::from_str(block).unwrap_or_else(|_| panic!("no JSON: {block}")))
        .collect();
    assert!(
        blocks.len() >= 12 && blocks.len().is_multiple_of(2),
        "{}",
        blocks.len()
    );
    let pairs = blocks.chunks(2);
    pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}
