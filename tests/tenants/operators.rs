//! What operators see of the service by the admin API, and what they are told where they err.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::api::{Api, TOKEN, administered, send};
use crate::data::Data;
use crate::support::{Client, Running, Way, soon, token};

const SHARED: &str = "the-shared-token-of-all";
const USER: &str = "planted-user";
const PASSWORD: &str = "planted-password";
const URL: &str = "postgres://planted-user:planted-password@127.0.0.1:1/shop";

/// A service over a database of its own and a store, with an audit.
struct Served {
    running: Running,
    audit: PathBuf,
    data: Data,
}

impl Served {
    async fn start() -> Self {
        let data = Data::sqlite().await;
        let Data::Sqlite(folder) = &data else {
            panic!("a file")
        };
        let audit = folder.path().join("audit.jsonl");
        let running = administered(&[
            ("MCP_TOKEN", SHARED),
            ("DATABASE_URL", &data.url()),
            ("MCP_ALLOWED_MODELS", "tickets,notes"),
            ("MCP_ALLOWED_DATABASE_HOSTS", "127.0.0.1"),
            ("MCP_AUDIT_FILE", &audit.display().to_string()),
        ])
        .await;
        Self {
            running,
            audit,
            data,
        }
    }

    /// What the audit holds.
    async fn recorded(&self) -> Vec<Value> {
        self.running.service.audit().unwrap().flush().await;
        let text = std::fs::read_to_string(&self.audit).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }
}

