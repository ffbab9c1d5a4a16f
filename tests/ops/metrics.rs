//! Metrics: named as documented, bounded in their labels, and all of them on the board.

use std::collections::BTreeSet;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_are_those_of_the_board_and_of_the_documentation() {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=audit.jsonl\nMCP_RATE_LIMIT=0");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    for _ in 0..20 {
        ask(&mut socket, LIST).await;
    }
    ask(&mut socket, "{").await;
    assert_eq!(served.try_connect("wrong").await.err(), Some(401));
    served.reload().await;
    // Names that a client makes up become no labels.
    for number in 0..200 {
        let message = format!(r#"{{"action":"a{number}","model":"m{number}"}}"#);
        ask(&mut socket, &message).await;
    }
    let text = served.metrics().await;
    assert!(text.lines().count() < 250, "{}", text.lines().count());
    for (name, value) in [
        (
            "mcp_tool_invocations_total{tool=\"list\",status=\"ok\"}",
            20.0,
        ),
        (
            "mcp_tool_invocations_total{tool=\"unknown\",status=\"model_not_allowed\"}",
            200.0,
        ),
        ("mcp_auth_failures_total{reason=\"invalid\"}", 1.0),
        ("mcp_active_sessions", 1.0),
        ("mcp_requests_running", 0.0),
        ("mcp_reloads_total{outcome=\"done\"}", 1.0),
        ("mcp_db_sessions_busy", 0.0),
    ] {
        assert_eq!(served.metric(name).await, Some(value), "{name}\n{text}");
    }
    assert!(served.metric("mcp_db_statements_total").await >= Some(20.0));
    assert!(served.metric("mcp_db_statement_seconds_total").await > Some(0.0));
    let exposed: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let board = include_str!("../../docs/grafana.json");
    let page = include_str!("../../docs/operations.md");
    for name in exposed {
        assert!(board.contains(name), "{name} is not in docs/grafana.json");
        assert!(page.contains(name), "{name} is not in docs/operations.md");
    }
    serde_json::from_str::<serde_json::Value>(board).unwrap();
}
