//! What `lucarne config` prints works against the service.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{JSON, Socket, TOKEN, http, request, sample, start};

fn config(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    command
        .arg("config")
        .args(arguments)
        .current_dir(std::env::temp_dir());
    let ended = command.env_clear().output().unwrap();
    assert!(ended.status.success());
    String::from_utf8(ended.stdout).unwrap()
}

/// Asks where a client would, with the header that it would send.
async fn asks(address: SocketAddr, url: &Value, header: &Value) {
    let place = format!("http://{address}");
    let path = url.as_str().unwrap().strip_prefix(&place).unwrap();
    let reference = header.as_str().unwrap().replace("Bearer ", "");
    let header = header.as_str().unwrap().replace(&reference, TOKEN);
    let ping = request(1, "ping", json!({}));
    let headers = [JSON, ("authorization", header.as_str())];
    let answer = http(address, "POST", path, &headers, &ping).await;
    assert_eq!(answer.status, 200, "{path}");
}

#[tokio::test]
async fn every_block_reaches_the_service() {
    let running = start(&[]).await;
    let address = running.address;
    let url = format!("http://{address}");
    for (client, servers, member) in [
        ("generic", "mcpServers", "url"),
        ("windsurf", "mcpServers", "serverUrl"),
        ("zed", "context_servers", "url"),
        ("vscode", "servers", "url"),
        ("claude", "mcpServers", "url"),
        ("cursor", "mcpServers", "url"),
        ("gemini", "mcpServers", "httpUrl"),
    ] {
        let block: Value = serde_json::from_str(&config(&[client, "--url", &url])).unwrap();
        let server = &block[servers]["lucarne"];
        asks(
            address,
            &server[member],
            &server["headers"]["Authorization"],
        )
        .await;
    }
    let codex: toml_edit::DocumentMut = config(&["codex", "--url", &url]).parse().unwrap();
    let place = codex["mcp_servers"]["lucarne"]["url"].as_str().unwrap();
    asks(address, &place.into(), &"Bearer ${MCP_TOKEN}".into()).await;

    let block: Value = serde_json::from_str(&config(&["claude", "--ws", "--url", &url])).unwrap();
    let place = &block["mcpServers"]["lucarne"]["url"];
    assert_eq!(*place, format!("ws://{address}/mcp/ws"));
    let mut socket = Socket::open(address, Some("mcp")).await;
    let pong = socket.ask(&request(1, "ping", json!({}))).await;
    assert!(pong.contains("\"result\""));

    let block: Value = serde_json::from_str(&config(&["claude", "--stdio"])).unwrap();
    let server = &block["mcpServers"]["lucarne"];
    assert_eq!(server["args"], json!(["stdio"]));
    let variables: Vec<&String> = server["env"].as_object().unwrap().keys().collect();
    assert_eq!(
        variables,
        ["MCP_ENABLED", "DATABASE_URL"],
        "what the tests of stdio set"
    );
}

/// The libraries that take a block, and the folder of each in that of `tests/clients/mcp/run.py`,
/// which `LUCARNE_TEST_CLIENTS` names.
const LIBRARIES: [(&str, &str); 3] = [
    ("langchain", "langchain"),
    ("openai-agents", "agents"),
    ("generic", "fastmcp"),
];

#[tokio::test]
async fn libraries_take_the_blocks_as_they_are_printed() {
    let folder = std::env::var("LUCARNE_TEST_CLIENTS").unwrap_or_default();
    let running = start(&[]).await;
    let url = format!("http://{}", running.address);
    let database = format!("sqlite:{}", sample().await.display());
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/clients/mcp/python/block.py"
    );
    for (client, place) in LIBRARIES {
        let python = format!("{folder}/pip/{place}/bin/python");
        if !std::path::Path::new(&python).exists() {
            eprintln!("SKIPPED: {client} is not in LUCARNE_TEST_CLIENTS");
            continue;
        }
        for block in [
            config(&[client, "--url", &url]),
            config(&[client, "--stdio"]),
        ] {
            let mut command = Command::new(&python);
            command
                .args(["-W", "ignore", script, client, &block])
                .env("MCP_TOKEN", TOKEN)
                .env("DATABASE_URL", &database)
                .current_dir(std::env::temp_dir());
            let ended = tokio::task::spawn_blocking(move || command.output());
            let ended = ended.await.unwrap().unwrap();
            let out = String::from_utf8_lossy(&ended.stdout);
            let err = String::from_utf8_lossy(&ended.stderr);
            assert!(out.contains("get_record"), "{client}: {block}\n{out}{err}");
        }
    }
}