/// The counts of each sum, by what it is of.
fn counts(sums: &Value, of: &str) -> BTreeMap<String, [u64; 4]> {
    let sums = sums.as_array().unwrap().iter();
    sums.map(|sum| {
        let count = |name: &str| sum[name].as_u64().unwrap();
        let counts = ["requests", "errors", "rows", "bytes"].map(count);
        (sum[of].as_str().unwrap_or("-").to_owned(), counts)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn analytics_are_exact_and_agree_with_the_audit() {
    let served = Served::start().await;
    let running = &served.running;
    let mut tokens = vec![("-", SHARED.to_owned())];
    for (tenant, names) in [("acme", &["day", "night"][..]), ("globex", &["all"])] {
        let tenant = running.tenant(tenant, &served.data.url(), &[]).await;
        for name in names {
            tokens.push((name, running.token(&tenant, token(name)).await.1));
        }
    }
    let mut tasks = Vec::new();
    for (number, (_, secret)) in tokens.iter().enumerate() {
        let (address, secret) = (running.address, secret.clone());
        let way = [Way::Native, Way::McpSocket, Way::Http, Way::Sse][number];
        tasks.push(tokio::spawn(async move {
            let mut client = Client::connect(address, &secret, way).await.ok().unwrap();
            for _ in 0..(number + 1) * 10 {
                client
                    .ask("list", Some("tickets"), json!({ "limit": 2 }))
                    .await;
            }
            client
                .ask("list", Some("notes"), json!({ "nonsense": 1 }))
                .await;
            client.ask("list", Some("nothing"), json!({})).await;
        }));
    }
    for task in tasks {
        soon(task).await.unwrap();
    }
    let mut api = Api::new(running);
    let by_token = counts(
        &api.done("GET", "/analytics?by=token", json!(null)).await,
        "token",
    );
    let expected = ["-", "day", "night", "all"].into_iter().enumerate();
    for (number, name) in expected {
        let lists = (number as u64 + 1) * 10;
        assert_eq!(by_token[name][..3], [lists + 2, 2, lists * 2], "{name}");
    }
    assert_eq!(by_token.len(), 4);
    let by_tenant = counts(
        &api.done("GET", "/analytics?by=tenant", json!(null)).await,
        "tenant",
    );
    assert_eq!(by_tenant["acme"][..3], [20 + 30 + 4, 4, 100]);
    assert_eq!(by_tenant["-"], by_token["-"]);
    let by_model = counts(
        &api.done("GET", "/analytics?by=model", json!(null)).await,
        "model",
    );
    let errors = [("notes", [4, 4, 0, 0]), ("unknown", [4, 4, 0, 0])];
    for (model, counts) in errors {
        assert_eq!(by_model[model], counts);
    }
    assert_eq!(by_model["tickets"][..3], [100, 0, 200]);
    // Every sum is the same whole, and the bytes are those of the audit.
    let by_hour = counts(&api.done("GET", "/analytics", json!(null)).await, "hour");
    let all = |sums: &BTreeMap<String, [u64; 4]>| {
        (0..4)
            .map(|at| sums.values().map(|sum| sum[at]).sum())
            .collect::<Vec<u64>>()
    };
    for sums in [&by_token, &by_tenant, &by_model] {
        assert_eq!(all(sums), all(&by_hour));
    }
    let recorded = served.recorded().await;
    let bytes = recorded.iter().filter_map(|line| line["bytes"].as_u64());
    assert_eq!(all(&by_hour)[3], bytes.sum::<u64>());
    // What is narrowed, and what is elsewhere in time.
    let path = "/analytics?by=model&tenant=acme&token=night&model=tickets";
    let narrowed = counts(&api.done("GET", path, json!(null)).await, "model");
    assert_eq!(narrowed["tickets"][..3], [30, 0, 60]);
    for path in ["/analytics?from=2999-01-01", "/analytics?tenant=nobody"] {
        assert_eq!(
            api.done("GET", path, json!(null)).await,
            json!([]),
            "{path}"
        );
    }
    api.hold_to_description().await;
}

/// Opens a stream of changes by HTTP.
async fn listen(running: &Running, secret: &str) -> Incoming {
    let stream = TcpStream::connect(running.address).await.unwrap();
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": {
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
            "notifications": { "toolsListChanged": true },
        },
    });
    let request = Request::post("/mcp")
        .header("host", running.address.to_string())
        .header("x-mcp-token", secret)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen")
        .body(Full::new(Bytes::from(message.to_string())))
        .unwrap();
    let response = soon(sender.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_open_is_listed_and_can_be_closed() {
    let served = Served::start().await;
    let running = &served.running;
    let tenant = running.tenant("acme", &served.data.url(), &[]).await;
    let (_, secret) = running.token(&tenant, token("agent")).await;
    let mut socket = Client::connect(running.address, SHARED, Way::Native)
        .await
        .ok()
        .unwrap();
    let mut events = Client::connect(running.address, &secret, Way::Sse)
        .await
        .ok()
        .unwrap();
    for _ in 0..3 {
        events
            .ask("list", Some("tickets"), json!({ "limit": 1 }))
            .await;
    }
    let mut changes = listen(running, &secret).await;
    soon(changes.frame()).await.unwrap().unwrap();
    let mut api = Api::new(running);
    let open = api.done("GET", "/sessions", json!(null)).await;
    let shown = |at: usize, name: &str| open[at][name].clone();
    let expected = [
        ("ws", json!(null), json!(null), 0),
        ("sse", json!("acme"), json!("agent"), 3),
        ("http", json!("acme"), json!("agent"), 0),
    ];
    assert_eq!(open.as_array().unwrap().len(), expected.len(), "{open}");
    for (at, (transport, tenant, token, requests)) in expected.into_iter().enumerate() {
        assert_eq!(shown(at, "transport"), transport);
        assert_eq!((shown(at, "tenant"), shown(at, "token")), (tenant, token));
        // Each was for one row, and its answer was read.
        assert_eq!(shown(at, "requests"), requests);
        assert_eq!(shown(at, "rows"), requests);
        assert_eq!(shown(at, "waiting_bytes"), 0);
        assert_eq!(shown(at, "last_request_at").is_string(), requests > 0);
        assert_eq!(shown(at, "address"), "127.0.0.1");
        assert_eq!(shown(at, "digest").as_str().map(str::len), Some(8));
    }
    for session in open.as_array().unwrap() {
        let path = format!("/sessions/{}", session["id"]);
        assert_eq!(
            api.done("DELETE", &path, json!(null)).await["id"],
            session["id"]
        );
    }
    assert_eq!(socket.next().await, Err(1008));
    assert!(events.ended().await);
    soon(async { while changes.frame().await.is_some_and(|frame| frame.is_ok()) {} }).await;
    // A closed socket is read for a moment longer, for its client's own close.
    soon(async {
        while api.done("GET", "/sessions", json!(null)).await != json!([]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let gone = format!("/sessions/{}", open[0]["id"]);
    assert_eq!(
        api.refused("DELETE", &gone, json!(null), 404).await,
        "not_found"
    );
    // Nobody is kept out by it.
    let again = Client::connect(running.address, SHARED, Way::Native).await;
    assert!(again.is_ok());
    api.hold_to_description().await;
    let closed = served.recorded().await;
    let closed = closed.iter().filter(|line| line["what"] == "session.close");
    assert_eq!(
        closed
            .filter(|line| line["before"]["id"].is_number())
            .count(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_never_given_back_whatever_is_done_with_it() {
    let served = Served::start().await;
    let mut api = Api::new(&served.running);
    api.done("POST", "/tenants", json!({ "name": "acme" }))
        .await;
    let new = json!({ "name": "shop", "url": URL, "models": "users" });
    let added = api.done("POST", "/tenants/acme/databases", new).await;
    assert_eq!(added["place"], "PostgreSQL at 127.0.0.1:1/shop");
    api.done("GET", "/databases/shop", json!(null)).await;
    let tested = api.done("POST", "/databases/shop/test", json!(null)).await;
    assert_eq!(tested["answers"], false);
    assert_eq!(
        tested["fault"]["what"],
        "it cannot be read (connection refused)"
    );
    let health = api.done("GET", "/health", json!(null)).await;
    assert_eq!(
        (&health[0]["id"], &health[0]["answers"]),
        (&json!(null), &json!(true))
    );
    assert_eq!(health[0]["models"].as_array().unwrap().len(), 2, "{health}");
    assert!(health[0]["judged_at"].is_string(), "{health}");
    assert_eq!(
        (&health[1]["name"], &health[1]["answers"]),
        (&json!("shop"), &json!(false))
    );
    let narrowed = api.done("GET", "/health?tenant=acme", json!(null)).await;
    assert_eq!(narrowed.as_array().unwrap().len(), 1);
    let other = json!({ "url": URL.replace(PASSWORD, "planted-password-2") });
    api.done("PATCH", "/databases/shop", other).await;
    // Of what cannot be, too.
    for url in [
        "postgres://planted-user:planted-password@10.0.0.1/shop",
        "postgres://planted-user:planted-password@127.0.0.1/shop?options=planted-password",
        "oracle://planted-user:planted-password@127.0.0.1/shop",
    ] {
        let new = json!({ "name": "x", "url": url, "models": "users" });
        let code = api
            .refused("POST", "/tenants/acme/databases", new, 400)
            .await;
        assert_eq!(code, "invalid_input");
        api.refused("PATCH", "/databases/shop", json!({ "url": url }), 400)
            .await;
    }
    let listed = json!({ "name": "x", "url": [URL], "models": "users" });
    api.refused("POST", "/tenants/acme/databases", listed, 400)
        .await;
    api.done("DELETE", "/databases/shop", json!(null)).await;
    api.hold_to_description().await;
    let told = api
        .exchanges
        .iter()
        .map(|exchange| exchange.answer.to_string());
    let told: Vec<String> = told.collect();
    let recorded = served.recorded().await;
    for text in told
        .into_iter()
        .chain(recorded.iter().map(Value::to_string))
    {
        assert!(!text.contains(USER) && !text.contains(PASSWORD), "{text}");
    }
    let changed = recorded.iter().filter(|line| line["event"] == "change");
    let url = |line: &Value| {
        let of = |side: &str| line[side]["url"].as_str().unwrap_or("-").to_owned();
        (
            line["what"].as_str().unwrap().to_owned(),
            of("before"),
            of("after"),
        )
    };
    let expected = [
        ("tenant.create", "-", "-"),
        ("database.add", "-", "***"),
        ("database.update", "***", "*** (another)"),
        ("database.remove", "***", "-"),
    ];
    let expected = expected.map(|(what, was, is)| (what.to_owned(), was.to_owned(), is.to_owned()));
    assert_eq!(changed.map(url).collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_record_is_told_at_once() {
    let served = Served::start().await;
    let mut api = Api::new(&served.running);
    api.done("POST", "/tenants", json!({ "name": "acme" }))
        .await;
    let shop = json!({ "name": "shop", "url": URL, "models": "users" });
    api.done("POST", "/tenants/acme/databases", shop).await;
    api.done("POST", "/tenants/acme/tokens", json!({ "name": "agent" }))
        .await;
    let database = json!({
        "name": " shop", "url": "postgres://u:p@10.0.0.1/x", "models": "", "hidden": "users.",
    });
    let of_token = json!({
        "name": "", "scopes": ["write"], "models": [], "rows": [], "expires_at": "2001-01-01",
        "limits": { "rate_limit": 0 },
    });
    let tenant = json!({ "name": "0123456789abcdef", "limits": { "rate_window": 0 } });
    for (method, path, body, expected) in [
        ("POST", "/tenants", &tenant, &["name", "limits"][..]),
        ("PATCH", "/tenants/acme", &tenant, &["name", "limits"]),
        (
            "POST",
            "/tenants/acme/databases",
            &database,
            &["name", "models", "hidden", "url"],
        ),
        (
            "PATCH",
            "/databases/shop",
            &database,
            &["name", "models", "hidden", "url"],
        ),
        (
            "POST",
            "/tenants/acme/tokens",
            &of_token,
            &["name", "models", "scopes", "limits", "expires_at"],
        ),
        (
            "PATCH",
            "/tokens/agent",
            &of_token,
            &["name", "models", "scopes", "limits", "expires_at"],
        ),
    ] {
        let answer = api.ask(method, path, body.clone()).await;
        assert_eq!(answer.status, 400, "{method} {path}");
        let faults = answer.body["faults"].as_array().unwrap().iter();
        let members: Vec<_> = faults
            .map(|fault| fault["member"].as_str().unwrap())
            .collect();
        assert_eq!(members, expected, "{method} {path}: {}", answer.body);
    }
    // What cannot be is not even asked of the audit.
    let asked = served.recorded().await;
    let asked = asked.iter().filter(|line| line["event"] == "change_asked");
    assert_eq!(asked.count(), 3);
    api.hold_to_description().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_not_done() {
    let running = administered(&[("MCP_AUDIT_FILE", "/dev/full")]).await;
    let mut api = Api::new(&running);
    let new = json!({ "name": "acme" });
    let answer = api.ask("POST", "/tenants", new).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["code"], "audit_unavailable");
    assert_eq!(answer.headers["retry-after"], "5");
    // What only looks is not answered either.
    let answer = api.ask("GET", "/tenants", json!(null)).await;
    assert_eq!(answer.body["code"], "audit_unavailable");
    assert_eq!(running.store.contents().await.unwrap().tenants.len(), 0);
    api.hold_to_description().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_is_spoken_properly() {
    let running = administered(&[]).await;
    let address = running.admin.unwrap();
    let mut api = Api::new(&running);
    let refused = api.ask("PUT", "/tenants", json!({})).await;
    assert_eq!(refused.headers["allow"], "GET,HEAD,POST");
    let strange = send(address, "GET", "/admin/api/tenants", &[], "").await;
    assert_eq!(strange.headers["www-authenticate"], "Bearer");
    let own = [("x-mcp-token", TOKEN)];
    // A name is part of a path by its bytes.
    let name = "a/b ä?x=%";
    api.done("POST", "/tenants", json!({ "name": name })).await;
    let found = api
        .done("GET", "/tenants/a%2Fb%20%C3%A4%3Fx%3D%25", json!(null))
        .await;
    assert_eq!(found["name"], name);
    for (path, status) in [
        ("/admin/api/tenants/%ff", 400),
        ("/admin/api/tenants?tenant=%ff", 400),
        ("/admin/api", 404),
        ("/admin/api/", 404),
        ("/admin/api/tenants/", 404),
        ("/admin/api//tenants", 404),
        ("/admin/api/TENANTS", 404),
        ("/ADMIN/api/tenants", 404),
    ] {
        let answer = send(address, "GET", path, &own, "").await;
        assert_eq!(answer.status, status, "{path}");
    }
    // What a refusal repeats is cut.
    let long = format!("/tenants/{}", "x".repeat(20_000));
    let refused = api.ask("GET", &long, json!(null)).await;
    assert_eq!(refused.status, 404);
    assert!(refused.body["error"].as_str().unwrap().chars().count() < 1_100);
    let mut wrong = send(
        address,
        "GET",
        "/admin/api/tenants",
        &[("x-mcp-token", "x")],
        "",
    )
    .await;
    while wrong.status == 401 {
        wrong = send(
            address,
            "GET",
            "/admin/api/tenants",
            &[("x-mcp-token", "x")],
            "",
        )
        .await;
    }
    assert_eq!(
        (wrong.status, &wrong.body["code"]),
        (429, &json!("too_many_failures"))
    );
    let wait: u64 = wrong.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // No other way carries the token.
    let query = format!("/admin/api/tenants?token={TOKEN}");
    let cookie = format!("token={TOKEN}");
    let protocol = format!("mcp.auth.{TOKEN}");
    for (path, headers) in [
        (&*query, &[][..]),
        ("/admin/api/tenants", &[("cookie", &*cookie)]),
        (
            "/admin/api/tenants",
            &[("sec-websocket-protocol", &*protocol)],
        ),
        ("/admin/api/tenants", &[("authorization", TOKEN)]),
    ] {
        let answer = send(address, "GET", path, headers, "").await;
        assert_eq!(answer.status, 429, "{path} {headers:?}");
    }
}
