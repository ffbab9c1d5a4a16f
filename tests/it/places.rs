//! Where a request is sent to, and how: hosts, origins, paths, methods, and what is no handshake.

use serde_json::json;

use crate::client::{Client, body};
use crate::raw;
use crate::service::{Service, TOKEN};

async fn status(service: &Service, headers: &[(&str, &str)]) -> (u16, String) {
    let token = ("X-MCP-Token", TOKEN);
    let all: Vec<(&str, &str)> = [token].into_iter().chain(headers.iter().copied()).collect();
    match Client::with(service.address, "/mcp/ws", &all).await {
        Ok(_) => (101, String::new()),
        Err(refused) => (refused.status().as_u16(), body(&refused).to_string()),
    }
}

#[tokio::test]
async fn only_known_origins_get_in() {
    let refusal = r#"{"status":"error","error":"Origin not allowed"}"#;
    let service = Service::new().await;
    for origin in [
        "https://evil.example",
        "null",
        "",
        "http://127.0.0.1:8000",
        "é",
    ] {
        assert_eq!(
            status(&service, &[("Origin", origin)]).await,
            (403, refusal.to_owned())
        );
    }
    assert_eq!(status(&service, &[]).await.0, 101);
    let service = Service::with(&[("MCP_ALLOWED_ORIGINS", "https://app.example.com")]).await;
    assert_eq!(
        status(&service, &[("Origin", "https://app.example.com")])
            .await
            .0,
        101
    );
    for origin in [
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "null",
    ] {
        assert_eq!(
            status(&service, &[("Origin", origin)]).await.0,
            403,
            "{origin}"
        );
    }
    let two = [
        ("Origin", "https://app.example.com"),
        ("Origin", "https://evil.example"),
    ];
    assert_eq!(status(&service, &two).await.0, 403);
    let any = Service::with(&[("MCP_ALLOWED_ORIGINS", "*")]).await;
    assert_eq!(
        status(&any, &[("Origin", "https://evil.example")]).await.0,
        101
    );
    assert_eq!(status(&any, &[("Origin", "null")]).await.0, 403);
}

#[tokio::test]
async fn only_known_hosts_are_answered() {
    let service = Service::new().await;
    let port = service.address.port();
    let token = format!("X-MCP-Token: {TOKEN}");
    let ask = async |line: &str, hosts: &[&str]| {
        let mut lines = vec![
            line,
            "Upgrade: websocket",
            "Connection: keep-alive, Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            &token,
        ];
        lines.extend(hosts);
        raw::ask(service.address, &lines).await
    };
    let line = "GET /mcp/ws HTTP/1.1";
    for host in [
        "localhost",
        "LOCALHOST:80",
        "[::1]:9",
        "127.0.0.1",
        "localhost.",
    ] {
        let reply = ask(line, &[&format!("Host: {host}")]).await;
        assert_eq!(reply.status, 101, "{host}");
    }
    let evil = format!("Host: evil.example:{port}");
    let two = format!("Host: localhost:{port}");
    for hosts in [
        vec![&*evil],
        vec![&*two, &*evil],
        vec![],
        vec!["Host:"],
        vec!["Host: a b"],
    ] {
        let reply = ask(line, &hosts).await;
        assert_eq!(reply.status, 403, "{hosts:?}");
        assert_eq!(
            reply.json(),
            json!({"status":"error","error":"Host not allowed"})
        );
    }
    // A target with a host counts more than the header.
    let reply = ask("GET http://evil.example/mcp/ws HTTP/1.1", &[&two]).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn what_is_no_handshake_is_told_how_to_connect() {
    let service = Service::new().await;
    let host = format!("Host: {}", service.address);
    let token = format!("X-MCP-Token: {TOKEN}");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let (up, con, version) = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
    );
    for lines in [
        vec!["GET /mcp/ws HTTP/1.1", &host],
        vec!["GET /mcp/ws HTTP/1.1", &host, &token, con, version, key],
        vec!["GET /mcp/ws HTTP/1.1", &host, &token, up, version, key],
        vec![
            "GET /mcp/ws HTTP/1.1",
            &host,
            &token,
            "Upgrade: h2c",
            con,
            version,
            key,
        ],
        vec!["GET /mcp/ws HTTP/1.1", &host, &token, up, con, key],
        vec![
            "GET /mcp/ws HTTP/1.1",
            &host,
            &token,
            up,
            con,
            key,
            "Sec-WebSocket-Version: 8",
        ],
        vec![
            "POST /mcp/ws HTTP/1.1",
            &host,
            &token,
            up,
            con,
            version,
            key,
        ],
        vec!["DELETE /mcp/ws HTTP/1.1", &host, &token],
        vec!["GET /mcp/ws HTTP/1.0", &host, &token, up, con, version, key],
    ] {
        let reply = raw::ask(service.address, &lines).await;
        assert_eq!(reply.status, 426, "{lines:?}");
        assert_eq!(reply.header("sec-websocket-version"), Some("13"));
        let said = reply.json();
        assert_eq!(said["status"], "error");
        assert!(
            said["hint"].as_str().unwrap().contains("lucarne query"),
            "{said}"
        );
    }
    for key in ["Sec-WebSocket-Key: short", "Sec-WebSocket-Key: !", "X: y"] {
        let lines = ["GET /mcp/ws HTTP/1.1", &host, &token, up, con, version, key];
        let reply = raw::ask(service.address, &lines).await;
        assert_eq!(reply.status, 400, "{key}");
        assert_eq!(reply.json()["status"], "error");
    }
}

