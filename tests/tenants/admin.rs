//! The admin API: every route, who may use it, and what it never tells.

use std::collections::BTreeSet;

use serde_json::json;

use crate::api::{Api, TOKEN, administered, send};
use crate::data::Data;
use crate::support::{Client, Way, start, token};

const PASSWORD: &str = "planted-password";

#[tokio::test(flavor = "multi_thread")]
async fn every_route_does_what_it_says_and_answers_by_its_description() {
    let data = Data::sqlite().await;
    let Data::Sqlite(folder) = &data else {
        panic!("a file")
    };
    let audit = folder.path().join("audit.jsonl");
    let running = administered(&[
        ("MCP_DATABASE_FOLDER", &folder.path().display().to_string()),
        ("MCP_AUDIT_FILE", &audit.display().to_string()),
    ])
    .await;
    let mut api = Api::new(&running);
    let acme = api
        .done(
            "POST",
            "/tenants",
            json!({ "name": "acme", "rows": ["tickets.company_id = 1"] }),
        )
        .await;
    assert_eq!(acme["rows"], json!(["tickets.company_id = 1"]));
    assert_eq!(
        api.done("GET", "/tenants", json!(null)).await[0]["name"],
        "acme"
    );
    assert_eq!(
        api.done("GET", "/tenants/acme", json!(null)).await["id"],
        acme["id"]
    );
    let patch = json!({ "description": "a company", "limits": { "rate_limit": 600 } });
    let changed = api.done("PATCH", "/tenants/acme", patch).await;
    assert_eq!(changed["limits"]["rate_limit"], 600);
    let new = json!({ "name": "shop", "url": data.url(), "models": "tickets,notes" });
    let shop = api.done("POST", "/tenants/acme/databases", new).await;
    assert_eq!(shop["guarded"], true);
    let test = api
        .done("POST", "/databases/shop/test?tenant=acme", json!(null))
        .await;
    assert_eq!(
        (&test["answers"], &test["hidden"]),
        (&json!(true), &json!(1)),
        "{test}"
    );
    let patch = json!({ "hidden": "amount" });
    assert_eq!(
        api.done("PATCH", "/databases/shop", patch).await["hidden"],
        "amount"
    );
    assert_eq!(
        api.done("GET", "/databases/shop", json!(null)).await["id"],
        shop["id"]
    );
    assert_eq!(
        api.done("GET", "/databases?tenant=acme", json!(null)).await[0]["name"],
        "shop"
    );
    let new = json!({ "name": "agent", "scopes": ["describe", "read", "aggregate"] });
    let made = api.ask("POST", "/tenants/acme/tokens", new).await;
    assert_eq!(made.status, 201);
    let secret = made.body["data"]["token"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 64);
    let listed = api.done("GET", "/tokens", json!(null)).await;
    assert_eq!(listed[0]["suffix"], secret[secret.len() - 8..]);
    let id = lucarne::auth::Credential::of(&secret);
    running
        .until(|service| service.access().policy(&id).is_ok())
        .await;
    let mut client = Client::connect(running.address, &secret, Way::Native)
        .await
        .ok()
        .unwrap();
    let page = client
        .ask("list", Some("tickets"), json!({ "limit": 3 }))
        .await;
    assert_eq!(page["count"], 3, "{page}");
    assert!(page["data"][0].get("amount").is_none(), "{page}");
    client.ask("list", Some("nothing"), json!({})).await;
    let sessions = api.done("GET", "/sessions", json!(null)).await;
    let session = &sessions[0];
    assert_eq!(
        (&session["token"], &session["tenant"]),
        (&json!("agent"), &json!("acme"))
    );
    assert_eq!(
        (&session["transport"], &session["requests"]),
        (&json!("ws"), &json!(2))
    );
    let analytics = api.done("GET", "/analytics?by=token", json!(null)).await;
    assert_eq!(analytics[0]["token"], "agent", "{analytics}");
    assert_eq!(
        (
            &analytics[0]["requests"],
            &analytics[0]["errors"],
            &analytics[0]["rows"]
        ),
        (&json!(2), &json!(1), &json!(3))
    );
    assert!(analytics[0]["bytes"].as_u64().unwrap() > 100, "{analytics}");
    let by_model = api
        .done("GET", "/analytics?by=model&tenant=acme", json!(null))
        .await;
    let models: Vec<&str> = by_model
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["model"].as_str().unwrap())
        .collect();
    assert_eq!(models, ["tickets", "unknown"]);
    let none = api
        .done("GET", "/analytics?to=2001-01-01", json!(null))
        .await;
    assert_eq!(none, json!([]));
    let health = api.done("GET", "/health", json!(null)).await;
    assert_eq!(health[0]["answers"], true, "{health}");
    assert!(
        health[0]["sessions"]["limit"].as_u64().unwrap() > 0,
        "{health}"
    );
    assert!(health[0]["judged_at"].is_string(), "{health}");
    let traffic = api.done("GET", "/traffic?token=agent", json!(null)).await;
    let codes: Vec<&str> = traffic
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["ok", "model_not_allowed"]);
    let refused = traffic[1]["number"].as_u64().unwrap();
    let path = format!("/traffic/{refused}");
    let explained = api.done("GET", &path, json!(null)).await;
    assert_eq!(
        explained["why"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["state"] == "stopped")
            .count(),
        1
    );
    let series = api.done("GET", "/series?since=0", json!(null)).await;
    assert!(
        series["minutes"][0]["requests"].as_u64().unwrap() > 1,
        "{series}"
    );
    let service = api.done("GET", "/service", json!(null)).await;
    assert_eq!(
        (&service["audit"], &service["sessions"]),
        (&json!("written"), &json!(1)),
        "{service}"
    );
    let store = &service["store"];
    assert_eq!(store["answers"], true, "{store}");
    assert!(
        store["place"].as_str().unwrap().starts_with("SQLite file"),
        "{store}"
    );
    let settings = api.done("GET", "/config", json!(null)).await;
    let setting = |name: &str| {
        let mut settings = settings.as_array().unwrap().iter();
        settings.find(|it| it["name"] == name).unwrap().clone()
    };
    assert_eq!(setting("MCP_ADMIN_TOKEN")["value"], json!(null));
    assert_eq!(setting("MCP_ADMIN_TOKEN")["from"], "set");
    assert_eq!(setting("MCP_MAX_LIMIT")["value"], "100");
    assert_eq!(api.done("GET", "/check", json!(null)).await, json!([]));
    let tools = api.done("GET", "/tools", json!(null)).await;
    assert_eq!(tools, json!({ "tools": [], "faults": [] }));
    let access = api.done("GET", "/tokens/agent/access", json!(null)).await;
    assert_eq!(
        access["models"][0]["rows"][0]["rule"], "tickets.company_id = 1",
        "{access}"
    );
    running.service.audit().unwrap().flush().await;
    let trail = api.done("GET", "/audit", json!(null)).await;
    assert_eq!(
        (&trail["broken"], &trail["before"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(
        trail["verified"].as_u64().unwrap() as usize,
        trail["lines"].as_array().unwrap().len()
    );
    // The request has the number of its line.
    let explained = api.done("GET", &path, json!(null)).await;
    let mut lines = trail["lines"].as_array().unwrap().iter();
    let line = lines.find(|line| line["seq"] == explained["audit"]);
    assert_eq!(line.unwrap()["code"], "model_not_allowed", "{explained}");
    let asked = json!({ "action": "list", "model": "tickets" });
    let off = api.refused("POST", "/tokens/agent/ask", asked, 403).await;
    assert_eq!(off, "reads_off");
    let path = "/tools/count/test";
    let off = api.refused("POST", path, json!(null), 403).await;
    assert_eq!(off, "reads_off");
    let exposed = api.done("GET", "/exposed", json!(null)).await;
    assert_eq!(exposed[0]["tenant"], "acme", "{exposed}");
    let number = session["id"].as_u64().unwrap();
    api.done("DELETE", &format!("/sessions/{number}"), json!(null))
        .await;
    assert_eq!(client.next().await, Err(1008));
    let rotated = api
        .ask(
            "POST",
            "/tokens/agent/rotate",
            json!({ "overlap_seconds": 60 }),
        )
        .await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);
    assert_ne!(rotated.body["data"]["token"], secret.as_str());
    assert_eq!(
        api.done("GET", "/scopes", json!(null))
            .await
            .as_array()
            .unwrap()
            .len(),
        6
    );
    let revoked = api
        .done("PATCH", "/tokens/agent", json!({ "active": false }))
        .await;
    assert_eq!(revoked["state"], "revoked");
    api.done("GET", "/tokens/agent?tenant=acme", json!(null))
        .await;
    api.done("DELETE", "/tokens/agent", json!(null)).await;
    api.done("DELETE", "/databases/shop", json!(null)).await;
    api.done("DELETE", "/tenants/acme", json!(null)).await;
    assert_eq!(api.done("GET", "/tenants", json!(null)).await, json!([]));
    assert_eq!(api.hold_to_description().await, api.routes().await);
    running.service.audit().unwrap().flush().await;
    let lines = std::fs::read_to_string(&audit).unwrap();
    let changes: BTreeSet<&str> = lines
        .lines()
        .filter(|line| line.contains(r#""event":"change""#))
        .filter_map(|line| line.split(r#""what":""#).nth(1)?.split('"').next())
        .collect();
    let expected = [
        "database.add",
        "database.remove",
        "database.update",
        "session.close",
        "tenant.create",
        "tenant.remove",
        "tenant.update",
        "token.create",
        "token.remove",
        "token.revoke",
        "token.rotate",
    ];
    assert_eq!(changes, BTreeSet::from(expected));
    assert!(lines.contains(r#""by":"api","who":"127.0.0.1""#), "{lines}");
    assert!(!lines.contains(&secret), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_its_code_and_nothing_is_told() {
    let running = administered(&[]).await;
    let mut api = Api::new(&running);
    api.done("POST", "/tenants", json!({ "name": "acme" }))
        .await;
    api.done("POST", "/tenants", json!({ "name": "globex" }))
        .await;
    for tenant in ["acme", "globex"] {
        let path = format!("/tenants/{tenant}/tokens");
        api.done("POST", &path, json!({ "name": "agent" })).await;
    }
    let url = |url: &str| json!({ "name": "x", "url": url, "models": "users" });
    for (method, path, body, status, code) in [
        (
            "POST",
            "/tenants",
            json!({ "name": "acme" }),
            409,
            "name_taken",
        ),
        (
            "POST",
            "/tenants",
            json!({ "nmae": "acme", "rows": ["x"] }),
            400,
            "invalid_input",
        ),
        ("POST", "/tenants", json!([]), 400, "invalid_input"),
        ("GET", "/tenants/nobody", json!(null), 404, "not_found"),
        ("GET", "/tokens/agent", json!(null), 409, "ambiguous_name"),
        ("GET", "/tokens?nobody=x", json!(null), 400, "invalid_input"),
        (
            "PATCH",
            "/tokens/agent?tenant=acme",
            json!({ "scopes": ["write"] }),
            400,
            "invalid_input",
        ),
        ("PUT", "/tenants", json!({}), 405, "method_not_allowed"),
        ("GET", "/nothing", json!(null), 404, "not_found"),
        ("DELETE", "/sessions/7", json!(null), 404, "not_found"),
        (
            "GET",
            "/analytics?from=yesterday&to=x",
            json!(null),
            400,
            "invalid_input",
        ),
        // Places that the operator did not allow.
        (
            "POST",
            "/tenants/acme/databases",
            url("postgres://u:planted-password@127.0.0.1/x"),
            400,
            "invalid_input",
        ),
        (
            "POST",
            "/tenants/acme/databases",
            url("postgres://u:planted-password@169.254.169.254/x"),
            400,
            "invalid_input",
        ),
        (
            "POST",
            "/tenants/acme/databases",
            url("postgres://u:planted-password@[::ffff:10.0.0.1]/x"),
            400,
            "invalid_input",
        ),
        (
            "POST",
            "/tenants/acme/databases",
            url("sqlite:////etc/passwd"),
            400,
            "invalid_input",
        ),
        (
            "POST",
            "/tenants/acme/databases",
            url("mysql://u:planted-password@localhost/x?ssl-ca=/etc/passwd"),
            400,
            "invalid_input",
        ),
    ] {
        assert_eq!(
            api.refused(method, path, body, status).await,
            code,
            "{method} {path}"
        );
    }
    let faults = json!({ "nmae": "x", "rows": ["tickets.id = 1", "nonsense"], "limits": { "rate_limit": -1 } });
    let told = api.ask("POST", "/tenants", faults).await.body;
    let members: Vec<&str> = told["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["member"].as_str().unwrap())
        .collect();
    assert_eq!(members, ["nmae", "rows[1]", "limits.rate_limit", "name"]);
    assert_eq!(api.done("GET", "/databases", json!(null)).await, json!([]));
    api.hold_to_description().await;
    for exchange in &api.exchanges {
        let told = exchange.answer.to_string();
        assert!(!told.contains(PASSWORD), "{told}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let own = [
        ("authorization", &*bearer),
        ("content-type", "application/json"),
    ];
    let address = running.admin.unwrap();
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
    let answer = send(address, "POST", "/admin/api/tenants", &own, &large).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (413, &json!("request_too_large"))
    );
    let answer = send(address, "POST", "/admin/api/tenants", &own[..1], "{}").await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (415, &json!("unsupported_media_type"))
    );
    let answer = send(address, "POST", "/admin/api/tenants", &own, "{\"name\":").await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (400, &json!("invalid_json"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_administers_and_only_there() {
    let data = Data::sqlite().await;
    let running = administered(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let (_, secret) = running.token(&tenant, token("agent")).await;
    let admin = running.admin.unwrap();
    let bearer = format!("Bearer {TOKEN}");
    let get = async |address, headers: &[(&str, &str)]| {
        let answer = send(address, "GET", "/admin/api/tenants", headers, "").await;
        (
            answer.status,
            answer.body["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(get(admin, &[("authorization", &bearer)]).await.0, 200);
    assert_eq!(get(admin, &[("x-mcp-token", TOKEN)]).await.0, 200);
    // The listener of clients has no such place.
    assert_eq!(
        get(running.address, &[("authorization", &bearer)]).await.0,
        404
    );
    let foreign = [("authorization", &*bearer), ("host", "evil.example")];
    assert_eq!(
        get(admin, &foreign).await,
        (403, "host_not_allowed".to_owned())
    );
    let page = [
        ("authorization", &*bearer),
        ("origin", "http://127.0.0.1:9090"),
    ];
    assert_eq!(
        get(admin, &page).await,
        (403, "origin_not_allowed".to_owned())
    );
    let of_client = format!("Bearer {secret}");
    for wrong in [
        &[][..],
        &[("authorization", &*of_client)],
        &[("x-mcp-token", "")],
    ] {
        assert_eq!(get(admin, wrong).await, (401, "unauthorized".to_owned()));
    }
    // And its token is none of clients.
    let refused = Client::connect(running.address, TOKEN, Way::Native).await;
    assert_eq!(refused.err().unwrap().0, 401);
    let mut last = 0;
    for _ in 0..12 {
        last = get(admin, &[("x-mcp-token", "wrong-and-wrong-again")])
            .await
            .0;
    }
    assert_eq!(last, 429);
    assert_eq!(get(admin, &[("x-mcp-token", TOKEN)]).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_or_a_store_nothing_is_there() {
    let running = start(&[("MCP_ADMIN_LISTEN", "127.0.0.1:0")]).await;
    let address = running.admin.unwrap();
    let headers = [("x-mcp-token", TOKEN)];
    for path in [
        "/admin/api/tenants",
        "/admin/api/openapi.json",
        "/admin/api/nothing",
        "/nothing",
    ] {
        let answer = send(address, "GET", path, &headers, "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.body,
            json!({ "status": "error", "error": "Not found" }),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_told_so() {
    let running = administered(&[]).await;
    let mut api = Api::new(&running);
    let path = running.folder.path().join("store.db");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"no store").unwrap();
    assert_eq!(
        api.refused("GET", "/tenants", json!(null), 503).await,
        "store_unavailable"
    );
    assert_eq!(
        api.refused("POST", "/tenants", json!({ "name": "x" }), 503)
            .await,
        "store_unavailable"
    );
    assert_eq!(
        api.done("GET", "/scopes", json!(null))
            .await
            .as_array()
            .unwrap()
            .len(),
        6
    );
}
