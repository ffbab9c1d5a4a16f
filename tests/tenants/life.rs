//! Tokens and tenants that come, change and go while clients are connected.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use lucarne::store::{Keys, Store};
use serde_json::json;

use crate::data::Data;
use crate::support::{Client, Way, configured, database, soon, start, token};

const INVALID: &str = r#"{"status":"error","error":"Invalid authentication token"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_one_text_and_a_reason_of_its_own() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let gone = running.tenant("gone", &data.url(), &[]).await;
    let (revoked, of_revoked) = running.token(&tenant, token("revoked")).await;
    let (expired, of_expired) = running.token(&tenant, token("expired")).await;
    let (_, of_gone) = running.token(&gone, token("agent")).await;
    let (rotated, of_rotated) = running.token(&tenant, token("rotated")).await;
    let store = &running.store;
    store
        .update_token(&revoked.id, |token| token.active = false)
        .await
        .unwrap();
    let yesterday = Utc::now() - TimeDelta::days(1);
    let end = store.update_token(&expired.id, |token| token.expires_at = Some(yesterday));
    end.await.unwrap();
    store
        .update_tenant(&gone.id, |tenant| tenant.active = false)
        .await
        .unwrap();
    store
        .rotate_token(&rotated.id, TimeDelta::zero())
        .await
        .unwrap();
    for (secret, reason) in [
        (of_revoked, "revoked"),
        (of_expired, "expired"),
        (of_gone, "tenant_inactive"),
        (of_rotated, "invalid"),
        ("x".repeat(64), "invalid"),
    ] {
        let id = lucarne::auth::Credential::of(&secret);
        running
            .until(|service| {
                let judged = service.access().policy(&id);
                judged.is_err_and(|refused| refused.reason() == reason)
            })
            .await;
        for way in [Way::Native, Way::Sse] {
            let refused = Client::connect(running.address, &secret, way)
                .await
                .err()
                .unwrap();
            assert_eq!(refused, (401, INVALID.to_owned()), "{reason}");
        }
        let figures = running.figures();
        let counted = format!("mcp_auth_failures_total{{reason=\"{reason}\"}}");
        assert!(figures.contains(&counted), "{counted}\n{figures}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_sockets_and_streams_end_with_their_token() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let (first, of_first) = running.token(&tenant, token("first")).await;
    let (_, of_second) = running.token(&tenant, token("second")).await;
    let mut third = token("third");
    third.expires_at = Some(Utc::now() + TimeDelta::milliseconds(2_500));
    let (_, of_third) = running.token(&tenant, third).await;
    let address = running.address;
    let open = async |secret: &str, way| Client::connect(address, secret, way).await.ok().unwrap();
    let mut sockets = [
        open(&of_first, Way::Native).await,
        open(&of_second, Way::McpSocket).await,
        open(&of_third, Way::Native).await,
    ];
    let mut stream = open(&of_first, Way::Sse).await;
    for socket in &mut sockets {
        assert!(
            socket
                .ask("describe", None, json!({}))
                .await
                .get("data")
                .is_some()
        );
    }
    let [one, two, three] = &mut sockets;
    // A token that ends by itself,
    assert_eq!(three.next().await, Err(1008));
    // one that is revoked,
    let store = &running.store;
    store
        .update_token(&first.id, |token| token.active = false)
        .await
        .unwrap();
    assert_eq!(one.next().await, Err(1008));
    assert!(stream.ended().await);
    assert!(
        two.ask("describe", None, json!({}))
            .await
            .get("data")
            .is_some()
    );
    // and one whose tenant goes.
    store
        .update_tenant(&tenant.id, |tenant| tenant.active = false)
        .await
        .unwrap();
    assert_eq!(two.next().await, Err(1008));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_holds_from_the_next_message_on() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let (made, secret) = running.token(&tenant, token("agent")).await;
    let mut client = Client::connect(running.address, &secret, Way::Native)
        .await
        .ok()
        .unwrap();
    let total = json!({ "total": true, "limit": 0 });
    let before = client.ask("query", Some("tickets"), total.clone()).await;
    assert_eq!(before["total"], 240, "{before}");
    let narrow = running.store.update_token(&made.id, |token| {
        token.rows = crate::support::rules(&["tickets.company_id in (1, 2)"]);
    });
    narrow.await.unwrap();
    soon(async {
        while client.ask("query", Some("tickets"), total.clone()).await["total"] != 160 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let fewer = running.store.update_token(&made.id, |token| {
        token.models = Some(vec!["notes".to_owned()]);
    });
    fewer.await.unwrap();
    soon(async {
        while client.ask("list", Some("tickets"), json!({})).await["code"] != "model_not_allowed" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let names = client.ask("list", Some("tickets"), json!({})).await;
    assert_eq!(
        names["error"],
        "Model 'tickets' not allowed. Allowed models: notes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn use_is_noted_in_batches() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let (made, secret) = running.token(&tenant, token("agent")).await;
    let mut client = Client::connect(running.address, &secret, Way::Http)
        .await
        .ok()
        .unwrap();
    let begun = Utc::now();
    client.ask("describe", None, json!({})).await;
    soon(async {
        loop {
            let contents = running.store.contents().await.unwrap();
            let token = contents
                .tokens
                .iter()
                .find(|token| token.id == made.id)
                .unwrap();
            if token
                .last_used_at
                .is_some_and(|at| at >= begun - TimeDelta::seconds(1))
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_store_lets_in_for_a_time_and_then_nobody() {
    let data = Data::sqlite().await;
    let running = start(&[("MCP_STORE_GRACE", "1")]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let (_, secret) = running.token(&tenant, token("agent")).await;
    let mut client = Client::connect(running.address, &secret, Way::Native)
        .await
        .ok()
        .unwrap();
    assert!(
        client
            .ask("describe", None, json!({}))
            .await
            .get("data")
            .is_some()
    );
    let path = running.folder.path().join("store.db");
    let aside = running.folder.path().join("aside.db");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::write(&path, b"no store").unwrap();
    assert!(
        client
            .ask("describe", None, json!({}))
            .await
            .get("data")
            .is_some()
    );
    assert_eq!(client.next().await, Err(1013));
    let refused = Client::connect(running.address, &secret, Way::Native)
        .await
        .err()
        .unwrap();
    assert_eq!(refused, (401, INVALID.to_owned()));
    assert!(
        running.figures().contains("reason=\"store_away\""),
        "{}",
        running.figures()
    );
    std::fs::rename(&aside, &path).unwrap();
    let id = lucarne::auth::Credential::of(&secret);
    running
        .until(|service| service.access().policy(&id).is_ok())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_takes_nothing_else_with_it() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let mut away = database("postgres://u:pw@127.0.0.1:1/away?sslmode=disable");
    away.name = "away".to_owned();
    away.models = "elsewhere,tickets".to_owned();
    running.store.add_database(&tenant.id, away).await.unwrap();
    let (_, secret) = running.token(&tenant, token("agent")).await;
    let mut client = Client::connect(running.address, &secret, Way::Native)
        .await
        .ok()
        .unwrap();
    let answer = client.ask("list", Some("elsewhere"), json!({})).await;
    assert_eq!(answer["error"], "Database is unavailable", "{answer}");
    assert_eq!(
        client.ask("get", Some("notes"), json!({ "id": 1 })).await["data"]["id"],
        1
    );
    let all = client.ask("describe", None, json!({})).await;
    assert_eq!(all["count"], 2, "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_databases_are_open_at_once() {
    let running = start(&[("MCP_STORE_DATABASES", "2"), ("MCP_POOL_SIZE", "2")]).await;
    let mut clients = Vec::new();
    let mut kept = Vec::new();
    for at in 0..5 {
        let data = Data::sqlite().await;
        let tenant = running
            .tenant(&format!("tenant-{at}"), &data.url(), &[])
            .await;
        let (_, secret) = running.token(&tenant, token("agent")).await;
        let client = Client::connect(running.address, &secret, Way::Native).await;
        clients.push(client.ok().unwrap());
        kept.push(data);
    }
    for _ in 0..3 {
        for client in &mut clients {
            let answer = client.ask("get", Some("tickets"), json!({ "id": 3 })).await;
            assert_eq!(answer["data"]["id"], 3, "{answer}");
            let figures = running.service.figures();
            assert!(figures.limit <= 4 && figures.idle <= 4, "{figures:?}");
        }
    }
    // All at once they wait for each other.
    let asking = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            for id in 1..50 {
                let answer = client
                    .ask("get", Some("tickets"), json!({ "id": id }))
                    .await;
                assert_eq!(answer["data"]["id"], id, "{answer}");
            }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_comes_later_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let away = "postgres://u:pw@127.0.0.1:1/store?sslmode=disable";
    let config = configured(&folder, &[("MCP_STORE", away)]);
    let metrics = std::sync::Arc::default();
    let opened = lucarne::app::open(&config, metrics).await.unwrap();
    let kept = lucarne::app::keep(&opened.service, &config).await.unwrap();
    assert!(kept.is_some() && !opened.service.is_ready().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_this_machine_is_let_in_where_none_is_required() {
    let data = Data::sqlite().await;
    let url = data.url();
    let running = start(&[
        ("MCP_REQUIRE_AUTH", "false"),
        ("DATABASE_URL", &url),
        ("MCP_ALLOWED_MODELS", "tickets"),
    ])
    .await;
    let stream = tokio::net::TcpStream::connect(running.address)
        .await
        .unwrap();
    let url = format!("ws://{}/mcp/ws", running.address);
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    use futures_util::{SinkExt as _, StreamExt as _};
    let message = r#"{"id":1,"action":"whoami"}"#;
    socket.send(message.into()).await.unwrap();
    let answer = soon(socket.next()).await.unwrap().unwrap().to_string();
    assert!(
        answer.contains(r#""name":null"#) && answer.contains("tickets"),
        "{answer}"
    );
    let refused = Client::connect(running.address, &"x".repeat(64), Way::Native).await;
    assert_eq!(refused.err().unwrap().0, 401, "a wrong token is none");
}

/// A tenant whose database takes its connections and says nothing holds nobody else up.
#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_cannot_take_every_place() {
    let data = Data::sqlite().await;
    let running = start(&[("MCP_MAX_REQUESTS", "8"), ("MCP_QUERY_TIMEOUT", "30")]).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://u:pw@127.0.0.1:{port}/x?sslmode=disable");
    let flooding = running.tenant("flooding", &url, &[]).await;
    let quiet = running.tenant("quiet", &data.url(), &[]).await;
    let (_, of_flooding) = running.token(&flooding, token("agent")).await;
    let (_, of_quiet) = running.token(&quiet, token("agent")).await;
    let mut floods = Vec::new();
    for _ in 0..4 {
        let client = Client::connect(running.address, &of_flooding, Way::Native).await;
        let mut client = client.ok().unwrap();
        for id in 0..8 {
            let message = json!({ "id": id, "action": "list", "model": "tickets" });
            client.tell(message.to_string()).await;
        }
        floods.push(client);
    }
    running
        .until(|service| service.figures().running >= 1)
        .await;
    let mut client = Client::connect(running.address, &of_quiet, Way::Native)
        .await
        .ok()
        .unwrap();
    for id in 1..=20 {
        let got = client
            .ask("get", Some("tickets"), json!({ "id": id }))
            .await;
        assert_eq!(got["data"]["id"], id, "{got}");
    }
    assert!(
        running.service.figures().running >= 1,
        "the flood still waits"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_leaves_sockets_and_memory_to_others_with_all_its_tokens() {
    let data = Data::sqlite().await;
    let running = start(&[("MCP_MAX_CONNECTIONS", "4")]).await;
    let (one, other) = (
        running.tenant("one", &data.url(), &[]).await,
        running.tenant("other", &data.url(), &[]).await,
    );
    let (_, first) = running.token(&one, token("first")).await;
    let (_, second) = running.token(&one, token("second")).await;
    let (_, of_other) = running.token(&other, token("agent")).await;
    let mut open = Vec::new();
    for secret in [&first, &second, &first] {
        let client = Client::connect(running.address, secret, Way::Native).await;
        open.push(client.ok().unwrap());
    }
    for secret in [&first, &second] {
        let refused = Client::connect(running.address, secret, Way::Native).await;
        assert_eq!(refused.err().map(|(status, _)| status), Some(429));
    }
    let client = Client::connect(running.address, &of_other, Way::Native).await;
    let mut client = client.ok().unwrap();
    let got = client.ask("get", Some("tickets"), json!({ "id": 1 })).await;
    assert_eq!(got["data"]["id"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_went_another_way_is_read_whatever_its_revision() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let (agent, secret) = running.token(&tenant, token("agent")).await;
    let copy = tempfile::tempdir().unwrap();
    let (here, there) = (
        running.folder.path().join("store.db"),
        copy.path().join("store.db"),
    );
    std::fs::copy(&here, &there).unwrap();
    // Here a token is made, there one is revoked: both stores are at the same revision.
    let (_, other) = running.token(&tenant, token("other")).await;
    let config = configured(&copy, &[]);
    let keys = Keys::new(&config.store.keys);
    let copied = Store::open(config.store.url.as_ref().unwrap(), keys, None);
    let copied = copied.await.unwrap();
    let revoked = copied.update_token(&agent.id, |token| token.active = false);
    revoked.await.unwrap();
    assert_eq!(
        copied.revision().await.unwrap(),
        running.store.revision().await.unwrap()
    );
    std::fs::rename(&there, &here).unwrap();
    let ids = [&secret, &other].map(|secret| lucarne::auth::Credential::of(secret));
    running
        .until(|service| ids.iter().all(|id| service.access().policy(id).is_err()))
        .await;
}
