//! Who is let in: the same gate for every route of MCP.

use crate::support::{BEARER, JSON, OTHER_TOKEN, TOKEN, http, request, start};
use serde_json::json;

const ROUTES: [(&str, &str); 3] = [
    ("POST", "/mcp"),
    ("GET", "/mcp/sse"),
    ("POST", "/mcp/messages?sessionId=x"),
];

#[tokio::test]
async fn a_token_is_asked_everywhere_and_never_taken_from_the_query() {
    for (method, path) in ROUTES {
        // Each on its own service: many failures are answered otherwise.
        let running = start(&[]).await;
        let refused = http(running.address, method, path, &[JSON], "{}").await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert_eq!(refused.json()["error"], "Missing authentication token");
        let query = format!(
            "{path}{}token={TOKEN}",
            if path.contains('?') { '&' } else { '?' }
        );
        let refused = http(running.address, method, &query, &[JSON], "{}").await;
        assert_eq!(refused.json()["error"], "Missing authentication token");
        let wrong = [JSON, ("x-mcp-token", "wrong")];
        let refused = http(running.address, method, path, &wrong, "{}").await;
        assert_eq!(refused.json()["error"], "Invalid authentication token");
        assert_eq!(refused.status, 401);
        let both = [JSON, BEARER, ("x-mcp-token", OTHER_TOKEN)];
        let refused = http(running.address, method, path, &both, "{}").await;
        assert_eq!(refused.status, 401, "two that differ");
        assert!(running.figures().contains("mcp_auth_failures_total"));
    }
    let running = start(&[]).await;
    let ping = request(1, "ping", json!({}));
    let headers = [JSON, ("x-mcp-token", TOKEN)];
    let pong = http(running.address, "POST", "/mcp", &headers, &ping).await;
    assert_eq!(pong.status, 200);
}

#[tokio::test]
async fn strange_hosts_and_origins_are_refused_first() {
    let running = start(&[("MCP_ALLOWED_ORIGINS", "https://app.example")]).await;
    for (method, path) in ROUTES {
        for (header, error) in [
            (("host", "evil.example"), "Host not allowed"),
            (("origin", "https://evil.example"), "Origin not allowed"),
            (("origin", "null"), "Origin not allowed"),
        ] {
            let refused = http(running.address, method, path, &[BEARER, JSON, header], "{}").await;
            assert_eq!(
                (refused.status, &refused.json()["error"]),
                (403, &json!(error))
            );
            assert_eq!(refused.header("access-control-allow-origin"), "");
        }
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask() {
    let running = start(&[("MCP_ALLOWED_ORIGINS", "https://app.example")]).await;
    let origin = ("origin", "https://app.example");
    let before = [origin, ("access-control-request-method", "POST")];
    let allowed = http(running.address, "OPTIONS", "/mcp", &before, "").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://app.example"
    );
    assert!(
        allowed
            .header("access-control-allow-headers")
            .contains("authorization")
    );
    let ping = request(1, "ping", json!({}));
    let asked = http(
        running.address,
        "POST",
        "/mcp",
        &[origin, BEARER, JSON],
        &ping,
    )
    .await;
    assert_eq!(asked.status, 200);
    assert_eq!(
        asked.header("access-control-allow-origin"),
        "https://app.example"
    );
    assert_eq!(asked.header("vary"), "Origin");
    let refused = http(running.address, "POST", "/mcp", &[origin, JSON], &ping).await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn switched_off_nothing_answers() {
    let running = start(&[("MCP_ENABLED", "false")]).await;
    for (method, path) in ROUTES
        .into_iter()
        .chain([("GET", "/mcp"), ("DELETE", "/mcp")])
    {
        let refused = http(running.address, method, path, &[BEARER, JSON], "{}").await;
        assert_eq!(refused.status, 503, "{path}");
        assert_eq!(
            refused.body,
            r#"{"status":"error","error":"MCP server is disabled"}"#
        );
    }
}