#[tokio::test]
async fn other_spellings_of_the_path_lead_nowhere() {
    let service = Service::new().await;
    let token = format!("X-MCP-Token: {TOKEN}");
    for path in [
        "//mcp/ws",
        "/mcp//ws",
        "/mcp%2Fws",
        "/mcp/%77s",
        "/MCP/WS",
        "/mcp/ws%00",
        "/mcp/./ws",
        "/x/../mcp/ws",
        "/mcp/ws;x",
        "/ws",
        "/",
    ] {
        for more in [vec![], vec![&*token]] {
            let reply = raw::shake(service.address, path, &more).await;
            assert_eq!(reply.status, 404, "{path}");
            assert_eq!(reply.json(), json!({"status":"error","error":"Not found"}));
        }
    }
    let host = format!("Host: {}", service.address);
    let reply = raw::ask(service.address, &["POST /health HTTP/1.1", &host]).await;
    assert_eq!(reply.status, 405);
    assert_eq!(reply.json()["error"], "Method not allowed");
    assert!(reply.header("allow").unwrap().contains("GET"));
}

#[tokio::test]
async fn switched_off_nothing_of_mcp_answers_but_its_health() {
    let service = Service::with(&[("MCP_ENABLED", "false"), ("DATABASE_URL", "")]).await;
    let host = format!("Host: {}", service.address);
    let token = format!("X-MCP-Token: {TOKEN}");
    let refusal = json!({"status":"error","error":"MCP server is disabled"});
    for path in [
        "/mcp",
        "/mcp/",
        "/mcp/ws",
        "/mcp/ws/",
        "/mcp/sse",
        "/mcp/messages",
        "/mcp/x",
    ] {
        for method in ["GET", "POST", "DELETE", "OPTIONS", "PUT"] {
            let line = format!("{method} {path} HTTP/1.1");
            let reply = raw::ask(service.address, &[&line, &host, &token]).await;
            assert_eq!(
                (reply.status, reply.json()),
                (503, refusal.clone()),
                "{line}"
            );
        }
        let reply = raw::shake(service.address, path, &[&token]).await;
        assert_eq!(
            (reply.status, reply.json()),
            (503, refusal.clone()),
            "{path}"
        );
    }
    for path in ["/mcp/health", "/health"] {
        let reply = raw::get(service.address, path).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json(), json!({"status":"ok","enabled":false}));
    }
    assert_eq!(raw::get(service.address, "/ready").await.status, 200);
    assert_eq!(raw::get(service.address, "/x").await.status, 404);
}

#[tokio::test]
async fn health_and_readiness_are_answered_to_anybody() {
    let service = Service::new().await;
    for path in ["/health", "/mcp/health", "/ready"] {
        let reply = raw::get(service.address, path).await;
        assert_eq!(
            (reply.status, &*reply.body),
            (200, r#"{"status":"ok","enabled":true}"#)
        );
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    // Figures are for the other listener alone.
    assert_eq!(raw::get(service.address, "/metrics").await.status, 404);
}

#[tokio::test]
async fn health_and_figures_are_not_read_by_pages_of_other_names() {
    let service = Service::with(&[
        ("MCP_ADMIN_LISTEN", "127.0.0.1:0"),
        ("MCP_ALLOWED_HOSTS", "db.example.com"),
    ])
    .await;
    let admin = service.admin.unwrap();
    for (address, path) in [
        (service.address, "/health"),
        (service.address, "/ready"),
        (admin, "/health"),
        (admin, "/ready"),
        (admin, "/metrics"),
    ] {
        let line = format!("GET {path} HTTP/1.1");
        for host in [
            "10.1.2.3:9090",
            "[::1]:80",
            "lucarne:9090",
            "db.example.com",
            "x.svc",
        ] {
            let reply = raw::ask(address, &[&line, &format!("Host: {host}")]).await;
            assert_eq!(reply.status, 200, "{path} {host}");
        }
        assert_eq!(
            raw::ask(address, &["GET /health HTTP/1.0"]).await.status,
            200
        );
        for more in [
            &["Host: evil.example"][..],
            &["Host: 127.0.0.1.evil.example:80"],
            &["Host: localhost", "Host: localhost"],
            &["Host: localhost", "Origin: https://evil.example"],
        ] {
            let lines: Vec<&str> = [&*line].into_iter().chain(more.iter().copied()).collect();
            let reply = raw::ask(address, &lines).await;
            assert_eq!(reply.status, 403, "{path} {more:?}");
        }
    }
}

#[tokio::test]
async fn no_page_of_another_site_opens_anything_where_no_token_is_asked() {
    let service = Service::with(&[("MCP_REQUIRE_AUTH", "false"), ("MCP_TOKEN", "")]).await;
    let host = format!("Host: {}", service.address);
    for line in [
        "GET /mcp/sse HTTP/1.1",
        "POST /mcp HTTP/1.1",
        "GET /health HTTP/1.1",
    ] {
        let reply = raw::ask(
            service.address,
            &[line, &host, "Sec-Fetch-Site: cross-site"],
        )
        .await;
        assert_eq!(
            (reply.status, &*reply.json()["error"].to_string()),
            (403, "\"Origin not allowed\"")
        );
    }
    let reply = raw::shake(service.address, "/mcp/ws", &["Sec-Fetch-Site: cross-site"]).await;
    assert_eq!(reply.status, 403);
    let reply = raw::shake(service.address, "/mcp/ws", &["Sec-Fetch-Site: none"]).await;
    assert_eq!(reply.status, 101);
}
