//! What those who administer see of the traffic: every refusal with its reason, no value, and the
//! change that lets it through.

use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::api::{Api, TOKEN, administered, send};
use crate::data::Data;
use crate::support::{Client, Running, Way, soon, token};

/// What a client asked last, explained.
async fn last(api: &mut Api<'_>) -> Value {
    let traffic = api.done("GET", "/traffic?code=refused", json!(null)).await;
    let number = traffic.as_array().unwrap().last().unwrap()["number"].clone();
    api.done("GET", &format!("/traffic/{number}"), json!(null))
        .await
}

/// What stopped a request.
fn stopped(explained: &Value) -> String {
    let mut steps = explained["why"].as_array().unwrap().iter();
    let step = steps.find(|step| step["state"] == "stopped").unwrap();
    step["text"].as_str().unwrap().to_owned()
}

/// Sends the first change that is told to let a request through.
async fn apply(api: &mut Api<'_>, explained: &Value) {
    let change = &explained["remedies"][0]["change"];
    let path = change["path"].as_str().expect("a change").to_owned();
    api.done("PATCH", &path, change["body"].clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_tells_the_change_that_lets_it_through() {
    let data = Data::sqlite().await;
    let running = administered(&[]).await;
    let tenant = running
        .tenant("acme corp", &data.url(), &["tickets.company_id = 1"])
        .await;
    let mut new = token("agent");
    new.scopes = vec!["describe".to_owned(), "read".to_owned()];
    new.models = Some(vec!["tickets".to_owned()]);
    new.tools = Some(vec!["list_records".to_owned(), "query_records".to_owned()]);
    let (_, secret) = running.token(&tenant, new).await;
    let mut api = Api::new(&running);
    let greater = json!({ "filters": { "amount": { "$gt": 5 } } });
    let hidden = json!({ "filters": { "secret_token": "key-1" } });
    for (action, model, params, reason, command) in [
        (
            "query",
            "tickets",
            greater,
            "the scope operators",
            "lucarne token update agent --tenant 'acme corp' --scopes describe,read,operators",
        ),
        (
            "list",
            "notes",
            json!({}),
            "notes is not among the models",
            "lucarne token update agent --tenant 'acme corp' --models tickets,notes",
        ),
        (
            "get",
            "tickets",
            json!({ "id": 3 }),
            "get is not allowed",
            "lucarne token update agent --tenant 'acme corp' --tools list_records,query_records,get_record",
        ),
        (
            "list",
            "tickets",
            hidden,
            "tickets.secret_token is hidden by",
            "lucarne database update shop --tenant 'acme corp' --reveal tickets.secret_token",
        ),
    ] {
        let mut client = Client::connect(running.address, &secret, Way::Native)
            .await
            .ok()
            .unwrap();
        let refused = client.ask(action, Some(model), params.clone()).await;
        assert!(refused["code"].is_string(), "{refused}");
        let explained = last(&mut api).await;
        assert!(stopped(&explained).contains(reason), "{explained}");
        assert_eq!(explained["remedies"][0]["command"], command, "{explained}");
        apply(&mut api, &explained).await;
        // A change is heard within a second.
        let mut answer = Value::Null;
        for _ in 0..200 {
            answer = client.ask(action, Some(model), params.clone()).await;
            if answer["code"].is_null() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(answer["code"].is_null(), "{action} {model}: {answer}");
    }
    api.hold_to_description().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_value_nor_a_name_that_is_made_up_is_kept() {
    const PLANTED: &str = "planted_secret";
    let data = Data::sqlite().await;
    let running = administered(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let (_, secret) = running.token(&tenant, token("agent")).await;
    for way in crate::support::WAYS {
        let mut client = Client::connect(running.address, &secret, way)
            .await
            .ok()
            .unwrap();
        for (action, model, params) in [
            (
                "list",
                "tickets",
                json!({ "filters": { "title": PLANTED } }),
            ),
            ("list", "tickets", json!({ "filters": { (PLANTED): 1 } })),
            ("list", PLANTED, json!({})),
            ("query", "tickets", json!({ "fields": [PLANTED] })),
            ("query", "tickets", json!({ "sort": PLANTED })),
            (
                "query",
                "tickets",
                json!({ "aggregate": { (PLANTED): { "$sum": PLANTED } } }),
            ),
            (
                "query",
                "tickets",
                json!({ "aggregate": { "n": { "$sum": PLANTED } } }),
            ),
            ("query", "tickets", json!({ "expand": [PLANTED] })),
            ("list", "tickets", json!({ (PLANTED): 1 })),
            ("get", "tickets", json!({ "id": PLANTED })),
        ] {
            client.ask(action, Some(model), params).await;
        }
    }
    let mut native = Client::connect(running.address, &secret, Way::Native)
        .await
        .ok()
        .unwrap();
    native.ask(PLANTED, Some("tickets"), json!({})).await;
    let _ = native.exchange(format!("{{{PLANTED}")).await;
    assert!(
        Client::connect(running.address, PLANTED, Way::Native)
            .await
            .is_err()
    );
    let mut api = Api::new(&running);
    let traffic = api.done("GET", "/traffic", json!(null)).await;
    let traffic = traffic.as_array().unwrap().clone();
    assert!(traffic.len() > 40, "{}", traffic.len());
    for request in &traffic {
        api.done(
            "GET",
            &format!("/traffic/{}", request["number"]),
            json!(null),
        )
        .await;
    }
    for exchange in &api.exchanges {
        let told = exchange.answer.to_string();
        assert!(!told.contains(PLANTED), "{told}");
    }
    let filters: Vec<&Value> = traffic.iter().map(|it| &it["filters"]).collect();
    assert!(filters.contains(&&json!(["title"])), "{filters:?}");
    let stranger = traffic.last().unwrap();
    assert_eq!(
        (&stranger["code"], &stranger["digest"]),
        (&json!("invalid"), &json!(null))
    );
    api.hold_to_description().await;
}

/// Opens the stream of an administrator.
async fn follow(running: &Running, path: &str) -> Incoming {
    use http_body_util::Empty;
    use hyper::body::Bytes;
    use hyper_util::rt::TokioIo;
    let address = running.admin.unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get(path)
        .header("host", address.to_string())
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

/// Reads a stream until it holds a text, or ends.
async fn read_until(body: &mut Incoming, wanted: &str) -> String {
    use http_body_util::BodyExt as _;
    let mut read = String::new();
    while !read.contains(wanted) {
        let Some(Ok(frame)) = soon(body.frame()).await else {
            break;
        };
        if let Ok(bytes) = frame.into_data() {
            read += std::str::from_utf8(&bytes).unwrap();
        }
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_what_comes_and_is_one_of_few() {
    let data = Data::sqlite().await;
    let running = administered(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let (_, secret) = running.token(&tenant, token("agent")).await;
    let mut body = follow(&running, "/admin/api/traffic/stream").await;
    let mut client = Client::connect(running.address, &secret, Way::Native)
        .await
        .ok()
        .unwrap();
    client
        .ask("list", Some("tickets"), json!({ "limit": 2 }))
        .await;
    let read = read_until(&mut body, "\"points\":[{").await;
    assert!(
        read.contains("\"token\":\"agent\"") && read.contains("\"rows\":2"),
        "{read}"
    );
    let mut others = Vec::new();
    for _ in 0..15 {
        others.push(follow(&running, "/admin/api/traffic/stream?after=0").await);
    }
    let bearer = format!("Bearer {TOKEN}");
    let own = [("authorization", &*bearer)];
    let address = running.admin.unwrap();
    let answer = send(address, "GET", "/admin/api/traffic/stream", &own, "").await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (429, &json!("too_many_streams"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_asks_as_a_token_where_that_is_allowed() {
    let data = Data::sqlite().await;
    let Data::Sqlite(folder) = &data else {
        panic!("a file")
    };
    let audit = folder.path().join("audit.jsonl");
    let running = administered(&[
        ("MCP_ADMIN_READ", "true"),
        ("MCP_AUDIT_FILE", &audit.display().to_string()),
    ])
    .await;
    let tenant = running
        .tenant("acme", &data.url(), &["tickets.company_id = 2"])
        .await;
    running.token(&tenant, token("agent")).await;
    let mut api = Api::new(&running);
    let asked = json!({ "action": "list", "model": "tickets", "params": { "limit": 5 } });
    let answer = api.done("POST", "/tokens/agent/ask", asked).await;
    assert_eq!(
        (&answer["status"], &answer["count"]),
        (&json!("ok"), &json!(5)),
        "{answer}"
    );
    let rows = answer["data"].as_array().unwrap();
    assert!(
        rows.iter()
            .all(|row| row["company_id"] == 2 && row.get("secret_token").is_none())
    );
    let refused = json!({ "action": "list", "model": "nothing" });
    let refused = api.done("POST", "/tokens/agent/ask", refused).await;
    assert_eq!(refused["code"], "model_not_allowed");
    api.done("PATCH", "/tokens/agent", json!({ "active": false }))
        .await;
    let id = api.done("GET", "/tokens/agent", json!(null)).await["digest"].clone();
    soon(async {
        let again = json!({ "action": "whoami" });
        while api
            .ask("POST", "/tokens/agent/ask", again.clone())
            .await
            .status
            == 200
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let again = json!({ "action": "whoami" });
    let code = api.refused("POST", "/tokens/agent/ask", again, 409).await;
    assert_eq!(code, "not_let_in");
    running.service.audit().unwrap().flush().await;
    let lines = std::fs::read_to_string(&audit).unwrap();
    let asked = lines
        .lines()
        .filter(|line| line.contains(r#""asked_by":"admin""#));
    assert!(
        asked.clone().count() >= 2
            && asked
                .clone()
                .all(|line| line.contains(id.as_str().unwrap()))
    );
    api.hold_to_description().await;
}
