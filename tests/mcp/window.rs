//! The window of a connection and of a client, and what takes nothing of it.

use serde_json::{Value, json};

use crate::support::{
    BEARER, Events, JSON, OTHER_TOKEN, Piped, Socket, call, http, modern, post, request, start,
};

/// What is answered from memory.
fn light() -> Vec<String> {
    let prompt = json!({ "name": "answer_question", "arguments": { "question": "How many?" } });
    let complete = json!({
        "ref": { "type": "ref/prompt", "name": "explore_model" },
        "argument": { "name": "model", "value": "" },
    });
    let hello = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    vec![
        request(1, "initialize", hello),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
        request(1, "ping", json!({})),
        request(1, "tools/list", json!({})),
        request(1, "resources/list", json!({})),
        request(1, "resources/templates/list", json!({})),
        request(1, "prompts/list", json!({})),
        request(1, "prompts/get", prompt),
        request(1, "completion/complete", complete),
    ]
}

/// What reads, or is nothing that is known.
fn reads() -> Vec<String> {
    vec![
        call(1, "describe_models", "{}"),
        call(1, "get_record", r#"{"model":"users","id":"1"}"#),
        request(1, "resources/read", json!({ "uri": "lucarne://models" })),
        request(1, "tools/create", json!({})),
        "not JSON".to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
    ]
}

#[tokio::test]
async fn the_window_counts_by_token_and_address() {
    let running = start(&[
        ("MCP_RATE_LIMIT", "3"),
        ("MCP_TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await;
    let read = call(1, "describe_models", "{}");
    for _ in 0..2 {
        assert_eq!(post(running.address, &read).await.status, 200);
    }
    assert_eq!(
        post(running.address, "not JSON").await.status,
        400,
        "counts too"
    );
    let limited = post(running.address, &read).await;
    assert_eq!(limited.status, 429);
    let error = &limited.json()["error"];
    assert_eq!(error["message"], "Rate limit exceeded: 3 requests per 60s");
    assert_eq!(
        (&limited.json()["id"], &error["code"]),
        (&json!(1), &json!(429))
    );
    let wait: u32 = limited.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    let other = [JSON, ("x-mcp-token", OTHER_TOKEN)];
    let asked = http(running.address, "POST", "/mcp", &other, &read).await;
    assert_eq!(asked.status, 200, "another token");
    let elsewhere = [JSON, BEARER, ("x-forwarded-for", "192.0.2.7")];
    let asked = http(running.address, "POST", "/mcp", &elsewhere, &read).await;
    assert_eq!(asked.status, 200, "another address");
    assert!(running.figures().contains("mcp_rate_limited_total 1"));
}

#[tokio::test]
async fn what_is_answered_from_memory_takes_nothing_of_the_window() {
    let limit = reads().len();
    let number = limit.to_string();
    let limits = [("MCP_RATE_LIMIT", &*number), ("MCP_TOKEN_RATE_LIMIT", "7")];
    let running = start(&limits).await;
    for message in light().iter().cycle().take(5 * limit) {
        let answer = post(running.address, message).await;
        assert!([200, 202].contains(&answer.status), "{message}: {answer:?}");
    }
    let discover = request(1, "server/discover", modern(json!({})));
    let headers = [
        JSON,
        BEARER,
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "server/discover"),
    ];
    let answer = http(running.address, "POST", "/mcp", &headers, &discover).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for message in reads() {
        assert_ne!(
            post(running.address, &message).await.status,
            429,
            "{message}"
        );
    }
    for message in reads() {
        assert_eq!(
            post(running.address, &message).await.status,
            429,
            "{message}"
        );
    }
    assert_eq!(post(running.address, &light()[0]).await.status, 200);
}

#[tokio::test]
async fn nor_on_a_socket_and_on_pipes() {
    let limit = [("MCP_RATE_LIMIT", "1")];
    let running = start(&limit).await;
    let mut socket = Socket::open(running.address, Some("mcp")).await;
    let mut piped = Piped::start(&limit).await;
    let (ping, read) = (
        request(7, "ping", json!({})),
        call(8, "describe_models", "{}"),
    );
    for message in [&ping, &ping, &ping, &read, &ping] {
        assert!(
            socket.ask(message).await.contains("\"result\""),
            "{message}"
        );
        assert!(piped.ask(message).await.contains("\"result\""), "{message}");
    }
    for limited in [socket.ask(&read).await, piped.ask(&read).await] {
        let limited: Value = serde_json::from_str(&limited).unwrap();
        assert_eq!(limited["id"], 8);
        assert_eq!(limited["error"]["data"]["code"], "rate_limited");
    }
    assert_eq!(socket.next().await, Err(1008));
}

#[tokio::test]
async fn what_is_light_is_bounded_too() {
    let running = start(&[("MCP_RATE_LIMIT", "2")]).await;
    let ping = request(1, "ping", json!({}));
    for _ in 0..20 {
        assert_eq!(post(running.address, &ping).await.status, 200);
    }
    let limited = post(running.address, &ping).await;
    assert_eq!(limited.status, 429);
    let said = "Rate limit exceeded: 20 requests per 60s";
    assert_eq!(limited.json()["error"]["message"], said);
    let read = call(1, "describe_models", "{}");
    assert_eq!(
        post(running.address, &read).await.status,
        200,
        "a flood of pings starves nobody"
    );
}

#[tokio::test]
async fn what_cannot_be_read_counts_and_is_refused_as_one_too_many() {
    let limits = [("MCP_RATE_LIMIT", "2"), ("MCP_TOKEN_RATE_LIMIT", "3")];
    let long = call(
        7,
        "get_record",
        &format!(r#"{{"id":"{}"}}"#, "x".repeat(70_000)),
    );
    let running = start(&limits).await;
    for status in [413, 413, 429] {
        let answer = post(running.address, &long).await;
        assert_eq!((answer.status, &answer.json()["id"]), (status, &json!(7)));
        assert_eq!(answer.headers.contains_key("retry-after"), status == 429);
    }
    let text = [("content-type", "text/plain"), BEARER];
    assert_eq!(
        http(running.address, "POST", "/mcp", &text, "{}")
            .await
            .status,
        429
    );
    let stream = Events::open(running.address).await;
    assert_eq!(stream.post(&long).await.status, 429);

    let mut piped = Piped::start(&limits).await;
    for code in [-32600, -32600, 429] {
        let told: Value = serde_json::from_str(&piped.ask(&long).await).unwrap();
        assert_eq!(
            (&told["id"], &told["error"]["code"]),
            (&json!(7), &json!(code))
        );
    }

    // A socket ends by it either way; a token's window goes on.
    let running = start(&limits).await;
    for _ in 0..3 {
        let mut socket = Socket::open(running.address, Some("mcp")).await;
        socket.send(&long).await;
        assert_eq!(socket.next().await, Err(1009));
    }
    for subprotocol in [Some("mcp"), Some("lucarne"), None] {
        let mut socket = Socket::open(running.address, subprotocol).await;
        socket.send(&long).await;
        assert!(socket.next().await.unwrap().contains("Rate limit exceeded"));
        assert_eq!(socket.next().await, Err(1008));
    }
}

/// A session of the first generation of the SDK for Python.
const FRAIL: [(&str, &str); 2] = [
    ("user-agent", "python-httpx/0.28.1"),
    ("mcp-protocol-version", "2025-11-25"),
];

#[tokio::test]
async fn a_session_that_a_refusal_would_end_reads_it_and_goes_on() {
    let running = start(&[("MCP_RATE_LIMIT", "3")]).await;
    let ask = async |agent: &[(&str, &str)], message: &str| {
        let headers = [&[BEARER, JSON], agent].concat();
        http(running.address, "POST", "/mcp", &headers, message).await
    };
    let adk = [
        ("user-agent", "google-adk/2.13.0 gl-python/3.11.7"),
        FRAIL[1],
    ];
    let long = call(
        7,
        "get_record",
        &format!(r#"{{"id":"{}"}}"#, "x".repeat(70_000)),
    );
    let deep = call(
        8,
        "query_records",
        &format!("{}{}", "[".repeat(70), "]".repeat(70)),
    );
    let read = call(9, "describe_models", "{}");
    for (agent, message, id, code) in [
        (&FRAIL, &long, 7, -32600),
        (&FRAIL, &deep, 8, -32700),
        (&adk, &long, 7, -32600),
        (&adk, &read, 9, 429),
        (&FRAIL, &read, 9, 429),
        (&FRAIL, &long, 7, 429),
    ] {
        let answer = ask(agent, message).await;
        let told = answer.json();
        assert_eq!(answer.status, 200, "{told}");
        assert_eq!(
            (&told["id"], &told["error"]["code"]),
            (&json!(id), &json!(code))
        );
        assert_eq!(answer.headers.contains_key("retry-after"), code == 429);
    }
    // What has no id to answer to, and whoever is not known to end so, hears it by the status.
    let notified = r#"{"jsonrpc":"2.0","method":"tools/run"}"#;
    let other = [("user-agent", "python-httpx2/2.16.2"), FRAIL[1]];
    let before = [FRAIL[0]];
    let modern = [FRAIL[0], ("mcp-protocol-version", "2026-07-28")];
    for (agent, message, status) in [
        (&FRAIL[..], "not JSON", 429),
        (&FRAIL, notified, 202),
        (&other, &read, 429),
        (&before, &read, 429),
        (&modern, &read, 429),
        (&[], &long, 429),
    ] {
        assert_eq!(
            ask(agent, message).await.status,
            status,
            "{agent:?} {message:.60}"
        );
    }
    assert_eq!(
        ask(&FRAIL, &request(1, "tools/list", json!({})))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn beside_a_stream_it_reads_a_refusal_on_the_stream() {
    let running = start(&[("MCP_RATE_LIMIT", "1")]).await;
    let mut events = Events::open(running.address).await;
    let read = call(5, "describe_models", "{}");
    assert!(events.ask(&read).await.contains("\"isError\":false"));
    for agent in [
        "python-httpx/0.28.1",
        "python-httpx2/2.16.2",
        "google-adk/2",
    ] {
        let headers = [BEARER, JSON, ("user-agent", agent)];
        let posted = http(running.address, "POST", &events.path, &headers, &read).await;
        assert_eq!(posted.status, 202);
        let (_, told) = events.next().await.unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            (&told["id"], &told["error"]["code"]),
            (&json!(5), &json!(429))
        );
        let hint = told["error"]["data"]["hint"].as_str().unwrap();
        assert!(hint.starts_with("try again in "), "{hint}");
    }
    assert_eq!(events.post(&read).await.status, 429);
}

#[tokio::test]
async fn pipes_answer_no_notification_over_the_window() {
    let mut piped = Piped::start(&[("MCP_RATE_LIMIT", "1")]).await;
    let notified = r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#;
    for _ in 0..12 {
        piped.send(notified).await;
    }
    let answer = piped.ask(&call(3, "describe_models", "{}")).await;
    assert!(answer.contains("\"id\":3"), "{answer}");
}
