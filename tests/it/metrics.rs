//! The figures of the admin listener.

use crate::client::Client;
use crate::raw;
use crate::service::Service;

#[tokio::test]
async fn figures_are_on_the_admin_listener_with_bounded_labels() {
    let service =
        Service::with(&[("MCP_ADMIN_LISTEN", "127.0.0.1:0"), ("MCP_RATE_LIMIT", "0")]).await;
    let admin = service.admin.unwrap();
    let mut client = Client::new(service.address).await;
    client
        .ask(r#"{"action":"list","model":"users","params":{"limit":1}}"#)
        .await;
    client
        .ask(r#"{"action":"get","model":"users","params":{"id":0}}"#)
        .await;
    client.ask("nonsense").await;
    let series = async || {
        let reply = raw::get(admin, "/metrics").await;
        assert_eq!(reply.status, 200);
        reply.body
    };
    let before = series().await;
    for line in [
        r#"mcp_tool_invocations_total{tool="list",status="ok"} 1"#,
        r#"mcp_tool_invocations_total{tool="get",status="not_found"} 1"#,
        r#"mcp_tool_invocations_total{tool="unknown",status="invalid_json"} 1"#,
        r#"mcp_tool_duration_seconds_count{tool="list"} 1"#,
        "mcp_active_sessions 1",
        "# TYPE mcp_auth_failures counter",
    ] {
        assert!(
            before.lines().any(|found| found == line),
            "{line} is not in {before}"
        );
    }
    for odd in 0..200 {
        client
            .ask(format!(r#"{{"action":"create{odd}","model":"m{odd}"}}"#))
            .await;
        client
            .ask(format!(r#"{{"action":"create{odd}","model":"users"}}"#))
            .await;
    }
    let after = series().await;
    assert!(
        after.lines().count() <= before.lines().count() + 30,
        "{after}"
    );
    assert!(!after.contains("create1") && !after.contains("m1\""));
}

#[tokio::test]
async fn the_admin_listener_has_nothing_else() {
    let service = Service::with(&[("MCP_ADMIN_LISTEN", "127.0.0.1:0")]).await;
    let admin = service.admin.unwrap();
    for path in ["/health", "/ready"] {
        assert_eq!(raw::get(admin, path).await.status, 200, "{path}");
    }
    for path in ["/mcp", "/mcp/ws", "/mcp/health", "/"] {
        let reply = raw::get(admin, path).await;
        assert_eq!(
            (reply.status, reply.json()["error"].as_str()),
            (404, Some("Not found"))
        );
    }
    let host = format!("Host: {admin}");
    let reply = raw::ask(admin, &["POST /metrics HTTP/1.1", &host]).await;
    assert_eq!(reply.status, 405);
}
