//! What the audit is told beside requests that read rows.

use serde_json::{Value, json};

use crate::api::{Api, TOKEN, administered, send};
use crate::data::Data;
use crate::support::{Client, Running, Way, start, token};

const OTHER: &str = "the-token-of-another-operator";

async fn recorded(running: &Running, audit: &str) -> Vec<Value> {
    running.service.audit().unwrap().flush().await;
    let text = std::fs::read_to_string(audit).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tells_of_models_is_recorded_by_every_way() {
    let data = Data::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl").display().to_string();
    let running = start(&[("MCP_AUDIT_FILE", &audit)]).await;
    let acme = running.tenant("acme", &data.url(), &[]).await;
    let (_, secret) = running.token(&acme, token("agent")).await;
    let initialize = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let complete = json!({
        "ref": { "type": "ref/resource", "uri": "lucarne://models/{model}" },
        "argument": { "name": "model", "value": "t" },
    });
    for (way, transport) in [
        (Way::McpSocket, "ws"),
        (Way::Http, "http"),
        (Way::Sse, "sse"),
    ] {
        let mut client = Client::connect(running.address, &secret, way)
            .await
            .ok()
            .unwrap();
        for (method, params) in [
            ("initialize", initialize.clone()),
            ("tools/list", json!({})),
            ("resources/list", json!({})),
            ("resources/templates/list", json!({})),
            ("prompts/list", json!({})),
            ("completion/complete", complete.clone()),
        ] {
            let answer = client.method(method, params).await;
            assert!(answer.get("result").is_some(), "{way:?} {method}: {answer}");
            let lines = recorded(&running, &audit).await;
            let line = lines.last().unwrap();
            for (member, value) in [
                ("event", "request"),
                ("action", method),
                ("transport", transport),
                ("tenant", "acme"),
                ("name", "agent"),
                ("code", "ok"),
            ] {
                assert_eq!(line[member], value, "{way:?} {method}: {line}");
            }
        }
        client.method("ping", json!({})).await;
        let lines = recorded(&running, &audit).await;
        assert!(lines.iter().all(|line| line["action"] != "ping"));
        let opened = lines.iter().filter(|line| line["event"] == "opened");
        let opened = opened.filter(|line| line["transport"] == transport).count();
        assert_eq!(opened, usize::from(way != Way::Http), "{way:?}");
    }
    let begun = &recorded(&running, &audit).await[0];
    assert_eq!(begun["event"], "begun");
    assert_eq!(begun["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_told_apart_and_what_they_look_at_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl").display().to_string();
    let both = format!("{TOKEN},{OTHER}");
    let running = administered(&[("MCP_ADMIN_TOKEN", &both), ("MCP_AUDIT_FILE", &audit)]).await;
    let mut api = Api::new(&running);
    api.done("POST", "/tenants", json!({ "name": "acme" }))
        .await;
    let refused = api.ask("POST", "/tenants", json!({ "name": "acme" })).await;
    assert_eq!(refused.status, 409);
    let address = running.admin.unwrap();
    let own = [("x-mcp-token", OTHER)];
    for path in ["/tenants", "/sessions", "/tenants/nobody", "/openapi.json"] {
        send(address, "GET", &format!("/admin/api{path}"), &own, "").await;
    }
    send(address, "POST", "/admin/api/databases/shop/test", &own, "").await;
    let lines = recorded(&running, &audit).await;
    let told: Vec<[&str; 4]> = lines[1..]
        .iter()
        .map(|line| {
            ["event", "what", "of", "code"].map(|member| line[member].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(told[0], ["change_asked", "tenant.create", "acme", "-"]);
    assert_eq!(told[1][..2], ["change", "tenant.create"]);
    assert_eq!(
        told[2..],
        [
            ["change_asked", "tenant.create", "acme", "-"],
            ["change_failed", "tenant.create", "acme", "name_taken"],
            ["read", "listTenants", "/tenants", "ok"],
            ["read", "listSessions", "/sessions", "ok"],
            ["read", "getTenant", "/tenants/nobody", "not_found"],
            ["read", "testDatabase", "/databases/shop/test", "not_found"],
        ]
    );
    let tokens: Vec<u64> = lines[1..]
        .iter()
        .map(|line| line["admin_token"].as_u64().unwrap())
        .collect();
    assert_eq!(tokens, [1, 1, 1, 1, 2, 2, 2, 2]);
}
