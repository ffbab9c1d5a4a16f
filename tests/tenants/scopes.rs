//! What a token may not do is neither listed nor done.

use lucarne::store::ClientLimits;
use serde_json::{Value, json};

use crate::data::Data;
use crate::support::{Client, WAYS, Way, start, token};

fn only(scopes: &[&str]) -> Vec<String> {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

fn names(answer: &Value, member: &str) -> Vec<String> {
    let list = answer["result"][member].as_array().expect("a list");
    let name = |it: &Value| it["name"].as_str().unwrap().to_owned();
    list.iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_neither_listed_nor_done() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let mut new = token("reader");
    new.scopes = only(&["read"]);
    let (_, reader) = running.token(&tenant, new).await;
    let mut new = token("describer");
    new.scopes = only(&["describe"]);
    let (_, describer) = running.token(&tenant, new).await;
    let mut new = token("getter");
    new.tools = Some(only(&["get_record", "describe_models"]));
    new.models = Some(only(&["notes"]));
    let (_, getter) = running.token(&tenant, new).await;
    for (secret, tools) in [
        (
            &reader,
            &["list_records", "get_record", "query_records", "whoami"][..],
        ),
        (&describer, &["describe_models", "whoami"]),
        (&getter, &["describe_models", "get_record", "whoami"]),
    ] {
        for way in WAYS {
            let mut client = Client::connect(running.address, secret, way)
                .await
                .ok()
                .unwrap();
            if way != Way::Native {
                assert_eq!(
                    names(&client.method("tools/list", json!({})).await, "tools"),
                    tools
                );
            }
            for (action, tool, params) in [
                ("describe", "describe_models", json!({})),
                ("list", "list_records", json!({})),
                ("get", "get_record", json!({ "id": 1 })),
                ("query", "query_records", json!({})),
            ] {
                let answer = client.ask(action, Some("notes"), params).await;
                match (tools.contains(&tool), way) {
                    (true, _) => assert!(answer.get("data").is_some(), "{answer}"),
                    (false, Way::Native) => assert_eq!(answer["code"], "not_permitted", "{answer}"),
                    (false, _) => {
                        let told = answer["message"].as_str().unwrap();
                        assert!(told.starts_with("Unknown tool: "), "{answer}");
                    }
                }
            }
        }
    }
    let mut client = Client::connect(running.address, &getter, Way::Http)
        .await
        .ok()
        .unwrap();
    let listed = client.method("resources/list", json!({})).await;
    assert_eq!(names(&listed, "resources"), ["models", "notes"]);
    assert!(!listed.to_string().contains("tickets"), "{listed}");
    assert_eq!(
        names(&client.method("prompts/list", json!({})).await, "prompts"),
        [""; 0]
    );
    let described = client.ask("describe", Some("notes"), json!({})).await;
    // What a relation leads to is not on this token's list, so there is none.
    assert_eq!(described["data"]["expand"], json!([]));
    let mut client = Client::connect(running.address, &reader, Way::Http)
        .await
        .ok()
        .unwrap();
    let listed = client.method("resources/list", json!({})).await;
    assert_eq!(names(&listed, "resources"), [""; 0]);
    let read = json!({ "uri": "lucarne://models/tickets" });
    let read = client.method("resources/read", read).await;
    assert!(
        read.to_string().contains("not allowed for this token"),
        "{read}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scope_opens_its_part_of_a_query() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let parts = [
        (
            "operators",
            "notes",
            json!({ "filters": { "id": { "$gt": 3 } } }),
        ),
        (
            "operators",
            "notes",
            json!({ "filters": { "$not": { "id": 3 } } }),
        ),
        (
            "operators",
            "notes",
            json!({ "filters": { "id": { "$in": [1, 2] } } }),
        ),
        (
            "aggregate",
            "notes",
            json!({ "aggregate": { "n": { "$count": "*" } } }),
        ),
        ("aggregate", "notes", json!({ "total": true })),
        ("aggregate", "notes", json!({ "total": "estimate" })),
        ("expand", "notes", json!({ "expand": ["ticket"] })),
    ];
    for granted in ["", "operators", "aggregate", "expand"] {
        let mut new = token(&format!("only-{granted}"));
        new.scopes = only(&["read", granted]);
        new.scopes.retain(|scope| !scope.is_empty());
        let (_, secret) = running.token(&tenant, new).await;
        let mut client = Client::connect(running.address, &secret, Way::Native)
            .await
            .ok()
            .unwrap();
        let plain = json!({ "filters": { "company_id": 1, "body": null }, "sort": ["-id"] });
        assert_eq!(client.ask("query", Some("notes"), plain).await["count"], 0);
        for (scope, model, params) in &parts {
            let answer = client.ask("query", Some(model), params.clone()).await;
            match *scope == granted {
                true => assert!(answer.get("data").is_some(), "{answer}"),
                false => {
                    assert_eq!(answer["code"], "not_permitted", "{answer}");
                    assert!(
                        answer["error"].as_str().unwrap().contains(scope),
                        "{answer}"
                    );
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoami_tells_what_holds_and_what_is_left() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running
        .tenant("acme", &data.url(), &["tickets.company_id = 1"])
        .await;
    let mut new = token("agent");
    new.scopes = only(&["describe", "read"]);
    new.limits = ClientLimits {
        rate_limit: Some(100),
        rate_window: Some(30),
        rows_per_day: Some(10),
    };
    new.expires_at = Some("2999-12-31T00:00:00Z".parse().unwrap());
    let (_, secret) = running.token(&tenant, new).await;
    let mut client = Client::connect(running.address, &secret, Way::Native)
        .await
        .ok()
        .unwrap();
    client
        .ask("list", Some("tickets"), json!({ "limit": 4 }))
        .await;
    let told = client.ask("whoami", None, json!({})).await;
    let limits = &told["data"]["limits"];
    assert!(limits["token"]["rows"]["until"].is_string(), "{told}");
    assert_eq!(limits["token"]["rows"]["left"], 6, "{told}");
    assert_eq!(
        limits["token"]["requests"],
        json!({ "limit": 100, "window": 30, "left": 98 })
    );
    assert_eq!(limits["tenant"], json!({}));
    for (member, expected) in [
        ("name", json!("agent")),
        ("tenant", json!("acme")),
        ("scopes", json!(["describe", "read"])),
        (
            "actions",
            json!(["list", "get", "query", "describe", "whoami"]),
        ),
        ("models", json!(["tickets", "notes"])),
        ("expires_at", json!("2999-12-31T00:00:00Z")),
    ] {
        assert_eq!(told["data"][member], expected, "{told}");
    }
    // The answer that passes the budget is given; the next one is not.
    client
        .ask("list", Some("tickets"), json!({ "limit": 50 }))
        .await;
    for way in WAYS {
        let mut client = Client::connect(running.address, &secret, way)
            .await
            .ok()
            .unwrap();
        let answer = client.ask("list", Some("tickets"), json!({})).await;
        assert_eq!(
            answer["error"], "Row budget spent: 10 rows per day",
            "{answer}"
        );
        assert_eq!(answer["code"], "budget_spent");
        assert!(
            client
                .ask("describe", None, json!({}))
                .await
                .get("data")
                .is_some()
        );
        assert_eq!(
            client.ask("whoami", None, json!({})).await["data"]["name"],
            "agent"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_token_and_tenant_hold_over_all_connections() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let change = running.store.update_tenant(&tenant.id, |tenant| {
        tenant.limits.rate_limit = Some(5);
        tenant.limits.rate_window = Some(3_600);
    });
    change.await.unwrap();
    let mut new = token("first");
    new.limits.rate_limit = Some(3);
    let (_, first) = running.token(&tenant, new).await;
    let (_, second) = running.token(&tenant, token("second")).await;
    let message = r#"{"id":1,"action":"describe"}"#;
    let mut answered = Vec::new();
    for (secret, requests) in [(&first, 4), (&second, 3)] {
        for _ in 0..requests {
            let mut client = Client::connect(running.address, secret, Way::Native)
                .await
                .ok()
                .unwrap();
            let answer = client.exchange(message.to_owned()).await.unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            answered.push(answer["error"].as_str().unwrap_or("ok").to_owned());
            if answer["status"] == "error" {
                assert_eq!(client.next().await, Err(1008));
            }
        }
    }
    let (token, tenant) = (
        "Rate limit exceeded: 3 requests per 60s",
        "Rate limit exceeded: 5 requests per 3600s",
    );
    assert_eq!(answered, ["ok", "ok", "ok", token, "ok", "ok", tenant]);
}
