//! What `lucarne config` prints works against the service.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{JSON, Socket, TOKEN, http, request, start};

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
